"""modelDescription.xml of FMI 1.0, 2.0 and 3.0 → Description; every finding is collected with its line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import DescriptionInvalid
from dtdl.markup import Element, MarkupInvalid, parse
from fmu.description import (
    FLOATS,
    FMI_1,
    FMI_2,
    FMI_3,
    INTEGERS,
    Causality,
    Clock,
    Description,
    Dimension,
    DisplayUnit,
    Experiment,
    Interface,
    Item,
    Scalar,
    Type,
    Unit,
    Unknown,
    Variable,
)

SI_BASE: Final = ("kg", "m", "s", "A", "K", "mol", "cd", "rad")
_TYPES_2: Final[Mapping[str, Type]] = {
    "Real": "Float64", "Integer": "Int32", "Boolean": "Boolean", "String": "String", "Enumeration": "Enumeration",
}  # fmt: skip
_TYPES_3: Final[Mapping[str, Type]] = {
    name: cast("Type", name)
    for name in (*sorted(FLOATS), *sorted(INTEGERS), "Boolean", "String", "Binary", "Clock")
}  # fmt: skip
_CAUSALITIES: Final = frozenset(
    {"structuralParameter", "parameter", "calculatedParameter", "input", "output", "local", "independent", "dependent"}
)
_VARIABILITIES: Final = frozenset({"constant", "fixed", "tunable", "discrete", "continuous"})
_INITIALS: Final = frozenset({"exact", "approx", "calculated"})
_INTERFACES: Final = {
    "CoSimulation": "co-simulation",
    "ModelExchange": "model-exchange",
    "ScheduledExecution": "scheduled-execution",
}
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    **{f"Int{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (8, 16, 32, 64)},
    **{f"UInt{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
    "Enumeration": (-(1 << 63), (1 << 63) - 1),
}
_FLOAT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MAX_REFERENCE: Final = (1 << 32) - 1


def parse_description(data: bytes, file: str, *, lenient: bool = False) -> Description:
    """Reads the bytes of one modelDescription.xml.

    Args:
        data: The file.
        file: Its name for findings.
        lenient: Findings become warnings, where the root, the FMI version, an interface and the variables are there.

    Raises:
        DescriptionInvalid: Findings of severity error, all of them.
    """
    try:
        root = parse(data)
    except MarkupInvalid as error:
        where = Location(file, line=error.line, column=error.column)
        raise DescriptionInvalid(
            [Diagnostic(rule="MT211", location=where, cause=f"not readable XML: {error.reason}.",
                        action="Correct the file, or export the FMU again.")]
        ) from error  # fmt: skip
    return _Reader(root, file, lenient=lenient).read()


class _Reader:
    def __init__(self, root: Element, file: str, *, lenient: bool) -> None:
        self._lenient = lenient
        self._root = root
        self._file = file
        self._found: list[Diagnostic] = []
        self._types: dict[str, Element] = {}
        self._major = 0

    def read(self) -> Description:
        root = self._root
        version = root.attributes.get("fmiVersion", "")
        if root.tag != "fmiModelDescription":
            self._report(root, "MT212", f"the root element is <{root.tag}>, not <fmiModelDescription>.")
            raise DescriptionInvalid(self._found)
        self._major = {"1.": FMI_1, "2.": FMI_2, "3.": FMI_3}.get(version[:2], 0)
        if not self._major:
            action = "Export the FMU as 2.0 or 3.0."
            self._report(root, "MT213", f"FMI version {version!r} is not supported.", action)
            raise DescriptionInvalid(self._found)
        self._types = self._read_types()
        interfaces = self._interfaces()
        variables = self._variables()
        structure = self._structure(variables)
        text = root.attributes
        description = Description(
            file=self._file,
            fmi_version=version,
            model_name=self._required(root, "modelName"),
            token=self._required(root, "instantiationToken" if self._major == FMI_3 else "guid"),
            co_simulation=interfaces.get("co-simulation"),
            model_exchange=interfaces.get("model-exchange"),
            scheduled_execution=interfaces.get("scheduled-execution"),
            variables=tuple(variables),
            units=self._units(),
            experiment=self._experiment(),
            outputs=structure["outputs"],
            derivatives=structure["derivatives"],
            initial_unknowns=structure["initial"],
            continuous_states=self._count("numberOfContinuousStates", len(structure["derivatives"])),
            event_indicators=self._count("numberOfEventIndicators", self._indicators()),
            description=text.get("description", ""),
            author=text.get("author", ""),
            version=text.get("version", ""),
            license=text.get("license", ""),
            generation_tool=text.get("generationTool", ""),
            generated_at=text.get("generationDateAndTime", ""),
            warnings=self._warnings(),
        )
        grave = any(found.severity is Severity.ERROR for found in self._found)
        if grave and not (self._lenient and interfaces and variables):
            raise DescriptionInvalid(self._found)
        return description

    def _warnings(self) -> tuple[Diagnostic, ...]:
        if self._lenient:
            return tuple(replace(found, severity=Severity.WARNING) for found in self._found)
        return tuple(found for found in self._found if found.severity is not Severity.ERROR)

    def _count(self, name: str, default: int) -> int:
        """FMI 1.0 and 2.0 write numbers at the root."""
        value = self._integer(self._root, name, default) or 0
        if not 0 <= value <= _MAX_REFERENCE:
            self._report(self._root, "MT222", f"{name}={value} is no number of them.")
        return value

    def _indicators(self) -> int:
        section = self._root.first("ModelStructure")
        return sum(1 for _ in section.all("EventIndicator")) if section is not None else 0

    def _clock(self, element: Element) -> Clock:
        """FMI 3.0, 2.2.8.2: intervals as decimals, or as counters with their resolution."""
        resolution = self._maybe(element, "resolution")

        def seconds(decimal: str, counter: str) -> float | None:
            value = self._maybe(element, decimal)
            ticks = self._maybe(element, counter)
            if value is None and ticks is not None and resolution:
                return ticks / resolution
            return value

        interval_s = seconds("intervalDecimal", "intervalCounter")
        variability = element.attributes.get("intervalVariability", "triggered")
        if interval_s is not None and not interval_s > 0:
            self._report(element, "MT222", f"the interval of a clock is {interval_s:g} s.")
        return Clock(
            variability=variability,
            interval_s=interval_s,
            shift_s=seconds("shiftDecimal", "shiftCounter") or 0.0,
            priority=self._integer(element, "priority", None),
        )

    def _references(self, element: Element, name: str) -> tuple[int, ...]:
        parts = element.attributes.get(name, "").split()
        wrong = next((part for part in parts if not (part.isascii() and part.isdecimal())), None)
        if wrong is not None:
            self._report(element, "MT222", f"{name}={wrong!r} is no value reference.")
            return ()
        return tuple(map(int, parts))

    def _interface_1(self) -> dict[str, Interface]:
        """FMI 1.0: an element Implementation is there for co-simulation only; else it is model exchange."""
        identifier = self._required(self._root, "modelIdentifier")
        implementation = self._root.first("Implementation")
        if implementation is None:
            return {"model-exchange": Interface(kind="model-exchange", model_identifier=identifier)}
        tool = implementation.first("CoSimulation_Tool")
        slave = implementation.first("CoSimulation_StandAlone") or tool
        capabilities = slave.first("Capabilities") if slave is not None else None
        if capabilities is None:
            self._report(implementation, "MT218", "the element Capabilities is missing.")
            return {}
        return {
            "co-simulation": Interface(
                kind="co-simulation",
                model_identifier=identifier,
                variable_step=self._flag(capabilities, "canHandleVariableCommunicationStepSize"),
                needs_execution_tool=tool is not None,
                once_per_process=self._flag(capabilities, "canBeInstantiatedOnlyOncePerProcess"),
                capabilities=dict(capabilities.attributes),
            )
        }

    def _interfaces(self) -> dict[str, Interface]:
        if self._major == FMI_1:
            return self._interface_1()
        found: dict[str, Interface] = {}
        for tag, kind in _INTERFACES.items():
            element = self._root.first(tag)
            if element is None:
                continue
            files = element.first("SourceFiles")
            state = "canGetAndSetFMUstate" if self._major == FMI_2 else "canGetAndSetFMUState"
            serialize = "canSerializeFMUstate" if self._major == FMI_2 else "canSerializeFMUState"
            identifier = self._required(element, "modelIdentifier")
            if identifier and not identifier.isidentifier():
                self._report(element, "MT214", f"modelIdentifier {identifier!r} is not an identifier of C.")
            found[kind] = Interface(
                kind=cast("Any", kind),
                model_identifier=identifier,
                variable_step=self._flag(element, "canHandleVariableCommunicationStepSize"),
                get_set_state=self._flag(element, state),
                serialize_state=self._flag(element, serialize),
                needs_execution_tool=self._flag(element, "needsExecutionTool"),
                once_per_process=self._flag(element, "canBeInstantiatedOnlyOncePerProcess"),
                capabilities=dict(element.attributes),
                source_files=tuple(self._required(file, "name") for file in (files.all("File") if files else ())),
            )
        if not found:
            self._report(self._root, "MT215", "no interface type is there: neither CoSimulation nor ModelExchange.")
        return found

    def _units(self) -> dict[str, Unit]:
        units: dict[str, Unit] = {}
        for element in self._section("UnitDefinitions", "BaseUnit"):
            # FMI 1.0 names base units and says nothing of their size
            name = self._required(element, "unit")
            units[name] = Unit(name=name, defined=False)
        for element in self._section("UnitDefinitions", "Unit"):
            name = self._required(element, "name")
            if name in units:
                self._report(element, "MT216", f"unit {name!r} is defined twice.")
            base = element.first("BaseUnit")
            exponents = {} if base is None else {si: self._integer(base, si, 0) or 0 for si in SI_BASE}
            units[name] = Unit(
                name=name,
                exponents={si: power for si, power in exponents.items() if power},
                factor=1.0 if base is None else self._number(base, "factor", 1.0),
                offset=0.0 if base is None else self._number(base, "offset", 0.0),
                display_units=tuple(
                    DisplayUnit(
                        name=self._required(display, "name"),
                        factor=self._number(display, "factor", 1.0),
                        offset=self._number(display, "offset", 0.0),
                    )
                    for display in element.all("DisplayUnit")
                ),
                defined=base is not None,
            )
        return units

    def _read_types(self) -> dict[str, Element]:
        types: dict[str, Element] = {}
        if self._major < FMI_3:
            for simple in self._section("TypeDefinitions", "SimpleType" if self._major == FMI_2 else "Type"):
                inner = next((child for child in simple.children if child.tag.removesuffix("Type") in _TYPES_2), None)
                if inner is None:
                    self._report(simple, "MT217", "the type definition names no type.")
                    continue
                types[self._required(simple, "name")] = inner
            return types
        section = self._root.first("TypeDefinitions")
        for element in section.children if section else ():
            types[self._required(element, "name")] = element
        return types

    def _experiment(self) -> Experiment:
        element = self._root.first("DefaultExperiment")
        if element is None:
            return Experiment()
        return Experiment(
            start_s=self._maybe(element, "startTime"),
            stop_s=self._maybe(element, "stopTime"),
            step_s=self._maybe(element, "stepSize"),
            tolerance=self._maybe(element, "tolerance"),
        )

    def _variables(self) -> list[Variable]:
        section = self._root.first("ModelVariables")
        if section is None:
            self._report(self._root, "MT218", "the element ModelVariables is missing.")
            return []
        variables: list[Variable] = []
        names: dict[str, int] = {}
        for element in section.children:
            variable = self._variable_3(element) if self._major == FMI_3 else self._variable_2(element)
            if variable is None:
                continue
            if variable.name in names:
                self._report(
                    element, "MT219", f"variable {variable.name!r} is there already, in line {names[variable.name]}."
                )
            names[variable.name] = element.line
            variables.append(variable)
        return variables

    def _variable_2(self, element: Element) -> Variable | None:
        inner = next((child for child in element.children if child.tag in _TYPES_2), None)
        if element.tag != "ScalarVariable" or inner is None:
            self._report(element, "MT220", f"<{element.tag}> is no ScalarVariable with a type that FMI 2.0 knows.")
            return None
        return self._variable(element, inner, _TYPES_2[inner.tag])

    def _variable_3(self, element: Element) -> Variable | None:
        if element.tag == "Annotations":
            return None
        if element.tag not in _TYPES_3:
            self._report(element, "MT220", f"<{element.tag}> is no variable type that FMI 3.0 knows.")
            return None
        return self._variable(element, element, _TYPES_3[element.tag])

    def _variable(self, element: Element, typed: Element, type_: Type) -> Variable:
        attributes = typed.attributes
        declared = attributes.get("declaredType", "")
        inherited = self._declared(typed, declared)
        causality = self._causality(element)
        natural = "continuous" if type_ in FLOATS else "discrete"
        if causality in ("parameter", "calculatedParameter", "structuralParameter") and self._major == FMI_3:
            natural = "fixed"
        if self._major == FMI_1 and element.attributes.get("variability") == "parameter":
            variability = "fixed"
        else:
            variability = self._choice(element, "variability", _VARIABILITIES, natural)
        dimensions = tuple(self._dimension(child) for child in typed.all("Dimension"))
        return Variable(
            name=self._required(element, "name"),
            value_reference=self._reference(element),
            type=type_,
            causality=cast("Causality", causality),
            variability=variability,
            initial=self._initial(element, typed, causality, variability),
            start=self._start(typed, type_, array=bool(dimensions)),
            unit=attributes.get("unit", inherited.get("unit", "")),
            display_unit=attributes.get("displayUnit", inherited.get("displayUnit", "")),
            min=self._maybe(typed, "min", inherited),
            max=self._maybe(typed, "max", inherited),
            nominal=self._maybe(typed, "nominal", inherited),
            description=element.attributes.get("description", ""),
            dimensions=dimensions,
            declared_type=declared,
            items=self._items(declared),
            aliases=tuple(self._required(alias, "name") for alias in typed.all("Alias")),
            clock=self._clock(typed) if type_ == "Clock" else None,
            clocks=self._references(typed, "clocks"),
            derivative=self._integer(typed, "derivative", None),
            line=element.line,
        )

    def _declared(self, element: Element, name: str) -> Mapping[str, str]:
        if not name:
            return {}
        if name not in self._types:
            self._report(element, "MT221", f"the declared type {name!r} is not defined.")
            return {}
        return self._types[name].attributes

    def _items(self, declared: str) -> Sequence[Item]:
        element = self._types.get(declared)
        if element is None:
            return ()
        return tuple(
            Item(
                name=self._required(item, "name"),
                value=self._integer(item, "value", None) or 0,
                description=item.attributes.get("description", ""),
            )
            for item in element.all("Item")
        )

    def _causality(self, element: Element) -> str:
        if self._major != FMI_1:
            return self._choice(element, "causality", _CAUSALITIES, "local")
        if element.attributes.get("variability") == "parameter":
            return "parameter"
        written = self._choice(element, "causality", frozenset({"input", "output", "internal", "none"}), "internal")
        return written if written in ("input", "output") else "local"

    def _initial(self, element: Element, typed: Element, causality: str, variability: str) -> str:
        """FMI 2.0, 2.2.7, and FMI 3.0, 2.4.7.5: the default of ``initial`` follows from the other two."""
        if self._major == FMI_1:
            if "start" not in typed.attributes or causality == "input":
                return "" if causality == "input" else "calculated"
            return "exact" if self._flag(typed, "fixed", default="true") else "approx"
        if "initial" in element.attributes:
            return self._choice(element, "initial", _INITIALS, "")
        if causality in ("parameter", "structuralParameter") or (variability == "constant" and causality != "input"):
            return "exact"
        if causality in ("output", "local", "calculatedParameter"):
            return "calculated"
        return "exact" if causality == "input" and self._major == FMI_3 else ""

    def _dimension(self, element: Element) -> Dimension:
        reference = self._integer(element, "valueReference", None)
        return Dimension(start=self._integer(element, "start", None), value_reference=reference)

    def _start(self, element: Element, type_: Type, *, array: bool) -> Scalar | tuple[Scalar, ...] | None:
        if type_ in ("String", "Binary") and self._major == FMI_3:
            texts = [self._required(start, "value") for start in element.all("Start")]
            if not texts:
                return None
            values = [self._scalar(element, text, type_) for text in texts]
            return tuple(values) if array else values[0]
        text = element.attributes.get("start")
        if text is None or type_ == "Clock":
            return None
        if not array:
            return self._scalar(element, text, type_)
        return tuple(self._scalar(element, part, type_) for part in text.split())

    def _scalar(self, element: Element, text: str, type_: Type) -> Scalar:
        try:
            return to_scalar(text, type_)
        except ValueError:
            self._report(element, "MT222", f"{text!r} is no value of type {type_}.")
            return to_scalar("0" if type_ != "Binary" else "", type_)

    def _reference(self, element: Element) -> int:
        value = self._integer(element, "valueReference", None)
        if value is None or not 0 <= value <= _MAX_REFERENCE:
            self._report(element, "MT223", "valueReference is missing or does not fit into 32 bits.")
            return 0
        return value

    def _structure(self, variables: Sequence[Variable]) -> dict[str, tuple[Unknown, ...]]:
        empty: dict[str, tuple[Unknown, ...]] = {"outputs": (), "derivatives": (), "initial": ()}
        section = self._root.first("ModelStructure")
        if self._major == FMI_1:
            return empty
        if section is None:
            self._report(self._root, "MT218", "the element ModelStructure is missing.")
            return empty
        if self._major == FMI_2:
            lists = {"outputs": "Outputs", "derivatives": "Derivatives", "initial": "InitialUnknowns"}
            return {
                key: tuple(
                    self._unknown(unknown, "index", variables)
                    for group in section.all(tag)
                    for unknown in group.all("Unknown")
                )
                for key, tag in lists.items()
            }
        tags = {"outputs": "Output", "derivatives": "ContinuousStateDerivative", "initial": "InitialUnknown"}
        return {
            key: tuple(self._unknown(unknown, "valueReference", variables) for unknown in section.all(tag))
            for key, tag in tags.items()
        }

    def _unknown(self, element: Element, key: str, variables: Sequence[Variable]) -> Unknown:
        own = self._integer(element, key, None)
        text = element.attributes.get("dependencies")
        references: tuple[int, ...] | None = None
        if text is not None:
            references = tuple(self._known(element, part, key, variables) for part in text.split())
        return Unknown(
            value_reference=0 if own is None else self._known(element, str(own), key, variables),
            dependencies=references,
            kinds=tuple(element.attributes.get("dependenciesKind", "").split()),
        )

    def _known(self, element: Element, text: str, key: str, variables: Sequence[Variable]) -> int:
        """FMI 2.0 counts variables from 1, FMI 3.0 writes value references."""
        value = int(text) if text.isdecimal() else -1
        if key == "index":
            if not 1 <= value <= len(variables):
                self._report(element, "MT224", f"the model structure names variable number {text}, which is not there.")
                return 0
            return variables[value - 1].value_reference
        if value < 0:
            self._report(element, "MT224", f"the model structure names value reference {text!r}.")
        return value

    def _section(self, outer: str, inner: str) -> list[Element]:
        section = self._root.first(outer)
        return list(section.all(inner)) if section else []

    def _required(self, element: Element, name: str) -> str:
        value = element.attributes.get(name)
        if value is None:
            self._report(element, "MT225", f"<{element.tag}> lacks the attribute {name}.")
            return ""
        return value

    def _choice(self, element: Element, name: str, allowed: frozenset[str], default: str) -> str:
        value = element.attributes.get(name, default)
        if value not in allowed and value != default:
            self._report(element, "MT226", f"{name}={value!r} is not one of {', '.join(sorted(allowed))}.")
            return default
        return value

    def _flag(self, element: Element, name: str, *, default: str = "false") -> bool:
        value = element.attributes.get(name, default).strip()
        if value not in ("true", "false", "1", "0"):
            self._report(element, "MT226", f"{name}={value!r} is neither true nor false.")
        return value in ("true", "1")

    def _number(self, element: Element, name: str, default: float) -> float:
        value = self._maybe(element, name)
        return default if value is None else value

    def _maybe(self, element: Element, name: str, inherited: Mapping[str, str] | None = None) -> float | None:
        text = element.attributes.get(name, (inherited or {}).get(name))
        if text is None:
            return None
        try:
            value = to_scalar(text, "Float64")
        except ValueError:
            self._report(element, "MT222", f"{name}={text!r} is no number.")
            return None
        assert isinstance(value, float)
        return value

    def _integer(self, element: Element, name: str, default: int | None) -> int | None:
        text = element.attributes.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            self._report(element, "MT222", f"{name}={text!r} is no integer.")
            return default

    def _report(self, element: Element, rule: str, cause: str, action: str = "") -> None:
        where = Location(self._file, line=element.line, column=element.column)
        action = action or "Correct the modelDescription.xml, or export the FMU again."
        self._found.append(Diagnostic(rule=rule, location=where, cause=cause, action=action))


def to_scalar(text: str, type_: Type) -> Scalar:
    """Reads the text form of XML Schema of one value.

    Raises:
        ValueError: Not a value of the type.
    """
    if type_ in FLOATS:
        stripped = text.strip()
        special = {"INF": math.inf, "-INF": -math.inf, "NaN": math.nan}.get(stripped)
        if special is not None:
            return special
        if not _FLOAT.fullmatch(stripped):
            raise ValueError(text)
        return float(stripped)
    if type_ in INTEGERS:
        value = int(text)
        low, high = _BOUNDS[type_]
        if not low <= value <= high:
            raise ValueError(text)
        return value
    if type_ == "Boolean":
        if text.strip() not in ("true", "false", "1", "0"):
            raise ValueError(text)
        return text.strip() in ("true", "1")
    return bytes.fromhex(text) if type_ == "Binary" else text
