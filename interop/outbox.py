"""The bounded queue between an adapter and whoever observes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from interop.ports import Observed
from interop.values import LinkEvent, Reading, utc_now


class Outbox:
    """Readings and link events in order; when full of readings, the oldest go and are counted.

    Link events are never dropped: they are few, since each costs a reconnect.

    Args:
        source: Name of the source, for the overflow event.
        limit: How many readings it keeps.
    """

    def __init__(self, source: str, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._items: deque[Observed] = deque()
        self._readings = 0
        self._lost = 0
        self._ready = asyncio.Event()
        self._closed = False
        self._held: deque[Observed] | None = None

    def hold(self) -> None:
        """Keeps what comes from now on apart, until it is known that the link is up."""
        self._held = deque()

    def drop_held(self) -> None:
        """Forgets what was kept apart."""
        self._held = None

    @property
    def holds(self) -> bool:
        """Whether what comes is kept apart now."""
        return self._held is not None

    def release(self, first: Iterable[Observed], *, unless: Callable[[Observed], bool] | None = None) -> None:
        """Gives out ``first``, then what was kept apart and is not left out by ``unless``."""
        held, self._held = self._held, None
        self.put(first)
        self.put(item for item in held or () if unless is None or not unless(item))

    def put(self, items: Iterable[Observed]) -> None:
        """Appends, and drops the oldest readings beyond the limit."""
        if self._held is not None:
            self._held.extend(items)
            while len(self._held) > self._limit:
                self._held.popleft()
                self._lost += 1
            return
        for item in items:
            self._items.append(item)
            self._readings += isinstance(item, Reading)
        while self._readings > self._limit:
            self._drop_oldest()
        if self._items:
            self._ready.set()

    def _drop_oldest(self) -> None:
        events: list[LinkEvent] = []
        while isinstance(item := self._items.popleft(), LinkEvent):
            events.append(item)
        self._items.extendleft(reversed(events))
        self._readings -= 1
        self._lost += 1

    def close(self) -> None:
        """Ends the iteration once everything is taken."""
        self._closed = True
        self._ready.set()

    async def take(self) -> list[Observed]:
        """Waits for the next batch: a link event by itself, or the readings up to the next one. Empty once closed."""
        while not self._items:
            if self._closed:
                return []
            self._ready.clear()
            await self._ready.wait()
        if isinstance(self._items[0], LinkEvent):
            return [self._items.popleft()]
        if self._lost:
            # behind an `up` that comes first: nothing comes before the first `up`
            lost, self._lost = self._lost, 0
            cause = f"values came faster than they were taken; {lost} of the oldest were dropped"
            return [LinkEvent(self._source, "overflow", utc_now(), cause=cause, count=lost)]
        batch: list[Observed] = []
        while self._items and isinstance(self._items[0], Reading):
            batch.append(self._items.popleft())
        self._readings -= len(batch)
        return batch
