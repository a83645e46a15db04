"""Points, statuses and times keep their contracts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtdl.errors import RequestInvalid
from interop.event import Event
from interop.values import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN_LAST_USABLE, Point, format_time, parse_time, worst

segments = st.text(min_size=1, max_size=12)


@given(segments, st.lists(segments, min_size=1, max_size=4))
def test_a_point_survives_its_text_form(twin: str, path: list[str]) -> None:
    point = Point(twin, tuple(path))
    assert Point.parse(str(point)) == point


def test_a_point_escapes_as_json_pointer_does() -> None:
    assert str(Point("a/b", ("c~d", "e"))) == "a~1b/c~0d/e"


@pytest.mark.parametrize("text", ["", "twin", "/x", "a//b", "a/~2"])
def test_a_broken_point_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        Point.parse(text)


def test_the_worst_status_wins() -> None:
    assert worst([]) == GOOD
    assert worst([GOOD, UNCERTAIN_LAST_USABLE, BAD_NO_COMMUNICATION, GOOD]) == BAD_NO_COMMUNICATION


@given(st.datetimes(min_value=datetime(1601, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_survives_its_text_form(instant: datetime) -> None:
    assert parse_time(format_time(instant)) == instant


def test_times_of_other_zones_become_utc_and_naive_ones_are_refused() -> None:
    local = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(local) == "2026-01-01T10:00:00.000000Z"
    with pytest.raises(RequestInvalid):
        parse_time("2026-01-01T10:00:00")


def test_an_event_survives_its_stored_bytes() -> None:
    event = Event(
        seq=7,
        kind="note",
        twin="a",
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        actor="file",
        cause=3,
        body={"text": "é", "n": [1, 2.5, None]},
    )
    assert Event.decode(event.encode()) == event
    assert event.encode() == Event.decode(event.encode()).encode()
