"""Stored events as the changes that they were: what a stream that resumes is told of the time it was away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

from interop.event import Event
from interop.graph.state import Cell
from interop.graph.transition import instant
from interop.service import Change, TwinService
from interop.values import BAD_TYPE_MISMATCH, Point, Status

PAGE: Final = 50
"""Events that are read and encoded at a time; more would hold up everything else on the loop."""
ChangeKind: TypeAlias = Literal["twin", "twin-deleted", "relationship", "relationship-deleted", "model"]


async def replay(service: TwinService, since: int, until: int) -> AsyncIterator[Change]:
    """Gives the changes of the events (since, until], in order; what is yet to come is not waited for."""
    newest: dict[Point, datetime] = {}
    while since < until:
        events = await service.events(since, min(PAGE, until - since))
        if not events:
            return
        for event in events:
            for change in changes_of(service, event, newest):
                yield change
        since = events[-1].seq


def changes_of(service: TwinService, event: Event, newest: dict[Point, datetime]) -> Iterator[Change]:
    """Gives the changes that one event was.

    Args:
        service: Knows the state now, which a late reading did not change.
        event: The event.
        newest: Point → source time of the newest sample so far; kept by the caller between events.
    """
    body, seq, twin = event.body, event.seq, event.twin
    match event.kind:
        case "samples":
            yield from _samples(service, event, newest)
        case "patch":
            for operation in body["ops"]:
                yield Change(seq=seq, kind="twin", twin=twin, path=Point.parse(f"-{operation['path']}").path)
        case "link":
            yield Change(seq=seq, kind="link", twin=None, detail=body)
            yield from _cells_of(service, seq)
        case "telemetry":
            yield Change(seq=seq, kind="telemetry", twin=twin, path=tuple(body.get("path") or ()), detail=body)
        case "command" | "write":  # what a write changes comes as samples of its own
            yield Change(seq=seq, kind="command", twin=twin, detail={"kind": event.kind, "cause": event.cause, **body})
        case kind if kind in _PLAIN:
            name, keys = _PLAIN[kind]
            yield Change(seq=seq, kind=name, twin=twin, detail={key: body[key] for key in keys})


_PLAIN: Final[Mapping[str, tuple[ChangeKind, Sequence[str]]]] = {
    "twin-put": ("twin", ("model",)),
    "twin-delete": ("twin-deleted", ()),
    "relationship-put": ("relationship", ("id", "name", "target")),
    "relationship-delete": ("relationship-deleted", ("id",)),
    "model": ("model", ("id", "action")),
}
"""Events that are one change: its kind, and what of the body it tells."""


def _samples(service: TwinService, event: Event, newest: dict[Point, datetime]) -> Iterator[Change]:
    source = event.body["source"]
    for text, value, status, source_time, server_time, *_ in event.body["readings"]:
        point = Point.parse(text)
        cell = Cell(value, Status(status), instant(source_time), instant(server_time), source=source, seq=event.seq)
        if cell.status == BAD_TYPE_MISMATCH or _is_late(service, point, cell, newest):
            continue
        yield Change(seq=event.seq, kind="value", twin=point.twin, path=point.path, cell=cell)


def _is_late(service: TwinService, point: Point, cell: Cell, newest: dict[Point, datetime]) -> bool:
    """Whether a reading entered history without becoming the live value (contract time)."""
    state = service.graph.twins.get(point.twin)
    live = state.cells.get(point.path) if state is not None else None
    if live is not None and live.seq < cell.seq:
        return True
    if cell.source_time is None:
        return False
    before = newest.get(point)
    newest[point] = max(before, cell.source_time) if before else cell.source_time
    return before is not None and cell.source_time < before


def _cells_of(service: TwinService, seq: int) -> Iterator[Change]:
    """Gives the values whose status the event changed and that nothing changed since."""
    for state in service.graph.twins.values():
        for path, cell in state.cells.items():
            if cell.seq == seq:
                yield Change(seq=seq, kind="value", twin=state.id, path=path, cell=cell)
