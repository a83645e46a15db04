"""A plant for tests, told on standard input what to do: ``set NAME VALUE [AGE_S]``, ``stick NAME``, ``free NAME``.

    python plant.py pumphouse|meter --port PORT

Two makers in one script: the pump house (writable target, a drive below the pump, a method) and the flow meter (other
names, litres a minute). Prints one JSON line when it serves; ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import Server, ua
from asyncua.common.node import Node
from asyncua.server.address_space import AttributeService

UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
T = ua.VariantType
# name → (browse path below the object, type, value, UNECE code of its unit, writable range)
NODES: dict[str, dict[str, tuple[tuple[str, ...], Any, Any, str | None, tuple[float, float] | None]]] = {
    "pumphouse": {
        "bearing": (("bearing",), T.Double, 311.5, "KEL", None),
        "flow": (("flow",), T.Float, 0.25, "MQS", None),
        "target": (("target",), T.Double, 4.0, "BAR", (0.0, 10.0)),
        "serial": (("serial",), T.String, "PH-1", None, None),
        "speed": (("drive", "speed"), T.Double, 1450.0, "RPM", None),
        "enabled": (("drive", "enabled"), T.Boolean, True, None, (0, 1)),
    },
    "meter": {"Q_l_min": (("Messung", "Q_l_min"), T.Int32, 1200, None, None)},
}
PLACES = {
    "pumphouse": (["urn:waterworks:unused", "urn:waterworks:pumphouse"], "P-101"),
    "meter": (["urn:meters:acme"], "Zaehler"),
}


class Guarded(AttributeService):
    """Refuses what is out of range, and drops writes of what is stuck."""

    def __init__(self, aspace: Any) -> None:
        super().__init__(aspace)
        self.ranges: dict[ua.NodeId, tuple[float, float]] = {}
        self.stuck: set[ua.NodeId] = set()
        self.writes = 0

    async def write(self, params: Any, user: Any = None) -> list[ua.StatusCode]:
        results: list[ua.StatusCode] = []
        for item in params.NodesToWrite:
            span = self.ranges.get(item.NodeId)
            if span is None or item.AttributeId != ua.AttributeIds.Value:
                results += await super().write(ua.WriteParameters([item]), user)
                continue
            self.writes += 1
            value = item.Value.Value.Value
            if not span[0] <= value <= span[1]:
                results.append(ua.StatusCode(ua.StatusCodes.BadOutOfRange))
            elif item.NodeId in self.stuck:
                results.append(ua.StatusCode(ua.StatusCodes.Good))
            else:
                now = datetime.now(UTC)
                item.Value = ua.DataValue(item.Value.Value, SourceTimestamp=now, ServerTimestamp=now)
                results += await super().write(ua.WriteParameters([item]), user)
        return results


async def child(parent: Node, index: int, path: tuple[str, ...]) -> Node:
    """The object that holds a variable, made when it is missing."""
    for name in path:
        found = [node for node in await parent.get_children() if (await node.read_browse_name()).Name == name]
        parent = found[0] if found else await parent.add_object(index, name)
    return parent


async def main() -> None:
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=sorted(NODES))
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}/{options.kind}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    uris, name = PLACES[options.kind]
    index = 0
    for uri in uris:
        index = await server.register_namespace(uri)
    guard = Guarded(server.iserver.aspace)
    server.iserver.attribute_service = guard
    root = await server.nodes.objects.add_object(index, name)
    nodes: dict[str, tuple[Node, Any]] = {}
    for key, (path, kind, value, unit, span) in NODES[options.kind].items():
        node = await (await child(root, index, path[:-1])).add_variable(index, path[-1], value, kind)
        if unit:
            code = int.from_bytes(unit.encode(), "big")
            text = ua.LocalizedText(unit)
            await node.add_property(
                ua.NodeId(f"EU.{key}", index), ua.QualifiedName("EngineeringUnits", 0),
                ua.EUInformation(UNECE, code, text, text),
            )  # fmt: skip
        if span:
            await node.set_writable()
            guard.ranges[node.nodeid] = span
        nodes[key] = (node, kind)
    flushed = 0

    async def flush(_parent: ua.NodeId, seconds: ua.Variant) -> Any:
        nonlocal flushed
        if seconds.Value < 0:
            return ua.StatusCode(ua.StatusCodes.BadOutOfRange)
        flushed += 1
        return [ua.Variant(flushed, T.Int32)]

    if options.kind == "pumphouse":
        number = ua.NodeId(ua.ObjectIds.Int32)
        await root.add_method(
            index, "flush", flush, [ua.Argument(Name="seconds", DataType=number, ValueRank=-1)],
            [ua.Argument(Name="count", DataType=number, ValueRank=-1)],
        )  # fmt: skip
    async with server:
        print(json.dumps({"ready": True, "url": f"opc.tcp://127.0.0.1:{options.port}/{options.kind}"}), flush=True)
        await obey(server, nodes, guard)


async def obey(server: Server, nodes: dict[str, tuple[Node, Any]], guard: Guarded) -> None:
    """Does what standard input says; answers each line with ``ok`` or a figure."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        verb, *words = line.decode().split()
        answer = "ok"
        if verb == "set":
            node, kind = nodes[words[0]]
            value = json.loads(words[1])
            at = datetime.now(UTC) - timedelta(seconds=float(words[2]) if len(words) > 2 else 0.0)
            await server.iserver.aspace.write_attribute_value(
                node.nodeid, ua.AttributeIds.Value,
                ua.DataValue(ua.Variant(value, kind), SourceTimestamp=at, ServerTimestamp=datetime.now(UTC)),
            )  # fmt: skip
        elif verb == "stick":
            guard.stuck.add(nodes[words[0]][0].nodeid)
        elif verb == "free":
            guard.stuck.discard(nodes[words[0]][0].nodeid)
        elif verb == "writes":
            answer = str(guard.writes)
        print(answer, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
