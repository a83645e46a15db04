"""The filter language of event routes: a grammar, read by descent, and its evaluation in three-valued logic.

::

    or         = and { "OR" and }
    and        = not { "AND" not }
    not        = "NOT" not | "(" or ")" | "true" | "false" | function | comparison
    function   = NAME "(" operand { "," operand } ")"
    comparison = operand ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) operand
               | operand [ "NOT" ] "IN" "[" literal { "," literal } "]"
    operand    = path | literal          path = ( "$body" | NAME ) { "." NAME | "[" ( NUMBER | STRING ) "]" }
    literal    = STRING | NUMBER | "true" | "false" | "null"

``$body`` is the data of the event; a NAME is an attribute of the CloudEvent: ``type``, ``subject``, ``source``, ….
What compares with a missing value, or values of two types, is unknown; an event passes when the whole is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from dtdl.errors import RequestInvalid

MAX_LENGTH: Final = 4_000
MAX_DEPTH: Final = 50

Event: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Event], bool | None]
_Operand: TypeAlias = Callable[[Event], Any]

_MISSING: Final = object()
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<name>\$?[A-Za-z_$][\w$]*)"
    r"|(?P<sign><=|>=|!=|<>|[=<>()\[\],.]))"
)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@lru_cache(maxsize=1_024)
def parse_filter(text: str) -> Callable[[Event], bool]:
    """Gives the test that a filter means.

    Raises:
        RequestInvalid: ``EventRouteFilterInvalid``, with the position of the mistake.
    """
    if len(text) > MAX_LENGTH:
        raise RequestInvalid(
            "EventRouteFilterInvalid", f"the filter is longer than {MAX_LENGTH} characters", action="Shorten it."
        )
    test = _Reader(text).whole()
    return lambda event: test(event) is True


class _Reader:
    """Reads one filter from its tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def whole(self) -> Test:
        test = self._or()
        if self._token.kind != "end":
            raise self._fault("the filter should end here")
        return test

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(self._text.rstrip())
        while at < end:
            found = _TOKEN.match(self._text, at)
            if found is None or found.lastgroup is None:
                at += len(self._text[at:]) - len(self._text[at:].lstrip())
                raise _invalid(f"{self._text[at : at + 20].strip()!r} is not understood", at)
            tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            at = found.end()
        return [*tokens, _Token("end", "", end)]

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _word(self, word: str) -> bool:
        """Takes a keyword, if it comes next."""
        if self._token.kind != "name" or self._token.text.upper() != word:
            return False
        self._next += 1
        return True

    def _sign(self, *signs: str) -> str:
        """Takes a sign, if it comes next."""
        if self._token.kind != "sign" or self._token.text not in signs:
            return ""
        self._next += 1
        return self._tokens[self._next - 1].text

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._fault(f"{sign!r} is expected")

    def _fault(self, why: str) -> RequestInvalid:
        found = self._token.text or "the end"
        return _invalid(f"{why}, and there is {found[:40]!r}", self._token.at)

    def _or(self) -> Test:
        tests = [self._and()]
        while self._word("OR"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else _any(tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._word("AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else _all(tests)

    def _not(self) -> Test:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fault(f"the filter is nested deeper than {MAX_DEPTH} levels")
        try:
            if self._word("NOT"):
                return _negated(self._not())
            if self._sign("("):
                test = self._or()
                self._need(")")
                return test
            return self._function() or self._comparison()
        finally:
            self._depth -= 1

    def _function(self) -> Test | None:
        token, after = self._token, self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if token.kind != "name" or after.text != "(":
            return None
        known = _FUNCTIONS.get(token.text.upper())
        if known is None:
            raise self._fault(f"a function is expected: {', '.join(_FUNCTIONS)}")
        self._next += 2
        given = [self._operand()]
        while self._sign(","):
            given.append(self._operand())
        count, act = known
        if len(given) != count:
            raise self._fault(f"{token.text} takes {count} arguments")
        self._need(")")
        return lambda event: act(*(operand(event) for operand in given))

    def _comparison(self) -> Test:
        start = self._token
        left = self._operand()
        sign = self._sign("=", "!=", "<>", "<=", ">=", "<", ">")
        if sign:
            compare, right = _COMPARE[sign], self._operand()
            return lambda event: _compared(left(event), right(event), compare)
        inverted = self._word("NOT")
        if self._word("IN"):
            test = self._in(left)
            return _negated(test) if inverted else test
        if start.kind == "name" and start.text.lower() in {"true", "false"} and not inverted:
            return lambda event: left(event) is True
        raise self._fault("a comparison is expected")

    def _in(self, left: _Operand) -> Test:
        self._need("[")
        tests = [self._operand()]
        while self._sign(","):
            tests.append(self._operand())
        self._need("]")
        return _any([_equals(left, one) for one in tests])

    def _operand(self) -> _Operand:
        token = self._token
        self._next += 1
        if token.kind == "string":
            text = token.text[1:-1].replace("''", "'")
            return lambda _: text
        if token.kind == "number":
            number = float(token.text)
            return lambda _: number
        if token.kind == "name":
            literal = {"true": True, "false": False, "null": None}.get(token.text.lower(), _MISSING)
            return self._path(token.text) if literal is _MISSING else lambda _: literal
        self._next -= 1
        raise self._fault("a value or a path is expected")

    def _path(self, name: str) -> _Operand:
        steps: list[str | int] = ["data" if name == "$body" else name]
        while sign := self._sign(".", "["):
            token = self._token
            if sign == "." and token.kind == "name":
                steps.append(token.text)
            elif sign == "[" and token.kind == "string":
                steps.append(token.text[1:-1].replace("''", "'"))
            elif sign == "[" and token.kind == "number" and token.text.isdigit():
                steps.append(int(token.text[:9]))
            else:
                raise self._fault("a name is expected")
            self._next += 1
            if sign == "[":
                self._need("]")
        return lambda event: _at(event, steps)


def _at(event: Event, steps: list[str | int]) -> Any:
    found: Any = event
    for step in steps:
        if isinstance(step, str) and isinstance(found, Mapping):
            found = found.get(step, _MISSING)
        elif isinstance(step, int) and isinstance(found, list) and step < len(found):
            found = found[step]
        else:
            return _MISSING
    return found


def _compared(left: Any, right: Any, compare: Callable[[Any, Any], bool]) -> bool | None:
    if left is None or right is None:
        return None if _MISSING in (left, right) else compare(left is None, right is None)
    kinds = [
        "bool" if isinstance(one, bool) else "number" if isinstance(one, (int, float)) else type(one).__name__
        for one in (left, right)
    ]
    if kinds[0] != kinds[1] or kinds[0] not in {"bool", "number", "str"}:
        return None
    return compare(left, right)


def _equals(left: _Operand, right: _Operand) -> Test:
    return lambda event: _compared(left(event), right(event), _COMPARE["="])


def _any(tests: list[Test]) -> Test:
    def test(event: Event) -> bool | None:
        results = [one(event) for one in tests]
        return True if True in results else None if None in results else False

    return test


def _all(tests: list[Test]) -> Test:
    def test(event: Event) -> bool | None:
        results = [one(event) for one in tests]
        return False if False in results else None if None in results else True

    return test


def _negated(test: Test) -> Test:
    def negated(event: Event) -> bool | None:
        result = test(event)
        return None if result is None else not result

    return negated


def _texts(act: Callable[[str, str], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda one, other: act(one, other) if isinstance(one, str) and isinstance(other, str) else None


def _invalid(why: str, at: int) -> RequestInvalid:
    return RequestInvalid(
        "EventRouteFilterInvalid",
        f"the filter, at character {at + 1}: {why}",
        action="Write such as: type = 'Microsoft.DigitalTwins.Twin.Update' AND $body.modelId = 'dtmi:acme:Room;1'",
    )


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda one, other: bool(one == other),
    "!=": lambda one, other: bool(one != other),
    "<>": lambda one, other: bool(one != other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}
_FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., bool | None]]]] = {
    "STARTS_WITH": (2, _texts(str.startswith)),
    "STARTSWITH": (2, _texts(str.startswith)),
    "ENDS_WITH": (2, _texts(str.endswith)),
    "ENDSWITH": (2, _texts(str.endswith)),
    "CONTAINS": (2, _texts(str.__contains__)),
    "IS_DEFINED": (1, lambda value: value is not _MISSING),
    "IS_NULL": (1, lambda value: value is None),
    "IS_BOOL": (1, lambda value: isinstance(value, bool)),
    "IS_NUMBER": (1, lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
    "IS_STRING": (1, lambda value: isinstance(value, str)),
    "IS_OBJECT": (1, lambda value: isinstance(value, dict)),
}
