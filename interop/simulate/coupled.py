"""The FMU sources of a configuration as one coupled system, for runs without plants and servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import ConfigInvalid
from fmu.description import Experiment, Variable
from fmu.interface import is_taken, mismatch
from fmu.shipped import provide
from fmu.system import Connection, Connector, Part, Port, System
from interop.ports import Binding, Source
from interop.simulate import check as checks
from interop.values import Point

_WHOLE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A connection of the file.

    Attributes:
        sources: Where the value comes from.
        target: The point that follows.
        location: Where the file says so.
    """

    sources: Sequence[Point]
    target: Point
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupled:
    """A system, and what of the file is not in it.

    Attributes:
        system: Its inputs and outputs have the texts of points as names, and the units of the model.
        findings: Connections that are left out, each with its reason; what they set is an input of the system.
    """

    system: System
    findings: tuple[Diagnostic, ...]


def couple_sources(name: str, sources: Sequence[Source], joints: Sequence[Joint]) -> Coupled:
    """Gives the system of FMU sources: instances called as the sources, connections between points of theirs.

    Args:
        name: Of the whole.
        sources: Those of kind ``fmu``, with their active bindings.
        joints: The connections of the file.

    Raises:
        ConfigInvalid: Start values that do not fit.
        InputUnreadable, BuildFailed: An FMU that is not there.
    """
    bound: dict[Point, tuple[Binding, Port, Variable]] = {}
    parts: list[Part] = []
    step_s = max((source.settings.step for source in sources), default=1.0)
    for source in sources:
        parts.append(_part(source, step_s))
        bound |= _bound(source)
    findings: list[Diagnostic] = []
    connections: list[Connection] = []
    for joint in joints:
        why = _why_not(joint, bound)
        if why:
            findings.append(_left_out(joint, why))
        elif joint.target in bound:
            connections.append(Connection(source=bound[joint.sources[0]][1], target=bound[joint.target][1]))
    taken = {connection.target for connection in connections}
    system = System(
        name=name,
        parts=parts,
        connections=connections,
        inputs=[each for each in _borders(bound, taken=True) if each.port not in taken],
        outputs=list(_borders(bound, taken=False)),
        experiment=Experiment(step_s=step_s),
    )
    return Coupled(system=system, findings=tuple(findings))


def _part(source: Source, macro_s: float) -> Part:
    settings = source.settings
    start, found = checks.start_values(settings, checks.describe(settings, source.base))
    if found:
        raise ConfigInvalid(found)
    own_s = settings.step if abs(settings.step - macro_s) > _WHOLE * macro_s else None
    return Part(name=source.name, fmu=provide(settings.fmu, Path(source.base)), start=start, step_s=own_s)


def _bound(source: Source) -> dict[Point, tuple[Binding, Port, Variable]]:
    description = checks.describe(source.settings, source.base)
    found: dict[Point, tuple[Binding, Port, Variable]] = {}
    for binding in source.bindings:
        variable: Any = description.variable(binding.address.variable)
        if variable is not None and not mismatch(binding.type, variable):
            found[binding.point] = (binding, Port(source.name, variable.name), variable)
    return found


def _why_not(joint: Joint, bound: dict[Point, tuple[Binding, Port, Variable]]) -> str:
    """Why a connection is not in the system; empty also where nothing of it touches an FMU's input."""
    if joint.target not in bound:
        return ""
    if len(joint.sources) != 1:
        return "it joins several values"
    if joint.sources[0] not in bound:
        return f"{joint.sources[0]} is not bound to an FMU"
    if any(each.scale != 1.0 or each.offset for each in (bound[joint.sources[0]][0], bound[joint.target][0])):
        return "a binding of it has a scale or an offset"
    return ""


def _left_out(joint: Joint, why: str) -> Diagnostic:
    return Diagnostic(
        rule="MT234",
        severity=Severity.WARNING,
        location=joint.location,
        cause=f"The connection to {joint.target} is not simulated: {why}.",
        action=f"Give its value with --in '{joint.target}=...'.",
    )


def _borders(bound: dict[Point, tuple[Binding, Port, Variable]], *, taken: bool) -> Iterator[Connector]:
    for point, (binding, port, variable) in bound.items():
        if is_taken(variable) == taken:
            yield Connector(name=str(point), port=port, unit=binding.type.unit or "")
