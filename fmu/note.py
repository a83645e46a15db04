"""The note of the call that is being made: shared memory that outlives a crash of the process that writes it.

The compiled loop writes it too, thousands of times in a millisecond; so a call is noted as a number, whose name stands
in a table behind.
"""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass
from typing import Final

_NAME_BYTES: Final = 64
_NAMES: Final = 240


class Page(ctypes.Structure):
    """The head of the shared memory; ``fmu/kernel/loop.c`` has the same."""

    _fields_ = (
        ("count", ctypes.c_uint64),
        ("time_s", ctypes.c_double),
        ("instance", ctypes.c_uint32),
        ("call", ctypes.c_uint32),
    )


class _Memory(ctypes.Structure):
    _fields_ = (("page", Page), ("names", ctypes.c_char * _NAME_BYTES * _NAMES))


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
    """The shared memory.

    Args:
        fd: File descriptor of a file of at least `SIZE` bytes; -1 for memory of this process alone.
    """

    SIZE: Final = -(-ctypes.sizeof(_Memory) // mmap.PAGESIZE) * mmap.PAGESIZE

    def __init__(self, fd: int = -1) -> None:
        self._mapped = mmap.mmap(fd, self.SIZE)
        self._memory = _Memory.from_buffer(self._mapped)
        self.page: Page = self._memory.page
        self._numbers: dict[str, int] = {"": 0}

    def read(self) -> Noted:
        """What was noted last."""
        page = self.page
        name = self._memory.names[page.call % _NAMES].value.decode("ascii", "replace")
        return Noted(page.count, page.instance, name, page.time_s)

    def number(self, name: str) -> int:
        """The number of a call's name; when there are too many names, the last ones share one.

        Args:
            name: Name of the FMI function.
        """
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = min(len(self._numbers), _NAMES - 1)
            self._memory.names[found].value = name.encode("ascii", "replace")[: _NAME_BYTES - 1]
        return found


class Note:
    """Writes for one instance.

    Args:
        board: Where to.
        instance: Index of the instance.
    """

    __slots__ = ("_index", "_page", "board")

    def __init__(self, board: Board, instance: int) -> None:
        self.board = board
        self._page = board.page
        self._index = instance

    def call(self, name: str, time_s: float) -> None:
        """Notes a call before it is made.

        Args:
            name: Name of the FMI function.
            time_s: Simulation time in seconds.
        """
        page = self._page
        page.instance = self._index
        page.call = self.board.number(name)
        page.time_s = time_s
        page.count += 1
