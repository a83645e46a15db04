"""FMI 2.0 co-simulation: its functions, callbacks and status rules (FMI 2.0, 4.2)."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from fmpy.fmi2 import FMU2Slave, fmi2CallbackFunctions, fmi2LastSuccessfulTime, fmi2Terminated

from fmu.instance import DISCARD, WARNING, Instance
from fmu.slave import callbacks


class CoSimulation2(Instance):
    """FMI 2.0, 4.2: co-simulation."""

    kind = FMU2Slave
    prefix = "fmi2"
    suffixes: ClassVar[Mapping[str, str]] = {
        "Float64": "Real",
        "Int32": "Integer",
        "Enumeration": "Integer",
        "Boolean": "Boolean",
        "String": "String",
    }

    def _options(self) -> Mapping[str, Any]:
        return {"callbacks": callbacks(fmi2CallbackFunctions, self.name, self.logged)}

    def _initialize(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "SetupExperiment",
            self.component,
            tolerance is not None,
            tolerance or 0.0,
            start_s,
            stop_s is not None,
            stop_s or 0.0,
        )
        self._call("EnterInitializationMode", self.component)
        self._call("ExitInitializationMode", self.component)

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self.function("DoStep")
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
            self.function("GetBooleanStatus")(self.component, fmi2Terminated, ctypes.byref(asked))
            reached = ctypes.c_double(self.time_s)
            if asked.value:
                self.function("GetRealStatus")(self.component, fmi2LastSuccessfulTime, ctypes.byref(reached))
                self.ended = True
                self.time_s = reached.value if math.isfinite(reached.value) else self.time_s
                return
        self.fail("DoStep", status)
