"""Pydantic classes become definitions: those that somebody wrote, and those that a model was compiled to."""

from __future__ import annotations

import datetime as dt
import enum
import importlib.util
import json
import os
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

import dtdl
from dtdl import Quantity, from_pydantic
from dtdl.compiler import values
from dtdl.compiler.emit import python_text
from dtdl.compiler.twin import Twin
from dtdl.elements import Component, Element, Interface, Object, Property
from dtdl.errors import DtdlError, ModelInvalid
from dtdl.units import Unit

Serial = NewType("Serial", str)


class Mode(enum.IntEnum):
    off = 0
    on = 1


class Position(BaseModel):
    """Where it is."""

    x: Annotated[float, Unit("metre")] = 0.0
    before: Position | None = None


class Motor(BaseModel):
    speed: Annotated[float | None, Unit("revolutionPerMinute")] = None


class Space(BaseModel):
    """Anything with walls."""

    note: str | None = None


class Room(Space):
    """A room that people use."""

    model_config = ConfigDict(title="Room")
    temperature: Annotated[float | None, Unit("degreeCelsius")] = Field(None, title="Warmth", description="At 1 m.")
    humidity: Annotated[float, Unit("percent"), Quantity("RelativeHumidity")]
    level: Annotated[float, Unit("decibelMilliwatt")] = 0.0
    serial: Serial = Field(Serial(""), frozen=True)
    mode: Mode = Mode.off
    colour: Literal["red", "dark-red", "dark_red"] = "red"
    where: list[Position] = []
    power: dict[str, Annotated[float, Unit("watt")]] = {}
    motor: Motor | None = None
    class_: bool = False
    renamed: str = Field("", alias="otherName")


@pytest.fixture(scope="module")
def model() -> dtdl.Model:
    return from_pydantic(Room, Motor, namespace="dtmi:acme")


def test_what_is_made_passes_a_strict_check_and_reads_back(model: dtdl.Model) -> None:
    text = dtdl.dumps(model)
    assert dtdl.check(text, allow_undefined="never") == []
    assert dtdl.equal(dtdl.parse(text), model)


def test_a_class_is_an_interface_and_so_is_the_class_that_it_extends(model: dtdl.Model) -> None:
    assert set(model.interfaces) == {"dtmi:acme:Room;1", "dtmi:acme:Motor;1", "dtmi:acme:Space;1"}
    room = model.interface("dtmi:acme:Room;1")
    assert [base.id for base in room.extends] == ["dtmi:acme:Space;1"]
    assert room.description == {"en": "A room that people use."}
    assert room.display_name == {"en": "Room"}
    assert room.contents["note"].child_of == "dtmi:acme:Space;1"


def test_fields_become_contents(model: dtdl.Model) -> None:
    contents = model.interface("dtmi:acme:Room;1").contents
    temperature = contents["temperature"]
    assert isinstance(temperature, Property)
    assert (temperature.schema.kind, temperature.unit, temperature.writable) == ("Double", "degreeCelsius", True)
    assert (temperature.display_name["en"], temperature.description["en"]) == ("Warmth", "At 1 m.")
    assert contents["level"].properties["unit"].id.endswith("decibelMilliwatt;1")
    assert not contents["serial"].properties.get("writable")
    assert isinstance(contents["motor"], Component)
    assert {"class", "otherName"} <= contents.keys()
    assert [cotype.rsplit(":", 1)[-1] for cotype in contents["humidity"].cotypes] == ["RelativeHumidity", "Required"]


def test_choices_keep_names_and_values(model: dtdl.Model) -> None:
    contents = model.interface("dtmi:acme:Room;1").contents
    mode, colour = (contents[name].properties["schema"].enum_values for name in ("mode", "colour"))
    assert [(value.name, value.enum_value) for value in mode] == [("off", 0), ("on", 1)]
    assert [(v.name, v.enum_value) for v in colour] == [
        ("red", "red"),
        ("dark_red", "dark-red"),
        ("dark_red_2", "dark_red"),
    ]


def test_an_object_may_hold_itself(model: dtdl.Model) -> None:
    position = model.interface("dtmi:acme:Room;1").contents["where"].properties["schema"].element_schema
    assert isinstance(position, Object)
    assert position.description == {"en": "Where it is."}
    assert position.fields[1].schema is position


def test_the_classes_made_from_it_take_the_same_values(model: dtdl.Model) -> None:
    room = {"humidity": 40.0, "mode": 1, "where": [{"x": 1.0, "before": {"x": 2.0}}], "power": {"a": 2.0}}
    made = dtdl.compile(model)["dtmi:acme:Room;1"]
    assert made.model_validate(room).model_dump(by_alias=True, exclude_unset=True) == room
    assert Room.model_validate(room).mode is Mode.on


@pytest.mark.parametrize(
    ("type_", "term"),
    [
        (bool, "boolean"), (int, "long"), (float, "double"), (str, "string"), (bytes, "bytes"), (Decimal, "decimal"),
        (uuid.UUID, "uuid"), (dt.datetime, "dateTime"), (dt.date, "date"), (dt.time, "time"),
        (dt.timedelta, "duration"), (values.Integer, "integer"), (values.Float, "float"), (values.Byte, "byte"),
        (values.Date, "date"), (values.UnsignedLong, "unsignedLong"), (Annotated[int, Field(ge=0)], "unsignedLong"),
        (Annotated[int, Field(ge=0, le=255)], "unsignedByte"), (Annotated[int, Field(ge=-5, le=5)], "byte"),
        (Annotated[int, Field(gt=0, lt=70_000)], "integer"), (Optional[int], "long"),  # noqa: UP045
        (Annotated[int, Field(le=5)], "long"), (values.Maybe[values.Short], "short"),
    ],
)  # fmt: skip
def test_every_plain_type_has_a_schema(type_: Any, term: str) -> None:
    made = from_pydantic(create_model("X", f=(type_, None)), namespace="dtmi:a")
    assert dtdl.dump(made)[0]["contents"][0]["schema"] == term


@pytest.mark.parametrize("version", [2, 3, 4])
def test_every_version_is_written(version: int) -> None:
    class Pump(BaseModel):
        power: Annotated[float, Unit("kilowatt")]
        count: Annotated[int, Field(ge=0, le=100)] = 0

    made = from_pydantic(Pump, namespace="dtmi:a", version=version)
    contents = made.interface("dtmi:a:Pump;1").contents
    assert contents["power"].dtdl_version == version
    assert contents["power"].properties["unit"].id.rpartition(":")[2].startswith("kilowatt")
    assert contents["count"].properties["schema"].kind == {4: "UnsignedByte"}.get(version, "Integer")
    assert any("Required" in cotype for cotype in contents["power"].cotypes) == (version > 2)


class Changed(Space):
    note: int = 0  # type: ignore[assignment]


class Rooted(RootModel[int]):
    pass


class Both(enum.Enum):
    a = 1
    b = "b"


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (Any, "Bad.f is Any"), (int | str, "Bad.f is int | str"), (complex, "Bad.f is complex"),
        (list, "Bad.f is list"), (tuple[int, int], "tuple of a fixed length"),
        (dict[int, str], "keys that are no texts"),
        (list[complex], "an item of Bad.f is complex"), (dict[str, Any], "a value of Bad.f is Any"),
        (Both, "a choice of other values"), (Literal[1, "a"], "a choice of other values"),
        (Rooted, "Bad.f is Rooted"), (list[Motor | Space], "an item of Bad.f is"), (Twin, "Bad.f is Twin"),
        (Annotated[int, Field(ge=-1, le=2**63)], "no integer of DTDL v4"),
        (Annotated[float, Unit("percent")], "several semantic types"),
    ],
)  # fmt: skip
def test_what_dtdl_cannot_say_is_refused_by_class_and_field(type_: Any, said: str) -> None:
    with pytest.raises(DtdlError) as caught:
        from_pydantic(create_model("Bad", f=(type_, None)), namespace="dtmi:a")
    assert said in caught.value.message
    assert caught.value.action


def test_what_an_older_version_lacks_is_refused() -> None:
    for type_, term in ((Decimal, "decimal"), (uuid.UUID, "uuid"), (bytes, "bytes")):
        with pytest.raises(DtdlError, match=f"Old.f is a {term}, which DTDL v3 does not have"):
            from_pydantic(create_model("Old", f=(type_, None)), namespace="dtmi:a", version=3)
    with pytest.raises(ModelInvalid, match="Array"):
        from_pydantic(create_model("Old", f=(list[int], None)), namespace="dtmi:a", version=2)


def test_a_name_that_is_not_there_is_said() -> None:
    namespace = {"BaseModel": BaseModel, "__name__": "nowhere"}
    exec("class Early(BaseModel):\n    f: 'Later | None' = None\n", namespace)
    with pytest.raises(DtdlError, match=r"Early\.f names what is not defined: 'Later"):
        from_pydantic(namespace["Early"], namespace="dtmi:a")


def test_an_inherited_field_cannot_be_changed() -> None:
    with pytest.raises(DtdlError, match=r"Changed\.note changes what Space says of it"):
        from_pydantic(Changed, namespace="dtmi:a")


def test_a_class_needs_a_dtmi_or_a_namespace() -> None:
    class Own(BaseModel):
        __dtmi__ = "dtmi:mine:Own;3"

    assert list(from_pydantic(Own).interfaces) == ["dtmi:mine:Own;3"]
    with pytest.raises(DtdlError, match="Motor has no DTMI"):
        from_pydantic(Motor)


@pytest.mark.parametrize("given", [BaseModel, int, Twin, Rooted, "Room"])
def test_other_things_than_classes_of_twins_are_refused(given: Any) -> None:
    with pytest.raises(DtdlError, match="is no class of a twin"):
        from_pydantic(given, namespace="dtmi:a")


def test_units_that_several_quantities_have_are_settled_for_the_call() -> None:
    cls = create_model("X", f=(Annotated[float, Unit("percent")], None))
    made = from_pydantic(cls, namespace="dtmi:a", quantities={"percent": "Efficiency"})
    assert made.interface("dtmi:a:X;1").contents["f"].cotypes[0].endswith(":Efficiency")


# -- compiled classes ------------------------------------------------------------------------------------------

QUANTITIES = {"percent": "RelativeHumidity", "unity": "RelativeHumidity"}


def carried(element: Element) -> Any:
    """Gives what a compiled class carries of an Interface."""
    if isinstance(element, Interface):
        own = [content for content in element.contents.values() if isinstance(content, (Property, Component))]
        return {content.name: carried(content) for content in own if content.child_of == element.id}
    if isinstance(element, Component):
        return element.schema.id
    if isinstance(element, Property):
        return carried(element.schema), element.unit
    properties = element.properties
    match element.kind:
        case "Enum":
            return [value.enum_value for value in properties.get("enumValues", ())]
        case "Array":
            return [carried(properties["elementSchema"])]
        case "Map":
            return {"*": carried(properties["mapValue"].schema)}
        case "Object":
            return {field.name: (carried(field.schema), field.unit) for field in properties.get("fields", ())}
    return element.kind


DRIVE = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2"],
    "@id": "dtmi:acme:Drive;1",
    "@type": "Interface",
    "extends": "dtmi:acme:Part;2",
    "contents": [
        {"@type": ["Property", "Power"], "name": "power", "schema": "double", "unit": "kilowatt"},
        {"@type": "Property", "name": "import", "schema": "unsignedShort"},
        {"@type": "Property", "name": "o", "schema": {"@type": "Object", "fields": [
            {"name": "copy", "schema": "date"}, {"name": "m", "schema": {"@type": "Map", "mapKey": {
                "name": "k", "schema": "string"}, "mapValue": {"name": "v", "schema": "uuid"}}}]}},
        {"@type": "Property", "name": "a", "schema": {"@type": "Array", "elementSchema": "dtmi:acme:Drive:row;1"}},
        {"@type": "Property", "name": "e", "schema": {"@type": "Enum", "valueSchema": "string", "enumValues": [
            {"name": "x", "enumValue": "an x"}, {"name": "y", "enumValue": "y"}]}},
        {"@type": "Component", "name": "part", "schema": "dtmi:acme:Part;2"},
    ],
    "schemas": [{"@id": "dtmi:acme:Drive:row;1", "@type": "Object", "fields": [{"name": "f", "schema": "float"}]}],
}  # fmt: skip
PART = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Part;2", "@type": "Interface",
        "contents": [{"@type": "Property", "name": "serial", "schema": "string"}]}  # fmt: skip


def assert_carried(before: dtdl.Model, after: dtdl.Model) -> None:
    assert after.interfaces.keys() == before.interfaces.keys()
    for dtmi, interface in before.interfaces.items():
        made = after.interface(dtmi)
        assert carried(made) == carried(interface)
        assert {base.id for base in made.extends} <= {base.id for base in interface.extends}
        assert made.contents.keys() == {
            n for n, c in interface.contents.items() if isinstance(c, (Property, Component))
        }


def test_live_classes_lead_back_to_the_definitions() -> None:
    before = dtdl.parse([json.dumps(DRIVE), json.dumps(PART)])
    assert_carried(before, from_pydantic(dtdl.compile(before)["dtmi:acme:Drive;1"]))


def test_emitted_classes_lead_back_to_the_definitions(tmp_path: Path) -> None:
    before = dtdl.parse([json.dumps(DRIVE), json.dumps(PART)])
    file = tmp_path / "emitted_twins.py"
    file.write_text(python_text(dtdl.compile(before).planner), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("emitted_twins", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["emitted_twins"] = module
    try:
        spec.loader.exec_module(module)
        assert_carried(before, from_pydantic(*module.TWINS.values()))
    finally:
        del sys.modules["emitted_twins"]


@pytest.mark.parametrize("name", ["energygrid", "smartcities"])
def test_the_classes_of_real_ontologies_lead_back_to_them(name: str) -> None:
    root = os.environ.get("MEGATWIN_CASES")
    if not root:
        pytest.skip("MEGATWIN_CASES is not set: the real ontologies are not here")
    before = dtdl.parse(Path(root) / "bench" / f"{name}.jsonl")
    types = dtdl.compile(before)
    assert_carried(before, from_pydantic(*types.values(), version=3, quantities=QUANTITIES))
