"""The committed graph, and the head: the committed graph with the events that wait for their commit on top."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from interop.graph.state import Relationship, TwinState
from interop.graph.transition import Delta

_Key = tuple[str, str]
_Links = Relationship | dict[_Key, Relationship]


class Observer(Protocol):
    """Is told what changes, right before it does: indexes, and readers that keep what they see."""

    def twin_changes(self, twin: str, before: TwinState | None, after: TwinState | None) -> None:
        """A twin is replaced; None: it is not there."""
        ...

    def relationship_changes(self, key: _Key, before: Relationship | None, after: Relationship | None) -> None:
        """A relationship, by source and id, is replaced; None: it is not there."""
        ...


class Graph:
    """Every twin and relationship as of one seq, in memory; implements ``interop.service.Graph``.

    It is changed and read on the loop only, so a reader that does not await sees one seq.

    Attributes:
        observers: Told of every change right before it is made.
    """

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self._seq = 0
        self._twins: dict[str, TwinState] = {}
        self._outgoing: dict[str, _Links] = {}
        self._incoming: dict[str, _Links] = {}
        self._sources: dict[str, set[str]] = {}
        self._sorted: dict[tuple[bool, str], tuple[Relationship, ...]] = {}
        self._view = MappingProxyType(self._twins)

    @property
    def seq(self) -> int:
        """The last event that it holds."""
        return self._seq

    @property
    def twins(self) -> Mapping[str, TwinState]:
        """By ``$dtId``; a read-only view of what is there now."""
        return self._view

    @property
    def relationship_count(self) -> int:
        """How many relationships there are."""
        return sum(len(_each(there)) for there in self._outgoing.values())

    def twin(self, twin_id: str) -> TwinState | None:
        """One twin, or None."""
        return self._twins.get(twin_id)

    def outgoing(self, twin: str, name: str | None = None) -> Sequence[Relationship]:
        """Relationships that start at a twin, optionally of one name, in order of id."""
        key = (True, twin)
        found = self._sorted.get(key)
        if found is None:
            there = self._outgoing.get(twin)
            found = _sorted(there)
            if isinstance(there, dict):
                self._sorted[key] = found
        return found if name is None else [relationship for relationship in found if relationship.name == name]

    def incoming(self, twin: str) -> Sequence[Relationship]:
        """Relationships that end at a twin, in order of source and id."""
        key = (False, twin)
        found = self._sorted.get(key)
        if found is None:
            there = self._incoming.get(twin)
            found = _sorted(there)
            if isinstance(there, dict):
                self._sorted[key] = found
        return found

    def links(self, twin: str) -> list[Relationship]:
        """Relationships that start at a twin, in no order; nothing is kept for the next time."""
        return list(_each(self._outgoing.get(twin)))

    def relationship(self, twin: str, relationship_id: str) -> Relationship | None:
        """One relationship by its source twin and id, or None."""
        there = self._outgoing.get(twin)
        if isinstance(there, dict):
            return there.get((twin, relationship_id))
        return there if there is not None and there.id == relationship_id else None

    def fed_by(self, source: str) -> Collection[str]:
        """Ids of the twins that have a cell of a source."""
        return self._sources.get(source, ())

    def install(self, *deltas: Delta, seq: int | None = None) -> None:
        """Takes committed deltas in seq order, all of them before anyone reads again.

        Args:
            deltas: What the events of one or more commits changed.
            seq: The last committed event, if it is later than the last delta's.
        """
        for delta in deltas:
            for twin, state in delta.twins.items():
                self._install_twin(twin, state)
            for key, relationship in delta.relationships.items():
                self._install_relationship(key, relationship)
            self._seq = max(self._seq, delta.seq)
        self._seq = max(self._seq, seq or 0)

    def clear(self) -> None:
        """Forgets everything, before anyone has read it."""
        for table in (self._twins, self._outgoing, self._incoming, self._sources, self._sorted):
            table.clear()
        self._seq = 0

    def _install_twin(self, twin: str, state: TwinState | None) -> None:
        before = self._twins.get(twin)
        for observer in self.observers:
            observer.twin_changes(twin, before, state)
        old = before.cells if before is not None else {}
        new = state.cells if state is not None else {}
        if old is not new:
            had = {cell.source for cell in old.values()}
            has = {cell.source for cell in new.values()}
            for source in had - has:
                self._sources[source].discard(twin)
            for source in has - had:
                self._sources.setdefault(source, set()).add(twin)
        if state is None:
            self._twins.pop(twin, None)
        else:
            self._twins[twin] = state

    def _install_relationship(self, key: _Key, relationship: Relationship | None) -> None:
        twin = key[0]
        before = self.relationship(*key)
        for observer in self.observers:
            observer.relationship_changes(key, before, relationship)
        if before is not None:
            _drop(self._outgoing, twin, key)
            _drop(self._incoming, before.target, key)
            self._sorted.pop((False, before.target), None)
        self._sorted.pop((True, twin), None)
        if relationship is not None:
            _add(self._outgoing, twin, key, relationship)
            _add(self._incoming, relationship.target, key, relationship)
            self._sorted.pop((False, relationship.target), None)


# Most twins have one relationship each way; it stands without a dict, which would take more memory than it does.


def _each(there: _Links | None) -> Collection[Relationship]:
    if there is None:
        return ()
    return there.values() if isinstance(there, dict) else (there,)


def _sorted(there: _Links | None) -> tuple[Relationship, ...]:
    """In order of source and id."""
    if isinstance(there, dict):
        return tuple(there[key] for key in sorted(there))
    return () if there is None else (there,)


def _add(table: dict[str, _Links], twin: str, key: _Key, relationship: Relationship) -> None:
    there = table.get(twin)
    if there is None:
        table[twin] = relationship
    elif isinstance(there, dict):
        there[key] = relationship
    else:
        table[twin] = {(there.source, there.id): there, key: relationship}


def _drop(table: dict[str, _Links], twin: str, key: _Key) -> None:
    there = table[twin]
    if isinstance(there, dict) and len(there) > 1:
        del there[key]
    else:
        del table[twin]


class Head:
    """The graph as it will be when every event that waits is durable; new events are validated and applied on it.

    ``push`` what an event does, ``commit`` the oldest ones into the graph once they are durable, ``reset`` when a
    commit failed: then everything that was pushed is void.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._pending: deque[Delta] = deque()
        self._twins: dict[str, tuple[int, TwinState | None]] = {}
        self._relationships: dict[_Key, tuple[int, Relationship | None]] = {}

    @property
    def pending(self) -> int:
        """How many events wait."""
        return len(self._pending)

    @property
    def seq(self) -> int:
        """The last event that it holds, committed or not."""
        return self._pending[-1].seq if self._pending else self._graph.seq

    def twin(self, twin_id: str) -> TwinState | None:
        """The newest state, committed or not."""
        waiting = self._twins.get(twin_id)
        return self._graph.twin(twin_id) if waiting is None else waiting[1]

    def relationship(self, twin: str, relationship_id: str) -> Relationship | None:
        """The newest relationship, committed or not."""
        waiting = self._relationships.get((twin, relationship_id))
        return self._graph.relationship(twin, relationship_id) if waiting is None else waiting[1]

    def outgoing(self, twin: str) -> list[Relationship]:
        """Relationships that start at a twin, in order of id."""
        found = {relationship.id: relationship for relationship in self._graph.outgoing(twin)}
        for (source, relationship_id), (_, relationship) in self._relationships.items():
            if source == twin:
                found.pop(relationship_id, None)
                if relationship is not None:
                    found[relationship_id] = relationship
        return [found[relationship_id] for relationship_id in sorted(found)]

    def incoming(self, twin: str) -> list[Relationship]:
        """Relationships that end at a twin, in order of source and id."""
        found = {(relationship.source, relationship.id): relationship for relationship in self._graph.incoming(twin)}
        for key, (_, relationship) in self._relationships.items():
            found.pop(key, None)
            if relationship is not None and relationship.target == twin:
                found[key] = relationship
        return [found[key] for key in sorted(found)]

    def fed_by(self, source: str) -> Iterable[str]:
        """Ids of twins that may have a cell of a source."""
        found = set(self._graph.fed_by(source))
        for twin, (_, state) in self._twins.items():
            if state is not None and any(cell.source == source for cell in state.cells.values()):
                found.add(twin)
        return found

    def has_twin_of(self, model: str) -> bool:
        """Whether any twin has a model, committed or not."""
        waiting = (state for _, state in self._twins.values())
        return any(state is not None and state.model == model for state in waiting) or any(
            state.model == model for twin, state in self._graph.twins.items() if twin not in self._twins
        )

    def push(self, delta: Delta) -> None:
        """Takes what the newest event does."""
        self._pending.append(delta)
        for twin, state in delta.twins.items():
            self._twins[twin] = (delta.seq, state)
        for key, relationship in delta.relationships.items():
            self._relationships[key] = (delta.seq, relationship)

    def commit(self, seq: int) -> list[Delta]:
        """Installs every delta up to a seq into the graph, and gives them."""
        done: list[Delta] = []
        while self._pending and self._pending[0].seq <= seq:
            delta = self._pending.popleft()
            done.append(delta)
            for twin in delta.twins:
                if self._twins[twin][0] == delta.seq:
                    del self._twins[twin]
            for key in delta.relationships:
                if self._relationships[key][0] == delta.seq:
                    del self._relationships[key]
        self._graph.install(*done, seq=seq)
        return done

    def rewind(self, seq: int) -> None:
        """Forgets what events after a seq did, which were applied and not appended; what waits before them stays."""
        while self._pending and self._pending[-1].seq > seq:
            self._pending.pop()
        kept = list(self._pending)
        self.reset()
        for delta in kept:
            self.push(delta)

    def reset(self) -> None:
        """Forgets everything that waits, after a commit has failed."""
        self._pending.clear()
        self._twins.clear()
        self._relationships.clear()
