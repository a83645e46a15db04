"""``megatwin call``: a command of a twin."""

from __future__ import annotations

import json
from typing import Any

import click

from interop.cli.remote import client, format_option, show, url_option


@click.command()
@click.argument("point", metavar="TWIN/COMMAND")
@click.argument("argument", metavar="[JSON]", required=False)
@url_option
@format_option("text", "json")
def command(point: str, argument: str | None, url: str, output: str) -> None:
    """Call TWIN/COMMAND, or TWIN/COMPONENT/COMMAND, with the argument JSON, and print its result."""
    value = None if argument is None else _parse(argument)
    with client(url) as twins:
        result = twins.call(point, value)
    if output == "json":
        click.echo(json.dumps({"result": result}))
    elif result is not None:
        click.echo(show(result))


def _parse(argument: str) -> Any:
    try:
        return json.loads(argument)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"{argument!r} is not JSON ({error}). A text is written '\"text\"'.") from error
