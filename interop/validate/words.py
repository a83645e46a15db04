"""Words for what a JSON Schema refuses: where, what is wrong and what to do, one or more findings an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from jsonschema.exceptions import ValidationError, best_match

from interop.config.findings import did_you_mean

_LONG: Final = 60
_FOREIGN: Final = 200
_NAMES: Final = {
    "array": "an array", "boolean": "true or false", "integer": "a whole number", "null": "null", "number": "a number",
    "object": "an object", "string": "a text",
}  # fmt: skip


class Words(NamedTuple):
    """One finding of an error.

    Attributes:
        path: Where in the data.
        key: Whether the last key is meant, not its value.
        cause: What is wrong.
        action: What to do, or nothing when the rule's remedy says it.
    """

    path: tuple[str | int, ...]
    key: bool
    cause: str
    action: str


def words_of(error: ValidationError) -> Iterator[Words]:
    """Gives what to say of an error; of alternatives, also what the nearest of them refuses."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and error.validator_value is False:
        yield from _extra(error, path)
        return
    if error.validator in ("anyOf", "oneOf") and error.context:
        nearest = best_match(iter([error]))
        if nearest is not None and nearest is not error:
            alternatives: Any = error.validator_value
            lead = f"This fits none of {len(alternatives)} alternatives; of the nearest: "
            for words in words_of(nearest):
                yield words._replace(cause=f"{lead}{words.cause}")
            return
    cause, action = _said(error)
    yield Words(path, False, cause, action)


def short(value: Any) -> str:
    """Gives a value in a few characters."""
    if isinstance(value, dict):
        return "the object"
    if isinstance(value, list):
        return "the array"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= _LONG else f"{value[:_LONG]}…", ensure_ascii=False)
    text = json.dumps(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _extra(error: ValidationError, path: tuple[str | int, ...]) -> Iterator[Words]:
    schema: Any = error.schema
    instance: Any = error.instance
    known = schema.get("properties", {}) if isinstance(schema, dict) else {}
    patterns = schema.get("patternProperties", {}) if isinstance(schema, dict) else {}
    for name in instance:
        if name not in known and not any(re.search(pattern, name) for pattern in patterns):
            action = did_you_mean(name, known) or "Remove it."
            yield Words((*path, name), True, f"The property {short(name)} is not allowed here.", action)


def _said(error: ValidationError) -> tuple[str, str]:
    keyword = str(error.validator) if error.validator is not None else ""
    if error.schema is False or not keyword:
        return "The schema allows nothing here.", "Remove it."
    how = _KEYWORDS.get(keyword)
    said = how(error.instance, error.validator_value) if how is not None else None
    if said is not None:
        return said
    text = error.message if len(error.message) <= _FOREIGN else f"{error.message[:_FOREIGN]}…"
    return f"The keyword {keyword!r} refuses {short(error.instance)}: {text}.", ""


def _type(value: Any, wanted: Any) -> tuple[str, str] | None:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(kind, str) for kind in kinds):
        return None
    names = " or ".join(_NAMES.get(str(kind), str(kind)) for kind in kinds)
    return f"{_capital(short(value))} is not {names}.", f"Give {names}."


def _required(value: Any, wanted: Any) -> tuple[str, str] | None:
    if not isinstance(wanted, list):
        return None
    missing = [name for name in wanted if name not in value]
    return f"Missing: {', '.join(map(short, missing[:12]))}.", "Add what is missing."


def _enum(value: Any, wanted: Any) -> tuple[str, str]:
    listed = ", ".join(short(one) for one in wanted[:12])
    texts = [one for one in wanted if isinstance(one, str)]
    near = did_you_mean(value, texts, otherwise="-") if isinstance(value, str) else "-"
    action = near if near.startswith("Did") else f"Give one of {listed}."
    return f"{_capital(short(value))} is none of the values that are allowed.", action


def _bound(word: str) -> Callable[[Any, Any], tuple[str, str]]:
    return lambda value, wanted: (
        f"{_capital(short(value))} is out of range.", f"Give a number that is {word} {short(wanted)}.",
    )  # fmt: skip


def _size(what: str, word: str) -> Callable[[Any, Any], tuple[str, str]]:
    return lambda value, wanted: (
        f"{_capital(short(value))} has {len(value)} {what}.", f"Give {word} {short(wanted)} {what}.",
    )  # fmt: skip


_KEYWORDS: Final[Mapping[str, Callable[[Any, Any], tuple[str, str] | None]]] = MappingProxyType(
    {
        "type": _type,
        "required": _required,
        "enum": _enum,
        "const": lambda value, wanted: (f"{_capital(short(value))} is not the value.", f"Give {short(wanted)}."),
        "minimum": _bound("at least"),
        "maximum": _bound("at most"),
        "exclusiveMinimum": _bound("more than"),
        "exclusiveMaximum": _bound("less than"),
        "minLength": _size("characters", "at least"),
        "maxLength": _size("characters", "at most"),
        "minItems": _size("items", "at least"),
        "maxItems": _size("items", "at most"),
        "minProperties": _size("properties", "at least"),
        "maxProperties": _size("properties", "at most"),
        "multipleOf": lambda value, wanted: (
            f"{short(value)} is no multiple of {short(wanted)}.", f"Give a multiple of {short(wanted)}."
        ),
        "uniqueItems": lambda *_: ("The array holds a value twice.", "Keep each value once."),
        "pattern": lambda value, wanted: (
            f"{_capital(short(value))} does not match the pattern {short(wanted)}.", "Write it as the pattern says."
        ),
        "format": lambda value, wanted: (f"{_capital(short(value))} is not a valid {wanted}.", ""),
        "not": lambda value, _: (f"{_capital(short(value))} fits what the schema excludes.", ""),
        "contains": lambda *_: ("The array holds too few, or too many, values of the kind that it must contain.", ""),
        "oneOf": lambda *_: ("This fits several alternatives, of which exactly one may fit.", ""),
        "dependentRequired": lambda *_: ("A property is missing that another one needs.", "Add it."),
    }
)  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text
