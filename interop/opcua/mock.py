"""A mock of a plant: serves the nodes of NodeSet2 documents, or one instance of each type, with values that move."""

from __future__ import annotations

import asyncio
import errno
import math
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from asyncua import Server, ua
from asyncua.ua import AttributeIds, ObjectIds, VariantType
from asyncua.ua.uaerrors import UaError

from dtdl.errors import InteropError, PortInUse
from interop.config.plan import Address
from interop.opcua.nodeset.model import (
    HAS_COMPONENT,
    HAS_ORDERED_COMPONENT,
    HAS_PROPERTY,
    HAS_SUBTYPE,
    HAS_TYPE,
    ORGANIZES,
    Graph,
    Node,
    NodeId,
    NodeSet,
    Reference,
    standard,
)
from interop.opcua.nodeset.writer import write
from interop.opcua.types.instances import instances_of

MAX_VALUES: Final = 10_000
_OBJECTS: Final = standard(ObjectIds.ObjectsFolder)
_PARENTS: Final = (HAS_COMPONENT, HAS_PROPERTY, HAS_ORDERED_COMPONENT, ORGANIZES)
_PERIOD_S: Final = 60.0
_WRITE: Final = 2
_INTEGERS: Final[Mapping[VariantType, int]] = MappingProxyType(
    {
        VariantType.SByte: -100, VariantType.Byte: 0, VariantType.Int16: -100, VariantType.UInt16: 0,
        VariantType.Int32: -100, VariantType.UInt32: 0, VariantType.Int64: -100, VariantType.UInt64: 0,
    }
)  # fmt: skip
"""Integer types → the least value shown; the greatest is 100."""


@dataclass(frozen=True, slots=True)
class _Moving:
    node: ua.NodeId
    kind: VariantType
    choices: tuple[int, ...]
    phase: float


class Mock:
    """A running mock.

    Args:
        server: asyncua's server.
        values: What moves.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, server: Server, values: Sequence[_Moving], url: str) -> None:
        self.url = url
        self._server = server
        self._values = values

    def __len__(self) -> int:
        """How many values move."""
        return len(self._values)

    async def move(self, elapsed_s: float) -> None:
        """Sets every moving value to what it is after so many seconds."""
        now = datetime.now(UTC)
        for place, one in enumerate(self._values):
            data = ua.DataValue(ua.Variant(_value(one, elapsed_s), one.kind), SourceTimestamp=now, ServerTimestamp=now)
            await self._server.iserver.aspace.write_attribute_value(one.node, AttributeIds.Value, data)
            if place % 100 == 0:
                await asyncio.sleep(0)

    async def run(self, interval_s: float) -> None:
        """Moves values until it is cancelled."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            await self.move(loop.time() - begun)
            await asyncio.sleep(interval_s)


@asynccontextmanager
async def serving(nodesets: Sequence[NodeSet], address: Address) -> AsyncIterator[Mock]:
    """Serves documents, without security, until the block ends.

    Documents that have no Object below Objects get one instance of each ObjectType that is not abstract and that no
    other type is made of.

    Args:
        nodesets: What belongs together.
        address: Where to listen; port 0 takes a free one.

    Raises:
        PortInUse: Another process listens there.
        InteropError: The server cannot take a node.
    """
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://{address.host}:{address.port}/mock")
    server.set_server_name("megatwin mock")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    graph = Graph(nodesets)
    if not any(graph.targets(_OBJECTS, *_PARENTS)):
        graph = Graph([*nodesets, NodeSet("<mock>", nodes={node.id: node for node in instances_of(graph)})])
    await _load(server, graph)
    values = await _moving(server)
    try:
        await server.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse(
            f"the OPC UA address {address.host}:{address.port} is in use", action="Give another --port."
        ) from error
    try:
        port = server.bserver._server.sockets[0].getsockname()[1]  # noqa: SLF001 - asyncua does not tell it
        yield Mock(server, values, f"opc.tcp://{address.host}:{port}/mock")
    finally:
        await server.stop()


async def _load(server: Server, graph: Graph) -> None:
    """All documents as one, in the plain form that asyncua's importer takes whole."""
    nodes = {node.id: _plain(graph, node) for node in _parents_first(graph)}
    text = write(NodeSet(nodes=nodes))
    try:
        await server.import_xml(xmlstring=text, strict_mode=True)
    except (UaError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InteropError(
            f"the server cannot take these nodes: {error}", action="Run megatwin check on the files."
        ) from error


def _parents_first(graph: Graph) -> Iterator[Node]:
    done: set[NodeId] = set()
    for start in graph.nodes.values():
        chain: list[Node] = []
        here: Node | None = start
        while here is not None and here.id not in done:
            done.add(here.id)
            chain.append(here)
            above = _parent(graph, here)
            here = graph.nodes.get(above.target) if above is not None else None
        yield from reversed(chain)


def _parent(graph: Graph, node: Node) -> Reference | None:
    """The reference by which a node hangs in the address space, as its parent has it."""
    kinds = (HAS_SUBTYPE,) if node.node_class.endswith("Type") else _PARENTS
    for kind in kinds:
        for source in graph.sources(node.id, kind):
            if source in graph.nodes or source.namespace == _OBJECTS.namespace:
                return Reference(kind, source)
    return None


def _plain(graph: Graph, node: Node) -> Node:
    """A node with its parent said in the way that asyncua looks for it, and only references to what is there."""
    above = _parent(graph, node)
    known = [
        reference
        for reference in node.references
        if reference.target in graph.nodes or reference.target.namespace == _OBJECTS.namespace
    ]
    if above is not None and Reference(above.type, above.target, forward=False) not in known:
        known.append(Reference(above.type, above.target, forward=False))
    if node.node_class in ("Object", "Variable") and not any(ref.type == HAS_TYPE for ref in known):
        known.append(Reference(HAS_TYPE, standard(58 if node.node_class == "Object" else 63)))
    parent = above.target if above is not None and above.type != HAS_SUBTYPE else None
    # asyncua lets nobody write what the document does not open to users
    access = {"UserAccessLevel": str(node.access)} if node.node_class == "Variable" else {}
    return replace(node, references=known, parent=parent, extensions=[], attributes=node.attributes | access)


async def _moving(server: Server) -> list[_Moving]:
    """Scalars of built-in types below Objects that clients may not write; those that they may keep what was written."""
    found: list[_Moving] = []
    open_, seen = [server.nodes.objects], set()
    while open_ and len(found) < MAX_VALUES:
        here = open_.pop()
        for one in await here.get_children_descriptions():
            if one.NodeId in seen or one.NodeId.NamespaceIndex == 0:
                continue
            seen.add(one.NodeId)
            node = server.get_node(one.NodeId)
            open_.append(node)
            if one.NodeClass == ua.NodeClass.Variable and one.ReferenceTypeId != ua.NodeId(ObjectIds.HasProperty):
                moving = await _movement(server, node, len(found))
                if moving is not None:
                    found.append(moving)
    return found


async def _movement(server: Server, node: Any, place: int) -> _Moving | None:
    space = server.iserver.aspace
    rank = space.read_attribute_value(node.nodeid, AttributeIds.ValueRank).Value.Value
    access = space.read_attribute_value(node.nodeid, AttributeIds.AccessLevel).Value.Value
    data_type = await node.read_data_type()
    choices: tuple[int, ...] = ()
    for _ in range(64):
        if data_type.NamespaceIndex == 0 and data_type.Identifier <= ObjectIds.Double + 1:
            break
        values = await _choices(server, data_type)
        choices = choices or values
        above = await server.get_node(data_type).get_referenced_nodes(ObjectIds.HasSubtype, ua.BrowseDirection.Inverse)
        if not above or data_type == ua.NodeId(ObjectIds.Enumeration):
            break
        data_type = above[0].nodeid
    if data_type == ua.NodeId(ObjectIds.Enumeration):
        data_type = ua.NodeId(ObjectIds.Int32)
    number = data_type.Identifier if data_type.NamespaceIndex == 0 else 0
    if rank != -1 or access & _WRITE or number not in range(1, 13):
        return None
    return _Moving(node.nodeid, VariantType(number), choices, place * 0.7)


async def _choices(server: Server, data_type: ua.NodeId) -> tuple[int, ...]:
    for one in await server.get_node(data_type).get_children_descriptions(ObjectIds.HasProperty):
        value = await server.get_node(one.NodeId).read_value()
        if one.BrowseName.Name == "EnumValues":
            return tuple(int(each.Value) for each in value or ())
        if one.BrowseName.Name == "EnumStrings":
            return tuple(range(len(value or ())))
    return ()


def _value(one: _Moving, elapsed_s: float) -> Any:
    wave = math.sin(math.tau * elapsed_s / _PERIOD_S + one.phase)
    step = int(elapsed_s + one.phase)
    if one.choices:
        return one.choices[step % len(one.choices)]
    if one.kind == VariantType.Boolean:
        return wave > 0
    if one.kind == VariantType.String:
        return f"value {step}"
    if one.kind in _INTEGERS:
        low = _INTEGERS[one.kind]
        return round(low + (100 - low) * (wave + 1) / 2)
    return round(50 * wave, 3)
