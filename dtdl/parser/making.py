"""Records to frozen elements, and the Model."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from dtdl.elements import EMPTY, KINDS, Element, Model
from dtdl.parser.session import NOWHERE, Record, Session


def _setter(name: str) -> Callable[[Element, Any], None]:
    """Gives what sets one slot of a frozen Element: far faster than its constructor, which asks for every name."""
    setter: Callable[[Element, Any], None] = getattr(Element, name).__set__
    return setter


_ID: Final = _setter("id")
_KIND: Final = _setter("kind")
_VERSION: Final = _setter("dtdl_version")
_PROPERTIES: Final = _setter("properties")
_CHILD_OF: Final = _setter("child_of")
_DEFINED_IN: Final = _setter("defined_in")
_COTYPES: Final = _setter("cotypes")
_UNDEFINED_TYPES: Final = _setter("undefined_types")
_UNDEFINED: Final = _setter("undefined_properties")
_GIVEN: Final = _setter("given")
_CONTEXTS: Final = _setter("contexts")
_LOCATION: Final = _setter("_location")


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
    _ID(made, record.id)
    _KIND(made, record.kind)
    _VERSION(made, record.rule.version)
    _PROPERTIES(made, MappingProxyType(record.properties))
    _CHILD_OF(made, record.child_of)
    _DEFINED_IN(made, record.defined_in)
    _COTYPES(made, tuple(rule.id for rule in record.types) if record.types else ())
    _UNDEFINED_TYPES(made, record.undefined_types)
    _UNDEFINED(made, MappingProxyType(record.undefined) if record.undefined else EMPTY)
    _GIVEN(made, tuple(record.given))
    _CONTEXTS(made, record.context.named if "@context" in record.node else ())
    _LOCATION(made, None if record.document is NOWHERE else record)
    return made


def seal(record: Record) -> None:
    """Puts the elements of the linked records into the properties."""
    properties = record.properties
    for name, held in record.links.items():
        if type(held) is list:
            properties[name] = tuple([item.element for item in held])
        elif type(held) is dict:
            properties[name] = {key: item.element for key, item in held.items()}
        else:
            properties[name] = held.element
