"""Reading the ledger: events, history and twins as of a time. Plain functions of a connection, run in threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple

from dtdl.errors import DataCorrupt
from interop.event import Event
from interop.graph.patch import bare_value, pointer
from interop.graph.state import Cell, Relationship, TwinState
from interop.graph.store import Graph
from interop.graph.transition import (
    Delta,
    Draft,
    bare,
    etag_of,
    point_of,
    reason_of,
    status_of,
    touches,
    value_at,
    written_paths,
)
from interop.ledger.fold import Fold, fold_versions
from interop.ledger.index import NEWEST_VERSIONS, load_event
from interop.ledger.layout import HAS_VALUE, IS_PROPERTY, TOLD, from_column, from_micros, micros
from interop.ledger.merkle import Frontier
from interop.ledger.past import graph_after, misplaced, turned
from interop.ledger.recent import Recent, Row
from interop.ledger.snapshot import Saved, newest, places, read
from interop.ledger.store import StoredHashes
from interop.service import HistoryRow, Span, Window
from interop.values import GOOD, Point, Status, Value

Path = tuple[str, ...]
_FIRST: Final = -(1 << 62)
_LAST: Final = 1 << 62
_ALL: Final = -1
"""SQLite's word for no limit."""
_COLUMNS: Final = "SELECT at, seq, n, flags, status, source, server, reason, value FROM sample"
_NEWEST: Final = (
    f"{_COLUMNS} WHERE point = ? AND at <= ? AND seq <= ? AND seq > ? AND flags & ? = ?"
    " ORDER BY at DESC, seq DESC, n DESC LIMIT 1"
)
_BETWEEN: Final = f"{_COLUMNS} WHERE point = ? AND at BETWEEN ? AND ? AND seq <= ? ORDER BY at, seq, n LIMIT ?"
MAX_TOLD: Final = 100_000
"""Events of requests that a start reads again, the newest; far more than the runtime remembers."""
_TOLD: Final = (
    f"SELECT stored FROM event WHERE seq <= ?1 AND ({TOLD}) AND (kind = 'model' OR seq > coalesce("  # noqa: S608 - our own words
    f"(SELECT seq FROM event WHERE seq <= ?1 AND ({TOLD}) ORDER BY seq DESC LIMIT 1 OFFSET ?2), 0)) ORDER BY seq"
)
_SAMPLE_ORDER: Final = attrgetter("at", "seq", "n")
_HISTORY_ORDER: Final = attrgetter("source_time", "seq")


class _Place(NamedTuple):
    """Where the samples of one point are: its id in the table, and those that are held."""

    point: Point
    identity: int | None
    held: list[Row]


class Reader:
    """Queries over one read-only connection and the samples that are not in it yet; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, recent: Recent) -> None:
        self._connection = connection
        self._recent = recent
        self._names: dict[int, str] = {}

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def shrink(self) -> None:
        """Gives back the memory of pages that were read."""
        self._connection.execute("PRAGMA shrink_memory")

    @contextmanager
    def _snapshot(self) -> Iterator[int]:
        """One state of the database for several queries; gives how many events it has."""
        self._connection.execute("BEGIN")
        try:
            yield self._connection.execute("SELECT size FROM head").fetchone()[0]
        finally:
            self._connection.execute("ROLLBACK")

    def events(self, since: int, limit: int) -> list[Event]:
        """Events after a seq."""
        rows = self._connection.execute(
            "SELECT stored FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        ).fetchall()
        return [Event.decode(stored) for (stored,) in rows]

    def stored(self, since: int, limit: int) -> list[tuple[int, bytes, bytes]]:
        """Number, leaf hash and bytes of events after a seq."""
        return self._connection.execute(
            "SELECT seq, leaf, stored FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        ).fetchall()

    def told(self, until: int) -> list[Event]:
        """Events up to a seq of which a start wants to know; see Ledger.told."""
        rows = self._connection.execute(_TOLD, (until, MAX_TOLD))
        return [Event.decode(stored) for (stored,) in rows]

    def frontier(self, size: int) -> Frontier:
        """The edge of the hash tree over the first events."""
        return Frontier.load(size, StoredHashes(self._connection))

    def newest_snapshot(self, until: int) -> tuple[int, int] | None:
        """The last snapshot at or before an event."""
        return newest(self._connection, until)

    def places(self, seq: int) -> list[int]:
        """Where the twins of a snapshot are."""
        return places(self._connection, seq)

    def saved(self, part: Sequence[int]) -> list[Saved]:
        """The twins of some places."""
        return read(self._connection, part)

    def as_of(self, twin: str, at: datetime, known_at: datetime | None) -> TwinState | None:
        """A twin as it was true at a time with what was known at another; see Ledger.as_of."""
        return self._as_of(twin, at, lambda size: self._known(size, known_at))

    def graph_as_of(self, at: datetime, known_at: datetime | None) -> Graph:
        """Every twin as ``as_of`` gives it; see Ledger.graph_as_of."""
        moment = micros(at)
        with self._snapshot() as size:
            known = self._known(size, known_at)
            seq = self._seq_at(at, known)
            graph = graph_after(self._connection, seq)
            odd = misplaced(self._connection, moment, seq, known)
            late, early = turned(self._connection, moment, seq, known)
            odd = odd.union(*map(graph.fed_by, early))
            for twin in set().union(*map(graph.fed_by, late)) - odd:
                self._turn(graph, twin, moment, known)
        # Each with a view of its own: samples that are held now may be in the table by then.
        for twin in odd:
            state = self._as_of(twin, at, lambda size: min(size, known))
            graph.install(Delta(seq=seq, twins={twin: state}, relationships=_links_of(graph, twin, state)))
        return graph

    def _turn(self, graph: Graph, twin: str, at: int, known: int) -> None:
        """Puts the links as they were on a twin; its samples are right."""
        state = graph.twin(twin)
        assert state is not None
        draft = Draft(state)
        last = self._apply_links(draft, at, known)
        if last:
            graph.install(Delta(seq=0, twins={twin: draft.finish(last, self._recorded(last))}))

    def _as_of(self, twin: str, at: datetime, known_of: Callable[[int], int]) -> TwinState | None:
        # Held samples first: one that goes to the table meanwhile is then seen twice, and never missed.
        durable, held = self._recent.of(twin)
        with self._snapshot() as size:
            known = known_of(min(durable, size))
            newest_version = self._connection.execute(
                "SELECT seq, kind FROM version WHERE twin = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
                (twin, self._seq_at(at, known)),
            ).fetchone()
            if newest_version is None or newest_version[1] == "twin-delete":
                return None
            versions = self._connection.execute(NEWEST_VERSIONS, (twin, newest_version[0]))
            fold = fold_versions(versions, lambda seq: load_event(self._connection, seq))
            versions.close()
            assert fold is not None
            return self._overlay(twin, fold, self._points(twin, held), (micros(at), known))

    def history(
        self, twin: str, path: Path | None, window: tuple[datetime | None, datetime | None], known_at: datetime | None,
        limit: int,
    ) -> list[HistoryRow]:  # fmt: skip
        """Samples and written values in a window of true time; see Ledger.history."""
        with self._history(twin, path, Span(*window, known_at), limit) as rows:
            return list(islice(rows, limit))

    def windows(
        self, twin: str, path: Path | None, span: Span, each: Callable[[Iterable[HistoryRow]], Iterable[Window]],
        limit: int,
    ) -> list[Window]:  # fmt: skip
        """Aggregates of what ``history`` gives; see Ledger.windows."""
        with self._history(twin, path, span, _ALL) as rows:
            return list(islice(each(rows), limit))

    @contextmanager
    def _history(self, twin: str, path: Path | None, span: Span, limit: int) -> Iterator[Iterator[HistoryRow]]:
        """The rows in order, while one state of the database is held; ``limit`` for each point."""
        durable, held = self._recent.of(twin)
        with self._snapshot() as size:
            known = self._known(min(durable, size), span.known_at)
            start = _FIRST if span.start is None else micros(span.start)
            end = _LAST if span.end is None else micros(span.end)
            rows = [
                self._samples(place, path, (start, end, known, limit))
                for place in self._points(twin, held)
                if path is None or touches(place.point.path, path)
            ]
            written = self._written(twin, path, start, (end, known))
            yield merge(*rows, written, key=_HISTORY_ORDER)

    def _overlay(self, twin: str, fold: Fold, places: Sequence[_Place], bounds: tuple[int, int]) -> TwinState:
        """Puts the newest samples on what clients wrote."""
        updated = {path: from_micros(when) for path, when in fold.updated.items()}
        draft = Draft(TwinState(id=twin, model=fold.model, contents=fold.contents, updated=updated))
        last = fold.seq
        state: list[tuple[int, Path, Value]] = []
        for place in places:
            path = place.point.path
            floor = max([fold.base, *(seq for other, seq in fold.written.items() if touches(other, path))])
            newest = self._newest(place, (*bounds, floor), 0)
            if newest is None:
                continue
            usable = newest if newest.flags & HAS_VALUE else self._newest(place, (*bounds, floor), HAS_VALUE)
            kept = value_at(fold.contents, path)[1] if usable is None else usable.value
            draft.cells[path] = _cell(newest, kept)
            if usable is not None and usable.flags & IS_PROPERTY and path[0] != "-":
                state.append((usable.seq, path, kept))
            last = max(last, newest.seq)
        for seq, path, value in sorted(state, key=lambda found: found[0]):
            draft.set(path, value)
            draft.updated[path] = self._recorded(seq)
        last = max(last, self._apply_links(draft, *bounds))
        return draft.finish(last, self._recorded(last), etag=etag_of(fold.seq))

    def _newest(self, place: _Place, bounds: tuple[int, int, int], flags: int) -> Row | None:
        """The sample with the greatest time at most ``at``, of the events up to ``known`` and after ``floor``."""
        at, known, floor = bounds
        found = [row for row in place.held if row.at <= at and floor < row.seq <= known and row.flags & flags == flags]
        if place.identity is not None:
            stored = self._connection.execute(_NEWEST, (place.identity, at, known, floor, flags, flags)).fetchone()
            if stored is not None:
                found.append(self._row(stored))
        return max(found, key=_SAMPLE_ORDER, default=None)

    def _row(self, stored: tuple[Any, ...]) -> Row:
        at, seq, n, flags, status, source, server, reason, value = stored
        return Row(
            at, seq, n, flags, self._name(status), self._name(source) or "", server, self._name(reason),
            from_column(value),
        )  # fmt: skip

    def _apply_links(self, draft: Draft, at: int, known: int) -> int:
        """Turns the cells of sources whose link was lost after their sample; gives the last event that did."""
        last = 0
        for source in {cell.source for cell in draft.cells.values()}:
            link = self._connection.execute(
                "SELECT seq, status, reason FROM link WHERE source = ? AND since <= ? AND seq <= ?"
                " ORDER BY seq DESC LIMIT 1",
                (source, at, known),
            ).fetchone()
            if link is None:
                continue
            seq, status, reason = link
            for path, cell in draft.cells.items():
                if cell.source == source and cell.seq < seq:
                    draft.cells[path] = cell._replace(status=status_of(status), reason=reason, seq=seq)
                    last = max(last, seq)
        return last

    def _points(self, twin: str, held: Mapping[str, list[Row]]) -> list[_Place]:
        """Where the samples of a twin are: in the table, held, or both."""
        rows = self._connection.execute("SELECT path, id FROM point WHERE twin = ?", (twin,)).fetchall()
        places: dict[str, int | None] = {**dict.fromkeys(held), **dict(rows)}
        return [
            _Place(Point(twin, point_of(f"x/{text}").path), identity, held.get(text, []))
            for text, identity in places.items()
        ]

    def _samples(self, place: _Place, path: Path | None, bounds: tuple[int, int, int, int]) -> Iterator[HistoryRow]:
        """Rows of one point; of a value that holds the wanted path, the member."""
        start, end, known, _ = bounds
        held = sorted((row for row in place.held if start <= row.at <= end and row.seq <= known), key=_SAMPLE_ORDER)
        seen = {(row.seq, row.n) for row in held}
        stored: Iterable[tuple[Any, ...]] = ()
        if place.identity is not None:
            stored = self._connection.execute(_BETWEEN, (place.identity, *bounds))
        in_table = (row for row in map(self._row, stored) if (row.seq, row.n) not in seen)
        for row in merge(in_table, held, key=_SAMPLE_ORDER):
            found = _member(place.point, row.value, path)
            if found is not None:
                yield HistoryRow(
                    found[0], found[1], _status(row), from_micros(row.at),
                    None if row.server is None else from_micros(row.server), self._recorded(row.seq), row.seq,
                    row.source,
                )  # fmt: skip

    def _written(self, twin: str, path: Path | None, start: int, until: tuple[int, int]) -> Iterator[HistoryRow]:
        """Values that puts and patches set; their true time is when they were recorded."""
        end, known = until
        first = self._seq_before(start, known) + 1
        last = self._seq_before(end + 1, known)
        rows = self._connection.execute(
            "SELECT e.stored FROM version v JOIN event e ON e.seq = v.seq"
            " WHERE v.twin = ? AND v.seq BETWEEN ? AND ? ORDER BY v.seq",
            (twin, first, last),
        )
        for (stored,) in rows:
            event = Event.decode(stored)
            for there, value in _values(event):
                found = _member(Point(twin, there), value, path) if path is None or touches(there, path) else None
                if found is not None:
                    yield HistoryRow(
                        found[0], found[1], GOOD, event.recorded_at, None, event.recorded_at, event.seq, event.actor
                    )

    def _known(self, durable: int, known_at: datetime | None) -> int:
        return durable if known_at is None else self._seq_at(known_at, durable)

    def _seq_at(self, instant: datetime, size: int) -> int:
        """The last event that was recorded at or before an instant."""
        return self._seq_before(micros(instant) + 1, size)

    def _seq_before(self, moment: int, size: int) -> int:
        """The last event recorded before a moment; a binary search, since times never decrease."""
        low, high = 0, size
        while low < high:
            middle = (low + high + 1) // 2
            if self._micros_of(middle) < moment:
                low = middle
            else:
                high = middle - 1
        return low

    def _micros_of(self, seq: int) -> int:
        row = self._connection.execute("SELECT recorded FROM event WHERE seq = ?", (seq,)).fetchone()
        if row is None or not isinstance(row[0], int):
            raise DataCorrupt(f"event {seq} cannot be found", action="Run: megatwin ledger verify DATA")
        return row[0]

    def _recorded(self, seq: int) -> datetime:
        return from_micros(self._micros_of(seq))

    def _name(self, identity: int | None) -> str | None:
        if identity is None:
            return None
        found = self._names.get(identity)
        if found is None:
            row = self._connection.execute("SELECT text FROM name WHERE id = ?", (identity,)).fetchone()
            found = self._names[identity] = row[0]
        return found


def _links_of(graph: Graph, twin: str, state: TwinState | None) -> dict[tuple[str, str], Relationship | None]:
    """The relationships of a twin with what its source had read of them."""
    found: dict[tuple[str, str], Relationship | None] = {}
    for path, cell in state.cells.items() if state is not None else ():
        link = graph.relationship(twin, path[1]) if path[0] == "-" and len(path) == 3 else None  # noqa: PLR2004 - contract Point
        if link is not None:
            key = (twin, link.id)
            before = found.get(key) or link
            found[key] = replace(before, contents={**before.contents, path[2]: cell.value})
    return found


def _cell(row: Row, value: Value) -> Cell:
    status = _status(row)
    served = None if row.server is None else from_micros(row.server)
    reason = reason_of(status, row.value, row.reason or "")
    return Cell(value, status, from_micros(row.at), served, row.source, row.seq, reason)


def _status(row: Row) -> Status:
    return GOOD if row.status is None else status_of(row.status)


def _member(point: Point, value: Value, path: Path | None) -> tuple[Point, Value] | None:
    """Gives a value that was asked for: itself, or the part of it at a deeper path; None when it has no such part."""
    if path is None or len(path) <= len(point.path):
        return point, value
    if not isinstance(value, dict):
        return None
    there, member = value_at(value, path[len(point.path) :])
    return (Point(point.twin, path), member) if there else None


def _values(event: Event) -> Sequence[tuple[Path, Value]]:
    """Values that a put or patch set; None for one that it removed."""
    if event.kind == "twin-put":
        contents = bare(event.body["contents"])
        return [(path, value_at(contents, path)[1]) for path in written_paths(event.body["contents"])]
    if event.kind != "patch":
        return []
    found: list[tuple[Path, Value]] = []
    for op in event.body["ops"]:
        path, value = pointer(op["path"]), op.get("value")
        if path[0].startswith("$"):
            continue
        component = bare_value(value)
        if component is not value and isinstance(component, dict):
            found += [((*path, name), member) for name, member in component.items()]
        else:
            found.append((path, value))
    return found
