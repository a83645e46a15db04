"""The OPC UA adapter keeps the adapter contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncua import ua

from interop.opcua.settings import NodeAddress
from tests.contracts.adapter_suite import AdapterContract, Bench, CallsContract, ObservesContract, WritesContract
from tests.interop.opcua.plants import SmallPlant, Wire, adapter, command, small_bindings, small_plant, wire


class WiredPlant:
    def __init__(self, small: SmallPlant, link: Wire) -> None:
        self.small, self.link = small, link

    async def feed(self, name: str, value: float) -> None:
        await self.small.set(name, value)

    async def cut(self) -> None:
        await self.link.cut()

    async def restore(self) -> None:
        await self.link.restore()


class TestOpcUaAdapter(AdapterContract, ObservesContract, WritesContract, CallsContract):
    @pytest.fixture
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        double = ua.VariantType.Double
        names = ("level", "goal", "limited")
        bindings = [
            *small_bindings(*names),
            command("missing", NodeAddress(at="/Objects/t:Thing", path="t:Missing")),
        ]
        async with small_plant(dict.fromkeys(names, (0.0, double))) as small, wire(small.port) as link:
            opened = adapter(link.url, bindings, tmp_path, namespaces={"t": SmallPlant.URI})
            async with opened:
                yield Bench(opened, WiredPlant(small, link), [one.point for one in bindings])
