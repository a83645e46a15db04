"""What a client asks and how it reads the answers: plain functions over plain data, with no HTTP library."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import orjson
from pydantic import ValidationError

from dtdl.errors import InteropError
from interop.rest import messages
from interop.values import Point, Value, format_time

T = TypeVar("T")
API_VERSION: Final = "2023-10-31"
_AZURE: Final = (("api-version", API_VERSION),)
_QUERY_HEADERS: Final = {"max-items-per-page": "1000"}


def _no_more(content: bytes) -> None:  # noqa: ARG001 - one page is all
    return None


def _second(first: T, second: T) -> T:  # noqa: ARG001
    return second


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[T]):
    """One request and how its reply is read.

    Attributes:
        method: HTTP method.
        path: Percent-encoded path, or the link to a next page with its query.
        query: Query parameters; may repeat.
        headers: Headers.
        body: JSON bytes, or None.
        read: The bytes of a successful reply → what the caller gets.
        follow: The same bytes → the request of the next page, or None.
        join: What was read so far and a next page → both.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    read: Callable[[bytes], T]
    follow: Callable[[bytes], Ask[T] | None] = _no_more
    join: Callable[[T, T], T] = _second


def get(twin: str) -> Ask[dict[str, Any]]:
    """Gives a twin in the Azure form."""
    return Ask(method="GET", path=_twin(twin), query=_AZURE, read=_object)


def about(twin: str, *, at: datetime | None = None, known_at: datetime | None = None) -> Ask[messages.Twin]:
    """Gives what a twin is, and every value with unit, status, times and source.

    Args:
        twin: ``$dtId``.
        at: As it was true then.
        known_at: As the ledger stood then.
    """
    query = _times(at=at, **{"known-at": known_at})
    return Ask(method="GET", path=_native(twin), query=query, read=_message(messages.Twin))


def list_twins() -> Ask[list[messages.TwinSummary]]:
    """Gives all twins with kind, model and status, in order of id."""
    return _list_after(None)


def put(
    twin: str, document: Mapping[str, Any], *, if_match: str | None = None, if_none_match: str | None = None,
    request_id: str | None = None,
) -> Ask[dict[str, Any]]:  # fmt: skip
    """Creates or replaces a twin, and gives it in the Azure form.

    Args:
        twin: ``$dtId``.
        document: The twin in the Azure form; ``$metadata.$model`` is required.
        if_match: Only if the ETag is this one.
        if_none_match: ``*``: only if there is no such twin.
        request_id: A request repeated with the same id acts once.
    """
    return Ask(
        method="PUT", path=_twin(twin), query=_AZURE, body=orjson.dumps(document), read=_object,
        headers=_headers(if_match=if_match, if_none_match=if_none_match, request_id=request_id),
    )  # fmt: skip


def patch(
    twin: str, operations: Sequence[Mapping[str, Any]], *, if_match: str | None = None, request_id: str | None = None
) -> Ask[None]:
    """Applies RFC 6902 add, replace and remove; what is bound for writing goes to its plant first.

    Args:
        twin: ``$dtId``.
        operations: The patch.
        if_match: Only if the ETag is this one.
        request_id: A request repeated with the same id acts once.
    """
    headers = _headers(if_match=if_match, request_id=request_id)
    headers["content-type"] = "application/json-patch+json"
    return Ask(
        method="PATCH", path=_twin(twin), query=_AZURE, body=orjson.dumps(operations), headers=headers, read=_nothing
    )


def set_value(point: Point | str, value: Value, *, request_id: str | None = None) -> Ask[None]:
    """Writes one property.

    Args:
        point: The property, such as ``site-42-s1/tilt`` or a Point.
        value: Its new value, in the model's unit.
        request_id: A request repeated with the same id acts once.
    """
    found = Point.parse(point) if isinstance(point, str) else point
    pointer = str(Point("", found.path))
    return patch(found.twin, [{"op": "add", "path": pointer, "value": value}], request_id=request_id)


def delete(twin: str, *, if_match: str | None = None) -> Ask[None]:
    """Deletes a twin that has no relationships."""
    return Ask(method="DELETE", path=_twin(twin), query=_AZURE, headers=_headers(if_match=if_match), read=_nothing)


def relationships(twin: str, name: str | None = None) -> Ask[list[dict[str, Any]]]:
    """Gives the relationships that start at a twin, in the Azure form."""
    query = (*_AZURE, ("relationshipName", name)) if name else _AZURE
    return _relationships_at(f"{_twin(twin)}/relationships", query)


def put_relationship(
    twin: str, relationship_id: str, document: Mapping[str, Any], *, request_id: str | None = None
) -> Ask[dict[str, Any]]:
    """Creates or replaces a relationship; the document has ``$targetId``, ``$relationshipName`` and own properties."""
    return Ask(
        method="PUT", path=_relationship(twin, relationship_id), query=_AZURE, body=orjson.dumps(document),
        headers=_headers(request_id=request_id), read=_object,
    )  # fmt: skip


def delete_relationship(twin: str, relationship_id: str, *, if_match: str | None = None) -> Ask[None]:
    """Deletes a relationship."""
    return Ask(
        method="DELETE", path=_relationship(twin, relationship_id), query=_AZURE, headers=_headers(if_match=if_match),
        read=_nothing,
    )  # fmt: skip


def call(command: Point | str, argument: Value = None, *, request_id: str | None = None) -> Ask[Value]:
    """Calls a command and gives its result.

    Args:
        command: The command, such as ``site-42-s1/reset`` or a Point.
        argument: What its request schema asks for; None for nothing.
        request_id: A call repeated with the same id acts once.
    """
    found = Point.parse(command) if isinstance(command, str) else command
    name = quote(str(Point("", found.path))[1:], safe="")
    return Ask(
        method="POST", path=f"{_native(found.twin)}/commands/{name}", headers=_headers(request_id=request_id),
        body=None if argument is None else orjson.dumps(argument),
        read=lambda content: _message(messages.CommandResult)(content).result,
    )  # fmt: skip


def history(
    point: Point | str, start: datetime | None = None, end: datetime | None = None, *,
    known_at: datetime | None = None, limit: int = 1000,
) -> Ask[messages.History]:  # fmt: skip
    """Gives past samples and written values, ordered by source time.

    Args:
        point: One value, or the id of a twin (a text without ``/``) for all its values.
        start: Not earlier (source time).
        end: Not later.
        known_at: As the ledger stood then.
        limit: At most so many, the oldest first; 1 to 10,000.
    """
    if isinstance(point, str) and "/" not in point:
        twin, path = point.replace("~1", "/").replace("~0", "~"), ""
    else:
        found = Point.parse(point) if isinstance(point, str) else point
        twin, path = found.twin, str(Point("", found.path))[1:]
    query = [*_times(**{"from": start, "to": end, "known-at": known_at}), ("limit", str(limit))]
    if path:
        query.append(("path", path))
    return Ask(method="GET", path=f"{_native(twin)}/history", query=query, read=_message(messages.History))


def query(text: str) -> Ask[list[dict[str, Any]]]:
    """Gives every row of a query; its pages are followed.

    Raises:
        RequestInvalid: ``SqlQueryError``, ``TimeoutError``.
    """
    return _query({"query": text})


def health() -> Ask[messages.Health]:
    """Gives how the whole is."""
    return Ask(method="GET", path="/v1/health", read=_message(messages.Health))


def stream(twins: Sequence[str], paths: Sequence[str], since: int | None) -> Ask[None]:
    """Gives the request of a stream; its reply is read by a StreamReader."""
    query = [*(("twin", twin) for twin in twins), *(("path", path) for path in paths)]
    if since is not None:
        query.append(("since", str(since)))
    return Ask(method="GET", path="/v1/stream", query=query, headers={"accept": "text/event-stream"}, read=_nothing)


class StreamReader:
    """Reads Server-Sent Events line by line (HTML Living Standard, 9.2.6).

    Attributes:
        last_seq: Everything up to this event was seen; where a stream that broke begins again.
    """

    def __init__(self, since: int | None = None) -> None:
        self.last_seq = since
        self._name = ""
        self._data: list[str] = []
        self._id: int | None = since

    def feed(self, line: str) -> messages.Change | messages.Lost | messages.Opened | None:
        """Takes one line, without its end; gives a message when the line completes one."""
        if line:
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                self._name = value
            elif key == "data":
                self._data.append(value)
            elif key == "id" and value.isdigit():
                self._id = int(value)
            return None
        data, name = "\n".join(self._data), self._name
        self._data, self._name = [], ""
        self.last_seq = self._id
        model = _STREAMED.get(name)
        if not data or model is None:
            return None
        found = _message(model)(data.encode())
        assert isinstance(found, (messages.Change, messages.Lost, messages.Opened))
        return found


_STREAMED: Final[Mapping[str, type[messages.Message]]] = {
    "change": messages.Change,
    "lost": messages.Lost,
    "open": messages.Opened,
}


def json_or_none(content: bytes) -> Any:
    """Gives the decoded JSON, None for what is none."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


_Model = TypeVar("_Model", bound=messages.Message)


def _message(model: type[_Model]) -> Callable[[bytes], _Model]:
    def read(content: bytes) -> _Model:
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            raise _not_ours(str(error)) from error

    return read


def _object(content: bytes) -> dict[str, Any]:
    found = json_or_none(content)
    if not isinstance(found, dict):
        raise _not_ours("the reply is no JSON object")
    return found


def _nothing(content: bytes) -> None:  # noqa: ARG001 - the reply says nothing more
    return None


def _not_ours(why: str) -> InteropError:
    return InteropError(
        f"the reply is not what a twin service sends: {why}", action="Does the address belong to a megatwin?"
    )


def _relationships_at(path: str, query: Sequence[tuple[str, str]] = ()) -> Ask[list[dict[str, Any]]]:
    def follow(content: bytes) -> Ask[list[dict[str, Any]]] | None:
        link = _object(content).get("nextLink")
        return _relationships_at(link) if link else None

    return Ask(
        method="GET", path=path, query=query, read=lambda content: list(_object(content).get("value") or ()),
        follow=follow, join=operator.add,
    )  # fmt: skip


def _query(body: Mapping[str, str]) -> Ask[list[dict[str, Any]]]:
    def follow(content: bytes) -> Ask[list[dict[str, Any]]] | None:
        token = _object(content).get("continuationToken")
        return _query({"continuationToken": token}) if token else None

    return Ask(
        method="POST", path="/query", query=_AZURE, headers=_QUERY_HEADERS, body=orjson.dumps(body),
        read=lambda content: list(_object(content).get("value") or ()), follow=follow, join=operator.add,
    )  # fmt: skip


def _list_after(after: str | None) -> Ask[list[messages.TwinSummary]]:
    read = _message(messages.TwinList)

    def follow(content: bytes) -> Ask[list[messages.TwinSummary]] | None:
        following = read(content).next
        return _list_after(following) if following else None

    return Ask(
        method="GET", path="/v1/twins", query=[("after", after)] if after else [],
        read=lambda content: read(content).twins, follow=follow, join=operator.add,
    )  # fmt: skip


def _twin(twin: str) -> str:
    return f"/digitaltwins/{quote(twin, safe='')}"


def _relationship(twin: str, relationship_id: str) -> str:
    return f"{_twin(twin)}/relationships/{quote(relationship_id, safe='')}"


def _native(twin: str) -> str:
    return f"/v1/twins/{quote(twin, safe='')}"


def _times(**instants: datetime | None) -> list[tuple[str, str]]:
    return [(name, format_time(at)) for name, at in instants.items() if at is not None]


def _headers(
    *, if_match: str | None = None, if_none_match: str | None = None, request_id: str | None = None
) -> dict[str, str]:
    found = {"if-match": if_match, "if-none-match": if_none_match, "x-ms-client-request-id": request_id}
    return {name: value for name, value in found.items() if value is not None}
