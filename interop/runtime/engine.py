"""The one path of every change: number → apply → derive → append and commit → install → publish.

Everything runs on the loop except the commit. Between numbering and commit a change lives in the *head*, an overlay of
the committed graph: the next change is validated and derived against it, while readers see only what is committed.
When a commit fails, the head is dropped and every change that was numbered after it fails with it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from dtdl.compiler.build import Types
from dtdl.errors import DataCorrupt, InteropError, MegatwinError, ModelNotFound
from interop.event import Draft, Event
from interop.graph.store import Graph, Head
from interop.graph.transition import Delta, apply
from interop.ledger.port import Ledger
from interop.ledger.snapshot import Saved, install
from interop.mega.derive import CONNECTION, ROLL_UP, Derived, Deriver
from interop.runtime.snapshots import Snapshots
from interop.service import Change, Published
from interop.values import Point, format_time

_log = logging.getLogger("megatwin.engine")


class Queue:
    """A subscription: a bounded queue that drops the oldest batches and says how many."""

    def __init__(self, size: int, closed: Callable[[Queue], None]) -> None:
        self._items: deque[Published] = deque()
        self._size = size
        self._lost = 0
        self._wake = asyncio.Event()
        self._open = True
        self._on_close = closed

    def put(self, batch: Published) -> None:
        """Takes a batch; never waits."""
        if len(self._items) >= self._size:
            self._items.popleft()
            self._lost += 1
        self._items.append(batch)
        self._wake.set()

    def close(self) -> None:
        """Ends it; the iterator stops."""
        if self._open:
            self._open = False
            self._items.clear()
            self._wake.set()
            self._on_close(self)

    async def __aiter__(self) -> AsyncIterator[Published]:
        while self._open:
            while self._items:
                batch = self._items.popleft()
                if self._lost:
                    batch = Published(batch.first_seq, batch.last_seq, batch.changes, self._lost)
                    self._lost = 0
                yield batch
            self._wake.clear()
            await self._wake.wait()


class Engine:
    """Owns the ledger, the committed graph and the head.

    Args:
        ledger: Where events become durable.
        types: The compiled models.
        deriver: Roll-ups and connections.
    """

    def __init__(self, ledger: Ledger, types: Types, deriver: Deriver) -> None:
        self.ledger = ledger
        self.types = types
        self.graph = Graph()
        self.head = Head(self.graph)
        self.deriver = deriver
        self.on_publish: list[Callable[[Sequence[Change]], None]] = []
        self.snapshots = Snapshots(ledger, self.graph)
        self._subscriptions: list[Queue] = []
        ledger.on_reset = self._reset

    def subscribe(self, queue: int) -> Queue:
        """Everything that is published from now on."""
        subscription = Queue(queue, self._subscriptions.remove)
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """Ends every subscription."""
        for subscription in list(self._subscriptions):
            subscription.close()

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[Sequence[Event]]:
        """Takes a batch: what follows from it is derived, and all of it is committed together.

        Returns:
            A future of the batch's events; done when they are durable, installed and published.

        Raises:
            Overloaded: The ledger's queue is full.
        """
        done: asyncio.Future[Sequence[Event]] = asyncio.get_running_loop().create_future()
        events = self.ledger.prepare(drafts)
        before = events[0].seq - 1
        try:
            deltas, rewired = self._push(events)
            stored = self._derive(events, deltas, rewired=rewired)
            durable = self.ledger.append(stored)
        except BaseException:
            self.ledger.discard()
            self.head.rewind(before)
            self.deriver.rebuild(self.head)
            raise

        def landed(future: asyncio.Future[Any]) -> None:
            error = InteropError("the ledger was closed") if future.cancelled() else future.exception()
            if error is not None:
                if not done.done():
                    done.set_exception(error)
                return
            self.snapshots.coming(stored)
            installed = self.head.commit(stored[-1].seq)
            self.snapshots.installed(installed)
            self.snapshots.start_if_due()
            self._publish(stored, [change for delta in installed for change in delta.changes])
            if not done.done():
                done.set_result(events)

        durable.add_done_callback(landed)
        return done

    async def commit(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Submits a batch and waits until it is durable, installed and published."""
        return await self.submit(drafts)

    async def replay(
        self, *readers: Callable[[Event], None], recall: Callable[[Iterable[Saved]], None] | None = None
    ) -> None:
        """Rebuilds the graph from the newest snapshot and the events after it, or from all events.

        Args:
            readers: Each sees the events that ``Ledger.told`` gives, and all after the snapshot, in order.
            recall: Sees the twins of the snapshot, before that.
        """
        # A collection would go through all that is made here, again and again, and find nothing.
        gc.disable()
        try:
            since = await self._load(readers, recall)
            async for batch in self.ledger.replay(since):
                for event in batch:
                    self.snapshots.coming((event,))
                    delta = apply(self.graph, event)
                    self.graph.install(delta)
                    self.snapshots.installed((delta,))
                    for reader in readers:
                        reader(event)
                await asyncio.sleep(0)
        finally:
            gc.enable()
        # What is here stays; the collections to come need not look at it.
        gc.freeze()
        self.deriver.rebuild(self.graph)

    async def _load(
        self, readers: Sequence[Callable[[Event], None]], recall: Callable[[Iterable[Saved]], None] | None
    ) -> int:
        """Takes the newest snapshot, if one is whole; gives its seq, or 0."""
        found = await self.ledger.snapshot()
        if found is None:
            return 0
        seq, slices = found
        marks: dict[str, object] = {}
        try:
            async for rows in slices:
                install(self.graph, rows, seq)
                marks.update((saved.twin, saved.marks) for saved in rows)
        except DataCorrupt as error:
            # What the events say overwrites what is there; what they do not say must go.
            _log.warning("%s; every event is read instead", error)
            self.graph.clear()
            return 0
        self.graph.install(seq=seq)
        self.snapshots.recall(marks, seq)
        if recall is not None:
            graph = self.graph
            recall(Saved(twin, graph.twin(twin), graph.outgoing(twin), mark) for twin, mark in marks.items())
        for event in await self.ledger.told(seq):
            for reader in readers:
                reader(event)
        return seq

    def _reset(self, error: MegatwinError) -> None:
        """Forgets what a failed commit did not store; nothing may follow from it any more."""
        _log.error("nothing is recorded: %s", error)
        self.head.reset()
        self.deriver.rebuild(self.graph)

    def _push(self, events: Sequence[Event]) -> tuple[list[Delta], bool]:
        """Applies events to the head; whether roll-ups and connections have other inputs now."""
        deltas = []
        rewired = False
        for event in events:
            delta = apply(self.head, event)
            rewired = rewired or self._rewires(delta)
            self.head.push(delta)
            deltas.append(delta)
        return deltas, rewired

    def _derive(self, events: Sequence[Event], deltas: Sequence[Delta], *, rewired: bool) -> Sequence[Event]:
        """Gives the events and, after them, those that follow."""
        if rewired:
            self.deriver.rebuild(self.head)
        dirty = {point for delta in deltas for point in self._dirty(delta)}
        found = self.deriver.derive(dirty, self.head, now=events[-1].recorded_at, everything=rewired)
        if not found:
            return events
        drafts = [
            Draft(
                kind="samples",
                twin=None,
                actor="runtime",
                cause=events[0].seq,
                body={"source": kind, "readings": [derived_row(item) for item in found if item.cell.source == kind]},
            )
            for kind in (CONNECTION, ROLL_UP)
            if any(item.cell.source == kind for item in found)
        ]
        derived = self.ledger.prepare(drafts)
        self._push(derived)
        return [*events, *derived]

    def _rewires(self, delta: Delta) -> bool:
        """Whether twins come, go or change their model, or parts change; asked before the head has the delta."""
        if any(self.deriver.concerns(twin) for twin, _ in delta.relationships):
            return True
        for twin, state in delta.twins.items():
            before = self.head.twin(twin)
            if state is None or before is None or state.model != before.model:
                return True
        return False

    def _dirty(self, delta: Delta) -> set[Point]:
        dirty: set[Point] = set()
        for change in delta.changes:
            if change.twin is None:
                continue
            if change.kind == "value":
                dirty.add(Point(change.twin, change.path))
            elif change.kind == "twin":
                dirty.update(self._all_points(change.twin))
        return dirty

    def _all_points(self, twin: str) -> list[Point]:
        state = self.head.twin(twin)
        if state is None:
            return []
        try:
            return [Point(twin, found.path) for found in self.types.points(state.model)]
        except ModelNotFound:
            return []

    def _publish(self, stored: Sequence[Event], changes: Sequence[Change]) -> None:
        if changes:
            for listener in self.on_publish:
                listener(changes)
        batch = Published(stored[0].seq, stored[-1].seq, changes)
        for subscription in list(self._subscriptions):
            subscription.put(batch)


def derived_row(item: Derived) -> list[Any]:
    """A derived value as a ``samples`` event holds it."""
    cell = item.cell
    stored = [
        str(item.point),
        cell.value,
        str(cell.status),
        format_time(cell.source_time) if cell.source_time else None,
        format_time(cell.server_time) if cell.server_time else None,
        "p" if item.is_state else "t",
    ]
    return [*stored, cell.reason] if cell.reason else stored
