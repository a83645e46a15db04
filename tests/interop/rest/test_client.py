from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from pydantic import BaseModel, Field

from dtdl.errors import (
    Conflict,
    Expired,
    InteropError,
    LinkDown,
    MegatwinError,
    Overloaded,
    PreconditionFailed,
    Refused,
    RequestInvalid,
    TwinNotFound,
    Unreachable,
    ValueInvalid,
)
from interop.config.plan import Address
from interop.rest import messages
from interop.rest.client import AsyncClient, Client, connect
from interop.rest.problem import error_of, failure_of
from interop.rest.server import RestServer
from interop.values import Point, Reading, Sample, utc_now
from tests.interop.rest.memory_service import ROOM, MemoryService
from tests.interop.rest.running import Running, running

HUMIDITY = Point("room", ("humidity",))


class Vent(BaseModel):
    speed: float


class Room(BaseModel):
    dt_id: str = Field(alias="$dtId")
    temperature: float
    vent: Vent


@pytest.fixture
async def twins(server: RestServer) -> AsyncIterator[AsyncClient]:
    async with connect(server.url) as twins:
        yield twins


@pytest.fixture
def live() -> Iterator[Running]:
    with running() as found:
        yield found


async def test_a_twin_comes_as_an_instance_of_its_class(twins: AsyncClient) -> None:
    room = await twins.get("room", Room)
    assert (room.dt_id, room.temperature, room.vent.speed) == ("room", 21.5, 3.0)
    assert (await twins.get("room"))["$metadata"]["$model"] == ROOM


async def test_twins_are_put_patched_set_and_deleted(twins: AsyncClient) -> None:
    made = await twins.put("a/b", {"$metadata": {"$model": ROOM}}, if_none_match="*")
    assert made["$dtId"] == "a/b"
    await twins.patch("a/b", [{"op": "add", "path": "/name", "value": "x"}], if_match=made["$etag"])
    await twins.set("a~1b/temperature", 5)
    await twins.set(Point("room", ("vent", "speed")), 7.5)
    assert (await twins.get("a/b"))["temperature"] == 5
    assert (await twins.get("room"))["vent"]["speed"] == 7.5
    assert [twin.twin for twin in await twins.list()] == ["a/b", "room"]
    await twins.delete("a/b")
    assert [twin.twin for twin in await twins.list()] == ["room"]


async def test_relationships_are_put_listed_over_pages_and_deleted(twins: AsyncClient) -> None:
    await twins.put("hall", {"$metadata": {"$model": ROOM}})
    for index in range(103):
        link = {"$targetId": "room", "$relationshipName": "contains"}
        await twins.put_relationship("hall", f"r{index:03}", link)
    assert len(await twins.relationships("hall")) == 103
    assert await twins.relationships("hall", "other") == []
    await twins.delete_relationship("hall", "r000")
    assert len(await twins.relationships("hall", "contains")) == 102
    assert (await twins.about("hall")).kind == "mega-twin"


async def test_what_a_twin_is_its_past_and_its_commands(twins: AsyncClient, service: MemoryService) -> None:
    start = utc_now()
    service.read([Reading(HUMIDITY, Sample(40.0))])
    then = utc_now()
    service.read([Reading(HUMIDITY, Sample(50.0))])
    assert (await twins.about("room")).values["humidity"].value == 50.0
    assert (await twins.about("room", at=then)).values["humidity"].value == 40.0
    rows = (await twins.history("room/humidity", start, utc_now())).rows
    assert [row.value for row in rows] == [40.0, 50.0]
    assert (await twins.history("room", limit=1)).more
    assert (await twins.history(HUMIDITY, utc_now() + timedelta(days=1))).rows == []
    assert await twins.call("room/reset", 3) == "reset to 3"
    assert await twins.call("room/vent/boost") is None
    assert (await twins.health()).ready


async def test_a_repeated_request_id_acts_once(twins: AsyncClient, service: MemoryService) -> None:
    await twins.set("room/name", "x", request_id="one")
    seq = service.graph.seq
    await twins.set("room/name", "y", request_id="one")
    assert service.graph.seq == seq


async def test_a_stream_gives_changes_of_the_twins_and_paths_asked_for(
    twins: AsyncClient, service: MemoryService
) -> None:
    stream = twins.stream(["room"], ["humidity"])
    assert await anext(stream) == messages.Opened(seq=1)
    service.read([Reading(Point("room", ("temperature",)), Sample(1.0))])
    service.read([Reading(HUMIDITY, Sample(2.0))])
    change = await anext(stream)
    assert isinstance(change, messages.Change)
    assert change.sample is not None
    assert (change.path, change.sample.value) == ("humidity", 2.0)
    await stream.aclose()


async def test_a_stream_comes_back_after_the_server_and_misses_nothing(service: MemoryService) -> None:
    server = RestServer(service, Address("127.0.0.1", 0))
    await server.start()
    port = int(server.url.rsplit(":", 1)[1])
    async with connect(server.url) as twins:
        stream = twins.stream()
        await anext(stream)
        service.read([Reading(HUMIDITY, Sample(1.0))])
        await anext(stream)
        await server.stop()
        service.read([Reading(HUMIDITY, Sample(2.0))])
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.3)
        server = RestServer(service, Address("127.0.0.1", port))
        await server.start()
        assert await waiting == messages.Opened(seq=2)
        change = await anext(stream)
        assert isinstance(change, messages.Change)
        assert change.sample is not None
        assert change.sample.value == 2.0
        await stream.aclose()
    await server.stop()


async def test_a_reader_that_was_too_slow_reads_the_rest_from_the_ledger(
    twins: AsyncClient, service: MemoryService
) -> None:
    stream = twins.stream()
    await anext(stream)
    text = "x" * 100_000
    for index in range(200):
        service.read([Reading(Point("room", ("name",)), Sample(f"{index} {text}"))])
        await asyncio.sleep(0)
    missing, lost = set(range(2, 202)), False
    while missing or not lost:
        if not lost:
            service.read([Reading(HUMIDITY, Sample(1.0))])  # what is lost is told with the next change
        found = await anext(stream)
        lost = lost or isinstance(found, messages.Lost)
        if isinstance(found, messages.Change):
            missing.discard(found.seq)
    await stream.aclose()


async def test_a_service_that_is_not_there_is_unreachable(server: RestServer) -> None:
    await server.stop()
    async with connect(server.url) as twins:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await twins.list()
        with pytest.raises(Unreachable):
            await anext(twins.stream())


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://x", "http://", "http://[::"])
async def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(RequestInvalid, match="not the address"):
        connect(url)


def test_the_synchronous_client_does_the_same(live: Running) -> None:
    with Client(live.url) as twins:
        assert twins.get("room", Room).temperature == 21.5
        twins.set("room/temperature", 22)
        assert twins.about("room").values["temperature"].value == 22
        assert twins.call("room/reset", 1) == "reset to 1"
        assert [twin.twin for twin in twins.list()] == ["room"]
        with pytest.raises(TwinNotFound):
            twins.get("nothing")
        stream = twins.stream()
        assert isinstance(next(stream), messages.Opened)
        live.do(live.service.read, [Reading(HUMIDITY, Sample(2.0))])
        change = next(stream)
        assert isinstance(change, messages.Change)
        assert (change.path, change.seq) == ("humidity", 3)
        stream.close()


def test_both_clients_have_the_same_operations() -> None:
    def public(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(AsyncClient) == public(Client)
    for name in public(AsyncClient):
        assert inspect.getdoc(getattr(AsyncClient, name)), name


ERRORS = [
    TwinNotFound("DigitalTwinNotFound", "no twin", action="Make it."),
    PreconditionFailed("PreconditionFailed", "differs", action="Read again."),
    Conflict("Conflict", "the file says otherwise", action="Edit it."),
    RequestInvalid("JsonPatchInvalid", "no patch", action="See RFC 6902."),
    Refused("BadOutOfRange", "refused", action="Write less.", results={"a/b": "done", "a/c": "refused BadOutOfRange"}),
    LinkDown("down", retry_after_s=3.0, action="Wait."),
    Expired("not verified", action="Read the value."),
    Overloaded("full", action="Wait."),
]


@pytest.mark.parametrize("form", ["problem", "azure"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_crosses_the_wire_and_stays_itself(error: MegatwinError, form: str) -> None:
    failure = failure_of(error)
    body = failure.problem().model_dump(mode="json", by_alias=True) if form == "problem" else failure.azure()
    found = error_of(failure.status, body, failure.headers.get("retry-after"))
    assert type(found) is type(error)
    assert vars(found) == vars(error)


@pytest.mark.parametrize("form", ["problem", "azure"])
async def test_a_value_that_is_refused_keeps_its_findings(twins: AsyncClient, form: str) -> None:
    with pytest.raises(ValueInvalid) as caught:
        await (twins.set("room/temperature", "hot") if form == "azure" else twins.call("room/reset", "x"))
    (found,) = caught.value.diagnostics
    assert found.property_name == ("temperature" if form == "azure" else "reset")
    assert (found.rule, found.action) == ("MT-value", "Correct the value.")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, TwinNotFound), (412, PreconditionFailed), (409, Conflict), (400, RequestInvalid), (503, Overloaded),
     (504, Expired), (500, InteropError), (418, InteropError)],
)  # fmt: skip
@pytest.mark.parametrize("body", [None, {"error": {"code": "X", "message": "y"}}, {"error": "text"}, [1]])
def test_errors_of_other_servers_are_understood_by_their_status(
    status: int, expected: type[MegatwinError], body: object
) -> None:
    assert type(error_of(status, body)) is expected
