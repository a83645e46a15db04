"""Changes to CloudEvents 1.0, with the types and data of the Azure Digital Twins service; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from interop.graph.document import document, relationship_document
from interop.graph.state import Relationship, TwinState
from interop.service import Change
from interop.values import Point, format_time

TWIN: Final = "Microsoft.DigitalTwins.Twin"
RELATIONSHIP: Final = "Microsoft.DigitalTwins.Relationship"
TELEMETRY: Final = "microsoft.iot.telemetry"
MODEL: Final = "Megatwin.Model"
"""The Azure service has no events of models; these are ours."""

CloudEvent: TypeAlias = dict[str, Any]
IsComponent: TypeAlias = Callable[[str, str], bool]


class Now:
    """What is true while changes are turned into events: the committed twins and definitions.

    Args:
        source: Name of the service, as the events' ``source``.
        twins: By id.
        relationship: Gives a relationship by source and id.
        is_component: Which contents are components.
        is_property: Whether a point is part of a twin's state.
    """

    def __init__(
        self,
        source: str,
        twins: Mapping[str, TwinState],
        relationship: Callable[[str, str], Relationship | None],
        is_component: IsComponent,
        is_property: Callable[[Point], bool],
    ) -> None:
        self.source = source
        self.twins = twins
        self.relationship = relationship
        self.is_component = is_component
        self.is_property = is_property


def events_of(changes: Sequence[Change], now: Now, at: datetime) -> Iterator[CloudEvent]:
    """Gives the events of one committed batch, in its order; a patch is one event, however many places it touched.

    Args:
        changes: What is different.
        now: The twins after it.
        at: When it was committed (UTC).
    """
    last: tuple[int, str | None] = (0, None)
    count = 0
    for change in changes:
        key = (change.seq, change.twin)
        if change.kind == "twin" and key == last:
            continue
        last = key if change.kind == "twin" else (0, None)
        made = _event(change, now)
        if made is None:
            continue
        kind, subject, data, more = made
        count += 1
        yield {
            "specversion": "1.0",
            "id": f"{change.seq}-{count}",
            "source": now.source,
            "type": kind,
            "subject": subject,
            "time": format_time(at),
            "datacontenttype": "application/json",
            **more,
            "data": data,
        }


_Made: TypeAlias = tuple[str, str, Any, dict[str, Any]]


def _event(change: Change, now: Now) -> _Made | None:
    rule = _RULES.get(change.kind)
    return rule(change, now) if rule is not None else None


def _twin(change: Change, now: Now) -> _Made | None:
    twin = change.twin or ""
    after = now.twins.get(twin)
    if after is None:
        return None
    if not isinstance(change.before, TwinState):
        return f"{TWIN}.Create", twin, document(after, now.is_component), {}
    operations = change.detail.get("ops")
    if operations is None:
        operations = _difference(change.before.contents, after.contents)
        if change.before.model != after.model:
            operations.append({"op": "replace", "path": "/$metadata/$model", "value": after.model})
    return f"{TWIN}.Update", twin, {"modelId": after.model, "patch": operations}, {}


def _value(change: Change, now: Now) -> _Made | None:
    """A reading of a property is an update; one of a telemetry is a message."""
    twin = change.twin or ""
    after = now.twins.get(twin)
    if after is None or change.cell is None or change.cell.status.is_bad or change.path[:1] == ("-",):
        return None
    if now.is_property(Point(twin, change.path)):
        path = str(Point("", change.path))
        patch = [{"op": "replace", "path": path, "value": change.cell.value}]
        return f"{TWIN}.Update", twin, {"modelId": after.model, "patch": patch}, {}
    *inside, name = change.path
    subject = "/components/".join((twin, *inside))
    return TELEMETRY, subject, {name: change.cell.value}, {"dataschema": after.model}


def _telemetry(change: Change, now: Now) -> _Made | None:
    after = now.twins.get(change.twin or "")
    if after is None or change.path:  # what a message says of one Telemetry is in the message already
        return None
    component = change.detail.get("component")
    subject = f"{after.id}/components/{component}" if component else after.id
    more = {"dataschema": after.model, "messageid": change.detail.get("message")}
    if change.detail.get("sourceTime"):
        more["sourcetime"] = change.detail["sourceTime"]
    return TELEMETRY, subject, change.detail.get("value"), more


def _twin_deleted(change: Change, now: Now) -> _Made | None:
    if not isinstance(change.before, TwinState):
        return None
    return f"{TWIN}.Delete", change.before.id, document(change.before, now.is_component), {}


def _relationship_deleted(change: Change, now: Now) -> _Made | None:  # noqa: ARG001 - a rule's signature
    if not isinstance(change.before, Relationship):
        return None
    return f"{RELATIONSHIP}.Delete", _link(change.before), relationship_document(change.before), {}


def _model(change: Change, now: Now) -> _Made | None:  # noqa: ARG001
    dtmi = change.detail["id"]
    action = {"put": "Create", "delete": "Delete"}.get(change.detail["action"], "Update")
    return f"{MODEL}.{action}", dtmi, {"modelId": dtmi}, {}


def _relationship(change: Change, now: Now) -> _Made | None:
    after = now.relationship(change.twin or "", change.detail["id"])
    if after is None:
        return None
    before = change.before
    if not isinstance(before, Relationship) or (before.name, before.target) != (after.name, after.target):
        return f"{RELATIONSHIP}.Create", _link(after), relationship_document(after), {}
    source = now.twins.get(after.source)
    data = {
        "modelId": source.model if source else None,
        "relationshipName": after.name,
        "patch": _difference(before.contents, after.contents),
    }
    return f"{RELATIONSHIP}.Update", _link(after), data, {}


def _link(found: Relationship) -> str:
    return f"{found.source}/relationships/{found.id}"


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    operations: list[dict[str, Any]] = []
    for name in dict.fromkeys((*before, *after)):
        path = str(Point("", (name,)))
        if name not in after:
            operations.append({"op": "remove", "path": path})
        elif name not in before:
            operations.append({"op": "add", "path": path, "value": after[name]})
        elif before[name] != after[name]:
            operations.append({"op": "replace", "path": path, "value": after[name]})
    return operations


_RULES: Final[Mapping[str, Callable[[Change, Now], _Made | None]]] = {
    "twin": _twin,
    "twin-deleted": _twin_deleted,
    "value": _value,
    "relationship": _relationship,
    "relationship-deleted": _relationship_deleted,
    "telemetry": _telemetry,
    "model": _model,
}
