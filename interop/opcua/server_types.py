"""What the server makes of DTDL: data types and values of contents, ObjectTypes of Interfaces, enumerations, units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson
from asyncua import ua
from asyncua.ua import ObjectIds, VariantType

from dtdl.elements import Command, Component, Content, Element, Enum, Interface, Model, Schema, SchemaField, unit_of
from dtdl.errors import Refused
from interop.opcua.nodes import HAS_COMPONENT, HAS_INTERFACE, HAS_SUBTYPE, Space
from interop.opcua.types import quantities
from interop.opcua.types.naming import browse_name_of, namespace_of
from interop.opcua.types.to_nodeset import SCALARS
from interop.opcua.values import json_value, variant
from interop.values import Value

_BUILT_IN: Final[Mapping[int, VariantType]] = MappingProxyType(
    {294: VariantType.DateTime} | dict.fromkeys((12878, 12879, 12880, 12881), VariantType.String)
)
"""DataTypes of the standard namespace that are no built-in type → the one that they are made of (OPC 10000-3, 8)."""
BASE_VARIABLE: Final = ua.NodeId(ObjectIds.BaseDataVariableType)
ANALOG_UNIT: Final = ua.NodeId(17497)
READ: Final = 1
READ_WRITE: Final = 3


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one DTDL schema travel.

    Attributes:
        data_type: The DataType attribute.
        kind: Built-in type.
        rank: ValueRank.
        as_text: Whether a structured value travels as JSON text.
    """

    data_type: ua.NodeId
    kind: VariantType
    rank: int = -1
    as_text: bool = False

    def encode(self, value: Value) -> ua.Variant:
        """A JSON value as Variant; None as null.

        Raises:
            Refused: The value is not of this type.
        """
        if value is None:
            return ua.Variant(None, VariantType.Null)
        if self.as_text:
            return ua.Variant(orjson.dumps(value).decode(), VariantType.String)
        return variant(value, self.kind, self.rank)

    def decode(self, given: ua.Variant) -> Value:
        """What a client sends, as JSON value.

        Raises:
            Refused: With BadTypeMismatch when it is of another built-in type.
        """
        if given.VariantType != self.kind or given.is_array != (self.rank >= 1):
            raise Refused("BadTypeMismatch", f"{given.VariantType.name} was sent and {self.kind.name} is expected")
        if self.as_text:
            try:
                found: Value = orjson.loads(given.Value)
            except orjson.JSONDecodeError as error:
                raise Refused("BadTypeMismatch", f"no JSON text: {error}") from error
            return found
        return json_value(given.Value)


_TEXT: Final = Codec(ua.NodeId(ObjectIds.String), VariantType.String, as_text=True)


def engineering_unit(name: str) -> ua.EUInformation:
    """EUInformation of a DTDL unit (OPC 10000-8, 5.6.4.3); by its own name where UNECE has no code."""
    made = quantities.engineering_unit(name)
    display, described = ua.LocalizedText(made.display_name), ua.LocalizedText(made.description)
    return ua.EUInformation(made.namespace, made.unit_id, display, described)


class TypeSpace:
    """The types of a server, made when a twin first needs them.

    Args:
        space: Where they go.
        model: The definitions.
        index: Gives the index of a namespace URI, which it registers when it is new.
    """

    def __init__(self, space: Space, model: Callable[[], Model], index: Callable[[str], int]) -> None:
        self._space = space
        self._model = model
        self._index = index
        self._types: dict[str, ua.NodeId] = {}
        self._enums: dict[str, ua.NodeId] = {}

    def codec(self, schema: Schema | None) -> Codec:
        """How values of a schema travel; None: no schema."""
        if schema is None:
            return _TEXT
        if isinstance(schema, Enum):
            if schema.value_schema.kind != "Integer":
                return Codec(ua.NodeId(ObjectIds.String), VariantType.String)
            return Codec(self._enumeration(schema), VariantType.Int32)
        number = SCALARS.get(schema.kind)
        if number is not None:
            return Codec(ua.NodeId(number), _BUILT_IN.get(number) or VariantType(number))
        if schema.kind == "Array":
            inner = self.codec(schema.properties["elementSchema"])
            if not inner.as_text and inner.rank < 0:
                return Codec(inner.data_type, inner.kind, 1)
        return _TEXT

    def browse_name(self, content: Element, name: str) -> ua.QualifiedName:
        """Browse name of a content: in the namespace of the Interface that defines it."""
        return ua.QualifiedName(name, self._index(namespace_of(content.defined_in or content.id)))

    def object_type(self, dtmi: str) -> ua.NodeId:
        """The ObjectType of an Interface, made with all that it needs."""
        if dtmi in self._types:
            return self._types[dtmi]
        interface = self._model().interface(dtmi)
        index = self._index(namespace_of(dtmi))
        node = self._types[dtmi] = ua.NodeId(dtmi, index)
        parents = [self.object_type(base.id) for base in interface.extends]
        above = parents[0] if parents else ua.NodeId(ObjectIds.BaseObjectType)
        self._space.add(
            node,
            ua.NodeClass.ObjectType,
            ua.QualifiedName(browse_name_of(dtmi), index),
            parent=(HAS_SUBTYPE, above),
            texts=(interface.display_name, interface.description),
        )
        for other in parents[1:]:
            self._space.refer(node, HAS_INTERFACE, other)
        self._space.property(node, "DtdlId", ua.Variant(dtmi, VariantType.String), ObjectIds.String)
        inherited = interface.extends[0].contents if interface.extends else {}
        for name, content in interface.contents.items():
            if name not in inherited:
                self._declare(node, content)
        return node

    def _declare(self, owner: ua.NodeId, content: Content) -> None:
        node = ua.NodeId(f"{owner.Identifier}/{content.name}", owner.NamespaceIndex)
        if isinstance(content, Command):
            self.method(node, owner, content, mandatory=True)
        elif isinstance(content, Component):
            self._space.add(
                node,
                ua.NodeClass.Object,
                self.browse_name(content, content.name),
                parent=(HAS_COMPONENT, owner),
                type=self.object_type(content.schema.id),
                texts=(content.display_name, content.description),
                mandatory=True,
            )
        elif content.kind in ("Property", "Telemetry"):
            codec = self.codec(content.properties["schema"])
            null = ua.DataValue(ua.Variant(None, VariantType.Null))
            self.variable(node, owner, content, codec, null, mandatory=True)

    def variable(
        self,
        node: ua.NodeId,
        owner: ua.NodeId,
        content: Content,
        codec: Codec,
        value: ua.DataValue,
        *,
        mandatory: bool = False,
    ) -> list[ua.NodeId]:
        """Adds the Variable of a Property or Telemetry, with its unit; gives what hangs on it."""
        unit_name = unit_of(content)
        self._space.variable(
            node,
            self.browse_name(content, content.name),
            value,
            data_type=codec.data_type,
            rank=codec.rank,
            access=READ_WRITE if content.properties.get("writable") else READ,
            parent=(HAS_COMPONENT, owner),
            type=ANALOG_UNIT if unit_name else BASE_VARIABLE,
            texts=(content.display_name, content.description),
            mandatory=mandatory,
        )
        if not unit_name:
            return []
        unit_value = ua.Variant(engineering_unit(unit_name), VariantType.ExtensionObject)
        return [self._space.property(node, "EngineeringUnits", unit_value, ObjectIds.EUInformation)]

    def method(
        self, node: ua.NodeId, owner: ua.NodeId, command: Command, *, mandatory: bool = False
    ) -> list[ua.NodeId]:
        """Adds the Method of a Command, with its arguments (OPC 10000-3, 5.7); gives what hangs on it."""
        self._space.add(
            node,
            ua.NodeClass.Method,
            self.browse_name(command, command.name),
            parent=(HAS_COMPONENT, owner),
            texts=(command.display_name, command.description),
            mandatory=mandatory,
        )
        added: list[ua.NodeId] = []
        for name, payload in (("InputArguments", command.request), ("OutputArguments", command.response)):
            if payload is not None:
                arguments = ua.Variant([self._argument(payload)], VariantType.ExtensionObject, is_array=True)
                added.append(self._space.property(node, name, arguments, ObjectIds.Argument, rank=1))
        return added

    def _argument(self, payload: SchemaField) -> ua.Argument:
        codec = self.codec(payload.schema)
        texts = payload.description or payload.display_name
        described = ua.LocalizedText(next(iter(texts.values()), None))
        return ua.Argument(
            Name=payload.name, DataType=codec.data_type, ValueRank=codec.rank, ArrayDimensions=[], Description=described
        )

    def _enumeration(self, schema: Enum) -> ua.NodeId:
        if schema.id in self._enums:
            return self._enums[schema.id]
        index = self._index(namespace_of(schema.id))
        node = self._enums[schema.id] = ua.NodeId(schema.id, index)
        self._space.add(
            node,
            ua.NodeClass.DataType,
            ua.QualifiedName(_enum_name(schema), index),
            parent=(HAS_SUBTYPE, ua.NodeId(ObjectIds.Enumeration)),
            texts=(schema.display_name, schema.description),
        )
        values = [
            ua.EnumValueType(
                Value=int(each.enum_value),
                DisplayName=ua.LocalizedText(next(iter(each.display_name.values()), each.name)),
                Description=ua.LocalizedText(each.name),
            )
            for each in schema.enum_values
        ]
        held = ua.Variant(values, VariantType.ExtensionObject, is_array=True)
        self._space.property(node, "EnumValues", held, ObjectIds.EnumValueType, rank=1)
        return node

    def contents(self, dtmi: str) -> Mapping[str, Content]:
        """All contents of an Interface."""
        found: Interface = self._model().interface(dtmi)
        return found.contents


def _enum_name(schema: Enum) -> str:
    """An Enum written in place has an automatic DTMI; its name is the content's that it stands in."""
    segments = [part.strip("_") for part in schema.id.split("#", 1)[0].split(";", 1)[0].split(":")]
    return next((part for part in reversed(segments) if part and part not in ("schema", "contents")), "Enum")
