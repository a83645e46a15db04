"""Values that nothing gives any more: their source, binding, roll-up or connection has left the file. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from interop.event import Draft
from interop.graph.state import Cell, TwinState
from interop.graph.transition import value_at
from interop.mega.derive import CONNECTION, ROLL_UP
from interop.values import BAD_CONFIGURATION, Point, format_time


def orphaned(
    twins: Mapping[str, TwinState],
    bound: Mapping[str, Collection[Point]],
    derived: Mapping[str, Mapping[tuple[str, ...], str]],
    now: datetime,
) -> list[Draft]:
    """Gives the events that turn them bad, so that no value of the past is served as good for ever.

    Args:
        twins: Committed states.
        bound: Name of a source → the points that it gives.
        derived: Twin → path → ``roll-up`` or ``connection``.
        now: The moment (UTC).

    Returns:
        One ``samples`` event for each source; none for what is bad for that reason already. What a client published
        stays, since no file ever gave it.
    """
    rows: dict[str, list[list[Any]]] = {}
    stamp = format_time(now)
    for state in twins.values():
        for path, cell in state.cells.items():
            reason = _reason(Point(state.id, path), cell, bound, derived)
            if not reason or (cell.status == BAD_CONFIGURATION and cell.reason == reason):
                continue
            kind = "p" if value_at(state.contents, path)[0] else "t"
            row = [str(Point(state.id, path)), None, str(BAD_CONFIGURATION), stamp, stamp, kind, reason]
            rows.setdefault(cell.source, []).append(row)
    return [
        Draft(kind="samples", twin=None, actor="file", body={"source": source, "readings": readings})
        for source, readings in rows.items()
    ]


def _reason(
    point: Point,
    cell: Cell,
    bound: Mapping[str, Collection[Point]],
    derived: Mapping[str, Mapping[tuple[str, ...], str]],
) -> str:
    if ":" in cell.source:
        return ""  # an actor: a client's own message
    if cell.source in {ROLL_UP, CONNECTION}:
        here = derived.get(point.twin, {}).get(point.path)
        return "" if here == cell.source else f"the file no longer has this {cell.source}"
    if cell.source not in bound:
        return f"the file no longer has the source {cell.source}"
    return "" if point in bound[cell.source] else f"the file no longer binds it to {cell.source}"
