from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import dtdl
from dtdl.compiler.emit import class_names, class_plans
from dtdl.compiler.jsonschema import schema_document
from dtdl.compiler.plan import Choice, ListOf, MapOf, PayloadPlan, Plain
from dtdl.compiler.values import FLOAT_MAX, INTEGERS
from dtdl.elements import Relationship
from tests.dtdl.features import TEXTS as FEATURES

PRIMITIVES = (
    "boolean byte bytes date dateTime decimal double duration float integer long short string time unsignedByte "
    "unsignedInteger unsignedLong unsignedShort uuid"
)
PLANT = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"],
    "@id": "dtmi:t:Plant;1",
    "@type": "Interface",
    "extends": "dtmi:t:Base;1",
    "contents": [
        *({"@type": "Property", "name": f"p_{name}", "schema": name} for name in PRIMITIVES.split()),
        {"@type": ["Property", "Power"], "name": "power", "schema": "double", "unit": "kilowatt", "writable": True},
        {"@type": "Property", "name": "place", "schema": "point"},
        {"@type": "Property", "name": "area", "schema": "multiPolygon"},
        {"@type": "Property", "name": "mode", "schema": {"@type": "Enum", "valueSchema": "string", "enumValues": [
            {"name": "a", "enumValue": "A"}, {"name": "b", "enumValue": "B"}]}},
        {"@type": "Property", "name": "level", "schema": {"@type": "Enum", "valueSchema": "integer", "enumValues": [
            {"name": "a", "enumValue": 0}, {"name": "b", "enumValue": 1}]}},
        {"@type": "Property", "name": "rows", "schema": {"@type": "Array", "elementSchema": {
            "@type": "Object", "fields": [{"name": "at", "schema": "time"}, {"name": "n", "schema": "short"}]}}},
        {"@type": "Property", "name": "counts", "schema": {"@type": "Map", "mapKey": {"name": "k", "schema": "string"},
            "mapValue": {"name": "v", "schema": {"@type": "Array", "elementSchema": "integer"}}}},
        {"@type": "Component", "name": "base", "schema": "dtmi:t:Base;1"},
        {"@type": "Telemetry", "name": "seen", "schema": "boolean"},
    ],
}  # fmt: skip
BASE = {
    "@context": "dtmi:dtdl:context;4",
    "@id": "dtmi:t:Base;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "name", "schema": "string"}],
}
TYPES = dtdl.compile(dtdl.parse([json.dumps(PLANT), json.dumps(BASE)]))
DOCUMENT = schema_document(TYPES.planner)
VALIDATOR = Draft202012Validator({**DOCUMENT, "$ref": "#/$defs/Plant"})

LONG = os.environ.get("MEGATWIN_LONG") == "1"
DOCUMENTS, VALUES = (10_000, 400) if LONG else (400, 60)
"""Instances of the whole, and of each field; those of the whole take minutes, so that the usual run makes fewer."""

# What a JSON Schema and a class judge apart, as docs/compile.md lists it; nothing else may be.
EXCEPTIONS = [
    ("p_duration", "PT1.5M2S"),  # a fraction that is not at the end
    ("p_integer", 1.0),  # an integer with a fraction of zero
    ("level", 1.0),
    ("p_double", 10**400),  # an integer beyond every double
]
# They are left out of what is generated:
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**66), 2**66), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda f: not f.is_integer()),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
DAYS = st.from_regex(r"[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]", fullmatch=True)
"""Days that are in the calendar, and days that are not."""
TEXTS = {
    "Bytes": st.sampled_from(["", "aGVsbG8=", "aGVsbG8", "2+1="]),
    "Date": st.dates().map(str) | DAYS,
    "DateTime": st.datetimes().map(lambda t: t.isoformat() + "Z") | DAYS.map(lambda day: f"{day}T12:00:00Z"),
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    "Duration": st.sampled_from(["PT1S", "P1Y2M", "P3W", "P", "PT", "1D"]),
    "String": st.text(max_size=5),
    "Time": st.times().map(lambda t: t.isoformat() + "+01:00"),
    "Uuid": st.uuids().map(str),
}


def values(plan, planner=TYPES.planner):
    match plan:
        case Plain("Boolean"):
            made = st.booleans()
        case Plain("Float" | "Double"):
            made = st.floats(-FLOAT_MAX, FLOAT_MAX) | st.integers(-(2**70), 2**70)
        case Plain(kind) if kind in INTEGERS:
            low, high = INTEGERS[kind]
            made = st.integers(low - 1, high + 1) | st.sampled_from([low, high])
        case Plain(kind):
            made = TEXTS[kind]
        case Choice(allowed, _):
            made = st.sampled_from([*allowed, 2, "C"])
        case ListOf(item):
            made = st.lists(values(item, planner), max_size=3)
        case MapOf(value):
            made = st.dictionaries(st.text(max_size=3), values(value, planner), max_size=3)
        case _:
            made = st.deferred(lambda: document(planner.plan(plan), planner))
    return st.one_of(*[made] * 7, JUNK)


def document(plan, planner=TYPES.planner):
    fields = {field.name: values(field.type, planner) for field in planner.fields(plan)}
    forms = {"$dtId": st.text(max_size=3) | JUNK} if plan.base == "Twin" else {}
    extra = {"unknown": JUNK, "seen": st.booleans()}
    known = st.fixed_dictionaries({}, optional={**fields, **forms})
    return st.one_of(*[known] * 9, st.fixed_dictionaries({}, optional={**fields, **extra}))


@pytest.mark.timeout(3600)
@settings(max_examples=DOCUMENTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(document(TYPES.planner.interface("dtmi:t:Plant;1")))
def test_the_schema_and_the_class_agree(instance):
    try:
        TYPES["dtmi:t:Plant;1"].model_validate(instance)
        accepted = True
    except ValidationError:
        accepted = False
    errors = [error.message for error in VALIDATOR.iter_errors(instance)]
    assert accepted is (not errors), (instance, errors)


@pytest.mark.parametrize("field", TYPES.planner.interface("dtmi:t:Plant;1").fields, ids=lambda field: field.name)
def test_schema_and_class_agree_field_by_field(field):
    @settings(max_examples=VALUES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values(field.type))
    def agree(value):
        try:
            TYPES["dtmi:t:Plant;1"].model_validate({field.name: value})
            accepted = True
        except ValidationError:
            accepted = False
        assert accepted is VALIDATOR.is_valid({field.name: value}), value

    agree()


@pytest.mark.parametrize(("name", "value"), EXCEPTIONS, ids=lambda one: str(one)[:20])
def test_the_exceptions_are_what_the_page_lists(name, value):
    assert VALIDATOR.is_valid({name: value})
    with pytest.raises(ValidationError):
        TYPES["dtmi:t:Plant;1"].model_validate({name: value})


EVERY = dtdl.compile(dtdl.parse(FEATURES))
EVERY_DOCUMENT = schema_document(EVERY.planner)
PAYLOADS = [plan for plan in class_plans(EVERY.planner) if isinstance(plan, PayloadPlan)]
LINKS = [
    (owner, content)
    for owner, interface in EVERY.model.interfaces.items()
    for content in interface.contents.values()
    if isinstance(content, Relationship) and content.child_of == owner
]


def agree(cls, dtmi, instances):
    definition = f"#/$defs/{class_names(EVERY.planner)[dtmi]}"
    validator = Draft202012Validator({**EVERY_DOCUMENT, "$ref": definition})

    @settings(max_examples=VALUES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(instances)
    def one(value):
        try:
            cls.model_validate(value)
            accepted = True
        except ValidationError:
            accepted = False
        assert accepted is validator.is_valid(value), value

    one()


@pytest.mark.parametrize("plan", PAYLOADS, ids=lambda plan: plan.name)
def test_schema_and_class_agree_on_what_telemetry_and_commands_carry(plan):
    owner, _, name = plan.dtmi.partition(":_contents:__")
    name, ask = name.partition(":")[0].partition(";")[0], {"Message": EVERY.message, "Request": EVERY.request}
    cls = ask.get(plan.base, EVERY.response)(f"{owner};1", name)
    assert cls.__dtmi__ == plan.dtmi
    agree(cls, plan.dtmi, values(plan.type, EVERY.planner) | st.none())


@pytest.mark.parametrize(("owner", "content"), LINKS, ids=lambda one: getattr(one, "name", ""))
def test_schema_and_class_agree_on_relationships(owner, content):
    agree(EVERY.link(owner, content.name), content.id, document(EVERY.planner.link(content), EVERY.planner))


def test_the_document_is_a_json_schema():
    Draft202012Validator.check_schema(DOCUMENT)
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_the_document_keeps_units_and_what_is_read_only():
    properties = DOCUMENT["$defs"]["Plant"]["properties"]
    assert properties["power"] == {"type": "number", "x-unit": "kilowatt"}
    assert properties["mode"]["readOnly"] is True
    assert DOCUMENT["$defs"]["Plant"]["x-dtmi"] == "dtmi:t:Plant;1"
    assert "seen" not in properties


def test_pydantics_own_schema_of_a_class_says_the_same_of_its_fields():
    theirs = TYPES["dtmi:t:Plant;1"].model_json_schema()["properties"]
    for name in ("p_integer", "p_dateTime", "level", "mode", "counts", "rows"):
        ours = DOCUMENT["$defs"]["Plant"]["properties"][name]
        for key in ours.keys() & {"type", "minimum", "maximum", "enum", "pattern", "format"}:
            assert theirs[name][key] == ours[key]
