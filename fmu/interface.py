"""FMU ↔ DTDL: an Interface from a modelDescription, and the check of a binding between a twin's point and a variable.

The only module of this package that knows DTDL beyond its kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from dtdl.compiler.point import NUMBER_KINDS, PointType
from dtdl.diagnostic import Severity
from dtdl.dtmi import Dtmi
from dtdl.elements import Enum
from dtdl.errors import DtdlError, FmuError, UnitError
from dtdl.units import convertible, parse_unit, unit
from fmu.description import FLOATS, INTEGERS, Description, Variable

INTEGER_KINDS: Final = NUMBER_KINDS - {"Double", "Float"}
_CONTEXT: Final = "dtmi:dtdl:context;4"
_QUANTITIES: Final = "dtmi:dtdl:extension:quantitativeTypes;2"
_MOST_TEXT: Final = 512
_MOST_NAME: Final = 64
_SCHEMAS: Final[Mapping[str, str]] = {
    "Float64": "double", "Float32": "float", "Int8": "byte", "UInt8": "unsignedByte", "Int16": "short",
    "UInt16": "unsignedShort", "Int32": "integer", "UInt32": "unsignedInteger", "Int64": "long",
    "UInt64": "unsignedLong", "Boolean": "boolean", "String": "string", "Binary": "bytes", "Enumeration": "long",
}  # fmt: skip
_SEMANTIC: Final = {"Time": "TimeSpan", "Charge": "ElectricCharge"}
"""Where the semantic type has another name than the dimension of its units."""
_WITHOUT: Final = frozenset(
    {
        "AbsorbedDose", "DynamicViscosity", "EquivalentDose", "GasLeakageRate", "KinematicViscosity", "Ratio",
        "ReciprocalLength", "SoundPressureLevel",
    }
)  # fmt: skip
"""Dimensions for which DTDL has no semantic type, or more than one that differ in meaning."""
_EXCHANGED: Final = frozenset({"input", "output", "parameter", "structuralParameter", "calculatedParameter"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An Interface that was made from an FMU.

    Attributes:
        document: Its JSON, DTDL version 4.
        names: Content name → name of the variable.
        left_out: Name of a variable → why it has no content.
    """

    document: Mapping[str, Any]
    names: Mapping[str, str]
    left_out: Mapping[str, str]


def to_interface(
    description: Description,
    *,
    dtmi: str = "",
    outputs: Literal["Telemetry", "Property"] = "Telemetry",
) -> Made:
    """Makes a DTDL Interface from a modelDescription.

    Inputs and tunable parameters become writable Properties, other parameters Properties, outputs Telemetry. A unit
    that DTDL knows becomes ``unit`` with its semantic type; any other stands in the comment, as does the variable's own
    name, by which a binding can be found again.

    Args:
        description: Of the FMU.
        dtmi: Identifier of the Interface; empty: ``dtmi:fmu:<model name>;1``.
        outputs: What an output becomes.

    Raises:
        FmuError: A DTMI that is none.
    """
    identifier = dtmi or f"dtmi:fmu:{_legal(description.model_name or 'model', set())};1"
    try:
        Dtmi(identifier)
    except (DtdlError, ValueError) as error:
        raise FmuError(f"{identifier!r} is no DTMI: {error}", action="Write dtmi:<path>;<version>.") from error
    taken: set[str] = set()
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for variable in description.variables:
        why = _why_left_out(variable)
        if why:
            if variable.causality in _EXCHANGED:
                left_out[variable.name] = why
            continue
        name = _legal(variable.name, taken)
        names[name] = variable.name
        contents.append(_content(variable, name, outputs))
    document: dict[str, Any] = {
        "@context": [_CONTEXT, _QUANTITIES],
        "@id": identifier,
        "@type": "Interface",
        "displayName": (description.model_name or "FMU")[:_MOST_TEXT],
        **({"description": description.description[:_MOST_TEXT]} if description.description else {}),
        "comment": f"FMI {description.fmi_version}, {description.token}"[:_MOST_TEXT],
        "contents": contents,
    }
    return Made(document=document, names=names, left_out=left_out)


def _why_left_out(variable: Variable) -> str:
    if variable.causality not in _EXCHANGED:
        return "it is internal"
    if variable.type == "Clock":
        return "DTDL has no clock"
    return ""


def _content(variable: Variable, name: str, outputs: str) -> dict[str, Any]:
    kind = outputs if variable.causality == "output" else "Property"
    unit_word, semantic = _quantity(variable)
    content: dict[str, Any] = {
        "@type": [kind, semantic] if semantic else kind,
        "name": name,
        "displayName": variable.name[:_MOST_TEXT],
    }
    if variable.description:
        content["description"] = variable.description[:_MOST_TEXT]
    content["comment"] = _comment(variable, with_unit=not semantic)[:_MOST_TEXT]
    content["schema"] = _schema(variable)
    if semantic:
        content["unit"] = unit_word
    if kind == "Property" and is_taken(variable):
        content["writable"] = True
    return content


def _comment(variable: Variable, *, with_unit: bool) -> str:
    """The variable's own name comes first, so that a content can be traced back."""
    parts = [f"fmi:{variable.name}", variable.causality, variable.variability]
    if with_unit and variable.unit:
        parts.append(f"unit {variable.unit}")
    parts += [
        f"{word} {value:g}" if isinstance(value, float) else f"{word} {value}"
        for word, value in (("min", variable.min), ("max", variable.max), ("start", variable.start))
        if value is not None and not isinstance(value, tuple | bytes)
    ]
    return "; ".join(parts)


def _quantity(variable: Variable) -> tuple[str, str]:
    """Unit and semantic type of DTDL, both empty when it has none for the variable."""
    if variable.type not in FLOATS or variable.dimensions:
        return "", ""
    word = unit_name(variable)
    if word is None:
        return "", ""
    found = unit(word)
    if found.own or found.dimension in _WITHOUT:
        return "", ""
    return word, _SEMANTIC.get(found.dimension, found.dimension)


def _schema(variable: Variable) -> Any:
    schema: Any = _SCHEMAS[variable.type]
    if variable.type == "Enumeration" and variable.items:
        taken: set[str] = set()
        schema = {
            "@type": "Enum",
            "valueSchema": "integer",
            "enumValues": [
                {
                    "name": _legal(item.name, taken),
                    "displayName": item.name[:_MOST_TEXT] or "value",
                    "enumValue": item.value,
                    **({"description": item.description[:_MOST_TEXT]} if item.description else {}),
                }
                for item in variable.items
            ],
        }
    for _ in variable.dimensions:
        schema = {"@type": "Array", "elementSchema": schema}
    return schema


def _legal(text: str, taken: set[str]) -> str:
    """A name that DTDL allows, near to a text and unlike those taken; it is taken then."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "variable"
    if not plain[0].isalpha():
        plain = f"v_{plain}"
    name, count = plain[:_MOST_NAME].rstrip("_"), 1
    while name in taken:
        count += 1
        ending = f"_{count}"
        name = plain[: _MOST_NAME - len(ending)].rstrip("_") + ending
    taken.add(name)
    return name


# ---- bindings


class Finding(NamedTuple):
    """What is wrong between a point and a variable: rule, cause, what to do, how grave, and the value it is about."""

    rule: str
    cause: str
    action: str
    severity: Severity
    value: str


def check_binding(type_: PointType, variable: Variable, *, unit_given: bool = False) -> Iterator[Finding]:
    """Gives what is wrong with a binding of a point to a variable: type, causality, range and unit.

    Args:
        type_: The point.
        variable: The variable.
        unit_given: Whether the binding names the unit of the raw value, so that the FMU's does not count.
    """
    if type_.is_command:
        yield Finding("MT209", "an FMU has no commands", "Bind it to a plant.", Severity.ERROR, variable.name)
        return
    if why := mismatch(type_, variable):
        action = "Bind a variable of a fitting type, or change the schema."
        yield Finding("MT205", why, action, Severity.ERROR, variable.name)
        return
    yield from _range(type_, variable)
    if not unit_given:
        yield from _units(type_, variable)


def is_taken(variable: Variable) -> bool:
    """Whether a variable is set while the simulation runs."""
    return variable.causality == "input" or (
        variable.causality in ("parameter", "structuralParameter") and variable.variability == "tunable"
    )


def mismatch(type_: PointType, variable: Variable) -> str:
    """Why a variable's type does not fit a point's schema; empty when it does."""
    schema = type_.schema
    kind = schema.kind if schema is not None else "None"
    if isinstance(schema, Enum):
        kind = f"Enum of {schema.value_schema.kind}"
    if variable.dimensions:
        return f"{variable.name!r} is an array, the schema is {kind}"
    allowed: Mapping[str, frozenset[str]] = {
        "Boolean": frozenset({"Boolean"}),
        "String": frozenset({"String"}),
        "Enum of Integer": INTEGERS,
        "Enum of String": frozenset({"Enumeration", "String"}),
        **dict.fromkeys(("Double", "Float"), FLOATS | INTEGERS),
        **dict.fromkeys(INTEGER_KINDS, INTEGERS | (FLOATS if is_taken(variable) else frozenset())),
    }
    if kind in ("Double", "Float") and is_taken(variable) and variable.type in INTEGERS:
        return f"{variable.name!r} takes {variable.type}, the schema is {kind}"
    if variable.type not in allowed.get(kind, frozenset()):
        return f"{variable.name!r} is of type {variable.type}, the schema is {kind}"
    return ""


def _range(type_: PointType, variable: Variable) -> Iterator[Finding]:
    """Values of an Enum that the other side does not have."""
    schema = type_.schema
    if not isinstance(schema, Enum) or schema.value_schema.kind != "Integer" or not variable.items:
        return
    ours = {value.enum_value for value in schema.enum_values}
    theirs = {item.value for item in variable.items}
    lacking = sorted((ours - theirs) if is_taken(variable) else (theirs - ours), key=str)
    if lacking:
        who = "the FMU" if is_taken(variable) else "the schema"
        yield Finding(
            "MT233",
            f"{who} has no value {', '.join(map(str, lacking))} of {variable.name!r}",
            "Give the Enum the values of the FMU's enumeration.",
            Severity.WARNING,
            variable.name,
        )


def _units(type_: PointType, variable: Variable) -> Iterator[Finding]:
    if not type_.unit or not variable.unit:
        return
    known = unit_name(variable)
    if known is None:
        yield Finding(
            "MT207",
            f"{variable.name!r} is in {variable.unit!r}, which DTDL has no name for; its numbers are taken as "
            f"{type_.unit}",
            "Give the binding a unit: and a scale:.",
            Severity.WARNING,
            variable.unit,
        )
    elif not convertible(unit(known), unit(type_.unit)):
        yield Finding(
            "MT206",
            f"{variable.name!r} is in {variable.unit}, which cannot become {type_.unit}",
            "Bind another variable, or correct the model's unit.",
            Severity.ERROR,
            variable.unit,
        )


def unit_name(variable: Variable) -> str | None:
    """DTDL name of a variable's unit, or None when it has none or DTDL knows none."""
    try:
        return parse_unit(variable.unit).name if variable.unit else None
    except UnitError:
        return None
