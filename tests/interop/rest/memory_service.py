"""A twin service in memory: the real transitions over a list of events, without ledger, plants or models on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dtdl.compiler.point import PointType
from dtdl.diagnostic import Diagnostic
from dtdl.elements import (
    Command,
    Component,
    Content,
    Element,
    Interface,
    Model,
    Property,
    Schema,
    SchemaField,
    Telemetry,
)
from dtdl.elements import Relationship as RelationshipElement
from dtdl.errors import Conflict, MegatwinError, PreconditionFailed, RequestInvalid, TwinNotFound, ValueInvalid
from interop.event import Event
from interop.graph.document import components_of, contents_from_document, marked
from interop.graph.patch import apply_patch
from interop.graph.query.engine import QueryEngine
from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph
from interop.graph.transition import apply
from interop.ledger.windows import windows
from interop.rest.view import contents
from interop.service import (
    About,
    Caller,
    Health,
    HistoryRow,
    Pillar,
    Published,
    QueryPage,
    SourceHealth,
    Span,
    Window,
)
from interop.values import BAD_NO_DATA, GOOD, Point, Reading, Status, Value, format_time, parse_time, utc_now

ROOM = "dtmi:test:Room;1"
VENT = "dtmi:test:Vent;1"

_SCHEMAS: Mapping[str, tuple[type, ...]] = {"Double": (int, float), "String": (str,), "Integer": (int,)}


def _schema(kind: str) -> Schema:
    return Schema(f"dtmi:dtdl:instance:Schema:{kind.lower()};4", kind=kind)


def _content(cls: type[Content], name: str, **properties: Any) -> Content:
    return cls(f"dtmi:test:{name};1", properties={"name": name, **properties})


def _interface(dtmi: str, *contents: Content) -> Interface:
    return Interface(dtmi, properties={"contents": {content.name: content for content in contents}})


def _field(name: str, kind: str) -> SchemaField:
    return SchemaField(f"dtmi:test:{name};1", kind="Field", properties={"name": name, "schema": _schema(kind)})


_VENT = _interface(
    VENT,
    _content(Property, "speed", schema=_schema("Double"), writable=True),
    _content(Command, "boost"),
)
_ROOM = _interface(
    ROOM,
    _content(Property, "name", schema=_schema("String"), writable=True),
    _content(Property, "temperature", schema=_schema("Double"), unit="degreeCelsius", writable=True),
    _content(Telemetry, "humidity", schema=_schema("Double"), unit="percent"),
    _content(Component, "vent", schema=_VENT),
    _content(Command, "reset", request=_field("level", "Integer"), response=_field("text", "String")),
    _content(RelationshipElement, "contains"),
)


class MemorySubscription:
    """A bounded queue of batches."""

    def __init__(self, size: int, forget: Callable[[MemorySubscription], None]) -> None:
        self._queue: asyncio.Queue[Published | None] = asyncio.Queue()
        self._size, self._forget, self._lost = size, forget, 0

    def put(self, batch: Published) -> None:
        if self._queue.qsize() >= self._size:
            self._lost += 1
            return
        self._queue.put_nowait(Published(batch.first_seq, batch.last_seq, batch.changes, self._lost))
        self._lost = 0

    def __aiter__(self) -> AsyncIterator[Published]:
        return self._batches()

    async def _batches(self) -> AsyncIterator[Published]:
        while (batch := await self._queue.get()) is not None:
            yield batch

    def close(self) -> None:
        self._forget(self)
        self._queue.put_nowait(None)


class MemoryService:
    """Implements interop.service.TwinService; ``failure`` is raised by the next writes and calls."""

    def __init__(self) -> None:
        elements: dict[str, Element] = {ROOM: _ROOM, VENT: _VENT}
        self.model = Model(elements)
        self.graph = Graph()
        self.failure: MegatwinError | Exception | None = None
        self.calls: list[tuple[Point, Value, Caller]] = []
        self.ready = True
        self.has_reader = asyncio.Event()
        self._events: list[Event] = []
        self._readers: set[MemorySubscription] = set()
        self._done: dict[str, Any] = {}
        self.queries = QueryEngine(self.graph, lambda: self.model, past=self._graph_at)

    # what happens

    def record(self, kind: str, twin: str | None, body: Mapping[str, Any], actor: str = "runtime") -> None:
        seq = len(self._events) + 1
        event = Event(seq=seq, kind=kind, twin=twin, recorded_at=utc_now(), actor=actor, body=body)
        event = Event.decode(event.encode())
        self._events.append(event)
        delta = apply(self.graph, event)
        self.graph.install(delta)
        for reader in tuple(self._readers):
            reader.put(Published(seq, seq, delta.changes))

    def read(self, readings: Sequence[Reading], source: str = "plant") -> None:
        rows = [
            [
                str(point),
                sample.value,
                str(sample.status),
                format_time(sample.source_time or utc_now()),
                format_time(sample.server_time or utc_now()),
                "t" if point.path == ("humidity",) else "p",
            ]
            for point, sample in readings
        ]
        self.record("samples", None, {"source": source, "readings": rows}, f"source:{source}")

    # TwinService

    def point_type(self, point: Point) -> PointType:
        for found in self.points(point.twin):
            if found.path == point.path:
                return found
        raise TwinNotFound("InvalidArgument", f"{point} does not exist")

    def points(self, twin: str) -> Sequence[PointType]:
        model = self.model.interface(self._state(twin).model)
        return [_point_type(model, path, content) for path, content in contents(model)]

    def absent(self, point: Point) -> tuple[Status, str]:
        return BAD_NO_DATA, "never set"

    async def put_twin(
        self, twin: str, document: Mapping[str, Any], caller: Caller, *, if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> TwinState:  # fmt: skip
        self._fail()
        _check(self.graph.twins.get(twin), if_match, if_none_match)
        model, new = contents_from_document(document)
        self._validate(model, new)
        body = {"model": model, "contents": marked(model, new, components_of(self.model))}
        self.record("twin-put", twin, body, caller.actor)
        return self.graph.twins[twin]

    async def patch_twin(
        self, twin: str, operations: Sequence[Mapping[str, Any]], caller: Caller, *, if_match: str | None = None
    ) -> TwinState:
        state = self._state(twin)
        if caller.request_id is not None and caller.request_id in self._done:
            return state
        self._fail()
        _check(state, if_match, None)
        patched = apply_patch(state.contents, operations)
        self._validate(state.model, patched.contents)
        self.record("patch", twin, {"ops": list(operations), "model": state.model}, caller.actor)
        if caller.request_id is not None:
            self._done[caller.request_id] = None
        return self.graph.twins[twin]

    async def delete_twin(self, twin: str, caller: Caller, *, if_match: str | None = None) -> None:
        _check(self._state(twin), if_match, None)
        if self.graph.outgoing(twin) or self.graph.incoming(twin):
            raise RequestInvalid("RelationshipsNotDeleted", f"{twin} has relationships", action="Delete them first.")
        self.record("twin-delete", twin, {}, caller.actor)

    async def put_relationship(
        self, twin: str, relationship_id: str, document: Mapping[str, Any], caller: Caller, *,
        if_match: str | None = None, if_none_match: str | None = None,
    ) -> Relationship:  # fmt: skip
        self._state(twin)
        _check(self.graph.relationship(twin, relationship_id), if_match, if_none_match)
        own = {name: value for name, value in document.items() if not name.startswith("$")}
        target = document["$targetId"]
        if target == twin:
            raise RequestInvalid("OperationNotAllowed", "a twin cannot be related to itself")
        if target not in self.graph.twins:
            raise TwinNotFound("TargetTwinNotFound", f"there is no twin {target!r}")
        body = {"id": relationship_id, "name": document["$relationshipName"], "target": target, "contents": own}
        self.record("relationship-put", twin, body, caller.actor)
        found = self.graph.relationship(twin, relationship_id)
        assert found is not None
        return found

    async def delete_relationship(
        self, twin: str, relationship_id: str, caller: Caller, *, if_match: str | None = None
    ) -> None:
        self._state(twin)
        found = self.graph.relationship(twin, relationship_id)
        if found is None:
            raise TwinNotFound("RelationshipNotFound", f"{twin} has no relationship {relationship_id!r}")
        _check(found, if_match, None)
        self.record("relationship-delete", twin, {"id": relationship_id}, caller.actor)

    async def call(self, point: Point, argument: Value, caller: Caller, *, deadline_s: float | None = None) -> Value:
        self._fail()
        if not self.point_type(point).is_command:
            raise TwinNotFound("CommandNotFound", f"{point} is no command")
        if point.path == ("reset",) and not isinstance(argument, int):
            raise ValueInvalid([_finding("reset", f"{argument!r} is no integer")])
        self.calls.append((point, argument, caller))
        return f"reset to {argument}" if point.path == ("reset",) else None

    def about(self, twin: str) -> About:
        cells = self._state(twin).cells
        bad = {cell.source: cell.reason for cell in cells.values() if cell.status.is_bad}
        parts = [link.target for link in self.graph.outgoing(twin, "contains")]
        link = Pillar(present=bool(cells), state=("down" if bad else "ok") if cells else "none")
        return About(
            kind="mega-twin" if parts else "shadow" if cells else "model", physical=link,
            digital=Pillar(present=True, state="ok"), connection=link,
            sources={cell.source: f"down: {cell.reason}" if cell.status.is_bad else "up" for cell in cells.values()},
            parts=parts, degraded=bad,
        )  # fmt: skip

    async def history(
        self, twin: str, path: tuple[str, ...] | None, start: datetime | None, end: datetime | None, *,
        known_at: datetime | None = None, limit: int = 1000,
    ) -> Sequence[HistoryRow]:  # fmt: skip
        self._state(twin)
        rows = [
            row
            for event in self._events
            if known_at is None or event.recorded_at <= known_at
            for row in _rows(event)
            if row.point.twin == twin
            and (path is None or row.point.path == path)
            and (start is None or row.source_time >= start)
            and (end is None or row.source_time <= end)
        ]
        return sorted(rows, key=lambda row: row.source_time)[:limit]

    async def windows(
        self, twin: str, path: tuple[str, ...] | None, span: Span, *, interval_s: float, limit: int = 1000
    ) -> Sequence[Window]:
        rows = await self.history(twin, path, span.start, span.end, known_at=span.known_at, limit=1_000_000)
        return list(windows(rows, interval_s, lambda _: None))[:limit]

    async def _graph_at(self, at: datetime) -> Graph:
        then = Graph()
        for event in self._events:
            if event.recorded_at <= at:
                then.install(apply(then, event))
        return then

    async def as_of(self, twin: str, at: datetime, *, known_at: datetime | None = None) -> TwinState:
        then = await self._graph_at(known_at or at)
        if twin not in then.twins:
            raise TwinNotFound("DigitalTwinNotFound", f"there was no twin {twin!r} then")
        return then.twins[twin]

    async def query(self, text: str | None, *, token: str | None = None, size: int = 100) -> QueryPage:
        self._fail()
        return await self.queries.page(text, token=token, size=size)

    async def events(self, since_seq: int, limit: int = 1000) -> Sequence[Event]:
        return self._events[since_seq : since_seq + limit]

    def subscribe(self, *, queue: int = 1000) -> MemorySubscription:
        reader = MemorySubscription(queue, self._readers.discard)
        self._readers.add(reader)
        self.has_reader.set()
        return reader

    def health(self) -> Health:
        source = SourceHealth(name="plant", kind="memory", state="up", since=utc_now(), bound=2)
        return Health(ready=self.ready, seq=self.graph.seq, root="00" * 32, sources=[source])

    # its own

    def _state(self, twin: str) -> TwinState:
        if twin not in self.graph.twins:
            raise TwinNotFound("DigitalTwinNotFound", f"there is no twin {twin!r}")
        return self.graph.twins[twin]

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _validate(self, model: str, new: Mapping[str, Any]) -> None:
        if model not in self.model:
            raise Conflict("ModelNotFound", f"{model} is not loaded")
        known = dict(contents(self.model.interface(model)))
        for name, value in new.items():
            content = known.get((name,))
            if content is not None:
                _point_type(self.model.interface(model), (name,), content).check(value)
            elif name != "vent":
                raise ValueInvalid([_finding(name, f"{name} is not in {model}")])


def _finding(path: str, cause: str) -> Diagnostic:
    return Diagnostic(rule="MT-value", cause=cause, action="Correct the value.", property_name=path)


def _point_type(model: Interface, path: tuple[str, ...], content: Content) -> PointType:
    schema = content.properties.get("schema")

    def check(value: Any) -> Any:
        if schema is not None and not isinstance(value, _SCHEMAS[schema.kind]):
            raise ValueInvalid([_finding("/".join(path), f"{value!r} is no {schema.kind}")])
        return value

    return PointType(model=model.id, path=path, content=content, schema=schema, check=check)


def _check(found: TwinState | Relationship | None, if_match: str | None, if_none_match: str | None) -> None:
    if if_none_match == "*" and found is not None:
        raise PreconditionFailed("PreconditionFailed", "it exists already")
    if if_match not in (None, "*") and (found is None or found.etag != if_match):
        raise PreconditionFailed("PreconditionFailed", "the entity tag differs")


def _rows(event: Event) -> list[HistoryRow]:
    if event.kind == "samples":
        return [
            HistoryRow(
                Point.parse(text), value, Status(status), parse_time(source_time), parse_time(server_time),
                event.recorded_at, event.seq, event.body["source"],
            )
            for text, value, status, source_time, server_time, _ in event.body["readings"]
        ]  # fmt: skip
    if event.kind == "patch":
        at, seq = event.recorded_at, event.seq
        return [
            HistoryRow(Point.parse(f"{event.twin}{op['path']}"), op.get("value"), GOOD, at, at, at, seq, event.actor)
            for op in event.body["ops"]
        ]
    return []
