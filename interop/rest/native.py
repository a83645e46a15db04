"""The native ``/v1``: what a twin is, its values with their status, its past, its commands, and health."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from dtdl.errors import RequestInvalid, TwinNotFound
from interop.rest import messages, tables, view
from interop.rest.request import instant, number, read_json
from interop.rest.routes import Body, Call, Parameter, Reply, Route
from interop.service import Span, TwinService
from interop.values import Point

LIST_PAGE: Final = 100
"""Twins of one page; what each of them is, is computed for each reply."""
HISTORY_LIMIT: Final = 10_000
SHORTEST_S: Final = 0.001
LONGEST_S: Final = 3.2e9
"""Bounds of an interval of aggregates; the longest is a century."""


async def list_twins(call: Call) -> Response:
    """GET /v1/twins."""
    limit = number(call, "limit", LIST_PAGE, at_least=1, at_most=LIST_PAGE)
    after = call.request.query_params.get("after", "")
    twins = call.service.graph.twins
    ids = heapq.nsmallest(limit + 1, (twin for twin in twins if twin > after))
    page = ids[:limit]
    return _reply(
        messages.TwinList(
            twins=[view.summary(call.service, twins[twin]) for twin in page],
            next=page[-1] if len(ids) > limit else None,
        )
    )


async def get_twin(call: Call) -> Response:
    """GET /v1/twins/{id}."""
    at, known_at = instant(call, "at"), instant(call, "known-at")
    then = at or known_at
    if then is None:
        return _reply(view.twin(call.service, call.names["id"]))
    return _reply(await view.twin_as_of(call.service, call.names["id"], then, known_at))


async def history(call: Call) -> Response:
    """GET /v1/twins/{id}/history."""
    media = tables.chosen(call.request)
    twin = call.names["id"]
    text = call.request.query_params.get("path")
    limit = number(call, "limit", 1000, at_least=1, at_most=HISTORY_LIMIT)
    path = view.parse_path(text) if text else None
    span = Span(instant(call, "from"), instant(call, "to"), instant(call, "known-at"))
    interval_s = _interval(call)
    if interval_s is None:
        found = await call.service.history(twin, path, span.start, span.end, known_at=span.known_at, limit=limit + 1)
        units = _units(call, twin)
        rows = [view.history_row(row, units) for row in found[:limit]]
        more = len(found) > limit
        return tables.answer(
            messages.History(twin=twin, rows=rows, more=more), rows, messages.HistoryRow, media, more=more
        )
    windows = await call.service.windows(twin, path, span, interval_s=interval_s, limit=limit + 1)
    units = _units(call, twin)
    shown = [view.window(row, units) for row in windows[:limit]]
    more = len(windows) > limit
    whole = messages.Windows(twin=twin, interval=interval_s, rows=shown, more=more)
    return tables.answer(whole, shown, messages.Window, media, more=more)


def _units(call: Call, twin: str) -> Mapping[tuple[str, ...], str | None]:
    state = call.service.graph.twins.get(twin)
    return view.units(call.service, state.model) if state is not None else {}


def _interval(call: Call) -> float | None:
    """Length of an interval in seconds, None when single samples are asked for."""
    text = call.request.query_params.get("interval")
    if text is None:
        return None
    try:
        interval_s = float(text)
    except ValueError:
        interval_s = 0.0
    if not SHORTEST_S <= interval_s <= LONGEST_S:
        raise RequestInvalid(
            "InvalidArgument", f"interval={text[:40]!r} is not a number of seconds from {SHORTEST_S} to {LONGEST_S:g}",
            action="Give seconds, such as interval=60.",
        )  # fmt: skip
    return interval_s


async def command(call: Call) -> Response:
    """POST /v1/twins/{id}/commands/{name}."""
    point = Point(call.names["id"], view.parse_path(call.names["name"]))
    argument = await read_json(call.request, empty=None)
    _require_command(call.service, point)
    return _reply(messages.CommandResult(result=await call.service.call(point, argument, call.caller)))


def _require_command(service: TwinService, point: Point) -> None:
    """A name that the model lacks is reported as what this route is about.

    Raises:
        TwinNotFound: ``DigitalTwinNotFound``: no such twin; ``CommandNotFound``: its model has no such Command.
    """
    state = view.state_of(service, point.twin)
    try:
        is_command = service.point_type(point).is_command
    except TwinNotFound as error:
        raise _no_command(state.model, point) from error
    if not is_command:
        raise _no_command(state.model, point)


def _no_command(model: str, point: Point) -> TwinNotFound:
    name = view.path_text(point.path)
    action = f"Ask GET /v1/twins/{point.twin} for its commands."
    return TwinNotFound("CommandNotFound", f"{model} has no Command {name!r}", action=action)


async def health(call: Call) -> Response:
    """GET /v1/health."""
    return _reply(view.health(call.service.health()))


async def ready(call: Call) -> Response:
    """GET /v1/ready."""
    now = call.service.health().ready
    return Response(
        messages.Ready(ready=now).encode(), status_code=200 if now else 503, media_type="application/json",
        headers=None if now else {"retry-after": "1"},
    )  # fmt: skip


def _reply(message: messages.Message) -> Response:
    return Response(message.encode(), media_type="application/json")


def _time(name: str, description: str) -> Parameter:
    return Parameter(
        name=name, where="query", description=f"{description} RFC 3339.",
        schema={"type": "string", "format": "date-time"},
    )  # fmt: skip


def _integer(name: str, description: str, at_most: int) -> Parameter:
    schema: Mapping[str, Any] = {"type": "integer", "minimum": 1, "maximum": at_most}
    return Parameter(name=name, where="query", description=description, schema=schema)


_KNOWN_AT: Final = _time("known-at", "As the ledger stood then.")
_NO_TWIN: Final = {404: ("DigitalTwinNotFound",)}
_INVALID: Final = {400: ("InvalidArgument",)}

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="GET", path="/v1/twins", handler=list_twins, family="v1", id="list_twins",
        summary="List the twins with kind, model and status.",
        parameters=(Parameter(name="after", where="query", description="Ids greater than this one."),
                    _integer("limit", "Size of a page.", LIST_PAGE)),
        replies={200: Reply(description="A page.", model=messages.TwinList)}, errors=_INVALID,
    ),
    Route(
        method="GET", path="/v1/twins/{id}", handler=get_twin, family="v1", id="get_twin",
        summary="What a twin is, and every value with unit, status, times and source.",
        parameters=(_time("at", "As it was true then, with all that is known now."), _KNOWN_AT),
        replies={200: Reply(description="The twin.", model=messages.Twin)}, errors={**_INVALID, **_NO_TWIN},
    ),
    Route(
        method="GET", path="/v1/twins/{id}/history", handler=history, family="v1", id="get_history",
        summary="Past samples and written values, ordered by source time; with `interval`, aggregates of them.",
        parameters=(Parameter(name="path", where="query", description="Only this value: `property` or "
                              "`component/property`."),
                    _time("from", "Not earlier."), _time("to", "Not later."), _KNOWN_AT,
                    Parameter(name="interval", where="query", schema={"type": "number", "minimum": SHORTEST_S,
                              "maximum": LONGEST_S}, description="Aggregate by intervals of so many seconds."),
                    _integer("limit", "At most so many, the oldest first.", HISTORY_LIMIT)),
        replies={200: Reply(description="The samples, or one row for each interval and value.",
                            model={"anyOf": [{"$ref": f"#/components/schemas/{message.__name__}"}
                                             for message in (messages.History, messages.Windows)]},
                            also=(tables.CSV, tables.PARQUET),
                            headers={tables.MORE: "Of CSV and Parquet: whether the limit cut it off."})},
        errors={400: ("InvalidArgument", "LimitExceeded"), **_NO_TWIN, 406: ("NotAcceptable",)},
    ),
    Route(
        method="POST", path="/v1/twins/{id}/commands/{name}", handler=command, family="v1", id="call_command",
        summary="Call a command; that of a component is `component%2Fcommand`.",
        parameters=(Parameter(name="Idempotency-Key", where="header",
                              description="A call repeated with the same key acts once."),
                    Parameter(name="x-ms-client-request-id", where="header", description="The same.")),
        body=Body(schema={"description": "The argument as the command's request schema has it."}, required=False),
        replies={200: Reply(description="What it answered.", model=messages.CommandResult)},
        errors={400: ("InvalidArgument", "ValidationFailed", "Bad… (the OPC UA code with which a plant refused)"),
                404: ("DigitalTwinNotFound", "CommandNotFound"), 413: ("PayloadTooLarge",),
                415: ("UnsupportedMediaType",),
                503: ("LinkDown", "Overloaded"), 504: ("Expired",)},
    ),
    Route(
        method="GET", path="/v1/health", handler=health, family="v1", id="get_health",
        summary="Sources, ledger and problems.",
        replies={200: Reply(description="How the whole is.", model=messages.Health)},
    ),
    Route(
        method="GET", path="/v1/ready", handler=ready, family="v1", id="get_ready",
        summary="Whether requests are served.",
        replies={200: Reply(description="Ready.", model=messages.Ready),
                 503: Reply(description="Not yet.", model=messages.Ready)},
    ),
)  # fmt: skip
"""Every operation of ``/v1`` but the stream."""
