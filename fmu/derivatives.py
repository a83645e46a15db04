"""Directional and adjoint derivatives of an instance (FMI 2.0, 2.1.9; FMI 3.0, 2.2.11)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dtdl.errors import FmuError
from fmu.description import FLOATS, FMI_1, FMI_3, Variable

if TYPE_CHECKING:
    from fmu.instance import Instance

_FLAGS = {
    "GetDirectionalDerivative": ("providesDirectionalDerivatives", "providesDirectionalDerivative"),
    "GetAdjointDerivative": ("providesAdjointDerivatives",),
}


def provides(owner: Instance, name: str) -> bool:
    """Whether an FMU announces one of the two functions."""
    said = owner.interface.capabilities
    return owner.description.major != FMI_1 and any(said.get(flag) in ("true", "1") for flag in _FLAGS[name])


def directional(
    owner: Instance, unknowns: Sequence[Variable], knowns: Sequence[Variable], seed: Sequence[float]
) -> list[Any]:
    """See `Instance.directional`."""
    return _ask(owner, "GetDirectionalDerivative", (unknowns, knowns), (knowns, unknowns), seed)


def adjoint(
    owner: Instance, unknowns: Sequence[Variable], knowns: Sequence[Variable], seed: Sequence[float]
) -> list[Any]:
    """See `Instance.adjoint`."""
    return _ask(owner, "GetAdjointDerivative", (unknowns, knowns), (unknowns, knowns), seed)


def _ask(
    owner: Instance,
    name: str,
    references: tuple[Sequence[Variable], Sequence[Variable]],
    ends: tuple[Sequence[Variable], Sequence[Variable]],
    seed: Sequence[float],
) -> list[Any]:
    if not provides(owner, name):
        raise FmuError(
            f"{owner.name} ({owner.description.model_name}): it does not announce {_FLAGS[name][0]}",
            action="Take differences, or export it with derivatives.",
        )
    wrong = next((v for group in references for v in group if v.type not in FLOATS), None)
    if wrong is not None:
        raise FmuError(f"{owner.name}: {wrong.name!r} is {wrong.type}, which has no derivative", action="Leave it out.")
    count_in, count_out = (sum(owner.size(v) for v in group) for group in ends)
    if len(seed) != count_in:
        raise FmuError(
            f"{owner.name}: the seed has {len(seed)} numbers, and {count_in} are needed",
            action="Give one number an element.",
        )
    given, found = (ctypes.c_double * count_in)(*seed), (ctypes.c_double * count_out)()
    arguments: list[Any] = []
    for group in references:
        arguments += [(ctypes.c_uint32 * len(group))(*(v.value_reference for v in group)), len(group)]
    if owner.description.major >= FMI_3:
        arguments += [given, count_in, found, count_out]
    else:
        arguments += [given, found]
    owner.call(name, *arguments)
    return list(found)
