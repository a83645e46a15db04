from __future__ import annotations

import base64
import zlib
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtdl.errors import Overloaded, RequestInvalid
from interop.rest.client import Client, connect
from interop.values import format_time, utc_now
from tests.interop.rest.memory_service import ROOM, MemoryService
from tests.interop.rest.running import running
from tests.interop.rest.test_over_runtime import served
from tests.interop.runtime_bench import FILE


@pytest.fixture
def rooms(service: MemoryService) -> MemoryService:
    for number in range(7):
        service.record("twin-put", f"r{number}", {"model": ROOM, "contents": {"temperature": number * 10}})
    service.record("relationship-put", "r0", {"id": "x", "name": "contains", "target": "r1", "contents": {"length": 3}})
    return service


async def ask(azure: httpx.AsyncClient, text: str, **headers: str) -> httpx.Response:
    return await azure.post("/query", json={"query": text}, headers=headers)


async def test_a_query_gives_twins_as_a_read_does(azure: httpx.AsyncClient, rooms: MemoryService) -> None:
    reply = await ask(azure, "SELECT * FROM DIGITALTWINS WHERE $dtId = 'r3'")
    assert reply.status_code == 200
    assert reply.json() == {"value": [(await azure.get("/digitaltwins/r3")).json()], "continuationToken": None}
    assert float(reply.headers["query-charge"]) >= 1


async def test_columns_hold_twins_relationships_and_values(azure: httpx.AsyncClient, rooms: MemoryService) -> None:
    text = "SELECT b, r, a.temperature AS t FROM DIGITALTWINS a JOIN b RELATED a.contains r WHERE a.$dtId = 'r0'"
    (row,) = (await ask(azure, text)).json()["value"]
    assert row == {
        "b": (await azure.get("/digitaltwins/r1")).json(),
        "r": (await azure.get("/digitaltwins/r0/relationships/x")).json(),
        "t": 0,
    }


async def test_pages_follow_each_other_to_the_end(azure: httpx.AsyncClient, rooms: MemoryService) -> None:
    body: dict[str, object] = {"query": "SELECT $dtId FROM DIGITALTWINS WHERE temperature >= 10"}
    sizes, ids = [], []
    while True:
        reply = (await azure.post("/query", json=body, headers={"max-items-per-page": "2"})).json()
        sizes.append(len(reply["value"]))
        ids += [row["$dtId"] for row in reply["value"]]
        if reply["continuationToken"] is None:
            break
        body = {"continuationToken": reply["continuationToken"]}
    assert sizes == [2, 2, 2, 1]
    assert sorted(ids) == ["r1", "r2", "r3", "r4", "r5", "r6", "room"]


@pytest.mark.parametrize("size", ["", "x", "-1", "0", "99999999999"])
async def test_a_page_size_that_is_none_is_no_error(azure: httpx.AsyncClient, rooms: MemoryService, size: str) -> None:
    reply = await ask(azure, "SELECT * FROM DIGITALTWINS", **{"max-items-per-page": size})
    assert reply.status_code == 200
    assert reply.json()["value"]


async def test_a_malformed_query_says_line_and_position(azure: httpx.AsyncClient) -> None:
    reply = await ask(azure, "SELECT *\nFROM TWINS")
    error = reply.json()["error"]
    assert (reply.status_code, reply.headers["x-ms-error-code"], error["code"]) == (400, *["SqlQueryError"] * 2)
    assert "SQL query parse failed" in error["message"]
    assert "Line=2, Position=5, Message=found 'TWINS'" in error["message"]


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode()


@pytest.mark.parametrize(
    "token",
    ["x", "ä", "AAAA", packed("[]"), packed("{}"), packed("[1,2,3,4,5,6,7]"), packed("[" * 100_000),
     packed('["SELECT * FROM DIGITALTWINS",1,null,[9,["x"]],null,0,null]'),
     packed('["SELECT * FROM DIGITALTWINS",1,null,[0,["$dtId"]],["q",1,"x"],0,null]'),
     packed('["SELECT * FROM DIGITALTWINS",1,null,[0,["$dtId"]],["s","room",["room","r"]],0,null]'),
     packed('["SELECT * FROM DIGITALTWINS WHERE $dtId = \'room\'",1,null,[0,["$dtId"]],["n",1,"x"],0,null]'),
     packed('["SELECT * FROM DIGITALTWINS",1,null,null,["s","room","room"],0,null]'),
     packed('["SELECT * FROM DIGITALTWINS",1,null,[0,["$dtId"]],null,0,null]'),
     packed('["SELECT * FROM RELATIONSHIPS",1,null,[0,["$sourceId"]],["s","room","room"],0,null]')],
)  # fmt: skip
async def test_a_token_that_is_not_ours_is_refused(azure: httpx.AsyncClient, token: str) -> None:
    reply = await azure.post("/query", json={"continuationToken": token})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "BadRequest")


@pytest.mark.parametrize("body", [[], "x", {"query": 5}, {"continuationToken": []}, None])
async def test_a_body_that_is_no_query_is_refused(azure: httpx.AsyncClient, body: object) -> None:
    reply = await azure.post("/query", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "InvalidArgument")


async def test_no_query_at_all_is_refused(azure: httpx.AsyncClient) -> None:
    assert (await azure.post("/query", json={})).json()["error"]["code"] == "BadRequest"


async def test_a_query_needs_a_version_as_every_azure_route(http: httpx.AsyncClient) -> None:
    reply = await http.post("/query", json={"query": "SELECT * FROM DIGITALTWINS"})
    assert reply.json()["error"]["code"] == "MissingApiVersionParameter"


async def test_a_busy_service_says_when_to_come_again(azure: httpx.AsyncClient, service: MemoryService) -> None:
    service.failure = Overloaded("64 queries are running")
    reply = await ask(azure, "SELECT * FROM DIGITALTWINS")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["SELECT", "*", "FROM", "DIGITALTWINS", "RELATIONSHIPS", "WHERE", "T", "T.", "$dtId", "=", "'a'", "1", "(",
             ")", "[", "]", "-", "->", "<-", "MATCH", "JOIN", "RELATED", "AND", "OR", "NOT", "IN", "NIN", "COUNT()",
             "GROUP", "ORDER", "BY", "AS", "OF", "TOP(2)", "DISTINCT", "IS_DEFINED(", "IS_OF_MODEL(", ",", "*..3",
             "null", "1e999", "\x00", "\ud7ff", "''", "'"]
        ),
        max_size=20,
    ).map(" ".join)
)  # fmt: skip
async def test_any_words_are_an_answer_or_one_error(service: MemoryService, text: str) -> None:
    refused: RequestInvalid | None = None
    try:
        await service.queries.page(text)
    except RequestInvalid as error:
        refused = error
    assert refused is None or (refused.code == "SqlQueryError" and "Line=" in refused.message)


async def test_the_client_follows_pages(rooms: MemoryService, server) -> None:
    for number in range(1500):
        rooms.record("twin-put", f"s{number:04}", {"model": ROOM, "contents": {}})
    async with connect(server.url) as twins:
        found = await twins.query("SELECT $dtId FROM DIGITALTWINS T WHERE STARTSWITH(T.$dtId, 's')")
        assert [row["$dtId"] for row in found] == [f"s{number:04}" for number in range(1500)]
        with pytest.raises(RequestInvalid, match="SQL query parse failed"):
            await twins.query("SELECT")


def test_the_synchronous_client_queries_too() -> None:
    with running() as live, Client(live.url) as twins:
        assert twins.query("SELECT COUNT() FROM DIGITALTWINS") == [{"COUNT": 1}]


async def test_what_is_acknowledged_is_found_at_once(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, twins):
        text = "SELECT T.note FROM DIGITALTWINS T WHERE T.note = '{}'"
        for number in range(20):
            await twins.set("p1/note", f"n{number}")
            assert await twins.query(text.format(f"n{number}")) == [{"note": f"n{number}"}]
            assert not await twins.query(text.format(f"n{number - 1}"))


async def test_as_of_asks_the_past(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, twins):
        await twins.set("p1/note", "old")
        then = format_time(utc_now())
        await twins.set("p1/note", "new")
        text = "SELECT T.note FROM DIGITALTWINS T {} WHERE T.$dtId = 'p1'"
        assert await twins.query(text.format("")) == [{"note": "new"}]
        assert await twins.query(text.format(f"AS OF '{then}'")) == [{"note": "old"}]
        parts = "SELECT COUNT() FROM RELATIONSHIPS"
        assert await twins.query(f"{parts} AS OF '{then}'") == await twins.query(parts)
        assert await twins.query("SELECT COUNT() FROM DIGITALTWINS AS OF '1999-01-01T00:00:00Z'") == [{"COUNT": 0}]
        with pytest.raises(RequestInvalid, match="AS OF: 'yesterday' is not an instant"):
            await twins.query("SELECT * FROM DIGITALTWINS AS OF 'yesterday'")


async def test_the_file_sets_the_limits_of_queries(tmp_path: Path) -> None:
    text = FILE + "\nqueries: {timeout: 5 s, joins: 7, hops-inclusive: true, start-required: false}\n"
    async with served(tmp_path, text) as (runtime, twins):
        limits = runtime.queries.limits
        assert (limits.timeout_s, limits.joins, limits.hops_inclusive, limits.members) == (5.0, 7, True, 100)
        assert await twins.query("SELECT COUNT() FROM DIGITALTWINS a JOIN b RELATED a.has") == [{"COUNT": 2}]
