"""Telemetry messages of clients: checked against the model, and taken apart into events. Pure."""

from __future__ import annotations

from typing import Final

from dtdl.compiler.build import Types
from dtdl.elements import Component, Telemetry
from dtdl.errors import ModelNotFound, RequestInvalid
from interop.event import Draft
from interop.graph.state import TwinState
from interop.service import Caller, Message
from interop.values import Value, format_time

MAX_MEMBERS: Final = 1_000
"""Members of one message."""


def telemetry_drafts(
    types: Types, state: TwinState, component: str | None, message: Message, caller: Caller
) -> list[Draft]:
    """Gives the events of a message: the message as a whole, then each Telemetry that the model declares.

    Args:
        types: The compiled models.
        state: The twin that sends it.
        component: The component that sends it; None: the twin itself.
        message: What is sent.
        caller: Who sends it.

    Raises:
        RequestInvalid: ``ComponentNotFound``, or too many members.
        ValueInvalid: A declared Telemetry has another schema.
    """
    members = message.payload if isinstance(message.payload, dict) else {}
    if len(members) > MAX_MEMBERS:
        raise RequestInvalid(
            "InvalidArgument", f"the message has {len(members)} members", action=f"Send at most {MAX_MEMBERS}."
        )
    inside = _inside(types, state, component)
    time = format_time(message.source_time) if message.source_time else None
    common = {"message": message.id, "sourceTime": time}
    whole = Draft(
        kind="telemetry",
        twin=state.id,
        actor=caller.actor,
        body={"path": None, "value": message.payload, **common, "component": component},
    )
    drafts = [whole]
    for name, value in members.items():
        checked = _declared(types, state.model, (*inside, name), value)
        if checked is not None:
            body = {"path": [*inside, name], "value": checked[0], **common}
            drafts.append(Draft(kind="telemetry", twin=state.id, actor=caller.actor, cause=whole, body=body))
    return drafts


def _inside(types: Types, state: TwinState, component: str | None) -> tuple[str, ...]:
    if component is None:
        return ()
    if not isinstance(types.model.interface(state.model).contents.get(component), Component):
        raise RequestInvalid("ComponentNotFound", f"{state.id} has no component {component!r}", action="Ask its model.")
    return (component,)


def _declared(types: Types, model: str, path: tuple[str, ...], value: Value) -> tuple[Value] | None:
    """Gives a value as its schema has it; None where the model declares no such Telemetry."""
    try:
        found = types.point(model, path)
    except ModelNotFound:
        return None
    return (found.check(value),) if isinstance(found.content, Telemetry) else None
