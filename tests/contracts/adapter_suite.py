"""The contract test suite of adapters: one class of tests that every adapter's tests inherit and feed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from dtdl.compiler.point import PointType
from dtdl.elements import Property, Schema
from dtdl.errors import LinkDown, Refused
from interop.ports import Adapter, Binding, Calls, Observed, Observes, Source, Writes
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

    It must have bindings of twin ``thing``: ``level`` (Double, read), ``goal`` (Double, written), ``limited`` (Double,
    every write of it is refused), and may have ``reset`` (a command) when it can call.
    """

    adapter: Adapter
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
    """Inherit it and give a fixture ``bench``."""

    level = Point("thing", ("level",))
    goal = Point("thing", ("goal",))
    limited = Point("thing", ("limited",))

    async def test_up_comes_before_the_first_reading(self, bench: Bench) -> None:
        await bench.plant.feed("level", 1.0)
        assert isinstance(bench.adapter, Observes)
        seen = await gather(bench.adapter.observe(bench.points), has(self.level, 1.0))
        assert isinstance(seen[0], LinkEvent)
        assert seen[0].kind == "up"

    async def test_a_change_is_observed_with_status_and_both_times(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.feed("level", 2.5)
        seen = await gather(stream, has(self.level, 2.5))
        sample = next(item.sample for item in seen if isinstance(item, Reading) and item.sample.value == 2.5)
        assert sample.status == GOOD
        assert sample.source_time is not None
        assert sample.source_time.tzinfo is not None

    async def test_read_keeps_the_order_and_marks_what_is_missing(self, bench: Bench) -> None:
        await bench.plant.feed("level", 3.0)
        await gather(bench.adapter.observe(bench.points), has(self.level, 3.0))
        first, missing = await bench.adapter.read([self.level, Point("thing", ("nothing",))])
        assert isinstance(first, Sample)
        assert first.value == 3.0
        assert missing.status.is_bad

    async def test_a_write_is_acknowledged_and_can_be_read_back(self, bench: Bench) -> None:
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        assert isinstance(bench.adapter, Writes)
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
        assert second.outcome == "refused"
        (sample,) = await bench.adapter.read([self.goal])
        assert sample.value == 1.0

    async def test_a_lost_link_is_reported_and_nothing_is_sent(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        seen = await gather(stream, is_link("down"))
        assert next(item.cause for item in seen if isinstance(item, LinkEvent) and item.kind == "down")
        with pytest.raises(LinkDown):
            await bench.adapter.write([(self.goal, 1.0)], deadline_s=5)

    async def test_values_flow_again_after_the_link_is_back(self, bench: Bench) -> None:
        stream = bench.adapter.observe(bench.points)
        await gather(stream, is_link("up"))
        await bench.plant.cut()
        await gather(stream, is_link("down"))
        await bench.plant.restore()
        await gather(stream, is_link("up"), timeout_s=20)
        await bench.plant.feed("level", 11.0)
        await gather(stream, has(self.level, 11.0))

    async def test_an_unknown_method_is_refused_with_its_code(self, bench: Bench) -> None:
        if not isinstance(bench.adapter, Calls) or Point("thing", ("missing",)) not in bench.points:
            pytest.skip("this adapter has no commands")
        await gather(bench.adapter.observe(bench.points), is_link("up"))
        with pytest.raises(Refused) as caught:
            await bench.adapter.call(Point("thing", ("missing",)), None, deadline_s=5)
        assert caught.value.code.startswith("Bad")


def source_of(name: str, settings: Any, bindings: Sequence[Binding], **more: Any) -> Source:
    """A Source for a test."""
    return Source(name=name, settings=settings, bindings=bindings, **more)
