"""The tables of the SQLite ledger, and how values and times stand in them.

``event``, ``tile``, ``head`` and ``checkpoint`` are the record; everything else is an index that can be made again from
it:

- ``version``: the events that set a twin's contents. ``base`` is the seq from which samples count: the twin's creation
  or its last change of model. ``fold`` is what the contents come to there, written now and then, so that reading a twin
  as of a time never replays more than a few patches.
- ``sample``: one row for each reading, by point and source time. Those of events from ``head.sampled`` on may be
  missing; see ``interop.ledger.recent``.
- ``state``, ``snapshot``: see ``interop.ledger.snapshot``.
- ``span``: for each ``SPAN`` events, the earliest and the latest source time of their samples, so that readings that
  came late are found without reading every event.
- ``link``: the events that turned the values of a source.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from interop.graph.transition import finite
from interop.values import Value

DATABASE_NAME: Final = "ledger.sqlite3"
APPLICATION_ID: Final = 0x4D54574E
LAYOUT_VERSION: Final = 2
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INT64: Final = 1 << 63

SPAN: Final = 1_024
"""Events to a row of ``span``."""
IS_PROPERTY: Final = 1
HAS_VALUE: Final = 2
"""Bits of ``sample.flags``: part of the twin's state; has a value that may take the place of the one before."""

RECORD_TABLES: Final = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, recorded INTEGER NOT NULL, kind TEXT NOT NULL, twin TEXT,
    leaf BLOB NOT NULL, stored BLOB NOT NULL
) STRICT;
CREATE TABLE tile (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, root BLOB NOT NULL, sampled INTEGER NOT NULL
) STRICT;
"""
CHECKPOINT_TABLE: Final = "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;"
TOLD: Final = "kind IN ('model', 'write', 'command') OR (kind = 'patch' AND instr(stored, '\"request\":') > 0)"
"""Events of which a start wants to know, however old they are; the words of ``event_told``."""
SPAN_TABLE: Final = (
    "CREATE TABLE span (block INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, latest INTEGER NOT NULL) STRICT;"
)
SNAPSHOT_TABLES: Final = f"""
CREATE TABLE state (
    id INTEGER PRIMARY KEY, twin TEXT NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL,
    UNIQUE (twin, seq)
) STRICT;
CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, twins INTEGER NOT NULL) STRICT;
{SPAN_TABLE}
CREATE INDEX event_told ON event (seq) WHERE {TOLD};
"""
INDEX_TABLES: Final = """
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE point (
    id INTEGER PRIMARY KEY, twin TEXT NOT NULL, path TEXT NOT NULL, UNIQUE (twin, path)
) STRICT;
CREATE TABLE version (
    twin TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, base INTEGER NOT NULL, model TEXT NOT NULL,
    since INTEGER NOT NULL, fold BLOB, PRIMARY KEY (twin, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE sample (
    point INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL, n INTEGER NOT NULL, flags INTEGER NOT NULL,
    status INTEGER, source INTEGER NOT NULL, server INTEGER, reason INTEGER, value ANY,
    PRIMARY KEY (point, at, seq, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE link (
    source TEXT NOT NULL, seq INTEGER NOT NULL, since INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (source, seq)
) STRICT, WITHOUT ROWID;
"""
"""``sample.status`` is NULL for Good, ``sample.reason`` for none; both are ids of ``name``. Times are microseconds
since 1970 (UTC)."""
TABLES: Final = {
    1: f"{RECORD_TABLES} {INDEX_TABLES}",
    2: f"{RECORD_TABLES} {INDEX_TABLES} {CHECKPOINT_TABLE} {SNAPSHOT_TABLES}",
}
"""What each layout has; the writer makes the newest of an older one."""


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    """The instant of a number of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=count)


def to_column(value: Value) -> Any:
    """Gives a JSON value as SQLite stores it: numbers and texts natively, everything else as JSON in a BLOB."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return value
    return orjson.dumps(value)


def from_column(stored: Any) -> Value:
    """Reads what ``to_column`` gave."""
    value: Value = orjson.loads(stored) if isinstance(stored, bytes) else stored
    return value


def connect(folder: Path, *, writer: bool) -> sqlite3.Connection:
    """Opens a connection; each is used by one thread at a time.

    WAL with ``synchronous=FULL``: a commit returns after fdatasync of the log. Only the writer may write.
    """
    connection = sqlite3.connect(
        address(folder, mode="rwc" if writer else "ro"),
        uri=True, isolation_level=None, check_same_thread=False, timeout=10.0, cached_statements=256,
    )  # fmt: skip
    try:
        if writer:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute(f"PRAGMA cache_size = {-65_536 if writer else -8_192}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def layout_problems(connection: sqlite3.Connection) -> list[str]:
    """Gives what the file says of itself that is not so: its marks, and how its tables are defined."""
    marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    if marks[0] != APPLICATION_ID or marks[1] not in TABLES:
        return [
            f"the file says that it is {marks[0]}, layout {marks[1]}; a ledger has {APPLICATION_ID}, {LAYOUT_VERSION}"
        ]
    pattern = sqlite3.connect(":memory:")
    try:
        pattern.executescript(TABLES[marks[1]])
        ours, theirs = (
            set(there.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")) for there in (pattern, connection)
        )
    finally:
        pattern.close()
    return [f"the definition of table {row[2]!r} was changed" for row in sorted(ours ^ theirs, key=repr)]


def address(folder: Path, *, mode: str) -> str:
    """Gives the SQLite URI of a folder's database."""
    path = str((folder / DATABASE_NAME).resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{path}?mode={mode}"
