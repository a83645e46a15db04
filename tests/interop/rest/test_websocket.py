"""The stream over a WebSocket: the same messages, the same resumption, the same refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from interop.rest.messages import StreamMessage
from interop.rest.server import MAX_MESSAGE, RestServer
from interop.values import Point, Reading, Sample
from tests.interop.rest.memory_service import MemoryService

HUMIDITY = Point("room", ("humidity",))


def url(server: RestServer, query: str = "") -> str:
    return f"{server.url.replace('http', 'ws', 1)}/v1/stream{query}"


async def event(socket: ClientConnection, name: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message = orjson.loads(await socket.recv())
            StreamMessage.model_validate(message)
            if message["event"] == name:
                return message


async def test_changes_arrive_with_their_seq(server: RestServer, service: MemoryService) -> None:
    async with connect(url(server), proxy=None) as socket:
        opened = await event(socket, "open")
        assert (opened["seq"], opened["data"]) == (1, {"seq": 1})
        service.read([Reading(HUMIDITY, Sample(40.0))])
        change = await event(socket, "change")
        assert (change["seq"], change["data"]["path"], change["data"]["sample"]["value"]) == (2, "humidity", 40.0)


async def test_a_reader_that_comes_back_misses_nothing(server: RestServer, service: MemoryService) -> None:
    for value in (1.0, 2.0, 3.0):
        service.read([Reading(HUMIDITY, Sample(value))])
    async with connect(url(server, "?since=2&path=humidity"), proxy=None) as socket:
        values = [(await event(socket, "change"))["data"]["sample"]["value"] for _ in range(2)]
        assert values == [2.0, 3.0]


async def test_a_silent_time_still_tells_the_position(server: RestServer) -> None:
    async with connect(url(server), proxy=None) as socket:
        assert (await event(socket, "position"))["seq"] == 1


@pytest.mark.parametrize(("path", "status"), [("/v1/stream?since=x", 400), ("/v1/none", 404)])
async def test_a_handshake_that_is_wrong_gets_a_problem(server: RestServer, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{server.url.replace('http', 'ws', 1)}{path}", proxy=None)
    assert caught.value.response.status_code == status
    assert orjson.loads(caught.value.response.body)["status"] == status


async def test_a_page_of_another_site_is_refused(server: RestServer) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(url(server), proxy=None, origin="https://evil.example")
    assert caught.value.response.status_code == 403


async def test_what_a_client_sends_is_bounded_and_not_read(server: RestServer, service: MemoryService) -> None:
    async with connect(url(server), proxy=None) as socket:
        await event(socket, "open")
        await socket.send("hello")
        service.read([Reading(HUMIDITY, Sample(40.0))])
        await event(socket, "change")
        await socket.send("x" * (MAX_MESSAGE + 1))
        with pytest.raises(ConnectionClosed):
            await event(socket, "none of these")


async def test_a_reader_that_leaves_ends_its_subscription(
    server: RestServer, service: MemoryService, http: httpx.AsyncClient
) -> None:
    async with connect(url(server), proxy=None) as socket:
        await event(socket, "open")
        assert "megatwin_streams 1.0" in (await http.get("/metrics")).text
    async with asyncio.timeout(10):
        while "megatwin_streams 0.0" not in (await http.get("/metrics")).text:
            await asyncio.sleep(0.01)


async def test_a_server_that_stops_says_so(server: RestServer) -> None:
    async with connect(url(server), proxy=None) as socket:
        await event(socket, "open")
        await server.stop()
        with pytest.raises(ConnectionClosed):
            await event(socket, "none of these")
        assert socket.close_code in (1001, 1012)
