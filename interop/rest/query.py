"""POST /query: the query API of the Azure Digital Twins data plane."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from dtdl.errors import RequestInvalid
from interop.graph.document import relationship_document
from interop.graph.query.output import rendered
from interop.rest.adt import VERSION
from interop.rest.request import read_json
from interop.rest.routes import Body, Call, Parameter, Reply, Route

PAGE: Final = 100
"""Rows of a page unless the client asks for another number."""
MOST: Final = 1000
"""Rows of a page at most."""
_AT_ONCE: Final = 50
"""Rows that are made before others have their turn."""


async def post_query(call: Call) -> Response:
    """POST /query."""
    body = await read_json(call.request)
    text, token = _member(body, "query"), _member(body, "continuationToken")
    page = await call.service.query(text, token=token, size=_size(call))
    rows = []
    for number, row in enumerate(page.rows, 1):
        rows.append(rendered(row, lambda state: orjson.Fragment(call.documents.encode(state)), relationship_document))
        if not number % _AT_ONCE:
            await asyncio.sleep(0)
    content = orjson.dumps({"value": rows, "continuationToken": page.token})
    headers = {"query-charge": str(max(1, page.visits))}
    return Response(content, media_type="application/json; charset=utf-8", headers=headers)


def _member(body: Any, name: str) -> str | None:
    if not isinstance(body, dict):
        raise RequestInvalid("InvalidArgument", "the body is no JSON object", action='Send {"query": "SELECT …"}.')
    found = body.get(name)
    if found is not None and not isinstance(found, str):
        raise RequestInvalid("InvalidArgument", f"{name} is no text", action='Send {"query": "SELECT …"}.')
    return found or None


def _size(call: Call) -> int:
    asked = call.request.headers.get("max-items-per-page", "")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10):  # noqa: PLR2004 - digits
        return PAGE
    return min(max(int(asked), 1), MOST)


_QUERY: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A query, or the token of the page before; the token holds its query.",
    "properties": {"query": {"type": "string"}, "continuationToken": {"type": ["string", "null"]}},
}
_RESULT: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["value", "continuationToken"],
    "properties": {
        "value": {"type": "array", "items": {"type": "object"}},
        "continuationToken": {"type": ["string", "null"]},
    },
}

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST", path="/query", handler=post_query, family="azure", id="Query_query_twins",
        summary="Query twins and relationships, over everything that is committed.",
        parameters=(
            VERSION,
            Parameter(name="max-items-per-page", where="header", schema={"type": "integer"},
                      description=f"Rows of the page: {PAGE} unless it is given, at most {MOST}."),
        ),
        body=Body(schema=_QUERY),
        replies={
            200: Reply(description="One page.", model=_RESULT,
                       headers={"query-charge": "Twins and relationships that were looked at for this page."})
        },
        errors={
            400: ("InvalidArgument", "SqlQueryError", "BadRequest (the token)", "TimeoutError", "LimitExceeded"),
            413: ("PayloadTooLarge",), 415: ("UnsupportedMediaType",), 503: ("Overloaded",),
        },
    ),
)  # fmt: skip
