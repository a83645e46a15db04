"""Answers queries over a live graph: plans by text, pages, slices that let others run, deadlines."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Iterator
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias, TypeVar

from dtdl.elements import Model
from dtdl.errors import Overloaded, RequestInvalid
from interop.graph.query.access import Access
from interop.graph.query.execute import Execution, Start, choose
from interop.graph.query.explain import explained
from interop.graph.query.grammar import parser, query_error
from interop.graph.query.index import Indexes
from interop.graph.query.limits import Limits
from interop.graph.query.plan import Plan
from interop.graph.query.scope import Context
from interop.graph.query.token import Token, invalid
from interop.graph.query.view import View
from interop.graph.store import Graph
from interop.service import QueryPage, QueryRow

T = TypeVar("T")
Past: TypeAlias = Callable[[datetime], Awaitable[Graph]]
"""Gives the graph as it was true at an instant, with all that is known now."""

_LONG: Final = 500
"""Characters from which a text is parsed beside the loop."""
_PAST: Final = 2
_HELD: Final = 32
_ALL: Final = 1 << 62


class _Place:
    """A graph with its indexes."""

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self.graph = graph
        self.indexes = Indexes(graph, limits.indexes)


class _Held(NamedTuple):
    """Every row of a query, as they were at one seq."""

    query: str
    rows: list[QueryRow]
    seq: int


class QueryEngine:
    """Answers queries; used on the loop that changes the graph.

    A page sees one seq. A query computes for a few milliseconds at a time; when it goes on, what has changed meanwhile
    is seen as it was.

    Args:
        graph: The live graph.
        model: Gives every loaded definition.
        past: Gives the graph of AS OF; None: AS OF is refused.
        limits: Bounds and switches.
    """

    def __init__(
        self, graph: Graph, model: Callable[[], Model], *, past: Past | None = None, limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._model = model
        self._past = past
        self._live = _Place(graph, self.limits)
        self._context = Context(model())
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._places: OrderedDict[tuple[datetime, int], _Place] = OrderedDict()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._running = 0

    @property
    def indexes(self) -> Indexes:
        """The indexes of the live graph."""
        return self._live.indexes

    async def page(self, text: str | None, *, token: str | None = None, size: int = 100) -> QueryPage:
        """Gives one page; see ``TwinService.query``."""
        deadline = time.monotonic() + self.limits.timeout_s
        after = None if token is None else Token.decode(token)
        if after is not None and text is not None and text != after.query:
            raise invalid("the continuation token belongs to another query")
        wanted = after.query if after is not None else text
        if wanted is None:
            raise RequestInvalid("BadRequest", "there is no query", action='Send {"query": "SELECT …"}.')
        plan = self._plan_known(wanted)
        if plan is None:
            if len(wanted) > _LONG or parser.cache_info().currsize == 0:
                plan = await asyncio.to_thread(Plan, wanted, self._current(), self.limits)
                self._remember(plan)
            else:
                plan = self.plan(wanted)
        place = await self._place(plan, deadline)
        return await self._sliced(self._page(plan, place, after, max(1, size)), deadline)

    def rows(self, text: str) -> list[QueryRow]:
        """Gives every row of a query on the live graph at once; for who has the loop to themselves.

        Raises:
            RequestInvalid: ``SqlQueryError``.
            LimitExceeded: It looks at or holds too much.
        """
        plan = self.plan(text)
        if plan.as_of is not None:
            raise query_error("AS OF needs the ledger, which is not asked here", plan.query.as_of_place)
        return list(_finished(self._page(plan, self._live, None, _ALL)).rows)

    def plan(self, text: str) -> Plan:
        """Gives the plan of a text, a new one or one that is kept.

        Raises:
            RequestInvalid: ``SqlQueryError``.
        """
        return self._plan_known(text) or self._remember(Plan(text, self._current(), self.limits))

    def close(self) -> None:
        """Forgets everything."""
        self._live.indexes.close()
        self._plans.clear()
        self._places.clear()
        self._held.clear()

    def _current(self) -> Context:
        model = self._model()
        if model is not self._context.model:  # definitions came or went
            self._context = Context(model)
            self._plans.clear()
        return self._context

    def _plan_known(self, text: str) -> Plan | None:
        self._current()
        plan = self._plans.get(text)
        if plan is not None:
            self._plans.move_to_end(text)
        return plan

    def _remember(self, plan: Plan) -> Plan:
        if plan.scope.context is self._context:
            self._plans[plan.text] = plan
            if len(self._plans) > self.limits.plans:
                self._plans.popitem(last=False)
        return plan

    async def _place(self, plan: Plan, deadline: float) -> _Place:
        if plan.as_of is None:
            return self._live
        if self._past is None:
            raise query_error("AS OF has no meaning here: no past is kept", plan.query.as_of_place)
        key = (plan.as_of, self._live.graph.seq)
        found = self._places.get(key)
        if found is None:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    found = _Place(await self._past(plan.as_of), self.limits)
            except TimeoutError as error:
                raise self._late() from error
            self._places[key] = found
            if len(self._places) > _PAST:
                self._places.popitem(last=False)
        return found

    async def _sliced(self, steps: Generator[None, None, T], deadline: float) -> T:
        """Runs a generator in slices; others have their turn between them."""
        until = time.monotonic() + self.limits.slice_s
        waiting = False
        try:
            while True:
                try:
                    next(steps)
                except StopIteration as stop:
                    result: T = stop.value
                    return result
                now = time.monotonic()
                if now < until:
                    continue
                if now > deadline:
                    raise self._late()
                if not waiting:
                    if self._running >= self.limits.running:
                        raise Overloaded(f"{self._running} queries are running", action="Try again a little later.")
                    waiting = True
                    self._running += 1
                await asyncio.sleep(0)
                until = time.monotonic() + self.limits.slice_s
        finally:
            steps.close()
            self._running -= waiting

    def _late(self) -> RequestInvalid:
        return RequestInvalid(
            "TimeoutError", f"the query was not done after {self.limits.timeout_s:g} s",
            action="Narrow WHERE, begin from a $dtId, or ask for fewer rows a page.",
        )  # fmt: skip

    def _page(self, plan: Plan, place: _Place, after: Token | None, size: int) -> Generator[None, None, QueryPage]:
        if plan.output.held or plan.query.explain:
            return (yield from self._held_page(plan, place, after, size))
        return (yield from self._streamed_page(plan, place, after, size))

    def _streamed_page(
        self, plan: Plan, place: _Place, after: Token | None, size: int
    ) -> Generator[None, None, QueryPage]:
        """A page of rows that come as they are found; the next one goes on at the entry where this one ended."""
        left = plan.query.top if after is None else after.left
        last, skip = (None, 0) if after is None else (after.mark, after.skip)
        execution, start = yield from self._begun(plan, place, after)
        found: list[QueryRow] = []
        token: Token | None = None
        current, count, given = None, 0, 0
        try:
            for ready in execution.rows(start, last) if left != 0 else ():
                if not ready:
                    execution.view.keep()
                    yield
                    continue
                if execution.mark != current:
                    current, count = execution.mark, 0
                count += 1
                if after is not None and current == after.mark and count <= skip:
                    continue
                if len(found) == size:
                    rest = None if left is None else left - size
                    way = (start.access.variable.slot, start.access.names)
                    token = Token(
                        query=plan.text, seq=execution.view.seq, left=rest, start=way, mark=last, skip=given
                    )  # fmt: skip
                    break
                found.append(plan.output.row(execution.row))
                last, given = current, count
                if len(found) == left:
                    break
        finally:
            execution.view.close()
        return QueryPage(
            rows=found, token=None if token is None else token.encode(), seq=execution.view.seq,
            visits=execution.meter.visits,
        )  # fmt: skip

    def _held_page(self, plan: Plan, place: _Place, after: Token | None, size: int) -> Generator[None, None, QueryPage]:
        """A page of rows that were all found for the first page.

        They are kept for the next ones as long as there is room; then they are found again, on the graph as it is.
        """
        known = None if after is None or after.held is None else self._held.get(after.held)
        if known is not None and known.query != plan.text:
            raise invalid("the continuation token does not fit its query")
        visits = 0
        if known is None and not plan.parts and not plan.steps and plan.output.count_only and not plan.query.explain:
            known = _Held(plan.text, _counted(plan, place.graph), place.graph.seq)  # no index is worth building for it
        if known is None:
            execution, start = yield from self._begun(plan, place, None)
            try:
                rows = yield from self._all(plan, execution, start, place)
            finally:
                execution.view.close()
            known, visits = _Held(plan.text, rows, execution.view.seq), execution.meter.visits
        at = 0 if after is None else after.skip
        token = None
        if at + size < len(known.rows):
            name = after.held if after is not None and after.held in self._held else self._hold(known)
            token = Token(query=plan.text, seq=known.seq, skip=at + size, held=name).encode()
        return QueryPage(rows=known.rows[at : at + size], token=token, seq=known.seq, visits=visits)

    def _all(
        self, plan: Plan, execution: Execution, start: Start, place: _Place
    ) -> Generator[None, None, list[QueryRow]]:
        """Every row of a query that sorts, groups, compares or explains."""
        if plan.query.explain:
            return [{"plan": explained(plan, start, place.indexes)}]
        if plan.output.count_only and not plan.steps and len(start.access.covers) == len(plan.parts):
            rows: Iterator[QueryRow | None] = iter([plan.output.counted(start.count)])
        else:
            steps = plan.output.collect(execution.rows(start), execution.row, self.limits.held)
            while True:
                try:
                    next(steps)
                except StopIteration as stop:
                    rows = stop.value
                    break
                execution.view.keep()
                yield
        found: list[QueryRow] = []
        for row in rows:
            if len(found) == plan.query.top:
                break
            if row is None:
                execution.view.keep()
                yield
            else:
                found.append(row)
        return found

    def _begun(self, plan: Plan, place: _Place, after: Token | None) -> Generator[None, None, tuple[Execution, Start]]:
        """Decides where to begin, on a view of the seq at which every index that it takes is there."""
        fixed = None if after is None else _way(plan, after)
        while True:
            execution = Execution(plan, View(place.graph), place.indexes, self.limits)
            choice = choose(plan, execution, fixed)
            waited = False
            while True:
                try:
                    next(choice)
                except StopIteration as stop:
                    start: Start = stop.value
                    break
                waited = True
                yield
            if not waited:
                return execution, start

    def _hold(self, found: _Held) -> str:
        name = secrets.token_hex(8)
        self._held[name] = found
        while len(self._held) > _HELD or sum(len(kept.rows) for kept in self._held.values()) > self.limits.held:
            self._held.popitem(last=False)
        return name


def _way(plan: Plan, after: Token) -> Access:
    """The way to begin that a token names; whoever made it up gets an error, not a comparison of what has no order."""
    way = None if after.start is None else plan.access(*after.start)
    if way is not None and after.mark is not None:
        kind, _, identity = after.mark
        if isinstance(identity, tuple) == (way.variable.kind == "relationship") and (kind == "s" or not way.direct):
            return way
    raise invalid("the continuation token does not fit its query")


def _counted(plan: Plan, graph: Graph) -> list[QueryRow]:
    """How many twins or relationships there are."""
    is_twins = plan.starts[0].kind == "twin"
    return [plan.output.counted(len(graph.twins) if is_twins else graph.relationship_count)][: plan.query.top]


def _finished(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
