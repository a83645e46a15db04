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

from dtdl.errors import FmuError, StepFailed
from fmu.binaries import find_binary
from fmu.description import FMI_3, Description, Interface, Type, Variable
from fmu.note import Note

OK, WARNING, DISCARD, ERROR, FATAL = range(5)
_STATUS: Final = ("OK", "Warning", "Discard", "Error", "Fatal", "Pending")
_KEPT_MESSAGES: Final = 20
_VALUES: Final = 3

Values = list[Any]
Getter = Callable[[], Values]
Setter = Callable[[Sequence[Any]], None]
Members = Sequence[tuple[int, Variable]]


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
        final: Whether a step that was made is never taken back; set before `leave`.
    """

    kind: ClassVar[type]
    """FMPy's class."""
    prefix: str
    instantiate: ClassVar[str] = "Instantiate"
    terminate: ClassVar[str] = "Terminate"
    free: ClassVar[str] = "FreeInstance"
    suffixes: ClassVar[Mapping[str, str]]
    """How the get and set functions of a type end."""

    def __init__(self, folder: Path, description: Description, name: str, note: Note) -> None:
        self.description = description
        self.name = name
        self.time_s = 0.0
        self.ended = False
        self.final = True
        self.structure: dict[str, int] = {}
        self.messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        interface = description.co_simulation
        if interface is None:
            raise FmuError(
                f"{description.file}: it has no co-simulation",
                action="Export it for co-simulation; model exchange and scheduled execution are not run.",
            )
        self.interface: Interface = interface
        self.note = note
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

    @abstractmethod
    def _options(self) -> Mapping[str, Any]:
        """What FMPy's ``instantiate`` is given."""

    @abstractmethod
    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        """Begins initialization; what depends on inputs may be read and set until `_leave`, but not before FMI 2.0."""

    @abstractmethod
    def _leave(self) -> None:
        """Ends initialization."""

    def _configure(self, values: Mapping[Variable, Any]) -> None:
        """Sets structural parameters, which only FMI 3.0 has."""
        assert not values

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
        self._step(self.time_s, step_s)

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
        answer = _STATUS[status] if 0 <= status < len(_STATUS) else str(status)
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


class Block:
    """Variables of one type with their prepared buffers."""

    def __init__(self, owner: Instance, verb: str, type_: Type, members: Members) -> None:
        self.positions = [position for position, _ in members]
        self.owner = owner
        self._type = type_
        self._sizes = [owner.size(variable) for _, variable in members]
        self._arrays = any(variable.dimensions for _, variable in members)
        self.names = [variable.name for _, variable in members]
        if type_ not in owner.suffixes:
            raise FmuError(
                f"{owner.description.file}: {self.names[0]!r} is of type {type_}, which cannot be exchanged yet",
                action="Leave it out.",
            )
        self._verb = verb + owner.suffixes[type_]
        self._call = owner.prefix + self._verb
        typed = owner.function(self._verb)
        # its arguments get their types once, here, and not in every call
        self._function = typed.bare
        # component, references, their count, for binaries sizes, then the values
        pointer = typed.argtypes[_VALUES + (type_ == "Binary")]
        self.element: Any = pointer._type_
        references = (ctypes.c_uint32 * len(members))(*(variable.value_reference for _, variable in members))
        count = sum(self._sizes)
        # a char is a byte string for ctypes; a boolean of FMI 1.0 is meant
        held = ctypes.c_int8 if self.element is ctypes.c_char else self.element
        self.buffer: Any = (held * count)()
        self.arguments: tuple[Any, ...] = (
            owner.component, references, ctypes.c_size_t(len(members)), ctypes.cast(self.buffer, pointer),
        )  # fmt: skip
        if owner.description.major >= FMI_3:
            self.arguments += (ctypes.c_size_t(count),)

    def exchange(self) -> None:
        """Makes the call."""
        owner = self.owner
        owner.note.call(self._call, owner.time_s)
        status = self._function(*self.arguments)
        if status > WARNING:
            owner.fail(self._verb, status)

    def get(self) -> Values:
        """Gives the values in order of the members."""
        self.exchange()
        if self._type == "String":
            values: Values = [(text or b"").decode("utf-8", "replace") for text in self.buffer]
        elif self._type == "Boolean":
            values = [bool(value) for value in self.buffer]
        else:
            values = list(self.buffer)
        if not self._arrays:
            return values
        grouped: Values = []
        start = 0
        for size in self._sizes:
            grouped.append(values[start : start + size])
            start += size
        return grouped

    def set(self, values: Sequence[Any]) -> None:
        """Takes values in order of the members."""
        flat = list(values)
        if self._arrays:
            flat = []
            for name, size, value in zip(self.names, self._sizes, values, strict=True):
                elements = list(value) if isinstance(value, list | tuple) else [value]
                if len(elements) != size:
                    raise self.refused(name, value, f"it has {size} elements")
                flat += elements
        if self._type == "String":
            flat = [value.encode() if isinstance(value, str) else value for value in flat]
        try:
            self.buffer[:] = flat
        except (TypeError, ValueError, OverflowError) as error:
            name, value = next(
                ((n, v) for n, v in zip(self.names, values, strict=False) if not fits(v, self._type)),
                (self.names[0], values[0]),
            )
            raise self.refused(name, value, f"its type is {self._type}") from error
        self.exchange()

    def refused(self, name: str, value: object, why: str) -> FmuError:
        """The error for a value that a variable does not take."""
        return FmuError(f"{self.owner.name}: {name!r} does not take {value!r}: {why}", action="Give such a value.")


def fits(value: object, type_: Type) -> bool:
    """Whether a JSON value can be given to a scalar variable of a type."""
    if type_ in ("Float64", "Float32"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if type_ == "Boolean":
        return isinstance(value, bool)
    if type_ == "String":
        return isinstance(value, str)
    if type_ == "Binary":
        return isinstance(value, bytes)
    whole = isinstance(value, float) and value.is_integer()
    return (isinstance(value, int) and not isinstance(value, bool)) or whole


def _by_type(variables: Sequence[Variable]) -> list[tuple[Type, list[tuple[int, Variable]]]]:
    groups: dict[Type, list[tuple[int, Variable]]] = {}
    for position, variable in enumerate(variables):
        groups.setdefault(variable.type, []).append((position, variable))
    return list(groups.items())
