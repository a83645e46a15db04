"""A source of values for megatwin: a JSON file that something else writes, such as ``{"speed": 4.5}``."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from dtdl import Diagnostic
from dtdl.errors import LinkDown
from interop import Adapter, LinkEvent, Observed, Point, Reading, Sample, Source, Status
from interop.values import utc_now


class JsonFileSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    jsonfile: str = Field(min_length=1, description="Path of the file, relative to this one.")
    every_s: float = Field(default=0.2, gt=0, description="Seconds between two looks.")


class JsonFileAddress(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str = Field(min_length=1, description="Key of the value.")


class JsonFileAdapter(Adapter):
    kind, short = "jsonfile", "key"
    settings, address = JsonFileSettings, JsonFileAddress

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.path = Path(source.base, source.settings.jsonfile)
        self.keys = {binding.point: binding.address.key for binding in source.bindings}
        self.closed = asyncio.Event()

    @classmethod
    def check(cls, source: Source) -> list[Diagnostic]:
        folder = Path(source.base, source.settings.jsonfile).parent
        if folder.is_dir():
            return []
        cause = f"the folder {folder} does not exist"
        return [Diagnostic(rule="JSONFILE01", cause=cause, action="Make it.", property_name="jsonfile")]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed.set()

    async def read(self, points: Sequence[Point]) -> Sequence[Sample]:
        try:
            values: dict[str, Any] = json.loads(await asyncio.to_thread(self.path.read_text, "utf-8"))
        except (OSError, ValueError) as error:
            raise LinkDown(f"{self.path} cannot be read: {error}") from error
        now = utc_now()
        keys = [self.keys.get(point) for point in points]
        missing = Sample(None, Status("BadNodeIdUnknown"), now, now)
        return [Sample(values[key], source_time=now, server_time=now) if key in values else missing for key in keys]

    async def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        up, last = None, dict[Point, Any]()
        while not self.closed.is_set():
            try:
                samples = await self.read(points)
            except LinkDown as error:
                if up is not False:
                    yield [LinkEvent(self.source.name, "down", utc_now(), cause=error.message)]
                up, last = False, {}
            else:
                if not up:
                    yield [LinkEvent(self.source.name, "up", utc_now())]
                up, readings = True, [Reading(*pair) for pair in zip(points, samples, strict=True)]
                if changed := [one for one in readings if one.point not in last or last[one.point] != one.sample.value]:
                    yield changed
                last = {one.point: one.sample.value for one in readings}
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.closed.wait(), self.source.settings.every_s)
