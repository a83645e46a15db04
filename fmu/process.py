"""A child process that makes calls into FMUs, seen from its parent: started, asked, watched, ended.

A third pipe, on which nothing is ever sent, is the life line: when the parent ends, however it ends, it closes, and the
child leaves at once, even out of a call that hangs.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from dtdl import errors
from dtdl.errors import FmuError, MegatwinError, StepFailed
from fmu.channel import LENGTH, PICKLED, Channel, opened
from fmu.note import Board, Noted
from fmu.sandbox import exit_code, wrapped

_ROOT: Final = Path(__file__).resolve().parent.parent
_START: Final = (
    "import sys; sys.path.insert(0, {root!r}); from fmu.serving import serve; serve(*map(int, sys.argv[1:]))"
)
SEEN: Final = frozenset({"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT"})
_TAIL_BYTES: Final = 4096
_GRACE_S: Final = 2.0
_POLL_S: Final = 0.5
_MIB: Final = 1 << 20


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the worker tells when it has opened a system.

    Attributes:
        loop: ``compiled`` or ``python``.
        why: Why it is not the compiled one; empty when it is.
        inputs: Values that the inputs of the system have.
        outputs: Values of its outputs.
    """

    loop: str
    why: str
    inputs: list[Any]
    outputs: list[Any]


class Process:
    """The child. Its methods block, and are for one thread at a time, but for `kill`.

    Args:
        folder: Where FMUs were unpacked; its working directory, which it removes when its parent is gone.
        titles: What the instances are called in messages, by the index that is noted.
        limits: What it may take.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, folder: Path, titles: Sequence[str], limits: WorkerLimits) -> None:
        self._titles = titles
        self._limits = limits
        self._lock = threading.Lock()
        self._first_s = min(max(limits.call_s, 1e-3), _POLL_S)
        to_child, from_parent = os.pipe(), os.pipe()  # requests, then answers
        life_read, life_write = os.pipe()
        note = os.memfd_create("megatwin-note") if hasattr(os, "memfd_create") else _temporary_fd()
        try:
            os.ftruncate(note, Board.SIZE)
            self._board = Board(note)
            given = (to_child[0], from_parent[1], life_read, note)
            command = [sys.executable, "-I", "-c", _START.format(root=str(_ROOT)), *map(str, given)]
            self._child: subprocess.Popen[bytes] | None = subprocess.Popen(  # noqa: S603 - this interpreter, our text
                wrapped(command, folder) if limits.sandbox else command,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=given, cwd=folder,
                start_new_session=True, env=environment(),
            )  # fmt: skip
        except BaseException:
            for fd in (to_child[1], from_parent[0], life_write):
                os.close(fd)
            raise
        finally:
            for fd in (to_child[0], from_parent[1], life_read, note):
                os.close(fd)
        self._channel: Channel | None = Channel(from_parent[0], to_child[1])
        self._life: int | None = life_write
        self.tail = Tail()
        assert self._child.stdout is not None
        self.tail.follow(self._child.stdout)

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self._child.pid if self._child else None

    def ask(self, request: tuple[Any, ...], *, patience_s: float = 0.0) -> Any:
        """Sends a request and waits for its answer.

        Args:
            request: Name of what is asked, and its arguments.
            patience_s: How long the first call may be awaited, in seconds.

        Raises:
            StepFailed: It crashed, or missed its deadline; it has ended then.
            MegatwinError: What the child raised; it has ended then.
        """
        channel = self._channel
        if channel is None:
            raise _gone()
        try:
            channel.send_object(request)
            return self._answer(channel, patience_s)
        except (EOFError, ConnectionError) as error:
            raise self._crashed() from error

    def exchange(self, framed: bytes, size: int) -> bytes:
        """As `ask`, with a short message and an answer that are not pickled.

        Args:
            framed: The message, its length in front.
            size: Length of the answer, its length in front.

        Returns:
            The answer, its length in front.
        """
        channel = self._channel
        if channel is None:
            raise _gone()
        try:
            data = channel.exchange(framed, 1000.0 * self._first_s)
            if len(data) == size and data[LENGTH.size] != PICKLED:
                return data
            channel.feed(data)
            answer: bytes = self._answer(channel, 0.0)
        except (EOFError, ConnectionError) as error:
            raise self._crashed() from error
        return LENGTH.pack(len(answer)) + answer

    def more(self) -> Any:
        """Waits for the next answer to a request that has several."""
        channel = self._channel
        if channel is None:
            raise _gone()
        try:
            return self._answer(channel, 0.0)
        except (EOFError, ConnectionError) as error:
            raise self._crashed() from error

    def _answer(self, channel: Channel, patience_s: float) -> Any:
        if not channel.ready(self._first_s):
            self._wait(channel, patience_s)
        message = channel.receive()
        return self._value(message) if message[0] == PICKLED else message

    def _value(self, message: bytes) -> Any:
        answer = opened(message)
        if answer[0] == "ok":
            return answer[1]
        self.close()
        raise error_of(answer)

    def _wait(self, channel: Channel, patience_s: float) -> None:
        """Waits while calls follow one another; one that takes too long ends the process."""
        limit = max(self._limits.call_s, 1e-3)
        seen = self._board.read()
        since = started = time.monotonic()
        while not channel.ready(min(limit, _POLL_S)):
            noted = self._board.read()
            now = time.monotonic()
            # the compiled loop counts only some of its calls
            if noted != seen:
                seen, since = noted, now
            elif now - since >= limit and (noted.count or now - started >= patience_s):
                raise self._hung(now - since)

    def _hung(self, waited_s: float) -> StepFailed:
        noted = self._board.read()
        name = self._name(noted)
        self.kill()
        self.close()
        return StepFailed(
            f"{name}: {noted.call or 'start'} did not return within {waited_s:.3g} s at t = {noted.time_s:g} s; "
            "its process was ended",
            instance=name,
            call=noted.call,
            time_s=noted.time_s,
            action="Give it more time, or a smaller step.",
        )

    def _crashed(self) -> StepFailed:
        child = self._child
        if child is None:
            return _gone()
        try:
            code = child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _kill(child)
            code = child.wait()
        code = exit_code(code) if self._limits.sandbox else code
        noted = self._board.read()
        self.close()
        how = f"ended its process ({_signal_name(-code)})" if code < 0 else f"ended its process with code {code}"
        name = self._name(noted)
        said = self.tail.text()
        return StepFailed(
            f"{name}: {noted.call or 'start'} {how} at t = {noted.time_s:g} s" + (f"; it said: {said}" if said else ""),
            instance=name,
            call=noted.call,
            time_s=noted.time_s,
            action="Only this system has ended. The FMU's author can say why.",
        )

    def _name(self, noted: Noted) -> str:
        return self._titles[noted.instance] if noted.call and noted.instance < len(self._titles) else "the worker"

    def kill(self) -> None:
        """Ends it at once, from any thread; a method that waits raises StepFailed, and `close` cleans up."""
        child = self._child
        if child is not None:
            _kill(child)

    def close(self) -> None:
        """Ends it, whatever it does; does nothing the second time."""
        with self._lock:
            channel, self._channel = self._channel, None
            child, self._child = self._child, None
            life, self._life = self._life, None
        if channel is not None:
            # it may have ended already
            with contextlib.suppress(OSError):
                channel.send_object(("close",))
            channel.close()
        if child is not None:
            try:
                child.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                _kill(child)
                child.wait()
            self.tail.finish()
        if life is not None:
            os.close(life)


class Tail:
    """Keeps the last bytes of what a process prints, so that it neither blocks nor fills anything."""

    def __init__(self) -> None:
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._thread: threading.Thread | None = None

    def follow(self, stream: IO[bytes]) -> None:
        """Reads until the stream ends."""
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
        """Waits a little for the end."""
        if self._thread is not None:
            self._thread.join(_GRACE_S)

    def text(self) -> str:
        """What was kept."""
        return b"".join(self._kept)[-_TAIL_BYTES:].decode("utf-8", "replace").strip()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what stands between it and us; it leads a session of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def scratch() -> Path:
    """A new folder for unpacked FMUs."""
    return Path(tempfile.mkdtemp(prefix="megatwin-fmu-"))


def discard(folder: Path | None) -> None:
    """Removes a folder of unpacked FMUs."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _gone() -> StepFailed:
    return StepFailed("the worker has ended", action="Start it again.")


def environment() -> dict[str, str]:
    """What foreign code may see of our environment, which holds secrets."""
    seen = {name: value for name, value in os.environ.items() if name in SEEN or name.startswith("LC_")}
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


def told(error: MegatwinError) -> tuple[Any, ...]:
    """An error as plain data, for another process."""
    return (
        "error", type(error).__name__, error.message, error.action, getattr(error, "instance", ""),
        getattr(error, "call", ""), getattr(error, "time_s", 0.0),
    )  # fmt: skip


def error_of(answer: tuple[Any, ...]) -> MegatwinError:
    """The error of which `told` gave the data."""
    _, kind, message, action, instance, call, time_s = answer
    if kind == "StepFailed":
        return StepFailed(message, instance=instance, call=call, time_s=time_s, action=action)
    if kind == "SystemInvalid":
        # the parent has checked the system already, and found nothing
        return FmuError(message, action=action)
    known = getattr(errors, kind, FmuError)
    found: MegatwinError = known(message, action=action)
    return found
