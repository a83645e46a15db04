"""The ledger's database as its one writer sees it: creation, the check at the start, the transaction of a commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dtdl.errors import DataCorrupt, InputUnreadable
from interop.event import Event
from interop.ledger.checkpoint import EVERY, Signer
from interop.ledger.index import Index, add_spans
from interop.ledger.layout import (
    APPLICATION_ID,
    CHECKPOINT_TABLE,
    DATABASE_NAME,
    LAYOUT_VERSION,
    SNAPSHOT_TABLES,
    TABLES,
    connect,
    micros,
)
from interop.ledger.merkle import EMPTY_ROOT, Frontier, Tile, is_leaf, leaf_hash
from interop.ledger.recent import Recent, Row, samples_of
from interop.ledger.snapshot import Snapshot, write

SNAPSHOT_ROWS: Final = 2_000
"""Rows of a snapshot to a transaction."""
_REMEDY: Final = "Run: megatwin ledger verify DATA; then start from a copy of the folder."


class StoredHashes:
    """Leaf hashes and tiles of a connection; implements ``merkle.Hashes``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Leaf hashes by index from 0; event ``seq`` is leaf ``seq - 1``."""
        rows = self._connection.execute(
            "SELECT leaf FROM event WHERE seq > ? AND seq <= ? ORDER BY seq", (start, stop)
        ).fetchall()
        if len(rows) != stop - start or not all(isinstance(leaf, bytes) for (leaf,) in rows):
            raise DataCorrupt(f"events between {start + 1} and {stop} are missing", action=_REMEDY)
        return [leaf for (leaf,) in rows]

    def tile(self, level: int, number: int) -> bytes:
        """The hash of a complete tile."""
        row = self._connection.execute(
            "SELECT hash FROM tile WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise DataCorrupt(f"tile {number} of level {level} of the hash tree is missing", action=_REMEDY)
        found: bytes = row[0]
        return found


class Store:
    """The writer's connection. One thread uses it at a time.

    Attributes:
        frontier: The edge of the hash tree over everything that is durable.
        recent: Samples that are not in their table yet.
        recorded: When the last event was recorded, in microseconds since 1970.
    """

    def __init__(self, folder: Path) -> None:
        """Opens or creates the database.

        Raises:
            DataCorrupt: It is no ledger, or contradicts itself.
            InputUnreadable: It is of a later release, or the folder cannot be written.
        """
        self._folder = folder
        try:
            self._connection = connect(folder, writer=True)
        except sqlite3.DatabaseError as error:
            raise self._unreadable(error) from error
        try:
            self._prepare()
            self.frontier = self._check()
            last = self._connection.execute("SELECT recorded FROM event ORDER BY seq DESC LIMIT 1").fetchone()
            self._signer = Signer.open(folder)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise self._unreadable(error) from error
        except (DataCorrupt, InputUnreadable):
            self._connection.close()
            raise
        self.recorded: int = 0 if last is None else last[0]
        self._index = Index(self._connection)
        self.recent = Recent()
        self._load_recent()

    def close(self) -> None:
        """Closes the connection; the last one folds the log into the database."""
        self._connection.close()

    def commit(self, batches: Sequence[Sequence[tuple[Event, bytes]]]) -> None:
        """Stores batches in one durable transaction, or nothing.

        Raises:
            sqlite3.Error: Nothing was stored.
            DataCorrupt: What is stored is not known any more; the ledger must be opened again.
        """
        frontier = self.frontier.copy()
        tiles: list[Tile] = []
        rows: list[tuple[int, int, str, str | None, bytes, bytes]] = []
        samples: list[tuple[str, Row]] = []
        for batch in batches:
            for event, stored in batch:
                leaf = leaf_hash(stored)
                tiles += frontier.add(leaf)
                rows.append((event.seq, micros(event.recorded_at), event.kind, event.twin, leaf, stored))
                samples += samples_of(event)
        due = self.recent.due(len(samples))
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO event VALUES (?,?,?,?,?,?)", rows)
            for batch in batches:
                for event, _ in batch:
                    self._index.add(event)
            if due:
                self._index.write(due)
                first = min([self.recent.first_after(due, frontier.size), *(row.seq for _, row in samples[:1])])
                connection.execute("UPDATE head SET sampled = ?", (first,))
            add_spans(connection, [row for _, row in samples])
            connection.executemany("INSERT INTO tile VALUES (?,?,?)", tiles)
            root = frontier.root()
            connection.execute("UPDATE head SET size = ?, root = ?", (frontier.size, root))
            if frontier.size // EVERY > self.frontier.size // EVERY:
                note = self._signer.sign(frontier.size, root)
                connection.execute("INSERT INTO checkpoint VALUES (?,?)", (frontier.size, note))
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.frontier = frontier
        self.recent.drop(due)
        self.recent.add(samples, frontier.size)

    def keep(self, snapshot: Snapshot) -> None:
        """Stores a snapshot of what is durable already, a part at a time; it counts when all is there.

        Raises:
            sqlite3.Error: It was not stored.
        """
        connection = self._connection
        try:
            for start in range(0, len(snapshot.rows), SNAPSHOT_ROWS):
                connection.execute("BEGIN IMMEDIATE")
                write(connection, snapshot.rows[start : start + SNAPSHOT_ROWS], snapshot.seq)
                connection.execute("COMMIT")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO snapshot VALUES (?,?)", (snapshot.seq, snapshot.twins))
            # A start then reads only the events that have samples to hold.
            connection.execute("UPDATE head SET sampled = ?", (self.recent.first_after((), self.frontier.size),))
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _load_recent(self) -> None:
        """Reads the samples again that were held when the ledger was last used."""
        rows = self._connection.execute(
            "SELECT stored FROM event WHERE seq >= (SELECT sampled FROM head) AND kind IN ('samples', 'telemetry')"
            " ORDER BY seq"
        )
        for (stored,) in rows:
            self.recent.add(samples_of(Event.decode(stored)), self.frontier.size)
        self.recent.add((), self.frontier.size)
        # The pages of these events are not read again; the writer fills its cache with those that it writes.
        self._connection.execute("PRAGMA shrink_memory")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._index.forget()
        size = self._connection.execute("SELECT size FROM head").fetchone()[0]
        if size != self.frontier.size:
            raise DataCorrupt(
                f"a commit failed, and the ledger has {size} events where {self.frontier.size} were known",
                action="Start again; the start checks what is there.",
            )

    def _prepare(self) -> None:
        """Makes the tables of a new database; refuses one that is not ours."""
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        if application == APPLICATION_ID:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 1:
                self._upgrade()
            elif version != LAYOUT_VERSION:
                raise InputUnreadable(
                    f"{self._folder / DATABASE_NAME} has layout {version}, this release writes {LAYOUT_VERSION}",
                    action="Use the release of megatwin that wrote it.",
                )
            return
        if application or self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise DataCorrupt(
                f"{self._folder / DATABASE_NAME} is a database, but no ledger", action="Give another data folder."
            )
        self._connection.executescript(f"BEGIN; {TABLES[LAYOUT_VERSION]}")
        self._connection.execute("INSERT INTO head VALUES (1, 0, ?, 1)", (EMPTY_ROOT,))
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        self._connection.execute("COMMIT")
        # The names of the new files must survive a power cut as well as what is in them.
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _upgrade(self) -> None:
        """Makes what the first layout has not."""
        connection = self._connection
        connection.executescript(f"BEGIN; {CHECKPOINT_TABLE} {SNAPSHOT_TABLES}")
        for (stored,) in connection.execute("SELECT stored FROM event WHERE kind IN ('samples', 'telemetry')"):
            add_spans(connection, [row for _, row in samples_of(Event.decode(stored))])
        connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        connection.execute("COMMIT")

    def _check(self) -> Frontier:
        """Compares counts and hashes at the end of the ledger, where a tear would be."""
        head = self._connection.execute("SELECT size, root FROM head").fetchone()
        last = self._connection.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
        if head is None or head[0] != last:
            raise DataCorrupt(
                f"the ledger ends with event {last}, but its head says {head and head[0]}", action=_REMEDY
            )
        frontier = Frontier.load(last, StoredHashes(self._connection))
        if frontier.root() != head[1]:
            raise DataCorrupt(f"the root over {last} events is not the stored one", action=_REMEDY)
        tail = self._connection.execute(
            "SELECT seq, leaf, stored, recorded FROM event ORDER BY seq DESC LIMIT 256"
        ).fetchall()
        for seq, leaf, stored, recorded in reversed(tail):
            if not is_leaf(leaf, stored) or micros(Event.decode(stored).recorded_at) != recorded:
                raise DataCorrupt(f"event {seq} contradicts its hash", action=_REMEDY)
        return frontier

    def _unreadable(self, error: sqlite3.DatabaseError) -> DataCorrupt | InputUnreadable:
        file = self._folder / DATABASE_NAME
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return DataCorrupt(f"{file} cannot be read: {error}", action=_REMEDY)
        return InputUnreadable(f"{file} cannot be opened: {error}", action="Check the folder's owner and free space.")
