"""Stored events as the changes that they were: what a stream that resumes is told of the time it was away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from dtdl.errors import TwinNotFound
from interop.event import Event
from interop.graph.state import Relationship, TwinState
from interop.graph.transition import apply, point_of
from interop.service import Change, TwinService

PAGE: Final = 50
"""Events that are read and encoded at a time; more would hold up everything else on the loop."""
_EVER: Final = datetime.max.replace(tzinfo=UTC)


class Replayed(NamedTuple):
    """A change, and the twin that it is of as it was right after."""

    change: Change
    state: TwinState | None


async def replay(service: TwinService, since: int, until: int, twins: Collection[str] = ()) -> AsyncIterator[Replayed]:
    """Gives the changes of the events (since, until], in order; what is yet to come is not waited for.

    The events go through the same transition as when they happened, on the twins as they were at ``since``; each is
    read as of then when an event first concerns it.

    Args:
        service: Has the events, and the twins as of a time.
        since: The last event that was seen.
        until: The last event to give.
        twins: Ids of the twins that are of interest; empty: all.
    """
    if since >= until:
        return
    past = await _past(service, since, frozenset(twins))
    position = past.position
    while position < until:
        events = await service.events(position, min(PAGE, until - position))
        if not events:
            return
        for event in events:
            await past.prepare(event)
            changes = past.take(event)
            if event.seq > since:
                for change in changes:
                    yield Replayed(change, past.twin(change.twin) if change.twin else None)
        position = events[-1].seq


async def _past(service: TwinService, since: int, wanted: frozenset[str]) -> _Past:
    """Goes back to the last event up to ``since`` that a time tells from the next; those of one append share theirs."""
    next_events = await service.events(since, 1)
    moment = next_events[0].recorded_at if next_events else _EVER
    position = since
    while position > 0:
        start = max(0, position - PAGE)
        earlier = [one for one in await service.events(start, position - start) if one.recorded_at < moment]
        if earlier:
            return _Past(service, earlier[-1].seq, moment - timedelta(microseconds=1), wanted)
        position = start
    return _Past(service, 0, None, wanted)


class _Past:
    """The view that events are applied on: the twins that they concern, from an event on.

    Args:
        service: Gives a twin as of a time.
        position: The last event that the twins hold at first.
        known_at: A time after that event and before the next; None: there is nothing yet.
        wanted: Twins of interest; empty: all. The others are as if they were not there.
    """

    def __init__(self, service: TwinService, position: int, known_at: datetime | None, wanted: frozenset[str]) -> None:
        self.position = position
        self._service = service
        self._known_at = known_at
        self._wanted = wanted
        self._twins: dict[str, TwinState | None] = {}
        self._relationships: dict[tuple[str, str], Relationship | None] = {}
        self._touched: set[str] | None = None
        self._fed: dict[str, set[str]] = {}

    def twin(self, twin_id: str) -> TwinState | None:
        """A twin as it is before the next event."""
        return self._twins.get(twin_id)

    def relationship(self, twin: str, relationship_id: str) -> Relationship | None:
        """A relationship that was put since, or that is there still and was before."""
        key = (twin, relationship_id)
        if key in self._relationships:
            return self._relationships[key]
        now = self._service.graph.relationship(twin, relationship_id)
        return now if now is not None and now.seq <= self.position else None

    def fed_by(self, source: str) -> Iterable[str]:
        """Twins that have a cell of a source."""
        return [
            twin
            for twin, state in self._twins.items()
            if state is not None and any(cell.source == source for cell in state.cells.values())
        ]

    async def prepare(self, event: Event) -> None:
        """Reads the twins that an event concerns and none did before it."""
        for twin in await self._concerned(event):
            if twin in self._twins or (self._wanted and twin not in self._wanted):
                continue
            self._twins[twin] = await self._before(twin)

    def take(self, event: Event) -> list[Change]:
        """Applies an event; gives what it changed."""
        delta = apply(self, event)
        self._twins.update(delta.twins)
        self._relationships.update(delta.relationships)
        if event.kind == "relationship-delete" and not delta.changes:
            # It was put before the time that is replayed, and only its id is known.
            detail = {"id": event.body["id"]}
            return [Change(seq=event.seq, kind="relationship-deleted", twin=event.twin, detail=detail)]
        return list(delta.changes)

    async def _concerned(self, event: Event) -> Collection[str]:
        if event.kind == "link":
            if event.body.get("status") is None:
                return ()
            if self._touched is None:
                self._touched = await self._look_ahead(event.seq)
            return self._fed.get(event.body["source"], set()) | self._touched
        return _twins_of(event)

    async def _look_ahead(self, position: int) -> set[str]:
        """Finds whatever may have a cell of a source: it has one now, or an event after this one took it away."""
        until = self._service.graph.seq
        for twin, state in self._service.graph.twins.items():
            for source in {cell.source for cell in state.cells.values()}:
                self._fed.setdefault(source, set()).add(twin)
        touched: set[str] = set()
        while position < until:
            events = await self._service.events(position, PAGE)
            if not events:
                break
            touched.update(*map(_twins_of, events))
            position = events[-1].seq
        return touched

    async def _before(self, twin: str) -> TwinState | None:
        if self._known_at is None:
            return None
        try:
            return await self._service.as_of(twin, _EVER, known_at=self._known_at)
        except TwinNotFound:
            return None


def _twins_of(event: Event) -> Collection[str]:
    if event.kind == "samples":
        return {point_of(reading[0]).twin for reading in event.body["readings"]}
    return () if event.twin is None else (event.twin,)
