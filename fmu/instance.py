"""One instance of an FMU in this process: prepared calls of the functions that FMPy loaded and typed.

Native code of others runs in here, so it belongs into a worker process (`fmu.worker`). Every call is noted before it
is made, so that the note outlives a crash.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final
from weakref import WeakSet

from dtdl.errors import FmuError, StepFailed
from fmu import derivatives, states
from fmu.binaries import find_binary
from fmu.block import Block, Members, Values
from fmu.description import Description, Interface, Type, Variable
from fmu.note import Note
from fmu.options import Kind
from fmu.states import State
from fmu.status import FATAL, NAMES, OK, WARNING

_KEPT_MESSAGES: Final = 20

Getter = Callable[[], Values]
Setter = Callable[[Sequence[Any]], None]


class Instance(ABC):
    """An instance, from instantiation to its end.

    Args:
        folder: Where the FMU was unpacked.
        description: Its description.
        name: Name of the instance, for messages.
        note: Where calls are noted.

    Attributes:
        prefix: What its functions' names begin with.
        component: Handle of the instance; None when it is freed.
        structure: Structural parameters that were set.
        messages: What the FMU logged last.
        time_s: Simulation time reached, in seconds.
        ended: Whether the FMU asked to end the simulation.
        final: Whether a step that was made is never taken back; set before `leave`, and false once a state was saved.
    """

    kind: ClassVar[type]
    """FMPy's class."""
    interface_kind: ClassVar[Kind] = "co-simulation"
    prefix: str
    instantiate: ClassVar[str] = "Instantiate"
    terminate: ClassVar[str] = "Terminate"
    free: ClassVar[str] = "FreeInstance"
    suffixes: ClassVar[Mapping[str, str]]
    """How the get and set functions of a type end."""
    _first_s = _length_s = _reached_s = 0.0
    _made = 0

    def __init__(self, folder: Path, description: Description, name: str, note: Note) -> None:
        self.description = description
        self.name = name
        self.time_s = 0.0
        self.ended = False
        self.final = True
        self.structure: dict[str, int] = {}
        self.messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        interface = description.interface(self.interface_kind)
        if interface is None:
            raise FmuError(
                f"{description.file}: it has no {self.interface_kind}",
                action="Export it for that, or run what it has.",
            )
        self.interface: Interface = interface
        self.note = note
        self._held: dict[str, Any] = {}
        self._arrays: WeakSet[Block] = WeakSet()
        self._alive = False
        path = find_binary(folder, description, interface)
        from fmu.slave import Slave  # noqa: PLC0415 - FMPy is imported where an FMU is loaded only

        note.call("dlopen", 0.0)
        self._slave = Slave(self.kind, description=description, interface=interface, binary=path, name=name)
        for needed in (self.instantiate, self.terminate, self.free):
            self.function(needed)
        note.call(self.prefix + self.instantiate, 0.0)
        self.component: ctypes.c_void_p | None = self._slave.instantiate(
            lambda: self._failure(self.instantiate, "gave no instance"), **self._options()
        )
        self._alive = True

    def reset(self) -> None:
        """Goes back to how it was when it was instantiated (FMI 2.0, 2.1.6; FMI 3.0, 2.3.1); `enter` follows.

        Raises:
            FmuError: The binary lacks the function.
            StepFailed: The FMU refused.
        """
        self._call("Reset", self.component)
        self.time_s, self.ended = 0.0, False
        self._made, self._length_s = 0, 0.0

    @abstractmethod
    def _options(self) -> Mapping[str, Any]:
        """What FMPy's ``instantiate`` is given."""

    @abstractmethod
    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        """Begins initialization; what depends on inputs may be read and set until `_leave`, but not before FMI 2.0."""

    @abstractmethod
    def _leave(self) -> None:
        """Ends initialization."""

    @property
    def is_direct(self) -> bool:
        """Whether its FMI functions may be called at any time between steps, and a step is one call of DoStep."""
        return True

    def _configure(self, values: Mapping[Variable, Any]) -> None:
        """Sets structural parameters, which only FMI 3.0 has."""
        assert not values

    def configure(self, values: Mapping[str, Any]) -> None:
        """Changes tunable structural parameters after initialization (FMI 3.0, 2.3.3: the reconfiguration mode).

        Arrays whose size depends on them have another length in what was prepared by `getter` and `setter`.

        Args:
            values: By variable name.

        Raises:
            FmuError: One that is not there, or is no tunable structural parameter.
            StepFailed: The FMU refused.
        """
        named = {self.variable(name): value for name, value in values.items()}
        for variable in named:
            if variable.causality != "structuralParameter" or variable.variability != "tunable":
                raise FmuError(
                    f"{self.description.file}: {variable.name!r} ({variable.causality}, {variable.variability}) cannot "
                    "be changed while the simulation runs",
                    action="Set it as a start value.",
                )
        self._configure(named)

    @abstractmethod
    def _prepare_step(self) -> Callable[[float, float], None]: ...

    def initialize(
        self,
        values: Mapping[str, Any],
        *,
        start_s: float = 0.0,
        stop_s: float | None = None,
        tolerance: float | None = None,
    ) -> None:
        """Sets start values and initializes: `enter` and `leave` in one.

        Raises:
            FmuError: A name that is not there or may not be set, or a value of another type.
            StepFailed: The FMU refused.
        """
        self.enter(values, start_s=start_s, stop_s=stop_s, tolerance=tolerance)
        self.leave()

    def enter(
        self,
        values: Mapping[str, Any],
        *,
        start_s: float = 0.0,
        stop_s: float | None = None,
        tolerance: float | None = None,
    ) -> None:
        """Sets start values and begins initialization.

        Args:
            values: Start values by variable name; what the description allows to be set (see `Variable.is_settable`).
            start_s: Simulation time at the start, in seconds.
            stop_s: Simulation time at the end, in seconds, if it is known.
            tolerance: Relative tolerance for solvers inside the FMU.

        Raises:
            FmuError: A name that is not there or may not be set, or a value of another type.
            StepFailed: The FMU refused.
        """
        named = [(self._settable(name), value) for name, value in values.items()]
        self.time_s = start_s
        structural = {variable: value for variable, value in named if variable.causality == "structuralParameter"}
        if structural:
            self._configure(structural)
        plain = [(variable, value) for variable, value in named if variable not in structural]
        if plain:
            self.setter([variable for variable, _ in plain])([value for _, value in plain])
        self._enter(start_s, stop_s, tolerance)

    def leave(self) -> None:
        """Ends initialization.

        Raises:
            StepFailed: The FMU refused.
        """
        self._leave()
        self._step = self._prepare_step()

    def step(self, step_s: float) -> None:
        """Advances by one communication step.

        Args:
            step_s: Its length in seconds.

        Raises:
            StepFailed: The FMU refused, or could not go the whole way.
        """
        time_s = self.time_s
        if step_s != self._length_s or time_s != self._reached_s:
            self._first_s, self._length_s, self._made = time_s, step_s, 0
        self._step(time_s, step_s)
        self._made += 1
        if self.time_s == time_s + step_s and not self.ended:
            # a product, not a sum: over many steps, rounding would lead beyond the stop time that an FMU was told
            self.time_s = self._first_s + self._made * step_s
        self._reached_s = self.time_s

    def not_done(self, status: int) -> None:
        """Takes a step that was not made.

        Args:
            status: What the FMU answered.

        Raises:
            StepFailed: It does not mean that the FMU wants to end.
        """
        self.fail("DoStep", status)

    def getter(self, variables: Sequence[Variable]) -> Getter:
        """Prepares reading some variables, all in one call for each type.

        Returns:
            A function that gives their values in order; a list for an array.
        """
        parts = [self.block("Get", type_, members) for type_, members in _by_type(variables)]
        if len(parts) == 1:
            return parts[0].get

        def get() -> Values:
            values: Values = [None] * len(variables)
            for part in parts:
                for position, value in zip(part.positions, part.get(), strict=True):
                    values[position] = value
            return values

        return get

    def setter(self, variables: Sequence[Variable]) -> Setter:
        """Prepares writing some variables, all in one call for each type.

        Returns:
            A function that takes their values in order; a sequence for an array.
        """
        parts = [self.block("Set", type_, members) for type_, members in _by_type(variables)]
        if len(parts) == 1:
            return parts[0].set

        def put(values: Sequence[Any]) -> None:
            for part in parts:
                part.set([values[position] for position in part.positions])

        return put

    def block(self, verb: str, type_: Type, members: Members) -> Block:
        """Prepares get or set of variables of one type.

        Args:
            verb: ``Get`` or ``Set``.
            type_: Their type.
            members: Position and variable.
        """
        return Block(self, verb, type_, members)

    def save(self) -> State:
        """Keeps the state of the FMU as it is now (FMI 2.0, 2.1.8; FMI 3.0, 2.2.6.4); `State.free` gives it back.

        Raises:
            FmuError: The FMU does not announce that its state can be kept.
        """
        kept = states.save(self, self._extra_state())
        self.final = False
        return kept

    def restore(self, state: State) -> None:
        """Goes back to a state of this instance; it may be used again.

        Raises:
            FmuError: A state of another instance, or one that was freed.
        """
        self._restore_extra(states.restore(self, state))

    def serialize(self, state: State) -> bytes:
        """Turns a state into bytes that another instance of the same FMU can read.

        Raises:
            FmuError: The FMU does not announce it.
        """
        return states.serialize(self, state)

    def deserialize(self, data: bytes) -> State:
        """Makes a state of this instance from the bytes of one of the same FMU.

        Raises:
            FmuError: The FMU does not announce it, or the bytes are no such state.
            StepFailed: The FMU refused them.
        """
        return states.deserialize(self, data)

    def _extra_state(self) -> Any:
        """What we know of the instance besides its own state; plain data."""
        return None

    def _restore_extra(self, extra: Any) -> None:
        del extra

    def directional(self, unknowns: Sequence[Variable], knowns: Sequence[Variable], seed: Sequence[float]) -> Values:
        """Gives directional derivatives (FMI 2.0, 2.1.9; FMI 3.0, 2.2.11).

        Args:
            unknowns: Real variables whose derivatives are wanted.
            knowns: Real variables in whose direction.
            seed: The direction, one number an element of the knowns.

        Returns:
            One number an element of the unknowns.

        Raises:
            FmuError: The FMU does not announce them.
        """
        return derivatives.directional(self, unknowns, knowns, seed)

    def adjoint(self, unknowns: Sequence[Variable], knowns: Sequence[Variable], seed: Sequence[float]) -> Values:
        """Gives adjoint derivatives (FMI 3.0, 2.2.11.2).

        Args:
            unknowns: Real variables.
            knowns: Real variables whose sensitivities are wanted.
            seed: One number an element of the unknowns.

        Returns:
            One number an element of the knowns.

        Raises:
            FmuError: The FMU does not announce them.
        """
        return derivatives.adjoint(self, unknowns, knowns, seed)

    def close(self) -> None:
        """Terminates and frees the instance; does nothing the second time."""
        if self.component is None:
            return
        self.component = None
        if self._alive:
            self.note.call(self.prefix + self.terminate, self.time_s)
            # after Fatal nothing is allowed
            if self._slave.terminate() == FATAL:
                return
        self.note.call(self.prefix + self.free, self.time_s)
        self._slave.free()

    def variable(self, name: str) -> Variable:
        """The variable of a name.

        Raises:
            FmuError: There is none.
        """
        found = self.description.variable(name)
        if found is None:
            raise FmuError(
                f"{self.description.file}: there is no variable {name!r}",
                action="Run `megatwin fmu info` to see its variables.",
            )
        return found

    def _settable(self, name: str) -> Variable:
        variable = self.variable(name)
        if not variable.is_settable:
            raise FmuError(
                f"{self.description.file}: {name!r} ({variable.causality}, {variable.variability}) takes no "
                "start value",
                action="Set parameters, inputs and start values only.",
            )
        return variable

    def size(self, variable: Variable) -> int:
        """Number of elements of a variable, 1 for a scalar."""
        count = 1
        for dimension in variable.dimensions:
            if dimension.start is not None:
                count *= dimension.start
                continue
            owner = next(v for v in self.description.variables if v.value_reference == dimension.value_reference)
            length = self.structure.get(owner.name, owner.start)
            count *= int(length) if isinstance(length, int | float) else 0
        return count

    def watch(self, block: Block) -> None:
        """Notes prepared buffers whose sizes follow structural parameters."""
        self._arrays.add(block)

    def function(self, name: str) -> Any:
        """A function of the binary, without the prefix of its FMI version.

        Raises:
            FmuError: The binary lacks it.
        """
        try:
            return self._slave.function(self.prefix + name)
        except AttributeError as error:
            raise FmuError(
                f"{self.description.file}: its binary lacks the function {self.prefix}{name}",
                action="Export the FMU again.",
            ) from error

    def call(self, name: str, *arguments: Any) -> None:
        """Makes one call on this instance.

        Args:
            name: Of the function, without the prefix.
            arguments: After the handle of the instance.

        Raises:
            FmuError: The binary lacks the function.
            StepFailed: The FMU refused.
        """
        self._call(name, self.component, *arguments)

    def _call(self, name: str, *arguments: Any) -> int:
        self.note.call(self.prefix + name, self.time_s)
        status: int = self.function(name)(*arguments)
        if status > WARNING:
            self.fail(name, status)
        return status

    def fail(self, name: str, status: int) -> None:
        """Turns a status of an FMI function into an error.

        Raises:
            StepFailed: Always.
        """
        # after Error only FreeInstance is allowed, after Fatal nothing is
        self._alive = False
        if status == FATAL:
            self.component = None
        answer = NAMES[status] if 0 <= status < len(NAMES) else str(status)
        raise self._failure(name, f"answered {answer}")

    def _failure(self, name: str, what: str) -> StepFailed:
        said = f": {'; '.join(self.messages)}" if self.messages else ""
        return StepFailed(
            f"{self.name} ({self.description.model_name}): {self.prefix}{name} {what} at t = {self.time_s:g} s{said}",
            instance=self.name,
            call=self.prefix + name,
            time_s=self.time_s,
            action="Look at its inputs and parameters; the FMU's author can say what it means.",
        )

    def logged(self, status: int, message: str) -> None:
        """Keeps a message of the FMU, unless all is well."""
        if status > OK and message not in self.messages:
            self.messages.append(message.strip())


def _by_type(variables: Sequence[Variable]) -> list[tuple[Type, list[tuple[int, Variable]]]]:
    groups: dict[Type, list[tuple[int, Variable]]] = {}
    for position, variable in enumerate(variables):
        groups.setdefault(variable.type, []).append((position, variable))
    return list(groups.items())
