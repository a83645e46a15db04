"""What a new user runs first: ``megatwin demo``, in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import NotReady
from interop.cli import demo
from interop.values import parse_time
from tests.e2e.harness import ROOT, Megatwin, children_of, environment, megatwin, wait_until

pytestmark = pytest.mark.xdist_group("demo")  # the demo would like ports that are known

TWINS = {"site": "mega-twin", "cabinet": "twin", "cooling": "twin", "room": "simulation"}
LIVE = ("site/totalPower", "cabinet/paTemperature", "cooling/supplyTemperature", "room/temperature", "room/heatLoad")
PORTS = (8080, 4850, 4841, 4842)


def in_folder(folder: Path) -> list[int]:
    """Processes that work below a folder, though it may be gone."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().as_posix().startswith(str(folder)):
                found.append(int(entry.name))
    return found


def lines_of(running: Megatwin) -> list[dict[str, Any]]:
    found = []
    with suppress(queue.Empty):
        while True:
            found.append(json.loads(running.lines.get_nowait()))
    return found


def temporary(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder, environment() | {"TMPDIR": str(folder)}


def test_the_demo_gives_a_json_line_a_second_for_each_twin_and_ends_by_itself(tmp_path: Path) -> None:
    folder, env = temporary(tmp_path)
    with megatwin("demo", "--for", "6", "--format", "json", cwd=tmp_path, env=env) as running:
        assert running.process.wait(60) == 0, "\n".join(running.said)
        running.stop()
        lines = lines_of(running)
        session = running.process.pid
    assert {line["twin"] for line in lines} == set(TWINS)
    assert sum(line["twin"] == "site" for line in lines) >= 4
    last = {line["twin"]: line for line in lines}
    assert {name: line["kind"] for name, line in last.items()} == TWINS
    for line in lines:
        for value in line["values"].values():
            assert {"value", "unit", "status", "sourceTime", "source"} <= set(value)
    values = {f"{twin}/{path}": value for twin, line in last.items() for path, value in line["values"].items()}
    for point in LIVE:
        assert values[point]["status"] == "Good", (point, values[point])
        assert isinstance(values[point]["value"], float)
        assert parse_time(values[point]["sourceTime"])
    assert {point: values[point]["unit"] for point in LIVE[:3]} == {
        "site/totalPower": "kilowatt",
        "cabinet/paTemperature": "degreeCelsius",
        "cooling/supplyTemperature": "degreeCelsius",
    }
    assert [values[point]["source"] for point in LIVE] == ["roll-up", "aurora", "borealis", "thermal", "connection"]
    watts = sum(values[f"{twin}/power"]["value"] for twin in ("cabinet", "cooling", "room"))
    assert values["site/totalPower"]["value"] == pytest.approx(watts / 1000, rel=0.2)
    assert children_of(session) == []
    assert in_folder(folder) == []
    assert list(folder.iterdir()) == []


def test_ctrl_c_ends_the_demo_and_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    folder, env = temporary(tmp_path)
    with megatwin("demo", cwd=tmp_path, env=env) as running:
        wait_until(lambda: "thermal up" in "\n".join(running.said), 40, "the demo runs")
        session = running.process.pid
        assert len(in_folder(folder)) >= 2
        assert running.stop(signal.SIGINT) == 130
        assert children_of(session) == []
        wait_until(lambda: in_folder(folder) == [], 5, "no plant is left")
        assert list(folder.iterdir()) == []
        assert "Traceback" not in "\n".join(running.said)


def test_a_killed_demo_takes_its_plants_with_it(tmp_path: Path) -> None:
    folder, env = temporary(tmp_path)
    with megatwin("demo", "--set", "serve.opcua=127.0.0.1:0", cwd=tmp_path, env=env) as running:
        wait_until(lambda: "thermal up" in "\n".join(running.said), 40, "the demo runs")
        session = running.process.pid
        running.stop(signal.SIGKILL)
        wait_until(lambda: in_folder(folder) == [] and children_of(session) == [], 10, "nothing is left")


def holds(blocker: socket.socket, port: int) -> bool:
    """Takes a port, if no other test has it now."""
    try:
        blocker.bind(("127.0.0.1", port))
    except OSError:
        return False
    blocker.listen()
    return True


def test_the_demo_takes_other_ports_where_its_own_are_taken(tmp_path: Path) -> None:
    _, env = temporary(tmp_path)
    with ExitStack() as stack:
        for port in PORTS:
            blocker = stack.enter_context(socket.socket())
            blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            wait_until(lambda blocker=blocker, port=port: holds(blocker, port), 60, f"port {port} is ours")
        running = stack.enter_context(megatwin("demo", "--format", "json", cwd=tmp_path, env=env))
        wait_until(lambda: running.value("site/totalPower")["status"] == "Good", 40, "the whole is good")
        said = "\n".join(running.said)
        assert running.url
        assert running.opcua
        assert not [port for port in PORTS if f":{port}" in said]
        assert running.stop() == 130


def test_a_plant_whose_port_is_taken_while_it_starts_gets_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_port", lambda wanted: wanted)  # as if it had been free when it was looked at
    with socket.create_server(("127.0.0.1", 0)) as blocker:
        taken = blocker.getsockname()[1]
        script = ROOT / "examples" / "two-vendors" / "plant" / "borealis.py"
        with demo._running(demo.Plant("borealis", "opcua", str(script), (), taken), tmp_path) as plant:
            setting = plant.setting()
    assert setting.startswith("sources.borealis.opcua=opc.tcp://127.0.0.1:")
    assert not setting.endswith(f":{taken}")
    assert setting.split("=")[1] in capsys.readouterr().err


def script(folder: Path, text: str) -> demo.Plant:
    (folder / "plant.py").write_text(text, "utf-8")
    return demo.Plant("x", "opcua", "plant.py", (), 0)


def test_a_plant_that_ends_at_once_is_tried_twice_and_says_why(tmp_path: Path) -> None:
    text = "import sys\nopen('tries', 'a').write('x')\nprint('noise', file=sys.stderr)\nsys.exit('the valve sticks')\n"
    with (
        demo._running(script(tmp_path, text), tmp_path) as plant,
        pytest.raises(NotReady, match=r"^the plant plant\.py ended with code 1: the valve sticks"),
    ):
        plant.setting()
    assert (tmp_path / "tries").read_text("utf-8") == "xx"


def test_a_plant_that_stays_silent_is_told_from_one_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_READY_S", 1.5)
    with (
        demo._running(script(tmp_path, "import sys\nsys.stdin.read()\n"), tmp_path) as plant,
        pytest.raises(NotReady, match=r"^the plant plant\.py did not start within 1\.5 s\n"),
    ):
        plant.setting()


@pytest.mark.parametrize("plants", [1, 2])
def test_sigterm_before_anything_runs_leaves_no_process_and_no_folder(tmp_path: Path, plants: int) -> None:
    folder, env = temporary(tmp_path)
    with megatwin("demo", cwd=tmp_path, env=env) as running:
        session = running.process.pid
        wait_until(lambda: len(in_folder(folder)) >= plants, 40, "the plants start")
        assert running.stop(signal.SIGTERM) == 0
        assert children_of(session) == []
        assert in_folder(folder) == []
        assert list(folder.iterdir()) == []
        assert "Traceback" not in "\n".join(running.said)


def test_an_unknown_example_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with megatwin("demo", "missing", cwd=tmp_path) as running:
        assert running.process.wait(20) == 2
        running.stop()
        assert running.said == ["megatwin: there is no example 'missing' with plants", "  Use one of: two-vendors."]


def test_make_demo_shows_a_table_of_every_twin(tmp_path: Path) -> None:
    folder, env = temporary(tmp_path)
    env = {name: value for name, value in env.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    done = subprocess.run(
        ["make", "-s", "demo", "FOR=5", *own_environment(tmp_path)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "REST     http://127.0.0.1:" in done.stderr
    assert "OPC UA   opc.tcp://127.0.0.1:" in done.stderr
    table = done.stdout.split("\n\n")[-2].splitlines()
    assert table[0].split() == ["twin", "value", "unit", "status", "age", "source"]
    for twin, kind in TWINS.items():
        assert any(line.startswith(f"{twin} ({kind})") for line in table)
    (total,) = (line.split() for line in table if "totalPower" in line)
    assert (total[-5], total[-4], total[-1]) == ("kilowatt", "Good", "roll-up")
    assert any(line.split()[-1] == "aurora" and "degreeCelsius" in line for line in table)
    assert list(folder.iterdir()) == []


def own_environment(tmp_path: Path) -> list[str]:
    """Settings of make by which it takes this Python for its environment, made and current already."""
    binaries = tmp_path / "environment" / "bin"
    binaries.mkdir(parents=True)
    command = binaries / "megatwin"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m megatwin "$@"\n', "utf-8")
    command.chmod(0o755)
    (binaries / ".runtime").touch()
    os.utime(binaries / ".runtime")
    return [f"VENV={binaries.parent}"]
