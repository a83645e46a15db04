"""Instances with an event mode: entered when an input changes, a clock ticks or the FMU asks; left when it has settled.

FMI 2.0, 3.2.2; FMI 3.0, 2.3.5.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fmu.block import Values
from fmu.clocks import Clocks
from fmu.description import Variable
from fmu.instance import Getter, Instance, Setter

_ITERATIONS: Final = 1000


class EventInfo(NamedTuple):
    """What one round of an event iteration gave.

    Attributes:
        again: Another round is needed.
        ends: The FMU asks to end the simulation.
        next_s: Time of the next time event in seconds; None when there is none.
    """

    again: bool
    ends: bool
    next_s: float | None


class Moded(Instance):
    """An instance whose discrete values change in an event mode only.

    Attributes:
        pending: Whether it is in the event mode, with values set and not yet iterated.
    """

    pending = False
    _started = False
    _next_s = math.inf
    _clocks: Clocks | None = None

    @property
    def has_events(self) -> bool:
        """Whether this instance uses its event mode."""
        return True

    @property
    def is_direct(self) -> bool:
        """Values cannot be set behind the back of the event mode."""
        return not self.has_events

    @abstractmethod
    def _enter_event_mode(self) -> None: ...

    @abstractmethod
    def _update(self) -> EventInfo:
        """One round of the event iteration."""

    @abstractmethod
    def _settled(self, info: EventInfo) -> None:
        """Leaves the event mode."""

    def enter_events(self) -> None:
        """Enters the event mode, if it is not in it already, and ticks the clocks that are due."""
        if self.pending:
            return
        self._enter_event_mode()
        self.pending = True
        if self._clocks is not None:
            self._clocks.activate(self.time_s, self._tolerance_s())

    def settle(self) -> None:
        """Iterates until nothing changes any more and leaves the event mode, if it is in it."""
        if self.pending:
            self._leave_events()

    def _leave_events(self) -> None:
        """The event iteration; also from the event mode that initialization ends in."""
        if not self._started:
            self._started = True
            if self._clocks is not None:
                self._clocks.begin(self.time_s)
                self._clocks.activate(self.time_s, self._tolerance_s())
        for _ in range(_ITERATIONS):
            if self._clocks is not None:
                self._clocks.listen()
            info = self._update()
            if info.ends or not info.again:
                break
        else:
            raise self._failure("EnterEventMode", f"did not settle within {_ITERATIONS} rounds of its event iteration")
        self.ended = self.ended or info.ends
        self._next_s = math.inf if info.next_s is None else info.next_s
        if self._clocks is not None:
            self._clocks.poll(self.time_s)
        self.pending = False
        self._settled(info)

    def _tolerance_s(self) -> float:
        return 4 * math.ulp(max(abs(self.time_s), 1.0))

    def _due_s(self) -> float:
        """When the next event is known to come, in seconds."""
        clocks = math.inf if self._clocks is None else self._clocks.due_s()
        return min(self._next_s, clocks)

    def getter(self, variables: Sequence[Variable]) -> Getter:
        """As of every instance; what was set before is in effect. A clock gives whether it ticked in the last step."""
        inner = super().getter(variables)
        if not self.has_events:
            return inner

        def get() -> Values:
            if self._started:
                self.settle()
            return inner()

        return get

    def setter(self, variables: Sequence[Variable]) -> Setter:
        """As of every instance; a value that differs from what was set last is an event."""
        inner = super().setter(variables)
        if not self.has_events:
            return inner
        keys = [None if variable.type == "Clock" else variable.name for variable in variables]
        held = self._held

        def put(values: Sequence[Any]) -> None:
            if not self._started:
                inner(values)
            elif any(
                value is True if key is None else key not in held or held[key] != value
                for key, value in zip(keys, values, strict=True)
            ):
                self.enter_events()
                inner(values)
            for key, value in zip(keys, values, strict=True):
                if key is not None:
                    held[key] = list(value) if isinstance(value, list) else value

        return put

    def _extra_state(self) -> Any:
        clocks = None if self._clocks is None else self._clocks.state()
        return (self._next_s, self.pending, clocks)

    def _restore_extra(self, extra: Any) -> None:
        self._next_s, self.pending, clocks = extra
        self._held.clear()
        if self._clocks is not None:
            self._clocks.restore(clocks)
        self._restored()

    def _restored(self) -> None:
        """What follows a state that was put back."""
