"""Schemas of DTDL for DataTypes of OPC UA: scalars, enumerations, structures, unions, option sets, arrays."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from interop.opcua.nodeset.model import BASE_DATA_TYPE, UA, Definition, Field, Graph, Node, NodeId, standard
from interop.opcua.nodeset.values import EnumEntry, entries_of, texts_of
from interop.opcua.types.annotation import Kept, language_map
from interop.opcua.types.naming import dtdl_name, dtmi_or_none, is_automatic

Json = Any
_EXACT: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "boolean", 2: "byte", 3: "unsignedByte", 4: "short", 5: "unsignedShort", 6: "integer", 7: "unsignedInteger",
        8: "long", 9: "unsignedLong", 10: "float", 11: "double", 12: "string", 13: "dateTime", 14: "uuid",
        15: "bytes", 294: "dateTime", 12878: "decimal", 12879: "duration", 12880: "time", 12881: "date",
    }
)  # fmt: skip
_NEAR: Final[Mapping[int, str]] = MappingProxyType(
    {
        16: "string", 17: "string", 18: "string", 19: "unsignedInteger", 20: "string", 21: "string", 26: "double",
        27: "long", 28: "unsignedLong", 29: "integer", 30: "bytes", 50: "decimal", 256: "integer", 257: "string",
        288: "unsignedInteger", 289: "unsignedInteger", 290: "double", 291: "string", 292: "string", 293: "dateTime",
        295: "string", 311: "bytes", 388: "string", 521: "bytes", 7594: "string", 12077: "integer", 2000: "bytes",
        20998: "unsignedInteger", 23751: "string", 23497: "string", 24263: "string", 31917: "unsignedInteger",
        2001: "bytes", 2002: "bytes", 2003: "bytes", 16307: "bytes", 17588: "unsignedLong", 24: "string", 22: "string",
    }
)  # fmt: skip
"""Standard data types whose values travel as such a schema, and mean more than it says."""
_MAX_DEPTH: Final = 5
"""Complex schemas that stand in each other; DTDL allows 5 in version 2 and 3, and 8 in version 4."""
_ENUMERATION: Final = standard(29)
_STRUCTURE: Final = standard(22)
_STRING: Final = standard(12)
_UNION: Final = standard(12756)


class Schemas:
    """The schemas of one Interface.

    Args:
        graph: The nodes.
        dtmi: The Interface.

    Attributes:
        named: DTMI → schema, of those that have a name of their own, in the order of their first use.
    """

    def __init__(self, graph: Graph, dtmi: str) -> None:
        self.graph = graph
        self.dtmi = dtmi
        self.named: dict[str, Json] = {}
        self._ids: dict[NodeId, str] = {}
        self._open: list[NodeId] = []

    def of(self, data_type: NodeId, rank: int, name: str, kept: Kept) -> Json:
        """The schema of values of a data type: a term, a DTMI, or an object.

        Args:
            data_type: DataType.
            rank: ValueRank; -1 scalar, 1 and more an array of so many dimensions.
            name: For what, should it need a name.
            kept: Takes what DTDL cannot say.
        """
        if rank < -1 or rank == 0:
            kept.add("rank", str(rank))
        dimensions = 1 if rank == 0 else max(rank, 0)
        node = self.graph.nodes.get(data_type)
        if node is not None and node.definition is not None and dimensions and _is_entry(node.definition):
            inner: Json = self.map(node.definition, kept)
            dimensions -= 1
        else:
            inner = self.scalar(data_type, name, kept)
        for _ in range(dimensions):
            inner = {"@type": "Array", "elementSchema": inner}
        return inner

    def scalar(self, data_type: NodeId, name: str, kept: Kept) -> Json:
        """The schema of one value."""
        number = _standard_number(data_type)
        if number is not None:
            return self.standard(number, kept)
        node = self.graph.nodes.get(data_type)
        base = self.base(data_type)
        if node is None or (base is None and node.definition is None):
            kept.add("dataType", str(data_type))
            return "string"
        definition = node.definition
        if base == _ENUMERATION or (definition is not None and definition.kind == "enumeration"):
            return self.name(node, name, kept, self.enumeration)
        if definition is not None and definition.kind in ("structure", "union") and _is_structure(base):
            return self.name(node, name, kept, self.structure)
        if base == _STRING and self.graph.property(node.id, "Values") is not None:
            return self.name(node, name, kept, self.text_enum)
        if definition is not None and definition.kind == "option-set":
            bits = ", ".join(f"{field.value}={field.name}" for field in definition.fields)
            kept.add("optionSet", bits)
        else:
            kept.add("dataType", f"{data_type}")
        return self.standard(_standard_number(base or BASE_DATA_TYPE) or 24, Kept())

    @staticmethod
    def standard(number: int, kept: Kept) -> str:
        """The schema of a type of the standard namespace."""
        if number in _EXACT:
            return _EXACT[number]
        kept.add("dataType", f"i={number}")
        return _NEAR.get(number, "string")

    def base(self, data_type: NodeId) -> NodeId | None:
        """The nearest supertype of the standard namespace."""
        here: NodeId | None = data_type
        for _ in range(64):
            if here is None or here.namespace == UA:
                return here
            here = self.graph.supertype(here)
        return None

    def name(self, node: Node, name: str, kept: Kept, make: Any) -> Json:
        """A schema once among those with names, and its DTMI; in place where its author gave no name."""
        if node.id in self._ids:
            return self._ids[node.id]
        if node.id in self._open or len(self._open) >= _MAX_DEPTH:
            kept.add("dataType", str(node.id))
            return "string"
        own = dtmi_or_none(node.id.identifier.removeprefix("s="))
        self._open.append(node.id)
        made: dict[str, Json] = make(node, kept)
        self._open.pop()
        self.describe(made, node, kept)
        if own is not None and is_automatic(own):
            return made
        dtmi = own or self.dtmi_of(node.browse_name.name or name)
        self._ids[node.id] = dtmi
        self.named[dtmi] = {"@id": dtmi, **made}
        return dtmi

    def dtmi_of(self, name: str) -> str:
        """A DTMI below that of the Interface."""
        path, _, version = self.dtmi.partition(";")
        taken = {dtmi.rpartition(":")[2].partition(";")[0] for dtmi in self.named}
        return f"{path}:{dtdl_name(name, taken)}{';' if version else ''}{version}"

    @staticmethod
    def describe(made: dict[str, Json], node: Node, kept: Kept) -> None:
        """Display name and description of a data type."""
        display = {k: v for k, v in node.display_name.items() if k or v != node.browse_name.name}
        for key, texts in (("displayName", display), ("description", node.description)):
            if texts:
                made[key] = language_map(texts, key, kept)

    def enumeration(self, node: Node, kept: Kept) -> dict[str, Json]:
        """An Enum of integers, by Definition, EnumValues or EnumStrings."""
        entries: list[EnumEntry] = []
        if node.definition is not None:
            entries = [
                EnumEntry(field.value or 0, field.name, field.display_name, field.description)
                for field in node.definition.fields
            ]
        values, names = self.graph.property(node.id, "EnumValues"), self.graph.property(node.id, "EnumStrings")
        if not entries and values is not None:
            entries = entries_of(values.value)
        elif not entries and names is not None:
            entries = [EnumEntry(place, text) for place, text in enumerate(texts_of(names.value))]
        taken: set[str] = set()
        made = []
        for entry in entries:
            name = dtdl_name(entry.name, taken)
            taken.add(name)
            if name != entry.name:
                kept.add("value", entry.name)
            one: dict[str, Json] = {"name": name, "enumValue": entry.value}
            display = {k: v for k, v in entry.display_name.items() if k or v != entry.name}
            for key, texts in (("displayName", display), ("description", entry.description)):
                if texts:
                    one[key] = language_map(texts, key, kept)
            made.append(one)
        return {"@type": "Enum", "valueSchema": "integer", "enumValues": made}

    def text_enum(self, node: Node, kept: Kept) -> dict[str, Json]:
        """An Enum of strings."""
        del kept
        names, values = self.graph.property(node.id, "Names"), self.graph.property(node.id, "Values")
        pairs = zip(texts_of(names.value if names else None), texts_of(values.value if values else None), strict=False)
        return {
            "@type": "Enum",
            "valueSchema": "string",
            "enumValues": [{"name": name, "enumValue": value} for name, value in pairs],
        }

    def structure(self, node: Node, kept: Kept) -> dict[str, Json]:
        """An Object; inherited fields come first."""
        fields = self.fields(node)
        if node.definition is not None and node.definition.kind == "union":
            kept.add("union", node.browse_name.name)
        taken: set[str] = set()
        made = []
        for field in fields:
            name = dtdl_name(field.name, taken)
            taken.add(name)
            if name != field.name:
                kept.add("field", field.name)
            one: dict[str, Json] = {"name": name, "schema": self.of(field.data_type, field.rank, name, kept)}
            if field.description:
                one["description"] = language_map(field.description, "description", kept)
            made.append(one)
        return {"@type": "Object", "fields": made}

    def fields(self, node: Node) -> list[Field]:
        """Fields of a structure and of those that it is a subtype of, which a document need not repeat."""
        found: list[Field] = []
        here: Node | None = node
        for _ in range(64):
            if here is None or here.definition is None:
                break
            known = {field.name for field in found}
            found = [field for field in here.definition.fields if field.name not in known] + found
            above = self.graph.supertype(here.id)
            here = self.graph.nodes.get(above) if above is not None else None
        return found

    def map(self, definition: Definition, kept: Kept) -> dict[str, Json]:
        """A Map, for an array of structures of Key and Value."""
        key, value = definition.fields
        made: dict[str, Json] = {"@type": "Map"}
        for member, name, field in (("mapKey", "key", key), ("mapValue", "value", value)):
            made[member] = {"name": name, "schema": self.of(field.data_type, field.rank, name, kept)}
            if field.description:
                made[member]["description"] = language_map(field.description, "description", kept)
        return made


def _is_entry(definition: Definition) -> bool:
    """Whether a structure is an entry of a Map: Key, a String, and Value, both always there."""
    names = [field.name for field in definition.fields if not field.optional]
    return (
        names == ["Key", "Value"] and len(definition.fields) == len(names) and definition.fields[0].data_type == _STRING
    )


def _standard_number(data_type: NodeId) -> int | None:
    number = data_type.identifier.removeprefix("i=")
    return int(number) if data_type.namespace == UA and number.isdecimal() else None


def _is_structure(base: NodeId | None) -> bool:
    """Whether values of a subtype of a standard type are structures: what is not known to be a scalar."""
    number = _standard_number(base) if base is not None else None
    return base in (_STRUCTURE, _UNION, None) or (number not in _EXACT and number not in _NEAR)
