"""Checking everything that a ledger stores: bytes against hashes, hashes against the tree, rows against events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from dtdl.errors import DataCorrupt, InputUnreadable
from interop.event import Event
from interop.ledger.checkpoint import (
    PUBLIC_NAME,
    Checkpoint,
    NoteInvalid,
    Verifier,
    check,
    known_to,
    parse,
    read_notes,
    verifiers,
)
from interop.ledger.layout import DATABASE_NAME, connect, layout_problems, micros
from interop.ledger.merkle import Frontier, is_leaf, leaf_hash
from interop.ledger.reindex import index_problems

MAX_PROBLEMS: Final = 100
"""Beyond so many, the rest is not looked for."""
_NOTES: Final = "SELECT size, CAST(note AS BLOB) FROM checkpoint ORDER BY size"


class Verified(NamedTuple):
    """What a check found.

    Attributes:
        size: Events that are there.
        root: Hex of the RFC 9162 tree head over them, made anew from their bytes.
        problems: The first bad event first; empty when all is well.
        first_bad: Its number; where only hashes over several events tell, the first that it can be. None: none is bad.
    """

    size: int
    root: str
    problems: list[str]
    first_bad: int | None = None


class Problem(NamedTuple):
    """One finding; ``seq`` is the first event that can be bad, None when no event is."""

    text: str
    seq: int | None = None


def verify_file(
    folder: Path, *, indexes: bool = True, checkpoints: Sequence[Path] = (), keys: Sequence[Path | str] = ()
) -> Verified:
    """Checks the ledger of a folder, which may be in use.

    Args:
        folder: Where it is.
        indexes: Whether every index is made anew and compared, too.
        checkpoints: Files of signed checkpoints that were kept elsewhere.
        keys: Public keys that may have signed them, as files or texts; default: those of the folder.

    Raises:
        InputUnreadable: There is no ledger, or a file of checkpoints or keys cannot be read.
    """
    if not (folder / DATABASE_NAME).is_file():
        raise InputUnreadable(f"there is no ledger in {folder}", action="Give the data folder of a megatwin.")
    kept = [(str(file), note) for file in checkpoints for note in read_notes(file)]
    walk = _Walk()
    found: list[Problem] = []
    try:
        connection = connect(folder, writer=False)
        try:
            connection.execute("BEGIN")
            found += map(Problem, layout_problems(connection))
            signed = _Signed(folder, kept, keys if kept else ())
            found += signed.read(connection)
            found += islice(walk.problems(connection, signed.roots), MAX_PROBLEMS)
        finally:
            connection.close()
        if indexes and not found:
            found += [Problem(text, seq) for seq, text in index_problems(folder)]
        if not found:
            found += map(Problem, _structure_problems(folder, whole=indexes))
    except sqlite3.DatabaseError as error:
        seq = walk.frontier.size + 1
        found.append(Problem(f"the database cannot be read after event {seq - 1}: {error}", seq))
    # What tells an event comes first, the first event before all others, and one by its number before its range.
    found.sort(key=lambda problem: (problem.seq is None, problem.seq or 0, not problem.text.startswith("event ")))
    return Verified(
        walk.frontier.size, walk.frontier.root().hex(), [text for text, _ in found[:MAX_PROBLEMS]],
        next((seq for _, seq in found), None),
    )  # fmt: skip


class _Signed:
    """The checkpoints of the file and those kept elsewhere: which root belongs to which size."""

    def __init__(self, folder: Path, kept: Sequence[tuple[str, str]], keys: Sequence[Path | str]) -> None:
        self.roots: list[tuple[str, Checkpoint]] = []
        self._folder = folder
        self._kept = kept
        self._elsewhere = known_to(folder, keys) if keys else None

    def read(self, connection: sqlite3.Connection) -> list[Problem]:
        """Checks signatures; fills ``roots`` in order of size."""
        rows = connection.execute(_NOTES).fetchall() if _has(connection) else []
        found: list[Problem] = []
        known: list[Verifier] = []
        if rows or (self._folder / PUBLIC_NAME).exists() or (self._kept and self._elsewhere is None):
            try:
                known = verifiers(self._folder / PUBLIC_NAME)
            except DataCorrupt as error:
                found.append(Problem(error.message))
        for size, note in rows:
            name = f"the stored checkpoint over {size} events"
            found += self._take(name, note, known, size)
        for name, note in self._kept:
            found += self._take(f"the checkpoint of {name}", note, self._elsewhere or known, None)
        self.roots.sort(key=lambda named: named[1].size)
        return found

    def _take(self, name: str, note: object, known: Sequence[Verifier], size: object) -> Iterator[Problem]:
        # A damaged note need not be UTF-8.
        note = note.decode(errors="replace") if isinstance(note, bytes) else note
        try:
            checkpoint = check(note, known)
        except NoteInvalid as error:
            yield Problem(f"{name} is not valid: {error}")
            try:
                # Even so it may tell which events are others than they were.
                self.roots.append((name, parse(str(note))[0]))
            except NoteInvalid:
                return
            return
        if size is not None and checkpoint.size != size:
            yield Problem(f"{name} is one over {checkpoint.size} events")
        self.roots.append((name, checkpoint))


class _Walk:
    """One pass over the events, in order."""

    def __init__(self) -> None:
        self.frontier = Frontier()
        self._named: list[int] = []

    def problems(self, connection: sqlite3.Connection, roots: Sequence[tuple[str, Checkpoint]]) -> Iterator[Problem]:
        """Gives what is wrong."""
        frontier = self.frontier
        tiles: dict[object, object] = {
            (level, number): stored for level, number, stored in connection.execute("SELECT * FROM tile")
        }
        rows = connection.execute("SELECT seq, recorded, kind, twin, leaf, stored FROM event ORDER BY seq")
        last = sound = 0
        waiting = list(roots)[::-1]
        while waiting and waiting[-1][1].size == 0:
            yield from self._compare(waiting.pop(), 0)
        for seq, recorded, kind, twin, leaf, stored in rows:
            while frontier.size + 1 < seq:
                yield self._event(frontier.size + 1, "is missing")
                frontier.add(b"")
            if is_leaf(leaf, stored):
                found = leaf
                yield from (self._event(seq, text) for text in _columns(seq, (recorded, kind, twin, last), stored))
            else:
                found = leaf_hash(stored if isinstance(stored, bytes) else b"")
                yield self._event(seq, "contradicts its hash")
            last = recorded if isinstance(recorded, int) else last
            for tile in frontier.add(found):
                if tiles.pop((tile.level, tile.number), None) != tile.hash:
                    first = (tile.number << 8 * tile.level) + 1
                    yield self._range(max(first, sound + 1), f"the hash tree contradicts the events {first} to {seq}")
            while waiting and waiting[-1][1].size == frontier.size:
                wrong = list(self._compare(waiting.pop(), sound))
                yield from wrong
                sound = sound if wrong else frontier.size
        for tile_ in sorted(tiles, key=repr):
            yield Problem(f"the hash tree has a tile {tile_} that no events lead to")
        yield from self._end(connection, waiting[::-1])

    def _end(self, connection: sqlite3.Connection, beyond: Sequence[tuple[str, Checkpoint]]) -> Iterator[Problem]:
        size, root = self.frontier.size, self.frontier.root()
        for name, checkpoint in beyond:
            yield Problem(f"event {size + 1} is missing: {name} is over {checkpoint.size} events", size + 1)
        head = connection.execute("SELECT size, root FROM head").fetchone()
        if head is None or head[0] != size:
            said = head and head[0]
            yield Problem(f"event {size + 1} is missing: there are {size}, the head says {said}", size + 1)
        elif head[1] != root:
            yield self._range(max(size - 1 >> 8 << 8, 0) + 1, f"the root over {size} events is not the stored one")

    def _compare(self, named: tuple[str, Checkpoint], sound: int) -> Iterator[Problem]:
        name, checkpoint = named
        if checkpoint.root != self.frontier.root():
            size = checkpoint.size
            yield self._range(
                sound + 1, f"{name} was signed over other events; the first is one of {sound + 1} to {size}"
            )

    def _event(self, seq: int, text: str) -> Problem:
        if len(self._named) < MAX_PROBLEMS:
            self._named.append(seq)
        return Problem(f"event {seq} {text}", seq)

    def _range(self, first: int, text: str) -> Problem:
        """A finding that tells only where events begin of which one is bad; one that was named is the better answer."""
        return Problem(text, next((seq for seq in self._named if seq >= first), first))


def _structure_problems(folder: Path, *, whole: bool) -> list[str]:
    """Gives what SQLite finds in its own pages: a scan may find every row, and a search miss one."""
    connection = connect(folder, writer=False)
    try:
        rows = connection.execute(f"PRAGMA {'integrity_check' if whole else 'quick_check'}({MAX_PROBLEMS})").fetchall()
    finally:
        connection.close()
    return [f"the database is damaged: {text}" for (text,) in rows if text != "ok"]


def _has(connection: sqlite3.Connection) -> bool:
    """Whether there is the table of checkpoints, which a ledger of the first layout has not."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version > 1


def _columns(seq: int, columns: tuple[int, str, str | None, int], stored: bytes) -> Iterator[str]:
    """Compares what stands beside the stored bytes with what is in them; gives what is said of the event."""
    recorded, kind, twin, last = columns
    try:
        event = Event.decode(stored)
    except DataCorrupt as error:
        yield f"cannot be read: {error.message}"
        return
    if event.seq != seq:
        yield f"says that it is event {event.seq}"
    if (event.kind, event.twin, micros(event.recorded_at)) != (kind, twin, recorded):
        yield "contradicts its row"
    elif recorded < last:
        yield "was recorded before the one before it"
