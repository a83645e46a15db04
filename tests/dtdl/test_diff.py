from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dtdl
from dtdl.change import RULES, Bump
from dtdl.diff import diff
from dtdl.errors import ValueInvalid
from dtdl.widening import PRIMITIVE, compare
from interop.rules import find_rules

V = 4
SPACE = {
    "@context": f"dtmi:dtdl:context;{V}",
    "@id": "dtmi:acme:Space;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "area", "schema": "double"}],
}
TYPE = {"@type": "Property", "name": "kind", "schema": {
    "@type": "Enum", "valueSchema": "integer",
    "enumValues": [{"name": "small", "enumValue": 1}, {"name": "large", "enumValue": 2}],
}}  # fmt: skip
PLACE = {"@type": "Property", "name": "place", "schema": {
    "@type": "Object", "fields": [{"name": "floor", "schema": "integer"}, {"name": "door", "schema": "string"}],
}}  # fmt: skip
ROOM = {
    "@context": [
        f"dtmi:dtdl:context;{V}", "dtmi:dtdl:extension:quantitativeTypes;2", "dtmi:dtdl:extension:requirement;1",
    ],
    "@id": "dtmi:acme:Room;1",
    "@type": "Interface",
    "displayName": "Room",
    "extends": "dtmi:acme:Space;1",
    "contents": [
        {"@type": ["Property", "Temperature"], "name": "goal", "schema": "double", "unit": "degreeCelsius",
         "writable": True},
        {"@type": "Telemetry", "name": "hits", "schema": "integer"},
        TYPE,
        PLACE,
        {"@type": "Command", "name": "open", "request": {"name": "width", "schema": "double", "nullable": True}},
        {"@type": "Command", "name": "ask", "response": {"name": "said", "schema": "string"}},
        {"@type": "Relationship", "name": "feeds", "target": "dtmi:acme:Space;1", "maxMultiplicity": 3},
        {"@type": "Component", "name": "lamp", "schema": "dtmi:acme:Lamp;1"},
    ],
}  # fmt: skip
LAMP = {
    "@context": f"dtmi:dtdl:context;{V}",
    "@id": "dtmi:acme:Lamp;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "on", "schema": "boolean", "writable": True}],
}
DIMMER = {**LAMP, "@id": "dtmi:acme:Dimmer;1", "extends": "dtmi:acme:Lamp;1", "contents": []}
MODELS = [ROOM, SPACE, LAMP, DIMMER]


def parse(models):
    return dtdl.parse(json.dumps(models))


def changed(edit, *, models=MODELS):
    """Gives the changes that an edit of the Interfaces by their last label makes."""
    new = copy.deepcopy(models)
    named = {model["@id"].rpartition(":")[2].partition(";")[0]: model for model in new}
    edit(named)
    return diff(parse(models), parse([*named.values()]))


def content(models, name, interface="Room"):
    return next(item for item in models[interface]["contents"] if item["name"] == name)


def put(name, /, **keys):
    return lambda models: content(models, name).update(keys)


def drop(name, key):
    return lambda models: content(models, name).pop(key)


def fields(models):
    return content(models, "place")["schema"]["fields"]


def values(models):
    return content(models, "kind")["schema"]["enumValues"]


NEW = {"@type": "Property", "name": "more", "schema": "string"}
CASES = [
    ("content-removed", "contents/goal", lambda m: m["Room"]["contents"].pop(0)),
    ("content-added", "contents/more", lambda m: m["Room"]["contents"].append(NEW)),
    ("content-renamed", "contents/goal", put("goal", name="aim")),
    ("content-kind-changed", "contents/hits", put("hits", **{"@type": "Property"})),
    ("schema-narrowed", "contents/goal/schema", put("goal", schema="float")),
    ("schema-widened", "contents/hits/schema", put("hits", schema="long")),
    ("schema-changed", "contents/hits/schema", put("hits", schema="boolean")),
    ("schema-changed", "contents/hits/schema", put("hits", schema={"@type": "Array", "elementSchema": "integer"})),
    ("unit-changed", "contents/goal/unit", put("goal", unit="kelvin")),
    ("writable-removed", "contents/goal/writable", put("goal", writable=False)),
    ("writable-removed", "contents/goal/writable", drop("goal", "writable")),
    ("writable-added", "contents/kind/writable", put("kind", writable=True)),
    ("target-narrowed", "contents/feeds/target", put("feeds", target="dtmi:acme:Room;1")),
    ("target-widened", "contents/feeds/target", drop("feeds", "target")),
    ("target-widened", "contents/feeds/target", put("feeds", target="dtmi:acme:Space")),
    ("multiplicity-tightened", "contents/feeds/maxMultiplicity", put("feeds", maxMultiplicity=2)),
    ("multiplicity-loosened", "contents/feeds/maxMultiplicity", put("feeds", maxMultiplicity=4)),
    ("multiplicity-loosened", "contents/feeds/maxMultiplicity", drop("feeds", "maxMultiplicity")),
    ("enum-value-removed", "contents/kind/schema/enumValues/small", lambda m: values(m).pop(0)),
    ("enum-value-added", "contents/kind/schema/enumValues/huge",
     lambda m: values(m).append({"name": "huge", "enumValue": 3})),
    ("enum-value-changed", "contents/kind/schema/enumValues/small", lambda m: values(m)[0].update(enumValue=7)),
    ("enum-value-renamed", "contents/kind/schema/enumValues/small", lambda m: values(m)[0].update(name="tiny")),
    ("field-removed", "contents/place/schema/fields/floor", lambda m: fields(m).pop(0)),
    ("field-added", "contents/place/schema/fields/wing",
     lambda m: fields(m).append({"name": "wing", "schema": "string"})),
    ("field-added-required", "contents/place/schema/fields/wing",
     lambda m: fields(m).append({"@type": ["Field", "Required"], "name": "wing", "schema": "string"})),
    ("field-renamed", "contents/place/schema/fields/floor", lambda m: fields(m)[0].update(name="storey")),
    ("schema-narrowed", "contents/place/schema/fields/floor/schema", lambda m: fields(m)[0].update(schema="short")),
    ("null-refused", "contents/open/request/nullable", lambda m: content(m, "open")["request"].pop("nullable")),
    ("null-allowed", "contents/ask/response/nullable", lambda m: content(m, "ask")["response"].update(nullable=True)),
    ("required-added", "contents/place/schema/fields/floor",
     lambda m: fields(m)[0].update({"@type": ["Field", "Required"]})),
    ("request-removed", "contents/open/request", drop("open", "request")),
    ("request-added", "contents/ask/request", put("ask", request={"name": "x", "schema": "string"})),
    ("response-removed", "contents/ask/response", drop("ask", "response")),
    ("response-added", "contents/open/response", put("open", response={"name": "x", "schema": "string"})),
    ("payload-renamed", "contents/open/request", lambda m: content(m, "open")["request"].update(name="w")),
    ("component-changed", "contents/lamp/schema", put("lamp", schema="dtmi:acme:Space;1")),
    ("component-refined", "contents/lamp/schema", put("lamp", schema="dtmi:acme:Dimmer;1")),
    ("extends-removed", "extends", lambda m: m["Room"].pop("extends")),
    ("extends-added", "extends", lambda m: m["Room"].update(extends=["dtmi:acme:Space;1", "dtmi:acme:Lamp;1"])),
    ("text-changed", "displayName", lambda m: m["Room"].update(displayName="Chamber")),
    ("text-changed", "contents/goal/description", put("goal", description="What it should be.")),
    ("version-raised", "", lambda m: m["Room"].update({"@id": "dtmi:acme:Room;1.1"})),
    ("schema-added", "schemas", lambda m: m["Room"].update(
        schemas=[{"@id": "dtmi:acme:Ints;1", "@type": "Array", "elementSchema": "integer"}])),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "edit"), CASES, ids=[f"{kind}-{path}" for kind, path, _ in CASES])
def test_one_edit_is_one_change_with_its_place(kind, path, edit):
    found = changed(edit)
    assert [(change.kind, change.path) for change in found] == [(kind, path)]
    only = found[0]
    assert (only.breaks, only.bump) == (RULES[kind].breaks, RULES[kind].bump)
    assert only.location is not None
    assert only.old_location is not None
    assert found.bump == only.bump
    assert only.rule.reason


def test_models_are_equal_to_themselves():
    assert list(diff(parse(MODELS), parse(MODELS))) == []
    assert diff(parse(MODELS), parse(list(reversed(MODELS)))).rises == ()


def test_every_rule_can_be_explained():
    rules = find_rules()
    assert {rule.id for rule in RULES.values()} <= rules.keys()
    assert all(rule.bump is Bump.MAJOR for rule in RULES.values() if rule.breaks)


def test_an_inherited_change_is_reported_at_its_base_only():
    found = changed(lambda m: content(m, "area", "Space").update(schema="string"))
    assert [(change.interface, change.path) for change in found] == [("dtmi:acme:Space;1", "contents/area/schema")]


def test_a_content_that_moves_to_the_base_breaks_nobody():
    def move(models):
        models["Space"]["contents"].append(models["Room"]["contents"].pop(1))

    found = changed(move)
    assert {change.kind for change in found} == {"content-moved", "content-added"}
    assert not found.breaking


def test_an_interface_that_is_gone_breaks_users_and_a_new_one_does_not():
    assert [change.kind for change in changed(lambda m: m.pop("Dimmer"))] == ["interface-removed"]
    old = parse([SPACE])
    new = parse([SPACE, LAMP])
    assert [(change.kind, change.breaks) for change in diff(old, new)] == [("interface-added", False)]


def test_two_contents_of_one_shape_are_not_taken_for_renamed():
    def swap(models):
        models["Room"]["contents"][:0] = [{**NEW, "name": "c"}, {**NEW, "name": "d"}]

    models = [
        {**ROOM, "contents": [*ROOM["contents"], {**NEW, "name": "a"}, {**NEW, "name": "b"}]},
        SPACE,
        LAMP,
        DIMMER,
    ]

    def edit(named):
        del named["Room"]["contents"][-2:]
        swap(named)

    kinds = sorted(change.kind for change in changed(edit, models=models))
    assert kinds == ["content-added", "content-added", "content-removed", "content-removed"]


def test_a_reusable_schema_is_compared_once_where_it_is_written():
    shared = {"@id": "dtmi:acme:Level;1", "@type": "Object", "fields": [{"name": "x", "schema": "double"}]}
    users = [{"@type": "Property", "name": name, "schema": "dtmi:acme:Level;1"} for name in "ab"]

    def edit(named):
        named["Space"]["schemas"][0]["fields"][0]["schema"] = "float"

    found = changed(edit, models=[{**SPACE, "schemas": [shared], "contents": users}])
    assert [(change.interface, change.path) for change in found] == [
        ("dtmi:acme:Space;1", "schemas/dtmi:acme:Level/fields/x/schema")
    ]


def test_a_lost_quantity_is_a_lost_type_and_a_lost_unit():
    def plain(models):
        content(models, "goal").update({"@type": "Property"})
        del content(models, "goal")["unit"]

    assert {change.kind for change in changed(plain)} == {"type-removed", "unit-changed"}


def test_a_new_content_that_must_be_given_breaks_users():
    old = {**SPACE, "@context": "dtmi:dtdl:context;2"}
    must = {"@type": ["Property", "Required"], "name": "must", "schema": "string"}
    found = diff(parse([old]), parse([{**old, "contents": [*old["contents"], must]}]))
    assert [change.kind for change in found.breaking] == ["content-added-required"]


class TestVersions:
    def raised(self, version, edit=lambda m: None):
        def both(models):
            edit(models)
            models["Lamp"]["@id"] = f"dtmi:acme:Lamp;{version}"
            content(models, "lamp")["schema"] = models["Dimmer"]["extends"] = models["Lamp"]["@id"]

        return changed(both)

    def needs(self, found):
        return {rise.new.rpartition(":")[2]: (rise.needed, rise.enough) for rise in found.rises}

    def test_a_break_needs_a_major_version_and_so_does_who_refers_to_it(self):
        found = self.raised("1.1", lambda m: content(m, "on", "Lamp").update(writable=False))
        assert self.needs(found) == {
            "Lamp;1.1": (Bump.MAJOR, False), "Room;1": (Bump.MAJOR, False), "Dimmer;1": (Bump.MAJOR, False),
        }  # fmt: skip
        assert [rise.least for rise in found.rises if "Lamp" in rise.new] == ["dtmi:acme:Lamp;2"]
        assert len(found.breaking) == 1

    def test_a_major_version_is_enough(self):
        found = self.raised("2", lambda m: content(m, "on", "Lamp").update(writable=False))
        assert self.needs(found)["Lamp;2"] == (Bump.MAJOR, True)
        assert not found.enough

    def test_an_addition_needs_a_minor_version(self):
        found = self.raised("1.1", lambda m: m["Lamp"]["contents"].append(NEW))
        assert self.needs(found)["Lamp;1.1"] == (Bump.MINOR, True)
        assert self.needs(found)["Room;1"] == (Bump.MINOR, False)

    def test_dtdl_v2_has_major_versions_only(self):
        old = {**SPACE, "@context": "dtmi:dtdl:context;2"}
        new = {**old, "contents": [*old["contents"], NEW]}
        found = diff(parse([old]), parse([new]))
        assert [(change.kind, change.bump) for change in found] == [("content-added", Bump.MAJOR)]

    def test_a_lower_version_breaks(self):
        models = [{**SPACE, "@id": "dtmi:acme:Space;2"}]
        found = changed(lambda m: m["Space"].update({"@id": "dtmi:acme:Space;1"}), models=models)
        assert [(change.kind, change.breaks) for change in found] == [("version-lowered", True)]

    def test_a_version_beside_the_old_one_breaks_nobody_but_must_be_high_enough(self):
        narrowed = {**SPACE, "contents": [{"@type": "Property", "name": "area", "schema": "float"}]}
        for version, enough in (("1.1", False), ("2", True)):
            found = diff(parse([SPACE]), parse([SPACE, {**narrowed, "@id": f"dtmi:acme:Space;{version}"}]))
            assert [change.kind for change in found] == ["version-added"]
            assert not found.breaking
            assert [(rise.needed, rise.enough) for rise in found.rises] == [(Bump.MAJOR, enough)]

    def test_a_reference_to_a_worse_version_breaks_where_it_is_made(self):
        worse = {**LAMP, "@id": "dtmi:acme:Lamp;2", "contents": []}
        better = [{**item, "schema": worse["@id"]} if item["name"] == "lamp" else item for item in ROOM["contents"]]
        old = parse([*MODELS, worse])
        found = diff(old, parse([{**ROOM, "contents": better}, SPACE, LAMP, DIMMER, worse]))
        assert [(change.kind, change.breaks, change.bump) for change in found] == [
            ("reference-version", True, Bump.MAJOR)
        ]


@pytest.mark.parametrize("old", sorted(PRIMITIVE))
def test_what_a_wider_schema_accepts_includes_all_that_the_narrower_did(old):
    samples = [
        True, 0, 1, -1, 127, -128, 255, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, 2**64 - 1, 0.5, 1e300,
        "", "x", "1.5", "2026-01-31", "2026-01-31T10:00:00Z", "P1D", "10:00:00", "AQID",
        "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    ]  # fmt: skip

    def types(kind):
        name = kind[:1].lower() + kind[1:]
        room = {**SPACE, "contents": [{"@type": "Property", "name": "a", "schema": name}]}
        return dtdl.compile(parse([room])).point("dtmi:acme:Space;1", ("a",))

    def accepts(point, value):
        try:
            point.check(value)
        except ValueInvalid:
            return False
        return True

    former = types(old)
    for new in PRIMITIVE:
        if compare(old, new) == "widened":
            now = types(new)
            assert [value for value in samples if accepts(former, value) and not accepts(now, value)] == []


NAMES = st.sampled_from("abcd")
LEAVES = st.sampled_from(
    ["integer", "long", "short", "double", "float", "string", "boolean", "date", "unsignedInteger"]
)
ENUMS = st.dictionaries(NAMES, st.integers(1, 4), min_size=1).map(
    lambda found: {
        "@type": "Enum",
        "valueSchema": "integer",
        "enumValues": [{"name": k, "enumValue": v} for v, k in {v: k for k, v in found.items()}.items()],
    }
)
SCHEMAS = st.recursive(
    LEAVES | ENUMS,
    lambda inner: st.one_of(
        st.builds(lambda item: {"@type": "Array", "elementSchema": item}, inner),
        st.builds(
            lambda item: {
                "@type": "Map",
                "mapKey": {"name": "k", "schema": "string"},
                "mapValue": {"name": "v", "schema": item},
            },
            inner,
        ),
        st.dictionaries(NAMES, inner, min_size=1).map(
            lambda found: {"@type": "Object", "fields": [{"name": k, "schema": v} for k, v in found.items()]}
        ),
    ),
    max_leaves=4,
)


def value_of(draw, schema):
    """Draws a value that a schema accepts."""
    if isinstance(schema, str):
        ranges = {"integer": 2**31 - 1, "long": 2**63 - 1, "short": 2**15 - 1, "unsignedInteger": 2**32 - 1}
        if schema in ranges:
            return draw(st.integers(0 if schema.startswith("unsigned") else -ranges[schema], ranges[schema]))
        return {"double": 1e300, "float": 1.5, "string": "x", "boolean": True, "date": "2026-01-31"}[schema]
    if schema["@type"] == "Enum":
        return draw(st.sampled_from([item["enumValue"] for item in schema["enumValues"]]))
    if schema["@type"] == "Array":
        return [value_of(draw, schema["elementSchema"])]
    if schema["@type"] == "Map":
        return {"key": value_of(draw, schema["mapValue"]["schema"])}
    return {item["name"]: value_of(draw, item["schema"]) for item in schema["fields"]}


def varied(draw, schema):
    """Draws a schema that is like another, or the same."""
    if draw(st.integers(0, 4)) == 0:
        return draw(SCHEMAS)
    if isinstance(schema, str):
        return draw(LEAVES) if draw(st.booleans()) else schema
    made = copy.deepcopy(schema)
    if made["@type"] == "Array":
        made["elementSchema"] = varied(draw, made["elementSchema"])
    elif made["@type"] == "Map":
        made["mapValue"]["schema"] = varied(draw, made["mapValue"]["schema"])
    elif made["@type"] == "Object":
        for item in made["fields"]:
            item["schema"] = varied(draw, item["schema"])
        if draw(st.booleans()):
            made["fields"].append({"name": "extra", "schema": "string"})
    elif draw(st.booleans()):
        made["enumValues"].append({"name": "extra", "enumValue": 9})
    return made


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_breaks_nobody_still_accepts_the_old_values(data):
    before = data.draw(SCHEMAS)
    after = varied(data.draw, before)

    def model(schema):
        return parse([{**SPACE, "contents": [{"@type": "Property", "name": "a", "schema": schema}]}])

    old, new = model(before), model(after)
    assert list(diff(old, old)) == []
    assert list(diff(new, model(after))) == []
    found = diff(old, new)
    if before == after:
        assert not found
    if not found.breaking:
        value = value_of(data.draw, before)
        dtdl.compile(old).point("dtmi:acme:Space;1", ("a",)).check(value)
        dtdl.compile(new).point("dtmi:acme:Space;1", ("a",)).check(value)


CASES_FOLDER = os.environ.get("MEGATWIN_CASES")


class Mutant:
    """Mutates an Interface of a real ontology, and says which change that is."""

    def __init__(self, row, chance, others, number):
        self.row, self.chance, self.others, self.number = row, chance, others, number

    def run(self):
        """Gives the kind and the path of one mutation that fits, or None."""
        held = [item for item in as_list(self.row.get("contents")) if isinstance(item, dict)]
        ways = [self.text, self.more, self.extend]
        for kind in {kind for item in held for kind in as_list(item["@type"])} & {
            "Property", "Telemetry", "Relationship", "Component"
        }:  # fmt: skip
            ways += [self.remove, self.rename, getattr(self, kind.lower())]
        self.chance.shuffle(ways)
        for way in ways:
            self.item = self.chance.choice(held) if held else None
            made = way()
            if made is not None:
                return made
        return None

    def path(self, *more):
        return "/".join(("contents", self.item["name"], *more))

    def text(self):
        self.row["displayName"] = {"en": "Another name"}
        return "text-changed", "displayName"

    def more(self):
        self.row["contents"] = [*as_list(self.row.get("contents")), {**NEW, "name": f"new{self.number}"}]
        return "content-added", f"contents/new{self.number}"

    def extend(self):
        given = as_list(self.row.get("extends"))
        if len(given) != 1:
            return None
        del self.row["extends"]
        return "extends-removed", "extends"

    def remove(self):
        self.row["contents"] = [item for item in as_list(self.row["contents"]) if item is not self.item]
        return "content-removed", self.path()

    def rename(self):
        before = self.path()
        self.item["name"] = f"another{self.number}"
        return "content-renamed", before

    def property(self):
        if "Property" not in as_list(self.item["@type"]) or "unit" in self.item:
            return None
        schema = self.item["schema"]
        if isinstance(schema, str):
            if schema.startswith("dtmi:"):
                return None
            kinds = {"double": "float", "float": "double", "integer": "double"}
            self.item["schema"] = kinds.get(schema, "boolean" if schema != "boolean" else "string")
            kind = {"double": "schema-narrowed", "float": "schema-widened", "integer": "schema-widened"}
            return kind.get(schema, "schema-changed"), self.path("schema")
        if schema["@type"] == "Map":
            value = schema["mapValue"]
            if not isinstance(value["schema"], str):
                schema["mapKey"]["name"] = "anotherKey"
                return "payload-renamed", self.path("schema", "mapKey")
            value["schema"] = "date" if value["schema"] == "boolean" else "boolean"
            return "schema-changed", self.path("schema", "mapValue", "schema")
        if schema["@type"] == "Enum":
            gone = schema["enumValues"].pop()
            return "enum-value-removed", self.path("schema", "enumValues", gone["name"])
        if schema["@type"] == "Object":
            schema["fields"].append({"name": "aNewField", "schema": "string"})
            return "field-added", self.path("schema", "fields", "aNewField")
        return None

    def telemetry(self):
        if self.item["@type"] != "Telemetry" or self.item["schema"] == "boolean":
            return None
        self.item["schema"] = "boolean"
        return "schema-changed", self.path("schema")

    def relationship(self):
        if self.item["@type"] != "Relationship":
            return None
        if "maxMultiplicity" in self.item:
            del self.item["maxMultiplicity"]
            return "multiplicity-loosened", self.path("maxMultiplicity")
        if "target" in self.item and self.chance.random() < 0.5:
            del self.item["target"]
            return "target-widened", self.path("target")
        self.item["maxMultiplicity"] = 7
        return "multiplicity-tightened", self.path("maxMultiplicity")

    def component(self):
        if self.item["@type"] != "Component" or not self.others:
            return None
        self.item["schema"] = self.chance.choice(self.others)
        return ("component-changed", "component-refined"), self.path("schema")


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


@pytest.mark.skipif(not CASES_FOLDER, reason="MEGATWIN_CASES names no folder of cases")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["rec", "energygrid", "smartcities"])
def test_every_mutation_of_an_ontology_is_found_and_nothing_else(name, seed):
    source = Path(CASES_FOLDER, "bench", f"{name}.jsonl")
    rows = [json.loads(json.loads(line)["text"]) for line in source.read_text("utf-8").splitlines() if line.strip()]
    chance = random.Random(seed)  # a fixed seed
    plain = [row["@id"] for row in rows if not row.get("extends") and not row.get("contents")]
    expected = []
    old = dtdl.parse([json.dumps(row) for row in rows])
    for number, row in enumerate(rows):
        if chance.random() < 0.5:
            made = Mutant(row, chance, plain, number).run()
            if made is not None:
                expected.append((row["@id"], *made))
    new = dtdl.parse([json.dumps(row) for row in rows])
    found = {(change.interface, change.path): change.kind for change in diff(old, new)}
    missed = [one for one in expected if found.pop((one[0], one[2]), None) not in as_tuple(one[1])]
    assert missed == []
    assert found == {}
    assert len(expected) > 20


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)
