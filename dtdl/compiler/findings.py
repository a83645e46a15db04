"""Findings: what is wrong with a value, as diagnostics; the one place where pydantic's errors become ours."""

from __future__ import annotations

import difflib
import json
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dtdl.compiler.values import FORMS, INTEGERS
from dtdl.diagnostic import Diagnostic
from dtdl.errors import ValueInvalid

WRONG_TYPE: Final = "MT301"
OUT_OF_RANGE: Final = "MT302"
WRONG_FORM: Final = "MT303"
UNKNOWN_NAME: Final = "MT304"
MISSING: Final = "MT305"
NOT_A_CHOICE: Final = "MT306"
NULL: Final = "MT307"
NO_RELATIONSHIP: Final = "MT308"
WRONG_TARGET: Final = "MT309"
TOO_MANY: Final = "MT310"
TOO_FEW: Final = "MT311"

RULES: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        WRONG_TYPE: (
            "A value is of another JSON type than its schema.",
            "Types are strict: 1.0 is no integer, and a text that looks like a number is a text.",
            "Give a value of the type that the finding names.",
        ),
        OUT_OF_RANGE: (
            "A number is outside the range of its schema.",
            "Each numeric schema of DTDL has a range; infinity and not-a-number are in none.",
            "Give a number within the range, or choose a wider schema.",
        ),
        WRONG_FORM: (
            "A text does not have the form of its schema.",
            "Dates, times, durations, decimals, UUIDs and bytes are texts of a fixed form; days are real ones.",
            "Write it as the example of the finding shows.",
        ),
        UNKNOWN_NAME: (
            "The definition has no such content.",
            "Telemetry, Relationships and Commands are not part of a twin's contents; names are case-sensitive.",
            "Correct the name, or add it to the definition.",
        ),
        MISSING: (
            "A required value is missing.",
            "The definition marks the value as Required (requirement extension).",
            "Add it.",
        ),
        NOT_A_CHOICE: (
            "A value is none of those of its Enum.",
            "An Enum is closed; what counts is enumValue, not the name.",
            "Give one of the values that the finding lists.",
        ),
        NULL: (
            "null stands where a value is meant.",
            "A value that is not known is left out; null is not a value of any schema.",
            "Leave it out, or give a value.",
        ),
        NO_RELATIONSHIP: (
            "The definition of the source has no Relationship of this name.",
            "A relationship is an instance of a Relationship of its source's Interface; names are case-sensitive.",
            "Correct the name, or add the Relationship to the definition.",
        ),
        WRONG_TARGET: (
            "A relationship leads to a twin of the wrong kind.",
            "A Relationship with a target leads to twins of that Interface, or of one that extends it.",
            "Lead to a twin of that kind, or change the target in the definition.",
        ),
        TOO_MANY: (
            "A twin has more relationships of one name than its definition allows.",
            "maxMultiplicity bounds how many relationships of this name may start at one twin.",
            "Remove what is too much, or raise maxMultiplicity.",
        ),
        TOO_FEW: (
            "A twin has fewer relationships of one name than its definition needs.",
            "minMultiplicity says how many relationships of this name start at one twin at least.",
            "Add what is missing, or lower minMultiplicity.",
        ),
    }
)
"""Rule → what is wrong, why it is wrong, and what to do."""

_SHOWN = 80
_LONG = 1024

_TYPES: Final = {
    "int_type": "an integer", "int_from_float": "an integer", "float_type": "a number", "bool_type": "true or false",
    "string_type": "a text", "string_sub_type": "a text", "list_type": "a JSON array", "dict_type": "a JSON object",
    "model_type": "a JSON object", "model_attributes_type": "a JSON object", "mapping_type": "a JSON object",
}  # fmt: skip
_BOUNDS: Final = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}


class _Bounded(reprlib.Repr):
    """A repr that no value makes long or fail."""

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write integers of thousands of digits.
        return super().repr_int(x, level) if x.bit_length() < _LONG else f"an integer of {x.bit_length()} bits"


_REPR = _Bounded()


def shown(value: Any) -> str:
    """Gives a value as short JSON text."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        # Of no JSON type, an integer of thousands of digits, nested without end, or in itself.
        text = _REPR.repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def path_text(path: Iterable[str | int]) -> str:
    """Gives a path as text, its parts joined by ``/``."""
    return "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in path)


def finding(rule: str, cause: str, action: str, *, model: str, path: Iterable[str | int], value: Any) -> Diagnostic:
    """Makes the diagnostic of one bad value."""
    where = path_text(path)
    return Diagnostic(
        rule=rule,
        cause=f"{where}: {cause}" if where else cause,
        action=action,
        primary_id=model,
        property_name=where or None,
        value=shown(value),
    )


def refuse(kind: str, value: Any, *, model: str, path: Sequence[str | int]) -> NoReturn:
    """Refuses a value that is not of a primitive schema.

    Raises:
        ValueInvalid: Always.
    """
    form, example = FORMS[kind]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is None:
        rule, cause = NULL, "null is not a value."
    elif number and (kind in ("Float", "Double") or (kind in INTEGERS and isinstance(value, int))):
        rule, cause = OUT_OF_RANGE, f"{shown(value)} is not {form}."
    elif isinstance(value, str) and kind in _TEXT_FORMS:
        rule, cause = WRONG_FORM, f"{shown(value)} is not {form}."
    else:
        rule, cause = WRONG_TYPE, f"{shown(value)} is not {form}."
    raise ValueInvalid(
        [finding(rule, cause, f"Give {form}, such as {example}.", model=model, path=path, value=value)]
    ) from None


_TEXT_FORMS: Final = frozenset({"Date", "DateTime", "Time", "Duration", "Decimal", "Uuid", "Bytes"})


def invalid(
    error: ValidationError, *, model: str, path: Sequence[str | int] = (), names: Iterable[str] = ()
) -> ValueInvalid:
    """Makes one ValueInvalid of all that pydantic found.

    Args:
        error: What pydantic raised.
        model: DTMI that the value was checked against.
        path: Where the checked value stands in the twin.
        names: Names that are allowed at the top of the checked value, for did-you-mean.
    """
    known = [name for name in names if not name.startswith("$")]
    return ValueInvalid(
        [_translate(found, model, path, known) for found in error.errors(include_url=False, include_context=True)]
    )


def _translate(found: ErrorDetails, model: str, path: Sequence[str | int], names: list[str]) -> Diagnostic:
    where = [*path, *(part for part in found["loc"] if part != "[key]")]
    rule, cause, action = _words(found, names)
    return finding(rule, cause, action, model=model, path=where, value=found["input"])


def _words(found: ErrorDetails, names: list[str]) -> tuple[str, str, str]:
    kind, value = found["type"], found["input"]
    if kind == "missing":
        return MISSING, "is required and missing.", "Add it."
    if kind == "extra_forbidden":
        return UNKNOWN_NAME, "the definition has no such content.", _near(str(found["loc"][-1]), names)
    if value is None:
        return NULL, "null is not a value.", "Leave it out, or give a value."
    if kind in _TYPES:
        return WRONG_TYPE, f"{shown(value)} is not {_TYPES[kind]}.", f"Give {_TYPES[kind]}."
    return _value_words(kind, value, found.get("ctx", {}), found["msg"])


def _value_words(kind: str, value: Any, context: dict[str, Any], message: str) -> tuple[str, str, str]:
    """Words for a value of the right JSON type."""
    if kind in _BOUNDS:
        key, word = _BOUNDS[kind]
        return OUT_OF_RANGE, f"{shown(value)} is out of range.", f"Give a number that is {word} {context[key]}."
    if kind == "finite_number":
        return OUT_OF_RANGE, f"{value} is not a finite number.", "Give a finite number, or leave it out."
    if kind == "dtdl_form":
        form, example = FORMS[context["kind"]]
        return WRONG_FORM, f"{shown(value)} is not {form}.", f"Give {form}, such as {example}."
    if kind == "enum":
        return NOT_A_CHOICE, f"{shown(value)} is not a value of the Enum.", f"Give {context['expected']}."
    return WRONG_TYPE, f"{shown(value)}: {message}.", "Correct it as the schema says."


def _near(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"It has {', '.join(sorted(names)[:12])}." if names else "Take it out."
