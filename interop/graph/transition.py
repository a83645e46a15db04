"""What one event does to the twins: a pure function, the same when it happens and when it is replayed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from types import MappingProxyType
from typing import Any, Final, Protocol

from interop.event import Event
from interop.graph.patch import bare_value, replay_patch
from interop.graph.state import NOTHING, Cell, Relationship, Stamps, TwinState, packed
from interop.service import Change
from interop.values import BAD_TYPE_MISMATCH, GOOD, Point, Status, Value

PROPERTY: Final = "p"
TELEMETRY: Final = "t"
"""Sixth item of a reading: whether its point is part of the twin's state, so that replay needs no models."""

Path = tuple[str, ...]


class View(Protocol):
    """What a transition reads: the committed graph, or it with the events that wait for their commit on top."""

    def twin(self, twin_id: str) -> TwinState | None:
        """The twin as it is before the event, or None."""
        ...

    def relationship(self, twin: str, relationship_id: str) -> Relationship | None:
        """A relationship by its source twin and id, or None."""
        ...

    def fed_by(self, source: str) -> Iterable[str]:
        """Ids of twins that may have a cell of a source; some may have none any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one event changed.

    Attributes:
        seq: The event.
        twins: New states by ``$dtId``; None for a twin that was deleted.
        relationships: New relationships by source twin and id; None for one that was deleted.
        changes: What is published once the event is durable.
    """

    seq: int
    twins: Mapping[str, TwinState | None] = field(default_factory=dict)
    relationships: Mapping[tuple[str, str], Relationship | None] = field(default_factory=dict)
    changes: Sequence[Change] = ()


def apply(view: View, event: Event) -> Delta:
    """Gives what an event does; events of kinds that this release does not know do nothing.

    Rules:

    - ``twin-put`` replaces the contents. A value that a source gave and that the new contents do not name stays, with
      its cell; one that they name is the client's now, and its cell goes. Another model drops all cells.
    - ``patch`` drops the cells at, above and below what it touches.
    - A reading older (source time) than the cell of its point changes nothing. A status that is not usable with no
      value, and BadTypeMismatch, keep the last value in place.
    - ETags change with twin-put and patch only, and are made of the seq.

    Args:
        view: The state before the event.
        event: What happened.
    """
    rule = _RULES.get(event.kind)
    return rule(view, event) if rule else Delta(seq=event.seq)


def etag_of(seq: int) -> str:
    """The weak entity tag (RFC 9110, 8.8.3) that an event gives what it wrote."""
    return f'W/"{seq:016x}"'


@lru_cache(maxsize=65_536)
def point_of(text: str) -> Point:
    """Reads a point's text; the same few thousand come again and again."""
    return Point.parse(text)


@lru_cache(maxsize=65_536)
def _path(*segments: str) -> Path:
    """Gives one tuple for equal paths, since every twin of a model has the same ones."""
    return segments


@lru_cache(maxsize=1_024)
def status_of(text: str) -> Status:
    """Gives one Status for equal names."""
    return Status(text)


def instant(text: str | None) -> datetime | None:
    """Reads a time of a stored event; they were written by ``format_time``."""
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def replaces(status: Status, value: Value) -> bool:
    """Whether a reading has a value that may take the place of the one before."""
    return status != BAD_TYPE_MISMATCH and not (value is None and status.is_bad)


def reason_of(status: Status, value: Value, reason: str) -> str:
    """Why a reading is not Good: what it says itself, or the raw value that failed its schema."""
    return reason or (f"the source gave {value!r}" if status == BAD_TYPE_MISMATCH else "")


def finite(value: Value) -> Value:
    """Gives what the stored JSON gives back: null for a number that JSON cannot write."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def written_paths(contents: Mapping[str, Value]) -> list[Path]:
    """Paths of the properties that the contents of a twin-put name; a component is marked by its ``$metadata``."""
    paths: list[Path] = []
    for name, value in contents.items():
        if isinstance(value, dict) and "$metadata" in value:
            paths += [_path(name, member) for member in value if not member.startswith("$")]
        elif not name.startswith("$"):
            paths.append(_path(name))
    return paths


def bare(contents: Mapping[str, Value]) -> dict[str, Value]:
    """Gives contents without ``$`` keys, their components too."""
    return {name: bare_value(value) for name, value in contents.items() if not name.startswith("$")}


def patched_model(body: Mapping[str, Any]) -> str | None:
    """The DTMI of the model after a patch, from the body of its event; None: it stays."""
    model: str | None = body.get("model")
    for op in body["ops"]:
        if op["path"] == "/$metadata/$model":
            model = model or op["value"]
    return model


def touches(one: Path, other: Path) -> bool:
    """Whether one path is the other, or is above or below it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def value_at(contents: Mapping[str, Value], path: Path) -> tuple[bool, Value]:
    """Looks a path up; whether it is there, and its value."""
    found: Any = contents
    for segment in path:
        if not isinstance(found, Mapping) or segment not in found:
            return False, None
        found = found[segment]
    return True, found


class Draft:
    """A twin's next state while one event is applied; its mappings are copied once, when first changed."""

    __slots__ = ("_own", "cells", "contents", "model", "state", "updated")

    def __init__(self, state: TwinState) -> None:
        self.state = state
        self.model = state.model
        self.contents: dict[str, Value] = dict(state.contents)
        self.cells: dict[Path, Cell] = dict(state.cells)
        self.updated: dict[Path, datetime] = dict(state.updated)
        self._own: set[Path] = set()

    def set(self, path: Path, value: Value) -> None:
        """Sets a value in the contents; the objects on the way are copied once."""
        parent: dict[str, Any] = self.contents
        for depth, segment in enumerate(path[:-1], start=1):
            above = path[:depth]
            child = parent.get(segment)
            if above not in self._own or not isinstance(child, dict):
                child = dict(child) if isinstance(child, dict) else {}
                parent[segment] = child
                self._own.add(above)
            parent = child
        parent[path[-1]] = value

    def finish(self, seq: int, at: datetime, *, etag: str | None = None) -> TwinState:
        """Gives the frozen state."""
        return TwinState(
            id=self.state.id, model=intern(self.model), contents=self.contents, updated=Stamps(self.updated),
            cells=self.cells or NOTHING, etag=self.state.etag if etag is None else etag, seq=seq, changed_at=at,
        )  # fmt: skip


def _twin_put(view: View, event: Event) -> Delta:
    assert event.twin is not None
    written = event.body["contents"]
    paths = written_paths(written)
    before = view.twin(event.twin)
    model = event.body["model"]
    draft = Draft(TwinState(id=event.twin if before is None else before.id, model=model))
    draft.contents = bare(written)
    if before is not None and before.model == model:
        for path, cell in before.cells.items():
            if any(touches(path, other) for other in paths):
                continue
            draft.cells[path] = cell
            had, value = value_at(before.contents, path)
            if had:
                draft.set(path, value)
                draft.updated[path] = before.updated.get(path, event.recorded_at)
    draft.updated.update(dict.fromkeys(paths, event.recorded_at))
    draft.contents = packed(draft.contents)
    state = draft.finish(event.seq, event.recorded_at, etag=etag_of(event.seq))
    change = Change(seq=event.seq, kind="twin", twin=event.twin, detail={"created": before is None}, before=before)
    return Delta(seq=event.seq, twins={event.twin: state}, changes=(change,))


def _twin_delete(view: View, event: Event) -> Delta:
    assert event.twin is not None
    before = view.twin(event.twin)
    if before is None:
        return Delta(seq=event.seq)
    change = Change(seq=event.seq, kind="twin-deleted", twin=event.twin, detail={"model": before.model}, before=before)
    return Delta(seq=event.seq, twins={event.twin: None}, changes=(change,))


def _patch(view: View, event: Event) -> Delta:
    before = view.twin(event.twin) if event.twin is not None else None
    if before is None:
        return Delta(seq=event.seq)
    patched = replay_patch(before.contents, event.body["ops"])
    draft = Draft(before)
    draft.contents = patched.contents
    draft.model = patched_model(event.body) or before.model
    for path in patched.paths:
        draft.cells = {p: cell for p, cell in draft.cells.items() if not touches(p, path)}
        draft.updated = {p: at for p, at in draft.updated.items() if p[: len(path)] != path}
        if value_at(patched.contents, path)[0]:
            draft.updated[_path(*path)] = event.recorded_at
    state = draft.finish(event.seq, event.recorded_at, etag=etag_of(event.seq))
    # One change for each place that the patch touched, and at least one, since the ETag is new.
    changes = [
        Change(seq=event.seq, kind="twin", twin=before.id, path=path, detail={"ops": event.body["ops"]}, before=before)
        for path in patched.paths or ((),)
    ]
    return Delta(seq=event.seq, twins={before.id: state}, changes=changes)


def _known_id(view: View, twin: str) -> str:
    """Gives the text that the twin itself has, so that it is in memory once."""
    state = view.twin(twin)
    return twin if state is None else state.id


def _relationship_put(view: View, event: Event) -> Delta:
    assert event.twin is not None
    body = event.body
    relationship = Relationship(
        id=body["id"], source=_known_id(view, event.twin), name=intern(body["name"]),
        target=_known_id(view, body["target"]), contents=bare(body.get("contents") or {}) or NOTHING,
        etag=etag_of(event.seq), seq=event.seq,
    )  # fmt: skip
    detail = {"id": relationship.id, "name": relationship.name, "target": relationship.target}
    before = view.relationship(event.twin, relationship.id)
    change = Change(seq=event.seq, kind="relationship", twin=event.twin, detail=detail, before=before)
    return Delta(seq=event.seq, relationships={(relationship.source, relationship.id): relationship}, changes=(change,))


def _relationship_delete(view: View, event: Event) -> Delta:
    assert event.twin is not None
    key = (event.twin, event.body["id"])
    before = view.relationship(*key)
    if before is None:
        return Delta(seq=event.seq)
    detail = {"id": before.id, "name": before.name, "target": before.target}
    change = Change(seq=event.seq, kind="relationship-deleted", twin=event.twin, detail=detail, before=before)
    return Delta(seq=event.seq, relationships={key: None}, changes=(change,))


def _samples(view: View, event: Event) -> Delta:
    source = event.body["source"]
    drafts: dict[str, Draft | None] = {}
    relationships: dict[tuple[str, str], Relationship | None] = {}
    changes: list[Change] = []
    for text, value, status, source_time, server_time, kind, *reason in event.body["readings"]:
        twin, path = point_of(text)
        if twin not in drafts:
            state = view.twin(twin)
            drafts[twin] = None if state is None else Draft(state)
        draft = drafts[twin]
        if draft is None:
            continue
        sample = Cell(
            finite(value), status_of(status), instant(source_time) or event.recorded_at, instant(server_time), source,
            event.seq, *reason,
        )  # fmt: skip
        cell = _read(draft, path, sample, event.recorded_at, kind)
        if cell is None:
            continue
        if path[0] == "-" and kind == PROPERTY and replaces(sample.status, sample.value):
            _read_relationship(view, relationships, twin, path, cell)
        changes.append(Change(seq=event.seq, kind="value", twin=twin, path=path, cell=cell))
    touched = {change.twin for change in changes}
    twins = {
        twin: draft.finish(event.seq, event.recorded_at)
        for twin, draft in drafts.items()
        if draft is not None and twin in touched
    }
    return Delta(seq=event.seq, twins=twins, relationships=relationships, changes=changes)


def _read(draft: Draft, path: Path, sample: Cell, at: datetime, kind: str) -> Cell | None:
    """Puts one sample into a draft; None when it is older than what is there."""
    old = draft.cells.get(path)
    if old is not None and old.source_time is not None and sample.source_time is not None:  # noqa: SIM102 - two questions
        if sample.source_time < old.source_time:
            return None
    cell = sample
    if not replaces(sample.status, sample.value):
        kept = old.value if old is not None else value_at(draft.contents, path)[1]
        reason = sample.reason or (f"the source gave {sample.value!r}" if sample.status == BAD_TYPE_MISMATCH else "")
        cell = sample._replace(value=kept, reason=reason)
    elif kind == PROPERTY and path[0] != "-":
        draft.set(path, sample.value)
        draft.updated[_path(*path)] = at
    draft.cells[_path(*path)] = cell
    return cell


def _read_relationship(
    view: View, relationships: dict[tuple[str, str], Relationship | None], twin: str, path: Path, cell: Cell
) -> None:
    """Puts a sample of ``("-", relationship id, property)`` into the relationship."""
    key = (twin, path[1])
    before = relationships.get(key) or view.relationship(*key)
    if before is None or len(path) != 3:  # noqa: PLR2004 - contract Point
        return
    relationships[key] = replace(before, contents={**before.contents, path[2]: cell.value}, seq=cell.seq)


def _telemetry(view: View, event: Event) -> Delta:
    """Keeps the last value of a message that names its telemetry; one without a path is only published."""
    path = _path(*(event.body.get("path") or ()))
    detail = {key: value for key, value in event.body.items() if key != "path"}
    state = view.twin(event.twin) if event.twin is not None else None
    if state is None:
        return Delta(seq=event.seq)
    at = instant(event.body.get("sourceTime")) or event.recorded_at
    cell = Cell(finite(event.body.get("value")), GOOD, at, event.recorded_at, event.actor, event.seq)
    draft = Draft(state)
    kept = _read(draft, path, cell, event.recorded_at, TELEMETRY) if path else None
    change = Change(seq=event.seq, kind="telemetry", twin=state.id, path=path, cell=cell, detail=detail)
    twins = {state.id: draft.finish(event.seq, event.recorded_at)} if kept else {}
    return Delta(seq=event.seq, twins=twins, changes=(change,))


def _link(view: View, event: Event) -> Delta:
    source, text = event.body["source"], event.body.get("status")
    changes = [Change(seq=event.seq, kind="link", twin=None, detail=event.body)]
    twins: dict[str, TwinState | None] = {}
    if text is None:
        return Delta(seq=event.seq, changes=changes)
    status, reason = status_of(text), event.body.get("reason") or event.body.get("cause") or ""
    for twin in sorted(view.fed_by(source)):
        state = view.twin(twin)
        if state is None:
            continue
        fed = {
            path: cell._replace(status=status, reason=reason, seq=event.seq)
            for path, cell in state.cells.items()
            if cell.source == source
        }
        if fed:
            twins[twin] = replace(state, cells={**state.cells, **fed}, seq=event.seq, changed_at=event.recorded_at)
            changes += [
                Change(seq=event.seq, kind="value", twin=twin, path=path, cell=cell) for path, cell in fed.items()
            ]
    return Delta(seq=event.seq, twins=twins, changes=changes)


def _action(view: View, event: Event) -> Delta:  # noqa: ARG001 - a rule's signature
    """Publishes a write or command; what it changes comes as samples of its own."""
    change = Change(
        seq=event.seq, kind="command", twin=event.twin, detail={"kind": event.kind, "cause": event.cause, **event.body}
    )
    return Delta(seq=event.seq, changes=(change,))


def _model(view: View, event: Event) -> Delta:  # noqa: ARG001 - a rule's signature
    detail = {"id": event.body.get("id"), "action": event.body.get("action")}
    return Delta(seq=event.seq, changes=(Change(seq=event.seq, kind="model", twin=None, detail=detail),))


_RULES: Final[Mapping[str, Callable[[View, Event], Delta]]] = MappingProxyType(
    {
        "twin-put": _twin_put,
        "twin-delete": _twin_delete,
        "patch": _patch,
        "relationship-put": _relationship_put,
        "relationship-delete": _relationship_delete,
        "samples": _samples,
        "telemetry": _telemetry,
        "link": _link,
        "write": _action,
        "command": _action,
        "model": _model,
    }
)
