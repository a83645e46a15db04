"""The FMU adapter keeps the adapter contract: outputs are observed, inputs are written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dtdl.errors import LinkDown
from fmu.build import build
from interop.ports import Source
from interop.simulate import adapter as simulate
from interop.simulate.adapter import FmuAdapter
from interop.simulate.settings import FmuAddress, FmuSettings
from interop.values import LinkEvent, Point, Reading
from tests.contracts.adapter_suite import (
    AdapterContract,
    Bench,
    ObservesContract,
    WritesContract,
    binding,
    gather,
    is_link,
)

ECHO = Path(__file__).parents[1] / "fmu" / "sources" / "Echo"


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An FMU whose output ``level`` follows its input ``feed``; ``goal`` is an input that nothing follows."""
    path = tmp_path_factory.mktemp("echo") / "Echo.fmu"
    build(ECHO, path)
    return path


def source_of(echo: Path) -> Source:
    bindings = [
        binding("level", FmuAddress(variable="level")),
        binding("goal", FmuAddress(variable="goal")),
        binding("feed", FmuAddress(variable="feed")),
        binding("limited", FmuAddress(variable="level"), write=True),
    ]
    return Source(name="sim", settings=FmuSettings(fmu=str(echo), step="20 ms"), bindings=bindings)


class SimulatedPlant:
    def __init__(self, adapter: FmuAdapter) -> None:
        self.adapter = adapter

    async def feed(self, name: str, value: float) -> None:
        assert name == "level"
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(LinkDown):
                    await self.adapter.write([(Point("thing", ("feed",)), value)], deadline_s=5)
                    return
                await asyncio.sleep(0.01)

    async def cut(self) -> None:
        assert self.adapter.pid is not None
        os.kill(self.adapter.pid, signal.SIGKILL)

    async def restore(self) -> None:
        """It comes back by itself."""


class TestFmuAdapter(AdapterContract, ObservesContract, WritesContract):
    @pytest.fixture
    async def bench(self, echo: Path) -> AsyncIterator[Bench]:
        source = source_of(echo)
        async with FmuAdapter(source) as adapter:
            yield Bench(adapter, SimulatedPlant(adapter), [item.point for item in source.bindings])


async def test_an_overflow_says_how_many_were_lost_and_loses_no_link_event(
    echo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "_QUEUE", 5)
    async with FmuAdapter(source_of(echo)) as adapter:
        async with asyncio.timeout(10):
            while adapter.pace.steps < 12:
                await asyncio.sleep(0.02)
        await SimulatedPlant(adapter).cut()
        seen = await gather(adapter.observe([Point("thing", ("level",))]), is_link("up"))
        seen += await gather(adapter.observe([Point("thing", ("level",))]), is_link("down"))
    assert [item.kind for item in seen if isinstance(item, LinkEvent)] == ["up", "overflow", "down"]
    assert sum(item.count for item in seen if isinstance(item, LinkEvent)) > 0
    assert any(isinstance(item, Reading) for item in seen)
