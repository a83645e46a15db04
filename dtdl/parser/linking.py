"""References to records: who is what, of which class, in which version, and in which partition."""

from __future__ import annotations

from typing import Any

from dtdl.parser.session import Record, Reference, Session

Json = Any


def link(session: Session) -> None:
    """Puts the elements into the properties that refer to them, and reports those that may not stand there."""
    records = session.records
    resolve = session.metamodel.resolve
    for reference in session.references:
        target = records.get(reference.target)
        if target is None or reference.target.startswith("dtmi:dtdl:"):
            target = records.get(resolve(reference.target)) or target
        if target is None:
            continue
        if _fits(session, reference, target):
            _put(session, reference, target)
    _freeze(session)


def _fits(session: Session, reference: Reference, target: Record) -> bool:
    """Checks the partition, class, version and parent of what is referred to; gives whether to go on."""
    owner, rule = reference.owner, reference.rule
    name = rule.uri if rule.supplemental else rule.name
    fields: dict[str, str | None] = {"primary": owner.id, "property": name, "secondary": reference.target}
    if not target.rule.partition and target.defined_in is not None:
        source = owner.id if owner.rule.partition or owner.defined_in is None else owner.defined_in
        if target.defined_in != source:
            session.report(
                "crossPartitionReference",
                reference.spot.prop(),
                target.site,
                value=target.defined_in,
                restriction=source,
                **fields,
            )
    if reference.expected is not None and target.kind not in reference.expected.kinds:
        session.report(
            "badType",
            reference.spot.prop(),
            reference.spot.value(reference.index),
            value=target.kind,
            _expected=reference.expected.name,
            **fields,
        )
        return False
    if reference.text is not None and rule.versions is not None and target.version not in rule.versions:
        session.report(
            "disallowedVersionReference",
            reference.spot.prop(),
            target.site,
            value=str(target.version),
            restriction=" ,".join(map(str, rule.table["versions"])),
            **fields,
        )
    parent = rule.table.get("child_of")
    if parent is not None and reference.text is not None and target.child_of != parent:
        relation = f"child of {target.child_of}" if target.child_of else "top-level element"
        session.report("wrongParent", reference.spot.prop(), value=relation, restriction=parent, **fields)
    return True


def _put(session: Session, reference: Reference, target: Record) -> None:
    """Puts one element into one property."""
    owner, rule = reference.owner, reference.rule
    if target.types and not session.metamodel.is_reserved(target.id):
        target.parents.append((owner, rule.uri if rule.supplemental else rule.name))
    properties = owner.links
    if rule.key is not None and not rule.supplemental:
        _put_by_key(session, reference, target, rule.key)
    elif rule.plural:
        held = properties.setdefault(rule.name, [])
        if isinstance(held, list) and (not rule.supplemental or target not in held):
            held.append(target)
    elif rule.name not in properties:
        properties[rule.name] = target


def _put_by_key(session: Session, reference: Reference, target: Record, key: str) -> None:
    """Puts an element into a mapping by name."""
    owner, rule = reference.owner, reference.rule
    held = owner.links.setdefault(rule.name, {})
    name = target.properties.get(key)
    if not isinstance(name, str):
        session.report(
            "missingDictKeyPropertyValue",
            reference.spot.prop(),
            target.site,
            primary=owner.id,
            property=rule.name,
            secondary=reference.target,
            value=key,
        )
        return
    before = held.setdefault(name, target)
    if before is not target:
        session.report(
            "nonUniquePropertyValue",
            before.spot(key),
            target.spot(key),
            primary=owner.id,
            property=rule.name,
            aux=key,
            value=name,
        )


def _freeze(session: Session) -> None:
    """Notes which records hold their own contents only, before any are inherited."""
    for record in session.records.values():
        if record.own_contents is None and record.rule.partition:
            record.own_contents = dict(record.links.get("contents", {}))
