"""The whole graph as of a time: the snapshot before it, the events after that, and then what was learned later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from interop.event import Event
from interop.graph.store import Graph
from interop.graph.transition import apply, point_of
from interop.ledger.layout import SPAN
from interop.ledger.recent import samples_of
from interop.ledger.snapshot import install, newest, places, read, require, slices

_SPANS: Final = (
    "SELECT block FROM span WHERE (block >= ?1 AND earliest <= ?2) OR (block <= ?1 AND latest > ?2) ORDER BY block"
)


def graph_after(connection: sqlite3.Connection, seq: int) -> Graph:
    """Gives the graph as it was after an event.

    Raises:
        DataCorrupt: The snapshot that it begins with is damaged.
    """
    graph = Graph()
    since = 0
    snapshot = newest(connection, seq)
    if snapshot is not None:
        since, twins = snapshot
        for part in slices(places(connection, since)):
            install(graph, read(connection, part), since)
        require(since, len(graph.twins), twins)
    for event in _events(connection, since + 1, seq):
        graph.install(apply(graph, event))
    return graph


def misplaced(connection: sqlite3.Connection, at: int, seq: int, known: int) -> set[str]:
    """Gives the twins that have samples whose true time and whose place in the ledger are on two sides of a moment.

    Args:
        connection: Of the ledger.
        at: The moment, in microseconds since 1970.
        seq: The last event that was recorded by then.
        known: The last event that counts.
    """
    found: set[str] = set()
    for (block,) in connection.execute(_SPANS, (seq // SPAN, at)).fetchall():
        for event in _events(
            connection, block * SPAN, min((block + 1) * SPAN - 1, known), "AND kind IN ('samples', 'telemetry')"
        ):
            late = event.seq > seq
            found |= {point_of(text).twin for text, row in samples_of(event) if (row.at <= at) is late}
    return found


def turned(connection: sqlite3.Connection, at: int, seq: int, known: int) -> tuple[set[str], set[str]]:
    """Gives the sources whose link turned before a moment and was recorded after it, and the other way round."""
    late = connection.execute(
        "SELECT DISTINCT source FROM link WHERE since <= ? AND seq > ? AND seq <= ?", (at, seq, known)
    ).fetchall()
    early = connection.execute("SELECT DISTINCT source FROM link WHERE since > ? AND seq <= ?", (at, seq)).fetchall()
    return {source for (source,) in late}, {source for (source,) in early}


def _events(connection: sqlite3.Connection, first: int, last: int, only: str = "") -> Iterator[Event]:
    rows = connection.execute(
        f"SELECT stored FROM event WHERE seq BETWEEN ? AND ? {only} ORDER BY seq",  # noqa: S608 - our own words
        (first, last),
    )
    return (Event.decode(stored) for (stored,) in rows)
