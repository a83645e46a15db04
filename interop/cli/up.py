"""``megatwin up``: runs what a megatwin.yaml describes."""

from __future__ import annotations

from pathlib import Path

import click

from interop.cli.live import Foreground, run


@click.command(name="up")
@click.argument("file", type=click.Path(path_type=Path), default=Path("megatwin.yaml"))
@click.option("--for", "for_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after so many seconds.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of the file: a.b=value.")
@click.option("--apply", is_flag=True, help="Remove twins and relationships that the file no longer names.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Table, or JSON lines.")
@click.option("--quiet", is_flag=True, help="Print no values.")
def command(file: Path, for_s: float | None, overrides: tuple[str, ...], form: str, *, apply: bool, quiet: bool) -> int:
    """Run what FILE (default: megatwin.yaml) describes, until Ctrl-C."""
    return run(Foreground(file=file, overrides=overrides, for_s=for_s, form=form, apply=apply, show_values=not quiet))
