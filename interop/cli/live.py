"""Runs a configuration in the foreground and shows it: a live table in a terminal, tables or JSON lines elsewhere."""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rich.table import Table

    from interop.config import Configuration
    from interop.rest.messages import Twin
    from interop.runtime.start import Running
    from interop.service import Change

_HEAD: Final = ("twin", "value", "", "unit", "status", "age", "source")
_TABLE_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreground:
    """How a configuration runs in the foreground.

    Attributes:
        file: The megatwin.yaml.
        overrides: Texts of ``--set``.
        for_s: Stop after so many seconds; None: at Ctrl-C.
        form: ``text`` or ``json``.
        apply: Remove what the file no longer names.
        show_values: Print values; without it only what starts and stops is said.
    """

    file: Path
    overrides: Sequence[str] = ()
    for_s: float | None = None
    form: str = "text"
    apply: bool = False
    show_values: bool = True


def _nothing() -> None:
    return


def run(what: Foreground) -> int:
    """Runs until the time is up, SIGTERM (exit code 0), or Ctrl-C (130)."""
    from interop.config import load  # noqa: PLC0415 - only when something runs

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # its links report themselves through LinkEvents
    return run_configuration(load(what.file, what.overrides), what)


def run_configuration(configuration: Configuration, what: Foreground, *, ready: Callable[[], None] = _nothing) -> int:
    """Runs what was read, or made, already.

    Args:
        configuration: What runs; the file of ``what`` is not read.
        what: How.
        ready: Called once it serves.
    """
    import uvloop  # noqa: PLC0415

    from interop.runtime.start import running  # noqa: PLC0415

    async def main() -> int:
        stop = _Stop(asyncio.get_running_loop())
        async with running(configuration, apply=what.apply) as up:
            _say_start(up)
            ready()
            await _show(up, what, stop)
        if stop.error is not None:
            raise stop.error
        return stop.code

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def preload() -> None:
    """Imports what a run needs; for a caller that has to wait for something else anyway."""
    for module in (
        "interop.config.resolve",
        "interop.runtime.start",
        "interop.rest.server",
        "interop.opcua.server",
        "interop.opcua.link",
        "interop.simulate.adapter",
        "fmu.worker",
        "uvloop",
    ):
        importlib.import_module(module)


class _Stop:
    """Set by SIGINT or SIGTERM; the second signal ends the process at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.event = asyncio.Event()
        self.code = 0
        self.error: BaseException | None = None
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
            loop.add_signal_handler(number, self._set, code)

    def _set(self, code: int) -> None:
        if self.event.is_set():
            raise KeyboardInterrupt
        self.code = code
        self.event.set()

    def watch(self, task: asyncio.Task[None]) -> None:
        """Stops when a task ends with an error, since something that was asked for cannot be; that error is raised."""
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.error = self.error or error
            self.event.set()


def _say_start(up: Running) -> None:
    difference = up.runtime.difference
    if difference is not None:
        for line in difference.said:
            click.echo(f"megatwin: {line}", err=True)
        for line in difference.removals_said:
            click.echo(f"megatwin: the file no longer names {line}; remove it with --apply", err=True)
    if up.rest is not None:
        click.echo(f"megatwin: REST     {up.rest.url}  (docs: {up.rest.url}/docs)", err=True)


async def _say_opcua(up: Running) -> None:
    """Says where the OPC UA server is, once it serves; raises what its start raised."""
    if up.opcua is not None:
        server = await asyncio.shield(up.opcua)
        click.echo(f"megatwin: OPC UA   {server.url}", err=True)


async def _show(up: Running, what: Foreground, stop: _Stop) -> None:
    loop = asyncio.get_running_loop()
    end = None if what.for_s is None else loop.time() + what.for_s
    saying = [asyncio.create_task(_say_links(up)), asyncio.create_task(_say_opcua(up))]
    for task in saying:
        stop.watch(task)
    try:
        if not what.show_values:
            await _sleep(stop, None if end is None else end - loop.time())
        elif what.form == "json":
            await _every(up, stop, end, 1.0, _print_json)
        elif sys.stdout.isatty():
            await _draw(up, stop, end)
        else:
            await _every(up, stop, end, _TABLE_EVERY_S, _print_table)
    finally:
        for task in saying:
            task.cancel()
        await asyncio.wait(saying)  # what they raise is the stop's


async def _say_links(up: Running) -> None:
    """Says on stderr when a link comes up or goes down."""
    subscription = up.runtime.subscribe()
    try:
        async for batch in subscription:
            for change in batch.changes:
                if change.kind == "link":
                    _say_link(up, change)
    finally:
        subscription.close()


def _say_link(up: Running, change: Change) -> None:
    detail = change.detail
    cause = f": {detail['cause']}" if detail.get("cause") else ""
    click.echo(f"megatwin: {detail['source']} {detail['kind']}{cause}", err=True)
    if detail["kind"] == "down":
        click.echo("  The rest goes on without it, and it is tried again until it answers.", err=True)
    link = up.runtime.links.get(detail["source"])
    if detail["kind"] != "up" or link is None:
        return
    for point, why in link.now.unmatched.items():
        click.echo(f"megatwin:   {point} is not in {link.name}: {why}", err=True)
    for problem in link.now.problems.values():
        click.echo(f"megatwin:   {problem}", err=True)


async def _sleep(stop: _Stop, limit_s: float | None) -> bool:
    """Waits; gives True when it is time to stop."""
    try:
        async with asyncio.timeout(None if limit_s is None else max(limit_s, 0)):
            await stop.event.wait()
    except TimeoutError:
        return False
    return True


async def _every(up: Running, stop: _Stop, end: float | None, period_s: float, show: Callable[[Running], None]) -> None:
    """Shows at once when every source has given its first value, then periodically."""
    loop = asyncio.get_running_loop()
    await _first_values(up, stop, min(loop.time() + period_s, end or loop.time() + period_s))
    due = loop.time()
    while not stop.event.is_set():
        show(up)
        due = max(due + period_s, loop.time())
        if end is not None and due > end:
            await _sleep(stop, end - loop.time())
            return
        await _sleep(stop, due - loop.time())


async def _first_values(up: Running, stop: _Stop, until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until and not stop.event.is_set():
        if all(health.state == "up" for health in up.runtime.health().sources):
            await _sleep(stop, 0.2)
            return
        await _sleep(stop, 0.05)


def _twins(up: Running) -> Iterable[Twin]:
    from interop.rest import view  # noqa: PLC0415

    for twin in up.runtime.graph.twins:
        yield view.twin(up.runtime, twin)


def _print_json(up: Running) -> None:
    for twin in _twins(up):
        sys.stdout.buffer.write(twin.encode() + b"\n")
    sys.stdout.flush()


def _rows(up: Running) -> list[tuple[str, ...]]:
    now = datetime.now().astimezone()
    rows: list[tuple[str, ...]] = []
    for twin in _twins(up):
        first = f"{twin.twin} ({twin.kind})"
        for path, value in twin.values.items():
            age = f"{(now - value.source_time).total_seconds():.1f} s" if value.source_time else ""
            status = value.status + (f" ({value.reason})" if value.reason else "")
            rows.append((first, path, _text(value.value), value.unit or "", status, age, value.source or ""))
            first = ""
    return rows


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _print_table(up: Running) -> None:
    rows = [_HEAD, *_rows(up)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        cells = (
            text.rjust(width) if column in {2, 5} else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())
    click.echo()


async def _draw(up: Running, stop: _Stop, end: float | None) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    console = Console(soft_wrap=True, highlight=False)
    with Live(_table(up), console=console, auto_refresh=False) as live:
        while end is None or loop.time() < end:
            if await _sleep(stop, 0.5 if end is None else min(0.5, end - loop.time())):
                return
            live.update(_table(up), refresh=True)


def _table(up: Running) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=up.runtime.configuration.name, title_justify="left", box=None, pad_edge=False)
    for column, name in enumerate(_HEAD):
        table.add_column(name, justify="right" if column in {2, 5} else "left", no_wrap=column != 4)  # noqa: PLR2004
    for row in _rows(up):
        style = "" if row[4].startswith("Good") else "yellow" if row[4].startswith("Uncertain") else "red"
        table.add_row(*row, style=style)
    return table
