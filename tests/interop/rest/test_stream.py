from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import Request

from interop.rest.adt import Documents
from interop.rest.messages import Change
from interop.rest.routes import Call
from interop.rest.server import RestServer
from interop.rest.stream import Streams
from interop.service import Caller
from interop.values import BAD_NO_COMMUNICATION, Point, Reading, Sample, format_time, utc_now
from tests.interop.rest.memory_service import ROOM, VENT, MemoryService

TEMPERATURE = Point("room", ("temperature",))
HUMIDITY = Point("room", ("humidity",))


class Frames:
    """Reads a stream frame by frame."""

    def __init__(self, reply: httpx.Response) -> None:
        self.reply = reply
        self.last_id: str | None = None
        self._lines = reply.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        name, data = "message", ""
        async for line in self._lines:
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                data = value
            elif key == "id":
                self.last_id = value
            elif not line and data:
                return name, orjson.loads(data)
            elif not line:
                name = "message"
        raise AssertionError("the stream ended")


@asynccontextmanager
async def frames(
    http: httpx.AsyncClient, headers: Mapping[str, str] | None = None, **query: Any
) -> AsyncIterator[Frames]:
    async with http.stream("GET", "/v1/stream", params=query, headers=headers) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        found = Frames(reply)
        name, data = await found.next()
        assert name == "open"
        assert set(data) == {"seq"}
        yield found


async def test_changes_arrive_as_they_happen_with_their_seq(http: httpx.AsyncClient, service: MemoryService) -> None:
    async with frames(http) as stream:
        service.read([Reading(HUMIDITY, Sample(40.0))])
        name, change = await stream.next()
        assert name == "change"
        assert (change["seq"], change["kind"], change["twin"], change["path"]) == (2, "value", "room", "humidity")
        assert change["sample"]["value"] == 40.0
        assert change["sample"]["unit"] == "percent"
        assert stream.last_id == "2"
        await http.patch(
            "/digitaltwins/room?api-version=2023-10-31", json=[{"op": "add", "path": "/name", "value": "x"}]
        )
        _, change = await stream.next()
        assert (change["kind"], change["path"], change["sample"]["value"]) == ("twin", "name", "x")
        Change.model_validate(change)


async def test_filters_by_twin_and_path_let_only_those_pass(http: httpx.AsyncClient, service: MemoryService) -> None:
    service.record("twin-put", "other", {"model": ROOM, "contents": {}})
    async with frames(http, twin="room", path=["humidity", "vent"]) as stream:
        service.read([Reading(Point("other", ("humidity",)), Sample(1.0))])
        service.read([Reading(TEMPERATURE, Sample(2.0))])
        service.read([Reading(Point("room", ("vent", "speed")), Sample(3.0)), Reading(TEMPERATURE, Sample(3.5))])
        service.read([Reading(HUMIDITY, Sample(4.0))])
        assert [(await stream.next())[1]["sample"]["value"] for _ in range(2)] == [3.0, 4.0]


async def test_a_stream_resumes_after_the_last_event_it_saw(http: httpx.AsyncClient, service: MemoryService) -> None:
    async with frames(http) as stream:
        service.read([Reading(HUMIDITY, Sample(1.0))])
        await stream.next()
        seen = stream.last_id
    service.read([Reading(HUMIDITY, Sample(2.0)), Reading(TEMPERATURE, Sample(20.0))])
    service.record("patch", "room", {"ops": [{"op": "add", "path": "/name", "value": "y"}], "model": ROOM})
    now = format_time(utc_now())
    link = {"source": "plant", "kind": "down", "since": now, "until": None, "cause": "gone", "count": 0}
    service.record("link", None, {**link, "status": BAD_NO_COMMUNICATION})
    assert seen is not None
    async with frames(http, {"last-event-id": seen}) as stream:
        found = [(await stream.next())[1] for _ in range(6)]
        service.read([Reading(HUMIDITY, Sample(5.0))])
        found.append((await stream.next())[1])
    assert [(change["kind"], change.get("path")) for change in found] == [
        ("value", "humidity"), ("value", "temperature"), ("twin", "name"), ("link", None), ("value", "humidity"),
        ("value", "temperature"), ("value", "humidity"),
    ]  # fmt: skip
    assert [change["sample"]["status"] for change in found[4:]] == ["BadNoCommunication"] * 2 + ["Good"]


async def test_a_late_reading_is_no_change_when_a_stream_resumes(
    http: httpx.AsyncClient, service: MemoryService
) -> None:
    first, second = utc_now(), utc_now()
    service.read([Reading(HUMIDITY, Sample(2.0, source_time=second))])
    service.read([Reading(HUMIDITY, Sample(1.0, source_time=first))])
    async with frames(http, since=0) as stream:
        assert (await stream.next())[1]["kind"] == "twin"
        assert (await stream.next())[1]["sample"]["value"] == 2.0
        service.read([Reading(HUMIDITY, Sample(3.0))])
        assert (await stream.next())[1]["sample"]["value"] == 3.0


async def test_an_idle_stream_shows_that_it_lives(http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/v1/stream") as reply:
        async for line in reply.aiter_lines():
            if line.startswith(":"):
                return
    raise AssertionError("the stream ended")


async def test_a_slow_reader_is_told_what_it_lost_and_stops_no_one(server: RestServer, service: MemoryService) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    slow = socket.create_connection((host, int(port)))
    slow.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await service.has_reader.wait()
    text = "x" * 100_000
    for index in range(200):
        service.read([Reading(Point("room", ("name",)), Sample(f"{index} {text}"))])
        await asyncio.sleep(0)
    slow.setblocking(False)
    loop, received = asyncio.get_running_loop(), b""
    while b"\n\n" not in received.partition(b"event: lost\ndata: ")[2]:
        service.read([Reading(HUMIDITY, Sample(1.0))])  # what is lost is told with the next change
        received = received[-200:] + await loop.sock_recv(slow, 1 << 20)
    frame = received.partition(b"event: lost\ndata: ")[2]
    lost = orjson.loads(frame.partition(b"\n")[0])
    assert lost["batches"] > 0
    assert 0 < lost["after"] < 201
    slow.close()


async def test_a_response_that_is_never_begun_leaves_no_subscription(service: MemoryService) -> None:
    streams = Streams()
    scope = {"type": "http", "method": "GET", "path": "/v1/stream", "query_string": b"", "headers": []}
    await streams.stream(Call(Request(scope), service, Caller("client:x"), {}, Documents(service.model)))
    assert not service.has_reader.is_set()


async def test_stopping_ends_open_streams(server: RestServer, http: httpx.AsyncClient) -> None:
    async with frames(http) as stream:
        await server.stop()
        with pytest.raises(AssertionError, match="the stream ended"):
            await stream.next()


async def test_stopping_does_not_wait_for_a_reader_that_reads_nothing(
    server: RestServer, service: MemoryService
) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stuck:
        stuck.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await service.has_reader.wait()
        for _ in range(200):
            service.read([Reading(Point("room", ("name",)), Sample("x" * 100_000))])
            await asyncio.sleep(0)
        await server.stop()


async def test_a_reader_may_want_only_one_model_and_what_extends_it(
    http: httpx.AsyncClient, service: MemoryService
) -> None:
    service.record("twin-put", "fan", {"model": VENT, "contents": {"speed": 1.0}})
    async with frames(http, model=VENT) as stream:
        service.read([Reading(HUMIDITY, Sample(1.0))])
        service.record("twin-put", "fan", {"model": VENT, "contents": {"speed": 2.0}})
        assert (await stream.next())[1]["twin"] == "fan"
        service.record("twin-delete", "fan", {})
        deleted = (await stream.next())[1]
        assert (deleted["kind"], deleted["detail"]) == ("twin-deleted", {"model": VENT})
    async with frames(http, model=VENT, since=0) as stream:
        assert [(await stream.next())[1]["kind"] for _ in range(3)] == ["twin", "twin", "twin-deleted"]


async def test_a_reader_may_leave_out_samples_that_change_nothing(
    http: httpx.AsyncClient, service: MemoryService
) -> None:
    async with frames(http, only="changes") as stream:
        for value in (1.0, 1.0, 2.0):
            service.read([Reading(HUMIDITY, Sample(value))])
        found = [(await stream.next())[1]["sample"] for _ in range(2)]
        for sample in (Sample(2.0), Sample(1.0), Sample(1.0, BAD_NO_COMMUNICATION)):
            service.read([Reading(HUMIDITY, sample)])
        found += [(await stream.next())[1]["sample"] for _ in range(2)]
        assert [(one["value"], one["status"]) for one in found] == [
            (1.0, "Good"), (2.0, "Good"), (1.0, "Good"), (1.0, "BadNoCommunication"),
        ]  # fmt: skip


async def test_a_filter_word_that_is_not_known_is_refused(http: httpx.AsyncClient) -> None:
    reply = await http.get("/v1/stream", params={"only": "news"})
    assert (reply.status_code, reply.json()["code"]) == (400, "InvalidArgument")
