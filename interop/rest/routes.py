"""The route table: what a route is and documents, and how a request finds it by the raw path."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol
from urllib.parse import unquote

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from dtdl.errors import RequestInvalid
from interop.graph.state import TwinState
from interop.service import Caller, TwinService

LOG: Final = logging.getLogger("megatwin.rest")
MAX_SEGMENT: Final = 1024
"""Longest id, path or name in a request path, in characters."""


class Documents(Protocol):
    """Gives twins in the Azure form, encoded."""

    def encode(self, state: TwinState) -> bytes:
        """The JSON of a state."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to a handler.

    Attributes:
        request: As it came.
        service: What is asked.
        caller: Who asks.
        names: Placeholder of the route's path → decoded text.
        documents: Twins in the Azure form.
    """

    request: Request
    service: TwinService
    caller: Caller
    names: Mapping[str, str]
    documents: Documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or header that a route takes."""

    name: str
    where: Literal["query", "header"]
    description: str
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One success that a route answers with.

    Attributes:
        description: When.
        model: The message of the body, a JSON Schema, or None for no body.
        media: Its media type.
        also: Media types that a request may ask for instead; they have no schema.
        headers: Header → what it says.
    """

    description: str
    model: type[BaseModel] | Mapping[str, Any] | None = None
    media: str = "application/json"
    also: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a route takes as its body: a JSON Schema, and the media types that are accepted."""

    schema: Mapping[str, Any]
    media: Sequence[str] = ("application/json",)
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation: what it does and what its documentation says.

    Attributes:
        method: HTTP method.
        path: Such as ``/digitaltwins/{id}``.
        handler: Answers it.
        family: Decides the form of errors and whether ``api-version`` is required.
        id: ``operationId``.
        summary: One line.
        parameters: Query parameters and headers.
        body: What it takes.
        replies: Status → success.
        errors: Status → error codes that it may answer with.
    """

    method: str
    path: str
    handler: Callable[[Call], Awaitable[Response]]
    family: Literal["azure", "v1", "plain"]
    id: str
    summary: str
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    replies: Mapping[int, Reply]
    errors: Mapping[int, Sequence[str]] = field(default_factory=dict)


class Router:
    """Finds the route of a request.

    The raw path is split before it is decoded, so that an id may contain an encoded ``/``.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            node.setdefault("/methods", {})[route.method] = (route, _placeholders(route.path))

    def find(self, method: str, raw_path: bytes) -> tuple[Route, dict[str, str]]:
        """Gives the route and the decoded values of its placeholders.

        Raises:
            RequestInvalid: ``RouteNotFound``, ``MethodNotAllowed`` with the allowed methods as its action, or a path
                that is not UTF-8.
        """
        node: Any = self._root
        values: list[str] = []
        for raw in raw_path.decode("latin-1").strip("/").split("/"):
            if raw in node and not raw.startswith("{"):
                node = node[raw]
            elif "{}" in node:
                node = node["{}"]
                values.append(_decode(raw))
            else:
                raise _nothing(raw_path)
        methods: dict[str, tuple[Route, tuple[str, ...]]] = node.get("/methods") or {}
        if not methods:
            raise _nothing(raw_path)
        found = methods.get("GET" if method == "HEAD" else method)
        if found is None:
            raise RequestInvalid("MethodNotAllowed", f"{method} is not possible here", action=", ".join(methods))
        route, names = found
        return route, dict(zip(names, values, strict=True))


def _placeholders(path: str) -> tuple[str, ...]:
    return tuple(segment[1:-1] for segment in path.split("/") if segment.startswith("{"))


def _decode(raw: str) -> str:
    try:
        text = unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise RequestInvalid(
            "InvalidArgument", "the path is not UTF-8 after percent-decoding", action="Encode the id as UTF-8."
        ) from error
    if not text or len(text) > MAX_SEGMENT or not text.isprintable():
        raise RequestInvalid(
            "InvalidArgument",
            f"a segment of the path is empty, longer than {MAX_SEGMENT} characters or not printable",
            action="Correct the id.",
        )
    return text


def _nothing(raw_path: bytes) -> RequestInvalid:
    return RequestInvalid(
        "RouteNotFound", f"nothing is served at {raw_path.decode('latin-1')[:200]}", action="See /docs for all routes."
    )
