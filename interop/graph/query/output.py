"""What a query gives: columns, aggregates, GROUP BY, DISTINCT and ORDER BY."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final, TypeAlias

from dtdl.errors import LimitExceeded
from interop.graph.query import ast
from interop.graph.query.expression import Get, is_number
from interop.graph.query.grammar import query_error
from interop.graph.query.index import Key
from interop.graph.query.scope import UNDEFINED, Names, Row, Scope, Variable, getter
from interop.graph.state import Relationship, TwinState
from interop.service import QueryRow

_RUN: Final = 1024
"""Rows that are sorted at once; runs are merged as they are read."""
_STEP: Final = 256

Sorted: TypeAlias = tuple[tuple[Any, ...], int, QueryRow]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, and the function of a row or the aggregate that fills it."""

    name: str
    get: Get | None
    call: ast.Call | None = None


class Output:
    """The result of one query.

    Args:
        query: The query.
        scope: Its variables.
        whole: Whether ``*`` has a meaning: there is one collection.

    Attributes:
        held: Whether all rows must be known before the first is given.
    """

    def __init__(self, query: ast.Query, scope: Scope, *, whole: bool) -> None:
        self._scope = scope
        self._distinct = query.distinct
        self._whole = scope.variables[0].slot
        self._groups = [(path, scope.value(path)) for path in query.group]
        if query.items is None and not (whole and scope.sole is not None and not query.group):
            raise query_error("* stands for one collection without GROUP BY", ast.Place(), "Name what you want.")
        self.columns = [self._column(item) for item in query.items or ()]
        self._aggregates = bool(query.group) or any(column.call for column in self.columns)
        self._check(query)
        self.held = self._aggregates or query.distinct or bool(query.order)
        self.count_only = (
            self._aggregates and not query.group and all(c.call and c.call.name == "COUNT" for c in self.columns)
        )
        self._orders = [(self._order(order), order.descending) for order in query.order]

    def row(self, row: Row) -> QueryRow:
        """Gives what one row comes to; what is undefined is left out."""
        if not self.columns:
            found: QueryRow = row[self._whole]
            return found
        values = ((column.name, column.get(row)) for column in self.columns if column.get is not None)
        return {name: value for name, value in values if value is not UNDEFINED}

    def counted(self, count: int) -> QueryRow:
        """Gives the row of a query that only counts."""
        return {column.name: count for column in self.columns}

    def collect(self, rows: Iterable[bool], row: Row, limit: int) -> Generator[None, None, Iterator[QueryRow | None]]:
        """Takes all rows, in small steps, and gives the result in order.

        Args:
            rows: True when ``row`` holds the next one, False when others may have their turn.
            row: What the variables hold.
            limit: Rows that may be held.

        Returns:
            The result's rows; None between them when others may have their turn.
        """
        found = self._grouped(rows, row, limit) if self._aggregates else self._single(rows, row)
        seen: set[Any] = set()
        runs: list[list[Sorted]] = [[]]
        number = 0
        for one in found:
            if one is None:
                yield
                continue
            result, keys = one
            if self._distinct:
                key = frozen(result)
                if key in seen:
                    continue
                seen.add(key)
            number += 1
            if number > limit:
                raise LimitExceeded(
                    f"the query would hold more than {limit} rows to sort, group or compare them",
                    action="Narrow WHERE, or leave ORDER BY, GROUP BY and DISTINCT out.",
                )
            runs[-1].append((keys, number, result))
            if len(runs[-1]) == _RUN:
                self._sort(runs)
                runs.append([])
                yield
        self._sort(runs)
        return self._merged(runs)

    def _sort(self, runs: list[list[Sorted]]) -> None:
        if self._orders:
            runs[-1].sort(key=_order_of)

    def _merged(self, runs: list[list[Sorted]]) -> Iterator[QueryRow | None]:
        drained = map(_drained, runs)
        merged = heapq.merge(*drained, key=_order_of) if self._orders else chain.from_iterable(drained)
        for number, (_, _, result) in enumerate(merged, 1):
            yield result
            if not number % _STEP:
                yield None

    def _single(self, rows: Iterable[bool], row: Row) -> Iterator[tuple[QueryRow, tuple[Any, ...]] | None]:
        for ready in rows:
            if not ready:
                yield None
                continue
            keys = tuple(_sort_key(get(row, {}), descending=down) for get, down in self._orders)
            yield self.row(row), keys

    def _grouped(self, rows: Iterable[bool], row: Row, limit: int) -> Iterator[tuple[QueryRow, tuple[Any, ...]] | None]:
        gets = [getter(self._scope.context, *resolved) for _, resolved in self._groups]
        groups: dict[Any, tuple[Row, list[_Aggregate]]] = {}
        if not gets:
            groups[()] = [], self._new_aggregates()
        for ready in rows:
            if not ready:
                yield None
                continue
            key = tuple(frozen(get(row)) for get in gets)
            known = groups.get(key)
            if known is None:
                known = groups[key] = list(row), self._new_aggregates()
                if len(groups) > limit:
                    raise LimitExceeded(
                        f"the query has more than {limit} groups", action="Group by something that has fewer values."
                    )
            for aggregate in known[1]:
                aggregate.take(row)
        for first, aggregates in groups.values():
            calls = iter(aggregates)
            values = {c.name: next(calls).result() if c.get is None else c.get(first) for c in self.columns}
            keys = tuple(_sort_key(get(first, values), descending=down) for get, down in self._orders)
            yield {name: value for name, value in values.items() if value is not UNDEFINED}, keys

    def _new_aggregates(self) -> list[_Aggregate]:
        found = []
        for column in self.columns:
            if column.call is not None:
                path = column.call.path
                get = None if path is None else getter(self._scope.context, *self._scope.value(path))
                found.append(_Aggregate(column.call.name, get))
        return found

    def _column(self, item: ast.Item) -> Column:
        if isinstance(item.what, ast.Call):
            if item.what.path is not None:
                self._scope.value(item.what.path)
            return Column(item.alias or item.what.name, None, item.what)
        variable, names = self._scope.resolve(item.what)
        if not names:
            return Column(item.alias or variable.name, _whole(variable))
        return Column(item.alias or names[-1], getter(self._scope.context, variable, names))

    def _check(self, query: ast.Query) -> None:
        seen = set()
        for item, column in zip(query.items or (), self.columns, strict=True):
            if column.name in seen:
                raise query_error(
                    f"two columns are named {column.name!r}", item.what.place, f"Write {item.what} AS another_name."
                )
            seen.add(column.name)
            if not self._aggregates or isinstance(item.what, ast.Call):
                continue
            if self._scope.resolve(item.what) not in [resolved for _, resolved in self._groups]:
                raise query_error(
                    f"{item.what} is neither grouped nor an aggregate", item.what.place, f"Add GROUP BY {item.what}."
                )

    def _order(self, order: ast.Order) -> Callable[[Row, Mapping[str, Any]], Any]:
        """Gives the function of a row and of its result's columns that orders it."""
        what = order.what
        if isinstance(what, ast.Call):
            for column in self.columns:
                if column.call is not None and (column.call.name, column.call.path) == (what.name, what.path):
                    return partial(_from_result, column.name)
            raise query_error(f"{what} is not selected", what.place, f"Add {what} to the columns.")
        named = self._named(what)
        if named is not None:
            return partial(_from_result, named.name) if named.get is None else partial(_from_row, named.get)
        resolved = self._scope.value(what)
        if self._aggregates and resolved not in [one for _, one in self._groups]:
            raise query_error(f"{what} is neither grouped nor a column", what.place, f"Add GROUP BY {what}.")
        return partial(_from_row, getter(self._scope.context, *resolved))

    def _named(self, path: ast.Path) -> Column | None:
        """The column with a name of its own, or the aggregate, that a path names."""
        if len(path.segments) != 1:
            return None
        resolved: tuple[Variable, Names] | None = None
        for column in self.columns:
            if column.name != path.segments[0]:
                continue
            if self._scope.sole is not None or self._scope.named(column.name) is not None:
                resolved = self._scope.resolve(path)
            if resolved is not None and not resolved[1]:
                raise query_error(f"{path} is a whole {resolved[0].kind} and has no order", path.place)
            return column
        return None


def _whole(variable: Variable) -> Get:
    slot = variable.slot
    return lambda row: row[slot]


def _from_row(get: Get, row: Row, result: Mapping[str, Any]) -> Any:  # noqa: ARG001 - one of two forms
    return get(row)


def _from_result(name: str, row: Row, result: Mapping[str, Any]) -> Any:  # noqa: ARG001
    return result[name]


def _drained(run: list[Sorted]) -> Iterator[Sorted]:
    """Gives a run's rows and lets each go at once; to let a hundred thousand go together takes long."""
    run.reverse()
    while run:
        yield run.pop()


def _order_of(one: Sorted) -> tuple[Any, ...]:
    return (one[0], one[1])


class _Down:
    """A key whose order is turned round."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key

    def __lt__(self, other: _Down) -> bool:
        return other.key < self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _sort_key(value: Any, *, descending: bool) -> Any:
    """The order of all values: undefined, null, truth values, numbers, texts, and everything else alike."""
    key: tuple[Any, ...]
    if value is UNDEFINED:
        key = (0,)
    elif value is None:
        key = (1,)
    elif isinstance(value, bool):
        key = (2, value)
    elif is_number(value):
        key = (3, value)
    elif isinstance(value, str):
        key = (4, value)
    else:
        key = (5,)
    return _Down(key) if descending else key


def frozen(value: Any) -> Any:
    """Gives a value that equals another's exactly when both are the same JSON value, twin or relationship."""
    if isinstance(value, str):
        return value
    if isinstance(value, TwinState):
        return ("twin", value.id)
    if isinstance(value, Relationship):
        return ("relationship", value.source, value.id)
    if isinstance(value, Mapping):
        return frozenset((name, frozen(member)) for name, member in value.items())
    if isinstance(value, list):
        return ("list", *map(frozen, value))
    return Key("b", value) if isinstance(value, bool) else Key("n", value) if is_number(value) else value


class _Aggregate:
    """One aggregate of one group; SUM and AVG take numbers, MIN and MAX numbers and texts, COUNT() rows."""

    __slots__ = ("_count", "_get", "_name", "_value")

    def __init__(self, name: ast.Aggregate, get: Get | None) -> None:
        self._name = name
        self._get = get
        self._count = 0
        self._value: Any = UNDEFINED

    def take(self, row: Row) -> None:
        """Takes a row."""
        if self._get is None:
            self._count += 1
            return
        value = self._get(row)
        if is_number(value) or (isinstance(value, str) and self._name in ("MIN", "MAX")):
            self._count += 1
            self._value = value if self._value is UNDEFINED else self._both(self._value, value)

    def result(self) -> Any:
        """The aggregate; undefined over no values."""
        if self._name == "COUNT":
            return self._count
        if self._name == "AVG" and self._count:
            return self._value / self._count
        return self._value

    def _both(self, one: Any, other: Any) -> Any:
        if self._name in ("SUM", "AVG"):
            return one + other
        first, second = sorted((one, other), key=partial(_sort_key, descending=False))
        return first if self._name == "MIN" else second


def rendered(row: QueryRow, twin: Callable[[TwinState], Any], relationship: Callable[[Relationship], Any]) -> Any:
    """Gives a row with its twins and relationships as two functions make them."""
    if isinstance(row, TwinState):
        return twin(row)
    if isinstance(row, Relationship):
        return relationship(row)
    return {
        name: twin(value) if isinstance(value, TwinState)
        else relationship(value) if isinstance(value, Relationship) else value
        for name, value in row.items()
    }  # fmt: skip


def names_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Gives the names of all columns, in order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))
