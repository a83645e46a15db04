"""Runs a plan over a view in small steps: where it begins, how links are followed, which rows stay."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dtdl.errors import LimitExceeded
from interop.graph.query.access import Access, everything
from interop.graph.query.expression import Test
from interop.graph.query.index import Entry, Id, Indexes, Kind, Ordered
from interop.graph.query.limits import Limits
from interop.graph.query.plan import Plan, Step
from interop.graph.query.scope import ID, SOURCE, Row
from interop.graph.query.view import View
from interop.graph.state import Relationship, TwinState

Mark: TypeAlias = tuple[Kind, Any, Id]
"""Where a scan is: the type, value and id of an entry."""

_CHEAP: Final = 64
"""So few candidates are not worth another index."""
_WAYS: Final = 16
"""Ways to begin that are compared."""
_PACE: Final = 127
"""Visits between two chances for others, less one; a power of two, less one."""


class Meter:
    """Counts what a page looks at."""

    __slots__ = ("limit", "visits")

    def __init__(self, limit: int) -> None:
        self.visits = 0
        self.limit = limit

    def pause(self) -> bool:
        """Counts one; whether others should have their turn."""
        self.visits += 1
        if self.visits & _PACE:
            return False
        if self.visits > self.limit:
            raise LimitExceeded(
                f"the query looked at more than {self.limit} twins and relationships",
                action="Narrow WHERE, or begin from a $dtId.",
            )
        return True


@dataclass(frozen=True, slots=True)
class Start:
    """Where a query begins: the way, how many candidates it has, and their entries."""

    access: Access
    count: int
    entries: Callable[[Mark | None], Iterator[Mark]]


class Execution:
    """One run of one plan.

    Args:
        plan: What to run.
        view: One seq of the graph.
        indexes: Of the same graph.
        limits: Bounds.
    """

    def __init__(self, plan: Plan, view: View, indexes: Indexes, limits: Limits) -> None:
        self.plan = plan
        self.view = view
        self.meter = Meter(limits.visits)
        self.row: Row = [None] * len(plan.scope.variables)
        self.mark: Mark | None = None
        """The entry that the rows given last belong to."""
        self.indexes = indexes
        self._used: set[tuple[str, str]] = set()

    def rows(self, start: Start, since: Mark | None = None) -> Iterator[bool]:
        """Gives True when ``row`` holds the next row, False when others may have their turn.

        Args:
            start: Where to begin.
            since: Go on from this entry.
        """
        slot = start.access.variable.slot
        bound = {slot}
        waiting = [part for number, part in enumerate(self.plan.parts) if number not in start.access.covers]

        def due() -> list[Test]:
            found = [part.test for part in waiting if part.slots <= bound]
            waiting[:] = [part for part in waiting if not part.slots <= bound]
            return found

        rows = self._begin(start, slot, due(), since)
        for step in self.plan.route(start.access.variable):
            closing = step.far in bound
            bound.add(step.far)
            if step.relationship is not None:
                bound.add(step.relationship)
            follow = self._follow if (step.low, step.high) == (1, 1) else self._travel
            rows = follow(rows, step, due(), closing)
        return rows

    def _begin(self, start: Start, slot: int, tests: Sequence[Test], since: Mark | None) -> Iterator[bool]:
        row, pause = self.row, self.meter.pause
        find: Callable[[Any], Any] = self.view.twin
        if start.access.variable.kind == "relationship":
            find = self.view.relationship
        for mark in start.entries(since):
            if pause():
                yield False
            entity = find(mark[2])
            if entity is None:
                continue
            row[slot] = entity
            if all(test(row) for test in tests):
                self.mark = mark
                yield True

    def _follow(self, rows: Iterator[bool], step: Step, tests: Sequence[Test], closing: bool) -> Iterator[bool]:  # noqa: FBT001
        row, pause, used = self.row, self.meter.pause, self._used
        near, far, named = step.near, step.far, step.relationship
        for ready in rows:
            if not ready:
                yield False
                continue
            for relationship, other in self._links(row[near].id, step):
                if pause():
                    yield False
                key = (relationship.source, relationship.id)
                if (step.once and key in used) or not self._arrive(far, other, closing=closing):
                    continue
                if named is not None:
                    row[named] = relationship
                if all(test(row) for test in tests):
                    if step.once:
                        used.add(key)
                    yield True
                    if step.once:
                        used.discard(key)

    def _travel(self, rows: Iterator[bool], step: Step, tests: Sequence[Test], closing: bool) -> Iterator[bool]:  # noqa: FBT001
        row = self.row
        for ready in rows:
            if not ready:
                yield False
                continue
            here = row[step.near].id
            if not step.low and self._arrive(step.far, here, closing=closing) and all(test(row) for test in tests):
                yield True
            for other in self._paths(here, step):
                if other is None:
                    yield False
                elif self._arrive(step.far, other, closing=closing) and all(test(row) for test in tests):
                    yield True

    def _paths(self, here: str, step: Step) -> Iterator[str | None]:
        """Goes every path depth first, no relationship twice; gives where it is, None when others may have a turn."""
        used = self._used
        trail: list[tuple[str, str]] = []
        ways = [self._links(here, step)]
        while ways:
            for relationship, other in ways[-1]:
                if self.meter.pause():
                    yield None
                key = (relationship.source, relationship.id)
                if key in used:
                    continue
                used.add(key)
                trail.append(key)
                if len(trail) >= step.low:
                    yield other
                if len(trail) < step.high:
                    ways.append(self._links(other, step))
                    break
                used.discard(trail.pop())
            else:
                ways.pop()
                if trail:
                    used.discard(trail.pop())

    def _arrive(self, slot: int, twin: str, *, closing: bool) -> bool:
        """Binds the twin where a link leads; whether it is there, and the one that is bound already."""
        if closing:
            bound: TwinState = self.row[slot]
            return bound.id == twin
        state = self.view.twin(twin)
        self.row[slot] = state
        return state is not None

    def _links(self, twin: str, step: Step) -> Iterator[tuple[Relationship, str]]:
        names = step.names
        if step.direction != "in":
            for one in self.view.outgoing(twin):
                if names is None or one.name in names:
                    yield one, one.target
        if step.direction != "out":
            loops = step.direction == "any"  # a relationship to itself is one, not two
            for one in self.view.incoming(twin):
                if (names is None or one.name in names) and not (loops and one.source == twin):
                    yield one, one.source


def choose(plan: Plan, execution: Execution, fixed: Access | None) -> Generator[None, None, Start]:
    """Decides where to begin: the way with the fewest candidates; indexes that are missing are built meanwhile.

    Args:
        plan: The plan.
        execution: Its run.
        fixed: The way that must be taken, if a continuation says so.
    """
    if fixed is not None:
        return (yield from _start(fixed, execution))
    best: Start | None = None
    for access in sorted(plan.accesses[:_WAYS], key=_built_last(execution)):
        if best is not None and best.count <= _CHEAP:
            break
        start = yield from _start(access, execution)
        if best is None or start.count < best.count:
            best = start
    return best or (yield from _start(everything(plan.starts[0]), execution))


def _built_last(execution: Execution) -> Callable[[Access], int]:
    def order(access: Access) -> int:
        if access.direct:
            return 0
        return 1 if execution.indexes.built(access.variable.kind, access.names) else 2

    return order


def _start(access: Access, execution: Execution) -> Generator[None, None, Start]:
    """Gives a way to begin once its index is there; of the view's seq, when nothing runs before it is used."""
    if access.direct:
        ids = _direct(access, execution.view)
        return Start(access, len(ids), lambda since: (mark for mark in ids if since is None or mark[1:] >= since[1:]))
    index = execution.indexes.get(access.variable.kind, access.names)
    while not index.ready:
        index.step()
        yield
        index = execution.indexes.get(access.variable.kind, access.names)
    orders: dict[Kind, Ordered] = {one.kind: index.of(one.kind).frozen() for one in access.ranges}
    count = sum(orders[one.kind].count(*orders[one.kind].window(one)) for one in access.ranges)

    def entries(since: Mark | None) -> Iterator[Mark]:
        for one in access.ranges:
            if since is not None and one.kind < since[0]:
                continue
            last: Entry | None = None
            if since is not None and one.kind == since[0]:
                last = (since[1], since[2])
            ordered = orders[one.kind]
            for value, identity in ordered.entries(*ordered.window(one, last)):
                yield one.kind, value, identity

    return Start(access, count, entries)


def _direct(access: Access, view: View) -> list[Mark]:
    """What the graph's own tables say, in order."""
    values = [one.low for one in access.ranges]
    if access.names == ID:
        return [("s", value, value) for value in values if view.twin(value) is not None]
    look = view.outgoing if access.names == SOURCE else view.incoming
    return [("s", value, (one.source, one.id)) for value in values for one in look(value)]
