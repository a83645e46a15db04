"""Starts a configuration with its servers, and stops it; used by ``megatwin up``, ``megatwin demo`` and tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        opcua: The OPC UA server, if the file asks for one.
    """

    runtime: Runtime
    rest: RestServer | None
    opcua: OpcUaServer | None


@asynccontextmanager
async def running(configuration: Configuration, *, apply: bool = False) -> AsyncIterator[Running]:
    """Runs a configuration for as long as the block lasts.

    Ports are bound first, so that one in use is said before anything connects.

    Raises:
        PortInUse, DataLocked, DataCorrupt, ConfigInvalid: See dtdl.errors.
    """
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(Runtime(configuration, apply=apply))
        rest = await _rest(stack, runtime, configuration.serve.http, configuration.name)
        opcua = await _opcua(stack, runtime, configuration)
        yield Running(runtime, rest, opcua)


async def _rest(stack: AsyncExitStack, runtime: Runtime, address: Address | None, name: str) -> RestServer | None:
    if address is None:
        return None
    from interop.rest.server import RestServer  # noqa: PLC0415 - only when it is asked for

    server = RestServer(runtime, address, name=name)
    await server.start()
    stack.push_async_callback(server.stop)
    return server


async def _opcua(stack: AsyncExitStack, runtime: Runtime, configuration: Configuration) -> OpcUaServer | None:
    address = configuration.serve.opcua
    if address is None:
        return None
    from interop.opcua.server import OpcUaServer  # noqa: PLC0415 - only when it is asked for

    server = OpcUaServer(
        runtime,
        address,
        name=configuration.name,
        data_dir=configuration.data / "opcua-server",
        insecure=configuration.serve.opcua_insecure,
    )
    await server.start()
    stack.push_async_callback(server.stop)
    return server
