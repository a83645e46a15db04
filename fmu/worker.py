"""A child process that holds the FMUs of one system, so that foreign native code can end only itself.

The parent (`Worker`) talks over a pair of pipes; the child (`serve`) makes the calls. A third pipe, on which nothing is
ever sent, is the life line: when the parent ends, however it ends, it closes, and the child leaves at once, even out of
a call that hangs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from dtdl import errors
from dtdl.errors import FmuError, MegatwinError, StepFailed
from fmu import archive
from fmu.binaries import check_platform
from fmu.description import Description, Interface, read_description
from fmu.note import Board, Note
from fmu.options import Options, choose_interface
from fmu.sandbox import exit_code, wrapped

_ROOT: Final = Path(__file__).resolve().parent.parent
_START: Final = "import sys; sys.path.insert(0, {root!r}); from fmu.worker import serve; serve(*map(int, sys.argv[1:]))"
_SEEN: Final = frozenset({"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT"})
_TAIL_BYTES: Final = 4096
_GRACE_S: Final = 2.0
_POLL_S: Final = 0.5
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One FMU instance of a system.

    Attributes:
        name: Unique in the system.
        fmu: The ``.fmu``.
        start: Start values of parameters, inputs and others, by variable name, in the variables' units.
        inputs: Names of the variables that are set before a step.
        outputs: Names of the variables that are read after a step.
        options: Which of its interfaces is run, and how.
    """

    name: str
    fmu: Path
    start: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What a worker may take.

    Attributes:
        memory_bytes: Address space of the process above what Python itself has; None: not limited.
        call_s: How long one call into an FMU may take.
        start_s: How long the process may take to start.
        sandbox: Run in bubblewrap, where it works (`fmu.sandbox`): no network, no other processes, one folder to write.
    """

    memory_bytes: int | None = 2048 * _MIB
    call_s: float = 10.0
    start_s: float = 30.0
    sandbox: bool = False


class Worker:
    """A system in its process; ``with`` starts and ends it. Its methods block, and are for one thread at a time.

    Args:
        parts: The instances; their inputs, then their outputs, in order, are the values that `step` takes and gives.
        limits: What the process may take.
        start_s: Simulation time at the start, in seconds.
        stop_s: Simulation time at the end, if it is known.

    Attributes:
        ended: Whether an FMU asked to end the simulation; no further step may follow.

    Raises:
        StepFailed: From every method: an FMU refused, crashed, or missed its deadline. The worker has ended then.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        limits: WorkerLimits | None = None,
        start_s: float = 0.0,
        stop_s: float | None = None,
    ) -> None:
        self.parts = tuple(parts)
        self.limits = limits or WorkerLimits()
        self._span = (start_s, stop_s)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._life: int | None = None
        self._tail = _Tail()
        self._folder: Path | None = None
        self._board = Board()
        self._lock = threading.Lock()
        self.ended = False

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> list[Any]:
        """Unpacks the FMUs, starts the process, initializes.

        Returns:
            The outputs after initialization.

        Raises:
            InputUnreadable, ArchiveUnsafe, DescriptionInvalid, PlatformMissing: An FMU cannot be used here.
            FmuError: A variable or value that it does not have.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="megatwin-fmu-"))
        try:
            unpacked = self._unpack(self._folder)
            self._spawn(self._folder)
            values: list[Any] = self._ask(
                ("open", unpacked, self._span, self.limits.memory_bytes), patience_s=self.limits.start_s
            )
        except BaseException:
            self.close()
            raise
        return values

    def _unpack(self, folder: Path) -> list[tuple[Part, str]]:
        """Each FMU once, however many instances it has."""
        seen: dict[Path, str] = {}
        for part in self.parts:
            key = part.fmu.resolve()
            if key not in seen:
                description = read_description(part.fmu, lenient=not part.options.checked)
                interface = choose_interface(description, part.options.kind)
                check_platform(part.fmu, description, interface)
                self._check_count(part, interface)
                seen[key] = str(archive.unpack(part.fmu, folder / str(len(seen))))
        return [(part, seen[part.fmu.resolve()]) for part in self.parts]

    def _check_count(self, part: Part, interface: Interface) -> None:
        count = sum(other.fmu.resolve() == part.fmu.resolve() for other in self.parts)
        if interface.once_per_process and count > 1:
            raise FmuError(
                f"{part.fmu}: {count} instances, and it can be instantiated only once in a process",
                action="Put each instance into a worker of its own.",
            )

    def _spawn(self, folder: Path) -> None:
        to_child, from_parent = os.pipe(), os.pipe()  # requests, then answers
        life_read, life_write = os.pipe()
        note = os.memfd_create("megatwin-note") if hasattr(os, "memfd_create") else _temporary_fd()
        try:
            os.ftruncate(note, Board.SIZE)
            self._board = Board(note)
            given = (to_child[0], from_parent[1], life_read, note)
            command = [sys.executable, "-I", "-c", _START.format(root=str(_ROOT)), *map(str, given)]
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter with our own text
                wrapped(command, folder) if self.limits.sandbox else command,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=given, cwd=folder,
                start_new_session=True, env=_environment(),
            )  # fmt: skip
        except BaseException:
            for fd in (to_child[1], from_parent[0], life_write):
                os.close(fd)
            raise
        finally:
            for fd in (to_child[0], from_parent[1], life_read, note):
                os.close(fd)
        self._pipe = _Duplex(from_parent[0], to_child[1])
        self._life = life_write
        self._tail = _Tail()
        assert self._process.stdout is not None
        self._tail.follow(self._process.stdout)

    def step(self, step_s: float, inputs: Sequence[Any]) -> list[Any]:
        """Sets all inputs, advances all instances by one step, reads all outputs.

        Args:
            step_s: Length of the step in seconds.
            inputs: Values of the inputs of all parts, in order; None leaves one as it is.

        Returns:
            Values of the outputs of all parts, in order.
        """
        values: list[Any] = self._ask(("step", step_s, list(inputs)))
        return values

    def run(
        self, step_s: float, count: int, rows: Sequence[Sequence[Any]] | None = None
    ) -> list[tuple[float, list[Any]]]:
        """Makes many steps in one request.

        Args:
            step_s: Length of a step in seconds.
            count: How many.
            rows: Inputs of each step, as in `step`; None leaves all as they are.

        Returns:
            For each step the simulation time reached in seconds and the outputs; fewer when an FMU asked to end.
        """
        result: list[tuple[float, list[Any]]] = self._ask(("run", step_s, count, rows))
        return result

    def kill(self) -> None:
        """Ends the process at once, from any thread; a method that waits raises StepFailed, and `close` cleans up."""
        process = self._process
        if process is not None:
            _kill(process)

    def close(self) -> None:
        """Ends the process, whatever it does, and removes what was unpacked; does nothing the second time."""
        with self._lock:
            pipe, self._pipe = self._pipe, None
            process, self._process = self._process, None
            life, self._life = self._life, None
            folder, self._folder = self._folder, None
        if pipe is not None:
            # it may have ended already
            with contextlib.suppress(OSError):
                pipe.send(("close",))
            pipe.close()
        if process is not None:
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                _kill(process)
                process.wait()
            self._tail.finish()
        if life is not None:
            os.close(life)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _ask(self, request: tuple[Any, ...], *, patience_s: float = 0.0) -> Any:
        pipe, process = self._pipe, self._process
        if pipe is None or process is None:
            raise StepFailed("the worker has ended", action="Start it again.")
        try:
            pipe.send(request)
            self._wait(pipe, patience_s)
            answer = pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionError) as error:
            raise self._crashed(process) from error
        if answer[0] == "ok":
            self.ended = answer[2]
            return answer[1]
        self.close()
        raise _error_of(answer)

    def _wait(self, pipe: Connection, patience_s: float) -> None:
        """Waits while calls follow one another; one that takes too long ends the process."""
        limit = max(self.limits.call_s, 1e-3)
        seen = self._board.read().count
        since = started = time.monotonic()
        while not pipe.poll(min(limit, _POLL_S)):
            noted = self._board.read()
            now = time.monotonic()
            if noted.count != seen:
                seen, since = noted.count, now
            elif now - since >= limit and (noted.count or now - started >= patience_s):
                raise self._hung(now - since)

    def _hung(self, waited_s: float) -> StepFailed:
        noted = self._board.read()
        name = self._name(noted.instance) if noted.call else "the worker"
        if self._process is not None:
            _kill(self._process)
        self.close()
        return StepFailed(
            f"{name}: {noted.call or 'start'} did not return within {waited_s:.3g} s at t = {noted.time_s:g} s; "
            "its process was ended",
            instance=name,
            call=noted.call,
            time_s=noted.time_s,
            action="Give it more time, or a smaller step.",
        )

    def _crashed(self, process: subprocess.Popen[bytes]) -> StepFailed:
        try:
            code = process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _kill(process)
            code = process.wait()
        code = exit_code(code) if self.limits.sandbox else code
        noted = self._board.read()
        self.close()
        how = f"ended its process ({_signal_name(-code)})" if code < 0 else f"ended its process with code {code}"
        name = self._name(noted.instance) if noted.call else "the worker"
        said = self._tail.text()
        return StepFailed(
            f"{name}: {noted.call or 'start'} {how} at t = {noted.time_s:g} s" + (f"; it said: {said}" if said else ""),
            instance=name,
            call=noted.call,
            time_s=noted.time_s,
            action="Only this system has ended. The FMU's author can say why.",
        )

    def _name(self, index: int) -> str:
        if index >= len(self.parts):
            return "the worker"
        part = self.parts[index]
        return f"{part.name} ({part.fmu.name})"


class _Duplex(Connection):
    """Two one-way pipes as one connection."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        super().__init__(read_fd, writable=False)
        self._out = Connection(write_fd, readable=False)

    def send(self, obj: Any) -> None:
        self._out.send(obj)

    def close(self) -> None:
        self._out.close()
        super().close()


class _Tail:
    """Keeps the last bytes of what a process prints, so that it neither blocks nor fills anything."""

    def __init__(self) -> None:
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._thread: threading.Thread | None = None

    def follow(self, stream: IO[bytes]) -> None:
        self._thread = threading.Thread(target=self._read, args=(stream,), name="megatwin-fmu-output", daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := os.read(stream.fileno(), _TAIL_BYTES):
                self._kept.append(chunk)
                self._size += len(chunk)
                while self._size - len(self._kept[0]) > _TAIL_BYTES:
                    self._size -= len(self._kept.popleft())

    def finish(self) -> None:
        if self._thread is not None:
            self._thread.join(_GRACE_S)

    def text(self) -> str:
        return b"".join(self._kept)[-_TAIL_BYTES:].decode("utf-8", "replace").strip()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what stands between it and us; it leads a session of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """What foreign code may see of our environment, which holds secrets."""
    seen = {name: value for name, value in os.environ.items() if name in _SEEN or name.startswith("LC_")}
    # FMPy imports NumPy, which would start a thread for each processor, and is not used
    return {**seen, "OPENBLAS_NUM_THREADS": "1"}


def _temporary_fd() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _error_of(answer: tuple[Any, ...]) -> MegatwinError:
    _, kind, message, action, instance, call, time_s = answer
    if kind == "StepFailed":
        return StepFailed(message, instance=instance, call=call, time_s=time_s, action=action)
    known = getattr(errors, kind, FmuError)
    found: MegatwinError = known(message, action=action)
    return found


# ---- in the child -------------------------------------------------------------------------------------------------


class _System:
    """The instances of one worker."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._instances: list[Any] = []
        self._inputs: list[tuple[int, list[Any], Any]] = []
        self._outputs: list[Any] = []

    def open(
        self, unpacked: Sequence[tuple[Part, str]], span: tuple[float, float | None], memory_bytes: int | None
    ) -> list[Any]:
        from fmu.loader import open_instance  # noqa: PLC0415 - only the child makes calls

        if memory_bytes is not None:
            _limit_memory(memory_bytes)
        descriptions: dict[str, Description] = {}
        for index, (part, folder) in enumerate(unpacked):
            if folder not in descriptions:
                descriptions[folder] = read_description(Path(folder), lenient=not part.options.checked)
            note = Note(self._board, index)
            instance = open_instance(Path(folder), descriptions[folder], part.name, note, options=part.options)
            self._instances.append(instance)
            instance.initialize(part.start, start_s=span[0], stop_s=span[1])
            inputs = [instance.variable(name) for name in part.inputs]
            self._inputs.append((len(inputs), inputs, instance.setter(inputs) if inputs else None))
            outputs = [instance.variable(name) for name in part.outputs]
            if outputs:
                self._outputs.append(instance.getter(outputs))
        return self.read()

    @property
    def ended(self) -> bool:
        return any(instance.ended for instance in self._instances)

    def read(self) -> list[Any]:
        return [value for get in self._outputs for value in get()]

    def step(self, step_s: float, inputs: Sequence[Any]) -> list[Any]:
        self._write(inputs)
        for instance in self._instances:
            instance.step(step_s)
        return self.read()

    def run(self, step_s: float, count: int, rows: Sequence[Sequence[Any]] | None) -> list[tuple[float, list[Any]]]:
        results: list[tuple[float, list[Any]]] = []
        for k in range(count):
            values = self.step(step_s, rows[k] if rows is not None else ())
            results.append((self._instances[0].time_s, values))
            if self.ended:
                break
        return results

    def _write(self, inputs: Sequence[Any]) -> None:
        if not inputs:
            return
        at = 0
        for instance, (count, variables, setter) in zip(self._instances, self._inputs, strict=True):
            mine = inputs[at : at + count]
            at += count
            given = [k for k, value in enumerate(mine) if value is not None]
            if not given:
                continue
            if len(given) == count:
                setter(mine)
            else:
                instance.setter([variables[k] for k in given])([mine[k] for k in given])

    def close(self) -> None:
        for instance in self._instances:
            instance.close()


def serve(requests: int, answers: int, life: int, note: int) -> None:
    """The life of the child: answers requests until told to close or until the parent has ended.

    Args:
        requests: File descriptor of the pipe that requests come from.
        answers: File descriptor of the pipe that answers go to.
        life: File descriptor of the life line.
        note: File descriptor of the shared page.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_no_core()
    leaving = threading.Thread(target=_leave_with_parent, args=(life, Path.cwd()), daemon=True)
    leaving.start()
    source, sink = Connection(requests, writable=False), Connection(answers, readable=False)
    system = _System(Board(note))
    while True:
        try:
            request = source.recv()
        except EOFError:
            leaving.join(_GRACE_S)
            break
        if request[0] == "close":
            system.close()
            break
        try:
            sink.send(_answer(system, request))
        except BrokenPipeError:
            leaving.join(_GRACE_S)
            break
    # an FMU's own clean-up at the end of a process is not waited for
    os._exit(0)


def _answer(system: _System, request: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        result = getattr(system, request[0])(*request[1:])
    except MegatwinError as error:
        return (
            "error", type(error).__name__, error.message, error.action, getattr(error, "instance", ""),
            getattr(error, "call", ""), getattr(error, "time_s", 0.0),
        )  # fmt: skip
    return ("ok", result, system.ended)


def _leave_with_parent(life: int, folder: Path) -> None:
    os.read(life, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _leave_no_core() -> None:
    """A crash of an FMU is expected; nobody wants its memory on the disk."""
    import resource  # noqa: PLC0415 - POSIX only

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_memory(more_bytes: int) -> None:
    import resource  # noqa: PLC0415 - POSIX only

    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return  # only Linux tells how much address space is in use already
    pages = int(statistics.read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
