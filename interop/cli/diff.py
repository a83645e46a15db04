"""``megatwin diff``: what changed between two versions of definitions, and whether it breaks users."""

from __future__ import annotations

import os
import sys

import click

from interop.cli.check import FORMATS

_PEOPLE = ("text", "concise", "json")


@click.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--format", "how", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
def command(old: str, new: str, how: str) -> int:
    """Compare two versions of DTDL: files, folders, .jsonl, or REVISION:PATH of a git repository.

    Exit code 0: nothing breaks users. 1: something does, or the definitions have findings. 2: a path is missing or
    cannot be read.
    """
    import json  # noqa: PLC0415 - --help needs none of these
    from pathlib import Path  # noqa: PLC0415
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from dtdl.diff import diff  # noqa: PLC0415
    from dtdl.errors import ModelInvalid  # noqa: PLC0415
    from dtdl.parser import parse  # noqa: PLC0415
    from interop.changes import diagnostics_of, document  # noqa: PLC0415
    from interop.cli.render import render  # noqa: PLC0415
    from interop.cli.revision import readable  # noqa: PLC0415

    color = how == "text" and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    with TemporaryDirectory(prefix="megatwin-diff-") as folder:
        try:
            before = parse(readable(old, Path(folder)))
            after = parse(readable(new, Path(folder), marked=how in _PEOPLE))
        except ModelInvalid as error:
            click.echo(render(error.diagnostics, how, color=color), nl=False, color=color)
            click.echo("nothing was compared: the definitions have findings", err=True)
            return 1
    changes = diff(before, after)
    if how == "json":
        click.echo(json.dumps(document(changes), indent=2, ensure_ascii=False))
    else:
        click.echo(render(diagnostics_of(changes), how, color=color), nl=False, color=color)
    breaking = len(changes.breaking)
    text = f"{len(changes)} change{'s' * (len(changes) != 1)}, {breaking} of them breaking users"
    if not changes:
        text = "no changes"
    elif changes.bump:
        state = "the versions have it" if changes.enough else "not every version has it"
        text = f"{text}; they need a {changes.bump.word} version: {state}"
    click.echo(text, err=True)
    return 1 if breaking else 0
