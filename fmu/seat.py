"""One process of an ensemble: its FMUs unpacked, its instances kept from run to run.

A seat belongs to a thread of the process that an executor gives. Where the process is of our own pool, a watcher ends
it when a call into an FMU takes too long.
"""

from __future__ import annotations

import atexit
import os
import resource
import signal
import struct
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dtdl.errors import MegatwinError
from fmu import archive
from fmu.note import Board
from fmu.process import SEEN, WorkerLimits, discard, scratch, told
from fmu.serving import limit_memory
from fmu.simulation import Place, Simulation
from fmu.system import Algorithm, System

RUNNING: Final = "running"
"""File in the folder of a process: the number of the scenario that it runs."""
NUMBER: Final = struct.Struct("<q")
_WHOLE: Final = 1e-6
_POLL_S: Final = 0.5
Start = Mapping[str, Mapping[str, Any]]
"""Start values by the names of instance and variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What every run of an ensemble has in common.

    Attributes:
        key: Tells ensembles apart.
        system, algorithm: What is run, and how.
        start_s, stop_s, step_s: Span and macro step in seconds.
        count, rest_s: Number of whole steps, and length of what is left.
        every: Each how many steps a row is kept; 0: the first and the last only.
        rows: Values of the system's inputs, one row a step; None: they hold.
        base: Folder for what is unpacked; None: each process makes its own.
    """

    key: str
    system: System
    algorithm: Algorithm
    start_s: float
    stop_s: float
    step_s: float
    count: int
    rest_s: float
    every: int
    rows: Sequence[Sequence[Any]] | None
    base: Path | None


@dataclass(frozen=True, slots=True)
class Made:
    """One run: its rows as they came, or an error as plain data.

    Attributes:
        times: Simulation times in seconds, as doubles.
        rows: Packed rows, or lists of values.
        ended: Whether an FMU asked to end before the stop time.
        error: As `fmu.process.told` gives it.
    """

    times: bytes = b""
    rows: bytes | list[list[Any]] = b""
    ended: bool = False
    error: tuple[Any, ...] | None = None


class _Seat:
    """Unpacked FMUs and a simulation that is used again."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.board = Board()
        self.busy = False
        self._simulation: Simulation | None = None
        if task.base is None:
            self._folder = scratch()
            atexit.register(discard, self._folder)
        else:
            self._folder = Path(tempfile.mkdtemp(dir=task.base))
        self._running = os.open(self._folder / RUNNING, os.O_RDWR | os.O_CREAT, 0o600)
        paths = dict.fromkeys(part.fmu for part in task.system.parts)
        self._place = Place(
            folders={path: str(archive.unpack(path, self._folder / str(k))) for k, path in enumerate(paths)},
            board=self.board,
        )

    def run(self, number: int, start: Start) -> Made:
        """One scenario."""
        os.pwrite(self._running, NUMBER.pack(number), 0)
        self.busy = True
        try:
            return self._play(self._opened(start))
        except MegatwinError as error:
            self.drop()
            return Made(error=told(error))
        finally:
            self.busy = False
            os.pwrite(self._running, NUMBER.pack(-1), 0)

    def _opened(self, start: Start) -> Simulation:
        task = self.task
        parts = tuple(replace(part, start={**part.start, **start.get(part.name, {})}) for part in task.system.parts)
        span = (task.start_s, task.stop_s)
        if self._simulation is not None and self._simulation.is_resettable:
            self._simulation.restart([part.start for part in parts], span=span)
            return self._simulation
        self.drop()
        self._simulation = Simulation(
            replace(task.system, parts=parts), self._place, algorithm=task.algorithm, span=span
        )
        return self._simulation

    def _play(self, simulation: Simulation) -> Made:
        task = self.task
        packed = simulation.outputs.is_packed
        first = simulation.read()
        times = struct.pack("<d", task.start_s)
        rows: Any = simulation.outputs.pack(first) if packed else [first]
        for step_s, at, count in ((task.step_s, 0, task.count), (task.rest_s, task.count, 1 if task.rest_s else 0)):
            if not count or simulation.ended:
                continue
            given = None if task.rows is None else [list(row) for row in task.rows[at : at + count]]
            last = not task.rest_s or step_s == task.rest_s
            every = task.every or (count if last else count + 1)
            _, more_times, more_rows = simulation.run(step_s, count, given, every)
            times += more_times
            rows += more_rows
        if simulation.ended:
            times = self._shortened(times, simulation.reached_s())
        return Made(times, rows, simulation.ended)

    def _shortened(self, times: bytes, reached_s: float) -> bytes:
        """The last step may have ended before its time."""
        (last_s,) = struct.unpack("<d", times[-8:])
        return times[:-8] + struct.pack("<d", reached_s) if reached_s < last_s - _WHOLE * self.task.step_s else times

    def drop(self) -> None:
        """Frees the instances; the next run makes new ones."""
        simulation, self._simulation = self._simulation, None
        if simulation is not None:
            simulation.close()

    def leave(self) -> None:
        """Frees all."""
        self.drop()
        os.close(self._running)
        discard(self._folder)


_here = threading.local()


def play(task: Task, scenarios: Sequence[tuple[int, Start]]) -> list[Made]:
    """Runs scenarios one after another, with the seat of this thread.

    Args:
        task: What they have in common.
        scenarios: Number and start values of each.
    """
    seat: _Seat | None = getattr(_here, "seat", None)
    if seat is None or seat.task.key != task.key:
        if seat is not None:
            seat.leave()
        try:
            seat = _here.seat = _Seat(task)
        except MegatwinError as error:
            return [Made(error=told(error))] * len(scenarios)
    if _watch is not None:
        _watch.seat = seat
    return [seat.run(number, start) for number, start in scenarios]


class _Watch(threading.Thread):
    """Ends this process when a call into an FMU takes too long."""

    def __init__(self, call_s: float) -> None:
        super().__init__(name="megatwin-fmu-watch", daemon=True)
        self._call_s = call_s
        self.seat: _Seat | None = None

    def run(self) -> None:
        """Looks from time to time."""
        seen, since = None, time.monotonic()
        while True:
            time.sleep(min(self._call_s / 4, _POLL_S))
            seat = self.seat
            noted = (seat, seat.board.read()) if seat is not None and seat.busy else None
            now = time.monotonic()
            if noted is None or noted != seen:
                seen, since = noted, now
            elif now - since >= self._call_s:
                os.kill(os.getpid(), signal.SIGKILL)


_watch: _Watch | None = None


def prepare(limits: WorkerLimits) -> None:
    """Makes this process ready for foreign code: little to see, limited memory, a watcher.

    Args:
        limits: What it may take.
    """
    global _watch  # noqa: PLW0603 - one for the process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in [name for name in os.environ if name not in SEEN and not name.startswith("LC_")]:
        del os.environ[name]
    if limits.memory_bytes is not None:
        limit_memory(limits.memory_bytes)
    _watch = _Watch(limits.call_s)
    _watch.start()
