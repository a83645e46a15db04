"""Aggregates of history: what each interval comes to, whatever the order of magnitude and the unit."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtdl.errors import LimitExceeded
from dtdl.units import linear_mean, linear_sum, unit
from interop.ledger import windows as module
from interop.ledger.windows import windows
from interop.service import HistoryRow
from interop.values import BAD_NO_COMMUNICATION, GOOD, Point, Status, Value

START = datetime(2026, 5, 1, tzinfo=UTC)


def row(at_s: float, value: Value, path: str = "p", status: Status = GOOD) -> HistoryRow:
    at = START + timedelta(seconds=at_s)
    return HistoryRow(Point("t", (path,)), value, status, at, None, at, 1, "s")


def linear(_: object) -> None:
    return None


def test_each_interval_has_what_happened_within_it() -> None:
    first, second = windows([row(0, 1.0), row(59.9, 3), row(60, 10.0)], 60, linear)
    assert (first.start, first.count, first.least, first.most, first.total, first.mean) == (START, 2, 1, 3, 4, 2)
    assert (first.first, first.last) == (1.0, 3)
    assert (second.start, second.count, second.mean) == (START + timedelta(seconds=60), 1, 10.0)


def test_bad_samples_are_counted_and_count_in_nothing_else() -> None:
    (found,) = windows([row(0, 99.0, status=BAD_NO_COMMUNICATION), row(1, 2.0)], 60, linear)
    assert (found.count, found.bad, found.mean, found.first) == (1, 1, 2.0, 2.0)


def test_texts_and_booleans_have_a_first_and_a_last_and_no_mean() -> None:
    (found,) = windows([row(0, "on"), row(1, True), row(2, "off")], 60, linear)
    assert (found.count, found.first, found.last) == (3, "on", "off")
    assert (found.least, found.most, found.total, found.mean) == (None, None, None, None)


def test_values_of_several_points_are_kept_apart_and_intervals_ascend() -> None:
    found = list(windows([row(0, 1, "b"), row(1, 5, "a"), row(2, 3, "b"), row(60, 7, "a")], 60, linear))
    assert [(w.point.path[0], w.mean) for w in found] == [("a", 5), ("b", 2), ("a", 7)]


def test_intervals_begin_at_multiples_of_their_length_before_1970_too() -> None:
    early = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    (found,) = windows([HistoryRow(Point("t", ("p",)), 1, GOOD, early, None, early, 1, "s")], 60, linear)
    assert found.start == datetime(1969, 12, 31, 23, 59, tzinfo=UTC)


@given(st.lists(st.floats(-4000, 4000), min_size=1, max_size=20))
def test_levels_are_summed_and_averaged_as_linear_power(levels: list[float]) -> None:
    decibel = unit("decibelMilliwatt")
    (found,) = windows([row(k, level) for k, level in enumerate(levels)], 3600, lambda _: decibel)
    assert found.total == pytest.approx(linear_sum(levels, decibel))
    assert found.mean == pytest.approx(linear_mean(levels, decibel))


@given(st.lists(st.floats(-1e200, 1e200), min_size=1, max_size=50))
def test_sums_lose_nothing_to_rounding(values: list[float]) -> None:
    (found,) = windows([row(k, value) for k, value in enumerate(values)], 3600, linear)
    assert found.total == pytest.approx(math.fsum(values), rel=1e-12, abs=1e-12 * max(map(abs, values)))


def test_a_question_about_too_many_samples_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SAMPLES", 3)
    assert len(list(windows([row(k, 1) for k in range(3)], 60, linear))) == 1
    with pytest.raises(LimitExceeded, match="more than 3 samples"):
        list(windows([row(k, 1) for k in range(4)], 60, linear))
