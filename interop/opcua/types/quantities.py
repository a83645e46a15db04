"""Units and semantic types of DTDL as engineering units of OPC UA, and back (OPC 10000-8, 5.6.4.3)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from dtdl.errors import UnitUnknown
from dtdl.metamodel import metamodel
from dtdl.units import from_unece, parse_unit, unece, unit
from interop.opcua.nodeset.values import EngineeringUnit

CEFACT: Final = "http://www.opcfoundation.org/UA/units/un/cefact"
UNITS: Final = "urn:megatwin:units"
"""NamespaceUri of units that UNECE has no code for."""
QUANTITIES: Final = "dtmi:dtdl:extension:quantitativeTypes;2"
"""The context that semantic types and units of DTDL 4 come from."""


def engineering_unit(name: str) -> EngineeringUnit:
    """EUInformation of a DTDL unit; the description is its DTDL name."""
    try:
        known = unit(name)
    except UnitUnknown:
        return EngineeringUnit(UNITS, -1, name, name)
    code = unece(known)
    if code is None:
        return EngineeringUnit(UNITS, -1, known.symbol or name, name)
    return EngineeringUnit(CEFACT, code[0], code[1], name)


def quantity_of(given: EngineeringUnit) -> tuple[str, str] | None:
    """Semantic type and unit of DTDL for an engineering unit, or None where DTDL has none.

    Of several DTDL units with one code the one that the description names is taken.
    """
    semantic = _semantic_types()
    if given.description in semantic and engineering_unit(given.description).unit_id == given.unit_id:
        return semantic[given.description], given.description
    known = from_unece(given.unit_id) if given.namespace == CEFACT else None
    if known is None and given.namespace != CEFACT:
        try:
            known = parse_unit(given.display_name)
        except UnitUnknown:
            return None
    if known is None or known.name not in semantic:
        return None
    return semantic[known.name], known.name


@functools.cache
def _semantic_types() -> Mapping[str, str]:
    """DTDL unit → the semantic type that its list of units is named after, else the first that takes it."""
    table = next(found for found in metamodel().tables() if found.id == QUANTITIES)
    units = {element["@id"]: element.get("enumValues", ()) for element in table.table["elements"]}
    found: dict[str, str] = {}
    for rule in table.types.values():
        for prop in rule.properties.values():
            values = units.get(prop.table.get("child_of", ""), ())
            label = _last(rule.id)
            for value in values:
                if value["name"] not in found or _last(prop.table["child_of"]) == f"{label}Unit":
                    found[value["name"]] = label
    return found


def _last(dtmi: str) -> str:
    return dtmi.rpartition(":")[2]
