from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import dtdl
from dtdl.compiler.build import Types
from dtdl.compiler.emit import python_text

ROOM = """{
  "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"],
  "@id": "dtmi:acme:Room;1", "@type": "Interface", "extends": "dtmi:acme:Space;1",
  "displayName": "A \\"room\\" \\\\ of\\u0000 one's own", "description": {"de": "Raum", "en": "line one\\nline two\\""},
  "contents": [
    {"@type": ["Property", "Temperature"], "name": "temperature", "schema": "double", "unit": "degreeCelsius"},
    {"@type": "Property", "name": "mode", "writable": true, "displayName": "Mode", "schema": {
      "@type": "Enum", "valueSchema": "string", "enumValues": [{"name": "off", "enumValue": "off"},
      {"name": "on", "enumValue": "it's"}]}},
    {"@type": "Property", "name": "level", "schema": {"@type": "Enum",
      "valueSchema": "integer", "enumValues": [{"name": "low", "enumValue": 1}, {"name": "high", "enumValue": 2}]}},
    {"@type": "Property", "name": "class", "schema": "string"},
    {"@type": "Property", "name": "str", "schema": "string"},
    {"@type": "Property", "name": "setup", "schema": {"@type": "Object", "fields": [
      {"name": "start", "schema": "time"},
      {"name": "inner", "schema": {"@type": "Object", "fields": [{"name": "x", "schema": "integer"}]}}]}},
    {"@type": "Property", "name": "history", "schema": {"@type": "Array", "elementSchema": "date"}},
    {"@type": "Property", "name": "tags", "schema": {"@type": "Map",
      "mapKey": {"name": "k", "schema": "string"}, "mapValue": {"name": "v", "schema": "boolean"}}},
    {"@type": "Property", "name": "Fan", "schema": "boolean"},
    {"@type": "Component", "name": "fan", "schema": "dtmi:acme:Fan;1"},
    {"@type": "Telemetry", "name": "motion", "schema": "boolean"},
    {"@type": "Relationship", "name": "serves",
      "properties": [{"@type": "Property", "name": "since", "schema": "date"}]}
  ]}"""
SPACE = """{"@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Space;1", "@type": "Interface",
  "contents": [{"@type": "Property", "name": "name", "schema": "string"}]}"""
FAN = """{"@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Fan;1", "@type": "Interface",
  "contents": [{"@type": "Property", "name": "speed", "schema": "integer"}]}"""
TEXTS = [ROOM, SPACE, FAN]


def load(path):
    spec = importlib.util.spec_from_file_location(f"emitted_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def emitted(texts, folder):
    path = folder / "twins.py"
    path.write_text(python_text(dtdl.compile(dtdl.parse(texts)).planner), encoding="utf-8")
    return path


GOOD = {
    "temperature": 21.5, "mode": "it's", "level": 2, "class": "a", "str": "b", "history": ["2026-01-01"],
    "setup": {"start": "12:00:00Z", "inner": {"x": 1}}, "tags": {"a": True}, "fan": {"speed": 2}, "name": "R",
    "Fan": True,
}  # fmt: skip


def test_an_emitted_class_does_what_the_live_class_does(tmp_path):
    live = dtdl.compile(dtdl.parse(TEXTS))["dtmi:acme:Room;1"]
    room = load(emitted(TEXTS, tmp_path)).TWINS["dtmi:acme:Room;1"]
    for cls in (live, room):
        assert cls.model_validate({"$dtId": "r", **GOOD}).document() == {"$dtId": "r", **GOOD}
        assert cls(temperature=1.0, class_="x").document() == {"temperature": 1.0, "class": "x"}
    for name, bad in {"temperature": None, "level": 1.0, "mode": "x", "fan": {"speed": 0.5}, "history": ["x"],
                      "setup": {"y": 1}, "motion": True, "tags": {"a": 1}}.items():  # fmt: skip
        for cls in (live, room):
            with pytest.raises(ValidationError):
                cls.model_validate({name: bad})
    assert inspect.getdoc(live) == inspect.getdoc(room)
    assert set(live.model_fields) == set(room.model_fields)
    assert live.model_fields["temperature"].metadata[-1] is room.model_fields["temperature"].metadata[-1]


def test_the_text_is_the_same_each_time():
    texts = {python_text(Types(dtdl.parse(TEXTS)).planner) for _ in range(3)}
    assert len(texts) == 1


def test_a_name_that_two_classes_want_is_numbered(tmp_path):
    clash = FAN.replace("dtmi:acme:Fan;1", "dtmi:acme:RoomSetup;1")
    module = load(emitted([*TEXTS, clash], tmp_path))
    assert module.TWINS["dtmi:acme:RoomSetup;1"].__name__ == "RoomSetup"
    assert module.RoomSetup_2.__dtmi__.startswith("dtmi:acme:Room:")


def test_names_that_the_module_uses_itself_are_not_taken(tmp_path):
    names = ("str", "dict", "type", "staticmethod", "TWINS", "LINKS", "MESSAGES", "None", "class", "list", "int")
    texts = [FAN.replace("dtmi:acme:Fan;1", f"dtmi:acme:{name};1") for name in names]
    twins = load(emitted(texts, tmp_path)).TWINS
    assert [twins[f"dtmi:acme:{name};1"].__name__ for name in names] == [
        "str_", "dict_", "type_", "staticmethod_", "TWINS_", "LINKS_", "MESSAGES_", "None_", "class_", "list", "int",
    ]  # fmt: skip


def test_versions_and_namespaces_live_in_one_module(tmp_path):
    spaces = [SPACE.replace("dtmi:acme:Space;1", name) for name in ("dtmi:other:Space;1", "dtmi:other:Space;2")]
    module = load(emitted([*TEXTS, *spaces], tmp_path))
    assert module.Acme_Space.__dtmi__ == "dtmi:acme:Space;1"
    assert module.Other_Space_1.__dtmi__ == "dtmi:other:Space;1"
    assert module.Other_Space_2.__dtmi__ == "dtmi:other:Space;2"
    assert issubclass(module.Room, module.Acme_Space)


def test_a_content_that_is_inherited_twice_is_one_field(tmp_path):
    def side(name):
        contents = [{"@type": "Property", "name": f"{name}_x", "schema": "string"}]
        return json.dumps({
            "@context": "dtmi:dtdl:context;4", "@id": f"dtmi:acme:{name};1", "@type": "Interface",
            "extends": "dtmi:acme:Space;1", "contents": contents,
        })  # fmt: skip

    both = json.dumps({
        "@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Both;1", "@type": "Interface",
        "extends": ["dtmi:acme:Left;1", "dtmi:acme:Right;1"],
    })  # fmt: skip
    texts = [SPACE, side("Left"), side("Right"), both]
    live = dtdl.compile(dtdl.parse(texts))["dtmi:acme:Both;1"]
    for cls in (live, load(emitted(texts, tmp_path)).Both):
        given = {"name": "a", "Left_x": "b", "Right_x": "c"}
        assert cls.model_validate(given).document() == given


def test_realestatecore_compiles_to_importable_code(tmp_path):
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set")
    model = dtdl.parse([Path(cases) / "bench/rec.jsonl"])
    path = tmp_path / "rec.py"
    path.write_text(python_text(dtdl.compile(model).planner), encoding="utf-8")
    twins = load(path).TWINS
    assert len(twins) == 1364
    for dtmi, cls in twins.items():
        assert cls.model_validate({"$dtId": "x"}).dt_id == "x", dtmi
