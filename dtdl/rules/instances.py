"""Whether a JSON value is an instance of a schema, as the metamodel's tables say it of each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from dtdl.metamodel import matcher
from dtdl.parser.session import Record

Json = Any
_INTEGERS: Final = {
    "byte": (-(2**7), 2**7),
    "short": (-(2**15), 2**15),
    "int": (-(2**31), 2**31),
    "long": (-(2**63), 2**63),
    "unsignedByte": (0, 2**8),
    "unsignedShort": (0, 2**16),
    "unsignedInt": (0, 2**32),
    "unsignedLong": (0, 2**64),
}
_LINE: Final = 40
_LARGEST: Final = {"float": 3.4028235677973366e38, "double": 1.7976931348623157e308}
_CLOCK: Final = (24, 60, 60)


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_JSON: Final[Mapping[str, tuple[str, Callable[[Json], bool]]]] = {
    "array": ("a JSON array", lambda v: isinstance(v, list)),
    "boolean": ("true or false", lambda v: isinstance(v, bool)),
    "number": ("a number", _number),
    "object": ("a JSON object", lambda v: isinstance(v, dict)),
    "string": ("a string", lambda v: isinstance(v, str)),
}


def fits(datatype: str, value: Json) -> bool:
    """Whether a JSON value of the right type lies in the range, or in the calendar, of a datatype."""
    bounds = _INTEGERS.get(datatype)
    if bounds is not None:
        return isinstance(value, int) and bounds[0] <= value < bounds[1]
    if datatype in _LARGEST:
        return bool(abs(value) <= _LARGEST[datatype])
    if datatype == "date":
        return _is_date(value)
    if datatype == "dateTime":
        day, _, clock = value.partition("T")
        return _is_date(day) and _is_clock(clock)
    return datatype != "time" or _is_clock(value)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_clock(text: str) -> bool:
    numbers = [part[:2] for part in text.split(":")[:3]]
    return all(n.isdigit() and int(n) < bound for n, bound in zip(numbers, _CLOCK, strict=False))


def violations(schema: Record, value: Json, name: str | None = None) -> list[str]:
    """Gives what is wrong with a value, each in one sentence; nothing when it conforms.

    Args:
        schema: A schema, a field, or an enum value.
        value: A JSON value.
        name: Its key, when it is a member of a JSON object.
    """
    table = schema.rule.instance
    found: list[str] = []
    _conditions(schema, table.get("element", {}), value, name, found)
    if found:
        return found
    below = table.get("eachChild", {})
    if isinstance(value, dict) and below:
        for key, item in value.items():
            _conditions(schema, below, item, key, found)
    elif isinstance(value, list) and below:
        for item in value:
            _conditions(schema, below, item, None, found)
    return found


def _conditions(schema: Record, wanted: Mapping[str, Json], value: Json, name: str | None, found: list[str]) -> None:
    """Applies the conditions of a table to one value."""
    if "jsonType" in wanted:
        what, accepts = _JSON[wanted["jsonType"]]
        if not accepts(value):
            found.append(f"{_shown(value)} is not {what}.")
            return
    pattern, datatype = wanted.get("pattern"), wanted.get("datatype")
    if pattern and matcher(pattern).match(value if isinstance(value, str) else repr(value)) is None:
        found.append(f"{_shown(value)} does not have the form of {schema.kind}.")
        return
    if datatype and not fits(datatype, value):
        found.append(f"{_shown(value)} is outside of {schema.kind}.")
        return
    if "hasValue" in wanted and not _same(value, schema.properties.get(wanted["hasValue"])):
        found.append(f"{_shown(value)} is not {schema.properties.get(wanted['hasValue'])!r}.")
        return
    for prop in wanted.get("instanceProperty", ()):
        _below(schema, prop, value, name, found)


def _below(schema: Record, prop: str, value: Json, name: str | None, found: list[str]) -> None:
    """Compares a value with the schema that a property holds, or with one of several."""
    if not schema.rule.by_name[prop].plural:
        for item in schema.linked(prop):
            found.extend(violations(item, value, name))
        return
    for item in schema.linked(prop):
        if _matches(item, value, name):
            found.extend(violations(item, value, name))
            return
    found.append(f"{name!r} is no name here." if name is not None else f"{_shown(value)} is none of the values.")


def _matches(item: Record, value: Json, name: str | None) -> bool:
    table = item.rule.instance.get("element", {})
    if "nameHasValue" in table:
        return item.properties.get(table["nameHasValue"]) == name
    return "hasValue" not in table or _same(value, item.properties.get(table["hasValue"]))


def _same(first: Json, second: Json) -> bool:
    return isinstance(first, bool) == isinstance(second, bool) and first == second


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"
