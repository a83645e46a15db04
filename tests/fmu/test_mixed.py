"""Systems of several kinds of FMU: model exchange and event mode beside plain co-simulation."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fmu.build import build
from fmu.description import Experiment
from fmu.ensemble import Ensemble, Scenario
from fmu.options import Options
from fmu.recorder import simulate_system
from fmu.solvers import Solver
from fmu.system import Adaptive, Algorithm, Connection, Connector, Part, Port, System
from fmu.worker import Worker
from tests.fmu.exchange.models import make

VERSIONS = (1, 2, 3)
FINE = Options(solver=Solver(tolerance=1e-9))


@pytest.fixture(scope="session")
def decays(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("decays")
    return {version: make("Dahlquist", version, folder) for version in VERSIONS}


def fed(decay: Path, gain: Path, *, isolate: bool = False) -> System:
    """dx/dt = -x + u, u = x: the gain gives back what it gets."""
    return System(
        name="fed",
        parts=(
            Part(name="decay", fmu=decay, options=FINE, isolate=isolate),
            Part(name="gain", fmu=gain, start={"a": 1.0}),
        ),
        connections=(
            Connection(source=Port("decay", "x"), target=Port("gain", "u")),
            Connection(source=Port("gain", "y"), target=Port("decay", "u")),
        ),
        outputs=(Connector(name="x", port=Port("decay", "x")), Connector(name="y", port=Port("gain", "y"))),
    )


def alone(decay: Path) -> System:
    return System(
        name="alone",
        parts=(Part(name="d", fmu=decay, options=FINE),),
        outputs=(Connector(name="x", port=Port("d", "x")),),
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("isolate", [False, True], ids=["together", "isolated"])
def test_model_exchange_is_coupled_with_co_simulation(
    decays: dict[int, Path], fmus: Path, version: int, isolate: bool
) -> None:
    result = simulate_system(
        fed(decays[version], fmus / "Gain.fmu", isolate=isolate), experiment=Experiment(stop_s=1.0, step_s=0.01)
    )
    # what it loses is what it gets, but for the delay of a step
    assert result["x"][-1] == pytest.approx(1.0, abs=0.02)
    assert result.metadata["loop"] == "python"
    assert "decay" in result.metadata["loopReason"]


@pytest.mark.parametrize("version", [2, 3])
def test_the_state_of_a_system_with_model_exchange_is_kept_and_put_back(decays: dict[int, Path], version: int) -> None:
    with Worker(alone(decays[version])) as worker:
        worker.step(0.5)
        number = worker.save()
        there = worker.step(0.5)
        worker.step(0.5)
        assert worker.restore(number) == [pytest.approx(math.exp(-0.5), abs=1e-7)]
        assert worker.step(0.5) == [pytest.approx(there[0], abs=1e-7)]
        worker.forget(number)


@pytest.mark.parametrize("version", [2, 3])
def test_steps_of_model_exchange_are_taken_back(decays: dict[int, Path], fmus: Path, version: int) -> None:
    adaptive = Algorithm(adaptive=Adaptive(tolerance=1e-4, least_s=1e-5, most_s=0.1))
    result = simulate_system(alone(decays[version]), experiment=Experiment(stop_s=1.0, step_s=0.1), algorithm=adaptive)
    assert result["x"][-1] == pytest.approx(math.exp(-1.0), abs=1e-6)
    assert result.metadata["steps"] >= 10


def test_an_ensemble_makes_new_instances_where_a_reset_is_not_enough(decays: dict[int, Path]) -> None:
    starts = [Scenario(start={Port("d", "k"): rate}) for rate in (1.0, 2.0, 3.0)]
    found = Ensemble(alone(decays[2]), experiment=Experiment(stop_s=1.0, step_s=0.5)).run(starts, workers=1)
    for rate, outcome in zip((1.0, 2.0, 3.0), found, strict=True):
        assert outcome.result is not None
        assert outcome.result["x"][-1] == pytest.approx(math.exp(-rate), abs=1e-6)


def test_an_fmu_with_event_mode_runs_in_the_python_loop_and_it_is_said(tmp_path: Path) -> None:
    clocked = build(Path(__file__).parent / "features" / "Clocked", tmp_path / "Clocked.fmu")
    with Worker(System.of(clocked)) as worker:
        assert worker.loop == "python"
        assert "event mode" in worker.why
