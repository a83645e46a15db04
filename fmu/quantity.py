"""Values with units given to FMU variables: ``850 kJ/K`` for a variable in ``J/K``.

An FMU defines its own units by powers of the SI base units (FMI 3.0, 2.4.3), so texts that DTDL has no name for, such
as ``W/(m2.K)``, are read the same way here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NamedTuple

from dtdl.errors import UnitError, UnitMismatch, UnitUnknown
from dtdl.units import converter
from fmu.description import Description, Unit, Variable

_PREFIXES: Final = MappingProxyType(
    {"f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "c": -2, "d": -1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12}
)


class _Size(NamedTuple):
    """``factor * value + offset`` in SI base units, and their powers."""

    factor: Fraction
    offset: Fraction
    powers: Mapping[str, int]


def _size(factor: str = "1", offset: str = "0", **powers: int) -> _Size:
    return _Size(Fraction(factor), Fraction(offset), powers)


_SYMBOLS: Final[Mapping[str, _Size]] = MappingProxyType(
    {
        "1": _size(), "%": _size("1/100"), "rad": _size(rad=1),
        "m": _size(m=1), "g": _size("1/1000", kg=1), "s": _size(s=1), "A": _size(A=1), "K": _size(K=1),
        "mol": _size(mol=1), "cd": _size(cd=1),
        "N": _size(kg=1, m=1, s=-2), "Pa": _size(kg=1, m=-1, s=-2), "J": _size(kg=1, m=2, s=-2),
        "W": _size(kg=1, m=2, s=-3), "V": _size(kg=1, m=2, s=-3, A=-1), "C": _size(A=1, s=1),
        "Ohm": _size(kg=1, m=2, s=-3, A=-2), "S": _size(kg=-1, m=-2, s=3, A=2), "F": _size(kg=-1, m=-2, s=4, A=2),
        "H": _size(kg=1, m=2, s=-2, A=-2), "T": _size(kg=1, s=-2, A=-1), "Wb": _size(kg=1, m=2, s=-2, A=-1),
        "Hz": _size(s=-1), "lm": _size(cd=1), "lx": _size(cd=1, m=-2),
        "min": _size("60", s=1), "h": _size("3600", s=1), "d": _size("86400", s=1),
        "l": _size("1/1000", m=3), "L": _size("1/1000", m=3), "t": _size("1000", kg=1),
        "bar": _size("100000", kg=1, m=-1, s=-2), "Wh": _size("3600", kg=1, m=2, s=-2),
        "degC": _size("1", "273.15", K=1), "°C": _size("1", "273.15", K=1), "degF": _size("5/9", "45967/180", K=1),
    }
)  # fmt: skip
_STRAIGHT: Final = 1e-9
_NO_PREFIX: Final = frozenset({"1", "%", "rad", "min", "h", "d", "degC", "°C", "degF", "t"})
_FACTOR: Final = re.compile(r"(?P<symbol>[^\d^*./·\s-]+|1|%)(?:\^?(?P<power>-?\d+))?")


def in_variable_unit(value: float, unit: str, variable: Variable, description: Description) -> float:
    """Converts a value to the unit of a variable.

    The FMU's own unit definitions and display units count first, then SI symbols with prefixes and powers, then the
    unit names of DTDL.

    Args:
        value: In ``unit``.
        unit: As the user wrote it.
        variable: Whose unit is wanted.
        description: Where it is defined.

    Raises:
        UnitUnknown: A text that means no unit.
        UnitMismatch: Units of different dimensions, or the variable has none.
    """
    if unit == variable.unit:
        return value
    if not variable.unit:
        raise UnitMismatch(
            f"{variable.name!r} has no unit, and {unit!r} was given", action="Write the number without a unit."
        )
    own = description.units.get(variable.unit)
    display = next((shown for shown in (own.display_units if own else ()) if shown.name == unit), None)
    if display is not None:
        return (value - display.offset) / display.factor
    source, target = _resolve(unit, description), _resolve(variable.unit, description)
    if source is None or target is None:
        return _by_name(value, unit, variable)
    if source.powers != target.powers:
        raise UnitMismatch(
            f"{unit!r} cannot be converted to {variable.unit!r}, the unit of {variable.name!r}",
            action=f"Write a unit of the same kind as {variable.unit!r}.",
        )
    exact = (Fraction(repr(value)) * source.factor + source.offset - target.offset) / target.factor
    return float(exact)


def affine(unit: str, of: Description, wanted: str, to: Description) -> tuple[float, float]:
    """How a number in one unit becomes one in another: ``factor * value + offset``.

    Args:
        unit: The number's unit, as an FMU or a user writes it.
        of: The description that may define it.
        wanted: The unit wanted.
        to: The description that may define that.

    Raises:
        UnitUnknown: A unit that nothing defines.
        UnitMismatch: Units of different dimensions.
    """
    source, target = _resolve(unit, of), _resolve(wanted, to)
    if source is None or target is None:
        if unit == wanted:
            return 1.0, 0.0
        return _known_affine(unit, wanted)
    if source.powers != target.powers:
        raise UnitMismatch(f"{unit!r} cannot be converted to {wanted!r}", action="Connect quantities of one kind.")
    return float(source.factor / target.factor), float((source.offset - target.offset) / target.factor)


def _known_affine(unit: str, wanted: str) -> tuple[float, float]:
    """By the units that DTDL names, all of which are linear in one another but the logarithmic ones."""
    convert = converter(unit, wanted)
    zero, one, two = convert(0.0), convert(1.0), convert(2.0)
    if abs((two - one) - (one - zero)) > _STRAIGHT * max(abs(one - zero), abs(two)):
        raise UnitMismatch(
            f"{unit!r} becomes {wanted!r} by no straight line", action="Give the connection a transformation."
        )
    return one - zero, zero


def _by_name(value: float, unit: str, variable: Variable) -> float:
    try:
        return converter(unit, variable.unit)(value)
    except UnitError as error:
        kind = type(error) if isinstance(error, UnitUnknown | UnitMismatch) else UnitUnknown
        raise kind(
            f"{unit!r} for {variable.name!r}, whose unit is {variable.unit!r}: {error.message}",
            action=f"Write it in {variable.unit}.",
        ) from error


def _resolve(text: str, description: Description) -> _Size | None:
    defined = description.units.get(text)
    if defined is not None and defined.defined:
        return _of(defined)
    return parse_si(text)


def _of(unit: Unit) -> _Size:
    # the decimal that the file writes, not the binary fraction nearest to it
    return _Size(Fraction(repr(unit.factor)), Fraction(repr(unit.offset)), dict(unit.exponents))


def parse_si(text: str) -> _Size | None:
    """Reads a text such as ``kW``, ``m3/h``, ``W/(m2.K)`` or ``J.kg-1``; None when it is none."""
    factor, powers = Fraction(1), dict[str, int]()
    above, *below = text.strip().split("/")
    if any("(" in part and not (part.startswith("(") and part.endswith(")")) for part in below):
        return None
    single = not below and _FACTOR.fullmatch(above)
    if single and not single["power"] and (known := _symbol(single["symbol"])):
        return known
    for sign, part in ((1, above), *((-1, part.strip("()")) for part in below)):
        for piece in re.split(r"[.*·\s]", part):
            match = _FACTOR.fullmatch(piece)
            known = _symbol(match["symbol"]) if match else None
            if match is None or known is None or known.offset:
                return None
            power = sign * int(match["power"] or 1)
            factor *= known.factor**power
            for base, exponent in known.powers.items():
                powers[base] = powers.get(base, 0) + power * exponent
    return _Size(factor, Fraction(0), {base: power for base, power in powers.items() if power})


def _symbol(text: str) -> _Size | None:
    if text in _SYMBOLS:
        return _SYMBOLS[text]
    prefix, rest = text[:1], text[1:]
    if prefix in _PREFIXES and rest in _SYMBOLS and rest not in _NO_PREFIX:
        known = _SYMBOLS[rest]
        return known._replace(factor=known.factor * Fraction(10) ** _PREFIXES[prefix])
    return None
