"""The newest samples, in memory until enough of a point's are together to go into its place in the table.

A batch has readings of many points, and each point has its own place in ``sample``; writing every batch there at once
would write a page for each reading. So samples stand here first, and points go to the table in turn, each with all that
has come. What stands here is in the event log too: after a start it is read from there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from interop.event import Event
from interop.graph.transition import PROPERTY, finite, instant, replaces, status_of
from interop.ledger.layout import HAS_VALUE, IS_PROPERTY, micros
from interop.values import Point, Value

HELD: Final = 50_000
"""Samples that are held; beyond it, points go to the table."""
AT_LEAST: Final = 256
"""Samples that go to the table at once, when any do."""
AT_MOST: Final = 4_096
"""Samples that go to the table with one commit, unless more come with it, so that no commit takes long."""


class Row(NamedTuple):
    """One sample; times are microseconds since 1970, ``status`` is None for Good, the order is that of the table."""

    at: int
    seq: int
    n: int
    flags: int
    status: str | None
    source: str
    server: int | None
    reason: str | None
    value: Value


class Held(NamedTuple):
    """All held samples of one point, in the order in which they came."""

    twin: str
    path: str
    rows: list[Row]


def samples_of(event: Event) -> list[tuple[str, Row]]:
    """Gives the samples of an event, each with the text of its point."""
    if event.kind == "samples":
        return _readings(event)
    path = event.body.get("path") if event.kind == "telemetry" else None
    if not path or event.twin is None:
        return []
    recorded = micros(event.recorded_at)
    at = _micros(event.body.get("sourceTime"))
    value = finite(event.body.get("value"))
    row = Row(recorded if at is None else at, event.seq, 0, HAS_VALUE, None, event.actor, recorded, None, value)
    return [(str(Point(event.twin, tuple(path))), row)]


def _readings(event: Event) -> list[tuple[str, Row]]:
    source, seq, recorded = event.body["source"], event.seq, micros(event.recorded_at)
    times: dict[str | None, int | None] = {None: None}
    found: list[tuple[str, Row]] = []
    for n, (text, value, status, source_time, server_time, kind, *reason) in enumerate(event.body["readings"]):
        # The readings of a batch share few times, and reading one costs more than looking it up.
        if source_time not in times:
            times[source_time] = _micros(source_time)
        if server_time not in times:
            times[server_time] = _micros(server_time)
        at = times[source_time]
        flags = IS_PROPERTY if kind == PROPERTY else 0
        if status == "Good" or replaces(status_of(status), value):
            flags |= HAS_VALUE
        row = Row(
            recorded if at is None else at, seq, n, flags, None if status == "Good" else status, source,
            times[server_time], reason[0] if reason else None, finite(value),
        )  # fmt: skip
        found.append((text, row))
    return found


class Recent:
    """Held samples by twin and path. The writer changes it, readers copy from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twins: dict[str, dict[str, list[Row]]] = {}
        self._turns: deque[tuple[str, str]] = deque()
        self._size = 0
        self.count = 0

    def add(self, samples: Sequence[tuple[str, Row]], size: int) -> None:
        """Takes durable samples, with the number of events that are durable now."""
        with self._lock:
            for text, row in samples:
                twin, _, path = text.partition("/")
                if "~" in twin:
                    twin = twin.replace("~1", "/").replace("~0", "~")
                paths = self._twins.setdefault(twin, {})
                rows = paths.get(path)
                if rows is None:
                    rows = paths[path] = []
                    self._turns.append((twin, path))
                rows.append(row)
            self.count += len(samples)
            self._size = size

    def of(self, twin: str) -> tuple[int, dict[str, list[Row]]]:
        """How many events are durable, and the held samples of a twin by the text of their path."""
        with self._lock:
            return self._size, {path: list(rows) for path, rows in self._twins.get(twin, {}).items()}

    def due(self, coming: int) -> list[Held]:
        """Gives the points that go to the table next, the longest held first; none while there is room.

        Of the last one it may be only the first samples.
        """
        with self._lock:
            excess = self.count + coming - HELD
            found: list[Held] = []
            if excess <= 0:
                return found
            room = min(max(excess, AT_LEAST), max(AT_MOST, 2 * coming))
            for twin, path in self._turns:
                if room <= 0:
                    break
                rows = self._twins[twin][path]
                found.append(Held(twin, path, rows[: max(room, AT_LEAST)]))
                room -= len(found[-1].rows)
            return found

    def first_after(self, gone: Sequence[Held], size: int) -> int:
        """The first event that is needed to fill this again when ``gone`` is in the table; ``size`` + 1: none.

        Points wait in the order of their first sample, but for the first one, which may have been begun.
        """
        with self._lock:
            first = size + 1
            rest = len(gone)
            if gone:
                rows = self._twins[gone[-1].twin][gone[-1].path]
                if len(rows) > len(gone[-1].rows):
                    first = rows[len(gone[-1].rows)].seq
            for twin, path in islice(self._turns, rest, rest + 1):
                first = min(first, self._twins[twin][path][0].seq)
            return first

    def drop(self, gone: Sequence[Held]) -> None:
        """Forgets what is in the table now, as ``due`` gave it."""
        with self._lock:
            for held in gone:
                turn = self._turns.popleft()
                paths = self._twins[held.twin]
                rest = paths[held.path][len(held.rows) :]
                self.count -= len(held.rows)
                if rest:
                    paths[held.path] = rest
                    self._turns.appendleft(turn)
                    continue
                del paths[held.path]
                if not paths:
                    del self._twins[held.twin]


def _micros(text: str | None) -> int | None:
    found: datetime | None = instant(text)
    return None if found is None else micros(found)
