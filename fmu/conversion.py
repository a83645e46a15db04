"""What happens to one value on its way over a connection: unit, linear transformation, table, type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dtdl.errors import FmuError
from fmu.description import FLOATS, INTEGERS, Scalar, Type

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    **{f"Int{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (8, 16, 32, 64)},
    **{f"UInt{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}


def integer_range(type_: Type, major: int) -> tuple[int, int]:
    """Least and greatest value of an integer type; enumerations of FMI 3.0 have 64 bits, of earlier versions 32."""
    if type_ == "Enumeration":
        return RANGES["Int64" if major >= 3 else "Int32"]  # noqa: PLR2004 - FMI 3.0
    return RANGES[type_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """From a source's value to its target's.

    Attributes:
        source, target: Types on both sides.
        factor, offset: ``factor * value + offset``, of numbers.
        table: Target value by source value, instead of factor and offset; None when there is no table.
        range: Least and greatest value that an integer target takes.
    """

    source: Type
    target: Type
    factor: float = 1.0
    offset: float = 0.0
    table: Mapping[Scalar, Scalar] | None = None
    range: tuple[int, int] = (0, 0)

    @property
    def is_linear(self) -> bool:
        """Whether factor and offset change anything."""
        return self.factor != 1.0 or self.offset != 0.0

    @property
    def is_continuous(self) -> bool:
        """Whether the value may follow a polynomial in time: both sides are floating-point numbers."""
        return self.table is None and self.source in FLOATS and self.target in FLOATS

    @property
    def changes(self) -> bool:
        """Whether a value may come out other than it went in."""
        return self.table is not None or self.is_linear or self.source != self.target

    def function(self, name: str) -> Callable[[Any], Any]:
        """Gives the function that converts one value, or all elements of an array.

        Args:
            name: Of the connection, for errors.
        """
        if not self.changes:
            return _same
        one = self._scalar(name)

        def convert(value: Any) -> Any:
            return [one(element) for element in value] if isinstance(value, list) else one(value)

        return convert

    def _scalar(self, name: str) -> Callable[[Any], Any]:
        if self.table is not None:
            return self._looked_up(name, self.table)
        factor, offset = self.factor, self.offset
        if self.target in FLOATS:
            return (lambda value: factor * value + offset) if self.is_linear else float
        if self.target in INTEGERS:
            return self._whole(name)
        return _same

    def _looked_up(self, name: str, table: Mapping[Scalar, Scalar]) -> Callable[[Any], Any]:
        def look_up(value: Any) -> Any:
            if value not in table:
                raise unmapped(name, value)
            return table[value]

        return look_up

    def _whole(self, name: str) -> Callable[[Any], Any]:
        factor, offset, linear = self.factor, self.offset, self.is_linear
        least, most = self.range

        def whole(value: Any) -> int:
            number = factor * value + offset if linear else value
            if not math.isfinite(number):
                raise unfit(name, number, self.target)
            found: int = round(number)
            if not least <= found <= most:
                raise unfit(name, found, self.target)
            return found

        return whole


def _same(value: Any) -> Any:
    return value


def unmapped(name: str, value: Any) -> FmuError:
    """The error for a value that a table lacks."""
    return FmuError(f"{name}: its table has no {value!r}", action="Add the value to the mapping of the connection.")


def unfit(name: str, value: Any, type_: Type) -> FmuError:
    """The error for a number that a target's type cannot hold."""
    return FmuError(f"{name}: {value!r} does not fit into {type_}", action="Look at the units and the transformation.")
