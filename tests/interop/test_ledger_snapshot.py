"""Snapshots and the whole graph as of a time: always what the events come to."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from interop.event import Draft
from interop.graph.state import Cell, Relationship, Stamps, TwinState, packed
from interop.graph.store import Graph
from interop.graph.transition import apply, etag_of
from interop.ledger.layout import DATABASE_NAME
from interop.ledger.snapshot import Saved, decode, encode
from interop.ledger.sqlite import SqliteLedger
from interop.ledger.verify import verify_file
from interop.values import Status, format_time
from tests.interop.runtime_bench import US, bench

TWINS = ["a", "b", "c~/d", "e"]


class Story:
    """Random events of every kind, with readings that come late or from the future."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def time(self):
        return datetime.now(UTC) + timedelta(milliseconds=self.chance.randrange(-40, 20))

    def draft(self):
        chance = self.chance
        twin = chance.choice(TWINS)
        kind = chance.choice(
            ["put", "patch", "patch", "samples", "samples", "samples", "link", "delete", "rel", "unrel"]
        )
        make = {
            "put": lambda: ("twin-put", twin, {"model": chance.choice("mn"), "contents": {
                "x": chance.random(), "c": {"$metadata": {}, "y": chance.randrange(9)}}}),
            "patch": lambda: ("patch", twin, {"ops": [
                {"op": "add", "path": chance.choice(["/x", "/z"]), "value": chance.random()}]}),
            "samples": self.samples,
            "link": lambda: ("link", None, {
                "source": chance.choice("st"), "kind": "down", "status": "BadNoCommunication", "reason": "lost",
                "since": format_time(self.time())}),
            "delete": lambda: ("twin-delete", twin, {}) if chance.random() < 0.3 else self.samples(),
            "rel": lambda: ("relationship-put", twin, {"id": chance.choice("pq"), "name": "feeds",
                                                       "target": chance.choice(TWINS), "contents": {"w": 1}}),
            "unrel": lambda: ("relationship-delete", twin, {"id": chance.choice("pq")}),
        }  # fmt: skip
        name, of, body = make[kind]()
        return Draft(kind=name, twin=of, actor="t", body=body)

    def samples(self):
        chance = self.chance
        rows = [
            [f"{chance.choice(TWINS).replace('~', '~0').replace('/', '~1')}/{chance.choice(['x', 'c/y', 't'])}",
             chance.random(), chance.choice(["Good", "Good", "UncertainLastUsableValue"]),
             format_time(self.time()), None, "p"]
            for _ in range(chance.randrange(1, 5))
        ]  # fmt: skip
        for row in rows:
            row[5] = "t" if row[0].endswith("/t") else "p"
        return "samples", None, {"source": chance.choice("st"), "readings": rows}


async def tell(ledger, graph, story, count, every):
    """Appends a story and takes a snapshot now and then; gives the times that it has."""
    changed, times = set(), []
    for number in range(1, count + 1):
        for event in await ledger.append([story.draft() for _ in range(3)]):
            delta = apply(graph, event)
            graph.install(delta)
            changed |= {*delta.twins, *(twin for twin, _ in delta.relationships)}
            times.append(event.recorded_at)
        if number % every == 0:
            await ledger.keep(graph.seq, len(graph.twins), [
                Saved(twin, graph.twin(twin), graph.outgoing(twin)) for twin in changed
            ])  # fmt: skip
            changed = set()
    return times


@pytest.mark.parametrize("seed", range(6))
async def test_the_graph_as_of_a_time_is_every_twin_as_of_it(tmp_path, seed):
    story = Story(seed)
    ledger = await SqliteLedger.open(tmp_path)
    graph = Graph()
    times = await tell(ledger, graph, story, 60, 13)
    for _ in range(25):
        at = story.chance.choice(times) + timedelta(milliseconds=story.chance.randrange(-3, 3))
        known_at = story.chance.choice([None, *times])
        past = await ledger.graph_as_of(at, known_at=known_at)
        for twin in TWINS:
            assert past.twin(twin) == await ledger.as_of(twin, at, known_at=known_at)
    now = await ledger.graph_as_of(times[-1], known_at=times[-1])
    assert [link for twin in TWINS for link in now.outgoing(twin)] == [
        link for twin in TWINS for link in graph.outgoing(twin)
    ]
    await ledger.close()
    assert verify_file(tmp_path).problems == []


@pytest.mark.parametrize("seed", range(4))
async def test_a_snapshot_and_the_events_after_it_are_the_graph(tmp_path, seed):
    ledger = await SqliteLedger.open(tmp_path)
    graph = Graph()
    await tell(ledger, graph, Story(seed), 50, 15)
    await ledger.close()
    again = await SqliteLedger.open(tmp_path)
    seq, slices = await again.snapshot()
    rows = {saved.twin: saved for piece in [part async for part in slices] for saved in piece}
    assert seq == 135
    built = Graph()
    events = [event async for piece in again.replay() for event in piece]
    for event in events[:seq]:
        built.install(apply(built, event))
    assert {twin: saved.state for twin, saved in rows.items() if saved.state} == dict(built.twins)
    for twin, saved in rows.items():
        assert list(saved.outgoing) == list(built.outgoing(twin))
    assert [event async for piece in again.replay(seq) for event in piece] == events[seq:]
    await again.close()


def test_a_row_gives_back_what_it_was_made_of():
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    state = TwinState(
        id="t", model="m;1", contents={"a/b": 1, "c": {"d\n~1": [1, {"x": None}]}}, etag=etag_of(7), seq=9,
        changed_at=at,
        updated=Stamps({("a/b",): at, ("c", "d\n~1"): at + timedelta(seconds=1)}),
        cells={
            ("c", "e~"): Cell(0.1, Status("BadNoCommunication"), at, None, "s", 8, "lost"),
            ("-", "r", "w"): Cell("v", source="s"),
        },
    )  # fmt: skip
    links = [Relationship(id="r", source="t", name="n", target="u", contents={"w": 2.5}, etag=etag_of(3), seq=4)]
    for saved in (Saved("t", state, links, [True, ["r"]]), Saved("t", None, [], None)):
        assert decode("t", encode(saved)) == saved


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE state SET body = CAST('[null,[],null]' AS BLOB) WHERE id = 2",
        "UPDATE state SET twin = 'other' WHERE id = 2",
        "DELETE FROM state WHERE id = 2",
        "UPDATE snapshot SET twins = twins + 1",
        "UPDATE snapshot SET seq = seq + 1",
        "UPDATE span SET earliest = earliest + 1",
        "DELETE FROM span",
    ],
)
async def test_a_snapshot_that_says_other_than_the_events_is_found(tmp_path, harm):
    ledger = await SqliteLedger.open(tmp_path)
    await tell(ledger, Graph(), Story(3), 20, 10)
    await ledger.close()
    assert verify_file(tmp_path).problems == []
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    assert connection.execute(harm).rowcount
    connection.commit()
    connection.close()
    assert verify_file(tmp_path).problems


def test_stamps_are_a_mapping_like_a_dict():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = {("a",): at, ("b", "c"): at}
    two = {("a",): at, ("b", "c"): at + timedelta(seconds=1)}
    for given in ({}, one, two):
        assert Stamps(given) == given
        assert dict(Stamps(given)) == given
        assert list(Stamps(given).values()) == list(given.values())
    assert ("x",) not in Stamps(two)
    assert Stamps(two).get(("x",)) is None


async def test_a_start_replays_only_what_came_after_the_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr("interop.runtime.snapshots.WORTH", 1)
    async with bench(tmp_path) as runtime:
        await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "kept"}], US)
        before = dict(runtime.graph.twins)
        seq = runtime.graph.seq
    replayed = []
    plain = SqliteLedger.replay

    def watched(self, since=0):
        replayed.append(since)
        return plain(self, since)

    monkeypatch.setattr(SqliteLedger, "replay", watched)
    monkeypatch.setattr("interop.runtime.snapshots.WORTH", 1_000)
    async with bench(tmp_path) as runtime:
        assert replayed == [seq]
        assert runtime.difference is not None
        assert runtime.difference.drafts == []
        for twin, state in before.items():
            assert runtime.graph.twins[twin].contents == state.contents
            assert runtime.graph.twins[twin].etag == state.etag
        data = runtime.configuration.data
    assert verify_file(data).problems == []


async def test_a_damaged_snapshot_is_said_and_every_event_is_read(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("interop.runtime.snapshots.WORTH", 1)
    async with bench(tmp_path) as runtime:
        await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "kept"}], US)
        data = runtime.configuration.data
    connection = sqlite3.connect(data / DATABASE_NAME)
    connection.execute("UPDATE state SET body = CAST('[null,[],null]' AS BLOB)")
    connection.commit()
    connection.close()
    with caplog.at_level(logging.WARNING):
        async with bench(tmp_path) as runtime:
            assert runtime.graph.twins["p1"].value(("note",)) == "kept"
            assert len(runtime.graph.twins) > 1
    assert "every event is read instead" in caplog.text


async def test_snapshots_are_taken_while_events_come_and_know_what_the_file_made(tmp_path, monkeypatch):
    monkeypatch.setattr("interop.runtime.snapshots.EVENTS", 2)
    async with bench(tmp_path) as runtime:
        for number in range(10):
            await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": str(number)}], US)
            await asyncio.sleep(0.01)
        data = runtime.configuration.data
    assert verify_file(data).problems == []
    connection = sqlite3.connect(data / DATABASE_NAME)
    assert connection.execute("SELECT count(*) FROM snapshot").fetchone()[0] > 1
    rows = connection.execute("SELECT twin, body FROM state").fetchall()
    connection.close()
    assert {twin for twin, body in rows if decode(twin, body).marks} >= {"p1", "p2", "station"}


async def test_a_start_is_told_of_all_models_and_of_the_newest_requests(tmp_path, monkeypatch):
    ledger = await SqliteLedger.open(tmp_path)
    model = {"id": "dtmi:x;1", "text": "{}", "action": "put"}
    drafts = [
        Draft(kind="model", twin=None, actor="t", body=model),
        Draft(kind="note", twin=None, actor="t", body={"request": "no"}),
        Draft(kind="twin-put", twin="a", actor="t", body={"model": "m;1", "contents": {}}),
        Draft(kind="patch", twin="a", actor="t", body={"ops": []}),
        Draft(kind="patch", twin="a", actor="t", body={"ops": [], "request": "r", "digest": "d"}),
        Draft(kind="write", twin="a", actor="t", body={"phase": "requested", "points": {"a/x": 1}}),
        Draft(kind="command", twin="a", actor="t", body={"phase": "requested", "points": "a/c", "argument": None}),
    ]
    await ledger.append(drafts)
    assert [event.seq for event in await ledger.told(7)] == [1, 5, 6, 7]
    assert [event.seq for event in await ledger.told(6)] == [1, 5, 6]
    monkeypatch.setattr("interop.ledger.reader.MAX_TOLD", 2)
    assert [event.seq for event in await ledger.told(7)] == [1, 6, 7]
    await ledger.close()


def test_packed_contents_are_a_dict_as_before():
    for given in ({}, {"__class__": 1, "__dict__": [2], "a b": {"c": None}}, {str(n): n for n in range(40)}):
        found = packed(dict(given))
        assert type(found) is dict
        assert found == given
        assert list(found) == list(given)
        found["more"] = 1
        assert packed(dict(given)) == given
