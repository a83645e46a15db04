"""What events do to twins: rules of state, telemetry, quality and ETags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interop.event import Event
from interop.graph.store import Graph, Head
from interop.graph.transition import apply
from interop.values import format_time

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(second):
    return T0 + timedelta(seconds=second)


def text(second):
    return format_time(at(second))


class World:
    """A graph that events are applied to, numbered and one second apart."""

    def __init__(self):
        self.graph = Graph()
        self.changes = []

    def do(self, kind, twin=None, /, **body):
        seq = self.graph.seq + 1
        event = Event(seq=seq, kind=kind, twin=twin, recorded_at=at(seq), actor="client:test", body=body)
        delta = apply(self.graph, Event.decode(event.encode()))
        self.graph.install(delta)
        self.changes = list(delta.changes)
        return self.graph.twins.get(twin)

    def read(self, point, value, *, second, status="Good", kind="p", source="plant"):
        self.do("samples", source=source, readings=[[point, value, status, text(second), None, kind]])
        return self.graph.twins.get(point.split("/")[0])


@pytest.fixture
def world():
    made = World()
    made.do("twin-put", "a", model="dtmi:x:A;1", contents={"p": 1, "c": {"q": 2, "$metadata": {}}, "o": {"m": 1}})
    return made


def test_a_put_makes_a_twin_without_dollar_keys(world):
    twin = world.graph.twins["a"]
    assert twin.contents == {"p": 1, "c": {"q": 2}, "o": {"m": 1}}
    assert set(twin.updated) == {("p",), ("c", "q"), ("o",)}
    assert twin.etag.startswith('W/"')
    assert twin.seq == 1


def test_a_property_reading_changes_state_and_keeps_the_etag(world):
    before = world.graph.twins["a"]
    twin = world.read("a/c/q", 5, second=100)
    assert twin.contents["c"]["q"] == 5
    assert twin.value(("c", "q")) == 5
    assert twin.etag == before.etag
    assert twin.updated["c", "q"] == at(2)
    assert before.contents["c"]["q"] == 2
    assert [(c.kind, c.path, c.cell.value) for c in world.changes] == [("value", ("c", "q"), 5)]


def test_a_member_of_an_object_is_set_in_place(world):
    assert world.read("a/o/m", 7, second=100).contents["o"] == {"m": 7}


def test_telemetry_stays_beside_the_twin(world):
    twin = world.read("a/t", 5, second=100, kind="t")
    assert "t" not in twin.contents
    assert ("t",) not in twin.updated
    assert twin.value(("t",)) == 5


def test_a_late_reading_changes_nothing(world):
    world.read("a/p", 10, second=100)
    twin = world.read("a/p", 9, second=99)
    assert twin.value(("p",)) == 10
    assert twin.seq == 2
    assert world.changes == []
    assert world.read("a/p", 11, second=100).value(("p",)) == 11


def test_a_type_mismatch_replaces_no_value(world):
    world.read("a/p", 10, second=100)
    twin = world.read("a/p", "ten", second=101, status="BadTypeMismatch")
    assert twin.contents["p"] == 10
    cell = twin.cells["p",]
    assert (cell.value, cell.status, cell.source_time) == (10, "BadTypeMismatch", at(101))
    assert "ten" in cell.reason
    assert len(world.changes) == 1


def test_a_reading_can_say_why_it_is_not_good(world):
    row = ["a/p", 1, "UncertainSubNormal", text(100), None, "p", "1 of 2 known"]
    world.do("samples", source="roll-up", readings=[row])
    assert world.graph.twins["a"].cells["p",].reason == "1 of 2 known"


def test_a_bad_status_without_a_value_keeps_the_last_one(world):
    world.read("a/p", 10, second=100)
    twin = world.read("a/p", None, second=101, status="BadNoCommunication")
    assert (twin.cells["p",].value, twin.cells["p",].status) == (10, "BadNoCommunication")
    assert twin.contents["p"] == 10


def test_a_lost_link_turns_every_value_of_its_source_and_no_other(world):
    world.read("a/p", 10, second=100)
    world.read("a/t", 3, second=100, kind="t", source="other")
    world.do("link", source="plant", kind="down", since=text(101), status="BadNoCommunication", reason="cut")
    twin = world.graph.twins["a"]
    assert (twin.cells["p",].value, twin.cells["p",].status, twin.cells["p",].reason) == (
        10,
        "BadNoCommunication",
        "cut",
    )
    assert twin.cells["t",].status == "Good"
    assert [change.kind for change in world.changes] == ["link", "value"]
    assert world.read("a/p", 11, second=102).cells["p",].status == "Good"


def test_a_patch_is_the_clients_word_and_changes_the_etag(world):
    before = world.read("a/p", 10, second=100)
    twin = world.do("patch", "a", ops=[{"op": "replace", "path": "/p", "value": 3}], model="dtmi:x:A;2")
    assert twin.contents["p"] == 3
    assert twin.value(("p",)) == 3
    assert twin.etag != before.etag
    assert twin.model == "dtmi:x:A;2"
    assert [(c.kind, c.path) for c in world.changes] == [("twin", ("p",))]


def test_an_empty_patch_still_publishes_one_change(world):
    world.do("patch", "a", ops=[])
    assert len(world.changes) == 1


def test_a_put_keeps_what_sources_gave_and_drops_what_it_names(world):
    world.read("a/p", 10, second=100)
    world.read("a/c/q", 20, second=100)
    world.read("a/t", 30, second=100, kind="t")
    twin = world.do("twin-put", "a", model="dtmi:x:A;1", contents={"p": 1})
    assert twin.contents == {"p": 1, "c": {"q": 20}}
    assert set(twin.cells) == {("c", "q"), ("t",)}
    twin = world.do("twin-put", "a", model="dtmi:x:B;1", contents={"p": 1})
    assert not twin.cells
    assert twin.contents == {"p": 1}


def test_a_batch_touches_each_twin_once_and_publishes_in_order(world):
    world.do("twin-put", "b", model="dtmi:x:A;1", contents={})
    readings = [[f"{twin}/p", n, "Good", text(n), None, "p"] for n in range(5) for twin in "ab"]
    world.do("samples", source="plant", readings=[*readings, ["gone/p", 1, "Good", text(1), None, "p"]])
    assert [change.cell.value for change in world.changes] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert world.graph.twins["a"].value(("p",)) == 4
    assert "gone" not in world.graph.twins
    assert set(world.graph.fed_by("plant")) == {"a", "b"}


def test_a_deleted_twin_is_gone_from_every_index(world):
    world.read("a/p", 10, second=100)
    world.do("twin-delete", "a")
    assert "a" not in world.graph.twins
    assert not world.graph.fed_by("plant")
    assert [change.kind for change in world.changes] == ["twin-deleted"]


def test_relationships_are_found_from_both_ends(world):
    for target in ("c", "b"):
        world.do("relationship-put", "a", id=f"r-{target}", name="has", target=target, contents={"w": 1})
    assert [r.id for r in world.graph.outgoing("a")] == ["r-b", "r-c"]
    assert [r.id for r in world.graph.outgoing("a", "has")] == ["r-b", "r-c"]
    assert list(world.graph.outgoing("a", "other")) == []
    assert [r.source for r in world.graph.incoming("b")] == ["a"]
    world.do("relationship-put", "a", id="r-b", name="has", target="c", contents={})
    assert not world.graph.incoming("b")
    assert [r.id for r in world.graph.incoming("c")] == ["r-b", "r-c"]
    world.do("relationship-delete", "a", id="r-b")
    assert world.graph.relationship("a", "r-b") is None
    assert world.graph.relationship_count == 1
    assert [change.kind for change in world.changes] == ["relationship-deleted"]


def test_a_reading_can_address_a_property_of_a_relationship(world):
    world.do("relationship-put", "a", id="r", name="has", target="b", contents={"w": 1})
    world.read("a/-/r/w", 4, second=100)
    assert world.graph.relationship("a", "r").contents == {"w": 4}
    world.read("a/-/r/w", None, second=101, status="BadNoData")
    assert world.graph.relationship("a", "r").contents == {"w": 4}
    assert "-" not in world.graph.twins["a"].contents


def test_a_telemetry_message_keeps_its_last_value(world):
    twin = world.do("telemetry", "a", path=["t"], value=4, message="m1", sourceTime=text(50))
    assert twin.value(("t",)) == 4
    assert world.changes[0].kind == "telemetry"
    assert world.do("telemetry", "a", path=None, value={"x": 1}, message="m2", sourceTime=text(51)) is twin


def test_writes_and_commands_are_published_and_change_nothing(world):
    before = world.graph.twins["a"]
    world.do("command", "a", phase="requested", points="a/reset", argument=None, request="1")
    assert world.changes[0].kind == "command"
    assert world.changes[0].detail["phase"] == "requested"
    assert world.graph.twins["a"] is before


def test_unknown_kinds_change_nothing(world):
    world.do("from-the-future", "a", anything=1)
    assert world.changes == []


def test_the_head_sees_what_waits_and_the_graph_does_not():
    graph = Graph()
    head = Head(graph)
    for seq, kind, twin, body in [
        (1, "twin-put", "a", {"model": "m", "contents": {"p": 1}}),
        (2, "patch", "a", {"ops": [{"op": "add", "path": "/p", "value": 2}]}),
        (3, "relationship-put", "a", {"id": "r", "name": "n", "target": "a"}),
        (4, "samples", None, {"source": "s", "readings": [["a/p", 3, "Good", text(1), None, "p"]]}),
    ]:
        event = Event(seq=seq, kind=kind, twin=twin, recorded_at=at(seq), actor="x", body=body)
        head.push(apply(head, event))
    assert head.twin("a").contents == {"p": 3}
    assert not graph.twins
    assert [r.id for r in head.outgoing("a")] == ["r"]
    assert [r.id for r in head.incoming("a")] == ["r"]
    assert set(head.fed_by("s")) == {"a"}
    assert [delta.seq for delta in head.commit(2)] == [1, 2]
    assert graph.twins["a"].contents == {"p": 2}
    assert graph.seq == 2
    assert head.twin("a").contents == {"p": 3}
    assert head.seq == 4
    head.rewind(3)
    assert head.seq == 3
    assert head.twin("a").contents == {"p": 2}
    assert head.pending == 1
    assert [r.id for r in head.outgoing("a")] == ["r"]
    head.reset()
    assert head.twin("a").contents == {"p": 2}
    assert head.pending == 0
    assert list(head.outgoing("a")) == []
