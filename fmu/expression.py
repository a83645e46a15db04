"""Small expressions of time for inputs, such as ``sin(2*pi*t)`` or ``5 if t >= 1 else 0``; nothing else can be said."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from dtdl.errors import FmuError

MOST_LETTERS: Final = 1000
_MOST_DEPTH: Final = 50
_MOST_POWER: Final = 1000.0

Value = Callable[[float], Any]

_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **{
        name: getattr(math, name)
        for name in (
            "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "log10", "sqrt",
            "floor", "ceil", "fmod", "hypot",
        )
    },
    "abs": abs,
    "min": min,
    "max": max,
    "sign": lambda x: (x > 0) - (x < 0),
    "step": lambda x: 1.0 if x >= 0 else 0.0,
    "pulse": lambda x, period, width: 1.0 if x % period < width else 0.0,
}  # fmt: skip
_CONSTANTS: Final = {"pi": math.pi, "e": math.e, "true": True, "false": False, "True": True, "False": False}


def _power(base: float, exponent: float) -> Any:
    # a power of integers may otherwise take for ever
    if abs(exponent) > _MOST_POWER:
        raise OverflowError("the exponent is too large")
    return float(base) ** exponent


_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: lambda a, b: float(a) * b, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.Pow: _power, ast.FloorDiv: operator.floordiv,
}  # fmt: skip
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}  # fmt: skip
_COMPARED: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


def compile_expression(text: str) -> Value:
    """Reads an expression of ``t``, the time in seconds.

    Numbers, ``t`` (or ``time``), ``pi``, ``e``, ``true``, ``false``, ``+ - * / // % **``, comparisons, ``and``, ``or``,
    ``not``, ``a if c else b`` and the functions of `FUNCTIONS`.

    Args:
        text: Of at most `MOST_LETTERS` letters.

    Returns:
        The function of time.

    Raises:
        FmuError: It says something else. The function raises it too, for a value that is not there, such as 1/0.
    """
    if len(text) > MOST_LETTERS:
        raise _refused(text[:40] + "...", f"it is longer than {MOST_LETTERS} letters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(text, getattr(error, "msg", None) or str(error)) from error
    made = _make(tree.body, text, 0)

    def value(t: float) -> Any:
        try:
            return made(t)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise _refused(text, f"at t = {t:g} s: {error}") from error

    return value


FUNCTIONS: Final = tuple(sorted(_FUNCTIONS))


def _make(node: ast.expr, text: str, depth: int) -> Value:
    if depth > _MOST_DEPTH:
        raise _refused(text, "it is nested too deep")
    maker = _MAKERS.get(type(node))
    made = maker(node, text, depth + 1) if maker is not None else None
    if made is None:
        raise _refused(text, f"{ast.unparse(node)!r} cannot be said")
    return made


def _constant(node: ast.Constant, text: str, depth: int) -> Value | None:
    del text, depth
    value = node.value
    return (lambda _: value) if isinstance(value, int | float) else None


def _name(node: ast.Name, text: str, depth: int) -> Value | None:
    del text, depth
    if node.id in ("t", "time"):
        return lambda t: t
    constant = _CONSTANTS.get(node.id)
    return None if constant is None else lambda _: constant


def _binary(node: ast.BinOp, text: str, depth: int) -> Value | None:
    left, right, does = _make(node.left, text, depth), _make(node.right, text, depth), _BINARY.get(type(node.op))
    return None if does is None else lambda t: does(left(t), right(t))


def _unary(node: ast.UnaryOp, text: str, depth: int) -> Value | None:
    inner, does = _make(node.operand, text, depth), _UNARY.get(type(node.op))
    return None if does is None else lambda t: does(inner(t))


def _logic(node: ast.BoolOp, text: str, depth: int) -> Value:
    parts = [_make(part, text, depth) for part in node.values]
    together = all if isinstance(node.op, ast.And) else any
    return lambda t: together(part(t) for part in parts)


def _compare(node: ast.Compare, text: str, depth: int) -> Value | None:
    parts = [_make(part, text, depth) for part in (node.left, *node.comparators)]
    does = [_COMPARED.get(type(op)) for op in node.ops]
    known = [one for one in does if one is not None]
    if len(known) < len(does):
        return None
    return lambda t: all(one(a(t), b(t)) for one, a, b in zip(known, parts, parts[1:], strict=False))


def _choice(node: ast.IfExp, text: str, depth: int) -> Value:
    test, yes, no = (_make(part, text, depth) for part in (node.test, node.body, node.orelse))
    return lambda t: yes(t) if test(t) else no(t)


def _called(node: ast.Call, text: str, depth: int) -> Value | None:
    does = _FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if does is None or node.keywords:
        return None
    parts = [_make(part, text, depth) for part in node.args]
    return lambda t: does(*(part(t) for part in parts))


_MAKERS: Final[Mapping[type[ast.expr], Callable[..., Value | None]]] = {
    ast.Constant: _constant, ast.Name: _name, ast.BinOp: _binary, ast.UnaryOp: _unary, ast.BoolOp: _logic,
    ast.Compare: _compare, ast.IfExp: _choice, ast.Call: _called,
}  # fmt: skip


def _refused(text: str, why: str) -> FmuError:
    return FmuError(
        f"the expression {text!r}: {why}",
        action=f"Use numbers, t, + - * / // % **, comparisons, a if c else b, and {', '.join(FUNCTIONS)}.",
    )
