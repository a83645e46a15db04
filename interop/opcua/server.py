"""OpcUaServer: every twin for every OPC UA client, typed from its DTDL."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from asyncua import Server, ua
from asyncua.ua import ObjectIds, StatusCodes

from dtdl.elements import Command, Component, Content
from dtdl.errors import (
    Conflict,
    Expired,
    InteropError,
    LinkDown,
    MegatwinError,
    Overloaded,
    PortInUse,
    Refused,
    TwinNotFound,
    UnitMismatch,
    ValueInvalid,
)
from interop.config.plan import Address
from interop.graph.state import Cell, TwinState
from interop.opcua.access import AccessCheck, unsecured
from interop.opcua.defects import defects
from interop.opcua.nodes import HAS_COMPONENT, OBJECTS, ORGANIZES, Space, stamped
from interop.opcua.security import Store
from interop.opcua.server_types import Codec, TypeSpace
from interop.opcua.services import TwinAttributes, TwinInternalServer, caller
from interop.opcua.values import status_code
from interop.service import Caller, Change, Published, Subscription, TwinService
from interop.values import GOOD, Point, Status, Value, utc_now

_log = logging.getLogger(__name__)
_SLICE: Final = 100
"""Values put before the loop may do something else."""
_TWINS_A_SLICE: Final = 3
"""Twins built before the loop may do something else; a node costs 0.2 ms."""
_CLOCK_S: Final = 1.0
_NO_VALUE: Final = Status("BadNoData")
_CODES: Final[tuple[tuple[type[MegatwinError], int], ...]] = (
    (LinkDown, StatusCodes.BadNoCommunication),
    (Expired, StatusCodes.BadTimeout),
    (TwinNotFound, StatusCodes.BadNodeIdUnknown),
    (ValueInvalid, StatusCodes.BadOutOfRange),
    (UnitMismatch, StatusCodes.BadTypeMismatch),
    (Conflict, StatusCodes.BadNotWritable),
    (Overloaded, StatusCodes.BadResourceUnavailable),
    (InteropError, StatusCodes.BadInvalidArgument),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value of a twin is shown."""

    point: Point
    codec: Codec


class OpcUaServer:
    """Shows the twins of a service over OPC UA.

    Args:
        service: Where the twins are.
        address: Where to listen; port 0 asks for a free one.
        name: Name of the whole; in the namespace URI of the twins, ``urn:megatwin:<name>``.
        data_dir: Folder of its certificate and trust list; made when needed.
        insecure: Also offers an endpoint without security, to anybody.
    """

    def __init__(
        self, service: TwinService, address: Address, *, name: str, data_dir: Path | str, insecure: bool = False
    ) -> None:
        self._service = service
        self._address = address
        self._name = name
        self._store = Store(Path(data_dir))
        self._insecure = insecure
        self._server: Server | None = None
        self._space: Space
        self._types: TypeSpace
        self._index = 0
        self._uris: dict[str, int] = {}
        self._places: dict[ua.NodeId, _Place] = {}
        self._twins: dict[str, tuple[str, list[ua.NodeId]]] = {}
        self._links: dict[str, dict[str, str]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._subscription: Subscription | None = None
        self._found: frozenset[str] = frozenset()

    @property
    def url(self) -> str:
        """Its endpoint, once it has started."""
        port = self._server.bserver.port if self._server is not None else self._address.port
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"opc.tcp://{host}:{port}"

    @property
    def certificate(self) -> Path:
        """File of its certificate, for clients to trust."""
        return self._store.own(self._name).certificate

    async def start(self) -> None:
        """Builds the address space and listens.

        Raises:
            PortInUse: Another process listens there.
        """
        server = await self._prepared()
        self._space = Space(server.iserver.aspace)
        self._types = TypeSpace(self._space, lambda: self._service.model, self._namespace)
        server.iserver.attribute_service = TwinAttributes(
            server.iserver.aspace, self._places.__contains__, self._write, self._found
        )
        self._subscription = self._service.subscribe(queue=10_000)
        await self._show_all()
        await self._announce(server)
        try:
            await server.start()
        except OSError as error:
            self._subscription.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(
                f"the OPC UA address {self._address.host}:{self._address.port} is in use",
                action="Stop what listens there, or write another port under serve: opcua.",
            ) from error
        self._server = server
        for work in (self._follow(self._subscription), self._tick(server)):
            task = asyncio.create_task(work, name=f"opcua server {self._name}")
            task.add_done_callback(_tell_failure)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Ends sessions and stops to listen."""
        if self._subscription is not None:
            self._subscription.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def _prepared(self) -> Server:
        own = await asyncio.to_thread(self._store.own, self._name)
        access = AccessCheck(self._store, insecure=self._insecure)
        self._found = await defects()
        server = Server(iserver=TwinInternalServer(access, self._found))
        await server.init()
        server.disable_clock()  # asyncua's cannot be stopped within its second
        server.product_uri = "urn:megatwin"
        server.manufacturer_name = "megatwin"
        await server.set_application_uri(own.application_uri)
        server.set_server_name(f"megatwin {self._name}")
        await server.load_certificate(own.certificate)
        await server.load_private_key(own.key)
        server.set_endpoint(f"opc.tcp://{self._address.host}:{self._address.port}")
        server.set_identity_tokens([ua.AnonymousIdentityToken])
        policies = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
        if self._insecure:
            policies.insert(0, ua.SecurityPolicyType.NoSecurity)
        # the first that matches is taken; asyncua has no other way to restrict a policy
        server._policies.append(unsecured(insecure=self._insecure))  # noqa: SLF001
        server.set_security_policy(policies)
        uris = await server.get_namespace_array()
        self._uris.update({uri: index for index, uri in enumerate(uris)})
        self._index = self._namespace(f"urn:megatwin:{self._name}")
        return server

    def _namespace(self, uri: str) -> int:
        """Index of a namespace; a new one is shown to clients by ``_announce``."""
        return self._uris.setdefault(uri, len(self._uris))

    async def _announce(self, server: Server) -> None:
        """Brings the NamespaceArray up to date."""
        await server.nodes.namespace_array.write_value(list(self._uris))

    # --- twins ---

    async def _show_all(self) -> None:
        """Brings every twin and relationship up to date; for the start, and after batches were missed."""
        graph = self._service.graph
        for gone in set(self._twins) - set(graph.twins):
            await self._hide(gone)
        for count, (twin, state) in enumerate(list(graph.twins.items()), start=1):
            await self._show(twin, state)
            if count % _TWINS_A_SLICE == 0:
                await asyncio.sleep(0)
        for twin in list(self._twins):
            self._relate(twin)

    async def _show(self, twin: str, state: TwinState) -> None:
        """Adds a twin, or brings its values up to date; one whose model changed is made anew."""
        shown = self._twins.get(twin)
        if shown is not None and shown[0] == state.model:
            for node in shown[1]:
                if (place := self._places.get(node)) is not None:
                    await self._put(node, place, state)
            return
        if shown is not None:
            await self._hide(twin)
        node = self._node(Point(twin, ()))
        nodes = [node]
        self._space.add(
            node,
            ua.NodeClass.Object,
            ua.QualifiedName(twin, self._index),
            parent=(ORGANIZES, OBJECTS),
            type=self._types.object_type(state.model),
        )
        self._fill(node, Point(twin, ()), self._types.contents(state.model), state, nodes)
        self._twins[twin] = (state.model, nodes)

    def _fill(
        self, owner: ua.NodeId, at: Point, contents: Mapping[str, Content], state: TwinState, nodes: list[ua.NodeId]
    ) -> None:
        for name, content in contents.items():
            point = Point(at.twin, (*at.path, name))
            node = self._node(point)
            if isinstance(content, Component):
                nodes.append(node)
                self._space.add(
                    node,
                    ua.NodeClass.Object,
                    self._types.browse_name(content, name),
                    parent=(HAS_COMPONENT, owner),
                    type=self._types.object_type(content.schema.id),
                    texts=(content.display_name, content.description),
                )
                self._fill(node, point, content.schema.contents, state, nodes)
            elif isinstance(content, Command):
                nodes += [node, *self._types.method(node, owner, content)]
                self._space.on_call(node, self._caller_of(point, content))
            elif content.kind in ("Property", "Telemetry"):
                place = _Place(point, self._types.codec(content.properties["schema"]))
                value = self._data(place, state)
                nodes += [node, *self._types.variable(node, owner, content, place.codec, value)]
                self._places[node] = place

    async def _hide(self, twin: str) -> None:
        _, nodes = self._twins.pop(twin, ("", []))
        self._links.pop(twin, None)
        for node in nodes:
            self._places.pop(node, None)
        await self._space.remove(nodes)

    def _node(self, point: Point) -> ua.NodeId:
        return ua.NodeId(str(point), self._index)

    def _relate(self, twin: str) -> None:
        """Shows the outgoing relationships of a twin as Organizes references."""
        source = self._node(Point(twin, ()))
        before = self._links.get(twin, {})
        after = {link.id: link.target for link in self._service.graph.outgoing(twin) if link.target in self._twins}
        for target in set(before.values()) - set(after.values()):
            self._space.unrefer(source, ORGANIZES, self._node(Point(target, ())))
        for target in sorted(set(after.values()) - set(before.values())):
            self._space.refer(source, ORGANIZES, self._node(Point(target, ())))
        self._links[twin] = after

    # --- values ---

    def _data(self, place: _Place, state: TwinState, cell: Cell | None = None) -> ua.DataValue:
        """The value of a point as it is now, or as a change made it, with its status and times."""
        cell = cell or state.cells.get(place.point.path)
        value, status = (cell.value, cell.status) if cell else (state.value(place.point.path), GOOD)
        source = cell.source_time if cell else state.updated.get(place.point.path)
        server = (cell.server_time if cell else None) or utc_now()
        if value is None and status.is_good:
            status = _NO_VALUE
        try:
            raw = place.codec.encode(value)
        except Refused as error:
            raw, status = place.codec.encode(None), Status(error.code) if status.is_good else status
        return stamped(raw, status_code(status, StatusCodes.Bad), _after_epoch(source), server)

    async def _put(self, node: ua.NodeId, place: _Place, state: TwinState, cell: Cell | None = None) -> None:
        data, held = self._data(place, state, cell), self._space.value(node)
        if (data.Value, data.StatusCode, data.SourceTimestamp) != (held.Value, held.StatusCode, held.SourceTimestamp):
            await self._space.put(node, data)

    async def _follow(self, subscription: Subscription) -> None:
        """Puts what is published, batch by batch."""
        count = 0
        async for batch in subscription:
            await self._take(batch)
            count += len(batch.changes)
            if count >= _SLICE:
                count = 0
                await asyncio.sleep(0)

    async def _take(self, batch: Published) -> None:
        known = len(self._uris)
        if batch.lost:
            await self._show_all()
        else:
            for change in batch.changes:
                await self._apply(change)
        if len(self._uris) != known and self._server is not None:
            await self._announce(self._server)

    async def _apply(self, change: Change) -> None:
        twin = change.twin
        if twin is None:
            return
        state = self._service.graph.twins.get(twin)
        if change.kind == "twin-deleted" or state is None:
            await self._hide(twin)
        elif change.kind in ("value", "telemetry") and twin in self._twins:
            node = self._node(Point(twin, change.path))
            place = self._places.get(node)
            if place is not None:
                await self._put(node, place, state, change.cell)
        elif change.kind == "twin":
            await self._show(twin, state)
            self._relate(twin)
        elif change.kind in ("relationship", "relationship-deleted") and twin in self._twins:
            self._relate(twin)

    # --- requests of clients ---

    async def _write(self, node: ua.NodeId, data: ua.DataValue) -> ua.StatusCode:
        """Takes a client's write as a patch of the twin."""
        place = self._places[node]
        if data.StatusCode is not None and not data.StatusCode.is_good():
            return ua.StatusCode(StatusCodes.BadWriteNotSupported)
        twin, path = place.point
        state = self._service.graph.twins.get(twin)
        there = state is not None and state.value(path) is not None
        try:
            operation = {"op": "replace" if there else "add", "path": _pointer(path), "value": self._given(place, data)}
            await self._service.patch_twin(twin, [operation], _whoever())
        except MegatwinError as error:
            return _code_of(error, f"write of {place.point}")
        return ua.StatusCode(StatusCodes.Good)

    @staticmethod
    def _given(place: _Place, data: ua.DataValue) -> Value:
        if data.Value is None:
            raise Refused("BadTypeMismatch", "no value")
        return place.codec.decode(data.Value)

    def _caller_of(self, point: Point, command: Command) -> Callable[..., Awaitable[Any]]:
        """What a Method node runs."""
        request, response = command.request, command.response
        takes = self._types.codec(request.schema) if request is not None else None
        gives = self._types.codec(response.schema) if response is not None else None

        async def call(_owner: ua.NodeId, *arguments: ua.Variant) -> Sequence[ua.Variant] | ua.StatusCode:
            if len(arguments) != (takes is not None):
                missing = len(arguments) < (takes is not None)
                return ua.StatusCode(StatusCodes.BadArgumentsMissing if missing else StatusCodes.BadTooManyArguments)
            try:
                argument = takes.decode(arguments[0]) if takes is not None else None
                result = await self._service.call(point, argument, _whoever())
                return [gives.encode(result)] if gives is not None else []
            except MegatwinError as error:
                return _code_of(error, f"call of {point}")

        return call

    async def _tick(self, server: Server) -> None:
        """The server's clock (OPC 10000-5, 12.10)."""
        clock, whole = (
            server.get_node(ua.NodeId(number))
            for number in (ObjectIds.Server_ServerStatus_CurrentTime, ObjectIds.Server_ServerStatus)
        )
        while True:
            status = copy(await whole.read_value())
            status.CurrentTime = utc_now()
            await whole.write_value(status)
            await clock.write_value(status.CurrentTime)
            await asyncio.sleep(_CLOCK_S)


def _whoever() -> Caller:
    return Caller(f"opcua:{caller.get()}")


def _code_of(error: MegatwinError, what: str) -> ua.StatusCode:
    _log.info("%s over OPC UA: %s", what, error)
    if isinstance(error, Refused):
        return status_code(error.code)
    return ua.StatusCode(
        next((code for kind, code in _CODES if isinstance(error, kind)), StatusCodes.BadUnexpectedError)
    )


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + segment.replace("~", "~0").replace("/", "~1") for segment in path)


def _after_epoch(instant: datetime | None) -> datetime | None:
    """None for an instant that OPC UA cannot say (OPC 10000-6, 5.2.2.5)."""
    return instant if instant is not None and instant.year > 1601 else None  # noqa: PLR2004 - the year of its epoch


def _tell_failure(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            _log.error("the OPC UA server no longer follows the twins", exc_info=error)
