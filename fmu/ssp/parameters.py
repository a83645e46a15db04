"""Parameter sets, parameter mappings and signal dictionaries as data: SSV, SSM and SSB (SSP 2.0, 6 to 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, TypeAlias

from fmu.ssp.elements import (
    ANNOTATIONS,
    DIMENSIONS,
    ENUMERATIONS,
    FLOATS,
    INTEGERS,
    META_DATA,
    SIGNATURES,
    TRANSFORMATION,
    TYPE,
    UNITS,
    Annotation,
    Dimension,
    Enumeration,
    MetaData,
    Named,
    Signature,
    TopLevel,
    Transformation,
    Type,
    Unit,
)
from fmu.ssp.schema import (
    BOOLEAN,
    SSB,
    SSM,
    SSV,
    TEXT,
    Codec,
    Node,
    attribute,
    child,
    children,
    read_boolean,
    read_double,
    read_integer,
    tag_name,
    write_boolean,
    write_double,
)

Scalar: TypeAlias = float | int | bool | str | bytes
VALUE_TYPES: Final = (*sorted(FLOATS), *INTEGERS, "Boolean", "String", "Enumeration", "Binary")


def _read(text: str, tag: str) -> Scalar | tuple[Scalar, ...]:
    if tag in ("String", "Enumeration"):
        return text
    if tag == "Binary":
        return bytes.fromhex(text)
    parts = tuple(_read_number(part, tag) for part in text.split())
    if not parts:
        raise ValueError("there is no value")
    return parts[0] if len(parts) == 1 else parts


def _read_number(text: str, tag: str) -> Scalar:
    if tag in FLOATS:
        return read_double(text)
    if tag == "Boolean":
        return read_boolean(text)
    value, (least, most) = read_integer(text), INTEGERS.get(tag, (-(2**63), 2**64 - 1))
    if not least <= value <= most:
        raise ValueError(f"{text} is no {tag}; the range is {least} to {most}")
    return value


def _write(value: Any, tag: str) -> str:
    if tag in ("String", "Enumeration"):
        return str(value)
    if tag == "Binary":
        return bytes(value).hex()
    parts: Sequence[Any] = value if isinstance(value, tuple | list) else (value,)
    write = write_double if tag in FLOATS else write_boolean if tag == "Boolean" else str
    return " ".join(write(part) for part in parts)


_VALUE: Final = Codec(_read, _write, "of its type")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementValue(Node):
    """One element of an array of strings, enumeration items or binaries (SSP 2.0).

    Attributes:
        value: As written; of a binary the hexadecimal digits.
    """

    NAMESPACE: ClassVar[str] = SSV
    TAG: ClassVar[str] = "Value"
    value: str = field(metadata=attribute(TEXT, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Value(Node):
    """A value with its type.

    Attributes:
        kind: Name of the type, such as Real.
        value: A number, boolean, text (also of an enumeration: the item's name) or bytes; a tuple for an array.
        unit: Of a floating-point value: a name under Units.
        name: Of an enumeration: a name under Enumerations.
        mime_type: Of a binary.
        elements: Of an array of strings, items or binaries, instead of value.
    """

    NAMESPACE: ClassVar[str] = SSV
    kind: str = field(metadata=tag_name())
    value: Scalar | tuple[Scalar, ...] | None = field(default=None, metadata=attribute(_VALUE))
    unit: str | None = field(default=None, metadata=attribute(TEXT))
    name: str | None = field(default=None, metadata=attribute(TEXT))
    mime_type: str | None = field(default=None, metadata=attribute(TEXT, name="mime-type"))
    elements: tuple[ElementValue, ...] = field(default=(), metadata=children(lambda: {"Value": ElementValue}, since=2))

    @property
    def data(self) -> Scalar | tuple[Scalar, ...] | None:
        """The value, or the values of the elements."""
        if not self.elements:
            return self.value
        return tuple(bytes.fromhex(each.value) if self.kind == "Binary" else each.value for each in self.elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Named):
    """A parameter (SSP 2.0, 6.2)."""

    NAMESPACE: ClassVar[str] = SSV
    TAG: ClassVar[str] = "Parameter"
    name: str = field(metadata=attribute(TEXT, required=True))
    value: Value = field(metadata=child(lambda: dict.fromkeys(VALUE_TYPES, Value), required=True))
    dimensions: tuple[Dimension, ...] = field(default=(), metadata=DIMENSIONS)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)

    @classmethod
    def of(cls, name: str, value: Scalar | Sequence[Scalar], *, unit: str | None = None) -> Parameter:
        """A parameter whose type is that of a Python value.

        Args:
            name: Its name.
            value: A number, boolean, text or bytes, or several numbers or booleans.
            unit: Of a float.
        """
        first = value[0] if isinstance(value, list | tuple) and value else value
        kind = next(
            name for kind, name in _KINDS if isinstance(first, kind)
        )  # bool stands before int, which it is a kind of
        data = tuple(value) if isinstance(value, list | tuple) else value
        if kind in ("String", "Binary") and isinstance(data, tuple):
            texts = (each.hex() if isinstance(each, bytes) else str(each) for each in data)
            elements = tuple(ElementValue(value=text) for text in texts)
            return cls(name=name, value=Value(kind=kind, elements=elements))
        return cls(name=name, value=Value(kind=kind, value=data, unit=unit if kind == "Real" else None))  # type: ignore[arg-type]


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "Boolean"), (int, "Integer"), (float, "Real"), (str, "String"), (bytes, "Binary"), (object, "Real"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSet(TopLevel):
    """Parameters with values: a file of its own (SSV), or inside a parameter binding (SSP 2.0, 6)."""

    NAMESPACE: ClassVar[str] = SSV
    TAG: ClassVar[str] = "ParameterSet"
    name: str = field(metadata=attribute(TEXT, required=True))
    parameters: tuple[Parameter, ...] = field(
        default=(), metadata=children(lambda: {"Parameter": Parameter}, wrapper="Parameters", required=True)
    )
    enumerations: tuple[Enumeration, ...] = field(default=(), metadata=ENUMERATIONS)
    units: tuple[Unit, ...] = field(default=(), metadata=UNITS)
    meta_data: tuple[MetaData, ...] = field(default=(), metadata=META_DATA)
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of a name, or None."""
        return next((each for each in self.parameters if each.name == name), None)

    def with_value(self, name: str, value: Scalar | tuple[Scalar, ...]) -> ParameterSet:
        """The same set with another value of a parameter, or with a new parameter.

        Args:
            name: Of the parameter.
            value: In the unit that the parameter has.
        """
        known = self.parameter(name)
        if known is None:
            return replace(self, parameters=(*self.parameters, Parameter.of(name, value)))
        changed = replace(known, value=replace(known.value, value=value, elements=()))
        return replace(self, parameters=tuple(changed if each is known else each for each in self.parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEntry(Named):
    """A parameter of the source, and the one that it is applied to (SSP 2.0, 7.1.1)."""

    NAMESPACE: ClassVar[str] = SSM
    TAG: ClassVar[str] = "MappingEntry"
    source: str = field(metadata=attribute(TEXT, required=True))
    target: str = field(metadata=attribute(TEXT, required=True))
    suppress_unit_conversion: bool | None = field(default=None, metadata=attribute(BOOLEAN))
    transformation: Transformation | None = field(default=None, metadata=TRANSFORMATION)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterMapping(TopLevel):
    """Which parameters of a set are applied, under which names: a file of its own (SSM), or inline (SSP 2.0, 7)."""

    NAMESPACE: ClassVar[str] = SSM
    TAG: ClassVar[str] = "ParameterMapping"
    entries: tuple[MappingEntry, ...] = field(default=(), metadata=children(lambda: {"MappingEntry": MappingEntry}))
    meta_data: tuple[MetaData, ...] = field(default=(), metadata=META_DATA)
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DictionaryEntry(Named):
    """A signal (SSP 2.0, 8.1.1)."""

    NAMESPACE: ClassVar[str] = SSB
    TAG: ClassVar[str] = "DictionaryEntry"
    name: str = field(metadata=attribute(TEXT, required=True))
    type: Type | None = field(default=None, metadata=TYPE)
    dimensions: tuple[Dimension, ...] = field(default=(), metadata=DIMENSIONS)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDictionary(TopLevel):
    """Signals that several systems share: a file of its own (SSB), or inline (SSP 2.0, 8)."""

    NAMESPACE: ClassVar[str] = SSB
    TAG: ClassVar[str] = "SignalDictionary"
    entries: tuple[DictionaryEntry, ...] = field(
        default=(), metadata=children(lambda: {"DictionaryEntry": DictionaryEntry})
    )
    enumerations: tuple[Enumeration, ...] = field(default=(), metadata=ENUMERATIONS)
    units: tuple[Unit, ...] = field(default=(), metadata=UNITS)
    meta_data: tuple[MetaData, ...] = field(default=(), metadata=META_DATA)
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)
