"""Making every index of a ledger anew, beside it, and comparing: an index must say what the events say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from interop.event import Event
from interop.ledger.index import Index
from interop.ledger.layout import INDEX_TABLES, address
from interop.ledger.recent import Held, samples_of

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


def index_problems(folder: Path) -> Iterator[tuple[int, str]]:
    """Gives what the indexes of a folder's ledger say that its events do not, and the other way round: event and text.

    Raises:
        sqlite3.DatabaseError: The file cannot be read on.
    """
    # An unnamed database is a temporary file that SQLite removes; it has the indexes, the ledger has the events.
    connection = sqlite3.connect("", uri=True, isolation_level=None)
    try:
        connection.execute("ATTACH ? AS ledger", (address(folder, mode="ro"),))
        connection.executescript(f"BEGIN; {INDEX_TABLES}")
        index = Index(connection)
        for (stored,) in connection.execute("SELECT stored FROM ledger.event ORDER BY seq"):
            event = Event.decode(stored)
            index.add(event)
            found = [(text.partition("/"), row) for text, row in samples_of(event)]
            index.write(
                [Held(twin.replace("~1", "/").replace("~0", "~"), path, [row]) for (twin, _, path), row in found]
            )
        for name, query, must in _INDEXES:
            ours, theirs = query.format("main"), query.format("ledger")
            for one, other in ((ours + must, theirs), (theirs, ours)):
                seq = connection.execute(f"SELECT min(seq) FROM ({one} EXCEPT {other})").fetchone()[0]  # noqa: S608 - our own words
                if seq is not None:
                    yield seq, f"event {seq} is not what the index of {name} says"
                    break
    finally:
        connection.close()
