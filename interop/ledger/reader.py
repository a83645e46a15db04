"""Reading the ledger: events, history and twins as of a time. Plain functions of a connection, run in threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from interop.event import Event
from interop.graph.patch import bare_value, pointer
from interop.graph.state import Cell, TwinState
from interop.graph.transition import (
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
from interop.ledger.layout import HAS_VALUE, IS_PROPERTY, from_column, from_micros, micros
from interop.service import HistoryRow
from interop.values import GOOD, Point, Status, Value

Path = tuple[str, ...]
_FIRST: Final = -(1 << 62)
_LAST: Final = 1 << 62
_NEWEST_SAMPLE: Final = (
    "SELECT at, seq, flags, status, source, server, reason, value FROM sample"
    " WHERE point = ? AND at <= ? AND seq <= ? AND seq > ? {} ORDER BY at DESC, seq DESC, n DESC LIMIT 1"
)
_NEWEST: Final = _NEWEST_SAMPLE.format("")
_NEWEST_USABLE: Final = _NEWEST_SAMPLE.format(f"AND flags & {HAS_VALUE}")
_HISTORY_ORDER: Final = attrgetter("source_time", "seq")


class Reader:
    """Queries over one read-only connection; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[int, str] = {}

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

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

    def as_of(self, twin: str, at: datetime, known_at: datetime | None) -> TwinState | None:
        """A twin as it was true at a time with what was known at another; see Ledger.as_of."""
        with self._snapshot() as size:
            known = size if known_at is None else self._seq_at(known_at, size)
            newest = self._connection.execute(
                "SELECT seq, kind FROM version WHERE twin = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
                (twin, self._seq_at(at, known)),
            ).fetchone()
            if newest is None or newest[1] == "twin-delete":
                return None
            versions = self._connection.execute(NEWEST_VERSIONS, (twin, newest[0]))
            fold = fold_versions(versions, lambda seq: load_event(self._connection, seq))
            versions.close()
            assert fold is not None
            return self._overlay(twin, fold, micros(at), known)

    def history(
        self, twin: str, path: Path | None, window: tuple[datetime | None, datetime | None], known_at: datetime | None,
        limit: int,
    ) -> list[HistoryRow]:  # fmt: skip
        """Samples and written values in a window of true time; see Ledger.history."""
        with self._snapshot() as size:
            known = size if known_at is None else self._seq_at(known_at, size)
            start = _FIRST if window[0] is None else micros(window[0])
            end = _LAST if window[1] is None else micros(window[1])
            rows = [
                self._samples(identity, Point(twin, there), path, (start, end, known, limit))
                for identity, there in self._points(twin)
                if path is None or touches(there, path)
            ]
            written = self._written(twin, path, start, (end, known))
            return list(islice(merge(*rows, written, key=_HISTORY_ORDER), limit))

    def _overlay(self, twin: str, fold: Fold, at: int, known: int) -> TwinState:
        """Puts the newest samples on what clients wrote."""
        updated = {path: from_micros(when) for path, when in fold.updated.items()}
        draft = Draft(TwinState(id=twin, model=fold.model, contents=fold.contents, updated=updated))
        last = fold.seq
        state: list[tuple[int, Path, Value]] = []
        for identity, path in self._points(twin):
            floor = max([fold.base, *(seq for other, seq in fold.written.items() if touches(other, path))])
            newest = self._connection.execute(_NEWEST, (identity, at, known, floor)).fetchone()
            if newest is None:
                continue
            usable = newest
            if not newest[2] & HAS_VALUE:
                usable = self._connection.execute(_NEWEST_USABLE, (identity, at, known, floor)).fetchone()
            kept = value_at(fold.contents, path)[1] if usable is None else from_column(usable[7])
            draft.cells[path] = self._cell(newest, kept)
            if usable is not None and usable[2] & IS_PROPERTY and path[0] != "-":
                state.append((usable[1], path, kept))
            last = max(last, newest[1])
        for seq, path, value in sorted(state, key=lambda found: found[0]):
            draft.set(path, value)
            draft.updated[path] = self._recorded(seq)
        last = max(last, self._apply_links(draft, at, known))
        return draft.finish(last, self._recorded(last), etag=etag_of(fold.seq))

    def _cell(self, row: tuple[Any, ...], value: Value) -> Cell:
        at, seq, _, status_id, source, server, reason_id, raw = row
        status = self._status(status_id)
        reason = reason_of(status, from_column(raw), "" if reason_id is None else self._name(reason_id))
        served = None if server is None else from_micros(server)
        return Cell(value, status, from_micros(at), served, self._name(source), seq, reason)

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

    def _points(self, twin: str) -> list[tuple[int, Path]]:
        rows = self._connection.execute("SELECT id, path FROM point WHERE twin = ?", (twin,)).fetchall()
        return [(identity, point_of(f"x/{path}").path) for identity, path in rows]

    def _samples(
        self, identity: int, point: Point, path: Path | None, bounds: tuple[int, int, int, int]
    ) -> Iterator[HistoryRow]:
        """Rows of one point; of a value that holds the wanted path, the member."""
        rows = self._connection.execute(
            "SELECT s.at, s.seq, s.status, s.source, s.server, s.value, e.recorded FROM sample s"
            " JOIN event e ON e.seq = s.seq WHERE s.point = ? AND s.at BETWEEN ? AND ? AND s.seq <= ?"
            " ORDER BY s.at, s.seq, s.n LIMIT ?",
            (identity, *bounds),
        )
        for at, seq, status, source, server, raw, recorded in rows:
            found = _member(point, from_column(raw), path)
            if found is not None:
                yield HistoryRow(
                    found[0], found[1], self._status(status), from_micros(at),
                    None if server is None else from_micros(server), from_micros(recorded), seq, self._name(source),
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
        recorded: int = self._connection.execute("SELECT recorded FROM event WHERE seq = ?", (seq,)).fetchone()[0]
        return recorded

    def _recorded(self, seq: int) -> datetime:
        return from_micros(self._micros_of(seq))

    def _status(self, identity: int | None) -> Status:
        return GOOD if identity is None else status_of(self._name(identity))

    def _name(self, identity: int) -> str:
        found = self._names.get(identity)
        if found is None:
            row = self._connection.execute("SELECT text FROM name WHERE id = ?", (identity,)).fetchone()
            found = self._names[identity] = row[0]
        return found


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
