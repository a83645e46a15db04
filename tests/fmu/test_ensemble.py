"""Many runs of one system: order, reuse, failures with their scenario, cancellation, other executors."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu.description import Experiment
from fmu.ensemble import Ensemble, Scenario, draw
from fmu.inputs import Inputs
from fmu.process import WorkerLimits
from fmu.recorder import simulate_system
from fmu.shipped import library_fmu
from fmu.system import Algorithm, Connection, Part, Port, System

SPAN = Experiment(start_s=0.0, stop_s=1.0, step_s=0.25)


@pytest.fixture
def pair(fmus: Path) -> System:
    fmu = fmus / "Integrator.fmu"
    bare = System.of(fmu, outputs=["x"])
    return System(
        name="pair",
        parts=(Part(name="a", fmu=fmu), Part(name="b", fmu=fmu)),
        connections=(Connection(source=Port("a", "x"), target=Port("b", "u")),),
        outputs=tuple(type(bare.outputs[0])(name=name, port=Port(name, "x")) for name in ("a", "b")),
    )


def rogue(fmus: Path) -> System:
    return System.of(fmus / "Rogue.fmu", outputs=["out"])


def modes(*numbers: float) -> list[Scenario]:
    return [Scenario(start={Port("Rogue", "mode"): mode, Port("Rogue", "when"): 0.5}) for mode in numbers]


@pytest.mark.parametrize("master", ["jacobi", "gauss-seidel"])
def test_each_run_is_as_if_it_were_the_only_one_and_the_order_stays(pair: System, master: str) -> None:
    algorithm = Algorithm(master="jacobi" if master == "jacobi" else "gauss-seidel")
    starts = [{Port("a", "u"): float(k), Port("b", "x"): 10.0 * k} if k % 3 else {} for k in range(10)]
    told: list[tuple[int, int]] = []
    found = Ensemble(pair, experiment=SPAN, algorithm=algorithm, every=1).run(
        [Scenario(start=start) for start in starts], workers=2, chunk=2, progress=lambda *now: told.append(now)
    )
    assert told[-1] == (10, 10)
    for start, outcome in zip(starts, found, strict=True):
        assert outcome.scenario.start == start
        parts = tuple(
            replace(part, start={port.variable: value for port, value in start.items() if port.part == part.name})
            for part in pair.parts
        )
        alone = simulate_system(replace(pair, parts=parts), experiment=SPAN, algorithm=algorithm)
        assert outcome.result is not None
        assert (list(outcome.result.time_s), outcome.result.rows) == (list(alone.time_s), alone.rows)


def test_by_default_the_first_and_the_last_row_are_kept(pair: System) -> None:
    (outcome,) = Ensemble(pair, experiment=Experiment(stop_s=1.1, step_s=0.25)).run([Scenario()], workers=1)
    assert outcome.result is not None
    assert list(outcome.result.time_s) == pytest.approx([0.0, 1.1])


@pytest.mark.parametrize(("mode", "words"), [(1.0, "SIGSEGV"), (2.0, "did not return")], ids=["crash", "hang"])
def test_a_scenario_that_ends_its_process_is_named_and_the_others_go_on(fmus: Path, mode: float, words: str) -> None:
    ensemble = Ensemble(rogue(fmus), experiment=SPAN, limits=WorkerLimits(call_s=1.0))
    found = ensemble.run(modes(0.0, 0.0, mode, 0.0, 0.0), workers=1, chunk=2)
    assert [outcome.result is not None for outcome in found] == [True, True, False, True, True]
    error = found[2].error
    assert isinstance(error, StepFailed)
    assert words in error.message
    assert error.instance == "Rogue (Rogue.fmu)"


def test_a_value_that_does_not_fit_fails_its_scenario_only(pair: System) -> None:
    found = Ensemble(pair, experiment=SPAN).run(
        [Scenario(), Scenario(start={Port("a", "x"): "words"}), Scenario(start={Port("a", "none"): 1.0}), Scenario()],
        workers=1,
    )
    assert [isinstance(outcome.error, FmuError) for outcome in found] == [False, True, True, False]
    with pytest.raises(FmuError, match="there is no instance 'c'"):
        Ensemble(pair, experiment=SPAN).run([Scenario(start={Port("c", "x"): 1.0})])


def test_what_has_not_begun_is_not_run_after_a_cancellation(pair: System) -> None:
    found = Ensemble(pair, experiment=SPAN).run([Scenario()] * 50, workers=1, chunk=1, cancelled=lambda: True)
    assert len(found) == 50
    cancelled = [outcome for outcome in found if outcome.error is not None and "cancelled" in outcome.error.message]
    assert cancelled
    assert all(outcome.result is not None or outcome in cancelled for outcome in found)


def test_any_executor_takes_an_ensemble(pair: System) -> None:
    executor: Executor
    with ThreadPoolExecutor(2) as executor:
        found = Ensemble(pair, experiment=SPAN).run(
            [Scenario(start={Port("a", "x"): float(k)}) for k in range(6)], executor=executor, chunk=1
        )
    assert [outcome.result["a"][0] for outcome in found if outcome.result] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed")
def test_a_dask_cluster_takes_an_ensemble() -> None:
    script = Path(__file__).with_name("dask_client.py")
    command = [sys.executable, str(script), str(library_fmu("RoomThermal"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "20 True", done.stderr


def test_inputs_over_time_are_those_of_every_run() -> None:
    room = library_fmu("RoomThermal")
    system = System.of(room, inputs=["heat_load"], outputs=["T_room"])
    inputs = Inputs(names=["heat_load"], time_s=[0.0, 1800.0], rows=[[0.0], [2000.0]])
    span = Experiment(stop_s=3600.0, step_s=60.0)
    found = Ensemble(system, experiment=span, inputs=inputs).run(
        [Scenario(start={Port("RoomThermal", "T_start"): degrees}) for degrees in (10.0, 30.0)], workers=1
    )
    for degrees, outcome in zip((10.0, 30.0), found, strict=True):
        parts = (Part(name="RoomThermal", fmu=room, start={"T_start": degrees}),)
        alone = simulate_system(replace(system, parts=parts), experiment=span, inputs=inputs)
        assert outcome.result is not None
        assert outcome.result["T_room"][-1] == alone["T_room"][-1]
        assert not math.isclose(alone["T_room"][-1], degrees)


def test_drawn_scenarios_depend_on_their_seed_and_number_only() -> None:
    def make(source: random.Random) -> dict[Port, float]:
        return {Port("a", "x"): source.gauss(0.0, 1.0)}

    few, many = draw(3, make, seed=7), draw(30, make, seed=7)
    assert many[:3] == few
    assert len({scenario.start[Port("a", "x")] for scenario in many}) == 30
    assert draw(3, make, seed=8) != few
    assert few[2].seed == "7/2"
