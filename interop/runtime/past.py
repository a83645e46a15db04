"""The whole graph as it was true at an instant, with all that is known now: what AS OF asks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Final

from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph
from interop.graph.transition import Delta, apply
from interop.ledger.port import Ledger

_SLICE: Final = 500
_STRUCTURE: Final = frozenset({"twin-put", "twin-delete", "patch", "relationship-put", "relationship-delete"})


async def graph_at(ledger: Ledger, at: datetime) -> Graph:
    """Gives the graph as of an instant.

    What clients and the file wrote until then is replayed; each twin that was there is then read as of the instant, so
    that readings that came late are in it. The time grows with the events until then.

    Args:
        ledger: Where the past is.
        at: When it was true (UTC).
    """
    structure = await _structure(ledger, at)
    past = Graph()
    for number, twin in enumerate(list(structure.twins), 1):
        state = await ledger.as_of(twin, at)
        if state is not None:
            links = {(one.source, one.id): _read(one, state) for one in structure.outgoing(twin)}
            past.install(Delta(seq=structure.seq, twins={twin: state}, relationships=links))
        if not number % _SLICE:
            await asyncio.sleep(0)
    return past


async def _structure(ledger: Ledger, at: datetime) -> Graph:
    """Twins and relationships that were there, without their readings."""
    graph = Graph()
    since = 0
    while True:
        events = await ledger.events(since, _SLICE)
        for event in events:
            if event.recorded_at > at:
                return graph
            if event.kind in _STRUCTURE:
                graph.install(apply(graph, event))
        if not events:
            return graph
        since = events[-1].seq


def _read(relationship: Relationship, state: TwinState) -> Relationship:
    """A relationship with what its source had read of it."""
    read = {
        path[2]: cell.value
        for path, cell in state.cells.items()
        if path[0] == "-" and path[1] == relationship.id and len(path) == 3  # noqa: PLR2004 - contract Point
    }
    return replace(relationship, contents={**relationship.contents, **read}) if read else relationship
