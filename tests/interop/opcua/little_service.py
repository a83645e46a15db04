"""A small, real TwinService in memory: one room with a component, a command, a unit, an enum, and one site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dtdl.elements import (
    Command,
    Component,
    Enum,
    EnumValue,
    Interface,
    Model,
    Property,
    Relationship,
    Schema,
    SchemaField,
    Telemetry,
)
from dtdl.errors import Expired, LinkDown, Refused
from interop.graph.state import Cell, TwinState
from interop.graph.state import Relationship as Link
from interop.service import Caller, Change, Published
from interop.values import Point, Value, utc_now

ROOM, FAN, SITE, PLACE = "dtmi:acme:site:Room;1", "dtmi:acme:part:Fan;1", "dtmi:acme:site:Site;1", "dtmi:acme:Place;2"


def _schema(kind: str) -> Schema:
    return Schema(f"dtmi:dtdl:instance:Schema:{kind.lower()};2", kind=kind)


def _content(cls: type, owner: str, name: str, **properties: Any) -> Any:
    return cls(
        f"{owner.split(';', maxsplit=1)[0]}:_contents:__{name};1",
        properties={"name": name, **properties},
        child_of=owner,
        defined_in=owner,
    )


def model() -> Model:
    mode = Enum(
        "dtmi:acme:site:Mode;1",
        properties={
            "valueSchema": _schema("Integer"),
            "enumValues": tuple(
                EnumValue(f"dtmi:acme:site:Mode:{name};1", properties={"name": name, "enumValue": number})
                for number, name in enumerate(("off", "on"))
            ),
        },
    )
    place_contents = {"label": _content(Property, PLACE, "label", schema=_schema("String"), writable=True)}
    place = Interface(PLACE, properties={"contents": place_contents, "displayName": {"en": "Place"}})
    speed = _content(Property, FAN, "speed", schema=_schema("Integer"), writable=True)
    fan = Interface(FAN, properties={"contents": {"speed": speed}})
    seconds = SchemaField("dtmi:acme:site:seconds;1", properties={"name": "seconds", "schema": _schema("Integer")})
    done = SchemaField("dtmi:acme:site:done;1", properties={"name": "done", "schema": _schema("String")})
    room_contents = {
        **place_contents,
        "temperature": _content(Telemetry, ROOM, "temperature", schema=_schema("Double"), unit="degreeCelsius"),
        "setPoint": _content(Property, ROOM, "setPoint", schema=_schema("Double"), unit="degreeCelsius", writable=True),
        "mode": _content(Property, ROOM, "mode", schema=mode),
        "since": _content(Property, ROOM, "since", schema=_schema("DateTime")),
        "fan": _content(Component, ROOM, "fan", schema=fan),
        "purge": _content(Command, ROOM, "purge", request=seconds, response=done),
        "stop": _content(Command, ROOM, "stop"),
    }
    room = Interface(ROOM, properties={"contents": room_contents, "extends": (place,)})
    hosts = _content(Relationship, SITE, "hosts")
    site = Interface(SITE, properties={"contents": {**place_contents, "hosts": hosts}, "extends": (place,)})
    return Model({found.id: found for found in (place, fan, room, site, mode)})


class _Feed:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[Published | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[Published]:
        while (batch := await self.queue.get()) is not None:
            yield batch

    def close(self) -> None:
        self.queue.put_nowait(None)


class LittleGraph:
    def __init__(self) -> None:
        self.seq = 0
        self.twins: dict[str, TwinState] = {}
        self.links: dict[tuple[str, str], Link] = {}

    def outgoing(self, twin: str, name: str | None = None) -> Sequence[Link]:
        return [link for (source, _), link in sorted(self.links.items()) if source == twin]


class LittleService:
    """Only what the OPC UA server uses of a TwinService, really done."""

    def __init__(self) -> None:
        self.model = model()
        self.graph = LittleGraph()
        self.feeds: list[_Feed] = []
        self.callers: list[Caller] = []

    def subscribe(self, *, queue: int = 1000) -> _Feed:
        self.feeds.append(_Feed())
        return self.feeds[-1]

    def publish(self, *changes: Change) -> None:
        self.graph.seq += 1
        for feed in self.feeds:
            feed.queue.put_nowait(Published(self.graph.seq, self.graph.seq, changes))

    def change(self, kind: Any, twin: str, **more: Any) -> None:
        self.publish(Change(seq=self.graph.seq + 1, kind=kind, twin=twin, **more))

    def put(self, twin: str, dtmi: str, **contents: Value) -> None:
        self.graph.twins[twin] = TwinState(id=twin, model=dtmi, contents=contents, changed_at=utc_now())
        self.change("twin", twin)

    def sample(self, twin: str, *path: str, **cell: Any) -> None:
        state = self.graph.twins[twin]
        cell.setdefault("source_time", utc_now())
        new = Cell(**cell)
        self.graph.twins[twin] = replace(state, cells={**state.cells, path: new})
        self.change("value", twin, path=path, cell=new)

    def relate(self, source: str, target: str) -> None:
        link = Link(id=f"{source}-{target}", source=source, name="hosts", target=target)
        self.graph.links[source, link.id] = link
        self.change("relationship", source)

    def delete(self, twin: str) -> None:
        del self.graph.twins[twin]
        self.change("twin-deleted", twin)

    async def patch_twin(self, twin: str, operations: Sequence[Mapping[str, Any]], caller: Caller) -> TwinState:
        self.callers.append(caller)
        state = self.graph.twins[twin]
        for operation in operations:
            value = operation["value"]
            if value == 99.0:
                raise Refused("BadOutOfRange", "the plant refuses 99")
            if value == 98.0:
                raise LinkDown("the plant is away")
            if value == 97.0:
                raise Expired("not verified")
            *owner, name = operation["path"].strip("/").split("/")
            if owner:
                inner = {**dict(state.contents.get(owner[0], {})), name: value}  # type: ignore[arg-type]
                state = replace(state, contents={**state.contents, owner[0]: inner})
            else:
                state = replace(state, contents={**state.contents, name: value})
        self.graph.twins[twin] = state
        self.change("twin", twin)
        return state

    async def call(self, point: Point, argument: Value, caller: Caller, *, deadline_s: float | None = None) -> Value:
        self.callers.append(caller)
        if argument == 0:
            raise Refused("BadInvalidArgument", "nothing to do")
        return None if argument is None else f"purged for {argument} s"
