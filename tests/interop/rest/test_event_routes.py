"""Event routes over the real runtime: which events go where, and what becomes of those that nobody takes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from interop.config import load
from interop.config.plan import EndpointPlan
from interop.events.cloudevents import TELEMETRY
from interop.runtime.twins import Runtime
from tests.interop.rest.empty_service import code, empty_service, over_http, until
from tests.interop.rest.serving import FLOOR, MODELS, ROOM
from tests.interop.runtime_bench import FILE, plant, value, write_project

TWIN = "Microsoft.DigitalTwins.Twin"
LINK = "Microsoft.DigitalTwins.Relationship"


class Receiver:
    """A real HTTP server that answers with the statuses it is given, then 200."""

    def __init__(self, statuses: list[int]) -> None:
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status = statuses.pop(0) if statuses else 200
                if status == 200:
                    receiver.taken.append(body)
                    receiver.headers.append({name.lower(): text for name, text in self.headers.items()})
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(list(statuses))
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join(10)
        receiver.server.server_close()


def file_endpoint(folder: Path, name: str = "log") -> EndpointPlan:
    return EndpointPlan(
        name=name, kind="file", target=str(folder / f"{name}.ndjson"), dead_letters=folder / f"{name}-dead.ndjson"
    )


def webhook(folder: Path, url: str, *, retry_for_s: float = 3600.0) -> EndpointPlan:
    return EndpointPlan(
        name="hook", kind="webhook", target=url, dead_letters=folder / "dead.ndjson",
        headers={"authorization": "Bearer secret"}, retry_for_s=retry_for_s,
    )  # fmt: skip


def lines(path: str | Path) -> list[dict[str, Any]]:
    path = Path(path)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


async def make_route(client: Any, endpoint: str, text: str = "true", name: str = "r") -> None:
    reply = await client.put(f"/eventroutes/{name}", json={"endpointName": endpoint, "filter": text})
    assert reply.status_code == 204, reply.text


async def test_routes_are_put_read_listed_and_deleted_and_stay_after_a_restart(tmp_path: Path) -> None:
    endpoints = {"log": file_endpoint(tmp_path)}
    async with empty_service(tmp_path / "data", endpoints) as (_, client):
        assert (await client.get("/eventroutes")).json() == {"value": [], "nextLink": None}
        for name in ("b", "a", "c"):
            await make_route(client, "log", "type = 'x'", name)
        assert (await client.delete("/eventroutes/c")).status_code == 204
        for method in ("GET", "DELETE"):
            reply = await client.request(method, "/eventroutes/c")
            assert (reply.status_code, code(reply)) == (404, "EventRouteNotFound")
    async with empty_service(tmp_path / "data", endpoints) as (_, client):
        listed = await client.get("/eventroutes", headers={"max-items-per-page": "1"})
        assert listed.json()["value"] == [{"id": "a", "endpointName": "log", "filter": "type = 'x'"}]
        link = httpx.URL(listed.json()["nextLink"])
        rest = (await client.get(link, params=link.params)).json()
        assert ([route["id"] for route in rest["value"]], rest["nextLink"]) == (["b"], None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"endpointName": "none", "filter": "true"}, "EventRouteEndpointInvalid"),
        ({"filter": "true"}, "EventRouteEndpointInvalid"),
        ({"endpointName": "log"}, "EventRouteFilterInvalid"),
        ({"endpointName": "log", "filter": "type ="}, "EventRouteFilterInvalid"),
        ([], "EventRouteEndpointInvalid"),
    ],
)
async def test_a_route_that_leads_nowhere_is_refused(tmp_path: Path, body: Any, expected: str) -> None:
    async with empty_service(tmp_path / "data", {"log": file_endpoint(tmp_path)}) as (runtime, client):
        reply = await client.put("/eventroutes/r", json=body)
        assert (reply.status_code, code(reply)) == (400, expected)
        assert not runtime.event_routes.known


async def test_every_change_is_an_event_of_its_type(tmp_path: Path) -> None:
    log = file_endpoint(tmp_path)
    async with empty_service(tmp_path / "data", {"log": log}) as (_, client):
        await make_route(client, "log")
        await client.post("/models", json=MODELS)
        room = {"$metadata": {"$model": ROOM}, "temperature": 1.0, "vent": {"$metadata": {}}}
        await client.put("/digitaltwins/room", json=room)
        await client.put("/digitaltwins/floor", json={"$metadata": {"$model": FLOOR}})
        two = [{"op": "replace", "path": "/temperature", "value": 2.0}, {"op": "add", "path": "/name", "value": "x"}]
        await client.patch("/digitaltwins/room", json=two)
        await client.put("/digitaltwins/room", json={**room, "temperature": 3.0})
        link = {"$targetId": "room", "$relationshipName": "has"}
        await client.put("/digitaltwins/floor/relationships/l", json=link)
        await client.patch(
            "/digitaltwins/floor/relationships/l", json=[{"op": "add", "path": "/locked", "value": True}]
        )
        await client.post("/digitaltwins/room/telemetry", json={"noise": 1.5, "other": 2}, headers={"Message-Id": "m"})
        await client.post("/digitaltwins/room/components/vent/telemetry", json={"vibration": 0.5})
        await client.delete("/digitaltwins/floor/relationships/l")
        await client.delete("/digitaltwins/floor")
        await client.delete(f"/models/{FLOOR}")
        await until(lambda: len(lines(log.target)) == 14)
    events = lines(log.target)
    assert [event["type"] for event in events] == [
        *["Megatwin.Model.Create"] * 3, f"{TWIN}.Create", f"{TWIN}.Create", f"{TWIN}.Update", f"{TWIN}.Update",
        f"{LINK}.Create", f"{LINK}.Update", TELEMETRY, TELEMETRY, f"{LINK}.Delete", f"{TWIN}.Delete",
        "Megatwin.Model.Delete",
    ]  # fmt: skip
    assert len({event["id"] for event in events}) == len(events)
    assert all(event["specversion"] == "1.0" and event["source"] == "urn:megatwin:megatwin" for event in events)
    assert events[3]["data"]["temperature"] == 1.0
    assert events[5]["data"] == {"modelId": ROOM, "patch": two}
    assert {"op": "replace", "path": "/temperature", "value": 3.0} in events[6]["data"]["patch"]
    assert {"op": "remove", "path": "/name"} in events[6]["data"]["patch"]
    assert events[7]["subject"] == "floor/relationships/l"
    assert events[8]["data"]["patch"] == [{"op": "add", "path": "/locked", "value": True}]
    assert (events[9]["data"], events[9]["messageid"]) == ({"noise": 1.5, "other": 2}, "m")
    assert events[10]["subject"] == "room/components/vent"
    assert events[11]["data"]["locked"] is True  # what was deleted, as it was last
    assert events[12]["data"]["$dtId"] == "floor"


async def test_a_filter_keeps_back_what_it_does_not_pass(tmp_path: Path) -> None:
    log = file_endpoint(tmp_path)
    async with empty_service(tmp_path / "data", {"log": log}) as (_, client):
        await make_route(client, "log", f"type = '{TWIN}.Update' AND $body.patch[0].value > 2")
        await client.post("/models", json=MODELS)
        await client.put("/digitaltwins/room", json={"$metadata": {"$model": ROOM}, "temperature": 1.0})
        for number in range(5):
            patch = [{"op": "replace", "path": "/temperature", "value": float(number)}]
            await client.patch("/digitaltwins/room", json=patch)
        await until(lambda: len(lines(log.target)) == 2)
    assert [event["data"]["patch"][0]["value"] for event in lines(log.target)] == [3.0, 4.0]


async def test_a_webhook_gets_each_event_again_until_it_takes_it(tmp_path: Path) -> None:
    with receiving(503, 429) as receiver:
        async with empty_service(tmp_path / "data", {"hook": webhook(tmp_path, receiver.url)}) as (_, client):
            await make_route(client, "hook", f"type = '{TWIN}.Create'")
            await client.post("/models", json=MODELS)
            for name in ("a", "b"):
                await client.put(f"/digitaltwins/{name}", json={"$metadata": {"$model": ROOM}})
            await until(lambda: len(receiver.taken) == 2)
    assert [event["subject"] for event in receiver.taken] == ["a", "b"]
    assert receiver.headers[0]["content-type"].startswith("application/cloudevents+json")
    assert receiver.headers[0]["authorization"] == "Bearer secret"
    assert not (tmp_path / "dead.ndjson").exists()


async def test_an_event_that_is_refused_or_comes_too_late_is_a_dead_letter(tmp_path: Path) -> None:
    with receiving(400) as receiver:
        endpoints = {"hook": webhook(tmp_path, receiver.url)}
        async with empty_service(tmp_path / "data", endpoints) as (_, client):
            await make_route(client, "hook", f"type = '{TWIN}.Create'")
            await client.post("/models", json=MODELS)
            for name in ("refused", "taken"):
                await client.put(f"/digitaltwins/{name}", json={"$metadata": {"$model": ROOM}})
            await until(lambda: len(receiver.taken) == 1)
            await until(lambda: len(lines(tmp_path / "dead.ndjson")) == 1)
    endpoints = {"hook": webhook(tmp_path, receiver.url, retry_for_s=0.1)}  # nobody listens there now
    async with empty_service(tmp_path / "data", endpoints) as (_, client):
        await client.put("/digitaltwins/late", json={"$metadata": {"$model": ROOM}})
        await until(lambda: len(lines(tmp_path / "dead.ndjson")) == 2)
    dead = lines(tmp_path / "dead.ndjson")
    assert [letter["event"]["subject"] for letter in dead] == ["refused", "late"]
    assert dead[0]["reason"] == "it answered 400"
    assert "ConnectError" in dead[1]["reason"]
    assert [event["subject"] for event in receiver.taken] == ["taken"]


async def test_what_waits_when_the_service_stops_is_a_dead_letter(tmp_path: Path) -> None:
    with receiving(*[503] * 100) as receiver:
        async with empty_service(tmp_path / "data", {"hook": webhook(tmp_path, receiver.url)}) as (_, client):
            await make_route(client, "hook", f"type = '{TWIN}.Create'")
            await client.post("/models", json=MODELS)
            for name in ("a", "b"):
                await client.put(f"/digitaltwins/{name}", json={"$metadata": {"$model": ROOM}})
    dead = lines(tmp_path / "dead.ndjson")
    assert [(letter["event"]["subject"], letter["reason"]) for letter in dead] == [
        ("a", "megatwin stopped"), ("b", "megatwin stopped"),
    ]  # fmt: skip


async def test_readings_of_a_plant_are_events_in_this_process(tmp_path: Path) -> None:
    text = FILE + "endpoints:\n  here: {in-process: true}\n  hook: {webhook: 'http://127.0.0.1:9/x'}\n"
    async with Runtime(load(write_project(tmp_path, text))) as runtime, over_http(runtime) as client:
        await runtime.wait_until_up(10)
        await until(lambda: value(runtime, "p1/goal") == 20.0)
        reply = await client.put("/eventroutes/r", json={"endpointName": "here", "filter": "subject = 'p1'"})
        assert reply.status_code == 204
        heard: list[dict[str, Any]] = []

        async def listen() -> None:
            async for event in runtime.event_routes.in_process("here").listen():
                heard.append(event)  # noqa: PERF401 - it ends only when the service does

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        plant(runtime, "east").feed("G", 25.0)
        plant(runtime, "east").feed("P", 5000.0)
        await until(lambda: len(heard) >= 2)
    await listening
    update = next(event for event in heard if event["type"] == f"{TWIN}.Update")
    assert update["data"]["patch"] == [{"op": "replace", "path": "/goal", "value": 25.0}]
    message = next(event for event in heard if event["type"] == TELEMETRY)
    assert (message["data"], message["dataschema"]) == ({"power": 5.0}, "dtmi:test:Pump;1")
