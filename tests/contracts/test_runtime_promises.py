"""What the contracts promise of points, events, state, time, ownership and requests, on the running whole."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dtdl.errors import ConfigInvalid, Conflict, DataCorrupt, Expired, RequestInvalid, ValueInvalid
from interop.config import load
from interop.event import Draft, Event
from interop.event_schema import event_schema
from interop.graph.document import components_of, document
from interop.ledger.sqlite import SqliteLedger
from interop.runtime.twins import Runtime
from interop.service import Caller
from interop.values import Point, utc_now
from tests.interop.runtime_bench import FILE, MODELS, US, V3, bench, cell, plant, until, value, write_project

REPLACE_GOAL = [{"op": "replace", "path": "/goal", "value": 21.5}]


def azure(runtime: Runtime, twin: str) -> dict[str, Any]:
    return document(runtime.graph.twins[twin], components_of(runtime.model))


# contract Point

FIELD = {
    "@context": V3,
    "@id": "dtmi:test:Crane;1",
    "@type": "Interface",
    "contents": [
        {
            "@type": "Property",
            "name": "place",
            "writable": True,
            "schema": {
                "@type": "Object",
                "fields": [{"name": "x", "schema": "double"}, {"name": "y", "schema": "double"}],
            },
        },
        {"@type": "Component", "name": "hook", "schema": "dtmi:test:Hook;1"},
    ],
}
HOOK = {
    "@context": V3,
    "@id": "dtmi:test:Hook;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "load", "schema": "double"}],
}
CRANE = """
megatwin: 1
models: [models/]
sources:
  yard: {memory: yard, initial: {X: 1.0, Y: 2.0, L: 3.0}}
twins:
  crane~1:
    model: dtmi:test:Crane;1
    bind: {yard: {map: {place/x: X, place/y: {name: Y, write: true}, hook/load: L}}}
"""


async def test_a_member_and_a_component_have_the_same_text_everywhere(tmp_path: Path) -> None:
    async with Runtime(load(write_project(tmp_path, CRANE, models=[FIELD, HOOK]))) as runtime:
        await until(lambda: runtime.graph.twins["crane~1"].value(("hook", "load")) == 3.0)
        assert runtime.graph.twins["crane~1"].contents == {"place": {"x": 1.0, "y": 2.0}, "hook": {"load": 3.0}}
        stored = {
            reading[0]
            for event in await runtime.events(0)
            if event.kind == "samples"
            for reading in event.body["readings"]
        }
        assert stored == {"crane~01/place/x", "crane~01/place/y", "crane~01/hook/load"}
        await runtime.patch_twin("crane~1", [{"op": "replace", "path": "/place/y", "value": 5.0}], US)
        assert plant_of(runtime, "yard").values["Y"].value == 5.0
        rows = await runtime.history("crane~1", ("place", "y"), None, None)
        assert [str(row.point) for row in rows][-1] == "crane~01/place/y"
        assert rows[-1].value == 5.0


def plant_of(runtime: Runtime, name: str) -> Any:
    return runtime.links[name].adapter


# contract Event


async def test_every_event_of_a_whole_life_fits_the_schema_and_names_its_model(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        plant(runtime, "east").methods["R"] = lambda depth: depth
        await runtime.patch_twin("p1", [*REPLACE_GOAL, {"op": "add", "path": "/note", "value": "n"}], US)
        await runtime.call(Point("p1", ("reset",)), 4, US)
        await runtime.put_twin("p3", {"$metadata": {"$model": "dtmi:test:Pump;1"}, "note": "spare"}, US)
        await runtime.put_relationship("station", "x", {"$relationshipName": "has", "$targetId": "p3"}, US)
        await runtime.delete_relationship("station", "x", US)
        await runtime.delete_twin("p3", US)
        plant(runtime, "west").cut()
        await until(lambda: cell(runtime, "p2/power").status.is_bad)
        events = await runtime.events(0, 10_000)
    schema = jsonschema.Draft202012Validator(event_schema())
    for event in events:
        schema.validate(json.loads(event.encode()))
    assert {event.kind for event in events} == {
        "model", "twin-put", "relationship-put", "link", "samples", "write", "patch", "command", "relationship-delete",
        "twin-delete",
    }  # fmt: skip
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for event in events:
        if event.kind in {"twin-put", "patch"}:
            assert event.body["model"].startswith("dtmi:test:")


async def test_a_kind_that_this_release_does_not_know_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path):
        pass
    ledger = await SqliteLedger.open(tmp_path / ".megatwin")
    strange: Any = "of-a-later-release"
    (stored,) = await ledger.append([Draft(kind=strange, twin="p1", actor="later", body={"any": ["thing", 1]})])
    await ledger.close()
    async with bench(tmp_path) as runtime:
        (found,) = await runtime.events(stored.seq - 1, 1)
        assert found == stored
        assert not await runtime.engine.ledger.verify()


def test_an_event_of_another_version_is_refused() -> None:
    event = Event(seq=1, kind="note", twin=None, recorded_at=utc_now(), actor="file", body={})
    with pytest.raises(DataCorrupt, match="version 2"):
        Event.decode(event.encode().replace(b'"v":1', b'"v":2'))


async def test_batches_are_published_densely_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        subscription = runtime.subscribe()
        first = runtime.graph.seq + 1
        await asyncio.gather(
            *(
                runtime.patch_twin("station", [{"op": "replace", "path": "/owner", "value": f"o{number}"}], US)
                for number in range(30)
            )
        )
        last = runtime.graph.seq
        async for batch in subscription:
            assert batch.first_seq == first
            assert batch.lost == 0
            first = batch.last_seq + 1
            if batch.last_seq >= last:
                break


# contract state and telemetry


async def test_telemetry_is_beside_the_twin_and_never_in_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        etag = runtime.graph.twins["p1"].etag
        plant(runtime, "east").feed("P", 4000.0)
        await until(lambda: value(runtime, "p1/power") == 4.0)
        assert runtime.graph.twins["p1"].etag == etag
        twin = azure(runtime, "p1")
        assert "power" not in twin
        assert "power" not in twin["$metadata"]
        assert value(runtime, "station/echo") == 4000.0  # connections see it


async def test_a_good_value_has_no_status_in_the_azure_form_and_any_other_has(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: "goal" in azure(runtime, "p1"))
        before = azure(runtime, "p1")["$metadata"]["goal"]
        assert set(before) == {"lastUpdateTime", "sourceTime"}
        plant(runtime, "east").cut()
        await until(lambda: cell(runtime, "p1/goal").status.is_bad)
        twin = azure(runtime, "p1")
        assert twin["goal"] == 20.0
        assert twin["$metadata"]["goal"]["status"] == "BadNoCommunication"


# contract time and contract units


async def test_a_derived_value_is_as_old_as_the_newest_of_what_it_follows(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "station/total") == 3000.0)
        at = utc_now() + timedelta(seconds=5)
        plant(runtime, "east").feed("P", 2500.0, source_time=at)
        await until(lambda: value(runtime, "station/total") == 3500.0)
        assert cell(runtime, "station/total").source_time == at
        assert cell(runtime, "station/echo").source_time == at
        plant(runtime, "west").feed("power", 2.0, source_time=at - timedelta(seconds=2))
        await until(lambda: value(runtime, "station/total") == 4500.0)
        assert cell(runtime, "station/total").source_time == at


def radio(function: str) -> tuple[str, Any]:
    levels = json.dumps(MODELS).replace('"kilowatt"', '"decibel"').replace('"watt"', '"decibel"')
    models = json.loads(levels.replace('"Power"', '"SoundPressure"'))
    text = FILE.replace("sum(parts/power)", f"{function}(parts/power)").replace("units: {P: watt}, ", "")
    text = text.replace("P: 2000.0", "P: 10.0").replace("power: 1.0", "power: 20.0")
    return text, models


@pytest.mark.parametrize(("function", "expected"), [("sum", 20.413927), ("mean", 17.403627), ("max", 20.0)])
async def test_logarithmic_units_are_added_as_linear_power(tmp_path: Path, function: str, expected: float) -> None:
    text, models = radio(function)
    async with Runtime(load(write_project(tmp_path, text, models=models))) as runtime:
        await until(lambda: (found := cell(runtime, "station/total")) is not None and found.status == "Good")
        assert value(runtime, "station/total") == pytest.approx(expected, abs=1e-5)


# contract ownership of twins


async def test_values_belong_to_the_ledger_and_are_never_reset_by_the_file(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        assert value(runtime, "station/owner") == "us"
    async with bench(tmp_path, FILE.replace("owner: us", "owner: them")) as runtime:
        assert value(runtime, "station/owner") == "us"


async def test_what_contradicts_the_file_is_a_conflict_that_names_file_and_line(tmp_path: Path) -> None:
    lines = FILE.splitlines()
    at = {
        name: next(i for i, line in enumerate(lines, 1) if line.startswith(f"  {name}:")) for name in ("station", "p1")
    }
    async with bench(tmp_path) as runtime:
        with pytest.raises(Conflict, match=rf"megatwin\.yaml:{at['p1']}"):
            await runtime.delete_twin("p1", US)
        with pytest.raises(Conflict, match=rf"megatwin\.yaml:{at['station']}"):
            await runtime.put_twin("station", {"$metadata": {"$model": "dtmi:test:Pump;1"}}, US)
        other = [{"op": "replace", "path": "/$metadata/$model", "value": "dtmi:test:Station;1"}]
        with pytest.raises(Conflict, match=rf"megatwin\.yaml:{at['p1']}"):
            await runtime.patch_twin("p1", other, US)
        first = next(iter(runtime.graph.outgoing("station")))
        with pytest.raises(Conflict, match=r"megatwin\.yaml:\d+"):
            await runtime.delete_relationship("station", first.id, US)
        with pytest.raises(Conflict, match=r"megatwin\.yaml:\d+"):
            await runtime.put_relationship("station", first.id, {"$relationshipName": "has", "$targetId": "p2"}, US)


async def test_another_model_is_taken_only_if_the_state_fits_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await runtime.put_twin("p3", {"$metadata": {"$model": "dtmi:test:Pump;1"}, "note": "spare"}, US)
        other = {"op": "replace", "path": "/$metadata/$model", "value": "dtmi:test:Station;1"}
        with pytest.raises(ValueInvalid, match="note"):
            await runtime.patch_twin("p3", [other], US)
        state = await runtime.patch_twin("p3", [{"op": "remove", "path": "/note"}, other], US)
        assert state.model == "dtmi:test:Station;1"


async def test_a_changed_model_must_fit_twins_that_the_file_does_not_name_too(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await runtime.put_twin("p3", {"$metadata": {"$model": "dtmi:test:Pump;1"}, "note": "spare"}, US)
    changed = json.loads(json.dumps(MODELS).replace('"note", "schema": "string"', '"note", "schema": "integer"'))
    with pytest.raises(ConfigInvalid, match="p3"):
        async with Runtime(load(write_project(tmp_path, models=changed))):
            pass
    async with bench(tmp_path) as runtime:
        assert value(runtime, "p3/note") == "spare"


async def test_a_model_that_the_file_drops_is_removed_only_with_apply_and_never_under_a_twin(tmp_path: Path) -> None:
    spare = {"@context": V3, "@id": "dtmi:test:Spare;1", "@type": "Interface"}
    path = write_project(tmp_path, models=[*MODELS, spare])
    async with Runtime(load(path)) as runtime:
        await runtime.put_twin("s", {"$metadata": {"$model": "dtmi:test:Spare;1"}}, US)
    with pytest.raises(ConfigInvalid, match="dtmi:test:Spare;1"):
        async with bench(tmp_path):
            pass
    async with Runtime(load(write_project(tmp_path, models=[*MODELS, spare]))) as runtime:
        await runtime.delete_twin("s", US)
    async with bench(tmp_path) as runtime:
        assert runtime.difference is not None
        assert runtime.difference.removals_said == ["model dtmi:test:Spare;1"]
    async with bench(tmp_path, apply=True) as runtime:
        (last,) = [event for event in await runtime.events(0, 10_000) if event.body.get("action") == "delete"]
        assert (last.kind, last.actor, last.body["id"]) == ("model", "file", "dtmi:test:Spare;1")
    async with bench(tmp_path) as runtime:
        assert runtime.difference is not None
        assert not runtime.difference.removals_said


# the data's way: requests to plants


@pytest.mark.parametrize("kind", ["write", "command"])
async def test_a_request_without_an_outcome_is_expired_at_the_next_start_and_never_sent_again(
    tmp_path: Path, kind: Any
) -> None:
    async def ask(runtime: Runtime, caller: Caller) -> Any:
        if kind == "write":
            return await runtime.patch_twin("p1", REPLACE_GOAL, caller)
        return await runtime.call(Point("p1", ("reset",)), 4, caller)

    async with bench(tmp_path) as runtime:
        plant(runtime, "east").methods["R"] = lambda depth: depth
        await ask(runtime, Caller("client:test", "r-0"))
        (like, *_) = [event for event in await runtime.events(0, 10_000) if event.kind == kind]
    assert like.body["phase"] == "requested"
    body = {**like.body, "request": "r-1"}
    ledger = await SqliteLedger.open(tmp_path / ".megatwin")
    (requested,) = await ledger.append([Draft(kind=kind, twin="p1", actor="client:test", body=body)])
    await ledger.close()

    caller = Caller("client:test", "r-1")
    for _ in range(2):  # and it stays so
        async with bench(tmp_path) as runtime:
            called: list[Any] = []
            plant(runtime, "east").methods["R"] = called.append
            ended = [event for event in await runtime.events(0, 10_000) if event.cause == requested.seq]
            assert [(event.kind, event.body["phase"]) for event in ended] == [(kind, "expired")]
            assert "outcome unknown" in ended[0].body["detail"]
            await until(lambda runtime=runtime: cell(runtime, "p1/goal").status == "Good")  # it was read again
            assert value(runtime, "p1/goal") == 20.0
            with pytest.raises(Expired, match="outcome unknown"):
                await ask(runtime, caller)
            assert plant(runtime, "east").values["G"].value == 20.0
            assert not called


async def test_a_patch_that_would_write_two_plants_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    text = FILE.replace(
        "      west: {map: {power: power,",
        "      east: {map: {limit: {name: L2, write: true}}}\n      west: {map: {power: power,",
    )
    async with bench(tmp_path, text.replace("L: 1.0,", "L: 1.0, L2: 1.0,")) as runtime:
        both = [*REPLACE_GOAL, {"op": "replace", "path": "/limit", "value": 9.0}]
        with pytest.raises(RequestInvalid, match="east, west") as caught:
            await runtime.patch_twin("p2", both, US)
        assert caught.value.code == "MultiplePlants"
        assert plant(runtime, "west").values["goal"].value == 500.0
        assert plant(runtime, "east").values["L2"].value == 1.0
        assert "write" not in {event.kind for event in await runtime.events(0, 10_000)}


async def test_a_client_that_goes_away_does_not_stop_its_write_half_way(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        asked = asyncio.create_task(runtime.patch_twin("p1", REPLACE_GOAL, US))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await until(lambda: value(runtime, "p1/goal") == 21.5)
        phases = [event.body["phase"] for event in await runtime.events(0, 10_000) if event.kind == "write"]
        assert phases == ["requested", "done"]
