"""Proofs as documents: that an event is in a ledger, that a ledger goes on from an older one; made and checked apart.

A proof is one line of JSON that has exactly one way to be written, so that every changed bit of it is found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from dtdl.errors import DataCorrupt, InputUnreadable
from interop.event import Event
from interop.ledger.checkpoint import Checkpoint, NoteInvalid, Signer, Verifier, check
from interop.ledger.layout import DATABASE_NAME, connect
from interop.ledger.merkle import (
    Frontier,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    is_leaf,
    leaf_hash,
)
from interop.ledger.store import StoredHashes

MAX_PROOF_BYTES: Final = 64 * 1024 * 1024
_MAX_PATH: Final = 128
_REMEDY: Final = "Run: megatwin ledger verify DATA"


class Proved(NamedTuple):
    """What a valid proof shows.

    Attributes:
        checkpoint: What was signed.
        seq: The event that is in it; None: a consistency proof.
        since: The size of the older ledger of which it is the continuation; None: an inclusion proof.
    """

    checkpoint: Checkpoint
    seq: int | None
    since: int | None


class ProofInvalid(ValueError):
    """A proof that shows nothing."""


def tree_head(folder: Path) -> tuple[int, bytes]:
    """Gives size and root of a ledger, which may be in use; the root is made from the stored hashes, and compared.

    Raises:
        InputUnreadable: There is no ledger.
        DataCorrupt: It contradicts itself.
    """
    with _reading(folder) as connection:
        return _head(connection)


def make_checkpoint(folder: Path) -> str:
    """Signs a checkpoint over all that is durable now.

    Raises:
        InputUnreadable: There is no ledger, or its key cannot be read.
        DataCorrupt: It contradicts itself.
    """
    with _reading(folder) as connection:
        return Signer.read(folder).sign(*_head(connection))


def prove_event(folder: Path, seq: int) -> str:
    """Makes the proof that an event is in the ledger as it is now.

    Raises:
        InputUnreadable: There is no ledger or no such event, or the key cannot be read.
        DataCorrupt: It contradicts itself.
    """
    with _reading(folder) as connection:
        size, root = _head(connection)
        row = connection.execute("SELECT stored FROM event WHERE seq = ?", (seq,)).fetchone()
        if row is None or not 0 < seq <= size:
            raise InputUnreadable(f"there is no event {seq}", action=f"Ask for one of 1 to {size}.")
        path = inclusion_proof(StoredHashes(connection), seq - 1, size)
        if not isinstance(row[0], bytes) or not check_inclusion(leaf_hash(row[0]), seq - 1, size, path, root):
            raise DataCorrupt(f"event {seq} does not lead to the root", action=_REMEDY)
        note = Signer.read(folder).sign(size, root)
    return _write({"proof": "inclusion", "event": row[0].decode(), "path": _hex(path), "checkpoint": note})


def prove_growth(folder: Path, old: Checkpoint) -> str:
    """Makes the proof that the ledger as it is now goes on from an older checkpoint.

    Raises:
        DataCorrupt: It does not.
        InputUnreadable: There is no ledger, or its key cannot be read.
    """
    with _reading(folder) as connection:
        size, root = _head(connection)
        path: list[bytes] = []
        if 0 < old.size <= size:
            path = consistency_proof(StoredHashes(connection), old.size, size)
        if not check_consistency(old.size, old.root, size, root, path):
            raise DataCorrupt(f"the ledger does not go on from the checkpoint over {old.size} events", action=_REMEDY)
        note = Signer.read(folder).sign(size, root)
    return _write(
        {"proof": "consistency", "size": old.size, "root": old.root.hex(), "path": _hex(path), "checkpoint": note}
    )


def check_proof(text: bytes, known: Sequence[Verifier]) -> Proved:
    """Checks a proof with nothing but public keys.

    Args:
        text: The document; one line ending may follow it.
        known: Who may have signed.

    Raises:
        ProofInvalid: It shows nothing; says why.
    """
    try:
        document, path = _read(text.removesuffix(b"\n"))
        checkpoint = check(document["checkpoint"], known)
        return _RULES[document["proof"]](document, path, checkpoint)
    except ProofInvalid:
        raise
    except NoteInvalid as error:
        raise ProofInvalid(f"its checkpoint is not valid: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, DataCorrupt) as error:
        raise ProofInvalid(f"it is not of the form of a proof: {error}") from error


def _read(body: bytes) -> tuple[Mapping[str, Any], list[bytes]]:
    """Reads a document that is written in the one way, and its path."""
    document = orjson.loads(body)
    if not isinstance(document, dict) or _write(document).encode() != body:
        raise ProofInvalid("it is not of the form of a proof")
    path = [bytes.fromhex(node) for node in document["path"]]
    if len(path) > _MAX_PATH or _hex(path) != document["path"]:
        raise ProofInvalid("its path is not of the form of a path")
    return document, path


def read_proof(file: Path) -> bytes:
    """Reads a file.

    Raises:
        InputUnreadable: It cannot be read, or is too large.
    """
    try:
        if file.stat().st_size > MAX_PROOF_BYTES:
            raise InputUnreadable(f"{file} is larger than {MAX_PROOF_BYTES} bytes", action="Give a proof.")
        return file.read_bytes()
    except OSError as error:
        raise InputUnreadable(f"{file} cannot be read: {error.strerror}", action="Check its name.") from error


def _inclusion(document: Mapping[str, Any], path: list[bytes], checkpoint: Checkpoint) -> Proved:
    stored = document["event"].encode()
    _only(document, "proof", "event", "path", "checkpoint")
    seq = Event.decode(stored).seq
    if not check_inclusion(leaf_hash(stored), seq - 1, checkpoint.size, path, checkpoint.root):
        raise ProofInvalid(f"event {seq} does not lead to the root of the checkpoint over {checkpoint.size} events")
    return Proved(checkpoint, seq, None)


def _consistency(document: Mapping[str, Any], path: list[bytes], checkpoint: Checkpoint) -> Proved:
    old, root = document["size"], bytes.fromhex(document["root"])
    _only(document, "proof", "size", "root", "path", "checkpoint")
    if root.hex() != document["root"] or type(old) is not int:
        raise ProofInvalid("it is not of the form of a proof")
    if not check_consistency(old, root, checkpoint.size, checkpoint.root, path):
        raise ProofInvalid(f"the checkpoint over {checkpoint.size} events does not go on from that over {old}")
    return Proved(checkpoint, None, old)


_Rule = Callable[[Mapping[str, Any], list[bytes], Checkpoint], Proved]
_RULES: Final = MappingProxyType[str, _Rule]({"inclusion": _inclusion, "consistency": _consistency})


def _only(document: Mapping[str, Any], *names: str) -> None:
    if tuple(document) != names:
        raise ProofInvalid("it is not of the form of a proof")


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """One state of a ledger that may be in use."""
    if not (folder / DATABASE_NAME).is_file():
        raise InputUnreadable(f"there is no ledger in {folder}", action="Give the data folder of a megatwin.")
    try:
        connection = connect(folder, writer=False)
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise DataCorrupt(f"{folder / DATABASE_NAME} cannot be read: {error}", action=_REMEDY) from error


def _head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    head = connection.execute("SELECT size, root FROM head").fetchone()
    last = connection.execute("SELECT seq, leaf, stored FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    size = last[0] if last else 0
    if head is None or head[0] != size or (last and not is_leaf(*last[1:])):
        raise DataCorrupt(f"the ledger ends with event {size}, but its head says {head and head[0]}", action=_REMEDY)
    root = Frontier.load(size, StoredHashes(connection)).root()
    if root != head[1]:
        raise DataCorrupt(f"the root over {size} events is not the stored one", action=_REMEDY)
    return size, root


def _write(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document).decode()


def _hex(path: Sequence[bytes]) -> list[str]:
    return [node.hex() for node in path]
