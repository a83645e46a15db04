"""The rows by which events are found again: versions, samples and links, made in the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from dtdl.errors import DataCorrupt
from interop.event import Event
from interop.graph.transition import instant, patched_model
from interop.ledger.fold import FOLD_EVERY, fold_versions
from interop.ledger.layout import SPAN, micros, to_column
from interop.ledger.recent import Held, Row

_CACHE: Final = 65_536
"""Entries of each of the writer's caches; beyond it they start anew, so that memory is bounded."""

NEWEST_VERSIONS: Final = "SELECT seq, base, fold FROM version WHERE twin = ? AND seq <= ? ORDER BY seq DESC"
STORED: Final = "SELECT stored FROM event WHERE seq = ?"


class _Last(NamedTuple):
    """The newest version of a twin."""

    exists: bool
    base: int
    model: str
    since: int


_ABSENT: Final = _Last(exists=False, base=0, model="", since=0)


class Index:
    """Adds rows; the caller owns the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._points: dict[tuple[str, str], int] = {}
        self._names: dict[str, int] = {}
        self._last: dict[str, _Last] = {}
        self._rules: Final = MappingProxyType[str, Callable[[Event], None]](
            {
                "link": self._add_link,
                "twin-put": self._add_put,
                "patch": self._add_patch,
                "twin-delete": self._add_delete,
            }
        )

    def add(self, event: Event) -> None:
        """Adds the rows of one event but its samples; its stored bytes are in ``event`` already."""
        rule = self._rules.get(event.kind)
        if rule is not None:
            rule(event)

    def write(self, points: Sequence[Held]) -> None:
        """Puts held samples into the table; those that are there already stay."""
        rows = [
            (
                self._point(held.twin, held.path), row.at, row.seq, row.n, row.flags, self._name(row.status),
                self._name(row.source), row.server, self._name(row.reason), to_column(row.value),
            )
            for held in points
            for row in held.rows
        ]  # fmt: skip
        # In the order of the table, so that neighbours go into one page while it is at hand.
        rows.sort(key=_sample_key)
        self._connection.executemany("INSERT OR IGNORE INTO sample VALUES (?,?,?,?,?,?,?,?,?,?)", rows)

    def forget(self) -> None:
        """Drops what a transaction that was rolled back may have left in the caches."""
        self._points.clear()
        self._names.clear()
        self._last.clear()

    def _add_link(self, event: Event) -> None:
        body = event.body
        if body.get("status") is None:
            return
        since = micros(instant(body.get("since")) or event.recorded_at)
        reason = body.get("reason") or body.get("cause") or ""
        self._connection.execute(
            "INSERT INTO link VALUES (?,?,?,?,?)", (body["source"], event.seq, since, body["status"], reason)
        )

    def _add_put(self, event: Event) -> None:
        assert event.twin is not None
        last, model = self._newest(event.twin), event.body["model"]
        follows = last.exists and last.model == model
        self._version(event, last.base if follows else event.seq, model, last.since + 1 if follows else 0)

    def _add_patch(self, event: Event) -> None:
        last = self._newest(event.twin) if event.twin is not None else _ABSENT
        if last.exists:
            self._version(event, last.base, patched_model(event.body) or last.model, last.since + 1)

    def _add_delete(self, event: Event) -> None:
        assert event.twin is not None
        if self._newest(event.twin).exists:
            self._version(event, event.seq, "", 0)

    def _version(self, event: Event, base: int, model: str, since: int) -> None:
        twin = event.twin
        assert twin is not None
        self._connection.execute(
            "INSERT INTO version VALUES (?,?,?,?,?,?,NULL)", (twin, event.seq, event.kind, base, model, since)
        )
        if since >= FOLD_EVERY:
            since = 0
            rows = self._connection.execute(NEWEST_VERSIONS, (twin, event.seq))
            fold = fold_versions(rows, lambda seq: load_event(self._connection, seq))
            rows.close()
            assert fold is not None
            self._connection.execute(
                "UPDATE version SET fold = ?, since = 0 WHERE twin = ? AND seq = ?", (fold.encode(), twin, event.seq)
            )
        if len(self._last) >= _CACHE:
            self._last.clear()
        self._last[twin] = _Last(event.kind != "twin-delete", base, model, since)

    def _newest(self, twin: str) -> _Last:
        last = self._last.get(twin)
        if last is None:
            row = self._connection.execute(
                "SELECT kind, base, model, since FROM version WHERE twin = ? ORDER BY seq DESC LIMIT 1", (twin,)
            ).fetchone()
            last = _ABSENT if row is None else _Last(row[0] != "twin-delete", *row[1:])
        return last

    def _point(self, twin: str, path: str) -> int:
        key = (twin, path)
        found = self._points.get(key)
        if found is None:
            if len(self._points) >= _CACHE:
                self._points.clear()
            found = self._points[key] = self._intern("point", "twin = ? AND path = ?", "(twin, path)", key)
        return found

    def _name(self, text: str | None) -> int | None:
        if text is None:
            return None
        found = self._names.get(text)
        if found is None:
            if len(self._names) >= _CACHE:
                self._names.clear()
            found = self._names[text] = self._intern("name", "text = ?", "(text)", (text,))
        return found

    def _intern(self, table: str, where: str, columns: str, key: tuple[str, ...]) -> int:
        row = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", key).fetchone()  # noqa: S608 - our own words
        if row is None:
            marks = ",".join("?" * len(key))
            row = self._connection.execute(
                f"INSERT INTO {table} {columns} VALUES ({marks}) RETURNING id",  # noqa: S608 - our own words
                key,
            ).fetchone()
        found: int = row[0]
        return found


def add_spans(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Widens the spans of samples; the caller owns the transaction."""
    spans: dict[int, tuple[int, int]] = {}
    for row in rows:
        block, at = row.seq // SPAN, row.at
        found = spans.get(block)
        spans[block] = (at, at) if found is None else (min(found[0], at), max(found[1], at))
    connection.executemany(
        "INSERT INTO span VALUES (?,?,?) ON CONFLICT (block) DO UPDATE SET"
        " earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)",
        [(block, *span) for block, span in spans.items()],
    )


def load_event(connection: sqlite3.Connection, seq: int) -> Event:
    """Reads one event by its number."""
    row = connection.execute(STORED, (seq,)).fetchone()
    if row is None:
        raise DataCorrupt(f"event {seq} cannot be found", action="Run: megatwin ledger verify DATA")
    return Event.decode(row[0])


def _sample_key(row: tuple[Any, ...]) -> tuple[int, int, int, int]:
    return row[:4]
