"""Raw readings to the model's unit and schema, and back; done once for all adapters (contract units)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
        max_skew_s: A source time further ahead of us than this makes a reading uncertain.
    """

    binding: Binding
    problem: str
    max_skew_s: float
    _forward: Callable[[float], float] | None
    _backward: Callable[[float], float] | None

    def reading(self, sample: Sample, now: datetime) -> Converted:
        """Gives the sample in the model's unit.

        A value that its schema refuses keeps its raw form with BadTypeMismatch; one that cannot be converted has
        BadConfigurationError.
        """
        if self.problem:
            return Converted(sample._replace(status=BAD_CONFIGURATION), self.problem)
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
        if sample.source_time is not None and not sample.status.is_bad:
            skew_s = (sample.source_time - now).total_seconds()
            if skew_s > self.max_skew_s:
                return Converted(
                    sample._replace(value=value, status=UNCERTAIN_SUBNORMAL),
                    f"the source's clock is {skew_s:.0f} s ahead",
                )
        return Converted(sample._replace(value=value))

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
        schema = self.binding.type.schema
        if schema is not None and schema.kind not in {"Double", "Float"} and number.is_integer():
            return int(number)
        return number


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

    return Conversion(binding, problem, max_skew_s, forward, backward)
