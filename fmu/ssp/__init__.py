"""System Structure and Parameterization: SSP 1.0 and 2.0 read, checked, written, and flattened to a coupling graph.

Everything here is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmu.ssp.compose import from_system
    from fmu.ssp.description import SystemStructureDescription
    from fmu.ssp.edit import change
    from fmu.ssp.flatten import to_system
    from fmu.ssp.own import bindings_of
    from fmu.ssp.package import Ssp, open_ssp
    from fmu.ssp.parameters import Parameter, ParameterMapping, ParameterSet, SignalDictionary
    from fmu.ssp.reader import read_document
    from fmu.ssp.validation import check
    from fmu.ssp.writer import write_document

__all__ = [
    "Parameter",
    "ParameterMapping",
    "ParameterSet",
    "SignalDictionary",
    "Ssp",
    "SystemStructureDescription",
    "bindings_of",
    "change",
    "check",
    "from_system",
    "open_ssp",
    "read_document",
    "to_system",
    "write_document",
]

_HOMES = {
    "Parameter": "fmu.ssp.parameters",
    "ParameterMapping": "fmu.ssp.parameters",
    "ParameterSet": "fmu.ssp.parameters",
    "SignalDictionary": "fmu.ssp.parameters",
    "Ssp": "fmu.ssp.package",
    "SystemStructureDescription": "fmu.ssp.description",
    "bindings_of": "fmu.ssp.own",
    "change": "fmu.ssp.edit",
    "check": "fmu.ssp.validation",
    "from_system": "fmu.ssp.compose",
    "open_ssp": "fmu.ssp.package",
    "read_document": "fmu.ssp.reader",
    "to_system": "fmu.ssp.flatten",
    "write_document": "fmu.ssp.writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
