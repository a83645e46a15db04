"""What a request carries: bodies within bounds, conditions, instants and numbers; each fault a typed error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request

from dtdl.errors import RequestInvalid
from interop.rest.routes import Call
from interop.values import parse_time

MAX_BODY: Final = 1 << 20
"""Largest body in bytes."""
MAX_DEPTH: Final = 64
"""Deepest nesting of a JSON body."""
JSON: Final = ("application/json",)
PATCH: Final = ("application/json-patch+json", "application/json")
_EMPTY: Final = object()


async def read_json(
    request: Request, media: Sequence[str] = JSON, *, empty: Any = _EMPTY, limit: int = MAX_BODY
) -> Any:
    """Gives the decoded body.

    Args:
        request: Whose body.
        media: Media types that are accepted; a request that names none is taken as JSON.
        empty: What an empty body means; without it an empty body is refused.
        limit: Largest body in bytes.

    Raises:
        RequestInvalid: ``UnsupportedMediaType``, ``PayloadTooLarge``, or ``InvalidArgument`` for what is not JSON,
            not UTF-8 or too deep.
    """
    body = await _read(request, limit)
    if not body and empty is not _EMPTY:
        return empty
    _check_media(request, media)
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestInvalid(
            "InvalidArgument", f"the body is not JSON in UTF-8: {error}", action="Send valid JSON."
        ) from error
    _check_depth(decoded)
    return decoded


def instant(call: Call, name: str) -> datetime | None:
    """Gives an RFC 3339 query parameter, None when it is absent.

    Raises:
        RequestInvalid: Not an instant.
    """
    text = call.request.query_params.get(name)
    if not text:
        return None
    # A plus sign that was not percent-encoded arrives as a space.
    return parse_time(text.replace(" ", "+") if "T" in text else text)


def number(call: Call, name: str, default: int, *, at_least: int, at_most: int) -> int:
    """Gives an integer query parameter within bounds.

    Raises:
        RequestInvalid: Not an integer, or out of bounds.
    """
    text = call.request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and at_least <= int(text) <= at_most):  # noqa: PLR2004
        raise RequestInvalid(
            "InvalidArgument",
            f"{name}={text[:40]!r} is not an integer from {at_least} to {at_most}",
            action="Correct or omit it.",
        )
    return int(text)


def conditions(call: Call) -> dict[str, str]:
    """Gives ``If-Match`` and ``If-None-Match`` as arguments of the service."""
    found: dict[str, str] = {}
    for header, argument in (("if-match", "if_match"), ("if-none-match", "if_none_match")):
        text = call.request.headers.get(header)
        if text is not None:
            found[argument] = text
    return found


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and (len(declared) > 12 or int(declared) > limit):  # noqa: PLR2004 - int() of hostile text
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> RequestInvalid:
    return RequestInvalid(
        "PayloadTooLarge", f"the body is larger than {limit} bytes", action="Send it in smaller parts."
    )


def _check_media(request: Request, media: Sequence[str]) -> None:
    header = request.headers.get("content-type", "")
    kind, _, rest = header.partition(";")
    if kind.strip().lower() not in ("", *media):
        raise RequestInvalid(
            "UnsupportedMediaType",
            f"the body is {kind.strip()[:100]!r}",
            action=f"Send it with the header Content-Type: {media[0]}",
        )
    charset = rest.partition("charset=")[2].split(";")[0].strip().strip('"').lower()
    if charset not in ("", "utf-8", "utf8"):
        raise RequestInvalid("UnsupportedMediaType", f"the charset is {charset[:40]!r}", action="Send UTF-8.")


def _check_depth(decoded: Any) -> None:
    level = [decoded]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for value in level
            if isinstance(value, (dict, list))
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise RequestInvalid(
        "InvalidArgument", f"the body is nested deeper than {MAX_DEPTH} levels", action="Make it flatter."
    )
