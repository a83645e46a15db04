"""FMPy, which is another importer, finds nothing wrong with the shipped FMUs and gets the same results from them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fmu.description import Experiment
from fmu.recorder import simulate
from fmu.shipped import library_fmu, library_names

# in a process of its own, since FMPy loads the FMU into the process that it runs in
SCRIPT = """
import json, sys
from fmpy import simulate_fmu
from fmpy.validation import validate_fmu
rows = simulate_fmu(sys.argv[1], stop_time=10.0, output_interval=1.0)
print(json.dumps({"problems": validate_fmu(sys.argv[1]), "rows": [list(map(float, row)) for row in rows]}))
"""


@pytest.mark.parametrize("name", library_names())
def test_another_tool_gets_the_same(name: str) -> None:
    fmu = library_fmu(name)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(fmu)], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert theirs["problems"] == []
    ours = simulate(fmu, experiment=Experiment(stop_s=10.0, step_s=1.0))
    for row, time_s, values in zip(theirs["rows"], ours.time_s, ours.rows, strict=True):
        assert row == pytest.approx([time_s, *values], rel=1e-12, abs=1e-12)
