"""Elements print as DTDL that says the same, in the author's order, whether they were read or built in code."""

from __future__ import annotations

import json

import dtdl
from dtdl.elements import Component, Element, Enum, EnumValue, Interface, Property, Schema, Telemetry

TEMPERATURE = "dtmi:dtdl:extension:quantitativeTypes:v3:class:Temperature"
CELSIUS = "dtmi:dtdl:extension:quantitativeTypes:v3:unit:degreeCelsius"


def reprinted(*models: object) -> object:
    return dtdl.dump(dtdl.parse([json.dumps(model) for model in models], allow_undefined="always"))


def test_a_document_in_the_usual_form_prints_as_it_was_written() -> None:
    model = {
        "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3", "dtmi:acme:extra;1"],
        "@id": "dtmi:acme:Room;1",
        "@type": ["Interface", "Gadget"],
        "comment": "first",
        "colour": {"r": [1, None, "x"]},
        "displayName": {"en": "Room", "de": "Raum"},
        "contents": [
            {"@type": ["Property", "Temperature"], "writable": True, "name": "t", "schema": "double",
             "unit": "degreeCelsius"},
            {"@id": "dtmi:acme:Room:mode;1", "@type": "Property", "name": "mode", "description": "one",
             "schema": {"@type": "Enum", "valueSchema": "integer",
                        "enumValues": [{"name": "off", "enumValue": 0}, {"name": "on", "enumValue": 1}]}},
            {"@type": "Command", "name": "c", "request": {"name": "r", "schema": "time", "nullable": True}},
        ],
        "extends": ["dtmi:acme:Base;1", "dtmi:acme:Other;1"],
    }  # fmt: skip
    base = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:acme:Base;1", "@type": "Interface",
            "contents": [{"@type": "Telemetry", "name": "inherited", "schema": "integer"}]}  # fmt: skip
    other = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Other;1", "@type": "Interface"}
    assert reprinted(model, base, other) == [model, base, other]


def test_interfaces_written_in_others_stay_there() -> None:
    inner = {"@id": "dtmi:a:Inner;1", "@type": "Interface",
             "contents": [{"@type": "Property", "name": "p", "schema": "point"}]}  # fmt: skip
    outer = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:Outer;1", "@type": "Interface",
             "contents": [{"@type": "Component", "name": "c", "schema": inner}]}  # fmt: skip
    assert reprinted(outer) == [outer]


def test_a_model_built_in_code_prints_and_reads_back() -> None:
    room = "dtmi:acme:Room;1"

    def content(cls: type[Element], name: str, **more: object) -> Element:
        properties = {"name": name, **more.pop("properties", {})}  # type: ignore[dict-item]
        return cls(f"dtmi:acme:Room:_contents:__{name};1", properties=properties, child_of=room, **more)

    mode_id = "dtmi:acme:Room:_contents:__mode:_schema;1"
    off = EnumValue("dtmi:acme:off;1", properties={"name": "off", "enumValue": 0}, child_of=mode_id)
    integer = Schema("dtmi:dtdl:instance:Schema:integer;2", kind="Integer")
    mode = Enum(mode_id, properties={"valueSchema": integer, "enumValues": (off,)},
                child_of="dtmi:acme:Room:_contents:__mode;1")  # fmt: skip
    double = Schema("dtmi:dtdl:instance:Schema:double;2", kind="Double")
    door = Interface("dtmi:acme:Door;1")
    contents = [
        content(Telemetry, "t", properties={"schema": double, "unit": Element(CELSIUS, kind="EnumValue")},
                cotypes=(TEMPERATURE,)),
        content(Property, "mode", properties={"schema": mode, "displayName": {"en": "Mode"}}),
        content(Component, "door", properties={"schema": door}),
    ]  # fmt: skip
    interface = Interface(room, properties={"contents": {item.properties["name"]: item for item in contents}})
    text = dtdl.dumps([interface, door])
    model = dtdl.parse(text)
    assert json.loads(text)[0]["@context"] == ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"]
    assert list(model[room].contents) == ["t", "mode", "door"]
    assert model[room].contents["t"].unit == "degreeCelsius"
    assert [value.name for value in model[room].contents["mode"].schema.enum_values] == ["off"]


def test_models_that_differ_in_one_value_are_not_equal() -> None:
    head = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface"}
    one, other = (dtdl.parse(json.dumps(head | {"comment": text})) for text in "ab")
    assert dtdl.equal(one, one)
    assert not dtdl.equal(one, other)
