"""How an instance of an FMU is run: which of its interfaces, which integrator, whether its event mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dtdl.errors import FmuError
from fmu.description import Description, Interface
from fmu.solvers import Solver

Kind: TypeAlias = Literal["co-simulation", "model-exchange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an instance is run.

    Attributes:
        kind: Which interface of the FMU. None: co-simulation where it has that, else model exchange.
        solver: The integrator of model exchange.
        checked: Whether findings in the description stop it.
        event_mode: Whether FMI 3.0 co-simulation uses its event mode. None: when the FMU has clocks.
    """

    kind: Kind | None = None
    solver: Solver | None = None
    event_mode: bool | None = None
    checked: bool = True


def choose_interface(description: Description, kind: Kind | None = None) -> Interface:
    """Which interface of an FMU is run.

    Args:
        description: What it says of itself.
        kind: What is wanted; None: co-simulation where it has that, else model exchange.

    Raises:
        FmuError: It has none that can be run.
    """
    found = description.interface(kind) if kind is not None else description.co_simulation or description.model_exchange
    if found is not None:
        return found
    if description.scheduled_execution is not None:
        raise FmuError(
            f"{description.file}: it has scheduled execution only, which is not run"
            if kind is None
            else f"{description.file}: it has scheduled execution, which is not run, and no {kind}",
            action="Export it for co-simulation or model exchange.",
        )
    raise FmuError(f"{description.file}: it has no {kind}", action="Run what it has, or export it for that.")
