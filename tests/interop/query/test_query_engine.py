from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from dtdl.errors import Overloaded, RequestInvalid
from interop.graph.query.engine import QueryEngine
from interop.graph.query.index import Ordered, Range
from interop.graph.query.limits import Limits
from interop.graph.query.token import Token
from tests.interop.query.worlds import OTHER, Field, documents

EAGER = Limits(slice_s=0.0, start_required=False)
"""Others have their turn as often as the engine can let them."""


def many(limits: Limits = EAGER, count: int = 3000) -> Field:
    field = Field(limits=limits)
    for number in range(count):
        field.twin(f"t{number:04}", OTHER.id, {"p": number, "q": number % 7})
    return field


async def changing(field: Field, task: asyncio.Task[Any]) -> int:
    """Changes the graph whenever the query lets it."""
    turns = 0
    while not task.done():
        number = turns % 3000
        field.twin(f"t{number:04}", OTHER.id, {"p": -1, "q": "changed"})
        field.remove(f"t{2999 - number:04}")
        field.twin(f"n{turns}", OTHER.id, {"p": 1, "q": 1})
        field.relationship(f"n{turns}", "r", "new", f"n{turns}")
        turns += 1
        await asyncio.sleep(0)
    return turns


@pytest.mark.parametrize(
    "text",
    ["SELECT COUNT(), SUM(T.p) FROM DIGITALTWINS T WHERE T.q = 3 OR T.p >= 0",
     "SELECT $dtId, p FROM DIGITALTWINS WHERE p > 500 ORDER BY q, p DESC",
     "SELECT q, COUNT() AS n FROM DIGITALTWINS GROUP BY q ORDER BY q",
     "SELECT a.$dtId AS a, b.p AS p FROM DIGITALTWINS MATCH (a)-[:feeds*..3]->(b) WHERE a.p < 900"],
)  # fmt: skip
async def test_a_query_that_lets_others_run_sees_one_seq(text: str) -> None:
    field = many()
    for number in range(0, 2990, 2):
        field.relationship(f"t{number:04}", "r", "feeds", f"t{number + 2:04}")
    field.ask(text)  # indexes are there: the query begins at once
    wanted = field.ask(text)
    task = asyncio.create_task(field.engine.page(text, size=100_000))
    await asyncio.sleep(0)
    turns = await changing(field, task)
    assert turns > 5
    assert documents(task.result().rows) == wanted
    assert field.ask(text) != wanted


async def test_an_index_that_is_built_while_the_graph_changes_is_right() -> None:
    field = many()
    text = "SELECT $dtId FROM DIGITALTWINS WHERE p >= 10 AND p < 2500"
    task = asyncio.create_task(field.engine.page(text, size=100_000))
    await asyncio.sleep(0)
    turns = await changing(field, task)
    assert turns > 5
    fresh = QueryEngine(field.graph, lambda: field.model, limits=EAGER)
    for question in (text, "SELECT $dtId FROM DIGITALTWINS WHERE p = -1", "SELECT $dtId FROM DIGITALTWINS WHERE p = 1"):
        assert field.engine.rows(question) == fresh.rows(question)


async def test_observers_are_gone_after_a_query_however_it_ends() -> None:
    field = many(Limits(slice_s=0.0, timeout_s=0.0, start_required=False))
    field.engine.rows("SELECT COUNT() FROM DIGITALTWINS WHERE p > 0")
    before = list(field.graph.observers)
    with pytest.raises(RequestInvalid) as late:
        await field.engine.page("SELECT COUNT() FROM DIGITALTWINS WHERE p > 0 AND q > 1")
    assert late.value.code == "TimeoutError"
    assert field.graph.observers == before
    field.engine.close()
    assert not field.graph.observers


async def test_no_more_queries_run_than_allowed() -> None:
    field = many(Limits(slice_s=0.0, running=2))
    text = "SELECT COUNT() FROM DIGITALTWINS WHERE p > 0 AND q > 1"
    field.ask(text)
    found = await asyncio.gather(*(field.engine.page(text) for _ in range(4)), return_exceptions=True)
    assert [isinstance(one, Overloaded) for one in found] == [False, False, True, True]
    assert (await field.engine.page(text)).rows == [{"COUNT": 2142}]


async def test_pages_go_on_when_the_graph_moves_on() -> None:
    field = many(Limits(), 20)
    first = await field.engine.page("SELECT $dtId FROM DIGITALTWINS WHERE p >= 0", size=5)
    assert [row["$dtId"] for row in documents(first.rows)] == [f"t{number:04}" for number in range(5)]
    field.remove("t0004", "t0005", "t0019")
    field.twin("a", OTHER.id, {"p": 0})
    field.twin("z", OTHER.id, {"p": 99})
    second = await field.engine.page(None, token=first.token, size=100)
    assert [row["$dtId"] for row in documents(second.rows)] == [*(f"t{number:04}" for number in range(6, 19)), "z"]
    assert second.token is None


async def test_sorted_pages_are_of_one_seq() -> None:
    field = many(Limits(), 20)
    text = "SELECT $dtId FROM DIGITALTWINS ORDER BY p DESC"
    first = await field.engine.page(text, size=15)
    field.twin("z", OTHER.id, {"p": 99})
    second = await field.engine.page(None, token=first.token, size=15)
    assert second.seq == first.seq
    assert [row["$dtId"] for row in documents(second.rows)] == [f"t{number:04}" for number in range(4, -1, -1)]


async def test_sorted_pages_whose_rows_are_gone_are_found_again() -> None:
    field = many(Limits(held=20), 20)
    text = "SELECT $dtId FROM DIGITALTWINS ORDER BY p"
    first = await field.engine.page(text, size=15)
    await field.engine.page("SELECT p FROM DIGITALTWINS ORDER BY p", size=1)
    second = await field.engine.page(text, token=first.token, size=15)
    assert [row["$dtId"] for row in documents(second.rows)] == [f"t{number:04}" for number in range(15, 20)]


async def test_a_token_belongs_to_its_query() -> None:
    field = many(Limits(), 20)
    first = await field.engine.page("SELECT $dtId FROM DIGITALTWINS", size=5)
    with pytest.raises(RequestInvalid, match="another query") as refused:
        await field.engine.page("SELECT p FROM DIGITALTWINS", token=first.token)
    assert refused.value.code == "BadRequest"


async def test_rows_that_are_kept_belong_to_their_query() -> None:
    field = many(Limits(), 20)
    first = await field.engine.page("SELECT p FROM DIGITALTWINS ORDER BY p", size=5)
    other = replace(Token.decode(first.token or ""), query="SELECT q FROM DIGITALTWINS ORDER BY q")
    with pytest.raises(RequestInvalid, match="does not fit"):
        await field.engine.page(None, token=other.encode())


async def test_top_counts_over_all_pages() -> None:
    field = many(Limits(), 20)
    assert [len(page) for page in await field.pages("SELECT TOP(7) $dtId FROM DIGITALTWINS", 3)] == [3, 3, 1]
    assert [len(page) for page in await field.pages("SELECT TOP(6) p FROM DIGITALTWINS ORDER BY p", 3)] == [3, 3]
    assert await field.pages("SELECT TOP(0) $dtId FROM DIGITALTWINS", 3) == [[]]


async def test_a_page_of_a_large_collection_looks_at_little() -> None:
    field = many(Limits())
    first = await field.engine.page("SELECT * FROM DIGITALTWINS WHERE p > 100", size=10)
    second = await field.engine.page(None, token=first.token, size=10)
    assert (first.visits, second.visits) == (11, 12)


def test_no_index_is_made_for_what_the_graph_knows() -> None:
    field = many(Limits(), 10)
    field.relationship("t0001", "r", "feeds", "t0002")
    field.ask("SELECT * FROM DIGITALTWINS WHERE $dtId IN ['t0001', 't0002'] AND p > 1")
    field.ask("SELECT * FROM RELATIONSHIPS WHERE $sourceId = 't0001' AND weight = 3")
    assert field.ask("SELECT COUNT() AS n FROM DIGITALTWINS") == [{"n": 10}]
    assert field.ask("SELECT COUNT() FROM RELATIONSHIPS") == [{"COUNT": 1}]
    assert not field.ask("SELECT TOP(0) COUNT() FROM RELATIONSHIPS")
    assert not list(field.engine.indexes)
    assert not field.graph.observers


def test_the_index_that_was_not_used_for_longest_goes() -> None:
    field = many(Limits(indexes=2), 10)
    for name in ("a", "b", "a", "c"):
        field.ask(f"SELECT * FROM DIGITALTWINS WHERE {name} = 1")
    assert [index.names for index in field.engine.indexes] == [("a",), ("c",)]


def test_plans_are_kept_by_their_text() -> None:
    field = many(Limits(plans=1), 3)
    text = "SELECT * FROM DIGITALTWINS WHERE p = 1"
    plan = field.engine.plan(text)
    assert field.engine.plan(text) is plan
    field.engine.plan("SELECT * FROM DIGITALTWINS")
    assert field.engine.plan(text) is not plan


def test_ordered_entries_are_what_a_sorted_list_is() -> None:
    ordered: Ordered = Ordered()
    entries = [((number * 7919) % 5003, f"i{number}") for number in range(5003)]
    for entry in entries:
        ordered.add(entry)
    frozen = ordered.frozen()
    for entry in entries[::2]:
        ordered.discard(entry)
    ordered.discard((1, "none"))
    window = Range("n", 100, 4000, high_open=True)
    for there, wanted in ((frozen, entries), (ordered, entries[1::2])):
        expected = sorted(one for one in wanted if 100 <= one[0] < 4000)
        assert list(there.entries(*there.window(window))) == expected
        assert there.count(*there.window(window)) == len(expected)
