"""Making every index of a ledger anew, beside it, and comparing: an index must say what the events say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from interop.event import Event
from interop.graph.store import Graph
from interop.graph.transition import apply
from interop.ledger.index import Index, add_spans
from interop.ledger.layout import INDEX_TABLES, SPAN_TABLE, address
from interop.ledger.recent import Held, samples_of
from interop.ledger.snapshot import Saved, checksum, encode

_SAMPLES: Final = """
    SELECT s.seq, p.twin, p.path, s.at, s.n, s.flags, a.text, b.text, s.server, c.text, s.value
    FROM {0}.sample s LEFT JOIN {0}.point p ON p.id = s.point LEFT JOIN {0}.name a ON a.id = s.status
    LEFT JOIN {0}.name b ON b.id = s.source LEFT JOIN {0}.name c ON c.id = s.reason"""
_INDEXES: Final = (
    ("samples", _SAMPLES, " WHERE s.seq < (SELECT sampled FROM ledger.head)"),
    ("versions", "SELECT seq, twin, kind, base, model, since, fold FROM {0}.version", ""),
    ("links", "SELECT seq, source, since, status, reason FROM {0}.link", ""),
)
"""Name, query, and which rows must be there; of the newest samples the table may lack some."""
_SPANS: Final = ("spans", "SELECT block * 1024 AS seq, earliest, latest FROM {0}.span", "")
"""As ``layout.SPAN``."""


def index_problems(folder: Path) -> Iterator[tuple[int, str]]:
    """Gives what the indexes of a folder's ledger say that its events do not, and the other way round: event and text.

    Raises:
        sqlite3.DatabaseError: The file cannot be read on.
    """
    # An unnamed database is a temporary file that SQLite removes; it has the indexes, the ledger has the events.
    connection = sqlite3.connect("", uri=True, isolation_level=None)
    try:
        connection.execute("ATTACH ? AS ledger", (address(folder, mode="ro"),))
        connection.executescript(f"BEGIN; {INDEX_TABLES} {SPAN_TABLE}")
        index = Index(connection)
        second = connection.execute("PRAGMA ledger.user_version").fetchone()[0] > 1
        saved = SavedAnew(connection) if second else None
        for (stored,) in connection.execute("SELECT stored FROM ledger.event ORDER BY seq"):
            event = Event.decode(stored)
            index.add(event)
            samples = samples_of(event)
            add_spans(connection, [row for _, row in samples])
            if saved is not None:
                yield from saved.add(event)
            found = [(text.partition("/"), row) for text, row in samples]
            index.write(
                [Held(twin.replace("~1", "/").replace("~0", "~"), path, [row]) for (twin, _, path), row in found]
            )
        if saved is not None:
            yield from saved.end()
        for name, query, must in (*_INDEXES, _SPANS) if second else _INDEXES:
            ours, theirs = query.format("main"), query.format("ledger")
            for one, other in ((ours + must, theirs), (theirs, ours)):
                seq = connection.execute(f"SELECT min(seq) FROM ({one} EXCEPT {other})").fetchone()[0]  # noqa: S608 - our own words
                if seq is not None:
                    yield seq, f"event {seq} is not what the index of {name} says"
                    break
    finally:
        connection.close()


class SavedAnew:
    """Makes the snapshots anew, event by event, and compares.

    The marks of the runtime are its own; they are left as they are, and the checksum covers them.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._graph = Graph()
        self._changed: set[str] = set()
        self._at: dict[int, int | None] = dict(
            connection.execute(
                "SELECT seq, max(twins) FROM (SELECT seq, twins FROM ledger.snapshot UNION ALL"
                " SELECT DISTINCT seq, NULL FROM ledger.state) GROUP BY seq"
            )
        )

    def add(self, event: Event) -> Iterator[tuple[int, str]]:
        """Takes the next event; gives what the snapshot after it says otherwise."""
        delta = apply(self._graph, event)
        self._graph.install(delta)
        self._changed.update(delta.twins)
        self._changed.update(twin for twin, _ in delta.relationships)
        if event.seq in self._at:
            yield from self._compare(event.seq, self._at.pop(event.seq))

    def end(self) -> Iterator[tuple[int, str]]:
        """Gives what is there and belongs to no event."""
        for seq in self._at:
            yield seq, f"there is a snapshot after event {seq}, and no such event"

    def _compare(self, seq: int, twins: int | None) -> Iterator[tuple[int, str]]:
        rows = {
            twin: (body, check)
            for twin, body, check in self._connection.execute(
                "SELECT twin, body, hash FROM ledger.state WHERE seq = ?", (seq,)
            )
        }
        # Rows without a snapshot are those of one that was not finished; they are right, or not there.
        wanted = self._changed if twins is not None else set(rows)
        wrong = set(rows) ^ wanted
        for twin in set(rows) & wanted:
            if not self._is_right(twin, seq, *rows[twin]):
                wrong.add(twin)
        if twins is not None:
            self._changed = set()
            if twins != len(self._graph.twins):
                wrong.add("")
        if wrong:
            yield seq, f"event {seq} is followed by a snapshot that is not what the events come to"

    def _is_right(self, twin: str, seq: int, body: object, check: object) -> bool:
        if not isinstance(body, bytes) or checksum(twin, seq, body) != check:
            return False
        marks = orjson.loads(body)[2]
        graph = self._graph
        return encode(Saved(twin, graph.twin(twin), graph.outgoing(twin), marks)) == body
