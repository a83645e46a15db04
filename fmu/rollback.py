"""Saved states of co-simulation FMUs (FMI 2.0, 2.1.8; FMI 3.0, 2.2.7): what taking a step back needs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Final

from dtdl.errors import FmuError
from fmu.coupling import Member
from fmu.description import FMI_2, FMI_3
from fmu.instance import Instance

_ENDINGS: Final = {FMI_2: "FMUstate", FMI_3: "FMUState"}


class Memory:
    """One saved state of an instance, overwritten by each `save`.

    Args:
        instance: Of FMI 2.0 or 3.0.

    Raises:
        FmuError: Its binary lacks the functions.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        ending = _ENDINGS[instance.description.major]
        self.names = tuple(f"{verb}{ending}" for verb in ("Get", "Set", "Free"))
        self.get, self.set, self._free = (instance.function(name) for name in self.names)
        self.state = ctypes.c_void_p()
        self._time_s, self._ended = 0.0, False

    def save(self) -> None:
        """Keeps the state as it is now."""
        self._call(0, self.get, ctypes.byref(self.state))
        self._time_s, self._ended = self._instance.time_s, self._instance.ended

    def restore(self) -> None:
        """Goes back to what was saved last."""
        self._call(1, self.set, self.state)
        self._instance.time_s, self._instance.ended = self._time_s, self._ended

    def close(self) -> None:
        """Frees the state."""
        if self.state and self._instance.component is not None:
            self._call(2, self._free, ctypes.byref(self.state))
        self.state = ctypes.c_void_p()

    def _call(self, which: int, function: object, state: object) -> None:
        instance = self._instance
        instance.note.call(instance.prefix + self.names[which], instance.time_s)
        assert callable(function)
        status = function(instance.component, state)
        if status > 1:
            instance.fail(self.names[which], status)


def memory_of(instance: Instance) -> Memory:
    """A place for one state of an instance; one that is no plain co-simulation gives its own."""
    make = getattr(instance, "memory", None)
    return make() if make is not None else Memory(instance)


def check(members: Sequence[Member], what: str) -> None:
    """Makes sure that states can be saved.

    Args:
        members: Instances whose step may be taken back.
        what: What needs it, for the message.

    Raises:
        FmuError: Names those that cannot.
    """
    lacking = [member.title for member in members if member.interface is None or not member.interface.get_set_state]
    if lacking:
        raise FmuError(
            f"{what} takes steps back, and these FMUs cannot save their state: {', '.join(lacking)}",
            action="Use loops: none and a fixed step, or export them with canGetAndSetFMUState.",
        )
