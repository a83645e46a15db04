"""FMI 2.0 co-simulation: its functions, callbacks and status rules (FMI 2.0, 4.2)."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from typing import Any

from fmpy.fmi2 import FMU2Slave, fmi2CallbackFunctions, fmi2LastSuccessfulTime, fmi2Terminated

from fmu.earlier import EarlierCoSimulation
from fmu.instance import DISCARD
from fmu.slave import callbacks


class CoSimulation2(EarlierCoSimulation):
    """FMI 2.0, 4.2: co-simulation."""

    kind = FMU2Slave
    prefix = "fmi2"

    def _options(self) -> Mapping[str, Any]:
        return {"callbacks": callbacks(fmi2CallbackFunctions, self.name, self.logged)}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
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

    def _leave(self) -> None:
        self._call("ExitInitializationMode", self.component)

    def not_done(self, status: int) -> None:
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
