"""Model exchange: the integrator, its events and its modes around an FMU that gives derivatives only.

The FMU looks like any other instance from outside: it is initialized, takes inputs, is stepped and gives outputs
(FMI 1.0 for Model Exchange, 2; FMI 2.0, 3; FMI 3.0, 3).
"""

from __future__ import annotations

import ctypes
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dtdl.errors import StepFailed
from fmu.description import Description
from fmu.modes import EventInfo, Moded
from fmu.note import Note
from fmu.options import Kind
from fmu.solvers import TOLERANCE, Integrator, Solver, address, integrator
from fmu.status import DISCARD, WARNING

if TYPE_CHECKING:
    from fmu.solvers import Vector

_ITERATIONS: Final = 200
"""Of the search for one zero crossing; bisection alone needs about 50."""
_BISECT_EACH: Final = 3
_BOUND: Final = 1e200
"""Beyond it, a square is no number any more, and an integrator only makes its steps shorter."""


class ModelExchange(Moded):
    """A model exchange FMU with its integrator.

    Inputs hold between communication points; a changed one is an event there. A sign change of an event indicator is
    located within the integrator's step, at the first time at which any of them has changed.

    Args:
        folder, description, name, note: As of `Instance`.
        solver: The integrator.

    Attributes:
        events: How many events were handled, the one at the start not counted.
        steps: How many steps the integrator made.
        asked: Relative tolerance that initialization was given.
    """

    interface_kind: ClassVar[Kind] = "model-exchange"
    _indicators: Vector
    _signs: Vector
    derivatives: ClassVar[str] = "GetDerivatives"
    nominals: ClassVar[str] = "GetNominalsOfContinuousStates"

    def __init__(
        self, folder: Path, description: Description, name: str, note: Note, *, solver: Solver | None = None
    ) -> None:
        self.solver = solver or Solver()
        self.events = 0
        self.steps = 0
        self.asked: float | None = None
        self._integrator: Integrator | None = None
        self._refusal: tuple[str, int] | None = None
        super().__init__(folder, description, name, note)

    # ---- what the versions differ in

    @abstractmethod
    def _sizes(self) -> tuple[int, int]:
        """Numbers of continuous states and of event indicators."""

    @abstractmethod
    def _enter_continuous(self) -> None:
        """Back from the event mode."""

    @abstractmethod
    def _completed(self) -> tuple[bool, bool]:
        """Tells the FMU that a step is made; gives whether it wants an event, and whether it wants to end."""

    # ---- the loop

    def _begin(self) -> None:
        """From the event at the start to the continuous-time mode; called when initialization is done."""
        import numpy as np  # noqa: PLC0415 - it is slow to import

        chosen = self.solver
        relative = chosen.tolerance or self.asked or self.description.experiment.tolerance or TOLERANCE
        self._chosen = Solver(
            name=chosen.name, tolerance=relative, step_s=chosen.step_s, most_events=chosen.most_events
        )
        self._time = ctypes.c_double(self.time_s)
        self._prepare(np)
        self._leave_events()
        self._restart()

    def _prepare(self, np: Any) -> None:
        """Vectors of the sizes that the FMU has now, and the integrator for them."""
        self._close_integrator()
        states, indicators = self._sizes()
        self._count, self._indicator_count = ctypes.c_size_t(states), ctypes.c_size_t(indicators)
        self._states, self._nominals = np.zeros(states), np.ones(states)
        self._signs, self._indicators = np.zeros(indicators), np.zeros(indicators)
        self._states_at, self._nominals_at = address(self._states), address(self._nominals)
        self._indicators_at = address(self._indicators)
        bare = {name: self.function(name).bare for name in ("SetTime",)}
        if states:
            names = ("SetContinuousStates", "GetContinuousStates", self.derivatives, self.nominals)
            bare |= {name: self.function(name).bare for name in names}
        if indicators:
            bare |= {"GetEventIndicators": self.function("GetEventIndicators").bare}
        self._bare = bare
        self._integrator = integrator(states, self._right, self._cannot, self._chosen) if states else None

    def _right(self, time_s: float, states: Any, slopes: Any) -> int:
        """The derivatives, for the integrator, which may call it from C: nothing is raised here."""
        # a step that was tried may hold what no FMU was made for
        if self._refusal is not None:
            return -1
        self._time.value = time_s
        bare, component, count = self._bare, self.component, self._count
        for name, arguments in (
            ("SetTime", (self._time,)),
            ("SetContinuousStates", (states, count)),
            (self.derivatives, (slopes, count)),
        ):
            self.note.call(self.prefix + name, time_s)
            status = bare[name](component, *arguments)
            if status == DISCARD:
                return 1
            if status > WARNING:
                self._refusal = (name, status)
                return -1
        return 0

    def _cannot(self, words: str) -> StepFailed:
        """The error of an integrator that cannot go on; the FMU's own comes first."""
        if self._refusal is not None:
            (name, status), self._refusal = self._refusal, None
            try:
                self.fail(name, status)
            except StepFailed as error:
                return error
        return self._failure(
            self.derivatives, f"could not be integrated by {self._chosen.name or 'the solver'}: {words}"
        )

    def _plain(self, name: str, *arguments: Any) -> None:
        self.note.call(self.prefix + name, self.time_s)
        status = self._bare[name](self.component, *arguments)
        if status > WARNING:
            self.fail(name, status)

    def _place(self, time_s: float, states: Vector | None) -> None:
        """Puts the FMU to a time and states."""
        self.time_s = self._time.value = time_s
        self._plain("SetTime", self._time)
        if states is not None:
            self._states[:] = states
            self._plain("SetContinuousStates", self._states_at, self._count)

    def _read_indicators(self) -> Vector:
        if self._indicator_count.value:
            self._plain("GetEventIndicators", self._indicators_at, self._indicator_count)
        return self._indicators

    def _restart(self) -> None:
        """The integrator begins anew after an event, and the signs of the indicators count from here."""
        if self._integrator is not None:
            self._plain("GetContinuousStates", self._states_at, self._count)
            self._plain(self.nominals, self._nominals_at, self._count)
            # a nominal value of 0 says nothing of the size
            self._nominals[self._nominals == 0] = 1.0
            self._integrator.reset(self.time_s, self._states, abs(self._nominals))
        self._signs[:] = self._read_indicators() > 0

    def _settled(self, info: EventInfo) -> None:
        """What follows the iteration of an event."""
        del info
        if not self.ended:
            self._enter_continuous()
            self._restart()

    def _prepare_step(self) -> Callable[[float, float], None]:
        return self._communication_step

    def _communication_step(self, time_s: float, step_s: float) -> None:
        end_s = time_s + step_s
        handled = self.events
        self.settle()
        while not self.ended:
            due_s = self._due_s()
            if due_s <= self.time_s + self._epsilon(end_s):
                self._happen()
            elif self.time_s >= end_s:
                break
            elif self._integrate(min(end_s, due_s)):
                self._happen()
            if self.events - handled > self._chosen.most_events:
                raise self._failure(
                    "EnterEventMode",
                    f"had more than {self._chosen.most_events} events within {step_s:g} s: it chatters",
                )
        if not self.ended:
            # a rounding error is no time that passed
            self.time_s = end_s

    def _epsilon(self, end_s: float) -> float:
        return 4 * math.ulp(max(abs(end_s), abs(self.time_s)))

    def _happen(self) -> None:
        """An event at the time reached."""
        self.events += 1
        self.enter_events()
        self.settle()

    def _integrate(self, limit_s: float) -> bool:
        """One step of the integrator, at most to the limit; gives whether an event ends it."""
        before_s = self.time_s
        self.steps += 1
        states: Vector | None = None
        reached_s = limit_s
        if self._integrator is not None:
            if limit_s - before_s > self._epsilon(limit_s):
                reached_s = self._integrator.advance(limit_s)
            if self._refusal is not None:
                raise self._cannot("")
            # within rounding the limit is reached, and CVODE refuses so short a step
            if limit_s - reached_s <= self._epsilon(limit_s):
                reached_s = limit_s
            states = self._integrator.states
            if not (abs(states) < _BOUND).all():
                raise self._cannot("a state is not finite, or grows without bound")
        self._place(reached_s, states)
        crossed = self._crossed()
        if crossed:
            self._locate(before_s, reached_s)
        wanted, ended = self._completed()
        self.ended = self.ended or ended
        return (crossed or wanted) and not self.ended

    def _crossed(self) -> bool:
        return bool(((self._read_indicators() > 0) != (self._signs > 0)).any())

    def _locate(self, low_s: float, high_s: float) -> None:
        """Puts the FMU just behind the first crossing of an indicator in a step.

        A secant through the indicators that cross, every third time the middle; the upper end always has a changed
        sign, so what is found is behind the crossing by no more than the tolerance of time.
        """
        least_s = max(4 * math.ulp(max(abs(low_s), abs(high_s))), 1e-12 * (high_s - low_s))
        between = self._integrator.between if self._integrator is not None else lambda _time_s: None
        above = self._indicators.copy()
        below: Vector | None = None
        for count in range(_ITERATIONS):
            if high_s - low_s <= least_s:
                break
            middle_s = (low_s + high_s) / 2
            if below is not None and count % _BISECT_EACH:
                changed = (above > 0) != (below > 0)
                fall = below[changed] - above[changed]
                if fall.size and fall.all():
                    part = float((below[changed] / fall).min())
                    guess_s = low_s + part * (high_s - low_s) + least_s / 4
                    middle_s = min(max(guess_s, low_s + least_s / 2), high_s - least_s / 2)
            self._place(middle_s, between(middle_s))
            if self._crossed():
                high_s, above = middle_s, self._indicators.copy()
            else:
                low_s, below = middle_s, self._indicators.copy()
        self._place(high_s, between(high_s) if self._integrator is not None else None)

    def _restored(self) -> None:
        """The integrator follows a state that was put back."""
        self._time.value = self.time_s
        if not self.pending:
            self._restart()

    def configure(self, values: Mapping[str, Any]) -> None:
        """Sets tunable structural parameters; the number of states may change with them (FMI 3.0, 2.3.3)."""
        super().configure(values)
        import numpy as np  # noqa: PLC0415 - it is slow to import

        self._prepare(np)

    def _close_integrator(self) -> None:
        if self._integrator is not None:
            self._integrator.close()
            self._integrator = None

    def close(self) -> None:
        """Frees the integrator and the instance."""
        self._close_integrator()
        super().close()
