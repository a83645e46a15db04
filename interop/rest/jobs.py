"""The data plane of Azure Digital Twins: import and deletion jobs, in its exact wire form."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from dtdl.errors import RequestInvalid
from interop.jobs.records import KEPT
from interop.rest.adt import VERSION
from interop.rest.paging import PAGE_SIZE, TOKEN, cut, pages_of
from interop.rest.request import read_json
from interop.rest.routes import MAX_SEGMENT, Body, Call, Parameter, Reply, Route
from interop.service import Job
from interop.values import format_time

_MEDIA: Final = "application/json; charset=utf-8"


async def add_import(call: Call) -> Response:
    """PUT /jobs/imports/{id}."""
    body = await read_json(call.request)
    given = body if isinstance(body, dict) else {}
    source, output = given.get("inputBlobUri"), given.get("outputBlobUri")
    if not isinstance(source, str) or not isinstance(output, str):
        raise RequestInvalid(
            "ValidationFailed", "the job lacks inputBlobUri or outputBlobUri", action="Give both as texts."
        )
    job = await call.service.jobs.start_import(call.names["id"], source, output, call.caller)
    return _json(_import(job), 201)


async def list_imports(call: Call) -> Response:
    """GET /jobs/imports."""
    page, link = cut(call, call.service.jobs.known("import"), lambda job: [job.id])
    return _json({"value": [_import(job) for job in page], "nextLink": link})


async def get_import(call: Call) -> Response:
    """GET /jobs/imports/{id}."""
    return _json(_import(call.service.jobs.get("import", call.names["id"])))


async def cancel_import(call: Call) -> Response:
    """POST /jobs/imports/{id}/cancel."""
    return _json(_import(await call.service.jobs.cancel(call.names["id"])))


async def delete_import(call: Call) -> Response:
    """DELETE /jobs/imports/{id}."""
    await call.service.jobs.forget(call.names["id"])
    return Response(status_code=204)


async def add_deletion(call: Call) -> Response:
    """POST /jobs/deletions."""
    job_id = call.request.headers.get("operation-id") or str(uuid.uuid4())
    if len(job_id) > MAX_SEGMENT or not job_id.isprintable() or "/" in job_id:
        raise RequestInvalid("InvalidArgument", "the operation-id is no name", action="Use a UUID.")
    job = await call.service.jobs.start_deletion(job_id, call.caller)
    version = call.request.query_params["api-version"]
    where = call.request.url.replace(path=f"/jobs/deletions/{job_id}", query=f"api-version={version}")
    return _json(_deletion(job), 202, {"Operation-Location": str(where)})


async def list_deletions(call: Call) -> Response:
    """GET /jobs/deletions."""
    page, link = cut(call, call.service.jobs.known("deletion"), lambda job: [job.id])
    return _json({"value": [_deletion(job) for job in page], "nextLink": link})


async def get_deletion(call: Call) -> Response:
    """GET /jobs/deletions/{id}."""
    return _json(_deletion(call.service.jobs.get("deletion", call.names["id"])))


def _deletion(job: Job) -> dict[str, Any]:
    finished = job.finished_at
    return {
        "id": job.id,
        "status": job.status,
        "createdDateTime": format_time(job.created_at),
        "finishedDateTime": format_time(finished) if finished else None,
        "purgeDateTime": format_time(finished + KEPT) if finished else None,
        "error": {"code": job.code, "message": job.message, "details": []} if job.code else None,
    }


def _import(job: Job) -> dict[str, Any]:
    files = {"inputBlobUri": job.input, "outputBlobUri": job.output}
    return {**_deletion(job), **files, "lastActionDateTime": format_time(job.acted_at)}


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, _MEDIA)


_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_DELETION: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["id", "status", "createdDateTime", "finishedDateTime", "purgeDateTime", "error"],
    "properties": {
        "id": {"type": "string"},
        "status": {"enum": ["notstarted", "running", "failed", "succeeded", "cancelling", "cancelled"]},
        "createdDateTime": _TIME, "finishedDateTime": _TIME, "purgeDateTime": _TIME,
        "error": {"type": ["object", "null"]},
    },
}  # fmt: skip
_URIS: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["inputBlobUri", "outputBlobUri"],
    "properties": {
        name: {"type": "string", "description": "Its last path segment names a file in the jobs folder."}
        for name in ("inputBlobUri", "outputBlobUri")
    },
}
_IMPORT: Final[Mapping[str, Any]] = {
    **_DELETION, "required": [*_DELETION["required"], *_URIS["required"], "lastActionDateTime"],
    "properties": {**_DELETION["properties"], **_URIS["properties"], "lastActionDateTime": _TIME},
}  # fmt: skip
_BODY: Final = {413: ("PayloadTooLarge",), 415: ("UnsupportedMediaType",)}
_NO_IMPORT: Final = {404: ("ImportJobNotFound",)}
_INVALID: Final = ("InvalidArgument", "ValidationFailed")

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="PUT", path="/jobs/imports/{id}", handler=add_import, family="azure", id="ImportJobs_add",
        summary="Import a file of models, twins and relationships.", parameters=(VERSION,), body=Body(schema=_URIS),
        replies={201: Reply(description="The job.", model=_IMPORT)},
        errors={400: (*_INVALID, "JobLimitReached"), **_BODY},
    ),
    Route(
        method="GET", path="/jobs/imports", handler=list_imports, family="azure", id="ImportJobs_list",
        summary="List import jobs.", parameters=(VERSION, TOKEN, PAGE_SIZE),
        replies={200: Reply(description="A page.", model=pages_of(_IMPORT))}, errors={400: ("InvalidArgument",)},
    ),
    Route(
        method="GET", path="/jobs/imports/{id}", handler=get_import, family="azure", id="ImportJobs_get_by_id",
        summary="Read an import job.", parameters=(VERSION,),
        replies={200: Reply(description="The job.", model=_IMPORT)}, errors={400: ("InvalidArgument",), **_NO_IMPORT},
    ),
    Route(
        method="DELETE", path="/jobs/imports/{id}", handler=delete_import, family="azure", id="ImportJobs_delete",
        summary="Forget an import job that has ended.", parameters=(VERSION,),
        replies={204: Reply(description="Forgotten.")}, errors={400: _INVALID, **_NO_IMPORT},
    ),
    Route(
        method="POST", path="/jobs/imports/{id}/cancel", handler=cancel_import, family="azure",
        id="ImportJobs_cancel", summary="Stop an import job; what it has done stays.", parameters=(VERSION,),
        replies={200: Reply(description="The job.", model=_IMPORT)}, errors={400: _INVALID, **_NO_IMPORT},
    ),
    Route(
        method="POST", path="/jobs/deletions", handler=add_deletion, family="azure", id="DeleteJobs_add",
        summary="Delete every relationship, twin and model that the file does not own.",
        parameters=(VERSION,
                    Parameter(name="timeoutInMinutes", where="query", description="Taken, and not needed.",
                              schema={"type": "integer"}),
                    Parameter(name="operation-id", where="header", description="Id of the job; made when absent.")),
        replies={202: Reply(description="The job.", model=_DELETION,
                            headers={"Operation-Location": "Where to ask how far it is."})},
        errors={400: (*_INVALID, "JobLimitReached")},
    ),
    Route(
        method="GET", path="/jobs/deletions", handler=list_deletions, family="azure", id="DeleteJobs_list",
        summary="List deletion jobs.", parameters=(VERSION, TOKEN, PAGE_SIZE),
        replies={200: Reply(description="A page.", model=pages_of(_DELETION))}, errors={400: ("InvalidArgument",)},
    ),
    Route(
        method="GET", path="/jobs/deletions/{id}", handler=get_deletion, family="azure",
        id="DeleteJobs_get_by_id", summary="Read a deletion job.", parameters=(VERSION,),
        replies={200: Reply(description="The job.", model=_DELETION)},
        errors={400: ("InvalidArgument",), 404: ("DeleteJobNotFound",)},
    ),
)  # fmt: skip
