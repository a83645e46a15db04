"""``megatwin import``: turns an instance graph (RealEstateCore, Brick) into twins of DTDL models."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

FORMATS = ("text", "concise", "json", "sarif", "github", "junit")


@click.command("import")
@click.argument("graphs", nargs=-1, required=True, metavar="GRAPHS...")
@click.option("--models", multiple=True, required=True, metavar="PATH", help="DTDL file or folder; may be repeated.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
              help="File to write (.ndjson); without it the twins go to standard output.")  # fmt: skip
@click.option("--map", "overrides", metavar="FILE", help="JSON that names classes, predicates and inverse relations.")
@click.option("--with-models", is_flag=True, help="Write the definitions into the file as well.")
@click.option("--strict", is_flag=True, help="Write nothing when something was not understood.")
@click.option("--time-limit", type=click.FloatRange(0.1, 86_400), default=300.0, show_default=True,
              help="Seconds after which the work is ended.")  # fmt: skip
@click.option("--format", "how", type=click.Choice(FORMATS), default="text", show_default=True,
              help="How to print what was not understood.")  # fmt: skip
def command(graphs: tuple[str, ...], how: str, output: Path | None, *, strict: bool, **options: Any) -> int:
    """Turn GRAPHS (.ttl, .nt, .jsonld) into twins: a file for the import job of Azure Digital Twins.

    What was not understood is printed on standard error and left out. Nothing is fetched.

    Exit code 0: written. 1: findings, and nothing was written. 2: usage, or a path is missing or cannot be read.
    """
    from dtdl.diagnostic import Severity  # noqa: PLC0415 - pydantic and rdflib are needed only here
    from dtdl.errors import ValueInvalid  # noqa: PLC0415
    from interop.cli.render import render, summary  # noqa: PLC0415
    from interop.rdf.importing import Imported, import_graph  # noqa: PLC0415

    try:
        made = import_graph(
            graphs,
            options["models"],
            overrides=options["overrides"],
            with_models=options["with_models"],
            strict=strict,
            time_limit_s=options["time_limit"],
        )
    except ValueInvalid as error:
        made = Imported("", error.diagnostics)
    color = how == "text" and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    if made.diagnostics or how != "text":
        click.echo(render(made.diagnostics, how, checked=graphs, color=color), nl=False, err=True, color=color)
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    if not made.text or any(item.severity in bad for item in made.diagnostics):
        click.echo(f"nothing was written: {summary(made.diagnostics)}", err=True)
        return 1
    if output is None:
        click.echo(made.text, nl=False)
    else:
        _write(output, made.text)
    count = f"{made.twins} twins, {made.relationships} relationships"
    click.echo(f"{count}: {summary(made.diagnostics)}", err=True)
    return 0


def _write(output: Path, text: str) -> None:
    """Writes a file that is there as a whole or stays as it was."""
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - as above

    part = output.with_name(f".{output.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        why = f"{output} cannot be written: {error.strerror}"
        raise InputUnreadable(why, action="Give another place with -o.") from error
