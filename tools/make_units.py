"""Makes dtdl/units.tsv: every unit of the quantitative types, our own extension, and the UNECE codes of both.

Run by hand when a new version of the quantitative types is published::

    python tools/make_units.py DIGEST.json UNECE_to_OPCUA.csv dtdl/units.tsv

Sources of facts: the metamodel digest of DTDLParser (digitaltwinconsortium/DTDLParser, MIT; names, symbols and the
dimension of each unit), UNECE_to_OPCUA.csv of the OPC Foundation (codes and their display texts), and the definitions
below (SI brochure, NIST SP 811). A unit's size is worked out from its name with exact fractions.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple


class Size(NamedTuple):
    """How many of the coherent SI unit, as ``factor · π^pi``, and the symbol."""

    factor: Fraction
    pi: int
    symbol: str


PREFIXES = {
    "yobi": (2**80, "Yi"), "zebi": (2**70, "Zi"), "exbi": (2**60, "Ei"), "pebi": (2**50, "Pi"),
    "tebi": (2**40, "Ti"), "gibi": (2**30, "Gi"), "mebi": (2**20, "Mi"), "kibi": (2**10, "Ki"),
    "tera": (10**12, "T"), "giga": (10**9, "G"), "mega": (10**6, "M"), "kilo": (10**3, "k"), "hecto": (100, "h"),
    "deca": (10, "da"), "deci": ("1/10", "d"), "centi": ("1/100", "c"), "milli": ("1/1000", "m"),
    "micro": ("1/1000000", "µ"), "nano": ("1/1000000000", "n"), "pico": ("1/1000000000000", "p"),
}  # fmt: skip

_FOOT = Fraction("0.3048")
_INCH = Fraction("0.0254")
_POUND = Fraction("0.45359237")
_GRAVITY = Fraction("9.80665")
_LBF = _POUND * _GRAVITY
_BTU = Fraction("1055.05585262")
_GALLON = 231 * _INCH**3

BASES: dict[str, tuple[Any, str] | tuple[Any, str, int]] = {
    # name: (how many of the coherent SI unit, symbol[, power of π])
    **dict.fromkeys(("unity", "ratio"), (1, "1")),
    "percent": ("1/100", "%"), "perMille": ("1/1000", "‰"), "partsPerMillion": ("1e-6", "ppm"),
    "partsPerBillion": ("1e-9", "ppb"), "partsPerTrillion": ("1e-12", "ppt"), "partsPerQuadrillion": ("1e-15", "ppq"),
    "metre": (1, "m"), "gram": ("1/1000", "g"), "second": (1, "s"), "ampere": (1, "A"), "kelvin": (1, "K"),
    "mole": (1, "mol"), "candela": (1, "cd"), "radian": (1, "rad"), "hertz": (1, "Hz"), "newton": (1, "N"),
    "pascal": (1, "Pa"), "joule": (1, "J"), "watt": (1, "W"), "coulomb": (1, "C"), "volt": (1, "V"),
    "farad": (1, "F"), "ohm": (1, "Ω"), "siemens": (1, "S"), "weber": (1, "Wb"), "tesla": (1, "T"),
    "henry": (1, "H"), "lumen": (1, "lm"), "lux": (1, "lx"), "becquerel": (1, "Bq"), "gray": (1, "Gy"),
    "sievert": (1, "Sv"), "bit": (1, "bit"), "byte": (8, "B"), "voltAmpere": (1, "V·A"),
    "voltAmpereReactive": (1, "var"), "erlang": (1, "E"), "item": (1, "item"),
    "degreeCelsius": (1, "°C"), "degreeFahrenheit": ("5/9", "°F"),
    "minute": (60, "min"), "hour": (3600, "h"), "day": (86400, "d"), "week": (604800, "wk"), "year": (31557600, "yr"),
    "degreeOfArc": ("1/180", "°", 1), "degree": ("1/180", "°", 1), "minuteOfArc": ("1/10800", "'", 1),
    "secondOfArc": ("1/648000", '"', 1), "turn": (2, "turn", 1), "revolution": (2, "r", 1),
    "inch": (_INCH, "in"), "foot": (_FOOT, "ft"), "mile": (5280 * _FOOT, "mi"), "nauticalMile": (1852, "nmi"),
    "astronomicalUnit": (149597870700, "AU"), "hectare": (10000, "ha"), "acre": (43560 * _FOOT**2, "ac"),
    "litre": ("1/1000", "l"), "gallon": (_GALLON, "gal"), "fluidOunce": (_GALLON / 128, "fl oz"),
    "tonne": (1000, "t"), "massPound": (_POUND, "lb"), "massOunce": (_POUND / 16, "oz"), "slug": (_LBF / _FOOT, "slug"),
    "pound": (_LBF, "lbf"), "ounce": (_LBF / 16, "ozf"), "ton": (2000 * _LBF, "tonf"), "gForce": (_GRAVITY, "g₀"),
    "knot": (Fraction(1852, 3600), "kn"), "electronvolt": ("1.602176634e-19", "eV"),
    "britishThermalUnit": (_BTU, "Btu"), "horsepower": (550 * _FOOT * _LBF, "hp"),
    "tonOfRefrigeration": (12000 * _BTU / 3600, "TR"), "bar": (100000, "bar"),
    "poundPerSquareInch": (_LBF / _INCH**2, "psi"), "inchesOfMercury": (Fraction("13595.1") * _GRAVITY * _INCH, "inHg"),
    "millimetresOfMercury": (Fraction("13.5951") * _GRAVITY, "mmHg"),
    "inchesOfWater": (1000 * _GRAVITY * _INCH, "inH2O"),
    "poise": ("1/10", "P"), "stokes": ("1e-4", "St"), "gauss": ("1e-4", "G"), "maxwell": ("1e-8", "Mx"),
    "footcandle": (1 / _FOOT**2, "fc"),
}  # fmt: skip

DIMENSIONS = {"Unitless": "Ratio", "ReciprocalTime": "Frequency", "SoundPressure": "SoundPressureLevel"}
"""Published class without ``Unit`` → name of the dimension here, where they differ."""

OFFSETS = {"degreeCelsius": Fraction("273.15"), "degreeFahrenheit": Fraction("459.67") * 5 / 9}
"""Kelvin at zero of the unit."""

OWN = {
    "Ratio": "perMille",
    "Density": "milligramPerLitre gramPerLitre",
    "Mass": "massOunce",
    "Time": "week",
    "Force": "kilonewton meganewton millinewton",
    "Pressure": "megapascal gigapascal",
    "Torque": "kilonewtonMetre millinewtonMetre",
    "Length": "decimetre",
    "Area": "squareDecimetre",
    "Velocity": "metrePerMinute footPerSecond footPerMinute",
    "Angle": "milliradian",
    "Frequency": "terahertz",
    "ElectricConductance": "siemens millisiemens microsiemens",
    "ElectricConductivity": "siemensPerMetre microsiemensPerCentimetre millisiemensPerCentimetre",
    "ElectricFieldStrength": "voltPerMetre millivoltPerMetre microvoltPerMetre",
    "HeatCapacity": "joulePerKelvin kilojoulePerKelvin megajoulePerKelvin",
    "SpecificHeatCapacity": "joulePerKilogramKelvin kilojoulePerKilogramKelvin",
    "SpecificEnergy": "joulePerKilogram kilojoulePerKilogram",
    "ThermalConductance": "wattPerKelvin kilowattPerKelvin",
    "ThermalResistance": "kelvinPerWatt",
    "ThermalConductivity": "wattPerMetreKelvin",
    "HeatTransferCoefficient": "wattPerSquareMetreKelvin",
    "TemperatureRate": "kelvinPerSecond kelvinPerMinute kelvinPerHour",
    "Irradiance": "kilowattPerSquareMetre",
    "AmountOfSubstance": "mole millimole kilomole",
    "TrafficIntensity": "erlang",
    "DataRate": "kilobitPerSecond megabitPerSecond gigabitPerSecond terabitPerSecond kilobytePerSecond "
    "megabytePerSecond gigabytePerSecond",
    "DataSize": "kilobit megabit gigabit kilobyte megabyte gigabyte terabyte",
    "Resistance": "microohm gigaohm",
    "Stiffness": "newtonPerMetre newtonPerMillimetre",
    "MomentOfInertia": "kilogramSquareMetre",
    "MassPerArea": "kilogramPerSquareMetre",
    "EnergyPerVolume": "kilowattHourPerCubicMetre",
    "EnergyPerArea": "kilowattHourPerSquareMetre",
    "RotationalStiffness": "newtonMetrePerRadian",
    "TranslationalDamping": "newtonSecondPerMetre",
}
"""Own extension: dimension → names."""

LEVELS = [
    # name, symbol, dimension, the linear quantity at level 0, how many of the unit a decade of it takes, own?
    ("bel", "B", "SoundPressureLevel", "1", "1", "1"),
    ("decibel", "dB", "SoundPressureLevel", "1", "10", "10"),
    ("decibelRatio", "dB", "Ratio", "1", "10", "10"),
    ("decibelCarrier", "dBc", "Ratio", "1", "10", "10"),
    ("decibelIsotropic", "dBi", "Ratio", "1", "10", "10"),
    ("decibelWatt", "dBW", "Power", "1", "10", "10"),
    ("decibelMilliwatt", "dBm", "Power", "1/1000", "10", "10"),
    ("decibelVolt", "dBV", "Voltage", "1", "20", "10"),
    ("decibelMicrovolt", "dBµV", "Voltage", "1/1000000", "20", "10"),
    ("decibelMicrovoltPerMetre", "dBµV/m", "ElectricFieldStrength", "1/1000000", "20", "10"),
]
"""Logarithmic units: value = decade · log10(quantity / reference); power is 10^(value / power decade)."""

SYMBOLS = {"newtonMetre": "N·m", "revolutionPerMinute": "rpm", "revolutionPerSecond": "rps"}
"""Where neither the published symbol nor the composed one is the usual one."""

CODES = {
    "gForce": "K40", "turn": "M44", "revolutionPerMinute": "RPM M46", "revolutionPerSecond": "RPS", "voltAmpere": "D46",
    "kilovoltAmpere": "KVA", "megavoltAmpere": "MVA", "millivoltAmpere": "M35", "voltAmpereReactive": "D44",
    "kilovoltAmpereReactive": "KVR K5", "megavoltAmpereReactive": "MAR", "britishThermalUnit": "BTU", "ounce": "L40",
    "pound": "C78", "ton": "L94", "massPound": "LBR", "massOunce": "ONZ", "kilowattHour": "KWH",
    "britishThermalUnitPerHour": "2I", "massPoundPerHour": "4U", "inchesOfMercury": "F79", "inchesOfWater": "F78",
    "millimetresOfMercury": "HN", "poundPerSquareInch": "PS", "unity": "C62", "partsPerMillion": "59",
    "partsPerBillion": "61", "newtonMetre": "NU", "degreeOfArc": "DD", "minuteOfArc": "D61", "secondOfArc": "D62",
    "fluidOunce": "OZA", "gallon": "GLL", "gallonPerMinute": "G2", "gallonPerHour": "G50", "mile": "SMI",
    "foot": "FOT", "minute": "MIN", "second": "SEC", "volt": "VLT 2G 2H", "horsepower": "BHP", "acre": "",
    "year": "ANN", "tonne": "TNE", "decibelRatio": "2N", "decibelMilliwatt": "DBM",
    "milePerHour": "HM", "kilobyte": "2P", "percent": "P1", "bar": "BAR",
}  # fmt: skip
"""Codes that neither the description nor the symbol finds; the first is the one that is given out."""


class _Unresolved(ValueError):
    """A name that the bases do not explain."""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _factor(name: str) -> tuple[Size, str]:
    """Reads the longest unit at the front of a name; gives it and the rest."""
    ends = [m.start() for m in re.finditer("[A-Z]", name)][::-1]
    for end in (len(name), *ends):
        head, rest = name[:end], name[end:]
        if head in BASES:
            size, symbol, *pi = BASES[head]
            return Size(Fraction(size), pi[0] if pi else 0, symbol), rest
        for prefix, (scale, mark) in PREFIXES.items():
            tail = _lower(head[len(prefix) :])
            if head.startswith(prefix) and tail in BASES:
                size, symbol, *pi = BASES[tail]
                return Size(Fraction(scale) * Fraction(size), pi[0] if pi else 0, mark + symbol), rest
    raise _Unresolved(name)


def _product(name: str) -> Size:
    total, symbols = Size(Fraction(1), 0, ""), []
    while name:
        name = _lower(name)
        power = 1
        for word, exponent in (("square", 2), ("cubic", 3), ("reciprocal", -1)):
            if name.startswith(word) and name[len(word) : len(word) + 1].isupper():
                name, power = _lower(name[len(word) :]), exponent
        size, name = _factor(name)
        if name.startswith("Squared"):
            name, power = name.removeprefix("Squared"), 2
        symbols.append(size.symbol + {1: "", 2: "²", 3: "³", -1: "⁻¹"}[power])
        total = Size(total.factor * size.factor**power, total.pi + size.pi * power, "")
    return total._replace(symbol="·".join(symbols))


def size_of(name: str) -> Size:
    """Works out how large a unit is from its DTDL name.

    Raises:
        ValueError: The name holds a word that is not known.
    """
    if name in BASES:
        return _factor(name)[0]
    top, *bottoms = re.split(r"Per(?=[A-Z])", name)
    total = _product(top)
    below = [_product(bottom) for bottom in bottoms]
    for size in below:
        total = Size(total.factor / size.factor, total.pi - size.pi, total.symbol)
    bottom = "·".join(size.symbol for size in below)
    if bottom:
        bottom = f"/({bottom})" if "·" in bottom else f"/{bottom}"
    return total._replace(symbol=total.symbol + bottom)


def _published(digest: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Gives name → dimension and name → published symbol."""
    dimensions: dict[str, str] = {}
    for classes in digest["units"].values():
        for cls, names in classes.items():
            dimension = DIMENSIONS.get(cls.removesuffix("Unit"), cls.removesuffix("Unit"))
            dimensions.update(dict.fromkeys(names, dimension))
    for name in dimensions:
        if name.endswith(("gray", "sievert")):
            dimensions[name] = "AbsorbedDose" if name.endswith("gray") else "EquivalentDose"
    symbols = {}
    for element in digest["elements"]:
        if ":unit:" in element["@id"] and "symbol" in element:
            symbols[element["@id"].rsplit(":", 1)[-1].split(";")[0]] = element["symbol"]
    return dimensions, symbols


def _words(name: str) -> str:
    return re.sub("([A-Z])", lambda found: " " + found[1].lower(), name)


class _Codes:
    """The UNECE table."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            self.rows = {row["UNECECode"]: row for row in csv.DictReader(stream)}
        self.by_text = {row["Description"].lower(): code for code, row in reversed(self.rows.items())}

    def of(self, name: str) -> tuple[tuple[str, int, str], ...]:
        """Gives (code, UnitId, display) of a unit, the preferred one first."""
        found = CODES.get(name)
        codes = [self.by_text.get(_words(name), "")] if found is None else found.split()
        rows = [self.rows[code] for code in codes if code]
        return tuple((row["UNECECode"], int(row["UnitId"]), row["DisplayName"]) for row in rows)


def rows(digest: dict[str, Any], codes: _Codes) -> list[tuple[Any, ...]]:
    """Gives the rows of the table, in the order of its columns."""
    dimensions, symbols = _published(digest)
    own = {name: dimension for dimension, names in OWN.items() for name in names.split()}
    levels = {level[0] for level in LEVELS}
    table = []
    for name, dimension in sorted({**own, **dimensions}.items()):
        if name in levels:
            continue
        size = size_of(name)
        # A published symbol that is another unit's (g, m, M, T, lb, oz) gives way to the composed one.
        symbol = SYMBOLS.get(name) or (size.symbol if name in BASES or name not in symbols else symbols[name])
        offset = str(OFFSETS.get(name, 0))
        table.append((name, symbol, dimension, str(size.factor), size.pi, offset, "", "", name in own, codes.of(name)))
    for name, symbol, dimension, reference, decade, power in LEVELS:
        table.append(
            (name, symbol, dimension, reference, 0, "0", decade, power, name not in dimensions, codes.of(name))
        )
    return table


HEADER = """\
# Every unit that the project knows. Made by tools/make_units.py; not edited by hand.
# Names, symbols and dimensions of the quantitative types: metamodel digest of DTDLParser
# (digitaltwinconsortium/DTDLParser, MIT). UnitIds: UNECE_to_OPCUA.csv of the OPC Foundation; UNECE Recommendation 20.
# name, symbol, dimension, factor to SI, power of pi, SI value at 0, units a decade, units a decade of power, own (1),
# UNECE code:UnitId:display, the one that is given out first
"""


def main(digest: str, unece: str, out: str) -> None:
    """Writes the table."""
    facts = json.loads(Path(digest).read_text(encoding="utf-8-sig"))
    lines = []
    for *row, own, codes in rows(facts, _Codes(Path(unece))):
        cells = [*map(str, row), str(int(own)), "|".join(":".join(map(str, code)) for code in codes)]
        lines.append("\t".join(cells) + "\n")
    Path(out).write_text(HEADER + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
