from __future__ import annotations

import httpx
import orjson
import pytest

from tests.interop.rest.memory_service import ROOM, MemoryService

DOCUMENT = {"$metadata": {"$model": ROOM}, "name": "new"}


def code(reply: httpx.Response) -> str:
    error = reply.json()["error"]
    assert set(error) == {"code", "message", "details", "innererror"}
    assert reply.headers["x-ms-error-code"] == error["code"]
    return error["code"]


async def test_a_twin_is_read_in_the_azure_form(azure: httpx.AsyncClient) -> None:
    reply = await azure.get("/digitaltwins/room")
    assert reply.status_code == 200
    twin = reply.json()
    assert twin["$dtId"] == "room"
    assert twin["$etag"] == reply.headers["etag"]
    assert twin["$etag"].startswith('W/"')
    assert twin["$metadata"]["$model"] == ROOM
    assert twin["temperature"] == 21.5
    assert twin["vent"]["speed"] == 3.0
    assert "speed" in twin["vent"]["$metadata"]


async def test_a_put_answers_200_with_the_twin_and_its_etag(azure: httpx.AsyncClient, service: MemoryService) -> None:
    reply = await azure.put("/digitaltwins/new", json=DOCUMENT)
    assert reply.status_code == 200
    assert reply.json()["name"] == "new"
    assert reply.headers["etag"] == service.graph.twins["new"].etag


async def test_a_patch_answers_204_with_the_new_etag(azure: httpx.AsyncClient, service: MemoryService) -> None:
    before = service.graph.twins["room"].etag
    patch = [{"op": "replace", "path": "/temperature", "value": 22}]
    reply = await azure.patch("/digitaltwins/room", json=patch, headers={"content-type": "application/json-patch+json"})
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["etag"] not in ("", before)
    assert service.graph.twins["room"].contents["temperature"] == 22


async def test_a_delete_answers_204_and_the_twin_is_gone(azure: httpx.AsyncClient) -> None:
    assert (await azure.delete("/digitaltwins/room")).status_code == 204
    reply = await azure.get("/digitaltwins/room")
    assert (reply.status_code, code(reply)) == (404, "DigitalTwinNotFound")


@pytest.mark.parametrize("version", ["2020-10-31", "2022-05-31", "2023-06-30", "2023-10-31"])
async def test_every_stable_version_is_served(http: httpx.AsyncClient, version: str) -> None:
    assert (await http.get("/digitaltwins/room", params={"api-version": version})).status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [({}, "MissingApiVersionParameter"), ({"api-version": "2099-01-01"}, "UnsupportedApiVersionValue")],
)
async def test_a_known_version_is_required(http: httpx.AsyncClient, query: dict[str, str], expected: str) -> None:
    reply = await http.get("/digitaltwins/room", params=query)
    assert (reply.status_code, code(reply)) == (400, expected)


async def test_conditions_are_held(azure: httpx.AsyncClient, service: MemoryService) -> None:
    patch = [{"op": "replace", "path": "/name", "value": "x"}]
    replies = [
        await azure.put("/digitaltwins/room", json=DOCUMENT, headers={"if-none-match": "*"}),
        await azure.patch("/digitaltwins/room", json=patch, headers={"if-match": 'W/"wrong"'}),
        await azure.delete("/digitaltwins/room", headers={"if-match": 'W/"wrong"'}),
    ]
    assert [(reply.status_code, code(reply)) for reply in replies] == [(412, "PreconditionFailed")] * 3
    etag = service.graph.twins["room"].etag
    assert (await azure.patch("/digitaltwins/room", json=patch, headers={"if-match": etag})).status_code == 204
    assert (await azure.delete("/digitaltwins/room", headers={"if-match": "*"})).status_code == 204


@pytest.mark.parametrize("twin", ["a/b", "ü 1", "50%", "a?b#c", "..", "dtmi:x;1"])
async def test_an_id_may_have_any_printable_character(
    azure: httpx.AsyncClient, service: MemoryService, twin: str
) -> None:
    path = f"/digitaltwins/{''.join(f'%{byte:02X}' for byte in twin.encode())}"
    reply = await azure.put(path, json=DOCUMENT)
    assert reply.json()["$dtId"] == twin
    assert twin in service.graph.twins
    assert (await azure.get(path)).json()["$dtId"] == twin


BODIES = {
    "not JSON": (b"{", "application/json", 400, "InvalidArgument"),
    "nothing": (b"", "application/json", 400, "InvalidArgument"),
    "not an object": (b"[]", "application/json", 400, "InvalidArgument"),
    "no model": (b"{}", "application/json", 400, "InvalidArgument"),
    "not UTF-8": (b'{"name": "\xff"}', "application/json", 400, "InvalidArgument"),
    "half a surrogate": (b'{"name": "\\ud800"}', "application/json", 400, "InvalidArgument"),
    "not a number": (b'{"temperature": NaN}', "application/json", 400, "InvalidArgument"),
    "too deep": (b'{"a":' * 100 + b"1" + b"}" * 100, "application/json", 400, "InvalidArgument"),
    "far too deep": (b"[" * 200_000, "application/json", 400, "InvalidArgument"),
    "too large": (b'"' + b"x" * 1_100_000 + b'"', "application/json", 413, "PayloadTooLarge"),
    "a form": (b"a=1", "application/x-www-form-urlencoded", 415, "UnsupportedMediaType"),
    "another charset": (b"{}", "application/json; charset=latin-1", 415, "UnsupportedMediaType"),
    "a wrong type": (
        orjson.dumps({**DOCUMENT, "temperature": "hot"}), "application/json", 400, "ValidationFailed",
    ),
    "an unknown property": (orjson.dumps({**DOCUMENT, "colour": 1}), "application/json", 400, "ValidationFailed"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_cannot_be_used_gets_a_typed_error(azure: httpx.AsyncClient, name: str) -> None:
    content, media, status, expected = BODIES[name]
    reply = await azure.put("/digitaltwins/new", content=content, headers={"content-type": media})
    assert (reply.status_code, code(reply)) == (status, expected)
    assert (await azure.get("/digitaltwins/room")).status_code == 200


async def test_a_body_without_a_length_is_cut_off_at_the_bound(azure: httpx.AsyncClient) -> None:
    async def endless():
        for _ in range(40):
            yield b"x" * 65536

    reply = await azure.put("/digitaltwins/new", content=endless(), headers={"content-type": "application/json"})
    assert (reply.status_code, code(reply)) == (413, "PayloadTooLarge")


async def test_a_value_that_is_refused_is_named_with_its_rule(azure: httpx.AsyncClient) -> None:
    reply = await azure.patch("/digitaltwins/room", json=[{"op": "replace", "path": "/temperature", "value": "hot"}])
    assert (reply.status_code, code(reply)) == (400, "ValidationFailed")
    (detail,) = reply.json()["error"]["details"]
    assert (detail["target"], detail["code"]) == ("temperature", "MT-value")


@pytest.mark.parametrize(
    "patch",
    [{}, "x", [1], [{"op": "move", "path": "/a", "from": "/b"}], [{"op": "add", "path": "a", "value": 1}],
     [{"op": "add", "path": "/name"}], [{"op": "remove", "path": "/nothing"}]],
)  # fmt: skip
async def test_a_malformed_patch_is_JsonPatchInvalid(azure: httpx.AsyncClient, patch: object) -> None:  # noqa: N802
    reply = await azure.patch("/digitaltwins/room", json=patch)
    assert (reply.status_code, code(reply)) == (400, "JsonPatchInvalid")


async def test_paths_and_methods_that_are_not_served_are_named(azure: httpx.AsyncClient) -> None:
    reply = await azure.get("/digitaltwins/room/nothing")
    assert (reply.status_code, code(reply)) == (404, "RouteNotFound")
    reply = await azure.post("/digitaltwins/room", json={})
    assert (reply.status_code, code(reply)) == (405, "MethodNotAllowed")
    assert set(reply.headers["allow"].split(", ")) == {"GET", "PUT", "PATCH", "DELETE"}
    reply = await azure.get("/digitaltwins/%ff")
    assert (reply.status_code, code(reply)) == (400, "InvalidArgument")
    assert (await azure.head("/digitaltwins/room")).status_code == 200


async def test_relationships_live_their_whole_life(azure: httpx.AsyncClient) -> None:
    await azure.put("/digitaltwins/hall", json=DOCUMENT)
    body = {"$targetId": "room", "$relationshipName": "contains", "note": 1}
    put = await azure.put("/digitaltwins/hall/relationships/r1", json=body)
    assert put.status_code == 200
    expected = {"$relationshipId": "r1", "$sourceId": "hall", "$etag": put.headers["etag"], **body}
    assert put.json() == expected
    assert (await azure.get("/digitaltwins/hall/relationships/r1")).json() == expected
    assert (await azure.get("/digitaltwins/hall/relationships")).json() == {"value": [expected], "nextLink": None}
    incoming = (await azure.get("/digitaltwins/room/incomingrelationships")).json()["value"]
    assert incoming == [
        {
            "$relationshipId": "r1", "$sourceId": "hall", "$relationshipName": "contains",
            "$relationshipLink": "/digitaltwins/hall/relationships/r1",
        }
    ]  # fmt: skip
    reply = await azure.delete("/digitaltwins/hall")
    assert (reply.status_code, code(reply)) == (400, "RelationshipsNotDeleted")
    assert (await azure.delete("/digitaltwins/hall/relationships/r1")).status_code == 204
    reply = await azure.get("/digitaltwins/hall/relationships/r1")
    assert (reply.status_code, code(reply)) == (404, "RelationshipNotFound")
    loop = await azure.put("/digitaltwins/hall/relationships/r1", json={**body, "$targetId": "hall"})
    assert (loop.status_code, code(loop)) == (400, "OperationNotAllowed")


async def test_pages_of_relationships_are_followed_to_the_end(
    azure: httpx.AsyncClient, http: httpx.AsyncClient
) -> None:
    await azure.put("/digitaltwins/hall", json=DOCUMENT)
    for index in range(5):
        body = {"$targetId": "room", "$relationshipName": "contains"}
        await azure.put(f"/digitaltwins/hall/relationships/r{index}", json=body)
    found, link = [], "/digitaltwins/hall/relationships?api-version=2023-10-31&relationshipName=contains"
    while link:
        page = (await http.get(link, headers={"max-items-per-page": "2"})).json()
        assert len(page["value"]) <= 2
        found += [item["$relationshipId"] for item in page["value"]]
        link = page["nextLink"]
    assert found == ["r0", "r1", "r2", "r3", "r4"]
    reply = await azure.get("/digitaltwins/hall/relationships", params={"continuationToken": "broken"})
    assert (reply.status_code, code(reply)) == (400, "InvalidArgument")


async def test_any_bearer_token_is_accepted_and_recorded_as_unauthenticated(
    azure: httpx.AsyncClient, service: MemoryService
) -> None:
    await azure.put("/digitaltwins/new", json=DOCUMENT, headers={"authorization": "Bearer anything"})
    (event,) = await service.events(service.graph.seq - 1)
    assert event.actor == "client:unauthenticated"


async def test_a_request_id_is_passed_on_so_that_a_repeated_write_acts_once(
    azure: httpx.AsyncClient, service: MemoryService
) -> None:
    patch = [{"op": "replace", "path": "/name", "value": "x"}]
    headers = {"x-ms-client-request-id": "one"}
    assert (await azure.patch("/digitaltwins/room", json=patch, headers=headers)).status_code == 204
    seq = service.graph.seq
    assert (await azure.patch("/digitaltwins/room", json=patch, headers=headers)).status_code == 204
    assert service.graph.seq == seq


@pytest.mark.parametrize("header", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
async def test_pages_of_other_sites_are_refused(azure: httpx.AsyncClient, header: dict[str, str]) -> None:
    reply = await azure.get("/digitaltwins/room", headers=header)
    assert (reply.status_code, code(reply)) == (403, "AuthorizationFailed")


async def test_a_component_is_read_and_patched_as_a_part_of_its_twin(
    azure: httpx.AsyncClient, service: MemoryService
) -> None:
    reply = await azure.get("/digitaltwins/room/components/vent")
    assert reply.json()["speed"] == 3.0
    assert "speed" in reply.json()["$metadata"]
    patch = [{"op": "replace", "path": "/speed", "value": 4.5}]
    headers = {"if-match": reply.headers["etag"]}
    changed = await azure.patch("/digitaltwins/room/components/vent", json=patch, headers=headers)
    assert (changed.status_code, changed.headers["etag"]) == (204, service.graph.twins["room"].etag)
    assert (await azure.get("/digitaltwins/room")).json()["vent"]["speed"] == 4.5
    for method in ("get", "patch"):
        body = {"json": patch} if method == "patch" else {}
        reply = await azure.request(method, "/digitaltwins/room/components/nothing", **body)
        assert (reply.status_code, code(reply)) == (404, "ComponentNotFound")


async def test_a_relationship_is_patched_and_an_empty_patch_succeeds(azure: httpx.AsyncClient) -> None:
    await azure.put("/digitaltwins/hall", json=DOCUMENT)
    path = "/digitaltwins/hall/relationships/r1"
    put = await azure.put(path, json={"$targetId": "room", "$relationshipName": "contains", "note": 1})
    assert (await azure.patch(path, json=[])).status_code == 204
    patched = await azure.patch(path, json=[{"op": "replace", "path": "/note", "value": 2}])
    assert patched.status_code == 204
    found = await azure.get(path)
    assert (found.json()["note"], found.json()["$targetId"]) == (2, "room")
    assert found.headers["etag"] == patched.headers["etag"]
    stale = await azure.patch(path, json=[], headers={"if-match": put.headers["etag"]})
    assert (stale.status_code, code(stale)) == (412, "PreconditionFailed")
    wrong = await azure.patch(path, json=[{"op": "remove", "path": "/nothing"}])
    assert (wrong.status_code, code(wrong)) == (400, "JsonPatchInvalid")


async def test_a_twin_that_changed_is_never_answered_from_what_was_kept(
    azure: httpx.AsyncClient, service: MemoryService
) -> None:
    for value in range(5):
        patch = [{"op": "add", "path": "/temperature", "value": value}]
        etag = (await azure.patch("/digitaltwins/room", json=patch)).headers["etag"]
        for _ in range(2):
            reply = await azure.get("/digitaltwins/room")
            assert (reply.json()["temperature"], reply.headers["etag"]) == (value, etag)
