"""How a document model says what it is in XML: fields that are attributes, child elements or verbatim content."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final

from fmu.ssp.verbatim import Xml

SSC: Final = "http://ssp-standard.org/SSP1/SystemStructureCommon"
SSD: Final = "http://ssp-standard.org/SSP1/SystemStructureDescription"
SSV: Final = "http://ssp-standard.org/SSP1/SystemStructureParameterValues"
SSM: Final = "http://ssp-standard.org/SSP1/SystemStructureParameterMapping"
SSB: Final = "http://ssp-standard.org/SSP1/SystemStructureSignalDictionary"
PREFIXES: Final[Mapping[str, str]] = {SSC: "ssc", SSD: "ssd", SSV: "ssv", SSM: "ssm", SSB: "ssb"}
"""Namespaces of the standard, and the prefixes that it writes them with; SSP 2.0 has those of 1.0."""

_KEY: Final = "ssp"


@dataclass(slots=True, kw_only=True)
class Written:
    """How an element was written, beyond what it says: used when it is written again, and for messages.

    The values that count are the node's fields. An attribute's text, such as ``1.0`` for 1, is used only while
    it still means the field's value.

    Attributes:
        file: Where it was read.
        line, column: Where its tag begins, from 1.
        prefix: Of its name.
        attributes: Every attribute as written.
        namespaces: Declared here: prefix → URI.
        before: White space and comments in front of it, as markup.
        end: The same in front of its end tag.
        wrappers: The same of elements that only hold a list, such as Connectors, by name.
        others: Elements that the standard has no place for.
        around: Comments before and after the root element.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    prefix: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)
    before: str | None = None
    end: str | None = None
    wrappers: dict[str, Written] = field(default_factory=dict)
    others: list[Xml] = field(default_factory=list)
    around: tuple[list[str], list[str]] = ((), ())  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An element of one of SSP's formats.

    Attributes:
        written: How it was written; None for one that was built in Python.
    """

    NAMESPACE: ClassVar[str] = SSC
    TAG: ClassVar[str] = ""

    written: Written | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Codec:
    """Text of an attribute ↔ value; ``tag`` is the name of the element that has it.

    Attributes:
        read: Raises ValueError for a text that is none.
        write: The other way.
        what: What it is, for messages.
    """

    read: Callable[[str, str], Any]
    write: Callable[[Any, str], str]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A field that is an attribute.

    Attributes:
        name: In XML; empty: the field's name in camel case.
        codec: Its values.
        required: Whether it must be there.
        since: Major version of SSP that has it.
    """

    codec: Codec
    name: str = ""
    required: bool = False
    since: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """A field that is one child element, or a tuple of them.

    Attributes:
        classes: Names of elements → classes of their nodes; a function, since a System holds Systems.
        wrapper: Name of the element around them, in the namespace of the node; empty: there is none.
        many: Whether it is a tuple.
        required: Whether the one, or the wrapper, must be there.
        since: Major version of SSP that has it.
    """

    classes: Callable[[], Mapping[str, type[Node]]]
    wrapper: str = ""
    many: bool = True
    required: bool = False
    since: int = 1


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A field that is everything inside the element."""


@dataclass(frozen=True, slots=True)
class TagName:
    """A field that is the element's own name."""


def attribute(codec: Codec, *, name: str = "", required: bool = False, since: int = 1) -> dict[str, Any]:
    """The metadata of a field; see `Attribute`."""
    return {_KEY: Attribute(codec=codec, name=name, required=required, since=since)}


def child(classes: Callable[[], Mapping[str, type[Node]]], *, required: bool = False, since: int = 1) -> dict[str, Any]:
    """The metadata of a field that is one element, or None."""
    return {_KEY: Children(classes=classes, many=False, required=required, since=since)}


def children(
    classes: Callable[[], Mapping[str, type[Node]]], *, wrapper: str = "", required: bool = False, since: int = 1
) -> dict[str, Any]:
    """The metadata of a field that is a tuple of elements."""
    return {_KEY: Children(classes=classes, wrapper=wrapper, required=required, since=since)}


def verbatim() -> dict[str, Any]:
    """The metadata of a field that is everything inside."""
    return {_KEY: Verbatim()}


def tag_name() -> dict[str, Any]:
    """The metadata of a field that is the element's own name."""
    return {_KEY: TagName()}


@dataclass(frozen=True, slots=True)
class Shape:
    """A class of nodes, taken apart: field names with what they are in XML, in the order of the standard."""

    attributes: Mapping[str, tuple[str, Attribute]]
    children: tuple[tuple[str, Children], ...]
    content: str = ""
    tag: str = ""


_SHAPES: Final[dict[type[Node], Shape]] = {}


def shape_of(kind: type[Node]) -> Shape:
    """Gives the shape of a class of nodes; attributes by their name in XML."""
    if kind not in _SHAPES:
        _SHAPES[kind] = _shape(kind)
    return _SHAPES[kind]


def _shape(kind: type[Node]) -> Shape:
    attributes: dict[str, tuple[str, Attribute]] = {}
    inside: list[tuple[str, Children]] = []
    content = tag = ""
    for each in fields(kind):
        what = each.metadata.get(_KEY)
        if isinstance(what, Attribute):
            attributes[what.name or _camel(each.name)] = (each.name, what)
        elif isinstance(what, Children):
            inside.append((each.name, what))
        elif isinstance(what, Verbatim):
            content = each.name
        elif isinstance(what, TagName):
            tag = each.name
    return Shape(attributes, tuple(inside), content, tag)


def _camel(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(part[0].upper() + part[1:] for part in others)


_DOUBLE: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER: Final = re.compile(r"[+-]?\d{1,40}")
_SPECIAL: Final = {"INF": math.inf, "-INF": -math.inf, "+INF": math.inf, "NaN": math.nan}
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def read_double(text: str) -> float:
    """xs:double.

    Raises:
        ValueError: It is none.
    """
    text = text.strip()
    if text in _SPECIAL:
        return _SPECIAL[text]
    if not _DOUBLE.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    return float(text)


def write_double(value: float) -> str:
    """The shortest text that gives the same number again."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    text = repr(float(value))
    return text.removesuffix(".0")


def read_integer(text: str) -> int:
    """xs:integer.

    Raises:
        ValueError: It is none.
    """
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()!r} is no whole number")
    return int(text)


def read_unsigned(text: str) -> int:
    """xs:unsignedLong.

    Raises:
        ValueError: It is none.
    """
    value = read_integer(text)
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{text.strip()} is not from 0 to 2^64 - 1")
    return value


def read_boolean(text: str) -> bool:
    """xs:boolean.

    Raises:
        ValueError: It is none.
    """
    if text.strip() not in _BOOLEANS:
        raise ValueError(f"{text.strip()!r} is neither true nor false")
    return _BOOLEANS[text.strip()]


def write_boolean(value: bool) -> str:  # noqa: FBT001 - it is what is written
    """``true`` or ``false``."""
    return "true" if value else "false"


def one_of(*words: str) -> Codec:
    """One of some words."""

    def read(text: str, tag: str) -> str:
        del tag
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return Codec(read, lambda value, _: str(value), f"one of {', '.join(words)}")


TEXT: Final = Codec(lambda text, _: text, lambda value, _: str(value), "text")
DOUBLE: Final = Codec(lambda text, _: read_double(text), lambda value, _: write_double(value), "a number")
INTEGER: Final = Codec(lambda text, _: read_integer(text), lambda value, _: str(int(value)), "a whole number")
BOOLEAN: Final = Codec(lambda text, _: read_boolean(text), lambda value, _: write_boolean(value), "true or false")
DOUBLES: Final = Codec(
    lambda text, _: tuple(map(read_double, text.split())),
    lambda value, _: " ".join(map(write_double, value)),
    "numbers separated by spaces",
)
UNSIGNED: Final = Codec(lambda text, _: read_unsigned(text), lambda value, _: str(int(value)), "a number from 0")
INDICES: Final = Codec(
    lambda text, _: tuple(map(read_unsigned, text.split())),
    lambda value, _: " ".join(map(str, value)),
    "whole numbers separated by spaces",
)
