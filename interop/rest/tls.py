"""A certificate authority for this machine alone, and a certificate of it for the loopback addresses."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dtdl.errors import InputUnreadable

LIFETIME: Final = timedelta(days=365)
_RENEW: Final = timedelta(days=30)
_SKEW: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DevTls:
    """Files in PEM.

    Attributes:
        authority: What a client must trust.
        certificate: What the server shows: its certificate, then the authority's.
        key: The server's private key; only its owner may read it.
    """

    authority: Path
    certificate: Path
    key: Path


def dev_tls(folder: Path) -> DevTls:
    """Gives the files, made anew when one is missing or ends within 30 days.

    The authority's private key is never stored, so that nothing else can be signed with it.

    Args:
        folder: Where they are; made when it is missing.

    Raises:
        InputUnreadable: The folder or a file of it cannot be written or read.
    """
    found = DevTls(folder / "ca.pem", folder / "server.pem", folder / "server-key.pem")
    try:
        if not _usable(found):
            folder.mkdir(parents=True, exist_ok=True)
            _make(found)
    except OSError as error:
        raise InputUnreadable(
            f"the certificates in {folder} cannot be made: {error.strerror or error}",
            action="Give --data a folder that can be written.",
        ) from error
    return found


def _usable(found: DevTls) -> bool:
    if not all(path.is_file() for path in (found.authority, found.certificate, found.key)):
        return False
    try:
        end = x509.load_pem_x509_certificate(found.certificate.read_bytes()).not_valid_after_utc
    except ValueError:
        return False
    return end > datetime.now(UTC) + _RENEW


def _make(found: DevTls) -> None:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "megatwin development authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "megatwin on this machine")])
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    certificate = (
        _builder(issuer, subject, key.public_key(), authority_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write(found.key, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), 0o600)
    _write(found.authority, authority.public_bytes(pem), 0o644)
    _write(found.certificate, certificate.public_bytes(pem) + authority.public_bytes(pem), 0o644)


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
