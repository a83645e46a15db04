"""Snapshots: twins as they were after an event, so that a start and a reading of the past replay only what came later.

A snapshot has only the twins that changed since the one before it. The newest row of each twin up to a snapshot is the
whole graph there. Rows are an index: what they say is made of events, and ``verify`` makes it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from sys import intern
from typing import Any, Final, NamedTuple

import orjson

from dtdl.errors import DataCorrupt
from interop.graph.state import NOTHING, Cell, Relationship, Stamps, TwinState, packed
from interop.graph.store import Graph
from interop.graph.transition import Delta, etag_of, status_of
from interop.ledger.layout import from_micros, micros
from interop.values import GOOD

SLICE: Final = 1_000
Path = tuple[str, ...]


class Saved(NamedTuple):
    """One twin in a snapshot.

    Attributes:
        twin: ``$dtId``.
        state: None: there is no such twin; it may have relationships nevertheless, whose twin is gone.
        outgoing: Relationships that start at it.
        marks: What the runtime wants to know again of it at a start.
    """

    twin: str
    state: TwinState | None
    outgoing: Sequence[Relationship]
    marks: Any = None


class Snapshot(NamedTuple):
    """What goes to the writer: encoded twins as of an event.

    Attributes:
        seq: The event.
        twins: How many twins the whole graph has there.
        rows: ``$dtId`` and its row; those that changed since the snapshot before.
    """

    seq: int
    twins: int
    rows: Sequence[tuple[str, bytes]]


def encode(saved: Saved) -> bytes:
    """Gives the row of a twin."""
    state = saved.state
    links = [
        [link.id, link.name, link.target, dict(link.contents), _number(link.etag), link.seq] for link in saved.outgoing
    ]
    if state is None:
        return orjson.dumps([None, links, saved.marks])
    cells = [
        [
            _text(path), cell.value, None if cell.status == GOOD else str(cell.status), _micros(cell.source_time),
            _micros(cell.server_time), cell.source, cell.seq, cell.reason,
        ]
        for path, cell in state.cells.items()
    ]  # fmt: skip
    times = [micros(at) for at in state.updated.values()]
    stamps = times[0] if times and len(set(times)) == 1 else times
    twin = [
        state.model, dict(state.contents), "\n".join(map(_text, state.updated)), stamps, cells, _number(state.etag),
        state.seq, _micros(state.changed_at),
    ]  # fmt: skip
    return orjson.dumps([twin, links, saved.marks])


def decode(twin: str, row: bytes) -> Saved:
    """Reads what ``encode`` gave."""
    state, links, marks = orjson.loads(row)
    outgoing = [
        Relationship(
            id=link[0], source=twin, name=intern(link[1]), target=link[2], contents=link[3] or NOTHING,
            etag=_etag(link[4]), seq=link[5],
        )
        for link in links
    ]  # fmt: skip
    return Saved(twin, None if state is None else _state(twin, state), outgoing, marks)


def install(graph: Graph, rows: Iterable[Saved], seq: int) -> None:
    """Puts the twins of a snapshot into a graph that has none of them."""
    twins: dict[str, TwinState | None] = {}
    relationships: dict[tuple[str, str], Relationship | None] = {}
    for saved in rows:
        if saved.state is not None:
            twins[saved.twin] = saved.state
        for link in saved.outgoing:
            relationships[saved.twin, link.id] = link
    graph.install(Delta(seq=seq, twins=twins, relationships=relationships))


def checksum(twin: str, seq: int, row: bytes) -> bytes:
    """Tells a damaged row from a whole one."""
    return blake2b(b"%d\0%b\0%b" % (seq, twin.encode(), row), digest_size=16).digest()


def newest(connection: sqlite3.Connection, until: int) -> tuple[int, int] | None:
    """Gives the seq of the last snapshot at or before an event, and how many twins are in it."""
    found: tuple[int, int] | None = connection.execute(
        "SELECT seq, twins FROM snapshot WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (until,)
    ).fetchone()
    return found


def places(connection: sqlite3.Connection, seq: int) -> list[int]:
    """Gives where the rows of a snapshot are, in the order of the file."""
    rows = connection.execute("SELECT id, max(seq) FROM state WHERE seq <= ? GROUP BY twin", (seq,))
    return sorted(place for place, _ in rows)


def read(connection: sqlite3.Connection, part: Sequence[int]) -> list[Saved]:
    """Gives the twins of some places.

    Raises:
        DataCorrupt: A row is damaged.
    """
    marks = ",".join("?" * len(part))
    found: list[Saved] = []
    for twin, at, body, check in connection.execute(
        f"SELECT twin, seq, body, hash FROM state WHERE id IN ({marks})",  # noqa: S608 - question marks only
        part,
    ):
        if checksum(twin, at, body) != check:
            raise DataCorrupt(f"the snapshot of twin {twin} after event {at} is damaged", action=_REMEDY)
        found.append(decode(twin, body))
    return found


def slices(found: Sequence[int]) -> Iterator[Sequence[int]]:
    """Gives places in parts that are read at once."""
    return (found[start : start + SLICE] for start in range(0, len(found), SLICE))


def require(seq: int, there: int, twins: int) -> None:
    """Compares how many twins were read with how many a snapshot has.

    Raises:
        DataCorrupt: Some are missing.
    """
    if there != twins:
        raise DataCorrupt(f"the snapshot after event {seq} has {there} twins, not {twins}", action=_REMEDY)


_REMEDY: Final = "Run: megatwin ledger verify DATA"


def write(connection: sqlite3.Connection, rows: Sequence[tuple[str, bytes]], seq: int) -> None:
    """Puts rows into the table; the caller owns the transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO state (twin, seq, body, hash) VALUES (?,?,?,?)",
        [(twin, seq, row, checksum(twin, seq, row)) for twin, row in rows],
    )


def _state(twin: str, row: list[Any]) -> TwinState:
    model, contents, paths, stamps, cells, etag, seq, changed = row
    if isinstance(stamps, int):
        updated = Stamps.of(_paths(paths), _instant(stamps))
    else:
        updated = Stamps.of(_paths(paths), tuple(map(_instant, stamps))) if stamps else Stamps({})
    return TwinState(
        id=twin, model=intern(model), contents=packed(contents), updated=updated,
        cells=_cells(cells) if cells else NOTHING, etag=_etag(etag), seq=seq,
        changed_at=None if changed is None else _instant(changed),
    )  # fmt: skip


def _cells(rows: list[list[Any]]) -> Mapping[Path, Cell]:
    return {
        _paths(path)[0]: Cell(
            value, GOOD if status is None else status_of(status),
            None if source_time is None else _instant(source_time),
            None if server_time is None else _instant(server_time), intern(source), seq, reason,
        )
        for path, value, status, source_time, server_time, source, seq, reason in rows
    }  # fmt: skip


def _text(path: Path) -> str:
    """A path as one line."""
    return "/".join(segment.replace("~", "~0").replace("/", "~1").replace("\n", "~2") for segment in path)


@lru_cache(maxsize=65_536)
def _paths(text: str) -> tuple[Path, ...]:
    """Gives one tuple for equal texts, since the twins of a model have the same paths."""
    return tuple(_path(line) for line in text.split("\n")) if text else ()


@lru_cache(maxsize=65_536)
def _path(line: str) -> Path:
    return tuple(segment.replace("~2", "\n").replace("~1", "/").replace("~0", "~") for segment in line.split("/"))


@lru_cache(maxsize=4_096)
def _instant(count: int) -> datetime:
    """Gives one instant for equal numbers; what was written together is together here."""
    return from_micros(count)


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros(instant)


def _number(etag: str) -> int:
    """The number in an entity tag, which is the seq that it was made of; 0 for none."""
    return int(etag[3:-1], 16) if etag else 0


def _etag(number: int) -> str:
    return etag_of(number) if number else ""
