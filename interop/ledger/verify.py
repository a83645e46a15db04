"""Checking everything that a ledger stores: bytes against hashes, hashes against the tree, rows against events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from dtdl.errors import DataCorrupt, InputUnreadable
from interop.event import Event
from interop.ledger.layout import DATABASE_NAME, connect, micros
from interop.ledger.merkle import Frontier, is_leaf, leaf_hash
from interop.ledger.reindex import index_problems

MAX_PROBLEMS: Final = 100
"""Beyond so many, the rest is not looked for."""


class Verified(NamedTuple):
    """What a check found.

    Attributes:
        size: Events that are there.
        root: Hex of the RFC 9162 tree head over them, made anew from their bytes.
        problems: The first bad event first; empty when all is well.
    """

    size: int
    root: str
    problems: list[str]


def verify_file(folder: Path, *, indexes: bool = True) -> Verified:
    """Checks the ledger of a folder, which may be in use.

    Args:
        folder: Where it is.
        indexes: Whether every index is made anew and compared, too.

    Raises:
        InputUnreadable: There is no ledger.
    """
    if not (folder / DATABASE_NAME).is_file():
        raise InputUnreadable(f"there is no ledger in {folder}", action="Give the data folder of a megatwin.")
    problems: list[str] = []
    frontier = Frontier()
    try:
        connection = connect(folder, writer=False)
        try:
            connection.execute("BEGIN")
            for problem in _problems(connection, frontier):
                problems.append(problem)
                if len(problems) >= MAX_PROBLEMS:
                    break
        finally:
            connection.close()
        if indexes and not problems:
            problems += index_problems(folder)
    except sqlite3.DatabaseError as error:
        problems.append(f"the database cannot be read after event {frontier.size}: {error}")
    return Verified(frontier.size, frontier.root().hex(), problems)


def _problems(connection: sqlite3.Connection, frontier: Frontier) -> Iterator[str]:
    tiles: dict[tuple[int, int], bytes] = {
        (level, number): stored for level, number, stored in connection.execute("SELECT * FROM tile")
    }
    rows = connection.execute("SELECT seq, recorded, kind, twin, leaf, stored FROM event ORDER BY seq")
    last = 0
    for seq, recorded, kind, twin, leaf, stored in rows:
        while frontier.size + 1 < seq:
            yield f"event {frontier.size + 1} is missing"
            frontier.add(b"")
        if is_leaf(leaf, stored):
            found = leaf
            yield from _columns(seq, (recorded, kind, twin, last), stored)
        else:
            found = leaf_hash(stored if isinstance(stored, bytes) else b"")
            yield f"event {seq} contradicts its hash"
        last = recorded if isinstance(recorded, int) else last
        for tile in frontier.add(found):
            if tiles.pop((tile.level, tile.number), None) != tile.hash:
                yield f"the hash tree contradicts the events up to {seq}"
    for level, number in sorted(tiles):
        yield f"the hash tree has a tile {number} of level {level} that no events lead to"
    head = connection.execute("SELECT size, root FROM head").fetchone()
    if head is None or head[0] != frontier.size:
        yield f"event {frontier.size + 1} is missing: there are {frontier.size}, the head says {head and head[0]}"
    elif head[1] != frontier.root():
        yield f"the root over {frontier.size} events is not the stored one"


def _columns(seq: int, columns: tuple[int, str, str | None, int], stored: bytes) -> Iterator[str]:
    """Compares what stands beside the stored bytes with what is in them."""
    recorded, kind, twin, last = columns
    try:
        event = Event.decode(stored)
    except DataCorrupt as error:
        yield f"event {seq}: {error.message}"
        return
    if event.seq != seq:
        yield f"event {seq} says that it is event {event.seq}"
    if (event.kind, event.twin, micros(event.recorded_at)) != (kind, twin, recorded):
        yield f"event {seq} contradicts its row"
    elif recorded < last:
        yield f"event {seq} was recorded before the one before it"
