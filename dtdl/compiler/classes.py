"""Classes: class plans to live pydantic classes, each built when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, ForwardRef

from pydantic import Field, create_model
from pydantic.fields import FieldInfo
from pydantic_core import SchemaValidator, core_schema

from dtdl.compiler import values
from dtdl.compiler.choices import choice_class, choice_rule
from dtdl.compiler.message import Message, Payload, Request, Response
from dtdl.compiler.originals import Originals
from dtdl.compiler.plan import (
    AnyPlan,
    Choice,
    ClassPlan,
    FieldPlan,
    ListOf,
    MapOf,
    PayloadPlan,
    Plain,
    Planner,
    RecordOf,
    TwinOf,
    TypePlan,
    abouts,
)
from dtdl.compiler.twin import Link, Multiplicity, Record, Twin
from dtdl.units import unit

_BASES: Final[Mapping[str, type[Record]]] = MappingProxyType({"Twin": Twin, "Record": Record, "Link": Link})
for _base in _BASES.values():
    _base.model_rebuild()  # pydantic loads half of itself on the first one: here, not while a twin waits

_PAYLOADS: Final = MappingProxyType({"Message": Message, "Request": Request, "Response": Response})
_Fields = dict[str, core_schema.ModelField]


class Builder:
    """Builds pydantic classes from class plans, each once.

    Args:
        planner: Where the plans come from.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._built: dict[str, type[Record]] = {}
        self._building: set[str] = set()
        self._types: dict[TypePlan, Any] = {}
        self._forward: dict[str, str] = {}
        self._open: list[type[Record]] = []
        self._rules: dict[str, _Fields | None] = {}
        self._payloads: dict[str, type[Payload[Any]]] = {}
        originals = Originals(planner.model)
        self._definitions: Any = staticmethod(lambda: originals)

    def build(self, plan: ClassPlan) -> type[Record]:
        """Gives the class of a plan."""
        found = self._built.get(plan.dtmi)
        if found is not None:
            return found
        bases: tuple[type[Record], ...] = tuple(self.build(self._planner.interface(base)) for base in plan.bases)
        self._building.add(plan.dtmi)
        try:
            fields = {field.python_name: self._field(field) for field in plan.fields}
            # A class that leads back to one that is not finished needs pydantic's own way with annotations.
            made = (_class if self._forward else _live_class)(plan, bases or (_BASES[plan.base],), fields)
        finally:
            self._building.discard(plan.dtmi)
        made.__dtmi__ = plan.dtmi
        made.__about__ = _about(plan)
        made.__definitions__ = self._definitions
        if issubclass(made, Link):
            self._lead(made, plan)
        self._built[plan.dtmi] = made
        made.__rules__ = staticmethod(lambda: self._model_schema(plan))
        self._close(made)
        rules = None if self._building or self._forward else self._model_schema(plan)
        if rules is not None:
            # Most classes only ever validate: pydantic makes the serializer, and the rest, when they are asked for.
            made.__pydantic_validator__ = SchemaValidator(rules)
        return made

    def _lead(self, made: type[Link], plan: ClassPlan) -> None:
        """Says where a relationship leads, and how many there may be."""
        made.__multiplicity__ = Multiplicity(*plan.multiplicity)
        if plan.target is None:
            return
        target = made.__target__ = plan.target
        if target in self._planner.interfaces:
            made.target_class = staticmethod(lambda: self.build(self._planner.interface(target)))  # type: ignore[assignment]

    def payload(self, plan: PayloadPlan) -> type[Payload[Any]]:
        """Gives the class of what a Telemetry sends, or of what a Command takes or gives."""
        found = self._payloads.get(plan.dtmi)
        if found is None:
            held = self.type_of(plan.type)
            if plan.unit:
                held = Annotated[held, unit(plan.unit)]
            base: Any = _PAYLOADS[plan.base][held | None if plan.nullable else held]
            found = _payload_class(plan, base)
            found.__dtmi__, found.__about__ = plan.dtmi, _about(plan)
            self._payloads[plan.dtmi] = found
        return found

    def type_of(self, plan: TypePlan) -> Any:
        """Gives the annotation of a type."""
        found = self._types.get(plan)
        if found is None:
            found = self._make_type(plan)
            if values.is_ready(found):  # any other may refer to a class that is not finished yet
                self._types[plan] = found
        return found

    def _make_type(self, plan: TypePlan) -> Any:
        match plan:
            case Plain(kind):
                return values.PRIMITIVES[kind]
            case Choice(allowed, dtmi):
                choice = self._planner.choice(dtmi)
                made = choice_class(choice.name, choice.members, module=__name__)
                made.__dtmi__, made.__about__ = dtmi, _about(choice)
                return Annotated[made, values.Ready(choice_rule(made), values.choice_schema(allowed))]
            case ListOf(item):
                return values.array_of(self.type_of(item))
            case MapOf(value):
                return values.map_of(self.type_of(value))
            case RecordOf(dtmi) | TwinOf(dtmi):
                if dtmi in self._building:
                    return ForwardRef(self._forward.setdefault(dtmi, f"_{len(self._forward)}"))
                return self.build(self._planner.plan(plan))

    def _field(self, field: FieldPlan) -> tuple[Any, Any]:
        type_ = self.type_of(field.type)
        if field.unit:
            type_ = Annotated[type_, unit(field.unit)]
        if field.python_name == field.name:
            return (type_, ... if field.required else None)
        return (type_, Field(alias=field.name) if field.required else Field(default=None, alias=field.name))

    def _close(self, made: type[Record]) -> None:
        """Rebuilds what refers to a class that was not finished when it was met."""
        if not self._forward:
            return
        self._open.append(made)
        if not self._building:
            namespace = {name: self._built[dtmi] for dtmi, name in self._forward.items()}
            for waiting in self._open:
                waiting.model_rebuild(force=True, _types_namespace=namespace)
            self._open.clear()
            self._forward.clear()

    def _model_schema(self, plan: ClassPlan) -> core_schema.CoreSchema | None:
        """Gives what pydantic would work out of a class, put together from parts that classes share.

        None where a class leads back to itself, which pydantic's own way knows how to do.
        """
        fields = self._fields_of(plan)
        if fields is None:
            return None
        return core_schema.model_schema(
            self._built[plan.dtmi],
            core_schema.model_fields_schema(fields, model_name=plan.name),
            config=core_schema.CoreConfig(
                title=plan.name, extra_fields_behavior="forbid", validate_by_name=True, validate_by_alias=True
            ),
        )

    def _fields_of(self, plan: ClassPlan) -> _Fields | None:
        if plan.dtmi not in self._rules:
            self._rules[plan.dtmi] = None  # what is met again below leads back to itself
            self._rules[plan.dtmi] = self._make_fields(plan)
        return self._rules[plan.dtmi]

    def _make_fields(self, plan: ClassPlan) -> _Fields | None:
        fields: _Fields = {} if plan.bases else dict(_FORMS[plan.base])
        # The first base wins in Python, so it is written last.
        for base in reversed(plan.bases):
            inherited = self._fields_of(self._planner.interface(base))
            if inherited is None:
                return None
            fields.update(inherited)
        for field in plan.fields:
            rule = self._rule_of(field.type)
            if rule is None:
                return None
            # pydantic looks a field up once where it has no alias of its own
            alias = field.name if field.name != field.python_name else None
            fields[field.python_name] = _model_field(rule, alias=alias, required=field.required)
        return fields

    def _rule_of(self, type_: TypePlan) -> core_schema.CoreSchema | None:
        annotation = self.type_of(type_)
        if values.is_ready(annotation):
            return values.ready(annotation).core
        match type_:
            case RecordOf() | TwinOf():
                return self._model_schema(self._planner.plan(type_))
            case ListOf(inner) | MapOf(inner):
                rule = self._rule_of(inner)
                if rule is None:
                    return None
                return values.list_rule(rule) if isinstance(type_, ListOf) else values.map_rule(rule)
        raise AssertionError(type_)


def _class(plan: ClassPlan, bases: tuple[type[Record], ...], fields: dict[str, Any], **options: Any) -> type[Record]:
    text = plan.text or None
    return create_model(plan.name, __base__=bases, __module__=__name__, __doc__=text, __cls_kwargs__=options, **fields)


def _live_class(plan: ClassPlan, bases: tuple[type[Record], ...], fields: dict[str, Any]) -> type[Record]:
    """Makes a class whose fields pydantic does not collect.

    It would copy every inherited field into each class, which is most of what a class costs; here they are shared.
    """
    made = _class(plan, bases, {}, live=True)
    made.__annotated__ = {name: type_ for name, (type_, _) in fields.items()}
    held: dict[str, FieldInfo] = {}
    for base in reversed(bases):  # the first base wins in Python, so it is written last
        held.update(base.__pydantic_fields__)
    for name, (type_, default) in fields.items():
        held[name] = FieldInfo.from_annotated_attribute(type_, default)
    made.__pydantic_fields__ = held
    return made


def _payload_class(plan: PayloadPlan, base: type[Payload[Any]]) -> type[Payload[Any]]:
    return create_model(plan.name, __base__=base, __module__=__name__, __doc__=plan.text or None)


def _about(plan: AnyPlan) -> Any:
    return staticmethod(lambda: abouts(plan))


def _model_field(rule: core_schema.CoreSchema, *, alias: str | None, required: bool) -> core_schema.ModelField:
    schema = rule if required else core_schema.with_default_schema(rule, default=None)
    return core_schema.model_field(schema, validation_alias=alias, serialization_alias=alias)


_FORMS: Final[Mapping[str, _Fields]] = MappingProxyType(
    {
        name: {
            python_name: _model_field(next(m for m in field.metadata if isinstance(m, values.Ready)).core,
                                      alias=field.alias, required=False)
            for python_name, field in base.model_fields.items()
        }
        for name, base in _BASES.items()
    }
)  # fmt: skip
"""Rules of the fields that the Azure form adds."""
