"""The data plane of Azure Digital Twins: event routes, in its exact wire form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from dtdl.errors import RequestInvalid, TwinNotFound
from interop.rest.adt import VERSION
from interop.rest.paging import PAGE_SIZE, TOKEN, cut, pages_of
from interop.rest.request import read_json
from interop.rest.routes import Body, Call, Reply, Route
from interop.service import EventRoute

_MEDIA: Final = "application/json; charset=utf-8"


async def list_routes(call: Call) -> Response:
    """GET /eventroutes."""
    known = call.service.event_routes.known
    page, link = cut(call, [known[name] for name in sorted(known)], lambda route: [route.id])
    return _json({"value": [_document(route) for route in page], "nextLink": link})


async def get_route(call: Call) -> Response:
    """GET /eventroutes/{id}."""
    found = call.service.event_routes.known.get(call.names["id"])
    if found is None:
        raise TwinNotFound("EventRouteNotFound", f"there is no route {call.names['id']!r}", action="List them.")
    return _json(_document(found))


async def put_route(call: Call) -> Response:
    """PUT /eventroutes/{id}."""
    body = await read_json(call.request)
    given = body if isinstance(body, dict) else {}
    endpoint, text = given.get("endpointName"), given.get("filter")
    if not isinstance(endpoint, str) or not endpoint:
        raise RequestInvalid("EventRouteEndpointInvalid", "the route has no endpointName", action="Give it as a text.")
    if not isinstance(text, str):
        raise RequestInvalid("EventRouteFilterInvalid", "the route has no filter", action="Write true for all events.")
    await call.service.event_routes.put(EventRoute(call.names["id"], endpoint, text))
    return Response(status_code=204)


async def delete_route(call: Call) -> Response:
    """DELETE /eventroutes/{id}."""
    await call.service.event_routes.delete(call.names["id"])
    return Response(status_code=204)


def _document(route: EventRoute) -> dict[str, str]:
    return {"id": route.id, "endpointName": route.endpoint, "filter": route.filter}


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type=_MEDIA)


_ROUTE: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["endpointName", "filter"],
    "properties": {
        "id": {"type": "string"},
        "endpointName": {"type": "string", "description": "An endpoint of the megatwin.yaml."},
        "filter": {"type": "string", "description": "Which events; `true` for all."},
    },
}
_ONE: Final = "/eventroutes/{id}"
_NONE: Final = {404: ("EventRouteNotFound",)}

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="GET", path="/eventroutes", handler=list_routes, family="azure", id="EventRoutes_list",
        summary="List event routes.", parameters=(VERSION, TOKEN, PAGE_SIZE),
        replies={200: Reply(description="A page.", model=pages_of(_ROUTE))}, errors={400: ("InvalidArgument",)},
    ),
    Route(
        method="GET", path=_ONE, handler=get_route, family="azure", id="EventRoutes_get_by_id",
        summary="Read an event route.", parameters=(VERSION,),
        replies={200: Reply(description="The route.", model=_ROUTE)}, errors={400: ("InvalidArgument",), **_NONE},
    ),
    Route(
        method="PUT", path=_ONE, handler=put_route, family="azure", id="EventRoutes_add",
        summary="Make or replace an event route.", parameters=(VERSION,), body=Body(schema=_ROUTE),
        replies={204: Reply(description="It is there, and durable.")},
        errors={400: ("EventRouteEndpointInvalid", "EventRouteFilterInvalid", "EventRouteIdInvalid", "LimitExceeded",
                      "InvalidArgument"), 413: ("PayloadTooLarge",), 415: ("UnsupportedMediaType",)},
    ),
    Route(
        method="DELETE", path=_ONE, handler=delete_route, family="azure", id="EventRoutes_delete",
        summary="Delete an event route.", parameters=(VERSION,), replies={204: Reply(description="Deleted.")},
        errors={400: ("InvalidArgument",), **_NONE},
    ),
)  # fmt: skip
