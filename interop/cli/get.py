"""``megatwin get``: what a twin is, and its values."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from interop.cli.remote import ROW, client, format_option, instant, row, table, url_option
from interop.values import utc_now

if TYPE_CHECKING:
    from interop.rest.messages import Twin


@click.command()
@click.argument("twin")
@click.option("--at", metavar="TIME", callback=instant, help="As it was true then: an instant, or how long ago (10m).")
@click.option("--known-at", metavar="TIME", callback=instant, help="As it was known then.")
@url_option
@format_option("text", "json")
def command(twin: str, at: datetime | None, known_at: datetime | None, url: str, output: str) -> None:
    """Show TWIN of a running instance: what it is, and every value with unit, status, age and source."""
    with client(url) as twins:
        found = twins.about(twin, at=at, known_at=known_at)
    if output == "json":
        click.echo(found.encode())
        return
    _describe(found)
    now = found.at or utc_now()
    table(ROW, [row(path, value, now) for path, value in found.values.items()])


def _describe(found: Twin) -> None:
    click.echo(f"{found.twin}  {found.kind or 'as it was'}  {found.model}")
    if found.pillars is not None:
        pillars = (
            ("physical", found.pillars.physical), ("digital", found.pillars.digital),
            ("connection", found.pillars.connection),
        )  # fmt: skip
        click.echo("pillars: " + ", ".join(f"{name} {pillar.state}" for name, pillar in pillars))
    for name, entries in (("sources", found.sources), ("degraded", found.degraded)):
        if entries:
            click.echo(f"{name}: " + ", ".join(f"{key} {why}" for key, why in entries.items()))
    if found.parts:
        click.echo(f"parts: {', '.join(found.parts)}")
    if found.commands:
        click.echo(f"commands: {', '.join(found.commands)}")
