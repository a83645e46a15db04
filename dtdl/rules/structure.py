"""Rules about the graph of elements: inheritance, depth, count, recursion, uniqueness, co-types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from dtdl.metamodel import PropertyRule, bound
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
        (record.rule.version, record.kind): control
        for record in own
        for control in controls_of(record)
        if "import" in control
    }
    importers = [record for record in own if (record.rule.version, record.kind) in controls]
    edges = narrow(("extends",))
    heights = measure(importers, edges)
    closures: dict[str, dict[str, Record]] = {}
    for record in sorted(importers, key=lambda r: heights[r.id]):
        control = controls[record.rule.version, record.kind]
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
    if not own:
        return
    held: dict[str, Record] = record.links.setdefault(name, {})
    for key, item in own.items():
        there = held.setdefault(key, item)
        if there is not item:
            session.report(
                "nonUniqueImportedPropertyValue",
                there.spot("name"),
                item.spot("name"),
                primary=record.id,
                secondary=ancestor.id,
                property=name,
                transformation=any_of(through),
                aux="name",
                value=key,
            )
        elif item.types:
            parents = item.parents = item.parents or []
            if (record, name) not in parents:
                parents.append((record, name))


# -- measures of the graph -------------------------------------------------------------------------------------


def controls_of(record: Record) -> Sequence[Mapping[str, Json]]:
    """Gives the rules about what may stand below a record."""
    return record.context.active.descendants.get(record.kind, ())


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


def measure(roots: Iterable[Record], edges: Edges) -> dict[str, int]:
    """Gives the weight of the heaviest path below each record, ENDLESS where there is a cycle below it."""
    heights: dict[str, int] = {}
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
    return heights


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
    groups: dict[tuple[str, ...], list[tuple[Record, Mapping[str, Json]]]] = {}
    found: dict[str, dict[str, Record | None]] = {}
    for record in own:
        for control in controls_of(record):
            if "datatype" in control:
                datatype(session, record, control)
            elif "exclude" in control:
                exclude(session, record, control, found.setdefault(record.kind, {}))
            key = ("narrow" if control.get("narrow") else "wide", *control["properties"])
            groups.setdefault(key, []).append((record, control))
    for (breadth, *names), members in groups.items():
        edges = (narrow if breadth == "narrow" else wide)(names)
        deep = [(r, c) for r, c in members if "depth" in c and "import" not in c]
        if deep:
            depth(session, deep, edges)
        many = [(r, c) for r, c in members if "count" in c]
        if many:
            count(session, many, edges)


def depth(session: Session, members: Sequence[tuple[Record, Mapping[str, Json]]], edges: Edges) -> None:
    """Bounds the depth below elements."""
    heights = measure((record for record, _ in members), edges)
    for record, control in members:
        limit = limit_of(control["depth"], record)
        if heights[record.id] > limit:
            too_deep(session, record, edges, heights, _Depth(control, limit, narrow=control.get("narrow", False)))


def count(session: Session, members: Sequence[tuple[Record, Mapping[str, Json]]], edges: Edges) -> None:
    """Bounds the number of elements below elements."""
    counts: dict[str, int] = {}
    reported: set[str] = set()
    for root, control in members:
        recursive = _count_below(root, edges, counts)
        disjunction = any_of(control["properties"])
        if not control.get("self", False):
            for record in recursive:
                if record.id not in reported and "import" not in control:
                    reported.add(record.id)
                    session.report(
                        "recursiveStructureNarrow",
                        record.site,
                        primary=record.id,
                        property=disjunction,
                        _through=disjunction,
                    )
        limit = limit_of(control["count"], root)
        if counts[root.id] > limit:
            session.report(
                "excessiveCount", root.site, primary=root.id, property=disjunction, _limit=str(limit),
                _count=str(counts[root.id]),
            )  # fmt: skip


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


def exclude(session: Session, root: Record, control: Mapping[str, Json], found: dict[str, Record | None]) -> None:
    """Refuses elements of one class below another, such as a Component below a Component."""
    child = excluded_below(root, control, found)
    if child is not None:
        session.report(
            "excludedType",
            root.site,
            child.site,
            primary=root.id,
            property=any_of(control["properties"]),
            secondary=child.id,
            restriction=control["exclude"],
            type=root.kind,
        )


def excluded_below(root: Record, control: Mapping[str, Json], found: dict[str, Record | None]) -> Record | None:
    """Gives the first element of the excluded class below a record; ``found`` remembers it by what stands below."""
    edges = (narrow if control.get("narrow") else wide)(control["properties"])
    for weight, child in edges(root):
        if weight and child.kind == control["exclude"]:
            return child
        if child.id not in found:
            found[child.id] = _first(child, edges, control["exclude"])
        if found[child.id] is not None:
            return found[child.id]
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
        if child.id not in seen:
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
