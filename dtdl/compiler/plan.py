"""Plan: elements to class plans; what the live classes, the Python text and the JSON Schemas are all made from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

from dtdl.compiler.about import About, about_of
from dtdl.compiler.names import interface_names, member_name, part_name, python_name
from dtdl.elements import (
    Array,
    Command,
    Component,
    Content,
    Element,
    Enum,
    Interface,
    Map,
    Model,
    NamedElement,
    Object,
    Property,
    Relationship,
    Schema,
    SchemaField,
    Telemetry,
    unit_of,
)
from dtdl.errors import DtdlError, UnitUnknown
from dtdl.units import unit

_REQUIRED: Final = re.compile(r"dtmi:dtdl:extension:requirement:v\d+:Required(?:;|\Z)")
"""Co-type of the requirement extension, in each of its versions."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A primitive schema."""

    kind: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An Enum: its values, in document order, and its DTMI."""

    values: tuple[int | str, ...]
    dtmi: str


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
        target: DTMI of the Interface that the targets of a Relationship must be, or None for any.
        multiplicity: The least and the greatest number of targets; None for no bound.
        element: What it was planned from.
        parts: The named elements in it: contents, fields, or own properties.
    """

    dtmi: str
    name: str
    base: Literal["Twin", "Record", "Link"]
    bases: tuple[str, ...] = ()
    fields: tuple[FieldPlan, ...] = ()
    text: str = ""
    target: str | None = None
    multiplicity: tuple[int, int | None] = (0, None)
    element: Element = field(repr=False, compare=False)
    parts: Sequence[NamedElement] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePlan:
    """The class of an Enum.

    Attributes:
        dtmi: Of the schema.
        name: Class name.
        members: Python name and value of each EnumValue.
        text: Docstring.
        element: What it was planned from.
        parts: The EnumValues.
    """

    dtmi: str
    name: str
    members: tuple[tuple[str, int | str], ...]
    text: str = ""
    element: Element = field(repr=False, compare=False)
    parts: Sequence[NamedElement] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadPlan:
    """The class of what a Telemetry sends, or of what a Command takes or gives.

    Attributes:
        dtmi: Of the Telemetry, CommandRequest or CommandResponse.
        name: Class name.
        base: Which of the three.
        type: What it holds.
        unit: DTDL name of a known unit, or None.
        nullable: Whether null is taken too.
        text: Docstring.
        element: What it was planned from.
        parts: Nothing; the value has no names of its own.
    """

    dtmi: str
    name: str
    base: Literal["Message", "Request", "Response"]
    type: TypePlan
    unit: str | None = None
    nullable: bool = False
    text: str = ""
    element: Element = field(repr=False, compare=False)
    parts: Sequence[NamedElement] = field(default=(), repr=False, compare=False)


AnyPlan: TypeAlias = ClassPlan | ChoicePlan | PayloadPlan


def abouts(plan: AnyPlan) -> dict[str, About]:
    """Gives what the definition says beyond types, by DTDL name; of the class itself under the empty name."""
    return {"": about_of(plan.element)} | {part.name: about_of(part) for part in plan.parts}


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
        self._enums: dict[str, Enum] = {}
        self._choices: dict[str, ChoicePlan] = {}
        self._payloads: dict[str, PayloadPlan] = {}
        self._within: set[str] = set()

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Interface DTMI → class name, as ``dtdl.compiler.names.interface_names`` gives it."""
        return interface_names(self.interfaces)

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
                element=element,
                parts=own,
            )
        return found

    def record(self, dtmi: str) -> ClassPlan:
        """Plans the class of an Object schema that ``type_of`` has met."""
        found = self._plans.get(dtmi)
        if found is None:
            element = self._objects[dtmi]
            found = self._plans[dtmi] = ClassPlan(
                dtmi=dtmi,
                name=part_name(dtmi, self.names),
                base="Record",
                fields=tuple(self._field(held) for held in element.fields),
                text=text_of(element),
                element=element,
                parts=element.fields,
            )
        return found

    def link(self, relationship: Relationship) -> ClassPlan:
        """Plans the class of a Relationship: its own properties, where it leads to, and how many there may be."""
        found = self._plans.get(relationship.id)
        if found is None:
            found = self._plans[relationship.id] = ClassPlan(
                dtmi=relationship.id,
                name=part_name(relationship.id, self.names),
                base="Link",
                fields=tuple(self._content(held) for held in relationship.own_properties),
                text=text_of(relationship),
                target=relationship.target,
                multiplicity=(relationship.min_multiplicity, relationship.max_multiplicity),
                element=relationship,
                parts=relationship.own_properties,
            )
        return found

    def choice(self, dtmi: str) -> ChoicePlan:
        """Plans the class of an Enum that ``type_of`` has met."""
        found = self._choices.get(dtmi)
        if found is None:
            element = self._enums[dtmi]
            found = self._choices[dtmi] = ChoicePlan(
                dtmi=dtmi,
                name=part_name(dtmi, self.names),
                members=tuple((member_name(held.name), held.enum_value) for held in element.enum_values),
                text=text_of(element),
                element=element,
                parts=element.enum_values,
            )
        return found

    def message(self, telemetry: Telemetry) -> PayloadPlan:
        """Plans the class of what a Telemetry sends."""
        return self._payload(telemetry, "Message", telemetry.schema)

    def payloads(self, command: Command) -> tuple[PayloadPlan | None, PayloadPlan | None]:
        """Plans the classes of what a Command takes and gives; None where it is nothing."""
        request, response = command.request, command.response
        return (
            self._payload(request, "Request", request.schema, nullable=request.nullable) if request else None,
            self._payload(response, "Response", response.schema, nullable=response.nullable) if response else None,
        )

    def _payload(
        self, element: Telemetry | SchemaField, base: Literal["Message", "Request", "Response"], schema: Schema,
        *, nullable: bool = False,
    ) -> PayloadPlan:  # fmt: skip
        found = self._payloads.get(element.id)
        if found is None:
            found = self._payloads[element.id] = PayloadPlan(
                dtmi=element.id,
                # A Telemetry's Object has its name already.
                name=part_name(element.id, self.names) + ("Message" if base == "Message" else ""),
                base=base,
                type=self.type_of(schema),
                unit=known_unit(element),
                nullable=nullable,
                text=text_of(element),
                element=element,
            )
        return found

    def fields(self, plan: ClassPlan) -> Iterator[FieldPlan]:
        """Gives every field of a class, inherited ones first; one that is inherited twice comes twice."""
        for base in plan.bases:
            yield from self.fields(self.interface(base))
        yield from plan.fields

    def plan(self, type_: RecordOf | TwinOf) -> ClassPlan:
        """Plans the class that a type refers to."""
        return self.record(type_.dtmi) if isinstance(type_, RecordOf) else self.interface(type_.dtmi)

    def type_of(self, schema: Schema) -> TypePlan:
        """Plans the type of a schema.

        Raises:
            DtdlError: A schema class that this version does not know, or an Array or Map that holds itself without an
                Object between.
        """
        match schema:
            case Enum():
                self._enums[schema.id] = schema
                return Choice(tuple(value.enum_value for value in schema.enum_values), schema.id)
            case Array():
                return ListOf(self._inner(schema, schema.element_schema))
            case Map():
                return MapOf(self._inner(schema, schema.map_value.schema))
            case Object():
                self._objects[schema.id] = schema
                return RecordOf(schema.id)
            case _:
                return Plain(_known_kind(schema))

    def _inner(self, schema: Array | Map, held: Schema) -> TypePlan:
        """Plans what an Array or Map holds."""
        if schema.id in self._within:
            raise DtdlError(
                f"the {schema.kind} {schema.id} holds itself through Arrays and Maps alone, which cannot be compiled",
                action="Put an Object between.",
            )
        self._within.add(schema.id)
        try:
            return self.type_of(held)
        finally:
            self._within.discard(schema.id)

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
            required=_is_required(content),
            read_only=not content.writable,
            text=text_of(content),
        )

    def _field(self, field: SchemaField) -> FieldPlan:
        return FieldPlan(
            name=field.name,
            python_name=python_name(field.name),
            type=self.type_of(field.schema),
            unit=known_unit(field),
            required=_is_required(field),
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


def _is_required(element: Element) -> bool:
    return any(map(_REQUIRED.match, element.cotypes))


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
