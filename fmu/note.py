"""The note of the call that is being made: shared memory that outlives a crash of the process that writes it."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass
from typing import Final

_NAME_BYTES: Final = 64


class _Page(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint64),
        ("time_s", ctypes.c_double),
        ("instance", ctypes.c_uint32),
        ("call", ctypes.c_char * _NAME_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted last.

    Attributes:
        count: How many calls were made; when it grows, the worker is alive.
        instance: Index of the instance.
        call: Name of the function, empty before the first.
        time_s: Simulation time of the call.
    """

    count: int
    instance: int
    call: str
    time_s: float


class Board:
    """The shared page.

    Args:
        fd: File descriptor of a file of at least `SIZE` bytes; -1 for memory of this process alone.
    """

    SIZE: Final = mmap.PAGESIZE

    def __init__(self, fd: int = -1) -> None:
        self._memory = mmap.mmap(fd, self.SIZE)
        self.page = _Page.from_buffer(self._memory)

    def read(self) -> Noted:
        """What was noted last."""
        page = self.page
        return Noted(page.count, page.instance, page.call.decode("ascii", "replace"), page.time_s)


class Note:
    """Writes for one instance.

    Args:
        board: Where to.
        instance: Index of the instance.
    """

    __slots__ = ("_index", "_names", "_page")

    def __init__(self, board: Board, instance: int) -> None:
        self._page = board.page
        self._index = instance
        self._names: dict[str, bytes] = {}

    def call(self, name: str, time_s: float) -> None:
        """Notes a call before it is made.

        Args:
            name: Name of the FMI function.
            time_s: Simulation time in seconds.
        """
        page = self._page
        page.instance = self._index
        page.call = self._names.get(name) or self._names.setdefault(name, name.encode("ascii", "replace"))
        page.time_s = time_s
        page.count += 1
