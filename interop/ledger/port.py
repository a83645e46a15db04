"""The Ledger port: every state ever, durable before it is shown, and readable as of any time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from dtdl.errors import MegatwinError
from interop.event import Draft, Event
from interop.graph.state import TwinState
from interop.graph.store import Graph
from interop.ledger.snapshot import Saved
from interop.ledger.windows import LevelOf
from interop.service import HistoryRow, Span, Window


class Append(asyncio.Future[Sequence[Event]]):
    """Resolves on the loop once its events are durable; gives them, and has them at once as ``events``.

    Futures resolve in seq order. It fails with what the commit failed with; then every append after it has failed too.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__()
        self.events = events


class Ledger(ABC):
    """Where events are kept. Its methods are called on one asyncio loop.

    Attributes:
        on_reset: Called on the loop, before any future fails, when a commit failed: everything that was numbered and is
            not durable is void, and numbering goes on after ``size``.
    """

    on_reset: Callable[[MegatwinError], None] | None = None

    @property
    @abstractmethod
    def size(self) -> int:
        """How many events are durable, which is the seq of the last one."""

    @abstractmethod
    def prepare(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Numbers, times and encodes drafts without storing them.

        The numbers are dense and go on after the last append and what was prepared since; ``recorded_at`` is now and
        never decreases. Everything prepared goes into one ``append``, as one list, before the loop runs anything else;
        what is not appended by then is void, as after ``discard``.

        Raises:
            RequestInvalid: A body that JSON cannot hold; what was prepared before stays.
            InteropError: A cause that is a Draft and does not stand before, in the same call.
        """

    @abstractmethod
    def discard(self) -> None:
        """Forgets what was prepared and not appended; its numbers are given again."""

    @abstractmethod
    def append(self, drafts: Sequence[Draft] | Sequence[Event]) -> Append:
        """Hands drafts, or all that was prepared, to the writer. All are stored, or none.

        Drafts void what was prepared.

        Returns:
            A future of the events; ``.events`` has them already.

        Raises:
            Overloaded: Too much waits to be written; nothing was accepted.
            RequestInvalid: As ``prepare``.
            InteropError: The ledger is closed, or the events are not those that were prepared.
        """

    @abstractmethod
    async def events(self, since_seq: int, limit: int) -> Sequence[Event]:
        """Gives durable events after ``since_seq``, at most ``limit``, in seq order."""

    @abstractmethod
    async def history(
        self, twin: str, path: tuple[str, ...] | None, start: datetime | None, end: datetime | None, *,
        known_at: datetime | None = None, limit: int = 1000,
    ) -> Sequence[HistoryRow]:  # fmt: skip
        """Gives samples and written values that were true in [start, end], ordered by source time and seq.

        Args:
            twin: Whose.
            path: Values at and below this path; of an object that holds it, its member. None: all of the twin's.
            start: From when (UTC), inclusive; None: from the first.
            end: Until when (UTC), inclusive; None: to the last.
            known_at: As the ledger stood then; None: now.
            limit: At most so many, the oldest.
        """

    @abstractmethod
    async def windows(
        self, twin: str, path: tuple[str, ...] | None, span: Span, *, interval_s: float, level_of: LevelOf,
        limit: int = 1000,
    ) -> Sequence[Window]:  # fmt: skip
        """Gives what ``history`` gives, in intervals of ``interval_s`` seconds; those without a sample are left out.

        Args:
            twin: Whose.
            path: As in ``history``.
            span: Which time, as it was known when.
            interval_s: Length of an interval in seconds.
            level_of: Tells the values whose numbers are summed as linear power.
            limit: At most so many windows, the oldest.

        Raises:
            LimitExceeded: More than ``windows.MAX_SAMPLES`` samples.
        """

    @abstractmethod
    async def as_of(self, twin: str, at: datetime, *, known_at: datetime | None = None) -> TwinState | None:
        """Gives a twin as it was true at ``at`` with all that was known at ``known_at``; None: it did not exist.

        It is the last put at or before ``at``, the patches after it, and for each point the sample with the greatest
        source time at or before ``at``, unless a client wrote the point after that sample was recorded.
        """

    @abstractmethod
    async def graph_as_of(self, at: datetime, *, known_at: datetime | None = None) -> Graph:
        """Gives every twin as ``as_of`` gives it, and the relationships that were there."""

    @abstractmethod
    async def keep(self, seq: int, twins: int, rows: Sequence[Saved]) -> None:
        """Stores a snapshot, so that the next start and readings of the past replay less.

        Args:
            seq: A durable event; all that follows describes the graph after it.
            twins: How many twins the graph has.
            rows: Every twin that changed since the snapshot before, and its relationships.

        Raises:
            Overloaded: It could not be stored; nothing else is lost by that.
        """

    @abstractmethod
    async def snapshot(self) -> tuple[int, AsyncIterator[Sequence[Saved]]] | None:
        """Gives the seq of the newest snapshot, and its twins in slices, which raise DataCorrupt when it is damaged."""

    @abstractmethod
    async def told(self, until: int) -> Sequence[Event]:
        """Gives the events up to a seq of which a start wants to know.

        They are models, and the newest writes, commands, and patches with a request id.
        """

    @abstractmethod
    def replay(self, since: int = 0) -> AsyncIterator[Sequence[Event]]:
        """Gives every durable event after a seq in order, in slices, each checked against its hash.

        Raises:
            DataCorrupt: An event contradicts its hash; names the first.
        """

    @abstractmethod
    def root(self) -> str:
        """Hex of the RFC 9162 Merkle tree head (section 2.1.1) over the stored bytes of all durable events."""

    @abstractmethod
    async def verify(self) -> list[str]:
        """Checks everything that is stored; gives problems, the first bad seq first; empty when all is well."""

    @abstractmethod
    async def close(self) -> None:
        """Writes what waits, and lets go of the data."""
