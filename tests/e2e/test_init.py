"""``megatwin init``: a new user's own project runs against its own plant."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import environment, free_port, megatwin, run, wait_until


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def mock_plant(project: Path) -> Iterator[str]:
    """The project's plant.py on a free port; gives its address."""
    port = free_port()
    url = f"opc.tcp://127.0.0.1:{port}/plant"
    with subprocess.Popen(
        [sys.executable, "plant.py", url], cwd=project, env=environment(), stdout=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: listens(port), 20, "the plant serves")
            yield url
        finally:
            process.kill()


def test_a_new_project_shows_live_good_values_of_its_plant(tmp_path: Path) -> None:
    made = run("init", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "megatwin up" in made.stderr
    project = tmp_path / "mine"
    assert run("check", ".", cwd=project).returncode == 0
    with mock_plant(project) as url:
        settings = (f"sources.plant.opcua={url}", "serve.http=127.0.0.1:0", "serve.opcua=127.0.0.1:0")
        chosen = [word for setting in settings for word in ("--set", setting)]
        with megatwin("up", "--quiet", *chosen, cwd=project) as running:
            wait_until(lambda: running.value("station/totalPower")["status"] == "Good", 40, "the whole is good")
            first, second = (running.value(f"{tank}/temperature") for tank in ("tank-1", "tank-2"))
            for value in (first, second):
                assert (value["status"], value["unit"], value["source"]) == ("Good", "degreeCelsius", "plant")
            assert second["value"] == pytest.approx(first["value"], abs=2.0)  # the plant gives one in °F
            assert running.value("station/totalPower")["value"] == pytest.approx(4.0)  # W and kW
            wait_until(lambda: running.value("tank-1/temperature")["value"] > first["value"], 10, "it warms up")
            told = run("set", "tank-2/target", "40", "--url", running.url, cwd=tmp_path)
            assert told.returncode == 0, told.stderr
            shown = run("get", "tank-2", "--url", running.url, cwd=tmp_path)
            assert "degreeCelsius" in shown.stdout
            assert running.value("tank-2/target")["value"] == pytest.approx(40.0)
            called = run("call", "tank-1/flush", "--url", running.url, cwd=tmp_path)
            assert called.returncode == 0, called.stderr
            assert running.stop() == 130


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", "utf-8")
    refused = run("init", "mine", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr == "megatwin: mine exists and is not an empty folder\n  Name a new folder.\n"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert run("init", ".", cwd=tmp_path).returncode == 0
    assert (tmp_path / "megatwin.yaml").is_file()
