"""Values with units come out in the unit of their variable, or are refused by name."""

from __future__ import annotations

import math

import pytest

from dtdl.errors import UnitError, UnitMismatch, UnitUnknown
from fmu.description import Description, Unit, Variable, read_description
from fmu.quantity import in_variable_unit, parse_si
from fmu.shipped import library_source

ROOM = read_description(library_source("RoomThermal"))
TANK = read_description(library_source("TankLevel"))


def converted(description: Description, name: str, value: float, unit: str) -> float:
    variable = description.variable(name)
    assert variable is not None
    return in_variable_unit(value, unit, variable, description)


@pytest.mark.parametrize(
    ("description", "name", "value", "unit", "expected"),
    [
        (ROOM, "C_room", 850.0, "kJ/K", 850e3),
        (ROOM, "C_room", 0.85, "MJ/K", 850e3),
        (ROOM, "C_room", 1.0, "Wh/K", 3600.0),
        (ROOM, "C_room", 2.0, "kW.s/K", 2000.0),
        (ROOM, "R_th", 20.0, "K/kW", 0.02),
        (ROOM, "R_th", 0.5, "K.W-1", 0.5),
        (ROOM, "T_start", 293.15, "K", 20.0),
        (ROOM, "T_start", 68.0, "degF", 20.0),
        (ROOM, "T_start", 25.0, "°C", 25.0),
        (ROOM, "heat_load", 1.2, "kW", 1200.0),
        (TANK, "inflow", 36.0, "m3/h", 0.01),
        (TANK, "inflow", 5.0, "l/s", 0.005),
        (TANK, "inflow", 60.0, "l/min", 0.001),
        (TANK, "area", 100.0, "cm2", 0.01),
        (TANK, "valve", 50.0, "%", 0.5),
    ],
)
def test_a_quantity_is_converted(description: Description, name: str, value: float, unit: str, expected: float) -> None:
    assert math.isclose(converted(description, name, value, unit), expected, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("name", "unit", "error"),
    [("C_room", "kW", UnitMismatch), ("C_room", "J", UnitMismatch), ("T_start", "furlong", UnitError)],
)
def test_a_unit_that_does_not_fit_is_refused(name: str, unit: str, error: type[UnitError]) -> None:
    with pytest.raises(error, match=name) as caught:
        converted(ROOM, name, 1.0, unit)
    assert caught.value.action


def test_a_variable_without_a_unit_takes_none() -> None:
    with pytest.raises(UnitMismatch, match="has no unit"):
        in_variable_unit(1.0, "W", Variable(name="x", value_reference=1, type="Float64"), ROOM)


def test_units_that_the_fmu_defines_come_first() -> None:
    smoot = Unit(name="smoot", exponents={"m": 1}, factor=1.7)
    own = Description(
        file="",
        fmi_version="3.0",
        model_name="",
        token="",
        units={"smoot": smoot, "m": Unit(name="m", exponents={"m": 1})},
    )
    length = Variable(name="x", value_reference=1, type="Float64", unit="m")
    assert in_variable_unit(2.0, "smoot", length, own) == 3.4
    with pytest.raises(UnitUnknown):
        in_variable_unit(2.0, "smooot", length, own)


@pytest.mark.parametrize("text", ["", "/", "W/", "(W", "W)", "5", "degC/s", "W//s", "a b c", "kk", "m^", "mdegC"])
def test_texts_that_mean_no_unit_are_none(text: str) -> None:
    assert parse_si(text) is None
