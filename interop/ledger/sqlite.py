"""SqliteLedger: the ledger in one SQLite file, written by one thread and read by a few."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Self, TypeVar

from dtdl.errors import DataCorrupt, InputUnreadable, InteropError, MegatwinError, Overloaded, RequestInvalid
from interop.event import Draft, Event
from interop.graph.state import TwinState
from interop.graph.store import Graph
from interop.ledger.layout import connect, from_micros
from interop.ledger.lock import FolderLock
from interop.ledger.merkle import Frontier, is_leaf
from interop.ledger.port import Append, Ledger
from interop.ledger.reader import Reader
from interop.ledger.snapshot import Saved, Snapshot, encode, require, slices
from interop.ledger.store import Store
from interop.ledger.verify import verify_file
from interop.ledger.windows import LevelOf, windows
from interop.ledger.writer import Batch, Writer
from interop.service import HistoryRow, Span, Window
from interop.values import utc_now

READERS: Final = 2
SLICE: Final = 1_000
"""Events in a slice of a replay."""
MAX_WAITING: Final = 64 * 1024 * 1024
"""Bytes that may wait for the writer; beyond it appends are refused."""

_T = TypeVar("_T")


class SqliteLedger(Ledger):
    """One SQLite database in a folder: WAL, ``synchronous=FULL``, group commit, an exclusive lock on the folder."""

    def __init__(self, folder: Path, lock: FolderLock, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        """Use ``open``."""
        self._folder = folder
        self._lock = lock
        self._size = store.frontier.size
        self._root = store.frontier.root()
        self._last = from_micros(store.recorded)
        self._next = self._size + 1
        self._epoch = 0
        self._waiting: deque[tuple[Append, int]] = deque()
        self._waiting_bytes = 0
        self._store = store
        self._loop = loop
        self._prepared: list[tuple[Event, bytes]] = []
        self._keeping: set[asyncio.Future[None]] = set()
        self._closed = False
        self._dead: MegatwinError | None = None
        self._idle: SimpleQueue[Reader] = SimpleQueue()
        for _ in range(READERS):
            self._idle.put(Reader(connect(folder, writer=False), store.recent))
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._writer = Writer(store, loop, self._committed, self._failed)
        self._writer.start()

    @classmethod
    async def open(cls, folder: Path) -> Self:
        """Opens the ledger of a folder, and makes it if there is none.

        Raises:
            DataLocked: Another process has it; names the process.
            DataCorrupt: Its end is torn, or it contradicts its hashes.
            InputUnreadable: The folder cannot be used.
        """
        loop = asyncio.get_running_loop()
        lock, store = await loop.run_in_executor(None, _open, folder)
        return cls(folder, lock, store, loop)

    @property
    def size(self) -> int:
        """How many events are durable."""
        return self._size

    def root(self) -> str:
        """Hex of the Merkle tree head over the durable events."""
        return self._root.hex()

    def prepare(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Numbers, times and encodes; see the port."""
        # Recorded time stands still while the clock steps back.
        now = max(utc_now(), self._last)
        numbers: dict[int, int] = {}
        prepared: list[tuple[Event, bytes]] = []
        for seq, draft in enumerate(drafts, start=self._next + len(self._prepared)):
            cause = draft.cause
            if isinstance(cause, Draft):
                if id(cause) not in numbers:
                    raise InteropError(f"the cause of a {draft.kind} event does not stand before it in the same append")
                cause = numbers[id(cause)]
            numbers[id(draft)] = seq
            event = Event(
                seq=seq, kind=draft.kind, twin=draft.twin, recorded_at=now, actor=draft.actor, cause=cause,
                body=draft.body,
            )  # fmt: skip
            prepared.append((event, _encode(event)))
        if prepared and not self._prepared:
            self._loop.call_soon(self._expire, prepared[0][0])
        self._prepared += prepared
        return tuple(event for event, _ in prepared)

    def discard(self) -> None:
        """Forgets what was prepared; see the port."""
        self._prepared = []

    def append(self, drafts: Sequence[Draft] | Sequence[Event]) -> Append:
        """Numbers and queues; see the port."""
        if self._closed or self._dead is not None:
            raise self._dead or InteropError("the ledger is closed")
        if drafts and isinstance(drafts[0], Event):
            given = [id(event) for event in drafts]
            if given != [id(event) for event, _ in self._prepared]:
                raise InteropError("an append of events takes exactly those that were prepared, in their order")
        else:
            self.discard()
            self.prepare([draft for draft in drafts if isinstance(draft, Draft)])
        entries, self._prepared = self._prepared, []
        future = Append(tuple(event for event, _ in entries))
        if not entries:
            future.set_result(())
            return future
        size = sum(len(stored) for _, stored in entries)
        if self._waiting and self._waiting_bytes + size > MAX_WAITING:
            raise Overloaded(
                f"{self._waiting_bytes} bytes of events wait for the disk", action="Try again when they are written."
            )
        self._next += len(entries)
        self._last = entries[-1][0].recorded_at
        self._waiting.append((future, size))
        self._waiting_bytes += size
        self._writer.submit(Batch(self._epoch, entries))
        return future

    async def events(self, since_seq: int, limit: int) -> Sequence[Event]:
        """Durable events after a seq."""
        return await self._read(lambda reader: reader.events(since_seq, limit))

    async def history(
        self, twin: str, path: tuple[str, ...] | None, start: datetime | None, end: datetime | None, *,
        known_at: datetime | None = None, limit: int = 1000,
    ) -> Sequence[HistoryRow]:  # fmt: skip
        """Samples and written values by true time; see the port."""
        return await self._read(lambda reader: reader.history(twin, path, (start, end), known_at, limit))

    async def windows(
        self, twin: str, path: tuple[str, ...] | None, span: Span, *, interval_s: float, level_of: LevelOf,
        limit: int = 1000,
    ) -> Sequence[Window]:  # fmt: skip
        """Aggregates by interval; see the port."""

        def each(rows: Iterable[HistoryRow]) -> Iterator[Window]:
            return windows(rows, interval_s, level_of)

        return await self._read(lambda reader: reader.windows(twin, path, span, each, limit))

    async def as_of(self, twin: str, at: datetime, *, known_at: datetime | None = None) -> TwinState | None:
        """A twin as of a time; see the port."""
        return await self._read(lambda reader: reader.as_of(twin, at, known_at))

    async def graph_as_of(self, at: datetime, *, known_at: datetime | None = None) -> Graph:
        """The whole graph as of a time; see the port."""
        return await self._read(lambda reader: reader.graph_as_of(at, known_at))

    async def keep(self, seq: int, twins: int, rows: Sequence[Saved]) -> None:
        """Stores a snapshot; see the port."""

        def kept(error: MegatwinError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        encoded = await self._loop.run_in_executor(None, lambda: [(saved.twin, encode(saved)) for saved in rows])
        if self._closed or self._dead is not None:
            raise self._dead or InteropError("the ledger is closed")
        done: asyncio.Future[None] = self._loop.create_future()
        self._keeping.add(done)
        done.add_done_callback(self._keeping.discard)
        self._writer.keep(Snapshot(seq, twins, encoded), kept)
        await done

    async def snapshot(self) -> tuple[int, AsyncIterator[Sequence[Saved]]] | None:
        """The newest snapshot; see the port."""
        found = await self._read(lambda reader: reader.newest_snapshot(self._size))
        return None if found is None else (found[0], self._saved(*found))

    async def _saved(self, seq: int, twins: int) -> AsyncIterator[Sequence[Saved]]:
        there = 0
        for part in slices(await self._read(lambda reader: reader.places(seq))):
            rows = await self._read(lambda reader, part=part: reader.saved(part))  # type: ignore[misc] # mypy cannot type defaults of a lambda
            there += sum(saved.state is not None for saved in rows)
            yield rows
        require(seq, there, twins)
        # Nobody reads these pages again.
        await asyncio.gather(*(self._read(lambda reader: reader.shrink()) for _ in range(READERS)))

    async def told(self, until: int) -> Sequence[Event]:
        """Events that a start wants to know of; see the port."""
        return await self._read(lambda reader: reader.told(until))

    async def replay(self, since: int = 0) -> AsyncIterator[Sequence[Event]]:
        """Every durable event after a seq, checked; see the port."""
        size, root = self._size, self._root
        frontier = await self._read(lambda reader: reader.frontier(since))
        while frontier.size < size:
            since, limit = frontier.size, min(SLICE, size - frontier.size)
            rows = await self._read(lambda reader, since=since, limit=limit: reader.stored(since, limit))  # type: ignore[misc] # mypy cannot type defaults of a lambda
            yield _checked(rows, frontier, limit)
        if frontier.root() != root:
            raise DataCorrupt(
                f"the root over {size} events is not the stored one", action="Run: megatwin ledger verify DATA"
            )

    async def verify(self) -> list[str]:
        """Checks everything that is stored; see the port."""
        found = await asyncio.get_running_loop().run_in_executor(None, verify_file, self._folder)
        return found.problems

    async def close(self) -> None:
        """Writes what waits, then closes; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._writer.stop()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.join)
        # What the writer reported last is on the loop already; let it run, so that no future is left waiting.
        await asyncio.sleep(0)
        await loop.run_in_executor(None, self._threads.shutdown)
        while not self._idle.empty():
            self._idle.get().close()
        # Last, because the connection that closes last folds the log into the database, and only this one may write.
        await loop.run_in_executor(None, self._store.close)
        self._lock.release()

    async def _read(self, query: Callable[[Reader], _T]) -> _T:
        def run() -> _T:
            reader = self._idle.get()
            try:
                return query(reader)
            except sqlite3.DatabaseError as error:
                raise DataCorrupt(
                    f"the ledger cannot be read: {error}", action="Run: megatwin ledger verify DATA"
                ) from error
            finally:
                self._idle.put(reader)

        if self._closed:
            raise InteropError("the ledger is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _expire(self, first: Event) -> None:
        """Voids what was prepared in an earlier run of the loop and never appended."""
        if self._prepared and self._prepared[0][0] is first:
            self.discard()

    def _committed(self, batches: int, size: int, root: bytes) -> None:
        """On the loop: what became durable."""
        self._size, self._root = size, root
        for _ in range(batches):
            future, waited = self._waiting.popleft()
            self._waiting_bytes -= waited
            if not future.done():
                future.set_result(future.events)

    def _failed(self, error: MegatwinError, ended: bool) -> None:  # noqa: FBT001 - a callback of the writer
        """On the loop: nothing that waits was or will be stored."""
        self._epoch += 1
        self._next = self._size + 1
        self.discard()
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        if ended:
            self._dead = error
            for keeping in list(self._keeping):
                if not keeping.done():
                    keeping.set_exception(error)
        if self.on_reset is not None:
            self.on_reset(error)
        for future, _ in waiting:
            if not future.done():
                future.set_exception(error)


def _open(folder: Path) -> tuple[FolderLock, Store]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputUnreadable(
            f"the data folder {folder} cannot be made: {error.strerror}", action="Give a folder that can be written."
        ) from error
    lock = FolderLock(folder)
    lock.acquire()
    try:
        return lock, Store(folder)
    except MegatwinError:
        lock.release()
        raise


def _encode(event: Event) -> bytes:
    try:
        return event.encode()
    except TypeError as error:
        raise RequestInvalid(
            "InvalidArgument", f"a {event.kind} event cannot be written as JSON: {error}",
            action="Send values that JSON has; integers within 64 bits.",
        ) from error  # fmt: skip


def _checked(rows: Sequence[tuple[int, bytes, bytes]], frontier: Frontier, count: int) -> list[Event]:
    """Decodes a slice, each event against its number and hash."""
    events: list[Event] = []
    for seq, leaf, stored in rows:
        expected = frontier.size + 1
        if seq != expected or not is_leaf(leaf, stored):
            raise DataCorrupt(
                f"event {expected} is missing or contradicts its hash", action="Run: megatwin ledger verify DATA"
            )
        frontier.add(leaf)
        events.append(Event.decode(stored))
    if len(events) != count:
        raise DataCorrupt(f"event {frontier.size + 1} is missing", action="Run: megatwin ledger verify DATA")
    return events
