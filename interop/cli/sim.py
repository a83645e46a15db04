"""``megatwin sim``: runs a coupled system offline, as fast as possible."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from fmu.description import Description, Experiment
    from fmu.options import Options
    from fmu.recorder import SystemRun
    from fmu.solvers import SolverName
    from fmu.system import Algorithm, Connector, Loops, Master, System

_PATH = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the command line asked for besides the system."""

    experiment: Experiment
    algorithm: Algorithm
    values: Sequence[str]
    inputs: Sequence[str]
    every: int
    out: Path | None


@click.command()
@click.argument("file", type=_PATH, metavar="X.ssp|X.ssd|megatwin.yaml")
@click.option("--variant", default="", metavar="NAME.ssd", help="Another SSD at the top of the archive.")
@click.option("--from", "start_s", type=float, help="Start time in seconds.")
@click.option("--until", "stop_s", type=float, help="End time in seconds.")
@click.option("--step", "step_s", type=float, help="Macro step in seconds.")
@click.option(
    "--algorithm", "master", type=click.Choice(["jacobi", "gauss-seidel"]), default="jacobi", show_default=True,
    help="How the FMUs are advanced together.",
)  # fmt: skip
@click.option(
    "--loops", type=click.Choice(["none", "fixed-point", "newton"]), default="none", show_default=True,
    help="What is done with FMUs that depend on each other within a step.",
)  # fmt: skip
@click.option(
    "--relaxation", type=float, default=1.0, show_default=True, help="Share of the new value in a fixed point."
)
@click.option(
    "--tolerance", type=float, default=1e-9, show_default=True,
    help="Greatest difference at which the iteration of a loop ends, relative to the nominal value.",
)  # fmt: skip
@click.option("--iterations", type=int, default=50, show_default=True, help="The most iterations of a loop.")
@click.option(
    "--extrapolation", type=click.IntRange(0, 2), default=0, show_default=True,
    help="Order of the polynomial that inputs follow inside a step.",
)  # fmt: skip
@click.option(
    "--adaptive", type=(float, float, float), metavar="TOLERANCE LEAST MOST",
    help="Choose the step by an error estimate, between these lengths in seconds.",
)  # fmt: skip
@click.option(
    "--solver", type=click.Choice(["cvode", "bdf", "rk45", "rk4", "euler"]),
    help="Integrator of the FMUs that are run by model exchange; by default cvode where it is there, else bdf.",
)  # fmt: skip
@click.option("--solver-tolerance", type=float, help="Relative tolerance of that integrator.")
@click.option("--solver-step", type=float, help="Step of rk4 and euler in seconds; by default the communication step.")
@click.option(
    "--set", "values", multiple=True, metavar="ELEMENT.NAME=VALUE",
    help="A start value, such as plant.C='850 kJ/K'; may be repeated.",
)  # fmt: skip
@click.option(
    "--in", "inputs", multiple=True, metavar="FILE|NAME=EXPRESSION",
    help="Inputs of the system: a CSV or Parquet file with time,<names>, or an expression of t, in seconds, such as "
    "u='sin(2*pi*t)'. May be repeated.",
)  # fmt: skip
@click.option(
    "--variable", "patterns", multiple=True, metavar="NAME",
    help="Record these outputs, as ELEMENT.NAME, with * for any text; may be repeated. By default the outputs of the "
    "system, and where it has none, those of all FMUs.",
)  # fmt: skip
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Record each how many macro steps.")
@click.option("--out", type=_PATH, help="CSV or .parquet file to write; by default CSV on standard output.")
def command(  # noqa: PLR0913 - one argument an option
    file: Path,
    *,
    variant: str,
    start_s: float | None,
    stop_s: float | None,
    step_s: float | None,
    master: str,
    loops: str,
    relaxation: float,
    tolerance: float,
    iterations: int,
    extrapolation: int,
    adaptive: tuple[float, float, float] | None,
    solver: str | None,
    solver_tolerance: float | None,
    solver_step: float | None,
    values: tuple[str, ...],
    inputs: tuple[str, ...],
    patterns: tuple[str, ...],
    every: int,
    out: Path | None,
) -> int:
    """Run a coupled system offline, as fast as possible, and write its results as they come.

    The system is an .ssp, a folder with a SystemStructure.ssd, or an .ssd; or the FMU sources of a megatwin.yaml with
    the connections between them, where elements are sources, and inputs and outputs are bound points. The first column
    is time; there is a row for each macro step, both ends included. What is not given is taken from its default
    experiment. Beside a CSV file stands NAME.meta.json, with all that it takes to repeat the run. Exit code 1: it
    cannot be put together; every reason is shown with file and line. Exit code 5: the simulation failed; the rows
    before are written.
    """
    from dtdl.diagnostic import Severity  # noqa: PLC0415 - only when it is used
    from fmu.description import Experiment  # noqa: PLC0415
    from fmu.ssp.flatten import flatten  # noqa: PLC0415
    from fmu.ssp.package import open_ssp  # noqa: PLC0415
    from fmu.system import Adaptive, Algorithm  # noqa: PLC0415

    algorithm = Algorithm(
        master=cast("Master", master), loops=cast("Loops", loops), relaxation=relaxation, tolerance=tolerance,
        iterations=iterations, extrapolation=extrapolation,  # type: ignore[arg-type]  # one of the three
        adaptive=Adaptive(tolerance=adaptive[0], least_s=adaptive[1], most_s=adaptive[2]) if adaptive else None,
    )  # fmt: skip
    request = _Request(
        experiment=Experiment(start_s=start_s, stop_s=stop_s, step_s=step_s),
        algorithm=algorithm, values=values, inputs=inputs, every=every, out=out,
    )  # fmt: skip
    integrator = (solver, solver_tolerance, solver_step)
    if file.suffix in (".yaml", ".yml"):
        if variant:
            raise click.BadParameter("only a system structure has variants", param_hint="--variant")
        _simulate(_solved(_recording(_configured(file), patterns), integrator), request)
        return 0
    with open_ssp(file, variant=variant) as opened:
        flat = flatten(opened)
        for found in (*opened.warnings, *flat.diagnostics):
            click.echo(str(found), err=True)
        if any(found.severity is Severity.ERROR for found in flat.diagnostics):
            return 1
        _simulate(_solved(_recording(flat.system, patterns), integrator), request)
    return 0


def _configured(file: Path) -> System:
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - only when it is used
    from interop.config import load  # noqa: PLC0415
    from interop.simulate.adapter import FmuAdapter  # noqa: PLC0415
    from interop.simulate.coupled import Joint, couple_sources  # noqa: PLC0415

    configuration = load(file)
    sources = [plan.source for plan in configuration.sources.values() if plan.adapter is FmuAdapter]
    if not sources:
        raise InputUnreadable(f"{file}: it has no source of kind fmu", action="Add one; megatwin up runs plants.")
    joints = [
        Joint(sources=each.sources, target=each.target, location=each.location) for each in configuration.connections
    ]
    coupled = couple_sources(configuration.name, sources, joints)
    for found in coupled.findings:
        click.echo(str(found), err=True)
    return coupled.system


def _simulate(system: System, request: _Request) -> None:
    from fmu.coupling import describe  # noqa: PLC0415 - only when it is used

    about = describe(system)
    prepared = _prepared(_set(system, about, request.values), about, request)
    if _play(prepared, request.out):
        click.echo("an FMU asked to end before the stop time", err=True)


def _prepared(system: System, about: Mapping[Path, Description], request: _Request) -> SystemRun:
    from dtdl.errors import FmuError, InputUnreadable  # noqa: PLC0415 - only when it is used
    from fmu.inputs import outside  # noqa: PLC0415
    from fmu.recorder import SystemRun  # noqa: PLC0415
    from fmu.signals import read_signals  # noqa: PLC0415

    options: dict[str, Any] = {
        "experiment": request.experiment,
        "algorithm": request.algorithm,
        "every": request.every,
    }
    bare = SystemRun(system, **options)
    if not request.inputs:
        return bare
    points = [bare.start_s + k * bare.step_s for k in range(bare.count + 1)]
    try:
        inputs = read_signals(request.inputs, outside(system, about), points)
    except FmuError as error:
        # nothing was simulated: what was given cannot be used
        raise InputUnreadable(error.message, action=error.action) from error
    return SystemRun(system, inputs=inputs, **options)


def _play(prepared: SystemRun, out: Path | None) -> bool:
    from fmu.tables import write_csv  # noqa: PLC0415 - only when it is used
    from interop.cli.fmu_run import Progress, each_of  # noqa: PLC0415

    progress = Progress(prepared.start_s, prepared.stop_s)
    try:
        if out is not None:
            return prepared.write(out, beside=progress.at)
        return prepared.play(each_of([progress.at, write_csv(sys.stdout, prepared.names)]))
    finally:
        progress.end()


def _solved(system: System, solver: tuple[str | None, float | None, float | None]) -> System:
    """The system with an integrator for what is run by model exchange."""
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - only when it is used
    from fmu.description import read_description  # noqa: PLC0415
    from fmu.options import choose_interface  # noqa: PLC0415
    from fmu.solvers import Solver  # noqa: PLC0415

    name, tolerance, step_s = solver
    if solver == (None, None, None):
        return system
    chosen = Solver(name=cast("SolverName | None", name), tolerance=tolerance, step_s=step_s)

    def options(path: Path, known: Options) -> Options:
        kind = choose_interface(read_description(path), known.kind).kind
        return replace(known, solver=chosen) if kind == "model-exchange" else known

    parts = tuple(replace(part, options=options(part.fmu, part.options)) for part in system.parts)
    if parts == tuple(system.parts):
        raise InputUnreadable(
            "a solver was given, and every FMU is run by co-simulation, which has its own",
            action='Leave it out, or write implementation="ModelExchange" at the component.',
        )
    return replace(system, parts=parts)


def _set(system: System, about: Mapping[Path, Description], texts: Sequence[str]) -> System:
    """The system with start values from the command line."""
    from interop.cli.fmu_run import start_of  # noqa: PLC0415 - only when it is used

    given: dict[str, list[str]] = {}
    for text in texts:
        port, equals, value = text.partition("=")
        names = [part.name for part in system.parts if port.strip().startswith(f"{part.name}.")]
        if not equals or not names:
            known = ", ".join(part.name for part in system.parts)
            raise click.BadParameter(
                f"{text!r} is not ELEMENT.NAME=VALUE with one of the elements {known}", param_hint="--set"
            )
        # names of elements have dots, and so have those of variables
        part = max(names, key=len)
        given.setdefault(part, []).append(f"{port.strip()[len(part) + 1 :]}={value}")
    return replace(
        system,
        parts=tuple(
            replace(part, start={**part.start, **start_of(given[part.name], about[part.fmu])})
            if part.name in given
            else part
            for part in system.parts
        ),
    )


def _recording(system: System, patterns: Sequence[str]) -> System:
    """The system with the outputs that are to be recorded."""
    from dtdl.errors import FmuError  # noqa: PLC0415 - only when it is used

    if not patterns and system.outputs:
        return system
    known = {each.name: each for each in (*_all_outputs(system), *system.outputs)}
    chosen = [name for name in known if any(fnmatchcase(name, each) for each in patterns or ("*",))]
    missing = next((each for each in patterns if not any(fnmatchcase(name, each) for name in known)), None)
    if missing is not None:
        raise FmuError(f"no output has the name {missing!r}", action=f"The outputs are: {', '.join(known) or 'none'}.")
    return replace(system, outputs=tuple(known[name] for name in chosen))


def _all_outputs(system: System) -> Iterator[Connector]:
    from fmu.description import read_description  # noqa: PLC0415 - only when it is used
    from fmu.system import Connector, Port  # noqa: PLC0415

    for part in system.parts:
        for variable in read_description(part.fmu).with_causality("output"):
            yield Connector(name=f"{part.name}.{variable.name}", port=Port(part.name, variable.name))
