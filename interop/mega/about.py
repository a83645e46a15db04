"""What a twin is (model, simulation, shadow, twin, mega-twin), its three pillars, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from interop.graph.state import TwinState
from interop.service import About, Pillar

Kind = Literal["model", "simulation", "shadow", "twin", "mega-twin"]


@dataclass(frozen=True, slots=True)
class Bond:
    """One source that a twin is bound to.

    Attributes:
        source: Its name.
        plant: Whether it is a physical twin.
        gives: Whether values come from it.
        takes: Whether values or commands go to it.
        up: Whether its link is up.
        cause: Why it is not.
    """

    source: str
    plant: bool
    gives: bool
    takes: bool
    up: bool
    cause: str = ""


def kind_of(bonds: Sequence[Bond], *, composite: bool) -> Kind:
    """Classifies by bindings: no PT is a simulation, no command path a shadow, both directions a twin."""
    if composite:
        return "mega-twin"
    plants = [bond for bond in bonds if bond.plant]
    if plants:
        return "twin" if any(bond.takes for bond in plants) else "shadow"
    return "simulation" if bonds else "model"


def about(state: TwinState, bonds: Sequence[Bond], parts: Mapping[str, About | None]) -> About:
    """Puts the pillars together.

    Args:
        state: The twin.
        bonds: Its own sources.
        parts: What its parts are; None for one that does not exist.
    """
    composite = bool(parts)
    degraded: dict[str, str] = {}
    for bond in bonds:
        if not bond.up:
            degraded[bond.source] = bond.cause or "not connected"
    for part, found in parts.items():
        if found is None:
            degraded[part] = "does not exist"
        elif found.degraded:
            degraded[part] = "; ".join(f"{name}: {why}" for name, why in found.degraded.items())
    for path, cell in state.cells.items():
        if cell.status.is_bad and cell.source not in degraded and cell.source not in {"roll-up", "connection"}:
            degraded["/".join(path)] = f"{cell.status}" + (f" ({cell.reason})" if cell.reason else "")
    return About(
        kind=kind_of(bonds, composite=composite),
        physical=_physical(bonds, parts),
        digital=_digital(state, bonds),
        connection=_connection(bonds, parts),
        sources={bond.source: "up" if bond.up else f"down: {bond.cause or 'not connected'}" for bond in bonds},
        parts=tuple(parts),
        degraded=degraded,
    )


def _level(good: int, whole: int) -> Literal["ok", "degraded", "down", "none"]:
    if not whole:
        return "none"
    return "ok" if good == whole else "degraded" if good else "down"


def _physical(bonds: Sequence[Bond], parts: Mapping[str, About | None]) -> Pillar:
    plants = [bond for bond in bonds if bond.plant]
    with_plant = [found for found in parts.values() if found and found.physical.present]
    good = sum(bond.up for bond in plants) + sum(found.physical.state == "ok" for found in with_plant)
    whole = len(plants) + len(with_plant)
    if parts:
        detail = f"{len(with_plant)} of {len(parts)} parts have a physical twin"
    else:
        detail = ", ".join(bond.source for bond in plants) or "nothing physical is bound"
    return Pillar(present=whole > 0, state=_level(good, whole), detail=detail)


def _digital(state: TwinState, bonds: Sequence[Bond]) -> Pillar:
    behaviours = [bond for bond in bonds if not bond.plant]
    lost = [bond for bond in behaviours if not bond.up]
    detail = f"model {state.model}"
    if behaviours:
        detail += ", behaviour " + ", ".join(bond.source for bond in behaviours)
    return Pillar(present=True, state="degraded" if lost else "ok", detail=detail)


def _connection(bonds: Sequence[Bond], parts: Mapping[str, About | None]) -> Pillar:
    plants = [bond for bond in bonds if bond.plant]
    connected = [found for found in parts.values() if found and found.connection.present]
    good = sum(bond.up for bond in plants) + sum(found.connection.state == "ok" for found in connected)
    whole = len(plants) + len(connected)
    ways = {
        way for bond in plants for way, has in (("from the plant", bond.gives), ("to the plant", bond.takes)) if has
    }
    detail = ", ".join(sorted(ways)) if plants else f"{good} of {whole} parts connected" if parts else "none"
    return Pillar(present=whole > 0, state=_level(good, whole), detail=detail)
