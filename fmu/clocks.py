"""When the clocks of an FMI 3.0 FMU tick, and which of its own clocks ticked (FMI 3.0, 2.2.8 and 2.2.9)."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from dtdl.errors import FmuError
from fmu.description import Clock, Description, Variable

if TYPE_CHECKING:
    from fmu.instance import Instance

NOT_YET_KNOWN, UNCHANGED, CHANGED = range(3)
PERIODIC: Final = frozenset({"constant", "fixed"})
POLLED: Final = frozenset({"calculated", "tunable", "changing", "countdown"})
TRIGGERED: Final = "triggered"


def check_clocks(description: Description, *, has_event_mode: bool) -> None:
    """Refuses clocks that cannot be run, before anything is loaded.

    Raises:
        FmuError: Names the clock and why.
    """
    for variable in description.variables:
        if variable.clock is None or variable.causality not in ("input", "output"):
            continue
        why = ""
        if not has_event_mode:
            why = "its clocks need the event mode, which it has not"
        elif variable.causality == "input" and variable.clock.variability not in {*PERIODIC, *POLLED, TRIGGERED}:
            why = f"a clock with intervalVariability={variable.clock.variability!r} is not run"
        if why:
            raise FmuError(
                f"{description.file}: {variable.name!r}: {why}",
                action="Export it with hasEventMode and clocks of FMI 3.0, or without clocks.",
            )


class Clocks:
    """The clocks of an instance.

    Attributes:
        ticked: Value references of the output clocks that ticked since it was cleared.
    """

    def __init__(self, owner: Instance) -> None:
        self._owner = owner
        clocks = [(v, v.clock) for v in owner.description.variables if v.clock is not None]
        timed = [(v, c) for v, c in clocks if v.causality == "input" and c.variability != TRIGGERED]
        self._timed = [_Timed(variable, clock) for variable, clock in timed]
        own = [v for v, _ in clocks if v.causality == "output"]
        self._own = [v.value_reference for v in own]
        self._references = (ctypes.c_uint32 * len(own))(*self._own)
        self._answers = (ctypes.c_bool * len(own))()
        self.ticked: set[int] = set()

    def begin(self, start_s: float) -> None:
        """The first ticks; in the event mode at the start."""
        for timed in self._timed:
            timed.begin(start_s)
        self.poll(start_s)

    def due_s(self) -> float:
        """Time of the next tick in seconds; infinity when none is known."""
        return min((timed.next_s for timed in self._timed), default=math.inf)

    def activate(self, time_s: float, epsilon_s: float) -> None:
        """Ticks what is due; in the event mode."""
        due = [timed for timed in self._timed if timed.next_s <= time_s + epsilon_s]
        if due:
            references = (ctypes.c_uint32 * len(due))(*(timed.variable.value_reference for timed in due))
            values = (ctypes.c_bool * len(due))(*[True] * len(due))
            self._owner.call("SetClock", references, len(due), values)
            for timed in due:
                timed.tick()

    def listen(self) -> None:
        """Asks which output clocks tick; in the event mode, once in each iteration."""
        if self._own:
            self._owner.call("GetClock", self._references, len(self._own), self._answers)
            self.ticked |= {reference for reference, now in zip(self._own, self._answers, strict=True) if now}

    def poll(self, time_s: float) -> None:
        """Asks the FMU for intervals that it decides; at the end of the event mode."""
        asked = [timed for timed in self._timed if timed.clock.variability in POLLED]
        if not asked:
            return
        references = (ctypes.c_uint32 * len(asked))(*(timed.variable.value_reference for timed in asked))
        intervals, qualifiers = (ctypes.c_double * len(asked))(), (ctypes.c_int * len(asked))()
        self._owner.call("GetIntervalDecimal", references, len(asked), intervals, qualifiers)
        for timed, interval_s, qualifier in zip(asked, intervals, qualifiers, strict=True):
            timed.told(time_s, interval_s, qualifier)

    def state(self) -> Sequence[tuple[float, int, float, float]]:
        """What a saved state must hold of the clocks."""
        return [(timed.next_s, timed.count, timed.first_s, timed.interval_s) for timed in self._timed]

    def restore(self, state: Sequence[tuple[float, int, float, float]]) -> None:
        """Puts back what `state` gave."""
        for timed, (next_s, count, first_s, interval_s) in zip(self._timed, state, strict=True):
            timed.next_s, timed.count, timed.first_s, timed.interval_s = next_s, count, first_s, interval_s
        self.ticked.clear()


class _Timed:
    """A time-based input clock."""

    def __init__(self, variable: Variable, clock: Clock) -> None:
        self.variable = variable
        self.clock = clock
        self.next_s = math.inf
        self.count = 0
        self.first_s = 0.0
        self.interval_s = clock.interval_s or 0.0

    def begin(self, start_s: float) -> None:
        self.first_s = start_s + self.clock.shift_s
        if self.clock.interval_s is not None and self.clock.variability in PERIODIC:
            self.next_s = self.first_s

    def tick(self) -> None:
        self.count += 1
        if self.clock.variability == "countdown" or self.interval_s <= 0:
            self.next_s = math.inf
        else:
            # a product, not a sum: rounding does not add up over many ticks
            self.next_s = self.first_s + self.count * self.interval_s

    def told(self, time_s: float, interval_s: float, qualifier: int) -> None:
        """What the FMU says of its interval."""
        if qualifier != CHANGED or not interval_s >= 0:
            return
        first = not self.count and math.isinf(self.next_s) and self.clock.variability != "countdown"
        self.interval_s = interval_s
        self.first_s = time_s + (self.clock.shift_s if first else interval_s)
        self.next_s, self.count = self.first_s, 0
