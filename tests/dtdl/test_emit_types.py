"""Emitted modules under the type checkers: mypy strict and pyright strict, with code that uses them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dtdl
from dtdl.compiler.emit import python_text
from tests.dtdl.features import TEXTS

USE = """
from twins import Every, Fan_1, Fan_2, Room, RoomLevel, RoomLoadMessage, RoomMode, RoomMotionMessage, RoomResetRequest
from twins import EveryFans, EveryFindResponse, LINKS, MESSAGES, RoomMotion, RoomResetResponse, RoomServes, Space
from twins import TWINS, Tree

from dtdl import About, about

room = Every(dt_id="r", temperature=3.0, level=RoomLevel.high, mode=RoomMode.on, fan=Fan_1(speed1=1), class_="x")
speed: int | None = room.fan.speed1 if room.fan else None
value: float | None = room.temperature
if room.mode == RoomMode.on:
    print(room.mode.value, room.mode.name)
mode: RoomMode | None = room.mode
match room.level:
    case RoomLevel.low | RoomLevel.high:
        number: int = room.level.value
    case None:
        pass
tree: Tree = Tree(name="a", children=[Tree()])
names: list[str | None] = [child.name for child in tree.children or []]
link = RoomServes(since="2026-01-01", target_id="s")
target: type[Space] = RoomServes.target_class()
fan: type[Fan_2] = EveryFans.target_class()
most: int | None = EveryFans.__multiplicity__.most
motion = RoomMotionMessage(RoomMotion(class_="x"))
seen: str = motion.root.class_
load: float = RoomLoadMessage(3.0).root
delay: str = RoomResetRequest("PT1S").root
done: bool | None = RoomResetResponse(None).root
found: Tree | None = EveryFindResponse(tree).root
known: About = about(Room, "temperature")
counts: tuple[int, int, int] = (len(TWINS), len(LINKS), len(MESSAGES))
"""
MISUSE = {
    "Room(temperature='warm')": "temperature",
    "Room(level=RoomMode.on)": "level",
    "Room().level.nope": "nope",
    "RoomMotionMessage(3)": "RoomMotion",
    "RoomMotion()": "class_",
    "RoomServes(since=3)": "since",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("emitted")
    (made / "twins.py").write_text(python_text(dtdl.compile(dtdl.parse(TEXTS)).planner), "utf-8")
    (made / "use.py").write_text(USE, "utf-8")
    names = "from twins import Room, RoomMode, RoomMotionMessage, RoomMotion, RoomServes\n\n"
    (made / "misuse.py").write_text(names + "\n".join(MISUSE) + "\n", "utf-8")
    return made


def mypy(folder, name):
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", "cache", name],
        cwd=folder, env={**os.environ, "MYPYPATH": str(Path(dtdl.__file__).parents[1])},
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip


def pyright(folder, *names):
    """Gives line and message of each finding of pyright strict."""
    if importlib.util.find_spec("basedpyright") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("basedpyright is not installed: it comes with the extra `check`")
        pytest.skip("basedpyright is not installed: it comes with the extra `check`")
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "include": names}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "basedpyright", "-p", "pyrightconfig.json", "--outputjson"]
    run = subprocess.run(
        [*command, "--pythonpath", sys.executable], cwd=folder, capture_output=True, text=True, timeout=580, check=False
    )
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(names), run.stdout + run.stderr
    return [(one["range"]["start"]["line"], one["message"]) for one in report["generalDiagnostics"]]


def test_the_module_and_its_use_run(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    spec = importlib.util.spec_from_file_location("emitted_use", folder / "use.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.counts == (5, 3, 8)
    assert module.known.display_name == {"en": "Temperature", "de": "Temperatur"}
    assert module.room.document()["fan"] == {"speed1": 1}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_module_is_typed_for_mypy_strict(folder):
    run = mypy(folder, "use.py")
    assert run.returncode == 0, run.stdout + run.stderr
    wrong = mypy(folder, "misuse.py").stdout.splitlines()
    for line, word in enumerate(MISUSE.values(), 3):
        assert any(found.startswith(f"misuse.py:{line}:") and word in found for found in wrong), (line, wrong)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_module_is_typed_for_pyright_strict(folder):
    assert pyright(folder, "twins.py", "use.py") == []
    wrong = pyright(folder, "misuse.py")
    for line, word in enumerate(MISUSE.values(), 2):
        assert any(at == line and word in message for at, message in wrong), (line, wrong)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_large_ontology_is_typed(tmp_path, checker):
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set")
    model = dtdl.parse([Path(cases) / "bench/rec.jsonl"])
    (tmp_path / "twins.py").write_text(python_text(dtdl.compile(model).planner), "utf-8")
    if checker == "pyright":
        assert pyright(tmp_path, "twins.py") == []
    else:
        run = mypy(tmp_path, "twins.py")
        assert run.returncode == 0, run.stdout + run.stderr
