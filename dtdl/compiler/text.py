"""Text: JSON text held against a schema, where the text says more than its value: ``-0`` has a sign, and 0 has none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from dtdl.compiler import findings
from dtdl.compiler.plan import ListOf, MapOf, Plain, Planner, RecordOf, TwinOf, TypePlan
from dtdl.compiler.values import FORMS, INTEGERS
from dtdl.diagnostic import Diagnostic
from dtdl.errors import ValueInvalid
from dtdl.source import Document, Loader

Path = tuple[str | int, ...]


class _MinusZero(int):
    """The integer that JSON text writes as ``-0``."""


# Only the sign counts: Python refuses to read integers of thousands of digits.
_DECODE: Final = json.JSONDecoder(parse_int=lambda text: _MinusZero() if text == "-0" else 1).decode


def read(text: str) -> tuple[Any, Any]:
    """Gives the value of a JSON text, and once more with each ``-0`` told from ``0``.

    Args:
        text: The text.

    Raises:
        ValueInvalid: It is not JSON, or nests too deeply.
        LimitExceeded: It is too large.
    """
    document = Loader().load(Document(text, "<text>"))
    if document.fault is not None:
        fault = document.fault
        found = Diagnostic(rule=fault.rule, cause=fault.cause, action=fault.action, location=fault.location)
        raise ValueInvalid([found])
    # Read once more, now that the bounds are checked; it is slower, and only this way shows the sign.
    return document.value, _DECODE(text) if "-0" in text else None


def signed_zeros(planner: Planner, plan: TypePlan, value: Any, *, model: str) -> list[Diagnostic]:
    """Gives a diagnostic for each ``-0`` where an unsigned integer is meant: its form allows no minus sign.

    Args:
        planner: The class plans of a model.
        plan: What the value should be.
        value: The second value that ``read`` gave.
        model: DTMI that diagnostics name.
    """
    return [
        findings.finding(
            findings.OUT_OF_RANGE,
            f"-0 is not {FORMS[kind][0]}: unsigned integers take no minus sign.",
            "Write 0.",
            model=model,
            path=path,
            value=0,
        )
        for kind, path in _found(planner, plan, value, ())
    ]


def _found(planner: Planner, plan: TypePlan, value: Any, path: Path) -> Iterator[tuple[str, Path]]:
    match plan:
        case Plain(kind):
            if isinstance(value, _MinusZero) and kind in INTEGERS and INTEGERS[kind][0] == 0:
                yield kind, path
        case ListOf(item) if isinstance(value, list):
            for index, held in enumerate(value):
                yield from _found(planner, item, held, (*path, index))
        case MapOf(item) if isinstance(value, dict):
            for name, held in value.items():
                yield from _found(planner, item, held, (*path, name))
        case RecordOf() | TwinOf() if isinstance(value, dict):
            for field in planner.fields(planner.plan(plan)):
                if field.name in value:
                    yield from _found(planner, field.type, value[field.name], (*path, field.name))
