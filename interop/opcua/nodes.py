"""Space: adds and removes nodes of a running asyncua server directly, in constant time each.

asyncua's AddNodes compares each new node with all references of its parent, which makes a folder of n objects cost n².
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua import AttributeIds, ObjectIds, VariantType

HAS_COMPONENT: Final = ua.NodeId(ObjectIds.HasComponent)
HAS_PROPERTY: Final = ua.NodeId(ObjectIds.HasProperty)
HAS_SUBTYPE: Final = ua.NodeId(ObjectIds.HasSubtype)
HAS_TYPE: Final = ua.NodeId(ObjectIds.HasTypeDefinition)
HAS_RULE: Final = ua.NodeId(ObjectIds.HasModellingRule)
HAS_INTERFACE: Final = ua.NodeId(ObjectIds.HasInterface)
ORGANIZES: Final = ua.NodeId(ObjectIds.Organizes)
MANDATORY: Final = ua.NodeId(ObjectIds.ModellingRule_Mandatory)
PROPERTY_TYPE: Final = ua.NodeId(ObjectIds.PropertyType)
OBJECTS: Final = ua.NodeId(ObjectIds.ObjectsFolder)

_CLASS_ATTRIBUTES: Final = {
    ua.NodeClass.Object: ((AttributeIds.EventNotifier, 0, VariantType.Byte),),
    ua.NodeClass.ObjectType: ((AttributeIds.IsAbstract, False, VariantType.Boolean),),
    ua.NodeClass.DataType: ((AttributeIds.IsAbstract, False, VariantType.Boolean),),
    ua.NodeClass.Method: (
        (AttributeIds.Executable, True, VariantType.Boolean),
        (AttributeIds.UserExecutable, True, VariantType.Boolean),
    ),
    ua.NodeClass.Variable: (
        (AttributeIds.Historizing, False, VariantType.Boolean),
        (AttributeIds.MinimumSamplingInterval, 0.0, VariantType.Double),
    ),
}


class Space:
    """The address space of one server.

    Args:
        aspace: asyncua's.
    """

    def __init__(self, aspace: AddressSpace) -> None:
        self._aspace = aspace

    def __contains__(self, node: ua.NodeId) -> bool:
        return node in self._aspace

    def add(
        self,
        node: ua.NodeId,
        node_class: ua.NodeClass,
        name: ua.QualifiedName,
        *,
        parent: tuple[ua.NodeId, ua.NodeId] | None,
        **more: Any,
    ) -> ua.NodeId:
        """Adds a node.

        Args:
            node: Its id; must be new.
            node_class: Its class.
            name: Its browse name.
            parent: Reference type and parent node.
            more: ``type`` its type definition; ``texts`` (display name, description) as maps of language to text;
                ``attributes`` further attributes: id → Variant; ``mandatory`` whether it is a mandatory declaration.

        Returns:
            The id.
        """
        display, description = more.get("texts") or ({}, {})
        data = NodeData(node)
        values: list[tuple[AttributeIds, Any, VariantType]] = [
            (AttributeIds.NodeId, node, VariantType.NodeId),
            (AttributeIds.NodeClass, node_class, VariantType.Int32),
            (AttributeIds.BrowseName, name, VariantType.QualifiedName),
            (AttributeIds.DisplayName, _localized(display, name.Name), VariantType.LocalizedText),
            (AttributeIds.Description, _localized(description, None), VariantType.LocalizedText),
            (AttributeIds.WriteMask, 0, VariantType.UInt32),
            (AttributeIds.UserWriteMask, 0, VariantType.UInt32),
            *_CLASS_ATTRIBUTES[node_class],
        ]
        for attribute, value, kind in values:
            data.attributes[attribute] = AttributeValue(ua.DataValue(ua.Variant(value, kind)))
        attributes: Mapping[AttributeIds, ua.Variant | ua.DataValue] = more.get("attributes") or {}
        for attribute, variant in attributes.items():
            held = variant if isinstance(variant, ua.DataValue) else ua.DataValue(variant)
            data.attributes[attribute] = AttributeValue(held)
        self._aspace[node] = data
        if parent is not None:
            self.refer(parent[1], parent[0], node)
        if more.get("type") is not None:
            self.refer(node, HAS_TYPE, more["type"], both=False)
        if more.get("mandatory"):
            self.refer(node, HAS_RULE, MANDATORY, both=False)
        return node

    def variable(
        self,
        node: ua.NodeId,
        name: ua.QualifiedName,
        value: ua.DataValue,
        *,
        data_type: ua.NodeId,
        rank: int = -1,
        access: int = 1,
        **more: Any,
    ) -> ua.NodeId:
        """Adds a Variable (OPC 10000-3, 5.6.2); access is its AccessLevel, see add for the rest."""
        attributes = {
            AttributeIds.Value: value,
            AttributeIds.DataType: ua.Variant(data_type, VariantType.NodeId),
            AttributeIds.ValueRank: ua.Variant(rank, VariantType.Int32),
            AttributeIds.AccessLevel: ua.Variant(access, VariantType.Byte),
            AttributeIds.UserAccessLevel: ua.Variant(access, VariantType.Byte),
        }
        if rank >= 1:
            attributes[AttributeIds.ArrayDimensions] = ua.Variant([0] * rank, VariantType.UInt32, is_array=True)
        return self.add(node, ua.NodeClass.Variable, name, attributes=attributes, **more)

    def property(self, owner: ua.NodeId, name: str, value: ua.Variant, data_type: int, *, rank: int = -1) -> ua.NodeId:
        """Adds a standard Property; its id is that of its owner with ``/#<name>``."""
        return self.variable(
            ua.NodeId(f"{owner.Identifier}/#{name}", owner.NamespaceIndex),
            ua.QualifiedName(name, 0),
            ua.DataValue(value),
            data_type=ua.NodeId(data_type),
            rank=rank,
            parent=(HAS_PROPERTY, owner),
            type=PROPERTY_TYPE,
        )

    def refer(self, source: ua.NodeId, kind: ua.NodeId, target: ua.NodeId, *, both: bool = True) -> None:
        """Adds a reference; ``both`` makes its inverse, too. One that is there already is added again by nobody."""
        self._aspace[source].references.append(self._description(kind, target, forward=True))
        if both:
            self._aspace[target].references.append(self._description(kind, source, forward=False))

    def unrefer(self, source: ua.NodeId, kind: ua.NodeId, target: ua.NodeId) -> None:
        """Removes a reference in both directions, if it is there."""
        for here, there, forward in ((source, target, True), (target, source, False)):
            data = self._aspace.get(here)
            if data is not None:
                data.references[:] = [
                    ref
                    for ref in data.references
                    if not (ref.NodeId == there and ref.ReferenceTypeId == kind and ref.IsForward == forward)
                ]

    def _description(self, kind: ua.NodeId, target: ua.NodeId, *, forward: bool) -> ua.ReferenceDescription:
        attributes = self._aspace[target].attributes
        node_class = ua.NodeClass(attributes[AttributeIds.NodeClass].value.Value.Value)
        type_definition = ua.NodeId()
        if node_class in (ua.NodeClass.Object, ua.NodeClass.Variable):
            found = (ref.NodeId for ref in self._aspace[target].references if ref.ReferenceTypeId == HAS_TYPE)
            type_definition = next(found, type_definition)
        return ua.ReferenceDescription(
            ReferenceTypeId=kind,
            IsForward=forward,
            NodeId=target,
            BrowseName=attributes[AttributeIds.BrowseName].value.Value.Value,
            DisplayName=attributes[AttributeIds.DisplayName].value.Value.Value,
            NodeClass=node_class,
            TypeDefinition=type_definition,
        )

    def on_call(self, method: ua.NodeId, run: Callable[..., Awaitable[Any]]) -> None:
        """What a Method does."""
        self._aspace.add_method_callback(method, run)

    async def put(self, node: ua.NodeId, value: ua.DataValue) -> None:
        """Sets a value, and tells those who monitor it."""
        await self._aspace.write_attribute_value(node, AttributeIds.Value, value)

    def value(self, node: ua.NodeId) -> ua.DataValue:
        """The present value."""
        return self._aspace.read_attribute_value(node, AttributeIds.Value)

    async def remove(self, nodes: Iterable[ua.NodeId]) -> None:
        """Removes nodes and all references to them; who monitors one of them is told BadNodeIdUnknown."""
        gone = ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown))
        for node in nodes:
            data = self._aspace.get(node)
            if data is None:
                continue
            held = data.attributes.get(AttributeIds.Value)
            if held is not None and held.datachange_callbacks:
                await self.put(node, gone)
                for handle in list(held.datachange_callbacks):
                    self._aspace.delete_datachange_callback(handle)
            for ref in data.references:
                other = self._aspace.get(ref.NodeId)
                if other is not None and other is not data:
                    other.references[:] = [back for back in other.references if back.NodeId != node]
            del self._aspace[node]


def stamped(value: ua.Variant | None, code: ua.StatusCode, source: datetime | None, server: datetime) -> ua.DataValue:
    """A DataValue with its status and both timestamps."""
    return ua.DataValue(value, StatusCode=code, SourceTimestamp=source, ServerTimestamp=server)


def _localized(texts: Mapping[str, str], fallback: str | None) -> ua.LocalizedText:
    if "en" in texts:
        return ua.LocalizedText(texts["en"], "en")
    for language, text in texts.items():
        return ua.LocalizedText(text, language)
    return ua.LocalizedText(fallback)
