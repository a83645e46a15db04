"""A DTDL Interface from a modelDescription, and what is found between the two."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dtdl
from dtdl.errors import FmuError
from fmu.description import Clock, Description, Dimension, Item, Variable, read_description
from fmu.interface import check_binding, to_interface
from fmu.shipped import library_source
from interop.cli import main


def described(*variables: Variable, **more: Any) -> Description:
    return Description(file="x", fmi_version="3.0", model_name="a model!", token="{t}", variables=variables, **more)


def variable(name: str, type_: Any = "Float64", **more: Any) -> Variable:
    return Variable(name=name, value_reference=1, type=type_, **{"causality": "output", **more})


EVERYTHING = described(
    *(
        variable(f"y.{name}", name)
        for name in (
            "Float64", "Float32", "Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Boolean",
            "String", "Binary",
        )
    ),
    variable("a[1]", causality="input", unit="degC", min=-1.0, max=9.5, start=2.0, description="Text"),
    variable("a.1", causality="input", unit="foo"),
    variable("1st", causality="parameter", variability="fixed", unit="J/K"),
    variable("gain", causality="parameter", variability="tunable", unit="W"),
    variable("matrix", dimensions=(Dimension(start=2), Dimension(start=3))),
    variable(
        "mode", "Enumeration",
        items=(Item(name="on / off", value=1), Item(name="on?off", value=2, description="D")),
    ),
    variable("tick", "Clock", clock=Clock()),
    variable("hidden", causality="local"),
)  # fmt: skip


def contents(made: Any) -> dict[str, Any]:
    return {content["name"]: content for content in made.document["contents"]}


def test_what_is_made_is_valid_dtdl_and_compiles() -> None:
    made = to_interface(EVERYTHING)
    text = json.dumps(made.document)
    assert dtdl.check([text]) == []
    types = dtdl.compile(dtdl.parse([text]))
    assert "dtmi:fmu:a_model;1" in types


def test_every_variable_is_found_again_by_its_comment() -> None:
    made = to_interface(EVERYTHING)
    for name, content in contents(made).items():
        assert content["comment"].split(";")[0] == f"fmi:{made.names[name]}"
    assert set(made.names.values()) == {v.name for v in EVERYTHING.variables} - {"tick", "hidden"}
    assert made.left_out == {"tick": "DTDL has no clock"}


def test_causality_unit_range_and_names_are_carried_over() -> None:
    found = contents(to_interface(EVERYTHING))
    assert found["a_1"] == {
        "@type": ["Property", "Temperature"], "name": "a_1", "displayName": "a[1]", "description": "Text",
        "comment": "fmi:a[1]; input; continuous; min -1; max 9.5; start 2", "schema": "double",
        "unit": "degreeCelsius", "writable": True,
    }  # fmt: skip
    assert found["a_1_2"]["comment"] == "fmi:a.1; input; continuous; unit foo"
    assert "unit" not in found["a_1_2"]
    assert found["v_1st"]["@type"] == "Property"
    assert "writable" not in found["v_1st"]
    assert found["gain"]["writable"] is True
    assert found["y_Int8"]["@type"] == "Telemetry"
    assert [value["enumValue"] for value in found["mode"]["schema"]["enumValues"]] == [1, 2]
    assert [value["name"] for value in found["mode"]["schema"]["enumValues"]] == ["on_off", "on_off_2"]
    assert found["matrix"]["schema"]["elementSchema"]["elementSchema"] == "double"
    properties = contents(to_interface(EVERYTHING, outputs="Property"))
    assert properties["y_Float64"]["@type"] == "Property"


def test_a_dtmi_that_is_none_is_refused() -> None:
    with pytest.raises(FmuError, match="no DTMI"):
        to_interface(EVERYTHING, dtmi="urn:x")


@pytest.mark.parametrize("name", ["RoomThermal", "TankLevel"])
def test_an_interface_fits_the_fmu_it_was_made_from(name: str) -> None:
    description = read_description(library_source(name))
    made = to_interface(description, dtmi="dtmi:test:x;1")
    types = dtdl.compile(dtdl.parse([json.dumps(made.document)]))
    for content, source in made.names.items():
        found = description.variable(source)
        assert found is not None
        assert list(check_binding(types.point("dtmi:test:x;1", (content,)), found)) == []


def test_an_enumeration_with_other_values_is_found() -> None:
    made = to_interface(EVERYTHING)
    types = dtdl.compile(dtdl.parse([json.dumps(made.document)]))
    mode = EVERYTHING.variable("mode")
    assert mode is not None
    other = replace(mode, items=(*mode.items, Item(name="third", value=3)))
    (finding,) = check_binding(types.point("dtmi:fmu:a_model;1", ("mode",)), other)
    assert (finding.rule, finding.cause) == ("MT233", "the schema has no value 3 of 'mode'")
    (finding,) = check_binding(
        types.point("dtmi:fmu:a_model;1", ("mode",)), replace(mode, items=mode.items[:1], causality="input")
    )
    assert finding.cause == "the FMU has no value 2 of 'mode'"


def test_the_command_prints_or_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmu", "to-dtdl", "library:TankLevel"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["@id"] == "dtmi:fmu:TankLevel;1"
    out = tmp_path / "Tank.json"
    arguments = ["fmu", "to-dtdl", "library:TankLevel", "--dtmi", "dtmi:acme:Tank;3", "-o", str(out)]
    assert main(arguments) == 0
    assert main(["check", str(out)]) == 0
    assert json.loads(out.read_text())["@id"] == "dtmi:acme:Tank;3"
