"""What the commands that talk to a running instance share: where it is, how instants are written, how tables look."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from dtdl.errors import RequestInvalid
from interop.values import parse_time

if TYPE_CHECKING:
    from interop.rest.client import Client
    from interop.rest.messages import Value

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Reads an RFC 3339 instant, or how long ago: ``90s``, ``10m``, ``2h``, ``7d``; the callback of an option."""
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    if ago:
        return datetime.now(UTC) - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
    try:
        return parse_time(value)
    except RequestInvalid as error:
        raise click.BadParameter(
            f"{error.message}. {error.action} Or how long ago: 90s, 10m, 2h, 7d.", ctx, param
        ) from error


def _check_url(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise click.BadParameter(f"{value!r} is not an address. Write it as {DEFAULT_URL}.", ctx, param)
    return value


def url_option(function: F) -> F:
    """Adds ``--url``."""
    return click.option(
        "--url", envvar="MEGATWIN_URL", default=DEFAULT_URL, show_default=True, show_envvar=True, callback=_check_url,
        help="Where the instance listens.",
    )(function)  # fmt: skip


def format_option(*formats: str) -> Callable[[F], F]:
    """Adds ``--format``; the first one is the default."""
    return click.option(
        "--format", "output", type=click.Choice(formats), default=formats[0], show_default=True, help="Form of stdout."
    )


def client(url: str) -> Client:
    """Gives the synchronous client; httpx is imported here."""
    from interop.rest.client import Client  # noqa: PLC0415 - a quarter of a second that --help must not cost

    return Client(url)


def show(value: Any) -> str:
    """Gives a value as people read it: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def row(path: str, value: Value, now: datetime) -> tuple[str, ...]:
    """Gives a value's line of a table, under the headings ROW."""
    found = f"{value.value:.6g}" if isinstance(value.value, float) else show(value.value)
    return (
        path, "-" if value.value is None else found, value.unit or "", value.status, age(value.source_time, now),
        value.source or "", value.reason or "",
    )  # fmt: skip


ROW: Final = ("path", "value", "unit", "status", "age", "source", "reason")


def age(instant: datetime | None, now: datetime) -> str:
    """Gives how long ago an instant was, in the unit that suits."""
    if instant is None:
        return ""
    seconds = (now - instant).total_seconds()
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if abs(seconds) < limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} d"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table: drawn on a terminal, aligned columns elsewhere."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        _draw(headings, rows)
        return
    widths = [max(len(line[column]) for line in (headings, *rows)) for column in range(len(headings))]
    for line in (headings, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for line in rows:
        drawn.add_row(*(Text(cell, style=_colour(cell) if heading == "status" else "")
                        for heading, cell in zip(headings, line, strict=True)))  # fmt: skip
    Console(highlight=False).print(drawn)


def _colour(status: str) -> str:
    return "green" if status.startswith("Good") else "yellow" if status.startswith("Uncertain") else "red"
