"""``megatwin sim`` runs a system structure; ``megatwin check`` knows the files of SSP."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fmu.build import build
from interop.cli import main
from tests.fmu import ssp_files as make

SOURCES = Path(__file__).parents[1] / "fmu" / "sources"
TWO = make.elements(
    make.relay("a", more=make.bindings(make.inline("u Real 3", "k Real 2"))), make.relay("b")
) + make.connections("a/y b/u")


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(SOURCES / "Relay", tmp_path_factory.mktemp("fmu") / "Relay.fmu")


@pytest.fixture
def ssp(relay: Path, tmp_path: Path) -> Path:
    top = '<ssd:DefaultExperiment startTime="0" stopTime="2"/>'
    return make.pack(
        tmp_path / "two.ssp", {"SystemStructure.ssd": make.ssd(TWO, top=top), "resources/Relay.fmu": relay}
    )


def test_a_system_is_run_and_its_outputs_are_written(ssp: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    assert main(["sim", str(ssp), "--step", "0.5", "--variable", "*.y", "--out", str(out)]) == 0
    lines = out.read_text().splitlines()
    assert lines[0] == "time,a.y,b.y"
    assert [line.split(",")[0] for line in lines[1:]] == ["0.0", "0.5", "1.0", "1.5", "2.0"]
    assert lines[-1] == "2.0,6.0,6.0"


def test_without_outputs_of_the_system_those_of_all_fmus_are_recorded(
    ssp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", str(ssp), "--until", "1", "--step", "1"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    names = ["y", "countOut", "flagOut", "stateOut"]
    assert header == ",".join(["time", *(f"{part}.{name}" for part in "ab" for name in names)])
    assert [len(row.split(",")) for row in rows] == [9, 9]


def test_an_output_that_is_not_there_is_named(ssp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(ssp), "--variable", "a.none"]) == 5
    assert "a.none" in capsys.readouterr().err


def test_what_cannot_be_put_together_is_shown_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make.pack(tmp_path / "x.ssp", {"SystemStructure.ssd": make.ssd(TWO)})
    assert main(["sim", str(path)]) == 1
    assert (
        f"{path}/SystemStructure.ssd:3:15: error: source 'resources/Relay.fmu' is not there" in capsys.readouterr().err
    )
    path.write_bytes(b"")
    assert main(["sim", str(path)]) == 1
    assert main(["sim", str(tmp_path / "none.ssp")]) == 2


def test_another_variant_is_run_by_its_name(relay: Path, tmp_path: Path) -> None:
    files = {"SystemStructure.ssd": make.ssd(""), "Two.ssd": make.ssd(TWO), "resources/Relay.fmu": relay}
    path, out = make.pack(tmp_path / "x.ssp", files), tmp_path / "r.csv"
    assert main(["sim", str(path), "--variant", "Two.ssd", "--variable", "b.y", "--out", str(out)]) == 0
    assert out.read_text().endswith("1.0,6.0\n")


def test_the_check_finds_what_is_wrong_in_each_kind_of_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.ssv").write_text(make.values("a Real words"))
    (tmp_path / "b.ssm").write_text(make.entries("a b nothing='1'"))
    (tmp_path / "c.ssb").write_text("<a/>")
    (tmp_path / "d.ssd").write_text(make.ssd("\n<ssd:Wrong/>"))
    make.pack(tmp_path / "e.ssp", {"SystemStructure.ssd": make.ssd("<ssd:Wrong/>")})
    assert main(["check", str(tmp_path), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [(Path(each["location"]["file"]).name, each["rule"], each["location"]["line"]) for each in found] == [
        ("a.ssv", "MT245", 1),
        ("b.ssm", "MT243", 1),
        ("c.ssb", "MT241", 1),
        ("d.ssd", "MT243", 4),
        ("SystemStructure.ssd", "MT243", 3),
    ]


@pytest.mark.parametrize(("name", "code"), [("embrace", 0), ("dcmotor", 0), ("invalidSSD", 1), ("invalidSSM", 1)])
def test_foreign_structures_are_checked(name: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    root = os.environ.get("MEGATWIN_CASES")
    if not root:
        pytest.skip("MEGATWIN_CASES is not set: the system structures are not here")
    assert main(["check", str(Path(root) / "conformance" / "ssp" / name), "--format", "concise"]) == code
    assert ("error" in capsys.readouterr().out) == bool(code)


def test_a_finding_of_two_checks_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.ssv").write_text(make.values("a Real 1 furlong"))
    (tmp_path / "x.ssd").write_text(make.ssd(make.bindings('<ssd:ParameterBinding source="a.ssv"/>')))
    assert main(["check", str(tmp_path), "--format", "concise"]) == 0
    assert capsys.readouterr().out.count("MT249") == 1


@pytest.fixture
def driven(relay: Path, tmp_path: Path) -> Path:
    inside = (
        make.connectors("wanted input Real", "ya output Real", "yb output Real")
        + make.elements(
            make.relay("a", "u input Real", "y output Real"), make.relay("b", "u input Real", "y output Real")
        )
        + make.connections("/wanted a/u", "/wanted b/u", "a/y /ya", "b/y /yb")
    )
    return make.pack(tmp_path / "d.ssp", {"SystemStructure.ssd": make.ssd(inside), "resources/Relay.fmu": relay})


def test_inputs_and_start_values_of_a_system_are_given(driven: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    command = ["sim", str(driven), "--until", "2", "--step", "1", "--set", "b.k=3", "--out", str(out)]
    assert main([*command, "--in", "wanted=1+t", "--algorithm", "gauss-seidel"]) == 0
    assert out.read_text().splitlines() == ["time,ya,yb", "0.0,1.0,3.0", "1.0,1.0,3.0", "2.0,2.0,6.0"]
    facts = json.loads((tmp_path / "r.csv.meta.json").read_text())
    assert facts["algorithm"]["master"] == "gauss-seidel"
    assert facts["inputs"]
    assert main([*command, "--in", "none=1"]) == 2
    assert main([*command, "--set", "k=3"]) == 2
    assert main([*command, "--solver", "rk4"]) == 2


def test_results_are_written_as_parquet_at_the_rate_that_is_asked_for(driven: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "r.parquet"
    command = ["sim", str(driven), "--until", "1", "--step", "0.125", "--every", "2", "--out", str(out)]
    assert main([*command, "--in", "wanted=4"]) == 0
    table = parquet.read_table(out).to_pydict()
    assert table["time"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert table["ya"] == [4.0] * 5


def test_an_algorithm_that_makes_no_sense_is_refused(driven: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(driven), "--relaxation", "2"]) == 5
    assert "relaxation" in capsys.readouterr().err
    assert main(["sim", str(driven), "--adaptive", "1e-3", "0.1", "0.01"]) == 5
    assert "steps from 0.1 s to 0.01 s" in capsys.readouterr().err
