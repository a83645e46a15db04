"""Certificates: our own, made on the first start, and the trust list on disk.

A store is a folder with ``own/`` (our certificate and key), ``trusted/`` and ``rejected/`` (peers' certificates, named
by their SHA-1 thumbprint as OPC 10000-12, 7.8.2 does).
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dtdl.errors import InputUnreadable, Untrusted

LIFETIME_DAYS: Final = 5 * 365
KEY_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class Own:
    """Our application instance certificate (OPC 10000-6, 6.2.2).

    Attributes:
        certificate: Path of the DER file.
        key: Path of the PEM file.
        application_uri: The URI in its subjectAltName.
    """

    certificate: Path
    key: Path
    application_uri: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate in a store."""

    path: Path
    thumbprint: str
    subject: str
    expires: datetime


def thumbprint(der: bytes) -> str:
    """SHA-1 of the DER bytes in hexadecimal, the name that OPC UA gives to a certificate."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()


def first_certificate(chain: bytes) -> bytes:
    """The leaf of a chain of DER certificates, one after another: the first ASN.1 SEQUENCE."""
    if len(chain) > 4 and chain[0] == 0x30 and chain[1] == 0x82:  # noqa: PLR2004 - DER: SEQUENCE, two bytes of length
        return chain[: int.from_bytes(chain[2:4], "big") + 4]
    return chain


def read_certificate(path: Path) -> x509.Certificate:
    """Reads a DER or PEM certificate.

    Raises:
        InputUnreadable: No such file, or no certificate.
    """
    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(first_certificate(content))
    except (OSError, ValueError) as error:
        raise InputUnreadable(
            f"{path}: no certificate can be read: {error}", action="Give the path of a certificate in DER or PEM form."
        ) from error


def der(certificate: x509.Certificate) -> bytes:
    """The DER bytes of a certificate."""
    return certificate.public_bytes(serialization.Encoding.DER)


class Store:
    """The certificates of one source, or of our server.

    Args:
        folder: Where they are; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def own(self, name: str) -> Own:
        """Gives our certificate, made on the first start and again when it has expired.

        Args:
            name: Names the application in the certificate: a source, or the whole.
        """
        folder = self.folder / "own"
        certificate_file, key_file = folder / "certificate.der", folder / "key.pem"
        uri = f"urn:{socket.gethostname()}:megatwin:{name}"
        if certificate_file.is_file() and key_file.is_file():
            present = read_certificate(certificate_file)
            if present.not_valid_after_utc > datetime.now(UTC) and application_uri(present) == uri:
                return Own(certificate_file, key_file, uri)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_private(key_file, pem)
        certificate_file.write_bytes(der(_self_signed(key, uri, name)))
        return Own(certificate_file, key_file, uri)

    def trusted(self) -> list[Listed]:
        """The trust list."""
        return _listed(self.folder / "trusted")

    def rejected(self) -> list[Listed]:
        """Peers that were met and are not trusted."""
        return _listed(self.folder / "rejected")

    def trusts(self, certificate: bytes) -> bool:
        """Whether the trust list holds a certificate, byte for byte."""
        return any(der(read_certificate(found.path)) == certificate for found in self.trusted())

    def reject(self, certificate: bytes) -> Path:
        """Keeps a certificate that is not trusted, for people to look at; gives its file."""
        return self._put("rejected", certificate)

    def trust(self, path: Path) -> Listed:
        """Adds a certificate to the trust list.

        Raises:
            InputUnreadable: No certificate.
        """
        content = der(read_certificate(path))
        placed = self._put("trusted", content)
        (self.folder / "rejected" / placed.name).unlink(missing_ok=True)
        return _entry(placed)

    def distrust(self, mark: str) -> Listed:
        """Removes a certificate from the trust list by its thumbprint, or by the beginning of it.

        Raises:
            InputUnreadable: None or several match.
        """
        found = [entry for entry in self.trusted() if entry.thumbprint.startswith(mark.lower())]
        if len(found) != 1:
            raise InputUnreadable(
                f"{len(found)} trusted certificates begin with {mark!r}",
                action="Give the thumbprint that `megatwin opcua trust list` shows.",
            )
        found[0].path.unlink()
        return found[0]

    def _put(self, kind: str, certificate: bytes) -> Path:
        folder = self.folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{thumbprint(certificate)}.der"
        # Written aside and renamed: another process may be reading the list.
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_bytes(certificate)
        aside.replace(path)
        return path


def verify_peer(certificate: bytes, *, pinned: Path | None, store: Store, peer: str) -> None:
    """Accepts a peer's certificate that is pinned or in the trust list, and in its time of validity.

    Args:
        certificate: DER bytes.
        pinned: File of the one certificate to accept; None: the trust list decides.
        store: The trust list; a refused certificate is kept under ``rejected/``.
        peer: Who it is, for messages.

    Raises:
        Untrusted: With the command that trusts it.
    """
    if pinned is not None:
        if der(read_certificate(pinned)) != certificate:
            kept = store.reject(certificate)
            raise Untrusted(
                f"{peer} showed another certificate ({thumbprint(certificate)}) than {pinned}",
                action=f"If that is right, replace {pinned} by {kept}.",
            )
    elif not store.trusts(certificate):
        kept = store.reject(certificate)
        raise Untrusted(
            f"the certificate of {peer} is not trusted: {_subject(x509.load_der_x509_certificate(certificate))}, "
            f"thumbprint {thumbprint(certificate)}",
            action=f"After comparing the thumbprint with the plant's, run: "
            f"megatwin opcua trust add --store {store.folder} {kept}",
        )
    loaded = x509.load_der_x509_certificate(certificate)
    if not loaded.not_valid_before_utc <= datetime.now(UTC) <= loaded.not_valid_after_utc:
        raise Untrusted(
            f"the certificate of {peer} is valid from {loaded.not_valid_before_utc} to {loaded.not_valid_after_utc}",
            action="Renew it on the plant, and correct its clock or ours.",
        )


def application_uri(certificate: x509.Certificate) -> str | None:
    """The application URI in the subjectAltName, or None."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)


def _self_signed(key: rsa.RSAPrivateKey, uri: str, name: str) -> x509.Certificate:
    now = datetime.now(UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"megatwin {name}"[:64]),
         x509.NameAttribute(NameOID.ORGANIZATION_NAME, "megatwin")]
    )  # fmt: skip
    host = socket.gethostname()
    names = [
        x509.UniformResourceIdentifier(uri),
        x509.DNSName(host),
        *([x509.DNSName("localhost")] if host != "localhost" else []),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
        key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=LIFETIME_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _entry(path: Path) -> Listed:
    certificate = read_certificate(path)
    return Listed(path, thumbprint(der(certificate)), _subject(certificate), certificate.not_valid_after_utc)


def _listed(folder: Path) -> list[Listed]:
    if not folder.is_dir():
        return []
    return [_entry(path) for path in sorted(folder.iterdir()) if path.suffix in (".der", ".pem", ".crt", ".cer")]
