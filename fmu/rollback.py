"""Saved states of instances (FMI 2.0, 2.1.8; FMI 3.0, 2.2.7): what taking a step back needs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Final

from dtdl.errors import FmuError
from fmu.coupling import Member
from fmu.description import FMI_2, FMI_3
from fmu.instance import Instance
from fmu.states import State
from fmu.status import WARNING

_ENDINGS: Final = {FMI_2: "FMUstate", FMI_3: "FMUState"}


class Memory:
    """One saved state of an instance, overwritten by each `save`; its steps are not final from then on.

    Args:
        instance: Of FMI 2.0 or 3.0, and direct.

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
        self._instance.final = False

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
        if status > WARNING:
            instance.fail(self.names[which], status)


class WholeMemory(Memory):
    """One saved state of an instance with an event mode or an integrator, which have something to keep themselves.

    Args:
        instance: Of FMI 2.0 or 3.0.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._kept: State | None = None

    def save(self) -> None:
        """See `Memory.save`."""
        self.close()
        self._kept = self._instance.save()

    def restore(self) -> None:
        """See `Memory.restore`."""
        assert self._kept is not None
        self._instance.restore(self._kept)

    def close(self) -> None:
        """See `Memory.close`."""
        if self._kept is not None:
            self._kept.free()
        self._kept = None


def memory_of(instance: Instance) -> Memory:
    """A place for one state of an instance; one in another process gives its own."""
    make = getattr(instance, "memory", None)
    if make is not None:
        found: Memory = make()
        return found
    return Memory(instance) if instance.is_direct else WholeMemory(instance)


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
