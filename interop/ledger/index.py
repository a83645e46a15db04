"""The rows by which events are found again: versions, samples and links, made in the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from interop.event import Event
from interop.graph.transition import PROPERTY, instant, patched_model, point_of, replaces, status_of
from interop.ledger.fold import FOLD_EVERY, fold_versions
from interop.ledger.layout import HAS_VALUE, IS_PROPERTY, micros, to_column
from interop.values import Point

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
    """Adds the rows of events; the caller owns the transaction and calls ``flush`` before its end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._points: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._last: dict[str, _Last] = {}
        self._samples: list[tuple[Any, ...]] = []
        self._rules: Final = MappingProxyType[str, Callable[[Event], None]](
            {
                "samples": self._add_samples,
                "telemetry": self._add_telemetry,
                "link": self._add_link,
                "twin-put": self._add_put,
                "patch": self._add_patch,
                "twin-delete": self._add_delete,
            }
        )

    def add(self, event: Event) -> None:
        """Adds the rows of one event, whose stored bytes are in ``event`` already."""
        rule = self._rules.get(event.kind)
        if rule is not None:
            rule(event)

    def flush(self) -> None:
        """Writes the sample rows that wait."""
        if self._samples:
            # In the order of the table, so that neighbours go into one page while it is at hand.
            self._samples.sort(key=_sample_key)
            self._connection.executemany("INSERT INTO sample VALUES (?,?,?,?,?,?,?,?,?,?)", self._samples)
            self._samples.clear()

    def forget(self) -> None:
        """Drops what a transaction that was rolled back may have left in the caches."""
        self._points.clear()
        self._names.clear()
        self._last.clear()
        self._samples.clear()

    def _add_samples(self, event: Event) -> None:
        source = self._name(event.body["source"])
        recorded = micros(event.recorded_at)
        for n, (text, value, status, source_time, server_time, kind, *reason) in enumerate(event.body["readings"]):
            self._samples.append(
                (
                    self._point(text), _micros(source_time, recorded), event.seq, n,
                    (IS_PROPERTY if kind == PROPERTY else 0)
                    | (HAS_VALUE if replaces(status_of(status), value) else 0),
                    None if status == "Good" else self._name(status), source, _micros(server_time, None),
                    self._name(reason[0]) if reason else None, to_column(value),
                )
            )  # fmt: skip

    def _add_telemetry(self, event: Event) -> None:
        path = event.body.get("path")
        if not path or event.twin is None:
            return
        recorded = micros(event.recorded_at)
        at = _micros(event.body.get("sourceTime"), recorded)
        self._samples.append(
            (
                self._point(str(Point(event.twin, tuple(path)))), at, event.seq, 0, HAS_VALUE, None,
                self._name(event.actor), recorded, None, to_column(event.body.get("value")),
            )
        )  # fmt: skip

    def _add_link(self, event: Event) -> None:
        body = event.body
        if body.get("status") is None:
            return
        since = _micros(body.get("since"), micros(event.recorded_at))
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

    def _point(self, text: str) -> int:
        found = self._points.get(text)
        if found is None:
            if len(self._points) >= _CACHE:
                self._points.clear()
            key = (point_of(text).twin, text.partition("/")[2])
            found = self._points[text] = self._intern("point", "twin = ? AND path = ?", "(twin, path)", key)
        return found

    def _name(self, text: str) -> int:
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


def load_event(connection: sqlite3.Connection, seq: int) -> Event:
    """Reads one event by its number."""
    return Event.decode(connection.execute(STORED, (seq,)).fetchone()[0])


def _sample_key(row: tuple[Any, ...]) -> tuple[int, int, int, int]:
    return row[:4]


def _micros(text: str | None, default: Any) -> Any:
    found = instant(text)
    return default if found is None else micros(found)
