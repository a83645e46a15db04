"""DTDL to the types of OPC UA: every Interface of a model as nodes of one NodeSet2 document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from dtdl.dtmi import Dtmi
from dtdl.elements import (
    Command,
    Component,
    Content,
    Element,
    Enum,
    Interface,
    Model,
    Object,
    Relationship,
    Schema,
    SchemaField,
    unit_of,
)
from interop.opcua.nodeset.model import (
    ANALOG_UNIT_TYPE,
    BASE_DATA_TYPE,
    BASE_DATA_VARIABLE_TYPE,
    BASE_OBJECT_TYPE,
    HAS_COMPONENT,
    HAS_ENCODING,
    HAS_INTERFACE,
    HAS_MODELLING_RULE,
    HAS_PROPERTY,
    HAS_SUBTYPE,
    HAS_TYPE,
    MANDATORY,
    NON_HIERARCHICAL_REFERENCES,
    OPTIONAL_PLACEHOLDER,
    PROPERTY_TYPE,
    UA,
    Definition,
    Field,
    ModelEntry,
    Node,
    NodeClass,
    NodeId,
    NodeSet,
    QualifiedName,
    Reference,
    RequiredModel,
    standard,
)
from interop.opcua.nodeset.values import (
    Argument,
    EnumEntry,
    arguments_value,
    enum_values,
    string,
    strings,
    unit_value,
)
from interop.opcua.types.naming import browse_name_of, is_automatic, namespace_of
from interop.opcua.types.quantities import engineering_unit

SCALARS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "Boolean": 1, "Byte": 2, "Bytes": 15, "Date": 12881, "DateTime": 294, "Decimal": 12878, "Double": 11,
        "Duration": 12879, "Float": 10, "Integer": 6, "Long": 8, "Short": 4, "String": 12, "Time": 12880,
        "UnsignedByte": 3, "UnsignedInteger": 7, "UnsignedLong": 9, "UnsignedShort": 5, "Uuid": 14,
    }
)  # fmt: skip
"""Kind of a primitive schema → number of its DataType in the standard namespace (OPC 10000-6, A.3)."""
STRUCTURE: Final = standard(22)
ENUMERATION: Final = standard(29)
STRING: Final = standard(12)
_ENCODING_TYPE: Final = standard(76)
_ARGUMENT, _ENUM_VALUE, _EU_INFORMATION = standard(296), standard(7594), standard(887)
_READ, _WRITE, _HISTORY_READ = 1, 2, 4
"""Bits of AccessLevel (OPC 10000-3, 8.57)."""
_HISTORIZATION: Final = "dtmi:dtdl:extension:historization:"
_BASE: Final = RequiredModel(UA, "1.04", "2019-05-01T00:00:00Z")


def nodeset_of(model: Model) -> NodeSet:
    """The types of every Interface, without what OPC UA has no place for.

    A node's id is the DTMI of its Interface, followed by ``/`` and the name of a content; its namespace is that of
    :func:`~interop.opcua.types.naming.namespace_of`.
    """
    made = _Types(frozenset(model.interfaces))
    for interface in model.interfaces.values():
        made.object_type(interface)
    return made.finish()


class _Types:
    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.nodes: dict[NodeId, Node] = {}
        self.versions: dict[str, tuple[int, int]] = {}
        self.names: set[tuple[str, str]] = set()

    def finish(self) -> NodeSet:
        namespaces = tuple(dict.fromkeys(node.namespace for node in self.nodes))
        # asyncua 2.1 crosses a required model off its list once, so a second Model that names it would seem to lack it
        models = tuple(
            ModelEntry(uri, "{}.{}.0".format(*self.versions.get(uri, (1, 0))), required=() if place else (_BASE,))
            for place, uri in enumerate(namespaces)
        )
        return NodeSet(namespaces=namespaces, models=models, nodes=self.nodes)

    def add(
        self, node: NodeId, kind: NodeClass, name: QualifiedName, element: Element | None, parent: Reference | None
    ) -> Node:
        """Adds a node; ``parent`` is a reference to it, as the parent would have it."""
        made = self.nodes[node] = Node(node, kind, name)
        if element is not None:
            made.display_name, made.description = element.display_name, element.description
        if parent is not None:
            made.references.append(Reference(parent.type, parent.target, forward=False))
            if parent.type != HAS_SUBTYPE:
                made.parent = parent.target
        return made

    def object_type(self, interface: Interface) -> None:
        node, namespace = self.id_of(interface), namespace_of(interface.id)
        version = Dtmi(interface.id)
        self.versions[namespace] = max(self.versions.get(namespace, (0, 0)), (version.major or 1, version.minor))
        parents = [self.id_of(base) for base in interface.extends] or [BASE_OBJECT_TYPE]
        name = QualifiedName(namespace, browse_name_of(interface.id))
        made = self.add(node, "ObjectType", name, interface, Reference(HAS_SUBTYPE, parents[0]))
        made.references += [Reference(HAS_INTERFACE, other) for other in parents[1:]]
        self.property(node, "DtdlId", STRING).value = string(interface.id)
        for content in interface.contents.values():
            if content.child_of == interface.id:
                self.declare(node, interface, content)

    @staticmethod
    def id_of(element: Element) -> NodeId:
        """The id of an Interface or a schema; a schema is of the namespace of the Interface that defines it."""
        return NodeId(namespace_of(element.defined_in or element.id), f"s={element.id}")

    def property(self, owner: NodeId, name: str, data_type: NodeId, *, rank: int = -1) -> Node:
        """A standard Property; its id is that of its owner with ``/#<name>``."""
        node = NodeId(owner.namespace, f"{owner.identifier}/#{name}")
        made = self.add(node, "Variable", QualifiedName(UA, name), None, Reference(HAS_PROPERTY, owner))
        made.data_type = data_type
        if rank >= 1:
            made.attributes |= {"ValueRank": str(rank), "ArrayDimensions": "0"}
        made.references.append(Reference(HAS_TYPE, PROPERTY_TYPE))
        if self.nodes[owner].node_class in ("Variable", "Method"):
            made.references.append(Reference(HAS_MODELLING_RULE, MANDATORY))  # what a type says of itself has none
        return made

    def declare(self, owner: NodeId, interface: Interface, content: Content) -> None:
        node = NodeId(owner.namespace, f"{owner.identifier}/{content.name}")
        name = QualifiedName(owner.namespace, content.name)
        hint = f"{browse_name_of(interface.id)}_{content.name}"
        below = Reference(HAS_COMPONENT, owner)
        if isinstance(content, Command):
            made = self.add(node, "Method", name, content, below)
            made.references.append(Reference(HAS_MODELLING_RULE, MANDATORY))
            self.arguments(node, "InputArguments", content.request, hint)
            self.arguments(node, "OutputArguments", content.response, hint)
        elif isinstance(content, Component):
            made = self.add(node, "Object", name, content, below)
            made.references += [
                Reference(HAS_TYPE, self.id_of(content.schema)), Reference(HAS_MODELLING_RULE, MANDATORY)
            ]  # fmt: skip
        elif isinstance(content, Relationship):
            self.relationship(owner, content, hint)
        else:
            self.variable(node, name, content, hint, below)

    def arguments(self, method: NodeId, name: str, payload: SchemaField | None, hint: str) -> None:
        if payload is not None:
            data_type, rank = self.data_type(payload.schema, f"{hint}_{payload.name}")
            given = Argument(payload.name, data_type, rank, payload.description)
            self.property(method, name, _ARGUMENT, rank=1).value = arguments_value([given])

    def variable(self, node: NodeId, name: QualifiedName, content: Content, hint: str, below: Reference) -> None:
        made = self.add(node, "Variable", name, content, below)
        made.data_type, rank = self.data_type(content.properties["schema"], hint)
        if rank >= 1:
            made.attributes |= {"ValueRank": str(rank), "ArrayDimensions": ",".join("0" * rank)}
        historized = any(cotype.startswith(_HISTORIZATION) for cotype in content.cotypes)
        access = _READ | (_WRITE if content.properties.get("writable") else 0) | (_HISTORY_READ if historized else 0)
        if access != _READ:
            made.attributes |= {"AccessLevel": str(access), "UserAccessLevel": str(access)}
        if historized:
            made.attributes["Historizing"] = "true"
        unit = unit_of(content)
        kind = ANALOG_UNIT_TYPE if unit else BASE_DATA_VARIABLE_TYPE
        made.references += [Reference(HAS_TYPE, kind), Reference(HAS_MODELLING_RULE, MANDATORY)]
        if unit:
            self.property(node, "EngineeringUnits", _EU_INFORMATION).value = unit_value(engineering_unit(unit))

    def relationship(self, owner: NodeId, content: Relationship, hint: str) -> None:
        """A ReferenceType, and a reference of it from type to type; what the link itself has is a link Object."""
        kind = NodeId(owner.namespace, f"{owner.identifier}/{content.name}")
        name = QualifiedName(owner.namespace, content.name)
        made = self.add(kind, "ReferenceType", name, content, Reference(HAS_SUBTYPE, NON_HIERARCHICAL_REFERENCES))
        made.inverse_name = {"": f"{content.name}Of"}
        target = content.target or ""
        reached = NodeId(namespace_of(target), f"s={target}") if target in self.known else BASE_OBJECT_TYPE
        self.nodes[owner].references.append(Reference(kind, reached))
        if not content.own_properties:
            return
        link = NodeId(owner.namespace, f"{kind.identifier}/-")
        held = self.add(
            link, "Object", QualifiedName(owner.namespace, f"<{content.name}>"), None, Reference(HAS_COMPONENT, owner)
        )
        held.references += [Reference(HAS_TYPE, BASE_OBJECT_TYPE), Reference(HAS_MODELLING_RULE, OPTIONAL_PLACEHOLDER)]
        for own in content.own_properties:
            node = NodeId(owner.namespace, f"{link.identifier}/{own.name}")
            name = QualifiedName(owner.namespace, own.name)
            self.variable(node, name, own, f"{hint}_{own.name}", Reference(HAS_COMPONENT, link))

    def data_type(self, schema: Schema, hint: str) -> tuple[NodeId, int]:
        """DataType and ValueRank of a schema."""
        if schema.kind in SCALARS:
            return standard(SCALARS[schema.kind]), -1
        if schema.kind == "Array":
            inner, rank = self.data_type(schema.properties["elementSchema"], hint)
            return inner, max(rank, 0) + 1
        if schema.kind == "Map":
            return self.structure(schema, hint), 1
        if isinstance(schema, Enum):
            return self.enumeration(schema, hint), -1
        if isinstance(schema, Object):
            return self.structure(schema, hint), -1
        return BASE_DATA_TYPE, -1  # the geospatial schemas of DTDL 2 have no row in the mapping

    def new_type(self, schema: Schema, hint: str, base: NodeId) -> Node | None:
        """A DataType, unless it is there already."""
        node = self.id_of(schema)
        if node in self.nodes:
            return None
        wanted = hint if is_automatic(schema.id) else browse_name_of(schema.id)
        name, number = wanted, 2
        while (node.namespace, name) in self.names:
            name, number = f"{wanted}_{number}", number + 1
        self.names.add((node.namespace, name))
        return self.add(node, "DataType", QualifiedName(node.namespace, name), schema, Reference(HAS_SUBTYPE, base))

    def enumeration(self, schema: Enum, hint: str) -> NodeId:
        integers = schema.value_schema.kind == "Integer"
        made = self.new_type(schema, hint, ENUMERATION if integers else STRING)
        if made is None:
            return self.id_of(schema)
        values: Sequence[Element] = schema.enum_values
        if not integers:
            names = [value.properties["name"] for value in values]
            texts = [str(value.properties["enumValue"]) for value in values]
            self.property(made.id, "Names", STRING, rank=1).value = strings(names)
            self.property(made.id, "Values", STRING, rank=1).value = strings(texts)
            return made.id
        entries = [
            EnumEntry(value.properties["enumValue"], value.properties["name"], value.display_name, value.description)
            for value in values
        ]
        fields = tuple(
            Field(one.name, value=one.value, display_name=one.display_name, description=one.description)
            for one in entries
        )
        made.definition = Definition(made.browse_name.name, "enumeration", fields)
        self.property(made.id, "EnumValues", _ENUM_VALUE, rank=1).value = enum_values(entries)
        return made.id

    def structure(self, schema: Schema, hint: str) -> NodeId:
        made = self.new_type(schema, hint, STRUCTURE)
        if made is None:
            return self.id_of(schema)
        if schema.kind == "Map":
            key, value = schema.properties["mapKey"], schema.properties["mapValue"]
            fields = [self.field(key, hint, "Key"), self.field(value, hint, "Value")]
        else:
            fields = [self.field(one, hint, None) for one in schema.properties.get("fields", ())]
        made.definition = Definition(made.browse_name.name, "structure", tuple(fields))
        encoding = NodeId(made.id.namespace, f"{made.id.identifier}/#DefaultBinary")
        binary = self.add(encoding, "Object", QualifiedName(UA, "Default Binary"), None, None)
        binary.references += [Reference(HAS_ENCODING, made.id, forward=False), Reference(HAS_TYPE, _ENCODING_TYPE)]
        return made.id

    def field(self, given: SchemaField, hint: str, name: str | None) -> Field:
        """A field; those of an Object may be absent, so they are optional."""
        data_type, rank = self.data_type(given.schema, f"{hint}_{given.name}")
        dimensions = ",".join("0" * rank) if rank > 1 else ""
        return Field(
            name or given.name, data_type, rank, dimensions, optional=name is None, description=given.description
        )
