"""Real plants for tests: the example's processes, a small server in this process, and a wire that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import Server, ua

from dtdl.compiler.point import PointType
from dtdl.elements import Command
from interop.opcua.adapter import OpcUaAdapter
from interop.opcua.settings import NodeAddress, OpcUaSettings
from interop.ports import Binding, Source
from interop.values import Point
from tests.contracts.adapter_suite import binding

SCRIPTS = Path(__file__).parents[3] / "examples" / "two-vendors" / "plant"
QUICK = {"publishing": "20 ms", "sampling": "10 ms", "stale-after": "1 s"}


@dataclass
class Process:
    """A plant of the example."""

    child: subprocess.Popen[bytes]
    url: str
    certificate: str | None

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])


@contextmanager
def plant(vendor: str, *options: str) -> Iterator[Process]:
    """Runs one until the block ends."""
    child = subprocess.Popen(
        [sys.executable, str(SCRIPTS / f"{vendor}.py"), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        said = json.loads(child.stdout.readline())
        yield Process(child, said["url"], said["certificate"])
    finally:
        child.stdin.close()
        try:
            child.wait(5)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


def command(name: str, address: NodeAddress) -> Binding:
    """A binding of a Command of twin ``thing``."""
    content = Command(f"dtmi:test:Thing:_contents:__{name};1", properties={"name": name})
    kind = PointType(model="dtmi:test:Thing;1", path=(name,), content=content, schema=None, check=lambda value: value)
    return Binding(point=Point("thing", (name,)), type=kind, address=address, write=True)


def settings(url: str, **more: Any) -> OpcUaSettings:
    more.setdefault("security", "none")
    more.setdefault("defaults", QUICK)
    return OpcUaSettings(opcua=url, **more)


def adapter(url: str, bindings: list[Binding], state_dir: Path, **more: Any) -> OpcUaAdapter:
    source = Source(name="plant", settings=settings(url, **more), bindings=bindings, state_dir=str(state_dir))
    return OpcUaAdapter(source)


class Guard:
    """Refuses writes of one node."""

    def __init__(self, inner: Any, refused: ua.NodeId) -> None:
        self.inner, self.refused = inner, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def write(self, params: ua.WriteParameters, user: Any = None) -> list[ua.StatusCode]:
        if any(item.NodeId == self.refused for item in params.NodesToWrite) and user.role.name != "Admin":
            return [ua.StatusCode(ua.StatusCodes.BadOutOfRange)]
        return await self.inner.write(params, user)


class SmallPlant:
    """A server in this process, with as many variables as are asked for."""

    URI = "urn:test:plant"

    def __init__(self, server: Server, index: int) -> None:
        self.server, self.index = server, index

    @property
    def port(self) -> int:
        return int(self.server.bserver.port)

    def node(self, name: str) -> ua.NodeId:
        return ua.NodeId(name, self.index)

    async def set(
        self, name: str, value: Any, kind: Any = ua.VariantType.Double, *, at: datetime | None = None
    ) -> None:
        now = datetime.now(UTC)
        data = ua.DataValue(ua.Variant(value, kind), SourceTimestamp=at or now, ServerTimestamp=now)
        await self.server.iserver.aspace.write_attribute_value(self.node(name), ua.AttributeIds.Value, data)


@asynccontextmanager
async def small_plant(
    variables: dict[str, tuple[Any, ua.VariantType]], *, before: tuple[str, ...] = (), port: int = 0
) -> AsyncIterator[SmallPlant]:
    """``before`` are namespaces that come ahead of the plant's own."""
    server = Server()
    await server.init()
    server.disable_clock()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    for uri in before:
        await server.register_namespace(uri)
    small = SmallPlant(server, await server.register_namespace(SmallPlant.URI))
    thing = await server.nodes.objects.add_object(small.node("Thing"), ua.QualifiedName("Thing", small.index))
    for name, (value, kind) in variables.items():
        node = await thing.add_variable(small.node(name), ua.QualifiedName(name, small.index), value, kind)
        if name.startswith(("goal", "limited", "set")):
            await node.set_writable()
    if "limited" in variables:
        server.iserver.attribute_service = Guard(server.iserver.attribute_service, small.node("limited"))
    await server.start()
    try:
        yield small
    finally:
        await server.stop()


def small_bindings(*names: str, write: bool = False) -> list[Binding]:
    return [
        binding(name, NodeAddress(at="/Objects/t:Thing", path=f"t:{name}"), write=write or name.startswith("goal"))
        for name in names
    ]


class Wire:
    """A TCP proxy: it can be cut, held (a black hole) and restored."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    async def restore(self) -> None:
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def hold(self) -> None:
        """Nothing passes, and nobody is told."""
        self._flowing.clear()

    async def cut(self) -> None:
        """Connections end and new ones are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self.target_port)
            self._writers.add(there)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, there))
                group.create_task(self._pass(back, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, there):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def wire(target_port: int) -> AsyncIterator[Wire]:
    made = Wire(target_port)
    await made.restore()
    try:
        yield made
    finally:
        with contextlib.suppress(OSError):
            await made.cut()
