"""The types of OPC UA to DTDL: every ObjectType of NodeSet2 documents as an Interface, and what DTDL cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from dtdl.diagnostic import Diagnostic, Location, Severity
from interop.opcua.nodeset.model import (
    ANALOG_UNIT_TYPE,
    BASE_DATA_VARIABLE_TYPE,
    BASE_OBJECT_TYPE,
    HAS_ADD_IN,
    HAS_COMPONENT,
    HAS_INTERFACE,
    HAS_MODELLING_RULE,
    HAS_ORDERED_COMPONENT,
    HAS_PROPERTY,
    MANDATORY_PLACEHOLDER,
    NON_HIERARCHICAL_REFERENCES,
    OPTIONAL_PLACEHOLDER,
    ORGANIZES,
    PROPERTY_TYPE,
    UA,
    Graph,
    Node,
    NodeId,
    NodeSet,
)
from interop.opcua.nodeset.values import Argument, arguments_of, text_of, unit_of
from interop.opcua.types.annotation import Kept, language_map
from interop.opcua.types.naming import browse_name_of, dtdl_name, dtmi_or_none, interface_dtmi, version_of
from interop.opcua.types.quantities import QUANTITIES, quantity_of
from interop.opcua.types.residue import amended
from interop.opcua.types.schemas import Schemas

Json = Any
CORE: Final = "dtmi:dtdl:context;4"
_EXTENSIONS: Final = ((b'"unit":', QUANTITIES), (b'"Historized"', "dtmi:dtdl:extension:historization;2"))
"""What shows in a document that it uses an extension, and the context of the extension."""
_PARTS: Final = (HAS_COMPONENT, HAS_ORDERED_COMPONENT, HAS_PROPERTY, HAS_ADD_IN, ORGANIZES)
_PLACEHOLDERS: Final = (OPTIONAL_PLACEHOLDER, MANDATORY_PLACEHOLDER)
_WRITE, _HISTORY_READ = 2, 4
"""Bits of AccessLevel (OPC 10000-3, 8.57)."""
_OF_DATA: Final = ("EngineeringUnits", "EURange", "EnumStrings", "EnumValues", "InputArguments", "OutputArguments")
_PLAIN_TYPES: Final = (BASE_DATA_VARIABLE_TYPE, PROPERTY_TYPE, ANALOG_UNIT_TYPE)
_MAX_FINDINGS: Final = 2000


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        documents: One Interface each, in the order of the documents.
        kept: What DTDL cannot say, one for each; it stands in the ``comment`` of the element, too.
    """

    documents: tuple[dict[str, Json], ...]
    kept: tuple[Diagnostic, ...]


def dtdl_of(nodesets: Iterable[NodeSet], *, residue: bool = True) -> Imported:
    """Translates every ObjectType.

    Args:
        nodesets: What belongs together.
        residue: Whether to use what megatwin noted in a document of its own about DTDL that OPC UA cannot say.
    """
    return _Types(Graph(nodesets), residue=residue).translate()


@dataclass(slots=True)
class _Draft:
    """An Interface while it is made.

    Attributes:
        node: Its ObjectType, or the Object that it is the type of.
        dtmi: Its id.
        document: The JSON.
        names: Names of its own contents.
        kept: What its comment says.
    """

    node: Node
    dtmi: str
    document: dict[str, Json]
    names: set[str] = field(default_factory=set)
    kept: Kept = field(default_factory=Kept)


class _Types:
    def __init__(self, graph: Graph, *, residue: bool) -> None:
        self.graph = graph
        self.residue = residue
        self.findings: list[Diagnostic] = []
        self.drafts: dict[NodeId, _Draft] = {}
        self.taken: dict[str, NodeId] = {}
        self.versions = {model.uri: model.version for each in graph.nodesets for model in each.models}
        self.inherited: dict[NodeId, dict[str, str]] = {}
        self.components: dict[NodeId, set[NodeId]] = {}

    def translate(self) -> Imported:
        types = [node for node in self.graph.nodes.values() if node.node_class == "ObjectType"]
        for node in types:
            if node.id.namespace != UA:
                self.draft(node, node.browse_name.name)
        done: set[NodeId] = set()
        while len(done) < len(self.drafts):  # Objects without a type of their own add drafts
            for draft in [each for key, each in self.drafts.items() if key not in done]:
                self.fill_all(draft, done)
        return Imported(tuple(draft.document for draft in self.drafts.values()), tuple(self.findings))

    def draft(self, node: Node, name: str) -> _Draft:
        """Begins an Interface."""
        own = self.graph.property(node.id, "DtdlId")
        given = dtmi_or_none(text_of(own.value) or "") if own is not None else None
        namespace = node.id.namespace
        version = version_of(self.versions.get(namespace, ""), namespace)
        dtmi = given if given and given not in self.taken else interface_dtmi(namespace, name, version, self.taken)
        self.taken[dtmi] = node.id
        made = self.drafts[node.id] = _Draft(node, dtmi, {"@context": CORE, "@id": dtmi, "@type": "Interface"})
        if given is None:
            made.kept.add("nodeId", str(node.id))
        if browse_name_of(dtmi) != node.browse_name.name:
            made.kept.add("browseName", node.browse_name.name)
        return made

    def fill_all(self, draft: _Draft, done: set[NodeId]) -> None:
        """Fills an Interface, those that it extends first, for their names."""
        open_ = [draft]
        while open_:
            here = open_[-1]
            above = [base for base in self.bases(here) if base.node.id not in done and base not in open_]
            if above:
                open_.append(above[0])
                continue
            open_.pop()
            if here.node.id not in done:
                done.add(here.node.id)
                self.fill(here)

    def fill(self, draft: _Draft) -> None:
        """Gives an Interface its contents."""
        self.texts(draft.document, draft.node, draft.kept)
        if draft.node.is_abstract:
            draft.kept.add("isAbstract", "true")
        self.extend(draft)
        schemas = Schemas(self.graph, draft.dtmi)
        contents = [one for one in (*self.parts(draft, schemas), *self.links(draft)) if one is not None]
        if contents:
            draft.document["contents"] = contents
        if schemas.named:
            draft.document["schemas"] = list(schemas.named.values())
        text = orjson.dumps(contents)
        extensions = [context for mark, context in _EXTENSIONS if mark in text]
        if extensions:
            draft.document["@context"] = [CORE, *extensions]
        self.finish(draft.document, draft.node, draft.kept)
        if self.residue:
            amended(draft.document, draft.node)

    def extend(self, draft: _Draft) -> None:
        """What an Interface extends; DTDL does not let it inherit two contents of one name."""
        inherited: dict[str, str] = {}
        names = []
        for base in self.bases(draft):
            given = self.inherited.get(base.node.id, {}) | dict.fromkeys(base.names, base.dtmi)
            if any(inherited.get(name, origin) != origin for name, origin in given.items()):
                draft.kept.add("sameNames", base.dtmi)
                continue
            inherited |= given
            names.append(base.dtmi)
        if names:
            draft.document["extends"] = names[0] if len(names) == 1 else names
        self.inherited[draft.node.id] = inherited
        for target in self.above(draft):
            if target not in self.drafts and target != BASE_OBJECT_TYPE:
                draft.kept.add("supertype", str(target))

    def above(self, draft: _Draft) -> list[NodeId]:
        """The types that an ObjectType is a subtype or implementation of."""
        base = self.graph.supertype(draft.node.id)
        return [*([base] if base is not None else []), *self.graph.targets(draft.node.id, HAS_INTERFACE)]

    def bases(self, draft: _Draft) -> list[_Draft]:
        """Those of them that become Interfaces."""
        found = dict.fromkeys(target for target in self.above(draft) if target in self.drafts)
        return [self.drafts[target] for target in found if target != draft.node.id]

    def parts(self, draft: _Draft, schemas: Schemas) -> Iterator[Json]:
        """The contents that stand for the nodes below a type."""
        for target in dict.fromkeys(self.graph.targets(draft.node.id, *_PARTS)):
            node = self.graph.nodes.get(target)
            if node is None:
                draft.kept.add("part", str(target))
            elif node.browse_name.name != "DtdlId" and node.node_class in ("Variable", "Method", "Object"):
                yield self.part(draft, node, schemas)

    def part(self, draft: _Draft, node: Node, schemas: Schemas) -> Json:
        """One content, or None where the subtype says again what its supertype says, or DTDL has no such thing."""
        placeholder = any(rule in _PLACEHOLDERS for rule in self.graph.targets(node.id, HAS_MODELLING_RULE))
        bare = node.browse_name.name.strip("<>") if placeholder else node.browse_name.name
        name = dtdl_name(bare, draft.names)
        if name in self.inherited[draft.node.id] or (placeholder and self.is_link(draft, node)):
            if not placeholder:
                draft.kept.add("overrides", bare)
            return None
        kept = Kept()
        if name != node.browse_name.name:
            kept.add("browseName", node.browse_name.name)
        if placeholder and node.node_class != "Object":
            draft.kept.add("placeholder", node.browse_name.name)
            return None
        made: dict[str, Json] | None
        if node.node_class == "Variable":
            made = self.variable(node, name, schemas, kept)
        elif node.node_class == "Method":
            made = self.method(node, name, schemas, kept)
        else:
            made = self.component(draft, node, name, placeholder=placeholder)
        if made is None:
            draft.kept.add("object", node.browse_name.name)
            return None
        draft.names.add(name)
        self.texts(made, node, kept)
        self.finish(made, node, kept)
        if self.residue:
            amended(made, node)
        return made

    def variable(self, node: Node, name: str, schemas: Schemas, kept: Kept) -> dict[str, Json]:
        """A Property or Telemetry."""
        schema = schemas.of(node.data_type, node.rank, name, kept)
        is_property = node.access & _WRITE or self.graph.type_of(node.id) == PROPERTY_TYPE
        made: dict[str, Json] = {"@type": "Property" if is_property else "Telemetry", "name": name, "schema": schema}
        if node.access & _WRITE:
            made["writable"] = True
        self.unit(made, node, kept)
        if node.attributes.get("Historizing") in ("true", "1") or node.access & _HISTORY_READ:
            made["@type"] = [*([made["@type"]] if isinstance(made["@type"], str) else made["@type"]), "Historized"]
        kind = self.graph.type_of(node.id)
        if kind is not None and kind not in _PLAIN_TYPES and kind.namespace != UA:
            kept.add("variableType", str(kind))
        for target in self.graph.targets(node.id, *_PARTS):
            below = self.graph.nodes.get(target)
            if below is not None and below.browse_name.name not in _OF_DATA:
                kept.add("part", below.browse_name.name)
        return made

    def unit(self, made: dict[str, Json], node: Node, kept: Kept) -> None:
        """Semantic type and unit, where DTDL has the unit and takes it beside the schema."""
        held = self.graph.property(node.id, "EngineeringUnits")
        given = unit_of(held.value) if held is not None else None
        if given is None:
            return
        quantity = quantity_of(given)
        if quantity is None or made["schema"] not in ("double", "float", "integer", "long"):
            kept.add("unit", given.display_name or given.description or str(given.unit_id))
            return
        made["@type"] = [made["@type"], quantity[0]]
        made["unit"] = quantity[1]

    def method(self, node: Node, name: str, schemas: Schemas, kept: Kept) -> dict[str, Json]:
        """A Command; several arguments become the fields of one Object."""
        made: dict[str, Json] = {"@type": "Command", "name": name}
        for key, word in (("request", "InputArguments"), ("response", "OutputArguments")):
            held = self.graph.property(node.id, word)
            arguments = arguments_of(held.value) if held is not None else []
            if len(arguments) == 1:
                made[key] = self.argument(arguments[0], set(), schemas, kept)
            elif arguments:
                taken: set[str] = set()
                fields = [self.argument(each, taken, schemas, kept) for each in arguments]
                made[key] = {"name": key, "schema": {"@type": "Object", "fields": fields}}
        return made

    @staticmethod
    def argument(given: Argument, taken: set[str], schemas: Schemas, kept: Kept) -> dict[str, Json]:
        name = dtdl_name(given.name, taken)
        taken.add(name)
        if name != given.name:
            kept.add("argument", given.name)
        made: dict[str, Json] = {"name": name, "schema": schemas.of(given.data_type, given.rank, name, kept)}
        if given.description:
            made["description"] = language_map(given.description, "description", kept)
        return made

    def component(self, draft: _Draft, node: Node, name: str, *, placeholder: bool) -> dict[str, Json] | None:
        """A Component, or a Relationship where any number may stand, or where the parts would hold each other."""
        kind = self.graph.type_of(node.id)
        target = self.drafts.get(kind) if kind is not None else None
        if target is None:
            if not any(self.graph.targets(node.id, *_PARTS)) or placeholder:
                return {"@type": "Relationship", "name": name} if placeholder else None
            target = self.drafts.get(node.id) or self.draft(node, f"{browse_name_of(draft.dtmi)}_{name}")
        if placeholder or self.holds(target.node.id, draft.node.id):
            return {"@type": "Relationship", "name": name, "target": target.dtmi}
        self.components.setdefault(draft.node.id, set()).add(target.node.id)
        return {"@type": "Component", "name": name, "schema": target.dtmi}

    def holds(self, outer: NodeId, inner: NodeId) -> bool:
        """Whether a type holds another, by components and supertypes of any depth."""
        open_, seen = [outer], set()
        while open_:
            here = open_.pop()
            if here == inner:
                return True
            if here not in seen:
                seen.add(here)
                above = self.graph.supertype(here)
                open_ += [*self.components.get(here, ()), *([above] if above is not None else [])]
        return False

    def is_link(self, draft: _Draft, node: Node) -> bool:
        """Whether a placeholder is the link Object of a Relationship of this type."""
        return any(
            kind.browse_name.name == node.browse_name.name.strip("<>") for kind, _ in self.relationships(draft.node)
        )

    def relationships(self, node: Node) -> Iterator[tuple[Node, NodeId]]:
        """References of own types that are not hierarchical, and where they lead."""
        for reference in self.graph.references(node.id):
            kind = self.graph.nodes.get(reference.type)
            if kind is not None and reference.type.namespace != UA and self.is_not_hierarchical(reference.type):
                yield kind, reference.target

    def is_not_hierarchical(self, kind: NodeId) -> bool:
        here: NodeId | None = kind
        for _ in range(64):
            if here is None or here == NON_HIERARCHICAL_REFERENCES:
                break
            here = self.graph.supertype(here)
        return here == NON_HIERARCHICAL_REFERENCES

    def links(self, draft: _Draft) -> Iterator[Json]:
        """Relationships."""
        for kind, target in self.relationships(draft.node):
            name = dtdl_name(kind.browse_name.name, draft.names)
            if name in self.inherited[draft.node.id]:
                continue
            draft.names.add(name)
            made: dict[str, Json] = {"@type": "Relationship", "name": name}
            kept = Kept()
            if target in self.drafts:
                made["target"] = self.drafts[target].dtmi
            elif target != BASE_OBJECT_TYPE:
                kept.add("target", str(target))
            properties = self.link_properties(draft, kind, kept)
            if properties:
                made["properties"] = properties
            self.texts(made, kind, kept)
            self.finish(made, kind, kept)
            yield amended(made, kind) if self.residue else made

    def link_properties(self, draft: _Draft, kind: Node, kept: Kept) -> list[Json]:
        """The Variables of the link Object."""
        schemas = Schemas(self.graph, draft.dtmi)
        found = []
        for target in self.graph.targets(draft.node.id, *_PARTS):
            node = self.graph.nodes.get(target)
            if node is None or node.browse_name.name != f"<{kind.browse_name.name}>":
                continue
            for part in self.graph.targets(node.id, HAS_COMPONENT, HAS_PROPERTY):
                held = self.graph.nodes.get(part)
                if held is not None and held.node_class == "Variable":
                    made = self.variable(held, dtdl_name(held.browse_name.name), schemas, kept)
                    made["@type"] = "Property" if isinstance(made["@type"], str) else ["Property", *made["@type"][1:]]
                    self.texts(made, held, kept)
                    found.append(amended(made, held) if self.residue else made)
        return found

    @staticmethod
    def texts(made: dict[str, Json], node: Node, kept: Kept) -> None:
        """Display name and description, in all languages; a display name that only repeats the name is none."""
        display = {
            language: text
            for language, text in node.display_name.items()
            if text and (language or text not in (node.browse_name.name, made.get("name")))
        }
        description = {language: text for language, text in node.description.items() if text}
        for key, texts in (("displayName", display), ("description", description)):
            if texts:
                made[key] = language_map(texts, key, kept)

    def finish(self, made: dict[str, Json], node: Node, kept: Kept) -> None:
        """Writes what is kept into the comment, and lists it."""
        if not kept:
            return
        made["comment"] = kept.text()
        for cause in kept.sentences():
            self.report(node, cause)

    def report(self, node: Node, cause: str) -> None:
        if len(self.findings) < _MAX_FINDINGS:
            where = Location(self.graph.file_of.get(node.id, "<nodeset>"), node.line, node.column)
            self.findings.append(
                Diagnostic(
                    rule="MT340", severity=Severity.INFO, location=where, cause=f"{node.browse_name.name}: {cause}",
                    action="Nothing is to be done; the comment of the element keeps it.",
                )
            )  # fmt: skip
