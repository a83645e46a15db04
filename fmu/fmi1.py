"""FMI 1.0 co-simulation: its functions and callbacks (FMI 1.0 for Co-Simulation, 3)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from fmu.instance import WARNING, Instance

# The sixth argument is the first variadic one; see fmi2.
_LOGGER: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p
)


class _Callbacks(ctypes.Structure):
    _fields_ = (
        ("logger", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
        ("step_finished", ctypes.c_void_p),
    )


class CoSimulation1(Instance):
    """FMI 1.0 for Co-Simulation: the name of the model stands before every function's."""

    terminate = "TerminateSlave"
    free = "FreeSlaveInstance"
    c_types: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "Float64": ("Real", ctypes.c_double),
        "Int32": ("Integer", ctypes.c_int32),
        "Enumeration": ("Integer", ctypes.c_int32),
        "Boolean": ("Boolean", ctypes.c_int8),
        "String": ("String", ctypes.c_char_p),
    }

    def _instantiate(self) -> int | None:
        self.prefix = f"{self.interface.model_identifier}_fmi"
        logger = _LOGGER(self._log)
        c = ctypes.CDLL(None)
        callbacks = _Callbacks(
            ctypes.cast(logger, ctypes.c_void_p),
            ctypes.cast(c.calloc, ctypes.c_void_p),
            ctypes.cast(c.free, ctypes.c_void_p),
        )
        self._kept += [logger, callbacks]
        create = self.function("InstantiateSlave")
        create.restype = ctypes.c_void_p
        create.argtypes = [
            *[ctypes.c_char_p] * 4, ctypes.c_double, ctypes.c_int8, ctypes.c_int8, _Callbacks, ctypes.c_int8,
        ]  # fmt: skip
        self.note.call(self.prefix + "InstantiateSlave", 0.0)
        location = self._folder.resolve().as_uri().encode()
        found: int | None = create(
            self.name.encode(), self.description.token.encode(), location, b"application/x-fmu-sharedlibrary", 0.0, 0,
            0, callbacks, 0,
        )  # fmt: skip
        return found

    def _initialize(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        del tolerance  # FMI 1.0 has none for co-simulation
        self._call(
            "InitializeSlave",
            self.component,
            ctypes.c_double(start_s),
            ctypes.c_int8(stop_s is not None),
            ctypes.c_double(stop_s or 0.0),
        )

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self.function("DoStep")
        function.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_int8]
        component, name = self.component, self.prefix + "DoStep"

        def step(time_s: float, step_s: float) -> None:
            self.note.call(name, time_s)
            status = function(component, time_s, step_s, 1)
            if status > WARNING:
                self.fail("DoStep", status)
            self.time_s = time_s + step_s

        return step

    def _log(self, component: int, name: bytes, status: int, category: bytes, message: bytes, first: int) -> None:
        del component, name, category
        text = (message or b"").decode("utf-8", "replace")
        if text == "%s" and first:
            text = ctypes.string_at(first).decode("utf-8", "replace")
        self._logged(status, text)
