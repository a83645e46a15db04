"""From parts of WHERE to ranges of an index: which values of a property can make them true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from interop.graph.query import ast
from interop.graph.query.index import Key, Kind, Range, key_of
from interop.graph.query.scope import ID, MODEL, SOURCE, TARGET, Names, Scope, Variable

Ranges: TypeAlias = tuple[Range, ...]
"""Apart from each other, in order."""

EVERYTHING: Final[Ranges] = (Range("s"),)
"""Every text: of a property that everything has, such as ``$dtId``."""
_MOST: Final = 10_000
"""Pairs of ranges that an intersection is worth."""


@dataclass(frozen=True, slots=True)
class Access:
    """One way to find what a variable may hold.

    Attributes:
        variable: Whose.
        names: The property whose index, or whose own table, is asked.
        ranges: Which values.
        covers: Numbers of the parts of WHERE that hold for exactly what is found.
    """

    variable: Variable
    names: Names
    ranges: Ranges
    covers: frozenset[int] = frozenset()

    @property
    def direct(self) -> bool:
        """Whether the graph's own tables answer it, without an index."""
        own = (ID,) if self.variable.kind == "twin" else (SOURCE, TARGET)
        return self.names in own and all(one.kind == "s" and _is_point(one) for one in self.ranges)

    def __str__(self) -> str:
        name = ".".join(self.names)
        return f"{self.variable.name}.{name} {' or '.join(map(_shown, self.ranges[:5]))}" + (
            f" and {len(self.ranges) - 5} more" if len(self.ranges) > 5 else ""  # noqa: PLR2004
        )


def everything(variable: Variable) -> Access:
    """Gives the way to all of a collection, in order of id."""
    return Access(variable, ID if variable.kind == "twin" else SOURCE, EVERYTHING)


def accesses(parts: Sequence[ast.Expression], scope: Scope) -> list[Access]:
    """Gives every way that the parts of WHERE open; parts on the same property are taken together."""
    found: dict[tuple[int, Names], Access] = {}
    for number, part in enumerate(parts):
        one = _access(part, scope)
        if one is None:
            continue
        variable, names, ranges = one
        key = (variable.slot, names)
        known = found.get(key)
        if known is None:
            found[key] = Access(variable, names, ranges, frozenset({number}))
        elif len(known.ranges) * len(ranges) <= _MOST:
            found[key] = Access(variable, names, intersection(known.ranges, ranges), known.covers | {number})
    return list(found.values())


def union(ranges: Iterable[Range]) -> Ranges:
    """Puts ranges in order and joins those that overlap or touch."""
    ordered = sorted(ranges, key=lambda one: (one.kind, one.low is not None, one.low or 0, one.low_open)
                     if one.kind != "s" else (one.kind, one.low is not None, one.low or "", one.low_open))  # fmt: skip
    joined: list[Range] = []
    for one in ordered:
        last = joined[-1] if joined else None
        if last is not None and last.kind == one.kind and _meets(last, one):
            high, high_open = _higher(last, one)
            joined[-1] = Range(one.kind, last.low, high, last.low_open, high_open)
        else:
            joined.append(one)
    return tuple(joined)


def intersection(some: Ranges, others: Ranges) -> Ranges:
    """Gives what is in both."""
    found = []
    for one in some:
        for other in others:
            both = _both(one, other) if one.kind == other.kind else None
            if both is not None:
                found.append(both)
    return union(found)


def point(key: Key) -> Range:
    """The range of one value."""
    return Range(key.kind, key.value, key.value)


def prefix(text: str) -> Range:
    """The range of all texts that begin with one."""
    shortened = text.rstrip("\U0010ffff")
    if not shortened:
        return Range("s", text or None)
    return Range("s", text, shortened[:-1] + chr(ord(shortened[-1]) + 1), high_open=True)


def _access(part: ast.Expression, scope: Scope) -> tuple[Variable, Names, Ranges] | None:
    if isinstance(part, ast.Or):
        return _of_or(part, scope)
    if isinstance(part, ast.OfModel):
        variable = scope.sole if part.alias is None else scope.named(part.alias)
        assert variable is not None
        models = scope.context.of_model(part.model, exact=part.exact)
        return variable, MODEL, union(point(Key("s", dtmi)) for dtmi in models)
    ranges = _ranges(part)
    if ranges is None:
        return None
    variable, names = scope.value(ast.path_of(part)[0])
    return (variable, names, ranges) if _has_index(variable, names) else None


def _of_or(part: ast.Or, scope: Scope) -> tuple[Variable, Names, Ranges] | None:
    """Several ranges of the same property."""
    found = [_access(inner, scope) for inner in part.parts]
    first = found[0]
    if first is None or any(one is None or one[:2] != first[:2] for one in found):
        return None
    return first[0], first[1], union(one for access in found if access is not None for one in access[2])


def _ranges(part: ast.Expression) -> Ranges | None:
    if isinstance(part, ast.Among):
        return union(point(key) for key in dict.fromkeys(map(key_of, part.values)) if key is not None)
    if isinstance(part, ast.TextTest) and part.name == "STARTSWITH":
        return (prefix(part.text),)
    if not isinstance(part, ast.Comparison) or isinstance(part.right, ast.Path) or part.operator == "!=":
        return None
    key = key_of(part.right.value)
    assert key is not None
    if part.operator == "=":
        return (point(key),)
    if key.kind in "bz":
        return ()
    return (_side(part.operator, key.kind, key.value),)


def _side(operator: ast.Operator, kind: Kind, value: Any) -> Range:
    if operator in ("<", "<="):
        return Range(kind, None, value, high_open=operator == "<")
    return Range(kind, value, None, low_open=operator == ">")


def _has_index(variable: Variable, names: Names) -> bool:
    if not any(name.startswith("$") for name in names):
        return True
    own = (ID, MODEL) if variable.kind == "twin" else (SOURCE, TARGET, ("$relationshipName",), ("$relationshipId",))
    return names in own


def _is_point(one: Range) -> bool:
    return one.low is not None and bool(one.low == one.high)


def _meets(last: Range, one: Range) -> bool:
    """Whether a range that begins later, or at the same value, overlaps or touches."""
    if last.high is None or one.low is None:
        return True
    return bool(one.low < last.high or (one.low == last.high and not (one.low_open and last.high_open)))


def _higher(one: Range, other: Range) -> tuple[Any, bool]:
    if one.high is None or other.high is None:
        return None, False
    if one.high == other.high:
        return one.high, one.high_open and other.high_open
    return (one.high, one.high_open) if one.high > other.high else (other.high, other.high_open)


def _both(one: Range, other: Range) -> Range | None:
    low, low_open = _inner(one.low, one.low_open, other.low, other.low_open, upper=False)
    high, high_open = _inner(one.high, one.high_open, other.high, other.high_open, upper=True)
    if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
        return None
    return Range(one.kind, low, high, low_open, high_open)


def _inner(one: Any, one_open: bool, other: Any, other_open: bool, *, upper: bool) -> tuple[Any, bool]:  # noqa: FBT001
    """The tighter of two bounds."""
    if one is None:
        return other, other_open
    if other is None:
        return one, one_open
    if one == other:
        return one, one_open or other_open
    return (one, one_open) if (one < other) is upper else (other, other_open)


def _shown(one: Range) -> str:
    if one.kind == "z":
        return "= null"
    if _is_point(one):
        return f"= {ast.literal(one.low)}"
    low = "" if one.low is None else f"{'>' if one.low_open else '>='} {ast.literal(one.low)}"
    high = "" if one.high is None else f"{'<' if one.high_open else '<='} {ast.literal(one.high)}"
    return " and ".join(filter(None, (low, high))) or "all"
