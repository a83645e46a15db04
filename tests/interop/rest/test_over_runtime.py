"""The same routes and client over the real runtime: ledger, compiled models, plants that refuse, fall silent and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

from dtdl.errors import (
    Conflict,
    Expired,
    LinkDown,
    PreconditionFailed,
    Refused,
    RequestInvalid,
    TwinNotFound,
    ValueInvalid,
)
from interop.config.plan import Address
from interop.rest import messages
from interop.rest.client import AsyncClient, connect
from interop.rest.server import RestServer
from interop.runtime.twins import Runtime
from interop.values import Status, utc_now
from tests.interop.runtime_bench import FILE, bench, cell, plant, until, value

PUMP = "dtmi:test:Pump;1"


@asynccontextmanager
async def served(folder: Path, text: str = FILE) -> AsyncIterator[tuple[Runtime, AsyncClient]]:
    async with bench(folder, text) as runtime:
        server = RestServer(runtime, Address("127.0.0.1", 0))
        await server.start()
        try:
            async with connect(server.url) as twins:
                yield runtime, twins
        finally:
            await server.stop()


async def test_values_of_a_plant_come_with_unit_status_and_source(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await until(lambda: value(runtime, "station/total") == 3000.0)
        pump = await twins.about("p1")
        power = pump.values["power"]
        assert (power.value, power.unit, power.status, power.source) == (2.0, "kilowatt", "Good", "east")
        assert pump.values["note"].status == "BadNoData"
        assert (pump.kind, pump.sources, pump.commands) == ("twin", {"east": "up"}, ["reset"])
        station = await twins.about("station")
        assert (station.kind, sorted(station.parts or ())) == ("mega-twin", ["p1", "p2"])
        assert station.values["total"].source == "roll-up"
        assert {twin.twin: twin.kind for twin in await twins.list()} == {
            "p1": "twin", "p2": "twin", "station": "mega-twin",
        }  # fmt: skip
        assert (await twins.health()).ready


async def test_a_twin_comes_as_an_instance_of_its_compiled_class(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await until(lambda: value(runtime, "p1/goal") == 20.0)
        pump = await twins.get("p1", runtime.types[PUMP])
        assert pump.goal == 20.0
        assert pump.dt_id == "p1"
        assert pump.etag == runtime.graph.twins["p1"].etag


async def test_a_change_in_the_plant_reaches_the_stream(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await until(lambda: value(runtime, "station/total") == 3000.0)
        stream = twins.stream(["station"], ["total"])
        await anext(stream)
        plant(runtime, "west").feed("power", 1.5)
        change = await anext(stream)
        assert isinstance(change, messages.Change)
        assert change.sample is not None
        assert (change.path, change.sample.value, change.sample.unit) == ("total", 3500.0, "watt")
        await stream.aclose()


async def test_a_write_reaches_the_plant_once_for_each_request_id(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await asyncio.gather(*(twins.set("p1/goal", 21.5, request_id="one") for _ in range(3)))
        assert plant(runtime, "east").values["G"].value == 21.5
        assert [event.kind for event in await runtime.events(0)].count("write") == 2
        with pytest.raises(Conflict):
            await twins.set("p1/goal", 1.0, request_id="one")


async def test_what_a_plant_refuses_is_400_with_its_code_and_each_result(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        plant(runtime, "east").refuse["L"] = "BadOutOfRange"
        patch = [{"op": "replace", "path": "/goal", "value": 22.5}, {"op": "replace", "path": "/limit", "value": 9.0}]
        with pytest.raises(Refused) as caught:
            await twins.patch("p1", patch)
        assert caught.value.code == "BadOutOfRange"
        assert caught.value.results == {"p1/goal": "done", "p1/limit": "refused BadOutOfRange"}
        assert (await twins.about("p1")).values["limit"].value == 1.0


async def test_a_link_that_is_down_is_503_with_when_to_try_again(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        plant(runtime, "east").cut("the cable is out")
        await until(lambda: cell(runtime, "p1/power").status == "BadNoCommunication")
        with pytest.raises(LinkDown) as caught:
            await twins.set("p1/goal", 1.0)
        assert caught.value.retry_after_s >= 1
        pump = await twins.about("p1")
        assert pump.values["power"].status == "BadNoCommunication"
        assert "the cable is out" in (pump.values["power"].reason or "")
        assert pump.degraded
        assert (await twins.about("station")).degraded
        plant(runtime, "east").restore()
        await until(lambda: runtime.links["east"].now.state == "up")
        await twins.set("p1/goal", 1.0)
        await until(lambda: not runtime.about("station").degraded)


async def test_what_a_plant_does_not_confirm_is_504(tmp_path: Path) -> None:
    text = FILE.replace("west: {memory: west,", "west: {defaults: {deadline: 300 ms}, memory: west,")
    async with served(tmp_path, text) as (runtime, twins):
        plant(runtime, "west").stuck.add("goal")
        with pytest.raises(Expired, match="p2/goal"):
            await twins.set("p2/goal", 1.0)


async def test_a_value_against_the_model_is_named_with_its_path(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, twins):
        with pytest.raises(ValueInvalid) as caught:
            await twins.set("station/owner", 5)
        assert [found.property_name for found in caught.value.diagnostics] == ["owner"]
        with pytest.raises(RequestInvalid):
            await twins.put("other", {"$metadata": {"$model": "dtmi:test:Nothing;1"}})
        with pytest.raises(RequestInvalid):
            await twins.call("station/owner")


async def test_an_etag_holds_while_a_plant_changes_its_values(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await until(lambda: value(runtime, "p1/goal") == 20.0)
        etag = (await twins.get("p1"))["$etag"]
        plant(runtime, "east").feed("G", 23.0)
        await until(lambda: value(runtime, "p1/goal") == 23.0)
        twin = await twins.get("p1")
        assert (twin["goal"], twin["$etag"]) == (23.0, etag)
        await twins.patch("p1", [{"op": "add", "path": "/note", "value": "x"}], if_match=etag)
        with pytest.raises(PreconditionFailed):
            await twins.patch("p1", [{"op": "add", "path": "/note", "value": "y"}], if_match=etag)


async def test_a_command_calls_the_plant(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        plant(runtime, "east").methods["R"] = lambda depth: depth + 1
        assert await twins.call("p1/reset", 4) == 5
        with pytest.raises(ValueInvalid):
            await twins.call("p1/reset", "deep")


async def test_a_command_that_the_model_lacks_is_404_with_its_own_code(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, twins):
        for name in ("launch", "power", "motor/launch"):
            with pytest.raises(TwinNotFound) as caught:
                await twins.call(f"p1/{name}")
            assert caught.value.code == "CommandNotFound"


async def test_the_past_is_read_and_a_stream_resumes_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await until(lambda: value(runtime, "p1/goal") == 20.0)
        await until(lambda: value(runtime, "station/total") == 3000.0)
        then = utc_now()
        stream = twins.stream(["p1"])
        await anext(stream)
        await stream.aclose()
        seen = runtime.graph.seq
        await twins.set("p1/note", "before")
        await twins.set("p1/note", "after")
    async with served(tmp_path) as (runtime, twins):
        stream = twins.stream(["p1"], ["note"], since=seen)
        assert isinstance(await anext(stream), messages.Opened)
        found = [await anext(stream) for _ in range(2)]
        assert [getattr(change, "path", None) for change in found] == ["note", "note"]
        await stream.aclose()
        assert (await twins.about("p1", at=then)).values["note"].value is None
        assert (await twins.about("p1")).values["note"].value == "after"
        assert [row.value for row in (await twins.history("p1/note")).rows] == ["before", "after"]


async def test_a_resumed_stream_is_what_the_live_stream_was(tmp_path: Path) -> None:
    async with served(tmp_path) as (runtime, twins):
        await until(lambda: value(runtime, "station/total") == 3000.0)
        start, west, live = runtime.graph.seq, plant(runtime, "west"), []
        stream = twins.stream()
        assert isinstance(await anext(stream), messages.Opened)
        west.feed("power", None, Status("BadSensorFailure"))
        await until(lambda: cell(runtime, "p2/power").status == "BadSensorFailure")
        west.cut("cable")
        await until(lambda: cell(runtime, "p2/power").status == "BadNoCommunication")
        west.restore()
        await until(lambda: runtime.links["west"].now.state == "up")
        west.feed("power", 5.0)
        await until(lambda: value(runtime, "station/total") == 7000.0)
        west.feed("power", 4.0, source_time=utc_now() - timedelta(hours=1))  # late: no change
        await twins.put("new", {"$metadata": {"$model": PUMP}, "note": "first"})
        for note in ("one", "two"):
            await twins.set("new/note", note)
        await twins.patch("new", [{"op": "remove", "path": "/note"}])
        await twins.delete("new")
        west.cut("again")
        await until(lambda: cell(runtime, "p2/power").status == "BadNoCommunication")
        await twins.set("p1/note", "last")
        while not live or live[-1].path != "note" or live[-1].twin != "p1":
            change = await anext(stream)
            assert isinstance(change, messages.Change)
            live.append(change)
        await stream.aclose()
        for wanted in ((), ("p2",), ("station", "new")):
            expected = [change for change in live if not wanted or change.twin in wanted]
            stream = twins.stream(wanted, since=start)
            await anext(stream)
            assert [await anext(stream) for _ in expected] == expected
            await stream.aclose()
    assert [change.sample.value for change in live if change.twin == "new" and change.sample] == ["one", "two", None]
    assert any(change.twin == "p2" and change.sample and "cable" in (change.sample.reason or "") for change in live)


async def test_replies_over_the_runtime_are_what_the_document_says(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, twins), httpx.AsyncClient(base_url=str(twins._url), trust_env=False) as http:
        document = (await http.get("/openapi.json")).json()
        for path in ("/v1/twins", "/v1/twins/{id}", "/v1/twins/{id}/history", "/v1/health"):
            reply = await http.get(path.replace("{id}", "station"))
            content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(reply.json())
