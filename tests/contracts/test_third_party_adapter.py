"""An adapter in a package of its own is found, checked, run, and keeps the contract; built-in names stay ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import pytest

from dtdl.errors import InteropError
from interop import registry
from interop.memory import MemoryAdapter
from interop.ports import Source
from tests.contracts.adapter_suite import AdapterContract, Bench, ObservesContract, binding

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "third_party_adapter"

MODEL = {
    "@context": "dtmi:dtdl:context;4",
    "@id": "dtmi:test:Belt;1",
    "@type": "Interface",
    "contents": [
        {"@type": "Telemetry", "name": "speed", "schema": "double"},
        {"@type": "Property", "name": "goal", "schema": "double", "writable": True},
        {"@type": "Command", "name": "stop"},
    ],
}
FILE = """megatwin: 1
models: [models/]
sources:
  hall: {jsonfile: hall.json, every_s: 0.02}
twins:
  belt:
    model: "dtmi:test:Belt;1"
    bind:
      hall:
        map: {speed: v, goal: {key: g}}
"""
LIVE = """
import asyncio, json, sys
from pathlib import Path
import megatwin

async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)

async def main(folder):
    file = folder / "hall.json"
    async with megatwin.open(folder / "megatwin.yaml") as running:
        belt = lambda: running.runtime.graph.twins["belt"]
        speed = lambda: belt().cells.get(("speed",))
        await until(lambda: running.runtime.health().sources[0].state == "down")
        file.write_text(json.dumps({"v": 4.5, "g": 1}))
        await until(lambda: speed() and speed().value == 4.5)
        print(speed().status, speed().source, belt().contents["goal"])
        file.unlink()
        await until(lambda: speed().status == "BadNoCommunication")
        file.write_text(json.dumps({"v": 5.5}))
        await until(lambda: speed().status == "Good")
        print(speed().value, belt().cells[("goal",)].status)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    offline = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, PACKAGE], check=True)
    return target


def project(folder: Path, text: str = FILE) -> Path:
    (folder / "models").mkdir()
    (folder / "models" / "belt.json").write_text(json.dumps(MODEL), "utf-8")
    (folder / "megatwin.yaml").write_text(text, "utf-8")
    return folder


def run(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_package_of_its_own_is_found_by_its_entry_point(installed: Path) -> None:
    found = run(installed, "-c", "from interop import registry as r; print(*r.kinds(), r.adapter('jsonfile').__name__)")
    assert found.stdout.split() == [*registry.BUILT_IN, "jsonfile", "JsonFileAdapter"], found.stderr


def test_its_values_live(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "-c", LIVE, project(tmp_path))
    assert done.stdout.splitlines() == ["Good hall 1.0", "5.5 BadNodeIdUnknown"], done.stderr


def test_its_settings_are_checked_with_the_file(installed: Path, tmp_path: Path) -> None:
    file = project(tmp_path) / "megatwin.yaml"
    right = run(installed, "-m", "megatwin", "check", file)
    assert right.returncode == 0, right.stdout + right.stderr
    file.write_text(
        FILE.replace("hall.json, every_s: 0.02", "none/hall.json, every_s: -1, evry: 2").replace("key: g", "kye: g"),
        "utf-8",
    )
    wrong = run(installed, "-m", "megatwin", "check", file, "--format", "json")
    assert wrong.returncode == 1
    found = [(one["rule"], one["location"]["line"]) for one in json.loads(wrong.stdout)["diagnostics"]]
    assert found == [("JSONFILE01", 4), ("MT109", 4), ("MT106", 4), ("MT106", 10)], wrong.stdout


def test_what_it_cannot_do_is_found_when_the_file_is_checked(installed: Path, tmp_path: Path) -> None:
    text = FILE.replace("{key: g}", "{key: g, write: true}") + "        commands: {stop: s}\n"
    found = run(installed, "-m", "megatwin", "check", project(tmp_path, text) / "megatwin.yaml", "--format", "json")
    assert found.returncode == 1
    rules = {item["rule"]: item["location"]["line"] for item in json.loads(found.stdout)["diagnostics"]}
    assert rules == {"MT142": 10, "MT149": 11}, found.stdout


def register(site: Path, package: str, entry: str) -> None:
    """What an installer leaves behind."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{entry}\n", "utf-8")


def test_a_built_in_name_cannot_be_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(tmp_path, "thief", "memory = thief:Thief")
    (tmp_path / "thief.py").write_text("raise SystemExit('it was imported')\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert registry.adapter("memory") is MemoryAdapter
    assert registry.kinds() == list(registry.BUILT_IN)


@pytest.mark.parametrize(
    ("entry", "module"),
    [
        ("broken = broken_one:Missing", "x = 1"),
        ("broken = broken_two:Thing", "import no_such_module"),
        ("broken = broken_three:Thing", "class Thing: pass"),
    ],
)
def test_a_package_that_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, module: str
) -> None:
    register(tmp_path, "broken", entry)
    (tmp_path / f"{entry[9:].partition(':')[0]}.py").write_text(module, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InteropError, match="broken"):
        registry.adapter("broken")


class JsonFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = "{}"

    async def feed(self, name: str, value: float) -> None:
        self.text = json.dumps({name: value})
        self.path.write_text(self.text)

    async def cut(self) -> None:
        self.path.unlink()

    async def restore(self) -> None:
        self.path.write_text(self.text)


class TestJsonFileAdapter(AdapterContract, ObservesContract):
    @pytest.fixture
    async def bench(self, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
        monkeypatch.syspath_prepend(str(installed))
        foreign = import_module("megatwin_jsonfile")
        bindings = [binding("level", foreign.JsonFileAddress(key="level"))]
        settings = foreign.JsonFileSettings(jsonfile="values.json", every_s=0.01)
        plant = JsonFile(tmp_path / "values.json")
        await plant.restore()
        async with foreign.JsonFileAdapter(
            Source(name="hall", settings=settings, bindings=bindings, base=str(tmp_path))
        ) as adapter:
            yield Bench(adapter, plant, [one.point for one in bindings])
