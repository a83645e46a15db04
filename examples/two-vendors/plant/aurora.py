"""Vendor A: a radio cabinet behind one encrypted endpoint.

    python aurora.py [--port 4841] [--pki DIR] [--seed 1] [--stuck-setpoint]

Prints one JSON line when it serves, and ends on SIGTERM, SIGINT, or when its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import socket
import stat
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Server, ua
from asyncua.common.node import Node
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService
from cryptography.x509.oid import ExtendedKeyUsageOID

URI = "urn:aurora:cabinet-controller"
TYPES = "urn:aurora:types"
CABINET = "urn:aurora:cabinet"
PERIOD_S = 0.25
ALARM_PROBABILITY = 0.01
UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
TX_LEAST, TX_GREATEST = 0.0, 40.0


class GuardedAttributes(AttributeService):
    """Writes of the set-point are checked against its range, or acknowledged and dropped when it is stuck."""

    setpoint: ua.NodeId | None = None
    stuck = False

    async def write(
        self,
        params: ua.WriteParameters,
        user: User = User(role=UserRole.Admin),  # noqa: B008 - asyncua's signature
    ) -> list[ua.StatusCode]:
        """Answers each value; see OPC 10000-4, 5.10.4."""
        results: list[ua.StatusCode] = []
        for item in params.NodesToWrite:
            own = user.role == UserRole.Admin
            if item.NodeId == self.setpoint and item.AttributeId == ua.AttributeIds.Value and not own:
                raw = item.Value.Value.Value if item.Value.Value is not None else None
                if not isinstance(raw, float):
                    results.append(ua.StatusCode(ua.StatusCodes.BadTypeMismatch))
                    continue
                if not TX_LEAST <= raw <= TX_GREATEST:
                    results.append(ua.StatusCode(ua.StatusCodes.BadOutOfRange))
                    continue
                if self.stuck:
                    results.append(ua.StatusCode(ua.StatusCodes.Good))
                    continue
                now = datetime.now(UTC)
                item.Value = ua.DataValue(item.Value.Value, SourceTimestamp=now, ServerTimestamp=now)
            results += await super().write(ua.WriteParameters([item]), user)
        return results


async def analog(
    server: Server, parent: Node, name: str, value: float, *, unit: tuple[str, str], span: tuple[float, float]
) -> Node:
    """Adds an AnalogUnitRangeType variable with EngineeringUnits and EURange (OPC 10000-8, 5.3.2)."""
    index = parent.nodeid.NamespaceIndex
    node = await parent.add_variable(
        ua.NodeId(f"Radio.{name}", index), ua.QualifiedName(name, index), value, ua.VariantType.Double
    )
    code, symbol = unit
    await node.add_property(
        ua.NodeId(f"Radio.{name}.eu", index), ua.QualifiedName("EngineeringUnits", 0),
        ua.EUInformation(
            NamespaceUri=UNECE, UnitId=int.from_bytes(code.encode(), "big"),
            DisplayName=ua.LocalizedText(symbol, "en"), Description=ua.LocalizedText(symbol, "en"),
        ),
    )  # fmt: skip
    await node.add_property(
        ua.NodeId(f"Radio.{name}.range", index), ua.QualifiedName("EURange", 0), ua.Range(Low=span[0], High=span[1])
    )
    await server.iserver.isession.delete_references(
        [ua.DeleteReferencesItem(
            SourceNodeId=node.nodeid, ReferenceTypeId=ua.NodeId(ua.ObjectIds.HasTypeDefinition), IsForward=True,
            TargetNodeId=ua.ExpandedNodeId(ua.ObjectIds.BaseDataVariableType), DeleteBidirectional=False,
        )]
    )  # fmt: skip
    await node.add_reference(
        ua.NodeId(17570), ua.ObjectIds.HasTypeDefinition, forward=True, bidirectional=False
    )  # 17570: AnalogUnitRangeType
    return node


async def build(server: Server, *, stuck: bool) -> dict[str, Node]:
    """Makes the cabinet; gives its variables by name."""
    await server.register_namespace(TYPES)
    index = await server.register_namespace(CABINET)
    cabinet = await server.nodes.objects.add_object(ua.NodeId("Cabinet7", index), ua.QualifiedName("Cabinet7", index))
    radio = await cabinet.add_object(ua.NodeId("Radio", index), ua.QualifiedName("Radio", index))
    found = {
        "power": await analog(server, radio, "power", 410.0, unit=("WTT", "W"), span=(0.0, 2000.0)),
        "paTemperature": await analog(server, radio, "paTemperature", 48.0, unit=("CEL", "°C"), span=(-40.0, 120.0)),
        "txPower": await analog(server, radio, "txPower", 20.0, unit=("WTT", "W"), span=(TX_LEAST, TX_GREATEST)),
    }
    await found["txPower"].set_writable()
    for name, value, kind in (
        ("serialNumber", "AUR-7-00431", ua.VariantType.String),
        ("alarmCount", 0, ua.VariantType.Int32),
        ("fanSpeed", 1200, ua.VariantType.UInt16),
    ):
        found[name] = await radio.add_variable(
            ua.NodeId(f"Radio.{name}", index), ua.QualifiedName(name, index), value, kind
        )
    guard = GuardedAttributes(server.iserver.aspace)
    guard.setpoint, guard.stuck = found["txPower"].nodeid, stuck
    server.iserver.attribute_service = guard
    return found


async def run(server: Server, nodes: dict[str, Node], seed: int) -> None:
    """Moves the values until cancelled: the power amplifier draws what it sends, and warms up from it."""
    random_ = random.Random(seed)  # noqa: S311 - a simulated plant
    drive, warmth, alarms = 20.0, 48.0, 0

    async def put(name: str, value: float | str, kind: ua.VariantType) -> None:
        now = datetime.now(UTC)
        data = ua.DataValue(ua.Variant(value, kind), SourceTimestamp=now, ServerTimestamp=now)
        await server.iserver.aspace.write_attribute_value(nodes[name].nodeid, ua.AttributeIds.Value, data)

    while True:
        drive += 0.5 * (float(await nodes["txPower"].read_value()) - drive)
        power = 150.0 + 13.0 * drive + random_.gauss(0.0, 0.6)
        warmth += 0.08 * (25.0 + 0.056 * power - warmth) + random_.gauss(0.0, 0.02)
        await put("power", round(power, 2), ua.VariantType.Double)
        await put("paTemperature", round(warmth, 3), ua.VariantType.Double)
        await put("fanSpeed", int(900 + 6 * warmth), ua.VariantType.UInt16)
        if random_.random() < ALARM_PROBABILITY:
            alarms += 1
            await put("alarmCount", alarms, ua.VariantType.Int32)
        await asyncio.sleep(PERIOD_S)


async def serve(options: argparse.Namespace) -> None:
    """Serves until told to end."""
    pki = Path(options.pki)
    key, certificate = pki / "aurora-key.pem", pki / "aurora.der"
    await setup_self_signed_certificate(
        key, certificate, URI, socket.gethostname(),
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], {"organizationName": "Aurora Radio"},
    )  # fmt: skip
    server = Server()
    await server.init()
    await server.set_application_uri(URI)
    server.set_server_name("Aurora cabinet controller")
    await server.load_certificate(certificate)
    await server.load_private_key(key)
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}/aurora")
    nodes = await build(server, stuck=options.stuck_setpoint)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_parent(loop, stop)
    await server.start()
    mover = asyncio.create_task(run(server, nodes, options.seed))
    port = server.bserver.port
    print(
        json.dumps({"ready": True, "url": f"opc.tcp://127.0.0.1:{port}/aurora", "certificate": str(certificate)}),
        flush=True,
    )
    await stop.wait()
    mover.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.stop(), 0.7)


def watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Ends the plant when whoever holds its standard input is gone; a terminal or /dev/null is no parent."""
    status = os.fstat(sys.stdin.fileno())
    if not (stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)):
        return

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), readable)


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(description="A radio cabinet of vendor Aurora.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pki", default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stuck-setpoint", action="store_true", help="acknowledge writes, change nothing")
    options = parser.parse_args()
    options.pki = options.pki or tempfile.mkdtemp(prefix="aurora-")
    Path(options.pki).mkdir(parents=True, exist_ok=True, mode=0o700)
    logging.disable(logging.WARNING)
    os.umask(0o077)
    asyncio.run(serve(options))
    os._exit(0)  # asyncua leaves a clock that sleeps for a second


if __name__ == "__main__":
    main()
