"""Pages of the Azure form: how many items, where the last page ended, and the link to the next one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import orjson

from dtdl.errors import RequestInvalid
from interop.rest.routes import Call, Parameter

PAGE: Final = 100
"""Items of a page unless the client asks for fewer."""
PAGE_SIZE: Final = Parameter(
    name="max-items-per-page", where="header", description=f"At most {PAGE}.", schema={"type": "integer"}
)
TOKEN: Final = Parameter(name="continuationToken", where="query", description="As nextLink has it.")

_T = TypeVar("_T")


def cut(call: Call, items: Sequence[_T], key: Callable[[_T], list[str]]) -> tuple[Sequence[_T], str | None]:
    """Gives one page and the link to the next; a token is where the last page ended, so that deletions do no harm.

    Args:
        call: Asks for a size, and carries the token.
        items: All of them, in the order of their keys.
        key: What an item is ordered by.

    Raises:
        RequestInvalid: The token is not one of ours.
    """
    asked = call.request.headers.get("max-items-per-page", "")
    size = min(max(int(asked), 1), PAGE) if asked.isascii() and asked.isdigit() and len(asked) < 10 else PAGE  # noqa: PLR2004
    query = [(name, text) for name, text in call.request.query_params.multi_items() if name != TOKEN.name]
    token = call.request.query_params.get(TOKEN.name)
    if token is not None:
        after = _read(token)
        items = [item for item in items if key(item) > after]
    page = items[:size]
    if len(items) <= size:
        return page, None
    query.append((TOKEN.name, base64.urlsafe_b64encode(orjson.dumps(key(page[-1]))).decode()))
    return page, f"{call.request.scope['raw_path'].decode('latin-1')}?{urlencode(query)}"


def pages_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Gives the JSON Schema of a page."""
    return {
        "type": "object",
        "required": ["value", "nextLink"],
        "properties": {"value": {"type": "array", "items": item}, "nextLink": {"type": ["string", "null"]}},
    }


def _read(token: str) -> list[str]:
    try:
        key = orjson.loads(base64.urlsafe_b64decode(token))
        if isinstance(key, list) and all(isinstance(part, str) for part in key):
            return key
    except (binascii.Error, orjson.JSONDecodeError, ValueError) as error:
        raise _not_ours() from error
    raise _not_ours()


def _not_ours() -> RequestInvalid:
    return RequestInvalid(
        "InvalidArgument", "the continuation token is not one of ours", action="Begin again without it."
    )
