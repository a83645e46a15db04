"""The wheel, installed in a bare environment: no compiler, no checkout, nothing that it does not declare.

The environment's dependencies are links to the distributions of the environment that the tests run in: exactly those
that the wheel's metadata requires, and theirs. So the test needs no registry, runs offline as well as in continuous
integration, and fails when the metadata does not declare what the code imports.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fmu.kernel.library import wheel_name
from fmu.shipped import library_names
from tests.e2e.harness import ROOT

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def requirements(found: Distribution, extras: set[str]) -> list[Requirement]:
    wanted = [Requirement(text) for text in found.requires or ()]
    environments = [{"extra": extra} for extra in (*extras, "")]
    return [one for one in wanted if not one.marker or any(one.marker.evaluate(dict(env)) for env in environments)]


def closure(roots: list[Requirement]) -> list[Distribution]:
    """The distributions that requirements lead to."""
    found: dict[str, Distribution] = {}
    waiting = list(roots)
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        found[name] = distribution(name)
        assert wanted.specifier.contains(found[name].version, prereleases=True), wanted
        waiting += requirements(found[name], wanted.extras)
    return list(found.values())


def link(found: Distribution, target: Path) -> None:
    """Links every top-level module and the metadata of a distribution into a site-packages."""
    for file in found.files or ():
        if file.parts[0] in {"..", "__pycache__"} or file.suffix == ".pth":
            continue
        here = target / file.parts[0]
        if not here.exists():
            here.symlink_to(Path(str(found.locate_file(file.parts[0]))))


class Bare:
    """An environment with the wheel in it, and how to run its command from a folder that knows nothing."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.home = folder / "environment", folder / "home"
        self.home.mkdir()
        venv.create(self.folder, with_pip=False, symlinks=True)
        self.python = self.folder / "bin" / "python"
        (self.site,) = self.folder.glob("lib/python*/site-packages")
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--no-deps", "--no-index", "-q",
             str(wheel)],
            check=True, timeout=60,
        )  # fmt: skip
        with zipfile.ZipFile(wheel) as archive:
            (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        installed = Distribution.at(self.site / Path(metadata).parent)
        for needed in closure(requirements(installed, set())):
            link(needed, self.site)

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.folder / "bin"), "HOME": str(self.home), "LANG": "C.UTF-8"}
        return subprocess.run(
            arguments,
            executable=self.folder / "bin" / arguments[0],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"), wheel)


def test_the_wheel_is_for_one_platform_and_holds_the_data_and_the_built_fmus(wheel: Path) -> None:
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {name.removeprefix("dtdl/_data/") for name in names if name.startswith("dtdl/_data/")}
    built = {f"fmu/kernel/{wheel_name()}", *(f"fmu/library/{name}.fmu" for name in library_names())}
    assert built <= data
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "models", "schemas", "examples"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    assert data - built == set(tracked) - {""}
    others = names - {f"dtdl/_data/{name}" for name in built}
    assert not {name for name in others if "__pycache__" in name or name.endswith((".pyc", ".pem", ".der", ".so"))}
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"dtdl", "fmu", "interop", "megatwin"}
    assert {name.rsplit("/", 1)[1] for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_the_demo_runs_from_the_wheel_without_a_compiler_and_without_the_checkout(bare: Bare) -> None:
    where = bare.run("python", "-c", "import dtdl, fmu, interop, shutil; print(dtdl.__file__, shutil.which('cc'))")
    assert where.stdout.split() == [str(bare.site / "dtdl" / "__init__.py"), "None"], where.stderr
    done = bare.run("megatwin", "demo", "--for", "6", "--format", "json")
    assert done.returncode == 0, done.stderr
    last: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        last[json.loads(line)["twin"]] = json.loads(line)
    assert set(last) == {"site", "cabinet", "cooling", "room"}
    for twin, path in (
        ("site", "totalPower"),
        ("cabinet", "paTemperature"),
        ("cooling", "supplyTemperature"),
        ("room", "temperature"),
    ):
        assert last[twin]["values"][path]["status"] == "Good", last[twin]["values"][path]
    assert not list(bare.home.rglob("*.fmu"))


def test_a_new_project_made_by_the_wheel_has_no_findings(bare: Bare) -> None:
    assert bare.run("megatwin", "init", "mine").returncode == 0
    checked = bare.run("megatwin", "check", "mine")
    assert (checked.returncode, checked.stdout) == (0, "")
    inspected = bare.run("megatwin", "fmu", "run", "library:TankLevel", "--until", "1", "--step", "0.5")
    assert inspected.returncode == 0, inspected.stderr
    assert len(inspected.stdout.splitlines()) == 4


def test_the_environment_of_these_tests_is_bare(bare: Bare) -> None:
    found = bare.run("python", "-c", "import pytest")
    assert "ModuleNotFoundError" in found.stderr
    assert str(ROOT) not in bare.run("python", "-c", "import sys; print(sys.path)").stdout


def test_an_installed_wheel_couples_fmus_in_the_compiled_loop_without_a_compiler(bare: Bare) -> None:
    code = (
        "import fmu\n"
        "room = fmu.library_fmu('RoomThermal')\n"
        "with fmu.Worker(fmu.System.of(room, outputs=['T_room'])) as worker:\n"
        "    print(worker.loop, worker.why, len(worker.step(1.0)))\n"
    )
    done = bare.run("python", "-c", code)
    assert done.stdout.split() == ["compiled", "1"], done.stdout + done.stderr
