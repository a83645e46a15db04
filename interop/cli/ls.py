"""``megatwin ls``: the twins of a running instance."""

from __future__ import annotations

import click

from interop.cli.remote import client, format_option, table, url_option


@click.command()
@url_option
@format_option("text", "json")
def command(url: str, output: str) -> None:
    """List the twins of a running instance."""
    with client(url) as twins:
        found = twins.list()
    if output == "json":
        click.echo("[" + ",\n ".join(twin.encode().decode() for twin in found) + "]")
        return
    table(
        ("twin", "kind", "status", "model", "degraded"),
        [
            (twin.twin, twin.kind, twin.status, twin.model, "; ".join(f"{k}: {v}" for k, v in twin.degraded.items()))
            for twin in found
        ],
    )
