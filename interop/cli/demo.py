"""``megatwin demo``: starts the plants of a shipped example, each in its own process, and runs its megatwin.yaml."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    with suppress(_Terminated), ExitStack() as stack:
        stack.enter_context(_unwinding_at_sigterm())
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="megatwin-demo-")))
        shutil.copytree(origin, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".megatwin"))
        plants = [stack.enter_context(_running(plant, folder)) for plant in _plants(folder)]
        preload()
        settings = [plant.setting() for plant in plants]
        settings += [f"serve.{name}=127.0.0.1:{_port(port)}" for name, port in (("http", 8080), ("opcua", 4850))]
        return run(Foreground(file=folder / "megatwin.yaml", overrides=(*settings, *overrides), for_s=for_s, form=form))
    return 0  # as for a SIGTERM that comes later


class _Terminated(BaseException):
    """SIGTERM came before the loop ran, which has a handler of its own; it passes through all like Ctrl-C."""


@contextmanager
def _unwinding_at_sigterm() -> Iterator[None]:
    """Makes SIGTERM end the block from within, so that no process and no folder is left."""

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not break the unwinding off
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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


class _Process:
    """A plant in a process of its own, the one JSON line that it prints when it serves, and its last words if not."""

    def __init__(self, plant: Plant, folder: Path) -> None:
        self._plant, self._folder = plant, folder
        self._start(_port(plant.port))

    def _start(self, port: int) -> None:
        self._line = b""
        self._last_words = ""
        self._has_told = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603 - a file that ships with us
            [sys.executable, self._plant.run, "--port", str(port), *self._plant.arguments],
            cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            self._line = stdout.readline()
            self._has_told.set()
            for _ in stdout:  # a full pipe would stop the plant
                pass

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in stderr:
                self._last_words = line.decode(errors="replace").strip() or self._last_words

    def _has_ended(self) -> bool:
        """Whether it closed its output before it served; waits until that or the other is sure, or the time is up."""
        return self._has_told.wait(_READY_S) and not self._line

    def setting(self) -> str:
        """Waits until it serves; gives the setting that binds it.

        Raises:
            NotReady: It ended, on any free port too, or does not serve within 20 seconds.
        """
        if self._has_ended():
            self.stop()  # most likely its port was taken between our look and its start
            self._start(0)
        ended = self._has_ended()
        if not self._line:
            self.stop()
            how = f"ended with code {self._process.returncode}" if ended else f"did not start within {_READY_S:g} s"
            raise NotReady(
                f"the plant {self._plant.run} {how}" + (f": {self._last_words}" if self._last_words else ""),
                action=f"Run it by hand to see more: {sys.executable} {self._plant.run}",
            )
        said = json.loads(self._line)
        click.echo(f"megatwin: plant    {said['url']}  ({self._plant.run})", err=True)
        if said.get("certificate"):
            from interop.opcua.security import Store  # noqa: PLC0415 - only for a plant that has a certificate

            # What an operator does once with: megatwin opcua trust add
            store = Store(self._folder / ".megatwin" / "sources" / self._plant.source)
            store.trust(self._folder / said["certificate"])
        return f"sources.{self._plant.source}.{self._plant.key}={said['url']}"

    def stop(self) -> None:
        """Ends it, by force if it does not end by itself; may be called again."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        for reader in self._readers:
            reader.join(_STOP_S)


@contextmanager
def _running(plant: Plant, folder: Path) -> Iterator[_Process]:
    process = _Process(plant, folder)
    try:
        yield process
    finally:
        process.stop()
