"""``megatwin fmu``: build, info, run, with the documented exit codes."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import zipfile
from pathlib import Path

import pytest

from fmu.shipped import library_source
from interop.cli import fmu_run, main
from tests.fmu.exchange.models import make

SOURCES = Path(__file__).parents[1] / "fmu" / "sources"
FEATURES = Path(__file__).parents[1] / "fmu" / "features"


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


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exchange")
    return {name: make(name, 2, folder) for name in ("Dahlquist", "Relay")}


def test_model_exchange_runs_with_the_integrator_that_is_asked_for(
    exchange: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fmu", "run", str(exchange["Dahlquist"]), "--until", "1", "--step", "0.5", "--variable", "x"]
    for name, more, allowed in (
        ("cvode", ["--tolerance", "1e-9"], 1e-7),
        ("rk4", ["--solver-step", "0.01"], 1e-8),
        ("euler", ["--solver-step", "0.01"], 3e-3),
    ):
        assert main([*arguments, "--solver", name, *more]) == 0
        found = rows(capsys.readouterr().out)
        assert abs(found[-1]["x"] - math.exp(-1)) < allowed
    assert main([*arguments, "--solver", "cvode", "--solver-step", "0.1"]) == 2
    assert main(["fmu", "run", "library:TankLevel", "--solver", "rk4"]) == 2
    assert "add --model-exchange" in capsys.readouterr().err.lower()
    assert main(["fmu", "run", "library:TankLevel", "--model-exchange"]) == 2
    assert "no model-exchange" in capsys.readouterr().err


def test_inputs_may_be_expressions_and_what_is_not_used_is_said(
    exchange: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fmu", "run", str(exchange["Dahlquist"]), "--until", "2", "--step", "1"]
    assert main([*arguments, "--in", "u=1 if t < 1 else 0", "--set", "u=5", "--variable", "u"]) == 0
    captured = capsys.readouterr()
    assert [row["u"] for row in rows(captured.out)] == [1.0, 1.0, 0.0]
    assert "the start value of 'u' is not used" in captured.err
    table = tmp_path / "in.csv"
    table.write_text("time,u\n-2,1\n-1,1\n0.5,2\n7,3\n")
    assert main([*arguments, "--in", str(table)]) == 0
    said = capsys.readouterr().err
    assert "1 rows of inputs are not used: they are after the end, 2 s" in said
    assert "1 rows of inputs are not used: they are before the start, 0 s" in said
    assert main([*arguments, "--in", "u=open('x')"]) == 2
    assert main([*arguments, "--in", "v=1"]) == 2


def test_results_go_to_parquet_and_to_a_page(exchange: dict[str, Path], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out, page = tmp_path / "r.parquet", tmp_path / "r.html"
    arguments = ["--until", "1", "--step", "0.25", "--out", str(out), "--plot", str(page)]
    assert main(["fmu", "run", str(exchange["Relay"]), *arguments]) == 0
    table = parquet.read_table(out).to_pydict()
    assert list(table) == ["time", "x", "switched"]
    assert table["time"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert page.read_text().count("<svg") == 2


def test_invalid_xml_stops_unless_it_is_told_not_to(
    exchange: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.fmu"
    with zipfile.ZipFile(exchange["Dahlquist"]) as old, zipfile.ZipFile(wrong, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "modelDescription.xml":
                data = data.replace(b'variability="fixed"', b'variability="sometimes"')
            new.writestr(name, data)
    assert main(["fmu", "run", str(wrong), "--until", "1"]) == 1
    assert "modelDescription.xml:" in capsys.readouterr().err
    assert main(["fmu", "run", str(wrong), "--until", "1", "--no-validate"]) == 0
    captured = capsys.readouterr()
    assert "sometimes" in captured.err
    assert captured.out.startswith("time,x\n")


def test_info_shows_terminals_icon_aliases_ranges_and_clocks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Arrays", "Clocked"):
        assert main(["fmu", "build", str(FEATURES / name), "-o", str(tmp_path / f"{name}.fmu")]) == 0
    capsys.readouterr()
    assert main(["fmu", "info", str(tmp_path / "Arrays.fmu")]) == 0
    out = capsys.readouterr().out
    for words in ("icon: terminalsAndIcons/icon.svg", "matrices (bus, org.example.matrix): in = u, out = y",
                  "u = matrix", "Float64[2 x #1]", "1 .."):  # fmt: skip
        assert words in out
    assert main(["fmu", "info", str(tmp_path / "Clocked.fmu"), "--format", "json"]) == 0
    clocks = {v["name"]: v["clock"] for v in json.loads(capsys.readouterr().out)["variables"] if v["clock"]}
    assert clocks["period"] == {"intervalVariability": "constant", "interval": 0.1, "shift": 0.05}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_fmu_for_another_processor_is_built_with_ziglang(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ziglang")
    out = tmp_path / "x.fmu"
    arguments = ["fmu", "build", str(library_source("TankLevel")), "-o", str(out), "--target", "aarch64-linux"]
    assert main(arguments) == 0
    first = out.read_bytes()
    with zipfile.ZipFile(out) as packed:
        binary = packed.read("binaries/aarch64-linux/TankLevel.so")
    # ELF, 64 bits, machine 183: AArch64
    assert (binary[:5], int.from_bytes(binary[18:20], "little")) == (b"\x7fELF\x02", 183)
    assert main(arguments) == 0
    assert out.read_bytes() == first
    assert main([*arguments[:-1], "vax-vms"]) == 5
    assert "x86_64-windows" in capsys.readouterr().err


def test_progress_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.1, 0.5, 0.9])
    monkeypatch.setattr(fmu_run.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("CI", raising=False)
    shown = fmu_run.Progress(0.0, 100.0)
    for time_s in (10.0, 50.0):
        shown.at(time_s, [])
    shown.end()
    assert capsys.readouterr().err == "\r 50%  t = 50 s  100 x real time \n"
    monkeypatch.setenv("CI", "true")
    hidden = fmu_run.Progress(0.0, 100.0)
    hidden.at(50.0, [])
    hidden.end()
    assert capsys.readouterr().err == ""
