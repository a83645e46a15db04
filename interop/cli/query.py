"""``megatwin query``: asks a running instance in the query language."""

from __future__ import annotations

import csv
import json
import sys
from typing import Any

import click

from interop.cli.remote import client, format_option, show, table, url_option


@click.command()
@click.argument("query", metavar="QUERY")
@url_option
@format_option("table", "json", "csv")
def command(query: str, url: str, output: str) -> None:
    """Query the twins and relationships of a running instance.

    QUERY is such as: SELECT * FROM DIGITALTWINS T WHERE T.temperature > 30
    """
    with client(url) as twins:
        found = twins.query(query)
    if output == "json":
        click.echo("[" + ",\n ".join(json.dumps(row, ensure_ascii=False) for row in found) + "]")
        return
    names = list(dict.fromkeys(name for row in found for name in row))
    lines = [[_cell(row, name) for name in names] for row in found]
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([names, *lines] if names else [])
    elif names:
        table(names, lines)
    click.echo(f"{len(found)} row{'' if len(found) == 1 else 's'}", err=True)


def _cell(row: dict[str, Any], name: str) -> str:
    return show(row[name]) if name in row else ""
