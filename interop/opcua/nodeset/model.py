"""Typed nodes of a NodeSet2 document; a namespace is its URI here, never an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Self, TypeAlias

from dtdl.markup import Element

UA: Final = "http://opcfoundation.org/UA/"
"""The standard namespace, index 0."""
NodeClass: TypeAlias = Literal[
    "Object", "Variable", "Method", "ObjectType", "VariableType", "DataType", "ReferenceType", "View"
]
DefinitionKind: TypeAlias = Literal["structure", "union", "enumeration", "option-set"]


class NodeId(NamedTuple):
    """A NodeId with the URI of its namespace (OPC 10000-3, 8.2); the identifier is text such as ``i=58`` or ``s=a``."""

    namespace: str
    identifier: str

    def __str__(self) -> str:
        """The text of OPC 10000-6, 5.1.12, in which a URI has no ``;`` of its own."""
        uri = self.namespace.replace("%", "%25").replace(";", "%3B")
        return self.identifier if self.namespace == UA else f"nsu={uri};{self.identifier}"

    @classmethod
    def of(cls, text: str) -> Self:
        """The NodeId of a text that ``str`` gave."""
        if not text.startswith("nsu="):
            return cls(UA, text)
        uri, _, identifier = text.removeprefix("nsu=").partition(";")
        return cls(uri.replace("%3B", ";").replace("%25", "%"), identifier)


class QualifiedName(NamedTuple):
    """A name with the URI of its namespace (OPC 10000-3, 8.3)."""

    namespace: str
    name: str


class Reference(NamedTuple):
    """A reference as one of its two nodes has it."""

    type: NodeId
    target: NodeId
    forward: bool = True


def standard(number: int) -> NodeId:
    """The NodeId of a node of the standard namespace."""
    return NodeId(UA, f"i={number}")


ORGANIZES: Final = standard(35)
HAS_MODELLING_RULE: Final = standard(37)
HAS_ENCODING: Final = standard(38)
HAS_TYPE: Final = standard(40)
HAS_SUBTYPE: Final = standard(45)
HAS_PROPERTY: Final = standard(46)
HAS_COMPONENT: Final = standard(47)
HAS_ORDERED_COMPONENT: Final = standard(49)
HAS_INTERFACE: Final = standard(17603)
HAS_ADD_IN: Final = standard(17604)
MANDATORY: Final = standard(78)
OPTIONAL_PLACEHOLDER: Final = standard(11508)
MANDATORY_PLACEHOLDER: Final = standard(11510)
BASE_OBJECT_TYPE: Final = standard(58)
FOLDER_TYPE: Final = standard(61)
BASE_DATA_VARIABLE_TYPE: Final = standard(63)
PROPERTY_TYPE: Final = standard(68)
ANALOG_UNIT_TYPE: Final = standard(17497)
NON_HIERARCHICAL_REFERENCES: Final = standard(32)
BASE_DATA_TYPE: Final = standard(24)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a DataType's Definition (OPC 10000-6, F.12).

    Attributes:
        name: As written.
        data_type: Of a structure's field.
        rank: ValueRank.
        dimensions: ArrayDimensions, as written.
        value: Of an enumeration, or the bit of an option set.
        optional: IsOptional.
        display_name, description: Language to text.
    """

    name: str
    data_type: NodeId = BASE_DATA_TYPE
    rank: int = -1
    dimensions: str = ""
    value: int | None = None
    optional: bool = False
    display_name: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a DataType consists of (OPC 10000-6, F.12)."""

    name: str
    kind: DefinitionKind
    fields: tuple[Field, ...]


@dataclass(slots=True)
class Node:
    """One node.

    Attributes:
        id, node_class, browse_name: As OPC 10000-3, 5.2 has them.
        display_name, description, inverse_name: Language to text; the empty language is none.
        references: In the order of the document, in both directions.
        attributes: All other attributes, by name, as written.
        data_type: Of Variables and VariableTypes.
        definition: Of DataTypes.
        value: The element in ``Value``; NodeIds in it are written with ``nsu=``.
        parent: ParentNodeId.
        extensions: What is in ``Extensions``, untouched.
        line, column: Where it is written, 0 when it was not read from a text.
    """

    id: NodeId
    node_class: NodeClass
    browse_name: QualifiedName
    display_name: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    data_type: NodeId = BASE_DATA_TYPE
    definition: Definition | None = None
    value: Element | None = None
    parent: NodeId | None = None
    inverse_name: Mapping[str, str] = field(default_factory=dict)
    extensions: list[Element] = field(default_factory=list)
    line: int = 0
    column: int = 0

    @property
    def rank(self) -> int:
        """ValueRank; a scalar when it is not written."""
        return int(self.attributes.get("ValueRank", "-1"))

    @property
    def access(self) -> int:
        """AccessLevel; CurrentRead when it is not written."""
        return int(self.attributes.get("AccessLevel", "1"))

    @property
    def is_abstract(self) -> bool:
        """IsAbstract."""
        return self.attributes.get("IsAbstract") in ("true", "1")


@dataclass(frozen=True, slots=True)
class RequiredModel:
    """A model that must be there first (OPC 10000-6, F.5)."""

    uri: str
    version: str = ""
    publication_date: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model that the document defines (OPC 10000-6, F.5)."""

    uri: str
    version: str = ""
    publication_date: str = ""
    required: tuple[RequiredModel, ...] = ()
    line: int = 0


@dataclass(slots=True)
class NodeSet:
    """One document.

    Attributes:
        file: Its name, for findings.
        namespaces: NamespaceUris, in order, without the standard one.
        models: What it defines.
        nodes: By id, in order.
        extensions: Of the document itself.
    """

    file: str = "<nodeset>"
    namespaces: tuple[str, ...] = ()
    models: tuple[ModelEntry, ...] = ()
    nodes: dict[NodeId, Node] = field(default_factory=dict)
    extensions: list[Element] = field(default_factory=list)


class Graph:
    """Nodes of several documents with their references in both directions.

    Args:
        nodesets: What belongs together; a node of an earlier one wins.
    """

    def __init__(self, nodesets: Iterable[NodeSet]) -> None:
        self.nodesets = tuple(nodesets)
        self.nodes: dict[NodeId, Node] = {}
        self.file_of: dict[NodeId, str] = {}
        self._forward: dict[NodeId, dict[Reference, None]] = {}
        self._inverse: dict[NodeId, dict[Reference, None]] = {}
        for nodeset in self.nodesets:
            for node in nodeset.nodes.values():
                if node.id not in self.nodes:
                    self.nodes[node.id] = node
                    self.file_of[node.id] = nodeset.file
        for node in self.nodes.values():
            for reference in node.references:
                source, target = (node.id, reference.target) if reference.forward else (reference.target, node.id)
                self._forward.setdefault(source, {})[Reference(reference.type, target)] = None
                self._inverse.setdefault(target, {})[Reference(reference.type, source)] = None

    def targets(self, source: NodeId, *types: NodeId) -> Iterator[NodeId]:
        """Where forward references lead, of the given types or of all."""
        return (ref.target for ref in self._forward.get(source, ()) if not types or ref.type in types)

    def sources(self, target: NodeId, *types: NodeId) -> Iterator[NodeId]:
        """Where references to a node come from."""
        return (ref.target for ref in self._inverse.get(target, ()) if not types or ref.type in types)

    def references(self, source: NodeId) -> Iterator[Reference]:
        """All forward references."""
        return iter(self._forward.get(source, ()))

    def supertype(self, node: NodeId) -> NodeId | None:
        """The type that a type is a subtype of."""
        return next(self.sources(node, HAS_SUBTYPE), None)

    def type_of(self, node: NodeId) -> NodeId | None:
        """The type definition of an Object or Variable."""
        return next(self.targets(node, HAS_TYPE), None)

    def property(self, node: NodeId, name: str) -> Node | None:
        """The Property of a browse name, whatever its namespace."""
        for target in self.targets(node, HAS_PROPERTY):
            found = self.nodes.get(target)
            if found is not None and found.browse_name.name == name:
                return found
        return None
