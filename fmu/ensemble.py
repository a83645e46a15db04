"""Many runs of one system: scenarios over a pool of processes or any executor, in the order that they were given in."""

from __future__ import annotations

import multiprocessing
import os
import random
import uuid
from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from dtdl.errors import FmuError, MegatwinError, StepFailed
from fmu.algorithm import plan
from fmu.coupling import couple, describe
from fmu.description import Experiment
from fmu.inputs import Inputs
from fmu.process import WorkerLimits, discard, error_of, scratch
from fmu.recorder import Result, SystemRun
from fmu.rows import Rows
from fmu.seat import NUMBER, RUNNING, Made, Start, Task, play, prepare
from fmu.system import Algorithm, Port, System

_CHUNKS_A_WORKER: Final = 8
_MOST_IN_A_CHUNK: Final = 1000
_POLL_S: Final = 0.1

Progress = Callable[[int, int], None]
"""Takes how many scenarios are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What one run has of its own.

    Attributes:
        start: Start values of parameters and inputs, in the variables' units.
        seed: What its values were drawn with; kept with the outcome.
    """

    start: Mapping[Port, Any] = field(default_factory=dict)
    seed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a scenario; it has a result or an error.

    Attributes:
        scenario: It.
        result: Its recorded values.
        error: Why there are none.
    """

    scenario: Scenario
    result: Result | None = None
    error: MegatwinError | None = None


def draw(count: int, make: Callable[[random.Random], Mapping[Port, Any]], *, seed: int) -> list[Scenario]:
    """Draws scenarios; each has a random source of its own, so that it does not depend on how many there are.

    Args:
        count: How many.
        make: Gives the start values of one.
        seed: The same seed gives the same scenarios.
    """
    seeds = [f"{seed}/{number}" for number in range(count)]
    return [
        Scenario(start=make(random.Random(text)), seed=text)  # noqa: S311 - no secrets are drawn
        for text in seeds
    ]


class Ensemble:
    """A system that is run many times.

    Args:
        system: The system; its outputs are recorded.
        experiment, algorithm: As of `fmu.recorder.simulate_system`.
        inputs: Values over time of inputs of the system, the same in every run.
        every: Each how many macro steps a row is recorded; 0: the first and the last only.
        limits: What a process may take; with an executor of others, that is its own affair.

    Raises:
        InputUnreadable, ArchiveUnsafe, DescriptionInvalid: An FMU cannot be used here.
        SystemInvalid: The system has findings.
        FmuError: A span, an input or an algorithm that is not taken.
    """

    def __init__(
        self,
        system: System,
        *,
        experiment: Experiment | None = None,
        algorithm: Algorithm | None = None,
        inputs: Inputs | None = None,
        every: int = 0,
        limits: WorkerLimits | None = None,
    ) -> None:
        if any(part.isolate for part in system.parts):
            raise FmuError("an ensemble isolates no instance in a process of its own", action="Leave isolate out.")
        self._options: dict[str, Any] = {
            "experiment": experiment, "algorithm": algorithm, "inputs": inputs, "every": every or 1
        }  # fmt: skip
        self._run = run = SystemRun(system, **self._options)
        self._options["every"] = every or max(run.count, 1)
        self.limits = limits or WorkerLimits()
        coupling = couple(run.system, describe(run.system))
        plan(coupling, run.algorithm)
        self._layout = Rows(run.names, [(reading.conversion.target, reading.size) for reading in coupling.outputs])
        points = [run.start_s + k * run.step_s for k in range(run.count + (1 if run.rest_s else 0))]
        self._task = Task(
            key=uuid.uuid4().hex, system=run.system, algorithm=run.algorithm, start_s=run.start_s, stop_s=run.stop_s,
            step_s=run.step_s, count=run.count, rest_s=run.rest_s, every=every, rows=run.rows_at(points), base=None,
        )  # fmt: skip
        self._names = {part.name for part in system.parts}

    def run(
        self,
        scenarios: Sequence[Scenario],
        *,
        executor: Executor | None = None,
        workers: int | None = None,
        chunk: int | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Outcome]:
        """Runs all scenarios.

        A scenario that fails is an outcome with its error; the others go on. One that crashes or hangs its process is
        run once more alone, which tells the FMU and the call.

        Args:
            scenarios: What to run.
            executor: Where; by default a pool of processes that are started anew. Its processes see the ``.fmu`` files
                under the same paths, and a crash in one of them is its affair.
            workers: Number of processes of the pool; by default one a processor.
            chunk: How many scenarios are given away at once.
            progress: Told from time to time.
            cancelled: Asked from time to time; when it says yes, what has not begun is not run.

        Returns:
            One outcome a scenario, in their order.

        Raises:
            FmuError: A scenario for an instance that is not there, or a chunk or number of workers below 1.
        """
        if (workers is not None and workers < 1) or (chunk is not None and chunk < 1):
            raise FmuError("an ensemble needs a worker, and a scenario in each chunk", action="Give 1 or more.")
        starts = [self._start(scenario) for scenario in scenarios]
        width = workers or os.cpu_count() or 1
        size = chunk or min(max(len(scenarios) // (_CHUNKS_A_WORKER * width), 1), _MOST_IN_A_CHUNK)
        watch = _Watch(len(scenarios), progress or _silent, cancelled or _never)
        made: dict[int, Made | Result | MegatwinError] = {}
        if executor is not None:
            for number in _collect(executor, self._task, _chunks(starts, range(len(starts)), size), made, watch):
                made[number] = StepFailed("its executor broke", action="Run it alone to see why.")
        else:
            self._pool(starts, made, watch, width=min(width, max(len(starts), 1)), size=size)
        return [self._outcome(scenario, made.get(number)) for number, scenario in enumerate(scenarios)]

    def _start(self, scenario: Scenario) -> Start:
        found: dict[str, dict[str, Any]] = {}
        for port, value in scenario.start.items():
            if port.part not in self._names:
                known = ", ".join(sorted(self._names))
                raise FmuError(f"{port}: there is no instance {port.part!r}", action=f"Instances are: {known}.")
            found.setdefault(port.part, {})[port.variable] = value
        return found

    def _pool(
        self,
        starts: Sequence[Start],
        made: dict[int, Made | Result | MegatwinError],
        watch: _Watch,
        *,
        width: int,
        size: int,
    ) -> None:
        """Pools, one after another while crashes break them; each crash takes its scenario out."""
        context = multiprocessing.get_context("spawn")
        left: Sequence[int] = range(len(starts))
        while left:
            base = scratch()
            task = replace(self._task, key=base.name, base=base)
            try:
                with ProcessPoolExecutor(width, context, initializer=prepare, initargs=(self.limits,)) as pool:
                    lost = _collect(pool, task, _chunks(starts, left, size), made, watch)
                suspects = [number for number in _running(base) if number in set(lost)] or lost[:1]
            finally:
                discard(base)
            for number in suspects:
                made[number] = self._alone(starts[number])
                watch.more(1)
            left = [number for number in lost if number not in made]

    def _alone(self, start: Start) -> Result | MegatwinError:
        """In a worker, which tells what an FMU did to its process."""
        system = self._task.system
        parts = tuple(replace(part, start={**part.start, **start.get(part.name, {})}) for part in system.parts)
        try:
            return SystemRun(replace(system, parts=parts), **self._options).result(limits=self.limits)
        except MegatwinError as error:
            return error

    def _outcome(self, scenario: Scenario, made: Made | Result | MegatwinError | None) -> Outcome:
        if made is None:
            error = FmuError("the ensemble was cancelled before this scenario ran", action="Run it again.")
            return Outcome(scenario=scenario, error=error)
        if isinstance(made, MegatwinError):
            return Outcome(scenario=scenario, error=made)
        if isinstance(made, Result):
            return Outcome(scenario=scenario, result=made)
        if made.error is not None:
            return Outcome(scenario=scenario, error=error_of(made.error))
        rows = list(self._layout.all(made.rows)) if isinstance(made.rows, bytes) else made.rows
        columns = [list(column) for column in zip(*rows, strict=True)]
        result = Result(
            names=self._run.names, time_s=array("d", made.times), columns=columns, ended_early=made.ended, metadata={}
        )
        return Outcome(scenario=scenario, result=result)


class _Watch:
    """How far it is, and whether it goes on."""

    def __init__(self, count: int, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._count, self._done = count, 0
        self._progress, self.cancelled = progress, cancelled

    def more(self, count: int) -> None:
        """Some more scenarios are done."""
        self._done += count
        self._progress(self._done, self._count)


def _silent(done: int, count: int) -> None: ...


def _never() -> bool:
    return False


def _chunks(starts: Sequence[Start], numbers: Sequence[int], size: int) -> list[list[tuple[int, Start]]]:
    pairs = [(number, starts[number]) for number in numbers]
    return [pairs[k : k + size] for k in range(0, len(pairs), size)]


def _collect(
    executor: Executor,
    task: Task,
    chunks: Sequence[Sequence[tuple[int, Start]]],
    made: dict[int, Made | Result | MegatwinError],
    watch: _Watch,
) -> list[int]:
    """Runs chunks; gives the numbers of those that broke their executor."""
    lost: list[int] = []
    under_way: dict[Future[list[Made]], Sequence[tuple[int, Start]]] = {}
    for chunk in chunks:
        try:
            under_way[executor.submit(play, task, chunk)] = chunk
        except BrokenExecutor:
            lost += [number for number, _ in chunk]
    while under_way:
        if watch.cancelled():
            for future in [future for future in under_way if future.cancel()]:
                del under_way[future]
        done, _ = wait(under_way, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            chunk = under_way.pop(future)
            try:
                made.update(zip((number for number, _ in chunk), future.result(), strict=True))
            except BrokenExecutor:
                lost += [number for number, _ in chunk]
            else:
                watch.more(len(chunk))
    return [] if watch.cancelled() else sorted(lost)


def _running(base: Path) -> list[int]:
    """What the processes of a broken pool were running."""
    noted = [path.read_bytes() for path in base.glob(f"*/{RUNNING}")]
    return sorted(NUMBER.unpack(data)[0] for data in noted if len(data) == NUMBER.size)
