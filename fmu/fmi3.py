"""FMI 3.0 co-simulation: its functions and callbacks (FMI 3.0, 4)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from fmpy.fmi3 import FMU3Slave

from fmu.description import FLOATS, INTEGERS, Type, Variable
from fmu.instance import WARNING, Block, Instance, Members, Values


class CoSimulation3(Instance):
    """FMI 3.0, 4: co-simulation."""

    kind = FMU3Slave
    prefix = "fmi3"
    instantiate = "InstantiateCoSimulation"
    suffixes: ClassVar[Mapping[str, str]] = {
        **{name: name for name in (*FLOATS, *INTEGERS, "Boolean", "String", "Binary")},
        "Enumeration": "Int64",
    }

    def _options(self) -> Mapping[str, Any]:
        return {"logMessage": self._log}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "EnterInitializationMode",
            self.component,
            tolerance is not None,
            tolerance or 0.0,
            start_s,
            stop_s is not None,
            stop_s or 0.0,
        )

    def _leave(self) -> None:
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
        component, final = self.component, self.final
        event, ended, early, reached = ctypes.c_bool(), ctypes.c_bool(), ctypes.c_bool(), ctypes.c_double()
        results = tuple(ctypes.byref(place) for place in (event, ended, early, reached))

        def step(time_s: float, step_s: float) -> None:
            self.note.call("fmi3DoStep", time_s)
            status = function(component, time_s, step_s, final, *results)
            if status > WARNING:
                self.fail("DoStep", status)
            self.ended = ended.value
            self.time_s = reached.value if self.ended else time_s + step_s

        return step

    def _log(self, environment: int, status: int, category: bytes, message: bytes) -> None:
        del environment, category
        self.logged(status, (message or b"").decode("utf-8", "replace"))


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
            self.buffer[k] = ctypes.cast(kept[-1], self.element)
            self._lengths[k] = len(value)
        self.exchange()
