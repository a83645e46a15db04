"""Values inside a NodeSet2 document that types need: units, enumerations, arguments, texts (OPC 10000-6, 5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dtdl.markup import Element
from interop.opcua.nodeset.model import BASE_DATA_TYPE, NodeId
from interop.opcua.nodeset.reader import TYPES

_ARGUMENT, _ENUM_VALUE, _EU_INFORMATION = "i=297", "i=7616", "i=888"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a Method (OPC 10000-3, 8.6)."""

    name: str
    data_type: NodeId
    rank: int = -1
    description: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnumEntry:
    """A value of an enumeration (OPC 10000-3, 8.39), its name where one is known."""

    value: int
    name: str
    display_name: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineeringUnit:
    """EUInformation (OPC 10000-8, 5.6.4.3)."""

    namespace: str
    unit_id: int
    display_name: str
    description: str = ""


def _make(tag: str, text: str = "", children: Iterable[Element] = ()) -> Element:
    return Element(tag, TYPES, {}, 0, 0, list(children), text)


def _localized(tag: str, texts: Mapping[str, str]) -> Element:
    """One text, since a LocalizedText inside a value holds one language: English where there is English."""
    language, text = next(((language, texts[language]) for language in ("en", *texts) if language in texts), ("", ""))
    locale = [_make("Locale", language)] if language else []
    return _make(tag, children=[*locale, _make("Text", text)])


def _object(encoding: str, body: Element) -> Element:
    type_id = _make("TypeId", children=[_make("Identifier", encoding)])
    return _make("ExtensionObject", children=[type_id, _make("Body", children=[body])])


def string(text: str) -> Element:
    """A String."""
    return _make("String", text)


def strings(texts: Iterable[str]) -> Element:
    """An array of String."""
    return _make("ListOfString", children=[_make("String", text) for text in texts])


def unit_value(unit: EngineeringUnit) -> Element:
    """The value of EngineeringUnits."""
    parts = [
        _make("NamespaceUri", unit.namespace),
        _make("UnitId", str(unit.unit_id)),
        _localized("DisplayName", {"": unit.display_name}),
        _localized("Description", {"": unit.description}),
    ]
    return _object(_EU_INFORMATION, _make("EUInformation", children=parts))


def enum_values(entries: Iterable[EnumEntry]) -> Element:
    """The value of EnumValues."""
    return _make(
        "ListOfExtensionObject",
        children=[
            _object(
                _ENUM_VALUE,
                _make(
                    "EnumValueType",
                    children=[
                        _make("Value", str(entry.value)),
                        _localized("DisplayName", entry.display_name or {"": entry.name}),
                        _localized("Description", entry.description),
                    ],
                ),
            )
            for entry in entries
        ],
    )


def arguments_value(arguments: Sequence[Argument]) -> Element:
    """The value of InputArguments and OutputArguments."""
    made = []
    for argument in arguments:
        parts = [
            _make("Name", argument.name),
            _make("DataType", children=[_make("Identifier", str(argument.data_type))]),
            _make("ValueRank", str(argument.rank)),
            _make("ArrayDimensions", children=[_make("UInt32", "0")] * max(argument.rank, 0)),
            _localized("Description", argument.description),
        ]
        made.append(_object(_ARGUMENT, _make("Argument", children=parts)))
    return _make("ListOfExtensionObject", children=made)


def text_of(value: Element | None) -> str | None:
    """The text of a String or LocalizedText."""
    if value is None:
        return None
    if value.tag == "LocalizedText":
        return _text(value, "Text")
    return value.text if value.tag == "String" else None


def texts_of(value: Element | None) -> list[str]:
    """The texts of an array of String or LocalizedText."""
    return [text_of(each) or "" for each in value.children] if value is not None else []


def unit_of(value: Element | None) -> EngineeringUnit | None:
    """EUInformation, if it is one."""
    for body in _bodies(value, "EUInformation"):
        name, description = body.first("DisplayName"), body.first("Description")
        return EngineeringUnit(
            _text(body, "NamespaceUri"),
            _int(_text(body, "UnitId"), -1),
            _text(name, "Text"),
            _text(description, "Text"),
        )
    return None


def entries_of(value: Element | None) -> list[EnumEntry]:
    """The entries of EnumValues; the name is the display name."""
    found = []
    for body in _bodies(value, "EnumValueType"):
        display, description = body.first("DisplayName"), body.first("Description")
        text = _text(display, "Text")
        found.append(
            EnumEntry(
                _int(_text(body, "Value"), 0),
                text,
                _language(display),
                _language(description),
            )
        )
    return found


def arguments_of(value: Element | None) -> list[Argument]:
    """The arguments of a Method."""
    found = []
    for body in _bodies(value, "Argument"):
        data_type, description = body.first("DataType"), body.first("Description")
        text = _text(data_type, "Identifier")
        node = NodeId.of(text) if text else BASE_DATA_TYPE
        rank = _int(_text(body, "ValueRank"), -1)
        found.append(Argument(_text(body, "Name"), node, rank, _language(description)))
    return found


def _bodies(value: Element | None, tag: str) -> Iterable[Element]:
    if value is None:
        return
    objects = value.children if value.tag == "ListOfExtensionObject" else [value]
    for each in objects:
        body = each.first("Body")
        found = body.first(tag) if body is not None else None
        if found is not None:
            yield found


def _text(element: Element | None, tag: str) -> str:
    child = element.first(tag) if element is not None else None
    return child.text.strip() if child is not None else ""


def _language(element: Element | None) -> Mapping[str, str]:
    text = _text(element, "Text")
    return {_text(element, "Locale"): text} if text else {}


def _int(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default
