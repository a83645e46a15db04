"""What megatwin itself keeps in annotations: bindings to twins, steps of FMUs. Other tools keep and ignore them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fmu.ssp.description import SystemStructureDescription
from fmu.ssp.elements import Annotation
from fmu.ssp.schema import read_boolean, read_double
from fmu.ssp.verbatim import Xml

NAMESPACE: Final = "urn:megatwin:ssp:1"
BINDING: Final = "org.megatwin.binding"
PART: Final = "org.megatwin.part"
EXPERIMENT: Final = "org.megatwin.experiment"
_TAGS: Final = {BINDING: "Binding", PART: "Part", EXPERIMENT: "Experiment"}


def annotate(kind: str, **attributes: str) -> Annotation:
    """An annotation of ours.

    Args:
        kind: `BINDING` on a connector (``point``), `PART` on a component (``step``, ``isolate``) or `EXPERIMENT` on the
            default experiment (``step``, ``tolerance``); steps are in seconds.
        attributes: See kind.
    """
    inside = Xml(f"mt:{_TAGS[kind]}", NAMESPACE, dict(attributes), {"mt": NAMESPACE})
    return Annotation(type=kind, content=(inside,))


def noted(annotations: Iterable[Annotation], kind: str) -> dict[str, str]:
    """The attributes of our annotation of a kind; empty when there is none."""
    for annotation in annotations:
        if annotation.type == kind:
            for part in annotation.content:
                if isinstance(part, Xml) and part.namespace == NAMESPACE:
                    return part.attributes
    return {}


def noted_number(annotations: Iterable[Annotation], kind: str, name: str) -> float | None:
    """A number above 0 in an annotation of ours; None when there is none, or it is no such number."""
    text = noted(annotations, kind).get(name)
    if text is None:
        return None
    try:
        value = read_double(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def noted_flag(annotations: Iterable[Annotation], kind: str, name: str) -> bool:
    """A truth value in an annotation of ours; False when there is none."""
    try:
        return read_boolean(noted(annotations, kind).get(name, "false"))
    except ValueError:
        return False


def bindings_of(description: SystemStructureDescription) -> Iterator[tuple[str, str]]:
    """The bindings to twins: name of a connector of the root system, and the point as text."""
    for connector in description.system.connectors:
        point = noted(connector.annotations, BINDING).get("point")
        if point:
            yield connector.name, point
