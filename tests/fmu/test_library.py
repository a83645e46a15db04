"""The shipped FMUs answer as their equations say, whatever the step."""

from __future__ import annotations

import math

import pytest

from dtdl.errors import InputUnreadable
from fmu.description import Experiment
from fmu.recorder import simulate
from fmu.shipped import library_fmu, library_names


def test_the_library_names_what_ships() -> None:
    assert library_names() == ["RoomThermal", "TankLevel"]
    with pytest.raises(InputUnreadable, match="RoomThermal, TankLevel"):
        library_fmu("Nothing")


@pytest.mark.parametrize("step_s", [0.25, 60.0, 3600.0])
def test_the_step_response_of_a_room_is_its_closed_solution(step_s: float) -> None:
    start = {
        "C_room": 90e3,
        "R_th": 0.02,
        "T_start": 15.0,
        "heat_load": 900.0,
        "cooling_power": 150.0,
        "T_ambient": 10.0,
    }
    result = simulate(library_fmu("RoomThermal"), experiment=Experiment(stop_s=3600.0, step_s=step_s), start=start)
    end = 10.0 + 0.02 * 750.0
    for time_s, temperature, fan in zip(result.time_s, result["T_room"], result["P_fan"], strict=True):
        expected = end + (15.0 - end) * math.exp(-time_s / (90e3 * 0.02))
        assert abs(temperature - expected) < 1e-9
        speed = min(max((temperature - 18.0) / 30.0, 0.0), 1.0)
        assert math.isclose(fan, 400.0 * speed**3, rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.parametrize("step_s", [0.5, 120.0])
def test_the_step_response_of_a_tank_is_its_closed_solution(step_s: float) -> None:
    start = {"inflow": 0.03, "valve": 0.5, "level_start": 2.0}
    result = simulate(library_fmu("TankLevel"), experiment=Experiment(stop_s=600.0, step_s=step_s), start=start)
    k = 0.5 * 0.01 / 2
    for time_s, level, outflow in zip(result.time_s, result["level"], result["outflow"], strict=True):
        expected = min(4.0, 2.0 * math.exp(-k * time_s) + 0.03 / 2 * (1 - math.exp(-k * time_s)) / k)
        assert abs(level - expected) < 1e-9
        assert math.isclose(outflow, 0.5 * 0.01 * level, rel_tol=1e-12)


def test_a_shut_tank_fills_in_a_straight_line_and_spills_at_its_rim() -> None:
    start = {"inflow": 0.1, "valve": 0.0}
    result = simulate(library_fmu("TankLevel"), experiment=Experiment(stop_s=100.0, step_s=10.0), start=start)
    assert all(
        abs(level - min(4.0, 1 + 0.05 * t)) < 1e-9 for t, level in zip(result.time_s, result["level"], strict=True)
    )
