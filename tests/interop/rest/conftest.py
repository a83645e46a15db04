from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from interop.config.plan import Address
from interop.rest.server import RestServer
from interop.rest.stream import Streams
from tests.interop.rest.memory_service import ROOM, MemoryService

VERSION = {"api-version": "2023-10-31"}


@pytest.fixture
def service() -> MemoryService:
    service = MemoryService()
    contents = {"name": "lab", "temperature": 21.5, "vent": {"speed": 3.0, "$metadata": {}}}
    service.record("twin-put", "room", {"model": ROOM, "contents": contents}, "file")
    return service


@pytest.fixture
async def server(service: MemoryService) -> AsyncIterator[RestServer]:
    server = RestServer(service, Address("127.0.0.1", 0), name="test", streams=Streams(queue=4, heartbeat_s=0.05))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http(server: RestServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
async def azure(server: RestServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, params=VERSION, trust_env=False, timeout=10) as client:
        yield client
