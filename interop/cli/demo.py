"""``megatwin demo``: starts the plants of a shipped example, each in its own process, and runs its megatwin.yaml."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from dtdl.errors import InputUnreadable, NotReady
from dtdl.resources import data_dir
from interop.cli.live import Foreground, preload, run

_READY_S: Final = 20.0
_STOP_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Plant:
    """One process of ``plants.json``: which source it is, what runs, and the port that it would like."""

    source: str
    key: str
    run: str
    arguments: tuple[str, ...]
    port: int


@click.command(name="demo")
@click.argument("example", default="two-vendors")
@click.option("--for", "for_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after so many seconds.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Table, or JSON lines.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Work in this folder and keep it; default: a temporary one.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of the file: a.b=value.")
def command(example: str, for_s: float | None, form: str, folder: Path | None, overrides: tuple[str, ...]) -> int:
    """Run two vendors' plants and a simulation as one mega-twin, until Ctrl-C."""
    origin = data_dir("examples") / example
    if not (origin / "plants.json").is_file():
        raise InputUnreadable(
            f"there is no example {example!r} with plants", action=f"Use one of: {', '.join(_examples())}."
        )
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="megatwin-demo-")))
        shutil.copytree(origin, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".megatwin"))
        found = [stack.enter_context(_process(plant, folder)) for plant in _plants(folder)]
        preload()
        settings = [ready(folder) for ready in found]
        settings += [f"serve.{name}=127.0.0.1:{_port(port)}" for name, port in (("http", 8080), ("opcua", 4850))]
        return run(Foreground(file=folder / "megatwin.yaml", overrides=(*settings, *overrides), for_s=for_s, form=form))


def _examples() -> list[str]:
    return sorted(found.parent.name for found in data_dir("examples").glob("*/plants.json"))


def _plants(folder: Path) -> list[Plant]:
    raw = json.loads((folder / "plants.json").read_text(encoding="utf-8"))
    return [Plant(one["source"], one["key"], one["run"], tuple(one["arguments"]), one["port"]) for one in raw]


def _port(wanted: int) -> int:
    """Gives the wanted port, or any free one when it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wanted


@contextmanager
def _process(plant: Plant, folder: Path) -> Iterator[_Ready]:
    command_line = [sys.executable, plant.run, "--port", str(_port(plant.port)), *plant.arguments]
    with subprocess.Popen(  # noqa: S603 - a file that ships with us
        command_line, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield _Ready(plant, process)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


class _Ready:
    """Waits for the one JSON line that a plant prints when it serves; gives the setting that binds it."""

    def __init__(self, plant: Plant, process: subprocess.Popen[bytes]) -> None:
        self._plant = plant
        self._line = b""
        self._read_it = threading.Event()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def __call__(self, folder: Path) -> str:
        self._read_it.wait(_READY_S)
        if not self._line:
            raise NotReady(
                f"the plant {self._plant.run} did not start within {_READY_S:g} s",
                action=f"Run it by hand to see why: python {self._plant.run}",
            )
        said = json.loads(self._line)
        click.echo(f"megatwin: plant    {said['url']}  ({self._plant.run})", err=True)
        if said.get("certificate"):
            from interop.opcua.security import Store  # noqa: PLC0415 - only for a plant that has a certificate

            # What an operator does once with: megatwin opcua trust add
            store = Store(folder / ".megatwin" / "sources" / self._plant.source)
            store.trust(folder / said["certificate"])
        return f"sources.{self._plant.source}.{self._plant.key}={said['url']}"

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._line = process.stdout.readline()
        self._read_it.set()
        for _ in process.stdout:  # a full pipe would stop the plant
            pass
