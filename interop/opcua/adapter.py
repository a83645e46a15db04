"""OpcUaAdapter: an OPC UA server as a source of values. Its stack is imported when it is opened, not before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel

from dtdl.diagnostic import Diagnostic, Severity
from dtdl.errors import LinkDown
from interop.opcua.settings import NodeAddress, OpcUaSettings, problems
from interop.ports import Adapter, Binding, Description, Direction, Observed, Source, WriteResult
from interop.values import Point, Sample, Value

if TYPE_CHECKING:
    from interop.opcua.link import Link


ADDRESS_RULE: Final = "MTOPCUA01"
PREFIX_RULE: Final = "MTOPCUA02"
UNSECURED_RULE: Final = "MTOPCUA03"


class OpcUaAdapter(Adapter):
    """The connection to one OPC UA server: reads, observes, writes and calls.

    It observes through subscriptions (OPC 10000-4, 5.14), reconnects for ever, and resolves every namespace and browse
    path anew after each connection, since a restarted server may number them otherwise.
    """

    kind: ClassVar[str] = "opcua"
    settings: ClassVar[type[BaseModel]] = OpcUaSettings
    address: ClassVar[type[BaseModel]] = NodeAddress
    short: ClassVar[str] = "path"
    plant: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._link: Link | None = None

    @classmethod
    def check(cls, source: Source) -> list[Diagnostic]:
        """Checks prefixes, paths and node ids offline."""
        settings: OpcUaSettings = source.settings
        found = [
            Diagnostic(
                rule=PREFIX_RULE,
                cause=f"sources.{source.name}.namespaces: the prefix {prefix!r} would be read as a namespace index",
                action="Use a prefix that is no number.",
                value=prefix,
            )
            for prefix in settings.namespaces
            if prefix.isdigit()
        ]
        host = urlsplit(settings.opcua).hostname or ""
        if settings.security.mode == "None" and not _is_this_machine(host):
            found.append(
                Diagnostic(
                    rule=UNSECURED_RULE,
                    severity=Severity.WARNING,
                    cause=f"sources.{source.name}: the link to {host} is neither signed nor encrypted",
                    action="Remove security: none, and let the two sides trust each other's certificates.",
                )
            )
        said: set[str] = set()
        for binding in source.bindings:
            for problem in problems(binding.address, settings.namespaces):
                if problem.cause in said:
                    continue  # one `at:` serves many
                said.add(problem.cause)
                found.append(
                    Diagnostic(
                        rule=ADDRESS_RULE,
                        severity=Severity.ERROR,
                        location=binding.location,
                        cause=f"{binding.point}: {problem.cause}",
                        action=problem.action,
                        value=str(binding.point),
                    )
                )
        return found

    @classmethod
    def direction(cls, source: Source, binding: Binding) -> Direction:  # noqa: ARG003 - a plant is asked on connecting
        """Values come from the plant; those marked for writing go there too."""
        return "both" if binding.write else "in"

    async def __aenter__(self) -> Self:
        from interop.opcua.link import Link  # noqa: PLC0415 - asyncua costs 0.7 s

        self._link = Link(self.source)
        await self._link.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    @property
    def _open(self) -> Link:
        if self._link is None:
            raise LinkDown(f"the source {self.source.name} is not open", action="Use it inside `async with`.")
        return self._link

    async def read(self, points: Sequence[Point]) -> Sequence[Sample]:
        """Reads values now (OPC 10000-4, 5.11.2)."""
        return await self._open.read(points)

    async def describe(self, points: Sequence[Point]) -> Sequence[Description]:
        """What the plant says of the points: unit, range, access level; why a point is missing."""
        return self._open.describe(points)

    def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        """Gives changes and link events; see ports.Observes."""
        return self._open.observe(points)

    async def write(self, values: Sequence[tuple[Point, Value]], *, deadline_s: float) -> Sequence[WriteResult]:
        """Writes in order (OPC 10000-4, 5.11.4); access level and type are checked first."""
        return await self._open.write(values, deadline_s=deadline_s)

    async def call(self, point: Point, argument: Value, *, deadline_s: float) -> Value:
        """Calls the method of a Command (OPC 10000-4, 5.12.2)."""
        return await self._open.call(point, argument, deadline_s=deadline_s)


def _is_this_machine(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
