"""How values change on their way: units of SSP and FMI, transformations, and one after another as one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from fmu import description as fmi
from fmu.quantity import parse_si
from fmu.ssp.elements import BaseUnit, Unit
from fmu.system import Linear, Lookup

Step: TypeAlias = Linear | Lookup | None
"""What is done with a value; None: nothing."""


class StepUnknown(ValueError):
    """Two steps that cannot be one, a value that a step does not take, or a unit of which nothing is known."""


class KindsDiffer(StepUnknown):
    """Two units that measure different things."""


class Size(NamedTuple):
    """A unit: its name, and ``factor * value + offset`` in SI base units; no powers: nothing is known but the name."""

    name: str
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    powers: Mapping[str, int] | None = None


def of_ssp(units: Iterable[Unit]) -> dict[str, Size]:
    """The units of a file, by name."""
    return {unit.name: _of_base(unit.name, unit.base_unit) for unit in units}


def _of_base(name: str, base: BaseUnit) -> Size:
    powers = {
        "kg": base.kg, "m": base.m, "s": base.s, "A": base.ampere, "K": base.kelvin, "mol": base.mol, "cd": base.cd,
        "rad": base.rad,
    }  # fmt: skip
    factor = _exact(base.factor if base.factor is not None else 1.0)
    return Size(name, factor, _exact(base.offset or 0.0), {key: power for key, power in powers.items() if power})


def of_fmu(units: Mapping[str, fmi.Unit]) -> dict[str, Size]:
    """The units of an FMU, by name."""
    return {
        name: Size(name, _exact(unit.factor), _exact(unit.offset), dict(unit.exponents))
        for name, unit in units.items()
        if unit.defined
    }


def _exact(value: float) -> Fraction:
    # the decimal that the file writes, not the binary fraction nearest to it
    try:
        return Fraction(repr(float(value)))
    except ValueError:
        # a factor that is INF or NaN converts nothing
        return Fraction(0)


def find_unit(name: str, known: Mapping[str, Size]) -> Size:
    """The unit of a name: as its file defines it, else as SI writes it, else the bare name."""
    if name in known:
        return known[name]
    parsed = parse_si(name)
    return Size(name) if parsed is None else Size(name, parsed.factor, parsed.offset, parsed.powers)


def conversion(source: Size | None, target: Size | None) -> Step:
    """The step from one unit to another; None where they are the same or one is not given.

    Raises:
        StepUnknown: Units of different kinds, or of which nothing is known but different names.
    """
    if source is None or target is None:
        return None
    if source.name == target.name and source.powers != target.powers:
        # one file leaves out the rad, or the definition: one name is one unit
        return None
    if source.powers is None or target.powers is None:
        if source.name == target.name:
            return None
        unknown = source.name if source.powers is None else target.name
        raise StepUnknown(
            f"{unknown!r} is no unit that is known, so {source.name!r} is not converted to {target.name!r}"
        )
    if source.powers != target.powers:
        raise KindsDiffer(f"{source.name!r} cannot be converted to {target.name!r}; they measure different things")
    if not source.factor or not target.factor:
        raise StepUnknown(f"{(target if source.factor else source).name!r} has no factor")
    factor = source.factor / target.factor
    offset = (source.offset - target.offset) / target.factor
    return None if factor == 1 and offset == 0 else Linear(factor=float(factor), offset=float(offset))


def then(first: Step, second: Step) -> Step:
    """Two steps as one.

    Raises:
        StepUnknown: A linear step in front of, or after, a mapping of what are no numbers.
    """
    if first is None or second is None:
        return first if second is None else second
    if isinstance(first, Linear) and isinstance(second, Linear):
        both = Linear(factor=first.factor * second.factor, offset=second.factor * first.offset + second.offset)
        return None if both == Linear() else both
    if isinstance(first, Lookup):
        # a value that the second step does not know ends the run, as the standard leaves it to us
        pairs = [(key, apply(second, value)) for key, value in first.pairs if _takes(second, value)]
        return Lookup(pairs=tuple(pairs))
    inverse = invert(first)
    assert isinstance(second, Lookup)
    return Lookup(pairs=tuple((apply(inverse, key), value) for key, value in second.pairs))


def _takes(step: Step, value: fmi.Scalar) -> bool:
    return not isinstance(step, Lookup) or any(key == value for key, _ in step.pairs)


def invert(step: Step) -> Step:
    """The step the other way.

    Raises:
        StepUnknown: There is none.
    """
    if step is None:
        return None
    if isinstance(step, Linear):
        if not step.factor:
            raise StepUnknown("a transformation with factor 0 has no way back")
        return Linear(factor=1 / step.factor, offset=-step.offset / step.factor)
    turned = {value: key for key, value in step.pairs}
    if len(turned) < len(step.pairs):
        raise StepUnknown("a mapping that gives one value for several has no way back")
    return Lookup(pairs=tuple(turned.items()))


def apply(step: Step, value: fmi.Scalar) -> fmi.Scalar:
    """What a step makes of a value.

    Raises:
        StepUnknown: A value that a mapping does not name, or a linear step of what is no number.
    """
    if step is None:
        return value
    if isinstance(step, Linear):
        if isinstance(value, str | bytes | bool):
            raise StepUnknown(f"a linear transformation of {value!r}, which is no number")
        return step.factor * value + step.offset
    for key, result in step.pairs:
        if key == value:
            return result
    raise StepUnknown(f"the mapping has no entry for {value!r}")
