"""The public names of the package, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fmu

ROOT = Path(__file__).parents[2]


def test_the_public_names_are_these() -> None:
    assert fmu.__all__ == [
        "Adaptive", "Algorithm", "Connection", "Connector", "Description", "Ensemble", "Linear", "Lookup", "Options",
        "Part", "Port", "Result", "Scenario", "Solver", "System", "Variable", "Worker", "WorkerLimits", "build",
        "library_fmu", "library_names", "read_description", "simulate", "simulate_system", "to_interface", "unpack",
    ]  # fmt: skip
    assert dir(fmu) == fmu.__all__
    assert all(getattr(fmu, name).__doc__ for name in fmu.__all__)


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, fmu; from fmu import read_description; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"fmpy", "numpy", "pydantic", "lxml", "subprocess", "fmu.worker"} & set(done.stdout.split())
