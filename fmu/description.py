"""The typed modelDescription: what an FMU says of itself, whatever its FMI version (FMI 2.0, 2.2; FMI 3.0, 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeAlias

from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import DescriptionInvalid, InputUnreadable
from fmu import archive

FILE_NAME: Final = "modelDescription.xml"
FMI_1: Final = 1
FMI_2: Final = 2
FMI_3: Final = 3

Type: TypeAlias = Literal[
    "Float32", "Float64", "Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64",
    "Boolean", "String", "Binary", "Enumeration", "Clock",
]  # fmt: skip
"""FMI 3.0's names; Real of FMI 1.0 and 2.0 is Float64, Integer is Int32."""

Scalar: TypeAlias = float | int | bool | str | bytes
Causality: TypeAlias = Literal[
    "structuralParameter", "parameter", "calculatedParameter", "input", "output", "local", "independent", "dependent"
]
FLOATS: Final = frozenset({"Float32", "Float64"})
INTEGERS: Final = frozenset({"Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Enumeration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayUnit:
    """A unit for people: ``factor * value + offset`` of the value in the Unit it belongs to."""

    name: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit definition: ``factor * value + offset`` is the value in SI base units.

    Attributes:
        name: As variables write it, such as ``kJ/K``.
        exponents: SI base unit (``kg m s A K mol cd rad``) → exponent, without zeros.
        factor, offset: See above.
        display_units: Units for people.
        defined: False when the file gives no base unit for it.
    """

    name: str
    exponents: Mapping[str, int] = field(default_factory=dict)
    factor: float = 1.0
    offset: float = 0.0
    display_units: Sequence[DisplayUnit] = ()
    defined: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One value of an enumeration."""

    name: str
    value: int
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dimension of an array: a number, or the value reference of the structural parameter that has it."""

    start: int | None = None
    value_reference: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What makes a variable a clock (FMI 3.0, 2.2.8).

    Attributes:
        variability: ``intervalVariability``: constant, fixed, calculated, tunable, changing, countdown or triggered.
        interval_s: Its interval in seconds, where the file gives it.
        shift_s: Time of its first tick after the start, in seconds.
        priority: Among clocks that tick at the same time; None when not given.
    """

    variability: str = "triggered"
    interval_s: float | None = None
    shift_s: float = 0.0
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Variables that belong together, such as one connector of a model (FMI 3.0, 2.4.9).

    Attributes:
        name: Unique among its siblings.
        matching_rule: ``plug``, ``bus``, ``sequence`` or a tool's own.
        kind: What is connected with what; empty when not given.
        description: For people.
        members: Member name and variable name; the member name is empty where the rule needs none.
        terminals: Terminals inside it.
    """

    name: str
    matching_rule: str = ""
    kind: str = ""
    description: str = ""
    members: Sequence[tuple[str, str]] = ()
    terminals: Sequence[Terminal] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable.

    Attributes:
        name: Unique in the FMU.
        value_reference: Handle for get and set.
        type: Its type.
        causality, variability, initial: As in FMI 2.0 and 3.0, with defaults filled in; initial is empty when none.
        start: Start value; a tuple for an array; None when there is none.
        unit: Name of its unit, its declared type's when it has none itself; empty when there is none.
        display_unit: Unit for people; empty when there is none.
        min, max, nominal: In its unit; None when not given.
        description: For people.
        dimensions: Empty for a scalar.
        declared_type: Name of its type definition, or empty.
        items: Values of an enumeration.
        aliases: Other names of it (FMI 3.0).
        clock: What it is as a clock; None for other types.
        clocks: Value references of the clocks that activate it.
        derivative: The state that it is the derivative of: a position in the file from 1 (FMI 2.0) or a value
            reference (FMI 3.0).
        line: Where it stands in the modelDescription.xml.
    """

    name: str
    value_reference: int
    type: Type
    causality: Causality = "local"
    variability: str = "continuous"
    initial: str = ""
    start: Scalar | tuple[Scalar, ...] | None = None
    unit: str = ""
    display_unit: str = ""
    min: float | None = None
    max: float | None = None
    nominal: float | None = None
    description: str = ""
    dimensions: Sequence[Dimension] = ()
    declared_type: str = ""
    items: Sequence[Item] = ()
    aliases: Sequence[str] = ()
    clock: Clock | None = None
    clocks: Sequence[int] = ()
    derivative: int | None = None
    line: int = 0

    @property
    def is_settable(self) -> bool:
        """Whether it may be given a start value before initialization (FMI 2.0, table in 2.2.7)."""
        if self.variability == "constant" or self.causality in ("independent", "calculatedParameter"):
            return False
        return self.causality in ("input", "parameter", "structuralParameter") or self.initial in ("exact", "approx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One of the interface types that an FMU implements.

    Attributes:
        kind: Which.
        model_identifier: Name of the binary without its ending.
        variable_step: Whether steps may differ in length.
        get_set_state, serialize_state: What the FMU can do with its state.
        needs_execution_tool: Whether another program must be installed.
        once_per_process: Whether only one instance may live in a process.
        capabilities: Every attribute of the element, as written.
        source_files: FMI 2.0's list of C files.
    """

    kind: Literal["co-simulation", "model-exchange", "scheduled-execution"]
    model_identifier: str
    variable_step: bool = False
    get_set_state: bool = False
    serialize_state: bool = False
    needs_execution_tool: bool = False
    once_per_process: bool = False
    capabilities: Mapping[str, str] = field(default_factory=dict)
    source_files: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """The default experiment, in seconds; None where it says nothing."""

    start_s: float | None = None
    stop_s: float | None = None
    step_s: float | None = None
    tolerance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An output, derivative or initial unknown, with what it depends on.

    Attributes:
        value_reference: Of the unknown.
        dependencies: Value references it depends on; None: on all that it may.
        kinds: One for each dependency; empty when the file gives none.
    """

    value_reference: int
    dependencies: tuple[int, ...] | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Description:
    """A modelDescription.xml.

    Attributes:
        file: Where it was read.
        fmi_version: As written, such as ``3.0``.
        model_name: For people.
        token: ``guid`` or ``instantiationToken``.
        co_simulation, model_exchange, scheduled_execution: What the FMU implements; None for what it does not.
        variables: In the order of the file.
        units: By name; units that are only named by variables are not in it.
        experiment: The default experiment.
        outputs, derivatives, initial_unknowns: The model structure.
        continuous_states, event_indicators: How many, as far as the file says; FMI 3.0 may change them by structural
            parameters.
        terminals: From ``terminalsAndIcons/terminalsAndIcons.xml``, at the top.
        icon: Name of the icon's file in the archive; empty when there is none.
        description, author, version, license, generation_tool, generated_at: For people.
        warnings: Findings that do not stop.
    """

    file: str
    fmi_version: str
    model_name: str
    token: str
    co_simulation: Interface | None = None
    model_exchange: Interface | None = None
    scheduled_execution: Interface | None = None
    variables: tuple[Variable, ...] = ()
    units: Mapping[str, Unit] = field(default_factory=dict)
    experiment: Experiment = Experiment()
    outputs: tuple[Unknown, ...] = ()
    derivatives: tuple[Unknown, ...] = ()
    initial_unknowns: tuple[Unknown, ...] = ()
    continuous_states: int = 0
    event_indicators: int = 0
    terminals: tuple[Terminal, ...] = ()
    icon: str = ""
    description: str = ""
    author: str = ""
    version: str = ""
    license: str = ""
    generation_tool: str = ""
    generated_at: str = ""
    warnings: tuple[Diagnostic, ...] = ()

    @cached_property
    def major(self) -> int:
        """1, 2 or 3."""
        return int(self.fmi_version.partition(".")[0])

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        named = {alias: variable for variable in self.variables for alias in variable.aliases}
        return named | {variable.name: variable for variable in self.variables}

    def variable(self, name: str) -> Variable | None:
        """The variable of a name or alias, or None."""
        return self._by_name.get(name)

    def interface(self, kind: str) -> Interface | None:
        """The interface of a kind, or None."""
        found = {
            "co-simulation": self.co_simulation,
            "model-exchange": self.model_exchange,
            "scheduled-execution": self.scheduled_execution,
        }
        return found.get(kind)

    def with_causality(self, *causalities: Causality) -> Iterator[Variable]:
        """The variables of some causalities, in the order of the file."""
        return (variable for variable in self.variables if variable.causality in causalities)

    def location(self, variable: Variable | None = None) -> Location:
        """Where a variable, or the whole, is written."""
        return Location(self.file, line=variable.line if variable else 0)


def read_description(path: Path, *, lenient: bool = False) -> Description:
    """Reads the modelDescription.xml of an FMU, or such a file itself.

    Args:
        path: An ``.fmu`` (nothing is unpacked), a folder with a ``modelDescription.xml``, or that file.
        lenient: Findings that leave enough to go on with become warnings.

    Raises:
        InputUnreadable: No such file.
        ArchiveUnsafe: Not a zip archive, or an unsafe one.
        DescriptionInvalid: Findings, with file and line.
    """
    from fmu.description_xml import parse_description  # noqa: PLC0415 - it imports the classes above

    if path.is_dir():
        return _with_terminals(
            parse_description(_read(path / FILE_NAME), str(path / FILE_NAME), lenient=lenient),
            lambda name: (path / name).read_bytes() if (path / name).is_file() else None,
            path,
        )
    if path.suffix == ".xml":
        return parse_description(_read(path), str(path), lenient=lenient)
    data = archive.read(path, FILE_NAME)
    if data is None:
        raise DescriptionInvalid(
            [
                Diagnostic(
                    rule="MT210",
                    location=Location(str(path)),
                    cause=f"the archive has no {FILE_NAME} at its top, so it is no FMU.",
                    action="Put the files at the top of the archive, not into a folder.",
                )
            ]
        )
    description = parse_description(data, f"{path}/{FILE_NAME}", lenient=lenient)
    names = frozenset(archive.names(path))
    return _with_terminals(description, lambda name: archive.read(path, name) if name in names else None, path)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputUnreadable(f"{path}: no such file", action="Give an .fmu or its modelDescription.xml.")
    return path.read_bytes()


def _with_terminals(description: Description, read: Callable[[str], bytes | None], path: Path) -> Description:
    """Adds what stands beside the modelDescription.xml."""
    from fmu import terminals  # noqa: PLC0415 - it imports the classes above

    icon = next((name for name in terminals.ICONS if read(name) is not None), "")
    data = read(terminals.FILE_NAME)
    if data is None:
        return replace(description, icon=icon) if icon else description
    by_name = {name: variable for variable in description.variables for name in (variable.name, *variable.aliases)}
    found = terminals.read_terminals(data, f"{path}/{terminals.FILE_NAME}", by_name)
    return replace(description, icon=icon, terminals=found.terminals, warnings=(*description.warnings, *found.warnings))
