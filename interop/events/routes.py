"""The event routes: which are there, kept in one file, and what of each commit goes to which endpoint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

from dtdl.errors import DataCorrupt, InteropError, RequestInvalid, TwinNotFound
from interop.config.plan import EndpointPlan
from interop.events.cloudevents import Now, events_of
from interop.events.delivery import Delivery, FileSink, InProcessSink, Sink
from interop.events.filter import parse_filter
from interop.service import Change, EventRoute
from interop.values import utc_now

MAX_ROUTES: Final = 100
MAX_ID: Final = 256


class RouteTable:
    """The routes, and the endpoints that they lead to; implements ``interop.service.EventRoutes``.

    Args:
        file: Where the routes are kept.
        endpoints: What the user configured, by name.
        now: Gives the committed twins.
    """

    def __init__(self, file: Path, endpoints: Mapping[str, EndpointPlan], now: Callable[[], Now]) -> None:
        self._file = file
        self._plans = endpoints
        self._now = now
        self._routes: dict[str, EventRoute] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._sinks: dict[str, Sink] = {}
        self._changing = asyncio.Lock()

    @property
    def known(self) -> Mapping[str, EventRoute]:
        """By id."""
        return MappingProxyType(self._routes)

    async def open(self) -> None:
        """Reads the routes, and begins to deliver."""
        self._routes = await asyncio.to_thread(_load, self._file)
        for name, plan in self._plans.items():
            self._sinks[name] = _sink(plan)
            self._deliveries[name] = Delivery(plan, self._sinks[name])

    async def close(self) -> None:
        """Delivers what waits for a moment more, and ends."""
        await asyncio.gather(*(delivery.close() for delivery in self._deliveries.values()))
        self._deliveries.clear()

    def in_process(self, name: str) -> InProcessSink:
        """Gives an endpoint of the kind ``in-process``.

        Raises:
            RequestInvalid: There is none of that name and kind.
        """
        found = self._sinks.get(name)
        if not isinstance(found, InProcessSink):
            raise RequestInvalid(
                "EventRouteEndpointInvalid",
                f"there is no endpoint {name!r} in this process",
                action="Add it to the file: endpoints: {NAME: {in-process: true}}",
            )
        return found

    async def put(self, route: EventRoute) -> None:
        """Makes or replaces a route."""
        if not route.id or len(route.id) > MAX_ID:
            raise RequestInvalid("EventRouteIdInvalid", f"the id has not 1 to {MAX_ID} characters", action="Change it.")
        if route.endpoint not in self._plans:
            there = ", ".join(self._plans) or "none"
            raise RequestInvalid(
                "EventRouteEndpointInvalid",
                f"there is no endpoint {route.endpoint[:100]!r}; there is: {there}",
                action="Add it under `endpoints:` of the megatwin.yaml, or name one that is there.",
            )
        parse_filter(route.filter)
        async with self._changing:
            if route.id not in self._routes and len(self._routes) >= MAX_ROUTES:
                raise RequestInvalid("LimitExceeded", f"there are {MAX_ROUTES} routes", action="Delete one first.")
            await self._save({**self._routes, route.id: route})

    async def delete(self, route_id: str) -> None:
        """Removes a route."""
        async with self._changing:
            if route_id not in self._routes:
                raise TwinNotFound("EventRouteNotFound", f"there is no route {route_id!r}", action="List them.")
            await self._save({key: route for key, route in self._routes.items() if key != route_id})

    def publish(self, changes: Sequence[Change]) -> None:
        """Hands on what of one commit the routes ask for; called on the loop once it is durable."""
        routes = [
            (parse_filter(route.filter), self._deliveries[route.endpoint])
            for route in self._routes.values()
            if route.endpoint in self._deliveries
        ]
        if not routes:
            return
        for event in events_of(changes, self._now(), utc_now()):
            encoded = b""
            for passes, delivery in routes:
                if passes(event):
                    encoded = encoded or orjson.dumps(event)
                    delivery.put(encoded)

    async def _save(self, routes: dict[str, EventRoute]) -> None:
        try:
            await asyncio.to_thread(_store, self._file, list(routes.values()))
        except OSError as error:
            raise InteropError(f"{self._file} cannot be written: {error.strerror or error}") from error
        self._routes = routes


def _sink(plan: EndpointPlan) -> Sink:
    match plan.kind:
        case "file":
            return FileSink(Path(plan.target))
        case "in-process":
            return InProcessSink()
        case "webhook":
            from interop.rest.webhook import WebhookSink  # noqa: PLC0415 - httpx only where it is needed

            return WebhookSink(plan.target, plan.headers)


def _load(file: Path) -> dict[str, EventRoute]:
    try:
        return {one["id"]: EventRoute(**one) for one in orjson.loads(file.read_bytes())}
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise DataCorrupt(f"{file} cannot be read: {error}", action="Remove it, and make the routes again.") from error


def _store(file: Path, routes: Sequence[EventRoute]) -> None:
    stored: list[dict[str, Any]] = [
        {"id": route.id, "endpoint": route.endpoint, "filter": route.filter} for route in routes
    ]
    beside = file.with_suffix(".new")
    with beside.open("wb") as stream:
        stream.write(orjson.dumps(stored))
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
