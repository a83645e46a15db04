from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, ValidationError

from dtdl.errors import Expired, LinkDown, Refused
from interop.rest.app import App
from interop.rest.messages import MESSAGES, service_schema
from interop.values import BAD_NO_COMMUNICATION, Point, Reading, Sample, Status, utc_now
from tests.interop.rest.memory_service import ROOM, MemoryService

DOCUMENT = {"$metadata": {"$model": ROOM}, "name": "new"}
PATCH = [{"op": "add", "path": "/name", "value": "x"}]
LINK = {"$targetId": "room", "$relationshipName": "contains"}
NOW = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
async def document(http: httpx.AsyncClient) -> dict[str, Any]:
    return (await http.get("/openapi.json")).json()


async def test_the_document_has_exactly_the_routes_that_are_served(document, service: MemoryService) -> None:
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in App(service).routes}
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_every_reference_in_the_document_leads_somewhere(document) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for child in value.values() for found in references(child)]
        return [found for child in value for found in references(child)] if isinstance(value, list) else []

    found = references(document)
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


async def test_path_parameters_are_declared(document) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def validate(document: dict[str, Any], path: str, method: str, reply: httpx.Response) -> None:
    """Holds a real reply against the documented status, media type, headers and schema."""
    operation = document["paths"][path][method]
    assert str(reply.status_code) in operation["responses"], (method, path, reply.status_code, reply.text)
    described = operation["responses"][str(reply.status_code)]
    names = {name.lower() for name in described.get("headers", {})}
    if "etag" in names:
        assert "etag" in reply.headers
    if reply.status_code >= 400 and "application/problem+json" in described["content"]:
        assert reply.headers["content-type"] == "application/problem+json"
    if "content" not in described:
        assert reply.content == b""
        return
    media = reply.headers["content-type"].split(";")[0]
    schema = {**described["content"][media].get("schema", {}), "components": document["components"]}
    if "json" in media:
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(reply.json())


REQUESTS: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("get", "/digitaltwins/{id}", "/digitaltwins/room", {}, 200),
    ("get", "/digitaltwins/{id}", "/digitaltwins/none", {}, 404),
    ("put", "/digitaltwins/{id}", "/digitaltwins/new", {"json": DOCUMENT}, 200),
    ("put", "/digitaltwins/{id}", "/digitaltwins/new", {"json": {**DOCUMENT, "x": 1}}, 400),
    ("put", "/digitaltwins/{id}", "/digitaltwins/room", {"json": DOCUMENT, "headers": {"if-none-match": "*"}}, 412),
    ("put", "/digitaltwins/{id}", "/digitaltwins/room", {"content": b"{}", "headers": {"content-type": "a/b"}}, 415),
    ("put", "/digitaltwins/{id}", "/digitaltwins/room", {"content": b"x" * (1 << 21)}, 413),
    ("patch", "/digitaltwins/{id}", "/digitaltwins/room", {"json": PATCH}, 204),
    ("patch", "/digitaltwins/{id}", "/digitaltwins/room", {"json": {}}, 400),
    ("patch", "/digitaltwins/{id}", "/digitaltwins/none", {"json": PATCH}, 404),
    ("delete", "/digitaltwins/{id}", "/digitaltwins/room", {}, 204),
    ("delete", "/digitaltwins/{id}", "/digitaltwins/none", {}, 404),
    ("get", "/digitaltwins/{id}/relationships", "/digitaltwins/hall/relationships", {}, 200),
    ("get", "/digitaltwins/{id}/incomingrelationships", "/digitaltwins/room/incomingrelationships", {}, 200),
    ("get", "/digitaltwins/{id}/relationships/{relationshipId}", "/digitaltwins/hall/relationships/r", {}, 200),
    ("get", "/digitaltwins/{id}/relationships/{relationshipId}", "/digitaltwins/hall/relationships/x", {}, 404),
    ("put", "/digitaltwins/{id}/relationships/{relationshipId}", "/digitaltwins/hall/relationships/s",
     {"json": LINK}, 200),
    ("delete", "/digitaltwins/{id}/relationships/{relationshipId}", "/digitaltwins/hall/relationships/r", {}, 204),
    ("patch", "/digitaltwins/{id}/relationships/{relationshipId}", "/digitaltwins/hall/relationships/r",
     {"json": []}, 204),
    ("get", "/digitaltwins/{id}/components/{componentPath}", "/digitaltwins/room/components/vent", {}, 200),
    ("get", "/digitaltwins/{id}/components/{componentPath}", "/digitaltwins/room/components/x", {}, 404),
    ("patch", "/digitaltwins/{id}/components/{componentPath}", "/digitaltwins/room/components/vent",
     {"json": [{"op": "add", "path": "/speed", "value": 1}]}, 204),
    ("post", "/query", "/query", {"json": {"query": "SELECT * FROM DIGITALTWINS"}}, 200),
    ("post", "/query", "/query", {"json": {"query": "SELECT COUNT() FROM RELATIONSHIPS"}}, 200),
    ("post", "/query", "/query", {"json": {"query": "SELECT"}}, 400),
    ("post", "/query", "/query", {"content": b"x" * (1 << 21)}, 413),
    ("post", "/query", "/query", {"content": b"{}", "headers": {"content-type": "a/b"}}, 415),
    ("get", "/v1/twins", "/v1/twins", {}, 200),
    ("get", "/v1/twins", "/v1/twins", {"params": {"limit": "x"}}, 400),
    ("get", "/v1/twins/{id}", "/v1/twins/hall", {}, 200),
    ("get", "/v1/twins/{id}", "/v1/twins/room", {}, 200),
    ("get", "/v1/twins/{id}", "/v1/twins/room", {"params": {"at": NOW.replace("20", "21", 1)}}, 200),
    ("get", "/v1/twins/{id}", "/v1/twins/room", {"params": {"at": "1999-01-01T00:00:00Z"}}, 404),
    ("get", "/v1/twins/{id}/history", "/v1/twins/room/history", {}, 200),
    ("get", "/v1/twins/{id}/history", "/v1/twins/none/history", {}, 404),
    ("get", "/v1/twins/{id}/history", "/v1/twins/room/history", {"params": {"interval": 60}}, 200),
    ("get", "/v1/twins/{id}/history", "/v1/twins/room/history", {"headers": {"accept": "text/csv"}}, 200),
    ("get", "/v1/twins/{id}/history", "/v1/twins/room/history", {"headers": {"accept": "text/html"}}, 406),
    ("get", "/metrics", "/metrics", {}, 200),
    ("post", "/v1/twins/{id}/commands/{name}", "/v1/twins/room/commands/reset", {"json": 1}, 200),
    ("post", "/v1/twins/{id}/commands/{name}", "/v1/twins/room/commands/reset", {"json": "x"}, 400),
    ("post", "/v1/twins/{id}/commands/{name}", "/v1/twins/room/commands/none", {}, 404),
    ("get", "/v1/health", "/v1/health", {}, 200),
    ("get", "/v1/ready", "/v1/ready", {}, 200),
    ("get", "/v1/stream", "/v1/stream", {"params": {"since": "x"}}, 400),
    ("get", "/openapi.json", "/openapi.json", {}, 200),
    ("get", "/docs", "/docs", {}, 200),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "url", "more", "status"), REQUESTS)
async def test_a_real_reply_is_what_the_document_says(
    document, http, service: MemoryService, method, path, url, more, status
) -> None:
    for name in ("hall",):
        service.record("twin-put", name, {"model": ROOM, "contents": {}})
        body = {"id": "r", "name": "contains", "target": "room", "contents": {}}
        if not (method == "delete" and url == "/digitaltwins/room"):
            service.record("relationship-put", name, body)
    readings = [
        Reading(Point("room", ("humidity",)), Sample(40.0)),
        Reading(Point("room", ("temperature",)), Sample(None, Status(BAD_NO_COMMUNICATION))),
    ]
    service.read(readings)
    params = {"api-version": "2023-10-31"} if path.startswith(("/digitaltwins", "/query")) else {}
    reply = await http.request(method.upper(), url, **{**more, "params": {**params, **more.get("params", {})}})
    assert reply.status_code == status, reply.text
    validate(document, path, method, reply)


@pytest.mark.parametrize(
    "error",
    [Refused("BadUserAccessDenied", "no", results={"room/name": "BadUserAccessDenied"}), LinkDown("down"),
     Expired("late"), ZeroDivisionError()],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
async def test_failures_of_plants_and_of_ours_are_in_the_document(document, http, azure, service, error) -> None:
    service.failure = error
    call = await http.post("/v1/twins/room/commands/reset", json=1)
    validate(document, "/v1/twins/{id}/commands/{name}", "post", call)
    patch = await azure.patch("/digitaltwins/room", json=PATCH)
    validate(document, "/digitaltwins/{id}", "patch", patch)


async def test_the_page_needs_no_network_and_shows_every_operation(http: httpx.AsyncClient, document) -> None:
    page = (await http.get("/docs")).text
    loads: list[str] = []

    class Loads(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            loads.extend(value or "" for name, value in attrs if name in ("src", "href"))
            assert tag not in ("script", "iframe", "link")

    Loads().feed(page)
    assert all(load.startswith(("#", "/")) for load in loads)
    for path in document["paths"]:
        assert path in page


SAMPLE = {
    "value": 1.5, "unit": None, "status": "Good", "sourceTime": "2026-01-01T00:00:00.000000Z", "serverTime": None,
    "source": "plant",
}  # fmt: skip
CHANGE = {"seq": 1, "kind": "value", "twin": "a", "path": "b", "sample": SAMPLE}
PROBLEM = {"type": "urn:megatwin:problem:expired", "title": "Gateway Timeout", "status": 504, "detail": "late"}
SUMMARY = {"twin": "a", "kind": "twin", "model": "dtmi:a;1", "status": "Good", "degraded": {}}
VALID = {
    "Change": CHANGE,
    "Problem": {**PROBLEM, "code": "Expired"},
    "TwinList": {"twins": [SUMMARY], "next": None},
    "CommandResult": {"result": None},
}
INVALID = {
    "a value without a status": ("Change", {**CHANGE, "sample": {"value": 1.5, "unit": None}}),
    "an unknown kind": ("Change", {**CHANGE, "kind": "surprise"}),
    "a problem without a code": ("Problem", PROBLEM),
    "a list without an end": ("TwinList", {"twins": [SUMMARY]}),
    "nothing": ("CommandResult", {}),
}


def only(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}", "$defs": service_schema()["$defs"]}


@pytest.mark.parametrize("name", VALID)
def test_the_service_schema_takes_what_is_valid(name: str) -> None:
    Draft202012Validator(only(name)).validate(VALID[name])
    Draft202012Validator(service_schema()).validate(VALID[name])


@pytest.mark.parametrize("case", INVALID)
def test_the_service_schema_refuses_what_is_invalid(case: str) -> None:
    name, value = INVALID[case]
    with pytest.raises(ValidationError):
        Draft202012Validator(only(name)).validate(value)


def test_nothing_is_no_message_of_the_service() -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(service_schema()).validate({})


def test_the_service_schema_names_itself_and_its_messages() -> None:
    schema = service_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].startswith("urn:megatwin:schemas:")
    assert {message.__name__ for message in MESSAGES} <= set(schema["$defs"])
