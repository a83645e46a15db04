"""``megatwin watch``: changes as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from interop.cli.remote import format_option, show, url_option

if TYPE_CHECKING:
    from interop.rest import messages
    from interop.rest.client import Streamed


@click.command()
@click.argument("twins", nargs=-1, metavar="[TWIN]...")
@click.option("--path", "paths", multiple=True, help="Only this value and what is below it; may be repeated.")
@click.option("--since", type=click.IntRange(0), help="Begin after this sequence number, from the ledger.")
@click.option("--for", "seconds", type=click.FloatRange(0, min_open=True), help="Stop after so many seconds.")
@url_option
@format_option("text", "json")
def command(
    twins: Sequence[str], paths: Sequence[str], since: int | None, seconds: float | None, url: str, output: str
) -> None:
    """Follow the changes of TWINs, or of all, until Ctrl-C; a lost connection is resumed where it broke."""

    async def follow() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _follow(url, twins, paths, since, output)

    asyncio.run(follow())


async def _follow(url: str, twins: Sequence[str], paths: Sequence[str], since: int | None, output: str) -> None:
    from interop.rest.client import connect  # noqa: PLC0415 - a quarter of a second that --help must not cost

    async with connect(url) as client:
        for twin in twins:
            await client.about(twin)  # a name that is mistyped would wait for ever
        async with contextlib.aclosing(client.stream(twins, paths, since=since)) as stream:
            async for found in stream:
                _show(found, output)


def _show(found: Streamed, output: str) -> None:
    from interop.rest.messages import Change, Lost  # noqa: PLC0415

    if isinstance(found, Change):
        click.echo(found.encode() if output == "json" else _line(found))
    elif isinstance(found, Lost):
        click.echo(f"{found.batches} batches came too fast; they are read again from the ledger", err=True)
    else:
        click.echo(f"following, from sequence number {found.seq}", err=True)


def _line(change: messages.Change) -> str:
    where = "/".join(part for part in (change.twin, change.path) if part)
    sample = change.sample
    if sample is None:
        detail = json.dumps(change.detail) if change.detail else ""
        return f"{change.seq:>8}  {change.kind}  {where}  {detail}".rstrip()
    at = sample.source_time.strftime("%H:%M:%S.%f")[:-3] if sample.source_time else "-"
    reason = f" ({sample.reason})" if sample.reason else ""
    value = f"{show(sample.value)} {sample.unit or ''}".rstrip()
    return f"{change.seq:>8}  {at}  {where}  {value}  {sample.status}{reason}  {sample.source or ''}".rstrip()
