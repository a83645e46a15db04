"""FMI 3.0 co-simulation: its functions and callbacks (FMI 3.0, 4)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from fmu.description import Type, Variable
from fmu.instance import WARNING, Block, Instance, Members, Values

_LOGGER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)


class CoSimulation3(Instance):
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
        "Binary": ("Binary", ctypes.c_void_p),
    }

    def _instantiate(self) -> int | None:
        logger = _LOGGER(self._log)
        self._kept.append(logger)
        create = self.function("InstantiateCoSimulation")
        create.restype = ctypes.c_void_p
        create.argtypes = (
            [ctypes.c_char_p] * 3 + [ctypes.c_bool] * 4 + [ctypes.c_void_p, ctypes.c_size_t]
            + [ctypes.c_void_p, _LOGGER, ctypes.c_void_p]
        )  # fmt: skip
        resources = self._folder / "resources"
        path = f"{resources.resolve()}/".encode() if resources.is_dir() else None
        self.note.call("fmi3InstantiateCoSimulation", 0.0)
        found: int | None = create(
            self.name.encode(), self.description.token.encode(), path, False, False, False, False, None, 0, None,
            logger, None,
        )  # fmt: skip
        return found

    def _initialize(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "EnterInitializationMode",
            self.component,
            ctypes.c_bool(tolerance is not None),
            ctypes.c_double(tolerance or 0.0),
            ctypes.c_double(start_s),
            ctypes.c_bool(stop_s is not None),
            ctypes.c_double(stop_s or 0.0),
        )
        self._call("ExitInitializationMode", self.component)

    def _configure(self, values: Mapping[Variable, Any]) -> None:
        """FMI 3.0, 2.3.3: structural parameters are set in configuration mode, before anything that depends on them."""
        self._call("EnterConfigurationMode", self.component)
        self.setter(list(values))(list(values.values()))
        self._call("ExitConfigurationMode", self.component)
        self.structure |= {variable.name: int(value) for variable, value in values.items()}

    def block(self, verb: str, type_: Type, members: Members) -> Block:
        """Binaries have a call of their own, with sizes."""
        return _BinaryBlock(self, verb, type_, members) if type_ == "Binary" else super().block(verb, type_, members)

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self.function("DoStep")
        function.argtypes = [
            ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_bool, *[ctypes.POINTER(ctypes.c_bool)] * 3,
            ctypes.POINTER(ctypes.c_double),
        ]  # fmt: skip
        component = self.component
        event, ended, early, reached = ctypes.c_bool(), ctypes.c_bool(), ctypes.c_bool(), ctypes.c_double()
        results = tuple(ctypes.byref(place) for place in (event, ended, early, reached))

        def step(time_s: float, step_s: float) -> None:
            self.note.call("fmi3DoStep", time_s)
            status = function(component, time_s, step_s, True, *results)
            if status > WARNING:
                self.fail("DoStep", status)
            self.ended = ended.value
            self.time_s = reached.value if self.ended else time_s + step_s

        return step

    def _log(self, environment: int, status: int, category: bytes, message: bytes) -> None:
        del environment, category
        self._logged(status, (message or b"").decode("utf-8", "replace"))


class _BinaryBlock(Block):
    """FMI 3.0, 2.2.6.2: sizes and addresses; what is got belongs to the FMU until its next call."""

    def __init__(self, owner: Instance, verb: str, type_: Type, members: Members) -> None:
        super().__init__(owner, verb, type_, members)
        self._lengths = (ctypes.c_size_t * len(self.buffer))()
        component, references, count, buffer, total = self.arguments
        self.arguments = (component, references, count, self._lengths, buffer, total)

    def get(self) -> Values:
        """Gives bytes in order of the members."""
        self.exchange()
        return [
            ctypes.string_at(address, length) if address else b""
            for address, length in zip(self.buffer, self._lengths, strict=True)
        ]

    def set(self, values: Sequence[Any]) -> None:
        """Takes bytes in order of the members."""
        kept: list[Any] = []
        for k, value in enumerate(values):
            if not isinstance(value, bytes):
                raise self.refused(self.names[k], value, "its type is Binary")
            kept.append(ctypes.create_string_buffer(value, max(len(value), 1)))
            self.buffer[k] = ctypes.addressof(kept[-1])
            self._lengths[k] = len(value)
        self.exchange()
