"""Model exchange FMUs of every FMI version against closed forms and references, with every integrator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import FmuError, StepFailed
from fmu import archive
from fmu.description import Experiment, read_description
from fmu.exchange import ModelExchange
from fmu.loader import open_instance
from fmu.note import Board, Note
from fmu.options import Options
from fmu.recorder import simulate
from fmu.solvers import FIXED, NAMES, Solver
from fmu.system import System
from fmu.worker import Worker
from tests.fmu.exchange.models import make

VERSIONS = (1, 2, 3)
ADAPTIVE = [name for name in NAMES if name not in FIXED]
Open = Callable[..., ModelExchange]


class Shelf(dict[tuple[str, int], Path]):
    """FMUs, each built when it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __missing__(self, key: tuple[str, int]) -> Path:
        self[key] = make(*key, self.folder)
        return self[key]


@pytest.fixture(scope="session")
def exchange_fmus(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("exchange"))


@pytest.fixture
def open_(exchange_fmus: Shelf, tmp_path: Path) -> Iterator[Open]:
    opened: list[ModelExchange] = []

    def make_one(
        name: str, version: int, *, start: Mapping[str, Any] | None = None, solver: Solver | None = None
    ) -> ModelExchange:
        folder = tmp_path / f"{name}{version}-{len(opened)}"
        archive.unpack(exchange_fmus[name, version], folder)
        instance = open_instance(
            folder, read_description(folder), name, Note(Board(), 0), options=Options(solver=solver)
        )
        assert isinstance(instance, ModelExchange)
        opened.append(instance)
        instance.initialize(start or {})
        return instance

    yield make_one
    for instance in opened:
        instance.close()


def run(instance: ModelExchange, step_s: float, until_s: float, *names: str) -> list[list[Any]]:
    get = instance.getter([instance.variable(name) for name in names])
    rows = [get()]
    for k in range(round((until_s - instance.time_s) / step_s)):
        instance.time_s = k * step_s
        instance.step(step_s)
        rows.append(get())
        if instance.ended:
            break
    return rows


def solver(name: Any, tolerance: float = 1e-8, step_s: float = 1e-3) -> Solver:
    return Solver(name=name, step_s=step_s) if name in FIXED else Solver(name=name, tolerance=tolerance)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_a_linear_equation_follows_its_closed_form(open_: Open, version: int, name: str) -> None:
    rows = run(open_("Dahlquist", version, start={"k": 2.0}, solver=solver(name)), 0.1, 3.0, "x", "der(x)")
    allowed = 2e-3 if name == "euler" else 2e-7
    for k, (x, slope) in enumerate(rows):
        assert abs(x - math.exp(-2 * 0.1 * k)) < allowed
        assert slope == pytest.approx(-2 * x)


@pytest.mark.parametrize("name", ADAPTIVE)
def test_the_error_falls_with_the_tolerance(open_: Open, name: str) -> None:
    errors = []
    for tolerance in (1e-3, 1e-6, 1e-9):
        rows = run(open_("Dahlquist", 2, solver=solver(name, tolerance)), 0.5, 4.0, "x")
        errors.append(max(abs(x - math.exp(-0.5 * k)) for k, (x,) in enumerate(rows)))
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[1] / 5
    assert errors[2] < 3e-7


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("rk4", 4)])
def test_a_fixed_step_has_its_order(open_: Open, name: str, order: int) -> None:
    errors = []
    for step_s in (0.1, 0.05):
        rows = run(open_("Dahlquist", 3, solver=solver(name, step_s=step_s)), 1.0, 2.0, "x")
        errors.append(abs(rows[-1][0] - math.exp(-2)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stiff_oscillator_needs_few_steps_and_agrees_with_another_integrator(open_: Open, version: int) -> None:
    stiff = open_("VanDerPol", version, start={"mu": 1000.0}, solver=solver("cvode", 1e-9))
    other = open_("VanDerPol", version, start={"mu": 1000.0}, solver=solver("bdf", 1e-9))
    ours = run(stiff, 100.0, 1000.0, "x0")
    theirs = run(other, 100.0, 1000.0, "x0")
    # an explicit method would need a step below 2 / 3000 s: more than a million of them
    assert stiff.steps < 5000
    assert max(abs(a[0] - b[0]) for a, b in zip(ours, theirs, strict=True)) < 1e-4


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [*ADAPTIVE, "rk4"])
def test_a_ball_bounces_when_its_closed_form_says(open_: Open, version: int, name: str) -> None:
    ball = open_("BouncingBall", version, solver=solver(name))
    rows = run(ball, 0.01, 3.0, "h", "v", "bounces")
    fall_s, g, e = math.sqrt(2 / 9.81), 9.81, 0.7
    begins, speed, place = [fall_s], g * fall_s * e, 0
    while speed >= 0.1:
        begins.append(begins[-1] + 2 * speed / g)
        speed *= e
    for k, (h, _, bounces) in enumerate(rows):
        t = 0.01 * k
        while place < len(begins) and begins[place] < t - 1e-6:
            place += 1
        assert place - 1 <= bounces <= place + 1
        if place == 0:
            assert h == pytest.approx(1 - g * t * t / 2, abs=1e-6)
        elif place < len(begins):
            up = g * fall_s * e**place
            assert h == pytest.approx(up * (t - begins[place - 1]) - g * (t - begins[place - 1]) ** 2 / 2, abs=1e-5)
    assert rows[-1] == [0.0, 0.0, len(begins)]
    assert ball.events == len(begins)


@pytest.mark.parametrize("version", VERSIONS)
def test_time_events_count_and_end_a_model_without_states(open_: Open, version: int) -> None:
    stair = open_("Stair", version)
    rows = run(stair, 0.5, 20.0, "counter")
    assert [row[0] for row in rows[:7]] == [1, 1, 2, 2, 3, 3, 4]
    assert stair.ended
    assert stair.time_s == pytest.approx(9.0)
    assert rows[-1] == [10]


@pytest.mark.parametrize("version", VERSIONS)
def test_indicators_are_located_in_both_directions(open_: Open, version: int) -> None:
    relay = open_("Relay", version, solver=Solver(tolerance=1e-9))
    rows = run(relay, 0.05, 2.0, "x", "switched")
    # down from 0.5 to -0.1 in 0.6 s, then up and down between the two, 0.2 s each
    expected = [max(0, 1 + math.floor((0.05 * k - 0.6) / 0.2)) for k in range(1, 41, 2)]
    assert [row[1] for row in rows[1::2]] == expected
    assert max(abs(row[0]) for row in rows[13:]) <= 0.1 + 1e-9
    assert relay.events >= rows[-1][1]


def test_many_events_within_a_step_are_all_made(open_: Open) -> None:
    relay = open_("Relay", 2, start={"width": 2e-3})
    rows = run(relay, 1.0, 2.0, "x", "switched")
    assert rows[-1][1] == pytest.approx((2.0 - 0.501) / 0.002, abs=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_chattering_ends_with_an_error_that_says_so(open_: Open, version: int) -> None:
    relay = open_("Relay", version, start={"width": 0.0}, solver=Solver(most_events=200))
    with pytest.raises(StepFailed, match="more than 200 events within 1 s: it chatters"):
        run(relay, 1.0, 2.0, "x")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_event_that_a_completed_step_asks_for_is_made(open_: Open, version: int) -> None:
    # the first of the five is at the start
    relay = open_("Relay", version, start={"ask": 5})
    rows = run(relay, 0.1, 0.2, "switched")
    assert [row[0] for row in rows] == [1, 5, 5]
    assert relay.events == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_an_input_that_changes_is_an_event_and_holds(open_: Open, version: int) -> None:
    instance = open_("Dahlquist", version, solver=solver("cvode"))
    put = instance.setter([instance.variable("u")])
    get = instance.getter([instance.variable("x"), instance.variable("der(x)")])
    put([1.0])
    assert get()[1] == pytest.approx(0.0, abs=1e-12)
    instance.step(1.0)
    assert get()[0] == pytest.approx(1.0, abs=1e-7)
    put([0.0])
    assert get()[1] == pytest.approx(-1.0, abs=1e-7)
    put([0.0])
    instance.step(1.0)
    assert get()[0] == pytest.approx(math.exp(-1), abs=1e-7)


@pytest.mark.parametrize("version", [2, 3])
def test_a_state_is_kept_put_back_and_goes_to_another_instance_as_bytes(open_: Open, version: int) -> None:
    first = open_("BouncingBall", version, solver=Solver(tolerance=1e-9))
    get = first.getter([first.variable("h"), first.variable("v")])
    first.step(0.3)
    kept = first.save()
    first.step(1.0)
    after = get()
    first.restore(kept)
    assert first.time_s == pytest.approx(0.3)
    first.step(1.0)
    assert get() == pytest.approx(after, abs=1e-6)
    second = open_("BouncingBall", version, solver=Solver(tolerance=1e-9))
    state = second.deserialize(first.serialize(kept))
    second.restore(state)
    second.step(1.0)
    assert second.getter([second.variable("h"), second.variable("v")])() == pytest.approx(after, abs=1e-6)
    kept.free()
    with pytest.raises(FmuError, match="freed"):
        first.restore(kept)
    with pytest.raises(FmuError, match="another instance"):
        first.restore(state)


def test_bytes_that_are_no_state_are_refused(open_: Open) -> None:
    instance = open_("BouncingBall", 3)
    data = instance.serialize(instance.save())
    for wrong in (b"", data[:-1], data[:40], data.replace(b"bouncingball", b"bouncingbell")):
        with pytest.raises(FmuError, match="state"):
            instance.deserialize(wrong)
    other = open_("Relay", 3)
    with pytest.raises(FmuError, match="another FMU"):
        other.deserialize(data)


def test_an_fmu_without_that_capability_says_so(open_: Open) -> None:
    with pytest.raises(FmuError, match="does not announce canGetAndSetFMUState"):
        open_("Dahlquist", 1).save()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_worker_runs_model_exchange_like_co_simulation(exchange_fmus: Shelf, version: int) -> None:
    with Worker(System.of(exchange_fmus["Dahlquist", version], inputs=["u"], outputs=["x"])) as worker:
        assert worker.step(1.0, [0.0])[0] == pytest.approx(math.exp(-1), abs=1e-5)
        assert worker.step(1.0, [None])[0] == pytest.approx(math.exp(-2), abs=1e-5)


def test_a_solver_that_is_not_there_or_makes_no_sense_is_refused() -> None:
    for wrong in ({"name": "magic"}, {"tolerance": 0.0}, {"step_s": 0.1}, {"name": "cvode", "step_s": 0.1}):
        with pytest.raises(FmuError):
            Solver(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_runs_away_is_an_error_not_a_number(open_: Open, name: str) -> None:
    instance = open_("Dahlquist", 2, start={"k": -5000.0}, solver=solver(name, 1e-2, 1e-4))
    with pytest.raises(StepFailed, match="grows without bound"):
        run(instance, 0.1, 0.4, "x")


def test_the_recorder_runs_model_exchange(exchange_fmus: Shelf) -> None:
    result = simulate(exchange_fmus["Stair", 2], experiment=Experiment(stop_s=20.0, step_s=1.0))
    assert result.ended_early
    assert result["counter"] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("version", [2, 3])
def test_directional_derivatives_agree_with_differences(open_: Open, version: int) -> None:
    oscillator = open_("VanDerPol", version, start={"mu": 3.0})
    oscillator.step(0.7)
    knowns = [oscillator.variable(name) for name in ("x0", "x1")]
    unknowns = [oscillator.variable(name) for name in ("der(x0)", "der(x1)")]
    x0, x1 = oscillator.getter(knowns)()
    found = oscillator.directional(unknowns, knowns, [2.0, -1.0])

    def slope(a: float, b: float) -> float:
        return 3.0 * (1 - a * a) * b - a

    step = 1e-6
    difference = (slope(x0 + 2 * step, x1 - step) - slope(x0 - 2 * step, x1 + step)) / (2 * step)
    assert found == [-1.0, pytest.approx(difference, rel=1e-6)]
