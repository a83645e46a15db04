"""The contract test suite of adapters: a class of tests for all, and one for each capability that some have.

An adapter's tests inherit ``AdapterContract`` and the contracts of its capabilities; one test holds that none is left
out. A part that makes no sense for an adapter is so never skipped: it is not inherited, since the capability is absent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import pytest

from dtdl.compiler.point import PointType
from dtdl.elements import Property, Schema
from dtdl.errors import LinkDown, Refused
from interop import registry
from interop.ports import Binding, Browses, Calls, Observed, Observes, Remembers, Source, Writes
from interop.values import GOOD, LinkEvent, Point, Reading, Sample


def point_type(name: str, kind: str = "Double", *, writable: bool = True) -> PointType:
    """A Property of a made-up Interface."""
    schema = Schema(f"dtmi:dtdl:instance:Schema:{kind.lower()};2", kind=kind)
    content = Property(
        f"dtmi:test:Thing:_contents:__{name};1", properties={"name": name, "schema": schema, "writable": writable}
    )
    return PointType(
        model="dtmi:test:Thing;1",
        path=(name,),
        content=content,
        schema=schema,
        writable=writable,
        check=lambda value: value,
    )


def binding(name: str, address: Any, *, write: bool = False) -> Binding:
    """A binding of twin ``thing``."""
    return Binding(point=Point("thing", (name,)), type=point_type(name), address=address, write=write)


class Plant(Protocol):
    """What the suite asks of the other end of an adapter."""

    async def feed(self, name: str, value: float) -> None:
        """Changes a value in the plant."""

    async def cut(self) -> None:
        """Takes the link away."""

    async def restore(self) -> None:
        """Gives the link back."""


@dataclass
class Bench:
    """An open adapter with its plant.

    It has bindings of twin ``thing``: ``level`` (Double, read); when it takes values, ``goal`` (Double, written) and
    ``limited`` (Double, every write of it is refused); when it calls, ``missing`` (a command that the plant lacks).

    Attributes:
        adapter: An Adapter; what else it can do is for the suite to ask.
        plant: The other end.
        points: All that is bound.
    """

    adapter: Any
    plant: Plant
    points: Sequence[Point]


async def gather(stream: Any, until: Any, timeout_s: float = 10.0) -> list[Observed]:
    """Takes batches until one item fulfils ``until``."""
    seen: list[Observed] = []
    async with asyncio.timeout(timeout_s):
        async for batch in stream:
            seen.extend(batch)
            if any(until(item) for item in batch):
                return seen
    raise AssertionError("the stream ended early")


def is_link(kind: str) -> Any:
    return lambda item: isinstance(item, LinkEvent) and item.kind == kind


def has(point: Point, value: float) -> Any:
    return lambda item: isinstance(item, Reading) and item.point == point and item.sample.value == value


class AdapterContract:
    """What every adapter keeps. Inherit it, and one contract for each capability, and give a fixture ``bench``."""

    level = Point("thing", ("level",))
    goal = Point("thing", ("goal",))
    limited = Point("thing", ("limited",))
    nothing = Point("thing", ("nothing",))

    async def test_each_capability_that_it_has_is_put_to_the_test(self, bench: Bench) -> None:
        has_now = {one for one in CAPABILITIES if isinstance(bench.adapter, one)}
        assert has_now == {one for one in CAPABILITIES if isinstance(self, CAPABILITIES[one] or ())}

    async def test_its_settings_and_addresses_are_models_that_the_file_can_be_checked_by(self, bench: Bench) -> None:
        kind = type(bench.adapter)
        assert registry.adapter(kind.kind) is kind
        assert kind.kind in kind.settings.model_fields
        assert kind.short in kind.address.model_fields
        for model in (kind.settings, kind.address):
            assert model.model_config.get("extra") == "forbid"
            assert model.model_config.get("frozen") is True

    async def test_its_check_finds_nothing_wrong_with_what_works(self, bench: Bench) -> None:
        right = [one for one in bench.adapter.source.bindings if one.point in (self.level, self.goal)]
        assert type(bench.adapter).check(replace(bench.adapter.source, bindings=right)) == []

    async def test_it_describes_its_points_in_order_once_it_is_up(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        described = await bench.adapter.describe(bench.points)
        assert len(described) == len(bench.points)
        (level,) = await bench.adapter.describe([self.level])
        assert level.found
        assert level.direction in {"in", "both"}

    async def test_read_keeps_the_order_and_marks_what_is_missing(self, bench: Bench) -> None:
        await bench.plant.feed("level", 3.0)
        await gather(bench.adapter.observe(bench.points), has(self.level, 3.0))
        missing, found = await bench.adapter.read([self.nothing, self.level])
        assert isinstance(found, Sample)
        assert found.value == 3.0
        assert missing.status.is_bad

    async def test_nothing_can_be_read_while_the_link_is_down(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        await gather(stream, is_link("down"))
        with pytest.raises(LinkDown):
            await bench.adapter.read([self.level])


class ObservesContract:
    """For adapters that give changes as they happen."""

    level = AdapterContract.level

    async def test_up_comes_before_the_first_reading_in_a_batch_of_its_own(self, bench: Bench) -> None:
        await bench.plant.feed("level", 1.0)
        stream = bench.adapter.observe(bench.points)
        first = await anext(stream)
        assert [item.kind for item in first if isinstance(item, LinkEvent)] == ["up"]
        assert len(first) == 1
        await gather(stream, has(self.level, 1.0))

    async def test_a_change_is_observed_with_status_and_both_times(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.feed("level", 2.5)
        seen = await gather(stream, has(self.level, 2.5))
        sample = next(item.sample for item in seen if isinstance(item, Reading) and item.sample.value == 2.5)
        assert sample.status == GOOD
        for time in (sample.source_time, sample.server_time):
            assert time is not None
            assert time.utcoffset() == timedelta(0)

    async def test_readings_of_one_point_come_in_source_order(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        seen: list[Observed] = []
        for value in (1.0, 2.0, 3.0):
            await bench.plant.feed("level", value)
            seen += await gather(stream, has(self.level, value))
        times = [item.sample.source_time for item in seen if isinstance(item, Reading) and item.point == self.level]
        assert times == sorted(times)

    async def test_only_what_is_asked_for_is_observed(self, bench: Bench) -> None:
        await bench.plant.feed("level", 4.0)
        seen = await gather(bench.adapter.observe([self.level]), has(self.level, 4.0))
        assert {item.point for item in seen if isinstance(item, Reading)} == {self.level}

    async def test_a_lost_link_is_reported_with_its_cause(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        seen = await gather(stream, is_link("down"))
        (down,) = [item for item in seen if isinstance(item, LinkEvent) and item.kind == "down"]
        assert down.cause
        assert down.source == bench.adapter.source.name
        assert down.since.utcoffset() == timedelta(0)

    async def test_values_flow_again_after_the_link_is_back(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        await gather(stream, is_link("down"))
        await bench.plant.restore()
        await gather(stream, is_link("up"), timeout_s=20)
        await bench.plant.feed("level", 11.0)
        await gather(stream, has(self.level, 11.0))

    async def test_observing_ends_when_the_adapter_is_closed(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.adapter.__aexit__(None, None, None)
        async with asyncio.timeout(10):
            async for _ in stream:
                pass


class WritesContract:
    """For adapters that take values."""

    goal, limited, nothing = AdapterContract.goal, AdapterContract.limited, AdapterContract.nothing

    async def test_what_is_written_is_described_as_such(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        (goal,) = await bench.adapter.describe([self.goal])
        assert goal.found
        assert goal.direction in {"out", "both"}

    async def test_a_write_is_acknowledged_and_can_be_read_back(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        (result,) = await bench.adapter.write([(self.goal, 7.0)], deadline_s=5)
        assert result.outcome == "done"
        (sample,) = await bench.adapter.read([self.goal])
        assert sample.value == 7.0

    async def test_values_after_a_refused_one_are_not_sent(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        await bench.adapter.write([(self.goal, 1.0)], deadline_s=5)
        first, second = await bench.adapter.write([(self.limited, 1.0), (self.goal, 9.0)], deadline_s=5)
        assert first.outcome == "refused"
        assert first.code.startswith("Bad")
        assert (second.outcome, second.code) == ("refused", "BadRequestCancelledByClient")
        (sample,) = await bench.adapter.read([self.goal])
        assert sample.value == 1.0

    async def test_nothing_is_sent_while_the_link_is_down(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        await gather(stream, is_link("down"))
        with pytest.raises(LinkDown):
            await bench.adapter.write([(self.goal, 1.0)], deadline_s=5)


class CallsContract:
    """For adapters that run commands; their bench binds ``missing``, a command that the plant lacks."""

    missing = Point("thing", ("missing",))

    async def test_an_unknown_method_is_refused_with_its_code(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        with pytest.raises(Refused) as caught:
            await bench.adapter.call(self.missing, None, deadline_s=5)
        assert caught.value.code.startswith("Bad")

    async def test_nothing_is_called_while_the_link_is_down(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        await gather(stream, is_link("down"))
        with pytest.raises(LinkDown):
            await bench.adapter.call(self.missing, None, deadline_s=5)


class BrowsesContract:
    """For adapters that can be looked around in."""

    async def test_the_root_holds_something_that_can_be_named(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        found = await bench.adapter.browse("")
        assert found
        assert all(one.name and one.address for one in found)


CAPABILITIES: dict[Any, type | None] = {
    Observes: ObservesContract,
    Writes: WritesContract,
    Calls: CallsContract,
    Browses: BrowsesContract,
    Remembers: None,  # the first adapter that has it writes the contract of it
}


def source_of(name: str, settings: Any, bindings: Sequence[Binding], **more: Any) -> Source:
    """A Source for a test."""
    return Source(name=name, settings=settings, bindings=bindings, **more)
