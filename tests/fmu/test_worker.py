"""A worker survives nothing that its FMU does not survive, and everybody else does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu.build import build
from fmu.shipped import library_fmu
from fmu.system import System
from fmu.worker import Worker, WorkerLimits
from tests.fmu.systems import side_by_side

ROOT = Path(__file__).parents[2]
SOURCES = Path(__file__).parent / "sources"


def rogue(fmus: Path, mode: int, *, when: float = 2.0, limits: WorkerLimits | None = None) -> Worker:
    start = {"mode": float(mode), "when": when}
    return Worker(System.of(fmus / "Rogue.fmu", start=start, outputs=["out"]), limits=limits)


def five_steps(worker: Worker) -> None:
    for _ in range(5):
        worker.step(1.0, [])


def fails(worker: Worker) -> StepFailed:
    """Steps until it fails; the worker has ended then, and left nothing."""
    with worker:
        pid, folder = worker.pid, worker._folder
        with pytest.raises(StepFailed) as caught:
            five_steps(worker)
    assert pid is not None
    assert folder is not None
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()
    return caught.value


@pytest.mark.parametrize(
    ("mode", "words"),
    [(1, "SIGSEGV"), (3, "SIGABRT"), (4, "code 7"), (6, "the rogue says no")],
    ids=["crash", "abort", "exit", "error"],
)
def test_an_fmu_that_fails_is_named_with_its_call_and_time(fmus: Path, mode: int, words: str) -> None:
    error = fails(rogue(fmus, mode))
    assert words in error.message
    assert "Rogue" in error.message
    assert (error.call, error.time_s) == ("fmi3DoStep", 2.0)
    assert error.action


def test_what_a_dying_fmu_printed_is_in_the_error(fmus: Path) -> None:
    assert "the rogue gives up" in fails(rogue(fmus, 3)).message


def test_an_fmu_that_hangs_is_ended_at_its_deadline(fmus: Path) -> None:
    error = fails(rogue(fmus, 2, limits=WorkerLimits(call_s=0.3)))
    assert "did not return" in error.message
    assert (error.call, error.time_s) == ("fmi3DoStep", 2.0)


def test_an_fmu_that_takes_all_memory_is_ended(fmus: Path) -> None:
    error = fails(rogue(fmus, 5, limits=WorkerLimits(memory_bytes=128 << 20)))
    assert error.call == "fmi3DoStep"
    assert "SIGABRT" in error.message


def test_an_fmu_that_prints_much_neither_blocks_nor_fills_anything(fmus: Path) -> None:
    with rogue(fmus, 8, when=0) as worker:
        assert worker.step(1.0, []) == [1.0]
        assert len(worker._process.tail.text()) <= 4096


def test_a_refused_initialization_is_named(fmus: Path) -> None:
    with pytest.raises(StepFailed, match="mode 9 refuses to start") as caught:
        rogue(fmus, 9).start()
    assert caught.value.call == "fmi3ExitInitializationMode"


def test_a_failed_worker_says_so_ever_after(fmus: Path) -> None:
    with rogue(fmus, 1, when=0) as worker:
        for _ in range(2):
            with pytest.raises(StepFailed):
                worker.step(1.0, [])


def test_several_instances_share_one_worker() -> None:
    room, tank = library_fmu("RoomThermal"), library_fmu("TankLevel")
    system = side_by_side(
        ("a", room, {"T_start": 25.0}, ["heat_load"], ["T_room"]),
        ("b", room, {}, ["heat_load", "T_ambient"], ["T_room"]),
        ("t", tank, {}, ["inflow"], ["level", "outflow"]),
    )
    with Worker(system) as worker:
        first = worker.step(10.0, [1000.0, 0.0, 30.0, 0.02])
        second = worker.step(10.0, [None, None, None, None])
    assert len(first) == 4
    assert first[0] < second[0]
    assert 20 < first[1] < second[1] < 30
    assert 1 < first[2] < second[2]


def test_a_value_of_another_type_names_the_variable() -> None:
    with (
        Worker(System.of(library_fmu("RoomThermal"), inputs=["heat_load"])) as worker,
        pytest.raises(FmuError, match="heat_load"),
    ):
        worker.step(1.0, ["warm"])


def test_a_variable_that_is_not_there_is_named() -> None:
    with pytest.raises(FmuError, match="no variable 'T_rom'"):
        Worker(System.of(library_fmu("RoomThermal"), outputs=["T_rom"])).start()
    with pytest.raises(FmuError, match="takes no start value"):
        Worker(System.of(library_fmu("RoomThermal"), start={"T_room": 1.0})).start()


def test_secrets_of_our_environment_are_not_shown_to_an_fmu(fmus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANT_PASSWORD", "hunter2")
    with rogue(fmus, 0) as worker:
        shown = Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert b"PATH=" in shown
    assert b"hunter2" not in shown


def test_an_fmu_that_allows_one_instance_only_is_refused_twice(fmus: Path, tmp_path: Path) -> None:
    source = shutil.copytree(SOURCES / "Echo", tmp_path / "Echo")
    text = (source / "modelDescription.xml").read_text()
    once = text.replace("<CoSimulation ", '<CoSimulation canBeInstantiatedOnlyOncePerProcess="true" ')
    (source / "modelDescription.xml").write_text(once)
    built = build(source, tmp_path / "once.fmu")
    with pytest.raises(FmuError, match="only once in a process"):
        Worker(side_by_side(("a", built, {}, [], []), ("b", built, {}, [], []))).start()
    with Worker(System.of(built)):
        pass


PARENT = """
import sys, time
from pathlib import Path
from fmu.system import System
from fmu.worker import Worker
worker = Worker(System.of(Path(sys.argv[1]), start={"mode": float(sys.argv[2])}, outputs=["out"]))
worker.start()
print(worker.pid, worker._folder, flush=True)
worker.step(1.0, [])
time.sleep(60)
"""


@pytest.mark.parametrize("mode", [0, 2], ids=["idle", "in a call that hangs"])
def test_a_worker_ends_when_its_parent_is_killed(fmus: Path, mode: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(fmus / "Rogue.fmu"), str(mode)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    assert Path(f"/proc/{pid}").exists()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(pid)
    assert not Path(folder).exists()


def running(pid: str) -> bool:
    """Whether a process is there and no zombie that nobody has asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
