"""JSON Schema (draft 2020-12) of compiled models: one document with a definition for every class."""

from __future__ import annotations

from typing import Any, Final

from dtdl.compiler.emit import class_names, class_plans
from dtdl.compiler.plan import (
    AnyPlan,
    Choice,
    ChoicePlan,
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
)
from dtdl.compiler.values import choice_schema, json_schema

_FORM: Final[dict[str, dict[str, Any]]] = {
    "Twin": {"$dtId": {"type": "string"}, "$etag": {"type": "string"}, "$metadata": {"type": "object"}},
    "Record": {},
    "Link": {
        "$relationshipId": {"type": "string"},
        "$relationshipName": {"type": "string"},
        "$sourceId": {"type": "string"},
        "$targetId": {"type": "string"},
        "$etag": {"type": "string"},
        "$metadata": {"type": "object"},
    },
}


def schema_document(planner: Planner) -> dict[str, Any]:
    """Gives a document whose ``$defs`` has each class by its name; ``x-dtmi`` says which definition it is.

    Args:
        planner: The class plans of a model, such as ``Types.planner``.
    """
    names = class_names(planner)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by `megatwin compile --target jsonschema`; not edited by hand.",
        "$defs": {names[plan.dtmi]: _definition(plan, planner, names) for plan in class_plans(planner)},
    }


def _definition(plan: AnyPlan, planner: Planner, names: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"x-dtmi": plan.dtmi}
    if plan.text:
        made["description"] = plan.text
    if isinstance(plan, ChoicePlan):
        made["x-enumNames"] = [part.name for part in plan.parts]
        return made | choice_schema(tuple(value for _, value in plan.members))
    if isinstance(plan, PayloadPlan):
        return made | _payload(plan, names)
    return made | _object(plan, planner, names)


def _payload(plan: PayloadPlan, names: dict[str, str]) -> dict[str, Any]:
    held = _type(plan.type, names)
    if plan.unit:
        held["x-unit"] = plan.unit
    return {"anyOf": [held, {"type": "null"}]} if plan.nullable else held


def _object(plan: ClassPlan, planner: Planner, names: dict[str, str]) -> dict[str, Any]:
    fields = {field.name: field for field in planner.fields(plan)}
    made: dict[str, Any] = {"type": "object"}
    if plan.target:
        made["x-target"] = plan.target
    made |= {
        name: bound
        for name, bound in zip(("x-minMultiplicity", "x-maxMultiplicity"), plan.multiplicity, strict=True)
        if bound
    }
    made["properties"] = _FORM[plan.base] | {name: _field(field, names) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required]
    if required:
        made["required"] = required
    made["additionalProperties"] = False
    return made


def _field(field: FieldPlan, names: dict[str, str]) -> dict[str, Any]:
    made = _type(field.type, names)
    if field.text:
        made["description"] = field.text
    if field.unit:
        made["x-unit"] = field.unit
    if field.read_only:
        made["readOnly"] = True
    return made


def _type(type_: TypePlan, names: dict[str, str]) -> dict[str, Any]:
    match type_:
        case Plain(kind):
            return json_schema(kind)
        case Choice(allowed, _):
            return choice_schema(allowed)
        case ListOf(item):
            return {"type": "array", "items": _type(item, names)}
        case MapOf(value):
            return {"type": "object", "additionalProperties": _type(value, names)}
        case RecordOf(dtmi) | TwinOf(dtmi):
            return {"$ref": f"#/$defs/{names[dtmi]}"}
