"""The data plane of Azure Digital Twins: twins and relationships, in its exact wire form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import Response

from dtdl.elements import Model
from dtdl.errors import PreconditionFailed, RequestInvalid, TwinNotFound
from interop.graph.document import component_document, components_of, document, incoming_document, relationship_document
from interop.graph.patch import apply_patch, operations
from interop.graph.state import Relationship, TwinState
from interop.rest import view
from interop.rest.paging import PAGE_SIZE, TOKEN, cut, pages_of
from interop.rest.request import PATCH, conditions, read_json
from interop.rest.routes import Body, Call, Parameter, Reply, Route
from interop.values import Point

APIVERSIONS: Final = ("2020-10-31", "2022-05-31", "2023-06-30", "2023-10-31")
"""The stable versions of the service; what is served here is the same in all of them."""
_ATTEMPTS: Final = 10
KEPT: Final = 4096
"""Twins that are kept encoded."""

_MEDIA: Final = "application/json; charset=utf-8"


def check_version(call: Call) -> None:
    """Requires a known ``api-version``.

    Raises:
        RequestInvalid: It is missing or unknown.
    """
    version = call.request.query_params.get("api-version")
    if version in APIVERSIONS:
        return
    action = f"Add ?api-version={APIVERSIONS[-1]}; known are {', '.join(APIVERSIONS)}."
    if version is None:
        raise RequestInvalid("MissingApiVersionParameter", "the query parameter api-version is required", action=action)
    raise RequestInvalid("UnsupportedApiVersionValue", f"api-version {version[:40]!r} is not known", action=action)


class Documents:
    """Twins in the Azure form; those that were read last are kept encoded, since most reads find no change.

    Args:
        model: Tells which contents are components.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._is_component = components_of(model)
        self._encoded: dict[str, tuple[TwinState, bytes]] = {}

    def encode(self, state: TwinState) -> bytes:
        """Gives the JSON of a state."""
        known = self._encoded.get(state.id)
        if known is not None and known[0] is state:
            return known[1]
        encoded = orjson.dumps(document(state, self._is_component))
        self._encoded[state.id] = (state, encoded)
        if len(self._encoded) > KEPT:
            del self._encoded[next(iter(self._encoded))]
        return encoded


async def get_twin(call: Call) -> Response:
    """GET /digitaltwins/{id}."""
    state = view.state_of(call.service, call.names["id"])
    return _twin(call, state)


async def put_twin(call: Call) -> Response:
    """PUT /digitaltwins/{id}."""
    body = _object(await read_json(call.request))
    state = await call.service.put_twin(call.names["id"], body, call.caller, **conditions(call))
    return _twin(call, state)


async def patch_twin(call: Call) -> Response:
    """PATCH /digitaltwins/{id}."""
    patch = _patch(await read_json(call.request, PATCH))
    state = await call.service.patch_twin(call.names["id"], patch, call.caller, **_if_match(call))
    return Response(status_code=204, headers={"etag": state.etag})


async def delete_twin(call: Call) -> Response:
    """DELETE /digitaltwins/{id}."""
    await call.service.delete_twin(call.names["id"], call.caller, **_if_match(call))
    return Response(status_code=204)


async def get_component(call: Call) -> Response:
    """GET /digitaltwins/{id}/components/{componentPath}."""
    state = view.state_of(call.service, call.names["id"])
    return _json(component_document(state, call.names["componentPath"]), state.etag)


async def patch_component(call: Call) -> Response:
    """PATCH /digitaltwins/{id}/components/{componentPath}."""
    twin, component = call.names["id"], call.names["componentPath"]
    component_document(view.state_of(call.service, twin), component)
    prefix = str(Point("", (component,)))
    patch = [{**one, "path": prefix + one["path"]} for one in _patch(await read_json(call.request, PATCH))]
    state = await call.service.patch_twin(twin, patch, call.caller, **_if_match(call))
    return Response(status_code=204, headers={"etag": state.etag})


async def get_relationship(call: Call) -> Response:
    """GET /digitaltwins/{id}/relationships/{relationshipId}."""
    found = _relationship(call)
    return _json(relationship_document(found), found.etag)


async def put_relationship(call: Call) -> Response:
    """PUT /digitaltwins/{id}/relationships/{relationshipId}."""
    body = _object(await read_json(call.request))
    found = await call.service.put_relationship(
        call.names["id"], call.names["relationshipId"], body, call.caller, **conditions(call)
    )
    return _json(relationship_document(found), found.etag)


async def patch_relationship(call: Call) -> Response:
    """PATCH /digitaltwins/{id}/relationships/{relationshipId}.

    The service replaces relationships whole; the ETag that was patched is the condition, so that of two who patch at
    the same time none is lost.
    """
    patch = _patch(await read_json(call.request, PATCH))
    asked = conditions(call).get("if_match", "*")
    for _ in range(_ATTEMPTS):
        found = _relationship(call)
        if asked not in ("*", found.etag):
            break
        body = {
            **apply_patch(found.contents, patch).contents,
            "$relationshipName": found.name,
            "$targetId": found.target,
        }
        try:
            changed = await call.service.put_relationship(
                found.source, found.id, body, call.caller, if_match=found.etag
            )
        except PreconditionFailed:
            continue
        return Response(status_code=204, headers={"etag": changed.etag})
    raise PreconditionFailed(
        "PreconditionFailed", f"the relationship {call.names['relationshipId']!r} has changed", action="Read it again."
    )


async def delete_relationship(call: Call) -> Response:
    """DELETE /digitaltwins/{id}/relationships/{relationshipId}."""
    await call.service.delete_relationship(
        call.names["id"], call.names["relationshipId"], call.caller, **_if_match(call)
    )
    return Response(status_code=204)


async def list_relationships(call: Call) -> Response:
    """GET /digitaltwins/{id}/relationships."""
    view.state_of(call.service, call.names["id"])
    found = call.service.graph.outgoing(call.names["id"], call.request.query_params.get("relationshipName"))
    page, link = cut(call, found, _key)
    return _json({"value": [relationship_document(item) for item in page], "nextLink": link})


async def list_incoming(call: Call) -> Response:
    """GET /digitaltwins/{id}/incomingrelationships."""
    view.state_of(call.service, call.names["id"])
    page, link = cut(call, call.service.graph.incoming(call.names["id"]), _key)
    return _json({"value": [incoming_document(item) for item in page], "nextLink": link})


def _key(relationship: Relationship) -> list[str]:
    return [relationship.source, relationship.id]


def _relationship(call: Call) -> Relationship:
    twin, relationship_id = call.names["id"], call.names["relationshipId"]
    view.state_of(call.service, twin)
    found = call.service.graph.relationship(twin, relationship_id)
    if found is None:
        raise TwinNotFound(
            "RelationshipNotFound",
            f"the twin {twin!r} has no relationship {relationship_id!r}",
            action=f"List them: GET /digitaltwins/{quote(twin, safe='')}/relationships",
        )
    return found


def _twin(call: Call, state: TwinState) -> Response:
    return Response(call.documents.encode(state), media_type=_MEDIA, headers={"etag": state.etag})


def _json(value: Any, etag: str | None = None) -> Response:
    headers = {"etag": etag} if etag else None
    return Response(orjson.dumps(value), media_type=_MEDIA, headers=headers)


def _if_match(call: Call) -> dict[str, str]:
    found = conditions(call)
    found.pop("if_none_match", None)
    return found


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise RequestInvalid(
            "InvalidArgument", "the body is no JSON object", action='Send {"$metadata": {"$model": …}, …}.'
        )
    return body


def _patch(body: Any) -> Sequence[Mapping[str, Any]]:
    operations(body)  # what is malformed is refused before anyone is asked
    found: Sequence[Mapping[str, Any]] = body
    return found


VERSION: Final = Parameter(
    name="api-version", where="query", required=True, description="A stable version of the data plane.",
    schema={"type": "string", "enum": list(APIVERSIONS)},
)  # fmt: skip
_REQUEST_ID: Final = Parameter(
    name="x-ms-client-request-id", where="header",
    description="The client's own id of this request; a write repeated with the same one acts once.",
)  # fmt: skip
_IF_MATCH: Final = Parameter(name="If-Match", where="header", description="ETag that must hold, or `*`.")
_IF_NONE_MATCH: Final = Parameter(name="If-None-Match", where="header", description="`*`: only if it does not exist.")
_ETAG: Final = {"ETag": "Weak entity tag; changes with what clients write."}

_TWIN: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A twin in the Azure Digital Twins form: its properties and components by name.",
    "required": ["$metadata"],
    "properties": {
        "$dtId": {"type": "string"},
        "$etag": {"type": "string"},
        "$metadata": {
            "type": "object",
            "required": ["$model"],
            "properties": {"$model": {"type": "string", "pattern": "^dtmi:"}},
        },
    },
}
_RELATIONSHIP: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["$targetId", "$relationshipName"],
    "properties": {
        name: {"type": "string"} for name in ("$relationshipId", "$etag", "$sourceId", "$relationshipName", "$targetId")
    },
}
_INCOMING: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["$relationshipId", "$sourceId", "$relationshipName", "$relationshipLink"],
    "properties": {
        name: {"type": "string"} for name in ("$relationshipId", "$sourceId", "$relationshipName", "$relationshipLink")
    },
}
_JSON_PATCH: Final[Mapping[str, Any]] = {
    "type": "array",
    "description": "RFC 6902, the operations add, replace and remove.",
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {"op": {"enum": ["add", "replace", "remove"]}, "path": {"type": "string"}, "value": {}},
    },
}


_PLANT_400: Final = ("InvalidArgument", "ValidationFailed", "Bad… (the OPC UA code with which a plant refused)")
_PLANT: Final = {503: ("LinkDown", "Overloaded"), 504: ("Expired",)}
_NO_TWIN: Final = ("DigitalTwinNotFound",)
_NO_LINK: Final = ("DigitalTwinNotFound", "RelationshipNotFound")
_BROKEN: Final = ("PreconditionFailed",)
_BODY: Final = {413: ("PayloadTooLarge",), 415: ("UnsupportedMediaType",)}
_NO_PART: Final = ("DigitalTwinNotFound", "ComponentNotFound")
_PART: Final[Mapping[str, Any]] = {
    "type": "object", "required": ["$metadata"], "properties": {"$metadata": {"type": "object"}},
}  # fmt: skip
_COMPONENT: Final = "/digitaltwins/{id}/components/{componentPath}"
_ONE: Final = "/digitaltwins/{id}"
_LINK: Final = "/digitaltwins/{id}/relationships/{relationshipId}"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="GET", path=_ONE, handler=get_twin, family="azure", id="DigitalTwins_get_by_id",
        summary="Read a twin.", parameters=(VERSION,),
        replies={200: Reply(description="The twin.", model=_TWIN, headers=_ETAG)},
        errors={400: ("InvalidArgument",), 404: _NO_TWIN},
    ),
    Route(
        method="PUT", path=_ONE, handler=put_twin, family="azure", id="DigitalTwins_add",
        summary="Create or replace a twin.", parameters=(VERSION, _IF_MATCH, _IF_NONE_MATCH, _REQUEST_ID),
        body=Body(schema=_TWIN), replies={200: Reply(description="The twin.", model=_TWIN, headers=_ETAG)},
        errors={400: ("InvalidArgument", "ValidationFailed"), 409: ("Conflict",), 412: _BROKEN, **_BODY},
    ),
    Route(
        method="PATCH", path=_ONE, handler=patch_twin, family="azure", id="DigitalTwins_update",
        summary="Change a twin; what is bound for writing goes to its plant first.",
        parameters=(VERSION, _IF_MATCH, _REQUEST_ID), body=Body(schema=_JSON_PATCH, media=PATCH),
        replies={204: Reply(description="Changed, and durable.", headers=_ETAG)},
        errors={400: ("JsonPatchInvalid", *_PLANT_400), 404: _NO_TWIN, 409: ("Conflict",), 412: _BROKEN,
                **_BODY, **_PLANT},
    ),
    Route(
        method="DELETE", path=_ONE, handler=delete_twin, family="azure", id="DigitalTwins_delete",
        summary="Delete a twin that has no relationships.", parameters=(VERSION, _IF_MATCH, _REQUEST_ID),
        replies={204: Reply(description="Deleted.")},
        errors={400: ("InvalidArgument", "RelationshipsNotDeleted"), 404: _NO_TWIN, 409: ("Conflict",), 412: _BROKEN},
    ),
    Route(
        method="GET", path="/digitaltwins/{id}/relationships", handler=list_relationships, family="azure",
        id="DigitalTwins_list_relationships", summary="List the relationships that start at a twin.",
        parameters=(VERSION, Parameter(name="relationshipName", where="query", description="Only those."), TOKEN,
                    PAGE_SIZE),
        replies={200: Reply(description="A page.", model=pages_of(_RELATIONSHIP))},
        errors={400: ("InvalidArgument",), 404: _NO_TWIN},
    ),
    Route(
        method="GET", path="/digitaltwins/{id}/incomingrelationships", handler=list_incoming, family="azure",
        id="DigitalTwins_list_incoming_relationships", summary="List the relationships that end at a twin.",
        parameters=(VERSION, TOKEN, PAGE_SIZE),
        replies={200: Reply(description="A page.", model=pages_of(_INCOMING))},
        errors={400: ("InvalidArgument",), 404: _NO_TWIN},
    ),
    Route(
        method="GET", path=_LINK, handler=get_relationship, family="azure",
        id="DigitalTwins_get_relationship_by_id", summary="Read a relationship.", parameters=(VERSION,),
        replies={200: Reply(description="The relationship.", model=_RELATIONSHIP, headers=_ETAG)},
        errors={400: ("InvalidArgument",), 404: _NO_LINK},
    ),
    Route(
        method="PUT", path=_LINK, handler=put_relationship, family="azure", id="DigitalTwins_add_relationship",
        summary="Create or replace a relationship.", parameters=(VERSION, _IF_MATCH, _IF_NONE_MATCH, _REQUEST_ID),
        body=Body(schema=_RELATIONSHIP),
        replies={200: Reply(description="The relationship.", model=_RELATIONSHIP, headers=_ETAG)},
        errors={400: ("InvalidArgument", "InvalidRelationship", "OperationNotAllowed", "ValidationFailed"),
                404: ("DigitalTwinNotFound", "TargetTwinNotFound"), 409: ("Conflict",), 412: _BROKEN, **_BODY},
    ),
    Route(
        method="PATCH", path=_LINK, handler=patch_relationship, family="azure", id="DigitalTwins_update_relationship",
        summary="Change the properties of a relationship.", parameters=(VERSION, _IF_MATCH, _REQUEST_ID),
        body=Body(schema=_JSON_PATCH, media=PATCH), replies={204: Reply(description="Changed.", headers=_ETAG)},
        errors={400: ("InvalidArgument", "JsonPatchInvalid", "ValidationFailed"), 404: _NO_LINK, 409: ("Conflict",),
                412: _BROKEN, **_BODY},
    ),
    Route(
        method="GET", path=_COMPONENT, handler=get_component, family="azure", id="DigitalTwins_get_component",
        summary="Read a component.", parameters=(VERSION,),
        replies={200: Reply(description="The component.", model=_PART, headers=_ETAG)},
        errors={400: ("InvalidArgument",), 404: _NO_PART},
    ),
    Route(
        method="PATCH", path=_COMPONENT, handler=patch_component, family="azure", id="DigitalTwins_update_component",
        summary="Change a component.", parameters=(VERSION, _IF_MATCH, _REQUEST_ID),
        body=Body(schema=_JSON_PATCH, media=PATCH), replies={204: Reply(description="Changed.", headers=_ETAG)},
        errors={400: ("JsonPatchInvalid", *_PLANT_400), 404: _NO_PART, 409: ("Conflict",), 412: _BROKEN,
                **_BODY, **_PLANT},
    ),
    Route(
        method="DELETE", path=_LINK, handler=delete_relationship, family="azure",
        id="DigitalTwins_delete_relationship", summary="Delete a relationship.",
        parameters=(VERSION, _IF_MATCH, _REQUEST_ID), replies={204: Reply(description="Deleted.")},
        errors={400: ("InvalidArgument",), 404: _NO_LINK, 409: ("Conflict",), 412: _BROKEN},
    ),
)  # fmt: skip
"""Every operation of the data plane that is served."""
