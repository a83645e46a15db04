"""Rules that supplemental types set: co-types, values of their properties, siblings and parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dtdl.metamodel import TypeRule
from dtdl.parser.session import Record, Session

Json = Any


def all_types(session: Session, record: Record) -> Iterator[TypeRule]:
    """Gives the supplemental types of a record and their parents."""
    for rule in record.types:
        yield from session.metamodel.lineage(rule)


def any_of(names: Sequence[str]) -> str:
    """Gives several names as the findings show them."""
    return " or ".join(names)


def has_type(session: Session, record: Record, dtmi: str) -> bool:
    """Whether a record is of a class (in any version) or has a supplemental type."""
    path = dtmi.split(";", maxsplit=1)[0]
    if path.startswith("dtmi:dtdl:class:") and path.rsplit(":", 1)[1] in record.rule.ancestors:
        return True
    return any(rule.id == dtmi for rule in all_types(session, record))


def check_values(session: Session, own: Sequence[Record]) -> bool:
    """Applies what supplemental types demand of properties' values; gives whether anything is wrong."""
    before = len(session.findings)
    for record in own:
        if not record.types:
            continue
        seen: set[str] = set()
        for rule in all_types(session, record):
            for constraint in rule.table.get("constraints", ()):
                if not constraint.get("inverse"):
                    _demand(session, record, constraint["property"], constraint)
            for prop in rule.properties.values():
                if prop.kind == "object" and prop.target and prop.uri not in seen:
                    seen.add(prop.uri)
                    required = {
                        "requiredTypes": [prop.target],
                        "requiredTypeNames": [session.term(prop.target)],
                    }
                    _demand(session, record, prop.name, required, name=prop.uri)
    return len(session.findings) > before


def _demand(
    session: Session, record: Record, prop: str, constraint: Mapping[str, Json], name: str | None = None
) -> None:
    """Compares the elements of a property with the types and values that are demanded."""
    types, wanted = constraint.get("requiredTypes"), constraint.get("requiredValues")
    if not types and not wanted:
        return
    site = record.spot(prop)
    for item in record.linked(prop):
        fields = {"primary": record.id, "property": name or prop, "secondary": item.id}
        if types and not any(has_type(session, item, dtmi) for dtmi in types):
            session.report("notRequiredType", site, type=any_of(constraint["requiredTypeNames"]), **fields)
        if wanted and item.id not in wanted:
            session.report("notRequiredValue", site, restriction=any_of(constraint["requiredValueNames"]), **fields)


def check(session: Session, own: Sequence[Record]) -> None:
    """Applies what supplemental types demand of each other, of siblings and of parents."""
    references: dict[tuple[str, str, str, str], Record] = {}
    for record in own:
        if not record.types:
            continue
        cocotypes(session, record)
        counts(session, record)
        for rule in record.types:
            for constraint in rule.table.get("constraints", ()):
                if constraint.get("inverse"):
                    parent(session, record, rule, constraint)
                elif "siblingKey" in constraint:
                    sibling_value(session, record, constraint)
            once(session, record, rule)
        for rule in all_types(session, record):
            for constraint in rule.table.get("siblings", ()):
                _Sibling(session, record, constraint, references).check()


def cocotypes(session: Session, record: Record) -> None:
    """Refuses supplemental types that exclude each other."""
    present = {rule.id for rule in record.types}
    for rule in record.types:
        for other in rule.table.get("excludes", ()):
            if other in present:
                session.report(
                    "disallowedCocotype",
                    record.key_site("@type"),
                    primary=record.id,
                    type=session.term(rule.id),
                    restriction=session.term(other),
                )


def counts(session: Session, record: Record) -> None:
    """Bounds the number of values of supplemental properties."""
    for rule in all_types(session, record):
        for prop in rule.properties.values():
            if not prop.plural or prop.max is None:
                continue
            held = record.linked(prop.name) if prop.kind == "object" else record.properties.get(prop.name, ())
            if len(held) > prop.max:
                name = "objectCountAboveMax" if prop.kind == "object" else "identifierCountAboveMax"
                site = record.spot(prop.name)
                session.report(name, site, primary=record.id, property=prop.name, _limit=str(prop.max))


def parent(session: Session, record: Record, rule: TypeRule, constraint: Mapping[str, Json]) -> None:
    """Applies what a supplemental type demands of the parent and of the parent's other children."""
    for above, prop in record.parents or ():
        if prop != constraint["property"]:
            continue
        wanted = constraint.get("requiredTypes")
        fields: dict[str, str | None] = {"primary": record.id, "property": prop, "type": session.term(rule.id)}
        if wanted and not set(wanted) & set(above.type_ids()):
            restriction = any_of(constraint["requiredTypeNames"])
            session.report("parentMissingCotype", record.key_site("@type"), restriction=restriction, **fields)
        others = [item for item in above.linked(prop) if item is not record]
        none, some = constraint.get("noneOtherType"), constraint.get("someOtherType")
        for other in others if none else ():
            if none in other.type_ids():
                first, second = sorted((record, other), key=lambda r: r.id) if none == rule.id else (record, other)
                session.report(
                    "siblingDuplicatesCotype",
                    record.key_site("@type"),
                    secondary=second.id,
                    restriction=session.term(none),
                    **(fields | {"primary": first.id}),
                )
        if some and not any(some in other.type_ids() for other in others):
            restriction = session.term(some)
            session.report("siblingMissingCotype", record.key_site("@type"), restriction=restriction, **fields)


def once(session: Session, record: Record, rule: TypeRule) -> None:
    """Refuses two siblings with the same value of a property that must be unique."""
    for prop in rule.properties.values():
        if not prop.table.get("once") or prop.name not in record.properties:
            continue
        value = record.properties[prop.name]
        for above, name in record.parents or ():
            for other in children_with(session, above, name, prop.name).get(value, ()):
                if other is not record:
                    session.report(
                        "nonUniquePropertyValue",
                        record.spot(prop.name),
                        other.spot(prop.name),
                        primary=above.id,
                        property=name,
                        aux=prop.uri,
                        value=str(value),
                    )


def children_with(session: Session, above: Record, prop: str, key: str) -> Mapping[Json, Sequence[Record]]:
    """Gives the children of a property by the value of one of their properties, such as a name; found once."""
    place = (above.id, prop, key)
    found = session.children.get(place)
    if found is None:
        found = session.children[place] = {}
        for item in above.linked(prop):
            value = item.properties.get(key)
            if isinstance(value, str | int | float):
                found.setdefault(value, []).append(item)
    return found


def child_named(session: Session, above: Record, prop: str, key: str, value: Json) -> Record | None:
    """Gives the child of a property that has a value, such as a name."""
    if not isinstance(value, str | int | float):
        return None
    return next(iter(children_with(session, above, prop, key).get(value, ())), None)


def value_of(session: Session, record: Record, uri: str) -> Json:
    """Gives the value of a supplemental property by DTMI."""
    return record.properties.get(session.term(uri))


def sibling_value(session: Session, record: Record, constraint: Mapping[str, Json]) -> None:
    """Compares an element with what a property of a sibling holds."""
    wanted_of = constraint.get("siblingParentOf") or constraint.get("siblingClassOf")
    if wanted_of is None:
        return
    prop = constraint["property"]
    for above, name in record.parents or ():
        key = value_of(session, record, constraint["siblingKeyref"])
        sibling = child_named(session, above, name, constraint["siblingKey"], key)
        uri = value_of(session, record, wanted_of)
        if sibling is None or uri is None:
            continue
        for rule in sibling.types:
            given = rule.properties.get(uri)
            wanted = given and (given.table.get("child_of") if "siblingParentOf" in constraint else given.target)
            for item in record.linked(prop) if given is not None else ():
                if item.id != wanted:
                    session.report(
                        "siblingPropertyMismatch",
                        record.spot(prop),
                        primary=record.id,
                        property=prop,
                        value=session.term(item.id),
                        restriction=session.term(wanted or "") or "none",
                    )


class _Sibling:
    """One demand that an element makes of the sibling that it names."""

    def __init__(
        self,
        session: Session,
        record: Record,
        constraint: Mapping[str, Json],
        references: dict[tuple[str, str, str, str], Record],
    ) -> None:
        self.session = session
        self.record = record
        self.constraint = constraint
        self.references = references
        self.keyref = session.term(constraint["keyref"]) if "keyref" in constraint else ""

    def check(self) -> None:
        """Applies the demand under every parent."""
        if not self.keyref:
            return
        name = self.record.properties.get(self.keyref)
        for above, prop in tuple(self.record.parents or ()):
            sibling = child_named(self.session, above, prop, self.constraint["key"], name)
            if sibling is not None:
                self.reference(above, prop, str(name))
                self.type(sibling, str(name))
                self.supplemental(sibling, str(name))

    def fields(self, sibling: Record, name: str) -> dict[str, str | None]:
        return {
            "primary": self.record.id,
            "property": self.keyref,
            "secondary": sibling.id,
            "aux": self.constraint["key"],
            "value": name,
        }

    def reference(self, above: Record, prop: str, name: str) -> None:
        """Refuses two elements that name the same sibling for the same purpose."""
        uri = self.constraint.get("uniqueReference")
        if uri is None:
            return
        value = value_of(self.session, self.record, uri)
        before = self.references.setdefault((above.id, prop, name, str(value)), self.record)
        if before is not self.record:
            self.session.report(
                "multipleReference",
                before.site,
                self.record.site,
                primary=above.id,
                property=prop,
                secondary=uri,
                aux=f"'{self.keyref}' and '{self.session.term(uri)}'",
                value=f"'{name}' and '{self.session.term(str(value))}'",
            )

    def type(self, sibling: Record, name: str) -> None:
        """Demands a type of the sibling, or refuses one."""
        session, site = self.session, self.record.spot(self.keyref)
        wanted = self.constraint.get("requiredTypes")
        if wanted and not any(has_type(session, sibling, dtmi) for dtmi in wanted):
            kinds = any_of(self.constraint["requiredTypeNames"])
            session.report("notSiblingRequiredType", site, sibling.site, type=kinds, **self.fields(sibling, name))
        refused = self.constraint.get("disallowedType")
        if refused and has_type(session, sibling, refused):
            kind = self.constraint["disallowedTypeName"]
            session.report("disallowedType", site, sibling.site, type=kind, **self.fields(sibling, name))

    def supplemental(self, sibling: Record, name: str) -> None:
        """Demands that the sibling has the supplemental property that is named."""
        path = self.constraint.get("supplementalProperty")
        if path is None:
            return
        session = self.session
        uri = str(value_of(session, self.record, path))
        if any(uri in rule.properties for rule in sibling.types):
            return
        term = session.term(uri)
        material = term in sibling.rule.by_name
        session.report(
            "matchingPropertyNotSupplemental" if material else "noMatchingSupplementalProperty",
            self.record.spot(self.keyref),
            sibling.site,
            restriction=term,
            transformation=session.term(path),
            type=sibling.kind,
            **self.fields(sibling, name),
        )
