"""The grammar, and from text to syntax tree; errors say the line and the position."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from dtdl.errors import RequestInvalid
from interop.graph.query import ast
from interop.graph.query.ast import Place
from interop.graph.query.limits import Limits

_GRAMMAR: Final = r"""
start: select | "EXPLAIN"i select -> explain

select: SELECT distinct top projection FROM source as_of clauses
      | SELECT distinct top projection FROM source clauses
      | SELECT distinct top projection FROM source clauses_some as_of -> select_late

distinct: DISTINCT?
top: (TOP "(" INT ")")?
projection: (STAR | item ("," item)*)?
item: (path | aggregate) (AS name)?
aggregate: COUNT "(" ")" | AGGREGATE "(" path ")"

source: DIGITALTWINS name? join*           -> twins
      | RELATIONSHIPS name?                -> relationships
      | DIGITALTWINS MATCH node (link node)+ -> match
join: JOIN name RELATED name "." name name?
node: "(" name? ")"
link: LEFT "[" within "]" "-"  -> link_in
    | "-" "[" within "]" RIGHT -> link_out
    | "-" "[" within "]" "-"   -> link_any
within: name? hops?                        -> within_variable
      | name ("|" name)+ hops?             -> within_names
      | name? ":" names hops?              -> within_both
names: name ("|" name)*
hops: _STAR INT -> hops_exact | _STAR INT ".." INT -> hops_range | _STAR ".." INT -> hops_up_to

as_of: AS OF STRING
clauses: where? group? order?
clauses_some: where group? order? | group order? | order
where: WHERE or_expr
group: GROUP BY path ("," path)*
order: ORDER BY key ("," key)*
key: (path | aggregate) (ASC | DESC)?

?or_expr: and_expr (OR and_expr)*
?and_expr: not_expr (AND not_expr)*
?not_expr: NOT not_expr -> not_ | "(" or_expr ")" | test
?test: path OPERATOR (literal | path)      -> comparison
     | path IN list                        -> among
     | path (NIN | NOT IN) list            -> not_among
     | IS_OF_MODEL "(" (name ",")? STRING ("," EXACT)? ")" -> of_model
     | TYPE_TEST "(" path ")"              -> type_test
     | TEXT_TEST "(" path "," STRING ")"   -> text_test
     | ARRAY_CONTAINS "(" path "," literal ")" -> array_contains
list: "[" literal ("," literal)* "]"
path: name ("." name)*
name: NAME | ESCAPED
literal: STRING | NUMBER | INT | TRUE | FALSE | NULL

SELECT.3: /select(?![\w$])/i
DISTINCT.3: /distinct(?![\w$])/i
TOP.3: /top(?=\s*\()/i
FROM.3: /from(?![\w$])/i
AS.3: /as(?![\w$])/i
OF.3: /of(?![\w$])/i
DIGITALTWINS.3: /digitaltwins(?![\w$])/i
RELATIONSHIPS.3: /relationships(?![\w$])/i
MATCH.3: /match(?![\w$])/i
JOIN.3: /join(?![\w$])/i
RELATED.3: /related(?![\w$])/i
WHERE.3: /where(?![\w$])/i
GROUP.3: /group(?![\w$])/i
ORDER.3: /order(?![\w$])/i
BY.3: /by(?![\w$])/i
ASC.3: /asc(?![\w$])/i
DESC.3: /desc(?![\w$])/i
AND.3: /and(?![\w$])/i
OR.3: /or(?![\w$])/i
NOT.3: /not(?![\w$])/i
IN.3: /in(?![\w$])/i
NIN.3: /nin(?![\w$])/i
EXACT.3: /exact(?![\w$])/i
TRUE.3: /true(?![\w$])/i
FALSE.3: /false(?![\w$])/i
NULL.3: /null(?![\w$])/i
STAR: "*"
_STAR: "*"
COUNT.4: /count(?=\s*\()/i
AGGREGATE.4: /(sum|avg|min|max)(?=\s*\()/i
IS_OF_MODEL.4: /is_of_model(?=\s*\()/i
TYPE_TEST.4: /is_(defined|null|bool|number|string|object|primitive)(?=\s*\()/i
TEXT_TEST.4: /(startswith|endswith|contains)(?=\s*\()/i
ARRAY_CONTAINS.4: /array_contains(?=\s*\()/i
LEFT: /<\s*-/
RIGHT: /-\s*>/
OPERATOR: /!=|<>|<=|>=|<|>|=/
ESCAPED.2: /\[\[[^\]\n]+\]\]/
STRING: /'(?:[^'\\]|\\.)*'/s
NUMBER.1: /[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?|[+-]\d+/
INT: /\d+/
NAME: /\$?[^\W\d]\w*/
%ignore /\s+/
"""

_WORDS: Final = {
    "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "COMMA": "','", "DOT": "'.'", "STAR": "'*'",
    "MINUS": "'-'", "VBAR": "'|'", "COLON": "':'", "LEFT": "'<-'", "RIGHT": "'->'", "__ANON_0": "'..'",
    "NAME": "a name", "ESCAPED": "", "STRING": "a 'text'", "NUMBER": "a number", "INT": "a whole number",
    "OPERATOR": "a comparison", "AGGREGATE": "SUM, AVG, MIN or MAX", "TYPE_TEST": "IS_DEFINED and its kind",
    "TEXT_TEST": "STARTSWITH, ENDSWITH or CONTAINS", "$END": "the end of the query",
}  # fmt: skip
_SHOWN: Final = 12
"""Expected words that an error names."""


def parse(text: str, limits: Limits) -> ast.Query:
    """Reads a query.

    Args:
        text: The query.
        limits: Bounds of its size.

    Raises:
        RequestInvalid: ``SqlQueryError``: it is none, or larger than the bounds.
    """
    if len(text) > limits.characters:
        raise query_error(
            f"the query has {len(text)} characters, more than {limits.characters}", Place(), "Write a shorter one."
        )
    try:
        query: ast.Query = parser().parse(text)  # type: ignore[assignment]  # the transformer gives no tree
    except UnexpectedInput as error:
        raise _translated(error, text) from error
    _check_size(query, limits)
    return query


def query_error(message: str, place: Place, action: str = "See the page on the query language.") -> RequestInvalid:
    """Gives the error of a query in the service's form, with line and position."""
    return RequestInvalid(
        "SqlQueryError",
        f"SQL query parse failed: SQL Parser Error, Line={place.line}, Position={place.position}, Message={message}.",
        action=action,
    )


@lru_cache(maxsize=1)
def parser() -> Lark:
    """The parser; made once, in about a tenth of a second."""
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder())


def _translated(error: UnexpectedInput, text: str) -> RequestInvalid:
    lines = text.split("\n")
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return query_error(f"the query ends where {_expected(error)} is expected", Place(len(lines), len(lines[-1])))
    place = Place(error.line, error.column - 1)
    if isinstance(error, UnexpectedToken):
        found = str(error.token)
    else:
        rest = lines[place.line - 1][place.position :]
        found = rest.split(maxsplit=1)[0] if rest.strip() else rest
    if found.startswith("'") and len(found.split("'")) % 2 == 0:
        return query_error("a text has no closing quote", place, "Close it with '; a quote inside is written \\'.")
    return query_error(f"found {found[:40]!r} where {_expected(error)} is expected", place)


def _expected(error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedToken):
        wanted = error.accepts or error.expected
    else:
        assert isinstance(error, UnexpectedCharacters)
        wanted = error.allowed or set()
    names = sorted(filter(None, (_WORDS.get(name, name) for name in wanted)), key=lambda name: (name.islower(), name))
    more = len(names) - _SHOWN
    shown = names[:_SHOWN] + ([f"{more} more"] if more > 0 else [])
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown) or "nothing"


def _check_size(query: ast.Query, limits: Limits) -> None:
    operators = 0
    for node, depth in ast.walk(query.where):
        if depth > limits.nesting:
            raise query_error(f"WHERE is nested more than {limits.nesting} deep", Place(), "Write it flatter.")
        if isinstance(node, (ast.And, ast.Or)):
            operators += len(node.parts) - 1
        if isinstance(node, ast.Among) and len(node.values) > limits.members:
            raise query_error(
                f"IN has {len(node.values)} members, more than {limits.members}", node.place, "Ask in several queries."
            )
    if operators > limits.operators:
        raise query_error(
            f"the query has {operators} AND and OR, more than {limits.operators}",
            Place(),
            "Use IN, or several queries.",
        )
    if isinstance(query.source, ast.Twins) and len(query.source.joins) > limits.joins:
        raise query_error(
            f"the query has {len(query.source.joins)} JOINs, more than {limits.joins}",
            query.source.joins[limits.joins].place,
            "Use MATCH, or several queries.",
        )


def _place(token: Token) -> Place:
    return Place(token.line or 1, (token.column or 1) - 1)


def _unquoted(token: Token) -> str:
    """Reads a text: a backslash before a quote or a backslash is an escape, before anything else it is itself."""
    text = str(token)[1:-1]
    if "\\" not in text:
        return text
    out: list[str] = []
    index = 0
    while index < len(text):
        if text[index] == "\\" and text[index + 1 : index + 2] in ("'", "\\"):
            index += 1
        out.append(text[index])
        index += 1
    return "".join(out)


class _Named(str):
    """A name, and where it is."""

    __slots__ = ("place",)
    place: Place


def _int(token: Token) -> int:
    if len(token) > 18:  # noqa: PLR2004 - digits; more are no count of anything
        raise query_error(f"{token[:40]} is too large", _place(token))
    return int(token)


@v_args(inline=True)
class _Builder(Transformer[Token, ast.Query]):
    """Builds the tree while the text is parsed, so that no text nests deeper than the parser's own stack allows."""

    def start(self, query: ast.Query) -> ast.Query:
        return query

    def explain(self, query: ast.Query) -> ast.Query:
        return dataclasses.replace(query, explain=True)

    def select(self, *parts: Any) -> ast.Query:
        _, distinct, top, projection, _, source, *rest = parts
        as_of, place = rest[0] if len(rest) == 2 else (None, Place())  # noqa: PLR2004 - AS OF and the clauses
        where, group, order = rest[-1]
        if projection == ():
            if top is None:
                raise query_error("nothing is selected", _place(parts[0]), "Write SELECT * or the names of columns.")
            projection = None
        return ast.Query(
            items=projection, source=source, where=where, top=top, distinct=distinct, group=group, order=order,
            as_of=as_of, as_of_place=place,
        )  # fmt: skip

    def select_late(self, *parts: Any) -> ast.Query:
        return self.select(*parts[:-2], parts[-1], parts[-2])

    def distinct(self, token: Token | None = None) -> bool:
        return token is not None

    def top(self, token: Token | None = None, count: Token | None = None) -> int | None:
        if token is None or count is None:
            return None
        return _int(count)

    def projection(self, *items: Any) -> tuple[ast.Item, ...] | None:
        return None if items and isinstance(items[0], Token) else items

    def item(self, what: ast.Path | ast.Call, _as: Token | None = None, alias: _Named | None = None) -> ast.Item:
        return ast.Item(what, None if alias is None else str(alias))

    def aggregate(self, token: Token, path: ast.Path | None = None) -> ast.Call:
        return ast.Call(token.upper(), path, _place(token))  # type: ignore[arg-type]  # the lexer allows these only

    def twins(self, _token: Token, *rest: Any) -> ast.Twins:
        alias = str(rest[0]) if rest and isinstance(rest[0], str) else None
        return ast.Twins(alias, tuple(part for part in rest if isinstance(part, ast.Join)))

    def relationships(self, _token: Token, alias: _Named | None = None) -> ast.Relationships:
        return ast.Relationships(None if alias is None else str(alias))

    def match(self, _token: Token, _match: Token, *parts: Any) -> ast.Match:
        return ast.Match(parts[::2], parts[1::2])

    def join(self, token: Token, *parts: Any) -> ast.Join:
        names = [str(part) for part in parts if isinstance(part, _Named)]
        target, source, name, *alias = names
        return ast.Join(target, source, name, alias[0] if alias else None, _place(token))

    def node(self, alias: _Named | None = None) -> ast.Node:
        return ast.Node(None, Place()) if alias is None else ast.Node(str(alias), alias.place)

    def link_in(self, _left: Token, within: ast.Link) -> ast.Link:
        return dataclasses.replace(within, direction="in")

    def link_out(self, within: ast.Link, _right: Token) -> ast.Link:
        return dataclasses.replace(within, direction="out")

    def link_any(self, within: ast.Link) -> ast.Link:
        return within

    def within_variable(self, *parts: Any) -> ast.Link:
        name = next((part for part in parts if isinstance(part, _Named)), None)
        hops = next((part for part in parts if isinstance(part, ast.Hops)), None)
        return ast.Link("any", None if name is None else str(name), (), hops, name.place if name else Place())

    def within_names(self, *parts: Any) -> ast.Link:
        hops = parts[-1] if isinstance(parts[-1], ast.Hops) else None
        return ast.Link("any", None, tuple(str(part) for part in parts if isinstance(part, _Named)), hops)

    def within_both(self, *parts: Any) -> ast.Link:
        variable = parts[0] if isinstance(parts[0], _Named) else None
        hops = parts[-1] if isinstance(parts[-1], ast.Hops) else None
        names = next(part for part in parts if isinstance(part, tuple))
        place = variable.place if variable is not None else Place()
        return ast.Link("any", None if variable is None else str(variable), names, hops, place)

    def names(self, *names: _Named) -> tuple[str, ...]:
        return tuple(map(str, names))

    def hops_exact(self, high: Token) -> ast.Hops:
        return ast.Hops(None, _int(high), exact=True)

    def hops_range(self, low: Token, high: Token) -> ast.Hops:
        return ast.Hops(_int(low), _int(high))

    def hops_up_to(self, high: Token) -> ast.Hops:
        return ast.Hops(None, _int(high))

    def as_of(self, _as: Token, _of: Token, text: Token) -> tuple[str, Place]:
        return _unquoted(text), _place(text)

    def clauses(self, *parts: Any) -> tuple[Any, Any, Any]:
        found = dict(parts)
        return found.get("where"), found.get("group", ()), found.get("order", ())

    clauses_some = clauses

    def where(self, _token: Token, expression: ast.Expression) -> tuple[str, ast.Expression]:
        return "where", expression

    def group(self, _group: Token, _by: Token, *paths: ast.Path) -> tuple[str, tuple[ast.Path, ...]]:
        return "group", paths

    def order(self, _order: Token, _by: Token, *keys: ast.Order) -> tuple[str, tuple[ast.Order, ...]]:
        return "order", keys

    def key(self, what: ast.Path | ast.Call, way: Token | None = None) -> ast.Order:
        return ast.Order(what, way is not None and way.type == "DESC")

    def or_expr(self, *parts: Any) -> ast.Expression:
        return ast.Or(tuple(part for part in parts if not isinstance(part, Token)))

    def and_expr(self, *parts: Any) -> ast.Expression:
        return ast.And(tuple(part for part in parts if not isinstance(part, Token)))

    def not_(self, _token: Token, inner: ast.Expression) -> ast.Not:
        return ast.Not(inner)

    def comparison(self, left: ast.Path, operator: Token, right: ast.Path | ast.Literal_) -> ast.Comparison:
        sign: Any = "!=" if operator == "<>" else str(operator)
        return ast.Comparison(left, sign, right)

    def among(self, path: ast.Path, token: Token, values: tuple[ast.Scalar, ...]) -> ast.Among:
        return ast.Among(path, values, _place(token))

    def not_among(self, path: ast.Path, token: Token, *rest: Any) -> ast.Not:
        return ast.Not(ast.Among(path, rest[-1], _place(token)))

    def of_model(self, token: Token, *parts: Any) -> ast.OfModel:
        alias = next((str(part) for part in parts if isinstance(part, _Named)), None)
        model = next(_unquoted(part) for part in parts if isinstance(part, Token) and part.type == "STRING")
        exact = isinstance(parts[-1], Token) and parts[-1].type == "EXACT"
        return ast.OfModel(alias, model, exact, _place(token))

    def type_test(self, token: Token, path: ast.Path) -> ast.TypeTest:
        return ast.TypeTest(token.upper(), path)

    def text_test(self, token: Token, path: ast.Path, text: Token) -> ast.TextTest:
        return ast.TextTest(token.upper(), path, _unquoted(text))

    def array_contains(self, _token: Token, path: ast.Path, value: ast.Literal_) -> ast.ArrayContains:
        return ast.ArrayContains(path, value.value)

    def list(self, *values: ast.Literal_) -> tuple[ast.Scalar, ...]:
        return tuple(value.value for value in values)

    def path(self, *names: _Named) -> ast.Path:
        return ast.Path(tuple(map(str, names)), names[0].place)

    def name(self, token: Token) -> _Named:
        found = _Named(token[2:-2] if token.type == "ESCAPED" else token)
        found.place = _place(token)
        return found

    def literal(self, token: Token) -> ast.Literal_:
        match token.type:
            case "STRING":
                return ast.Literal_(_unquoted(token))
            case "INT" | "NUMBER":
                return ast.Literal_(_number(token))
            case "NULL":
                return ast.Literal_(None)
        return ast.Literal_(token.type == "TRUE")


def _number(token: Token) -> int | float:
    if len(token) > 400:  # noqa: PLR2004 - digits; a double has at most 309 before its point
        raise query_error(f"the number {token[:40]}… is too long", _place(token))
    text = str(token)
    return int(text) if text.lstrip("+-").isdigit() else float(text)
