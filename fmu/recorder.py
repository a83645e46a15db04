"""Runs of a system with their results: columns in memory, rows handed on as they come, what it takes to repeat one."""

from __future__ import annotations

import hashlib
import math
import platform
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from dtdl.errors import FmuError, InputUnreadable
from fmu.coupling import OUTSIDE, couple, describe
from fmu.description import Description, Experiment, read_description
from fmu.inputs import Inputs, read_inputs
from fmu.options import Options, choose_interface
from fmu.system import Algorithm, Connector, Port, System
from fmu.tables import Keep, Writer, open_table, write_csv
from fmu.worker import Recorded, Worker, WorkerLimits

__all__ = [
    "Inputs", "Result", "Run", "SystemRun", "read_inputs", "simulate", "simulate_system", "write_csv",
]  # fmt: skip

_CHUNK: Final = 1000
_MULTIPLE: Final = 1e-6
_MOST_ROWS: Final = 100_000_000
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run.

    Attributes:
        names: Names of the columns after time.
        time_s: Communication points in seconds, both ends included.
        columns: Values of each name over time; real numbers as an array of doubles.
        ended_early: Whether an FMU asked to end before the stop time.
        metadata: What it takes to repeat the run; see `SystemRun.metadata`.
    """

    names: Sequence[str]
    time_s: Sequence[float]
    columns: Sequence[Sequence[Any]]
    ended_early: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[Any]:
        """The column of a name."""
        if name == "time":
            return list(self.time_s)
        return list(self.columns[list(self.names).index(name)])

    @property
    def rows(self) -> list[list[Any]]:
        """The values of each communication point."""
        if not self.columns:
            return [[] for _ in self.time_s]
        return [list(row) for row in zip(*self.columns, strict=True)]


def simulate(  # noqa: PLR0913 - each has a default
    path: Path,
    *,
    experiment: Experiment | None = None,
    start: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    inputs: Inputs | None = None,
    options: Options | None = None,
    limits: WorkerLimits | None = None,
) -> Result:
    """Runs an FMU for a time, in a worker process, as fast as possible.

    Args:
        path: The ``.fmu``.
        experiment: Start, stop and step in seconds; what it leaves out is the FMU's default experiment, else a start at
            0 s, 1 s of time and 100 steps.
        start: Start values by variable name.
        outputs: Variables to record; by default the outputs.
        inputs: Values of inputs over time.
        options: Which of its interfaces is run, and how.
        limits: What the worker may take.

    Raises:
        InputUnreadable, ArchiveUnsafe, DescriptionInvalid, PlatformMissing: The FMU cannot be used here.
        FmuError: A name, value or time that it does not take.
        StepFailed: It refused, crashed, or took too long.
    """
    run = Run(path, experiment=experiment, outputs=outputs, inputs=inputs, start=start, options=options)
    return run.result(limits=limits)


def simulate_system(
    system: System,
    *,
    experiment: Experiment | None = None,
    algorithm: Algorithm | None = None,
    inputs: Inputs | None = None,
    every: int = 1,
    limits: WorkerLimits | None = None,
) -> Result:
    """Runs a coupled system for a time, in a worker process, as fast as possible.

    Args:
        system: The system; its outputs are recorded. `recording` adds variables to them.
        experiment: Start, stop and macro step in seconds; what it leaves out is the system's, else a start at 0 s, 1 s
            of time and 100 steps.
        algorithm: How the instances are advanced; plain Jacobi by default.
        inputs: Values over time of inputs of the system.
        every: Each how many macro steps a row is recorded.
        limits: What the worker may take.

    Raises:
        InputUnreadable, ArchiveUnsafe, DescriptionInvalid, PlatformMissing: An FMU cannot be used here.
        SystemInvalid: The system has findings.
        FmuError: A name, value or time that is not taken.
        StepFailed: An FMU refused, crashed, or took too long.
    """
    run = SystemRun(system, experiment=experiment, algorithm=algorithm, inputs=inputs, every=every)
    return run.result(limits=limits)


def recording(system: System, ports: Sequence[Port]) -> System:
    """The system with outputs for some variables more, called ``<instance>.<variable>``."""
    known = {connector.name for connector in system.outputs}
    more = tuple(Connector(name=str(port), port=port) for port in dict.fromkeys(ports) if str(port) not in known)
    return replace(system, outputs=(*system.outputs, *more))


class SystemRun:
    """A run of a system that is prepared, and hands on row after row.

    Args:
        system, experiment, algorithm, inputs, every: As in `simulate_system`.

    Attributes:
        names: Names of the recorded values.
        start_s, stop_s, step_s: The span and the macro step in seconds.
        count: Number of whole steps.
        rest_s: Length in seconds of the shorter step that follows when the span is no multiple of the step, else 0.
        metadata: What it takes to repeat the run: versions, algorithm, span, the hash of each FMU and of the inputs,
            start values, and after the run which loop ran and how many steps it took.

    Raises:
        FmuError: A span and step that are no run, or inputs that the system does not have.
    """

    def __init__(
        self,
        system: System,
        *,
        experiment: Experiment | None = None,
        algorithm: Algorithm | None = None,
        inputs: Inputs | None = None,
        every: int = 1,
    ) -> None:
        self.system, self.algorithm, self.every = system, algorithm or Algorithm(), every
        given, default = experiment or Experiment(), system.experiment
        self.start_s = _first(given.start_s, default.start_s, 0.0)
        self.stop_s = _first(given.stop_s, default.stop_s, self.start_s + 1.0)
        self.step_s = _first(given.step_s, default.step_s, (self.stop_s - self.start_s) / 100)
        if not (self.step_s > 0 and math.isfinite(self.step_s) and self.stop_s >= self.start_s):
            raise FmuError(
                f"from {self.start_s:g} s until {self.stop_s:g} s in steps of {self.step_s:g} s is no run",
                action="Give a step above 0 s and an end after the start.",
            )
        if (self.stop_s - self.start_s) / self.step_s > _MOST_ROWS:
            raise FmuError(f"the run has more than {_MOST_ROWS} steps", action="Take a longer step.")
        if every < 1:
            raise FmuError(f"every {every} steps is no rate of recording", action="Give 1 or more.")
        self.count = math.floor((self.stop_s - self.start_s) / self.step_s + _MULTIPLE)
        rest_s = self.stop_s - self.start_s - self.count * self.step_s
        self.rest_s = rest_s if rest_s > _MULTIPLE * self.step_s else 0.0
        self._check_rest()
        self.names = [connector.name for connector in system.outputs]
        self._inputs = inputs
        self._slots: list[int] = []
        if inputs is not None:
            self._slots = self._inputs_of(inputs)
            self.system = self._begun(inputs)
        self.metadata: dict[str, Any] = {}

    def _check_rest(self) -> None:
        if not self.rest_s:
            return
        about = describe(self.system)
        for part in self.system.parts:
            interface = choose_interface(about[part.fmu], part.options.kind)
            if interface.kind == "co-simulation" and not interface.variable_step:
                raise FmuError(
                    f"{self.stop_s - self.start_s:g} s is no multiple of the step, {self.step_s:g} s, and "
                    f"{part.fmu.name} "
                    "takes steps of one length only",
                    action="Change the end or the step.",
                )

    def _inputs_of(self, inputs: Inputs) -> list[int]:
        known = self.system.input_names
        for name in inputs.names:
            if name not in known:
                raise FmuError(
                    f"the system has no input {name!r}", action=f"Its inputs are: {', '.join(known) or 'none'}."
                )
        return [known.index(name) for name in inputs.names]

    def _begun(self, inputs: Inputs) -> System:
        """The system with the values that its inputs have at the start."""
        (row,) = inputs.at([self.start_s], self._epsilon)
        given = dict(zip(self._slots, row, strict=True))
        parts = []
        for member in couple(self.system, describe(self.system)).members:
            start = dict(member.part.start)
            for variable, wire in zip(member.inputs, member.wires, strict=True):
                if wire.part == OUTSIDE and wire.slot in given:
                    start[variable.name] = wire.conversion.function(wire.name)(given[wire.slot])
            parts.append(replace(member.part, start=start))
        return replace(self.system, parts=tuple(parts))

    @property
    def _epsilon(self) -> float:
        return 1e-6 * self.step_s

    def rows_at(self, points: Sequence[float]) -> list[list[Any]] | None:
        """Rows of the system's inputs at ascending points in time."""
        if self._inputs is None:
            return None
        rows = []
        for values in self._inputs.at(points, self._epsilon):
            row: list[Any] = [None] * len(self.system.input_names)
            for slot, value in zip(self._slots, values, strict=True):
                row[slot] = value
            rows.append(row)
        return rows

    def play(self, keep: Keep, *, limits: WorkerLimits | None = None) -> bool:
        """Runs, and hands on time in seconds and values of every communication point, both ends included.

        Args:
            keep: Takes them.
            limits: What the worker may take.

        Returns:
            Whether an FMU asked to end before the stop time.

        Raises:
            StepFailed: An FMU refused, crashed, or took too long. What was handed on before stays right.
        """
        worker = Worker(self.system, algorithm=self.algorithm, limits=limits, start_s=self.start_s, stop_s=self.stop_s)
        try:
            keep(self.start_s, worker.start())
            self.metadata = self._facts(worker)
            for recorded in self._chunks(worker):
                # the last one may have ended before its time
                last_s = worker.reached_s() if worker.ended else math.inf
                for time_s, values in recorded:
                    keep(last_s if last_s < time_s - self._epsilon else time_s, values)
            steps, repeats = worker.counts()
            self.metadata |= {"steps": steps, "repeats": repeats, "endedEarly": worker.ended}
            return worker.ended
        finally:
            worker.close()

    def _chunks(self, worker: Worker) -> Iterator[Recorded]:
        if self._inputs is None:
            yield from worker.stream(self.step_s, self.count, every=self.every)
        else:
            for done in range(0, self.count, _CHUNK):
                points = [self.start_s + k * self.step_s for k in range(done, min(done + _CHUNK, self.count))]
                yield worker.run(self.step_s, len(points), self.rows_at(points), every=self.every)
                if worker.ended:
                    return
        if self.rest_s and not worker.ended:
            yield worker.run(self.rest_s, 1, self.rows_at([self.start_s + self.count * self.step_s]))

    def result(self, *, limits: WorkerLimits | None = None) -> Result:
        """Runs, and keeps all in memory."""
        times = array("d")
        columns: list[Any] = []

        def keep(time_s: float, values: Sequence[Any]) -> None:
            if not columns:
                columns.extend(array("d") if isinstance(value, float) else [] for value in values)
            times.append(time_s)
            for column, value in zip(columns, values, strict=True):
                column.append(value)

        ended = self.play(keep, limits=limits)
        return Result(names=self.names, time_s=times, columns=columns, ended_early=ended, metadata=self.metadata)

    def write(self, path: Path, *, beside: Keep | None = None, limits: WorkerLimits | None = None) -> bool:
        """Runs, and writes rows as they come; what it takes to repeat the run stands in or beside the file.

        Args:
            path: ``.csv`` or ``.parquet``; beside a CSV file stands ``<name>.meta.json``.
            beside: Takes each row too.
            limits: What the worker may take.

        Returns:
            Whether an FMU asked to end before the stop time.

        Raises:
            InputUnreadable: A file that cannot be written, or of another kind.
            ExtraMissing: Parquet needs pyarrow.
            StepFailed: An FMU refused, crashed, or took too long; the rows before are written.
        """
        try:
            writer: Writer = open_table(path, self.names)
        except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
            raise InputUnreadable(f"{path}: {error.strerror}", action="Give a file that can be written.") from error

        def keep(time_s: float, values: Sequence[Any]) -> None:
            writer.keep(time_s, values)
            if beside is not None:
                beside(time_s, values)

        try:
            ended = self.play(keep, limits=limits)
        finally:
            writer.close(self.metadata)
        return ended

    def _facts(self, worker: Worker) -> dict[str, Any]:
        fmus = {path.name: _digest(path) for path in dict.fromkeys(part.fmu for part in self.system.parts)}
        inputs = None
        if self._inputs is not None:
            text = repr((list(self._inputs.names), list(self._inputs.time_s), list(self._inputs.rows)))
            inputs = hashlib.sha256(text.encode()).hexdigest()
        return {
            "versions": {"megatwin": version("megatwin"), "fmpy": version("fmpy"), "python": platform.python_version()},
            "platform": f"{platform.system()} {platform.machine()}",
            "system": self.system.name,
            "parts": [
                {
                    "name": part.name,
                    "fmu": part.fmu.name,
                    "start": {k: _plain(v) for k, v in part.start.items()},
                    "options": asdict(part.options),
                }
                for part in self.system.parts
            ],
            "algorithm": asdict(self.algorithm),
            "loop": worker.loop,
            "loopReason": worker.why,
            "startTime": self.start_s,
            "stopTime": self.stop_s,
            "stepSize": self.step_s,
            "every": self.every,
            "fmus": fmus,
            "inputs": inputs,
            # nothing here draws random numbers
            "seeds": [],
        }


class Run(SystemRun):
    """A run of one FMU.

    Args:
        path, experiment, start, outputs, inputs, options: As in `simulate`.
        description: What was read of it already.
    """

    def __init__(  # noqa: PLR0913 - each has a default
        self,
        path: Path,
        *,
        experiment: Experiment | None = None,
        start: Mapping[str, Any] | None = None,
        outputs: Sequence[str] | None = None,
        inputs: Inputs | None = None,
        options: Options | None = None,
        description: Description | None = None,
    ) -> None:
        options = options or Options()
        description = description or read_description(path, lenient=not options.checked)
        names = list(outputs) if outputs is not None else [v.name for v in description.with_causality("output")]
        taken = inputs.names if inputs is not None else ()
        system = System.of(path, start=start, inputs=tuple(taken), outputs=tuple(dict.fromkeys(names)), options=options)
        super().__init__(replace(system, experiment=description.experiment), experiment=experiment, inputs=inputs)


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _plain(value: Any) -> Any:
    """A start value as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
