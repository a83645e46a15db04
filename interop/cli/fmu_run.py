"""``megatwin fmu run``: inputs, start values, integrator and results of one run, with what was not used."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from fmu.description import Description
    from fmu.options import Options
    from fmu.recorder import Inputs, Run

Keep = Callable[[float, Sequence[Any]], None]
_EACH_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for.

    Attributes:
        fmu: Path, or ``library:<Name>``.
        span: Start, end and step in seconds; None where nothing is said.
        values: ``NAME=VALUE``.
        inputs: Paths and ``NAME=EXPRESSION``.
        names: Variables to record; empty: the outputs.
        out, plot: Files to write.
        model_exchange: Use that interface.
        solver: Name, tolerance, length of a fixed step in seconds.
        checked: Whether findings in the description stop it.
    """

    fmu: str
    span: tuple[float | None, float | None, float | None]
    values: Sequence[str]
    inputs: Sequence[str]
    names: Sequence[str]
    out: Path | None
    plot: Path | None
    model_exchange: bool
    solver: tuple[Any, float | None, float | None]
    checked: bool


def run(request: Request) -> None:
    """Makes the run; what it says besides its results goes to standard error."""
    from dtdl.errors import FmuError, InputUnreadable  # noqa: PLC0415 - only when it is used
    from fmu.description import Experiment, read_description  # noqa: PLC0415
    from fmu.recorder import Run  # noqa: PLC0415
    from fmu.shipped import provide  # noqa: PLC0415
    from fmu.signals import read_signals  # noqa: PLC0415

    path = provide(request.fmu, Path())
    description = read_description(path, lenient=not request.checked)
    for found in description.warnings:
        click.echo(f"{found.location}: {found.cause}", err=True)
    experiment = Experiment(start_s=request.span[0], stop_s=request.span[1], step_s=request.span[2])
    start = start_of(request.values, description)
    options = _options(request, description)
    outputs = request.names or None
    bare = Run(path, experiment=experiment, start=start, outputs=outputs, options=options, description=description)
    points = [bare.start_s + k * bare.step_s for k in range(bare.count + 1)]
    try:
        inputs = read_signals(request.inputs, description, points)
    except FmuError as error:
        # nothing was simulated: what was given cannot be used
        raise InputUnreadable(error.message, action=error.action) from error
    prepared = bare
    if inputs is not None:
        prepared = Run(
            path, experiment=experiment, start=start, outputs=outputs, inputs=inputs, options=options,
            description=description,
        )  # fmt: skip
    for said in _unused(start, inputs, description, prepared):
        click.echo(said, err=True)
    _play(prepared, request, description)


def _play(prepared: Run, request: Request, description: Description) -> None:
    from fmu.tables import write_csv  # noqa: PLC0415 - only when it is used

    times: list[float] = []
    rows: list[Sequence[Any]] = []

    def remember(time_s: float, values: Sequence[Any]) -> None:
        times.append(time_s)
        rows.append(values)

    progress = Progress(prepared.start_s, prepared.stop_s)
    sinks: list[Keep] = [progress.at, *([remember] if request.plot is not None else [])]
    try:
        if request.out is None:
            ended = prepared.play(each_of([*sinks, write_csv(sys.stdout, prepared.names)]))
        else:
            ended = prepared.write(request.out, beside=each_of(sinks))
    finally:
        progress.end()
    if request.plot is not None:
        _draw(request.plot, description, prepared.names, times, rows)
    if ended:
        click.echo("the FMU asked to end before the stop time", err=True)


def each_of(sinks: Sequence[Keep]) -> Keep:
    """Gives a row to each."""

    def keep(time_s: float, values: Sequence[Any]) -> None:
        for sink in sinks:
            sink(time_s, values)

    return keep


def _draw(
    path: Path, description: Description, names: Sequence[str], times: Sequence[float], rows: Sequence[Sequence[Any]]
) -> None:
    from fmu.plot import Column, write_plot  # noqa: PLC0415 - only when it is used

    columns = []
    for k, name in enumerate(names):
        variable = description.variable(name)
        if variable is not None:
            columns.append(Column(variable, [row[k] for row in rows]))
    write_plot(path, description.model_name, times, columns)


def _options(request: Request, description: Description) -> Options:
    from dtdl.errors import FmuError, InputUnreadable  # noqa: PLC0415 - only when it is used
    from fmu.options import Options, choose_interface  # noqa: PLC0415
    from fmu.solvers import FIXED, Solver  # noqa: PLC0415

    name, tolerance, step_s = request.solver
    if step_s is not None and name not in FIXED:
        raise click.BadParameter(f"only {' and '.join(sorted(FIXED))} have a fixed step", param_hint="--solver-step")
    try:
        kind = choose_interface(description, "model-exchange" if request.model_exchange else None).kind
    except FmuError as error:
        raise InputUnreadable(error.message, action=error.action) from error
    if kind == "co-simulation":
        if any(value is not None for value in request.solver):
            raise InputUnreadable(
                f"{description.file}: a solver was given, and co-simulation has its own",
                action="Add --model-exchange, or leave the solver out.",
            )
        return Options(checked=request.checked)
    solver = Solver(name=name, tolerance=tolerance, step_s=step_s)
    return Options(kind="model-exchange", solver=solver, checked=request.checked)


def start_of(texts: Sequence[str], description: Description) -> dict[str, Any]:
    """Start values from ``NAME=VALUE``, in the variables' own units."""
    from dtdl.errors import ConfigInvalid  # noqa: PLC0415 - only when it is used
    from interop.simulate.check import start_values  # noqa: PLC0415
    from interop.simulate.settings import FmuSettings  # noqa: PLC0415

    given: dict[str, bool | int | float | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
        given[name.strip()] = {"true": True, "false": False}.get(value.strip(), value.strip())
    found, findings = start_values(FmuSettings(fmu="-", start=given), description)
    if findings:
        raise ConfigInvalid(findings)
    return found


def _unused(start: dict[str, Any], inputs: Inputs | None, description: Description, run_: Run) -> list[str]:
    """What was given and changes nothing."""
    if inputs is None:
        return []
    said = [
        f"the start value of {name!r} is not used: the input's own value at the start replaces it"
        for name in start
        if (variable := description.variable(name)) is not None and variable.name in _names(inputs, description)
    ]
    late = sum(time_s > run_.stop_s for time_s in inputs.time_s)
    before = [time_s for time_s in inputs.time_s if time_s <= run_.start_s]
    if late:
        said.append(f"{late} rows of inputs are not used: they are after the end, {run_.stop_s:g} s")
    if len(before) > 1:
        said.append(f"{len(before) - 1} rows of inputs are not used: they are before the start, {run_.start_s:g} s")
    if not before and inputs.time_s:
        said.append(f"the first row of inputs, at {inputs.time_s[0]:g} s, is used from the start on")
    return said


def _names(inputs: Inputs, description: Description) -> set[str]:
    return {found.name for name in inputs.names if (found := description.variable(name)) is not None}


class Progress:
    """One line on a terminal: how far, and how fast against real time; nothing elsewhere.

    Args:
        start_s, stop_s: Span of the run, in seconds of simulation.
    """

    def __init__(self, start_s: float, stop_s: float) -> None:
        self._shown = sys.stderr.isatty() and os.environ.get("CI", "").lower() not in ("1", "true")
        self._span = (start_s, stop_s)
        self._began = self._last = time.monotonic()
        self._wrote = False

    def at(self, time_s: float, values: Sequence[Any]) -> None:
        """Says where the run is."""
        del values
        if not self._shown:
            return
        now = time.monotonic()
        if now - self._last < _EACH_S:
            return
        self._last = now
        start_s, stop_s = self._span
        part = (time_s - start_s) / (stop_s - start_s) if stop_s > start_s else 1.0
        speed = (time_s - start_s) / (now - self._began)
        sys.stderr.write(f"\r{part:4.0%}  t = {time_s:.6g} s  {speed:.3g} x real time ")
        sys.stderr.flush()
        self._wrote = True

    def end(self) -> None:
        """Ends the line."""
        if self._wrote:
            sys.stderr.write("\n")
