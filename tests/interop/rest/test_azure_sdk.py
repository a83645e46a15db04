"""Every operation of the published Azure Digital Twins client for Python, unmodified, over TLS."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.digitaltwins.core import DigitalTwinsClient, DigitalTwinsEventRoute
from azure.digitaltwins.core._generated.models import ImportJob
from azure.digitaltwins.core.aio import DigitalTwinsClient as AsyncClient

from tests.interop.rest.serving import FLOOR, MODELS, ROOM, VENT, Served, serving

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*utcnow.*:DeprecationWarning"),
    pytest.mark.xdist_group("azure-sdk"),
]


class Token:
    """Any bearer token will do: without rules of access nobody is authenticated."""

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        return AccessToken("any", int(time.time()) + 3600)


class AsyncToken:
    async def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        return AccessToken("any", int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("serve")
    with serving(data, "--endpoint", f"log={data / 'events.ndjson'}") as found:
        yield found


@pytest.fixture
def client(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[DigitalTwinsClient]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", served.authority)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = DigitalTwinsClient(served.url, Token(), retry_total=0)
    clear(client)
    with client._client:
        yield client


@pytest.fixture
async def twins(client: DigitalTwinsClient, served: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(served.url, AsyncToken(), connection_verify=served.authority, retry_total=0) as twins:
        yield twins


def clear(client: DigitalTwinsClient) -> None:
    """Leaves nothing of the test before."""
    client._client.delete_jobs.begin_add(polling_interval=0).result()


@pytest.fixture
def models(client: DigitalTwinsClient) -> list[Any]:
    return client.create_models(MODELS)


@pytest.fixture
def graph(client: DigitalTwinsClient, models: list[Any]) -> DigitalTwinsClient:
    room = {"$metadata": {"$model": ROOM}, "temperature": 20.5, "vent": {"$metadata": {}, "speed": 1.0}}
    client.upsert_digital_twin("room", room)
    client.upsert_digital_twin("floor", {"$metadata": {"$model": FLOOR}})
    link = {"$targetId": "room", "$relationshipName": "has", "locked": False}
    client.upsert_relationship("floor", "r1", link)
    return client


def code(error: pytest.ExceptionInfo[Any]) -> str:
    return error.value.response.headers["x-ms-error-code"]


def test_a_server_that_is_not_trusted_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with DigitalTwinsClient(served.url, Token(), retry_total=0)._client as client, pytest.raises(ServiceRequestError):
        client.digital_twin_models.get_by_id(ROOM)


def test_models_are_uploaded_read_listed_decommissioned_and_deleted(client: DigitalTwinsClient) -> None:
    created = client.create_models(MODELS)
    assert [one.id for one in created] == [VENT, ROOM, FLOOR]
    assert created[1].display_name == {"en": "Room", "de": "Raum"}
    assert created[1].description == {"en": "A room."}
    assert created[0].decommissioned is False
    with pytest.raises(ResourceExistsError) as again:
        client.create_models(MODELS[:1])
    assert code(again) == "ModelAlreadyExists"

    assert client.get_model(ROOM).model is None
    assert client.get_model(ROOM, include_model_definition=True).model == MODELS[1]
    assert {one.id for one in client.list_models()} == {VENT, ROOM, FLOOR}
    assert {one.id for one in client.list_models([ROOM])} == {VENT, ROOM}
    listed = list(client.list_models(include_model_definition=True))
    assert [one.model["@id"] for one in listed] == sorted([VENT, ROOM, FLOOR])

    with pytest.raises(HttpResponseError) as needed:
        client.delete_model(VENT)
    assert (needed.value.status_code, code(needed)) == (409, "ModelReferencesNotDeleted")
    client.decommission_model(ROOM)
    assert client.get_model(ROOM).decommissioned is True
    with pytest.raises(HttpResponseError) as old:
        client.upsert_digital_twin("new", {"$metadata": {"$model": ROOM}})
    assert (old.value.status_code, code(old)) == (400, "ModelDecommissioned")
    for dtmi in (ROOM, VENT, FLOOR):
        client.delete_model(dtmi)
    with pytest.raises(ResourceNotFoundError) as gone:
        client.get_model(ROOM)
    assert code(gone) == "ModelNotFound"
    assert list(client.list_models()) == []


def test_of_models_that_are_wrong_none_is_added(client: DigitalTwinsClient) -> None:
    wrong = {"@id": "dtmi:test:Wrong;1", "@type": "Interface", "@context": "dtmi:dtdl:context;3", "extends": "dtmi:x;1"}
    with pytest.raises(HttpResponseError) as refused:
        client.create_models([MODELS[0], wrong])
    assert (refused.value.status_code, code(refused)) == (400, "DTDLParserError")
    assert list(client.list_models()) == []


def test_twins_are_put_read_patched_and_deleted(client: DigitalTwinsClient, models: list[Any]) -> None:
    body = {"$dtId": "ignored", "$metadata": {"$model": ROOM}, "temperature": 20.5}
    put = client.upsert_digital_twin("room", body)
    assert (put["$dtId"], put["temperature"], put["$metadata"]["$model"]) == ("room", 20.5, ROOM)
    assert put["$etag"].startswith('W/"')
    with pytest.raises(HttpResponseError) as exists:
        client.upsert_digital_twin("room", body, match_condition=MatchConditions.IfMissing)
    assert (exists.value.status_code, code(exists)) == (412, "PreconditionFailed")

    patch = [{"op": "replace", "path": "/temperature", "value": 21}]
    client.update_digital_twin("room", patch, etag=put["$etag"], match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError) as stale:
        client.update_digital_twin("room", patch, etag=put["$etag"], match_condition=MatchConditions.IfNotModified)
    assert code(stale) == "PreconditionFailed"
    assert client.get_digital_twin("room")["temperature"] == 21
    with pytest.raises(HttpResponseError) as wrong:
        client.update_digital_twin("room", [{"op": "replace", "path": "/temperature", "value": "hot"}])
    assert (wrong.value.status_code, code(wrong)) == (400, "ValidationFailed")
    assert "temperature" in wrong.value.message
    with pytest.raises(ResourceModifiedError):
        client.delete_digital_twin("room", etag=put["$etag"], match_condition=MatchConditions.IfNotModified)
    client.delete_digital_twin("room")
    with pytest.raises(ResourceNotFoundError) as gone:
        client.get_digital_twin("room")
    assert code(gone) == "DigitalTwinNotFound"


def test_a_model_with_twins_is_not_deleted(graph: DigitalTwinsClient) -> None:
    with pytest.raises(HttpResponseError) as used:
        graph.delete_model(FLOOR)
    assert (used.value.status_code, code(used)) == (409, "ModelInUse")


def test_components_are_read_and_patched(graph: DigitalTwinsClient) -> None:
    assert graph.get_component("room", "vent")["speed"] == 1.0
    graph.update_component("room", "vent", [{"op": "replace", "path": "/speed", "value": 2.5}])
    assert graph.get_component("room", "vent")["speed"] == 2.5
    with pytest.raises(ResourceNotFoundError) as absent:
        graph.get_component("room", "engine")
    assert code(absent) == "ComponentNotFound"


def test_relationships_are_put_listed_both_ways_patched_and_deleted(graph: DigitalTwinsClient) -> None:
    found = graph.get_relationship("floor", "r1")
    assert (found["$sourceId"], found["$targetId"], found["locked"]) == ("floor", "room", False)
    graph.update_relationship("floor", "r1", [{"op": "replace", "path": "/locked", "value": True}])
    graph.update_relationship("floor", "r1", [])
    assert graph.get_relationship("floor", "r1")["locked"] is True
    for number in range(2, 104):
        graph.upsert_relationship("floor", f"r{number}", {"$targetId": "room", "$relationshipName": "has"})
    assert len(list(graph.list_relationships("floor"))) == 103
    assert list(graph.list_relationships("floor", relationship_id="other")) == []
    incoming = list(graph.list_incoming_relationships("room"))
    assert (len(incoming), incoming[0].source_id, incoming[0].relationship_name) == (103, "floor", "has")
    for target, expected in (("floor", (400, "OperationNotAllowed")), ("none", (404, "TargetTwinNotFound"))):
        with pytest.raises(HttpResponseError) as refused:
            graph.upsert_relationship("floor", "x", {"$targetId": target, "$relationshipName": "has"})
        assert (refused.value.status_code, code(refused)) == expected
    with pytest.raises(HttpResponseError) as has:
        graph.delete_digital_twin("floor")
    assert (has.value.status_code, code(has)) == (400, "RelationshipsNotDeleted")
    graph.delete_relationship("floor", "r1")
    with pytest.raises(ResourceNotFoundError) as gone:
        graph.get_relationship("floor", "r1")
    assert code(gone) == "RelationshipNotFound"


def test_telemetry_is_taken_of_twins_and_components(graph: DigitalTwinsClient) -> None:
    graph.publish_telemetry("room", {"noise": 3.5}, message_id="m-1")
    graph.publish_component_telemetry("room", "vent", {"vibration": 0.5})
    with pytest.raises(ResourceNotFoundError):
        graph.publish_telemetry("none", {"noise": 3.5})
    with pytest.raises(ResourceNotFoundError):
        graph.publish_component_telemetry("room", "none", {"noise": 3.5})
    with pytest.raises(HttpResponseError) as wrong:
        graph.publish_telemetry("room", {"noise": "loud"})
    assert code(wrong) == "ValidationFailed"


def test_event_routes_are_put_read_listed_and_deleted(client: DigitalTwinsClient, served: Served) -> None:
    assert list(client.list_event_routes()) == []
    client.upsert_event_route("r", DigitalTwinsEventRoute(endpoint_name="log", filter="true"))
    found = client.get_event_route("r")
    assert (found.id, found.endpoint_name, found.filter) == ("r", "log", "true")
    assert [route.id for route in client.list_event_routes()] == ["r"]
    for endpoint, text, expected in (
        ("none", "true", "EventRouteEndpointInvalid"),
        ("log", "type =", "EventRouteFilterInvalid"),
    ):
        with pytest.raises(HttpResponseError) as refused:
            client.upsert_event_route("x", DigitalTwinsEventRoute(endpoint_name=endpoint, filter=text))
        assert (refused.value.status_code, code(refused)) == (400, expected)
    client.delete_event_route("r")
    with pytest.raises(ResourceNotFoundError) as gone:
        client.get_event_route("r")
    assert code(gone) == "EventRouteNotFound"


def test_jobs_are_made_read_listed_cancelled_and_deleted(client: DigitalTwinsClient, served: Served) -> None:
    jobs = client._client.import_jobs
    rows = [{"Section": "Header"}, {"fileVersion": "1.0.0"}, {"Section": "Models"}, *MODELS]
    (served.data / "jobs" / "in.ndjson").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    job = ImportJob(input_blob_uri="https://store.example/c/in.ndjson", output_blob_uri="https://store.example/c/out")
    assert jobs.add("j", job).status == "notstarted"
    while jobs.get_by_id("j").status not in ("failed", "succeeded"):
        time.sleep(0.05)
    assert jobs.get_by_id("j").status == "succeeded"
    assert {one.id for one in client.list_models()} == {VENT, ROOM, FLOOR}
    assert [one.id for one in jobs.list()] == ["j"]
    with pytest.raises(HttpResponseError) as ended:
        jobs.cancel("j")
    assert (ended.value.status_code, code(ended)) == (400, "ValidationFailed")
    jobs.delete("j")
    with pytest.raises(ResourceNotFoundError) as gone:
        jobs.get_by_id("j")
    assert code(gone) == "ImportJobNotFound"

    deletions = client._client.delete_jobs
    done = deletions.begin_add(polling_interval=0).result()
    assert done.status == "succeeded"
    assert done.id in {one.id for one in deletions.list()}
    assert deletions.get_by_id(done.id).finished_date_time is not None
    assert list(client.list_models()) == []


async def test_the_asynchronous_client_does_the_same(twins: AsyncClient) -> None:
    await twins.create_models(MODELS)
    assert [one.id async for one in twins.list_models([FLOOR])] == [FLOOR]
    assert (await twins.get_model(VENT)).display_name == {"en": "Vent"}
    vent = {"$metadata": {}, "speed": 1.0}
    await twins.upsert_digital_twin("room", {"$metadata": {"$model": ROOM}, "temperature": 1.0, "vent": vent})
    await twins.upsert_digital_twin("floor", {"$metadata": {"$model": FLOOR}})
    await twins.update_digital_twin("room", [{"op": "replace", "path": "/temperature", "value": 2.0}])
    assert (await twins.get_digital_twin("room"))["temperature"] == 2.0
    await twins.update_component("room", "vent", [{"op": "replace", "path": "/speed", "value": 2.0}])
    assert (await twins.get_component("room", "vent"))["speed"] == 2.0
    await twins.upsert_relationship("floor", "r", {"$targetId": "room", "$relationshipName": "has"})
    await twins.update_relationship("floor", "r", [{"op": "add", "path": "/locked", "value": True}])
    assert (await twins.get_relationship("floor", "r"))["locked"] is True
    assert [one["$relationshipId"] async for one in twins.list_relationships("floor")] == ["r"]
    assert [one.source_id async for one in twins.list_incoming_relationships("room")] == ["floor"]
    await twins.publish_telemetry("room", {"noise": 1.0})
    await twins.publish_component_telemetry("room", "vent", {"vibration": 1.0})
    await twins.upsert_event_route("route", DigitalTwinsEventRoute(endpoint_name="log", filter="false"))
    assert (await twins.get_event_route("route")).filter == "false"
    assert [route.id async for route in twins.list_event_routes()] == ["route"]
    await twins.delete_event_route("route")
    await twins.delete_relationship("floor", "r")
    await twins.delete_digital_twin("floor")
    await twins.decommission_model(FLOOR)
    await twins.delete_model(FLOOR)


def test_what_was_uploaded_is_there_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(tmp_path) as first:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", first.authority)
        client = DigitalTwinsClient(first.url, Token(), retry_total=0)
        with client._client:
            client.create_models(MODELS)
            client.upsert_digital_twin("room", {"$metadata": {"$model": ROOM}, "temperature": 1.0})
            client.decommission_model(FLOOR)
            before = client.get_model(VENT)
    with serving(tmp_path) as second:
        client = DigitalTwinsClient(second.url, Token(), retry_total=0)
        with client._client:
            assert client.get_model(FLOOR).decommissioned is True
            assert client.get_model(VENT).upload_time == before.upload_time
            with pytest.raises(HttpResponseError):
                client.update_digital_twin("room", [{"op": "replace", "path": "/temperature", "value": "hot"}])
            client.update_digital_twin("room", [{"op": "replace", "path": "/temperature", "value": 2.0}])
            assert client.get_digital_twin("room")["temperature"] == 2.0


def test_queries_give_twins_relationships_and_counts_page_by_page(graph: DigitalTwinsClient) -> None:
    for number in range(3):
        graph.upsert_digital_twin(f"vent{number}", {"$metadata": {"$model": VENT}, "speed": float(number)})
    query = f"SELECT * FROM DIGITALTWINS T WHERE IS_OF_MODEL(T, '{VENT}') AND T.speed >= 1"
    assert [one["$dtId"] for one in graph.query_twins(query)] == ["vent1", "vent2"]
    (link,) = graph.query_twins("SELECT * FROM RELATIONSHIPS WHERE $relationshipName = 'has'")
    assert (link["$sourceId"], link["$targetId"]) == ("floor", "room")
    (row,) = graph.query_twins("SELECT COUNT() FROM DIGITALTWINS")
    assert row == {"COUNT": 5}
    with pytest.raises(HttpResponseError) as caught:
        list(graph.query_twins("SELEC * FROM DIGITALTWINS"))
    assert (caught.value.status_code, code(caught)) == (400, "SqlQueryError")


async def test_queries_of_the_async_client(graph: DigitalTwinsClient, twins: AsyncClient) -> None:
    joined = "SELECT R FROM DIGITALTWINS F JOIN R RELATED F.has WHERE F.$dtId = 'floor'"
    assert [row["R"]["$dtId"] async for row in twins.query_twins(joined)] == ["room"]
