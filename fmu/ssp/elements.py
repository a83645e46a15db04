"""What all formats of SSP share: types, units, enumerations, transformations, annotations (SSP 2.0, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from fmu.ssp.schema import (
    BOOLEAN,
    DOUBLE,
    INTEGER,
    SSC,
    TEXT,
    UNSIGNED,
    Node,
    attribute,
    child,
    children,
    one_of,
    tag_name,
    verbatim,
)
from fmu.ssp.verbatim import Content

FLOATS: Final = frozenset({"Real", "Float64", "Float32"})
INTEGERS: Final[Mapping[str, tuple[int, int]]] = {
    "Integer": (-(2**31), 2**31 - 1),
    **{f"Int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UInt{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
TYPES: Final = (*sorted(FLOATS), *INTEGERS, "Boolean", "String", "Enumeration", "Binary", "Clock")
TYPES_OF_1: Final = frozenset({"Real", "Integer", "Boolean", "String", "Enumeration", "Binary"})
"""Types of SSP 1.0; the others came with 2.0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation(Node):
    """What a tool keeps beside the standard; all inside is kept as written.

    Attributes:
        type: Whose it is, as a reversed domain name.
        content: Elements and text.
    """

    TAG: ClassVar[str] = "Annotation"
    type: str = field(metadata=attribute(TEXT, required=True))
    content: tuple[Content, ...] = field(default=(), metadata=verbatim())


ANNOTATIONS: Final = children(lambda: {"Annotation": Annotation}, wrapper="Annotations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Node):
    """What has an id and a description (SSP 2.0, 4.1).

    Attributes:
        id: Unique in the file.
        description: For people.
    """

    id: str | None = field(default=None, metadata=attribute(TEXT))
    description: str | None = field(default=None, metadata=attribute(TEXT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Node):
    """One value of an enumeration."""

    TAG: ClassVar[str] = "Item"
    name: str = field(metadata=attribute(TEXT, required=True))
    value: int = field(metadata=attribute(INTEGER, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration(Named):
    """An enumeration (SSP 2.0, 4.5)."""

    TAG: ClassVar[str] = "Enumeration"
    name: str = field(metadata=attribute(TEXT, required=True))
    items: tuple[Item, ...] = field(default=(), metadata=children(lambda: {"Item": Item}, required=True))
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUnit(Node):
    """``factor * value + offset`` is the value in SI base units, whose exponents these are (SSP 2.0, 4.6.1.1)."""

    TAG: ClassVar[str] = "BaseUnit"
    kg: int | None = field(default=None, metadata=attribute(INTEGER))
    m: int | None = field(default=None, metadata=attribute(INTEGER))
    s: int | None = field(default=None, metadata=attribute(INTEGER))
    ampere: int | None = field(default=None, metadata=attribute(INTEGER, name="A"))
    kelvin: int | None = field(default=None, metadata=attribute(INTEGER, name="K"))
    mol: int | None = field(default=None, metadata=attribute(INTEGER))
    cd: int | None = field(default=None, metadata=attribute(INTEGER))
    rad: int | None = field(default=None, metadata=attribute(INTEGER))
    factor: float | None = field(default=None, metadata=attribute(DOUBLE))
    offset: float | None = field(default=None, metadata=attribute(DOUBLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit(Named):
    """A unit (SSP 2.0, 4.6)."""

    TAG: ClassVar[str] = "Unit"
    name: str = field(metadata=attribute(TEXT, required=True))
    base_unit: BaseUnit = field(metadata=child(lambda: {"BaseUnit": BaseUnit}, required=True))
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


ENUMERATIONS: Final = children(lambda: {"Enumeration": Enumeration}, wrapper="Enumerations")
UNITS: Final = children(lambda: {"Unit": Unit}, wrapper="Units")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaContent(Named):
    """Content of meta-data or of a signature, kept as written."""

    TAG: ClassVar[str] = "Content"
    content: tuple[Content, ...] = field(default=(), metadata=verbatim())


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature(Named):
    """A signature; kept, not verified (SSP 2.0, 4.8)."""

    TAG: ClassVar[str] = "Signature"
    role: str = field(metadata=attribute(one_of("authenticity", "suitability"), required=True))
    type: str = field(metadata=attribute(TEXT, required=True))
    source: str | None = field(default=None, metadata=attribute(TEXT))
    source_base: str | None = field(default=None, metadata=attribute(one_of("file", "resource", "metaData")))
    content: MetaContent | None = field(default=None, metadata=child(lambda: {"Content": MetaContent}))


SIGNATURES: Final = children(lambda: {"Signature": Signature}, since=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaData(Named):
    """Meta-data of other standards; kept (SSP 2.0, 4.7)."""

    TAG: ClassVar[str] = "MetaData"
    kind: str = field(metadata=attribute(one_of("general", "quality"), required=True))
    type: str = field(metadata=attribute(TEXT, required=True))
    source: str | None = field(default=None, metadata=attribute(TEXT))
    source_base: str | None = field(default=None, metadata=attribute(one_of("file", "resource")))
    content: MetaContent | None = field(default=None, metadata=child(lambda: {"Content": MetaContent}))
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)


META_DATA: Final = children(lambda: {"MetaData": MetaData}, since=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension(Node):
    """One dimension of an array: a size, or the connector that has it (SSP 2.0, 4.4.2)."""

    TAG: ClassVar[str] = "Dimension"
    size: int | None = field(default=None, metadata=attribute(UNSIGNED))
    size_connector: str | None = field(default=None, metadata=attribute(TEXT))


DIMENSIONS: Final = children(lambda: {"Dimension": Dimension}, since=2)
_INTERVALS: Final = one_of("constant", "fixed", "tunable", "changing", "countdown", "triggered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Type(Node):
    """The type of a connector or of a signal (SSP 2.0, 4.4.1).

    Attributes:
        kind: Real, Integer, Boolean, String, Enumeration, Binary; since SSP 2.0 also Float64 and so on, and Clock.
        unit: Of a floating-point type: a name under Units.
        name: Of an enumeration: a name under Enumerations.
        mime_type: Of a binary type.
        interval_variability, interval_decimal, shift_decimal, supports_fraction, resolution, interval_counter,
            shift_counter, priority: Of a clock, as in FMI 3.0.
    """

    kind: str = field(metadata=tag_name())
    unit: str | None = field(default=None, metadata=attribute(TEXT))
    name: str | None = field(default=None, metadata=attribute(TEXT))
    mime_type: str | None = field(default=None, metadata=attribute(TEXT, name="mime-type"))
    interval_variability: str | None = field(default=None, metadata=attribute(_INTERVALS))
    interval_decimal: float | None = field(default=None, metadata=attribute(DOUBLE))
    shift_decimal: float | None = field(default=None, metadata=attribute(DOUBLE))
    supports_fraction: bool | None = field(default=None, metadata=attribute(BOOLEAN))
    resolution: int | None = field(default=None, metadata=attribute(UNSIGNED))
    interval_counter: int | None = field(default=None, metadata=attribute(UNSIGNED))
    shift_counter: int | None = field(default=None, metadata=attribute(UNSIGNED))
    priority: int | None = field(default=None, metadata=attribute(UNSIGNED))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearTransformation(Node):
    """``factor * value + offset`` (SSP 2.0, 4.4.3.1)."""

    TAG: ClassVar[str] = "LinearTransformation"
    factor: float | None = field(default=None, metadata=attribute(DOUBLE))
    offset: float | None = field(default=None, metadata=attribute(DOUBLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class BooleanMapEntry(Node):
    """One boolean and what it becomes."""

    TAG: ClassVar[str] = "MapEntry"
    source: bool = field(metadata=attribute(BOOLEAN, required=True))
    target: bool = field(metadata=attribute(BOOLEAN, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerMapEntry(Node):
    """One integer and what it becomes."""

    TAG: ClassVar[str] = "MapEntry"
    source: int = field(metadata=attribute(INTEGER, required=True))
    target: int = field(metadata=attribute(INTEGER, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumerationMapEntry(Node):
    """One item of an enumeration, by its name, and what it becomes."""

    TAG: ClassVar[str] = "MapEntry"
    source: str = field(metadata=attribute(TEXT, required=True))
    target: str = field(metadata=attribute(TEXT, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BooleanMappingTransformation(Node):
    """A value for each boolean (SSP 2.0, 4.4.3.2)."""

    TAG: ClassVar[str] = "BooleanMappingTransformation"
    entries: tuple[BooleanMapEntry, ...] = field(
        metadata=children(lambda: {"MapEntry": BooleanMapEntry}, required=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerMappingTransformation(Node):
    """A value for each integer (SSP 2.0, 4.4.3.3)."""

    TAG: ClassVar[str] = "IntegerMappingTransformation"
    entries: tuple[IntegerMapEntry, ...] = field(
        metadata=children(lambda: {"MapEntry": IntegerMapEntry}, required=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumerationMappingTransformation(Node):
    """An item for each item (SSP 2.0, 4.4.3.4)."""

    TAG: ClassVar[str] = "EnumerationMappingTransformation"
    entries: tuple[EnumerationMapEntry, ...] = field(
        metadata=children(lambda: {"MapEntry": EnumerationMapEntry}, required=True)
    )


Transformation = (
    LinearTransformation
    | BooleanMappingTransformation
    | IntegerMappingTransformation
    | EnumerationMappingTransformation
)
TRANSFORMATION: Final = child(
    lambda: {
        "LinearTransformation": LinearTransformation,
        "BooleanMappingTransformation": BooleanMappingTransformation,
        "IntegerMappingTransformation": IntegerMappingTransformation,
        "EnumerationMappingTransformation": EnumerationMappingTransformation,
    }
)
TYPE: Final = child(lambda: dict.fromkeys(TYPES, Type))
NAMESPACE: Final = SSC


@dataclass(frozen=True, slots=True, kw_only=True)
class TopLevel(Named):
    """The root of a file: its version and who made it (SSP 2.0, 4.2).

    Attributes:
        version: ``1.0`` or ``2.0``.
        author, fileversion, copyright, license, generation_tool, generation_date_and_time: For people.
    """

    version: str = field(metadata=attribute(TEXT, required=True))
    author: str | None = field(default=None, metadata=attribute(TEXT))
    fileversion: str | None = field(default=None, metadata=attribute(TEXT))
    copyright: str | None = field(default=None, metadata=attribute(TEXT))
    license: str | None = field(default=None, metadata=attribute(TEXT))
    generation_tool: str | None = field(default=None, metadata=attribute(TEXT))
    generation_date_and_time: str | None = field(default=None, metadata=attribute(TEXT))
