"""The data plane of Azure Digital Twins: models, in its exact wire form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from dtdl.dtmi import Dtmi
from dtdl.errors import RequestInvalid
from interop.graph.patch import operations
from interop.rest.adt import VERSION
from interop.rest.paging import PAGE_SIZE, TOKEN, cut, pages_of
from interop.rest.request import PATCH, read_json
from interop.rest.routes import Body, Call, Parameter, Reply, Route
from interop.service import StoredModel

MAX_UPLOAD: Final = 16 << 20
"""Largest upload in bytes."""
_MEDIA: Final = "application/json; charset=utf-8"


async def add_models(call: Call) -> Response:
    """POST /models."""
    body = await read_json(call.request, limit=MAX_UPLOAD)
    if not isinstance(body, list):
        raise RequestInvalid("InvalidArgument", "the body is no list of models", action="Send [{…}, …].")
    added = await call.service.models.add(body, call.caller)
    return _json([_document(one, whole=True) for one in added], 201)


async def list_models(call: Call) -> Response:
    """GET /models."""
    stored = call.service.models.stored
    asked = [dtmi for text in call.request.query_params.getlist("dependenciesFor") for dtmi in text.split(",") if dtmi]
    names = call.service.models.dependencies([_dtmi(dtmi) for dtmi in asked]) if asked else stored.keys()
    page, link = cut(call, [stored[dtmi] for dtmi in sorted(names)], lambda one: [one.id])
    whole = _whole(call)
    return _json({"value": [_document(one, whole=whole) for one in page], "nextLink": link})


async def get_model(call: Call) -> Response:
    """GET /models/{id}."""
    return _json(_document(_stored(call), whole=_whole(call)))


async def update_model(call: Call) -> Response:
    """PATCH /models/{id}."""
    dtmi = _stored(call).id
    patch = await read_json(call.request, PATCH)
    found = operations(patch)
    for number, one in enumerate(found):
        if one.op == "remove" or one.path != ("decommissioned",) or not isinstance(one.value, bool):
            raise RequestInvalid(
                "JsonPatchInvalid",
                f"operation {number} of the patch: only /decommissioned of a model can be set, to true or false",
                action='Send [{"op": "replace", "path": "/decommissioned", "value": true}].',
            )
    if found:
        await call.service.models.decommission(dtmi, call.caller, decommissioned=found[-1].value)
    return Response(status_code=204)


async def delete_model(call: Call) -> Response:
    """DELETE /models/{id}."""
    await call.service.models.delete([_stored(call).id], call.caller)
    return Response(status_code=204)


def _stored(call: Call) -> StoredModel:
    dtmi = _dtmi(call.names["id"])
    call.service.models.dependencies([dtmi])  # says that it is not there
    return call.service.models.stored[dtmi]


def _dtmi(text: str) -> str:
    Dtmi(text)
    return text


def _whole(call: Call) -> bool:
    return call.request.query_params.get("includeModelDefinition", "").lower() == "true"


def _document(one: StoredModel, *, whole: bool) -> dict[str, Any]:
    definition = orjson.loads(one.text)
    found = {
        "id": one.id,
        "displayName": _texts(definition.get("displayName")),
        "description": _texts(definition.get("description")),
        "uploadTime": one.uploaded_at.isoformat(timespec="microseconds"),
        "decommissioned": one.decommissioned,
    }
    return found | {"model": definition} if whole else found


def _texts(value: Any) -> dict[str, Any]:
    """A text without a language is English (DTDL, displayName)."""
    if isinstance(value, str):
        return {"en": value}
    return value if isinstance(value, dict) else {}


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=_MEDIA)


_MODEL: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A model: what is known of it, and its DTDL where that is asked for.",
    "required": ["id", "displayName", "description", "uploadTime", "decommissioned"],
    "properties": {
        "id": {"type": "string", "pattern": "^dtmi:"},
        "displayName": {"type": "object", "additionalProperties": {"type": "string"}},
        "description": {"type": "object", "additionalProperties": {"type": "string"}},
        "uploadTime": {"type": "string", "format": "date-time"},
        "decommissioned": {"type": "boolean"},
        "model": {"type": "object"},
    },
}
_PATCH: Final[Mapping[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["op", "path", "value"],
        "properties": {
            "op": {"enum": ["add", "replace"]}, "path": {"const": "/decommissioned"}, "value": {"type": "boolean"},
        },
    },
}  # fmt: skip
_WHOLE: Final = Parameter(
    name="includeModelDefinition", where="query", description="Whether the DTDL is in it.", schema={"type": "boolean"}
)
_OF: Final = Parameter(
    name="dependenciesFor", where="query", description="Only these models and all that they need; may be repeated.",
)  # fmt: skip
_BODY: Final = {413: ("PayloadTooLarge",), 415: ("UnsupportedMediaType",)}
_NONE: Final = ("ModelNotFound",)
_ONE: Final = "/models/{id}"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST", path="/models", handler=add_models, family="azure", id="DigitalTwinModels_add",
        summary="Add models, all of them or none.", parameters=(VERSION,),
        body=Body(schema={"type": "array", "items": {"type": "object"}, "minItems": 1}),
        replies={201: Reply(description="The models.", model={"type": "array", "items": _MODEL})},
        errors={400: ("DTDLParserError", "InvalidArgument", "LimitExceeded"), 409: ("ModelAlreadyExists",), **_BODY},
    ),
    Route(
        method="GET", path="/models", handler=list_models, family="azure", id="DigitalTwinModels_list",
        summary="List models.", parameters=(VERSION, _OF, _WHOLE, TOKEN, PAGE_SIZE),
        replies={200: Reply(description="A page.", model=pages_of(_MODEL))},
        errors={400: ("InvalidArgument",), 404: _NONE},
    ),
    Route(
        method="GET", path=_ONE, handler=get_model, family="azure", id="DigitalTwinModels_get_by_id",
        summary="Read a model.", parameters=(VERSION, _WHOLE),
        replies={200: Reply(description="The model.", model=_MODEL)},
        errors={400: ("InvalidArgument",), 404: _NONE},
    ),
    Route(
        method="PATCH", path=_ONE, handler=update_model, family="azure", id="DigitalTwinModels_update",
        summary="Decommission a model: no new twin may have it.", parameters=(VERSION,),
        body=Body(schema=_PATCH, media=PATCH), replies={204: Reply(description="Changed.")},
        errors={400: ("InvalidArgument", "JsonPatchInvalid"), 404: _NONE,
                409: ("ModelReferencesNotDecommissioned", "OwnedByFile"), **_BODY},
    ),
    Route(
        method="DELETE", path=_ONE, handler=delete_model, family="azure", id="DigitalTwinModels_delete",
        summary="Delete a model that no twin and no other model needs.", parameters=(VERSION,),
        replies={204: Reply(description="Deleted.")},
        errors={400: ("InvalidArgument",), 404: _NONE,
                409: ("ModelReferencesNotDeleted", "ModelInUse", "OwnedByFile")},
    ),
)  # fmt: skip
