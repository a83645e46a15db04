from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dtdl.errors import LimitExceeded, RequestInvalid
from interop.graph.query import ast
from interop.graph.query.grammar import parse
from interop.graph.query.limits import Limits
from tests.interop.query.worlds import BASE, LEAF, MIDDLE, OTHER, Field


@pytest.fixture
def field() -> Field:
    field = Field()
    for number, model in enumerate([BASE.id, MIDDLE.id, LEAF.id, OTHER.id]):
        field.twin(f"t{number}", model, {"p": number, "kind": "odd" if number % 2 else "even"})
    field.twin("t4", OTHER.id, {"kind": "even", "p": "text", "Group": 1, "odd name": True})
    field.twin("t5", LEAF.id, {"p": None, "part": {"x": 3}})
    for number in range(4):
        field.relationship(f"t{number}", "r", "feeds", f"t{number + 1}", {"weight": number})
    return field


def ids(rows: list[Any]) -> list[str]:
    return sorted(row["$dtId"] for row in rows)


# names and text


def test_keywords_may_be_written_in_any_case_and_names_not(field: Field) -> None:
    assert ids(field.ask("select * From digitaltwins where P = 1 or p = 2")) == ["t2"]


def test_a_keyword_is_a_name_where_only_a_name_can_stand(field: Field) -> None:
    field.twin("x", OTHER.id, {"count": 1, "contains": "abc", "top": {"match": True}})
    text = "SELECT T.count, T.contains AS top FROM DIGITALTWINS T WHERE CONTAINS(contains, 'b') AND T.top.match = true"
    assert field.ask(text) == [{"count": 1, "top": "abc"}]


def test_names_in_double_brackets_may_be_anything(field: Field) -> None:
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE [[Group]] = 1 AND [[odd name]] = true")) == ["t4"]


def test_quotes_and_backslashes_are_escaped(field: Field) -> None:
    field.twin("x", OTHER.id, {"name": "it's", "path": "a\\b"})
    assert ids(field.ask(r"SELECT * FROM DIGITALTWINS WHERE name = 'it\'s' AND path = 'a\\b'")) == ["x"]
    assert ids(field.ask(r"SELECT * FROM DIGITALTWINS WHERE path = 'a\b'")) == ["x"]


@pytest.mark.parametrize(
    "text",
    ["SELECT * FROM DIGITALTWINS T WHERE T.p = 'a\\'b' AND NOT (IS_OF_MODEL(T, 'dtmi:a;1', exact))",
     "SELECT * FROM DIGITALTWINS WHERE (a = 1 OR b.c IN ['x', 2.5, null, true]) AND [[odd name]] != -1",
     "SELECT * FROM DIGITALTWINS WHERE STARTSWITH(a, 'x') OR ARRAY_CONTAINS(b, 1) OR (IS_NULL(c) AND d > e)"],
)  # fmt: skip
def test_an_expression_prints_as_text_that_means_the_same(text: str) -> None:
    where = parse(text, Limits()).where
    assert parse(f"SELECT * FROM DIGITALTWINS T WHERE {where}", Limits()).where == where


# what an error says


@pytest.mark.parametrize(
    ("text", "line", "position", "message"),
    [
        ("", 1, 0, "ends where"), ("SELECT", 1, 6, "ends where"), ("foo", 1, 0, "'foo' where EXPLAIN or SELECT"),
        ("SELECT FROM DIGITALTWINS", 1, 0, "nothing is selected"),
        ("SELECT *\nFROM DIGITALTWINS\nWHERE a == 1", 3, 9, "found '='"),
        ("SELECT * FROM DIGITALTWINS WHERE a = 'x", 1, 37, "no closing quote"),
        ('SELECT * FROM DIGITALTWINS WHERE a = "x"', 1, 37, "found '\"x\"'"),
        ("SELECT T FROM DIGITALTWINS T JOIN U RELATED X.r WHERE T.$dtId = 'a'", 1, 29, "'X' is not a name"),
        ("SELECT T FROM DIGITALTWINS T JOIN T RELATED T.r WHERE T.$dtId = 'a'", 1, 29, "names two things"),
        ("SELECT T FROM DIGITALTWINS T JOIN U RELATED T.r WHERE p = 1", 1, 54, "'p' is not a name"),
        ("SELECT * FROM DIGITALTWINS T JOIN U RELATED T.r WHERE T.$dtId = 'a'", 1, 0, "one collection"),
        ("SELECT T FROM DIGITALTWINS T JOIN U RELATED T.r", 1, 0, "need a $dtId"),
        ("SELECT T FROM DIGITALTWINS MATCH (T)-[]-(U) WHERE T.p = 1", 1, 0, "need a $dtId"),
        ("SELECT T FROM DIGITALTWINS T WHERE T = 1", 1, 35, "whole twin"),
        ("SELECT R FROM RELATIONSHIPS R WHERE IS_OF_MODEL(R, 'dtmi:a;1')", 1, 36, "has no model"),
        ("SELECT a FROM DIGITALTWINS MATCH (a)-[r*2]-(b) WHERE a.$dtId = 'a'", 1, 38, "several hops"),
        ("SELECT a FROM DIGITALTWINS MATCH (a)-[*11]-(b) WHERE a.$dtId = 'a'", 1, 0, "no number of hops"),
        ("SELECT a FROM DIGITALTWINS MATCH (a)-[*3..3]-(b) WHERE a.$dtId = 'a'", 1, 0, "no number of hops"),
        ("SELECT a FROM DIGITALTWINS MATCH (a)<-[]->(b) WHERE a.$dtId = 'a'", 1, 41, "found '>'"),
        ("SELECT a FROM DIGITALTWINS MATCH (a)-[a]-(b) WHERE a.$dtId = 'a'", 1, 38, "names two things"),
        ("SELECT a.x, b.x FROM DIGITALTWINS MATCH (a)-[]-(b) WHERE a.$dtId = 'a'", 1, 12, "two columns"),
        ("SELECT a FROM DIGITALTWINS MATCH (a)-[r]-() WHERE ARRAY_CONTAINS(r.x, 1) AND a.$dtId = ''", 1, 65, "not for"),
        ("SELECT p, COUNT() FROM DIGITALTWINS", 1, 7, "neither grouped"),
        ("SELECT COUNT() FROM DIGITALTWINS ORDER BY p", 1, 42, "neither grouped"),
        ("SELECT p FROM DIGITALTWINS ORDER BY COUNT()", 1, 36, "not selected"),
        ("SELECT * FROM DIGITALTWINS GROUP BY p", 1, 0, "without GROUP BY"),
        ("SELECT T FROM DIGITALTWINS T ORDER BY T", 1, 38, "whole twin"),
        ("SELECT * FROM DIGITALTWINS AS OF 'now'", 1, 33, "not an instant"),
        ("SELECT TOP(9999999999999999999) FROM DIGITALTWINS", 1, 11, "too large"),
        (f"SELECT * FROM DIGITALTWINS WHERE a = {'9' * 401}", 1, 37, "too long"),
    ],
)  # fmt: skip
def test_an_error_says_what_and_where(field: Field, text: str, line: int, position: int, message: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        field.ask(text)
    assert refused.value.code == "SqlQueryError"
    assert f"Line={line}, Position={position}, Message=" in refused.value.message
    assert message in refused.value.message


# bounds


ALL = "SELECT * FROM DIGITALTWINS"
SIZES: dict[str, tuple[int, Callable[[int], str]]] = {
    "characters": (7961, lambda size: f"{ALL} WHERE a = '{'x' * size}'"),
    "operators": (50, lambda size: f"{ALL} WHERE a = 1{' OR a = 1' * size}"),
    "members": (100, lambda size: f"{ALL} WHERE a IN [{','.join('1' * size)}]"),
    "nesting": (99, lambda size: f"{ALL} WHERE {'NOT ' * size}a = 1"),
    "links": (30, lambda size: f"SELECT a FROM DIGITALTWINS MATCH (a){'-[]-()' * size} WHERE a.$dtId = 'none'"),
    "joins": (5, lambda size: "SELECT t0 FROM DIGITALTWINS t0 "
              + " ".join(f"JOIN t{n + 1} RELATED t{n}.r" for n in range(size)) + " WHERE t0.$dtId = 'a'"),
}  # fmt: skip


@pytest.mark.parametrize("what", SIZES)
def test_a_query_is_as_large_as_allowed_and_no_larger(field: Field, what: str) -> None:
    size, text = SIZES[what]
    field.ask(text(size))
    with pytest.raises(RequestInvalid, match="more than") as refused:
        field.ask(text(size + 1))
    assert refused.value.code == "SqlQueryError"


def test_a_text_that_nests_without_end_is_one_error(field: Field) -> None:
    with pytest.raises(RequestInvalid, match="nested more than 100 deep"):
        field.ask(SIZES["nesting"][1](1900))


def test_parentheses_nest_as_deep_as_the_text_is_long(field: Field) -> None:
    assert ids(field.ask(f"SELECT * FROM DIGITALTWINS WHERE {'(' * 3900}p = 1{')' * 3900}")) == ["t1"]


def test_the_deepest_query_that_a_file_may_allow_runs() -> None:
    field = Field(limits=Limits(operators=100, nesting=150))
    field.twin("t1", OTHER.id, {"p": 1})
    where = "p = 1"
    for word in ["AND", "OR"] * 50:
        where = f"(p = 1 {word} {where})"
    where = f"{'NOT ' * 48}{where}"
    assert ids(field.ask(f"SELECT * FROM DIGITALTWINS WHERE {where}")) == ["t1"]
    assert field.ask(f"EXPLAIN SELECT * FROM DIGITALTWINS WHERE {where}")


def test_what_is_looked_at_and_held_is_bounded() -> None:
    field = Field(limits=Limits(visits=300, held=20, start_required=False))
    for number in range(40):
        field.twin(f"t{number}", OTHER.id, {"p": number})
    for number in range(40):
        for other in range(40):
            field.relationship(f"t{number}", f"r{other}", "r", f"t{other}")
    with pytest.raises(LimitExceeded, match="looked at more than 300"):
        field.ask("SELECT COUNT() FROM DIGITALTWINS MATCH (a)-[*..5]->(b)")
    for text in ("SELECT p FROM DIGITALTWINS ORDER BY p", "SELECT DISTINCT p FROM DIGITALTWINS",
                 "SELECT p, COUNT() FROM DIGITALTWINS GROUP BY p"):  # fmt: skip
        with pytest.raises(LimitExceeded, match="more than 20"):
            field.ask(text)


# three values


def test_undefined_is_neither_true_nor_false(field: Field) -> None:
    assert not field.ask("SELECT * FROM DIGITALTWINS WHERE nothing = 1")
    assert not field.ask("SELECT * FROM DIGITALTWINS WHERE NOT nothing = 1")
    assert not field.ask("SELECT * FROM DIGITALTWINS WHERE nothing NIN [1]")
    assert len(field.ask("SELECT * FROM DIGITALTWINS WHERE nothing = 1 OR IS_DEFINED($dtId)")) == 6
    assert not field.ask("SELECT * FROM DIGITALTWINS WHERE NOT (nothing = 1 AND IS_DEFINED($dtId))")
    assert len(field.ask("SELECT * FROM DIGITALTWINS WHERE NOT (nothing = 1 AND IS_DEFINED(none))")) == 6


def test_types_are_not_mixed(field: Field) -> None:
    field.twin("b", OTHER.id, {"p": True})
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE p = 1")) == ["t1"]
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE p = true")) == ["b"]
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE p != 1")) == ["b", "t0", "t2", "t3", "t4", "t5"]
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE p >= 2")) == ["t2", "t3"]
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE p >= 'a'")) == ["t4"]
    assert not field.ask("SELECT * FROM DIGITALTWINS WHERE p > false")
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE p = null")) == ["t5"]
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE IS_NULL(p)")) == ["t5"]


# models, paths


def test_a_model_includes_those_that_extend_it(field: Field) -> None:
    assert ids(field.ask(f"SELECT * FROM DIGITALTWINS WHERE IS_OF_MODEL('{BASE.id}')")) == ["t0", "t1", "t2", "t5"]
    assert ids(field.ask(f"SELECT * FROM DIGITALTWINS WHERE IS_OF_MODEL('{BASE.id}', exact)")) == ["t0"]
    assert field.ask(f"SELECT COUNT() FROM DIGITALTWINS T WHERE IS_OF_MODEL(T, '{MIDDLE.id}')") == [{"COUNT": 3}]
    assert not field.ask("SELECT * FROM DIGITALTWINS WHERE IS_OF_MODEL('no dtmi')")


def test_new_definitions_count_at_once(field: Field) -> None:
    text = f"SELECT COUNT() FROM DIGITALTWINS T WHERE IS_OF_MODEL(T, '{BASE.id}')"
    assert field.ask(text) == [{"COUNT": 4}]
    field.model = type(field.model)({BASE.id: BASE})
    assert field.ask(text) == [{"COUNT": 1}]


def test_components_and_metadata_are_read_as_in_the_document(field: Field) -> None:
    assert field.ask("SELECT part.x FROM DIGITALTWINS WHERE part.x = 3") == [{"x": 3}]
    assert ids(field.ask("SELECT * FROM DIGITALTWINS WHERE IS_OBJECT(part.$metadata)")) == ["t5"]
    text = "SELECT $metadata.p.lastUpdateTime AS at FROM DIGITALTWINS WHERE $dtId = 't0'"
    assert field.ask(text) == [{"at": "2026-01-02T03:04:05.000000Z"}]


# hops


def chain(*, inclusive: bool, text: str) -> list[str]:
    field = Field(limits=Limits(hops_inclusive=inclusive))
    for number in range(6):
        field.twin(f"t{number}", OTHER.id, {})
    for number in range(5):
        field.relationship(f"t{number}", "r", "feeds", f"t{number + 1}")
    query = f"SELECT b.$dtId FROM DIGITALTWINS MATCH (a)-[{text}]->(b) WHERE a.$dtId = 't0'"
    return ids(field.ask(query))


def test_the_lower_bound_of_hops_is_exclusive_unless_it_is_switched() -> None:
    assert chain(inclusive=False, text=":feeds*1..3") == ["t2", "t3"]
    assert chain(inclusive=True, text=":feeds*1..3") == ["t1", "t2", "t3"]
    assert chain(inclusive=True, text="*0..2") == ["t0", "t1", "t2"]
    assert chain(inclusive=True, text="*3..3") == ["t3"]
    for inclusive in (True, False):
        assert chain(inclusive=inclusive, text="*3") == ["t3"]
        assert chain(inclusive=inclusive, text="*..2") == ["t1", "t2"]


def test_a_cycle_is_gone_round_once(field: Field) -> None:
    field.relationship("t4", "r", "feeds", "t0")
    text = "SELECT b.$dtId FROM DIGITALTWINS MATCH (a)-[*..10]->(b) WHERE a.$dtId = 't0'"
    assert ids(field.ask(text)) == ["t0", "t1", "t2", "t3", "t4"]


# beyond the service


def test_order_group_and_distinct(field: Field) -> None:
    assert [row["$dtId"] for row in field.ask("SELECT $dtId FROM DIGITALTWINS T ORDER BY T.p DESC, $dtId")] == [
        "t4", "t3", "t2", "t1", "t0", "t5",
    ]  # fmt: skip
    assert field.ask("SELECT DISTINCT kind FROM DIGITALTWINS WHERE IS_DEFINED(kind) ORDER BY kind") == [
        {"kind": "even"}, {"kind": "odd"},
    ]  # fmt: skip
    text = "SELECT kind, COUNT() AS n, SUM(p), AVG(p), MIN(p), MAX(p) FROM DIGITALTWINS GROUP BY kind ORDER BY n DESC"
    assert field.ask(text) == [
        {"kind": "even", "n": 3, "SUM": 2, "AVG": 1.0, "MIN": 0, "MAX": "text"},
        {"kind": "odd", "n": 2, "SUM": 4, "AVG": 2.0, "MIN": 1, "MAX": 3},
        {"n": 1},
    ]


def test_aggregates_of_nothing(field: Field) -> None:
    assert field.ask("SELECT COUNT(), SUM(p) FROM DIGITALTWINS WHERE kind = 'x'") == [{"COUNT": 0}]
    assert not field.ask("SELECT kind, COUNT() FROM DIGITALTWINS WHERE kind = 'x' GROUP BY kind")


def test_explain_gives_the_plan_and_no_rows(field: Field) -> None:
    text = "EXPLAIN SELECT b FROM DIGITALTWINS a JOIN b RELATED a.feeds r WHERE b.$dtId = 't1' AND r.weight < 5"
    ((plan,),) = [row.values() for row in field.ask(text)]
    assert plan["start"] == {
        "from": "b", "by": "table", "condition": "b.$dtId = 't1'", "candidates": 1, "filter": []
    }  # fmt: skip
    assert plan["follow"] == [{"link": "(b)<-[r:feeds]-(a)", "hops": [1, 1], "filter": ["r.weight < 5"]}]


def test_explain_begins_where_there_is_least(field: Field) -> None:
    for number in range(200):
        field.twin(f"x{number:03}", OTHER.id, {"p": number, "q": number % 2})
    ((plan,),) = [row.values() for row in field.ask("EXPLAIN SELECT * FROM DIGITALTWINS WHERE q = 1 AND p > 195")]
    assert plan["start"]["condition"] == "#0.p > 195"
    assert plan["start"]["filter"] == ["q = 1"]
    assert plan["start"]["candidates"] == 4


def test_a_query_is_plain_data() -> None:
    query = parse("SELECT TOP(3) a.x AS y FROM DIGITALTWINS a JOIN b RELATED a.r WHERE b.$dtId = 'x'", Limits())
    assert query == ast.Query(
        items=(ast.Item(ast.Path(("a", "x")), "y"),),
        source=ast.Twins("a", (ast.Join("b", "a", "r", None, ast.Place(1, 39)),)),
        where=ast.Comparison(ast.Path(("b", "$dtId")), "=", ast.Literal_("x")),
        top=3,
    )
