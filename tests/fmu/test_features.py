"""FMI 3.0 beyond plain steps: clocks, event mode, early return, intermediate update, arrays, structure, derivatives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu import archive
from fmu.build import build
from fmu.description import Experiment, read_description
from fmu.fmi3 import CoSimulation3, Intermediate
from fmu.loader import open_instance
from fmu.note import Board, Note
from fmu.options import Options
from fmu.recorder import simulate
from fmu.system import System
from fmu.worker import Worker

SOURCES = Path(__file__).parent / "features"


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("features")
    return {source.name: build(source, folder / f"{source.name}.fmu") for source in sorted(SOURCES.iterdir())}


@pytest.fixture
def opened(features: dict[str, Path], tmp_path: Path) -> Iterator[Any]:
    made: list[CoSimulation3] = []

    def make(name: str, **more: Any) -> CoSimulation3:
        folder = archive.unpack(features[name], tmp_path / str(len(made)))
        instance = open_instance(folder, read_description(folder), name, Note(Board(), 0), **more)
        assert isinstance(instance, CoSimulation3)
        made.append(instance)
        return instance

    yield make
    for instance in made:
        instance.close()


def values(instance: CoSimulation3, *names: str) -> list[Any]:
    return instance.getter([instance.variable(name) for name in names])()


def put(instance: CoSimulation3, **given: Any) -> None:
    instance.setter([instance.variable(name) for name in given])(list(given.values()))


def test_a_periodic_clock_ticks_at_its_shift_and_intervals_between_communication_points(opened: Any) -> None:
    fmu = opened("Clocked")
    fmu.initialize({})
    assert values(fmu, "ticks") == [0]
    fmu.step(0.2)
    assert values(fmu, "ticks", "third") == [2, False]
    fmu.step(0.2)
    assert values(fmu, "ticks", "third") == [4, True]
    for _ in range(48):
        fmu.step(0.2)
    assert values(fmu, "ticks") == [100]


def test_a_triggered_clock_ticks_when_it_is_set_and_its_countdown_follows(opened: Any) -> None:
    fmu = opened("Clocked")
    fmu.initialize({"delay": 0.125})
    fmu.step(0.5)
    put(fmu, sample=7.0, pulse=True)
    assert values(fmu, "pulses", "taken", "fired") == [1, 7.0, -1.0]
    put(fmu, sample=8.0, pulse=False)
    assert values(fmu, "pulses", "taken") == [1, 7.0]
    fmu.step(0.5)
    assert values(fmu, "pulses", "fired") == [1, pytest.approx(0.625)]


def test_a_changing_clock_follows_the_intervals_that_the_fmu_gives(opened: Any) -> None:
    fmu = opened("Clocked")
    fmu.initialize({})
    # at the start, then after 0.6 s, 0.7 s and 0.8 s
    counts = []
    for _ in range(25):
        fmu.step(0.1)
        counts += values(fmu, "changed")
    assert [counts.index(k) for k in (2, 3, 4)] == [5, 12, 20]
    assert counts[-1] == 4


def test_an_early_return_for_an_event_inside_a_step_is_handled_and_the_step_goes_on(opened: Any) -> None:
    fmu = opened("Clocked")
    fmu.initialize({})
    fmu.step(1.0)
    assert fmu.time_s == 1.0
    assert values(fmu, "own_events") == [1]
    assert fmu.early_returns >= 0
    assert values(fmu, "ticks") == [10]


def test_intermediate_update_is_heard_and_may_end_a_step(opened: Any) -> None:
    heard: list[Intermediate] = []
    fmu = opened("Clocked", intermediate=lambda told: bool(heard.append(told)))
    fmu.initialize({})
    fmu.step(0.04)
    assert [told.time_s for told in heard] == [0.02]
    assert heard[0].get_allowed
    assert heard[0].can_return_early


def test_a_step_that_intermediate_update_ends_goes_on_from_there(opened: Any) -> None:
    answers = iter([True, False, False])
    fmu = opened("Clocked", intermediate=lambda _: next(answers, False))
    fmu.initialize({})
    fmu.step(0.04)
    assert (fmu.early_returns, fmu.time_s) == (1, 0.04)


def test_an_error_in_intermediate_update_comes_out_of_the_step(opened: Any) -> None:
    wrong = opened("Clocked", intermediate=lambda _: 1 / 0)
    wrong.initialize({})
    with pytest.raises(ZeroDivisionError):
        wrong.step(0.1)


def test_clocks_are_run_in_a_worker_and_recorded(features: dict[str, Path]) -> None:
    result = simulate(
        features["Clocked"], experiment=Experiment(stop_s=1.0, step_s=0.1), outputs=["ticks", "third", "own_events"]
    )
    assert result["ticks"] == [0, *range(1, 11)]
    assert result["third"] == [False, *(k % 3 == 0 for k in range(1, 11))]
    assert result["own_events"] == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


def test_clocks_without_an_event_mode_are_refused_before_anything_is_loaded(
    features: dict[str, Path], tmp_path: Path
) -> None:
    folder = archive.unpack(features["Clocked"], tmp_path / "x")
    file = folder / "modelDescription.xml"
    file.write_text(file.read_text().replace('hasEventMode="true"', ""))
    shutil.rmtree(folder / "binaries")
    with pytest.raises(FmuError, match="'period': its clocks need the event mode"):
        open_instance(folder, read_description(folder), "x", Note(Board(), 0))


def test_scheduled_execution_is_refused_with_what_to_do(features: dict[str, Path], tmp_path: Path) -> None:
    folder = archive.unpack(features["Arrays"], tmp_path / "x")
    file = folder / "modelDescription.xml"
    file.write_text(file.read_text().replace("<CoSimulation", "<ScheduledExecution"))
    with pytest.raises(FmuError, match="scheduled execution only, which is not run"):
        open_instance(folder, read_description(folder), "x", Note(Board(), 0))
    with pytest.raises(FmuError, match="no model-exchange"):
        open_instance(folder, read_description(folder), "x", Note(Board(), 0), options=Options(kind="model-exchange"))


def test_a_matrix_goes_in_nested_or_flat_and_comes_out_in_row_major_order(opened: Any) -> None:
    fmu = opened("Arrays")
    fmu.initialize({"n": 2, "gain": 10.0, "u": [[1.0, 2.0], [3.0, 4.0]]})
    assert values(fmu, "y", "gain") == [[10.0, 30.0, 20.0, 40.0], 10.0]
    put(fmu, matrix=[5.0, 6.0, 7.0, 8.0])
    assert values(fmu, "u") == [[5.0, 6.0, 7.0, 8.0]]
    with pytest.raises(FmuError, match="it has 4 elements"):
        put(fmu, u=[1.0])


def test_an_array_of_binaries_goes_in_and_out(opened: Any) -> None:
    fmu = opened("Arrays")
    fmu.initialize({})
    put(fmu, **{"in": [b"\x00one", b""]})
    assert values(fmu, "out") == [[b"", b"\x00one"]]
    with pytest.raises(FmuError, match="its type is Binary"):
        put(fmu, **{"in": ["text", b""]})


def test_a_tunable_structural_parameter_resizes_what_was_prepared(opened: Any) -> None:
    fmu = opened("Arrays")
    fmu.initialize({})
    get = fmu.getter([fmu.variable("y")])
    assert len(get()[0]) == 6
    fmu.configure({"n": 4})
    assert len(get()[0]) == 8
    fmu.step(0.1)
    with pytest.raises(FmuError, match="cannot be changed while the simulation runs"):
        fmu.configure({"gain": 2.0})
    with pytest.raises(StepFailed):
        fmu.configure({"n": 99})


def test_directional_and_adjoint_derivatives_agree(opened: Any) -> None:
    fmu = opened("Arrays")
    fmu.initialize({"n": 2, "gain": 3.0})
    u, y = [fmu.variable("u")], [fmu.variable("y")]
    assert fmu.directional(y, u, [0.0, 1.0, 0.0, 0.0]) == [0.0, 0.0, 3.0, 0.0]
    assert fmu.adjoint(y, u, [0.0, 0.0, 1.0, 0.0]) == [0.0, 3.0, 0.0, 0.0]
    with pytest.raises(FmuError, match="4 are needed"):
        fmu.directional(y, u, [1.0])
    with pytest.raises(FmuError, match="no derivative"):
        fmu.directional([fmu.variable("out")], u, [1.0] * 4)


def test_derivatives_that_are_not_announced_are_refused(opened: Any) -> None:
    fmu = opened("Clocked")
    with pytest.raises(FmuError, match="providesDirectionalDerivatives"):
        fmu.directional([fmu.variable("taken")], [fmu.variable("sample")], [1.0])


def test_terminals_aliases_and_the_icon_are_read(features: dict[str, Path]) -> None:
    description = read_description(features["Arrays"])
    (terminal,) = description.terminals
    assert (terminal.name, terminal.matching_rule, terminal.kind) == ("matrices", "bus", "org.example.matrix")
    assert terminal.members == (("in", "u"), ("out", "y"))
    assert terminal.terminals[0].members == (("k", "gain"),)
    assert description.icon == "terminalsAndIcons/icon.svg"
    assert description.variable("matrix") is description.variable("u")


def test_a_terminal_that_names_no_variable_is_a_warning_with_its_line(
    features: dict[str, Path], tmp_path: Path
) -> None:
    folder = archive.unpack(features["Arrays"], tmp_path / "x")
    file = folder / "terminalsAndIcons" / "terminalsAndIcons.xml"
    file.write_text(file.read_text().replace('variableName="y"', 'variableName="z"'))
    (found,) = read_description(folder).warnings
    assert (found.rule, found.location.line if found.location else 0) == ("MT232", 6)
    file.write_text("<broken")
    assert [item.rule for item in read_description(folder).warnings] == ["MT232"]


def test_a_worker_takes_arrays(features: dict[str, Path]) -> None:
    with Worker(System.of(features["Arrays"], start={"n": 1}, inputs=["u"], outputs=["y"])) as worker:
        assert worker.step(0.1, [[1.5, 2.5]]) == [[1.5, 2.5]]
