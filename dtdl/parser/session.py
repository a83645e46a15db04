"""The state of one parse: what was read, what refers to what, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from dtdl.context import Context
from dtdl.elements import Element
from dtdl.metamodel import ClassRule, Metamodel, PropertyRule, TypeRule
from dtdl.source import Document, Site

Json = Any


class Abandon(Exception):
    """The element is so wrong that more findings about it would only follow on."""


class Finding(NamedTuple):
    """One finding before it becomes a Diagnostic: rule, structured fields, places.

    ``fields`` has the structured fields of the reference (``primary``, ``secondary``, ``property``, …) and, for the
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
    occurrence: int

    def prop(self) -> Site:
        """The key."""
        return Site(self.document, self.node, "key", self.key, self.occurrence)

    def value(self, index: int) -> Site:
        """One of its values."""
        return Site(self.document, self.node, "value", self.key, index)

    def values(self) -> Site:
        """All of its values."""
        return Site(self.document, self.node, "values", self.key, 0)


class Record:
    """One element while it is made.

    Attributes:
        id, kind, version, child_of, defined_in: As in Element.
        rule: Class of the metamodel.
        owner_property: Property of the owner that it is written in.
        document, node: Where it is written.
        context: Its active context.
        types: Supplemental types, in order.
        offered: Supplemental types as written, those that may not stand here included.
        undefined_types: Co-types that no context defines.
        properties: What the Element gets; shared with it. Literals at once, elements when the model is made.
        links: The records of its properties: one, a list, or by name.
        undefined: Undefined properties; shared with the Element.
        given: Names of the written properties → how they are written.
        parents: Elements that refer to it, with the property's name; kept for those with supplemental types.
        own_contents: Contents before any are inherited.
        element: The Element.
        sealed: Whether the Element has its elements.
    """

    __slots__ = (
        "child_of", "context", "defined_in", "document", "element", "given", "id", "kind", "limit", "links", "node", "offered",
        "own_contents", "owner_property", "parents", "properties", "rule", "sealed", "types", "undefined",
        "undefined_types", "version",
    )  # fmt: skip

    def __init__(self, identifier: str, kind: str, rule: ClassRule, context: Context) -> None:
        self.id = identifier
        self.kind = kind
        self.rule = rule
        self.version = rule.version
        self.context = context
        self.limit = context.limit
        self.child_of: str | None = None
        self.defined_in: str | None = None
        self.owner_property: str | None = None
        self.document: Document | None = None
        self.node: Json = None
        self.types: list[TypeRule] = []
        self.offered: list[TypeRule] = []
        self.undefined_types: list[str] = []
        self.properties: dict[str, Any] = {}
        self.links: dict[str, Any] = {}
        self.undefined: dict[str, Json] = {}
        self.given: dict[str, Spot] = {}
        self.parents: list[tuple[Record, str]] = []
        self.own_contents: dict[str, Record] | None = None
        self.element: Element | None = None
        self.sealed = False

    @property
    def site(self) -> Site | None:
        """The place of the element; None for a standard element."""
        return Site(self.document, self.node) if self.document is not None else None

    def spot(self, name: str) -> Site | None:
        """The place of one of its properties, None when it is not written."""
        spot = self.given.get(name)
        return spot.prop() if spot is not None else None

    def key_site(self, key: str) -> Site | None:
        """The place of a keyword such as ``@type``."""
        if self.document is None or key not in self.node:
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


class Reference(NamedTuple):
    """A property's value that is an element: written here, or named by a DTMI or term."""

    owner: Record
    rule: PropertyRule
    target: str
    text: str | None
    spot: Spot
    index: int
    expected: ClassRule | None


@dataclass(eq=False, slots=True)
class Session:
    """Everything that one parse gathers."""

    metamodel: Metamodel
    tolerant: bool = False
    standard: bool = False
    records: dict[str, Record] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    advice: list[Finding] = field(default_factory=list)

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
