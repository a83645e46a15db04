"""One instance of an FMU in this process: prepared calls for FMI 2.0 and 3.0 co-simulation.

Native code of others runs in here, so it belongs into a worker process (`fmu.worker`). Every call is noted before it
is made, so that the note outlives a crash.
"""

from __future__ import annotations

import ctypes
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from dtdl.errors import FmuError, StepFailed
from fmu.binaries import find_binary
from fmu.description import Description, Interface, Scalar, Type, Variable
from fmu.note import Note

OK, WARNING, DISCARD, ERROR, FATAL = range(5)
_STATUS: Final = ("OK", "Warning", "Discard", "Error", "Fatal", "Pending")
_KEPT_MESSAGES: Final = 20

Values = list[Any]
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
        messages: What the FMU logged last.
        time_s: Simulation time reached, in seconds.
        ended: Whether the FMU asked to end the simulation.
    """

    prefix: ClassVar[str]
    c_types: ClassVar[Mapping[str, tuple[str, Any]]]

    def __init__(self, folder: Path, description: Description, name: str, note: Note) -> None:
        self.description = description
        self.name = name
        self.time_s = 0.0
        self.ended = False
        self.messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        interface = description.co_simulation
        if interface is None:
            raise FmuError(
                f"{description.file}: it has no co-simulation",
                action="Export it for co-simulation; model exchange and scheduled execution are not run.",
            )
        self.interface: Interface = interface
        self._note = note
        self._folder = folder
        self._alive = False
        self._kept: list[Any] = []
        path = find_binary(folder, description, interface)
        note.call("dlopen", 0.0)
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as error:
            raise FmuError(
                f"{description.file}: its binary cannot be loaded: {error}",
                action="Install the libraries that it names, or export the FMU again.",
            ) from error
        address = self._instantiate()
        self._component = ctypes.c_void_p(address) if address else None
        if self._component is None:
            raise self._failure("Instantiate", "gave no instance")
        self._alive = True

    @abstractmethod
    def _instantiate(self) -> int | None: ...

    @abstractmethod
    def _enter_initialization(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None: ...

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
        """Sets start values and initializes.

        Args:
            values: Start values by variable name; what the description allows to be set (see `Variable.is_settable`).
            start_s, stop_s: Span of the simulation in seconds.
            tolerance: Relative tolerance for solvers inside the FMU.

        Raises:
            FmuError: A name that is not there or may not be set, or a value of another type.
            StepFailed: The FMU refused.
        """
        named = [(self._settable(name), value) for name, value in values.items()]
        self.time_s = start_s
        if named:
            self.setter([variable for variable, _ in named])([value for _, value in named])
        self._enter_initialization(start_s, stop_s, tolerance)
        self._call("ExitInitializationMode", self._component)
        self._step = self._prepare_step()

    def step(self, step_s: float) -> None:
        """Advances by one communication step.

        Args:
            step_s: Its length in seconds.

        Raises:
            StepFailed: The FMU refused, or could not go the whole way.
        """
        self._step(self.time_s, step_s)

    def getter(self, variables: Sequence[Variable]) -> Getter:
        """Prepares reading some variables, all in one call for each type.

        Returns:
            A function that gives their values in order; a list for an array.
        """
        parts = [_Block(self, "Get", type_, members) for type_, members in _by_type(variables)]
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
        parts = [_Block(self, "Set", type_, members) for type_, members in _by_type(variables)]
        if len(parts) == 1:
            return parts[0].set

        def put(values: Sequence[Any]) -> None:
            for part in parts:
                part.set([values[position] for position in part.positions])

        return put

    def close(self) -> None:
        """Terminates and frees the instance; does nothing the second time."""
        if self._component is None:
            return
        component, self._component = self._component, None
        if self._alive:
            self._note.call(self.prefix + "Terminate", self.time_s)
            self._function("Terminate")(component)
        self._note.call(self.prefix + "FreeInstance", self.time_s)
        free = self._function("FreeInstance")
        free.restype = None
        free(component)

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
                f"{self.description.file}: {name!r} ({variable.causality}, {variable.variability}) takes no start value",
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
            count *= int(owner.start) if isinstance(owner.start, int | float) else 0
        return count

    def _function(self, name: str) -> Any:
        try:
            return self._library[self.prefix + name]
        except AttributeError as error:
            raise FmuError(
                f"{self.description.file}: its binary lacks the function {self.prefix}{name}",
                action="Export the FMU again.",
            ) from error

    def _call(self, name: str, *arguments: Any) -> int:
        self._note.call(self.prefix + name, self.time_s)
        status: int = self._function(name)(*arguments)
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
            self._component = None
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

    def _logged(self, status: int, message: str) -> None:
        if status > OK and message not in self.messages:
            self.messages.append(message.strip())


class _Block:
    """Variables of one type with their prepared buffers."""

    def __init__(self, owner: Instance, verb: str, type_: Type, members: Sequence[tuple[int, Variable]]) -> None:
        self.positions = [position for position, _ in members]
        self._owner = owner
        self._type = type_
        self._sizes = [owner.size(variable) for _, variable in members]
        self._arrays = any(variable.dimensions for _, variable in members)
        self._names = [variable.name for _, variable in members]
        if type_ not in owner.c_types:
            raise FmuError(
                f"{owner.description.file}: {self._names[0]!r} is of type {type_}, which cannot be exchanged yet",
                action="Leave it out.",
            )
        suffix, c_type = owner.c_types[type_]
        self._call = f"{owner.prefix}{verb}{suffix}"
        count = sum(self._sizes)
        references = (ctypes.c_uint32 * len(members))(*(variable.value_reference for _, variable in members))
        self.buffer = (c_type * count)()
        self._function = owner._function(verb + suffix)  # noqa: SLF001 - a part of Instance
        self._arguments: tuple[Any, ...] = (
            owner._component, references, ctypes.c_size_t(len(members)), self.buffer,
        )  # fmt: skip
        if owner.description.major >= 3:  # noqa: PLR2004 - FMI 3.0 added nValues
            self._arguments += (ctypes.c_size_t(count),)
        self._verb = verb + suffix

    def _exchange(self) -> None:
        owner = self._owner
        owner._note.call(self._call, owner.time_s)  # noqa: SLF001 - a part of Instance
        status = self._function(*self._arguments)
        if status > WARNING:
            owner.fail(self._verb, status)

    def get(self) -> Values:
        self._exchange()
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
        flat = list(values)
        if self._arrays:
            flat = []
            for name, size, value in zip(self._names, self._sizes, values, strict=True):
                elements = list(value) if isinstance(value, list | tuple) else [value]
                if len(elements) != size:
                    raise self._refused(name, value, f"it has {size} elements")
                flat += elements
        if self._type == "String":
            flat = [value.encode() if isinstance(value, str) else value for value in flat]
        try:
            self.buffer[:] = flat
        except (TypeError, ValueError, OverflowError) as error:
            name, value = next(
                ((n, v) for n, v in zip(self._names, values, strict=False) if not fits(v, self._type)),
                (self._names[0], values[0]),
            )
            raise self._refused(name, value, f"its type is {self._type}") from error
        self._exchange()

    def _refused(self, name: str, value: object, why: str) -> FmuError:
        return FmuError(f"{self._owner.name}: {name!r} does not take {value!r}: {why}", action="Give such a value.")


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


class _Callbacks2(ctypes.Structure):
    _fields_ = (
        ("logger", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
        ("step_finished", ctypes.c_void_p),
        ("environment", ctypes.c_void_p),
    )


# the sixth argument is the first variadic one: passed as if it were declared, on every platform of _LEGACY but Windows
_LOGGER_2: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p
)
_LOGGER_3: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)
_TERMINATED: Final = 3


class _Instance2(Instance):
    """FMI 2.0, 4.2: co-simulation."""

    prefix = "fmi2"
    c_types: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "Float64": ("Real", ctypes.c_double),
        "Int32": ("Integer", ctypes.c_int32),
        "Enumeration": ("Integer", ctypes.c_int32),
        "Boolean": ("Boolean", ctypes.c_int32),
        "String": ("String", ctypes.c_char_p),
    }

    def _instantiate(self) -> int | None:
        logger = _LOGGER_2(self._log)
        c = ctypes.CDLL(None)
        callbacks = _Callbacks2(
            ctypes.cast(logger, ctypes.c_void_p),
            ctypes.cast(c.calloc, ctypes.c_void_p),
            ctypes.cast(c.free, ctypes.c_void_p),
        )
        self._kept += [logger, callbacks]
        create = self._function("Instantiate")
        create.restype = ctypes.c_void_p
        self._note.call("fmi2Instantiate", 0.0)
        resources = (self._folder / "resources").resolve().as_uri()
        found: int | None = create(
            self.name.encode(), 1, self.description.token.encode(), resources.encode(), ctypes.byref(callbacks), 0, 0
        )
        return found

    def _enter_initialization(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "SetupExperiment",
            self._component,
            ctypes.c_int(tolerance is not None),
            ctypes.c_double(tolerance or 0.0),
            ctypes.c_double(start_s),
            ctypes.c_int(stop_s is not None),
            ctypes.c_double(stop_s or 0.0),
        )
        self._call("EnterInitializationMode", self._component)

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self._function("DoStep")
        function.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_int]
        component = self._component

        def step(time_s: float, step_s: float) -> None:
            self._note.call("fmi2DoStep", time_s)
            status = function(component, time_s, step_s, 1)
            if status > WARNING:
                self._discarded(status)
                return
            self.time_s = time_s + step_s

        return step

    def _discarded(self, status: int) -> None:
        """Discard may mean that the FMU wants to end (FMI 2.0, 4.2.3)."""
        if status == DISCARD:
            asked = ctypes.c_int(0)
            self._function("GetBooleanStatus")(self._component, ctypes.c_int(_TERMINATED), ctypes.byref(asked))
            reached = ctypes.c_double(self.time_s)
            if asked.value:
                self._function("GetRealStatus")(self._component, ctypes.c_int(2), ctypes.byref(reached))
                self.ended = True
                self.time_s = reached.value if math.isfinite(reached.value) else self.time_s
                return
        self.fail("DoStep", status)

    def _log(self, environment: int, name: bytes, status: int, category: bytes, message: bytes, first: int) -> None:
        del environment, name, category
        text = (message or b"").decode("utf-8", "replace")
        if text == "%s" and first:
            text = ctypes.string_at(first).decode("utf-8", "replace")
        self._logged(status, text)


class _Instance3(Instance):
    """FMI 3.0, 4: co-simulation."""

    prefix = "fmi3"
    c_types: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "Float64": ("Float64", ctypes.c_double),
        "Float32": ("Float32", ctypes.c_float),
        "Int8": ("Int8", ctypes.c_int8),
        "UInt8": ("UInt8", ctypes.c_uint8),
        "Int16": ("Int16", ctypes.c_int16),
        "UInt16": ("UInt16", ctypes.c_uint16),
        "Int32": ("Int32", ctypes.c_int32),
        "UInt32": ("UInt32", ctypes.c_uint32),
        "Int64": ("Int64", ctypes.c_int64),
        "UInt64": ("UInt64", ctypes.c_uint64),
        "Enumeration": ("Int64", ctypes.c_int64),
        "Boolean": ("Boolean", ctypes.c_bool),
        "String": ("String", ctypes.c_char_p),
    }

    def _instantiate(self) -> int | None:
        logger = _LOGGER_3(self._log)
        self._kept.append(logger)
        create = self._function("InstantiateCoSimulation")
        create.restype = ctypes.c_void_p
        create.argtypes = (
            [ctypes.c_char_p] * 3 + [ctypes.c_bool] * 4 + [ctypes.c_void_p, ctypes.c_size_t]
            + [ctypes.c_void_p, _LOGGER_3, ctypes.c_void_p]
        )  # fmt: skip
        resources = self._folder / "resources"
        path = f"{resources.resolve()}/".encode() if resources.is_dir() else None
        self._note.call("fmi3InstantiateCoSimulation", 0.0)
        found: int | None = create(
            self.name.encode(), self.description.token.encode(), path, False, False, False, False, None, 0, None,
            logger, None,
        )  # fmt: skip
        return found

    def _enter_initialization(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "EnterInitializationMode",
            self._component,
            ctypes.c_bool(tolerance is not None),
            ctypes.c_double(tolerance or 0.0),
            ctypes.c_double(start_s),
            ctypes.c_bool(stop_s is not None),
            ctypes.c_double(stop_s or 0.0),
        )

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self._function("DoStep")
        function.argtypes = [
            ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_bool, *[ctypes.POINTER(ctypes.c_bool)] * 3,
            ctypes.POINTER(ctypes.c_double),
        ]  # fmt: skip
        component = self._component
        event, ended, early, reached = ctypes.c_bool(), ctypes.c_bool(), ctypes.c_bool(), ctypes.c_double()
        results = tuple(map(ctypes.byref, (event, ended, early, reached)))

        def step(time_s: float, step_s: float) -> None:
            self._note.call("fmi3DoStep", time_s)
            status = function(component, time_s, step_s, True, *results)
            if status > WARNING:
                self.fail("DoStep", status)
            self.ended = ended.value
            self.time_s = reached.value if self.ended else time_s + step_s

        return step

    def _log(self, environment: int, status: int, category: bytes, message: bytes) -> None:
        del environment, category
        self._logged(status, (message or b"").decode("utf-8", "replace"))


def open_instance(folder: Path, description: Description, name: str, note: Note) -> Instance:
    """Loads the binary of an unpacked FMU and instantiates it.

    Args:
        folder: Where it was unpacked.
        description: What it says of itself.
        name: Name of the instance.
        note: Where calls are noted.

    Raises:
        PlatformMissing: No binary for this machine.
        FmuError: The binary cannot be loaded, or it has no co-simulation.
        StepFailed: The FMU gave no instance.
    """
    kinds: dict[int, type[Instance]] = {2: _Instance2, 3: _Instance3}
    if description.major not in kinds:
        raise FmuError(
            f"{description.file}: FMI {description.fmi_version} is not run", action="Export it as 2.0 or 3.0."
        )
    return kinds[description.major](folder, description, name, note)


__all__ = ["Instance", "Scalar", "fits", "open_instance"]
