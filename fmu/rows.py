"""Values in rows of eight bytes a number: what goes between a worker and its parent, and from the compiled loop."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from dtdl.errors import FmuError
from fmu.description import FLOATS, INTEGERS, Type

Values = list[Any]
_LETTERS: Final = {"UInt64": "Q", "Boolean": "?7x"}


class Rows:
    """How the values of one row are packed.

    Args:
        names: Of the values, for errors.
        types: Type and number of elements of each, 0 for a scalar.

    Attributes:
        is_packed: Whether all values have a fixed length; texts and binaries have not.
        letters: For `struct`, where all values are single numbers; empty where they are not.
    """

    def __init__(self, names: Sequence[str], types: Sequence[tuple[Type, int]]) -> None:
        self.names = names
        self.types = types
        self.is_packed = all(type_ in FLOATS | INTEGERS or type_ == "Boolean" for type_, _ in types)
        letters = ("".join(_letter(type_) * max(size, 1) for type_, size in types)) if self.is_packed else ""
        self._struct = struct.Struct("<" + letters)
        self._plain = all(size == 0 for _, size in types)
        # None would be packed as a boolean that is false
        simple = self.is_packed and self._plain and not any(type_ == "Boolean" for type_, _ in types)
        self.letters = letters if simple else ""

    @property
    def size(self) -> int:
        """Length of a row in bytes."""
        return self._struct.size

    def pack(self, values: Sequence[Any]) -> bytes:
        """Packs a row.

        Raises:
            FmuError: A value of another type, or an array of another length.
        """
        if self._plain:
            flat = values
        else:
            flat = []
            for name, (_, size), value in zip(self.names, self.types, values, strict=True):
                if size == 0:
                    flat.append(value)
                    continue
                if not isinstance(value, list | tuple) or len(value) != size:
                    raise FmuError(f"{name!r} does not take {value!r}", action=f"Give {size} elements.")
                flat += value
        try:
            return self._struct.pack(*flat)
        except (struct.error, TypeError) as error:
            raise self._refused(values) from error

    def _refused(self, values: Sequence[Any]) -> FmuError:
        if len(values) != len(self.types):
            return FmuError(f"{len(values)} values were given for {len(self.types)}", action="Give one for each input.")
        for name, (type_, size), value in zip(self.names, self.types, values, strict=True):
            if not all(_holds(type_, element) for element in (value if size else [value])):
                return FmuError(f"{name!r} does not take {value!r}: its type is {type_}", action="Give such a value.")
        return FmuError(f"the values {values!r} do not fit", action="Look at their types.")

    def check(self, values: Sequence[Any]) -> None:
        """Checks the types of values that are not packed.

        Raises:
            FmuError: A value of another type.
        """
        if len(values) != len(self.types) or not all(
            _holds(type_, element)
            for (type_, size), value in zip(self.types, values, strict=True)
            for element in (value if size and isinstance(value, list | tuple) else [value])
        ):
            raise self._refused(values)

    def unpack(self, row: bytes) -> Values:
        """Values of one row."""
        flat = self._struct.unpack(row)
        return list(flat) if self._plain else self._grouped(flat)

    def all(self, rows: bytes) -> Iterator[Values]:
        """Values of many rows, one behind the other."""
        for flat in self._struct.iter_unpack(rows):
            yield list(flat) if self._plain else self._grouped(flat)

    def _grouped(self, flat: Sequence[Any]) -> Values:
        values: Values = []
        at = 0
        for _, size in self.types:
            values.append(list(flat[at : at + size]) if size else flat[at])
            at += max(size, 1)
        return values


def _letter(type_: Type) -> str:
    return "d" if type_ in FLOATS else _LETTERS.get(type_, "q")


def _holds(type_: Type, value: object) -> bool:
    if type_ in FLOATS:
        return isinstance(value, int | float)
    if type_ in INTEGERS:
        if not isinstance(value, int):
            return False
        return 0 <= value < 1 << 64 if type_ == "UInt64" else -(1 << 63) <= value < 1 << 63
    return isinstance(value, {"Boolean": bool, "String": str, "Binary": bytes}.get(type_, object))
