"""FMI 1.0 co-simulation: its functions and callbacks (FMI 1.0 for Co-Simulation, 3)."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from fmpy.fmi1 import FMU1Slave, fmi1CallbackFunctions

from fmu.earlier import EarlierCoSimulation
from fmu.slave import callbacks


class CoSimulation1(EarlierCoSimulation):
    """FMI 1.0 for Co-Simulation: the name of the model stands before every function's."""

    kind = FMU1Slave
    instantiate = "InstantiateSlave"
    terminate = "TerminateSlave"
    free = "FreeSlaveInstance"

    @property
    def prefix(self) -> str:  # type: ignore[override]  # it is fixed for the other versions
        """Its functions begin with the name of the model."""
        return f"{self.interface.model_identifier}_fmi"

    def _options(self) -> Mapping[str, Any]:
        for name in ("InitializeSlave", "DoStep"):
            # FMPy 0.3 takes their status for the address of a text
            self.function(name).restype = ctypes.c_int
        return {"functions": callbacks(fmi1CallbackFunctions, self.name, self.logged)}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        del tolerance  # FMI 1.0 has none for co-simulation
        self._span = start_s, stop_s

    def _leave(self) -> None:
        start_s, stop_s = self._span
        self._call("InitializeSlave", self.component, start_s, stop_s is not None, stop_s or 0.0)
