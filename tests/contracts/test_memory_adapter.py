"""The in-memory adapter keeps the adapter contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from interop.memory import MemoryAdapter, MemoryAddress, MemorySettings
from interop.values import LinkEvent
from tests.contracts.adapter_suite import AdapterContract, Bench, binding, gather, is_link, source_of


class MemoryPlant:
    def __init__(self, adapter: MemoryAdapter) -> None:
        self.adapter = adapter

    async def feed(self, name: str, value: float) -> None:
        self.adapter.feed(name, value)

    async def cut(self) -> None:
        self.adapter.cut("the cable is out")

    async def restore(self) -> None:
        self.adapter.restore()


def bindings() -> list:
    names = ("level", "goal", "limited", "missing")
    return [binding(name, MemoryAddress(name=name), write=name in ("goal", "limited")) for name in names]


class TestMemoryAdapter(AdapterContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[Bench]:
        source = source_of("memory", MemorySettings(memory="test", initial={"goal": 0.0}), bindings())
        async with MemoryAdapter(source) as adapter:
            adapter.refuse["limited"] = "BadOutOfRange"
            yield Bench(adapter, MemoryPlant(adapter), [item.point for item in source.bindings])


async def test_an_overflow_says_how_many_were_lost() -> None:
    source = source_of("memory", MemorySettings(memory="test", queue=10), bindings())
    async with MemoryAdapter(source) as adapter:
        for value in range(25):
            adapter.feed("level", float(value))
        seen = await gather(adapter.observe([item.point for item in source.bindings]), is_link("overflow"))
        lost = next(item.count for item in seen if isinstance(item, LinkEvent) and item.kind == "overflow")
        assert lost == 16
