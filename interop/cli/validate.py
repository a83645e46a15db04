"""``megatwin validate``: checks data against models, or any JSON against a JSON Schema."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dtdl.diagnostic import Diagnostic

FORMATS = ("text", "concise", "json", "sarif", "github", "junit")


@click.command()
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option("--models", multiple=True, metavar="PATH", help="DTDL file or folder; may be repeated.")
@click.option("--resolve", multiple=True, metavar="DIR", help="Folder of definitions that the models refer to.")
@click.option("--model", metavar="DTMI", help="Model of twins that name none; needed with --patch.")
@click.option("--patch", is_flag=True, help="The data are patches (RFC 6902) of twins.")
@click.option("--schema", metavar="FILE", help="Check against this JSON Schema instead of models.")
@click.option(
    "--time-limit", type=click.FloatRange(0.1, 86_400), default=30.0, show_default=True, help="Seconds, with --schema."
)
@click.option("--format", "how", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
@click.option("--strict", is_flag=True, help="Warnings count as findings; undefined extensions are refused.")
def command(data: tuple[str, ...], how: str, *, strict: bool, **options: Any) -> int:
    """Check DATA (.json, .ndjson, .csv) against DTDL models, or JSON against a JSON Schema.

    Exit code 0: nothing was found. 1: findings. 2: usage, or a path is missing or cannot be read.
    """
    from dtdl.diagnostic import Severity  # noqa: PLC0415 - pydantic and the compiler are needed only here
    from dtdl.errors import ModelInvalid  # noqa: PLC0415
    from interop.cli.render import render, summary  # noqa: PLC0415

    try:
        found = _found(data, strict=strict, **options)
    except ModelInvalid as error:
        found = list(error.diagnostics)
        click.echo("the data was not checked, since the models have findings", err=True)
    color = how == "text" and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    click.echo(render(found, how, checked=data, color=color), nl=False, color=color)
    click.echo(f"{len(data)} file{'s' if len(data) != 1 else ''} checked: {summary(found)}", err=True)
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return 1 if any(item.severity in bad for item in found) else 0


def _found(data: tuple[str, ...], *, strict: bool, schema: str | None, **options: Any) -> list[Diagnostic]:
    from interop.validate import validate_data, validate_json  # noqa: PLC0415 - each imports what it needs

    models, model, patch = options["models"], options["model"], options["patch"]
    if schema is not None:
        if models or model or patch or options["resolve"]:
            raise click.UsageError("--schema stands alone: --models, --resolve, --model and --patch are for models.")
        return validate_json(data, schema, time_limit_s=options["time_limit"])
    if not models:
        raise click.UsageError("Give --models with the DTDL of the data, or --schema with a JSON Schema.")
    if patch and not model:
        raise click.UsageError("--patch needs --model, since a patch does not say the model of its twin.")
    return validate_data(data, models, model=model, patch=patch, strict=strict, resolve=options["resolve"])
