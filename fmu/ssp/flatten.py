"""A system structure as one flat coupling graph: names joined by dots, connections through all levels resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dtdl.diagnostic import Diagnostic, Severity
from dtdl.errors import DescriptionInvalid
from fmu.description import FLOATS, INTEGERS, Experiment, Variable
from fmu.options import Kind, Options
from fmu.ssp.description import Component
from fmu.ssp.own import EXPERIMENT, PART, noted_flag, noted_number
from fmu.ssp.package import Ssp
from fmu.ssp.reader import Findings
from fmu.ssp.starts import Starts
from fmu.ssp.store import file_of
from fmu.ssp.tree import Place, open_up
from fmu.ssp.wires import Flow, Link, Pin, Wires, connect, flow
from fmu.system import Connection, Connector, Linear, Lookup, Part, Port, System

_IMPLEMENTATIONS: Final[dict[str | None, Kind | None]] = {
    "CoSimulation": "co-simulation",
    "ModelExchange": "model-exchange",
}


@dataclass(frozen=True)
class Flat:
    """A flat system, and what was found on the way to it.

    Attributes:
        system: The coupling graph; parts whose FMU is not there are left out.
        diagnostics: Errors and warnings, with file and line.
    """

    system: System
    diagnostics: tuple[Diagnostic, ...]


def to_system(ssp: Ssp) -> System:
    """Gives the coupling graph that a system structure describes.

    Units and transformations of all connectors on the way are one transformation of each connection; where the SSD says
    nothing of units, those of the FMUs' variables count.

    Raises:
        DescriptionInvalid: What cannot be run, with file and line.
    """
    flat = flatten(ssp)
    if any(each.severity is Severity.ERROR for each in flat.diagnostics):
        raise DescriptionInvalid(flat.diagnostics)
    return flat.system


def flatten(ssp: Ssp, *, need_fmus: bool = True) -> Flat:
    """Gives the coupling graph and all findings.

    Args:
        ssp: An opened system structure.
        need_fmus: Whether an FMU that is not there is an error; False: a warning.
    """
    findings = Findings(file_of(ssp.store, ssp.variant))
    root = open_up(ssp, findings, need_fmus=need_fmus)
    wires = connect(root, findings)
    starts = Starts(wires, findings)
    starts.resolve(root)
    system = _Flattening(root, wires, starts, findings).system(ssp)
    return Flat(system, tuple(dict.fromkeys(findings.found)))


class _Flattening:
    def __init__(self, root: Place, wires: Wires, starts: Starts, findings: Findings) -> None:
        self._root = root
        self._wires = wires
        self._starts = starts
        self._findings = findings
        self._fed: dict[Pin, list[tuple[Port, Flow]]] = {}

    def system(self, ssp: Ssp) -> System:
        parts = tuple(self._parts())
        connections = tuple(self._connections())
        default = ssp.description.default_experiment
        experiment = Experiment()
        if default is not None:
            experiment = Experiment(
                start_s=default.start_time,
                stop_s=default.stop_time,
                step_s=noted_number(default.annotations, EXPERIMENT, "step"),
                tolerance=noted_number(default.annotations, EXPERIMENT, "tolerance"),
            )
        return System(
            name=ssp.description.name,
            parts=parts,
            connections=connections,
            inputs=tuple(self._inputs()),
            outputs=tuple(self._outputs()),
            experiment=experiment,
        )

    def _parts(self) -> Iterator[Part]:
        seen: set[str] = set()
        for place in self._root.all():
            if place.fmu is not None and isinstance(place.element, Component):
                if place.path in seen:
                    self._findings.error(
                        "MT248", place.element.written, f"two FMUs have the name {place.path!r}.", "Rename an element."
                    )
                    continue
                seen.add(place.path)
                yield Part(
                    name=place.path,
                    fmu=place.fmu,
                    start=self._starts.values.get(place, {}),
                    options=Options(kind=_IMPLEMENTATIONS.get(place.element.implementation)),
                    step_s=noted_number(place.element.annotations, PART, "step"),
                    isolate=noted_flag(place.element.annotations, PART, "isolate"),
                )

    def _connections(self) -> Iterator[Connection]:
        """Connections between FMUs; what comes from the root's own connectors is kept for its inputs."""
        for pin in list(self._wires.into):
            place = pin.place
            if not isinstance(place, Place) or place.system is not None:
                continue
            path = self._wires.path_to(pin)
            if not path:
                self._circle(pin)
                continue
            origin = path[0].source.pin
            target = Port(place.path, pin.name)
            last = place.fmu_unit(pin.name)
            if isinstance(origin.place, Place) and origin.place.system is None:
                result = flow(path, origin.place.fmu_unit(origin.name), last, self._findings)
                self._check_types(path, result)
                source = Port(origin.place.path, origin.name)
                yield Connection(
                    source=source, target=target, transformation=result.step, convert_units=not result.stated
                )
            elif origin.place is self._root and path[0].source.connector.kind in ("input", "inout", "unspecified"):
                self._fed.setdefault(origin, []).append((target, flow(path, None, last, self._findings)))

    def _circle(self, pin: Pin) -> None:
        link = self._wires.into[pin]
        self._findings.error(
            "MT254", link.connection.written, f"{pin} is fed by a circle of connections without any FMU.", "Remove one."
        )

    def _check_types(self, path: list[Link], result: Flow) -> None:
        source, target = (_variable(path[0].source.pin), _variable(path[-1].target.pin))
        if source is None or target is None:
            return
        at = path[-1].connection.written
        if target.causality != "input" and target.variability != "tunable":
            self._findings.error(
                "MT261",
                at,
                f"{path[-1].target.pin} is no input but a {target.causality} of the FMU; it is not set while it runs.",
                "Connect an input, or give it a value in a parameter set.",
            )
        if isinstance(result.step, Lookup) or _family(source) == _family(target):
            return
        if _family(source) == "integer" and _family(target) == "float":
            return
        self._findings.error(
            "MT257",
            at,
            f"{path[0].source.pin} is {source.type}, {path[-1].target.pin} is {target.type}.",
            "Connect variables of one type, or add a mapping.",
        )

    def _inputs(self) -> Iterator[Connector]:
        """One for each variable that takes the value."""
        for connector in self._root.element.connectors:
            for port, result in self._fed.get(Pin(self._root, connector.name), ()):
                yield self._connector(connector.name, port, result)

    def _connector(self, name: str, port: Port, result: Flow) -> Connector:
        connector = self._root.connector(name)
        unit = connector.type.unit if connector is not None and connector.type is not None else None
        # with a unit that is told, the step is said too, so that it is not converted a second time
        step = result.step or (Linear() if unit else None)
        return Connector(name=name, port=port, unit=unit or "", transformation=step)

    def _outputs(self) -> Iterator[Connector]:
        for connector in self._root.element.connectors:
            pin = Pin(self._root, connector.name)
            if connector.kind == "input" or pin not in self._wires.into:
                continue
            path = self._wires.path_to(pin)
            origin = path[0].source.pin if path else None
            if origin is not None and isinstance(origin.place, Place) and origin.place.system is None:
                result = flow(path, origin.place.fmu_unit(origin.name), None, self._findings)
                yield self._connector(connector.name, Port(origin.place.path, origin.name), result)
            else:
                at = self._wires.into[pin].connection.written
                self._findings.warn(
                    "MT261", at, f"output {connector.name} comes from no FMU, so it is not recorded.", "Connect an FMU."
                )


def _variable(pin: Pin) -> Variable | None:
    return pin.place.variable(pin.name) if isinstance(pin.place, Place) else None


def _family(variable: Variable) -> str:
    return "float" if variable.type in FLOATS else "integer" if variable.type in INTEGERS else variable.type
