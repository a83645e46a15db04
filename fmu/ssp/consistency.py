"""What a file of SSP must keep in itself: names that are unique, units and enumerations that are defined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fmu.ssp.description import KINDS_OF_1, Connector, SystemStructureDescription
from fmu.ssp.elements import TYPES_OF_1, Enumeration, TopLevel, Type, Unit
from fmu.ssp.parameters import Value
from fmu.ssp.reader import Findings
from fmu.ssp.schema import Node, shape_of

_ATTRIBUTES: Final = {
    "Enumeration": {"name"},
    "Binary": {"mime-type"},
    "Real": {"unit"},
    "Float64": {"unit"},
    "Float32": {"unit"},
    "Clock": {
        "intervalVariability", "intervalDecimal", "shiftDecimal", "supportsFraction", "resolution", "intervalCounter",
        "shiftCounter", "priority",
    },
}  # fmt: skip


def check_document(document: TopLevel, findings: Findings) -> None:
    """Checks what a file says in itself: names that are unique, units and enumerations that are defined.

    Args:
        document: It.
        findings: What is found is added.
    """
    findings.major = 2 if document.version.startswith("2") else 1
    units = {each.name for each in _walk(document) if isinstance(each, Unit)}
    enumerations = {each.name for each in _walk(document) if isinstance(each, Enumeration)}
    for node in _walk(document):
        _check_names(node, findings)
        if isinstance(node, Type | Value):
            _check_type(node, units, enumerations, findings)
        elif isinstance(node, Connector) and findings.major == 1 and node.kind not in KINDS_OF_1:
            findings.warn("MT265", node.written, f"kind {node.kind} is of SSP 2.0.", 'Write version="2.0".')
    if isinstance(document, SystemStructureDescription):
        _check_ids(document, findings)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for name, spec in shape_of(type(node)).children:
        value = getattr(node, name)
        for each in value if spec.many else (value,) if value is not None else ():
            yield from _walk(each)


def _check_names(node: Node, findings: Findings) -> None:
    """Elements of one list have names of their own (SSP 2.0, 5.3 and on)."""
    for name, spec in shape_of(type(node)).children:
        if not spec.many:
            continue
        seen: set[str] = set()
        for each in getattr(node, name):
            own = getattr(each, "name", None)
            if not isinstance(own, str) or isinstance(each, Type | Value):
                continue
            if own in seen:
                findings.error("MT248", each.written, f"{own!r} is there twice.", "Rename one of the two.")
            seen.add(own)


def _check_type(node: Type | Value, units: set[str], enumerations: set[str], findings: Findings) -> None:
    at = node.written
    if findings.major == 1 and node.kind not in TYPES_OF_1:
        findings.warn("MT265", at, f"type {node.kind} is of SSP 2.0, and the file says 1.0.", 'Write version="2.0".')
    if node.unit and node.unit not in units:
        # once a file is enough
        units.add(node.unit)
        findings.warn("MT249", at, f"unit {node.unit!r} is not defined in this file.", "Define it under Units.")
    if isinstance(node, Type):
        if node.kind == "Enumeration" and node.name is None:
            findings.error("MT244", at, "the enumeration has no name.", "Add name.")
        allowed = _ATTRIBUTES.get(node.kind, set())
        for name, (target, _) in shape_of(Type).attributes.items():
            if getattr(node, target) is not None and name not in allowed:
                findings.error("MT243", at, f"{node.kind} has no attribute {name} in SSP.", "Remove it.")
    elif node.data is None:
        findings.error("MT244", at, f"{node.kind} has no value.", "Add value.")
    if node.kind == "Enumeration" and node.name is not None and node.name not in enumerations:
        enumerations.add(node.name)
        findings.warn(
            "MT249", at, f"enumeration {node.name!r} is not defined in this file.", "Define it under Enumerations."
        )


def _check_ids(document: TopLevel, findings: Findings) -> None:
    seen: set[str] = set()
    for node in _walk(document):
        own = getattr(node, "id", None)
        if isinstance(own, str):
            if own in seen:
                findings.error("MT248", node.written, f"the id {own!r} is there twice.", "Change one of the two.")
            seen.add(own)
