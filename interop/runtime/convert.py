"""Raw readings to the model's unit and schema, and back; done once for all adapters (contract units)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dtdl.errors import UnitError, ValueInvalid
from interop.mega.units import conversion
from interop.ports import Binding, Description
from interop.values import (
    BAD_CONFIGURATION,
    BAD_NO_DATA,
    BAD_TYPE_MISMATCH,
    UNCERTAIN_SUBNORMAL,
    Sample,
    Value,
)


@dataclass(frozen=True, slots=True)
class Converted:
    """A sample in the model's unit, and why it is not Good if that is our own finding."""

    sample: Sample
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What happens to every value of one binding.

    Attributes:
        binding: Whose.
        problem: Why no value of it can be used, or empty.
        conflict: How the source's own unit contradicts that of the file, which is used; or empty.
        max_skew_s: Clocks further apart than this, either way, make a reading uncertain.
    """

    binding: Binding
    problem: str
    conflict: str
    max_skew_s: float
    _forward: Callable[[float], float] | None
    _backward: Callable[[float], float] | None

    def reading(self, sample: Sample, now: datetime, *, behind_s: float = 0.0) -> Converted:
        """Gives the sample in the model's unit.

        Args:
            sample: As the source gave it.
            now: By our clock (UTC).
            behind_s: How far the source's clock is behind ours at least, as far as that is known.

        A value that its schema refuses keeps its raw form with BadTypeMismatch; one that cannot be converted has
        BadConfigurationError and no value.
        """
        if self.problem:
            # A number in another unit is no value of this point, not even a bad one.
            return Converted(sample._replace(value=None, status=BAD_CONFIGURATION), self.problem)
        value = sample.value
        if value is None:
            if sample.status.is_bad:
                return Converted(sample)
            return Converted(sample._replace(status=BAD_NO_DATA), "the source gave no value")
        if self._forward and isinstance(value, int | float) and not isinstance(value, bool):
            # 15 significant digits: 179 x 0.1 is 17.9, not 17.900000000000002
            value = self._fit(float(f"{self._forward(float(value)):.15g}"))
        try:
            value = self.binding.type.check(value)
        except ValueInvalid as error:
            return Converted(sample._replace(status=BAD_TYPE_MISMATCH), error.diagnostics[0].cause)
        return self._timed(sample._replace(value=value), now, behind_s)

    def _timed(self, sample: Sample, now: datetime, behind_s: float) -> Converted:
        """Doubts a sample whose source's clock is too far from ours."""
        if sample.status.is_bad:
            return Converted(sample)
        ahead_s = (sample.source_time - now).total_seconds() if sample.source_time is not None else 0.0
        if ahead_s > self.max_skew_s:
            # Kept, that time would be newer than every true one until it comes, and keep them all away; what we can
            # believe of it ends at max-skew from now.
            latest = now + timedelta(seconds=self.max_skew_s)
            reason = f"the source's clock is {ahead_s:.0f} s ahead: it said {sample.source_time}"
            return Converted(sample._replace(status=UNCERTAIN_SUBNORMAL, source_time=latest), reason)
        if behind_s > self.max_skew_s:
            reason = f"the source's clock is {behind_s:.0f} s behind"
            return Converted(sample._replace(status=UNCERTAIN_SUBNORMAL), reason)
        return Converted(sample)

    def raw(self, value: Value) -> Value:
        """Gives the source's raw value for a value in the model's unit."""
        if self._backward and isinstance(value, int | float) and not isinstance(value, bool):
            # 12 significant digits: 22.3 / 0.1 is 223, not 223.00000000000003
            return float(f"{self._backward(float(value)):.12g}")
        return value

    def agrees(self, asked: Value, found: Value) -> bool:
        """Whether a value read back is the one that was asked for, to the resolution of the source's scale."""
        if isinstance(asked, bool) or isinstance(found, bool):
            return asked is found
        if isinstance(asked, int | float) and isinstance(found, int | float):
            step = abs(self._forward(1.0) - self._forward(0.0)) if self._forward and self.binding.scale != 1.0 else 0.0
            return math.isclose(asked, found, rel_tol=1e-6, abs_tol=max(0.501 * step, 1e-9))
        return asked == found

    def _fit(self, number: float) -> float | int:
        """An integer stays one through a conversion, whose last digit is not exact: 0.57 x 100 is 56.99999999999999."""
        schema = self.binding.type.schema
        if schema is None or schema.kind in {"Double", "Float"} or not math.isfinite(number):
            return number
        nearest = round(number)
        return nearest if math.isclose(number, nearest, rel_tol=1e-12, abs_tol=1e-9) else number


def prepare(binding: Binding, description: Description, *, max_skew_s: float) -> Conversion:
    """Decides the conversion of a binding, once its source has described itself.

    The source's own unit applies unless the file gives ``unit:``.
    """
    forward = backward = None
    problem = ""
    if binding.type.is_number:
        source_unit = binding.unit or description.unit
        scale, offset = binding.scale, binding.offset
        try:
            to_model = conversion(source_unit, binding.type.unit)
            to_source = conversion(binding.type.unit, source_unit)
        except UnitError as error:
            problem = (
                f"{binding.point}: the source gives {source_unit}, the model wants {binding.type.unit}: {error.message}"
            )
        else:
            if (
                scale != 1.0
                or offset != 0.0
                or (source_unit and binding.type.unit and source_unit != binding.type.unit)
            ):

                def forward(raw: float) -> float:
                    return to_model(raw * scale + offset)

                def backward(value: float) -> float:
                    return (to_source(value) - offset) / scale

    conflict = _conflict(binding, description) if binding.type.is_number and not problem else ""
    return Conversion(binding, problem, conflict, max_skew_s, forward, backward)


def _conflict(binding: Binding, description: Description) -> str:
    """What the source says of its unit against the file; a scale that is that very conversion is no conflict."""
    given, own = binding.unit, description.unit
    if given is None or own is None or given == own:
        return ""
    try:
        real = conversion(own, given)
    except UnitError:
        agrees = False
    else:
        pairs = [(real(raw), raw * binding.scale + binding.offset) for raw in (0.0, 1.0, 100.0)]
        agrees = all(math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) for one, other in pairs)
    if agrees:
        return ""
    return f"{binding.point}: the source says {description.raw_unit or own}, the file says {given}, which is used"
