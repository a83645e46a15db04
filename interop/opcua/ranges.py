"""NumericRange: the part of a value that an IndexRange names (OPC 10000-4, 7.27)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from asyncua import ua

_PART: Final = re.compile(r"(0|[1-9][0-9]{0,9})(?::([1-9][0-9]{0,9}))?")
_DEEPEST: Final = 8
"""Dimensions taken; no value of a twin has more."""


def parse_range(text: str) -> tuple[slice, ...] | None:
    """Reads a NumericRange, such as ``1``, ``0:3`` or ``1:2,0:1``.

    Returns:
        One slice for each dimension, or None where the text is not a range.
    """
    parts = text.split(",")
    if len(parts) > _DEEPEST:
        return None
    slices = []
    for part in parts:
        found = _PART.fullmatch(part)
        if found is None:
            return None
        first = int(found[1])
        last = int(found[2]) if found[2] else first
        if found[2] and last <= first:
            return None
        slices.append(slice(first, last + 1))
    return tuple(slices)


def part_of(data: ua.DataValue, text: str | None) -> ua.DataValue:
    """The part of a value that an IndexRange names; the value itself without one.

    Args:
        data: A value; an array (of arrays), a string or a byte string has parts.
        text: The IndexRange.

    Returns:
        The value with BadIndexRangeInvalid where the text is not a range, with BadIndexRangeNoData where nothing is.
    """
    if not text or data.Value is None or data.Value.Value is None:
        return data
    slices = parse_range(text)
    if slices is None:
        return _without(data, ua.StatusCodes.BadIndexRangeInvalid)
    try:
        part = _cut(data.Value.Value, slices)
    except (IndexError, TypeError):
        return _without(data, ua.StatusCodes.BadIndexRangeNoData)
    return replace(data, Value=ua.Variant(part, data.Value.VariantType, is_array=isinstance(part, list)))


def _cut(value: Any, slices: tuple[slice, ...]) -> Any:
    part = value[slices[0]]
    if not part:
        raise IndexError
    return part if len(slices) == 1 else [_cut(inner, slices[1:]) for inner in part]


def _without(data: ua.DataValue, code: int) -> ua.DataValue:
    return replace(data, Value=None, StatusCode=ua.StatusCode(code))
