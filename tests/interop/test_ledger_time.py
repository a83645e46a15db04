"""History and as-of: what was true when, and what was known when."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.event import Draft
from interop.graph.store import Graph
from interop.graph.transition import apply
from interop.ledger.sqlite import SqliteLedger
from interop.service import Span
from interop.values import Point, format_time

T0 = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than any clock that runs the tests, so that recorded times are set by them."""


def at(second):
    return T0 + timedelta(seconds=second)


def text(second):
    return format_time(at(second))


class Book:
    """A ledger whose clock the test sets, with the live graph beside it."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.graph = Graph()
        self.log = []

    async def do(self, second, kind, twin=None, /, **body):
        self.ledger._last = at(second)
        (event,) = await self.ledger.append([Draft(kind=kind, twin=twin, actor="client:t", body=body)])
        assert event.recorded_at == at(second)
        self.graph.install(apply(self.graph, event))
        self.log.append(event)
        return event

    async def read(self, second, point, value, *, true_at, status="Good", kind="p", source="plant"):
        reading = [point, value, status, text(true_at), None, kind]
        return await self.do(second, "samples", source=source, readings=[reading])

    async def as_of(self, second, known=None):
        return await self.ledger.as_of("a", at(second), known_at=None if known is None else at(known))


@pytest.fixture
async def book(tmp_path):
    ledger = await SqliteLedger.open(tmp_path)
    made = Book(ledger)
    await made.do(10, "twin-put", "a", model="m;1", contents={"p": 1, "c": {"q": 2, "$metadata": {}}})
    yield made
    await ledger.close()


async def test_before_its_creation_and_after_its_end_there_is_no_twin(book):
    assert await book.as_of(9) is None
    assert (await book.as_of(10)).contents == {"p": 1, "c": {"q": 2}}
    await book.do(20, "twin-delete", "a")
    assert await book.as_of(20) is None
    assert (await book.as_of(19)).contents["p"] == 1
    await book.do(30, "twin-put", "a", model="m;1", contents={})
    assert (await book.as_of(30)).contents == {}
    assert await book.ledger.as_of("other", at(30)) is None


async def test_patches_count_from_when_they_were_recorded(book):
    await book.do(20, "patch", "a", ops=[{"op": "replace", "path": "/p", "value": 5}])
    await book.do(30, "patch", "a", ops=[{"op": "remove", "path": "/p"}])
    assert (await book.as_of(19)).contents["p"] == 1
    assert (await book.as_of(20)).contents["p"] == 5
    assert "p" not in (await book.as_of(30)).contents


async def test_a_late_reading_counts_at_its_source_time(book):
    await book.read(20, "a/p", 100, true_at=20)
    await book.read(40, "a/p", 50, true_at=15)
    assert (await book.as_of(16)).contents["p"] == 50
    assert (await book.as_of(16, known=30)).contents["p"] == 1
    assert (await book.as_of(40)).contents["p"] == 100
    assert book.graph.twins["a"].contents["p"] == 100
    cell = (await book.as_of(16)).cells["p",]
    assert (cell.value, cell.source_time, cell.source) == (50, at(15), "plant")


async def test_what_was_known_is_as_the_ledger_stood(book):
    await book.do(20, "patch", "a", ops=[{"op": "replace", "path": "/p", "value": 5}])
    assert (await book.as_of(50, known=15)).contents["p"] == 1
    assert await book.as_of(50, known=5) is None


async def test_a_clients_word_stands_until_a_later_reading(book):
    await book.read(20, "a/p", 100, true_at=20)
    await book.do(30, "patch", "a", ops=[{"op": "replace", "path": "/p", "value": 5}])
    assert (await book.as_of(29)).contents["p"] == 100
    assert (await book.as_of(30)).contents["p"] == 5
    assert not (await book.as_of(30)).cells
    await book.read(40, "a/p", 101, true_at=40)
    assert (await book.as_of(40)) == book.graph.twins["a"]


async def test_telemetry_and_lost_links_are_seen_as_of_their_time(book):
    await book.read(20, "a/t", 7, true_at=20, kind="t")
    await book.do(30, "link", source="plant", kind="down", since=text(28), status="BadNoCommunication", reason="cut")
    assert (await book.as_of(27)).cells["t",].status == "Good"
    lost = (await book.as_of(28)).cells["t",]
    assert (lost.value, lost.status, lost.reason) == (7, "BadNoCommunication", "cut")
    assert "t" not in (await book.as_of(30)).contents
    assert (await book.as_of(31)) == book.graph.twins["a"]


async def test_a_value_that_is_no_value_keeps_the_one_before(book):
    await book.read(20, "a/p", 7, true_at=20)
    await book.read(21, "a/p", "seven", true_at=21, status="BadTypeMismatch")
    await book.read(22, "a/p", None, true_at=22, status="BadNoData")
    twin = await book.as_of(21)
    assert twin.contents["p"] == 7
    assert (twin.cells["p",].value, twin.cells["p",].status) == (7, "BadTypeMismatch")
    assert (await book.as_of(22)) == book.graph.twins["a"]
    row = ["a/p", 1, "UncertainSubNormal", text(23), text(24), "p", "1 of 2 known"]
    await book.do(23, "samples", source="roll-up", readings=[row])
    assert (await book.as_of(23)).cells["p",].reason == "1 of 2 known"
    assert (await book.as_of(23)) == book.graph.twins["a"]


async def test_history_is_ordered_by_source_time_and_holds_what_was_written(book):
    await book.read(20, "a/p", 100, true_at=20)
    await book.read(40, "a/p", "raw", true_at=15, status="BadTypeMismatch")
    await book.read(41, "a/c/q", True, true_at=41)
    await book.do(50, "patch", "a", ops=[{"op": "add", "path": "/c", "value": {"$metadata": {}, "q": 9, "r": [1]}}])
    await book.do(60, "patch", "a", ops=[{"op": "remove", "path": "/p"}])
    rows = await book.ledger.history("a", None, None, None)
    assert [(str(r.point), r.value, r.status, r.source_time, r.source) for r in rows] == [
        ("a/p", 1, "Good", at(10), "client:t"),
        ("a/c/q", 2, "Good", at(10), "client:t"),
        ("a/p", "raw", "BadTypeMismatch", at(15), "plant"),
        ("a/p", 100, "Good", at(20), "plant"),
        ("a/c/q", True, "Good", at(41), "plant"),
        ("a/c/q", 9, "Good", at(50), "client:t"),
        ("a/c/r", [1], "Good", at(50), "client:t"),
        ("a/p", None, "Good", at(60), "client:t"),
    ]
    assert rows[2].recorded_at == at(40)
    assert [r.value for r in await book.ledger.history("a", ("p",), at(15), at(20))] == ["raw", 100]
    assert [r.value for r in await book.ledger.history("a", ("c",), None, None)] == [2, True, 9, [1]]
    assert [r.value for r in await book.ledger.history("a", ("p",), None, None, limit=2)] == [1, "raw"]
    assert [r.value for r in await book.ledger.history("a", ("p",), None, None, known_at=at(39))] == [1, 100]
    assert await book.ledger.history("b", None, None, None) == []


async def test_aggregates_are_of_what_history_gives(book):
    for second, value in ((20, 2.0), (25, 4.0), (31, 6.0)):
        await book.read(second, "a/p", value, true_at=second)
    await book.read(40, "a/p", None, true_at=32, status="BadNoCommunication")
    span = Span(at(20), at(60))
    found = await book.ledger.windows("a", ("p",), span, interval_s=10, level_of=lambda _: None)
    assert [(w.start, w.count, w.bad, w.mean, w.first, w.last) for w in found] == [
        (at(20), 2, 0, 3.0, 2.0, 4.0), (at(30), 1, 1, 6.0, 6.0, 6.0),
    ]  # fmt: skip
    assert await book.ledger.windows("a", ("p",), span, interval_s=10, level_of=lambda _: None, limit=1) == found[:1]
    known = Span(at(20), at(60), at(31))
    before = await book.ledger.windows("a", ("p",), known, interval_s=10, level_of=lambda _: None)
    assert [w.bad for w in before] == [0, 0]


async def test_history_of_a_member_looks_into_whole_objects(book):
    await book.read(20, "a/o", {"m": 1, "n": 2}, true_at=20)
    await book.read(21, "a/o/m", 3, true_at=21)
    await book.read(22, "a/o", {"n": 4}, true_at=22)
    rows = await book.ledger.history("a", ("o", "m"), None, None)
    assert [(r.point, r.value) for r in rows] == [(Point("a", ("o", "m")), 1), (Point("a", ("o", "m")), 3)]


@pytest.mark.parametrize("value", [None, True, 1, -(2**63), 1.0, 0.1, "x", "", [1, None], {"k": {"l": [True]}}, 2**63])
async def test_every_json_value_comes_back_as_it_went_in(book, value):
    await book.read(20, "a/p", value, true_at=20)
    (row,) = await book.ledger.history("a", ("p",), at(20), None)
    assert row.value == value
    assert type(row.value) is type(value)


async def test_names_with_slashes_and_tildes_are_found(book):
    await book.do(20, "twin-put", "x/y~", model="m;1", contents={})
    await book.read(21, str(Point("x/y~", ("a/b", "c~"))), 1, true_at=21)
    (row,) = await book.ledger.history("x/y~", ("a/b", "c~"), None, None)
    assert row.point == Point("x/y~", ("a/b", "c~"))
    assert (await book.ledger.as_of("x/y~", at(30))).contents == {"a/b": {"c~": 1}}


async def test_a_telemetry_message_is_in_history(book):
    await book.do(20, "telemetry", "a", path=["t"], value=3, message="m", sourceTime=text(18))
    (row,) = await book.ledger.history("a", ("t",), None, None)
    assert (row.value, row.source_time) == (3, at(18))
    assert (await book.as_of(20)) == book.graph.twins["a"]


async def test_many_patches_are_read_from_a_fold(book):
    for number in range(200):
        op = {"op": "add", "path": f"/x{number % 7}", "value": number}
        await book.do(20 + number, "patch", "a", ops=[op])
    assert (await book.as_of(1000)) == book.graph.twins["a"]
    assert (await book.as_of(20 + 90)).contents["x6"] == 90


async def test_samples_are_found_wherever_they_stand(tmp_path, monkeypatch):
    # So few are held that points go to their table and come back, and some are in both places after a start.
    monkeypatch.setattr("interop.ledger.recent.HELD", 20)
    monkeypatch.setattr("interop.ledger.recent.AT_LEAST", 3)
    monkeypatch.setattr("interop.ledger.recent.AT_MOST", 5)
    ledger = await SqliteLedger.open(tmp_path)
    book = Book(ledger)
    await book.do(1, "twin-put", "a", model="m;1", contents={})
    for second in range(2, 100):
        readings = [[f"a/p{n}", second + n, "Good", text(second), None, "p"] for n in range(second % 7)]
        await book.do(second, "samples", source="plant", readings=readings)
    for _ in range(2):
        assert await ledger.as_of("a", at(200)) == book.graph.twins["a"]
        for n in range(6):
            rows = await ledger.history("a", (f"p{n}",), None, None)
            assert [row.value for row in rows] == [second + n for second in range(2, 100) if n < second % 7]
            some = await ledger.history("a", (f"p{n}",), at(30), at(60), limit=5)
            assert list(some) == [row for row in rows if at(30) <= row.source_time <= at(60)][:5]
        assert 0 < ledger._store.recent.count < 60
        await ledger.close()
        ledger = await SqliteLedger.open(tmp_path)
    await ledger.close()


PATHS = ["p", "c/q", "t", "o/m"]
STEP = st.one_of(
    st.tuples(
        st.just("read"),
        st.sampled_from(PATHS),
        st.integers(0, 9),
        st.integers(-40, 10),
        st.sampled_from(["Good", "Good", "Uncertain", "BadNoData", "BadTypeMismatch"]),
        st.booleans(),
    ),
    st.tuples(st.just("patch"), st.sampled_from(["p", "c/q", "o"]), st.integers(10, 19)),
    st.tuples(st.just("remove"), st.sampled_from(["p", "o"])),
    st.tuples(st.just("put"), st.sampled_from(["m;1", "m;1", "m;2"]), st.sets(st.sampled_from(["p", "c", "o"]))),
    st.tuples(st.just("delete")),
    st.tuples(st.just("link"), st.booleans()),
)


async def perform(book, second, step):
    kind, *rest = step
    if kind == "read":
        path, value, lag, status, empty = rest
        value = None if empty and status.startswith("Bad") else value
        true_at = second + min(lag, 0)
        await book.read(second, f"a/{path}", value, true_at=true_at, status=status, kind="t" if path == "t" else "p")
    elif kind == "patch":
        path, value = rest
        value = {"m": value} if path == "o" else value
        if "a" in book.graph.twins and (path != "c/q" or "c" in book.graph.twins["a"].contents):
            await book.do(second, "patch", "a", ops=[{"op": "add", "path": f"/{path}", "value": value}])
    elif kind == "remove":
        if "a" in book.graph.twins and rest[0] in book.graph.twins["a"].contents:
            await book.do(second, "patch", "a", ops=[{"op": "remove", "path": f"/{rest[0]}"}])
    elif kind == "put":
        model, names = rest
        given = {"p": second, "c": {"q": second, "$metadata": {}}, "o": {"m": second}}
        await book.do(second, "twin-put", "a", model=model, contents={name: given[name] for name in sorted(names)})
    elif kind == "delete":
        await book.do(second, "twin-delete", "a")
    else:
        status = "BadNoCommunication" if rest[0] else "UncertainLastUsableValue"
        await book.do(second, "link", source="plant", kind="down", since=text(second), status=status, reason="r")


def naive(log, when, known):
    """The twin's contents by going through every event: writes up to a time, then the best sample of each path."""
    twin, model, samples = None, None, {}
    known_log = [event for event in log if event.recorded_at <= known]
    for event in known_log:
        if event.twin == "a" and event.recorded_at > when:
            continue
        body = event.body
        if event.kind == "twin-put":
            if twin is None or model != body["model"]:
                samples = {}
            model = body["model"]
            twin = {}
            for name, value in body["contents"].items():
                twin[name] = {k: v for k, v in value.items() if k != "$metadata"} if isinstance(value, dict) else value
                for path in (p for p in PATHS if p.split("/")[0] == name):
                    samples.pop(path, None)
        elif event.kind == "twin-delete":
            twin, samples = None, {}
        elif event.kind == "patch":
            (op,) = body["ops"]
            top, *rest = op["path"][1:].split("/")
            if op["op"] == "remove":
                twin.pop(top, None)
            elif rest:
                twin[top] = {**twin.get(top, {}), rest[0]: op["value"]}
            else:
                twin[top] = op["value"]
            for path in (p for p in PATHS if p == op["path"][1:] or p.startswith(op["path"][1:] + "/")):
                samples.pop(path, None)
        elif event.kind == "samples" and twin is not None:
            point, value, status, source_time, _, _ = body["readings"][0]
            usable = status != "BadTypeMismatch" and not (value is None and status.startswith("Bad"))
            if usable and source_time <= format_time(when):
                samples.setdefault(point[2:], []).append((source_time, event.seq, value))
    if twin is None:
        return None
    for path, found in sorted(samples.items(), key=lambda item: max(item[1])[1]):
        value = max(found)[2]
        top, *rest = path.split("/")
        if path != "t":
            if rest:
                twin[top] = {**twin.get(top, {}), rest[0]: value}
            else:
                twin[top] = value
    return twin


def run(check):
    """Runs a check on a book of its own; hypothesis calls it many times within one test."""

    async def inner():
        # Most of the samples that these few steps make go to the table, some are held.
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            patch.setattr("interop.ledger.recent.HELD", 4)
            patch.setattr("interop.ledger.recent.AT_LEAST", 1)
            ledger = await SqliteLedger.open(Path(folder))
            try:
                await check(Book(ledger))
            finally:
                await ledger.close()

    asyncio.run(inner())


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=25), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6))
def test_as_of_is_what_a_naive_replay_gives(steps, questions):
    async def check(book):
        await book.do(1, "twin-put", "a", model="m;1", contents={"p": 0})
        for second, step in enumerate(steps, start=2):
            await perform(book, second, step)
        for when, known in [*questions, (100, 100)]:
            found = await book.as_of(when, known=known)
            expected = naive(book.log, at(when), at(known))
            assert (None if found is None else found.contents) == expected

    run(check)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_as_of_now_is_the_live_twin_when_readings_come_in_order(steps):
    async def check(book):
        await book.do(1, "twin-put", "a", model="m;1", contents={"p": 0})
        for second, step in enumerate(steps, start=2):
            in_order = (*step[:3], 0, *step[4:]) if step[0] == "read" else step
            await perform(book, second, in_order)
        live = book.graph.twins.get("a")
        assert await book.as_of(1000) == live
        replayed = Graph()
        async for events in book.ledger.replay():
            for event in events:
                replayed.install(apply(replayed, event))
        assert replayed.twins.get("a") == live

    run(check)
