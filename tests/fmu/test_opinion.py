"""FMPy is asked about an FMU that we find no error in, and about nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dtdl.diagnostic import Severity
from dtdl.errors import ArchiveUnsafe
from fmu.description import FILE_NAME, read_description
from fmu.opinion import second_opinion
from fmu.shipped import library_fmu, library_names
from interop.cli import main

ROOT = Path(__file__).parents[2]


def with_file(fmu: Path, name: str, text: str, target: Path) -> Path:
    """A copy of an FMU with one file of it replaced or added."""
    with zipfile.ZipFile(fmu) as archive, zipfile.ZipFile(target, "w") as out:
        for entry in archive.infolist():
            if entry.filename != name:
                out.writestr(entry, archive.read(entry))
        out.writestr(name, text)
    return target


def described(fmu: Path) -> str:
    with zipfile.ZipFile(fmu) as archive:
        return archive.read(FILE_NAME).decode()


@pytest.mark.parametrize("name", library_names())
def test_shipped_fmus_have_no_findings(name: str) -> None:
    fmu = library_fmu(name)
    assert second_opinion(fmu, read_description(fmu)) == []
    assert main(["fmu", "validate", "--strict", str(fmu)]) == 0


def test_a_finding_has_its_line_and_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = described(library_fmu("RoomThermal")).replace("<DefaultExperiment", '\n<DefaultExperiment colour="red"')
    fmu = with_file(library_fmu("RoomThermal"), FILE_NAME, text, tmp_path / "red.fmu")
    (found,) = second_opinion(fmu, read_description(fmu))
    line = text[: text.index("<DefaultExperiment")].count("\n") + 1
    assert (found.rule, found.severity) == ("MT231", Severity.WARNING)
    assert found.location is not None
    assert (found.location.file, found.location.line) == (f"{fmu}/{FILE_NAME}", line)
    assert found.cause.startswith("FMPy finds: Element 'DefaultExperiment', attribute 'colour'")
    assert main(["fmu", "validate", str(fmu)]) == 0
    assert "MT231" in capsys.readouterr().out
    assert main(["fmu", "validate", "--strict", str(fmu)]) == 1
    capsys.readouterr()
    assert main(["check", "--strict", str(fmu)]) == 0
    assert "MT231" not in capsys.readouterr().out


def test_an_archive_that_unpacking_refuses_is_not_shown_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fmu = with_file(library_fmu("RoomThermal"), "../outside", "x", tmp_path / "climbs.fmu")
    with pytest.raises(ArchiveUnsafe):
        second_opinion(fmu, read_description(library_fmu("RoomThermal")))
    assert main(["fmu", "validate", str(fmu)]) == 1
    out = capsys.readouterr().out
    assert "MT201" in out
    assert "MT231" not in out


def test_an_entity_in_the_build_description_is_not_shown_to_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    text = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]><fmiBuildDescription fmiVersion="&e;"/>'
    fmu = with_file(library_fmu("RoomThermal"), "sources/buildDescription.xml", text, tmp_path / "entity.fmu")
    (found,) = second_opinion(fmu, read_description(fmu))
    assert "DOCTYPE" in found.cause
    assert "hunter2" not in found.cause


def test_a_build_description_that_it_refuses_is_a_finding(tmp_path: Path) -> None:
    fmu = with_file(library_fmu("RoomThermal"), "sources/buildDescription.xml", "<other/>", tmp_path / "other.fmu")
    assert [item.rule for item in second_opinion(fmu, read_description(fmu))] == ["MT231"]


def test_check_does_not_import_fmpy() -> None:
    code = (
        "import sys; from interop.cli import main\n"
        f"code = main(['check', {str(library_fmu('RoomThermal'))!r}])\n"
        "print(code, 'fmpy' in sys.modules, 'lxml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False False"
