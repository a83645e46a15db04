"""What the runtime does once for every adapter: opening again, units, clocks, what a full queue does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from dtdl.diagnostic import Diagnostic
from dtdl.errors import LinkDown, MegatwinError, Overloaded
from interop import registry
from interop.config import check, load
from interop.memory import MemoryAdapter, MemoryAddress, MemorySettings
from interop.ports import Adapter, Description, Observed, Source
from interop.runtime import requests
from interop.runtime.twins import Runtime
from interop.service import Caller
from interop.values import GOOD, LinkEvent, Point, Reading, Sample, utc_now
from tests.interop.runtime_bench import FILE, MODELS, US, bench, cell, plant, until, value, write_project

REPLACE_GOAL = [{"op": "replace", "path": "/goal", "value": 21.5}]


class Fragile(MemoryAdapter):
    """It fails while it gives values, as often as it is told to."""

    opened: ClassVar[int] = 0
    failures: ClassVar[list[BaseException]] = []

    async def __aenter__(self) -> Self:
        type(self).opened += 1
        return await super().__aenter__()

    async def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        async for batch in super().observe(points):
            yield batch
            if self.failures and not any(isinstance(item, LinkEvent) for item in batch):
                raise self.failures.pop()


@asynccontextmanager
async def with_adapter(folder: Path, adapter: type[Adapter], text: str = FILE) -> AsyncIterator[Runtime]:
    """The bench, with another class behind the source east."""
    configuration = load(write_project(folder, text))
    sources = dict(configuration.sources)
    sources["east"] = replace(sources["east"], adapter=adapter)
    async with Runtime(replace(configuration, sources=sources)) as runtime:
        yield runtime


@pytest.mark.parametrize("failure", [MegatwinError("it broke"), ZeroDivisionError("a bug of the adapter")])
async def test_an_adapter_that_fails_is_opened_again_and_the_others_go_on(
    tmp_path: Path, failure: BaseException
) -> None:
    Fragile.opened, Fragile.failures = 0, [failure]
    async with with_adapter(tmp_path, Fragile) as runtime:
        await until(lambda: Fragile.opened == 2 and runtime.links["east"].now.state == "up")
        await until(lambda: (found := cell(runtime, "p1/power")) is not None and found.status.is_good)
        links = [
            (event.body["kind"], event.body["cause"])
            for event in await runtime.events(0)
            if event.kind == "link" and event.body["source"] == "east"
        ]
    assert [kind for kind, _ in links] == ["up", "down", "up"]
    assert str(failure) in links[1][1]


async def test_between_a_failure_and_the_next_opening_nothing_is_served_as_good(tmp_path: Path) -> None:
    class Once(Fragile):
        async def __aenter__(self) -> Self:
            if type(self).opened:
                type(self).opened += 1
                raise LinkDown("it does not open")
            return await super().__aenter__()

    Once.opened, Once.failures = 0, [MegatwinError("it broke")]
    async with with_adapter(tmp_path, Once) as runtime:
        await until(lambda: Once.opened >= 3)
        assert cell(runtime, "p1/power").status == "BadNoCommunication"
        assert "it does not open" in runtime.links["east"].now.cause
        assert runtime.links["east"].health().state == "failed"
        assert runtime.links["west"].now.state == "up"
        with pytest.raises(LinkDown):
            await runtime.patch_twin("p1", REPLACE_GOAL, US)


class Mute(Adapter):
    """An adapter without any capability."""

    kind, short = "mute", "name"
    settings, address = MemorySettings, MemoryAddress

    @classmethod
    def check(cls, source: Source) -> list[Diagnostic]:
        return []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read(self, points: Sequence[Point]) -> Sequence[Sample]:
        return [Sample(None) for _ in points]


class Listener(Mute):
    """An adapter that gives values, and nothing else."""

    async def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        yield [LinkEvent("east", "up", utc_now())]


@pytest.mark.parametrize(
    ("adapter", "rules"), [(Mute, {"MT131"}), (Listener, {"MT142", "MT149"})], ids=["no values", "no writes, no calls"]
)
def test_a_capability_that_is_missing_is_found_when_the_file_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: type[Adapter], rules: set[str]
) -> None:
    monkeypatch.setattr(registry, "adapter", lambda _kind: adapter)
    text = "\n".join(line for line in FILE.splitlines() if "west" not in line)
    found = [one for one in check(write_project(tmp_path, text)) if one.rule in {"MT131", "MT142", "MT149"}]
    assert {one.rule for one in found} == rules
    assert all(one.location and one.location.line for one in found)


async def test_a_clock_ahead_by_more_than_max_skew_makes_a_reading_uncertain(tmp_path: Path) -> None:
    text = FILE.replace("east: {memory: east,", "east: {defaults: {max-skew: 10 s}, memory: east,")
    async with bench(tmp_path, text) as runtime:
        plant(runtime, "east").feed("N", 4, source_time=utc_now() + timedelta(seconds=9))
        await until(lambda: value(runtime, "p1/level") == 4)
        assert cell(runtime, "p1/level").status == "Good"
        plant(runtime, "east").feed("N", 5, source_time=utc_now() + timedelta(seconds=30))
        await until(lambda: value(runtime, "p1/level") == 5)
        found = cell(runtime, "p1/level")
        assert found.status == "UncertainSubNormal"
        assert "ahead" in found.reason


def send(adapter: MemoryAdapter, name: str, number: float, at: datetime) -> None:
    """A reading whose server's clock says ``at``."""
    sample = Sample(number, GOOD, at, at)
    adapter.values[name] = sample
    for point in adapter._points[name]:
        adapter._put(Reading(point, sample))


async def test_a_clock_behind_by_more_than_max_skew_makes_a_reading_uncertain(tmp_path: Path) -> None:
    text = FILE.replace("east: {memory: east,", "east: {defaults: {max-skew: 10 s}, memory: east,")
    text = text.replace("N: 3}", "}")
    async with bench(tmp_path, text) as runtime:
        east = plant(runtime, "east")
        send(east, "N", 1, utc_now() - timedelta(seconds=300))
        await until(lambda: value(runtime, "p1/level") == 1)
        assert cell(runtime, "p1/level").status == "Good"  # the first after up may not have changed for long
        send(east, "N", 2, utc_now() - timedelta(seconds=200))
        await until(lambda: value(runtime, "p1/level") == 2)
        found = cell(runtime, "p1/level")
        assert found.status == "UncertainSubNormal"
        assert "behind" in found.reason
        send(east, "N", 3, utc_now() - timedelta(seconds=5))
        await until(lambda: value(runtime, "p1/level") == 3)
        assert cell(runtime, "p1/level").status == "Good"


async def test_a_late_reading_is_not_taken_for_a_slow_clock(tmp_path: Path) -> None:
    text = FILE.replace("east: {memory: east,", "east: {defaults: {max-skew: 10 s}, memory: east,")
    async with bench(tmp_path, text.replace("N: 3}", "}")) as runtime:
        east = plant(runtime, "east")
        for number, age_s in ((1, 300), (2, 200)):
            east.feed("N", number, source_time=utc_now() - timedelta(seconds=age_s))
            await until(lambda number=number: value(runtime, "p1/level") == number)
        assert cell(runtime, "p1/level").status == "Good"


@pytest.mark.parametrize(
    ("own", "goal", "expected", "conflict"),
    [
        ("degreeCelsius", "{name: goal, write: true}", 500.0, False),
        ("kelvin", "{name: goal, write: true}", 226.85, False),
        ("kelvin", "{name: goal, unit: degreeCelsius, write: true}", 500.0, True),
        ("watt", "{name: goal, unit: degreeCelsius, write: true}", 500.0, True),
        ("kelvin", "{name: goal, offset: -273.15, unit: degreeCelsius, write: true}", 226.85, False),
        ("degreeCelsius", "{name: goal, scale: 0.1, unit: degreeCelsius, write: true}", 50.0, False),
    ],
)
async def test_the_plants_unit_applies_unless_the_file_gives_one_and_a_conflict_is_said(
    tmp_path: Path, own: str, goal: str, expected: float, conflict: bool
) -> None:
    text = FILE.replace("{name: goal, scale: 0.1, unit: degreeCelsius, write: true}", goal)
    text = text.replace("west: {memory: west,", f"west: {{memory: west, units: {{goal: {own}}},")
    async with bench(tmp_path, text) as runtime:
        await until(lambda: value(runtime, "p2/goal") is not None)
        assert value(runtime, "p2/goal") == pytest.approx(expected)
        said = [problem for problem in runtime.health().problems if "p2/goal" in problem]
        assert bool(said) is conflict
        assert all(own in problem for problem in said)


async def test_a_plants_unit_of_another_dimension_gives_no_value(tmp_path: Path) -> None:
    text = FILE.replace("{name: goal, scale: 0.1, unit: degreeCelsius, write: true}", "goal")
    text = text.replace("west: {memory: west,", "west: {memory: west, units: {goal: watt},")
    async with bench(tmp_path, text) as runtime:
        await until(lambda: cell(runtime, "p2/goal") is not None)
        found = cell(runtime, "p2/goal")
        assert (found.value, found.status) == (None, "BadConfigurationError")
        assert "goal" not in runtime.graph.twins["p2"].contents
        assert any("p2/goal" in problem for problem in runtime.health().problems)


async def test_an_integer_stays_one_through_a_conversion(tmp_path: Path) -> None:
    text = FILE.replace("level: N", "level: {name: N, scale: 100}")
    async with bench(tmp_path, text.replace("N: 3}", "N: 0.57}")) as runtime:
        await until(lambda: value(runtime, "p1/level") == 57)  # 0.57 x 100 is 56.99999999999999
        assert type(value(runtime, "p1/level")) is int
        plant(runtime, "east").feed("N", 0.123456)
        await until(lambda: cell(runtime, "p1/level").status == "BadTypeMismatch")
        assert value(runtime, "p1/level") == 57


async def test_a_big_integer_that_needs_no_conversion_keeps_its_last_digit(tmp_path: Path) -> None:
    changed = json.loads(json.dumps(MODELS).replace('"level", "schema": "integer"', '"level", "schema": "long"'))
    configuration = load(write_project(tmp_path, FILE.replace("N: 3}", f"N: {2**53 + 1}}}"), models=changed))
    async with Runtime(configuration) as runtime:
        await until(lambda: value(runtime, "p1/level") == 2**53 + 1)


async def test_a_source_waits_while_the_ledgers_queue_is_full_and_loses_no_link_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as runtime:
        link, submit, refused = runtime.links["east"], runtime.links["east"]._submit, 3

        def full(drafts: Any) -> Any:
            nonlocal refused
            if refused:
                refused -= 1
                raise Overloaded("the queue is full")
            return submit(drafts)

        monkeypatch.setattr(link, "_submit", full)
        plant(runtime, "east").cut("the cable is out")
        await until(lambda: cell(runtime, "p1/power").status == "BadNoCommunication")
        assert refused == 0
        plant(runtime, "east").restore()
        await until(lambda: cell(runtime, "p1/power").status == "Good")


@pytest.mark.parametrize("lost", ["link", "samples"])
async def test_what_could_not_be_recorded_is_said_again_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    async with bench(tmp_path) as runtime:
        link, submit, refused = runtime.links["east"], runtime.links["east"]._submit, 1

        def full(drafts: Any) -> Any:
            nonlocal refused
            if refused and drafts[0].kind == lost:
                refused -= 1
                failed = asyncio.get_running_loop().create_future()
                failed.set_exception(Overloaded("the disk is full"))
                return failed
            return submit(drafts)

        monkeypatch.setattr(link, "_submit", full)
        if lost == "link":
            plant(runtime, "east").cut("the cable is out")
            await until(lambda: cell(runtime, "p1/power").status == "BadNoCommunication")
            assert "the cable is out" in cell(runtime, "p1/power").reason
        else:
            plant(runtime, "east").feed("P", 9000.0)
            await until(lambda: value(runtime, "p1/power") == 9.0)
            assert link.now.cause == ""
        assert not refused


async def test_too_many_requests_to_plants_are_refused_and_none_of_them_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_MAX_RUNNING", 2)
    async with bench(tmp_path) as runtime:
        patches = [
            runtime.patch_twin("p1", [{"op": "replace", "path": "/goal", "value": float(number)}], Caller("client:x"))
            for number in range(5)
        ]
        results = await asyncio.gather(*patches, return_exceptions=True)
        assert [type(result).__name__ for result in results[2:]] == ["Overloaded"] * 3
        requested = [event for event in await runtime.events(0) if event.body.get("phase") == "requested"]
        assert len(requested) == 2
        await runtime.patch_twin("p1", REPLACE_GOAL, US)


async def test_what_a_link_grants_loses_and_restarts_is_recorded(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        now = utc_now()
        events = [
            LinkEvent("east", "restarted", now, cause="it began anew"),
            LinkEvent("east", "gap", now - timedelta(seconds=9), now, cause="an outage"),
            LinkEvent("east", "overflow", now, cause="too fast", count=7),
            LinkEvent("east", "revised", now, cause="100 ms granted for 10 ms", count=1),
        ]
        for event in events:
            plant(runtime, "east")._put(event)
        await until(lambda: runtime.links["east"].now.overflowed == 7)
        await until(lambda: runtime.links["east"].now.restarts == 1)
        plant(runtime, "east").feed("N", 8)
        await until(lambda: value(runtime, "p1/level") == 8)
        recorded = [event.body for event in await runtime.events(0) if event.kind == "link"]
        said = [(body["kind"], body["cause"], body["count"]) for body in recorded if body["kind"] not in {"up", "down"}]
        assert said == [(event.kind, event.cause, event.count) for event in events]
        health = next(source for source in runtime.health().sources if source.name == "east")
        assert (health.overflowed, health.restarts, health.state) == (7, 1, "up")


async def test_a_source_describes_itself_after_each_up(tmp_path: Path) -> None:
    class Changing(MemoryAdapter):
        unit: ClassVar[str] = "watt"

        async def describe(self, points: Sequence[Point]) -> Sequence[Description]:
            return [
                Description(unit=self.unit if point.path == ("power",) else None, direction="both") for point in points
            ]

    async with with_adapter(tmp_path, Changing) as runtime:
        await until(lambda: value(runtime, "p1/power") == 2.0)
        Changing.unit = "kilowatt"
        plant(runtime, "east").cut()
        plant(runtime, "east").restore()
        await until(lambda: value(runtime, "p1/power") == 2000.0)
