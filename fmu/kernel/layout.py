"""The structures of ``loop.c``, field by field."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, c_double, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_uint32, c_uint64
from ctypes import c_void_p as address
from typing import Final

from fmu.description import FMI_1, FMI_3, Type
from fmu.note import Page

F32, F64, I8, U8, I16, U16, I32, U32, I64, U64, BOOL8, BOOL32 = range(12)
COPY, LINEAR, WHOLE, LOGIC, TABLE = range(5)
REFUSED, UNFIT, UNMAPPED, NO_END, TOO_COARSE, ENDED = -1, -2, -3, -4, -5, -6
DO_STEP, SET, GET, SLOPES, SAVE, RESTORE = range(6)
WIDTHS: Final = (4, 8, 1, 1, 2, 2, 4, 4, 8, 8, 1, 4)
HELD: Final = (
    ctypes.c_float, c_double, ctypes.c_int8, ctypes.c_uint8, ctypes.c_int16, ctypes.c_uint16, c_int32, c_uint32,
    c_int64, c_uint64, ctypes.c_uint8, c_int32,
)  # fmt: skip
_CODES: Final[Mapping[str, int]] = {
    "Float32": F32, "Float64": F64, "Int8": I8, "UInt8": U8, "Int16": I16, "UInt16": U16, "Int32": I32, "UInt32": U32,
    "Int64": I64, "UInt64": U64,
}  # fmt: skip


def code_of(type_: Type, major: int) -> int | None:
    """How a type is held in memory by an FMI version; None for what has no fixed length."""
    if type_ == "Boolean":
        return BOOL32 if major not in (FMI_1, FMI_3) else BOOL8
    if type_ == "Enumeration":
        return I64 if major >= FMI_3 else I32
    return _CODES.get(type_)


class Access(ctypes.Structure):
    """One call that gets or sets variables of one type."""

    _fields_ = (
        ("call", address), ("references", address), ("count", c_size_t), ("values", address), ("total", c_size_t),
        ("name", c_uint32), ("major", c_int32),
    )  # fmt: skip


class Pair(ctypes.Structure):
    """One line of a table."""

    _fields_ = (("whole", c_int64), ("number", c_double), ("target", c_uint64))


class Wire(ctypes.Structure):
    """The way of one value."""

    _fields_ = (
        ("source", address), ("target", address), ("from_", c_int32), ("to", c_int32), ("how", c_int32),
        ("count", c_int32), ("factor", c_double), ("offset", c_double), ("least", c_double), ("beyond", c_double),
        ("pairs", POINTER(Pair)), ("pair_count", c_int64), ("place", c_ssize_t), ("smooth", c_int32),
        ("fresh", c_int32),
    )  # fmt: skip


class Memory(ctypes.Structure):
    """A saved state of an instance."""

    _fields_ = (
        ("component", address), ("get", address), ("set", address), ("state", address), ("time", c_double),
        ("get_name", c_uint32), ("set_name", c_uint32), ("ended", c_int32), ("unused", c_int32),
    )  # fmt: skip


class Node(ctypes.Structure):
    """An instance."""

    _fields_ = (
        ("component", address), ("step", address), ("major", c_int32), ("final", c_int32), ("substeps", c_int32),
        ("ended", c_int32), ("step_name", c_uint32), ("slopes_name", c_uint32), ("wires_from", c_int32),
        ("wires_to", c_int32), ("sets_from", c_int32), ("sets_to", c_int32), ("gets_from", c_int32),
        ("gets_to", c_int32), ("time", c_double), ("slopes", address), ("slope_references", address),
        ("slope_orders", address), ("slope_values", address), ("slope_wires", address), ("slope_wire_count", c_int64),
        ("memory", POINTER(Memory)), ("whole", POINTER(Memory)),
    )  # fmt: skip


class Quick(ctypes.Structure):
    """An instance with the least of calls; ``loop_prepare`` fills it in."""

    _fields_ = (
        *((name, address) for name in ("component", "set", "step", "get", "set_references", "get_references")),
        *((name, address) for name in ("set_values", "get_values")),
        *((name, c_uint64) for name in ("set_note", "step_note", "get_note")),
        ("sources", address),
        *((name, c_uint32) for name in ("set_count", "get_count", "wire_count")),
        *((name, c_int32) for name in ("usable", "final", "unused")),
    )


class Real(ctypes.Structure):
    """A real number in an arena."""

    _fields_ = (("place", c_ssize_t), ("nominal", c_double), ("type", c_int32), ("unused", c_int32))


class Other(ctypes.Structure):
    """A value of another type in an arena."""

    _fields_ = (("place", c_ssize_t), ("bytes", c_int32), ("type", c_int32))


class Group(ctypes.Structure):
    """Instances that step together."""

    _fields_ = tuple(
        (name, c_int32)
        for name in ("from_", "to", "iterated", "reals_from", "reals_to", "others_from", "others_to", "unused")
    )


RefusedCall: Final = ctypes.CFUNCTYPE(c_int, c_int32, c_int32, c_int32)


class Loop(ctypes.Structure):
    """All of a system."""

    _fields_ = (
        ("nodes", POINTER(Node)), ("node_count", c_int64), ("wires", POINTER(Wire)), ("accesses", POINTER(Access)),
        ("order", POINTER(c_int32)), ("groups", POINTER(Group)), ("group_count", c_int64), ("reals", POINTER(Real)),
        ("others", POINTER(Other)), ("readings", POINTER(Wire)), ("reading_count", c_int64), ("judged", POINTER(Real)),
        ("judged_count", c_int64), ("next", address), ("now", address), ("past", address), ("older", address),
        ("size", c_size_t), ("outer", address), ("outer_size", c_size_t), ("row", address), ("row_size", c_size_t),
        ("times", c_double * 3), ("points", c_int32), ("extrapolation", c_int32), ("master", c_int32),
        ("loops", c_int32), ("relaxation", c_double), ("tolerance", c_double), ("iterations", c_int64),
        ("adaptive", c_int32), ("back", c_int32), ("error_tolerance", c_double), ("least", c_double),
        ("most", c_double), ("chosen", c_double), ("work", address), ("kept", address), ("page", POINTER(Page)),
        ("refused", RefusedCall), ("quick", address), ("sources", address),
        ("origin", c_double), ("span", c_double),
        ("reached", c_double), ("made", c_int64), ("all_quick", c_int64),
        ("steps", c_int64), ("repeats", c_int64), ("fault", c_int64), ("rows", c_int64),
        ("any_ended", c_int64), ("fault_value", c_double), ("fault_time", c_double),
    )  # fmt: skip
