"""The language: DTDL read, checked and compiled."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtdl.compiler.about import About, about
    from dtdl.compiler.build import Types, compile  # noqa: A004 - the public name of what it does
    from dtdl.compiler.definitions import Quantity, from_pydantic
    from dtdl.compiler.links import GivenLink
    from dtdl.diagnostic import Diagnostic, Location, Severity
    from dtdl.dtmi import Dtmi
    from dtdl.elements import Element, Interface, Model
    from dtdl.parser.run import check, parse
    from dtdl.printer import dump, dumps, equal
    from dtdl.units import Unit, converter, convertible, parse_unit, unit

_HOMES = {
    "About": "dtdl.compiler.about",
    "Diagnostic": "dtdl.diagnostic",
    "Dtmi": "dtdl.dtmi",
    "Element": "dtdl.elements",
    "GivenLink": "dtdl.compiler.links",
    "Interface": "dtdl.elements",
    "Location": "dtdl.diagnostic",
    "Model": "dtdl.elements",
    "Quantity": "dtdl.compiler.definitions",
    "Severity": "dtdl.diagnostic",
    "Types": "dtdl.compiler.build",
    "Unit": "dtdl.units",
    "about": "dtdl.compiler.about",
    "check": "dtdl.parser.run",
    "compile": "dtdl.compiler.build",
    "converter": "dtdl.units",
    "convertible": "dtdl.units",
    "dump": "dtdl.printer",
    "dumps": "dtdl.printer",
    "equal": "dtdl.printer",
    "from_pydantic": "dtdl.compiler.definitions",
    "parse": "dtdl.parser.run",
    "parse_unit": "dtdl.units",
    "unit": "dtdl.units",
}

__all__ = [
    "About",
    "Diagnostic",
    "Dtmi",
    "Element",
    "GivenLink",
    "Interface",
    "Location",
    "Model",
    "Quantity",
    "Severity",
    "Types",
    "Unit",
    "about",
    "check",
    "compile",
    "converter",
    "convertible",
    "dump",
    "dumps",
    "equal",
    "from_pydantic",
    "parse",
    "parse_unit",
    "unit",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
