"""What a megatwin.yaml says of an FMU source, and of one value of it."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from interop.config.quantities import Bytes, PositiveSeconds

Start: TypeAlias = bool | int | float | str
"""A start value: a number in the variable's unit, a text with a unit such as ``850 kJ/K``, a text, true or false."""


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Defaults(BaseModel):
    """What of ``defaults:`` an FMU keeps itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_kebab, populate_by_name=True)

    stale_after: PositiveSeconds = Field(
        default=5.0, description="Without a step for so long, but never less than a few steps, its values turn bad."
    )


class FmuSettings(BaseModel):
    """``sources.<name>`` of kind ``fmu``."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_kebab, populate_by_name=True)

    fmu: str = Field(
        min_length=1,
        description="Path of the .fmu, relative to this file; or library:<Name> for one that ships with megatwin.",
        examples=["fmu/SiteThermal.fmu", "library:RoomThermal"],
    )
    step: PositiveSeconds = Field(default=1.0, description="Length of a communication step, in simulation time.")
    parameters: dict[str, Start] = Field(default_factory=dict, description="Parameters of the FMU, by name.")
    start: dict[str, Start] = Field(
        default_factory=dict, description="Start values of inputs and of other variables that take one, by name."
    )
    factor: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Simulation seconds per second; 1 is real time."
    )
    call_deadline: PositiveSeconds = Field(default=10.0, description="How long one call into the FMU may take.")
    memory: Bytes = Field(default=2 << 30, gt=0, description="Memory that the FMU may take.")
    defaults: Defaults = Defaults()


class FmuAddress(BaseModel):
    """Which variable of the FMU."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variable: str = Field(min_length=1, description="Name of a variable of the FMU.")
