"""Engineering units of nodes ↔ DTDL units, by UNECE code."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from asyncua import ua

from interop.opcua.values import CEFACT, unece_code

_CODES: Final = MappingProxyType(
    {
        "WTT": "watt", "KWT": "kilowatt", "CEL": "degreeCelsius", "KEL": "kelvin", "FAH": "degreeFahrenheit",
        "P1": "percent", "VLT": "volt", "AMP": "ampere", "DD": "degreeOfArc", "MTS": "metrePerSecond", "SEC": "second",
    }
)  # fmt: skip


def unit_name(unit: Any) -> str | None:
    """DTDL name of an EUInformation, or None when it is none that DTDL knows."""
    if not isinstance(unit, ua.EUInformation) or unit.NamespaceUri != CEFACT:
        return None
    return _CODES.get(unece_code(unit.UnitId) or "")
