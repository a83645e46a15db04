"""A flat coupling graph, built in Python or from a configuration, as a system structure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dtdl.errors import FmuError
from fmu import description as fmi
from fmu.quantity import parse_si
from fmu.ssp.description import (
    FMU,
    KINDS,
    KINDS_OF_1,
    Component,
    Connection,
    Connector,
    DefaultExperiment,
    ParameterBinding,
    ParameterValues,
    SystemStructureDescription,
)
from fmu.ssp.description import System as SspSystem
from fmu.ssp.elements import (
    TYPES_OF_1,
    Annotation,
    BaseUnit,
    BooleanMapEntry,
    BooleanMappingTransformation,
    Enumeration,
    IntegerMapEntry,
    IntegerMappingTransformation,
    Item,
    LinearTransformation,
    Transformation,
    Type,
    Unit,
)
from fmu.ssp.own import BINDING, EXPERIMENT, PART, annotate
from fmu.ssp.package import Ssp
from fmu.ssp.parameters import ElementValue, Parameter, ParameterSet, Value
from fmu.ssp.schema import write_double
from fmu.ssp.store import SSD_NAME, FileStore
from fmu.system import Connector as Border
from fmu.system import Linear, Lookup, Part, Port, System

_TOOL: Final = "megatwin"
_OF_FMI: Final = {"Float64": "Real", "Int32": "Integer"}
_IMPLEMENTATIONS: Final = {"co-simulation": "CoSimulation", "model-exchange": "ModelExchange", None: None}
_POWERS: Final = {"A": "ampere", "K": "kelvin"}


def from_system(system: System, *, bindings: Mapping[str, str] | None = None, units: Iterable[Unit] = ()) -> Ssp:
    """Gives the system structure of a coupling graph; its FMUs become resources when it is saved.

    Args:
        system: It.
        bindings: Name of an input or output → the twin's point, as text; kept in annotations.
        units: Definitions of units of inputs and outputs that neither their FMU nor SI has.

    Raises:
        InputUnreadable, ArchiveUnsafe, DescriptionInvalid: An FMU cannot be read.
        FmuError: A variable that is not there, a unit or a transformation that SSP has no form for.
    """
    return _Composing(system, bindings or {}, {unit.name: unit for unit in units}).ssp()


class _Composing:
    def __init__(self, system: System, bindings: Mapping[str, str], given: Mapping[str, Unit]) -> None:
        self._given = given
        self._system = system
        self._bindings = bindings
        self._files: dict[Path, str] = {}
        self._about: dict[str, fmi.Description] = {}
        self._enumerations: dict[str, Enumeration] = {}
        self._units: dict[str, Unit] = {}

    def ssp(self) -> Ssp:
        system = self._system
        for part in system.parts:
            self._about[part.name] = fmi.read_description(part.fmu)
            self._files.setdefault(part.fmu, self._file(part.fmu))
        components = tuple(map(self._component, system.parts))
        borders = self._borders()
        root = SspSystem(
            name=system.name or "system",
            connectors=tuple(borders),
            elements=components,
            connections=tuple(self._connections()),
        )
        used = [*borders, *(each for component in components for each in component.connectors)]
        description = SystemStructureDescription(
            version=_version(used, components),
            name=system.name or "system",
            generation_tool=_TOOL,
            system=root,
            enumerations=tuple(self._enumerations.values()),
            units=tuple(self._units.values()),
            default_experiment=_experiment(system.experiment),
        )
        store = FileStore({name: path for path, name in self._files.items()})
        return Ssp(store=store, documents={SSD_NAME: description})

    def _file(self, path: Path) -> str:
        taken = set(self._files.values())
        name, number = f"resources/{path.name}", 1
        while name in taken:
            number += 1
            name = f"resources/{path.stem}-{number}{path.suffix}"
        return name

    def _variable(self, port: Port) -> fmi.Variable:
        about = self._about.get(port.part)
        variable = about.variable(port.variable) if about is not None else None
        if variable is None:
            raise FmuError(f"there is no variable {port}", action="Correct the name of the part or of the variable.")
        return variable

    def _component(self, part: Part) -> Component:
        ports = [
            *(port for each in self._system.connections for port in (each.source, each.target)),
            *(each.port for each in (*self._system.inputs, *self._system.outputs)),
        ]
        names = dict.fromkeys(port.variable for port in ports if port.part == part.name)
        return Component(
            name=part.name,
            type=FMU,
            source=self._files[part.fmu],
            implementation=_IMPLEMENTATIONS[part.options.kind],
            connectors=tuple(self._connector(self._variable(Port(part.name, name)), name) for name in names),
            parameter_bindings=self._start(part),
            annotations=_note(part),
        )

    def _connector(self, variable: fmi.Variable, name: str) -> Connector:
        # without a unit: it is that of the FMU's variable (SSP 2.0, 4.4.1.1)
        kind = variable.causality if variable.causality in KINDS else "local"
        return Connector(name=name, kind=kind, type=self._type(variable))

    def _type(self, variable: fmi.Variable, unit: str = "") -> Type:
        kind = _OF_FMI.get(variable.type, variable.type)
        name = None
        if kind == "Enumeration":
            items = tuple(Item(name=item.name, value=item.value) for item in variable.items)
            name = variable.declared_type or variable.name
            known = self._enumerations.setdefault(name, Enumeration(name=name, items=items))
            if known.items != items:
                raise FmuError(f"two enumerations have the name {name!r}", action="Rename one of the types.")
        return Type(kind=kind, name=name, unit=unit or None)

    def _start(self, part: Part) -> tuple[ParameterBinding, ...]:
        if not part.start:
            return ()
        parameters = tuple(
            _parameter(self._variable(Port(part.name, name)), name, value) for name, value in part.start.items()
        )
        inline = ParameterSet(version="1.0", name="start values", parameters=parameters)
        return (ParameterBinding(values=ParameterValues(parameter_set=inline)),)

    def _borders(self) -> list[Connector]:
        # inputs of one name are one connector, which feeds several variables
        inputs: dict[str, Border] = {}
        for each in self._system.inputs:
            known = inputs.setdefault(each.name, each)
            if known.unit != each.unit:
                raise FmuError(
                    f"input {each.name!r} has two units, {known.unit!r} and {each.unit!r}",
                    action="Write the conversion of one of them as a transformation.",
                )
        return [
            *(self._border(each, "input") for each in inputs.values()),
            *(self._border(each, "output") for each in self._system.outputs),
        ]

    def _border(self, border: Border, kind: str) -> Connector:
        if border.unit:
            self._define(border.unit, border.port)
        point = self._bindings.get(border.name)
        return Connector(
            name=border.name,
            kind=kind,
            type=self._type(self._variable(border.port), border.unit),
            annotations=(annotate(BINDING, point=point),) if point else (),
        )

    def _define(self, name: str, port: Port) -> None:
        if name in self._units:
            return
        if name in self._given:
            self._units[name] = self._given[name]
            return
        own = self._about[port.part].units.get(name)
        if own is not None and own.defined:
            factor, offset, powers = own.factor, own.offset, own.exponents
        else:
            known = parse_si(name)
            if known is None:
                raise FmuError(f"{name!r} is no unit that is known", action="Give its definition in units.")
            factor, offset, powers = float(known.factor), float(known.offset), known.powers
        base: dict[str, Any] = {_POWERS.get(each, each): power for each, power in powers.items()}
        self._units[name] = Unit(name=name, base_unit=BaseUnit(factor=factor, offset=offset, **base))

    def _connections(self) -> Iterator[Connection]:
        for border in self._system.inputs:
            yield Connection(
                start_connector=border.name,
                end_element=border.port.part,
                end_connector=border.port.variable,
                suppress_unit_conversion=True if border.transformation else None,
                transformation=_transformation(border.transformation),
            )
        for each in self._system.connections:
            if self._variable(each.source).causality == "input":
                raise FmuError(f"SSP has no connection from an input, {each.source}", action="Connect what feeds it.")
            yield Connection(
                start_element=each.source.part,
                start_connector=each.source.variable,
                end_element=each.target.part,
                end_connector=each.target.variable,
                # our transformations are all that happens; those of SSP come after a conversion of units
                suppress_unit_conversion=True if each.transformation or not each.convert_units else None,
                transformation=_transformation(each.transformation),
            )
        for border in self._system.outputs:
            yield Connection(
                start_element=border.port.part,
                start_connector=border.port.variable,
                end_connector=border.name,
                suppress_unit_conversion=True if border.transformation else None,
                transformation=_transformation(border.transformation),
            )


def _version(connectors: Iterable[Connector], components: Iterable[Component]) -> str:
    kinds = {each.kind for each in connectors}
    types = {each.type.kind for each in connectors if each.type is not None}
    arrays = any(
        isinstance(each.value.data, tuple)
        for component in components
        for binding in component.parameter_bindings
        if binding.values and binding.values.parameter_set
        for each in binding.values.parameter_set.parameters
    )
    return "1.0" if kinds <= KINDS_OF_1 and types <= TYPES_OF_1 and not arrays else "2.0"


def _experiment(experiment: fmi.Experiment) -> DefaultExperiment | None:
    if experiment == fmi.Experiment():
        return None
    numbers = {"step": experiment.step_s, "tolerance": experiment.tolerance}
    texts = {name: write_double(value) for name, value in numbers.items() if value is not None}
    return DefaultExperiment(
        start_time=experiment.start_s,
        stop_time=experiment.stop_s,
        annotations=(annotate(EXPERIMENT, **texts),) if texts else (),
    )


def _note(part: Part) -> tuple[Annotation, ...]:
    texts = {"step": write_double(part.step_s)} if part.step_s is not None else {}
    if part.isolate:
        texts["isolate"] = "true"
    return (annotate(PART, **texts),) if texts else ()


def _parameter(variable: fmi.Variable, name: str, value: Any) -> Parameter:
    kind = _OF_FMI.get(variable.type, variable.type)
    data = tuple(value) if isinstance(value, list | tuple) else value
    if kind == "Enumeration":
        names = {item.value: item.name for item in variable.items}
        data = tuple(names.get(each, each) for each in data) if isinstance(data, tuple) else names.get(data, data)
    if kind in ("Enumeration", "String", "Binary") and isinstance(data, tuple):
        texts = (each.hex() if isinstance(each, bytes) else str(each) for each in data)
        elements = tuple(ElementValue(value=text) for text in texts)
        return Parameter(name=name, value=Value(kind=kind, elements=elements))
    return Parameter(name=name, value=Value(kind=kind, value=data))


def _transformation(step: Linear | Lookup | None) -> Transformation | None:
    if step is None:
        return None
    if isinstance(step, Linear):
        return LinearTransformation(factor=step.factor, offset=step.offset)
    pairs = list(step.pairs)
    if all(isinstance(key, bool) and isinstance(value, bool) for key, value in pairs):
        entries = tuple(BooleanMapEntry(source=bool(key), target=bool(value)) for key, value in pairs)
        return BooleanMappingTransformation(entries=entries)
    if all(type(key) is int and type(value) is int for key, value in pairs):
        whole = tuple(IntegerMapEntry(source=int(key), target=int(value)) for key, value in pairs)
        return IntegerMappingTransformation(entries=whole)
    raise FmuError(f"SSP has no mapping of {step.pairs}", action="Map booleans to booleans, or integers to integers.")
