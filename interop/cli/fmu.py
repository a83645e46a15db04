"""``megatwin fmu``: build, look into and run functional mock-up units."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fmu.description import Description, Unit, Variable

_PATH = click.Path(path_type=Path)


@click.group(help="Build, inspect and run functional mock-up units.")
def command() -> None:
    """The group."""


@command.command()
@click.argument("source", type=_PATH)
@click.option("-o", "--out", type=_PATH, help="The .fmu to write; by default SOURCE.fmu, and for an .fmu itself.")
def build(source: Path, out: Path | None) -> None:
    """Build an FMU for this platform.

    SOURCE is a folder with model.c and modelDescription.xml, or an .fmu with sources. The same sources and compiler
    give the same bytes.
    """
    from fmu.build import build as build_fmu  # noqa: PLC0415 - only when it is used

    target = out or (source if source.suffix == ".fmu" else source.with_name(f"{source.name}.fmu"))
    click.echo(str(build_fmu(source, target)))


@command.command()
@click.argument("fmu", metavar="X.fmu|library:NAME")
@click.option(
    "--format", "how", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
def info(fmu: str, how: str) -> None:
    """Show what an FMU says of itself; nothing of it is executed."""
    from fmu.binaries import platforms_of  # noqa: PLC0415 - only when it is used
    from fmu.description import read_description  # noqa: PLC0415
    from fmu.shipped import locate  # noqa: PLC0415

    path = locate(fmu, Path())
    description = read_description(path)
    platforms = platforms_of(path) if path.is_file() else []
    if how == "json":
        import orjson  # noqa: PLC0415

        options = orjson.OPT_INDENT_2
        click.echo(orjson.dumps(_as_json(description, platforms), option=options).decode())
        return
    for line in _as_text(description, platforms):
        click.echo(line)


@command.command()
@click.argument("paths", nargs=-1, required=True, metavar="X.fmu...")
@click.option(
    "--format", "how", type=click.Choice(["text", "concise", "json", "sarif", "github", "junit"]), default="text",
    show_default=True, help="How to print.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Warnings count as findings.")
def validate(paths: tuple[str, ...], how: str, *, strict: bool) -> int:
    """Check FMUs as `megatwin check` does, and ask FMPy as well; exit code 1: findings."""
    from interop.cli.check import run as check  # noqa: PLC0415 - only when it is used

    return check(paths, how, strict=strict, second_opinion=True)


@command.command()
@click.argument("fmu", metavar="X.fmu|library:NAME")
@click.option("--from", "start_s", type=float, help="Start time in seconds.")
@click.option("--until", "stop_s", type=float, help="End time in seconds.")
@click.option("--step", "step_s", type=float, help="Communication step in seconds.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A start value, such as C_room='850 kJ/K'.")
@click.option(
    "--in", "inputs", type=_PATH, help="CSV file with inputs: header time,<names>; a value holds until the next."
)
@click.option(
    "--variable", "names", multiple=True, help="Record this variable instead of the outputs; may be repeated."
)
@click.option("--out", type=_PATH, help="CSV file to write; by default standard output.")
def run(  # noqa: PLR0913 - one argument an option
    fmu: str,
    *,
    start_s: float | None,
    stop_s: float | None,
    step_s: float | None,
    values: tuple[str, ...],
    inputs: Path | None,
    names: tuple[str, ...],
    out: Path | None,
) -> None:
    """Run an FMU in a worker process, as fast as possible, and write its results as CSV.

    The first column is time; there is a row for each communication point, both ends included. What is not given is
    taken from the FMU's default experiment. Exit code 5: the simulation failed; the rows before are written.
    """
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - only when it is used
    from fmu.description import Experiment, read_description  # noqa: PLC0415
    from fmu.recorder import Run, read_inputs, write_csv  # noqa: PLC0415
    from fmu.shipped import provide  # noqa: PLC0415

    path = provide(fmu, Path())
    description = read_description(path)
    prepared = Run(
        path,
        experiment=Experiment(start_s=start_s, stop_s=stop_s, step_s=step_s),
        start=_start(values, description),
        outputs=names or None,
        inputs=read_inputs(inputs, description) if inputs is not None else None,
    )
    if out is None:
        ended = prepared.play(write_csv(sys.stdout, prepared.names))
    else:
        try:
            with out.open("w", encoding="utf-8", newline="") as file:
                ended = prepared.play(write_csv(file, prepared.names))
        except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
            raise InputUnreadable(f"{out}: {error.strerror}", action="Give a file that can be written.") from error
    if ended:
        click.echo("the FMU asked to end before the stop time", err=True)


def _start(texts: tuple[str, ...], description: Description) -> dict[str, Any]:
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


def _as_json(description: Description, platforms: list[str]) -> dict[str, Any]:
    interfaces = [description.co_simulation, description.model_exchange, description.scheduled_execution]
    experiment = description.experiment
    return {
        "fmiVersion": description.fmi_version,
        "modelName": description.model_name,
        "token": description.token,
        "description": description.description,
        "generationTool": description.generation_tool,
        "interfaces": {
            found.kind: {"modelIdentifier": found.model_identifier, "capabilities": dict(found.capabilities)}
            for found in interfaces
            if found is not None
        },
        "platforms": platforms,
        "defaultExperiment": {
            "startTime": experiment.start_s,
            "stopTime": experiment.stop_s,
            "stepSize": experiment.step_s,
            "tolerance": experiment.tolerance,
        },
        "units": [_unit(unit) for unit in description.units.values()],
        "variables": [_variable(variable) for variable in description.variables],
    }


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name,
        "baseUnit": dict(unit.exponents),
        "factor": unit.factor,
        "offset": unit.offset,
        "displayUnits": [display.name for display in unit.display_units],
    }


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "valueReference": variable.value_reference,
        "type": variable.type,
        "causality": variable.causality,
        "variability": variable.variability,
        "start": _plain(variable.start),
        "unit": variable.unit or None,
        "min": _plain(variable.min),
        "max": _plain(variable.max),
        "description": variable.description or None,
    }


def _plain(value: object) -> object:
    """A value that JSON can hold; what is not finite becomes its XML text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    if isinstance(value, bytes):
        return value.hex()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _as_text(description: Description, platforms: list[str]) -> list[str]:
    interfaces = [description.co_simulation, description.model_exchange, description.scheduled_execution]
    experiment = description.experiment
    span = ", ".join(
        f"{name} {value:g} s"
        for name, value in (("from", experiment.start_s), ("until", experiment.stop_s), ("step", experiment.step_s))
        if value is not None
    )
    lines = [
        f"{description.model_name}: FMI {description.fmi_version}, "
        + ", ".join(found.kind for found in interfaces if found is not None),
        *([description.description] if description.description else []),
        f"platforms: {', '.join(platforms) or 'none'}",
        *([f"default experiment: {span}"] if span else []),
        "",
    ]
    rows = [("name", "type", "causality", "variability", "start", "unit", "description")]
    rows += [
        (
            v.name,
            v.type,
            v.causality,
            v.variability,
            "" if v.start is None else str(_plain(v.start)),
            v.unit,
            v.description,
        )
        for v in description.variables
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return lines + [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[6]]).rstrip()
        for row in rows
    ]
