from __future__ import annotations

import copy
import json
import math

import pytest

import dtdl
from dtdl.compiler.build import compile as compile_model
from dtdl.elements import KINDS, Element, Interface, Model, Schema
from dtdl.errors import DtdlError, ModelNotFound, ValueInvalid
from dtdl.parser import parse

ROOM, BASE, AREA = "dtmi:acme:Room;1", "dtmi:acme:Space;1", "dtmi:acme:Area;1"
TEMPERATURE = "dtmi:standard:class:Temperature;2"


def make(kind, id_, **properties):
    cotypes = properties.pop("cotypes", ())
    return KINDS.get(kind, Element)(id_, kind=kind, properties=properties, cotypes=cotypes)


def primitive(kind):
    return Schema(f"dtmi:dtdl:instance:Schema:{kind[0].lower()}{kind[1:]};2", kind=kind)


def prop(owner, name, schema, kind="Property", **more):
    schema = primitive(schema) if isinstance(schema, str) else schema
    return make(kind, f"{owner.partition(';')[0]}:_contents:__{name};1", name=name, schema=schema, **more)


def obj(id_, **fields):
    held = tuple(
        make("Field", f"{id_}:{name}", name=name, schema=primitive(s) if isinstance(s, str) else s)
        for name, s in fields.items()
    )
    return make("Object", id_, fields=held)


def interface(id_, *contents, extends=()):
    every = {name: held for base in extends for name, held in base.contents.items()}
    every |= {content.name: content for content in contents}
    return Interface(id_, properties={"contents": every, "extends": tuple(extends)})


def types_of(*interfaces):
    return compile_model(Model({one.id: one for one in interfaces}))


def mode():
    values = tuple(
        make("EnumValue", f"dtmi:acme:mode:{name};1", name=name, enumValue=value)
        for name, value in (("off", "off"), ("heat", "heat"))
    )
    return make("Enum", "dtmi:acme:Mode;1", valueSchema=primitive("String"), enumValues=values)


def level():
    values = tuple(
        make("EnumValue", f"dtmi:acme:level:{name};1", name=name, enumValue=value)
        for name, value in (("low", 1), ("high", 2))
    )
    return make("Enum", "dtmi:acme:Level;1", valueSchema=primitive("Integer"), enumValues=values)


def rooms():
    base = interface(BASE, prop(BASE, "name", "String", writable=True))
    climate = obj("dtmi:acme:Climate;1", setpoint="Double", mode=mode())
    fan = interface("dtmi:acme:Fan;1", prop("dtmi:acme:Fan;1", "speed", "Integer", writable=True))
    strings = make("Array", "dtmi:acme:Tags;1", elementSchema=primitive("String"))
    counts = make(
        "Map",
        "dtmi:acme:Counts;1",
        mapKey=make("MapKey", "dtmi:acme:k;1", name="room", schema=primitive("String")),
        mapValue=make("MapValue", "dtmi:acme:v;1", name="count", schema=primitive("Short")),
    )
    room = interface(
        ROOM,
        prop(ROOM, "temperature", "Double", cotypes=(TEMPERATURE,), unit="degreeCelsius"),
        prop(ROOM, "climate", climate, writable=True),
        prop(ROOM, "tags", strings),
        prop(ROOM, "counts", counts),
        prop(ROOM, "level", level()),
        prop(ROOM, "seen", "DateTime"),
        prop(ROOM, "class", "String"),
        prop(ROOM, "motion", "Boolean", kind="Telemetry"),
        make("Component", "dtmi:acme:Room:_contents:__fan;1", name="fan", schema=fan),
        make(
            "Relationship", "dtmi:acme:Room:_contents:__serves;1", name="serves",
            properties=(prop(ROOM, "since", "Date"),), target=BASE,
        ),
        make(
            "Command", "dtmi:acme:Room:_contents:__reset;1", name="reset",
            request=make("CommandRequest", "dtmi:acme:r;1", name="seconds", schema=primitive("Integer")),
            response=make("CommandResponse", "dtmi:acme:q;1", name="ok", schema=primitive("Boolean"), nullable=True),
        ),
        make("Command", "dtmi:acme:Room:_contents:__ping;1", name="ping"),
        extends=[base],
    )  # fmt: skip
    return types_of(base, fan, room)


GOOD = {
    "name": "A", "temperature": 21, "climate": {"setpoint": 20.5, "mode": "heat"}, "tags": ["a"], "counts": {"x": 3},
    "level": 2, "seen": "2026-02-28T12:00:00Z", "class": "office", "fan": {"speed": 3},
}  # fmt: skip


def test_contents_are_validated_and_stay_json():
    types = rooms()
    given = {"$dtId": "r", "$metadata": {"$model": ROOM}, **GOOD, "fan": {"$metadata": {}, "speed": 3}}
    assert types.validate_contents(ROOM, given) == {**GOOD, "temperature": 21.0}
    assert types.validate_contents(ROOM, {}) == {}
    assert types.validate_contents(ROOM, {"climate": {"mode": "off"}}) == {"climate": {"mode": "off"}}


def test_a_class_has_the_azure_form_and_python_names():
    types = rooms()
    room = types[ROOM].model_validate({"$dtId": "r", "$etag": "e", **GOOD})
    assert (room.dt_id, room.etag, room.metadata) == ("r", "e", None)
    assert room.class_ == "office"
    assert room.climate.mode == "heat"
    assert room.fan.speed == 3
    assert types[ROOM](temperature=20.0, class_="x").document() == {"temperature": 20.0, "class": "x"}
    assert types[ROOM].__name__ == "Room"
    assert issubclass(types[ROOM], types[BASE])
    assert types[ROOM] is types[ROOM]
    assert "unit" not in types[ROOM].model_fields
    assert any(repr(m) == 'Unit("degreeCelsius")' for m in types[ROOM].model_fields["temperature"].metadata)


@pytest.mark.parametrize(
    ("contents", "rule", "path", "action"),
    [
        ({"temperature": "warm"}, "MT301", "temperature", "Give a number."),
        ({"temperature": True}, "MT301", "temperature", "Give a number."),
        ({"temperature": None}, "MT307", "temperature", "Leave it out, or give a value."),
        ({"temperature": math.nan}, "MT302", "temperature", "Give a finite number, or leave it out."),
        ({"fan": {"speed": 3.0}}, "MT301", "fan/speed", "Give an integer."),
        ({"fan": {"speed": 2**31}}, "MT302", "fan/speed", "Give a number that is at most 2147483647."),
        ({"fan": 3}, "MT301", "fan", "Give a JSON object."),
        ({"fan": None}, "MT307", "fan", "Leave it out, or give a value."),
        ({"tags": ["a", 2]}, "MT301", "tags/1", "Give a text."),
        ({"tags": "a"}, "MT301", "tags", "Give a JSON array."),
        ({"counts": {"x": 40000}}, "MT302", "counts/x", "Give a number that is at most 32767."),
        ({"level": 3}, "MT306", "level", "Give 1 or 2."),
        ({"level": 1.0}, "MT301", "level", "Give an integer."),
        ({"level": True}, "MT301", "level", "Give an integer."),
        ({"climate": {"mode": "cool"}}, "MT306", "climate/mode", "Give 'off' or 'heat'."),
        ({"climate": {"other": 1}}, "MT304", "climate/other", "Did you mean"),
        ({"seen": "2026-02-30T12:00:00Z"}, "MT303", "seen", "Give a date and time with offset (RFC 3339), such as"),
        ({"temprature": 1}, "MT304", "temprature", "Did you mean temperature?"),
        ({"motion": True}, "MT304", "motion", ""),
        ({"serves": []}, "MT304", "serves", ""),
        ({"class_": "x"}, "MT304", "class_", "Did you mean class?"),
        ({"dt_id": "x"}, "MT304", "dt_id", ""),
        ({"$other": 1}, "MT304", "$other", ""),
    ],
)
def test_a_bad_value_gives_one_finding_with_path_and_remedy(contents, rule, path, action):
    with pytest.raises(ValueInvalid) as caught:
        rooms().validate_contents(ROOM, contents)
    (found,) = caught.value.diagnostics
    assert (found.rule, found.property_name, found.primary_id) == (rule, path, ROOM)
    if rule != "MT304" or action.endswith("?"):
        assert found.action.startswith(action)
    assert found.action
    assert path in found.cause


def test_every_problem_is_reported():
    with pytest.raises(ValueInvalid) as caught:
        rooms().validate_contents(ROOM, {"temperature": "x", "level": 7, "fan": {"speed": "y"}})
    assert [found.property_name for found in caught.value.diagnostics] == ["temperature", "level", "fan/speed"]


def test_points_are_found_by_path():
    types = rooms()
    assert [point.path for point in types.points(ROOM)] == [
        ("name",), ("temperature",), ("climate",), ("tags",), ("counts",), ("level",), ("seen",), ("class",),
        ("motion",), ("fan", "speed"), ("reset",), ("ping",),
    ]  # fmt: skip
    temperature = types.point(ROOM, ("temperature",))
    assert (temperature.unit, temperature.semantic_type) == ("degreeCelsius", "Temperature")
    assert (temperature.writable, temperature.is_state, temperature.is_number) == (False, True, True)
    assert types.point(ROOM, ("temperature",)) is temperature
    assert types.point(ROOM, ("fan", "speed")).writable
    assert types.point(ROOM, ("climate", "setpoint")).check(20) == 20.0
    assert types.point(ROOM, ("climate", "setpoint")).writable
    assert types.point(ROOM, ("counts", "anything")).check(3) == 3
    assert not types.point(ROOM, ("motion",)).is_state


@pytest.mark.parametrize("path", [
    (), ("nope",), ("fan",), ("fan", "nope"), ("serves",), ("climate", "nope"), ("temperature", "x"), ("reset", "x"),
    ("tags", "0"),
])  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(path):
    with pytest.raises(ModelNotFound, match="has no"):
        rooms().point(ROOM, path)


def test_an_unknown_interface_is_refused():
    types = rooms()
    for ask in (types.points, types.interface_or_fail if hasattr(types, "interface_or_fail") else types.points):
        with pytest.raises(ModelNotFound):
            ask("dtmi:acme:Nope;1")
    with pytest.raises(KeyError):
        types["dtmi:acme:Nope;1"]
    assert "dtmi:acme:Nope;1" not in types
    with pytest.raises(ModelNotFound):
        types.validate_contents("dtmi:acme:Nope;1", {})


def test_a_command_checks_request_and_response():
    types = rooms()
    reset = types.point(ROOM, ("reset",))
    assert reset.is_command
    assert reset.check(5) == 5
    with pytest.raises(ValueInvalid):
        reset.check(None)
    assert reset.check_response(None) is None
    assert reset.check_response(True) is True
    ping = types.point(ROOM, ("ping",))
    assert ping.schema is None
    assert ping.check(None) is None
    with pytest.raises(ValueInvalid, match="ping"):
        ping.check(1)


def test_checks_of_complex_points_name_the_whole_path():
    types = rooms()
    climate = types.point(ROOM, ("climate",))
    assert climate.check({"setpoint": 3}) == {"setpoint": 3.0}
    with pytest.raises(ValueInvalid) as caught:
        climate.check({"setpoint": "x", "mode": "cool"})
    assert [found.property_name for found in caught.value.diagnostics] == ["climate/setpoint", "climate/mode"]
    assert types.point(ROOM, ("tags",)).check(["a"]) == ["a"]


def test_relationships_are_reachable_and_their_properties_checked():
    types = rooms()
    assert types.relationship(ROOM, "serves").target == BASE
    full = {"$relationshipId": "1", "$targetId": "t", "since": "2026-01-01"}
    assert types.validate_relationship(ROOM, "serves", full) == {"since": "2026-01-01"}
    with pytest.raises(ValueInvalid):
        types.validate_relationship(ROOM, "serves", {"since": "2026-13-01"})
    with pytest.raises(ModelNotFound, match="serves"):
        types.relationship(ROOM, "serve")


def test_is_a_follows_extends():
    types = rooms()
    assert types.is_a(ROOM, BASE)
    assert types.is_a(ROOM, ROOM)
    assert not types.is_a(BASE, ROOM)


def test_several_extends_are_several_bases_and_redundant_ones_go():
    a = interface("dtmi:t:A;1", prop("dtmi:t:A;1", "a", "Integer"))
    b = interface("dtmi:t:B;1", prop("dtmi:t:B;1", "b", "Integer"), extends=[a])
    c = interface("dtmi:t:C;1", prop("dtmi:t:C;1", "c", "Integer"))
    d = interface("dtmi:t:D;1", prop("dtmi:t:D;1", "d", "Integer"), extends=[a, b, c])
    types = types_of(a, b, c, d)
    assert types["dtmi:t:D;1"].__bases__ == (types["dtmi:t:B;1"], types["dtmi:t:C;1"])
    assert types.validate_contents("dtmi:t:D;1", dict.fromkeys("abcd", 1)) == dict.fromkeys("abcd", 1)


def test_bases_that_cannot_be_linearised_are_flattened():
    a = interface("dtmi:t:A;1", prop("dtmi:t:A;1", "a", "Integer"))
    b = interface("dtmi:t:B;1", prop("dtmi:t:B;1", "b", "Integer"))
    ab = interface("dtmi:t:AB;1", extends=[a, b])
    ba = interface("dtmi:t:BA;1", extends=[b, a])
    both = interface("dtmi:t:Both;1", prop("dtmi:t:Both;1", "x", "Integer"), extends=[ab, ba])
    below = interface("dtmi:t:Below;1", extends=[both, ab])
    types = types_of(a, b, ab, ba, both, below)
    assert set(types["dtmi:t:Both;1"].model_fields) >= {"a", "b", "x"}
    assert types.validate_contents("dtmi:t:Below;1", {"a": 1, "b": 2, "x": 3}) == {"a": 1, "b": 2, "x": 3}
    assert types.is_a("dtmi:t:Both;1", "dtmi:t:A;1")


def test_a_class_written_on_top_of_a_compiled_one_has_its_fields_and_its_own():
    base = interface(BASE, prop(BASE, "area", "Double"))
    types = types_of(base, interface(ROOM, prop(ROOM, "class", "String"), extends=[base]))

    class Office(types[ROOM]):
        desks: int = 0

    assert list(Office.model_fields) == [*types[ROOM].model_fields, "desks"]
    assert list(types[ROOM].model_fields)[-2:] == ["area", "class_"]
    made = Office.model_validate({"area": 2.5, "class": "A", "desks": 3})
    assert (made.area, made.class_, made.desks) == (2.5, "A", 3)
    assert Office.model_json_schema()["properties"].keys() >= {"area", "class", "desks"}
    with pytest.raises(ValueError, match="valid number"):
        Office.model_validate({"area": "wide"})
    assert types[ROOM].model_validate({"area": 1.0}).document() == {"area": 1.0}


def test_an_object_may_hold_itself():
    tree = make("Object", "dtmi:t:Tree;1", fields=())
    children = make("Array", "dtmi:t:Trees;1", elementSchema=tree)
    fields = (
        make("Field", "dtmi:t:f1;1", name="name", schema=primitive("String")),
        make("Field", "dtmi:t:f2;1", name="children", schema=children),
    )
    object.__setattr__(tree, "properties", {"fields": fields})
    types = types_of(interface("dtmi:t:I;1", prop("dtmi:t:I;1", "tree", tree)))
    good = {"tree": {"name": "a", "children": [{"name": "b", "children": []}]}}
    assert types.validate_contents("dtmi:t:I;1", good) == good
    with pytest.raises(ValueInvalid) as caught:
        types.validate_contents("dtmi:t:I;1", {"tree": {"children": [{"name": 3}]}})
    assert caught.value.diagnostics[0].property_name == "tree/children/0/name"


def test_a_component_may_lead_back_to_its_interface():
    a = interface("dtmi:t:A;1", prop("dtmi:t:A;1", "x", "Integer"))
    b = interface("dtmi:t:B;1", make("Component", "dtmi:t:ca;1", name="a", schema=a))
    contents = {**a.contents, "b": make("Component", "dtmi:t:cb;1", name="b", schema=b)}
    object.__setattr__(a, "properties", {"contents": contents, "extends": ()})
    types = types_of(a, b)
    made = types["dtmi:t:A;1"].model_validate({"x": 1, "b": {"a": {"x": 2}}})
    assert made.b.a.x == 2
    assert types["dtmi:t:B;1"].model_validate({"a": {"x": 1}}).a.x == 1


def test_a_required_property_must_be_there():
    required = prop("dtmi:t:I;1", "serial", "String", cotypes=("dtmi:dtdl:extension:requirement:v1:Required",))
    types = types_of(interface("dtmi:t:I;1", required, prop("dtmi:t:I;1", "other", "String")))
    with pytest.raises(ValueInvalid) as caught:
        types.validate_contents("dtmi:t:I;1", {"other": "x"})
    assert [(d.rule, d.property_name) for d in caught.value.diagnostics] == [("MT305", "serial")]
    assert types.validate_contents("dtmi:t:I;1", {"serial": "x"}) == {"serial": "x"}


@pytest.mark.parametrize(("extension", "holders"), [(1, ("Field",)), (2, ("Field", "Property"))])
def test_required_is_honoured_in_every_version_of_its_extension(extension, holders):
    def cotyped(kind: str) -> list[str]:
        return [kind, "Required"] if kind in holders else [kind]

    inner = {"@type": "Object", "fields": [{"@type": cotyped("Field"), "name": "f", "schema": "double"}]}
    document = {
        "@context": ["dtmi:dtdl:context;4", f"dtmi:dtdl:extension:requirement;{extension}"],
        "@id": "dtmi:t:I;1", "@type": "Interface",
        "contents": [{"@type": cotyped("Property"), "name": "p", "schema": inner}],
    }  # fmt: skip
    types = dtdl.compile(dtdl.parse(json.dumps(document)))
    assert types.validate_contents("dtmi:t:I;1", {"p": {"f": 1}}) == {"p": {"f": 1.0}}
    with pytest.raises(ValueInvalid) as caught:
        types.validate_contents("dtmi:t:I;1", {"p": {}})
    assert [(d.rule, d.property_name) for d in caught.value.diagnostics] == [("MT305", "p/f")]
    assert types["dtmi:t:I;1"].model_fields["p"].is_required() == ("Property" in holders)


def test_class_names_of_versions_and_namespaces_are_told_apart():
    made = [
        interface(i) for i in ("dtmi:a:Room;1", "dtmi:a:Room;2", "dtmi:b:Room;1", "dtmi:a:Hall;1", "dtmi:a:class;1")
    ]
    assert dict(types_of(*made).planner.names) == {
        "dtmi:a:Room;1": "A_Room_1",
        "dtmi:a:Room;2": "A_Room_2",
        "dtmi:b:Room;1": "B_Room",
        "dtmi:a:Hall;1": "Hall",
        "dtmi:a:class;1": "class_",
    }


def test_no_two_interfaces_get_one_class_name():
    ids = ("dtmi:a:Room;1", "dtmi:b:Room;1", "dtmi:b:Room;2", "dtmi:t:A_Room;1", "dtmi:t:B_Room_1;1")
    ids += ("dtmi:x:A_Room_2;1", "dtmi:t:class;1", "dtmi:t:annotations;1", "dtmi:t:TWINS;1")
    names = types_of(*(interface(i) for i in ids)).planner.names
    assert len(set(names.values())) == len(ids)
    assert (names["dtmi:t:A_Room;1"], names["dtmi:a:Room;1"]) == ("A_Room", "A_Room_3")
    assert names["dtmi:t:annotations;1"] == "annotations_"


def test_names_that_python_or_pydantic_use_are_aliased():
    names = ("copy", "json", "model_config", "metadata", "etag", "schema", "def", "document", "str")
    one = interface("dtmi:t:I;1", *(prop("dtmi:t:I;1", name, "Integer") for name in names))
    types = types_of(one)
    given = dict.fromkeys(names, 1)
    assert types.validate_contents("dtmi:t:I;1", given) == given
    assert types["dtmi:t:I;1"].model_validate(given).metadata_ == 1


def test_an_array_that_holds_itself_is_refused_by_name():
    model = dtdl.parse(
        json.dumps(
            {
                "@context": "dtmi:dtdl:context;4",
                "@id": "dtmi:a:X;1",
                "@type": "Interface",
                "schemas": [{"@id": "dtmi:a:Nest;1", "@type": "Array", "elementSchema": "dtmi:a:Nest;1"}],
                "contents": [{"@type": "Property", "name": "p", "schema": "dtmi:a:Nest;1"}],
            }
        )
    )
    with pytest.raises(DtdlError, match="Array dtmi:a:Nest;1 holds itself"):
        dtdl.compile(model)["dtmi:a:X;1"]


def test_types_follow_other_definitions_and_what_was_built_stays() -> None:
    text = '{"@context": "dtmi:dtdl:context;3", "@id": "dtmi:t:%s;1", "@type": "Interface", "contents": [%s]}'
    content = '{"@type": "Property", "name": "%s", "schema": "%s"}'
    types = compile_model(parse(text % ("A", content % ("x", "double"))))
    apart = copy.copy(types)
    old, point = types["dtmi:t:A;1"], types.point("dtmi:t:A;1", ("x",))
    both = [text % ("A", content % ("x", "string")), text % ("B", content % ("y", "double"))]
    types.take(parse(both))
    assert types.validate_contents("dtmi:t:A;1", {"x": "now a text"}) == {"x": "now a text"}
    assert "dtmi:t:B;1" in types
    assert old.model_validate({"x": 1.5}).x == 1.5
    assert point.check(2) == 2.0
    assert "dtmi:t:B;1" not in apart
    with pytest.raises(ValueInvalid):
        apart.validate_contents("dtmi:t:A;1", {"x": "a text"})
