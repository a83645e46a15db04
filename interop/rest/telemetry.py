"""The data plane of Azure Digital Twins: telemetry that clients send for a twin or a component."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from dtdl.errors import RequestInvalid
from interop.rest.adt import VERSION
from interop.rest.request import read_json
from interop.rest.routes import Body, Call, Parameter, Reply, Route
from interop.service import Message
from interop.values import parse_time

MAX_ID: Final = 1_000


async def send(call: Call) -> Response:
    """POST /digitaltwins/{id}/telemetry and /digitaltwins/{id}/components/{componentPath}/telemetry."""
    payload = await read_json(call.request)
    message_id = call.request.headers.get("message-id") or str(uuid.uuid4())
    if len(message_id) > MAX_ID:
        raise RequestInvalid(
            "InvalidArgument", f"the Message-Id is longer than {MAX_ID} characters", action="Shorten it."
        )
    time = call.request.headers.get("telemetry-source-time")
    message = Message(payload, message_id, parse_time(time) if time else None)
    await call.service.send_telemetry(call.names["id"], call.names.get("componentPath"), message, call.caller)
    return Response(status_code=204)


_PARAMETERS: Final = (
    VERSION,
    Parameter(name="Message-Id", where="header", description="The client's own id of the message."),
    Parameter(name="Telemetry-Source-Time", where="header", description="When it was true, RFC 3339."),
)
_PAYLOAD: Final[Mapping[str, Any]] = {"description": "Telemetry by name; any other JSON is published as it is."}
_BODY: Final = {413: ("PayloadTooLarge",), 415: ("UnsupportedMediaType",)}

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST", path="/digitaltwins/{id}/telemetry", handler=send, family="azure",
        id="DigitalTwins_send_telemetry", summary="Publish telemetry of a twin.", parameters=_PARAMETERS,
        body=Body(schema=_PAYLOAD), replies={204: Reply(description="Published, and durable.")},
        errors={400: ("InvalidArgument", "ValidationFailed"), 404: ("DigitalTwinNotFound",), **_BODY},
    ),
    Route(
        method="POST", path="/digitaltwins/{id}/components/{componentPath}/telemetry", handler=send, family="azure",
        id="DigitalTwins_send_component_telemetry", summary="Publish telemetry of a component.",
        parameters=_PARAMETERS, body=Body(schema=_PAYLOAD),
        replies={204: Reply(description="Published, and durable.")},
        errors={400: ("InvalidArgument", "ValidationFailed"), 404: ("DigitalTwinNotFound", "ComponentNotFound"),
                **_BODY},
    ),
)  # fmt: skip
