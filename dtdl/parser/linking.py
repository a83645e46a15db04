"""References to records: who is what, of which class, in which version, and in which partition."""

from __future__ import annotations

from typing import Any

from dtdl.metamodel import PropertyRule
from dtdl.parser.session import NOWHERE, Named, Record, Reference, Session

Json = Any


def link(session: Session) -> None:
    """Puts the elements into the properties that refer to them, and reports those that may not stand there."""
    records = session.records
    resolve = session.metamodel.resolve
    for named in session.references:
        owner, rule, name, text, _, _ = named
        target = records.get(name)
        if target is None or target.document is NOWHERE:
            target = records.get(resolve(name)) or target
        if target is not None and (text is None or _fits(session, named, target)):
            put(session, owner, rule, target)
    for record in records.values():
        if record.rule.partition and record.own_contents is None:
            record.own_contents = dict(record.links.get("contents", {}))


def _fits(session: Session, named: Named, target: Record) -> bool:
    """Checks the partition, class, version and parent of what is named; gives whether to go on."""
    owner, rule, _, _, _, expected = named
    if target.defined_in is not None and not target.rule.partition and target.defined_in != owner.partition:
        session.report(
            "crossPartitionReference",
            owner.spot(rule.name),
            target.site,
            value=target.defined_in,
            restriction=owner.partition,
            **_fields(Reference(*named)),
        )
    if expected is not None and target.kind not in expected.kinds:
        session.report(
            "badType",
            owner.spot(rule.name),
            Reference(*named).value_site(),
            value=target.kind,
            _expected=expected.wanted,
            **_fields(Reference(*named)),
        )
        return False
    if (rule.versions is not None and target.version not in rule.versions) or rule.supplemental:
        _named(session, Reference(*named), target)
    return True


def _named(session: Session, reference: Reference, target: Record) -> None:
    """Checks the version and parent of an element that is named."""
    owner, rule = reference.owner, reference.rule
    if rule.versions is not None and target.version not in rule.versions:
        session.report(
            "disallowedVersionReference",
            owner.spot(rule.name),
            target.site,
            value=str(target.version),
            restriction=" ,".join(map(str, rule.table["versions"])),
            **_fields(reference),
        )
    parent = rule.table.get("child_of")
    if parent is not None and target.child_of != parent:
        relation = f"child of {target.child_of}" if target.child_of else "top-level element"
        session.report("wrongParent", owner.spot(rule.name), value=relation, restriction=parent, **_fields(reference))


def _fields(reference: Reference) -> dict[str, str | None]:
    rule = reference.rule
    name = rule.uri if rule.supplemental else rule.name
    return {"primary": reference.owner.id, "property": name, "secondary": reference.target}


def put(session: Session, owner: Record, rule: PropertyRule, target: Record) -> None:
    """Puts one element into one property."""
    if target.types and not session.metamodel.is_reserved(target.id):
        if target.parents is None:
            target.parents = []
        target.parents.append((owner, rule.uri if rule.supplemental else rule.name))
    links = owner.links
    if rule.key is not None and not rule.supplemental:
        _put_by_key(session, owner, rule, target)
    elif rule.plural:
        held = links.setdefault(rule.name, [])
        if not rule.supplemental or target not in held:
            held.append(target)
    else:
        links.setdefault(rule.name, target)


def _put_by_key(session: Session, owner: Record, rule: PropertyRule, target: Record) -> None:
    """Puts an element into a mapping by name."""
    key = rule.key or ""
    held = owner.links.setdefault(rule.name, {})
    name = target.properties.get(key)
    if not isinstance(name, str):
        fields = {"primary": owner.id, "property": rule.name, "secondary": target.id, "value": key}
        session.report("missingDictKeyPropertyValue", owner.spot(rule.name), target.site, **fields)
        return
    before = held.setdefault(name, target)
    if before is not target:
        fields = {"primary": owner.id, "property": rule.name, "aux": key, "value": name}
        session.report("nonUniquePropertyValue", before.spot(key), target.spot(key), **fields)
