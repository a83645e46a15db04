"""Models and telemetry in the Azure form over the real runtime; every reply is held against its description."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from interop.config import load
from interop.runtime.twins import Runtime
from interop.values import utc_now
from tests.interop.rest.empty_service import VERSION, code, empty_service, over_http
from tests.interop.rest.serving import CONTEXT, FLOOR, MODELS, ROOM, VENT
from tests.interop.rest.test_openapi import validate
from tests.interop.runtime_bench import write_project

PUMP = "dtmi:test:Pump;1"
ROOM_TWIN = {"$metadata": {"$model": ROOM}, "name": "lab", "vent": {"$metadata": {}}}


def url(dtmi: str) -> str:
    return f"/models/{quote(dtmi, safe='')}"


def extends(name: str, base: str) -> dict[str, Any]:
    return {"@id": f"dtmi:test:{name};1", "@type": "Interface", "@context": CONTEXT, "extends": base}


async def test_the_wire_form_of_a_model_is_the_services(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (_, client):
        reply = await client.post("/models", json=MODELS)
        assert reply.status_code == 201
        assert isinstance(reply.json(), list)
        found = (await client.get(url(ROOM))).json()
        assert found["uploadTime"].endswith("+00:00")
        assert {**found, "uploadTime": ""} == {
            "id": ROOM, "displayName": {"en": "Room", "de": "Raum"}, "description": {"en": "A room."},
            "uploadTime": "", "decommissioned": False,
        }  # fmt: skip
        whole = await client.get(url(ROOM), params={**VERSION, "includeModelDefinition": "true"})
        assert whole.json()["model"] == MODELS[1]
        plain = await client.get(f"/models/{ROOM}")  # a client may leave : and ; as they are
        assert plain.json() == found


async def test_uploaded_models_are_compiled_and_checked_with_those_that_are_there(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (_, client):
        await client.post("/models", json=MODELS)
        reply = await client.post("/models", json=[extends("Lab", ROOM)])
        assert reply.status_code == 201, reply.text
        body = {"$metadata": {"$model": "dtmi:test:Lab;1"}, "temperature": 3.5}
        assert (await client.put("/digitaltwins/lab", json=body)).status_code == 200
        wrong = await client.put("/digitaltwins/lab", json={**body, "temperature": "hot"})
        assert (wrong.status_code, code(wrong)) == (400, "ValidationFailed")
        unknown = await client.put("/digitaltwins/lab", json={**body, "colour": 1})
        assert (unknown.status_code, code(unknown)) == (400, "ValidationFailed")
        assert unknown.json()["error"]["details"][0]["target"] == "colour"
        await client.put("/digitaltwins/floor", json={"$metadata": {"$model": FLOOR}})
        link = {"$relationshipName": "has", "$targetId": "lab"}
        assert (await client.put("/digitaltwins/floor/relationships/l", json=link)).status_code == 200
        await client.put("/digitaltwins/vent", json={"$metadata": {"$model": VENT}})
        other = await client.put("/digitaltwins/floor/relationships/m", json={**link, "$targetId": "vent"})
        assert (other.status_code, code(other)) == (400, "ValidationFailed")
        listed = await client.get("/models", params={**VERSION, "dependenciesFor": ["dtmi:test:Lab;1", FLOOR]})
        assert [one["id"] for one in listed.json()["value"]] == sorted(["dtmi:test:Lab;1", ROOM, VENT, FLOOR])


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ([], 400, "InvalidArgument"),
        ({}, 400, "InvalidArgument"),
        ([1], 400, "InvalidArgument"),
        ([{"@type": "Interface"}], 400, "InvalidArgument"),
        ([MODELS[0], MODELS[0]], 400, "DTDLParserError"),
        ([MODELS[0], extends("Lab", "dtmi:test:None;1")], 400, "DTDLParserError"),
        ([MODELS[0], {**extends("Lab", VENT), "surprise": 1}], 400, "DTDLParserError"),
        ([MODELS[0], {**MODELS[2], "@context": "dtmi:dtdl:context;9"}], 400, "DTDLParserError"),
        ([extends("Lab", ROOM), {**MODELS[0], "@id": "no dtmi"}], 400, "DTDLParserError"),
    ],
)
async def test_of_an_upload_that_is_wrong_nothing_is_kept(
    tmp_path: Path, body: Any, status: int, expected: str
) -> None:
    async with empty_service(tmp_path) as (runtime, client):
        reply = await client.post("/models", json=body)
        assert (reply.status_code, code(reply)) == (status, expected), reply.text
        assert not runtime.models.stored
        assert not runtime.model.interfaces


async def test_a_name_that_is_no_dtmi_is_refused_and_one_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (_, client):
        for method, more in (("GET", {}), ("DELETE", {}), ("PATCH", {"json": []})):
            wrong = await client.request(method, "/models/nonsense", **more)
            assert (wrong.status_code, code(wrong)) == (400, "InvalidArgument")
            none = await client.request(method, url(ROOM), **more)
            assert (none.status_code, code(none)) == (404, "ModelNotFound")
        none = await client.get("/models", params={**VERSION, "dependenciesFor": ROOM})
        assert (none.status_code, code(none)) == (404, "ModelNotFound")


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/displayName", "value": "x"}],
        [{"op": "replace", "path": "/decommissioned", "value": "yes"}],
        [{"op": "remove", "path": "/decommissioned"}],
        {},
    ],
)
async def test_only_decommissioned_can_be_patched(tmp_path: Path, patch: Any) -> None:
    async with empty_service(tmp_path) as (_, client):
        await client.post("/models", json=MODELS)
        reply = await client.patch(url(ROOM), json=patch)
        assert (reply.status_code, code(reply)) == (400, "JsonPatchInvalid")


@pytest.mark.parametrize("saved", [True, False])
async def test_models_and_twins_are_there_after_a_restart_with_and_without_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    monkeypatch.setattr("interop.runtime.snapshots.WORTH", 1 if saved else 1_000_000)
    async with empty_service(tmp_path) as (_, client):
        await client.post("/models", json=[*MODELS, extends("Lab", ROOM)])
        await client.put("/digitaltwins/room", json=ROOM_TWIN)
        await client.patch(url(FLOOR), json=[{"op": "replace", "path": "/decommissioned", "value": True}])
        await client.delete(url("dtmi:test:Lab;1"))
        before = [(await client.get(path)).json() for path in ("/models", "/digitaltwins/room")]
    async with empty_service(tmp_path) as (_, client):
        assert [(await client.get(path)).json() for path in ("/models", "/digitaltwins/room")] == before
        assert {one["id"]: one["decommissioned"] for one in before[0]["value"]} == {
            FLOOR: True,
            ROOM: False,
            VENT: False,
        }
        assert (await client.put("/digitaltwins/other", json=ROOM_TWIN)).status_code == 200


async def test_a_decommissioned_model_keeps_its_twins_and_gets_no_new_one(tmp_path: Path) -> None:
    body = {"$metadata": {"$model": VENT}, "speed": 1.0}
    async with empty_service(tmp_path) as (_, client):
        await client.post("/models", json=MODELS)
        await client.put("/digitaltwins/old", json=body)
        off = [{"op": "replace", "path": "/decommissioned", "value": True}]
        needed = await client.patch(url(VENT), json=off)
        assert (needed.status_code, code(needed)) == (409, "ModelReferencesNotDecommissioned")
        assert (await client.patch(url(ROOM), json=off)).status_code == 204
        assert (await client.patch(url(VENT), json=off)).status_code == 204
        assert (await client.put("/digitaltwins/old", json=body)).status_code == 200
        new = await client.put("/digitaltwins/new", json=body)
        assert (new.status_code, code(new)) == (400, "ModelDecommissioned")
        on = [{"op": "replace", "path": "/decommissioned", "value": False}]
        assert (await client.patch(url(VENT), json=on)).status_code == 204
        assert (await client.put("/digitaltwins/new", json=body)).status_code == 200


async def test_models_of_the_file_are_listed_and_owned_by_it(tmp_path: Path) -> None:
    async with Runtime(load(write_project(tmp_path))) as runtime, over_http(runtime) as client:
        listed = (await client.get("/models")).json()["value"]
        assert [one["id"] for one in listed] == [PUMP, "dtmi:test:Station;1"]
        off = [{"op": "replace", "path": "/decommissioned", "value": True}]
        for reply in (await client.delete(url(PUMP)), await client.patch(url(PUMP), json=off)):
            assert (reply.status_code, code(reply)) == (409, "OwnedByFile")
        assert (await client.post("/models", json=[extends("Big", PUMP)])).status_code == 201
        body = {"$metadata": {"$model": "dtmi:test:Big;1"}, "serial": "x"}
        assert (await client.put("/digitaltwins/big", json=body)).status_code == 200
    async with Runtime(load(write_project(tmp_path))) as runtime, over_http(runtime) as client:
        assert runtime.difference is not None
        assert runtime.difference.said == []
        wrong = await client.put("/digitaltwins/big", json={**body, "serial": 1})
        assert (wrong.status_code, code(wrong)) == (400, "ValidationFailed")


async def test_two_who_upload_the_same_model_do_not_both_succeed(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (_, client):
        replies = await asyncio.gather(*(client.post("/models", json=MODELS) for _ in range(5)))
        assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409, 409]


async def test_no_twin_gets_a_model_while_it_is_deleted(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (runtime, client):
        for _ in range(10):
            await client.post("/models", json=MODELS[:1])
            made, gone = await asyncio.gather(
                client.put("/digitaltwins/v", json={"$metadata": {"$model": VENT}}), client.delete(url(VENT))
            )
            assert {made.status_code, gone.status_code} in ({200, 409}, {400, 204})
            assert all(state.model in runtime.types for state in runtime.graph.twins.values())
            await client.delete("/digitaltwins/v")
            await client.delete(url(VENT))


async def test_telemetry_is_kept_beside_the_twin_and_never_in_it(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (runtime, client):
        await client.post("/models", json=MODELS)
        twin = await client.put("/digitaltwins/room", json=ROOM_TWIN)
        time = "2026-01-02T03:04:05Z"
        sent = await client.post(
            "/digitaltwins/room/telemetry",
            json={"noise": 3, "undeclared": [1]},
            headers={"Message-Id": "m-1", "Telemetry-Source-Time": time},
        )
        assert (sent.status_code, sent.content) == (204, b"")
        await client.post("/digitaltwins/room/components/vent/telemetry", json={"vibration": 0.5})
        # The client for JavaScript 1.1.0 sends the id of a component's message as its body.
        swapped = await client.post("/digitaltwins/room/components/vent/telemetry", json="an id")
        assert swapped.status_code == 204
        state = runtime.graph.twins["room"]
        assert state.cells["noise",].value == 3.0
        assert state.cells["noise",].source_time is not None
        assert state.cells["noise",].source_time.isoformat() == "2026-01-02T03:04:05+00:00"
        assert state.cells["vent", "vibration"].value == 0.5
        assert ("undeclared",) not in state.cells
        after = await client.get("/digitaltwins/room")
        assert (after.content, after.headers["etag"]) == (twin.content, twin.headers["etag"])
        events = [event for event in await runtime.events(0) if event.kind == "telemetry"]
        assert events[0].body["value"] == {"noise": 3, "undeclared": [1]}
        assert (events[1].body["path"], events[1].body["message"], events[1].cause) == (["noise"], "m-1", events[0].seq)


@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("none/telemetry", {"json": {}}, (404, "DigitalTwinNotFound")),
        ("room/components/none/telemetry", {"json": {}}, (404, "ComponentNotFound")),
        ("room/components/name/telemetry", {"json": {}}, (404, "ComponentNotFound")),
        ("room/telemetry", {"json": {"noise": "loud"}}, (400, "ValidationFailed")),
        ("room/telemetry", {"json": {}, "headers": {"Message-Id": "x" * 1001}}, (400, "InvalidArgument")),
        ("room/telemetry", {"json": {}, "headers": {"Telemetry-Source-Time": "now"}}, (400, "InvalidArgument")),
        ("room/telemetry", {"content": b"{}", "headers": {"content-type": "text/html"}}, (415, "UnsupportedMediaType")),
    ],
)
async def test_telemetry_that_is_wrong_is_refused(tmp_path: Path, path: str, more: Any, expected: Any) -> None:
    async with empty_service(tmp_path) as (runtime, client):
        await client.post("/models", json=MODELS)
        await client.put("/digitaltwins/room", json={"$metadata": {"$model": ROOM}})
        seq = runtime.graph.seq
        reply = await client.post(f"/digitaltwins/{path}", **more)
        assert (reply.status_code, code(reply)) == expected
        assert runtime.graph.seq == seq


URIS = {"inputBlobUri": "https://a/in", "outputBlobUri": "https://a/out"}
OFF = [{"op": "replace", "path": "/decommissioned", "value": True}]
REQUESTS: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("post", "/models", "/models", {"json": [extends("Lab", ROOM)]}, 201),
    ("post", "/models", "/models", {"json": MODELS}, 409),
    ("post", "/models", "/models", {"json": [extends("Lab", "dtmi:x;1")]}, 400),
    ("get", "/models", "/models", {}, 200),
    ("get", "/models", "/models", {"params": {"dependenciesFor": "dtmi:x;1"}}, 404),
    ("get", "/models", "/models", {"params": {"continuationToken": "x"}}, 400),
    ("get", "/models/{id}", url(ROOM), {"params": {"includeModelDefinition": "true"}}, 200),
    ("get", "/models/{id}", url("dtmi:x;1"), {}, 404),
    ("patch", "/models/{id}", url(ROOM), {"json": OFF}, 204),
    ("patch", "/models/{id}", url(VENT), {"json": OFF}, 409),
    ("patch", "/models/{id}", url(ROOM), {"json": {}}, 400),
    ("delete", "/models/{id}", url(ROOM), {}, 204),
    ("delete", "/models/{id}", url(VENT), {}, 409),
    ("post", "/digitaltwins/{id}/telemetry", "/digitaltwins/floor/telemetry", {"json": {}}, 204),
    ("post", "/digitaltwins/{id}/telemetry", "/digitaltwins/none/telemetry", {"json": {}}, 404),
    ("post", "/digitaltwins/{id}/components/{componentPath}/telemetry",
     "/digitaltwins/floor/components/x/telemetry", {"json": {}}, 404),
    ("get", "/eventroutes", "/eventroutes", {}, 200),
    ("get", "/eventroutes/{id}", "/eventroutes/x", {}, 404),
    ("put", "/eventroutes/{id}", "/eventroutes/x", {"json": {"endpointName": "none", "filter": "true"}}, 400),
    ("delete", "/eventroutes/{id}", "/eventroutes/x", {}, 404),
    ("put", "/jobs/imports/{id}", "/jobs/imports/j", {"json": URIS}, 201),
    ("put", "/jobs/imports/{id}", "/jobs/imports/j", {"json": {}}, 400),
    ("get", "/jobs/imports", "/jobs/imports", {}, 200),
    ("get", "/jobs/imports/{id}", "/jobs/imports/there", {}, 200),
    ("get", "/jobs/imports/{id}", "/jobs/imports/none", {}, 404),
    ("delete", "/jobs/imports/{id}", "/jobs/imports/none", {}, 404),
    ("post", "/jobs/imports/{id}/cancel", "/jobs/imports/none/cancel", {}, 404),
    ("post", "/jobs/deletions", "/jobs/deletions", {}, 202),
    ("post", "/jobs/deletions", "/jobs/deletions", {"headers": {"operation-id": "a/b"}}, 400),
    ("get", "/jobs/deletions", "/jobs/deletions", {}, 200),
    ("get", "/jobs/deletions/{id}", "/jobs/deletions/none", {}, 404),
]  # fmt: skip


async def test_every_reply_is_what_its_description_says(tmp_path: Path) -> None:
    for number, (method, path, where, more, status) in enumerate(REQUESTS):
        async with empty_service(tmp_path / str(number)) as (_, client):
            document = (await client.get("/openapi.json")).json()
            await client.post("/models", json=MODELS)
            await client.put("/digitaltwins/floor", json={"$metadata": {"$model": FLOOR}})
            await client.put("/jobs/imports/there", json=URIS)
            params = {**VERSION, **more.get("params", {})}
            reply: httpx.Response = await client.request(method.upper(), where, **{**more, "params": params})
            assert reply.status_code == status, (method, where, reply.text)
            validate(document, path, method, reply)


async def test_a_source_time_of_telemetry_may_be_now(tmp_path: Path) -> None:
    async with empty_service(tmp_path) as (runtime, client):
        await client.post("/models", json=MODELS)
        await client.put("/digitaltwins/room", json={"$metadata": {"$model": ROOM}})
        now = utc_now()
        await client.post(
            "/digitaltwins/room/telemetry", json={"noise": 1}, headers={"Telemetry-Source-Time": now.isoformat()}
        )
        assert runtime.graph.twins["room"].cells["noise",].source_time == now
