"""Aggregates: past samples, in order of true time, to one row for each interval and point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from dtdl.errors import LimitExceeded
from dtdl.units import Unit
from interop.service import HistoryRow, Window
from interop.values import Point, Value

MAX_SAMPLES: Final = 2_000_000
"""Samples that one question may look at; they are read by a thread that others wait for."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LevelOf = Callable[[tuple[str, ...]], Unit | None]
"""Gives the unit of the values at a path when it is a level (logarithmic), else None."""


def windows(rows: Iterable[HistoryRow], interval_s: float, level_of: LevelOf) -> Iterator[Window]:
    """Gives the windows of rows that ascend in source time; those of one interval in order of path.

    Args:
        rows: Samples of one twin.
        interval_s: Length of an interval in seconds, at least a microsecond.
        level_of: Tells which values are levels.

    Raises:
        LimitExceeded: There are more than ``MAX_SAMPLES`` rows.
    """
    length = timedelta(seconds=interval_s)
    current: int | None = None
    open_: dict[Point, _Sums] = {}
    for seen, row in enumerate(rows):
        if seen >= MAX_SAMPLES:
            raise LimitExceeded(
                f"there are more than {MAX_SAMPLES} samples to aggregate", action="Ask for a shorter time, or one path."
            )
        number = (row.source_time - _EPOCH) // length
        if number != current:
            yield from _closed(open_, current, length)
            current, open_ = number, {}
        sums = open_.get(row.point)
        if sums is None:
            sums = open_[row.point] = _Sums(level_of(row.point.path))
        sums.add(row)
    yield from _closed(open_, current, length)


def _closed(sums: dict[Point, _Sums], number: int | None, length: timedelta) -> Iterator[Window]:
    if number is not None:
        start = _EPOCH + number * length
        for point in sorted(sums, key=lambda found: found.path):
            yield sums[point].window(point, start)


class _Sums:
    """What is known of one window so far."""

    __slots__ = ("_bad", "_count", "_first", "_last", "_least", "_level", "_lost", "_most", "_numbers", "_total")

    def __init__(self, level: Unit | None) -> None:
        self._level = level
        self._count = self._bad = self._numbers = 0
        self._first: Value = None
        self._last: Value = None
        self._least, self._most = math.inf, -math.inf
        self._total = self._lost = 0.0

    def add(self, row: HistoryRow) -> None:
        if row.status.is_bad:
            self._bad += 1
            return
        if not self._count:
            self._first = row.value
        self._last = row.value
        self._count += 1
        if isinstance(row.value, (int, float)) and not isinstance(row.value, bool):
            self._add_number(float(row.value))

    def _add_number(self, value: float) -> None:
        self._numbers += 1
        peak = self._most
        self._least, self._most = min(self._least, value), max(peak, value)
        addend = value
        if self._level is not None:
            # Powers are relative to the highest level so far, so that none overflows.
            if value > peak:
                self._total *= self._power(peak, self._level)
                self._lost *= self._power(peak, self._level)
            addend = self._power(value, self._level)
        # Neumaier's sum: what rounding loses of each addition is kept beside it.
        total = self._total + addend
        bigger, smaller = (self._total, addend) if abs(self._total) >= abs(addend) else (addend, self._total)
        self._lost += (bigger - total) + smaller
        self._total = total

    def window(self, point: Point, start: datetime) -> Window:
        """What it comes to."""
        if not self._numbers:
            return Window(
                point=point, start=start, count=self._count, bad=self._bad, first=self._first, last=self._last
            )
        total = self._total + self._lost
        return Window(
            point=point, start=start, count=self._count, bad=self._bad, first=self._first, last=self._last,
            least=self._least, most=self._most, total=self._level_of(total), mean=self._level_of(total / self._numbers),
        )  # fmt: skip

    def _power(self, value: float, level: Unit) -> float:
        """The linear power of a level, as a share of that of the highest."""
        return 10.0 ** ((value - self._most) / level.power_decade) if math.isfinite(value) else 0.0

    def _level_of(self, amount: float) -> float:
        return amount if self._level is None else self._most + self._level.power_decade * math.log10(amount)
