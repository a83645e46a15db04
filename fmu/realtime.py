"""Simulation at the pace of a clock: absolute deadlines, lateness and overruns counted, pause and resume."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from dtdl.errors import FmuError
from fmu.worker import Worker

_BEHIND_STEPS: Final = 10
_LEAST_PATIENCE_S: Final = 1.0


class Pacer:
    """When each step is due. Deadlines are absolute, so that lateness does not add up.

    Args:
        step_s: Length of a step in simulation time, in seconds.
        factor: Simulation seconds a second; 1 is real time.
        clock: Gives seconds.

    Attributes:
        made: Steps made since the start.
        late: Steps that were made after their time.
        overruns: Steps that took longer than they may, whether they were late or not.
        worst_s: The greatest lateness in seconds.
        skipped_s: Time that was given up, in seconds of the clock.

    Raises:
        FmuError: A step or factor that is not above 0.
    """

    def __init__(self, step_s: float, factor: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        if not (step_s > 0 and factor > 0):
            raise FmuError(
                f"a step of {step_s:g} s at {factor:g} times real time is no pace", action="Give more than 0."
            )
        self.step_s, self.factor = step_s, factor
        self._clock = clock
        self._origin_s = self._begun_s = clock()
        self._paused_s: float | None = None
        self.made = self.late = self.overruns = 0
        self.worst_s = self.skipped_s = 0.0

    @property
    def patience_s(self) -> float:
        """How late it may become before time is given up, in seconds of the clock."""
        return max(_LEAST_PATIENCE_S, _BEHIND_STEPS * self.step_s / self.factor)

    @property
    def time_s(self) -> float:
        """Simulation time since the start, in seconds."""
        return self.made * self.step_s

    def begin(self) -> None:
        """Says that a step begins now."""
        self._begun_s = self._clock()

    def done(self) -> float:
        """Says that a step is made.

        Returns:
            Seconds until it is due; negative when it is late.
        """
        self.made += 1
        now = self._clock()
        if now - self._begun_s > self.step_s / self.factor:
            self.overruns += 1
        ahead_s = self._origin_s + self.time_s / self.factor - now
        if ahead_s <= 0:
            self.late += 1
            self.worst_s = max(self.worst_s, -ahead_s)
        return ahead_s

    def skip(self, behind_s: float) -> None:
        """Gives time up that cannot be caught up with, after a sleep of the machine for example.

        Args:
            behind_s: How much, in seconds of the clock.
        """
        self._origin_s += behind_s
        self.skipped_s += behind_s

    def pause(self) -> None:
        """Stops the clock; does nothing the second time."""
        if self._paused_s is None:
            self._paused_s = self._clock()

    def resume(self) -> None:
        """Lets the clock go on where it stopped; does nothing when it was not stopped."""
        if self._paused_s is not None:
            self._origin_s += self._clock() - self._paused_s
            self._paused_s = None


class LiveRun:
    """A started worker stepped at the pace of the clock, in the thread that calls `play`.

    Args:
        worker: Has started.
        step_s: Macro step in seconds.
        factor: Simulation seconds a second.

    Attributes:
        pacer: Steps, lateness, overruns.
    """

    def __init__(self, worker: Worker, step_s: float, *, factor: float = 1.0) -> None:
        self._worker = worker
        self._inputs: list[Any] = [None] * len(worker.system.inputs)
        self._names = [connector.name for connector in worker.system.inputs]
        self._going, self._wanted = threading.Event(), threading.Event()
        self._going.set()
        self._lock = threading.Lock()
        self.pacer = Pacer(step_s, factor)

    def set(self, name: str, value: Any) -> None:
        """Sets an input of the system from the next step on, from any thread.

        Raises:
            FmuError: There is none of this name.
        """
        if name not in self._names:
            raise FmuError(f"the system has no input {name!r}", action=f"Its inputs are: {', '.join(self._names)}.")
        with self._lock:
            self._inputs[self._names.index(name)] = value

    def play(self, keep: Callable[[float, Sequence[Any]], None], until_s: float) -> None:
        """Steps until a simulation time, or until an FMU asks to end or `stop` is called.

        Args:
            keep: Takes simulation time since the start in seconds and the outputs, when they are due.
            until_s: Simulation time since the start, in seconds.

        Raises:
            StepFailed: An FMU refused, crashed, or took too long.
        """
        pacer = self.pacer
        pacer.resume()
        while pacer.time_s < until_s - pacer.step_s / 2 and not self._worker.ended and not self._wanted.is_set():
            if not self._going.is_set():
                pacer.pause()
                self._going.wait()
                pacer.resume()
                continue
            with self._lock:
                inputs, self._inputs = self._inputs, [None] * len(self._names)
            pacer.begin()
            values = self._worker.step(pacer.step_s, inputs)
            ahead_s = pacer.done()
            if ahead_s > 0:
                time.sleep(ahead_s)
            elif -ahead_s > pacer.patience_s:
                pacer.skip(-ahead_s)
            keep(pacer.time_s, values)
        pacer.pause()

    def pause(self) -> None:
        """Stops after the step that is being made, from any thread."""
        self._going.clear()

    def resume(self) -> None:
        """Goes on, from any thread."""
        self._going.set()

    def stop(self) -> None:
        """Ends `play` after the step that is being made, from any thread."""
        self._wanted.set()
        self._going.set()
