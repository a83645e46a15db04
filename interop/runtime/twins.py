"""Runtime: the twin service over engine, links and requests; what REST, the OPC UA server and the command line see."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote
from weakref import WeakValueDictionary

from dtdl.compiler.point import PointType
from dtdl.elements import Component, Model
from dtdl.errors import (
    Conflict,
    InputUnreadable,
    ModelNotFound,
    NotReady,
    RequestInvalid,
    TwinNotFound,
    UnitUnknown,
)
from dtdl.units import Unit, parse_unit
from interop.config.plan import Configuration
from interop.event import Draft, Event
from interop.events.cloudevents import Now
from interop.events.routes import RouteTable
from interop.graph.document import IsComponent, components_of, contents_from_document, marked
from interop.graph.patch import apply_patch
from interop.graph.query.engine import QueryEngine
from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph
from interop.jobs.queue import JobQueue
from interop.ledger.sqlite import SqliteLedger
from interop.ledger.windows import LevelOf
from interop.mega.about import Bond, about
from interop.mega.derive import Deriver
from interop.ports import Binding
from interop.runtime.checks import check_relationship, relationship_parts, require_etag
from interop.runtime.definitions import Definitions
from interop.runtime.engine import Engine
from interop.runtime.link import Link, link_draft
from interop.runtime.messages import telemetry_drafts
from interop.runtime.orphans import orphaned
from interop.runtime.ownership import FILE, Books, Difference, compare
from interop.runtime.past import graph_at
from interop.runtime.requests import Outcome, Requests, Stamp
from interop.runtime.split import Owner, split_patch, split_put
from interop.service import (
    About,
    Caller,
    Change,
    Health,
    HistoryRow,
    Message,
    QueryPage,
    Span,
    Subscription,
    Window,
)
from interop.values import BAD_NO_DATA, BAD_WAITING, LinkEvent, Point, Status, Value, utc_now

_log = logging.getLogger("megatwin.runtime")


class Runtime:
    """Runs a configuration: opens the ledger, applies the file, keeps the links; implements TwinService.

    Args:
        configuration: What to run.
        apply: Whether twins and relationships that the file no longer names are removed.
    """

    def __init__(self, configuration: Configuration, *, apply: bool = False) -> None:
        self.configuration = configuration
        self.types = copy.copy(configuration.types)  # they follow what clients upload; the configuration's do not
        self.links: dict[str, Link] = {}
        self.difference: Difference | None = None
        self.event_routes = RouteTable(configuration.data / "routes.json", configuration.endpoints, self._now)
        self.jobs = JobQueue(self, configuration.data)
        self._apply = apply
        self._tasks: list[asyncio.Task[None]] = []
        self._owners: dict[str, dict[tuple[str, ...], Owner]] = {}
        self._outputs: dict[Point, Link] = {}
        self._bonds: dict[str, list[tuple[str, Binding]]] = {}
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._components = (configuration.model, components_of(configuration.model))
        self._files = {(link.source, link.id): link for link in configuration.relationships}

    async def __aenter__(self) -> Self:
        configuration = self.configuration
        ledger = await SqliteLedger.open(configuration.data)
        try:
            deriver = Deriver(self.types, configuration.twins, configuration.connections)
            self.engine = Engine(ledger, self.types, deriver)
            self.requests = Requests(self.engine)
            past = partial(graph_at, ledger)
            self.queries = QueryEngine(self.engine.graph, lambda: self.model, past=past, limits=configuration.queries)
            self.models = Definitions(self.engine, self.types)
            books = Books()
            await self.engine.replay(books.learn, self.requests.learn, self.models.learn, recall=books.recall)
            await self.models.settle(list(configuration.model_texts.values()))
            await self.event_routes.open()
            self.engine.on_publish.append(self.event_routes.publish)
            await self._apply_file(books)
            await self.requests.expire_lost()
            await self.jobs.open()
            await self._start_links()  # the last thing: whoever subscribes next sees what becomes of the links
        except BaseException:
            await self.jobs.close()
            await self.event_routes.close()
            await self._stop_links()
            await ledger.close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.jobs.close()
        await self.requests.close()
        await self._stop_links()
        await self.event_routes.close()
        self.engine.close()
        await self.engine.snapshots.finish()
        await self.engine.ledger.close()

    @property
    def graph(self) -> Graph:
        """Committed state."""
        return self.engine.graph

    @property
    def model(self) -> Model:
        """Every loaded definition."""
        return self.types.model

    def point_type(self, point: Point) -> PointType:
        """DTDL's word on a point of an existing twin."""
        state = self._twin(point.twin)
        try:
            return self.types.point(state.model, point.path)
        except ModelNotFound as error:
            raise TwinNotFound(
                "PropertyNotFound",
                f"{state.model} has no {'/'.join(point.path)!r}",
                action=f"Ask GET /v1/twins/{point.twin} for its values.",
            ) from error

    def points(self, twin: str) -> Sequence[PointType]:
        """Every top-level and component value of a twin."""
        return self.types.points(self._twin(twin).model)

    def absent(self, point: Point) -> tuple[Status, str]:
        """Why a point has no value."""
        for link in self.links.values():
            if point in link.bindings and link.directions[point] != "out":
                return link.absent(point)
        if point.path in self.engine.deriver.targets.get(point.twin, {}):
            return BAD_WAITING, "what it follows has no value yet"
        return BAD_NO_DATA, "never set"

    async def put_twin(
        self,
        twin: str,
        document: Mapping[str, Any],
        caller: Caller,
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> TwinState:
        """Creates or replaces a twin."""

        async def act(stamp: Stamp) -> Outcome:
            return await self._change(twin, caller, stamp, plan)

        def plan(stamp: Stamp) -> tuple[Mapping[Point, Value], Sequence[Draft]]:  # noqa: ARG001
            state = self.engine.head.twin(twin)
            require_etag(state.etag if state else None, if_match, if_none_match, f"twin {twin}")
            model, contents = contents_from_document(document)
            if state is None or state.model != model:
                self.models.usable(model)
            self._file_model(twin, model)
            contents = self.types.validate_contents(model, contents)
            written, own = split_put(state, twin, contents, self._owners_of(twin))
            body = {"model": model, "contents": marked(model, own, self._is_component())}
            return written, [Draft(kind="twin-put", twin=twin, actor=caller.actor, body=body)]

        await self.requests.once(caller, ["put", twin, document], act)
        return self.graph.twins[twin]

    async def patch_twin(
        self, twin: str, operations: Sequence[Mapping[str, Any]], caller: Caller, *, if_match: str | None = None
    ) -> TwinState:
        """Applies RFC 6902 operations; what is bound for writing goes to its plant first."""

        async def act(stamp: Stamp) -> Outcome:
            return await self._change(twin, caller, stamp, plan)

        def plan(stamp: Stamp) -> tuple[Mapping[Point, Value], Sequence[Draft]]:
            state = self.engine.head.twin(twin)
            if state is None:
                self._no_twin(twin)
            require_etag(state.etag, if_match, None, f"twin {twin}")
            patched = apply_patch(state.contents, operations)
            model = patched.model or state.model
            if state.model != model:
                self.models.usable(model)
            self._file_model(twin, model)
            self.types.validate_contents(model, patched.contents)
            split = split_patch(state, patched, operations, self._owners_of(twin))
            drafts = []
            if split.own:
                body = {"ops": split.own, "model": model} | ({} if split.written else stamp.body())
                drafts.append(Draft(kind="patch", twin=twin, actor=caller.actor, body=body))
            return split.written, drafts

        await self.requests.once(caller, ["patch", twin, operations], act)
        return self.graph.twins[twin]

    async def delete_twin(self, twin: str, caller: Caller, *, if_match: str | None = None) -> None:
        """Deletes a twin without relationships."""
        head = self.engine.head
        state = head.twin(twin)
        if state is None:
            self._no_twin(twin)
        require_etag(state.etag, if_match, None, f"twin {twin}")
        if twin in self.configuration.twins:
            raise self._owned(f"twin {twin}", self.configuration.twins[twin].location)
        if head.outgoing(twin) or head.incoming(twin):
            raise RequestInvalid(
                "RelationshipsNotDeleted", f"{twin} still has relationships", action="Delete its relationships first."
            )
        await self.engine.commit([Draft(kind="twin-delete", twin=twin, actor=caller.actor, body={})])

    async def put_relationship(
        self,
        twin: str,
        relationship_id: str,
        document: Mapping[str, Any],
        caller: Caller,
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Relationship:
        """Creates or replaces a relationship."""
        head = self.engine.head
        state = head.twin(twin)
        if state is None:
            self._no_twin(twin)
        old = head.relationship(twin, relationship_id)
        require_etag(old.etag if old else None, if_match, if_none_match, f"relationship {relationship_id}")
        name, target, contents = relationship_parts(document)
        planned = self._files.get((twin, relationship_id))
        if planned is not None and (planned.name, planned.target) != (name, target):
            raise self._owned(f"relationship {relationship_id}", planned.location)
        check_relationship(self.types, head, state, (relationship_id, name, target))
        contents = self.types.validate_relationship(state.model, name, contents)
        body = {"id": relationship_id, "name": name, "target": target, "contents": contents}
        await self.engine.commit([Draft(kind="relationship-put", twin=twin, actor=caller.actor, body=body)])
        found = self.graph.relationship(twin, relationship_id)
        assert found is not None
        return found

    async def delete_relationship(
        self, twin: str, relationship_id: str, caller: Caller, *, if_match: str | None = None
    ) -> None:
        """Deletes a relationship."""
        if self.engine.head.twin(twin) is None:
            self._no_twin(twin)
        old = self.engine.head.relationship(twin, relationship_id)
        if old is None:
            raise TwinNotFound(
                "RelationshipNotFound",
                f"{twin} has no relationship {relationship_id}",
                action="Ask for its relationships.",
            )
        require_etag(old.etag, if_match, None, f"relationship {relationship_id}")
        planned = self._files.get((twin, relationship_id))
        if planned is not None:
            raise self._owned(f"relationship {relationship_id}", planned.location)
        body = {"id": relationship_id}
        await self.engine.commit([Draft(kind="relationship-delete", twin=twin, actor=caller.actor, body=body)])

    async def send_telemetry(self, twin: str, component: str | None, message: Message, caller: Caller) -> None:
        """Publishes telemetry of a twin or of a component of it."""
        state = self.engine.head.twin(twin)
        if state is None:
            self._no_twin(twin)
        await self.engine.commit(telemetry_drafts(self.types, state, component, message, caller))

    async def call(self, point: Point, argument: Value, caller: Caller, *, deadline_s: float | None = None) -> Value:
        """Runs a Command."""
        found = self.point_type(point)
        if not found.is_command:
            raise TwinNotFound(
                "CommandNotFound", f"{'/'.join(point.path)!r} of {found.model} is no Command", action="Call a Command."
            )
        link = next((link for link in self.links.values() if point in link.bindings), None)
        if link is None:
            raise RequestInvalid(
                "CommandNotBound",
                f"{point} is bound to no source",
                action="Bind it under `commands:` in the file.",
            )
        if found.schema is not None:
            argument = found.check(argument)
        elif argument is not None:
            raise RequestInvalid("InvalidArgument", f"{point} takes no argument", action="Send an empty body.")

        async def act(stamp: Stamp) -> Outcome:
            return await self.requests.call(link, point, argument, caller, stamp, deadline_s=deadline_s)

        return await self.requests.once(caller, ["command", str(point), argument], act)

    def about(self, twin: str) -> About:
        """What a twin is, and how whole it is now."""
        return self._about(twin, frozenset())

    async def history(
        self,
        twin: str,
        path: tuple[str, ...] | None,
        start: datetime | None,
        end: datetime | None,
        *,
        known_at: datetime | None = None,
        limit: int = 1000,
    ) -> Sequence[HistoryRow]:
        """Samples and written values of [start, end], oldest first."""
        rows = await self.engine.ledger.history(twin, path, start, end, known_at=known_at, limit=limit)
        if not rows:
            self._twin(twin)
        return rows

    async def windows(
        self, twin: str, path: tuple[str, ...] | None, span: Span, *, interval_s: float, limit: int = 1000
    ) -> Sequence[Window]:
        """History in intervals, oldest first."""
        found = await self.engine.ledger.windows(
            twin, path, span, interval_s=interval_s, level_of=self._levels(twin), limit=limit
        )
        if not found:
            self._twin(twin)
        return found

    def _levels(self, twin: str) -> LevelOf:
        """Tells which values of a twin are levels, as far as its model is still there."""
        state = self.graph.twin(twin)
        points = {} if state is None or state.model not in self.types else {p.path: p for p in self.points(twin)}

        def level_of(path: tuple[str, ...]) -> Unit | None:
            found = points.get(path)
            name = found.unit if found is not None else None
            try:
                unit = parse_unit(name) if name else None
            except UnitUnknown:
                return None
            return unit if unit is not None and unit.logarithmic else None

        return level_of

    async def as_of(self, twin: str, at: datetime, *, known_at: datetime | None = None) -> TwinState:
        """The twin as it was true at a time."""
        state = await self.engine.ledger.as_of(twin, at, known_at=known_at)
        if state is None:
            raise TwinNotFound(
                "DigitalTwinNotFound", f"there was no twin {twin!r} at {at.isoformat()}", action="Ask for a later time."
            )
        return state

    async def query(self, text: str | None, *, token: str | None = None, size: int = 100) -> QueryPage:
        """One page of a query."""
        return await self.queries.page(text, token=token, size=size)

    async def events(self, since_seq: int, limit: int = 1000) -> Sequence[Event]:
        """Stored events after a sequence number."""
        return await self.engine.ledger.events(since_seq, limit)

    def subscribe(self, *, queue: int = 1000) -> Subscription:
        """Everything that is published from now on."""
        return self.engine.subscribe(queue)

    def health(self) -> Health:
        """How the whole is."""
        sources = [link.health() for link in self.links.values()]
        problems = [text for link in self.links.values() for text in link.now.problems.values()]
        ready = all(link.now.state != "opening" for link in self.links.values())
        return Health(
            ready=ready, seq=self.graph.seq, root=self.engine.ledger.root(), sources=sources, problems=problems
        )

    async def wait_until_up(self, timeout_s: float) -> None:
        """Waits until every source is up.

        Raises:
            NotReady: They are not, in time; the message names them.
        """
        try:
            async with asyncio.timeout(timeout_s):
                for link in self.links.values():
                    await link.up.wait()
        except TimeoutError as error:
            late = ", ".join(
                f"{name}: {link.now.cause or link.now.state}"
                for name, link in self.links.items()
                if link.now.state != "up"
            )
            raise NotReady(
                f"not up after {timeout_s:g} s: {late}", action="Start the plants, or wait longer."
            ) from error

    async def _apply_file(self, books: Books) -> None:
        known = replace(self.configuration, types=self.types)
        difference = compare(known, self.graph, books, apply=self._apply)
        self.difference = difference
        drafts = [*difference.drafts, *(difference.removals if self._apply else [])]
        if drafts:
            for event in await self.engine.commit(drafts):
                self.models.learn(event)

    async def _start_links(self) -> None:
        plans = self.configuration.sources.values()
        await asyncio.to_thread(_make_folders, [Path(plan.source.state_dir) for plan in plans])
        for plan in plans:
            link = Link(plan, self.engine.submit, self._current)
            self.links[plan.name] = link
            for binding in plan.source.bindings:
                self._bonds.setdefault(binding.point.twin, []).append((plan.name, binding))
        self._own_points()
        now = utc_now()
        waiting = [
            link_draft(
                LinkEvent(name, "down", now, cause="starting"), "runtime", BAD_WAITING, f"{name}: not connected yet"
            )
            for name in self.links
            if self.graph.fed_by(name)
        ]
        bound = {name: frozenset(link.observed) for name, link in self.links.items()}
        waiting += orphaned(self.graph.twins, bound, self.engine.deriver.targets, now)
        if waiting:
            await self.engine.commit(waiting)
        self.engine.on_publish.append(self._forward)
        self._tasks = [asyncio.create_task(link.run(), name=f"link {name}") for name, link in self.links.items()]

    def _own_points(self) -> None:
        for name, link in self.links.items():
            for point, binding in link.bindings.items():
                if binding.type.is_state and link.directions[point] != "out":
                    owner = Owner(name, "write" if binding.write else "read")
                    self._owners.setdefault(point.twin, {})[point.path] = owner
            for point in link.taken:
                self._outputs[point] = link

    async def _stop_links(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def _forward(self, changes: Sequence[Change]) -> None:
        """Hands what behaviours take to them, once it is durable; a value that is bad is held, not sent."""
        for change in changes:
            if change.twin is None:
                continue
            if change.kind == "value":
                link = self._outputs.get(Point(change.twin, change.path))
                if link and change.cell and not change.cell.status.is_bad:
                    link.forward(Point(change.twin, change.path), change.cell.value)
            elif change.kind == "twin":
                for point, link in self._outputs.items():
                    if point.twin == change.twin and (value := self._current(point)) is not None:
                        link.forward(point, value)

    def _current(self, point: Point) -> Value:
        state = self.graph.twins.get(point.twin)
        if state is None:
            return None
        cell = state.cells.get(point.path)
        return None if cell is not None and cell.status.is_bad else state.value(point.path)

    async def _change(
        self,
        twin: str,
        caller: Caller,
        stamp: Stamp,
        plan: Callable[[Stamp], tuple[Mapping[Point, Value], Sequence[Draft]]],
    ) -> Outcome:
        """Checks and carries out one change of a twin.

        What a precondition held for stays so until the change is numbered: while a plant is written, other changes of
        the same twin wait, whereas changes of its own values follow each other without waiting for their commits.
        """
        lock = self._changing.setdefault(twin, asyncio.Lock())
        async with lock:
            written, drafts = plan(stamp)
            if written:
                return await self._write(written, drafts, caller, stamp)
            future = self.engine.submit(drafts) if drafts else None
        if future is not None:
            await future
        return Outcome("done")

    async def _write(
        self, written: Mapping[Point, Value], drafts: Sequence[Draft], caller: Caller, stamp: Stamp
    ) -> Outcome:
        links = {self._owners[point.twin][point.path].source for point in written}
        if len(links) > 1:
            raise RequestInvalid(
                "MultiplePlants",
                f"one request writes to {len(links)} plants: {', '.join(sorted(links))}",
                action="Send one request for each plant.",
            )
        return await self.requests.write(self.links[links.pop()], written, caller, stamp, extra=drafts)

    def _is_component(self) -> IsComponent:
        """The question what is a component, answered by the definitions as they are now."""
        if self._components[0] is not self.model:
            self._components = (self.model, components_of(self.model))
        return self._components[1]

    def _now(self) -> Now:
        """What turns changes into events for others."""
        name = f"urn:megatwin:{quote(self.configuration.name, safe='')}"
        return Now(name, self.graph.twins, self.graph.relationship, self._is_component(), self._is_property)

    def _is_property(self, point: Point) -> bool:
        try:
            return self.point_type(point).is_state
        except TwinNotFound:
            return False

    def _owners_of(self, twin: str) -> dict[tuple[str, ...], Owner]:
        derived = self.engine.deriver.targets.get(twin, {})
        return self._owners.get(twin, {}) | {path: Owner(kind, "read") for path, kind in derived.items()}

    def _about(self, twin: str, above: frozenset[str]) -> About:
        state = self._twin(twin)
        bonds: list[Bond] = []
        for name in dict.fromkeys(name for name, _ in self._bonds.get(twin, ())):
            link = self.links[name]
            own = [binding for source, binding in self._bonds[twin] if source == name]
            bonds.append(
                Bond(
                    name,
                    link.plan.adapter.plant,
                    any(link.directions[binding.point] != "out" and not binding.type.is_command for binding in own),
                    any(binding.write or link.directions[binding.point] != "in" for binding in own),
                    link.now.state == "up",
                    link.now.cause,
                )
            )
        parts: dict[str, About | None] = {
            part: self._about(part, above | {twin}) if part in self.graph.twins and part not in above else None
            for part in self.engine.deriver.parts(self.graph, twin)
        }
        return about(state, bonds, parts)

    def _twin(self, twin: str) -> TwinState:
        state = self.graph.twins.get(twin)
        if state is None:
            self._no_twin(twin)
        return state

    def _no_twin(self, twin: str) -> NoReturn:
        raise TwinNotFound("DigitalTwinNotFound", f"there is no twin {twin!r}", action="List them: GET /v1/twins")

    def _file_model(self, twin: str, model: str) -> None:
        plan = self.configuration.twins.get(twin)
        if plan is not None and plan.model != model:
            raise self._owned(f"the model of twin {twin}", plan.location)

    def _owned(self, what: str, location: object) -> Conflict:
        return Conflict("OwnedByFile", f"{what} is owned by {location or FILE}", action="Change the file instead.")


def _make_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputUnreadable(
                f"the folder {folder} cannot be made: {error.strerror}",
                action="Give `data:` a folder that can be written.",
            ) from error


def component_names(model: Model, dtmi: str) -> list[str]:
    """Names of the components of an Interface."""
    return [name for name, found in model.interface(dtmi).contents.items() if isinstance(found, Component)]
