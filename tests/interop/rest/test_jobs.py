"""Import and deletion jobs over the real runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from interop.config import load
from interop.jobs import importing
from interop.runtime.twins import Runtime
from tests.interop.rest.empty_service import code, empty_service, over_http, until
from tests.interop.rest.serving import FLOOR, MODELS, ROOM
from tests.interop.runtime_bench import write_project

HEADER: list[Any] = [{"Section": "Header"}, {"fileVersion": "1.0.0", "author": "us", "organization": "test"}]


def write(data: Path, rows: list[Any], name: str = "in.ndjson") -> None:
    (data / "jobs").mkdir(parents=True, exist_ok=True)
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    (data / "jobs" / name).write_text(text + "\n", "utf-8")


def graph(count: int) -> list[Any]:
    rooms = [{"$dtId": f"room-{n}", "$metadata": {"$model": ROOM}, "temperature": float(n)} for n in range(count)]
    links = [
        {"$sourceId": "floor", "$relationshipId": f"l-{n}", "$targetId": f"room-{n}", "$relationshipName": "has"}
        for n in range(min(count, 250))
    ]
    floor = {"$dtId": "floor", "$metadata": {"$model": FLOOR}}
    return [
        *HEADER, {"Section": "Models"}, *MODELS, {"Section": "Twins"}, floor, *rooms,
        {"Section": "Relationships"}, *links,
    ]  # fmt: skip


async def start(client: httpx.AsyncClient, name: str = "j", source: str = "in.ndjson", output: str = "out") -> Any:
    uris = {
        "inputBlobUri": f"https://store.example/container/{source}",
        "outputBlobUri": f"https://store.example/{output}",
    }
    return await client.put(f"/jobs/imports/{name}", json=uris)


async def finished(runtime: Runtime, client: httpx.AsyncClient, name: str = "j") -> Any:
    await until(lambda: runtime.jobs.get("import", name).finished_at is not None)
    return (await client.get(f"/jobs/imports/{name}")).json()


def logged(data: Path, name: str = "out") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "jobs" / name).read_text("utf-8").splitlines()]


async def test_a_file_of_models_twins_and_relationships_is_imported(tmp_path: Path) -> None:
    write(tmp_path, graph(1000))
    async with empty_service(tmp_path) as (runtime, client):
        reply = await start(client)
        assert reply.status_code == 201
        assert (reply.json()["id"], reply.json()["status"]) == ("j", "notstarted")
        assert reply.json()["inputBlobUri"] == "https://store.example/container/in.ndjson"
        job = await finished(runtime, client)
        assert (job["status"], job["error"]) == ("succeeded", None)
        assert len(runtime.graph.twins) == 1001
        assert len(runtime.graph.outgoing("floor")) == 250
        assert runtime.graph.twins["room-7"].contents == {"temperature": 7.0}
        said = [line["details"] for line in logged(tmp_path)]
        assert said[0] == {"status": "Started"}
        assert {"section": "Twins", "status": "Succeeded", "count": 1001} in said
        assert said[-1] == {"status": "Succeeded"}
        again = await start(client, "again")  # models that are there already, word for word, are passed over
        assert again.status_code == 201
        assert (await finished(runtime, client, "again"))["status"] == "succeeded"


async def test_lines_that_cannot_be_imported_are_named_and_the_others_are(tmp_path: Path) -> None:
    rows = [
        *HEADER, {"Section": "Models"}, *MODELS, {"Section": "Twins"},
        {"$dtId": "good", "$metadata": {"$model": ROOM}},
        {"$dtId": "hot", "$metadata": {"$model": ROOM}, "temperature": "hot"},
        "{not json", [], {"$metadata": {"$model": ROOM}}, "[" * 5000, '"' + "x" * (importing.MAX_LINE + 5) + '"',
        {"$dtId": "floor", "$metadata": {"$model": FLOOR}}, "",
        {"Section": "Relationships"},
        {"$sourceId": "floor", "$relationshipId": "l", "$targetId": "good", "$relationshipName": "has"},
        {"$sourceId": "floor", "$relationshipId": "m", "$targetId": "none", "$relationshipName": "has"},
    ]  # fmt: skip
    write(tmp_path, rows)
    async with empty_service(tmp_path) as (runtime, client):
        await start(client)
        job = await finished(runtime, client)
        assert (job["status"], job["error"]["code"]) == ("failed", "PartialSuccess")
        assert set(runtime.graph.twins) == {"good", "floor"}
        assert [link.id for link in runtime.graph.outgoing("floor")] == ["l"]
    errors = [line["details"] for line in logged(tmp_path) if line["logType"] == "Error"]
    assert sorted((error["line"], error["section"]) for error in errors) == [
        *((number, "Twins") for number in (9, 10, 11, 12, 13, 14)), (19, "Relationships"),
    ]  # fmt: skip
    assert next(error for error in errors if error["line"] == 19)["code"] == "TargetTwinNotFound"


@pytest.mark.parametrize(
    "rows",
    [
        [{"Section": "Twins"}],
        [{"$dtId": "a"}],
        [{"Section": "Header"}, {"fileVersion": "9"}],
        [*HEADER, {"Section": "Surprise"}],
        [*HEADER, {"Section": "Models"}, {"@id": "no dtmi", "@type": "Interface"}],
        [],
    ],
    ids=["no header", "no section", "version", "section", "models", "empty"],
)
async def test_a_file_that_is_wrong_as_a_whole_changes_nothing(tmp_path: Path, rows: list[Any]) -> None:
    write(tmp_path, rows)
    async with empty_service(tmp_path) as (runtime, client):
        before = runtime.graph.seq
        await start(client)
        job = await finished(runtime, client)
        assert job["status"] == "failed"
        assert job["error"]["message"]
        assert runtime.graph.seq == before
    assert logged(tmp_path)[-1]["details"] == {"status": "Failed"}


@pytest.mark.parametrize(
    "name", ["", "%2e%2e", "..%2f..%2fetc%2fpasswd", "a%5Cb", ".hidden", "a%00b", "%ff", "x" * 300, "c:x"]
)
async def test_no_path_out_of_the_jobs_folder_is_reachable(tmp_path: Path, name: str) -> None:
    async with empty_service(tmp_path) as (runtime, client):
        for source, output in ((name, "out"), ("in.ndjson", name)):
            reply = await start(client, source=source, output=output)
            assert (reply.status_code, code(reply)) == (400, "ValidationFailed")
        assert not runtime.jobs.known("import")


async def test_links_folders_and_other_files_are_not_touched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret", "utf-8")
    data = tmp_path / "data"
    write(data, HEADER)
    (data / "jobs" / "link").symlink_to(secret)
    (data / "jobs" / "folder").mkdir()
    os.mkfifo(data / "jobs" / "pipe")
    (data / "jobs" / "mine").write_text("precious", "utf-8")
    async with empty_service(data) as (runtime, client):
        pairs = [("link", "o1"), ("folder", "o2"), ("pipe", "o3"), ("none", "o4"), ("in.ndjson", "link"),
                 ("in.ndjson", "mine"), ("in.ndjson", "folder")]  # fmt: skip
        for number, (source, output) in enumerate(pairs):
            await start(client, str(number), source, output)
            job = await finished(runtime, client, str(number))
            assert (job["status"], job["error"]["code"]) == ("failed", "InputUnreadable"), (source, output)
        reply = await start(client, "same", "in.ndjson", "in.ndjson")
        assert (reply.status_code, code(reply)) == (400, "ValidationFailed")
    assert secret.read_text("utf-8") == "secret"
    assert (data / "jobs" / "mine").read_text("utf-8") == "precious"


async def test_a_job_is_cancelled_forgotten_and_never_made_twice(tmp_path: Path) -> None:
    write(tmp_path, graph(20_000))
    async with empty_service(tmp_path) as (runtime, client):
        await start(client)
        twice = await start(client)
        assert (twice.status_code, code(twice)) == (400, "ValidationFailed")
        early = await client.delete("/jobs/imports/j")
        assert (early.status_code, code(early)) == (400, "ValidationFailed")
        await until(lambda: "room-1" in runtime.graph.twins)
        cancelled = await client.post("/jobs/imports/j/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelling")
        assert (await finished(runtime, client))["status"] == "cancelled"
        assert len(runtime.graph.twins) < 20_000
        late = await client.post("/jobs/imports/j/cancel")
        assert (late.status_code, code(late)) == (400, "ValidationFailed")
        assert (await client.delete("/jobs/imports/j")).status_code == 204
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
            gone = await client.request(method, f"/jobs/imports/j{path}")
            assert (gone.status_code, code(gone)) == (404, "ImportJobNotFound")


async def test_a_job_that_a_stop_interrupted_has_failed_after_it(tmp_path: Path) -> None:
    write(tmp_path, graph(20_000))
    async with empty_service(tmp_path) as (runtime, client):
        await start(client)
        await until(lambda: "room-1" in runtime.graph.twins)
    async with empty_service(tmp_path) as (_, client):
        job = (await client.get("/jobs/imports/j")).json()
        assert (job["status"], job["error"]["code"]) == ("failed", "Interrupted")
        listed = (await client.get("/jobs/imports")).json()
        assert [one["id"] for one in listed["value"]] == ["j"]


async def test_a_deletion_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path, graph(300))
    async with empty_service(tmp_path) as (runtime, client):
        await start(client)
        await finished(runtime, client)
        reply = await client.post("/jobs/deletions", headers={"operation-id": "d"})
        assert reply.status_code == 202
        assert reply.headers["operation-location"].endswith("/jobs/deletions/d?api-version=2023-10-31")
        await until(lambda: runtime.jobs.get("deletion", "d").finished_at is not None)
        assert (await client.get(reply.headers["operation-location"])).json()["status"] == "succeeded"
        assert not runtime.graph.twins
        assert not runtime.models.stored
        assert [job["id"] for job in (await client.get("/jobs/deletions")).json()["value"]] == ["d"]
        none = await client.get("/jobs/deletions/none")
        assert (none.status_code, code(none)) == (404, "DeleteJobNotFound")


async def test_a_deletion_leaves_what_the_file_owns_and_says_so(tmp_path: Path) -> None:
    async with Runtime(load(write_project(tmp_path))) as runtime, over_http(runtime) as client:
        await client.put("/digitaltwins/ours", json={"$metadata": {"$model": "dtmi:test:Pump;1"}})
        await client.post("/jobs/deletions", headers={"operation-id": "d"})
        await until(lambda: runtime.jobs.get("deletion", "d").finished_at is not None)
        job = (await client.get("/jobs/deletions/d")).json()
        assert (job["status"], job["error"]["code"]) == ("failed", "OwnedByFile")
        assert set(runtime.graph.twins) == {"station", "p1", "p2"}
        assert set(runtime.models.stored) == {"dtmi:test:Pump;1", "dtmi:test:Station;1"}
