"""Rules about the graph of elements: inheritance, depth, count, recursion, uniqueness, co-types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from dtdl.metamodel import ClassRule, PropertyRule, bound
from dtdl.parser.session import NOWHERE, Record, Session
from dtdl.rules import siblings
from dtdl.rules.instances import violations

Json = Any
Edges = Callable[[Record], Sequence[tuple[int, Record]]]
ENDLESS: Final = 1_000_000_000


def check(session: Session) -> None:
    """Applies every rule that needs the whole graph; contents are inherited on the way."""
    own = [record for record in session.records.values() if record.document is not NOWHERE]
    if siblings.check_values(session, own) or inherit(session, own):
        return
    for record in own:
        if record.rule.unique or record.rule.listed or record.types:
            properties(session, record)
    descendants(session, own)
    siblings.check(session, own)


# -- inheritance -----------------------------------------------------------------------------------------------


def inherit(session: Session, own: Sequence[Record]) -> bool:
    """Imports properties from ancestors, as ``contents`` through ``extends``; gives whether anything is wrong."""
    before = len(session.findings)
    controls = {
        rule: control for rule in {record.rule for record in own} for control in rule.controls if "import" in control
    }
    importers = [record for record in own if record.rule in controls]
    edges = narrow(("extends",))
    heights: dict[str, int] = {}
    measure(importers, edges, heights)
    closures: dict[str, dict[str, Record]] = {}
    for record in sorted(importers, key=lambda r: heights[r.id]):
        control = controls[record.rule]
        limit = limit_of(control["depth"], record)
        if heights[record.id] > limit:
            too_deep(session, record, edges, heights, _Depth(control, limit, narrow=True))
            continue
        closure = closures[record.id] = {}
        for _, parent in edges(record):
            closure[parent.id] = parent
            closure |= closures.get(parent.id, {})
        for name in control["import"]:
            for ancestor in (a for a in closure.values() if a.own_contents):
                import_from(session, record, ancestor, name, control["properties"])
    return len(session.findings) > before


def import_from(session: Session, record: Record, ancestor: Record, name: str, through: Sequence[str]) -> None:
    """Imports what one ancestor itself writes."""
    own = ancestor.own_contents or {}
    held: dict[str, Record] = record.links.setdefault(name, {})
    if not held.keys().isdisjoint(own):
        for key in held.keys() & own.keys():
            if held[key] is not own[key]:
                session.report(
                    "nonUniqueImportedPropertyValue",
                    held[key].spot("name"),
                    own[key].spot("name"),
                    primary=record.id,
                    secondary=ancestor.id,
                    property=name,
                    transformation=any_of(through),
                    aux="name",
                    value=key,
                )
        own = {key: item for key, item in own.items() if key not in held}
    held |= own
    for item in own.values():
        if item.types:
            item.parents = item.parents or []
            item.parents.append((record, name))


# -- measures of the graph -------------------------------------------------------------------------------------


def limit_of(limits: Mapping[str, int], record: Record) -> int:
    """Gives the limit that holds for a record."""
    return bound(limits, record.limit) or 0


def narrow(names: Sequence[str]) -> Edges:
    """Gives the edges through some properties only, each of weight 1."""
    wanted = frozenset(names)

    def edges(record: Record) -> list[tuple[int, Record]]:
        if not record.links:
            return []
        return [(1, item) for name in record.links if name in wanted for item in record.linked(name)]

    return edges


def wide(names: Sequence[str]) -> Edges:
    """Gives the edges through all properties; those through some have weight 1, the others 0."""
    wanted = frozenset(names)

    def edges(record: Record) -> list[tuple[int, Record]]:
        links = record.links
        if not links:
            return []
        names = links if len(links) == 1 else [name for name in record.rule.by_name if name in links]
        return [(int(name in wanted), item) for name in names for item in record.linked(name)]

    return edges


def measure(roots: Iterable[Record], edges: Edges, heights: dict[str, int]) -> None:
    """Measures the heaviest path below each record, ENDLESS where there is a cycle below it; adds to ``heights``."""
    active: set[str] = set()
    for root in roots:
        if root.id in heights:
            continue
        stack = [(root, 0, iter(edges(root)))]
        active.add(root.id)
        best = {root.id: 0}
        while stack:
            record, cost, rest = stack[-1]
            for weight, child in rest:
                if child.id in active:
                    best[record.id] = ENDLESS
                elif child.id in heights:
                    best[record.id] = max(best[record.id], weight + heights[child.id])
                else:
                    active.add(child.id)
                    best[child.id] = 0
                    stack.append((child, weight, iter(edges(child))))
                    break
            else:
                stack.pop()
                active.discard(record.id)
                height = heights[record.id] = min(best.pop(record.id), ENDLESS)
                if stack:
                    above = stack[-1][0].id
                    best[above] = max(best[above], min(cost + height, ENDLESS))


class _Depth:
    """A bound on depth."""

    __slots__ = ("control", "limit", "narrow")

    def __init__(self, control: Mapping[str, Json], limit: int, *, narrow: bool) -> None:
        self.control = control
        self.limit = limit
        self.narrow = narrow


def too_deep(session: Session, root: Record, edges: Edges, heights: Mapping[str, int], to: _Depth) -> None:
    """Says whether the structure below a record is recursive or only too deep, and where."""
    path, stop = [root], root
    left = to.limit
    while True:
        below = edges(stop)
        if left == 0 and any(weight for weight, _ in below):
            break
        step = next(((w, c) for w, c in below if heights.get(c.id, 0) + w > left and (w or c not in path)), None)
        if step is None:
            break
        left -= step[0]
        stop = step[1]
        path.append(stop)
    last = next((child for _, child in edges(stop)), stop) if to.narrow else stop
    seen = {last.id}
    walk = reversed(path) if to.narrow else reversed(path[:-1])
    closing = None
    for record in walk:
        if record.id in seen:
            closing = record
            break
        seen.add(record.id)
    kind = "Narrow" if to.narrow else "Wide"
    disjunction = any_of(to.control["properties"])
    if closing is not None:
        if not to.control.get("self", False):
            shown = disjunction if to.narrow else None
            session.report(
                f"recursiveStructure{kind}", closing.site, primary=closing.id, property=shown, _through=disjunction
            )
        return
    session.report(
        f"excessiveDepth{kind}",
        root.site,
        last.site,
        primary=root.id,
        property=disjunction if to.narrow else None,
        secondary=last.id,
        _through=disjunction,
        _limit=str(to.limit),
    )


def any_of(names: Sequence[str]) -> str:
    """Gives the names of several properties as the findings show them."""
    return " or ".join(f"'{name}'" for name in names)


# -- what may stand below --------------------------------------------------------------------------------------


def descendants(session: Session, own: Sequence[Record]) -> None:
    """Applies the metamodel's rules about what may stand below an element."""
    members: dict[ClassRule, list[Record]] = {}
    for record in own:
        if record.rule.controls:
            members.setdefault(record.rule, []).append(record)
    known: dict[tuple[str, ...], _Below] = {}
    kinds = {record.kind for record in session.records.values()}
    for rule, records in members.items():
        for control in rule.controls:
            if "datatype" in control:
                for record in records:
                    datatype(session, record, control)
                continue
            names = control["properties"]
            key = ("narrow" if control.get("narrow") else "wide", control.get("exclude", ""), *names)
            below = known.setdefault(key, _Below((narrow if control.get("narrow") else wide)(names)))
            if control.get("exclude") in kinds:
                exclude(session, records, control, below)
            if "depth" in control and "import" not in control:
                depth(session, records, control, below)
            if "count" in control:
                count(session, records, control, below)


class _Below:
    """What is known of what stands below elements through some properties, whatever their class."""

    __slots__ = ("counts", "edges", "first", "heights")

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        self.heights: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.first: dict[str, Record | None] = {}


def depth(session: Session, records: Sequence[Record], control: Mapping[str, Json], below: _Below) -> None:
    """Bounds the depth below elements."""
    measure(records, below.edges, below.heights)
    for record in records:
        limit = limit_of(control["depth"], record)
        if below.heights[record.id] > limit:
            to = _Depth(control, limit, narrow=control.get("narrow", False))
            too_deep(session, record, below.edges, below.heights, to)


def count(session: Session, records: Sequence[Record], control: Mapping[str, Json], below: _Below) -> None:
    """Bounds the number of elements below elements."""
    counts = below.counts
    disjunction = any_of(control["properties"])
    for root in records:
        recursive = _count_below(root, below.edges, counts)
        if not control.get("self", False) and "import" not in control:
            for record in recursive:
                fields = {"property": disjunction, "_through": disjunction}
                session.report("recursiveStructureNarrow", record.site, primary=record.id, **fields)
        limit = limit_of(control["count"], root)
        if counts[root.id] > limit:
            numbers = {"_limit": str(limit), "_count": str(counts[root.id])}
            session.report(
                "excessiveCount", root.site, primary=root.id, property=disjunction, _through=disjunction, **numbers
            )


def _count_below(root: Record, edges: Edges, counts: dict[str, int]) -> list[Record]:
    """Counts the elements below each record; gives the records that contain themselves."""
    if root.id in counts:
        return []
    recursive: list[Record] = []
    active = {root.id: 0}
    stack = [(root, iter(edges(root)))]
    while stack:
        record, rest = stack[-1]
        for _, child in rest:
            if child.id in active:
                if child not in recursive:
                    recursive.append(child)
                active[record.id] += 1
            elif child.id in counts:
                active[record.id] = min(active[record.id] + counts[child.id] + 1, ENDLESS)
            else:
                active[child.id] = 0
                stack.append((child, iter(edges(child))))
                break
        else:
            stack.pop()
            total = counts[record.id] = active.pop(record.id)
            if stack:
                above = stack[-1][0].id
                active[above] = min(active[above] + total + 1, ENDLESS)
    return recursive


def exclude(session: Session, records: Sequence[Record], control: Mapping[str, Json], below: _Below) -> None:
    """Refuses elements of one class below another, such as a Component below a Component."""
    wanted = control["exclude"]
    for root in records:
        child = _first_below(root, below, wanted)
        if child is not None:
            session.report(
                "excludedType",
                root.site,
                child.site,
                primary=root.id,
                property=any_of(control["properties"]),
                secondary=child.id,
                restriction=wanted,
                type=root.kind,
            )


def _first_below(root: Record, below: _Below, wanted: str) -> Record | None:
    """Gives the first element of a class below a record, and remembers it by what stands directly below."""
    first = below.first
    for weight, child in below.edges(root):
        if weight and child.kind == wanted:
            return child
        if not child.links:
            continue
        if child.id not in first:
            first[child.id] = _first(child, below.edges, wanted)
        if first[child.id] is not None:
            return first[child.id]
    return None


def _first(root: Record, edges: Edges, wanted: str) -> Record | None:
    seen = {root.id}
    stack = [iter(edges(root))]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        weight, child = step
        if weight and child.kind == wanted:
            return child
        if child.links and child.id not in seen:
            seen.add(child.id)
            stack.append(iter(edges(child)))
    return None


_DATATYPES: Final = {
    "dtmi:dtdl:instance:Schema:integer": ("integer", int),
    "dtmi:dtdl:instance:Schema:string": ("string", str),
    "dtmi:dtdl:instance:Schema:boolean": ("boolean", bool),
}


def datatype(session: Session, root: Record, control: Mapping[str, Json]) -> None:
    """Compares values with the schema that governs them, such as those of an Enum."""
    governing = control["datatype"]
    schema = next(iter(root.linked(governing)), None)
    named = _DATATYPES.get(schema.id.split(";")[0]) if schema is not None else None
    if named is None:
        return
    name, kind = named
    for rule in root.rule.by_name.values():
        for item in root.linked(rule.name) if rule.kind == "object" else ():
            for prop in control["properties"]:
                value = item.properties.get(prop)
                if value is not None and type(value) is not kind:
                    session.report(
                        "nonConformantDatatype",
                        item.spot(prop),
                        root.spot(governing),
                        primary=item.id,
                        property=prop,
                        secondary=root.id,
                        restriction=governing,
                        value=str(value),
                        type=name,
                    )


# -- properties of one element ---------------------------------------------------------------------------------


def properties(session: Session, record: Record) -> None:
    """Applies the rules about the values of one element's properties."""
    for rule in record.rule.unique:
        if rule.name in record.links:
            several(session, record, rule)
    for rule in record.rule.listed:
        allowed(session, record, rule.name, rule.table)
    for kind in record.types:
        for prop in kind.properties.values():
            if "instance" in prop.table and prop.name in record.properties:
                conforms(session, record, prop)


def several(session: Session, record: Record, rule: PropertyRule) -> None:
    """Applies the rules about a property of several elements."""
    items = record.linked(rule.name)
    if rule.key is None:
        for name in rule.table.get("unique", ()):
            unique(session, record, rule.name, name, items)
    if rule.max is not None and len(items) > rule.max and len({item.id for item in items}) > rule.max:
        fields = {"primary": record.id, "property": rule.name}
        numbers = {"_count": str(len(items)), "_limit": str(rule.max)}
        session.report("objectCountAboveMax", record.spot(rule.name), **fields, **numbers)


def unique(session: Session, record: Record, prop: str, name: str, items: Iterable[Record]) -> None:
    """Refuses two elements of a property with the same value."""
    seen: dict[Any, Record] = {}
    for item in items:
        value = item.properties.get(name)
        if value is None:
            continue
        before = seen.setdefault((type(value), value), item)
        if before is not item:
            session.report(
                "nonUniquePropertyValue",
                before.spot(name),
                item.spot(name),
                primary=record.id,
                property=prop,
                aux=name,
                value=str(value),
            )


def conforms(session: Session, record: Record, prop: PropertyRule) -> None:
    """Compares a supplemental property with the schema that governs it, such as a minimum."""
    governing = prop.table["instance"]
    value = record.properties[prop.name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    for schema in record.linked(governing):
        found = violations(schema, value)
        if found:
            session.report(
                "nonConformantPropertyValue",
                record.where(prop.name).values(),
                record.where(governing).values(),
                primary=record.id,
                property=prop.name,
                restriction=governing,
                _violation=found[0],
            )


def allowed(session: Session, record: Record, name: str, table: Mapping[str, Json]) -> None:
    """Refuses standard elements other than the listed ones."""
    for item in record.linked(name):
        if item.id not in table["uris"]:
            first = next((key for key in record.node if key[:1] != "@"), "")
            site = record.key_site(first)
            session.report(
                "incorrectPropertyValue",
                site,
                primary=record.id,
                property=name,
                value=session.term(item.id),
                restriction=any_of(table["values"]),
            )
