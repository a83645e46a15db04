"""The in-memory adapter: the smallest complete source; tests and dry runs use it in place of a plant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from dtdl.diagnostic import Diagnostic
from dtdl.errors import LinkDown, Refused
from interop.outbox import Outbox
from interop.ports import Adapter, Description, Found, Observed, Source, WriteResult
from interop.values import BAD_NOT_FOUND, GOOD, LinkEvent, Point, Reading, Sample, Status, Value, utc_now


class MemorySettings(BaseModel):
    """``sources.<name>`` of kind ``memory``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory: str = Field(description="A name, for people.")
    initial: dict[str, Any] = Field(default_factory=dict, description="Values that it starts with, by name.")
    units: dict[str, str] = Field(default_factory=dict, description="DTDL unit of a value, by name.")
    queue: int = Field(default=10_000, ge=1, description="How many readings wait before the oldest are dropped.")


class MemoryAddress(BaseModel):
    """Where a value is in the memory source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="Name of the value.")


class MemoryAdapter(Adapter):
    """Values in a dict. Whoever holds the adapter plays the plant: ``feed``, ``cut``, ``restore``, ``methods``.

    Attributes:
        values: Newest sample by name.
        methods: Name → function of one argument, for Commands; it may raise ``Refused``.
        refuse: Name → StatusCode name that a write of it is refused with.
        stuck: Names whose writes are acknowledged and change nothing.
    """

    kind: ClassVar[str] = "memory"
    settings: ClassVar[type[BaseModel]] = MemorySettings
    address: ClassVar[type[BaseModel]] = MemoryAddress
    short: ClassVar[str] = "name"

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.values: dict[str, Sample] = {}
        self.methods: dict[str, Callable[[Value], Value]] = {}
        self.refuse: dict[str, str] = {}
        self.stuck: set[str] = set()
        self.cause = "not open"
        self._names = {binding.point: binding.address.name for binding in source.bindings}
        self._points: dict[str, list[Point]] = {}
        for point, name in self._names.items():
            self._points.setdefault(name, []).append(point)
        self._outbox = Outbox(source.name, source.settings.queue)

    @classmethod
    def check(cls, source: Source) -> list[Diagnostic]:  # noqa: ARG003 - everything is allowed here
        """Finds nothing: a name that is never fed stays without a value."""
        return []

    async def __aenter__(self) -> Self:
        for name, value in self.source.settings.initial.items():
            self.values[name] = Sample(value, GOOD, utc_now(), utc_now())
        self.restore()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cause = "closed"
        self._outbox.close()

    def feed(self, name: str, value: Value, status: Status = GOOD, source_time: datetime | None = None) -> None:
        """Plays the plant: a new value, now or at a given time."""
        now = utc_now()
        sample = Sample(value, status, source_time or now, now)
        self.values[name] = sample
        if not self.cause:
            for point in self._points.get(name, ()):
                self._put(Reading(point, sample))

    def cut(self, cause: str = "cut") -> None:
        """Plays the plant: the link goes down."""
        self.cause = cause
        self._put(LinkEvent(self.source.name, "down", utc_now(), cause=cause))

    def restore(self) -> None:
        """Plays the plant: the link is up, and every value is sent again."""
        self.cause = ""
        self._put(LinkEvent(self.source.name, "up", utc_now()))
        for name, sample in self.values.items():
            for point in self._points.get(name, ()):
                self._put(Reading(point, sample))

    async def read(self, points: Sequence[Point]) -> Sequence[Sample]:
        """Gives the newest samples."""
        self._require_link()
        return [
            self.values.get(self._names.get(point, ""), Sample(None, BAD_NOT_FOUND, utc_now(), utc_now()))
            for point in points
        ]

    async def describe(self, points: Sequence[Point]) -> Sequence[Description]:
        """Names the units of the settings."""
        units = self.source.settings.units
        return [Description(unit=units.get(self._names[point]), direction="both") for point in points]

    async def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        """Gives what was fed, batched by how fast it is taken; a link event is a batch of its own."""
        wanted = set(points)
        while taken := await self._outbox.take():
            if batch := [item for item in taken if isinstance(item, LinkEvent) or item.point in wanted]:
                yield batch

    async def write(self, values: Sequence[tuple[Point, Value]], *, deadline_s: float) -> Sequence[WriteResult]:  # noqa: ARG002
        """Takes values, in order, unless told to refuse them."""
        self._require_link()
        results: list[WriteResult] = []
        for point, value in values:
            name = self._names[point]
            if any(result.outcome == "refused" for result in results):
                results.append(WriteResult("refused", "BadRequestCancelledByClient"))
            elif name in self.refuse:
                results.append(WriteResult("refused", self.refuse[name], f"{name} refuses {value!r}"))
            else:
                if name not in self.stuck:
                    self.feed(name, value)
                results.append(WriteResult("done"))
        return results

    async def call(self, point: Point, argument: Value, *, deadline_s: float) -> Value:  # noqa: ARG002
        """Runs the function registered for the Command's name."""
        self._require_link()
        name = self._names[point]
        if name not in self.methods:
            raise Refused(
                "BadMethodInvalid", f"{self.source.name} has no method {name!r}", action="Correct the binding."
            )
        return self.methods[name](argument)

    async def browse(self, path: str) -> Sequence[Found]:
        """Lists the values below the root."""
        return [] if path else [Found(name, name, "variable") for name in self.values]

    def _require_link(self) -> None:
        if self.cause:
            raise LinkDown(f"the link to {self.source.name} is down: {self.cause}")

    def _put(self, item: Observed) -> None:
        self._outbox.put([item])
