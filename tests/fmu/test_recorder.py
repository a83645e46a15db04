"""Runs: communication points, inputs over time, CSV that reads back the same."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from dtdl.errors import FmuError, InputUnreadable, StepFailed
from fmu.description import Experiment, read_description
from fmu.recorder import (
    Inputs,
    Run,
    SystemRun,
    read_inputs,
    recording,
    simulate,
    simulate_system,
    write_csv,
)
from fmu.shipped import library_fmu, library_source
from fmu.system import Algorithm, Connection, Connector, Part, Port, System


def test_both_ends_are_recorded_and_a_rest_is_a_shorter_step() -> None:
    room = library_fmu("RoomThermal")
    even = simulate(room, experiment=Experiment(start_s=5.0, stop_s=6.0, step_s=0.1), outputs=["time", "T_room"])
    assert len(even.time_s) == 11
    assert (even.time_s[0], even.time_s[-1]) == (5.0, 6.0)
    assert all(math.isclose(a, b) for a, b in zip(even["time"], even.time_s, strict=True))
    odd = simulate(room, experiment=Experiment(stop_s=1.0, step_s=0.3))
    assert len(odd.time_s) == 5
    assert odd.time_s[-1] == pytest.approx(1.0)


def test_inputs_hold_until_the_next_row() -> None:
    inputs = Inputs(names=["feed"], time_s=[0.0, 2.0, 2.0, 3.0], rows=[[1.0], [5.0], [2.0], [3.0]])
    assert [row[0] for row in inputs.at([0.0, 1.0, 2.0, 2.5, 3.0, 9.0], 1e-9)] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]


def test_inputs_of_a_run_are_set_before_each_step(fmus: Path, tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_text("time,feed,goal\n0,1,0\n1.5,2,0\n3,4,0\n")
    echo = fmus / "Echo.fmu"
    inputs = read_inputs(table, read_description(echo))
    result = simulate(echo, experiment=Experiment(stop_s=4.0, step_s=1.0), inputs=inputs)
    assert result["level"] == [0.0, 1.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,feed\n0,1\n", "not time"),
        ("time,level\n0,1\n", "no input 'level'"),
        ("time,feed\n0,warm\n", ":2:"),
        ("time,feed\n0\n", ":2:"),
        ("time,feed\n1,1\n0,1\n", "does not ascend"),
        ("time,feed\n", "no row"),
        ("", "not time"),
    ],
)
def test_a_faulty_table_is_refused_with_its_line(fmus: Path, tmp_path: Path, text: str, words: str) -> None:
    table = tmp_path / "in.csv"
    table.write_text(text)
    with pytest.raises(FmuError, match=words):
        read_inputs(table, read_description(fmus / "Echo.fmu"))
    with pytest.raises(InputUnreadable):
        read_inputs(tmp_path / "none.csv", read_description(fmus / "Echo.fmu"))


def test_a_csv_reads_back_as_the_same_numbers() -> None:
    file = io.StringIO()
    write = write_csv(file, ["a", "b", "c", "d"])
    values = [0.1 + 0.2, True, -math.inf, [1.5, 2.0]]
    write(1 / 3, values)
    header, row = list(csv.reader(io.StringIO(file.getvalue())))
    assert header == ["time", "a", "b", "c", "d"]
    assert float(row[0]) == 1 / 3
    assert float(row[1]) == 0.1 + 0.2
    assert row[2:] == ["true", "-INF", "1.5 2.0"]


def test_rows_before_a_crash_are_handed_on(fmus: Path) -> None:
    times: list[float] = []
    run = Run(
        fmus / "Rogue.fmu",
        experiment=Experiment(stop_s=3000.0, step_s=1.0),
        start={"mode": 1.0, "when": 2500.0},
    )
    with pytest.raises(StepFailed) as caught:
        run.play(lambda time_s, _values: times.append(time_s))
    assert caught.value.time_s == 2500.0
    assert times[-1] == 2000.0


@pytest.mark.parametrize("experiment", [Experiment(step_s=0.0), Experiment(stop_s=-1.0), Experiment(step_s=1e-12)])
def test_a_run_that_is_none_is_refused(experiment: Experiment) -> None:
    with pytest.raises(FmuError):
        Run(library_source("RoomThermal"), experiment=experiment)


def house() -> System:
    room = library_fmu("RoomThermal")
    return System(
        name="house",
        parts=(Part(name="a", fmu=room, start={"T_start": 10.0}), Part(name="b", fmu=room)),
        connections=(Connection(source=Port("a", "T_room"), target=Port("b", "T_ambient")),),
        inputs=(Connector(name="heat", port=Port("a", "heat_load")),),
        outputs=(Connector(name="T", port=Port("b", "T_room")),),
        experiment=Experiment(stop_s=100.0, step_s=10.0),
    )


def test_a_system_is_run_and_says_what_it_takes_to_repeat_it() -> None:
    system = recording(house(), [Port("a", "T_room")])
    inputs = Inputs(names=["heat"], time_s=[0.0, 50.0], rows=[[0.0], [5000.0]])
    algorithm = Algorithm(master="gauss-seidel")
    first = simulate_system(system, algorithm=algorithm, inputs=inputs)
    again = simulate_system(system, algorithm=algorithm, inputs=inputs)
    assert first == again
    assert list(first.names) == ["T", "a.T_room"]
    assert len(first.time_s) == 11
    assert first["a.T_room"][5] < first["a.T_room"][-1]
    metadata = first.metadata
    assert (metadata["loop"], metadata["steps"], metadata["endedEarly"]) == ("compiled", 10, False)
    assert metadata["algorithm"]["master"] == "gauss-seidel"
    assert len(metadata["fmus"]["RoomThermal.fmu"]) == len(metadata["inputs"]) == 64
    other = simulate_system(system, algorithm=algorithm, inputs=replace(inputs, rows=[[0.0], [5000.5]]))
    assert other.metadata["inputs"] != metadata["inputs"]
    some = simulate_system(system, algorithm=algorithm, inputs=inputs, every=5)
    assert list(some.time_s) == [0.0, 50.0, 100.0]
    assert some["T"] == [first["T"][0], first["T"][5], first["T"][10]]


def test_results_on_disk_are_the_ones_in_memory(tmp_path: Path) -> None:
    from pyarrow import parquet

    system = house()
    expected = simulate_system(system)
    assert not SystemRun(system).write(tmp_path / "r.csv")
    assert not SystemRun(system).write(tmp_path / "r.parquet")
    header, *rows = list(csv.reader((tmp_path / "r.csv").read_text().splitlines()))
    assert header == ["time", "T"]
    assert [float(row[1]) for row in rows] == expected["T"]
    assert json.loads((tmp_path / "r.csv.meta.json").read_text())["stepSize"] == 10.0
    table = parquet.read_table(tmp_path / "r.parquet")
    assert table.column_names == ["time", "T"]
    assert table["T"].to_pylist() == expected["T"]
    stored = parquet.ParquetFile(tmp_path / "r.parquet").metadata.metadata[b"megatwin"]
    assert json.loads(stored)["algorithm"]["master"] == "jacobi"
    with pytest.raises(InputUnreadable, match=r"written as \.csv or \.parquet"):
        SystemRun(system).write(tmp_path / "r.txt")
    with pytest.raises(FmuError, match="no input 'cold'"):
        SystemRun(system, inputs=Inputs(names=["cold"], time_s=[0.0], rows=[[0.0]]))
