from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from dtdl.errors import Expired, LinkDown, Overloaded, Refused
from interop.rest.messages import Health, History, Twin, TwinList
from interop.values import BAD_NO_COMMUNICATION, Point, Reading, Sample, format_time, utc_now
from tests.interop.rest.memory_service import ROOM, MemoryService

TEMPERATURE = Point("room", ("temperature",))
HUMIDITY = Point("room", ("humidity",))


async def test_a_twin_shows_every_value_with_unit_status_times_and_source(
    http: httpx.AsyncClient, service: MemoryService
) -> None:
    service.read([Reading(HUMIDITY, Sample(40.0))])
    reply = await http.get("/v1/twins/room")
    assert reply.status_code == 200
    twin = reply.json()
    assert (twin["twin"], twin["model"], twin["kind"]) == ("room", ROOM, "shadow")
    assert list(twin["pillars"]) == ["physical", "digital", "connection"]
    assert twin["sources"] == {"plant": "up"}
    assert (twin["parts"], twin["degraded"]) == ([], {})
    assert twin["commands"] == ["vent/boost", "reset"]
    assert list(twin["values"]) == ["name", "temperature", "humidity", "vent/speed"]
    for value in twin["values"].values():
        assert set(value) - {"reason"} == {"value", "unit", "status", "sourceTime", "serverTime", "source"}
    humidity = twin["values"]["humidity"]
    assert (humidity["value"], humidity["unit"], humidity["status"]) == (40.0, "percent", "Good")
    assert humidity["source"] == "plant"
    assert humidity["sourceTime"].endswith("Z")
    assert twin["values"]["temperature"]["source"] is None
    assert Twin.model_validate(twin).values["vent/speed"].value == 3.0


async def test_a_value_that_was_never_set_says_so(http: httpx.AsyncClient) -> None:
    humidity = (await http.get("/v1/twins/room")).json()["values"]["humidity"]
    assert (humidity["value"], humidity["status"], humidity["reason"]) == (None, "BadNoData", "never set")


async def test_a_lost_link_shows_in_the_status_and_its_reason(http: httpx.AsyncClient, service: MemoryService) -> None:
    service.read([Reading(HUMIDITY, Sample(40.0))])
    now = format_time(utc_now())
    service.record(
        "link", None,
        {"source": "plant", "kind": "down", "since": now, "until": None, "cause": "connection refused", "count": 0,
         "status": BAD_NO_COMMUNICATION},
    )  # fmt: skip
    twin = (await http.get("/v1/twins/room")).json()
    humidity = twin["values"]["humidity"]
    assert (humidity["value"], humidity["status"]) == (40.0, "BadNoCommunication")
    assert humidity["reason"] == "connection refused"
    assert twin["degraded"] == {"plant": "connection refused"}
    (summary,) = (await http.get("/v1/twins")).json()["twins"]
    assert summary["status"] == "BadNoCommunication"


async def test_the_list_is_paged_in_order_of_id(http: httpx.AsyncClient, service: MemoryService) -> None:
    for name in ("b", "a"):
        service.record("twin-put", name, {"model": ROOM, "contents": {}})
    first = TwinList.model_validate((await http.get("/v1/twins", params={"limit": 2})).json())
    assert [twin.twin for twin in first.twins] == ["a", "b"]
    rest = TwinList.model_validate((await http.get("/v1/twins", params={"after": first.next})).json())
    assert ([twin.twin for twin in rest.twins], rest.next) == (["room"], None)


async def test_a_twin_is_read_as_it_was(http: httpx.AsyncClient, service: MemoryService) -> None:
    service.read([Reading(TEMPERATURE, Sample(20.0))])
    then = utc_now()
    service.read([Reading(TEMPERATURE, Sample(30.0))])
    twin = (await http.get("/v1/twins/room", params={"at": format_time(then)})).json()
    assert twin["values"]["temperature"]["value"] == 20.0
    assert twin["at"] == format_time(then)
    assert "pillars" not in twin
    assert (await http.get("/v1/twins/room")).json()["values"]["temperature"]["value"] == 30.0
    known = (await http.get("/v1/twins/room", params={"known-at": format_time(then)})).json()
    assert known["values"]["temperature"]["value"] == 20.0
    before = format_time(then - timedelta(days=1))
    reply = await http.get("/v1/twins/room", params={"at": before})
    assert (reply.status_code, reply.json()["code"]) == (404, "DigitalTwinNotFound")


async def test_an_instant_with_an_unencoded_plus_is_understood(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/twins/room?at=2199-01-01T00:00:00+01:00")).status_code == 200


async def test_history_is_ordered_by_source_time_and_filtered(http: httpx.AsyncClient, service: MemoryService) -> None:
    start = utc_now()
    times = [start + timedelta(seconds=second) for second in (2, 0, 1)]
    for index, at in enumerate(times):
        service.read([Reading(TEMPERATURE, Sample(float(index), source_time=at)), Reading(HUMIDITY, Sample(1.0))])
    query = {"path": "temperature", "from": format_time(start), "to": format_time(start + timedelta(seconds=5))}
    history = History.model_validate((await http.get("/v1/twins/room/history", params=query)).json())
    assert [row.value for row in history.rows] == [1.0, 2.0, 0.0]
    assert {row.path for row in history.rows} == {"temperature"}
    assert {row.unit for row in history.rows} == {"degreeCelsius"}
    assert history.more is False
    query["limit"] = "2"
    history = History.model_validate((await http.get("/v1/twins/room/history", params=query)).json())
    assert ([row.value for row in history.rows], history.more) == ([1.0, 2.0], True)


async def test_a_command_gets_its_argument_and_gives_its_result(
    http: httpx.AsyncClient, service: MemoryService
) -> None:
    reply = await http.post("/v1/twins/room/commands/reset", json=3, headers={"idempotency-key": "k1"})
    assert (reply.status_code, reply.json()) == (200, {"result": "reset to 3"})
    ((point, argument, caller),) = service.calls
    assert (point, argument, caller.request_id) == (Point("room", ("reset",)), 3, "k1")


async def test_a_command_of_a_component_needs_no_body(http: httpx.AsyncClient, service: MemoryService) -> None:
    reply = await http.post("/v1/twins/room/commands/vent%2Fboost")
    assert (reply.status_code, reply.json()) == (200, {"result": None})
    assert service.calls[0][:2] == (Point("room", ("vent", "boost")), None)


@pytest.mark.parametrize("name", ["launch", "vent%2Flaunch", "temperature", "vent"])
async def test_a_command_that_the_model_lacks_is_not_found(http: httpx.AsyncClient, name: str) -> None:
    reply = await http.post(f"/v1/twins/room/commands/{name}")
    assert (reply.status_code, reply.json()["code"]) == (404, "CommandNotFound")
    assert reply.headers["x-ms-error-code"] == "CommandNotFound"
    reply = await http.post(f"/v1/twins/nobody/commands/{name}")
    assert (reply.status_code, reply.json()["code"]) == (404, "DigitalTwinNotFound")


async def test_health_and_readiness(http: httpx.AsyncClient, service: MemoryService) -> None:
    health = Health.model_validate((await http.get("/v1/health")).json())
    assert (health.ready, health.sources[0].name) == (True, "plant")
    assert (await http.get("/v1/ready")).json() == {"ready": True}
    service.ready = False
    reply = await http.get("/v1/ready")
    assert (reply.status_code, reply.json(), reply.headers["retry-after"]) == (503, {"ready": False}, "1")


@pytest.mark.parametrize(
    "query",
    ["/v1/twins/room?at=yesterday", "/v1/twins/room?at=2026-01-01T00:00:00", "/v1/twins/room/history?limit=0",
     "/v1/twins/room/history?limit=99999999999999999999999", "/v1/twins/room/history?path=a//b", "/v1/twins?limit=x",
     "/v1/stream?since=-1", "/v1/stream?path=~2", "/v1/twins/%00"],
)  # fmt: skip
async def test_a_malformed_query_is_a_problem_with_an_action(http: httpx.AsyncClient, query: str) -> None:
    reply = await http.get(query)
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (400, "InvalidArgument")
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:megatwin:problem:request-invalid"
    assert problem["action"]


FAILURES = {
    "refused": (
        Refused("BadOutOfRange", "the plant refused 999", results={"room/temperature": "BadOutOfRange"}),
        400, "BadOutOfRange", None,
    ),
    "link-down": (LinkDown("plant is down", retry_after_s=2.2), 503, "LinkDown", "3"),
    "link-down at once": (LinkDown("plant is down", retry_after_s=0.0), 503, "LinkDown", "1"),
    "expired": (Expired("not verified in 5 s"), 504, "Expired", None),
    "overloaded": (Overloaded("the queue is full"), 503, "Overloaded", "1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
async def test_a_plant_s_failure_has_its_status_and_code(
    http: httpx.AsyncClient, azure: httpx.AsyncClient, service: MemoryService, name: str
) -> None:
    error, status, code, retry_after = FAILURES[name]
    service.failure = error
    before = service.graph.twins["room"]
    call = await http.post("/v1/twins/room/commands/reset", json=1)
    patch = await azure.patch("/digitaltwins/room", json=[{"op": "add", "path": "/temperature", "value": 999}])
    assert (call.status_code, call.json()["code"]) == (status, code)
    assert (patch.status_code, patch.json()["error"]["code"]) == (status, code)
    assert call.json()["type"] == "urn:megatwin:problem:" + name.split(maxsplit=1)[0]
    assert call.headers.get("retry-after") == patch.headers.get("retry-after") == retry_after
    if isinstance(error, Refused):
        assert call.json()["results"] == error.results
        (detail,) = patch.json()["error"]["details"]
        assert (detail["target"], detail["code"]) == ("room/temperature", "BadOutOfRange")
    assert service.graph.twins["room"] is before


async def test_a_bug_is_a_500_that_names_its_log_line_and_shows_nothing(
    http: httpx.AsyncClient, service: MemoryService, caplog: pytest.LogCaptureFixture
) -> None:
    service.failure = ZeroDivisionError("secret")
    reply = await http.post("/v1/twins/room/commands/reset", json=1)
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (500, "InternalServerError")
    assert "secret" not in reply.text
    assert problem["instance"] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    service.failure = None
    assert (await http.post("/v1/twins/room/commands/reset", json=1)).status_code == 200
