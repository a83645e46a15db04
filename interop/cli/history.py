"""``megatwin history``: past values of a twin."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from interop.cli.remote import client, format_option, instant, show, table, url_option
from interop.values import format_time

if TYPE_CHECKING:
    from interop.rest.messages import HistoryRow

_COLUMNS = ("path", "sourceTime", "value", "unit", "status", "source")
_MORE_COLUMNS = ("serverTime", "recordedAt", "seq")


@click.command()
@click.argument("point", metavar="TWIN[/PATH]")
@click.option(
    "--from", "start", metavar="TIME", callback=instant, help="Not earlier: an instant, or how long ago (10m)."
)
@click.option("--to", "end", metavar="TIME", callback=instant, help="Not later.")
@click.option("--known-at", metavar="TIME", callback=instant, help="As it was known then.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="At most so many.")
@url_option
@format_option("text", "json", "csv")
def command(point: str, output: str, url: str, limit: int, **instants: datetime | None) -> None:
    """Show past values of a twin, or of one value of it, in order of source time, the oldest first."""
    with client(url) as twins:
        found = twins.history(point, instants["start"], instants["end"], known_at=instants["known_at"], limit=limit)
    if output == "json":
        click.echo(found.encode())
    elif output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow((*_COLUMNS, *_MORE_COLUMNS))
        writer.writerows((*_cells(row), *_more_cells(row)) for row in found.rows)
    else:
        table(_COLUMNS, [_cells(row) for row in found.rows])
    if found.more:
        last = format_time(found.rows[-1].source_time)
        click.echo(f"There is more: --from {last}, or a larger --limit.", err=True)


def _cells(row: HistoryRow) -> Sequence[str]:
    return (row.path, format_time(row.source_time), show(row.value), row.unit or "", row.status, row.source)


def _more_cells(row: HistoryRow) -> Sequence[str]:
    server_time = format_time(row.server_time) if row.server_time else ""
    return (server_time, format_time(row.recorded_at), str(row.seq))
