"""What co-simulation in FMI 1.0 and 2.0 has in common: the types of values, and the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from fmu.description import FMI_2
from fmu.instance import WARNING, Instance


class EarlierCoSimulation(Instance):
    """Co-simulation before FMI 3.0 (FMI 1.0 for Co-Simulation, 3; FMI 2.0, 4.2)."""

    suffixes: ClassVar[Mapping[str, str]] = {
        "Float64": "Real",
        "Int32": "Integer",
        "Enumeration": "Integer",
        "Boolean": "Boolean",
        "String": "String",
    }

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self.function("DoStep")
        component, name = self.component, self.prefix + "DoStep"
        # FMI 1.0 has `newStep` in its place, which is always so
        final = int(self.final or self.description.major < FMI_2)

        def step(time_s: float, step_s: float) -> None:
            self.note.call(name, time_s)
            status = function(component, time_s, step_s, final)
            if status > WARNING:
                self.not_done(status)
                return
            self.time_s = time_s + step_s

        return step
