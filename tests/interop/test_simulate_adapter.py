"""An FMU in real time behind the adapter contract."""

from __future__ import annotations

import itertools
import math
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import ConfigInvalid, InputUnreadable, LinkDown
from fmu.build import build
from interop.ports import Binding, Source
from interop.simulate.adapter import FmuAdapter
from interop.simulate.settings import FmuAddress, FmuSettings
from interop.values import LinkEvent, Point, Reading, Status
from tests.contracts.adapter_suite import binding, gather, has, is_link, point_type
from tests.fmu.reference.models import make

SOURCES = Path(__file__).parents[1] / "fmu" / "sources"


@pytest.fixture(scope="session")
def fmus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fmus")
    for name in ("Echo", "Rogue"):
        build(SOURCES / name, folder / f"{name}.fmu")
    return folder


def bound(name: str, variable: str, *, kind: str = "Double", unit: str | None = None, write: bool = False) -> Binding:
    return replace(
        binding(name, FmuAddress(variable=variable), write=write), type=replace(point_type(name, kind), unit=unit)
    )


def opened(fmu: str, bindings: Sequence[Binding], base: Path = Path(), **settings: Any) -> FmuAdapter:
    settings = {"step": "20 ms", **settings}
    return FmuAdapter(Source(name="sim", settings=FmuSettings(fmu=fmu, **settings), bindings=bindings, base=str(base)))


def lives(pid: int | None) -> bool:
    assert pid is not None
    return Path(f"/proc/{pid}").exists()


def kill(adapter: FmuAdapter) -> None:
    assert adapter.pid is not None
    os.kill(adapter.pid, signal.SIGKILL)


TEMPERATURE = Point("thing", ("temperature",))
LOAD = Point("thing", ("load",))


def room_bindings() -> list[Binding]:
    return [
        bound("temperature", "T_room", unit="degreeCelsius"),
        bound("load", "heat_load", unit="kilowatt"),
        bound("power", "P_fan", unit="watt"),
    ]


async def test_the_room_warms_in_closed_form_after_its_heat_load_changes() -> None:
    settings = {"parameters": {"C_room": "1 kJ/K", "R_th": "0.01 K/W"}, "start": {"heat_load": "500 W"}}
    async with opened("library:RoomThermal", room_bindings(), **settings) as adapter:
        stream = adapter.observe([TEMPERATURE])
        seen = await gather(stream, lambda item: isinstance(item, Reading) and item.sample.value > 20.1)
        await adapter.write([(LOAD, 2000.0)], deadline_s=1)
        seen += await gather(stream, lambda item: isinstance(item, Reading) and item.sample.value > 22.0)
        epoch = adapter.pace.epoch
    assert isinstance(seen[0], LinkEvent)
    assert seen[0].kind == "up"
    readings = [(item.sample.value, item.sample.source_time) for item in seen if isinstance(item, Reading)]
    values = [value for value, _ in readings]
    decay = math.exp(-0.02 / 10)
    for before, after in itertools.pairwise(values):
        low, high = (20 + rise + (before - 20 - rise) * decay for rise in (5, 20))
        assert min(abs(after - low), abs(after - high)) < 1e-12
    for step, (_, time) in enumerate(readings):
        assert time is not None
        assert abs((time - epoch).total_seconds() - step * 0.02) < 1e-5


async def test_describe_names_units_and_directions() -> None:
    async with opened("library:RoomThermal", room_bindings()) as adapter:
        temperature, load = await adapter.describe([TEMPERATURE, LOAD])
    assert (temperature.unit, temperature.direction, temperature.value_range) == ("degreeCelsius", "in", (-40.0, 80.0))
    assert (load.unit, load.direction, load.raw_unit) == ("watt", "out", "W")


async def test_a_simulation_that_crashes_begins_anew_and_says_so(fmus: Path) -> None:
    settings = {"parameters": {"mode": 1, "when": 0.1}}
    async with opened("Rogue.fmu", [bound("out", "out")], fmus, **settings) as adapter:
        stream = adapter.observe([Point("thing", ("out",))])
        seen = await gather(stream, is_link("restarted"), timeout_s=20)
        seen += await gather(stream, has(Point("thing", ("out",)), 0.0))
    down = next(item for item in seen if isinstance(item, LinkEvent) and item.kind == "down")
    assert "fmi3DoStep" in down.cause
    assert "SIGSEGV" in down.cause
    assert [item.kind for item in seen if isinstance(item, LinkEvent)] == ["up", "down", "restarted", "up"]


async def test_a_value_that_is_not_finite_is_bad_and_one_out_of_range_is_uncertain(fmus: Path) -> None:
    out = Point("thing", ("out",))
    settings = {"parameters": {"mode": 7, "when": 1002}, "step": "500 s", "factor": 1e6}
    async with opened("Rogue.fmu", [bound("out", "out")], fmus, **settings) as adapter:
        seen = await gather(
            adapter.observe([out]), lambda item: isinstance(item, Reading) and item.sample.status.is_bad
        )
    by_value = {item.sample.value: item.sample.status for item in seen if isinstance(item, Reading)}
    assert by_value[1000.0] == "Good"
    assert by_value[1500.0] == Status("UncertainEngineeringUnitsExceeded")
    assert by_value[None] == Status("BadOutOfRange")


async def test_inputs_outside_their_range_or_type_are_refused() -> None:
    cooling = Point("thing", ("cooling",))
    async with opened("library:RoomThermal", [bound("cooling", "cooling_power")]) as adapter:
        await gather(adapter.observe([cooling]), is_link("up"))
        (low,) = await adapter.write([(cooling, -1.0)], deadline_s=1)
        (text,) = await adapter.write([(cooling, "much")], deadline_s=1)
    assert (low.outcome, low.code) == ("refused", "BadOutOfRange")
    assert (text.outcome, text.code) == ("refused", "BadTypeMismatch")


async def test_inputs_outlive_a_restart(fmus: Path) -> None:
    level, feed = Point("thing", ("level",)), Point("thing", ("feed",))
    async with opened("Echo.fmu", [bound("level", "level"), bound("feed", "feed")], fmus) as adapter:
        stream = adapter.observe([level])
        await gather(stream, is_link("up"))
        await adapter.write([(feed, 4.0)], deadline_s=1)
        await gather(stream, has(level, 4.0))
        kill(adapter)
        await gather(stream, is_link("restarted"))
        await gather(stream, has(level, 4.0))


async def test_a_worker_that_stands_still_is_down_after_stale_after_and_up_again_when_steps_come(fmus: Path) -> None:
    level = Point("thing", ("level",))
    settings = {"call-deadline": "60 s", "defaults": {"stale-after": "500 ms"}}
    async with opened("Echo.fmu", [bound("level", "level")], fmus, **settings) as adapter:
        stream = adapter.observe([level])
        await gather(stream, lambda item: isinstance(item, Reading))
        pid = adapter.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        seen = await gather(stream, is_link("down"))
        with pytest.raises(LinkDown, match="the step is late"):
            await adapter.read([level])
        os.kill(pid, signal.SIGCONT)
        seen += await gather(stream, is_link("up"))
        seen += await gather(stream, lambda item: isinstance(item, Reading))
        assert adapter.pid == pid
    assert "the step is late" in next(item.cause for item in seen if is_link("down")(item))
    assert not any(is_link("restarted")(item) for item in seen)


async def test_a_step_that_hangs_is_late_at_first_and_then_ended_by_its_deadline(fmus: Path) -> None:
    settings = {"parameters": {"mode": 2}, "call-deadline": "2 s", "defaults": {"stale-after": "200 ms"}}
    async with opened("Rogue.fmu", [bound("out", "out")], fmus, **settings) as adapter:
        seen = await gather(adapter.observe([Point("thing", ("out",))]), is_link("restarted"), timeout_s=30)
    late, ended = (item.cause for item in seen if is_link("down")(item))
    assert "the step is late" in late
    assert "did not return" in ended


async def test_steps_longer_than_stale_after_are_not_late(fmus: Path) -> None:
    level = Point("thing", ("level",))
    settings = {"step": "1 s", "defaults": {"stale-after": "100 ms"}}
    async with opened("Echo.fmu", [bound("level", "level")], fmus, **settings) as adapter:
        stream = adapter.observe([level])
        seen = await gather(stream, lambda _: adapter.pace.steps >= 2)
    assert not any(is_link("down")(item) for item in seen)


async def test_closing_leaves_no_process(fmus: Path) -> None:
    async with opened("Echo.fmu", [bound("level", "level")], fmus) as adapter:
        await gather(adapter.observe([Point("thing", ("level",))]), is_link("up"))
        pid = adapter.pid
    assert not lives(pid)


async def test_closing_does_not_wait_for_a_call_that_hangs(fmus: Path) -> None:
    async with opened("Rogue.fmu", [bound("out", "out")], fmus, parameters={"mode": 2}) as adapter:
        await gather(adapter.observe([Point("thing", ("out",))]), is_link("up"))
        pid = adapter.pid
    assert not lives(pid)


async def test_what_trying_again_cannot_mend_is_raised(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="does not exist"):
        await opened("missing.fmu", [], tmp_path).__aenter__()
    with pytest.raises(ConfigInvalid, match="C_rom"):
        await opened("library:RoomThermal", [], parameters={"C_rom": 1.0}).__aenter__()


async def test_an_fmu_that_asks_to_end_is_not_begun_anew(tmp_path: Path) -> None:
    stair = make("Stair", 3, tmp_path)
    counter = Point("thing", ("counter",))
    settings = {"step": "1 s", "factor": 100.0}
    async with opened(str(stair), [bound("counter", "counter", kind="Integer")], **settings) as adapter:
        stream = adapter.observe([counter])
        seen = await gather(stream, is_link("down"))
        with pytest.raises(LinkDown, match="asked to end"):
            await adapter.read([counter])
        assert adapter._task is not None
        await adapter._task
        assert adapter.pid is None
    values = [item.sample.value for item in seen if isinstance(item, Reading)]
    assert values == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


async def test_a_simulation_that_cannot_keep_up_says_so_and_goes_on_from_now(fmus: Path) -> None:
    level = Point("thing", ("level",))
    async with opened("Echo.fmu", [bound("level", "level")], fmus, step="1 ms", factor=1000.0) as adapter:
        stream = adapter.observe([level])
        seen = await gather(stream, is_link("gap"), timeout_s=20)
        assert adapter.pace.late > 0
        assert adapter.pace.worst_s > 1.0
        seen += await gather(stream, lambda item: isinstance(item, Reading))
    gap = next(item for item in seen if isinstance(item, LinkEvent) and item.kind == "gap")
    assert gap.until is not None
    assert (gap.until - gap.since).total_seconds() > 1.0
