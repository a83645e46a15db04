"""Records to frozen elements."""

from __future__ import annotations

from types import MappingProxyType

from dtdl.diagnostic import Location
from dtdl.elements import EMPTY, KINDS, Element
from dtdl.parser.session import Record
from dtdl.source import Site


class Whereabouts:
    """Finds where an element is written when it is asked."""

    __slots__ = ("site",)

    def __init__(self, site: Site) -> None:
        self.site = site

    def __call__(self) -> Location:
        return self.site.location


def element_of(record: Record) -> Element:
    """Makes the Element of a record; its properties follow while the record is read."""
    cls = KINDS.get(record.kind, Element)
    site = record.site
    return cls(
        record.id,
        kind=record.kind,
        dtdl_version=record.version,
        properties=MappingProxyType(record.properties),
        child_of=record.child_of,
        defined_in=record.defined_in,
        cotypes=tuple(rule.id for rule in record.types) if record.types else (),
        undefined_types=tuple(record.undefined_types) if record.undefined_types else (),
        undefined_properties=MappingProxyType(record.undefined) if record.undefined_types else EMPTY,
        given=(),
        location=Whereabouts(site) if site is not None else None,
    )


def seal(record: Record) -> None:
    """Tells the Element what the document writes, once that is read."""
    assert record.element is not None
    object.__setattr__(record.element, "given", tuple(record.given))
