"""The in-memory adapter keeps the adapter contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from interop.memory import MemoryAdapter, MemoryAddress, MemorySettings
from interop.values import LinkEvent, Reading
from tests.contracts.adapter_suite import (
    AdapterContract,
    Bench,
    BrowsesContract,
    CallsContract,
    ObservesContract,
    WritesContract,
    binding,
    gather,
    is_link,
    source_of,
)


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


class TestMemoryAdapter(AdapterContract, ObservesContract, WritesContract, CallsContract, BrowsesContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[Bench]:
        source = source_of("memory", MemorySettings(memory="test", initial={"goal": 0.0}), bindings())
        async with MemoryAdapter(source) as adapter:
            adapter.refuse["limited"] = "BadOutOfRange"
            yield Bench(adapter, MemoryPlant(adapter), [item.point for item in source.bindings])


async def test_an_overflow_says_how_many_were_lost_and_loses_no_link_event() -> None:
    source = source_of("memory", MemorySettings(memory="test", queue=10), bindings())
    async with MemoryAdapter(source) as adapter:
        for value in range(25):
            adapter.feed("level", float(value))
        adapter.cut()
        seen = await gather(adapter.observe([item.point for item in source.bindings]), is_link("down"))
    links = [(item.kind, item.count) for item in seen if isinstance(item, LinkEvent)]
    kept = [item.sample.value for item in seen if isinstance(item, Reading)]
    assert [kind for kind, _ in links] == ["up", "overflow", "down"]
    assert len(kept) + links[1][1] == 25
    assert kept == [float(value) for value in range(25 - len(kept), 25)]
