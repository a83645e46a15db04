"""The plan of a query: its variables, the links between them, the parts of WHERE, and the ways to begin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dtdl.errors import RequestInvalid
from interop.graph.query import ast
from interop.graph.query.access import Access, accesses, everything
from interop.graph.query.expression import Test, conjuncts, test_of
from interop.graph.query.grammar import parse, query_error
from interop.graph.query.limits import Limits
from interop.graph.query.output import Output
from interop.graph.query.scope import ID, Context, Scope, Variable
from interop.values import parse_time

_OPPOSITE: Final[dict[ast.Direction, ast.Direction]] = {"out": "in", "in": "out", "any": "any"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link between two variables.

    Attributes:
        near: Slot of the twin where it is followed from.
        far: Slot of the twin where it leads.
        direction: As seen from ``near``.
        names: Names of the relationships; None: any.
        relationship: Slot for the relationship, if it has a name.
        low, high: How many hops.
        once: Whether a row may use each relationship once only (MATCH).
    """

    near: int
    far: int
    direction: ast.Direction
    names: frozenset[str] | None
    relationship: int | None
    low: int = 1
    high: int = 1
    once: bool = False

    def reversed(self) -> Step:
        """The same link, followed from its other end."""
        return Step(
            near=self.far, far=self.near, direction=_OPPOSITE[self.direction], names=self.names,
            relationship=self.relationship, low=self.low, high=self.high, once=self.once,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One part of WHERE that must be true, and the slots that it reads."""

    expression: ast.Expression
    test: Test
    slots: frozenset[int]


class Plan:
    """What can be said of a query before the graph is looked at.

    Args:
        text: The query.
        context: What the definitions say.
        limits: Bounds.

    Raises:
        RequestInvalid: ``SqlQueryError``.
    """

    def __init__(self, text: str, context: Context, limits: Limits) -> None:
        self.text = text
        self.query = query = parse(text, limits)
        self.scope = Scope(context)
        self.steps: list[Step] = []
        self.starts: list[Variable] = []
        if isinstance(query.source, ast.Match):
            self._match(query.source, limits)
        else:
            self._collection(query.source)
        self.parts = [self._part(expression) for expression in conjuncts(query.where)]
        if limits.start_required and self.steps:
            self._require_start()
        self.accesses = [
            access
            for access in accesses([part.expression for part in self.parts], self.scope)
            if access.variable in self.starts
        ]
        self.output = Output(query, self.scope, whole=not self.steps)
        self.as_of = None if query.as_of is None else _instant(query.as_of, query.as_of_place)

    def access(self, slot: int, names: tuple[str, ...]) -> Access | None:
        """The way to begin that a continuation names, or None."""
        for access in [*self.accesses, *map(everything, self.starts)]:
            if access.variable.slot == slot and access.names == names:
                return access
        return None

    def route(self, start: Variable) -> list[Step]:
        """Gives the links in the order and direction in which they are followed from one variable."""
        bound, waiting, route = {start.slot}, list(self.steps), []
        while waiting:
            step = next(step for step in waiting if step.near in bound or step.far in bound)
            waiting.remove(step)
            route.append(step if step.near in bound else step.reversed())
            bound |= {step.near, step.far}
        return route

    def _collection(self, source: ast.Twins | ast.Relationships) -> None:
        if isinstance(source, ast.Relationships):
            self.starts.append(self.scope.add(source.alias, "relationship", ast.Place()))
            self.scope.sole = self.starts[0]
            return
        first = self.scope.add(source.alias, "twin", ast.Place())
        self.starts.append(first)
        if not source.joins:
            self.scope.sole = first
        for join in source.joins:
            near = self.scope.require(join.source, join.place)
            if near.kind != "twin":
                raise query_error(f"{join.source!r} is a relationship; JOIN goes from a twin", join.place)
            far = self.scope.add(join.target, "twin", join.place)
            self.starts.append(far)
            named = join.relationship
            relationship = None if named is None else self.scope.add(named, "relationship", join.place).slot
            self.steps.append(
                Step(near=near.slot, far=far.slot, direction="out", names=frozenset({join.name}),
                     relationship=relationship)
            )  # fmt: skip

    def _match(self, match: ast.Match, limits: Limits) -> None:
        if len(match.links) > limits.links:
            raise query_error(f"the pattern has {len(match.links)} links, more than {limits.links}", ast.Place())
        nodes = [self._node(node) for node in match.nodes]
        for link, near, far in zip(match.links, nodes, nodes[1:], strict=False):
            low, high = _hops(link, limits)
            relationship = None
            if link.variable is not None:
                relationship = self.scope.add(link.variable, "relationship", link.place).slot
            self.steps.append(
                Step(near=near.slot, far=far.slot, direction=link.direction, names=frozenset(link.names) or None,
                     relationship=relationship, low=low, high=high, once=True)
            )  # fmt: skip

    def _node(self, node: ast.Node) -> Variable:
        known = None if node.alias is None else self.scope.named(node.alias)
        if known is not None:
            if known.kind != "twin":
                raise query_error(f"{node.alias!r} names a relationship and a twin", node.place)
            return known
        variable = self.scope.add(node.alias, "twin", node.place)
        self.starts.append(variable)
        return variable

    def _part(self, expression: ast.Expression) -> Part:
        slots = set()
        for node, _ in ast.walk(expression):
            slots |= {self.scope.value(path)[0].slot for path in ast.path_of(node)}
            if isinstance(node, ast.OfModel) and node.alias is not None:
                slots.add(self.scope.require(node.alias, node.place).slot)
            elif isinstance(node, ast.OfModel) and self.scope.sole is not None:
                slots.add(self.scope.sole.slot)
        return Part(expression, test_of(expression, self.scope), frozenset(slots))

    def _require_start(self) -> None:
        for path in _paths(self.query.where):
            variable, names = self.scope.value(path)
            if variable.kind == "twin" and names == ID:
                return
        raise query_error(
            "JOIN and MATCH need a $dtId in WHERE", ast.Place(), "Say where to begin: WHERE name.$dtId = 'id'."
        )


def _paths(expression: ast.Expression | None) -> Iterable[ast.Path]:
    for node, _ in ast.walk(expression):
        yield from ast.path_of(node)


def _hops(link: ast.Link, limits: Limits) -> tuple[int, int]:
    hops = link.hops
    if hops is None:
        return 1, 1
    if link.variable is not None:
        raise query_error(
            f"{link.variable!r} cannot name a relationship of several hops", link.place,
            f"Leave the name out; if it is the relationship's own, write [:{link.variable}*…].",
        )  # fmt: skip
    low = hops.high if hops.exact else 1 if hops.low is None else hops.low + (not limits.hops_inclusive)
    if not low <= hops.high <= limits.hops or hops.high < 1:
        written = f"*{hops.high}" if hops.exact else f"*{'' if hops.low is None else hops.low}..{hops.high}"
        lower = "at least" if limits.hops_inclusive else "more than"
        raise query_error(
            f"{written} is no number of hops", link.place,
            f"The upper bound is at most {limits.hops}; hops are {lower} the lower one.",
        )  # fmt: skip
    return low, hops.high


def _instant(text: str, place: ast.Place) -> datetime:
    try:
        return parse_time(text)
    except RequestInvalid as error:
        raise query_error(f"AS OF: {error.message}", place, error.action) from error
