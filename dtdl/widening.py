"""Primitive schemas: which accepts every value of which."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

_INTEGERS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "Byte": (-(2**7), 2**7),
        "Short": (-(2**15), 2**15),
        "Integer": (-(2**31), 2**31),
        "Long": (-(2**63), 2**63),
        "UnsignedByte": (0, 2**8),
        "UnsignedShort": (0, 2**16),
        "UnsignedInteger": (0, 2**32),
        "UnsignedLong": (0, 2**64),
    }
)
"""Kind → least value, and the one behind the greatest."""
_EXACT: Final[Mapping[str, int]] = MappingProxyType({"Float": 2**24, "Double": 2**53})
"""Kind → the range within which it holds every integer."""
_TEXTS: Final = frozenset({"Bytes", "Date", "DateTime", "Decimal", "Duration", "Time", "Uuid"})
PRIMITIVE: Final = frozenset({*_INTEGERS, *_EXACT, *_TEXTS, "Boolean", "String"})


def compare(old: str, new: str) -> Literal["same", "widened", "narrowed", "changed"]:
    """Says how the values of two kinds of schema lie to each other.

    Args:
        old: Metamodel class before, such as ``Integer``.
        new: Metamodel class now.
    """
    if old == new:
        return "same"
    if _accepts(new, old):
        return "widened"
    return "narrowed" if _accepts(old, new) else "changed"


def _accepts(wide: str, narrow: str) -> bool:
    if narrow in _INTEGERS:
        least, end = _INTEGERS[narrow]
        if wide in _INTEGERS:
            return _INTEGERS[wide][0] <= least and end <= _INTEGERS[wide][1]
        return wide in _EXACT and -_EXACT[wide] <= least and end - 1 <= _EXACT[wide]
    if wide == "Double":
        return narrow == "Float"
    return wide == "String" and narrow in _TEXTS
