"""Checks: one plain function a schema that turns a JSON value into the one that is stored, or refuses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dtdl.compiler import findings
from dtdl.compiler.plan import Choice, Plain, TypePlan
from dtdl.compiler.values import FLOAT_MAX, INTEGERS, TEXTS
from dtdl.errors import ValueInvalid

Check = Callable[[Any], Any]


def plain_check(plan: TypePlan, model: str, path: tuple[str, ...]) -> Check | None:
    """Gives the check of a primitive or an Enum, or None for another schema.

    Args:
        plan: The type.
        model: DTMI that diagnostics name.
        path: Where the value stands in the twin.
    """
    if isinstance(plan, Choice):
        return _choice(plan.values, model, path)
    if not isinstance(plan, Plain):
        return None
    kind = plan.kind
    if kind in INTEGERS:
        return _integer(kind, model, path)
    if kind in ("Double", "Float"):
        return _number(kind, model, path)
    return _text(kind, model, path) if kind in TEXTS else _exact(kind, model, path)


def _integer(kind: str, model: str, path: tuple[str, ...]) -> Check:
    low, high = INTEGERS[kind]

    def check(value: Any) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return int(value)
        return findings.refuse(kind, value, model=model, path=path)

    return check


def _number(kind: str, model: str, path: tuple[str, ...]) -> Check:
    # The greatest float of each width: infinities and not-a-number fail the comparison.
    bound = FLOAT_MAX if kind == "Float" else 1.7976931348623157e308

    def check(value: Any) -> Any:
        if type(value) is float and -bound <= value <= bound:
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool) and -bound <= value <= bound:
            return float(value)
        return findings.refuse(kind, value, model=model, path=path)

    return check


def _exact(kind: str, model: str, path: tuple[str, ...]) -> Check:
    wanted = {"Boolean": bool, "String": str}[kind]

    def check(value: Any) -> Any:
        if isinstance(value, wanted):
            return value
        return findings.refuse(kind, value, model=model, path=path)

    return check


def _text(kind: str, model: str, path: tuple[str, ...]) -> Check:
    has_form = TEXTS[kind]

    def check(value: Any) -> Any:
        if isinstance(value, str) and has_form(value):
            return value
        return findings.refuse(kind, value, model=model, path=path)

    return check


def _choice(values: tuple[int | str, ...], model: str, path: tuple[str, ...]) -> Check:
    allowed = frozenset(values)

    def check(value: Any) -> Any:
        # 1.0 and true equal 1 in Python, but are not the Enum's value in JSON.
        if type(value) in (int, str) and value in allowed:
            return value
        expected = ", ".join(findings.shown(one) for one in values) or "no value: the Enum has none"
        raise ValueInvalid(
            [
                findings.finding(
                    findings.NULL if value is None else findings.NOT_A_CHOICE,
                    f"{findings.shown(value)} is not a value of the Enum.",
                    f"Give {'one of ' if values else ''}{expected}.",
                    model=model,
                    path=path,
                    value=value,
                )
            ]
        )

    return check
