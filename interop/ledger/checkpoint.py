"""Signed checkpoints of the hash tree: size and root in a signed note, so that a copy elsewhere binds the ledger.

The form is that of transparency logs (C2SP ``tlog-checkpoint`` in a ``signed-note``): three lines, an empty line, and
one line with an Ed25519 signature (RFC 8032) over the first three.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dtdl.errors import DataCorrupt, InputUnreadable

EVERY: Final = 1_000
"""Events after which the writer signs a checkpoint."""
PRIVATE_NAME: Final = "ledger.key"
PUBLIC_NAME: Final = "ledger.pub"
MAX_NOTES_BYTES: Final = 16 * 1024 * 1024
"""Of a file of checkpoints."""
_ED25519: Final = b"\x01"
"""The signature type in the identity of a key."""
_DASH: Final = "\N{EM DASH} "
_HASH_BYTES: Final = 32
_LINES: Final = 5
_ORIGIN: Final = "megatwin.ledger/"


class Checkpoint(NamedTuple):
    """What a note says.

    Attributes:
        origin: Which ledger.
        size: Events.
        root: RFC 9162 tree head over them.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The lines that are signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


class NoteInvalid(ValueError):
    """A note that is not of the form, or not signed by a known key."""


class Verifier(NamedTuple):
    """A public key with its name; its text is ``name+identity+base64(0x01 ‖ key)``."""

    name: str
    key: bytes

    @property
    def identity(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:4]

    def text(self) -> str:
        """As it is written down."""
        return f"{self.name}+{self.identity.hex()}+{_base64(_ED25519 + self.key)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``text()``.

        Raises:
            NoteInvalid: It is no such text; one changed character is found.
        """
        name, _, rest = text.partition("+")
        _, _, key = rest.partition("+")
        raw = _unbase64(key)
        found = cls(name, raw[1:])
        if len(raw) != _HASH_BYTES + 1 or found.text() != text:
            raise NoteInvalid("this is no key of a ledger")
        return found

    def check(self, note: str) -> Checkpoint:
        """Gives what a note says when this key signed it.

        Raises:
            NoteInvalid: It did not.
        """
        checkpoint, name, signature = parse(note)
        if name != self.name or signature[:4] != self.identity:
            raise NoteInvalid(f"it is signed by another key than {self.name}+{self.identity.hex()}")
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature[4:], checkpoint.text().encode())
        except InvalidSignature as error:
            raise NoteInvalid("its signature does not match") from error
        return checkpoint


class Signer:
    """The private key of a data folder."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.verifier = Verifier(_ORIGIN + sha256(public).hexdigest()[:16], public)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Reads the key of a data folder, and makes one where there is none.

        Raises:
            DataCorrupt: The key is damaged, or is not among the public ones.
            InputUnreadable: The files cannot be read or made.
        """
        try:
            if not (folder / PRIVATE_NAME).exists():
                return cls._make(folder)
        except OSError as error:
            raise _unusable(folder, error) from error
        return cls.read(folder)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the key of a data folder.

        Raises:
            DataCorrupt: The key is damaged, or is not among the public ones.
            InputUnreadable: It cannot be read, or there is none.
        """
        private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
        try:
            signer = cls(_load(private))
        except OSError as error:
            raise _unusable(folder, error) from error
        if signer.verifier not in verifiers(public):
            raise DataCorrupt(
                f"{private} is not the key that {public} tells",
                action=f"Restore both from a copy; or remove {PRIVATE_NAME}, and a new key signs from now on.",
            )
        return signer

    @classmethod
    def _make(cls, folder: Path) -> Self:
        signer = cls(Ed25519PrivateKey.generate())
        # The public key first: a key that signs is never unknown, whenever the power goes.
        with (folder / PUBLIC_NAME).open("a", encoding="utf-8") as file:
            file.write(signer.verifier.text() + "\n")
            file.flush()
            os.fsync(file.fileno())
        pem = signer._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        fresh = folder / f"{PRIVATE_NAME}.new"
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, pem)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(folder / PRIVATE_NAME)
        return signer

    def sign(self, size: int, root: bytes) -> str:
        """Gives the note of a tree head."""
        text = Checkpoint(self.verifier.name, size, root).text()
        signature = self.verifier.identity + self._key.sign(text.encode())
        return f"{text}\n{_DASH}{self.verifier.name} {_base64(signature)}\n"


def parse(note: str) -> tuple[Checkpoint, str, bytes]:
    """Reads a note without checking its signature.

    Returns:
        What it says, the name of the key, and its identity with the signature.

    Raises:
        NoteInvalid: It is not of the form. What is accepted has exactly one way to be written.
    """
    lines = note.split("\n")
    if len(lines) != _LINES + 1:
        raise NoteInvalid("this is no checkpoint")
    origin, size, root, _, line, _ = lines
    name, _, signature = line.removeprefix(_DASH).partition(" ")
    if not (size.isascii() and size.isdecimal() and len(size) < 20):  # noqa: PLR2004 - digits of 64 bits
        raise NoteInvalid("this is no checkpoint")
    checkpoint, signed = Checkpoint(origin, int(size), _unbase64(root)), _unbase64(signature)
    if f"{checkpoint.text()}\n{_DASH}{name} {_base64(signed)}\n" != note or len(checkpoint.root) != _HASH_BYTES:
        raise NoteInvalid("this is no checkpoint")
    return checkpoint, name, signed


def check(note: object, known: Sequence[Verifier]) -> Checkpoint:
    """Gives what a note says when one of the known keys signed it.

    Raises:
        NoteInvalid: None did, or it is no note.
    """
    if not isinstance(note, str):
        raise NoteInvalid("this is no checkpoint")
    _, name, signature = parse(note)
    for verifier in known:
        if verifier.name == name and verifier.identity == signature[:4]:
            return verifier.check(note)
    raise NoteInvalid("it is signed by a key that is not known")


def verifiers(file: Path) -> list[Verifier]:
    """Reads public keys, one a line.

    Raises:
        DataCorrupt: The file is not there, or a line is damaged.
    """
    try:
        lines = _read(file).splitlines()
        return [Verifier.parse(line) for line in lines]
    except (NoteInvalid, InputUnreadable) as error:
        reason = error.message if isinstance(error, InputUnreadable) else f"{file}: {error}"
        raise DataCorrupt(
            reason, action="Restore it from a copy; it holds the public keys of the checkpoints."
        ) from error


def read_notes(file: Path) -> list[str]:
    """Reads a file of one or more checkpoints, one after the other.

    Raises:
        InputUnreadable: It cannot be read, or holds none.
    """
    lines = _read(file).splitlines(keepends=True)
    notes = ["".join(lines[start : start + _LINES]) for start in range(0, len(lines), _LINES)]
    if not notes:
        raise InputUnreadable(f"{file} holds no checkpoint", action="Make one: megatwin ledger checkpoint DATA")
    return notes


def _unusable(folder: Path, error: OSError) -> InputUnreadable:
    return InputUnreadable(
        f"the key of the checkpoints in {folder} cannot be used: {error.strerror}",
        action="Check the owner of the folder and its files.",
    )


def _load(private: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(private.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise DataCorrupt(f"{private} is no private key: {error}", action="Restore it from a copy.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise DataCorrupt(f"{private} is no Ed25519 key", action="Restore it from a copy.")
    return key


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_NOTES_BYTES:
            raise InputUnreadable(
                f"{file} is larger than {MAX_NOTES_BYTES} bytes", action="Give a file of checkpoints."
            )
        # Bytes, so that no line ending is changed on the way.
        return file.read_bytes().decode()
    except OSError as error:
        raise InputUnreadable(f"{file} cannot be read: {error.strerror}", action="Check its name.") from error
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{file} is not UTF-8", action="Restore it from a copy.") from error


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _unbase64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise NoteInvalid("this is no base64") from error


def known_to(folder: Path, keys: Iterable[Path | str] = ()) -> list[Verifier]:
    """Gives the keys that are given, as texts or files; without any, those of a data folder.

    Raises:
        DataCorrupt: A file of keys is damaged or not there.
        InputUnreadable: A text is no key.
    """
    found: list[Verifier] = []
    for key in keys:
        if Path(key).is_file():
            found += verifiers(Path(key))
            continue
        try:
            found.append(Verifier.parse(str(key)))
        except NoteInvalid as error:
            raise InputUnreadable(
                f"{key} is neither a file of keys nor a key", action="Give what megatwin ledger key DATA printed."
            ) from error
    return found or verifiers(folder / PUBLIC_NAME)
