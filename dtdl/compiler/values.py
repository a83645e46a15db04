"""Values: what each primitive schema of DTDL accepts, as annotated types for pydantic and as fast plain checks.

Values stay what JSON makes of them: a ``dateTime`` is a text of the right form. Compiled classes, live or written to a
file, use the names of this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias, TypeVar, cast

from pydantic import GetCoreSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dtdl.units import Unit

FLOAT_MAX: Final = 3.4028234663852886e38
"""The greatest number that a DTDL float (IEEE 754 binary32) holds."""

INTEGERS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "Byte": (-(2**7), 2**7 - 1),
        "Short": (-(2**15), 2**15 - 1),
        "Integer": (-(2**31), 2**31 - 1),
        "Long": (-(2**63), 2**63 - 1),
        "UnsignedByte": (0, 2**8 - 1),
        "UnsignedShort": (0, 2**16 - 1),
        "UnsignedInteger": (0, 2**32 - 1),
        "UnsignedLong": (0, 2**64 - 1),
    }
)
"""Inclusive range of each integer schema (DTDL v4, *Primitive schemas*)."""

_TIME = (
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_PART = rf"(?:{_NUMBER}{{}})?"
_DURATION = (
    r"P(?=[0-9T])(?:" + _PART.format("Y") + _PART.format("M") + "|" + _PART.format("W") + ")" + _PART.format("D") +
    "(?:T(?=[0-9])" + _PART.format("H") + _PART.format("M") + _PART.format("S") + ")?"
)  # fmt: skip
_INNER_FRACTION = re.compile(r"\.[0-9]+[YMWDH][0-9T]")

# The Gregorian calendar as a regular expression, without look-ahead: so pydantic checks it without calling Python, and
# JSON Schema says all of it.
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)

PATTERNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Date": _DAY,
        "DateTime": f"{_DAY}T{_TIME}",
        "Time": _TIME,
        "Duration": _DURATION,
        "Decimal": r"[+-]?(?:[1-9][0-9]*|0)(?:\.[0-9]*)?",
        "Uuid": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        "Bytes": r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    }
)
"""The form of each text schema; matches the whole text."""

FORMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Boolean": ("true or false", "true"),
        **{kind: (f"an integer from {low} to {high}", "7") for kind, (low, high) in INTEGERS.items()},
        "Float": ("a finite number within ±3.4028235e38", "21.5"),
        "Double": ("a finite number", "21.5"),
        "String": ("a text", '"abc"'),
        "Date": ("a calendar date (RFC 3339)", '"2026-05-01"'),
        "DateTime": ("a date and time with offset (RFC 3339)", '"2026-05-01T12:00:00Z"'),
        "Time": ("a time with offset (RFC 3339)", '"12:00:00Z"'),
        "Duration": ("a duration (ISO 8601)", '"PT15M"'),
        "Decimal": ("a decimal number written as text", '"12.50"'),
        "Uuid": ("a UUID (RFC 9562)", '"00a185be-a3a4-465a-9dac-cfa24bc7b923"'),
        "Bytes": ("bytes in base64 (RFC 4648)", '"aGVsbG8="'),
    }
)
"""Primitive schema → what it accepts, and an example, in JSON."""


def _form_check(kind: str) -> Callable[[str], bool]:
    matches = re.compile(PATTERNS[kind]).fullmatch
    if kind == "Duration":
        # Only the last number of a duration may have a fraction.
        return lambda text: matches(text) is not None and _INNER_FRACTION.search(text) is None
    return lambda text: matches(text) is not None


TEXTS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType({kind: _form_check(kind) for kind in PATTERNS})
"""Text schema → whether a text has its form, calendar included."""


def _core(kind: str) -> CoreSchema:
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        return core_schema.int_schema(strict=True, ge=low, le=high)
    if kind == "Double":
        return core_schema.float_schema(strict=True, allow_inf_nan=False)
    if kind == "Float":
        return core_schema.float_schema(strict=True, allow_inf_nan=False, ge=-FLOAT_MAX, le=FLOAT_MAX)
    if kind == "Boolean":
        return core_schema.bool_schema(strict=True)
    text = core_schema.str_schema(strict=True)
    return text if kind == "String" else core_schema.chain_schema([text, _form(kind)])


def _form(kind: str) -> CoreSchema:
    """The rule of a text that has a form; the text itself has been checked to be one."""
    said = {"form": FORMS[kind][0], "kind": kind}
    if kind != "Duration":
        whole = core_schema.str_schema(strict=True, pattern=f"^(?:{PATTERNS[kind]})$")
        return core_schema.custom_error_schema(
            whole, "dtdl_form", custom_error_message="not {form}", custom_error_context=said
        )
    has_form = TEXTS[kind]

    def check(value: str) -> str:
        if has_form(value):
            return value
        raise PydanticCustomError("dtdl_form", "not {form}", said)

    return core_schema.no_info_plain_validator_function(check)


_FORMATS: Final = {
    "Date": "date", "DateTime": "date-time", "Time": "time", "Duration": "duration", "Uuid": "uuid",
}  # fmt: skip


def json_schema(kind: str) -> dict[str, Any]:
    """Gives the JSON Schema (draft 2020-12) of a primitive schema; what it cannot say is in ``docs/compile.md``."""
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        return {"type": "integer", "minimum": low, "maximum": high}
    if kind == "Float":
        return {"type": "number", "minimum": -FLOAT_MAX, "maximum": FLOAT_MAX}
    if kind in ("Double", "Boolean", "String"):
        return {"type": {"Double": "number", "Boolean": "boolean", "String": "string"}[kind]}
    made: dict[str, Any] = {"type": "string", "pattern": f"^(?:{PATTERNS[kind]})$"}
    if kind in _FORMATS:
        made["format"] = _FORMATS[kind]
    if kind == "Bytes":
        made["contentEncoding"] = "base64"
    return made


class Ready:
    """Marks an annotated type with the rules that pydantic would otherwise work out again for each class.

    Args:
        core: Core schema of a type in which no compiled class occurs.
        schema: The same as JSON Schema.
    """

    __slots__ = ("core", "schema")

    def __init__(self, core: CoreSchema, schema: dict[str, Any]) -> None:
        # pydantic keeps what makes the JSON Schema of a core schema in its metadata.
        self.core = cast("CoreSchema", {**core, "metadata": {"pydantic_js_functions": [lambda *_: dict(schema)]}})
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.core


class Primitive(Ready):
    """Marks an annotated type as a primitive schema of DTDL.

    Args:
        kind: Name of the metamodel class, such as ``Integer``.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        super().__init__(_core(kind), json_schema(kind))
        self.kind = kind

    def __repr__(self) -> str:
        return f"Primitive({self.kind!r})"


@dataclass(frozen=True, slots=True)
class Unset:
    """Marks ``X | None`` as: may be left out (then None), but null itself is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Drops the null branch."""
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


T = TypeVar("T")
Maybe: TypeAlias = Annotated[T | None, Unset()]
"""A member that may be left out; None means that it was."""
Nullable: TypeAlias = T | None
"""The payload of a Command that may be null."""

Boolean: TypeAlias = Annotated[bool, Primitive("Boolean")]
Byte: TypeAlias = Annotated[int, Primitive("Byte")]
Bytes: TypeAlias = Annotated[str, Primitive("Bytes")]
Date: TypeAlias = Annotated[str, Primitive("Date")]
DateTime: TypeAlias = Annotated[str, Primitive("DateTime")]
Decimal: TypeAlias = Annotated[str, Primitive("Decimal")]
Double: TypeAlias = Annotated[float, Primitive("Double")]
Duration: TypeAlias = Annotated[str, Primitive("Duration")]
Float: TypeAlias = Annotated[float, Primitive("Float")]
Integer: TypeAlias = Annotated[int, Primitive("Integer")]
Long: TypeAlias = Annotated[int, Primitive("Long")]
Short: TypeAlias = Annotated[int, Primitive("Short")]
String: TypeAlias = Annotated[str, Primitive("String")]
Time: TypeAlias = Annotated[str, Primitive("Time")]
UnsignedByte: TypeAlias = Annotated[int, Primitive("UnsignedByte")]
UnsignedInteger: TypeAlias = Annotated[int, Primitive("UnsignedInteger")]
UnsignedLong: TypeAlias = Annotated[int, Primitive("UnsignedLong")]
UnsignedShort: TypeAlias = Annotated[int, Primitive("UnsignedShort")]
Uuid: TypeAlias = Annotated[str, Primitive("Uuid")]
Array: TypeAlias = Annotated[list[T], Strict()]
"""A JSON array of one schema."""
Map: TypeAlias = Annotated[dict[String, T], Strict()]
"""A JSON object with any keys and values of one schema."""

PRIMITIVES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "Boolean": Boolean, "Byte": Byte, "Bytes": Bytes, "Date": Date, "DateTime": DateTime, "Decimal": Decimal,
        "Double": Double, "Duration": Duration, "Float": Float, "Integer": Integer, "Long": Long, "Short": Short,
        "String": String, "Time": Time, "UnsignedByte": UnsignedByte, "UnsignedInteger": UnsignedInteger,
        "UnsignedLong": UnsignedLong, "UnsignedShort": UnsignedShort, "Uuid": Uuid,
    }
)  # fmt: skip
"""Primitive schema → annotated type."""


def ready(type_: Any) -> Ready:
    """Gives the rules of an annotated type of this module that is not a class."""
    found: Ready = type_.__metadata__[0]
    return found


def choice_schema(allowed: tuple[int | str, ...]) -> dict[str, Any]:
    """Gives the JSON Schema of an Enum of the given values; one without values takes nothing."""
    if not allowed:
        return {"not": {}}
    return {"type": "integer" if isinstance(allowed[0], int) else "string", "enum": list(allowed)}


def list_rule(item: CoreSchema) -> CoreSchema:
    """Gives the core schema of an Array."""
    return core_schema.list_schema(item, strict=True)


def map_rule(value: CoreSchema) -> CoreSchema:
    """Gives the core schema of a Map."""
    return core_schema.dict_schema(core_schema.str_schema(strict=True), value, strict=True)


def array_of(item: Any) -> Any:
    """Gives the annotation of an Array whose items have the given annotation."""
    if not is_ready(item):
        return Array[item]
    inner = ready(item)
    return Annotated[list[item], Ready(list_rule(inner.core), {"type": "array", "items": inner.schema})]


def map_of(value: Any) -> Any:
    """Gives the annotation of a Map whose values have the given annotation."""
    if not is_ready(value):
        return Map[value]
    inner = ready(value)
    return Annotated[
        dict[str, value], Ready(map_rule(inner.core), {"type": "object", "additionalProperties": inner.schema})
    ]


def is_ready(type_: Any) -> bool:
    """Tells whether an annotated type carries its rules with it: no class occurs in it."""
    return isinstance(next(iter(getattr(type_, "__metadata__", ())), None), Ready)


__all__ = [
    "FLOAT_MAX",
    "FORMS",
    "INTEGERS",
    "PATTERNS",
    "PRIMITIVES",
    "TEXTS",
    "Array",
    "Boolean",
    "Byte",
    "Bytes",
    "Date",
    "DateTime",
    "Decimal",
    "Double",
    "Duration",
    "Float",
    "Integer",
    "Long",
    "Map",
    "Maybe",
    "Nullable",
    "Primitive",
    "Short",
    "String",
    "Time",
    "Unit",
    "Unset",
    "UnsignedByte",
    "UnsignedInteger",
    "UnsignedLong",
    "UnsignedShort",
    "Uuid",
    "array_of",
    "choice_schema",
    "is_ready",
    "json_schema",
    "list_rule",
    "map_of",
    "map_rule",
    "ready",
]  # fmt: skip
