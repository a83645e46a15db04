"""The state of one parse: what was read, what refers to what, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from dtdl.context import Context
from dtdl.diagnostic import Location
from dtdl.elements import Element
from dtdl.metamodel import ClassRule, Metamodel, PropertyRule, TypeRule
from dtdl.source import Document, Site

Json = Any

NOWHERE: Final = Document("{}", "<standard elements>")
"""The document of standard elements: they are written nowhere that a user could look."""


class Abandon(Exception):
    """The element is so wrong that more findings about it would only follow on."""


class Finding(NamedTuple):
    """One finding before it becomes a Diagnostic: rule, structured fields, places.

    ``fields`` has the structured fields of a Diagnostic (``primary``, ``secondary``, ``property``, …) and, for the
    message only, names with a leading underscore.
    """

    rule: str
    fields: Mapping[str, str | None]
    site: Site | None
    second: Site | None


class Spot(NamedTuple):
    """Where the value of a property stands."""

    document: Document
    node: Json
    key: str
    occurrence: int = 0

    def prop(self) -> Site:
        """The key."""
        return Site(self.document, self.node, "key", self.key, self.occurrence)

    def value(self, position: int) -> Site:
        """One of its values."""
        return Site(self.document, self.node, "value", self.key, position)

    def values(self) -> Site:
        """All of its values."""
        return Site(self.document, self.node, "values", self.key, 0)


class Place:
    """Where elements are expected: of which class, in which property of which owner."""

    __slots__ = ("expected", "owner", "prefix", "rule", "suffix")

    def __init__(self, expected: ClassRule, owner: Record | None = None, rule: PropertyRule | None = None) -> None:
        self.expected = expected
        self.owner = owner
        self.rule = rule
        if owner is not None and rule is not None:
            path, semicolon, version = owner.id.partition(";")
            name = rule.uri.partition(";")[0] if rule.supplemental else rule.name
            self.prefix = f"{path}:_{name}"
            self.suffix = semicolon + version

    @property
    def prop(self) -> str | None:
        """Name of the property, the DTMI for one that a supplemental type adds."""
        if self.rule is None:
            return None
        return self.rule.uri if self.rule.supplemental else self.rule.name

    @property
    def primary(self) -> str | None:
        """Id of the owner."""
        return self.owner.id if self.owner else None

    def site(self) -> Site | None:
        """The property's place."""
        return self.owner.spot(self.rule.name) if self.owner is not None and self.rule is not None else None


class Record:
    """One element while it is made.

    Attributes:
        id, kind, child_of, defined_in: As in Element.
        rule: Class of the metamodel.
        document, node: Where it is written.
        context: Its active context.
        types: Supplemental types, in order.
        offered: Supplemental types as written, those that may not stand here included.
        undefined_types: Co-types that no context defines.
        properties: What the Element gets. Literals at once, elements when the model is made.
        links: The records of its properties: one, a list, or by name.
        undefined: Undefined properties.
        given: Names of the written properties → keys that they are written under.
        parents: Elements that refer to it, with the property's name; kept for those with supplemental types.
        own_contents: Contents before any are inherited; of partitions.
        element: The Element, once it is made.
    """

    __slots__ = (
        "child_of",
        "context",
        "defined_in",
        "document",
        "element",
        "given",
        "id",
        "kind",
        "links",
        "node",
        "offered",
        "own_contents",
        "parents",
        "properties",
        "rule",
        "types",
        "undefined",
        "undefined_types",
    )
    id: str
    kind: str
    rule: ClassRule

    def __init__(self, document: Document, node: dict[str, Json], context: Context, place: Place) -> None:
        self.document = document
        self.node = node
        self.context = context
        owner = place.owner
        if owner is None:
            self.child_of = self.defined_in = None
        else:
            self.child_of = owner.id
            self.defined_in = None if document is NOWHERE else owner.partition
        self.types: Sequence[TypeRule] = ()
        self.offered: Sequence[TypeRule] = ()
        self.undefined_types: Sequence[str] = ()
        self.properties: dict[str, Any] = {}
        self.links: dict[str, Any] = {}
        self.undefined: dict[str, Json] | None = None
        self.given: dict[str, str] = {}
        self.parents: list[tuple[Record, str]] | None = None
        self.own_contents: dict[str, Record] | None = None
        self.element: Element | None = None

    @property
    def version(self) -> int:
        """DTDL version."""
        return self.rule.version

    @property
    def limit(self) -> str:
        """Name of the limits that hold."""
        return self.context.limit

    @property
    def partition(self) -> str:
        """Id of the partition that elements written in it belong to."""
        return self.id if self.rule.partition else self.defined_in or self.id

    @property
    def site(self) -> Site | None:
        """The place of the element; None for a standard element."""
        return Site(self.document, self.node) if self.document is not NOWHERE else None

    def locate(self) -> Location:
        """Gives the location of the whole element."""
        return Site(self.document, self.node).location

    def spot(self, name: str) -> Site | None:
        """The place of one of its properties, None when it is not written."""
        key = self.given.get(name)
        return self.key_site(key) if key is not None else None

    def where(self, name: str) -> Spot:
        """Where the values of one of its written properties stand."""
        return Spot(self.document, self.node, self.given[name])

    def key_site(self, key: str) -> Site | None:
        """The place of a key such as ``@type``."""
        if self.document is NOWHERE or key not in self.node:
            return None
        return Site(self.document, self.node, "key", key)

    def linked(self, name: str) -> Sequence[Record]:
        """The records of one of its properties."""
        held = self.links.get(name)
        if held is None:
            return ()
        if type(held) is list:
            return held
        return tuple(held.values()) if type(held) is dict else (held,)

    def type_ids(self) -> list[str]:
        """DTMIs of its supplemental types."""
        return [rule.id for rule in self.types]


Named: TypeAlias = "tuple[Record, PropertyRule, str, str | None, int, ClassRule | None]"
"""A Reference without its names: there are thousands, and few are ever looked at again."""


class Reference(NamedTuple):
    """A property's value that is an element: written here, or named by a DTMI or term.

    Attributes:
        owner: Whose property it is.
        rule: The property.
        target: DTMI of the element.
        text: How it is named, None when it is written here.
        position: Which value of the property.
        expected: Class that it must be of, None when that is known.
    """

    owner: Record
    rule: PropertyRule
    target: str
    text: str | None
    position: int
    expected: ClassRule | None

    def value_site(self) -> Site:
        """The place of the value."""
        return self.owner.where(self.rule.name).value(self.position)


@dataclass(eq=False, slots=True)
class Session:
    """Everything that one parse gathers."""

    metamodel: Metamodel
    tolerant: bool = False
    standard: bool = False
    records: dict[str, Record] = field(default_factory=dict)
    references: list[Named] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    advice: list[Finding] = field(default_factory=list)
    children: dict[tuple[str, str, str], dict[Json, list[Record]]] = field(default_factory=dict)

    def report(self, rule: str, site: Site | None = None, second: Site | None = None, /, **fields: str | None) -> None:
        """Notes a finding."""
        self.findings.append(Finding(rule, fields, site, second))

    def advise(self, rule: str, site: Site | None = None, /, **fields: str | None) -> None:
        """Notes something that is allowed, and that the specification advises against."""
        if not self.standard:
            self.advice.append(Finding(rule, fields, site, None))

    def quit(
        self, rule: str, site: Site | None = None, second: Site | None = None, /, **fields: str | None
    ) -> NoReturn:
        """Notes a finding after which nothing more is said of the element.

        Raises:
            Abandon: Always.
        """
        self.findings.append(Finding(rule, fields, site, second))
        raise Abandon

    def term(self, uri: str) -> str:
        """Gives the term of a DTMI."""
        return self.metamodel.term(uri)
