"""The compiled loop of one system: the plan laid out in flat arrays, and its faults turned into our errors."""

from __future__ import annotations

import ctypes
import math
import struct
import weakref
from collections.abc import Sequence
from typing import Any, Final

from dtdl.errors import FmuError, MegatwinError
from fmu.algorithm import Plan, not_converged, plan, substeps, too_coarse
from fmu.conversion import unfit, unmapped
from fmu.coupling import Coupling
from fmu.description import FLOATS, FMI_2, Type
from fmu.fmi1 import CoSimulation1
from fmu.fmi2 import CoSimulation2
from fmu.fmi3 import CoSimulation3
from fmu.instance import Instance
from fmu.kernel import layout
from fmu.kernel.draft import SLOT, Draft, outer_code
from fmu.kernel.library import load
from fmu.system import Algorithm

RUNS: Final = (CoSimulation1, CoSimulation2, CoSimulation3)
_ROOM: Final = 1 << 16


def obstacle(coupling: Coupling, instances: Sequence[Instance]) -> str:
    """Why a system cannot run in the compiled loop; empty when it can.

    It takes co-simulation in this process, of numbers and booleans.
    """
    for member, instance in zip(coupling.members, instances, strict=True):
        if type(instance) not in RUNS:
            return f"{member.part.name} is not co-simulation in the same process"
        if not instance.is_direct:
            return f"{member.part.name} uses its event mode"
        for variable in (*member.inputs, *member.outputs):
            if layout.code_of(variable.type, member.description.major) is None:
                return f"{member.part.name}.{variable.name} is of type {variable.type}"
    for reading in coupling.outputs:
        if outer_code(reading.conversion.target) is None:
            return f"{reading.name} is of type {reading.conversion.target}"
    for type_, _ in coupling.inputs:
        if outer_code(type_) is None:
            return f"an input of the system is of type {type_}"
    return ""


class CompiledLoop:
    """Advances the instances of a coupling, many macro steps in one call.

    Args:
        coupling: The plan; `obstacle` has none.
        instances: Initialized, in its order.
        algorithm: How.
        start_s: Simulation time in seconds.

    Attributes:
        row_bytes: Length of a recorded row, eight bytes for each number.

    Raises:
        BuildFailed: The library is not there, and cannot be built.
    """

    name: Final = "compiled"

    def __init__(
        self, coupling: Coupling, instances: Sequence[Instance], algorithm: Algorithm, *, start_s: float = 0.0
    ) -> None:
        self._library = load()
        self._library.loop_run.restype = ctypes.c_int64
        self.coupling, self.algorithm = coupling, algorithm
        self.instances = instances
        self._plan: Plan = plan(coupling, algorithm)
        self._error: MegatwinError | None = None
        self._serving: Any = None
        draft = Draft(coupling, instances, self._plan, algorithm)
        self._draft, self._loop = draft, draft.loop
        self.row_bytes = draft.loop.row_size
        # the garbage collector does not look into callbacks, so this one must not hold what holds it
        me = weakref.ref(self)
        self._refused = layout.RefusedCall(lambda *what: _told(me(), *what))
        self._loop.refused = self._refused
        self._loop.times[0], self._loop.points = start_s, 1
        for node in draft.nodes:
            node.time = start_s
        self._at = ctypes.byref(self._loop)
        self._step = self._library.loop_step
        self._row = memoryview(draft.row).cast("B")[: self.row_bytes]
        self._loop.reached = start_s
        self._check(self._library.loop_fetch(self._at))

    @property
    def ended(self) -> bool:
        """Whether an FMU asked to end the simulation."""
        return bool(self._loop.any_ended) and any(node.ended for node in self._draft.nodes)

    @property
    def steps(self) -> int:
        """Number of steps that were accepted."""
        return int(self._loop.steps)

    @property
    def repeats(self) -> int:
        """Number of iterations and of steps that were taken back."""
        return int(self._loop.repeats)

    def put_outer(self, row: bytes) -> None:
        """Sets all values from outside.

        Args:
            row: Eight bytes a number.
        """
        ctypes.memmove(self._draft.outer, row, len(row))

    @property
    def made(self) -> int:
        """Number of macro steps since `begin`."""
        return int(self._loop.made)

    def rewind(self, start_s: float) -> None:
        """Begins anew with the same instances, which were initialized again.

        Args:
            start_s: Simulation time in seconds.

        Raises:
            StepFailed: An FMU refused.
        """
        loop = self._loop
        loop.times[0], loop.points, loop.reached = start_s, 1, start_s
        loop.steps = loop.repeats = loop.made = loop.any_ended = 0
        if self.algorithm.adaptive is not None:
            loop.chosen = self.algorithm.adaptive.most_s
        for node in self._draft.nodes:
            node.time, node.ended = start_s, 0
        self._check(self._library.loop_fetch(self._at))

    def begin(self, origin_s: float, step_s: float, made: int = 0) -> None:
        """Says which steps follow.

        Args:
            origin_s: Simulation time of step 0, in seconds.
            step_s: Length of a step in seconds.
            made: How many of them are made already.

        Raises:
            FmuError: It is no multiple of an instance's own step.
        """
        for node, member in zip(self._draft.nodes, self.coupling.members, strict=True):
            node.substeps = substeps(member, step_s)
        loop = self._loop
        loop.origin, loop.span, loop.made = origin_s, step_s, made
        self._library.loop_prepare(self._at)

    def step(self, inputs: bytes | None) -> bytes:
        """Makes one macro step.

        Args:
            inputs: A row; None leaves all as they are.

        Returns:
            The outputs, one row.

        Raises:
            StepFailed, FmuError: As in `run`.
        """
        code = self._step(self._at, inputs)
        if code:
            self._check(code)
        return self._row.tobytes()

    def serve(self, source: int, sink: int) -> bytes:
        """Answers requests for single steps (see `fmu.channel`) until something else comes.

        Args:
            source: File descriptor that requests come from.
            sink: File descriptor that answers go to.

        Returns:
            The first bytes of what came; nothing when the other end has gone.

        Raises:
            StepFailed, FmuError: As in `run`.
        """
        if self._serving is None:
            room = max(_ROOM, 2 * (self.row_bytes + len(self._draft.outer)))
            self._serving = ctypes.create_string_buffer(room)
            self._library.loop_serve.restype = ctypes.c_int64
        buffer = self._serving
        found = self._library.loop_serve(self._at, source, sink, buffer, ctypes.c_int64(len(buffer)))
        if found < 0:
            self._check(found)
        data: bytes = buffer.raw[:found]
        return data

    def run(self, count: int, *, inputs: bytes | None = None, every: int = 1) -> tuple[int, bytes, bytes]:
        """Makes macro steps.

        Args:
            count: How many.
            inputs: A row for each step; None leaves all as they are.
            every: Each how many steps a row is recorded.

        Returns:
            Number of steps made, times of the rows in seconds (doubles), rows.

        Raises:
            StepFailed: An FMU refused, an iteration found no end, the error is too great.
            FmuError: A value does not fit.
        """
        room = count // every + 1
        rows = ctypes.create_string_buffer(max(room * self.row_bytes, 1))
        times = (ctypes.c_double * room)()
        done = self._library.loop_run(
            self._at, ctypes.c_int64(count), inputs, rows, times, ctypes.c_int64(every)
        )  # fmt: skip
        if done < 0:
            self._check(done)
        kept = self._loop.rows
        return int(done), bytes(times)[: SLOT * kept], rows.raw[: self.row_bytes * kept]

    def read(self) -> bytes:
        """The outputs as they are, one row."""
        row = ctypes.create_string_buffer(max(self.row_bytes, 1))
        self._check(self._library.loop_record(self._at, row))
        return row.raw[: self.row_bytes]

    def settle(self) -> None:
        """Tells the instances how far they have come."""
        reached_s = self._loop.reached if self._loop.all_quick else None
        for instance, node in zip(self.instances, self._draft.nodes, strict=True):
            if reached_s is not None and not node.ended:
                node.time = reached_s
            instance.time_s, instance.ended = node.time, bool(node.ended)

    def keep(self) -> tuple[bytes, ...]:
        """Values and their past, for `put_back`; the states of the FMUs are not in it.

        Steps are not final from then on.
        """
        self.settle()
        for node in self._draft.nodes:
            node.final = int(node.major < FMI_2)
        self._library.loop_prepare(self._at)
        loop, draft = self._loop, self._draft
        counts = struct.pack("=iqqd", loop.points, loop.steps, loop.repeats, loop.chosen)
        return (*(arena.raw for arena in draft.arenas), draft.outer.raw, bytes(loop.times), counts)

    def put_back(self, kept: tuple[bytes, ...]) -> None:
        """Goes back to what `keep` gave, after the instances went back."""
        loop, draft = self._loop, self._draft
        for arena, data in zip((*draft.arenas, draft.outer, loop.times), kept[:6], strict=True):
            ctypes.memmove(arena, data, len(data))
        loop.points, loop.steps, loop.repeats, loop.chosen = struct.unpack("=iqqd", kept[6])
        for instance, node in zip(self.instances, draft.nodes, strict=True):
            node.time, node.ended = instance.time_s, instance.ended
        loop.reached = loop.times[0]
        loop.any_ended = any(node.ended for node in draft.nodes)

    def close(self) -> None:
        """Frees saved states."""
        self.settle()
        self._draft.close()

    def refused(self, index: int, what: int, status: int) -> int:
        """What the compiled loop calls when an FMU answers more than Warning.

        Args:
            index: The instance.
            what: Which call, and which of its kind.
            status: The answer.

        Returns:
            0 to go on: the FMU only wants to end.
        """
        node, instance = self._draft.nodes[index], self.instances[index]
        instance.time_s, instance.ended = node.time, bool(node.ended)
        kind, which = what >> 16, what & 0xFFFF
        try:
            if kind == layout.DO_STEP:
                instance.not_done(status)
            else:
                instance.fail(self._draft.names[index][kind][which], status)
        except MegatwinError as error:
            self._error = error
            return 1
        if instance.ended:
            node.ended, node.time = 1, instance.time_s
            self._loop.any_ended = 1
        return 0

    def _check(self, code: int) -> None:
        if code >= 0:
            return
        self.settle()
        error, self._error = self._error, None
        if code == layout.REFUSED:
            assert error is not None
            raise error
        if code == layout.ENDED:
            raise FmuError("the simulation has ended", action="Start it again.")
        loop, at = self._loop, self._loop.fault
        if code == layout.NO_END:
            members = self._plan.steps[at].members
            raise not_converged(self.coupling, self.algorithm, members, loop.fault_time)
        if code == layout.TOO_COARSE:
            raise too_coarse(self.coupling, self.algorithm, loop.fault_time, loop.fault_value)
        name, conversion = self._draft.ways[at] if at >= 0 else self._draft.given[-1 - at]
        value = loop.fault_value
        if code == layout.UNMAPPED:
            raise unmapped(name, bool(value) if conversion.source == "Boolean" else _number(value, conversion.source))
        raise unfit(name, _number(value, conversion.target), conversion.target)


def _told(loop: CompiledLoop | None, index: int, what: int, status: int) -> int:
    assert loop is not None
    return loop.refused(index, what, status)


def _number(value: float, type_: Type) -> float | int:
    return int(value) if type_ not in FLOATS and math.isfinite(value) else value
