"""The syntax tree of a query: frozen records that print as the query's own text; nothing in it knows a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Aggregate: TypeAlias = Literal["COUNT", "SUM", "AVG", "MIN", "MAX"]
Direction: TypeAlias = Literal["out", "in", "any"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text something begins: the line from 1, the position in it from 0, as the service counts."""

    line: int = 1
    position: int = 0


@dataclass(frozen=True, slots=True)
class Path:
    """``alias.name.name`` or ``name.name``; which one it is, the plan knows."""

    segments: tuple[str, ...]
    place: Place = field(default=Place(), compare=False)

    def __str__(self) -> str:
        return ".".join(map(_name, self.segments))


@dataclass(frozen=True, slots=True)
class Literal_:  # noqa: N801 - typing has the other name
    """A text, number, truth value or null."""

    value: Scalar

    def __str__(self) -> str:
        return literal(self.value)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path op literal`` or ``path op path``."""

    left: Path
    operator: Operator
    right: Path | Literal_

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True, slots=True)
class Among:
    """``path IN [literal, …]``; NIN and NOT IN are a ``Not`` around it."""

    path: Path
    values: tuple[Scalar, ...]
    place: Place = field(default=Place(), compare=False)

    def __str__(self) -> str:
        return f"{self.path} IN [{', '.join(map(literal, self.values))}]"


@dataclass(frozen=True, slots=True)
class OfModel:
    """``IS_OF_MODEL(alias, 'dtmi', exact)``; no alias: the only collection."""

    alias: str | None
    model: str
    exact: bool
    place: Place = field(default=Place(), compare=False)

    def __str__(self) -> str:
        inner = [*([_name(self.alias)] if self.alias else []), literal(self.model), *(["exact"] if self.exact else [])]
        return f"IS_OF_MODEL({', '.join(inner)})"


@dataclass(frozen=True, slots=True)
class TypeTest:
    """``IS_DEFINED(path)`` and its kind; ``name`` is in upper case."""

    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name}({self.path})"


@dataclass(frozen=True, slots=True)
class TextTest:
    """``STARTSWITH``, ``ENDSWITH`` or ``CONTAINS`` of a path and a text; ``name`` is in upper case."""

    name: str
    path: Path
    text: str

    def __str__(self) -> str:
        return f"{self.name}({self.path}, {literal(self.text)})"


@dataclass(frozen=True, slots=True)
class ArrayContains:
    """``ARRAY_CONTAINS(path, literal)``."""

    path: Path
    value: Scalar

    def __str__(self) -> str:
        return f"ARRAY_CONTAINS({self.path}, {literal(self.value)})"


@dataclass(frozen=True, slots=True)
class Not:
    """``NOT expression``."""

    inner: Expression

    def __str__(self) -> str:
        return f"NOT ({self.inner})"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more that all hold."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more of which one holds."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " OR ".join(f"({part})" if isinstance(part, And) else str(part) for part in self.parts)


Expression: TypeAlias = Comparison | Among | OfModel | TypeTest | TextTest | ArrayContains | Not | And | Or


@dataclass(frozen=True, slots=True)
class Call:
    """An aggregate of a projection: ``COUNT()`` or ``SUM(path)``."""

    name: Aggregate
    path: Path | None
    place: Place = field(default=Place(), compare=False)

    def __str__(self) -> str:
        return f"{self.name}({self.path or ''})"


@dataclass(frozen=True, slots=True)
class Item:
    """One column: what, and its name if it has one of its own."""

    what: Path | Call
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY."""

    what: Path | Call
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """``JOIN target RELATED source.name relationship``."""

    target: str
    source: str
    name: str
    relationship: str | None
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Hops:
    """As written: ``*3`` is (None, 3, exact), ``*1..3`` (1, 3), ``*..3`` (None, 3). None of it: one hop."""

    low: int | None
    high: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """One ``-[r:name|name*1..3]->`` of MATCH; no names: any."""

    direction: Direction
    variable: str | None
    names: tuple[str, ...]
    hops: Hops | None
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Node:
    """One ``(alias)`` of MATCH."""

    alias: str | None
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Twins:
    """``DIGITALTWINS alias JOIN …``."""

    alias: str | None
    joins: tuple[Join, ...] = ()


@dataclass(frozen=True, slots=True)
class Relationships:
    """``RELATIONSHIPS alias``."""

    alias: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """``DIGITALTWINS MATCH (a)-[]->(b)…``; one more node than links."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole query.

    Attributes:
        items: Columns; None for ``*``.
        source: What is gone through.
        where: Which of it.
        top: At most so many rows.
        distinct: Each row once.
        group: Keys of GROUP BY.
        order: Keys of ORDER BY.
        as_of: The text of AS OF.
        as_of_place: Where that text is.
        explain: Give the plan, not the rows.
    """

    items: tuple[Item, ...] | None
    source: Twins | Relationships | Match
    where: Expression | None = None
    top: int | None = None
    distinct: bool = False
    group: tuple[Path, ...] = ()
    order: tuple[Order, ...] = ()
    as_of: str | None = None
    as_of_place: Place = field(default=Place(), compare=False)
    explain: bool = False


def walk(expression: Expression | None) -> Iterator[tuple[Expression, int]]:
    """Gives every node of an expression with its depth, without recursion, so that any depth can be measured."""
    waiting = [(expression, 1)] if expression is not None else []
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        if isinstance(node, (And, Or)):
            waiting.extend((part, depth + 1) for part in node.parts)
        elif isinstance(node, Not):
            waiting.append((node.inner, depth + 1))


def path_of(expression: Expression) -> tuple[Path, ...]:
    """The paths of one node, not of those below it."""
    if isinstance(expression, Comparison):
        return (expression.left, expression.right) if isinstance(expression.right, Path) else (expression.left,)
    if isinstance(expression, (Among, TypeTest, TextTest, ArrayContains)):
        return (expression.path,)
    return ()


def literal(value: Scalar) -> str:
    """Gives a literal as a query writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return repr(value)


def _name(name: str) -> str:
    plain = name.removeprefix("$").replace("_", "a")
    return name if plain.isalnum() and not plain[0].isdigit() else f"[[{name}]]"
