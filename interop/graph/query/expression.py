"""WHERE as functions: true, false, or None for undefined (three-valued logic).

What is not there is undefined. So is an order of values that have none, and a test of a text or an array on another
type. Equality of different types is false. A row stays when WHERE is true.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from interop.graph.query import ast
from interop.graph.query.grammar import query_error
from interop.graph.query.scope import UNDEFINED, Row, Scope, getter

Test: TypeAlias = Callable[[Row], bool | None]
Get: TypeAlias = Callable[[Row], Any]
_Order: TypeAlias = Callable[[Any, Any], bool]

_ORDERS: Final[Mapping[str, _Order]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
NEGATED: Final[Mapping[str, ast.Operator]] = {
    "=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<",
}  # fmt: skip
"""Exact in three-valued logic, since a comparison and its negation are undefined together."""


def is_number(value: Any) -> bool:
    """Whether a value is a number; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def test_of(expression: ast.Expression, scope: Scope) -> Test:
    """Gives an expression as a function of a row.

    Raises:
        RequestInvalid: ``SqlQueryError``: it names what the query does not have, or uses a function where it has no
            meaning.
    """
    test: Test = _BUILDERS[type(expression)](expression, scope)
    return test


def conjuncts(expression: ast.Expression | None) -> list[ast.Expression]:
    """Gives the parts that must all be true, with NOT moved inwards as far as it goes."""
    if expression is None:
        return []
    waiting: list[ast.Expression] = [expression]
    found: list[ast.Expression] = []
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, ast.And):
            waiting[:0] = part.parts
        elif isinstance(part, ast.Not) and isinstance(part.inner, ast.Not):
            waiting.insert(0, part.inner.inner)
        elif isinstance(part, ast.Not) and isinstance(part.inner, ast.Or):
            waiting[:0] = [ast.Not(inner) for inner in part.inner.parts]
        elif isinstance(part, ast.Not) and isinstance(part.inner, ast.Comparison):
            inner = part.inner
            found.append(ast.Comparison(inner.left, NEGATED[inner.operator], inner.right))
        else:
            found.append(part)
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; numbers by value, a truth value never equals a number."""
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(
            same(value, other[name]) for name, value in one.items()
        )  # fmt: skip
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _get(path: ast.Path, scope: Scope) -> Get:
    return getter(scope.context, *scope.value(path))


def _comparison(node: ast.Comparison, scope: Scope) -> Test:
    get = _get(node.left, scope)
    if isinstance(node.right, ast.Path):
        return _between_paths(get, node.operator, _get(node.right, scope))
    wanted = node.right.value
    if node.operator in ("=", "!="):
        equal = _equal(get, wanted)
        return equal if node.operator == "=" else _not_test(equal)
    order = _ORDERS[node.operator]
    if isinstance(wanted, str):

        def of_text(row: Row) -> bool | None:
            value = get(row)
            return order(value, wanted) if isinstance(value, str) else None

        return of_text
    if wanted is None or isinstance(wanted, bool):
        return lambda row: None  # noqa: ARG005 - neither has an order

    def of_number(row: Row) -> bool | None:
        value = get(row)
        return order(value, wanted) if is_number(value) else None

    return of_number


def _equal(get: Get, wanted: ast.Scalar) -> Test:
    if wanted is None or isinstance(wanted, bool):

        def identical(row: Row) -> bool | None:
            value = get(row)
            return None if value is UNDEFINED else value is wanted

        return identical
    if isinstance(wanted, str):

        def of_text(row: Row) -> bool | None:
            value = get(row)
            return None if value is UNDEFINED else bool(value == wanted)

        return of_text

    def of_number(row: Row) -> bool | None:
        value = get(row)
        return None if value is UNDEFINED else bool(value == wanted and not isinstance(value, bool))

    return of_number


def _between_paths(left: Get, sign: ast.Operator, right: Get) -> Test:
    if sign in ("=", "!="):

        def equal(row: Row) -> bool | None:
            one, other = left(row), right(row)
            return None if one is UNDEFINED or other is UNDEFINED else same(one, other) is (sign == "=")

        return equal
    order = _ORDERS[sign]

    def ordered(row: Row) -> bool | None:
        one, other = left(row), right(row)
        comparable = (is_number(one) and is_number(other)) or (isinstance(one, str) and isinstance(other, str))
        return order(one, other) if comparable else None

    return ordered


def _among(node: ast.Among, scope: Scope) -> Test:
    get = _get(node.path, scope)
    numbers = frozenset(value for value in node.values if is_number(value))
    texts = frozenset(value for value in node.values if isinstance(value, str))
    others = [value for value in node.values if value is None or isinstance(value, bool)]

    def among(row: Row) -> bool | None:
        value = get(row)
        if value is UNDEFINED:
            return None
        if isinstance(value, str):
            return value in texts
        if is_number(value):
            return value in numbers
        return any(value is other for other in others)

    return among


def _of_model(node: ast.OfModel, scope: Scope) -> Test:
    if node.alias is not None:
        variable = scope.require(node.alias, node.place)
    elif scope.sole is not None:
        variable = scope.sole
    else:
        raise query_error("IS_OF_MODEL does not say whose model", node.place, "Write IS_OF_MODEL(name, 'dtmi:…').")
    if variable.kind != "twin":
        raise query_error(f"{variable.name} is a relationship and has no model", node.place, "Name a twin.")
    models = frozenset(scope.context.of_model(node.model, exact=node.exact))
    slot = variable.slot
    return lambda row: row[slot].model in models


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "IS_DEFINED": lambda value: value is not UNDEFINED,
    "IS_NULL": lambda value: value is None,
    "IS_BOOL": lambda value: isinstance(value, bool),
    "IS_NUMBER": is_number,
    "IS_STRING": lambda value: isinstance(value, str),
    "IS_OBJECT": lambda value: isinstance(value, Mapping),
    "IS_PRIMITIVE": lambda value: value is None or isinstance(value, (str, int, float)),
}


def _type_test(node: ast.TypeTest, scope: Scope) -> Test:
    get, is_so = _get(node.path, scope), _TYPES[node.name]
    return lambda row: is_so(get(row))


def _text_test(node: ast.TextTest, scope: Scope) -> Test:
    get, text = _get(node.path, scope), node.text
    holds: Callable[[str], bool]
    match node.name:
        case "STARTSWITH":
            holds = lambda value: value.startswith(text)  # noqa: E731
        case "ENDSWITH":
            holds = lambda value: value.endswith(text)  # noqa: E731
        case _:
            holds = lambda value: text in value  # noqa: E731

    def tested(row: Row) -> bool | None:
        value = get(row)
        return holds(value) if isinstance(value, str) else None

    return tested


def _array_contains(node: ast.ArrayContains, scope: Scope) -> Test:
    variable, names = scope.value(node.path)
    if variable.kind == "relationship":
        raise query_error("ARRAY_CONTAINS is not for relationships", node.path.place, "Name a property of a twin.")
    get, wanted = getter(scope.context, variable, names), node.value

    def contains(row: Row) -> bool | None:
        value = get(row)
        return any(same(item, wanted) for item in value) if isinstance(value, list) else None

    return contains


def _not_test(inner: Test) -> Test:
    def negated(row: Row) -> bool | None:
        found = inner(row)
        return None if found is None else not found

    return negated


def _not(node: ast.Not, scope: Scope) -> Test:
    return _not_test(test_of(node.inner, scope))


def _and(node: ast.And, scope: Scope) -> Test:
    return _combined([test_of(part, scope) for part in node.parts], decides=False)


def _or(node: ast.Or, scope: Scope) -> Test:
    return _combined([test_of(part, scope) for part in node.parts], decides=True)


def _combined(tests: list[Test], *, decides: bool) -> Test:
    def combined(row: Row) -> bool | None:
        result: bool | None = not decides
        for test in tests:
            found = test(row)
            if found is decides:
                return decides
            if found is None:
                result = None
        return result

    return combined


_BUILDERS: Final[Mapping[type, Callable[[Any, Scope], Test]]] = {
    ast.Comparison: _comparison, ast.Among: _among, ast.OfModel: _of_model, ast.TypeTest: _type_test,
    ast.TextTest: _text_test, ast.ArrayContains: _array_contains, ast.Not: _not, ast.And: _and, ast.Or: _or,
}  # fmt: skip
