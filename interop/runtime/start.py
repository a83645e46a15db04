"""Starts a configuration with its servers, and stops it; used by ``megatwin up``, ``megatwin demo`` and tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtdl.errors import PortInUse
from interop.config.plan import Address, Configuration
from interop.runtime.twins import Runtime

if TYPE_CHECKING:
    from interop.opcua.server import OpcUaServer
    from interop.rest.server import RestServer


@dataclass(frozen=True, slots=True)
class Running:
    """What runs.

    Attributes:
        runtime: The twin service.
        rest: The REST server, if the file asks for one.
        opcua: Gives the OPC UA server once it serves, if the file asks for one; raises what its start raised. It builds
            its address space while everything else is at work already.
    """

    runtime: Runtime
    rest: RestServer | None
    opcua: asyncio.Task[OpcUaServer] | None


@asynccontextmanager
async def running(configuration: Configuration, *, apply: bool = False) -> AsyncIterator[Running]:
    """Runs a configuration for as long as the block lasts.

    A port in use is said before anything connects.

    Raises:
        PortInUse, DataLocked, DataCorrupt, ConfigInvalid: See dtdl.errors.
    """
    for address in (configuration.serve.http, configuration.serve.opcua):
        if address is not None:
            _require_free(address)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(Runtime(configuration, apply=apply))
        rest = await _rest(stack, runtime, configuration)
        opcua = await _opcua(stack, runtime, configuration)
        yield Running(runtime, rest, opcua)


async def _rest(stack: AsyncExitStack, runtime: Runtime, configuration: Configuration) -> RestServer | None:
    address = configuration.serve.http
    if address is None:
        return None
    from interop.rest.server import RestServer  # noqa: PLC0415 - only when it is asked for

    server = RestServer(runtime, address, name=configuration.name, tls=configuration.serve.tls)
    await server.start()
    stack.push_async_callback(server.stop)
    return server


async def _opcua(
    stack: AsyncExitStack, runtime: Runtime, configuration: Configuration
) -> asyncio.Task[OpcUaServer] | None:
    address = configuration.serve.opcua
    if address is None:
        return None

    async def start() -> OpcUaServer:
        from interop.opcua.server import OpcUaServer  # noqa: PLC0415 - only when it is asked for

        server = OpcUaServer(
            runtime,
            address,
            name=configuration.name,
            data_dir=configuration.data / "opcua-server",
            insecure=configuration.serve.opcua_insecure,
        )
        await server.start()
        return server

    async def stop() -> None:
        (server,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(server, BaseException):
            await server.stop()

    task = asyncio.create_task(start(), name="opcua server")
    stack.push_async_callback(stop)
    return task


def _require_free(address: Address) -> None:
    """Tries to bind an address.

    Raises:
        PortInUse: Another process listens there.
    """
    with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise PortInUse(
                f"cannot listen on {address.host}:{address.port}: {error.strerror}",
                action="Stop what listens there, or write another port under `serve:`.",
            ) from error
