"""The checked plan of a system: who gives what to whom, converted how, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import SystemInvalid, UnitError
from fmu.conversion import Conversion, integer_range
from fmu.description import (
    FLOATS,
    INTEGERS,
    Description,
    Interface,
    Scalar,
    Type,
    Unknown,
    Variable,
    read_description,
)
from fmu.order import components
from fmu.quantity import affine
from fmu.system import Connection, Connector, Linear, Lookup, Part, Port, System

OUTSIDE: Final = -1
"""Stands for the outside where the index of an instance is meant."""
_NO_INPUTS: Final = frozenset({"independent", "output", "calculatedParameter", "local", "dependent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What sets one input.

    Attributes:
        part: Index of the instance that gives the value, or `OUTSIDE`.
        slot: Which of its outputs, or of the system's inputs.
        conversion: What happens on the way.
        name: For messages.
    """

    part: int
    slot: int
    conversion: Conversion
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instance with what it takes and gives.

    Attributes:
        part: As the system has it.
        description: What its FMU says of itself.
        inputs: The variables that are set before a step.
        wires: What sets them, one for each.
        outputs: The variables that are read after a step.
        sizes: Number of elements of each output, 0 for a scalar.
    """

    part: Part
    description: Description
    inputs: tuple[Variable, ...]
    wires: tuple[Wire, ...]
    outputs: tuple[Variable, ...]
    sizes: tuple[int, ...]

    @property
    def interface(self) -> Interface | None:
        """The interface of the FMU that is used."""
        kind = self.part.options.kind
        if kind is not None:
            return self.description.interface(kind)
        return self.description.co_simulation or self.description.model_exchange

    @property
    def title(self) -> str:
        """Name of the instance and of its file, for messages."""
        return f"{self.part.name} ({self.part.fmu.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value given to the outside.

    Attributes:
        part, slot: Which output of which instance.
        conversion: What happens on the way.
        size: Number of elements, 0 for a scalar.
        name: For messages.
    """

    part: int
    slot: int
    conversion: Conversion
    size: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupling:
    """The plan of a system.

    Attributes:
        system: What it is the plan of.
        members: Its instances, in the system's order.
        inputs: Type and size of each value that comes from outside (size 0: a scalar).
        outputs: What is given to the outside.
        order: Groups of instances in the order of the dependency graph; a group of several is a loop.
        feeds_itself: Indexes of instances with a connection to themselves.
        start: Ports in the order of initialization; a group of several is an algebraic loop.
        findings: Warnings.
    """

    system: System
    members: tuple[Member, ...]
    inputs: tuple[tuple[Type, int], ...]
    outputs: tuple[Reading, ...]
    order: tuple[tuple[int, ...], ...]
    feeds_itself: frozenset[int]
    start: tuple[tuple[tuple[int, str, int], ...], ...]
    findings: tuple[Diagnostic, ...] = ()


def describe(system: System, places: Mapping[Path, Path] | None = None) -> dict[Path, Description]:
    """Reads what the FMUs of a system say of themselves, each once.

    Args:
        system: The system.
        places: Where each ``.fmu`` was unpacked; None: it is read from the archive.

    Raises:
        InputUnreadable, ArchiveUnsafe: An FMU cannot be read.
        DescriptionInvalid: Findings, and an instance that is stopped by them.
    """
    strict = {part.fmu for part in system.parts if part.options.checked}
    return {
        path: read_description(places[path] if places else path, lenient=path not in strict)
        for path in dict.fromkeys(part.fmu for part in system.parts)
    }


def couple(system: System, descriptions: Mapping[Path, Description]) -> Coupling:
    """Checks a system and plans it.

    Args:
        system: The system.
        descriptions: Of every ``.fmu`` that it names.

    Raises:
        SystemInvalid: With every finding: unknown instances and variables, inputs with two sources, types, sizes and
            units that do not fit.
    """
    draft = _Draft(system, descriptions)
    draft.connect()
    readings = draft.outside()
    errors = [found for found in draft.findings if found.severity is Severity.ERROR]
    if errors:
        raise SystemInvalid(draft.findings)
    members = draft.members()
    edges = [
        (wire.part, index) for index, member in enumerate(members) for wire in member.wires if wire.part != OUTSIDE
    ]
    return Coupling(
        system=system,
        members=members,
        inputs=tuple(draft.taken),
        outputs=tuple(readings),
        order=_order(members, edges),
        feeds_itself=frozenset(source for source, target in edges if source == target),
        start=_start(members),
        findings=tuple(draft.findings),
    )


@dataclass(slots=True)
class _Slots:
    """What one instance takes and gives, while it is being collected."""

    part: Part
    description: Description
    inputs: dict[str, tuple[Variable, Wire]] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)

    def output(self, variable: Variable) -> int:
        """Slot of an output, made when it is new."""
        if variable.name not in self.outputs:
            self.outputs[variable.name] = len(self.variables)
            self.variables.append(variable)
        return self.outputs[variable.name]


class _Draft:
    """A plan that is being made, with the findings so far."""

    def __init__(self, system: System, descriptions: Mapping[Path, Description]) -> None:
        self.system = system
        self.findings: list[Diagnostic] = []
        self.taken: list[tuple[Type, int]] = []
        self._slots = [_Slots(part, descriptions[part.fmu]) for part in system.parts]
        self._index = {part.name: index for index, part in enumerate(system.parts)}
        for what, names in (
            ("instances", [part.name for part in system.parts]),
            ("outputs", [connector.name for connector in system.outputs]),
        ):
            for name, count in Counter(names).items():
                if count > 1:
                    self._find("MT270", None, f"{count} {what} are called {name!r}", "Give each its own name.")

    def connect(self) -> None:
        """Takes the connections, then the connectors at the border that take values."""
        for connection in self.system.connections:
            self._connect(connection)
        for slot, name in enumerate(self.system.input_names):
            self._take(slot, [connector for connector in self.system.inputs if connector.name == name])

    def _connect(self, connection: Connection) -> None:
        source, target = self._port(connection.source), self._target(connection.target)
        if source is None or target is None:
            return
        name = f"{connection.source} -> {connection.target}"
        (giver, given), (taker, wanted) = source, target
        conversion = self._conversion(name, connection, (giver, given), (taker, wanted))
        if conversion is None:
            return
        sizes = [_size(self._slots[part], variable) for part, variable in (source, target)]
        if sizes[0] != sizes[1]:
            words = ["a scalar" if size == 0 else f"an array of {size}" for size in sizes]
            self._find(
                "MT275",
                self._slots[taker].description.location(wanted),
                f"{name}: {words[0]} is connected to {words[1]}",
                "Connect variables of one size; an array is connected as a whole.",
            )
            return
        slot = self._slots[giver].output(given)
        wire = Wire(part=giver, slot=slot, conversion=conversion, name=name)
        self._slots[taker].inputs[wanted.name] = (wanted, wire)

    def _take(self, slot: int, connectors: Sequence[Connector]) -> None:
        """One value from outside, and all that takes it."""
        taken: list[tuple[Connector, _Slots, Variable, Type]] = []
        for connector in connectors:
            target = self._target(connector.port)
            if target is None:
                continue
            slots, variable = self._slots[target[0]], target[1]
            outer = _outer(connector, variable, side=0)
            taken.append((connector, slots, variable, outer))
            self._wire(slot, taken[-1])
        if not taken:
            self.taken.append(("Float64", 0))
            return
        connector, slots, variable, _ = taken[0]
        type_ = _common([outer for *_, outer in taken])
        sizes = {_size(slots, variable) for _, slots, variable, _ in taken}
        if type_ is None or len(sizes) > 1:
            ports = " and ".join(str(connector.port) for connector, *_ in taken)
            self._find(
                "MT275" if type_ else "MT274",
                slots.description.location(variable),
                f"input {connector.name!r} goes to {ports}, which do not take one value: they differ in "
                f"{'size' if type_ else 'type'}",
                "Give each its own input, or a mapping.",
            )
            type_ = type_ or "Float64"
        for connector, slots, variable, outer in taken:
            if outer != type_:
                self._wire(slot, (connector, slots, variable, type_))
        self.taken.append((type_, _size(slots, variable)))

    def _wire(self, slot: int, taker: tuple[Connector, _Slots, Variable, Type]) -> None:
        connector, slots, variable, outer = taker
        wire = Wire(
            part=OUTSIDE,
            slot=slot,
            conversion=self._border(connector, slots, variable, inward=outer),
            name=f"input {connector.name!r}",
        )
        slots.inputs[variable.name] = (variable, wire)

    def outside(self) -> list[Reading]:
        """Takes the connectors that give values."""
        return [reading for connector in self.system.outputs if (reading := self._give(connector))]

    def _give(self, connector: Connector) -> Reading | None:
        source = self._port(connector.port)
        if source is None:
            return None
        part, variable = source
        slots = self._slots[part]
        outer = _outer(connector, variable, side=1)
        return Reading(
            part=part,
            slot=slots.output(variable),
            conversion=self._border(connector, slots, variable, outward=outer),
            size=_size(slots, variable),
            name=f"output {connector.name!r}",
        )

    def _border(
        self,
        connector: Connector,
        slots: _Slots,
        variable: Variable,
        *,
        inward: Type | None = None,
        outward: Type | None = None,
    ) -> Conversion:
        """The conversion of a connector, whose other side is known by its unit only."""
        source, target = (inward, variable.type) if inward is not None else (variable.type, outward)
        assert source is not None
        assert target is not None
        if connector.transformation is not None:
            found = _transformed(connector.transformation, source, target, slots.description.major)
        else:
            factor, offset = 1.0, 0.0
            if connector.unit and variable.unit and variable.type in FLOATS:
                units = (connector.unit, variable.unit) if inward is not None else (variable.unit, connector.unit)
                factor, offset = self._affine(f"connector {connector.name!r}", units, slots, slots)
            found = _typed(Linear(factor=factor, offset=offset), source, target, slots.description.major)
        return found

    def _conversion(
        self, name: str, connection: Connection, source: tuple[int, Variable], target: tuple[int, Variable]
    ) -> Conversion | None:
        (giver, given), (taker, wanted) = source, target
        giving, taking = self._slots[giver], self._slots[taker]
        how = connection.transformation
        if isinstance(how, Lookup):
            if why := _table_fault(how, given.type, wanted.type):
                self._find("MT277", taking.description.location(wanted), f"{name}: {why}", "Correct the mapping.")
                return None
            return _transformed(how, given.type, wanted.type, taking.description.major)
        if not _fit(given.type, wanted.type) or (isinstance(how, Linear) and given.type not in FLOATS | INTEGERS):
            self._find(
                "MT274",
                taking.description.location(wanted),
                f"{name}: {given.type} does not become {wanted.type}",
                "Give the connection a mapping, or connect variables of fitting types.",
            )
            return None
        if how is None:
            factor, offset = 1.0, 0.0
            if connection.convert_units and given.unit and wanted.unit and given.type in FLOATS:
                factor, offset = self._affine(name, (given.unit, wanted.unit), giving, taking)
            how = Linear(factor=factor, offset=offset)
        return _typed(how, given.type, wanted.type, taking.description.major)

    def _affine(self, name: str, units: tuple[str, str], giving: _Slots, taking: _Slots) -> tuple[float, float]:
        try:
            return affine(units[0], giving.description, units[1], taking.description)
        except UnitError as error:
            self._find(
                "MT276",
                Location(giving.description.file),
                f"{name}: {error.message}",
                "Give it a transformation, or switch the conversion of units off.",
            )
            return 1.0, 0.0

    def _port(self, port: Port) -> tuple[int, Variable] | None:
        index = self._index.get(port.part)
        if index is None:
            known = ", ".join(self._index) or "none"
            self._find("MT271", None, f"{port}: there is no instance {port.part!r}", f"Instances are: {known}.")
            return None
        slots = self._slots[index]
        variable = slots.description.variable(port.variable)
        if variable is None:
            self._find(
                "MT272",
                slots.description.location(),
                f"{port}: there is no variable {port.variable!r}",
                "Run `megatwin fmu info` to see its variables.",
            )
            return None
        return index, variable

    def _target(self, port: Port) -> tuple[int, Variable] | None:
        found = self._port(port)
        if found is None:
            return None
        index, variable = found
        slots = self._slots[index]
        where = slots.description.location(variable)
        fixed = variable.causality != "input" and variable.variability != "tunable"
        if variable.causality in _NO_INPUTS or fixed:
            self._find(
                "MT273",
                where,
                f"{port}: {variable.causality} of variability {variable.variability} cannot be set",
                "Connect to an input, or to a tunable parameter.",
            )
            return None
        if variable.name in slots.inputs:
            self._find("MT278", where, f"{port}: it is set by two sources", "Leave one of them out.")
            return None
        return found

    def members(self) -> tuple[Member, ...]:
        """The instances as they are planned."""
        made = []
        for slots in self._slots:
            for variable in slots.description.with_causality("input"):
                if variable.start is None and variable.name not in slots.inputs | dict(slots.part.start):
                    self._find(
                        "MT279",
                        slots.description.location(variable),
                        f"{slots.part.name}.{variable.name}: nothing sets this input, and it has no start value",
                        "Connect it, or give it a start value.",
                        severity=Severity.WARNING,
                    )
            made.append(
                Member(
                    part=slots.part,
                    description=slots.description,
                    inputs=tuple(variable for variable, _ in slots.inputs.values()),
                    wires=tuple(wire for _, wire in slots.inputs.values()),
                    outputs=tuple(slots.variables),
                    sizes=tuple(_size(slots, variable) for variable in slots.variables),
                )
            )
        return tuple(made)

    def _find(
        self, rule: str, where: Location | None, cause: str, action: str, *, severity: Severity = Severity.ERROR
    ) -> None:
        where = where or Location(f"system {self.system.name}")
        self.findings.append(Diagnostic(rule=rule, severity=severity, location=where, cause=f"{cause}.", action=action))


def _fit(source: Type, target: Type) -> bool:
    if source in INTEGERS:
        return target in INTEGERS | FLOATS
    if source in FLOATS:
        return target in FLOATS
    return source == target and source != "Clock"


def _typed(linear: Linear, source: Type, target: Type, major: int) -> Conversion:
    limits = integer_range(target, major) if target in INTEGERS else (0, 0)
    return Conversion(source=source, target=target, factor=linear.factor, offset=linear.offset, range=limits)


def _transformed(how: Linear | Lookup, source: Type, target: Type, major: int) -> Conversion:
    if isinstance(how, Linear):
        return _typed(how, source, target, major)
    return Conversion(source=source, target=target, table=dict(how.pairs))


def _outer(connector: Connector, variable: Variable, *, side: int) -> Type:
    """Type of the outside's value at a connector; a table has it on one of its sides."""
    if isinstance(connector.transformation, Lookup):
        return _table_type([pair[side] for pair in connector.transformation.pairs])
    converted = connector.transformation is not None or connector.unit
    return "Float64" if converted and variable.type in FLOATS else variable.type


def _common(types: Sequence[Type]) -> Type | None:
    """The type of a value that becomes each of some types; None when there is none."""
    distinct = set(types)
    whole = distinct & INTEGERS
    if len(distinct) == 1:
        return types[0]
    if distinct <= FLOATS:
        return "Float64"
    if not distinct <= FLOATS | INTEGERS:
        return None
    return next(iter(whole)) if len(whole) == 1 else "Int64"


def _table_type(values: Sequence[Scalar]) -> Type:
    if values and all(isinstance(value, bool) for value in values):
        return "Boolean"
    if values and all(isinstance(value, str) for value in values):
        return "String"
    return "Float64" if any(isinstance(value, float) for value in values) else "Int64"


def _table_fault(lookup: Lookup, source: Type, target: Type) -> str:
    """Why a table does not fit its two types; empty when it does."""
    for side, type_ in ((0, source), (1, target)):
        for pair in lookup.pairs:
            if not _holds(type_, pair[side]):
                return f"the table has {pair[side]!r}, which is no {type_}"
    return "" if lookup.pairs else "the table is empty"


def _holds(type_: Type, value: Scalar) -> bool:
    if type_ == "Boolean":
        return isinstance(value, bool)
    if type_ in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if type_ in FLOATS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) if type_ == "String" else False


def _size(slots: _Slots, variable: Variable) -> int:
    """Number of elements by the description and the start values of structural parameters; 0 for a scalar."""
    if not variable.dimensions:
        return 0
    count = 1
    for dimension in variable.dimensions:
        length: Any = dimension.start
        if length is None:
            owner = next(v for v in slots.description.variables if v.value_reference == dimension.value_reference)
            length = slots.part.start.get(owner.name, owner.start)
        count *= int(length) if isinstance(length, int | float) else 0
    return count


def _order(members: Sequence[Member], edges: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Groups in dependency order; inside a loop, what passes its inputs straight to its outputs comes last."""
    direct: list[tuple[int, int]] = []
    for index, member in enumerate(members):
        read = [variable.value_reference for variable in member.outputs]
        through = {
            reference
            for unknown in member.description.outputs
            if unknown.value_reference in read
            for reference in _inputs_of(unknown, member)
        }
        direct += [
            (wire.part, index)
            for variable, wire in zip(member.inputs, member.wires, strict=True)
            if wire.part not in (OUTSIDE, index) and variable.value_reference in through
        ]
    found = []
    for group in components(len(members), edges):
        place = {index: k for k, index in enumerate(sorted(group))}
        inner = [(place[a], place[b]) for a, b in direct if a in place and b in place]
        names = sorted(group)
        found.append(tuple(names[k] for part in components(len(group), inner) for k in sorted(part)))
    return tuple(found)


def _inputs_of(unknown: Unknown, member: Member) -> Iterator[int]:
    """Value references of the connected inputs that an unknown depends on directly."""
    for variable in member.inputs:
        if unknown.dependencies is None or variable.value_reference in unknown.dependencies:
            yield variable.value_reference


def _start(members: Sequence[Member]) -> tuple[tuple[tuple[int, str, int], ...], ...]:
    """Ports as (instance, ``in`` or ``out``, slot) in the order of initialization (FMI 2.0, 4.2.4)."""
    ports = [
        (index, side, slot)
        for index, member in enumerate(members)
        for side, slots in (("in", member.inputs), ("out", member.outputs))
        for slot in range(len(slots))
    ]
    number = {port: k for k, port in enumerate(ports)}
    edges = []
    for index, member in enumerate(members):
        for slot, wire in enumerate(member.wires):
            if wire.part != OUTSIDE:
                edges.append((number[wire.part, "out", wire.slot], number[index, "in", slot]))
        known = {unknown.value_reference: unknown for unknown in member.description.outputs}
        known |= {unknown.value_reference: unknown for unknown in member.description.initial_unknowns}
        for slot, variable in enumerate(member.outputs):
            if variable.causality in ("input", "parameter", "structuralParameter"):
                depends = [variable.value_reference]
            else:
                unknown = known.get(variable.value_reference, Unknown(value_reference=variable.value_reference))
                depends = list(_inputs_of(unknown, member))
            edges += [
                (number[index, "in", k], number[index, "out", slot])
                for k, taken in enumerate(member.inputs)
                if taken.value_reference in depends
            ]
    return tuple(tuple(ports[k] for k in sorted(group)) for group in components(len(ports), edges))
