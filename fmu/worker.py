"""A coupled system in a child process, so that foreign native code can end only itself.

`Worker` is the parent's side; `fmu.serving` is the child's, `fmu.process` what is between them.
"""

from __future__ import annotations

import contextlib
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from dtdl.errors import BuildFailed, FmuError
from fmu import archive
from fmu.algorithm import plan
from fmu.binaries import check_platform
from fmu.channel import LENGTH, SHORT
from fmu.coupling import Coupling, couple, describe
from fmu.description import Description
from fmu.kernel.library import find
from fmu.options import choose_interface
from fmu.process import Process, WorkerLimits, discard, scratch
from fmu.rows import Rows
from fmu.system import Algorithm, System

__all__ = ["Recorded", "Worker", "WorkerLimits"]

_FAST: Final = b"s"
_MOST_BYTES: Final = SHORT - 64


@dataclass(frozen=True, slots=True)
class Recorded:
    """Rows of a run; iterating gives the simulation time in seconds and the outputs of each.

    Attributes:
        count: Steps that were made.
        times: Simulation times in seconds.
        rows: Packed rows, or lists of values when there are texts or binaries.
        layout: How rows are packed.
    """

    count: int
    times: array[float]
    rows: bytes | Sequence[Sequence[Any]]
    layout: Rows

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[tuple[float, Sequence[Any]]]:
        rows = self.layout.all(self.rows) if isinstance(self.rows, bytes) else self.rows
        return zip(self.times, rows, strict=False)


class Worker:
    """A system in its process; ``with`` starts and ends it. Its methods block, and are for one thread at a time.

    Args:
        system: The system; `step` takes a value for each of its `input_names`, and gives one for each of its outputs.
        algorithm: How its instances are advanced; plain Jacobi by default.
        limits: What the process may take.
        start_s: Simulation time at the start, in seconds.
        stop_s: Simulation time at the end, if it is known.

    Attributes:
        ended: Whether an FMU asked to end the simulation; no further step may follow.
        loop: ``compiled`` or ``python``, once it has started.
        why: Why the Python loop runs; empty when it does not.

    Raises:
        StepFailed: From every method: an FMU refused, crashed, or missed its deadline. The worker has ended then.
    """

    def __init__(
        self,
        system: System,
        *,
        algorithm: Algorithm | None = None,
        limits: WorkerLimits | None = None,
        start_s: float = 0.0,
        stop_s: float | None = None,
    ) -> None:
        self.system = system
        self.algorithm = algorithm or Algorithm()
        self.limits = limits or WorkerLimits()
        self.ended = False
        self.loop = self.why = ""
        self._span = (start_s, stop_s)
        self._process: Process | None = None
        self._folder: Path | None = None
        self._inputs = self._outputs = Rows((), ())
        self._held: Sequence[Any] = []
        self._request: struct.Struct | None = None
        self._reply: struct.Struct | None = None

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
        """Checks the system, unpacks the FMUs, starts the process, initializes.

        Returns:
            The outputs after initialization.

        Raises:
            InputUnreadable, ArchiveUnsafe, DescriptionInvalid, PlatformMissing: An FMU cannot be used here.
            SystemInvalid: The system has findings.
            FmuError: A variable or value that an FMU does not have.
        """
        descriptions = describe(self.system)
        coupling = couple(self.system, descriptions)
        self._inputs = Rows(self.system.input_names, coupling.inputs)
        self._outputs = Rows(
            [connector.name for connector in self.system.outputs],
            [(reading.conversion.target, reading.size) for reading in coupling.outputs],
        )
        self._check(coupling)
        # what the algorithm needs is refused here, before any FMU is loaded
        plan(coupling, self.algorithm)
        self._folder = scratch()
        try:
            folders = self._unpack(self._folder, descriptions)
            if self.limits.sandbox:
                # it cannot be built inside; without it the Python loop runs, which says why
                with contextlib.suppress(BuildFailed):
                    find()
            self._process = Process(self._folder, [member.title for member in coupling.members], self._patience())
            facts = self._process.ask(
                ("open", self.system, folders, self.algorithm, self._span, self.limits), patience_s=self.limits.start_s
            )
        except BaseException:
            self.close()
            raise
        if self._inputs.letters and self._outputs.letters and max(self._inputs.size, self._outputs.size) < _MOST_BYTES:
            self._request = struct.Struct(f"<Qcd{self._inputs.letters}")
            self._reply = struct.Struct(f"<Q?{self._outputs.letters}")
        self.loop, self.why, self._held = facts.loop, facts.why, facts.inputs
        values: list[Any] = facts.outputs
        return values

    def _patience(self) -> WorkerLimits:
        """An instance in a process of its own is watched from there, and that must be the first to speak."""
        isolated = any(part.isolate for part in self.system.parts)
        return replace(self.limits, call_s=2 * self.limits.call_s + 1.0) if isolated else self.limits

    def _unpack(self, folder: Path, descriptions: Mapping[Path, Description]) -> dict[Path, str]:
        """Each FMU once, however many instances it has."""
        seen: dict[Path, str] = {}
        for path in descriptions:
            key = path.resolve()
            if key not in seen:
                seen[key] = str(archive.unpack(path, folder / str(len(seen))))
        return {path: seen[path.resolve()] for path in descriptions}

    def _check(self, coupling: Coupling) -> None:
        together = Counter(member.part.fmu.resolve() for member in coupling.members if not member.part.isolate)
        for member in coupling.members:
            path = member.part.fmu
            interface = choose_interface(member.description, member.part.options.kind)
            check_platform(path, member.description, interface)
            if interface.once_per_process and not member.part.isolate and together[path.resolve()] > 1:
                raise FmuError(
                    f"{path}: {together[path.resolve()]} instances, and it can be instantiated only once in a process",
                    action="Isolate each instance.",
                )

    def step(self, step_s: float, inputs: Sequence[Any] = ()) -> list[Any]:
        """Sets the system's inputs, makes one macro step, reads its outputs.

        Args:
            step_s: Length of the step in seconds.
            inputs: Values of the inputs in order, or none at all; None leaves one as it is.

        Returns:
            Values of the outputs, in order.
        """
        request, reply = self._request, self._reply
        if request is not None and reply is not None and inputs:
            try:
                message = request.pack(request.size - LENGTH.size, _FAST, step_s, *inputs)
            except struct.error:
                # something is None, or wrong: the long way knows
                pass
            else:
                self._held = list(inputs)
                _, self.ended, *values = reply.unpack(self._running().exchange(message, reply.size))
                return values
        row = self._row(inputs) if inputs else None
        given: Any = self._ask(("step", step_s, row))
        return self._outputs.unpack(given) if self._outputs.is_packed else given

    def run(
        self, step_s: float, count: int, rows: Sequence[Sequence[Any]] | None = None, *, every: int = 1
    ) -> Recorded:
        """Makes many macro steps in one request.

        Args:
            step_s: Length of a step in seconds.
            count: How many.
            rows: Inputs of each step, as in `step`; None leaves all as they are.
            every: Each how many steps, counted from the start, are recorded.

        Returns:
            What was recorded; fewer steps are made when an FMU asked to end.
        """
        given: list[Any] | None = None
        if rows is not None:
            given = [self._row(row) for row in rows]
        count, times, recorded = self._ask(("run", step_s, count, given, every))
        return Recorded(count, array("d", times), recorded, self._outputs)

    def stream(self, step_s: float, count: int, *, every: int = 1) -> Iterator[Recorded]:
        """Makes many macro steps, and gives what was recorded while the next ones are made.

        Args:
            step_s: Length of a step in seconds.
            count: How many.
            every: Each how many steps, counted from the start, are recorded.

        Returns:
            What was recorded, part by part. All is to be taken, or the worker ends.
        """
        if count < 1:
            return
        process, last = self._running(), False
        part = process.ask(("stream", step_s, count, every))
        try:
            while not last:
                (done, times, rows), self.ended, last = part
                yield Recorded(done, array("d", times), rows, self._outputs)
                if not last:
                    part = process.more()
        finally:
            if not last:
                self.close()

    def counts(self) -> tuple[int, int]:
        """Number of steps that were accepted; of iterations and of steps that were taken back."""
        counts: tuple[int, int] = self._ask(("counts",))
        return counts

    def reached_s(self) -> float:
        """Simulation time in seconds; where an FMU asked to end, the time that it names."""
        reached_s: float = self._ask(("reached_s",))
        return reached_s

    def save(self) -> int:
        """Keeps the state of the system in its process, and gives its number.

        Raises:
            FmuError: An FMU cannot save its state.
        """
        number: int = self._ask(("save",))
        return number

    def restore(self, number: int) -> list[Any]:
        """Goes back to a saved state, which stays.

        Args:
            number: Of the state.

        Returns:
            Values of the outputs.
        """
        values: list[Any] = self._ask(("restore", number))
        return values

    def forget(self, number: int) -> None:
        """Frees a saved state.

        Args:
            number: Of the state.
        """
        self._ask(("forget", number))

    def _row(self, inputs: Sequence[Any]) -> bytes | list[Any]:
        """A row of inputs in which what is None is as it was."""
        if len(inputs) != len(self._held):
            raise FmuError(
                f"{len(inputs)} values were given for {len(self._held)} inputs", action="Give one for each input."
            )
        row = inputs
        if None in inputs:
            row = [held if value is None else value for held, value in zip(self._held, inputs, strict=True)]
        if self._inputs.is_packed:
            packed = self._inputs.pack(row)
            self._held = row
            return packed
        self._inputs.check(row)
        self._held = row
        return list(row)

    def _running(self) -> Process:
        if self._process is None:
            raise FmuError("the worker has not started", action="Start it.")
        return self._process

    def _ask(self, request: tuple[Any, ...]) -> Any:
        value, self.ended = self._running().ask(request)
        return value

    def kill(self) -> None:
        """Ends the process at once, from any thread; a method that waits raises StepFailed, and `close` cleans up."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Ends the process, whatever it does, and removes what was unpacked; does nothing the second time."""
        if self._process is not None:
            self._process.close()
        folder, self._folder = self._folder, None
        discard(folder)
