"""Bubblewrap around a worker: what an FMU cannot do in it, and that crashes and hangs are told as without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dtdl.errors import StepFailed
from fmu import sandbox
from fmu.system import System
from fmu.worker import Worker, WorkerLimits

needs_it = pytest.mark.skipif(bool(sandbox.why_not()), reason=sandbox.why_not() or "it works")
TRY = """
import json, os, socket, sys
def tried(does):
    try:
        does()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps({
    "elsewhere": tried(lambda: open(sys.argv[1], "w")),
    "own": tried(lambda: open("own.txt", "w")),
    "network": tried(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 1)),
    "others": [name for name in os.listdir("/proc") if name.isdigit() and name == sys.argv[3]],
}))
"""


@needs_it
def test_a_wrapped_program_writes_to_its_folder_only_and_reaches_nobody(tmp_path: Path) -> None:
    import os
    import socket

    own, other = tmp_path / "own", tmp_path / "other.txt"
    own.mkdir()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        command = [sys.executable, "-c", TRY, str(other), str(port), str(os.getpid())]
        done = subprocess.run(sandbox.wrapped(command, own), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["elsewhere"] == "OSError"
    assert found["own"] == "done"
    assert found["network"] != "done"
    assert not other.exists()
    assert (own / "own.txt").exists()


@needs_it
def test_a_crash_in_the_sandbox_names_its_signal(fmus: Path) -> None:
    system = System.of(fmus / "Rogue.fmu", start={"mode": 1.0}, outputs=["out"])
    with Worker(system, limits=WorkerLimits(sandbox=True)) as worker, pytest.raises(StepFailed, match="SIGSEGV"):
        worker.step(1.0, [])


@needs_it
def test_a_hang_in_the_sandbox_is_ended(fmus: Path) -> None:
    system = System.of(fmus / "Rogue.fmu", start={"mode": 2.0}, outputs=["out"])
    limits = WorkerLimits(sandbox=True, call_s=0.5)
    with Worker(system, limits=limits) as worker:
        folder = worker._folder
        with pytest.raises(StepFailed, match="did not return"):
            worker.step(1.0, [])
    assert folder is not None
    assert not folder.exists()


def test_without_bubblewrap_a_worker_runs_all_the_same(fmus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    sandbox._tried.cache_clear()
    try:
        assert sandbox.why_not() == "bubblewrap is not installed"
        system = System.of(fmus / "Echo.fmu")
        with Worker(system, limits=WorkerLimits(sandbox=True)) as worker:
            assert worker.step(1.0, []) == []
    finally:
        sandbox._tried.cache_clear()
