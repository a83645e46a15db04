"""The child process of a worker: it holds the instances, and answers requests until its parent has gone."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dtdl.errors import FmuError, MegatwinError
from fmu.channel import PICKLED, Channel, opened
from fmu.note import Board
from fmu.options import Options
from fmu.process import WorkerLimits, told
from fmu.system import Algorithm, System

if TYPE_CHECKING:
    from fmu.isolated import Guest
    from fmu.simulation import Simulation

_STEP: Final = struct.Struct("<cd")
_GRACE_S: Final = 2.0
_CHUNK: Final = 1000


class _Session:
    """What was opened: a system, or one instance of a system that runs elsewhere."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._simulation: Simulation | None = None
        self._guest: Guest | None = None
        self._limited = False

    def fast(self, message: bytes) -> bytes:
        """One step of a system whose values are packed."""
        simulation = self._running()
        row = simulation.step(_STEP.unpack_from(message)[1], message[_STEP.size :] or None)
        assert isinstance(row, bytes)
        return (b"\1" if simulation.ended else b"\0") + row

    def serve(self, channel: Channel) -> bytes:
        """Answers requests for single steps as long as nothing else comes; gives the first bytes of that."""
        if self._simulation is None or channel.pending:
            return b""
        return self._simulation.serve(*channel.ends())

    def answer(self, request: tuple[Any, ...]) -> Any:
        """Anything else."""
        name, *arguments = request
        if name == "open":
            return self._open(*arguments)
        if name == "invite":
            return self._invite(*arguments)
        if self._guest is not None:
            return self._guest.answer(name, arguments)
        simulation = self._running()
        if name == "counts":
            return simulation.counts, simulation.ended
        known: dict[str, Callable[..., Any]] = {
            "step": simulation.step,
            "run": simulation.run,
            "save": simulation.save,
            "restore": simulation.restore,
            "forget": simulation.forget,
            "reached_s": simulation.reached_s,
        }
        return known[name](*arguments), simulation.ended

    def stream(self, step_s: float, count: int, every: int) -> Iterator[Any]:
        """Many steps, part by part; each says whether the simulation has ended, and whether it is the last."""
        simulation = self._running()
        left = count
        while left > 0:
            made = simulation.run(step_s, min(left, _CHUNK), None, every)
            left = 0 if simulation.ended else left - made[0]
            yield made, simulation.ended, left <= 0

    def _open(
        self,
        system: System,
        folders: Mapping[Path, str],
        algorithm: Algorithm,
        span: tuple[float, float | None],
        limits: WorkerLimits,
    ) -> Any:
        from fmu.simulation import Place, Simulation  # noqa: PLC0415 - only the child makes calls

        self.close()
        hosts = self._hosts(system, folders, limits)
        self._limit(limits.memory_bytes)
        self._simulation = Simulation(
            system, Place(folders=folders, board=self._board, hosts=hosts), algorithm=algorithm, span=span
        )
        return self._simulation.facts()

    def _hosts(self, system: System, folders: Mapping[Path, str], limits: WorkerLimits) -> dict[str, Any]:
        """Processes for isolated instances; they are started before this one's memory is limited."""
        isolated = [part for part in system.parts if part.isolate]
        if not isolated:
            return {}
        from fmu.isolated import Host  # noqa: PLC0415 - seldom used

        return {part.name: Host(part, Path(folders[part.fmu]), limits) for part in isolated}

    def _invite(self, folder: str, name: str, options: Options, memory_bytes: int | None) -> Any:
        from fmu.isolated import Guest  # noqa: PLC0415 - seldom used

        self._limit(memory_bytes)
        self._guest = Guest(Path(folder), name, options, self._board)
        return self._guest.answer("facts", [])

    def _limit(self, memory_bytes: int | None) -> None:
        if memory_bytes is not None and not self._limited:
            limit_memory(memory_bytes)
        self._limited = True

    def _running(self) -> Simulation:
        if self._simulation is None:
            raise FmuError("no system is open", action="Open one first.")
        return self._simulation

    def close(self) -> None:
        simulation, self._simulation = self._simulation, None
        if simulation is not None:
            simulation.close()
        guest, self._guest = self._guest, None
        if guest is not None:
            guest.close()


def serve(requests: int, answers: int, life: int, note: int) -> None:
    """The life of the child: answers requests until told to close or until the parent has ended.

    Args:
        requests: File descriptor of the pipe that requests come from.
        answers: File descriptor of the pipe that answers go to.
        life: File descriptor of the life line.
        note: File descriptor of the shared memory.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # a crash of an FMU is expected; nobody wants its memory on the disk
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    leaving = threading.Thread(target=_leave_with_parent, args=(life, Path.cwd()), daemon=True)
    leaving.start()
    channel = Channel(requests, answers)
    session = _Session(Board(note))
    while True:
        try:
            channel.feed(session.serve(channel))
            message = channel.receive()
        except MegatwinError as error:
            _send_error(channel, error)
            continue
        except EOFError:
            leaving.join(_GRACE_S)
            break
        if message[0] == PICKLED and (request := opened(message)) == ("close",):
            with contextlib.suppress(MegatwinError):
                session.close()
            break
        try:
            if message[0] == PICKLED and request[0] == "stream":
                for part in session.stream(*request[1:]):
                    channel.send_object(("ok", part))
            elif message[0] == PICKLED:
                channel.send_object(("ok", session.answer(request)))
            else:
                channel.send(session.fast(message))
        except MegatwinError as error:
            _send_error(channel, error)
        except BrokenPipeError:
            leaving.join(_GRACE_S)
            break
    # an FMU's own clean-up at the end of a process is not waited for
    os._exit(0)


def _send_error(channel: Channel, error: MegatwinError) -> None:
    # the parent may have gone meanwhile, which the next request shows
    with contextlib.suppress(BrokenPipeError):
        channel.send_object(told(error))


def _leave_with_parent(life: int, folder: Path) -> None:
    os.read(life, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def limit_memory(more_bytes: int) -> None:
    """Limits the address space of this process to so many bytes more than it has."""
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return  # only Linux tells how much address space is in use already
    pages = int(statistics.read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
