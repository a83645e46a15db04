"""Units: names, symbols, dimensions, exact conversion, levels in decibels, UNECE codes; shared by fmu and interop.

The table is ``units.tsv``: every unit of all versions of the quantitative types, and the project's own extension of
names that DTDL lacks (``decibelMilliwatt``, ``kilojoulePerKelvin``, …; ``Unit.own``).
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from importlib import resources
from types import MappingProxyType
from typing import Final, Self

from dtdl.errors import UnitMismatch, UnitUnknown

_EXACT = 2**53  # integers up to here are exact in a float
_DECADES = 308.25  # powers of ten above it may be beyond every float


class Unit:
    """A unit; the one object of its name, so that ``is`` and ``==`` agree.

    Args:
        name: DTDL name, such as ``degreeCelsius``.

    Attributes:
        name: DTDL name.
        symbol: What people write, such as ``°C``.
        dimension: What it measures; two units of one dimension are convertible.
        factor: The coherent SI unit is ``factor · π^pi`` of it; for a logarithmic unit, the SI value at level 0.
        pi: Power of π in the size, so that degrees and revolutions stay exact.
        offset: SI value at 0, for temperatures.
        logarithmic: Whether it is a level such as dBm.
        decade: Level steps for a tenfold quantity (20 for volts, 10 for powers); 0 when not logarithmic.
        power_decade: Level steps for a tenfold power; 0 when not logarithmic.
        own: Whether it is the project's own extension.

    Raises:
        UnitUnknown: No table knows the name.
    """

    __slots__ = ("decade", "dimension", "factor", "name", "offset", "own", "pi", "power_decade", "symbol")
    name: str
    symbol: str
    dimension: str
    factor: Fraction
    pi: int
    offset: Fraction
    decade: int
    power_decade: int
    own: bool

    def __new__(cls, name: str) -> Self:  # noqa: D102 - the class says it
        found = _table().by_name.get(name)
        if not isinstance(found, cls):
            raise _unknown(name)
        return found

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Unit is frozen: {name}")

    def __repr__(self) -> str:
        return f'Unit("{self.name}")'

    def __reduce__(self) -> tuple[type[Unit], tuple[str]]:
        return (Unit, (self.name,))

    @property
    def logarithmic(self) -> bool:
        """Whether it is a level such as dBm."""
        return self.decade != 0


class _Table:
    """units.tsv, read once."""

    def __init__(self) -> None:
        self.by_name: dict[str, Unit] = {}
        self.codes: dict[str, tuple[int, str]] = {}
        self.by_code: dict[int, Unit] = {}
        text = resources.files("dtdl").joinpath("units.tsv").read_text(encoding="utf-8")
        for line in text.splitlines():
            if not line.startswith("#"):
                self._add(line.split("\t"))
        self.by_symbol: dict[str, Unit] = {}
        for unit_ in self.by_name.values():
            self.by_symbol.setdefault(_plain(unit_.symbol), unit_)
        for alias, name in _ALIASES.items():
            self.by_symbol[_plain(alias)] = self.by_name[name]

    def _add(self, cells: list[str]) -> None:
        made = object.__new__(Unit)
        put = functools.partial(object.__setattr__, made)
        name, symbol, dimension, factor, pi, offset, decade, power_decade, own, codes = cells
        put("name", name)
        put("symbol", symbol)
        put("dimension", dimension)
        put("factor", Fraction(factor))
        put("pi", int(pi))
        put("offset", Fraction(offset))
        put("decade", int(decade or 0))
        put("power_decade", int(power_decade or 0))
        put("own", own == "1")
        self.by_name[name] = made
        for code in codes.split("|") if codes else ():
            _, unit_id, display = code.split(":", 2)
            self.codes.setdefault(name, (int(unit_id), display))
            self.by_code.setdefault(int(unit_id), made)


_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "degC": "degreeCelsius", "Cel": "degreeCelsius", "℃": "degreeCelsius", "C°": "degreeCelsius",
        "degF": "degreeFahrenheit", "℉": "degreeFahrenheit", "deg": "degreeOfArc", "deg/s": "degreePerSecond",
        "rev/min": "revolutionPerMinute", "r/min": "revolutionPerMinute", "RPM": "revolutionPerMinute",
        "rev/s": "revolutionPerSecond", "r/s": "revolutionPerSecond", "rev": "turn", "1/s": "reciprocalSecond",
        "1/min": "reciprocalMinute", "1/m": "reciprocalMetre", "kt": "knot", "L": "litre",
        "mL": "millilitre", "L/s": "litrePerSecond", "L/min": "litrePerMinute", "L/h": "litrePerHour",
        "cfm": "cubicFootPerMinute", "gpm": "gallonPerMinute", "a": "year", "y": "year", "Wh": "wattHour",
        "kW.h": "kilowattHour", "MWh": "megawattHour", "GWh": "gigawattHour", "VA": "voltAmpere",
        "kVA": "kilovoltAmpere", "MVA": "megavoltAmpere", "Ah": "ampereHour", "mAh": "milliampereHour",
        "kg/m3": "kilogramPerCubicMetre", "Nm": "newtonMetre", "bit/s": "bitPerSecond", "byte/s": "bytePerSecond",
        "lbf/in2": "poundPerSquareInch", "g_n": "gForce", "gn": "gForce", "pct": "percent",
        "hPa": "hectopascal", "dB": "decibel", "Mbps": "megabitPerSecond", "kbps": "kilobitPerSecond",
        "Gbps": "gigabitPerSecond", "l": "litre", "inH₂O": "inchesOfWater",
    }
)  # fmt: skip
"""Other spellings: FMI unit strings, plant displays."""

_SPELLING: Final = str.maketrans(
    {"²": "2", "³": "3", "⁻": "-", "¹": "1", "·": ".", "*": ".", "⋅": ".", " ": ".", "μ": "u", "µ": "u", "^": ""}
)
_NESTED: Final = re.compile(r"/\s*\([^)]*[(/]")
"""A quotient below a quotient: the plain spelling, products over products, would turn it upside down."""
_POWER: Final = re.compile(r"(?P<unit>[^\d.-]+)-(?P<power>\d)\Z")


def _plain(text: str) -> str:
    """Gives one spelling for ``m·s⁻²``, ``m.s-2``, ``m/s^2`` and ``m/s²``."""
    text = text.strip().translate(_SPELLING).replace("Ω", "Ohm").replace("ohm", "Ohm").replace("°", "deg")
    top, *bottoms = text.split("/")
    above, below = [], [part for bottom in bottoms for part in bottom.strip("()").split(".")]
    for part in top.strip("()").split("."):
        found = _POWER.match(part)
        if found:
            below.append(found["unit"] + found["power"].replace("1", ""))
        else:
            above.append(part)
    over = ".".join(above) or "1"
    return f"{over}/{'.'.join(below)}" if below else over


@functools.cache
def _table() -> _Table:
    return _Table()


def _unknown(text: str) -> UnitUnknown:
    near = difflib.get_close_matches(text, _table().by_name, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else "Use a unit name of the quantitative types extension."
    return UnitUnknown(f"no unit is called {text!r}", action=hint)


def unit(name: str) -> Unit:
    """Gives the unit of a DTDL name, such as ``degreeCelsius``.

    Raises:
        UnitUnknown: No table knows it; the action names the nearest.
    """
    return Unit(name)


def units() -> tuple[Unit, ...]:
    """Gives every unit, by name."""
    return tuple(_table().by_name.values())


def parse_unit(text: str) -> Unit:
    """Gives the unit that a text means: a DTDL name, a symbol such as ``°C`` or ``kW``, or an FMI unit string.

    Where a symbol is used twice, the more frequent meaning is taken: ``g`` is the gram, ``dB`` is ``decibel``.

    Raises:
        UnitUnknown: No table knows it; the action names the nearest.
    """
    table = _table()
    found = table.by_name.get(text)
    if found is None and text.strip() and text.count("(") == text.count(")") and not _NESTED.search(text):
        found = table.by_symbol.get(_plain(text))
    if found is None:
        raise _unknown(text)
    return found


def from_unece(unit_id: int) -> Unit | None:
    """Gives the unit of an OPC UA ``EUInformation.UnitId`` (OPC 10000-8, 5.6.3), or None when it is not one of ours."""
    return _table().by_code.get(unit_id)


def unece(unit: Unit) -> tuple[int, str] | None:
    """Gives the ``UnitId`` and display name of OPC UA for a unit, or None when UNECE has no code for it."""
    return _table().codes.get(unit.name)


def _unitless_levels(a: Unit, b: Unit) -> bool:
    """A gain and a sound level share the word decibel; as levels they are the same number."""
    return a.logarithmic and b.logarithmic and {a.dimension, b.dimension} <= {"SoundPressureLevel", "Ratio"}


def convertible(a: Unit, b: Unit) -> bool:
    """Tells whether values of one unit can be expressed in the other."""
    return a.dimension == b.dimension or _unitless_levels(a, b)


def ratio(a: Unit, b: Unit) -> tuple[Fraction, Fraction, int]:
    """Gives the exact conversion of two linear units: ``b = (a · scale + shift) · π^pi``.

    Returns:
        Scale, shift and the power of π. The shift is only ever other than 0 where the power is 0.

    Raises:
        UnitMismatch: Different dimensions, or a level.
    """
    if a.dimension != b.dimension or a.logarithmic or b.logarithmic:
        raise _mismatch(a, b)
    return a.factor / b.factor, (a.offset - b.offset) / b.factor, a.pi - b.pi


def _mismatch(a: Unit, b: Unit) -> UnitMismatch:
    return UnitMismatch(
        f"{a.name} ({a.dimension}) cannot be converted to {b.name} ({b.dimension})",
        action=f"Use a unit of {b.dimension}, or correct the unit of the other side.",
    )


def converter(a: Unit | str, b: Unit | str) -> Callable[[float], float]:
    """Gives the function that turns values of one unit into values of another.

    The factors are exact fractions; a value is rounded as few times as floats allow. A level at or below no power at
    all (0 W in dBm) is ``-inf``, a power beyond every float ``inf``.

    Args:
        a: Unit that values come in, or its DTDL name or symbol.
        b: Unit that they are wanted in, or its DTDL name or symbol.

    Raises:
        UnitUnknown: A name that no table knows.
        UnitMismatch: Different dimensions.
    """
    a = parse_unit(a) if isinstance(a, str) else a
    b = parse_unit(b) if isinstance(b, str) else b
    if a is b:
        return _same
    if not convertible(a, b):
        raise _mismatch(a, b)
    if not (a.logarithmic or b.logarithmic):
        return _linear(*ratio(a, b))
    if a.logarithmic and b.logarithmic and (_unitless_levels(a, b) or a.factor == b.factor):
        return _linear(Fraction(b.power_decade, a.power_decade), Fraction(0), 0)
    return _through_level(a, b)


def _same(value: float) -> float:
    return value


def _linear(scale: Fraction, shift: Fraction, pi: int) -> Callable[[float], float]:
    bottom = math.lcm(scale.denominator, shift.denominator)
    times, plus = int(scale * bottom), int(shift * bottom)
    if pi or max(abs(times), abs(plus), bottom) > _EXACT:
        factor, offset = float(scale) * math.pi**pi, float(shift)
        return lambda value: value * factor + offset
    top, add, under = float(times), float(plus), float(bottom)
    if not plus:
        return (lambda value: value * top) if bottom == 1 else (lambda value: value * top / under)
    return lambda value: (value * top + add) / under


def _power_of_ten(exponent: float) -> float:
    # Beyond every float, Python raises for a power where it gives infinity for a product.
    return math.inf if exponent > _DECADES else 10.0**exponent


def _through_level(a: Unit, b: Unit) -> Callable[[float], float]:
    """At least one is a level: goes through the linear SI value."""
    a_size, b_size = float(a.factor), float(b.factor)
    a_decade, b_decade = a.decade, b.decade
    if a_decade and b_decade:
        shift = b_decade * math.log10(a_size / b_size)
        return lambda level: level * b_decade / a_decade + shift
    if a_decade:
        return lambda level: a_size / b_size * _power_of_ten(level / a_decade)

    def to_level(value: float) -> float:
        quantity = value * a_size / b_size
        return b_decade * math.log10(quantity) if quantity > 0 else -math.inf

    return to_level


def linear_sum(values: Iterable[float], unit: Unit | str) -> float:
    """Sums values of one unit; levels are summed as power (30 dBm and 30 dBm are 33.01 dBm).

    Args:
        values: In ``unit``. No value at all gives 0, or ``-inf`` for a level.
        unit: The unit, or its name.

    Returns:
        The sum, in ``unit``.
    """
    return _total(list(values), parse_unit(unit) if isinstance(unit, str) else unit, mean=False)


def linear_mean(values: Iterable[float], unit: Unit | str) -> float:
    """Averages values of one unit; levels are averaged as power.

    Raises:
        ValueError: There is no value.
    """
    given = list(values)
    if not given:
        raise ValueError("the mean of no values is not defined")
    return _total(given, parse_unit(unit) if isinstance(unit, str) else unit, mean=True)


def _total(values: list[float], unit: Unit, *, mean: bool) -> float:
    count = len(values) if mean else 1
    if not unit.logarithmic:
        return math.fsum(values) / count
    peak = max(values, default=-math.inf)
    if math.isinf(peak):
        return peak
    # Relative to the highest level, so that no power overflows.
    power = math.fsum(10.0 ** ((value - peak) / unit.power_decade) for value in values)
    return peak + unit.power_decade * math.log10(power / count)


__all__ = [
    "Unit",
    "converter",
    "convertible",
    "from_unece",
    "linear_mean",
    "linear_sum",
    "parse_unit",
    "ratio",
    "unece",
    "unit",
    "units",
]  # fmt: skip
