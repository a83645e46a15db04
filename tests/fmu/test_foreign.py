"""FMUs that others made run, as both kinds where they have both. They are in the package gemseo-fmu."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from fmu.description import Experiment, read_description
from fmu.options import Options
from fmu.recorder import simulate
from fmu.solvers import Solver

NAMES = ["FMU3Model", "MassSpringSubSystem1", "MassSpringSubSystem2", "MassSpringSystem", "Mass_Damper", "add", "ramp"]


@pytest.fixture(scope="module")
def folder() -> Path:
    spec = find_spec("gemseo_fmu")
    if spec is None or spec.origin is None:
        pytest.skip("gemseo-fmu is not installed: pip install --no-deps gemseo-fmu==3.1.1")
    return Path(spec.origin).parent / "problems" / "fmu_files" / "linux"


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_fmu_runs_by_co_simulation(folder: Path, name: str) -> None:
    result = simulate(folder / f"{name}.fmu", experiment=Experiment(stop_s=1.0, step_s=0.1))
    assert len(result.rows) == 11


@pytest.mark.parametrize("name", [name for name in NAMES if name != "FMU3Model"])
def test_a_foreign_fmu_runs_by_model_exchange(folder: Path, name: str) -> None:
    path = folder / f"{name}.fmu"
    assert read_description(path).model_exchange is not None
    options = Options(kind="model-exchange", solver=Solver(tolerance=1e-8))
    result = simulate(path, experiment=Experiment(stop_s=1.0, step_s=0.1), options=options)
    assert len(result.rows) == 11


def test_both_kinds_of_one_fmu_come_together_as_the_step_shrinks(folder: Path) -> None:
    path = folder / "MassSpringSystem.fmu"
    options = Options(kind="model-exchange", solver=Solver(tolerance=1e-10))
    exact = simulate(path, experiment=Experiment(stop_s=1.0, step_s=0.5), options=options)
    errors = []
    for step_s in (1e-2, 1e-3):
        found = simulate(path, experiment=Experiment(stop_s=1.0, step_s=step_s))
        pairs = zip(exact.rows[-1], found.rows[-1], strict=True)
        errors.append(max(abs(a - b) for a, b in pairs))
    # the FMU's own solver is Euler's
    assert errors[1] < errors[0] / 5
    assert errors[1] < 2e-3
