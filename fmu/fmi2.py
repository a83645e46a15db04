"""FMI 2.0 co-simulation: its functions, callbacks and status rules (FMI 2.0, 4.2)."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from fmu.instance import DISCARD, WARNING, Instance

# The sixth argument is the first variadic one; on Linux and macOS for x86_64, and on Linux for aarch64, it is passed as
# if it were declared.
_LOGGER: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p
)
_LAST_SUCCESSFUL_TIME: Final = 2
_TERMINATED: Final = 3


class _Callbacks(ctypes.Structure):
    _fields_ = (
        ("logger", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
        ("step_finished", ctypes.c_void_p),
        ("environment", ctypes.c_void_p),
    )


class CoSimulation2(Instance):
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
        logger = _LOGGER(self._log)
        c = ctypes.CDLL(None)
        callbacks = _Callbacks(
            ctypes.cast(logger, ctypes.c_void_p),
            ctypes.cast(c.calloc, ctypes.c_void_p),
            ctypes.cast(c.free, ctypes.c_void_p),
        )
        self._kept += [logger, callbacks]
        create = self.function("Instantiate")
        create.restype = ctypes.c_void_p
        self.note.call("fmi2Instantiate", 0.0)
        resources = (self._folder / "resources").resolve().as_uri()
        found: int | None = create(
            self.name.encode(), 1, self.description.token.encode(), resources.encode(), ctypes.byref(callbacks), 0, 0
        )
        return found

    def _initialize(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "SetupExperiment",
            self.component,
            ctypes.c_int(tolerance is not None),
            ctypes.c_double(tolerance or 0.0),
            ctypes.c_double(start_s),
            ctypes.c_int(stop_s is not None),
            ctypes.c_double(stop_s or 0.0),
        )
        self._call("EnterInitializationMode", self.component)
        self._call("ExitInitializationMode", self.component)

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self.function("DoStep")
        function.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_int]
        component = self.component

        def step(time_s: float, step_s: float) -> None:
            self.note.call("fmi2DoStep", time_s)
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
            self.function("GetBooleanStatus")(self.component, ctypes.c_int(_TERMINATED), ctypes.byref(asked))
            reached = ctypes.c_double(self.time_s)
            if asked.value:
                self.function("GetRealStatus")(
                    self.component, ctypes.c_int(_LAST_SUCCESSFUL_TIME), ctypes.byref(reached)
                )
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
