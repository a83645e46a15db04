"""``megatwin sim``: runs a coupled system offline, as fast as possible."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from fmu.system import Connector, Loops, Master, System

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("ssp", type=_PATH, metavar="X.ssp|X.ssd")
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
    "--variable", "patterns", multiple=True, metavar="NAME",
    help="Record these outputs, as ELEMENT.NAME, with * for any text; may be repeated. By default the outputs of the "
    "system, and where it has none, those of all FMUs.",
)  # fmt: skip
@click.option("--out", type=_PATH, help="CSV file to write; by default standard output.")
def command(  # noqa: PLR0913 - one argument an option
    ssp: Path,
    *,
    variant: str,
    start_s: float | None,
    stop_s: float | None,
    step_s: float | None,
    master: str,
    loops: str,
    patterns: tuple[str, ...],
    out: Path | None,
) -> int:
    """Run a coupled system offline, as fast as possible, and write its results as CSV.

    The system is an .ssp, a folder with a SystemStructure.ssd, or an .ssd. The first column is time; there is a row for
    each macro step, both ends included. What is not given is taken from its default experiment. Exit code 1: it cannot
    be put together; every reason is shown with file and line. Exit code 5: the simulation failed.
    """
    from dtdl.diagnostic import Severity  # noqa: PLC0415 - only when it is used
    from fmu.description import Experiment  # noqa: PLC0415
    from fmu.recorder import simulate_system, write_csv  # noqa: PLC0415
    from fmu.ssp.flatten import flatten  # noqa: PLC0415
    from fmu.ssp.package import open_ssp  # noqa: PLC0415
    from fmu.system import Algorithm  # noqa: PLC0415

    with open_ssp(ssp, variant=variant) as opened:
        flat = flatten(opened)
        for found in (*opened.warnings, *flat.diagnostics):
            click.echo(str(found), err=True)
        if any(found.severity is Severity.ERROR for found in flat.diagnostics):
            return 1
        system = _recording(flat.system, patterns)
        algorithm = Algorithm(master=cast("Master", master), loops=cast("Loops", loops))
        experiment = Experiment(start_s=start_s, stop_s=stop_s, step_s=step_s)
        result = simulate_system(system, experiment=experiment, algorithm=algorithm)
    with _writing(out) as file:
        keep = write_csv(file, result.names)
        for time_s, row in zip(result.time_s, result.rows, strict=True):
            keep(time_s, row)
    if result.ended_early:
        click.echo("an FMU asked to end before the stop time", err=True)
    return 0


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


@contextmanager
def _writing(out: Path | None) -> Iterator[IO[str]]:
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - only when it is used

    if out is None:
        yield sys.stdout
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            yield file
    except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
        raise InputUnreadable(f"{out}: {error.strerror}", action="Give a file that can be written.") from error
