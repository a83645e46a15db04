"""modelDescription.xml of FMI 2.0 and 3.0: typed, and every finding with its line."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from dtdl.errors import DescriptionInvalid, InputUnreadable, MegatwinError
from fmu.description import read_description
from fmu.description_xml import parse_description
from fmu.shipped import library_source


def test_fmi_3_is_read_with_types_units_and_structure() -> None:
    room = read_description(library_source("RoomThermal"))
    assert (room.major, room.model_name) == (3, "RoomThermal")
    assert room.co_simulation is not None
    assert room.co_simulation.model_identifier == "RoomThermal"
    assert room.co_simulation.variable_step
    assert room.model_exchange is None
    capacity = room.variable("C_room")
    assert capacity is not None
    assert (capacity.type, capacity.causality, capacity.unit, capacity.start) == (
        "Float64", "parameter", "J/K", 850e3,
    )  # fmt: skip
    assert capacity.is_settable
    output = room.variable("T_room")
    assert output is not None
    assert (output.initial, output.start, output.min, output.max) == ("calculated", None, -40.0, 80.0)
    assert not output.is_settable
    assert room.units["degC"].offset == 273.15
    assert dict(room.units["J/K"].exponents) == {"kg": 1, "m": 2, "s": -2, "K": -1}
    assert room.units["J/K"].display_units[0].name == "kJ/K"
    assert (room.experiment.start_s, room.experiment.stop_s, room.experiment.step_s) == (0.0, 3600.0, 1.0)
    assert [item.value_reference for item in room.outputs] == [4, 5]
    assert room.initial_unknowns[0].dependencies == (8,)


def test_fmi_2_indexes_become_value_references() -> None:
    tank = read_description(library_source("TankLevel"))
    assert tank.major == 2
    assert [item.value_reference for item in tank.outputs] == [3, 4]
    assert tank.outputs[1].dependencies == (2,)
    inflow = tank.variable("inflow")
    assert inflow is not None
    assert (inflow.causality, inflow.unit, inflow.description) == ("input", "m3/s", "Volume that flows in")


FMI_3 = """<?xml version="1.0"?>
<fmiModelDescription fmiVersion="3.0" modelName="M" instantiationToken="t">
  <CoSimulation modelIdentifier="M"/>
  <TypeDefinitions>
    <Float64Type name="Share" unit="1" min="0" max="1"/>
    <EnumerationType name="Mode"><Item name="off" value="0"/><Item name="on" value="7"/></EnumerationType>
  </TypeDefinitions>
  <ModelVariables>
{variables}
  </ModelVariables>
  <ModelStructure/>
</fmiModelDescription>"""


def three(*variables: str):
    return parse_description(FMI_3.format(variables="\n".join(variables)).encode(), "m.xml")


def test_every_type_of_fmi_3_has_its_start_value() -> None:
    found = three(
        '<Float32 name="f" valueReference="1" start="1.5"/>',
        '<Int8 name="i8" valueReference="2" start="-128"/>',
        '<UInt64 name="u64" valueReference="3" start="18446744073709551615"/>',
        '<Boolean name="b" valueReference="4" start="true"/>',
        '<String name="s" valueReference="5"><Start value="hello  there"/></String>',
        '<Binary name="y" valueReference="6"><Start value="00ff"/></Binary>',
        '<Enumeration name="e" valueReference="7" declaredType="Mode" start="7"/>',
        '<Float64 name="x" valueReference="8" declaredType="Share" start="INF"/>',
        '<Float64 name="a" valueReference="9" start="1 2 3"><Dimension start="3"/><Alias name="b1"/></Float64>',
        '<Clock name="c" valueReference="10" causality="input" intervalVariability="triggered"/>',
    )
    values = {variable.name: variable.start for variable in found.variables}
    assert values == {
        "f": 1.5, "i8": -128, "u64": 2**64 - 1, "b": True, "s": "hello  there", "y": b"\x00\xff", "e": 7,
        "x": math.inf, "a": (1.0, 2.0, 3.0), "c": None,
    }  # fmt: skip
    share, mode, array = found.variable("x"), found.variable("e"), found.variable("b1")
    assert share is not None
    assert mode is not None
    assert array is not None
    assert (share.unit, share.min, share.max) == ("1", 0.0, 1.0)
    assert [(item.name, item.value) for item in mode.items] == [("off", 0), ("on", 7)]
    assert array.name == "a"


BROKEN = [
    (b"", "MT211", 1),
    (b"<a><b></a>", "MT211", 1),
    (b"<other/>", "MT212", 1),
    (b'<fmiModelDescription fmiVersion="9.0"/>', "MT213", 1),
    (b'<!DOCTYPE x [<!ENTITY a "b">]>\n<fmiModelDescription/>', "MT211", 1),
    (b'<?xml version="1.0"?>\n<!DOCTYPE x SYSTEM "file:///etc/passwd">\n<x/>', "MT211", 2),
    (b'<?xml version="1.0" encoding="no-such"?><a/>', "MT211", 1),
    (b"<a>" * 100 + b"</a>" * 100, "MT211", 1),
    (b"\xff\xfe\x00", "MT211", 1),
]


@pytest.mark.parametrize(("data", "rule", "line"), BROKEN)
def test_a_broken_document_is_one_finding_with_its_line(data: bytes, rule: str, line: int) -> None:
    with pytest.raises(DescriptionInvalid) as caught:
        parse_description(data, "m.xml")
    (found,) = caught.value.diagnostics
    assert found.rule == rule
    assert found.location is not None
    assert (found.location.file, found.location.line) == ("m.xml", line)
    assert found.action


def test_an_entity_is_never_expanded() -> None:
    bomb = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>'
    with pytest.raises(DescriptionInvalid, match="DOCTYPE"):
        parse_description(bomb, "m.xml")


FAULTS = {
    '<Float64 name="x" valueReference="1" start="abc"/>': "MT222",
    '<Float64 name="x" valueReference="1" start="1_0"/>': "MT222",
    '<Int8 name="x" valueReference="1" start="128"/>': "MT222",
    '<UInt8 name="x" valueReference="1" start="-1"/>': "MT222",
    '<Boolean name="x" valueReference="1" start="yes"/>': "MT222",
    '<Float64 name="x" valueReference="-1"/>': "MT223",
    '<Float64 name="x"/>': "MT223",
    '<Float64 valueReference="1"/>': "MT225",
    '<Complex name="x" valueReference="1"/>': "MT220",
    '<Float64 name="x" valueReference="1" causality="sideways"/>': "MT226",
    '<Float64 name="x" valueReference="1" declaredType="Missing"/>': "MT221",
}


@pytest.mark.parametrize(("variable", "rule"), FAULTS.items())
def test_a_faulty_variable_is_found_with_its_line(variable: str, rule: str) -> None:
    with pytest.raises(DescriptionInvalid) as caught:
        three('<Float64 name="ok" valueReference="9"/>', variable)
    assert [(found.rule, found.location and found.location.line) for found in caught.value.diagnostics] == [(rule, 10)]


def test_all_findings_come_at_once() -> None:
    with pytest.raises(DescriptionInvalid) as caught:
        three(*FAULTS)
    # the name x is there more than once, which is a finding of its own
    assert {found.rule for found in caught.value.diagnostics} == {*FAULTS.values(), "MT219"}


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable):
        read_description(tmp_path)
    with pytest.raises(InputUnreadable):
        read_description(tmp_path / "none.xml")


def test_mutated_documents_give_typed_errors_only() -> None:
    original = (library_source("RoomThermal") / "modelDescription.xml").read_bytes()
    chance = random.Random(11)
    refused = 0
    for _ in range(700):
        data = bytearray(original)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            if chance.random() < 0.5:
                data[at] = chance.randrange(256)
            else:
                del data[at : at + chance.randint(1, 60)]
        try:
            parse_description(bytes(data), "m.xml")
        except MegatwinError:
            refused += 1
    assert refused > 350
