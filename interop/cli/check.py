"""``megatwin check``: checks files of every kind; prints findings with file, line and column."""

from __future__ import annotations

import os
import sys

import click

FORMATS = ("text", "concise", "json", "sarif", "github", "junit")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@click.option("--format", "how", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
@click.option("--strict", is_flag=True, help="Warnings count as findings; undefined extensions are refused.")
@click.option("--select", multiple=True, metavar="RULE", help="Only rules that begin so; may be repeated.")
@click.option("--ignore", multiple=True, metavar="RULE", help="No rules that begin so; may be repeated.")
def command(paths: tuple[str, ...], how: str, *, strict: bool, select: tuple[str, ...], ignore: tuple[str, ...]) -> int:
    """Check DTDL (.json, .jsonl), megatwin.yaml and FMUs; folders are searched for them.

    Exit code 0: nothing was found. 1: findings. 2: a path is missing or cannot be read.
    """
    return run(paths, how, strict=strict, select=select, ignore=ignore)


def run(
    paths: tuple[str, ...],
    how: str,
    *,
    strict: bool,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    second_opinion: bool = False,
) -> int:
    """Checks and prints.

    Args:
        paths: Files and folders.
        how: One of FORMATS.
        strict: Whether warnings count.
        select: Beginnings of rules that are shown; all when empty.
        ignore: Beginnings of rules that are not shown.
        second_opinion: See `interop.check.check`.

    Returns:
        The exit code.
    """
    from dtdl.diagnostic import Severity  # noqa: PLC0415 - pydantic and the compiler are needed only here
    from interop.check import check  # noqa: PLC0415
    from interop.cli.render import render, summary  # noqa: PLC0415

    checked = check(paths, strict=strict, second_opinion=second_opinion)
    found = [
        item
        for item in checked.diagnostics
        if (not select or item.rule.startswith(select)) and not (ignore and item.rule.startswith(ignore))
    ]
    color = how == "text" and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    click.echo(render(found, how, checked=checked.files, color=color), nl=False, color=color)
    count = len(checked.files)
    line = f"{count} file{'s' if count != 1 else ''} checked: {summary(found)}"
    if checked.skipped:
        line += f"; {len(checked.skipped)} passed over, being no DTDL and no configuration"
    click.echo(line, err=True)
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return 1 if any(item.severity in bad for item in found) else 0
