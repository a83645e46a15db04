"""The ASGI application: finds the route, guards it, answers errors in the form of its family."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

import orjson
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from dtdl.errors import MegatwinError, RequestInvalid
from interop.rest import adt, event_routes, jobs, metrics, models, native, openapi, query, stream, telemetry
from interop.rest.problem import Failure, failure_of, unexpected
from interop.rest.routes import LOG, Call, Reply, Route, Router
from interop.service import Caller, TwinService

ACTOR: Final = "client:unauthenticated"
"""Who every client is until the file has an ``access`` section; a bearer token is accepted and not read."""
MAX_REQUEST_ID: Final = 200
AZURE: Final = ("/digitaltwins", "/models", "/query", "/eventroutes", "/jobs")
"""Where the Azure Digital Twins data plane is; errors there have its form."""


class App:
    """The application over one twin service.

    Args:
        service: What is served.
        name: For the title of the documentation.
        streams: The open streams; given by tests that want a small queue.
    """

    def __init__(self, service: TwinService, *, name: str = "megatwin", streams: stream.Streams | None = None) -> None:
        self._service = service
        self._streams = streams or stream.Streams()
        self._metrics = metrics.Metrics(service, lambda: self._streams.count)
        self.routes = route_table(self._streams, self._metrics, name)
        self._router = Router(self.routes)
        self._documents = adt.Documents(service.model)
        self._guarded: ASGIApp = ServerErrorMiddleware(self._serve, handler=_on_bug)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] == "http":
            await self._guarded(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(WebSocket(scope, receive, send))

    def close(self) -> None:
        """Ends what has no end of its own."""
        self._streams.close()

    async def _websocket(self, socket: WebSocket) -> None:
        """A WebSocket of ``/v1/stream``; a handshake that is refused gets the answer that a GET gets."""
        try:
            _check_origin(socket)
            if socket.url.path != stream.PATH:
                raise RequestInvalid("RouteNotFound", f"no WebSocket is served at {socket.url.path[:200]}")
            await self._streams.websocket(socket, self._service)
        except MegatwinError as error:
            failure = failure_of(error)
            await socket.send_denial_response(_answer(failure, "v1"))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        family = "azure" if scope["path"].startswith(AZURE) else "v1"
        operation, began = "", perf_counter()
        try:
            _check_origin(request)
            route, names = self._router.find(scope["method"], scope["raw_path"])
            if self._service.model is not self._documents.model:  # definitions were added
                self._documents = adt.Documents(self._service.model)
            operation = route.id
            caller = Caller(ACTOR, _request_id(request, route))
            call = Call(request, self._service, caller, names, self._documents)
            if route.family == "azure":
                adt.check_version(call)
            response = await route.handler(call)
        except MegatwinError as error:
            failure = failure_of(error)
            if failure.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                LOG.exception("%s: %s %s", failure.instance, scope["method"], scope["path"])
            response = _answer(failure, family)
        self._metrics.count(operation, response.status_code, perf_counter() - began)
        await response(scope, receive, send)


def route_table(streams: stream.Streams, figures: metrics.Metrics, name: str) -> tuple[Route, ...]:
    """Gives every route that is served, the documentation's own included."""
    azure = (*adt.ROUTES, *telemetry.ROUTES, *models.ROUTES, *query.ROUTES, *jobs.ROUTES, *event_routes.ROUTES)
    described = (*azure, *native.ROUTES, *stream.routes(streams), *metrics.routes(figures))
    document: dict[str, object] = {}

    async def get_document(call: Call) -> Response:  # noqa: ARG001 - a handler's signature
        return Response(orjson.dumps(document), media_type="application/json")

    async def get_page(call: Call) -> Response:  # noqa: ARG001
        return HTMLResponse(openapi.page(document))

    routes = (
        *described,
        Route(
            method="GET", path="/openapi.json", handler=get_document, family="plain", id="get_openapi",
            summary="This description, OpenAPI 3.1.",
            replies={200: Reply(description="The document.", model={"type": "object"})},
        ),
        Route(
            method="GET", path="/docs", handler=get_page, family="plain", id="get_docs",
            summary="This description as a page.",
            replies={200: Reply(description="The page.", model={"type": "string"}, media="text/html")},
        ),
    )  # fmt: skip
    document.update(openapi.document(routes, name))
    return routes


def _request_id(request: Request, route: Route) -> str | None:
    found = request.headers.get("x-ms-client-request-id")
    if found is None and route.family == "v1":
        found = request.headers.get("idempotency-key")
    if found is not None and len(found) > MAX_REQUEST_ID:
        raise RequestInvalid(
            "InvalidArgument", f"the request id is longer than {MAX_REQUEST_ID} characters", action="Shorten it."
        )
    return found or None


def _check_origin(request: HTTPConnection) -> None:
    """Refuses pages of other sites, which a browser lets send requests here, and names that were rebound to here."""
    for header in ("host", "origin"):
        text = request.headers.get(header)
        if text is not None and not _is_ours(text if header == "origin" else f"//{text}"):
            raise RequestInvalid(
                "AuthorizationFailed",
                f"{header} {text[:100]!r} is not this machine",
                action="Without an access section only this machine is served: use http://127.0.0.1:….",
            )


@lru_cache(maxsize=256)
def _is_ours(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # brackets without an address between them
        return False


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _answer(failure: Failure, family: str) -> Response:
    if family == "azure":
        return Response(
            orjson.dumps(failure.azure()), failure.status, failure.headers, "application/json; charset=utf-8"
        )
    return Response(failure.problem().encode(), failure.status, failure.headers, "application/problem+json")


async def _on_bug(request: Request, error: Exception) -> Response:
    """Answers what no one expected; the server logs the traceback after it."""
    failure = unexpected()
    LOG.error("%s: %s %s: %r", failure.instance, request.method, request.url.path, error)
    return _answer(failure, "azure" if request.url.path.startswith(AZURE) else "v1")
