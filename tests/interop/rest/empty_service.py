"""An empty service over the real runtime, and a plain HTTP client of its Azure form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from interop.config.empty import empty
from interop.config.plan import Address, EndpointPlan
from interop.rest.server import RestServer
from interop.runtime.twins import Runtime

VERSION = {"api-version": "2023-10-31"}
HERE = Address("127.0.0.1", 0)


@asynccontextmanager
async def empty_service(
    data: Path, endpoints: Mapping[str, EndpointPlan] | None = None
) -> AsyncIterator[tuple[Runtime, httpx.AsyncClient]]:
    configuration = replace(empty(data, HERE), endpoints=endpoints or {})
    async with Runtime(configuration) as runtime, over_http(runtime) as client:
        yield runtime, client


@asynccontextmanager
async def over_http(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    server = RestServer(runtime, HERE)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, params=VERSION, trust_env=False, timeout=30) as client:
            yield client
    finally:
        await server.stop()


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def code(reply: httpx.Response) -> str:
    assert reply.json()["error"]["code"] == reply.headers["x-ms-error-code"]
    return reply.headers["x-ms-error-code"]
