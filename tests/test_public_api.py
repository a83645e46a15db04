"""What the four packages show, that it costs nothing to import, and that the front door opens."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_origin

import pytest

import megatwin
from dtdl.errors import ConfigInvalid, InputUnreadable, ModelInvalid
from interop.service import Caller
from tests.interop.runtime_bench import FILE, MODELS, write_project

ROOT = Path(__file__).parents[1]
OURS = ("dtdl", "fmu", "interop", "megatwin")
HEAVY = {"asyncio", "asyncua", "click", "fmpy", "httpx", "numpy", "pydantic", "rdflib", "rich", "starlette", "yaml"}

PUBLIC = {
    "dtdl": [
        "About", "Diagnostic", "Dtmi", "Element", "GivenLink", "Interface", "Location", "Model", "Quantity", "Severity",
        "Types", "Unit", "about", "check", "compile", "converter", "convertible", "dump", "dumps", "equal",
        "from_pydantic", "parse",
        "parse_unit", "unit",
    ],
    "fmu": [
        "Adaptive", "Algorithm", "Connection", "Connector", "Description", "Ensemble", "Linear", "Lookup", "Options",
        "Part", "Port", "Result", "Scenario", "Solver", "System", "Variable", "Worker", "WorkerLimits", "build",
        "library_fmu", "library_names", "read_description", "simulate", "simulate_system", "to_interface", "unpack",
    ],
    "interop": [
        "Adapter", "AsyncClient", "Binding", "Browses", "Caller", "Calls", "Client", "Configuration", "Description",
        "Direction", "Event", "Found", "LinkEvent", "Observed", "Observes", "Point", "Reading", "Remembers", "Running",
        "Runtime", "Sample", "Source", "Status", "TwinService", "Value", "WriteResult", "Writes", "connect", "load",
        "running",
    ],
    "megatwin": [
        "AsyncClient", "Caller", "Client", "Diagnostic", "Location", "MegatwinError", "Point", "Running", "Status",
        "Types", "check", "compile", "connect", "open",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_the_public_names_are_these(name: str) -> None:
    module = importlib.import_module(name)
    assert sorted(module.__all__) == PUBLIC[name]
    assert dir(module) == PUBLIC[name]
    for public in PUBLIC[name]:
        assert getattr(module, public) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


@pytest.mark.parametrize("name", OURS)
def test_what_is_visible_is_what_is_named(name: str) -> None:
    module = importlib.import_module(name)
    seen = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and not isinstance(value, ModuleType)
        and str(getattr(value, "__module__", "")).partition(".")[0] in OURS
    }
    assert seen <= set(PUBLIC[name])


@pytest.mark.parametrize("name", OURS)
def test_every_public_callable_says_what_it_gives(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for public in PUBLIC[name]:
        value = getattr(module, public)
        if get_origin(value) is not None or not callable(value):
            continue  # a type alias
        assert inspect.getdoc(value), public
        if not inspect.isclass(value):
            continue
        for member, found in inspect.getmembers(value, inspect.isfunction):
            if not member.startswith("_") and found.__module__.partition(".")[0] in OURS:
                assert inspect.getdoc(getattr(value, member)), f"{public}.{member}"


@pytest.mark.parametrize("name", OURS)
def test_importing_a_package_imports_nothing_heavy(name: str) -> None:
    code = f"import sys, {name}; dir({name}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_the_front_door_is_small() -> None:
    assert len((ROOT / "megatwin" / "__init__.py").read_text("utf-8").splitlines()) <= 80


def test_check_gives_the_findings_of_every_kind_of_file(tmp_path: Path) -> None:
    file = write_project(tmp_path)
    assert megatwin.check(file) == []
    file.write_text(FILE.replace("model: dtmi:test:Station;1", "modl: dtmi:test:Station;1"), "utf-8")
    found = megatwin.check([str(tmp_path)])
    assert found
    assert all(isinstance(one, megatwin.Diagnostic) for one in found)
    assert {one.location.file for one in found if one.location} == {str(file)}
    with pytest.raises(InputUnreadable):
        megatwin.check("no/such/path")


def test_compile_gives_typed_classes(tmp_path: Path) -> None:
    write_project(tmp_path)
    types = megatwin.compile(tmp_path / "models")
    assert isinstance(types, megatwin.Types)
    pump = types["dtmi:test:Pump;1"].model_validate({"goal": 20.5})
    assert pump.goal == 20.5
    (tmp_path / "models" / "more.json").write_text(json.dumps({**MODELS[0], "contents": [{"@type": "Property"}]}))
    with pytest.raises(ModelInvalid):
        megatwin.compile([tmp_path / "models"])


async def test_open_runs_a_file_and_connect_talks_to_it(tmp_path: Path) -> None:
    file = write_project(tmp_path)
    overrides = {"serve": {"http": "127.0.0.1:0"}, "data": "elsewhere", "sources.west.initial.power": 2.5}
    async with megatwin.open(file, **overrides) as running:
        assert isinstance(running, megatwin.Running)
        await running.runtime.wait_until_up(10)
        await running.runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "here"}], Caller("client:test"))
        assert running.rest is not None
        async with megatwin.connect(running.rest.url) as twins:
            assert isinstance(twins, megatwin.AsyncClient)
            assert (await twins.get("p1"))["note"] == "here"
            about = await twins.about("station")
            assert about.kind == "mega-twin"
    assert (tmp_path / "elsewhere").is_dir()


async def test_open_gives_every_finding_before_anything_runs(tmp_path: Path) -> None:
    file = write_project(tmp_path)
    with pytest.raises(ConfigInvalid):
        async with megatwin.open(file, nonsense=1):
            pass
    assert {name for _, names, _ in os.walk(tmp_path) for name in names} == {"models"}
