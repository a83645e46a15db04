"""A small mega-twin on in-memory plants, for tests of the runtime: pumps of two makers and a station."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from interop.config import load
from interop.memory import MemoryAdapter
from interop.runtime.twins import Runtime
from interop.service import Caller
from interop.values import Point

V3 = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"]
MODELS = [
    {
        "@context": V3, "@id": "dtmi:test:Pump;1", "@type": "Interface",
        "contents": [
            {"@type": ["Telemetry", "Power"], "name": "power", "schema": "double", "unit": "kilowatt"},
            {"@type": ["Property", "Temperature"], "name": "goal", "schema": "double", "unit": "degreeCelsius",
             "writable": True},
            {"@type": "Property", "name": "limit", "schema": "double", "writable": True},
            {"@type": "Property", "name": "serial", "schema": "string"},
            {"@type": "Property", "name": "note", "schema": "string", "writable": True},
            {"@type": "Telemetry", "name": "level", "schema": "integer"},
            {"@type": "Command", "name": "reset", "request": {"name": "depth", "schema": "integer"},
             "response": {"name": "count", "schema": "integer"}},
        ],
    },
    {
        "@context": V3, "@id": "dtmi:test:Station;1", "@type": "Interface",
        "contents": [
            {"@type": ["Property", "Power"], "name": "total", "schema": "double", "unit": "watt"},
            {"@type": ["Property", "Power"], "name": "echo", "schema": "double", "unit": "watt", "writable": True},
            {"@type": "Property", "name": "owner", "schema": "string", "writable": True},
            {"@type": "Relationship", "name": "has", "target": "dtmi:test:Pump;1", "maxMultiplicity": 3},
        ],
    },
]  # fmt: skip

FILE = """
megatwin: 1
name: bench
models: [models/]
sources:
  east: {memory: east, units: {P: watt}, initial: {P: 2000.0, G: 20.0, L: 1.0, S: E-1, N: 3}}
  west: {memory: west, initial: {power: 1.0, goal: 500.0}}
twins:
  station:
    model: dtmi:test:Station;1
    parts: {relationship: has}
    roll-up: {total: sum(parts/power)}
    properties: {owner: us}
  p1:
    model: dtmi:test:Pump;1
    bind:
      east:
        map: {power: P, goal: {name: G, write: true}, limit: {name: L, write: true}, serial: S, level: N}
        commands: {reset: R}
  p2:
    model: dtmi:test:Pump;1
    bind:
      west: {map: {power: power, goal: {name: goal, scale: 0.1, unit: degreeCelsius, write: true}}}
connections:
  - {from: p1/power, to: station/echo}
relationships:
  - {from: station, name: has, to: p1}
  - {from: station, name: has, to: p2}
"""

US = Caller("client:test")


def write_project(folder: Path, text: str = FILE, models: Any = None) -> Path:
    """Writes models and file; gives the file."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "models" / "all.json").write_text(json.dumps(models or MODELS), encoding="utf-8")
    path = folder / "megatwin.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def bench(folder: Path, text: str = FILE, *, up: bool = True, apply: bool = False) -> AsyncIterator[Runtime]:
    """Runs the file in a folder."""
    async with Runtime(load(write_project(folder, text)), apply=apply) as runtime:
        if up:
            await runtime.wait_until_up(10)
            await until(lambda: runtime.graph.twins["p1"].value(("power",)) is not None)
        yield runtime


def plant(runtime: Runtime, name: str) -> MemoryAdapter:
    """The plant behind a source."""
    adapter = runtime.links[name].adapter
    assert isinstance(adapter, MemoryAdapter)
    return adapter


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits for something to become true."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def cell(runtime: Runtime, text: str) -> Any:
    """The newest committed sample of a point."""
    point = Point.parse(text)
    return runtime.graph.twins[point.twin].cells.get(point.path)


def value(runtime: Runtime, text: str) -> Any:
    """The newest committed value of a point."""
    point = Point.parse(text)
    return runtime.graph.twins[point.twin].value(point.path)
