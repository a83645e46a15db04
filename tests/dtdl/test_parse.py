"""Documents to elements: kinds, names, inheritance, identifiers, standard elements, units."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dtdl
from dtdl.elements import Command, Component, Interface, Object, Property, Relationship
from dtdl.errors import InputUnreadable, ModelInvalid
from dtdl.resolver import chain, folder, mapping

ROOM = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"],
    "@id": "dtmi:acme:Room;1",
    "@type": "Interface",
    "displayName": {"en": "Room", "de": "Raum"},
    "contents": [
        {"@type": ["Property", "Temperature"], "name": "target", "schema": "double", "unit": "degreeCelsius",
         "writable": True},
        {"@type": "Telemetry", "name": "people", "schema": "unsignedShort"},
        {"@type": "Command", "name": "clean", "request": {"name": "how", "schema": {
            "@type": "Enum", "valueSchema": "string", "enumValues": [{"name": "dry", "enumValue": "D"}]}}},
        {"@type": "Relationship", "name": "hosts", "target": "dtmi:acme:Thing;1", "maxMultiplicity": 4,
         "properties": [{"@type": "Property", "name": "since", "schema": "date"}]},
        {"@type": "Component", "name": "door", "schema": "dtmi:acme:Door;1"},
    ],
}  # fmt: skip
DOOR = {
    "@context": "dtmi:dtdl:context;3",
    "@id": "dtmi:acme:Door;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "open", "schema": "boolean"}],
}


def text(*models: object) -> list[str]:
    return [json.dumps(model) for model in models]


def test_every_content_is_an_element_of_its_class() -> None:
    model = dtdl.parse(text(ROOM, DOOR))
    room = model["dtmi:acme:Room;1"]
    assert isinstance(room, Interface)
    assert list(room.contents) == ["target", "people", "clean", "hosts", "door"]
    target, clean, hosts, door = (room.contents[name] for name in ("target", "clean", "hosts", "door"))
    assert isinstance(target, Property)
    assert target.writable
    assert target.schema.kind == "Double"
    assert target.unit == "degreeCelsius"
    assert target.cotypes == ("dtmi:dtdl:extension:quantitativeTypes:v3:class:Temperature",)
    assert isinstance(clean, Command)
    assert clean.request is not None
    assert [value.enum_value for value in clean.request.schema.enum_values] == ["D"]
    assert isinstance(hosts, Relationship)
    assert (hosts.target, hosts.max_multiplicity) == ("dtmi:acme:Thing;1", 4)
    assert [prop.name for prop in hosts.own_properties] == ["since"]
    assert isinstance(door, Component)
    assert door.schema is model["dtmi:acme:Door;1"]
    assert room.display_name == {"en": "Room", "de": "Raum"}


def test_automatic_identifiers_follow_the_owner() -> None:
    model = dtdl.parse(text(ROOM, DOOR))
    assert model["dtmi:acme:Room:_contents:__target;1"].child_of == "dtmi:acme:Room;1"
    value = model["dtmi:acme:Room:_contents:__clean:_request:_schema:_enumValues:__dry;1"]
    assert value.defined_in == "dtmi:acme:Room;1"


def test_standard_elements_are_included_where_they_are_referred_to() -> None:
    model = dtdl.parse(text(DOOR))
    assert set(model) == {
        "dtmi:acme:Door;1",
        "dtmi:acme:Door:_contents:__open;1",
        "dtmi:dtdl:instance:Schema:boolean;2",
    }
    assert model["dtmi:dtdl:instance:Schema:boolean;2"].location is None


@pytest.mark.parametrize("version", [2, 3, 4])
def test_contents_are_inherited_with_the_ancestor_as_owner(version: int) -> None:
    context = f"dtmi:dtdl:context;{version}"
    base = {"@context": context, "@id": "dtmi:a:Base;1", "@type": "Interface",
            "contents": [{"@type": "Property", "name": "p", "schema": "integer"}]}  # fmt: skip
    middle = {"@context": context, "@id": "dtmi:a:Middle;1", "@type": "Interface", "extends": "dtmi:a:Base;1",
              "contents": [{"@type": "Telemetry", "name": "t", "schema": "integer"}]}  # fmt: skip
    top = {"@context": context, "@id": "dtmi:a:Top;1", "@type": "Interface", "extends": ["dtmi:a:Middle;1"]}
    model = dtdl.parse(text(top, middle, base))
    contents = model["dtmi:a:Top;1"].contents
    assert list(contents) == ["t", "p"]
    assert contents["p"].child_of == "dtmi:a:Base;1"
    assert [parent.id for parent in model["dtmi:a:Top;1"].extends] == ["dtmi:a:Middle;1"]


def test_geospatial_schemas_are_complex_standard_elements() -> None:
    place = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:P;1", "@type": "Interface",
             "contents": [{"@type": "Property", "name": "where", "schema": "point"}]}  # fmt: skip
    schema = dtdl.parse(text(place))["dtmi:a:P;1"].contents["where"].schema
    assert isinstance(schema, Object)
    assert [field.name for field in schema.fields] == ["type", "coordinates"]


def test_a_model_can_be_read_twice_with_the_same_standard_elements() -> None:
    first, second = dtdl.parse(text(ROOM, DOOR)), dtdl.parse(text(ROOM, DOOR))
    assert dtdl.equal(first, second)
    unit = "dtmi:dtdl:extension:quantitativeTypes:v3:unit:degreeCelsius"
    assert first[unit] is second[unit]


def test_documents_hold_one_model_or_an_array() -> None:
    assert len(dtdl.parse(json.dumps([DOOR, ROOM]))) == len(dtdl.parse(text(DOOR, ROOM)))


def test_files_folders_and_jsonl_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "room.json").write_text(json.dumps(ROOM), encoding="utf-8")
    (tmp_path / "door.json").write_text(json.dumps(DOOR), encoding="utf-8-sig")
    lines = [
        json.dumps({"path": "room", "text": json.dumps(ROOM)}),
        json.dumps({"path": "d", "text": json.dumps(DOOR)}),
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = dtdl.parse(text(ROOM, DOOR))
    assert dtdl.equal(dtdl.parse(tmp_path), expected)
    assert dtdl.equal(dtdl.parse(tmp_path / "all.jsonl"), expected)
    assert dtdl.equal(dtdl.parse([tmp_path / "door.json", tmp_path / "a" / "room.json"]), expected)
    location = dtdl.parse(tmp_path)["dtmi:acme:Door;1"].location
    assert location is not None
    assert location.file == str(tmp_path / "door.json")


def test_a_missing_path_is_unreadable_input(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="nowhere"):
        dtdl.check(tmp_path / "nowhere.json")


def test_a_resolver_is_asked_for_exactly_what_is_missing() -> None:
    asked: list[tuple[str, ...]] = []

    def resolve(wanted: tuple[str, ...]) -> dict[str, str]:
        asked.append(tuple(wanted))
        return {"dtmi:acme:Door;1": json.dumps(DOOR)}

    model = dtdl.parse(text(ROOM), resolver=resolve)
    assert asked == [("dtmi:acme:Door;1",)]
    assert "dtmi:acme:Door;1" in model


def test_what_a_resolver_does_not_give_is_unresolved() -> None:
    with pytest.raises(ModelInvalid) as caught:
        dtdl.parse(text(ROOM), resolver=lambda _: None)
    (found,) = caught.value.diagnostics
    assert (found.rule, found.value) == ("MT004", "dtmi:acme:Door;1")


def test_a_repository_folder_resolves_dtmis(tmp_path: Path) -> None:
    (tmp_path / "dtmi" / "acme").mkdir(parents=True)
    (tmp_path / "dtmi" / "acme" / "door-1.json").write_text(json.dumps(DOOR), encoding="utf-8")
    assert dtdl.check(text(ROOM), resolver=chain(mapping({}), folder(tmp_path))) == []


def test_undefined_extensions_are_kept_verbatim() -> None:
    model = {
        "@context": ["dtmi:dtdl:context;2", "dtmi:acme:extra;1"],
        "@id": "dtmi:a:X;1",
        "@type": ["Interface", "Gadget"],
        "colour": {"r": 1, "g": [2, None]},
    }
    found = dtdl.parse(text(model))["dtmi:a:X;1"]
    assert found.undefined_types == ("Gadget",)
    assert found.undefined_properties == {"colour": {"r": 1, "g": [2, None]}}
    assert dtdl.check(text(model), allow_undefined="never")[0].rule.endswith(":unresolvableContextSpecifier")


def test_elements_know_where_they_are_written() -> None:
    location = dtdl.parse(json.dumps(DOOR, indent=2))["dtmi:acme:Door:_contents:__open;1"].location
    assert location is not None
    assert (location.file, location.line, location.end_line) == ("<text 0>", 6, 10)


def test_importing_dtdl_reads_no_table_and_no_heavy_package() -> None:
    code = "import sys, dtdl; print([m for m in sys.modules if m.startswith(('dtdl.', 'pydantic', 'json'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    source = Path(dtdl.__file__).parent
    assert dtdl.__all__ == sorted(dtdl.__all__)
    for name in dtdl.__all__:
        home = source.joinpath(*dtdl._HOMES[name].split(".")[1:]).with_suffix(".py")
        if home.exists() or home.with_suffix("").is_dir():
            assert getattr(dtdl, name) is not None
    with pytest.raises(AttributeError):
        _ = dtdl.nothing


def test_an_element_cannot_be_changed():
    document = {**ROOM, "contents": ROOM["contents"][:1]}
    room = dtdl.parse(json.dumps(document)).interface("dtmi:acme:Room;1")
    with pytest.raises(AttributeError, match="frozen"):
        room.kind = "Property"
    for held in (room.properties, room.contents):
        with pytest.raises(TypeError, match="does not support item assignment"):
            held["name"] = "x"


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ('"@type": ["Property", "Temprature"], "name": "p", "schema": "double"', '"Temprature"'),
        ('"@type": ["Temprature", "Property"], "name": "p", "schema": "double"', '"Temprature"'),
        ('"@type": "Proprety", "name": "p", "schema": "double"', '"Proprety"'),
        ('"@type": ["Property", "Property"], "name": "p", "schema": "double"', '"Property"'),
        ('"@type": ["Property", "Historized"], "name": "p", "schema": "flaot"', '"flaot"'),
        ('"@type": ["Telemetry", "Required"], "name": "p", "schema": "double"', '"Required"'),
        ('"@type": "Property", "name": "9p", "schema": "double"', '"9p"'),
        ('"@type": "Property", "@id": "dtmi:a:1x;1", "name": "p", "schema": "double"', '"dtmi:a:1x;1"'),
        ('"@type": "Property", "name": "p", "schema": "double", "shcema": 1', '"shcema"'),
        ('"@type": "Property", "name": ["p"], "schema": "double", "writable": "yes"', '"yes"'),
    ],
)
def test_a_finding_marks_the_value_that_it_is_about(line: str, marked: str) -> None:
    contexts = '["dtmi:dtdl:context;4", "dtmi:dtdl:extension:historization;2", "dtmi:dtdl:extension:requirement;1"]'
    text = f'{{"@context": {contexts}, "@id": "dtmi:a:X;1", "@type": "Interface", "contents": [\n{{{line}}}\n]}}'
    found = dtdl.check(text)
    places = [item.location for item in found if item.location is not None]
    assert places
    rows = text.split("\n")
    shown = [rows[one.line - 1][one.column - 1 : one.end_column - 1] for one in places if one.line == one.end_line]
    assert marked in shown, [str(item) for item in found]


def test_a_value_on_a_line_of_its_own_leaves_the_line_to_its_key() -> None:
    text = json.dumps(
        {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:a:X;1", "@type": ["Interface", "Temprature"]}, indent=2
    )
    [item] = dtdl.check(text)
    assert item.location is not None
    row = text.split("\n")[item.location.line - 1]
    assert row[item.location.column - 1 : item.location.end_column - 1] == '"@type"'
