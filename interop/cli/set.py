"""``megatwin set``: a write that is acknowledged when it is durable, and done by the plant if there is one."""

from __future__ import annotations

import json
from typing import Any

import click

from interop.cli.remote import ROW, client, format_option, row, table, url_option
from interop.values import Point, utc_now


@click.command()
@click.argument("point", metavar="TWIN/PATH")
@click.argument("value")
@click.option("--string", is_flag=True, help="VALUE is a text even if it looks like a number.")
@url_option
@format_option("text", "json")
def command(point: str, value: str, string: bool, url: str, output: str) -> None:  # noqa: FBT001 - click's
    """Write VALUE, JSON or a text, to the property TWIN/PATH, in the model's unit."""
    found = Point.parse(point)
    with client(url) as twins:
        twins.set(found, value if string else _json_or_text(value))
        path = str(Point("", found.path))[1:]
        now = twins.about(found.twin).values.get(path)
    if now is None:  # a member of an Object: there is no value of that path alone
        click.echo(json.dumps({"point": point, "value": _json_or_text(value)}) if output == "json" else "written")
    elif output == "json":
        click.echo(json.dumps({"twin": found.twin, "path": path, **json.loads(now.encode())}))
    else:
        table(ROW, [row(point, now, utc_now())])


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
