from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import pytest

from dtdl.errors import ConfigInvalid, PortInUse
from interop.config.plan import Address
from interop.rest.server import RestServer
from tests.interop.rest.memory_service import MemoryService


async def test_it_listens_on_a_free_port_and_leaves_signals_alone(service: MemoryService) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    server = RestServer(service, Address("127.0.0.1", 0))
    await server.start()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{server.url}/v1/ready")).status_code == 200
    await server.stop()
    await server.stop()
    with socket.create_server(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))):
        pass


async def test_a_port_in_use_is_said_with_what_to_do(server: RestServer, service: MemoryService) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(PortInUse, match=f"cannot listen on 127.0.0.1:{port}") as caught:
        await RestServer(service, Address("127.0.0.1", port)).start()
    assert "another port" in caught.value.action
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
async def test_only_a_loopback_address_is_served(service: MemoryService, host: str) -> None:
    with pytest.raises(ConfigInvalid, match="not a loopback address"):
        await RestServer(service, Address(host, 0)).start()


async def test_one_connection_takes_many_requests_at_once(server: RestServer) -> None:
    request = b"GET /v1/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as connection:
        connection.setblocking(False)
        connection.sendall(request * 3)
        loop, received = asyncio.get_running_loop(), b""
        while received.count(b'{"ready":true}') < 3:
            received += await loop.sock_recv(connection, 65536)


@pytest.mark.parametrize("text", [b"\x00\x01\x02\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_what_is_no_http_harms_no_one(server: RestServer, http: httpx.AsyncClient, text: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(text)
        assert (await http.get("/v1/ready")).status_code == 200
