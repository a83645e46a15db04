"""Pydantic classes become definitions: those that somebody wrote, and those that a model was compiled to."""

from __future__ import annotations

import datetime as dt
import enum
import importlib.util
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
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
from dtdl.elements import Component, Object, Property
from dtdl.errors import DtdlError, ModelInvalid
from dtdl.units import Unit
from tests.conformance import adapter, table
from tests.dtdl.features import TEXTS

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

LONG = os.environ.get("MEGATWIN_LONG") == "1"
CASES = os.environ.get("MEGATWIN_CASES")
needs_cases = pytest.mark.skipif(not CASES, reason="MEGATWIN_CASES is not set: ontologies and cases are not here")
HEAD = {"@context": "dtmi:dtdl:context;4", "@type": "Interface"}


@pytest.fixture
def emitted(tmp_path: Path) -> Iterator[Callable[[dtdl.Model], Any]]:
    def load(model: dtdl.Model, old: str = "", new: str = "") -> Any:
        file = tmp_path / "emitted_twins.py"
        text = python_text(dtdl.compile(model).planner)
        assert old in text
        file.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("emitted_twins", file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["emitted_twins"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("emitted_twins", None)


def test_live_classes_lead_back_to_the_definitions() -> None:
    before = dtdl.parse(TEXTS)
    assert dtdl.equal(before, from_pydantic(*dtdl.compile(before).values()))


def test_emitted_classes_lead_back_to_the_definitions(emitted: Any) -> None:
    before = dtdl.parse(TEXTS)
    assert dtdl.equal(before, from_pydantic(*emitted(before).TWINS.values()))


def test_one_class_brings_all_that_its_definition_needs_and_no_more(emitted: Any) -> None:
    before = dtdl.parse(TEXTS)
    needed = dtdl.parse([TEXTS[0], TEXTS[1]])
    assert dtdl.equal(needed, from_pydantic(dtdl.compile(before)["dtmi:acme:Room;1"]))
    assert dtdl.equal(needed, from_pydantic(emitted(before).Room))


def test_an_interface_inside_another_one_comes_back_with_it(emitted: Any) -> None:
    inner = {"@id": "dtmi:a:Inner;1", "@type": "Interface", "schemas": [
        {"@id": "dtmi:a:Row;1", "@type": "Array", "elementSchema": "double", "description": "All."}],
        "contents": [{"@type": "Telemetry", "name": "rows", "schema": "dtmi:a:Row;1"}]}  # fmt: skip
    outer = HEAD | {"@id": "dtmi:a:Outer;1", "contents": [{"@type": "Component", "name": "c", "schema": inner}]}
    other = HEAD | {"@id": "dtmi:a:Other;1", "extends": "dtmi:a:Inner;1"}
    before = dtdl.parse([json.dumps(outer), json.dumps(other)])
    for classes in (dtdl.compile(before), emitted(before).TWINS):
        assert dtdl.equal(before, from_pydantic(classes["dtmi:a:Other;1"]))


def test_undefined_extensions_come_back_where_they_are_allowed(emitted: Any) -> None:
    shiny = {"@type": ["Property", "Shiny"], "name": "p", "schema": "double", "shine": {"of": [1, "'\\ \u2028\""]}}
    head = HEAD | {"@context": ["dtmi:dtdl:context;4", "dtmi:a:shiny;1"]}
    given = json.dumps(head | {"@id": "dtmi:a:X;1", "contents": [shiny]})
    before = dtdl.parse(given, allow_undefined="always")
    for cls in (dtdl.compile(before)["dtmi:a:X;1"], emitted(before).X):
        assert dtdl.equal(before, from_pydantic(cls, allow_undefined="always"))
        with pytest.raises(ModelInvalid):
            from_pydantic(cls)


def test_a_class_that_extends_a_compiled_one_adds_its_own_fields(emitted: Any) -> None:
    before = dtdl.parse(TEXTS)
    for base in (dtdl.compile(before)["dtmi:acme:Room;1"], emitted(before).Room):
        cls = type("Office", (base,), {"__annotations__": {"desks": int}, "desks": 0, "__module__": __name__})
        made = from_pydantic(cls, namespace="dtmi:acme")
        office = made.interface("dtmi:acme:Office;1")
        assert [held.id for held in office.extends] == ["dtmi:acme:Room;1"]
        assert [name for name, held in office.contents.items() if held.child_of == office.id] == ["desks"]
        assert "serves" in office.contents


def test_a_written_class_gets_copies_of_the_schemas_that_it_holds(emitted: Any) -> None:
    module = emitted(dtdl.parse(TEXTS))
    fields: dict[str, Any] = {
        name: (getattr(module, cls), None)
        for name, cls in {"aFan": "Fan_1", "aTree": "Tree", "aMode": "RoomMode"}.items()
    }
    made = from_pydantic(create_model("Holder", __base__=module.Every, **fields), namespace="dtmi:acme")
    held = made.interface("dtmi:acme:Holder;1").contents
    assert held["aFan"].properties["schema"].id == "dtmi:acme:Fan;1"
    assert held["aTree"].properties["schema"].id == "dtmi:acme:Holder:Tree;1"
    mode = held["aMode"].properties["schema"]
    assert [(value.name, value.enum_value) for value in mode.enum_values] == [
        ("off", "OFF"), ("on", "it's"), ("title", "T"), ("None", "N"), ("value", "V")
    ]  # fmt: skip
    assert mode.enum_values[0].display_name == {"en": "Off", "de": "Aus"}


def test_a_compiled_class_that_was_edited_is_refused(emitted: Any) -> None:
    module = emitted(dtdl.parse(TEXTS), "    speed1: ", "    speed3: _v.Maybe[_v.Float] = None\n    speed1: ")
    with pytest.raises(DtdlError, match="changed: speed3"):
        from_pydantic(module.Fan_1)


@needs_cases
@pytest.mark.parametrize("name", ["energygrid", "smartcities", "rec"])
def test_the_classes_of_real_ontologies_lead_back_to_them(name: str, emitted: Any) -> None:
    before = dtdl.parse(Path(str(CASES)) / "bench" / f"{name}.jsonl")
    if name != "rec" or LONG:
        assert dtdl.equal(before, from_pydantic(*emitted(before).TWINS.values()))
    assert dtdl.equal(before, from_pydantic(*dtdl.compile(before).values()))


@needs_cases
def test_the_classes_of_the_published_models_lead_back_to_them() -> None:
    left_out: set[tuple[str, str]] = set()
    total = 0
    for index, (folder, name, case) in enumerate(table.cases(Path(str(CASES)) / "conformance" / "dtdl")):
        if folder in ("dtmis", "phrases") or not case["valid"] or (index % 10 and not LONG):
            continue
        options = adapter.arguments(table.options(case))
        before = dtdl.parse(table.texts(case), **options)
        total += 1
        if "SelfReference" in name:  # an Array or Map that holds itself
            with pytest.raises(DtdlError, match="holds itself"):
                list(dtdl.compile(before).values())
            continue
        given = {"allow_undefined": options["allow_undefined"], "limits": options["limits"]}
        try:
            back = from_pydantic(*dtdl.compile(before).values(), **given)
        except ModelInvalid as error:
            left_out |= {(name, found.rule) for found in error.diagnostics}
        else:
            assert dtdl.equal(before, back), name
    assert total > (4_000 if LONG else 300)
    # Reserved identifiers are only read where the caller tolerates them.
    assert {rule for _, rule in left_out} <= {"dtmi:dtdl:parsingError:reservedId"}
    assert all("QuirkToTolerate" in name for name, _ in left_out)
