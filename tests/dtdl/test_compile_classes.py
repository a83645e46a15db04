"""Classes beside those of twins: Enums, messages, payloads, relationships; and what definitions say beyond types."""

from __future__ import annotations

import importlib
import json
from enum import IntEnum, StrEnum

import pytest
from pydantic import ValidationError

import dtdl
from dtdl.compiler.emit import python_text
from dtdl.compiler.jsonschema import schema_document
from dtdl.compiler.message import Message, Request, Response
from dtdl.compiler.twin import Multiplicity, Twin
from dtdl.errors import ModelNotFound, ValueInvalid
from tests.dtdl.features import ROOM, SPACE

TYPES = dtdl.compile(dtdl.parse([json.dumps(ROOM), json.dumps(SPACE)]))
ID = "dtmi:acme:Room;1"


def mode():
    return type(TYPES[ID].model_validate({"mode": "OFF"}).mode)


def test_an_enum_is_a_class_whose_members_equal_what_json_holds():
    room = TYPES[ID].model_validate({"mode": "it's", "level": 1, "modes": ["A"]})
    kind = mode()
    assert room.mode is kind.on
    assert room.mode == "it's"
    assert issubclass(kind, StrEnum)
    assert issubclass(type(room.level), IntEnum)
    assert kind.__name__ == "RoomMode"
    assert kind.__dtmi__.startswith("dtmi:acme:Room:")
    assert room.level == type(room.level).high == 1
    assert TYPES[ID](mode=kind.off).mode is kind.off


def test_names_that_enumerations_use_get_an_underscore():
    kind = mode()
    assert (kind.title_, kind.None_, kind.value_) == ("T", "N", "V")
    assert [member.name for member in kind] == ["off", "on", "title_", "None_", "value_"]


def test_documents_hold_the_values_of_enums_and_no_members():
    given = {"mode": "OFF", "level": 0, "modes": ["A", "A"]}
    room = TYPES[ID].model_validate(given)
    held = room.document()
    assert held == given == TYPES.validate_contents(ID, given) == json.loads(json.dumps(held))
    assert [type(one) for one in (held["mode"], held["level"], held["modes"][0])] == [str, int, str]
    assert json.loads(room.model_dump_json(exclude_unset=True)) == given
    assert TYPES[ID].model_validate_json(json.dumps(given)) == room
    point = TYPES.point(ID, ("mode",))
    assert type(point.check("OFF")) is str


@pytest.mark.parametrize("bad", [{"level": True}, {"level": 1.0}, {"level": "1"}, {"mode": "off"}, {"mode": None}])
def test_an_enum_takes_nothing_else(bad):
    with pytest.raises(ValidationError):
        TYPES[ID].model_validate(bad)
    with pytest.raises(ValueInvalid):
        TYPES.validate_contents(ID, bad)


@pytest.mark.parametrize("kind", ["string", "integer"])
def test_an_enum_without_values_takes_nothing(kind, tmp_path, monkeypatch):
    schema = {"@type": "Enum", "valueSchema": kind, "enumValues": []}
    text = json.dumps({
        "@context": "dtmi:dtdl:context;4", "@id": "dtmi:a:R;1", "@type": "Interface",
        "contents": [{"@type": "Property", "name": "m", "schema": schema}],
    })  # fmt: skip
    types = dtdl.compile(dtdl.parse([text]))
    assert types.validate_contents("dtmi:a:R;1", {}) == {}
    for value in ("", 0, None):
        for check in (
            lambda v: types.validate_contents("dtmi:a:R;1", {"m": v}),
            types.point("dtmi:a:R;1", ("m",)).check,
        ):
            with pytest.raises(ValueInvalid):
                check(value)
    path = tmp_path / f"empty_{kind}_enum.py"
    path.write_text(python_text(types.planner), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    emitted = importlib.import_module(path.stem)
    assert emitted.R.model_validate({}).document() == {}
    with pytest.raises(ValidationError):
        emitted.R.model_validate({"m": "x"})
    assert schema_document(types.planner)["$defs"]["R"]["properties"]["m"]["not"] == {}


def test_telemetry_is_a_typed_message():
    load = TYPES.message(ID, "load")
    assert issubclass(load, Message)
    assert load.__name__ == "RoomLoadMessage"
    assert load.model_validate(3).document() == 3.0
    assert any(repr(held) == 'Unit("kilowatt")' for held in load.model_fields["root"].metadata)
    with pytest.raises(ValidationError):
        load.model_validate("3")
    motion = TYPES.message(ID, "motion").model_validate({"class": "x", "n": 3})
    assert motion.root.class_ == "x"
    assert motion.document() == {"class": "x", "n": 3}
    assert TYPES.message(ID, "motion").model_validate_json('{"class": "x"}').document() == {"class": "x"}
    assert TYPES.message(ID, "load") is load


@pytest.mark.parametrize("bad", [{}, {"n": 3}, {"class_": "x"}, {"class": "x", "n": 40000}, None])
def test_a_message_follows_its_schema_and_required_fields_are_required(bad):
    with pytest.raises(ValidationError):
        TYPES.message(ID, "motion").model_validate(bad)


def test_commands_have_typed_requests_and_responses():
    request, response = TYPES.request(ID, "reset"), TYPES.response(ID, "reset")
    assert issubclass(request, Request)
    assert issubclass(response, Response)
    assert (request.__name__, response.__name__) == ("RoomResetRequest", "RoomResetResponse")
    assert request.model_validate("P1Y2M").document() == "P1Y2M"
    assert response.model_validate(None).document() is None
    assert response.model_validate(True).document() is True
    for cls, bad in ((request, None), (request, "1Y"), (response, 1)):
        with pytest.raises(ValidationError):
            cls.model_validate(bad)
    assert TYPES.request(ID, "ping") is TYPES.response(ID, "ping") is None


@pytest.mark.parametrize("ask", [TYPES.message, TYPES.request, TYPES.response, TYPES.link])
def test_a_class_of_what_is_not_there_is_refused(ask):
    with pytest.raises(ModelNotFound, match="has no"):
        ask(ID, "temperature")
    with pytest.raises(ModelNotFound):
        ask("dtmi:acme:Nope;1", "load")


def test_every_relationship_has_a_class_that_knows_target_and_multiplicity():
    serves, near = TYPES.link(ID, "serves"), TYPES.link(ID, "near")
    assert serves.target_class() is TYPES["dtmi:acme:Space;1"]
    assert (serves.__target__, serves.__multiplicity__) == ("dtmi:acme:Space;1", Multiplicity(0, 2))
    assert serves(since="2026-01-01", target_id="s").document() == {"since": "2026-01-01", "$targetId": "s"}
    assert (near.target_class(), near.__target__, near.__multiplicity__) == (Twin, "", Multiplicity(0, None))
    with pytest.raises(ValidationError):
        near.model_validate({"since": "2026-01-01"})


def test_texts_are_there_in_every_language():
    room = TYPES[ID]
    assert dtdl.about(room).display_name == {"en": "Room", "de": "Raum", "fr": "Pièce"}
    assert dtdl.about(room).description == {"de": "Ein Raum."}
    assert dtdl.about(room).comment == "for tests"
    assert dtdl.about(room, "temperature").display_name == {"en": "Temperature", "de": "Temperatur"}
    assert dtdl.about(room, "serves").display_name == {"de": "versorgt"}
    assert dtdl.about(room, "name").description == {"de": "Name"}  # inherited
    assert dtdl.about(TYPES.link(ID, "serves"), "since").display_name == {"de": "seit"}
    assert dtdl.about(TYPES.request(ID, "reset")).description == {"en": "How long."}
    assert dtdl.about(mode()).display_name == {"en": "Mode"}
    assert dtdl.about(mode().off).display_name == {"en": "Off", "de": "Aus"}
    assert dtdl.about(mode().title_).dtmi.endswith(":__title;1")
    assert dtdl.about(room(), "temperature").dtmi == "dtmi:acme:Room:_contents:__temperature;1"


def test_co_types_and_what_extensions_define_are_kept():
    temperature, confidence = (dtdl.about(TYPES[ID], name) for name in ("temperature", "confidence"))
    assert [one.rsplit(":", 1)[-1] for one in temperature.types] == ["Temperature", "Historized"]
    assert confidence.types == ("dtmi:dtdl:extension:annotation:v2:ValueAnnotation",)
    assert confidence.extras == {"annotates": "temperature"}
    assert temperature.extras == {}


def test_undefined_types_and_properties_are_kept():
    text = json.dumps({
        "@context": ["dtmi:dtdl:context;3", "dtmi:example:own;1"], "@id": "dtmi:a:R;1",
        "@type": ["Interface", "Mine"], "colour": {"a": [1, None]},
        "contents": [{"@type": ["Property", "Tagged"], "name": "t", "schema": "double", "brand": ["x", 2]}],
    })  # fmt: skip
    cls = dtdl.compile(dtdl.parse([text], allow_undefined="always"))["dtmi:a:R;1"]
    assert (dtdl.about(cls).types, dtdl.about(cls).extras) == (("Mine",), {"colour": {"a": [1, None]}})
    assert (dtdl.about(cls, "t").types, dtdl.about(cls, "t").extras) == (("Tagged",), {"brand": ["x", 2]})


def test_what_has_no_definition_says_so():
    with pytest.raises(ModelNotFound, match="has nothing called 'nope'"):
        dtdl.about(TYPES[ID], "nope")
    with pytest.raises(ModelNotFound, match="no compiled class"):
        dtdl.about(Twin)


COORDINATES = {
    "point": [5.5, 52], "multiPoint": [[1, 2], [3, 4.5]], "lineString": [[1, 2], [3, 4]],
    "multiLineString": [[[1, 2], [3, 4]]], "polygon": [[[1, 2], [3, 4], [5, 6], [1, 2]]],
    "multiPolygon": [[[[1, 2], [3, 4], [5, 6], [1, 2]]]],
}  # fmt: skip


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("name", COORDINATES)
def test_geojson_schemas_take_their_own_geometry_and_no_other(version, name):
    kinds = ("Telemetry",) if version == 2 else ("Telemetry", "Property")  # in v2 no Property holds an Array
    text = json.dumps({
        "@context": f"dtmi:dtdl:context;{version}", "@id": "dtmi:a:R;1", "@type": "Interface",
        "contents": [{"@type": kind, "name": kind, "schema": name} for kind in kinds],
    })  # fmt: skip
    types = dtdl.compile(dtdl.parse([text]))
    kind = name[0].upper() + name[1:]
    good = {"type": kind, "coordinates": COORDINATES[name]}
    message = types.message("dtmi:a:R;1", "Telemetry")
    assert message.model_validate(good).document() == good
    assert message.model_validate(good).root.type == kind
    checks = [types.point("dtmi:a:R;1", (held,)).check for held in kinds]
    for check in checks:
        assert check(good) == good
    for bad in ({**good, "type": "Circle"}, {**good, "coordinates": "x"}, {**good, "coordinates": [None]}, [1, 2]):
        with pytest.raises(ValidationError):
            message.model_validate(bad)
        for check in checks:
            with pytest.raises(ValueInvalid):
                check(bad)


def nested():
    text = json.dumps({
        "@context": "dtmi:dtdl:context;4", "@id": "dtmi:a:R;1", "@type": "Interface", "schemas": [
            {"@id": "dtmi:a:O;1", "@type": "Object", "fields": [
                {"name": "u", "schema": "unsignedByte"}, {"name": "s", "schema": "byte"},
                {"name": "d", "schema": "double"}]},
            {"@id": "dtmi:a:L;1", "@type": "Array", "elementSchema": {"@type": "Map",
             "mapKey": {"name": "k", "schema": "string"}, "mapValue": {"name": "v", "schema": "dtmi:a:O;1"}}}],
    })  # fmt: skip
    return dtdl.parse([text])


def test_a_json_text_shows_the_sign_of_zero_where_no_minus_is_allowed():
    model = nested()
    check = dtdl.compile(model).check_json(model["dtmi:a:L;1"])
    assert check('[{"-0": {"s": -0, "d": -0, "u": 0}}]') == [{"-0": {"s": 0, "d": 0.0, "u": 0}}]
    with pytest.raises(ValueInvalid) as caught:
        check('[{}, {"a": {"u": -0}, "b": {"u": -0}}]')
    found = [(one.rule, one.property_name) for one in caught.value.diagnostics]
    assert found == [("MT302", "1/a/u"), ("MT302", "1/b/u")]
    with pytest.raises(ValueInvalid) as caught:
        check('[{"a": {"u": -1}}]')
    assert caught.value.diagnostics[0].rule == "MT302"


@pytest.mark.parametrize("text", ["", "[1", "[" * 500 + "]" * 500, "NaN", '[{"a": {"u": -0}]'])
def test_a_text_that_is_not_json_is_refused_with_its_place(text):
    model = nested()
    with pytest.raises(ValueInvalid) as caught:
        dtdl.compile(model).check_json(model["dtmi:a:L;1"])(text)
    assert caught.value.diagnostics[0].location.line == 1
