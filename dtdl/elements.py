"""Frozen elements of a model: what the parser makes, what the compiler, the printer and the bindings read.

The metamodel tables decide which properties an element has; this module only gives the frequent ones a typed name.
Every property, those of extensions included, is in ``Element.properties`` under its DTDL term or its DTMI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, final

from dtdl.diagnostic import Location
from dtdl.errors import ModelNotFound

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class Element:
    """One element.

    Elements refer to each other directly, so a model is a graph with cycles; equality is identity.

    Attributes:
        id: The DTMI, given by the author or automatic.
        kind: The name of the metamodel class, such as ``Property`` or ``Double``.
        dtdl_version: 2, 3 or 4.
        child_of: DTMI of the element that it is written in, None at the top.
        defined_in: DTMI of the partition (Interface) that defines it.
        cotypes: DTMIs of its supplemental types (semantic types, extensions), in document order.
        undefined_types: Co-types that no context defines, verbatim.
        properties: Every property that the document gives or the metamodel defaults. A literal is a ``str``,
            ``bool``, ``int``, ``float`` or a ``dict`` of language to text; a reference is an ``Element``; several are a
            ``tuple``, or a mapping by name for ``contents``.
        undefined_properties: Properties that no context defines, verbatim JSON.
        given: Names of the properties that the document writes, in document order.
        contexts: What its own ``@context`` names; empty where that of the element around it holds.
        location: Where it is written; None for standard elements and elements built in code.
    """

    __slots__ = (
        "_location",
        "child_of",
        "contexts",
        "cotypes",
        "defined_in",
        "dtdl_version",
        "given",
        "id",
        "kind",
        "properties",
        "undefined_properties",
        "undefined_types",
    )
    id: str
    kind: str
    dtdl_version: int
    child_of: str | None
    defined_in: str | None
    cotypes: tuple[str, ...]
    undefined_types: tuple[str, ...]
    properties: Mapping[str, Any]
    undefined_properties: Mapping[str, Any]
    given: tuple[str, ...]
    contexts: tuple[str, ...]
    _location: Any

    def __init__(
        self,
        id: str,  # noqa: A002 - the metamodel's own name
        *,
        kind: str | None = None,
        dtdl_version: int = 4,
        properties: Mapping[str, Any] = EMPTY,
        **more: Any,
    ) -> None:
        put = object.__setattr__
        put(self, "id", id)
        put(self, "kind", kind or type(self).__name__)
        put(self, "dtdl_version", dtdl_version)
        put(self, "properties", properties)
        put(self, "child_of", more.get("child_of"))
        put(self, "defined_in", more.get("defined_in"))
        put(self, "cotypes", tuple(more.get("cotypes", ())))
        put(self, "undefined_types", tuple(more.get("undefined_types", ())))
        put(self, "undefined_properties", more.get("undefined_properties", EMPTY))
        put(self, "given", tuple(more.get("given", tuple(properties))))
        put(self, "contexts", tuple(more.get("contexts", ())))
        put(self, "_location", more.get("location"))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name}")

    def __repr__(self) -> str:
        return f"<{self.kind} {self.id}>"

    @property
    def location(self) -> Location | None:
        """Where it is written; computed when asked, since most elements are never asked."""
        held = self._location
        return held if held is None or isinstance(held, Location) else held.locate()

    @property
    def display_name(self) -> Mapping[str, str]:
        """Language to text."""
        return self.properties.get("displayName", EMPTY)

    @property
    def description(self) -> Mapping[str, str]:
        """Language to text."""
        return self.properties.get("description", EMPTY)

    @property
    def comment(self) -> str | None:
        """The author's comment."""
        return self.properties.get("comment")


class NamedElement(Element):
    """An element that has a ``name`` unique among its siblings."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The DTDL name."""
        return self.properties["name"]


class Schema(Element):
    """A schema: primitive (``kind`` tells which: Boolean, Integer, Double, String, DateTime, …) or complex."""

    __slots__ = ()


@final
class Array(Schema):
    """An ordered collection of values of one schema."""

    __slots__ = ()

    @property
    def element_schema(self) -> Schema:
        """The schema of every item."""
        return self.properties["elementSchema"]


@final
class EnumValue(NamedElement):
    """One value of an Enum."""

    __slots__ = ()

    @property
    def enum_value(self) -> int | str:
        """The value on the wire."""
        return self.properties["enumValue"]


@final
class Enum(Schema):
    """A closed set of named values."""

    __slots__ = ()

    @property
    def value_schema(self) -> Schema:
        """Integer or String."""
        return self.properties["valueSchema"]

    @property
    def enum_values(self) -> tuple[EnumValue, ...]:
        """The values in document order."""
        return self.properties.get("enumValues", ())


class SchemaField(NamedElement):
    """A named value with a schema: Field, MapKey, MapValue, CommandRequest, CommandResponse, CommandPayload."""

    __slots__ = ()

    @property
    def schema(self) -> Schema:
        """What the value looks like."""
        return self.properties["schema"]

    @property
    def nullable(self) -> bool:
        """Whether null is allowed."""
        return bool(self.properties.get("nullable", False))

    @property
    def unit(self) -> str | None:
        """Name of the unit, such as ``degreeCelsius``, or None."""
        return unit_of(self)


@final
class Map(Schema):
    """String keys to values of one schema."""

    __slots__ = ()

    @property
    def map_key(self) -> SchemaField:
        """Name and schema of the keys."""
        return self.properties["mapKey"]

    @property
    def map_value(self) -> SchemaField:
        """Name and schema of the values."""
        return self.properties["mapValue"]


@final
class Object(Schema):
    """A record of named fields."""

    __slots__ = ()

    @property
    def fields(self) -> tuple[SchemaField, ...]:
        """The fields in document order."""
        return self.properties.get("fields", ())


class Content(NamedElement):
    """What an Interface contains."""

    __slots__ = ()


class Telemetry(Content):
    """A stream of measurements; no state."""

    __slots__ = ()

    @property
    def schema(self) -> Schema:
        """What a message looks like."""
        return self.properties["schema"]

    @property
    def unit(self) -> str | None:
        """Name of the unit, such as ``degreeCelsius``, or None."""
        return unit_of(self)


@final
class Property(Content):
    """A piece of state."""

    __slots__ = ()

    @property
    def schema(self) -> Schema:
        """What the value looks like."""
        return self.properties["schema"]

    @property
    def writable(self) -> bool:
        """Whether clients may write it."""
        return bool(self.properties.get("writable", False))

    @property
    def unit(self) -> str | None:
        """Name of the unit, such as ``degreeCelsius``, or None."""
        return unit_of(self)


@final
class Command(Content):
    """A function that the twin can be asked to run."""

    __slots__ = ()

    @property
    def request(self) -> SchemaField | None:
        """The one argument, or None."""
        return self.properties.get("request")

    @property
    def response(self) -> SchemaField | None:
        """The one result, or None."""
        return self.properties.get("response")


@final
class Relationship(Content):
    """A link to another twin."""

    __slots__ = ()

    @property
    def target(self) -> str | None:
        """DTMI of the Interface that a target must be, or None for any."""
        return self.properties.get("target")

    @property
    def min_multiplicity(self) -> int:
        """The least number of targets."""
        return self.properties.get("minMultiplicity", 0)

    @property
    def max_multiplicity(self) -> int | None:
        """The greatest number of targets, None for no bound."""
        return self.properties.get("maxMultiplicity")

    @property
    def own_properties(self) -> tuple[Property, ...]:
        """Properties of the relationship itself."""
        return self.properties.get("properties", ())

    @property
    def writable(self) -> bool:
        """Whether clients may change it."""
        return bool(self.properties.get("writable", False))


@final
class Component(Content):
    """A part of this twin that has an Interface of its own and no identity."""

    __slots__ = ()

    @property
    def schema(self) -> Interface:
        """The Interface of the part."""
        return self.properties["schema"]


@final
class Interface(Element):
    """What a kind of twin is."""

    __slots__ = ()

    @property
    def contents(self) -> Mapping[str, Content]:
        """By name, inherited ones included; own ones are those whose ``child_of`` is this id."""
        return self.properties.get("contents", EMPTY)

    @property
    def extends(self) -> tuple[Interface, ...]:
        """Direct super-Interfaces in document order."""
        return self.properties.get("extends", ())

    @property
    def schemas(self) -> tuple[Schema, ...]:
        """Reusable schemas written in this Interface."""
        return self.properties.get("schemas", ())


KINDS: Final[Mapping[str, type[Element]]] = MappingProxyType(
    {
        cls.__name__: cls
        for cls in (
            Array,
            Command,
            Component,
            Enum,
            EnumValue,
            Interface,
            Map,
            Object,
            Property,
            Relationship,
            Telemetry,
        )
    }
    | dict.fromkeys(("Field", "MapKey", "MapValue", "CommandPayload", "CommandRequest", "CommandResponse"), SchemaField)
    | dict.fromkeys(
        (
            *("Boolean", "Byte", "Bytes", "Date", "DateTime", "Decimal", "Double", "Duration", "Float", "Integer"),
            *("Long", "Short", "String", "Time", "UnsignedByte", "UnsignedInteger", "UnsignedLong", "UnsignedShort"),
            "Uuid",
        ),
        Schema,
    )
)
"""Metamodel class → class here; every other metamodel class is a plain ``Element``."""


def unit_of(element: Element) -> str | None:
    """Gives the name of the element's unit: ``degreeCelsius`` for the standard unit element of that name."""
    unit = element.properties.get("unit")
    if unit is None:
        return None
    name = unit.properties.get("name") if isinstance(unit, Element) else unit
    if name is None and isinstance(unit, Element):
        name = unit.id.rsplit(":", 1)[-1].split(";", 1)[0]
    return name


def semantic_type_of(element: Element) -> str | None:
    """Gives the short name of the element's semantic type, such as ``Temperature``, or None."""
    for cotype in element.cotypes:
        if ":class:" in cotype and "unit" in element.properties:
            return cotype.rsplit(":", 1)[-1].split(";", 1)[0]
    return None


class Model(Mapping[str, Element]):
    """Every element of the given documents, by DTMI, standard elements included where they are referred to.

    Iteration follows the documents' order.
    """

    _label: ClassVar[str] = "Model"

    def __init__(self, elements: Mapping[str, Element]) -> None:
        self._elements = dict(elements)

    def __getitem__(self, dtmi: str) -> Element:
        return self._elements[dtmi]

    def __iter__(self) -> Iterator[str]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)

    def __repr__(self) -> str:
        return f"<{self._label} of {len(self._elements)} elements>"

    @property
    def interfaces(self) -> Mapping[str, Interface]:
        """The Interfaces, by DTMI."""
        return {dtmi: found for dtmi, found in self._elements.items() if isinstance(found, Interface)}

    def interface(self, dtmi: str) -> Interface:
        """Gives an Interface.

        Raises:
            ModelNotFound: No loaded document defines it, or it is something else.
        """
        found = self._elements.get(dtmi)
        if not isinstance(found, Interface):
            raise ModelNotFound(
                f"no loaded document defines the Interface {dtmi}",
                action="Add the file that defines it to `models:`, or correct the DTMI.",
            )
        return found
