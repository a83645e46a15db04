"""The algorithms: the compiled loop gives the bits of the Python loop; errors fall with the order; loops close."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu.system import Adaptive, Algorithm, Connection, Connector, Linear, Part, Port, System
from fmu.worker import Worker, WorkerLimits

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("MEGATWIN_LONG", "0")) * 2000 or 150


def test_random_systems_give_the_same_bytes_in_both_loops(fmus: Path, reference_fmus_of: dict[str, Path]) -> None:
    names = ("Feedthrough1", "Feedthrough2", "Feedthrough3", "VanDerPol2", "VanDerPol3")
    paths = [fmus / "Integrator.fmu", fmus / "Gain.fmu", *(reference_fmus_of[name] for name in names)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "fmu" / "oracle.py"), "0", str(SEEDS), *map(str, paths)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.endswith("same")] == []
    assert len(lines) == SEEDS
    kinds = Counter(tuple(line.split()[1:3]) for line in lines)
    assert kinds["compiled", "ran"] > SEEDS // 3


def circle(fmus: Path, *, own_step_s: float | None = None) -> System:
    """Two integrators in a ring, x' = y and y' = -x; x is the cosine."""
    return System(
        name="circle",
        parts=(
            Part(name="x", fmu=fmus / "Integrator.fmu", start={"x": 1.0}, step_s=own_step_s),
            Part(name="y", fmu=fmus / "Integrator.fmu", step_s=own_step_s),
        ),
        connections=(
            Connection(source=Port("y", "x"), target=Port("x", "u")),
            Connection(source=Port("x", "x"), target=Port("y", "u"), transformation=Linear(factor=-1.0)),
        ),
        outputs=(Connector(name="x", port=Port("x", "x")),),
    )


def error_at_one(system: System, algorithm: Algorithm, step_s: float) -> float:
    with Worker(system, algorithm=algorithm) as worker:
        rows = list(worker.run(step_s, round(1 / step_s)))
    assert rows[-1][0] == pytest.approx(1.0)
    return abs(rows[-1][1][0] - math.cos(1.0))


@pytest.mark.parametrize(
    ("algorithm", "order"),
    [
        (Algorithm(), 1),
        (Algorithm(extrapolation=1), 2),
        # the first step has no past to extrapolate from, and its error stays
        (Algorithm(extrapolation=2), 2),
        (Algorithm(loops="fixed-point", extrapolation=2), 3),
        (Algorithm(master="gauss-seidel", extrapolation=1), 2),
        (Algorithm(loops="fixed-point"), 1),
        (Algorithm(loops="fixed-point", extrapolation=1), 2),
        (Algorithm(loops="newton", extrapolation=2), 3),
    ],
    ids=str,
)
def test_the_error_falls_with_the_order_of_the_algorithm(fmus: Path, algorithm: Algorithm, order: int) -> None:
    system = circle(fmus)
    errors = [error_at_one(system, algorithm, step_s) for step_s in (0.02, 0.01, 0.005)]
    falls = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert all(abs(fall - order) < 0.35 for fall in falls), (errors, falls)


def test_an_adaptive_step_keeps_its_tolerance_with_fewer_steps_where_that_does(fmus: Path) -> None:
    found = {}
    for tolerance in (1e-3, 1e-5):
        adaptive = Adaptive(tolerance=tolerance, least_s=1e-7, most_s=0.5)
        with Worker(circle(fmus), algorithm=Algorithm(extrapolation=1, adaptive=adaptive)) as worker:
            values = worker.step(1.0)
            steps, _ = worker.counts()
        found[tolerance] = (abs(values[0] - math.cos(1.0)), steps)
    assert found[1e-5][0] < found[1e-3][0] < 0.05
    assert found[1e-3][1] < found[1e-5][1]


def test_a_tolerance_that_the_least_step_does_not_reach_is_said(fmus: Path) -> None:
    adaptive = Adaptive(tolerance=1e-9, least_s=0.1, most_s=0.5)
    with (
        Worker(circle(fmus), algorithm=Algorithm(adaptive=adaptive)) as worker,
        pytest.raises(StepFailed, match="times the tolerance with the least step"),
    ):
        worker.step(1.0)


def test_inputs_follow_their_polynomial_at_the_start_of_each_own_step(fmus: Path) -> None:
    """A gain takes no derivatives, so its output is the input at the start of its last own step."""
    system = System(
        name="ramp",
        parts=(Part(name="r", fmu=fmus / "Integrator.fmu", start={"u": 1.0}),
               Part(name="g", fmu=fmus / "Gain.fmu", step_s=0.25)),
        connections=(Connection(source=Port("r", "x"), target=Port("g", "u"), convert_units=False),),
        outputs=(Connector(name="y", port=Port("g", "y")),),
    )  # fmt: skip
    seen = {}
    for order in (0, 1):
        with Worker(system, algorithm=Algorithm(extrapolation=order)) as worker:
            seen[order] = [worker.step(1.0)[0] for _ in range(3)]
    assert seen[0] == [0.0, 1.0, 2.0]
    assert seen[1] == [0.0, 1.75, 2.75]


def ring(fmus: Path, a: float, b: float) -> System:
    """y1 = a y2 + 1, y2 = b y1 + 2."""
    return System(
        name="ring",
        parts=(
            Part(name="one", fmu=fmus / "Gain.fmu", start={"a": a, "b": 1.0}),
            Part(name="two", fmu=fmus / "Gain.fmu", start={"a": b, "b": 2.0}),
        ),
        connections=(
            Connection(source=Port("one", "y"), target=Port("two", "u"), convert_units=False),
            Connection(source=Port("two", "y"), target=Port("one", "u"), convert_units=False),
        ),
        inputs=(Connector(name="a", port=Port("one", "a")),),
        outputs=(Connector(name="1", port=Port("one", "y")), Connector(name="n", port=Port("one", "n"))),
    )


@pytest.mark.parametrize("master", ["jacobi", "gauss-seidel"])
@pytest.mark.parametrize("loops", ["fixed-point", "newton"])
def test_an_algebraic_loop_closes_to_its_solution_in_one_step_of_each_instance(
    fmus: Path, master: str, loops: str
) -> None:
    algorithm = Algorithm(master=master, loops=loops, tolerance=1e-12, iterations=200)
    with Worker(ring(fmus, 0.5, -0.8), algorithm=algorithm) as worker:
        values = worker.step(1.0, [-0.25])
        _, repeats = worker.counts()
    # the second value counts the steps that one instance has made
    assert values == [pytest.approx((1 - 0.25 * 2) / (1 - 0.25 * 0.8), rel=1e-11), 1.0]
    assert repeats > 0


def test_a_loop_without_end_is_named(fmus: Path) -> None:
    with pytest.raises(StepFailed, match="the loop of one, two did not agree within 50 iterations of its initial"):
        Worker(ring(fmus, 3.0, 2.0), algorithm=Algorithm(loops="fixed-point")).start()


def test_fmus_that_cannot_go_back_are_named_before_anything_runs(fmus: Path) -> None:
    rogue = fmus / "Rogue.fmu"
    system = System(
        name="stuck",
        parts=(Part(name="a", fmu=rogue), Part(name="b", fmu=rogue)),
        connections=(
            Connection(source=Port("a", "out"), target=Port("b", "mode")),
            Connection(source=Port("b", "out"), target=Port("a", "mode")),
        ),
    )
    worker = Worker(system, algorithm=Algorithm(loops="newton"))
    with pytest.raises(FmuError, match=r"cannot save their state: a \(Rogue.fmu\), b \(Rogue.fmu\)"):
        worker.start()
    assert worker.pid is None


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        (Algorithm(master="backwards"), "master 'backwards'"),
        (Algorithm(loops="endless"), "loops 'endless'"),
        (Algorithm(extrapolation=3), "extrapolation 3"),
        (Algorithm(relaxation=0.0), "relaxation 0"),
        (Algorithm(iterations=0), "iterations 0"),
        (Algorithm(adaptive=Adaptive(tolerance=0.1, least_s=0.0, most_s=1.0)), "steps from 0 s to 1 s"),
    ],
    ids=str,
)
def test_an_algorithm_that_is_none_is_refused(fmus: Path, algorithm: Algorithm, words: str) -> None:
    with pytest.raises(FmuError, match=f"the algorithm cannot have {words}"):
        Worker(circle(fmus), algorithm=algorithm).start()


def test_a_macro_step_is_a_multiple_of_an_own_step(fmus: Path) -> None:
    with (
        Worker(circle(fmus, own_step_s=0.3)) as worker,
        pytest.raises(FmuError, match="is no multiple of its own step"),
    ):
        worker.step(1.0)


def test_a_saved_state_is_gone_back_to_as_often_as_wanted(fmus: Path) -> None:
    with Worker(circle(fmus), algorithm=Algorithm(extrapolation=2)) as worker:
        for _ in range(5):
            worker.step(0.1)
        number = worker.save()
        first = [worker.step(0.1) for _ in range(5)]
        for _ in range(2):
            worker.restore(number)
            assert [worker.step(0.1) for _ in range(5)] == first
        worker.forget(number)
        with pytest.raises(FmuError, match="no saved state"):
            worker.restore(number)


def test_every_nth_step_is_recorded(fmus: Path) -> None:
    with Worker(circle(fmus)) as worker:
        some = worker.run(0.125, 10, every=4)
        assert [time_s for time_s, _ in some] == [0.5, 1.0]
        assert [time_s for time_s, _ in worker.run(0.125, 3, every=4)] == [1.5]


def among(fmus: Path, mode: float, *, isolate: bool = False) -> System:
    """Ten integrators and, as the sixth, an FMU that fails at 2 s."""
    parts = [Part(name=f"p{k}", fmu=fmus / "Integrator.fmu") for k in range(10)]
    parts[5] = Part(name="p5", fmu=fmus / "Rogue.fmu", start={"mode": mode, "when": 2.0}, isolate=isolate)
    sources = ["out" if k == 5 else "x" for k in range(10)]
    return System(
        name="many",
        parts=parts,
        connections=[
            Connection(source=Port(f"p{k}", sources[k]), target=Port(f"p{k + 1}", "u"))
            for k in range(9) if k != 4
        ],
        outputs=(Connector(name="x", port=Port("p9", "x")), Connector(name="out", port=Port("p5", "out"))),
    )  # fmt: skip


@pytest.mark.parametrize("master", ["jacobi", "gauss-seidel"])
@pytest.mark.parametrize(
    ("mode", "words"),
    [(1, "SIGSEGV"), (2, "did not return"), (3, "SIGABRT"), (4, "code 7"), (5, "SIGABRT"), (6, "the rogue says no")],
    ids=["crash", "hang", "abort", "exit", "memory", "error"],
)
def test_what_fails_inside_the_compiled_loop_is_named_with_call_and_time(
    fmus: Path, master: str, mode: int, words: str
) -> None:
    limits = WorkerLimits(call_s=0.5 if mode == 2 else 30.0, memory_bytes=256 << 20)
    with Worker(among(fmus, mode), algorithm=Algorithm(master=master), limits=limits) as worker:
        assert worker.loop == "compiled"
        with pytest.raises(StepFailed, match=words) as caught:
            worker.run(0.5, 1000)
    assert caught.value.instance.startswith("p5")
    assert (caught.value.call, caught.value.time_s) == ("fmi3DoStep", 2.0)


@pytest.mark.parametrize(
    ("mode", "words"), [(0, ""), (1, "SIGSEGV"), (2, "did not return")], ids=["ok", "crash", "hang"]
)
def test_an_isolated_instance_runs_in_a_process_of_its_own(fmus: Path, mode: int, words: str) -> None:
    limits = WorkerLimits(call_s=0.5)
    with Worker(among(fmus, 0)) as together:
        expected = [values for _, values in together.run(0.5, 8)]
    with Worker(among(fmus, mode, isolate=True), limits=limits) as worker:
        assert worker.loop == "python"
        assert "p5" in worker.why
        if not words:
            assert [values for _, values in worker.run(0.5, 8)] == expected
            return
        with pytest.raises(StepFailed, match=words) as caught:
            worker.run(0.5, 8)
    assert caught.value.instance.startswith("p5")
    assert (caught.value.call, caught.value.time_s) == ("fmi3DoStep", 2.0)


def test_without_a_compiler_the_python_loop_runs_and_says_so(
    fmus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from fmu.kernel import library\n"
        "library.data_dir = lambda _: Path('/nonexistent')\n"
        "library.SOURCE = Path(sys.argv[2]) / 'loop.c'\n"
        "from fmu import archive\n"
        "from fmu.simulation import Place, Simulation\n"
        "from fmu.system import System\n"
        "fmu = Path(sys.argv[1]); folder = archive.unpack(fmu, Path(sys.argv[2]) / 'fmu')\n"
        "facts = Simulation(System.of(fmu, outputs=['x']), Place(folders={fmu: str(folder)})).facts()\n"
        "print(facts.loop, facts.why)\n"
    )
    (tmp_path / "loop.c").write_text("this is no C")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", code, str(fmus / "Integrator.fmu"), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("python the compiled loop")
