"""A worker answers single steps in the compiled loop, and everything else as before, in whatever order they come."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu.channel import Channel
from fmu.system import Connection, Connector, Lookup, Part, Port, System
from fmu.worker import Worker
from tests.fmu.systems import side_by_side

ROOT = Path(__file__).parents[2]


def test_single_steps_and_other_requests_may_alternate(fmus: Path) -> None:
    system = side_by_side(
        ("e", fmus / "Echo.fmu", {}, ["feed", "goal"], ["level"]), ("i", fmus / "Integrator.fmu", {}, ["u"], ["x"])
    )
    with Worker(system) as worker:
        assert worker.step(1.0, [1.0, 0.0, 2.0]) == [1.0, 2.0]
        assert worker.step(1.0) == [1.0, 4.0]
        assert worker.counts() == (2, 0)
        assert worker.step(0.5, [None, None, 4.0]) == [1.0, 6.0]
        assert [values for _, values in worker.run(0.5, 2)] == [[1.0, 8.0], [1.0, 10.0]]
        assert worker.step(0.5, [3.0, None, None]) == [3.0, 12.0]
        assert worker.reached_s() == pytest.approx(4.0)
        with pytest.raises(FmuError, match="2 values were given for 3 inputs"):
            worker.step(0.5, [1.0, 2.0])
        assert worker.step(0.25, [0.0, 0.0, 0.0]) == [0.0, 12.0]


def test_a_step_that_fails_is_told_and_ends_the_worker(reference_fmus_of: dict[str, Path]) -> None:
    fmu = reference_fmus_of["Feedthrough3"]
    system = System(
        name="table",
        parts=(Part(name="a", fmu=fmu), Part(name="b", fmu=fmu)),
        connections=(
            Connection(
                source=Port("a", "Int32_output"),
                target=Port("b", "Boolean_input"),
                transformation=Lookup(pairs=((0, False),)),
            ),
        ),
        inputs=(Connector(name="i", port=Port("a", "Int32_input")),),
        outputs=(Connector(name="b", port=Port("b", "Boolean_output")),),
    )
    with Worker(system) as worker:
        assert worker.step(0.1, [0]) == [False]
        assert worker.step(0.1, [9]) == [False]
        with pytest.raises(FmuError, match="has no 9"):
            worker.step(0.1, [0])
        with pytest.raises(StepFailed, match="the worker has ended"):
            worker.step(0.1, [0])


def test_an_fmu_that_ends_the_simulation_lets_no_step_follow(
    reference_fmus_of: dict[str, Path], tmp_path: Path
) -> None:
    from tests.fmu.reference.models import make

    stair = make("Stair", 3, tmp_path)
    with Worker(System.of(stair, outputs=["counter"])) as worker:
        steps = 0
        while not worker.ended:
            worker.step(0.2)
            steps += 1
            assert steps < 100
        with pytest.raises(FmuError, match="the simulation has ended"):
            worker.step(0.2)
    assert steps > 10


def test_messages_that_come_together_are_taken_one_by_one() -> None:
    import os

    here, there = os.pipe()
    back, forth = os.pipe()
    channel, other = Channel(here, forth), Channel(back, there)
    try:
        long = bytes(range(256)) * 20_000
        other.send(b"one")
        other.send(b"")
        assert channel.receive() == b"one"
        assert channel.ready(0.0)
        assert channel.receive() == b""
        assert not channel.ready(0.0)
        other.send(b"two")
        assert channel.exchange(b"\x08" + bytes(7) + b"question", 1000.0) == b"\x03" + bytes(7) + b"two"
        assert other.receive() == b"question"
        code = f"import os, struct; d = {len(long)}; os.write(1, struct.pack('<Q', d) + bytes(range(256)) * 20000)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=there):
            assert channel.receive() == long
    finally:
        channel.close()
        other.close()
    with pytest.raises(OSError, match="Bad file"):
        channel.send(b"x")


def test_what_a_run_took_is_given_back(fmus: Path) -> None:
    """The loop, its arrays and its callbacks hold each other; none of them stays when the run is over."""
    code = (
        "import gc, sys, tempfile, weakref; from pathlib import Path\n"
        "from fmu import archive\n"
        "from fmu.simulation import Place, Simulation\n"
        "from fmu.system import System\n"
        "fmu = Path(sys.argv[1]); folder = str(archive.unpack(fmu, Path(tempfile.mkdtemp()) / 'fmu'))\n"
        "gone = []\n"
        "for compiled in (True, False) * 3:\n"
        "    s = Simulation(System.of(fmu, outputs=['x']), Place(folders={fmu: folder}), compiled=compiled)\n"
        "    s.run(0.1, 10, None, 1); s.close()\n"
        "    gone += [weakref.ref(s), weakref.ref(s._loop), weakref.ref(s._instances[0])]\n"
        "    del s\n"
        "gc.collect()\n"
        "print(len(gone), sum(ref() is not None for ref in gone))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(fmus / "Integrator.fmu")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["18", "0"]
