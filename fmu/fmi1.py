"""FMI 1.0: co-simulation (FMI 1.0 for Co-Simulation, 3) and model exchange (FMI 1.0 for Model Exchange, 2)."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, ClassVar

from fmpy.fmi1 import FMU1Model, FMU1Slave, fmi1CallbackFunctions, fmi1EventInfo

from fmu.earlier import SUFFIXES, EarlierCoSimulation
from fmu.exchange import ModelExchange
from fmu.instance import Instance
from fmu.modes import EventInfo
from fmu.slave import callbacks


class _Named(Instance):
    """FMI 1.0: the name of the model stands before every function's."""

    @property
    def prefix(self) -> str:  # type: ignore[override]  # it is fixed for the other versions
        """Its functions begin with the name of the model."""
        return f"{self.interface.model_identifier}_fmi"


class CoSimulation1(EarlierCoSimulation, _Named):
    """FMI 1.0 for Co-Simulation."""

    kind = FMU1Slave
    instantiate = "InstantiateSlave"
    terminate = "TerminateSlave"
    free = "FreeSlaveInstance"

    def _options(self) -> Mapping[str, Any]:
        for name in ("InitializeSlave", "DoStep"):
            # FMPy 0.3 takes their status for the address of a text
            self.function(name).restype = ctypes.c_int
        return {"functions": callbacks(fmi1CallbackFunctions, self.name, self.logged)}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        del tolerance  # FMI 1.0 has none for co-simulation
        self._span = (start_s, stop_s is not None, stop_s or 0.0)

    def _leave(self) -> None:
        self._call("InitializeSlave", self.component, *self._span)


class ModelExchange1(ModelExchange, _Named):
    """FMI 1.0 for Model Exchange: it has no modes, and ``EventUpdate`` iterates to the end by itself."""

    kind = FMU1Model
    instantiate = "InstantiateModel"
    terminate = "Terminate"
    free = "FreeModelInstance"
    nominals: ClassVar[str] = "GetNominalContinuousStates"
    suffixes: ClassVar[Mapping[str, str]] = SUFFIXES
    _first: EventInfo | None = None

    def _options(self) -> Mapping[str, Any]:
        return {"functions": callbacks(fmi1CallbackFunctions, self.name, self.logged)}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        del stop_s
        self.asked = tolerance
        self._call("SetTime", self.component, start_s)

    def _leave(self) -> None:
        info = fmi1EventInfo()
        self._call("Initialize", self.component, self.asked is not None, self.asked or 0.0, ctypes.byref(info))
        self._first = _told(info)
        self._begin()

    def _sizes(self) -> tuple[int, int]:
        return self.description.continuous_states, self.description.event_indicators

    def _enter_event_mode(self) -> None:
        """It has none."""

    def _enter_continuous(self) -> None:
        """It has none."""

    def _update(self) -> EventInfo:
        first, self._first = self._first, None
        if first is not None:
            return first
        info = fmi1EventInfo()
        self._call("EventUpdate", self.component, 0, ctypes.byref(info))
        return _told(info)

    def _completed(self) -> tuple[bool, bool]:
        event = ctypes.c_char()
        self._call("CompletedIntegratorStep", self.component, ctypes.byref(event))
        return event.value != b"\0", False


def _told(info: fmi1EventInfo) -> EventInfo:
    def flag(value: bytes | int) -> bool:
        return value not in (b"\0", 0)

    return EventInfo(
        not flag(info.iterationConverged),
        flag(info.terminateSimulation),
        info.nextEventTime if flag(info.upcomingTimeEvent) else None,
    )
