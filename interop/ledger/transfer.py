"""A ledger as a file to take along, and back: NDJSON or Parquet, each event with the bytes that were hashed.

NDJSON is the stored bytes of one event a line. Parquet has them in the column ``stored``, and beside them, for those
who only want to ask, what is in them: ``seq``, ``recorded_at``, ``kind``, ``twin``, ``actor``, ``cause``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final

from dtdl.errors import DataCorrupt, ExtraMissing, InputUnreadable
from interop.event import Event
from interop.ledger.checkpoint import PRIVATE_NAME, PUBLIC_NAME
from interop.ledger.layout import DATABASE_NAME, connect
from interop.ledger.lock import FolderLock
from interop.ledger.merkle import Frontier, leaf_hash
from interop.ledger.store import Store

PIECE: Final = 1_000
"""Events that are written together."""
MAX_EVENT_BYTES: Final = 64 * 1024 * 1024
MAX_PIECE_BYTES: Final = 16 * 1024 * 1024
"""Pieces are shorter where events are large, so that memory is bounded."""
_MALFORMED: Final = (LookupError, TypeError, ValueError, AttributeError, AssertionError, OverflowError)

Writer = Callable[[BinaryIO, Iterable[Sequence[bytes]]], None]
Loader = Callable[[Path], Iterator[bytes]]


def export_ledger(folder: Path, file: Path) -> tuple[int, str]:
    """Writes every event to a file, whose name says the form; the ledger may be in use. A file is whole, or as it was.

    Returns:
        How many events, and hex of the root over them.

    Raises:
        InputUnreadable: There is no ledger, or the file cannot be written, or its name ends otherwise.
        DataCorrupt: An event contradicts its hash; names the first.
        ExtraMissing: Parquet, without the extra.
    """
    write = _form(file)[0]
    if not (folder / DATABASE_NAME).is_file():
        raise InputUnreadable(f"there is no ledger in {folder}", action="Give the data folder of a megatwin.")
    frontier = Frontier()
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as out:
            write(out, _checked(folder, frontier))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        raise InputUnreadable(f"{file} cannot be written: {error.strerror}", action="Give another file.") from error
    finally:
        fresh.unlink(missing_ok=True)
    return frontier.size, frontier.root().hex()


def import_ledger(file: Path, folder: Path) -> tuple[int, str]:
    """Makes a ledger in a folder that has none, from an exported file: every event with the same bytes, or nothing.

    Returns:
        How many events, and hex of the root over them.

    Raises:
        InputUnreadable: The folder has a ledger; or the file cannot be read, or is none: names the first bad event.
        DataLocked: Another process has the folder.
        ExtraMissing: Parquet, without the extra.
    """
    load = _form(file)[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputUnreadable(f"{folder} cannot be made: {error.strerror}", action="Give another folder.") from error
    lock = FolderLock(folder)
    lock.acquire()
    try:
        if (folder / DATABASE_NAME).exists():
            raise InputUnreadable(f"there is a ledger in {folder}", action="Give a folder that has none.")
        fresh = Path(tempfile.mkdtemp(dir=folder, prefix=".import-"))
        try:
            found = _fill(fresh, load(file), file)
            for name in (PUBLIC_NAME, PRIVATE_NAME, DATABASE_NAME):
                (fresh / name).replace(folder / name)
        finally:
            shutil.rmtree(fresh)
    except OSError as error:
        raise InputUnreadable(f"{file} cannot be imported: {error.strerror}", action="Check both names.") from error
    finally:
        lock.release()
    return found


def _fill(folder: Path, lines: Iterator[bytes], file: Path) -> tuple[int, str]:
    store = Store(folder)
    try:
        for piece in _pieces(lines):
            first = store.frontier.size + 1
            entries = [_entry(stored, seq, file) for seq, stored in enumerate(piece, start=first)]
            try:
                store.commit([entries])
            except _MALFORMED as error:
                raise InputUnreadable(
                    f"{file}: one of the events {first} to {first + len(entries) - 1} is not of the form of its kind: "
                    f"{error!r}",
                    action="Export it again.",
                ) from error
        return store.frontier.size, store.frontier.root().hex()
    finally:
        store.close()


def _entry(stored: bytes, seq: int, file: Path) -> tuple[Event, bytes]:
    try:
        event = Event.decode(stored)
    except (DataCorrupt, *_MALFORMED) as error:
        raise InputUnreadable(f"{file}: event {seq} cannot be read: {error}", action="Export it again.") from error
    if event.seq != seq:
        raise InputUnreadable(
            f"{file}: event {event.seq} stands where event {seq} should", action="Give a whole export, from event 1."
        )
    return event, stored


def _pieces(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if len(piece) == PIECE or size > MAX_PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _checked(folder: Path, frontier: Frontier) -> Iterator[list[bytes]]:
    """Gives the stored bytes of all events, in pieces, each checked against its hash."""
    connection = connect(folder, writer=False)
    try:
        connection.execute("BEGIN")
        size, root = connection.execute("SELECT size, root FROM head").fetchone()

        def stored() -> Iterator[bytes]:
            for seq, leaf, body in connection.execute("SELECT seq, leaf, stored FROM event ORDER BY seq"):
                if seq != frontier.size + 1 or not isinstance(body, bytes) or leaf_hash(body) != leaf:
                    raise DataCorrupt(
                        f"event {frontier.size + 1} is missing or contradicts its hash",
                        action="Run: megatwin ledger verify DATA",
                    )
                frontier.add(leaf)
                yield body

        yield from _pieces(stored())
        if (size, root) != (frontier.size, frontier.root()):
            raise DataCorrupt(f"event {frontier.size + 1} is missing", action="Run: megatwin ledger verify DATA")
    finally:
        connection.close()


def _write_ndjson(out: BinaryIO, pieces: Iterable[Sequence[bytes]]) -> None:
    for piece in pieces:
        out.writelines(stored + b"\n" for stored in piece)


def _load_ndjson(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        while line := lines.readline(MAX_EVENT_BYTES + 1):
            if len(line) > MAX_EVENT_BYTES:
                raise InputUnreadable(
                    f"{file}: a line is longer than {MAX_EVENT_BYTES} bytes", action="Export it again."
                )
            if not line.endswith(b"\n"):
                raise InputUnreadable(f"{file}: its last line is cut off", action="Export it again.")
            yield line[:-1]


def _write_parquet(out: BinaryIO, pieces: Iterable[Sequence[bytes]]) -> None:
    arrow = _arrow()
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    schema = arrow.schema(
        [
            ("seq", arrow.int64()), ("recorded_at", arrow.timestamp("us", "UTC")), ("kind", arrow.string()),
            ("twin", arrow.string()), ("actor", arrow.string()), ("cause", arrow.int64()), ("stored", arrow.binary()),
        ]
    )  # fmt: skip
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for piece in pieces:
            events = [Event.decode(stored) for stored in piece]
            columns: list[list[object]] = [
                [event.seq for event in events], [event.recorded_at for event in events],
                [event.kind for event in events], [event.twin for event in events], [event.actor for event in events],
                [event.cause for event in events], list(piece),
            ]  # fmt: skip
            writer.write_batch(arrow.record_batch(columns, schema=schema))


def _load_parquet(file: Path) -> Iterator[bytes]:
    arrow = _arrow()
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    try:
        with parquet.ParquetFile(file) as source:
            if source.schema_arrow.get_field_index("stored") < 0:
                raise InputUnreadable(f"{file} has no column 'stored'", action="Give a file that ledger export wrote.")
            for batch in source.iter_batches(PIECE, columns=["stored"]):
                for stored in batch.column(0).to_pylist():
                    if not isinstance(stored, bytes):
                        raise InputUnreadable(f"{file}: a value of 'stored' is not binary", action="Export it again.")
                    yield stored
    except arrow.ArrowException as error:
        raise InputUnreadable(f"{file} is no Parquet file: {error}", action="Export it again.") from error


def _arrow() -> Any:
    """The module, when the extra is there."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing("parquet", "Parquet files") from error
    return pa


_FORMS: Final = MappingProxyType[str, tuple[Writer, Loader]](
    {".ndjson": (_write_ndjson, _load_ndjson), ".parquet": (_write_parquet, _load_parquet)}
)


def _form(file: Path) -> tuple[Writer, Loader]:
    try:
        return _FORMS[file.suffix]
    except KeyError as error:
        raise InputUnreadable(
            f"{file}: its name tells no form", action=f"Give a name that ends with {' or '.join(_FORMS)}."
        ) from error
