"""FMI 2.0: co-simulation with its status rules (FMI 2.0, 4.2), and model exchange (FMI 2.0, 3.2)."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from fmpy.fmi2 import (
    FMU2Model,
    FMU2Slave,
    fmi2CallbackFunctions,
    fmi2EventInfo,
    fmi2LastSuccessfulTime,
    fmi2Terminated,
)

from fmu.earlier import SUFFIXES, EarlierCoSimulation
from fmu.exchange import ModelExchange
from fmu.instance import Instance
from fmu.modes import EventInfo
from fmu.slave import callbacks
from fmu.status import DISCARD


class _Initialized(Instance):
    """FMI 2.0, 2.1: what both kinds have in common."""

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


class CoSimulation2(EarlierCoSimulation, _Initialized):
    """FMI 2.0, 4.2: co-simulation."""

    kind = FMU2Slave

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


class ModelExchange2(ModelExchange, _Initialized):
    """FMI 2.0, 3.2: model exchange."""

    kind = FMU2Model
    suffixes: ClassVar[Mapping[str, str]] = SUFFIXES

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self.asked = tolerance
        super()._enter(start_s, stop_s, tolerance)

    def _leave(self) -> None:
        super()._leave()
        self._begin()

    def _sizes(self) -> tuple[int, int]:
        return len(self.description.derivatives), self.description.event_indicators

    def _enter_event_mode(self) -> None:
        self._call("EnterEventMode", self.component)

    def _enter_continuous(self) -> None:
        self._call("EnterContinuousTimeMode", self.component)

    def _update(self) -> EventInfo:
        info = fmi2EventInfo()
        self._call("NewDiscreteStates", self.component, ctypes.byref(info))
        return EventInfo(
            bool(info.newDiscreteStatesNeeded),
            bool(info.terminateSimulation),
            info.nextEventTime if info.nextEventTimeDefined else None,
        )

    def _completed(self) -> tuple[bool, bool]:
        event, ends = ctypes.c_int(), ctypes.c_int()
        self._call("CompletedIntegratorStep", self.component, self.final, ctypes.byref(event), ctypes.byref(ends))
        return bool(event.value), bool(ends.value)
