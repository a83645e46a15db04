"""``megatwin fmu``: build, look into and run functional mock-up units."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from fmu.description import Description, Terminal, Unit, Variable

_PATH = click.Path(path_type=Path)


@click.group(help="Build, inspect and run functional mock-up units.")
def command() -> None:
    """The group."""


@command.command()
@click.argument("source", type=_PATH)
@click.option("-o", "--out", type=_PATH, help="The .fmu to write; by default SOURCE.fmu, and for an .fmu itself.")
@click.option(
    "--target", "platforms", multiple=True, metavar="PLATFORM",
    help="Build for this platform, such as aarch64-linux or x86_64-windows, with ziglang; may be repeated.",
)  # fmt: skip
def build(source: Path, out: Path | None, platforms: tuple[str, ...]) -> None:
    """Build an FMU, by default for this platform.

    SOURCE is a folder with model.c and modelDescription.xml, or an .fmu with sources. The same sources and compiler
    give the same bytes.
    """
    from fmu.build import build as build_fmu  # noqa: PLC0415 - only when it is used

    target = out or (source if source.suffix == ".fmu" else source.with_name(f"{source.name}.fmu"))
    click.echo(str(build_fmu(source, target, platforms=platforms)))


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
    "--in", "inputs", multiple=True, metavar="FILE|NAME=EXPRESSION",
    help="CSV or Parquet file with inputs: time,<names>; a value holds until the next. Or an expression of t, in "
    "seconds, such as u='sin(2*pi*t)'. May be repeated.",
)  # fmt: skip
@click.option(
    "--variable", "names", multiple=True, help="Record this variable instead of the outputs; may be repeated."
)
@click.option("--out", type=_PATH, help="CSV or .parquet file to write; by default CSV on standard output.")
@click.option("--plot", type=_PATH, help="HTML page to write, with a chart of each recorded variable.")
@click.option("--model-exchange", is_flag=True, help="Run that interface, where the FMU has co-simulation too.")
@click.option(
    "--solver", type=click.Choice(["cvode", "bdf", "rk45", "rk4", "euler"]),
    help="Integrator of model exchange; by default cvode where it is there, else bdf.",
)  # fmt: skip
@click.option("--tolerance", type=float, help="Relative tolerance of the integrator.")
@click.option("--solver-step", type=float, help="Step of rk4 and euler in seconds; by default the communication step.")
@click.option(
    "--validate/--no-validate", "checked", default=True,
    help="Whether findings in modelDescription.xml stop it; without, they are warnings.",
)  # fmt: skip
def run(  # noqa: PLR0913 - one argument an option
    fmu: str,
    *,
    start_s: float | None,
    stop_s: float | None,
    step_s: float | None,
    values: tuple[str, ...],
    inputs: tuple[str, ...],
    names: tuple[str, ...],
    out: Path | None,
    plot: Path | None,
    model_exchange: bool,
    solver: str | None,
    tolerance: float | None,
    solver_step: float | None,
    checked: bool,
) -> None:
    """Run an FMU in a worker process, as fast as possible, and write its results as CSV.

    The first column is time; there is a row for each communication point, both ends included. What is not given is
    taken from the FMU's default experiment. What was given and is not used is said on standard error. Exit code 5: the
    simulation failed; the rows before are written.
    """
    from interop.cli.fmu_run import Request  # noqa: PLC0415 - only when it is used
    from interop.cli.fmu_run import run as run_it  # noqa: PLC0415

    run_it(
        Request(
            fmu=fmu, span=(start_s, stop_s, step_s), values=values, inputs=inputs, names=names, out=out, plot=plot,
            model_exchange=model_exchange, solver=(solver, tolerance, solver_step), checked=checked,
        )
    )  # fmt: skip


@command.command()
@click.argument("fmu", metavar="X.fmu|library:NAME")
@click.option("--dtmi", default="", help="Identifier of the Interface; by default dtmi:fmu:<model name>;1.")
@click.option(
    "--outputs", type=click.Choice(["Telemetry", "Property"]), default="Telemetry", show_default=True,
    help="What an output becomes.",
)  # fmt: skip
@click.option("-o", "--out", type=_PATH, help="The .json to write; by default standard output.")
def to_dtdl(fmu: str, dtmi: str, outputs: Literal["Telemetry", "Property"], out: Path | None) -> None:
    """Make a DTDL Interface from what an FMU says of itself.

    Inputs become writable Properties, outputs Telemetry, parameters Properties; units become semantic types where DTDL
    has them. Each comment begins with fmi: and the variable's own name.
    """
    import orjson  # noqa: PLC0415 - only when it is used

    from dtdl.errors import InputUnreadable  # noqa: PLC0415
    from fmu.description import read_description  # noqa: PLC0415
    from fmu.interface import to_interface  # noqa: PLC0415
    from fmu.shipped import locate  # noqa: PLC0415

    made = to_interface(read_description(locate(fmu, Path())), dtmi=dtmi, outputs=outputs)
    for name, why in made.left_out.items():
        click.echo(f"{name} is left out: {why}", err=True)
    text = orjson.dumps(made.document, option=orjson.OPT_INDENT_2).decode()
    if out is None:
        click.echo(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputUnreadable(f"{out}: {error.strerror}", action="Give a file that can be written.") from error


def _as_json(description: Description, platforms: list[str]) -> dict[str, Any]:
    from fmu.sandbox import why_not  # noqa: PLC0415 - only when it is used

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
        "isolation": {"bubblewrap": not why_not(), "reason": why_not() or None},
        "icon": description.icon or None,
        "terminals": [_terminal(terminal) for terminal in description.terminals],
        "units": [_unit(unit) for unit in description.units.values()],
        "variables": [_variable(variable) for variable in description.variables],
    }


def _terminal(terminal: Terminal) -> dict[str, Any]:
    return {
        "name": terminal.name,
        "matchingRule": terminal.matching_rule,
        "kind": terminal.kind or None,
        "description": terminal.description or None,
        "members": [{"member": member or None, "variable": variable} for member, variable in terminal.members],
        "terminals": [_terminal(inner) for inner in terminal.terminals],
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
        "displayUnit": variable.display_unit or None,
        "min": _plain(variable.min),
        "max": _plain(variable.max),
        "nominal": _plain(variable.nominal),
        "dimensions": [
            d.start if d.start is not None else {"valueReference": d.value_reference} for d in variable.dimensions
        ],
        "items": [{"name": item.name, "value": item.value} for item in variable.items],
        "aliases": list(variable.aliases),
        "clock": None
        if variable.clock is None
        else {
            "intervalVariability": variable.clock.variability,
            "interval": variable.clock.interval_s,
            "shift": variable.clock.shift_s,
        },
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
    from fmu.sandbox import why_not  # noqa: PLC0415 - only when it is used

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
        f"isolation here: a process with limits; bubblewrap: {why_not() or 'works'}",
        *([f"icon: {description.icon}"] if description.icon else []),
        *([f"default experiment: {span}"] if span else []),
        "",
    ]
    rows = [("name", "type", "causality", "variability", "start", "unit", "range", "description")]
    rows += [
        (
            v.name + "".join(f" = {alias}" for alias in v.aliases),
            v.type + _shape(v),
            v.causality,
            v.variability,
            "" if v.start is None else _short(str(_plain(v.start))),
            v.unit + (f" ({v.display_unit})" if v.display_unit and v.display_unit != v.unit else ""),
            _range(v),
            v.description,
        )
        for v in description.variables
    ]
    last = len(rows[0]) - 1
    widths = [max(len(row[column]) for row in rows) for column in range(last)]
    lines += [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[last]]).rstrip()
        for row in rows
    ]
    if description.terminals:
        lines += ["", "terminals:", *(line for found in description.terminals for line in _terminal_lines(found, 1))]
    return lines


def _short(text: str) -> str:
    most = 40
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _shape(variable: Variable) -> str:
    if not variable.dimensions:
        return ""
    sizes = (str(d.start) if d.start is not None else f"#{d.value_reference}" for d in variable.dimensions)
    return f"[{' x '.join(sizes)}]"


def _range(variable: Variable) -> str:
    if variable.items:
        return ", ".join(f"{item.name}={item.value}" for item in variable.items)
    low = "" if variable.min is None else f"{variable.min:g}"
    high = "" if variable.max is None else f"{variable.max:g}"
    nominal = "" if variable.nominal is None else f" nominal {variable.nominal:g}"
    return (f"{low} .. {high}" if low or high else "") + nominal


def _terminal_lines(terminal: Terminal, depth: int) -> list[str]:
    members = ", ".join(f"{member} = {name}" if member else name for member, name in terminal.members)
    rule = f" ({', '.join(word for word in (terminal.matching_rule, terminal.kind) if word)})"
    lines = [f"{'  ' * depth}{terminal.name}{rule if terminal.matching_rule else ''}: {members}".rstrip(": ")]
    return lines + [line for inner in terminal.terminals for line in _terminal_lines(inner, depth + 1)]
