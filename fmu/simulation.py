"""A coupled system in this process: its instances initialized together, its loop chosen, stepped, recorded, saved.

Native code of others runs in here, so it belongs into a worker process (`fmu.worker`).
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from dtdl.errors import BuildFailed, FmuError, MegatwinError
from fmu import rollback
from fmu.coupling import Coupling, couple, describe
from fmu.description import FMI_2
from fmu.instance import Instance
from fmu.isolated import Host
from fmu.kernel.compiled import RUNS, CompiledLoop, obstacle
from fmu.loader import open_instance
from fmu.master import PythonLoop
from fmu.note import Board, Note
from fmu.process import Facts
from fmu.rows import Rows
from fmu.starting import initialize
from fmu.system import Algorithm, System

Values = list[Any]
_TIME: Final = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class _Saved:
    memories: list[rollback.Memory]
    loop: Any
    clock: tuple[float, int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a system is opened.

    Attributes:
        folders: Where each ``.fmu`` was unpacked.
        board: Where calls are noted.
        hosts: Stand for the isolated instances, by name.
    """

    folders: Mapping[Path, str]
    board: Board = field(default_factory=Board)
    hosts: Mapping[str, Host] = field(default_factory=dict)


class Simulation:
    """The instances of a system, from instantiation to their end.

    Args:
        system: The system.
        place: Where its FMUs are.
        algorithm: How the instances are advanced.
        span: Simulation time at the start, and at the end when it is known, in seconds.
        compiled: Whether the compiled loop may run.

    Attributes:
        coupling: The plan.
        inputs, outputs: How values from and to the outside are packed.

    Raises:
        SystemInvalid, FmuError, StepFailed, PlatformMissing: The system cannot run.
    """

    def __init__(
        self,
        system: System,
        place: Place,
        *,
        algorithm: Algorithm | None = None,
        span: tuple[float, float | None] = (0.0, None),
        compiled: bool = True,
    ) -> None:
        folders = place.folders
        self._algorithm = algorithm or Algorithm()
        self.coupling: Coupling = couple(system, describe(system, {path: Path(to) for path, to in folders.items()}))
        self._instances: list[Instance] = []
        self._saved: dict[int, _Saved] = {}
        self._numbers = itertools.count(1)
        self.inputs = Rows(system.input_names, self.coupling.inputs)
        self.outputs = Rows(
            [connector.name for connector in system.outputs],
            [(reading.conversion.target, reading.size) for reading in self.coupling.outputs],
        )
        # steps are counted from an origin, so that rounding does not add up
        self._origin_s, self._span_s = span[0], 0.0
        try:
            self._open(place, span)
            self._loop, self._why = self._choose(span[0], compiled=compiled)
        except MegatwinError:
            # the process may go on with another one
            for instance in self._instances:
                instance.close()
            raise

    def _open(self, place: Place, span: tuple[float, float | None]) -> None:
        back = self._algorithm.adaptive is not None or self._algorithm.loops != "none"
        for index, member in enumerate(self.coupling.members):
            interface = member.interface
            note, host = Note(place.board, index), place.hosts.get(member.part.name)
            folder = Path(place.folders[member.part.fmu])
            instance: Instance
            if host is not None:
                instance = host.receive(member.description, interface, note)
            else:
                options = member.part.options
                instance = open_instance(folder, member.description, member.part.name, note, options=options)
            self._instances.append(instance)
            instance.final = not (back and interface is not None and interface.get_set_state)
        self._outer = initialize(self.coupling, self._instances, self._algorithm, span=span)

    @property
    def is_resettable(self) -> bool:
        """Whether `restart` can be used: sizes stay as they are, and each instance can be reset from here."""
        return all(
            type(instance) in RUNS
            and instance.description.major >= FMI_2
            and instance.is_direct
            and not any(variable.causality == "structuralParameter" for variable in instance.description.variables)
            for instance in self._instances
        )

    def restart(self, starts: Sequence[Mapping[str, Any]], *, span: tuple[float, float | None]) -> None:
        """Resets all instances and initializes them with other start values.

        Args:
            starts: Of each instance, in the system's order: all start values by variable name.
            span: Simulation time at the start, and at the end when it is known, in seconds.

        Raises:
            FmuError, StepFailed: As at the beginning; the simulation is to be closed then.
        """
        for number in list(self._saved):
            self.forget(number)
        for instance in self._instances:
            instance.reset()
        members = tuple(
            replace(member, part=replace(member.part, start=start))
            for member, start in zip(self.coupling.members, starts, strict=True)
        )
        self.coupling = replace(self.coupling, members=members)
        self._outer = initialize(self.coupling, self._instances, self._algorithm, span=span)
        self._origin_s, self._span_s = span[0], 0.0
        if isinstance(self._loop, CompiledLoop):
            self._loop.rewind(span[0])
            self._loop.put_outer(self.inputs.pack(self._outer))
        else:
            self._loop.close()
            self._loop, self._why = self._choose(span[0], compiled=False)

    def _choose(self, start_s: float, *, compiled: bool) -> tuple[CompiledLoop | PythonLoop, str]:
        why = obstacle(self.coupling, self._instances) if compiled else "the Python loop was asked for"
        if not why:
            try:
                loop = CompiledLoop(self.coupling, self._instances, self._algorithm, start_s=start_s)
            except BuildFailed as error:
                why = error.message
            else:
                loop.put_outer(self.inputs.pack(self._outer))
                return loop, ""
        python = PythonLoop(self.coupling, self._instances, self._algorithm, start_s=start_s)
        python.outer = list(self._outer)
        self._give = [
            (reading.part, reading.slot, reading.conversion.function(reading.name)) for reading in self.coupling.outputs
        ]
        return python, why

    def facts(self) -> Facts:
        """What runs, and the first values."""
        return Facts(loop=self._loop.name, why=self._why, inputs=self._outer, outputs=self.read())

    @property
    def ended(self) -> bool:
        """Whether an FMU asked to end the simulation."""
        return self._loop.ended

    @property
    def counts(self) -> tuple[int, int]:
        """Steps that were accepted; iterations and steps that were taken back."""
        return self._loop.steps, self._loop.repeats

    def read(self) -> Values:
        """Values of the outputs as they are."""
        if isinstance(self._loop, CompiledLoop):
            return self.outputs.unpack(self._loop.read())
        return [convert(self._loop.now[part][slot]) for part, slot, convert in self._give]

    def step(self, step_s: float, inputs: bytes | Values | None) -> bytes | Values:
        """Makes one macro step.

        Args:
            step_s: Its length in seconds.
            inputs: A packed row, or values when they cannot be packed; None leaves all as they are.

        Returns:
            The outputs, in the same form.
        """
        loop = self._loop
        if isinstance(loop, CompiledLoop) and (inputs is None or isinstance(inputs, bytes)):
            if step_s != self._span_s:
                self._begin(step_s)
            return loop.step(inputs)
        _, _, rows = self.run(step_s, 1, None if inputs is None else [inputs], 1)
        return rows if isinstance(rows, bytes) else rows[0]

    def serve(self, source: int, sink: int) -> bytes:
        """Answers requests for single steps of the same length in the compiled loop, until something else comes.

        Args:
            source: File descriptor that requests come from.
            sink: File descriptor that answers go to.

        Returns:
            The first bytes of what came, if any were read.
        """
        loop = self._loop
        if not isinstance(loop, CompiledLoop) or not self._span_s or sys.platform == "win32":
            return b""
        return loop.serve(source, sink)

    def _begin(self, step_s: float) -> None:
        if not step_s > 0:
            raise FmuError(f"a step of {step_s:g} s is no step", action="Give one above 0 s.")
        now_s = self._now_s
        self._loop.begin(now_s, step_s)
        self._origin_s, self._span_s = now_s, step_s

    def run(
        self, step_s: float, count: int, inputs: bytes | Sequence[bytes | Values] | None, every: int
    ) -> tuple[int, bytes, bytes | list[Values]]:
        """Makes many macro steps.

        Args:
            step_s: Length of a step in seconds.
            count: How many.
            inputs: Rows for the steps: packed and joined, or one by one; None leaves all as they are.
            every: Each how many steps a row is recorded; a step after which an FMU ends is recorded too.

        Returns:
            Steps made; times of the rows in seconds as doubles; rows, packed when they can be.
        """
        if self.ended:
            raise FmuError("the simulation has ended", action="Start it again.")
        if step_s != self._span_s:
            self._begin(step_s)
        if isinstance(self._loop, CompiledLoop):
            given = inputs if isinstance(inputs, bytes) or inputs is None else b"".join(map(self._packed, inputs))
            return self._loop.run(count, inputs=given, every=every)
        return self._run_python(count, inputs, every)

    @property
    def _now_s(self) -> float:
        return self._origin_s + self._loop.made * self._span_s

    def _packed(self, row: bytes | Values) -> bytes:
        return row if isinstance(row, bytes) else self.inputs.pack(row)

    def _run_python(
        self, count: int, inputs: bytes | Sequence[bytes | Values] | None, every: int
    ) -> tuple[int, bytes, bytes | list[Values]]:
        loop = self._loop
        assert isinstance(loop, PythonLoop)
        rows = self._unpacked(inputs)
        times, recorded = bytearray(), list[Values]()
        done = 0
        for _ in range(count):
            if rows is not None:
                loop.outer = rows[done]
            loop.step()
            done += 1
            if loop.ended or loop.made % every == 0:
                times += _TIME.pack(self._now_s)
                recorded.append(self.read())
            if loop.ended:
                break
        if self.outputs.is_packed:
            return done, bytes(times), b"".join(map(self.outputs.pack, recorded))
        return done, bytes(times), recorded

    def _unpacked(self, inputs: bytes | Sequence[bytes | Values] | None) -> list[Values] | None:
        if inputs is None:
            return None
        if isinstance(inputs, bytes):
            return list(self.inputs.all(inputs))
        return [self.inputs.unpack(row) if isinstance(row, bytes) else row for row in inputs]

    def reached_s(self) -> float:
        """Simulation time in seconds; where an FMU asked to end, the time that it names."""
        loop = self._loop
        if isinstance(loop, CompiledLoop):
            loop.settle()
        ended = [instance.time_s for instance in self._instances if instance.ended]
        return min(ended) if ended else self._now_s

    def save(self) -> int:
        """Keeps the state of all, and gives its number.

        Raises:
            FmuError: An FMU cannot save its state.
        """
        rollback.check(self.coupling.members, "saving")
        loop = self._loop
        kept = loop.keep()
        memories = [rollback.memory_of(instance) for instance in self._instances]
        for memory in memories:
            memory.save()
        number = next(self._numbers)
        self._saved[number] = _Saved(memories, kept, (self._origin_s, self._loop.made, self._span_s))
        return number

    def restore(self, number: int) -> Values:
        """Goes back to a saved state, which stays.

        Args:
            number: Of the state.

        Returns:
            The outputs.

        Raises:
            FmuError: There is no such state.
        """
        saved = self._state(number)
        for memory in saved.memories:
            memory.restore()
        self._loop.put_back(saved.loop)
        self._origin_s, made, self._span_s = saved.clock
        if self._span_s > 0:
            self._loop.begin(self._origin_s, self._span_s, made)
        return self.read()

    def forget(self, number: int) -> None:
        """Frees a saved state.

        Args:
            number: Of the state.

        Raises:
            FmuError: There is no such state.
        """
        for memory in self._state(number).memories:
            memory.close()
        del self._saved[number]

    def _state(self, number: int) -> _Saved:
        if number not in self._saved:
            raise FmuError(f"there is no saved state {number}", action="Save one first.")
        return self._saved[number]

    def close(self) -> None:
        """Frees all states and instances; does nothing the second time."""
        for number in list(self._saved):
            self.forget(number)
        self._loop.close()
        for instance in self._instances:
            instance.close()
