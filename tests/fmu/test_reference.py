"""Own FMUs of FMI 1.0, 2.0 and 3.0 give the published reference results through our unpacking, worker and recorder."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import FmuError
from fmu.description import Experiment, read_description
from fmu.description_xml import to_scalar
from fmu.recorder import Inputs, Run, read_inputs, simulate
from fmu.system import System
from fmu.worker import Worker
from tests.fmu.reference.models import CASES, MODELS, make, variables_of

TOLERANCE = 1e-9


@pytest.fixture(scope="session")
def reference_fmus(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Path]:
    folder = tmp_path_factory.mktemp("reference")
    return {(name, version): make(name, version, folder) for name, version in CASES}


def cases(name: str) -> Path:
    root = os.environ.get("MEGATWIN_CASES")
    if not root:
        pytest.skip("MEGATWIN_CASES is not set: the reference results are not here")
    return Path(root) / "conformance" / "fmi" / name


def table(name: str) -> tuple[list[str], list[list[str]]]:
    with cases(name).open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def differs(expected: str, found: Any, type_: str) -> float:
    if isinstance(found, list):
        return max(abs(float(a) - b) for a, b in zip(expected.split(), found, strict=True))
    wanted = to_scalar(expected, type_)
    if isinstance(wanted, float):
        return abs(wanted - found)
    return 0.0 if wanted == found else 1.0


@pytest.mark.parametrize(("name", "version"), CASES)
def test_the_reference_results_are_met(reference_fmus: dict[tuple[str, int], Path], name: str, version: int) -> None:
    header, rows = table(f"{name}_out.csv")
    types = {v.name: v.type for v in variables_of(MODELS[name], version)}
    columns = [k for k, column in enumerate(header) if column in types]
    assert columns
    # a model that ends by itself is asked to go on, where its FMI version can say that it ends
    ends = MODELS[name].ends and version > 1
    stop_s = float(rows[-1][0]) + (1.0 if ends else 0.0)
    result = simulate(
        reference_fmus[name, version],
        experiment=Experiment(stop_s=stop_s, step_s=float(rows[1][0]) - float(rows[0][0])),
        outputs=[header[k] for k in columns],
    )
    assert result.ended_early == ends
    assert len(result.rows) == len(rows)
    assert max(abs(float(row[0]) - time) for row, time in zip(rows, result.time_s, strict=True)) <= TOLERANCE
    for row, found in zip(rows, result.rows, strict=True):
        for k, value in zip(columns, found, strict=True):
            assert differs(row[k], value, types[header[k]]) <= TOLERANCE, (row[0], header[k])


def test_the_extremes_of_every_integer_type_go_through(reference_fmus: dict[tuple[str, int], Path]) -> None:
    fmu = reference_fmus["Feedthrough", 3]
    inputs = read_inputs(cases("Feedthrough_in.csv"), read_description(fmu))
    names = [name.replace("_input", "_output") for name in inputs.names]
    result = simulate(fmu, experiment=Experiment(stop_s=2.0, step_s=0.5), inputs=inputs, outputs=names)
    assert result.rows[0] == inputs.rows[0]
    assert result.rows[2] == inputs.rows[0]
    assert result.rows[3] == inputs.rows[1]
    assert result.rows[-1] == inputs.rows[1]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_type_goes_in_and_comes_out(reference_fmus: dict[tuple[str, int], Path], version: int) -> None:
    values = {
        "Float32": 0.5, "Float64": 0.1, "Int8": -7, "UInt8": 200, "Int16": -300, "UInt16": 60000, "Int32": -70000,
        "UInt32": 4_000_000_000, "Int64": -(2**63), "UInt64": 2**64 - 1, "Boolean": True, "Enumeration": 2,
        "String": "Grüße, %s", "Binary": b"\x00\x01\xff",
    }  # fmt: skip
    variables = variables_of(MODELS["Feedthrough"], version)
    inputs = [v for v in variables if v.causality == "input"]
    system = System.of(
        reference_fmus["Feedthrough", version],
        inputs=[v.name for v in inputs],
        outputs=[v.name for v in variables if v.causality == "output"],
    )
    given = [values[v.type] for v in inputs]
    with Worker(system) as worker:
        assert worker.step(0.1, given) == given
        assert worker.step(0.1, [None] * len(given)) == given


def test_structural_parameters_change_the_size_of_arrays(reference_fmus: dict[tuple[str, int], Path]) -> None:
    start = {
        "m": 1, "n": 2, "r": 1, "A": [0.0, 1.0, 0.0, 0.0], "B": [0.0, 1.0], "C": [1.0, 0.0], "D": [0.0],
        "x0": [1.0, 2.0], "u": [3.0],
    }  # fmt: skip
    result = simulate(
        reference_fmus["StateSpace", 3],
        experiment=Experiment(stop_s=1.0, step_s=0.5),
        start=start,
        outputs=["y", "x"],
    )
    position, speed = 1.0, 2.0
    for _ in range(1000):
        position, speed = position + 1e-3 * speed, speed + 1e-3 * 3.0
    assert result.rows[0] == [[1.0], [1.0, 2.0]]
    assert result.rows[-1] == [[pytest.approx(position)], [pytest.approx(position), pytest.approx(speed)]]


def test_an_array_of_the_wrong_length_is_refused(reference_fmus: dict[tuple[str, int], Path]) -> None:
    with pytest.raises(FmuError, match="it has 3 elements"):
        simulate(reference_fmus["StateSpace", 3], start={"u": [1.0, 2.0]})


def test_one_step_at_a_time_is_the_same_as_many_at_once(reference_fmus: dict[tuple[str, int], Path]) -> None:
    fmu = reference_fmus["VanDerPol", 2]
    system = System.of(fmu, outputs=["x0", "x1"])
    with Worker(system) as single, Worker(system) as many:
        assert [single.step(0.01, []) for _ in range(50)] == [values for _, values in many.run(0.01, 50)]


def test_inputs_that_are_no_inputs_are_refused_before_a_run(reference_fmus: dict[tuple[str, int], Path]) -> None:
    inputs = Inputs(names=["x0"], time_s=[0.0], rows=[[1.0]])
    with pytest.raises(FmuError, match="cannot be set"):
        Run(reference_fmus["VanDerPol", 2], inputs=inputs).play(lambda _time, _values: None)
