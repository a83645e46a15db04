"""The Adapter contract: what a source of values is, and the capabilities that it may have.

An adapter keeps its own link: session, reconnect, resubscription and back-fill by the protocol's own means, each
reported as a LinkEvent. The runtime does everything else once, for all adapters: re-opening after a fatal error,
verification of writes, deadlines, units, and the quality that a LinkEvent causes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, runtime_checkable

from pydantic import BaseModel

from dtdl.compiler.point import PointType
from dtdl.diagnostic import Diagnostic, Location
from interop.values import LinkEvent, Point, Reading, Sample, Value

Observed: TypeAlias = Reading | LinkEvent
Direction: TypeAlias = Literal["in", "out", "both"]
"""Seen from the twin: ``in`` the source gives the value, ``out`` the twin gives it to the source, ``both``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One content of one twin, bound to one address of one source.

    Attributes:
        point: What is bound.
        type: Its DTDL type.
        address: The adapter's own address, already validated by ``Adapter.address`` (a pydantic model).
        write: Whether clients' writes are sent to the source. For a Command: always True.
        unit: Unit of the source's raw value after scale and offset, as the file says; None: the source's own word.
        scale: raw value x scale + offset is the value in ``unit``.
        offset: See scale.
        auto: Made by ``auto: true``: the source may lack it, which is reported and is no error.
        standby: Declared, but not active.
        location: Where the file says so.
    """

    point: Point
    type: PointType
    address: Any
    write: bool = False
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    auto: bool = False
    standby: bool = False
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the source itself says of a bound point, known once the link is up.

    Attributes:
        unit: DTDL name of its engineering unit, or None when it names none.
        raw_unit: The source's own words for the unit, for messages.
        direction: What the source allows.
        value_range: Least and greatest value, if it says so, in the source's unit.
        found: False when the source lacks the point.
        detail: Why it is missing, or what was granted.
    """

    unit: str | None = None
    raw_unit: str | None = None
    direction: Direction = "in"
    value_range: tuple[float, float] | None = None
    found: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one value.

    Attributes:
        outcome: ``done`` (the source acknowledged it), ``refused`` (it said no), ``unknown`` (no answer in time).
        code: StatusCode name when refused.
        detail: For people.
    """

    outcome: Literal["done", "refused", "unknown"]
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that browsing found."""

    name: str
    address: str
    kind: Literal["object", "variable", "method", "type"]
    type_name: str = ""
    has_children: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an adapter is opened with.

    Attributes:
        name: Name of the source in the file.
        settings: Its settings, an instance of ``Adapter.settings``.
        bindings: Every binding to it, commands included, standby ones excluded.
        base: Folder of the file, for relative paths.
        state_dir: A folder of this source's own for certificates and the like; exists.
        extra: Facts of the deployment that an adapter may need, by name.
    """

    name: str
    settings: Any
    bindings: Sequence[Binding]
    base: str = "."
    state_dir: str = "."
    extra: Mapping[str, Any] = field(default_factory=dict)


class Adapter(ABC):
    """A source of values. ``async with`` opens and closes it.

    Opening must not wait for a plant that does not answer: an adapter opens at once, reports ``down`` through
    ``observe`` and goes on trying. It raises only what trying again cannot mend (a missing key file, an FMU for another
    platform).

    Attributes:
        kind: The key under ``sources.<name>`` that selects it, such as ``opcua`` or ``fmu``.
        settings: Pydantic model of ``sources.<name>``; merged into megatwin.schema.json.
        address: Pydantic model (frozen, extra forbidden) of the long form of one entry under ``map:``, without the keys
            ``scale``, ``offset``, ``unit``, ``write`` and ``standby``, which are Binding's. If it has a field ``at``,
            that takes the ``at:`` of the bind group. If it has a field ``auto``, the adapter understands
            ``auto: true``, and the field takes the path of DTDL names to look for.
        short: Name of the field of ``address`` that takes the short form: ``temperature: ran:Temp``.
        plant: Whether a write reaches something real, and so takes the two events of contract Event.
    """

    kind: ClassVar[str]
    settings: ClassVar[type[BaseModel]]
    address: ClassVar[type[BaseModel]]
    short: ClassVar[str]
    plant: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        self.source = source

    @classmethod
    @abstractmethod
    def check(cls, source: Source) -> list[Diagnostic]:
        """Checks settings and bindings offline, before anything connects; all findings at once."""

    @classmethod
    def direction(cls, source: Source, binding: Binding) -> Direction:  # noqa: ARG003 - the default needs neither
        """Which way a binding's values go, as far as it is known offline."""
        return "both" if binding.write else "in"

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    @abstractmethod
    async def read(self, points: Sequence[Point]) -> Sequence[Sample]:
        """Reads raw values now, in the same order; a point that cannot be read gives a bad status, not an error.

        Raises:
            LinkDown: The link is down.
        """

    async def describe(self, points: Sequence[Point]) -> Sequence[Description]:
        """What the source says of the points, in the same order; called after each ``up``."""
        return [Description(direction="both") for _ in points]


@runtime_checkable
class Observes(Protocol):
    """Gives changes as they happen."""

    def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        """Gives batches of raw readings and link events until closed.

        An ``up`` comes before the first reading, in a batch of its own. Readings of one point come in source order.
        The adapter's queue is bounded; when it overflows, the oldest go and an ``overflow`` says how many.
        """
        ...


@runtime_checkable
class Writes(Protocol):
    """Takes values."""

    async def write(self, values: Sequence[tuple[Point, Value]], *, deadline_s: float) -> Sequence[WriteResult]:
        """Sends raw values, in order; the same order comes back.

        Values after the first one that is refused are not sent; they come back refused with code
        ``BadRequestCancelledByClient``.

        Raises:
            LinkDown: Nothing was sent.
        """
        ...


@runtime_checkable
class Calls(Protocol):
    """Runs commands."""

    async def call(self, point: Point, argument: Value, *, deadline_s: float) -> Value:
        """Calls the method behind a Command.

        Raises:
            LinkDown: Nothing was sent.
            Refused: The source said no.
            Expired: No answer within the deadline; the outcome is unknown.
        """
        ...


@runtime_checkable
class Remembers(Protocol):
    """Has a history of its own."""

    def history(self, points: Sequence[Point], start: datetime, end: datetime) -> AsyncIterator[Sequence[Reading]]:
        """Gives what the source remembers of [start, end], by source time."""
        ...


@runtime_checkable
class Browses(Protocol):
    """Can be looked around in."""

    async def browse(self, path: str) -> Sequence[Found]:
        """Gives what is directly below a path; an empty path is the root."""
        ...
