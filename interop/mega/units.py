"""Conversion between the units of two points, either of which may have none."""

from __future__ import annotations

from collections.abc import Callable

from dtdl.units import converter


def _same(value: float) -> float:
    return value


def conversion(source: str | None, target: str | None) -> Callable[[float], float]:
    """Gives the function from one unit to the other; a point without a unit takes numbers as they are.

    Raises:
        UnitMismatch: The dimensions differ.
        UnitUnknown: A name that no table knows.
    """
    if source is None or target is None or source == target:
        return _same
    return converter(source, target)
