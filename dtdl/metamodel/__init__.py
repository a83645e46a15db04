"""The metamodel: tables of the DTDL versions and extensions as data, and the small interpreter that reads them.

A table (``tables/*.json``, made by ``tools/make_metamodel.py``) describes one context: ``terms`` (term → DTMI),
``types`` (supplemental types by DTMI) and ``elements`` (standard elements). The table of a DTDL version also has
``rules``, ``identifiers``, ``classes`` (what each class is, holds and limits) and ``descendants`` (what may stand below
an element). Tables are read when a document first names their context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Final

Json = Any
Limit = Mapping[str, int]

_FEW: Final = 6
_TABLES: Final = files("dtdl.metamodel") / "tables"


@lru_cache(maxsize=512)
def matcher(pattern: str) -> re.Pattern[str]:
    """Compiles a pattern of the tables; ``$`` means the very end there."""
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)


def bound(limits: Limit, spec: str) -> int | None:
    """Gives the bound that holds under a limit context: its own, or the only one that there is."""
    found = limits.get(spec)
    if found is None and len(limits) == 1:
        return next(iter(limits.values()))
    return found


class PropertyRule:
    """What one property of a class, or of a supplemental type, may hold.

    Attributes:
        name: The DTDL term.
        uri: Its DTMI.
        kind: ``string``, ``integer``, ``boolean``, ``langString``, ``decimal``, ``duration``, ``JSON``, ``literal``
            (any of string, number, boolean), ``identifier`` or ``object``.
        supplemental: Whether a supplemental type adds it.
        id_required, type_required: Whether an element written here must have an ``@id``, an ``@type``.
        longest: Greatest length where no limit context says otherwise.
        language: Language of texts that name none.
        table: The limits, as in the table.
    """

    __slots__ = (
        "id_required",
        "key",
        "kind",
        "language",
        "length",
        "longest",
        "match",
        "max",
        "min",
        "name",
        "optional",
        "plural",
        "segment",
        "supplemental",
        "table",
        "target",
        "type_required",
        "uri",
        "versions",
    )

    def __init__(self, name: str, uri: str, table: Mapping[str, Json], *, supplemental: bool = False) -> None:
        self.name = name
        self.uri = uri
        self.table = table
        self.supplemental = supplemental
        self.kind: str = table["kind"]
        self.plural: bool = table.get("plural", False)
        self.optional: bool = table.get("optional", False)
        self.min: int = table.get("min", 0)
        self.max: int | None = table.get("max")
        self.key: str | None = table.get("key")
        self.segment: str | None = table.get("segment")
        self.target: str | None = table.get("type" if supplemental else "class")
        length = table.get("length")
        self.length: Limit = {"": length} if isinstance(length, int) else length or {}
        self.id_required: bool = table.get("id", False)
        self.type_required: bool = not table.get("untyped", False)
        self.longest = bound(self.length, "")
        self.language: str = table.get("language", "en")
        pattern = table.get("pattern")
        self.match = matcher(pattern) if pattern else None
        self.versions: frozenset[int] | None = frozenset(table["versions"]) if "versions" in table else None


class ClassRule:
    """One class of the metamodel in one DTDL version.

    Attributes:
        name: Such as ``Property`` or ``ComplexSchema``.
        version: DTDL version.
        written: Type string → kind, for the kinds that a document may write where this class is expected.
        kinds: Every concrete kind, primitives included.
        by_name: Properties by term.
        properties: By term and by DTMI.
        usual: By term, those that call for no advice.
        unique: Properties whose elements must differ in some value, or are limited in number.
        controls: Rules about what may stand below its elements.
        listed: Properties that only some standard elements may stand in.
        required, needed: Properties that a document must write, and their terms.
        extensible: Classes that supplemental types of that kind stand for, such as ``Unit``.
        ancestors: Names of the classes that it is.
        partition: Whether it is a partition, as an Interface is.
    """

    __slots__ = (
        "ancestors",
        "by_name",
        "controls",
        "extensible",
        "instance",
        "kinds",
        "listed",
        "name",
        "needed",
        "partition",
        "properties",
        "required",
        "unique",
        "usual",
        "version",
        "written",
    )

    def __init__(self, name: str, version: int, table: Mapping[str, Json], *, partition: bool) -> None:
        self.name = name
        self.version = version
        self.kinds = frozenset(table["kinds"])
        self.written: dict[str, str] = {}
        for kind in table["concrete"]:
            self.written[kind] = kind
            self.written[f"dtmi:dtdl:class:{kind};{version}"] = kind
        self.extensible: frozenset[str] = frozenset(table.get("extensible", ()))
        self.ancestors = frozenset(table["is"])
        self.partition = partition
        self.instance: Mapping[str, Json] = table.get("instance", {})
        self.by_name = {
            term: PropertyRule(term, f"dtmi:dtdl:property:{term};{version}", given)
            for term, given in table["properties"].items()
        }
        self.properties = self.by_name | {rule.uri: rule for rule in self.by_name.values()}
        self.controls: list[Mapping[str, Json]] = []
        rules = tuple(self.by_name.values())
        self.usual = {rule.name: rule for rule in rules if "deprecated" not in rule.table}
        objects = [rule for rule in rules if rule.kind == "object"]
        self.unique = tuple(r for r in objects if r.plural and (r.max or ("unique" in r.table and r.key is None)))
        self.listed = tuple(r for r in objects if not r.plural and "uris" in r.table)
        self.required = tuple(rule for rule in rules if rule.min > 0)
        self.needed = frozenset(rule.name for rule in self.required)

    @property
    def wanted(self) -> str:
        """What a document may write here, in words."""
        kinds = sorted(set(self.written.values()))
        return " or ".join(kinds) if 1 < len(kinds) <= _FEW else self.name


class TypeRule:
    """A supplemental type: a co-type that an element may have beside its class.

    Attributes:
        id: Its DTMI.
        kind: ``SemanticType``, ``AdjunctType``, ``Unit``, ``UnitAttribute``, ….
        table: As in the table.
        properties: By DTMI, those of its parents not included.
    """

    __slots__ = ("abstract", "cotypes", "id", "kind", "parent", "properties", "table", "versions")

    def __init__(self, identifier: str, table: Mapping[str, Json]) -> None:
        self.id = identifier
        self.table = table
        self.kind: str = table["kind"]
        self.abstract: bool = table.get("abstract", False)
        self.parent: str | None = table.get("parent")
        self.cotypes: tuple[str, ...] = tuple(table.get("cotypes", ()))
        self.versions: tuple[int, ...] = tuple(table.get("versions", ()))
        self.properties = {
            uri: PropertyRule(given["term"], uri, given, supplemental=True)
            for uri, given in table.get("properties", {}).items()
        }


class ContextTable:
    """One context: its terms, supplemental types and standard elements."""

    def __init__(self, identifier: str, table: Mapping[str, Json]) -> None:
        self.id = identifier
        self.table = table
        self.terms: Mapping[str, str] = table["terms"]
        self.types = {name: TypeRule(name, given) for name, given in table["types"].items()}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """DTMI → term."""
        return {uri: term for term, uri in self.terms.items()}

    @cached_property
    def owners(self) -> Mapping[str, Json]:
        """DTMI of a standard element → the standard document that writes it."""
        found: dict[str, Json] = {}
        for element in self.table["elements"]:
            found[element["@id"]] = element
            for parts in element.values():
                if isinstance(parts, list):
                    found |= {part["@id"]: element for part in parts if isinstance(part, dict) and "@id" in part}
        return found


class Language(ContextTable):
    """One version of DTDL: a context, and the rules and classes of the version."""

    def __init__(self, identifier: str, table: Mapping[str, Json], partitions: frozenset[str]) -> None:
        super().__init__(identifier, table)
        self.version: int = table["version"]
        self.rules: Mapping[str, Json] = table["rules"]
        self.unknown: Mapping[str, str] = self.rules["unknown"]
        self.restricts_keywords: bool = self.rules["restricts_keywords"]
        self.id_match = matcher(table["identifiers"]["pattern"])
        self.id_length: Limit = table["identifiers"]["length"]
        self.longest = bound(self.id_length, "")
        self.id_lengths: Mapping[str, Limit] = table["identifiers"]["lengths"]
        self.short = min((n for lengths in self.id_lengths.values() for n in lengths.values()), default=0)
        self.roots = frozenset(
            text for root in self.rules["roots"] for text in (root, f"dtmi:dtdl:class:{root};{self.version}")
        )
        self.classes = {
            name: ClassRule(name, self.version, given, partition=name in partitions)
            for name, given in table["classes"].items()
        }
        for control in table["descendants"]:
            self.classes[control["class"]].controls.append(control)


class Metamodel:
    """All tables, each read when it is first asked for."""

    def __init__(self) -> None:
        index = _read("index")
        self.contexts: Mapping[str, str] = index["contexts"]
        self.implicit: Mapping[str, int] = index["implicit"]
        self.limits: Mapping[str, tuple[int, str]] = {k: (v[0], v[1]) for k, v in index["limits"].items()}
        self.reserved: Mapping[str, list[str]] = index["reserved"]
        self.reserved_prefixes: tuple[str, ...] = tuple(dict.fromkeys(p for v in self.reserved.values() for p in v))
        self.partitions = frozenset(index["partitions"])
        self.material = frozenset(
            text
            for name, versions in index["classes"].items()
            for text in (name, *(f"dtmi:dtdl:class:{name};{v}" for v in versions))
        )
        self._tables: dict[str, ContextTable] = {}
        self._aliases: dict[str, str] = {}
        self._histories: dict[str, dict[int, int]] = {}
        for context in self.contexts:
            path, version = context.split(";")
            major, _, minor = version.partition(".")
            known = self._histories.setdefault(path, {})
            known[int(major)] = max(int(minor or 0), known.get(int(major), 0))
        self.versions = tuple(sorted(self._histories["dtmi:dtdl:context"]))

    def table(self, context: str) -> ContextTable:
        """Gives the table of a context that :attr:`contexts` lists."""
        table = self._tables.get(context)
        if table is None:
            given = _read(self.contexts[context])
            table = Language(context, given, self.partitions) if "version" in given else ContextTable(context, given)
            self._tables[context] = table
        return table

    def language(self, version: int) -> Language:
        """Gives the table of a DTDL version."""
        table = self.table(f"dtmi:dtdl:context;{version}")
        assert isinstance(table, Language)
        return table

    def history(self, path: str) -> Mapping[int, int] | None:
        """Gives the known major versions of a context named without its version, or None."""
        return self._histories.get(path)

    def tables(self) -> Iterator[ContextTable]:
        """Gives every table, reading those not yet read."""
        for context in self.contexts:
            yield self.table(context)

    def type(self, dtmi: str) -> TypeRule | None:
        """Gives the supplemental type of that DTMI, whichever context defines it."""
        for table in tuple(self._tables.values()):
            if dtmi in table.types:
                return table.types[dtmi]
        if len(self._tables) < len(self.contexts) and dtmi.startswith(self.reserved_prefixes):
            return next((t.types[dtmi] for t in self.tables() if dtmi in t.types), None)
        return None

    def lineage(self, rule: TypeRule) -> Iterator[TypeRule]:
        """Gives the type and its parents, nearest first."""
        found: TypeRule | None = rule
        while found is not None:
            yield found
            found = self.type(found.parent) if found.parent else None

    def standard(self, dtmi: str) -> Json | None:
        """Gives the standard document that writes the element of that DTMI, or None."""
        for table in tuple(self._tables.values()):
            if dtmi in table.owners:
                return table.owners[dtmi]
        if len(self._tables) < len(self.contexts):
            return next((t.owners[dtmi] for t in self.tables() if dtmi in t.owners), None)
        return None

    def resolve(self, dtmi: str) -> str:
        """Gives the DTMI that an alias among the standard elements stands for, or the DTMI itself."""
        known = self._aliases.get(dtmi)
        if known is None:
            known = dtmi
            if dtmi.startswith(self.reserved_prefixes):
                node = self.standard(dtmi)
                while node is not None and node["@id"] == known and "aliasFor" in node:
                    known = node["aliasFor"]
                    node = self.standard(known)
                self._aliases[dtmi] = known
        return known

    def is_reserved(self, dtmi: str) -> bool:
        """Whether the DTMI lies in a namespace that users may not define elements in."""
        return dtmi.startswith(self.reserved_prefixes)

    def term(self, uri: str) -> str:
        """Gives the term of a DTMI, or the DTMI itself when no context names it."""
        if not uri.startswith(self.reserved_prefixes):
            return uri
        return next((t.names[uri] for t in self.tables() if uri in t.names), uri)


def _read(name: str) -> dict[str, Json]:
    text = (_TABLES / f"{name}.json").read_text(encoding="utf-8")
    table: dict[str, Json] = json.loads(text)
    return table


@lru_cache(maxsize=1)
def metamodel() -> Metamodel:
    """Gives the one metamodel of this process."""
    return Metamodel()
