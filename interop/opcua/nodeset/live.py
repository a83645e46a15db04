"""Types of a live server as typed nodes: what its type folders lead to outside the standard namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.ua import AttributeIds, NodeClass, ObjectIds

from dtdl.errors import LimitExceeded
from dtdl.markup import Element
from interop.opcua.errors import translated
from interop.opcua.nodeset import values
from interop.opcua.nodeset.model import (
    HAS_SUBTYPE,
    UA,
    Definition,
    Field,
    ModelEntry,
    Node,
    NodeId,
    NodeSet,
    QualifiedName,
    Reference,
)
from interop.opcua.nodeset.values import Argument, EngineeringUnit, EnumEntry
from interop.opcua.session import Opener, Session

MAX_NODES: Final = 200_000
_FOLDERS: Final = (ObjectIds.ObjectTypesFolder, ObjectIds.DataTypesFolder, ObjectIds.ReferenceTypesFolder)
_TYPES: Final = NodeClass.ObjectType | NodeClass.DataType | NodeClass.ReferenceType
_REFERENCES: Final = ua.NodeId(ObjectIds.References)
_READ_VALUE: Final = frozenset(
    {"DtdlId", "EngineeringUnits", "EnumStrings", "EnumValues", "InputArguments", "Names", "OutputArguments", "Values"}
)
"""Properties whose value says what a type is."""
_COMMON: Final = (AttributeIds.Description,)
_OF_CLASS: Final[Mapping[NodeClass, tuple[AttributeIds, ...]]] = MappingProxyType(
    {
        NodeClass.ObjectType: (AttributeIds.IsAbstract,),
        NodeClass.DataType: (AttributeIds.IsAbstract, AttributeIds.DataTypeDefinition),
        NodeClass.ReferenceType: (AttributeIds.IsAbstract, AttributeIds.InverseName),
        NodeClass.Variable: (
            AttributeIds.DataType,
            AttributeIds.ValueRank,
            AttributeIds.AccessLevel,
            AttributeIds.Historizing,
        ),
        NodeClass.VariableType: (AttributeIds.DataType, AttributeIds.ValueRank),
    }
)


async def browse(opener: Opener) -> NodeSet:
    """Reads the types of a server.

    A session has one language, the server's default one.

    Raises:
        Unreachable: Nothing answers.
        Untrusted: One side does not trust the other.
        LimitExceeded: The server has more than 200,000 nodes of types.
    """
    session = await opener.connect()
    try:
        with translated(f"browsing {opener.settings.opcua}"):
            return await _Browser(session, opener.settings.opcua).run()
    finally:
        await session.close()


class _Browser:
    def __init__(self, session: Session, url: str) -> None:
        self.session = session
        self.uris = {index: uri for uri, index in session.namespaces.items()}
        self.nodeset = NodeSet(url)
        self.seen: dict[ua.NodeId, ua.ReferenceDescription] = {}
        self.nodes: dict[ua.NodeId, Node] = {}

    async def run(self) -> NodeSet:
        frontier = [ua.NodeId(folder) for folder in _FOLDERS]
        while frontier:
            frontier = await self._step(frontier)
        await self._attributes()
        self.nodeset.nodes = {node.id: node for node in self.nodes.values()}
        used = dict.fromkeys(node.id.namespace for node in self.nodes.values())
        self.nodeset.namespaces = tuple(used)
        versions = await self._versions()
        self.nodeset.models = tuple(ModelEntry(uri, versions.get(uri, "")) for uri in used)
        return self.nodeset

    async def _step(self, nodes: Sequence[ua.NodeId]) -> list[ua.NodeId]:
        """Follows references of some nodes; gives the nodes that are new."""
        found: list[ua.NodeId] = []
        for node, references in zip(nodes, await self.session.browse(nodes, _REFERENCES), strict=True):
            for one in references:
                target = self.session.local(one.NodeId)
                own = node in self.nodes
                if own:
                    kind = self.id_of(self.session.local(one.ReferenceTypeId))
                    self.nodes[node].references.append(Reference(kind, self.id_of(target)))
                elif not one.NodeClass & _TYPES:
                    continue  # what the types of the standard consist of is known
                if target in self.seen or (own and target.NamespaceIndex == 0):
                    self._below_standard(node, target, one)
                    continue
                self.seen[target] = one
                self._begin(target, one)
                self._below_standard(node, target, one)
                found.append(target)
            if len(self.seen) > MAX_NODES:
                raise LimitExceeded(
                    f"the server has more than {MAX_NODES} nodes of types", action="Import its NodeSet2 files."
                )
        return found

    def _begin(self, node: ua.NodeId, one: ua.ReferenceDescription) -> None:
        if node.NamespaceIndex == 0:
            return
        made = Node(self.id_of(node), NodeClass(one.NodeClass).name, self.name_of(one.BrowseName))
        made.display_name = texts(one.DisplayName)
        self.nodes[node] = made

    def _below_standard(self, source: ua.NodeId, target: ua.NodeId, one: ua.ReferenceDescription) -> None:
        """A type below one of the standard namespace has the reference itself, since the other is not given."""
        if source not in self.nodes and target in self.nodes:
            kind = self.id_of(self.session.local(one.ReferenceTypeId))
            reference = Reference(kind, self.id_of(source), forward=False)
            if kind == HAS_SUBTYPE and reference not in self.nodes[target].references:
                self.nodes[target].references.append(reference)

    async def _attributes(self) -> None:
        wanted: list[tuple[ua.NodeId, AttributeIds]] = []
        for node, made in self.nodes.items():
            keys = _COMMON + _OF_CLASS.get(NodeClass[made.node_class], ())
            if made.node_class == "Variable" and made.browse_name.name in _READ_VALUE:
                keys += (AttributeIds.Value,)
            wanted += [(node, key) for key in keys]
        for (node, key), data in zip(wanted, await self.session.read(wanted), strict=True):
            if data.Value is not None and data.Value.Value is not None:
                self._take(self.nodes[node], key, data.Value.Value)

    def _take(self, node: Node, key: AttributeIds, value: Any) -> None:
        if key == AttributeIds.Description:
            node.description = texts(value)
        elif key == AttributeIds.InverseName:
            node.inverse_name = texts(value)
        elif key == AttributeIds.DataType:
            node.data_type = self.id_of(self.session.local(value))
        elif key == AttributeIds.DataTypeDefinition:
            node.definition = self._definition(node, value)
        elif key == AttributeIds.Value:
            node.value = self._value(value)
        else:
            node.attributes[key.name] = str(value).lower() if isinstance(value, bool) else str(int(value))

    def _definition(self, node: Node, value: Any) -> Definition | None:
        name = node.browse_name.name
        if isinstance(value, ua.EnumDefinition):
            fields = tuple(
                Field(
                    one.Name or "", value=int(one.Value), display_name=texts(one.DisplayName),
                    description=texts(one.Description),
                )
                for one in value.Fields or ()
            )  # fmt: skip
            return Definition(name, "enumeration", fields)
        if not isinstance(value, ua.StructureDefinition):
            return None
        kind = "union" if value.StructureType == ua.StructureType.Union else "structure"
        return Definition(name, kind, tuple(self._field(one) for one in value.Fields or ()))  # type: ignore[arg-type]

    def _field(self, one: Any) -> Field:
        dimensions = ",".join(str(size) for size in one.ArrayDimensions or ())
        return Field(
            one.Name or "", self.id_of(self.session.local(one.DataType)), int(one.ValueRank), dimensions,
            optional=bool(one.IsOptional), description=texts(one.Description),
        )  # fmt: skip

    def _value(self, value: Any) -> Element | None:
        """The value of a Property as a NodeSet2 document has it."""
        if isinstance(value, ua.EUInformation):
            unit = EngineeringUnit(
                value.NamespaceUri or "", int(value.UnitId), value.DisplayName.Text or "", value.Description.Text or ""
            )
            return values.unit_value(unit)
        if isinstance(value, str):
            return values.string(value)
        items = value if isinstance(value, list) else []
        if items and all(isinstance(one, ua.EnumValueType) for one in items):
            return values.enum_values(
                EnumEntry(int(one.Value), one.DisplayName.Text or "", texts(one.DisplayName), texts(one.Description))
                for one in items
            )
        if items and all(type(one).__name__ == "Argument" for one in items):  # asyncua has two classes of that name
            return values.arguments_value([self._argument(one) for one in items])
        plain = [one.Text or "" if isinstance(one, ua.LocalizedText) else one for one in items]
        return values.strings(plain) if all(isinstance(one, str) for one in plain) else None

    def _argument(self, one: Any) -> Argument:
        data_type = self.id_of(self.session.local(one.DataType))
        return Argument(one.Name or "", data_type, int(one.ValueRank), texts(one.Description))

    async def _versions(self) -> Mapping[str, str]:
        """Namespace URI → NamespaceVersion, where the server says it (OPC 10000-5, 6.3.14)."""
        (below,) = await self.session.browse([ua.NodeId(ObjectIds.Server_Namespaces)])
        nodes = [self.session.local(one.NodeId) for one in below]
        places = await self.session.translate([(node, ((0, name),)) for node in nodes for name in _METADATA])
        flat = [(found[0], AttributeIds.Value) if found else None for found in places]
        answers = iter(await self.session.read([one for one in flat if one is not None]))
        read = [_plain(next(answers)) if one is not None else "" for one in flat]
        return dict(zip(read[::2], read[1::2], strict=True))

    def id_of(self, node: ua.NodeId) -> NodeId:
        """A NodeId with the URI of its namespace."""
        if node.NodeIdType == ua.NodeIdType.Numeric or isinstance(node.Identifier, int):
            return NodeId(self.uris.get(node.NamespaceIndex, UA), f"i={node.Identifier}")
        text = ua.NodeId(node.Identifier, 0, node.NodeIdType).to_string()
        return NodeId(self.uris.get(node.NamespaceIndex, UA), text)

    def name_of(self, name: ua.QualifiedName) -> QualifiedName:
        """A browse name with the URI of its namespace."""
        return QualifiedName(self.uris.get(name.NamespaceIndex, UA), name.Name or "")


_METADATA: Final = ("NamespaceUri", "NamespaceVersion")


def texts(text: Any) -> Mapping[str, str]:
    """Language to text of one LocalizedText."""
    return {text.Locale or "": text.Text} if text is not None and text.Text else {}


def _plain(data: ua.DataValue) -> str:
    value = data.Value.Value if data.Value is not None else None
    return value if isinstance(value, str) else ""
