"""``megatwin fmu``: build, info, run, with the documented exit codes."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from pathlib import Path

import pytest

from fmu.shipped import library_source
from interop.cli import main

SOURCES = Path(__file__).parents[1] / "fmu" / "sources"


def rows(text: str) -> list[dict[str, float]]:
    return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


def test_build_then_info_then_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fmu = tmp_path / "Room.fmu"
    assert main(["fmu", "build", str(library_source("RoomThermal")), "-o", str(fmu)]) == 0
    assert capsys.readouterr().out.strip() == str(fmu)
    assert main(["fmu", "info", str(fmu)]) == 0
    assert "T_room" in capsys.readouterr().out
    assert main(["fmu", "info", str(fmu), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["fmiVersion"], shown["modelName"]) == ("3.0", "RoomThermal")
    assert shown["variables"][1] == {
        "name": "heat_load", "valueReference": 1, "type": "Float64", "causality": "input",
        "variability": "continuous", "start": 0.0, "unit": "W", "displayUnit": "kW", "min": None, "max": None,
        "nominal": None, "dimensions": [], "items": [], "aliases": [], "clock": None,
        "description": "Heat given off by what stands in the room",
    }  # fmt: skip
    table = tmp_path / "r.csv"
    arguments = ["--until", "20", "--step", "10", "--set", "C_room=100 kJ/K", "--set", "heat_load=1 kW"]
    assert main(["fmu", "run", str(fmu), *arguments, "--out", str(table)]) == 0
    found = rows(table.read_text())
    assert [row["time"] for row in found] == [0.0, 10.0, 20.0]
    assert list(found[0]) == ["time", "T_room", "P_fan"]
    assert math.isclose(found[-1]["T_room"], 28 - 8 * math.exp(-20 / 800), rel_tol=1e-12)


def test_run_takes_inputs_over_time_and_chosen_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "in.csv"
    table.write_text("time,inflow\n0,0\n1,0.2\n")
    arguments = ["--until", "2", "--step", "1", "--in", str(table), "--variable", "level", "--variable", "inflow"]
    assert main(["fmu", "run", "library:TankLevel", "--set", "valve=0", *arguments]) == 0
    assert rows(capsys.readouterr().out) == [
        {"time": 0.0, "level": 1.0, "inflow": 0.0},
        {"time": 1.0, "level": 1.0, "inflow": 0.0},
        {"time": 2.0, "level": 1.1, "inflow": 0.2},
    ]


def test_exit_codes_are_as_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.fmu").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "foreign.fmu", "w") as new:
        new.write(library_source("RoomThermal") / "modelDescription.xml", "modelDescription.xml")
    rogue = str(tmp_path / "rogue.fmu")
    assert main(["fmu", "build", str(SOURCES / "Rogue"), "-o", rogue]) == 0
    cases = {
        ("info", str(tmp_path / "none.fmu")): 2,
        ("info", str(tmp_path)): 2,
        ("info", str(tmp_path / "text.fmu")): 1,
        ("run", str(tmp_path / "foreign.fmu")): 2,
        ("run", "library:RoomThermal", "--set", "nothing=1"): 1,
        ("run", "library:RoomThermal", "--set", "nothing"): 2,
        ("run", "library:RoomThermal", "--out", str(tmp_path)): 2,
        ("run", rogue, "--set", "mode=1"): 5,
        ("build", str(tmp_path)): 2,
        ("validate", str(tmp_path / "text.fmu")): 1,
        ("validate", str(tmp_path / "none.fmu")): 2,
        ("validate", rogue): 0,
    }
    for arguments, code in cases.items():
        assert main(["fmu", *arguments]) == code, arguments
        assert capsys.readouterr().err.strip()
