"""Plan: elements to class plans; what the live classes, the Python text and the JSON Schemas are all made from."""

from __future__ import annotations

import keyword
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from dtdl.compiler.twin import Link, Twin
from dtdl.elements import (
    Array,
    Component,
    Content,
    Element,
    Enum,
    Interface,
    Map,
    Model,
    Object,
    Property,
    Relationship,
    Schema,
    SchemaField,
    unit_of,
)
from dtdl.errors import DtdlError, UnitUnknown
from dtdl.units import unit

REQUIRED: Final = "dtmi:dtdl:extension:requirement:v1:Required"
"""Co-type of the requirement extension."""
_FIELDS: Final = frozenset({*Twin.model_fields, *Link.model_fields})


@dataclass(frozen=True, slots=True)
class Plain:
    """A primitive schema."""

    kind: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An Enum: its values, in document order."""

    values: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """An Array."""

    item: TypePlan


@dataclass(frozen=True, slots=True)
class MapOf:
    """A Map."""

    value: TypePlan


@dataclass(frozen=True, slots=True)
class RecordOf:
    """An Object, by the DTMI of the schema."""

    dtmi: str


@dataclass(frozen=True, slots=True)
class TwinOf:
    """A Component's Interface, by DTMI."""

    dtmi: str


TypePlan: TypeAlias = Plain | Choice | ListOf | MapOf | RecordOf | TwinOf


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlan:
    """One field of a class.

    Attributes:
        name: DTDL name: the key in a document.
        python_name: Attribute name; ends in ``_`` where the DTDL name is a Python keyword or an attribute of pydantic.
        type: What it holds.
        unit: DTDL name of a known unit, or None.
        required: Whether it must be there (requirement extension).
        read_only: A Property that is not writable.
        text: displayName and description in English, or the first language there is.
    """

    name: str
    python_name: str
    type: TypePlan
    unit: str | None = None
    required: bool = False
    read_only: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPlan:
    """One class.

    Attributes:
        dtmi: Of the Interface, Object or Relationship.
        name: Class name.
        base: Whether it is a twin, the value of an Object, or a relationship with its properties.
        bases: DTMIs of the classes that it extends, none redundant, in an order that Python can linearise.
        fields: Own fields; inherited ones too where no order of bases can be linearised.
        text: Docstring.
    """

    dtmi: str
    name: str
    base: Literal["Twin", "Record", "Link"]
    bases: tuple[str, ...] = ()
    fields: tuple[FieldPlan, ...] = ()
    text: str = ""


def python_name(name: str) -> str:
    """Gives the attribute name of a DTDL name: itself, with ``_`` behind it where Python or pydantic use the name."""
    # No DTDL name ends in an underscore, so that no other name can become this one.
    taken = keyword.iskeyword(name) or name.startswith("model_") or hasattr(Twin, name) or name in _FIELDS
    return f"{name}_" if taken else name


def text_of(element: Element) -> str:
    """Gives displayName and description in English, else in the first language."""
    texts = []
    for by_language in (element.display_name, element.description):
        found = by_language.get("en") or by_language.get("en-US") or next(iter(by_language.values()), "")
        if found and found not in texts:
            texts.append(found.strip())
    return "\n\n".join(texts)


def known_unit(element: Element) -> str | None:
    """Gives the DTDL name of the element's unit when the unit table has it."""
    name = unit_of(element)
    if name is None:
        return None
    try:
        return unit(name).name
    except UnitUnknown:
        return None


class Planner:
    """Makes class plans of a model, each when it is first asked for.

    Args:
        model: The parsed definitions.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.interfaces: Mapping[str, Interface] = model.interfaces
        self._plans: dict[str, ClassPlan] = {}
        self._orders: dict[str, tuple[str, ...]] = {}
        self._ancestors: dict[str, frozenset[str]] = {}
        self._objects: dict[str, Object] = {}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Interface DTMI → class name.

        The last label; where several Interfaces share it, the labels before it are put in front, as few as tell them
        apart, and the version behind it where only that differs: ``Acme_Room``, ``Room_1``, ``Room_2``.
        """
        groups: dict[str, list[str]] = defaultdict(list)
        for dtmi in self.interfaces:
            groups[dtmi.partition(";")[0].rpartition(":")[2]].append(dtmi)
        made: dict[str, str] = {}
        for last, group in groups.items():
            if len(group) == 1:
                made[group[0]] = _not_keyword(last)
            else:
                made.update(_class_names(group))
        return made

    def ancestors(self, dtmi: str) -> frozenset[str]:
        """Gives every Interface that this one extends, directly or not."""
        found = self._ancestors.get(dtmi)
        if found is None:
            direct = [base.id for base in self.model.interface(dtmi).extends]
            found = frozenset(direct).union(*(self.ancestors(base) for base in direct))
            self._ancestors[dtmi] = found
        return found

    def interface(self, dtmi: str) -> ClassPlan:
        """Plans the class of an Interface.

        Raises:
            ModelNotFound: The model has no such Interface.
        """
        found = self._plans.get(dtmi)
        if found is None:
            element = self.model.interface(dtmi)
            bases = self._bases(element)
            inherited = {} if bases is None else {n: c for b in element.extends for n, c in b.contents.items()}
            own = [content for name, content in element.contents.items() if inherited.get(name) is not content]
            found = self._plans[dtmi] = ClassPlan(
                dtmi=dtmi,
                name=self.names[dtmi],
                base="Twin",
                bases=bases or (),
                fields=tuple(self._content(c) for c in own if isinstance(c, (Property, Component))),
                text=text_of(element),
            )
        return found

    def record(self, dtmi: str) -> ClassPlan:
        """Plans the class of an Object schema that ``type_of`` has met."""
        found = self._plans.get(dtmi)
        if found is None:
            element = self._objects[dtmi]
            found = self._plans[dtmi] = ClassPlan(
                dtmi=dtmi,
                name=self._record_name(dtmi),
                base="Record",
                fields=tuple(self._field(field) for field in element.fields),
                text=text_of(element),
            )
        return found

    def link(self, relationship: Relationship) -> ClassPlan:
        """Plans the class of a Relationship: its own properties."""
        found = self._plans.get(relationship.id)
        if found is None:
            found = self._plans[relationship.id] = ClassPlan(
                dtmi=relationship.id,
                name=self._record_name(relationship.id),
                base="Link",
                fields=tuple(self._content(held) for held in relationship.own_properties),
                text=text_of(relationship),
            )
        return found

    def plan(self, type_: RecordOf | TwinOf) -> ClassPlan:
        """Plans the class that a type refers to."""
        return self.record(type_.dtmi) if isinstance(type_, RecordOf) else self.interface(type_.dtmi)

    def type_of(self, schema: Schema) -> TypePlan:
        """Plans the type of a schema.

        Raises:
            DtdlError: A schema class that this version does not know.
        """
        match schema:
            case Enum():
                return Choice(tuple(value.enum_value for value in schema.enum_values))
            case Array():
                return ListOf(self.type_of(schema.element_schema))
            case Map():
                return MapOf(self.type_of(schema.map_value.schema))
            case Object():
                self._objects[schema.id] = schema
                return RecordOf(schema.id)
            case _:
                return Plain(_known_kind(schema))

    def _content(self, content: Content) -> FieldPlan:
        if isinstance(content, Component):
            held: TypePlan = TwinOf(content.schema.id)
            return FieldPlan(name=content.name, python_name=python_name(content.name), type=held, text=text_of(content))
        assert isinstance(content, Property)
        return FieldPlan(
            name=content.name,
            python_name=python_name(content.name),
            type=self.type_of(content.schema),
            unit=known_unit(content),
            required=REQUIRED in (cotype.split(";")[0] for cotype in content.cotypes),
            read_only=not content.writable,
            text=text_of(content),
        )

    def _field(self, field: SchemaField) -> FieldPlan:
        return FieldPlan(
            name=field.name,
            python_name=python_name(field.name),
            type=self.type_of(field.schema),
            unit=known_unit(field),
            required=REQUIRED in (cotype.split(";")[0] for cotype in field.cotypes),
            text=text_of(field),
        )

    def _bases(self, element: Interface) -> tuple[str, ...] | None:
        """Gives the bases that Python can linearise, or None when the contents have to be written out."""
        direct = list(dict.fromkeys(base.id for base in element.extends))
        if len(direct) > 1:
            direct = [base for base in direct if not any(base in self.ancestors(other) for other in direct)]
        kept = tuple(direct)
        return kept if len(self._order(element.id, kept)) > 1 or not kept else None

    def _order(self, dtmi: str, bases: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Gives the C3 linearisation of a class, itself alone when there is none and it is flattened."""
        found = self._orders.get(dtmi)
        if found is None:
            if bases is None:
                bases = self.interface(dtmi).bases
            orders = [self._order(base) for base in bases]
            merged = orders[0] if len(orders) == 1 else _merge([*map(list, orders), list(bases)])
            found = self._orders[dtmi] = (dtmi, *(merged or ()))
        return found

    def _record_name(self, dtmi: str) -> str:
        """Names a class after its DTMI: the last label, or the owner and the names on the way when it is automatic."""
        labels = _labels(dtmi)
        at = next((index for index, label in enumerate(labels) if label.startswith("_")), len(labels))
        owner = f"dtmi:{':'.join(labels[:at])}{dtmi.partition(';')[1]}{dtmi.partition(';')[2]}"
        start = self.names.get(owner, labels[at - 1])
        if at == len(labels):
            return _not_keyword(start)
        return start + "".join(
            _WAY.get(label, _capital(label[2:]) if label[1:2] == "_" else "") for label in labels[at:]
        )


_WAY: Final = {"_elementSchema": "Item", "_mapValue": "Value", "_request": "Request", "_response": "Response"}
_PRIMITIVES: Final = frozenset(
    {"Boolean", "Byte", "Bytes", "Date", "DateTime", "Decimal", "Double", "Duration", "Float", "Integer", "Long",
     "Short", "String", "Time", "UnsignedByte", "UnsignedInteger", "UnsignedLong", "UnsignedShort", "Uuid"}
)  # fmt: skip


def _known_kind(schema: Schema) -> str:
    if schema.kind not in _PRIMITIVES:
        raise DtdlError(
            f"the schema {schema.id} is a {schema.kind}, which cannot be compiled",
            action="Use one of the schemas of DTDL v2, v3 or v4.",
        )
    return schema.kind


def _not_keyword(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _labels(dtmi: str) -> list[str]:
    return dtmi.removeprefix("dtmi:").partition(";")[0].split(":")


def _class_names(group: list[str]) -> Iterator[tuple[str, str]]:
    """Names Interfaces that share their last label."""
    by_path: dict[str, list[str]] = defaultdict(list)
    for dtmi in group:
        by_path[dtmi.partition(";")[0]].append(dtmi)
    depth = 1
    paths = {path: _labels(path) for path in by_path}
    while len({tuple(labels[-depth:]) for labels in paths.values()}) < len(paths):
        depth += 1
    for path, versions in by_path.items():
        *front, last = paths[path][-depth:]
        name = _not_keyword("_".join([*map(_capital, front), last]))
        for dtmi in versions:
            version = dtmi.partition(";")[2].replace(".", "_") or "0"
            yield dtmi, name if len(versions) == 1 else f"{name}_{version}"


def _merge(lists: list[list[str]]) -> tuple[str, ...] | None:
    """The merge of the C3 linearisation; None when there is no order."""
    out: list[str] = []
    lists = [held for held in lists if held]
    while lists:
        head = next((held[0] for held in lists if not any(held[0] in other[1:] for other in lists)), None)
        if head is None:
            return None
        out.append(head)
        lists = [rest for rest in ([held for held in other if held != head] for other in lists) if rest]
    return tuple(out)
