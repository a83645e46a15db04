"""Runs of one FMU with their results: columns in memory, CSV out and in."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from dtdl.errors import FmuError, InputUnreadable
from fmu.description import Description, Experiment, Variable, read_description
from fmu.description_xml import to_scalar
from fmu.options import Options, choose_interface
from fmu.ssp.units import Step, apply, conversion, find_unit, of_fmu
from fmu.system import Algorithm, Connection, Port, System
from fmu.worker import Part, Worker, WorkerLimits

_CHUNK: Final = 1000
_MULTIPLE: Final = 1e-6
_MOST_ROWS: Final = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run.

    Attributes:
        names: Names of the columns after time.
        time_s: Communication points in seconds, both ends included.
        rows: Values of the columns, one row a communication point.
        ended_early: Whether the FMU asked to end before the stop time.
    """

    names: Sequence[str]
    time_s: Sequence[float]
    rows: Sequence[Sequence[Any]]
    ended_early: bool = False

    def __getitem__(self, name: str) -> list[Any]:
        """The column of a name."""
        if name == "time":
            return list(self.time_s)
        column = self.names.index(name)
        return [row[column] for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Values of inputs over time; each holds from its time until the next row.

    Attributes:
        names: Names of the input variables.
        time_s: Ascending times in seconds; a time that is there twice is a step: the last row of it holds.
        rows: Values, one row a time.
    """

    names: Sequence[str]
    time_s: Sequence[float]
    rows: Sequence[Sequence[Any]]

    def at(self, points: Sequence[float], epsilon: float) -> Iterator[Sequence[Any]]:
        """The rows that hold at ascending points in time.

        Args:
            points: Times in seconds.
            epsilon: Two times closer than this, in seconds, are one.
        """
        k = 0
        for point in points:
            while k + 1 < len(self.time_s) and self.time_s[k + 1] <= point + epsilon:
                k += 1
            yield self.rows[k]


def read_inputs(path: Path, description: Description) -> Inputs:
    """Reads a CSV file with header ``time,<input names>``.

    Raises:
        InputUnreadable: No such file.
        FmuError: A column that is no input, a value of another type, times that do not ascend.
    """
    if not path.is_file():
        raise InputUnreadable(f"{path}: no such file", action="Give a CSV file with header time,<input names>.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in csv.reader(file) if line]
    if not lines or lines[0][0].strip() != "time":
        raise FmuError(f"{path}:1: the first column is not time", action="Write the header time,<input names>.")
    variables = [_input(description, name.strip(), path) for name in lines[0][1:]]
    times: list[float] = []
    rows: list[list[Any]] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            time_s = float(line[0])
            rows.append([to_scalar(text, variable.type) for text, variable in zip(line[1:], variables, strict=True)])
        except ValueError as error:
            raise FmuError(f"{path}:{number}: {error}", action="Correct the row.") from error
        if not math.isfinite(time_s) or (times and time_s < times[-1]):
            raise FmuError(f"{path}:{number}: time does not ascend", action="Sort the rows by time.")
        times.append(time_s)
    if not times:
        raise FmuError(f"{path}: there is no row of values", action="Add rows, or leave the file out.")
    return Inputs(names=[variable.name for variable in variables], time_s=times, rows=rows)


def _input(description: Description, name: str, path: Path) -> Variable:
    variable = description.variable(name)
    if variable is None or variable.causality != "input":
        known = ", ".join(found.name for found in description.with_causality("input")) or "none"
        raise FmuError(f"{path}:1: the FMU has no input {name!r}", action=f"Its inputs are: {known}.")
    return variable


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
    times: list[float] = []
    rows: list[Sequence[Any]] = []

    def keep(time_s: float, values: Sequence[Any]) -> None:
        times.append(time_s)
        rows.append(values)

    run = Run(path, experiment=experiment, outputs=outputs, inputs=inputs, start=start, options=options)
    ended = run.play(keep, limits=limits)
    return Result(names=run.names, time_s=times, rows=rows, ended_early=ended)


class Run:
    """A run that is prepared, and hands on row after row.

    Args:
        path, experiment, start, outputs, inputs, options: As in `simulate`.
        description: What was read of it already.

    Attributes:
        names: Names of the recorded variables.
        start_s, stop_s, step_s: The span and the step in seconds.
        count: Number of whole steps; a shorter one follows when the span is no multiple of the step.
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
        description = description or read_description(path)
        options = options or Options()
        given, default = experiment or Experiment(), description.experiment
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
        self.count = math.floor((self.stop_s - self.start_s) / self.step_s + _MULTIPLE)
        rest_s = self.stop_s - self.start_s - self.count * self.step_s
        self._last_s = rest_s if rest_s > _MULTIPLE * self.step_s else 0.0
        interface = choose_interface(description, options.kind)
        if self._last_s and interface.kind == "co-simulation" and not interface.variable_step:
            raise FmuError(
                f"{self.stop_s - self.start_s:g} s is no multiple of the step, {self.step_s:g} s, and the FMU takes "
                "steps of one length only",
                action="Change the end or the step.",
            )
        self.names = list(outputs) if outputs is not None else [v.name for v in description.with_causality("output")]
        self._inputs = inputs
        first: dict[str, Any] = dict(start or {})
        if inputs is not None:
            first |= dict(zip(inputs.names, next(inputs.at([self.start_s], self._epsilon)), strict=True))
        self._part = Part(
            name=description.model_name or path.stem,
            fmu=path,
            start=first,
            inputs=inputs.names if inputs is not None else (),
            outputs=self.names,
            options=options,
        )

    @property
    def _epsilon(self) -> float:
        return 1e-6 * self.step_s

    def _rows(self, points: Sequence[float]) -> list[Sequence[Any]] | None:
        """Rows of inputs at ascending points in time."""
        return list(self._inputs.at(points, self._epsilon)) if self._inputs is not None else None

    def play(self, keep: Callable[[float, Sequence[Any]], None], *, limits: WorkerLimits | None = None) -> bool:
        """Runs, and hands on time in seconds and values of every communication point, both ends included.

        Returns:
            Whether the FMU asked to end before the stop time.

        Raises:
            StepFailed: It refused, crashed, or took too long. What was handed on before stays right.
        """
        worker = Worker([self._part], limits=limits, start_s=self.start_s, stop_s=self.stop_s)
        try:
            keep(self.start_s, worker.start())
            spans = [(done, min(_CHUNK, self.count - done), self.step_s) for done in range(0, self.count, _CHUNK)]
            if self._last_s:
                spans.append((self.count, 1, self._last_s))
            for done, count, step_s in spans:
                points = [self.start_s + k * self.step_s for k in range(done, done + count)]
                rows = self._rows(points)
                for begin_s, (reached_s, values) in zip(points, worker.run(step_s, count, rows), strict=False):
                    # a product, not a sum: rounding does not add up over many steps
                    end_s = begin_s + step_s
                    keep(reached_s if worker.ended and reached_s < end_s - self._epsilon else end_s, values)
                if worker.ended:
                    return True
            return False
        finally:
            worker.close()


def write_csv(file: IO[str], names: Sequence[str]) -> Callable[[float, Sequence[Any]], None]:
    """Gives the function that writes one row; before the first one it writes the header ``time,<names>``.

    A run that does not begin writes nothing. Numbers are written with as many digits as it takes to read the same
    value again. An array has its elements separated by spaces.
    """
    writer = csv.writer(file, lineterminator="\n")
    header = [["time", *names]]

    def keep(time_s: float, values: Sequence[Any]) -> None:
        if header:
            writer.writerow(header.pop())
        writer.writerow([_text(time_s), *map(_text, values)])

    return keep


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if isinstance(value, bytes):
        return value.hex()
    return repr(value) if isinstance(value, float) else str(value)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def simulate_system(
    system: System, *, experiment: Experiment | None = None, algorithm: Algorithm | None = None
) -> Result:
    """Runs a coupled system for a time, in a worker process, as fast as possible.

    Args:
        system: It; its outputs are recorded.
        experiment: Start, stop and step in seconds; what it leaves out is the system's, else a start at 0 s, 1 s of
            time and 100 steps.
        algorithm: How the instances are advanced together; the plain Jacobi scheme is there so far.

    Raises:
        InputUnreadable, ArchiveUnsafe, DescriptionInvalid, PlatformMissing: An FMU cannot be used here.
        FmuError: An algorithm, name, value or time that is not taken.
        StepFailed: An FMU refused, crashed, or took too long.
    """
    if (algorithm or Algorithm()) != Algorithm() or any(part.kind == "model-exchange" for part in system.parts):
        raise FmuError("only co-simulation by plain Jacobi is run", action="Take --algorithm jacobi.")
    given, default = experiment or Experiment(), system.experiment
    start_s = _first(given.start_s, default.start_s, 0.0)
    stop_s = _first(given.stop_s, default.stop_s, start_s + 1.0)
    step_s = _first(given.step_s, default.step_s, (stop_s - start_s) / 100)
    if not (step_s > 0 and math.isfinite(step_s) and math.isfinite(stop_s) and stop_s >= start_s):
        raise FmuError(
            f"from {start_s:g} s until {stop_s:g} s in steps of {step_s:g} s is no run",
            action="Give a step above 0 s and an end after the start.",
        )
    count = (stop_s - start_s) / step_s
    if count > _MOST_ROWS or abs(count - round(count)) > _MULTIPLE * max(count, 1.0):
        raise FmuError(f"the run has {count:g} steps", action="Take a step that the time is a multiple of.")
    coupling = _Jacobi(system)
    worker = Worker(coupling.parts, start_s=start_s, stop_s=stop_s)
    try:
        values = worker.start()
        times, rows = [start_s], [coupling.recorded(values)]
        while len(rows) <= round(count) and not worker.ended:
            values = worker.step(step_s, coupling.inputs(values))
            times.append(start_s + len(rows) * step_s)
            rows.append(coupling.recorded(values))
    finally:
        worker.close()
    return Result(names=[each.name for each in system.outputs], time_s=times, rows=rows, ended_early=worker.ended)


class _Jacobi:
    """Which values of a step are which inputs of the next."""

    def __init__(self, system: System) -> None:
        read = dict.fromkeys([*(each.source for each in system.connections), *(each.port for each in system.outputs)])
        about = {part.name: read_description(part.fmu) for part in system.parts}
        self.parts = [
            Part(
                name=part.name,
                fmu=part.fmu,
                start=part.start,
                inputs=[each.target.variable for each in system.connections if each.target.part == part.name],
                outputs=[port.variable for port in read if port.part == part.name],
            )
            for part in system.parts
        ]
        order = {Port(part.name, name): None for part in self.parts for name in part.outputs}
        place = {port: number for number, port in enumerate(order)}
        into = {each.target: each for each in system.connections}
        targets = [into[Port(part.name, name)] for part in self.parts for name in part.inputs]
        self._inputs = [(place[each.source], _step_of(each, about)) for each in targets]
        self._recorded = [(place[each.port], each.transformation) for each in system.outputs]

    def inputs(self, values: Sequence[Any]) -> list[Any]:
        return [apply(step, values[place]) for place, step in self._inputs]

    def recorded(self, values: Sequence[Any]) -> list[Any]:
        return [apply(step, values[place]) for place, step in self._recorded]


def _step_of(connection: Connection, about: Mapping[str, Description]) -> Step:
    if connection.transformation is not None or not connection.convert_units:
        return connection.transformation
    ends = []
    for port in (connection.source, connection.target):
        description = about[port.part]
        variable = description.variable(port.variable)
        unit = variable.unit if variable is not None else ""
        ends.append(find_unit(unit, of_fmu(description.units)) if unit else None)
    return conversion(*ends)
