"""The one thread that writes: what is queued while a commit runs goes into the next one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dtdl.errors import InteropError, MegatwinError, Overloaded
from interop.event import Event
from interop.ledger.snapshot import Snapshot
from interop.ledger.store import Store

_STORAGE: Final = (sqlite3.Error, MegatwinError)
_MALFORMED: Final = (LookupError, TypeError, ValueError, AttributeError, AssertionError)
"""What reading the body of an event raises that is not of the form of contract Event."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one append hands over.

    Attributes:
        epoch: Grows with each failed commit; what was numbered before the failure is void.
        entries: Events with their stored bytes.
    """

    epoch: int
    entries: Sequence[tuple[Event, bytes]]


class Writer(threading.Thread):
    """Group commit.

    Args:
        store: The database; from ``start`` until it ends only this thread uses it.
        loop: Where the two callbacks run.
        committed: Called with how many batches became durable, how many events there are, and the root over them.
        failed: Called with why a commit stored nothing, and whether the thread has ended; every batch of that epoch or
            an earlier one is void.
    """

    def __init__(
        self, store: Store, loop: asyncio.AbstractEventLoop, committed: Callable[[int, int, bytes], None],
        failed: Callable[[MegatwinError, bool], None],
    ) -> None:  # fmt: skip
        super().__init__(name="ledger-writer", daemon=True)
        self._store = store
        self._loop = loop
        self._committed = committed
        self._failed = failed
        self._queue: list[Batch] = []
        self._snapshots: list[tuple[Snapshot, Callable[[MegatwinError | None], None]]] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._void = -1

    def submit(self, batch: Batch) -> None:
        """Queues a batch."""
        with self._wake:
            self._queue.append(batch)
            self._wake.notify()

    def keep(self, snapshot: Snapshot, kept: Callable[[MegatwinError | None], None]) -> None:
        """Queues a snapshot, which is stored after the batches that wait.

        Args:
            snapshot: Of what is durable already.
            kept: Called on the loop, with what went wrong or None.
        """
        with self._wake:
            self._snapshots.append((snapshot, kept))
            self._wake.notify()

    def stop(self) -> None:
        """Lets the thread end once everything queued is written; ``join`` waits for it."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def run(self) -> None:
        """Commits until stopped."""
        clean = False
        try:
            while (work := self._take()) is not None:
                batches, snapshots = work
                self._write([batch for batch in batches if batch.epoch > self._void])
                for snapshot, kept in snapshots:
                    self._keep(snapshot, kept)
            clean = True
        finally:
            if not clean:
                # A bug or a lost database: the thread's excepthook shows it, and nobody waits for ever.
                self._tell(
                    self._failed,
                    InteropError("the ledger's writer has stopped", action="Restart; what was acknowledged is safe."),
                    True,
                )

    def _take(self) -> tuple[list[Batch], list[tuple[Snapshot, Callable[[MegatwinError | None], None]]]] | None:
        with self._wake:
            while not self._queue and not self._snapshots and not self._stopping:
                self._wake.wait()
            batches, self._queue = self._queue, []
            snapshots, self._snapshots = self._snapshots, []
        return (batches, snapshots) if batches or snapshots else None

    def _keep(self, snapshot: Snapshot, kept: Callable[[MegatwinError | None], None]) -> None:
        try:
            self._store.keep(snapshot)
        except _STORAGE as error:
            self._tell(kept, _typed(error))
        else:
            self._tell(kept, None)

    def _write(self, batches: list[Batch]) -> None:
        if not batches:
            return
        try:
            self._store.commit([batch.entries for batch in batches])
        except (*_STORAGE, *_MALFORMED) as error:
            self._void = batches[-1].epoch
            self._tell(self._failed, _typed(error), False)
            return
        frontier = self._store.frontier
        self._tell(self._committed, len(batches), frontier.size, frontier.root())

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        # A loop that was closed under us has nobody left who waits.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)


def _typed(error: Exception) -> MegatwinError:
    if isinstance(error, MegatwinError):
        return error
    if isinstance(error, _MALFORMED):
        malformed = InteropError(
            f"an event is not of the form of its kind: {error!r}", action="Correct what made it; nothing was stored."
        )
        malformed.__cause__ = error
        return malformed
    translated = Overloaded(
        f"the ledger could not store anything: {error}", action="Make room on the disk of the data folder; then repeat."
    )
    translated.__cause__ = error
    return translated
