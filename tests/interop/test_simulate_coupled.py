"""The FMU sources of a megatwin.yaml run as one system: connections, units, what is left out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from interop.cli import main

ROOM = {
    "@context": ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"],
    "@id": "dtmi:test:Room;1",
    "@type": "Interface",
    "contents": [
        {"@type": ["Property", "Temperature"], "name": "warm", "schema": "double", "unit": "kelvin"},
        {
            "@type": ["Property", "Temperature"],
            "name": "around",
            "schema": "double",
            "unit": "kelvin",
            "writable": True,
        },
        {"@type": ["Property", "Power"], "name": "load", "schema": "double", "unit": "kilowatt", "writable": True},
    ],
}
FILE = """
megatwin: 1
name: house
models: [room.json]
sources:
  cellar: {fmu: "library:RoomThermal", step: 60 s, start: {T_start: 10.0, T_ambient: 10.0}}
  hall: {fmu: "library:RoomThermal", step: 30 s, start: {T_start: 20.0}}
twins:
  below:
    model: dtmi:test:Room;1
    bind: {cellar: {map: {warm: T_room, load: heat_load}}}
  above:
    model: dtmi:test:Room;1
    bind: {hall: {map: {warm: T_room, around: T_ambient, load: heat_load}}}
connections:
"""
JOINED = FILE + "  - {from: below/warm, to: above/around}\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "room.json").write_text(json.dumps(ROOM))
    return tmp_path / "megatwin.yaml"


def run(file: Path, *options: str) -> list[dict[str, float]]:
    out = file.with_name("r.csv")
    command = ["sim", str(file), "--until", "3600", "--out", str(out), *options]
    assert main(command) == 0
    with out.open(newline="") as table:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(table)]


def test_rooms_that_the_file_connects_warm_each_other(house: Path) -> None:
    house.write_text(JOINED)
    rows = run(house)
    assert list(rows[0]) == ["time", "below/warm", "above/warm"]
    # the longest step of the sources is the macro step, and values are in the units of the model
    assert [row["time"] for row in rows[:3]] == [0.0, 60.0, 120.0]
    assert rows[0]["below/warm"] == pytest.approx(283.15)
    assert rows[-1]["above/warm"] < rows[0]["above/warm"]
    heated = run(house, "--in", "below/load=5", "--set", "hall.T_start=20")
    assert heated[-1]["below/warm"] > rows[-1]["below/warm"] + 1
    assert heated[-1]["above/warm"] > rows[-1]["above/warm"]
    facts = json.loads((house.parent / "r.csv.meta.json").read_text())
    assert [part["name"] for part in facts["parts"]] == ["cellar", "hall"]


def test_a_connection_that_joins_several_values_is_said_to_be_left_out(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house.write_text(FILE + "  - {from: [below/warm, above/warm], to: above/around, combine: mean}\n")
    rows = run(house, "--in", "above/around=263.15")
    assert "MT234" in capsys.readouterr().err
    assert rows[-1]["above/warm"] < rows[0]["above/warm"]


def test_a_file_without_fmus_has_nothing_to_simulate(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house.write_text("megatwin: 1\nname: none\nmodels: [room.json]\ntwins: {a: {model: 'dtmi:test:Room;1'}}\n")
    assert main(["sim", str(house)]) == 2
    assert "no source of kind fmu" in capsys.readouterr().err
    house.write_text(JOINED)
    assert main(["sim", str(house), "--variant", "x"]) == 2
