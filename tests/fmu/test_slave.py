"""FMPy loads and frees FMUs for us; what it does otherwise than FMI or we want is made good."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu.build import build
from fmu.system import System
from fmu.worker import Worker
from tests.fmu.systems import side_by_side

ROOT = Path(__file__).parents[2]
SOURCES = Path(__file__).parent / "sources"
FMI_1 = """<fmiModelDescription fmiVersion="1.0" modelName="Rogue" modelIdentifier="Rogue" guid="{rogue}"
  numberOfContinuousStates="0" numberOfEventIndicators="0"><ModelVariables>
<ScalarVariable name="mode" valueReference="1" variability="parameter"><Real start="0"/></ScalarVariable>
<ScalarVariable name="when" valueReference="2" variability="parameter"><Real start="0"/></ScalarVariable>
<ScalarVariable name="out" valueReference="3" causality="output"><Real/></ScalarVariable></ModelVariables>
<Implementation><CoSimulation_StandAlone><Capabilities canHandleVariableCommunicationStepSize="true"/>
</CoSimulation_StandAlone></Implementation></fmiModelDescription>"""
FMI_2 = """<fmiModelDescription fmiVersion="2.0" modelName="Rogue" guid="{rogue}">
<CoSimulation modelIdentifier="Rogue" canHandleVariableCommunicationStepSize="true"/><ModelVariables>
<ScalarVariable name="mode" valueReference="1" causality="parameter" variability="fixed"><Real start="0"/>
</ScalarVariable>
<ScalarVariable name="when" valueReference="2" causality="parameter" variability="fixed"><Real start="0"/>
</ScalarVariable>
<ScalarVariable name="out" valueReference="3" causality="output"><Real/></ScalarVariable></ModelVariables>
<ModelStructure><Outputs><Unknown index="3"/></Outputs></ModelStructure></fmiModelDescription>"""


def rogue_of(version: int, folder: Path) -> Path:
    """The rogue in an older version of FMI."""
    source = folder / "source"
    source.mkdir()
    (source / "model.c").write_text((SOURCES / "Rogue" / "model.c").read_text())
    (source / "modelDescription.xml").write_text({1: FMI_1, 2: FMI_2}[version])
    return build(source, folder / "rogue.fmu")


def edited(fmu: Path, name: str, old: str, new: str, target: Path) -> Path:
    """A copy of an FMU with a text of one of its files replaced."""
    with zipfile.ZipFile(fmu) as archive, zipfile.ZipFile(target, "w") as out:
        for entry in archive.infolist():
            data = archive.read(entry)
            if entry.filename == name:
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            out.writestr(entry, data)
    return target


@pytest.mark.parametrize(("version", "call"), [(1, "Rogue_fmiDoStep"), (2, "fmi2DoStep")])
def test_what_an_fmu_of_an_older_version_logs_is_in_the_error_of_its_own_instance(
    version: int, call: str, tmp_path: Path
) -> None:
    fmu = rogue_of(version, tmp_path)
    parts = [(name, fmu, {"mode": mode}, [], ["out"]) for name, mode in (("b", 6.0), ("a", 0.0))]
    with Worker(side_by_side(*parts)) as worker, pytest.raises(StepFailed, match=r"b .*: the rogue says no") as caught:
        worker.step(1.0, [])
    assert (caught.value.instance, caught.value.call) == ("b", call)


@pytest.mark.parametrize(("version", "call"), [(1, "Rogue_fmiInitializeSlave"), (2, "fmi2ExitInitializationMode")])
def test_an_fmu_of_an_older_version_may_refuse_to_start(version: int, call: str, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="mode 9 refuses to start") as caught:
        Worker(System.of(rogue_of(version, tmp_path), start={"mode": 9.0})).start()
    assert caught.value.call == call


def test_the_values_of_a_message_are_filled_in(tmp_path: Path) -> None:
    fmu = rogue_of(2, tmp_path)
    changed = edited(fmu, "sources/cosim.h", '"%s", why', '"%s (%d of %g)", why, 7, 2.5', tmp_path / "changed.fmu")
    built = build(changed, tmp_path / "built.fmu")
    with (
        Worker(System.of(built, start={"mode": 6.0})) as worker,
        pytest.raises(StepFailed, match=r"the rogue says no \(7 of 2\.5\)"),
    ):
        worker.step(1.0, [])


def test_an_fmu_may_lack_a_function_that_is_not_called(fmus: Path, tmp_path: Path) -> None:
    lacking = edited(fmus / "Rogue.fmu", "sources/cosim.h", "fmi3GetClock", "other", tmp_path / "lacking.fmu")
    with Worker(System.of(build(lacking, tmp_path / "r.fmu"), outputs=["out"])) as worker:
        assert worker.step(1.0, []) == [1.0]


@pytest.mark.parametrize("name", ["fmi3InstantiateCoSimulation", "fmi3DoStep", "fmi3GetFloat64", "fmi3FreeInstance"])
def test_an_fmu_that_lacks_a_function_that_is_called_is_refused(fmus: Path, tmp_path: Path, name: str) -> None:
    # in the text that defines numbers' functions, a type is put after the verb
    old = "fmi3Get##type" if name == "fmi3GetFloat64" else name
    lacking = edited(fmus / "Rogue.fmu", "sources/cosim.h", old, old.replace("fmi3", "other"), tmp_path / "lacking.fmu")
    with pytest.raises(FmuError, match=f"lacks the function {name}"):
        Worker(System.of(build(lacking, tmp_path / "r.fmu"), outputs=["out"])).start()


def test_a_binary_that_cannot_be_loaded_is_named(fmus: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.fmu"
    with zipfile.ZipFile(fmus / "Rogue.fmu") as archive, zipfile.ZipFile(broken, "w") as out:
        for entry in archive.infolist():
            out.writestr(entry, b"no library" if entry.filename.endswith(".so") else archive.read(entry))
    with pytest.raises(FmuError, match="its binary cannot be loaded"):
        Worker(System.of(broken, outputs=["out"])).start()


def test_fmpy_is_imported_in_the_worker_only(fmus: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fmu import System, Worker\n"
        f"with Worker(System.of(Path({str(fmus / 'Rogue.fmu')!r}))) as worker:\n"
        "    theirs = 'fmpy/' in Path(f'/proc/{worker.pid}/maps').read_text()\n"
        "print(theirs, 'fmpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
