"""Records to frozen elements, and the Model."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from dtdl.diagnostic import Location
from dtdl.elements import EMPTY, KINDS, Element, Model
from dtdl.parser.session import NOWHERE, Record, Session
from dtdl.source import Site

_SLOTS: Final = {name: getattr(Element, name).__set__ for name in Element.__slots__ if not name.startswith("_")}
_LOCATION: Final = Element._location.__set__  # type: ignore[attr-defined]  # noqa: SLF001 - the constructor's way


class Whereabouts:
    """Finds where an element is written when it is asked."""

    __slots__ = ("record",)

    def __init__(self, record: Record) -> None:
        self.record = record

    def __call__(self) -> Location:
        """Gives the location of the whole element."""
        return Site(self.record.document, self.record.node).location


def model_of(session: Session) -> Model:
    """Gives the Model of a session without findings."""
    made: dict[str, Element] = {}
    fresh: list[Record] = []
    for name, record in session.records.items():
        if record.element is None:
            record.element = element_of(record)
            fresh.append(record)
        made[name] = record.element
    for record in fresh:
        if record.links:
            seal(record)
    return Model(made)


def element_of(record: Record) -> Element:
    """Makes the Element of a record, without the elements that it refers to."""
    cls = KINDS.get(record.kind, Element)
    made: Element = cls.__new__(cls)
    values: dict[str, Any] = {
        "id": record.id,
        "kind": record.kind,
        "dtdl_version": record.rule.version,
        "properties": MappingProxyType(record.properties),
        "child_of": record.child_of,
        "defined_in": record.defined_in,
        "cotypes": tuple(rule.id for rule in record.types) if record.types else (),
        "undefined_types": record.undefined_types,
        "undefined_properties": MappingProxyType(record.undefined) if record.undefined else EMPTY,
        "given": tuple(record.given),
    }
    for name, value in values.items():
        _SLOTS[name](made, value)
    _LOCATION(made, None if record.document is NOWHERE else Whereabouts(record))
    return made


def seal(record: Record) -> None:
    """Puts the elements of the linked records into the properties."""
    properties = record.properties
    for name, held in record.links.items():
        if type(held) is list:
            properties[name] = tuple(item.element for item in held)
        elif type(held) is dict:
            properties[name] = {key: item.element for key, item in held.items()}
        else:
            properties[name] = held.element
