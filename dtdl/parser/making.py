"""Records to frozen elements, and the Model."""

from __future__ import annotations

from types import MappingProxyType

from dtdl.elements import EMPTY, KINDS, Element, Model
from dtdl.parser.session import NOWHERE, Record, Session


class _Draft(Element):
    """An Element that is being made: of the same layout, but not frozen, and without a constructor that asks much."""

    __slots__ = ()
    __setattr__ = object.__setattr__  # type: ignore[assignment]


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
    made: Element = object.__new__(_Draft)
    made.id = record.id
    made.kind = kind = record.kind
    made.dtdl_version = record.rule.version
    made.properties = MappingProxyType(record.properties)
    made.child_of = record.child_of
    made.defined_in = record.defined_in
    made.cotypes = tuple([rule.id for rule in record.types]) if record.types else ()
    made.undefined_types = tuple(record.undefined_types)
    made.undefined_properties = MappingProxyType(record.undefined) if record.undefined else EMPTY
    made.given = tuple(record.given)
    made.contexts = record.context.named if "@context" in record.node else ()
    made._location = None if record.document is NOWHERE else record  # noqa: SLF001 - it is one of its own
    made.__class__ = KINDS.get(kind, Element)
    return made


def seal(record: Record) -> None:
    """Puts the elements of the linked records into the properties."""
    properties = record.properties
    for name, held in record.links.items():
        if type(held) is list:
            properties[name] = tuple([item.element for item in held])
        elif type(held) is dict:
            properties[name] = MappingProxyType({key: item.element for key, item in held.items()})
        else:
            properties[name] = held.element
