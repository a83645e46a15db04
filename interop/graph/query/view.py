"""The graph as it was when a query began: the live one, and beside it what has changed since."""

from __future__ import annotations

from collections.abc import Sequence

from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph


class View:
    """One seq of a graph for a reader that lets others run; ``keep`` before it first does, ``close`` at the end.

    What changes is remembered as it was, once for each twin, so that a view costs nothing but its own changes.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._kept = False
        self._twins: dict[str, TwinState | None] = {}
        self._outgoing: dict[str, Sequence[Relationship]] = {}
        self._incoming: dict[str, Sequence[Relationship]] = {}
        self._relationships: dict[tuple[str, str], Relationship | None] = {}
        self.seq = graph.seq

    def keep(self) -> None:
        """From now on the graph may change."""
        if not self._kept:
            self._kept = True
            self._graph.observers.append(self)

    def close(self) -> None:
        """Ends it."""
        if self._kept:
            self._kept = False
            self._graph.observers.remove(self)

    def twin(self, twin: str) -> TwinState | None:
        """One twin, or None."""
        if twin in self._twins:
            return self._twins[twin]
        return self._graph.twin(twin)

    def outgoing(self, twin: str) -> Sequence[Relationship]:
        """Relationships that start at a twin, in order of id."""
        found = self._outgoing.get(twin)
        return self._graph.outgoing(twin) if found is None else found

    def incoming(self, twin: str) -> Sequence[Relationship]:
        """Relationships that end at a twin, in order of source and id."""
        found = self._incoming.get(twin)
        return self._graph.incoming(twin) if found is None else found

    def relationship(self, key: tuple[str, str]) -> Relationship | None:
        """One relationship by its source and id, or None."""
        if key in self._relationships:
            return self._relationships[key]
        return self._graph.relationship(*key)

    def twin_changes(self, twin: str, before: TwinState | None, after: TwinState | None) -> None:  # noqa: ARG002
        """Remembers a twin as it was."""
        self._twins.setdefault(twin, before)

    def relationship_changes(
        self, key: tuple[str, str], before: Relationship | None, after: Relationship | None
    ) -> None:
        """Remembers a relationship, and those of its twins, as they were."""
        self._relationships.setdefault(key, before)
        if key[0] not in self._outgoing:
            self._outgoing[key[0]] = self._graph.outgoing(key[0])
        for relationship in (before, after):
            if relationship is not None and relationship.target not in self._incoming:
                self._incoming[relationship.target] = self._graph.incoming(relationship.target)
