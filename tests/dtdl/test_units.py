from __future__ import annotations

import json
import math
import os
import pickle
import re
from fractions import Fraction
from pathlib import Path

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtdl import units
from dtdl.errors import UnitMismatch, UnitUnknown
from dtdl.units import Unit, converter, convertible, from_unece, linear_mean, linear_sum, parse_unit, unece, unit

REGISTRY = pint.UnitRegistry()
PINT = {
    "acre": "43560 * foot**2", "gForce": "g_0", "turn": "turn", "ton": "2000 * force_pound", "pound": "force_pound",
    "ounce": "force_ounce", "massPound": "pound", "massOunce": "ounce", "slug": "slug", "voltAmpere": "volt * ampere",
    "britishThermalUnit": "Btu_it", "horsepower": "horsepower", "tonOfRefrigeration": "12000 * Btu_it / hour",
    "inchesOfMercury": "inch_Hg", "inchesOfWater": "249.08891 pascal", "millimetresOfMercury": "mm_Hg",
    "poundPerSquareInch": "psi", "footcandle": "lumen / foot**2", "gauss": "1e-4 tesla", "maxwell": "1e-8 weber",
    "nauticalMile": "nautical_mile", "astronomicalUnit": "astronomical_unit", "degreeOfArc": "degree",
    "minuteOfArc": "arcminute", "secondOfArc": "arcsecond", "fluidOunce": "US_fluid_ounce",
    "gallon": "US_liquid_gallon",
    "electronvolt": "electron_volt", "year": "year", "unity": "dimensionless", "percent": "0.01", "perMille": "0.001",
    "partsPerMillion": "1e-6", "partsPerBillion": "1e-9", "partsPerTrillion": "1e-12", "partsPerQuadrillion": "1e-15",
    "erlang": "1", "voltAmpereReactive": "volt * ampere", "litre": "litre", "tonne": "metric_ton",
    "knot": "nautical_mile / hour", "mile": "international_mile", "foot": "international_foot",
    "inch": "international_inch", "candela": "candela", "bar": "bar", "degree": "degree",
}  # fmt: skip
PREFIXES = [
    "yobi",
    "zebi",
    "exbi",
    "pebi",
    "tebi",
    "gibi",
    "mebi",
    "kibi",
    "tera",
    "giga",
    "mega",
    "kilo",
    "hecto",
    "deca",
    "deci",
    "centi",
    "milli",
    "micro",
    "nano",
    "pico",
]


def _atom(word: str) -> str | None:
    if word in PINT:
        return f"({PINT[word]})"
    for prefix in PREFIXES:
        tail = word[len(prefix) :]
        tail = tail[:1].lower() + tail[1:]
        if word.startswith(prefix) and tail:
            if tail in PINT:
                scale = REGISTRY.Quantity(1, f"{prefix}{'byte' if prefix.endswith('bi') else 'metre'}").to_base_units()
                base = REGISTRY.Quantity(1, "byte" if prefix.endswith("bi") else "metre").to_base_units()
                return f"({scale.magnitude / base.magnitude!r} * ({PINT[tail]}))"
            if tail in REGISTRY:
                return word
    return word if word in REGISTRY else None


def _pint(name: str) -> str:
    """A pint expression for a DTDL name, by another way than the tool's: token by token, greedy from the left."""
    found = _atom(name)
    if found:
        return found
    words = re.findall("[a-z]+|[A-Z][a-z]*", name)
    out, sign, power, at = [], "*", 1, 0
    while at < len(words):
        if words[at] == "Per":
            sign, at = "/", at + 1
            continue
        if words[at].lower() in ("square", "cubic", "reciprocal"):
            power, at = {"square": 2, "cubic": 3, "reciprocal": -1}[words[at].lower()], at + 1
            continue
        for end in range(len(words), at, -1):
            joined = "".join(words[at:end])
            atom = _atom(joined[0].lower() + joined[1:])
            if atom:
                break
        else:
            raise AssertionError(name)
        at = end
        if at < len(words) and words[at] == "Squared":
            power, at = 2, at + 1
        out.append(f"{sign} ({atom})**{power}")
        power = 1
    return "1 " + " ".join(out)


LINEAR = [u for u in units.units() if not u.logarithmic and u.dimension != "Temperature"]


@pytest.mark.parametrize("tested", LINEAR, ids=lambda u: u.name)
def test_the_size_of_every_unit_agrees_with_pint(tested):
    theirs = REGISTRY.parse_expression(_pint(tested.name))
    theirs = theirs.to_base_units() if hasattr(theirs, "to_base_units") else REGISTRY.Quantity(theirs)
    ours = float(tested.factor) * math.pi**tested.pi
    scale = float(theirs.magnitude)
    if "gram" in str(theirs.units) and "kilogram" not in str(theirs.units):
        scale /= 1000
    assert ours == pytest.approx(scale, rel=1e-7)


def test_units_of_one_dimension_have_one_dimension_in_pint():
    seen = {}
    for tested in LINEAR:
        theirs = REGISTRY.parse_expression(_pint(tested.name))
        dimension = dict(getattr(theirs, "dimensionality", {}))
        assert seen.setdefault(tested.dimension, dimension) == dimension, tested


def test_every_unit_of_every_version_is_there():
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set")
    digest = json.loads((Path(cases) / "reference/dtdl/dtdl_digest.json").read_text(encoding="utf-8-sig"))
    names = {name for version in digest["units"].values() for group in version.values() for name in group}
    assert len(names) == 268
    assert {name for name in names if unit(name).own} == set()


@pytest.mark.parametrize(
    ("value", "a", "b", "expected"),
    [
        (25.0, "degreeCelsius", "kelvin", 298.15),
        (298.15, "kelvin", "degreeCelsius", 25.0),
        (212.0, "degreeFahrenheit", "degreeCelsius", 100.0),
        (-40.0, "degreeCelsius", "degreeFahrenheit", -40.0),
        (0.0, "kelvin", "degreeFahrenheit", -459.67),
        (180.0, "degreeOfArc", "radian", math.pi),
        (1.0, "turn", "degreeOfArc", 360.0),
        (60.0, "revolutionPerMinute", "revolutionPerSecond", 1.0),
        (36.0, "kilometrePerHour", "metrePerSecond", 10.0),
        (1.0, "kilowattHour", "megajoule", 3.6),
        (1.0, "byte", "bit", 8.0),
        (50.0, "percent", "unity", 0.5),
        (30.0, "decibelMilliwatt", "decibelWatt", 0.0),
        (30.0, "decibelMilliwatt", "watt", 1.0),
        (2.0, "watt", "decibelMilliwatt", 33.01029995663981),
        (0.0, "watt", "decibelMilliwatt", -math.inf),
        (1.0, "bel", "decibel", 10.0),
        (3.0, "decibel", "decibelRatio", 3.0),
        (20.0, "decibelRatio", "unity", 100.0),
        (120.0, "decibelMicrovolt", "volt", 1.0),
        (120.0, "decibelMicrovolt", "decibelVolt", 0.0),
    ],
)
def test_values_are_converted(value, a, b, expected):
    assert converter(a, b)(value) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("value", "a", "b", "expected"), [
    (25.0, "degreeCelsius", "kelvin", 298.15), (21.3, "degreeCelsius", "degreeFahrenheit", 70.34),
    (0.1, "kilometre", "metre", 100.0), (7.0, "gram", "kilogram", 0.007), (3.0, "minute", "hour", 0.05),
])  # fmt: skip
def test_decimal_values_convert_without_noise(value, a, b, expected):
    assert converter(a, b)(value) == expected


@given(st.sampled_from(LINEAR), st.sampled_from(LINEAR), st.fractions(min_value=-1000, max_value=1000))
def test_exact_conversion_there_and_back_is_the_identity(a, b, value):
    if not convertible(a, b):
        with pytest.raises(UnitMismatch):
            units.ratio(a, b)
        return
    scale, shift, pi = units.ratio(a, b)
    back, back_shift, back_pi = units.ratio(b, a)
    assert (value * scale + shift) * back + back_shift == value
    assert pi + back_pi == 0


def test_fahrenheit_is_exact():
    assert units.ratio(unit("degreeFahrenheit"), unit("degreeCelsius")) == (Fraction(5, 9), Fraction(-160, 9), 0)


@pytest.mark.parametrize(("a", "b"), [
    ("degreeCelsius", "watt"), ("watt", "voltAmpere"), ("joule", "newtonMetre"), ("gray", "sievert"),
    ("decibelMilliwatt", "decibel"), ("hertz", "revolutionPerSecond"),
])  # fmt: skip
def test_units_of_different_dimensions_are_refused(a, b):
    assert not convertible(unit(a), unit(b))
    with pytest.raises(UnitMismatch, match=a):
        converter(a, b)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("°C", "degreeCelsius"), ("degC", "degreeCelsius"), ("K", "kelvin"), ("kW", "kilowatt"), ("Pa", "pascal"),
        ("m/s2", "metrePerSecondSquared"), ("m.s-2", "metrePerSecondSquared"), ("m/s^2", "metrePerSecondSquared"),
        ("m/s²", "metrePerSecondSquared"), ("rad/s", "radianPerSecond"), ("rad.s-1", "radianPerSecond"),
        ("kJ/K", "kilojoulePerKelvin"), ("J/(kg.K)", "joulePerKilogramKelvin"),
        ("J.kg-1.K-1", "joulePerKilogramKelvin"),
        ("W/(m2.K)", "wattPerSquareMetreKelvin"), ("kg/s", "kilogramPerSecond"), ("1", "unity"), ("%", "percent"),
        ("N.m", "newtonMetre"), ("N·m", "newtonMetre"), ("Ohm", "ohm"), ("Ω", "ohm"), ("kOhm", "kiloohm"),
        ("uA", "microampere"), ("μA", "microampere"), ("dBm", "decibelMilliwatt"), ("dB", "decibel"), ("g", "gram"),
        ("m", "metre"), ("min", "minute"), ("T", "tesla"), ("deg", "degreeOfArc"), ("m3/h", "cubicMetrePerHour"),
        ("l/min", "litrePerMinute"), ("L/min", "litrePerMinute"), ("kWh", "kilowattHour"), ("kW.h", "kilowattHour"),
        ("1/s", "reciprocalSecond"), ("s-1", "reciprocalSecond"), ("Hz", "hertz"), ("r/min", "revolutionPerMinute"),
        ("mS/cm", "millisiemensPerCentimetre"), ("watt", "watt"), (" V ", "volt"), ("Pa.s", "pascalSecond"),
    ],
)  # fmt: skip
def test_symbols_and_fmi_strings_are_understood(text, name):
    assert parse_unit(text).name == name


def test_every_symbol_leads_to_a_unit_of_that_symbol():
    for tested in units.units():
        assert parse_unit(tested.symbol).symbol == tested.symbol or tested.name in ("decibelRatio", "bel"), tested


def test_an_unknown_unit_names_the_nearest():
    with pytest.raises(UnitUnknown, match="degreeCelsius") as caught:
        unit("degreeCelcius")
    assert caught.value.action == "Did you mean degreeCelsius?"
    for text in ("", " ", "flurbs", "m/"):
        with pytest.raises(UnitUnknown):
            parse_unit(text)


def test_unece_codes_lead_there_and_back():
    assert unece(unit("degreeCelsius")) == (4408652, "°C")
    assert from_unece(4408652) is unit("degreeCelsius")
    assert from_unece(12871) is unit("volt")
    assert from_unece(5066068) is unit("millimetre")
    assert from_unece(-1) is None
    assert unece(unit("kibibytePerSecond")) is None
    for tested in units.units():
        code = unece(tested)
        if code and tested.name != "decibelRatio":
            assert from_unece(code[0]) is tested


def test_a_unit_is_one_object():
    assert Unit("watt") is unit("watt")
    assert pickle.loads(pickle.dumps(unit("watt"))) is unit("watt")
    assert repr(unit("watt")) == 'Unit("watt")'
    with pytest.raises(AttributeError):
        unit("watt").name = "x"


def test_levels_are_summed_and_averaged_as_power():
    assert linear_sum([30, 30], "decibelMilliwatt") == pytest.approx(33.0103, abs=1e-4)
    assert linear_mean([30, 30], "decibelMilliwatt") == pytest.approx(30)
    assert linear_mean([10, 20], "decibel") == pytest.approx(10 * math.log10(55))
    assert linear_sum([1, 1], "bel") == pytest.approx(1.30103, abs=1e-5)
    assert linear_sum([100000.0, 100000.0], "decibelWatt") == pytest.approx(100003.0103)
    assert linear_sum([-math.inf, 10.0], "decibelWatt") == pytest.approx(10)
    assert linear_sum([], "decibelWatt") == -math.inf
    assert linear_sum([0.1] * 10, "watt") == 1.0
    assert linear_mean([1.0, 2.0], "kelvin") == 1.5
    with pytest.raises(ValueError, match="no values"):
        linear_mean([], "watt")


@pytest.mark.parametrize("text", ["J/(kg/K)", "m/(s/kg)", "((m", "W/(m2.K", "m)"])
def test_a_unit_whose_groups_are_not_understood_is_refused(text):
    with pytest.raises(UnitUnknown):
        parse_unit(text)


def test_a_power_beyond_every_float_is_infinite():
    to_watt = converter("dBm", "W")
    assert [to_watt(level) for level in (30.0, 1e9, math.inf, -math.inf)] == [1.0, math.inf, math.inf, 0.0]
    assert math.isnan(to_watt(math.nan))
