"""Executable behaviour: functional mock-up units read, built and run in worker processes.

Everything here is imported when it is first used, so that ``import fmu`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmu.archive import unpack
    from fmu.build import build
    from fmu.description import Description, Variable, read_description
    from fmu.ensemble import Ensemble, Scenario
    from fmu.interface import to_interface
    from fmu.options import Options
    from fmu.recorder import Result, simulate, simulate_system
    from fmu.shipped import library_fmu, library_names
    from fmu.solvers import Solver
    from fmu.system import Adaptive, Algorithm, Connection, Connector, Linear, Lookup, Part, Port, System
    from fmu.worker import Worker, WorkerLimits

__all__ = [
    "Adaptive",
    "Algorithm",
    "Connection",
    "Connector",
    "Description",
    "Ensemble",
    "Linear",
    "Lookup",
    "Options",
    "Part",
    "Port",
    "Result",
    "Scenario",
    "Solver",
    "System",
    "Variable",
    "Worker",
    "WorkerLimits",
    "build",
    "library_fmu",
    "library_names",
    "read_description",
    "simulate",
    "simulate_system",
    "to_interface",
    "unpack",
]

_HOMES = {
    "Adaptive": "fmu.system",
    "Algorithm": "fmu.system",
    "Connection": "fmu.system",
    "Connector": "fmu.system",
    "Description": "fmu.description",
    "Ensemble": "fmu.ensemble",
    "Linear": "fmu.system",
    "Lookup": "fmu.system",
    "Options": "fmu.options",
    "Part": "fmu.system",
    "Port": "fmu.system",
    "Result": "fmu.recorder",
    "Scenario": "fmu.ensemble",
    "Solver": "fmu.solvers",
    "System": "fmu.system",
    "Variable": "fmu.description",
    "Worker": "fmu.worker",
    "WorkerLimits": "fmu.worker",
    "build": "fmu.build",
    "library_fmu": "fmu.shipped",
    "library_names": "fmu.shipped",
    "read_description": "fmu.description",
    "simulate": "fmu.recorder",
    "simulate_system": "fmu.recorder",
    "to_interface": "fmu.interface",
    "unpack": "fmu.archive",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
