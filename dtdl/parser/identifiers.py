"""Identifiers of elements: as written, or made from the owner's."""

from __future__ import annotations

from typing import Any, Final

from dtdl.metamodel import bound
from dtdl.parser import values
from dtdl.parser.session import Abandon, Place, Record, Session
from dtdl.source import Site, values_of

Json = Any
LAST_TOLERANT: Final = 2
"""Newest DTDL version whose solecisms may be tolerated."""


def identify(session: Session, record: Record, place: Place) -> str:
    """Gives the id of an element that is about to be read.

    Raises:
        Abandon: The id is missing, malformed or reserved.
    """
    if "@id" in record.node:
        return _written(session, record, place)
    owner, rule = place.owner, place.rule
    site = Site(record.document, record.node)
    if owner is None or rule is None:
        session.quit("missingTopLevelId", site)
    if rule.id_required:
        session.quit("missingRequiredId", site, primary=owner.id, property=place.prop)
    segment = f":__{_segment(session, record, place, rule.segment)}" if rule.segment else ""
    return f"{place.prefix}{segment}{place.suffix}"


def _segment(session: Session, record: Record, place: Place, name: str) -> str:
    """Gives the part of an automatic id that tells siblings apart."""
    node = record.node
    value = node.get(name)
    if type(value) is str:
        return value
    uri = f"dtmi:dtdl:property:{name};{record.context.version}"
    key = name if name in node else uri
    fields = {"primary": place.primary, "property": place.prop, "value": name}
    site = Site(record.document, node)
    if key not in node:
        session.quit("missingDtmiSegPropertyValue", site, **fields)
    found = values_of(node[key])
    segment = _segment_text(found[0]) if len(found) == 1 else None
    if segment is None:
        session.quit("dtmiSegPropertyNotStringOrNumber", site, Site(record.document, node, "key", key), **fields)
    return segment


def _segment_text(value: Json) -> str | None:
    """Gives the text of a string or number, plain or as a value object."""
    if isinstance(value, dict):
        value = value.get("@value")
    if isinstance(value, str):
        return value
    if values.is_integer(value):
        return str(int(value))
    return str(value).replace(".", "_") if isinstance(value, float) else None


def _written(session: Session, record: Record, place: Place) -> str:
    """Checks an ``@id``."""
    identifier = record.node["@id"]
    context = record.context
    active = context.active
    longest = active.longest if not context.limit else bound(active.id_length, context.limit)
    if type(identifier) is not str or not identifier:
        session.quit("idNotString", record.key_site("@id"))
    if longest is not None and len(identifier) > longest:
        session.quit(
            "idTooLong",
            record.key_site("@id"),
            value=identifier,
            restriction=str(active.version),
            transformation=context.limit_context,
            _limit=str(longest),
        )
    if active.id_match.match(identifier) is None:
        session.quit("invalidId", record.key_site("@id"), value=identifier, restriction=str(active.version))
    if identifier.startswith(context.reserved) and not session.standard and not _tolerates(session, record, place):
        shown = ", ".join(f"'{prefix}'" for prefix in context.reserved)
        session.quit("reservedId", record.key_site("@id"), value=identifier, restriction=shown)
    return identifier


def _tolerates(session: Session, record: Record, place: Place) -> bool:
    """Whether solecisms are tolerated in the element that it is written in."""
    outer = place.owner.context if place.owner is not None else record.context
    return session.tolerant and outer.version <= LAST_TOLERANT


def only_id(session: Session, record: Record, place: Place, position: int) -> None:
    """An object with nothing but ``@id``: no reference in DTDL, unless the caller tolerates it."""
    identifier = record.node["@id"]
    fields = {"primary": place.primary, "property": place.prop, "value": values.shown(identifier)}
    if not _tolerates(session, record, place) or place.owner is None or place.rule is None:
        session.report("idReference", Site(record.document, record.node), **fields)
        return
    target = record.context.dtmi(identifier) if isinstance(identifier, str) else None
    if target is None:
        site = Site(record.document, record.node, "key", "@id")
        session.report("idRefBadDtmiOrTerm", site, restriction=str(record.context.version), **fields)
        return
    session.references.append((place.owner, place.rule, target, identifier, position, place.expected))


def again(session: Session, record: Record, place: Place) -> None:
    """Says that an element is defined twice, or that two siblings have one name.

    Raises:
        Abandon: Always.
    """
    before = session.records[record.id]
    node, document = record.node, record.document
    if ":_" not in record.id and "#_" not in record.id:
        site = Site(document, node, "key", "@id")
        session.quit("duplicateDefinition", before.key_site("@id"), site, primary=record.id)
    name = place.rule.segment if place.rule else None
    if name and not (session.tolerant and record.context.version <= LAST_TOLERANT):
        key = name if name in node else f"dtmi:dtdl:property:{name};{record.context.version}"
        session.quit(
            "nonUniquePropertyValue",
            before.spot(name) or before.site,
            Site(document, node, "key", key),
            primary=place.primary,
            property=place.prop,
            aux=name,
            value=values.shown(node.get(key)),
        )
    raise Abandon
