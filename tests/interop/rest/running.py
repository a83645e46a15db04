"""A RestServer over the in-memory service, in a thread of its own, for what is synchronous or another process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from interop.config.plan import Address
from interop.rest.server import RestServer
from tests.interop.rest.memory_service import ROOM, MemoryService


class Running:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.service = MemoryService()
        contents = {"name": "lab", "temperature": 21.5, "vent": {"speed": 3.0, "$metadata": {}}}
        self.service.record("twin-put", "room", {"model": ROOM, "contents": contents}, "file")
        self.server = RestServer(self.service, Address("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return self.server.url

    def do(self, function: Callable[..., Any], *args: Any) -> Any:
        """Runs a function on the server's loop."""

        async def run() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)


@contextmanager
def running() -> Iterator[Running]:
    found = Running()
    thread = threading.Thread(target=found.loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(found.server.start(), found.loop).result(10)
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(found.server.stop(), found.loop).result(10)
        found.loop.call_soon_threadsafe(found.loop.stop)
        thread.join(10)
        found.loop.close()
