"""Vendor B: a cooling unit with raw integers, no security and two methods.

    python borealis.py [--port 4842] [--seed 2] [--swap-namespaces]

Prints one JSON line when it serves, and ends on SIGTERM, SIGINT, or when its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import math
import os
import random
import signal
import stat
import sys
from datetime import UTC, datetime

from asyncua import Server, ua

DIAG = "urn:borealis:diag"
UNIT = "urn:borealis:unit"
TICK_S = 0.4
OFF, COOLING, FAULT = range(3)


class CoolingUnit:
    """The unit: its nodes and what moves in it."""

    def __init__(self, server: Server, index: int, seed: int) -> None:
        self.server = server
        self.index = index
        self.random = random.Random(seed)  # noqa: S311 - a simulated plant
        self.hours = 0
        self.cleaned = 0
        self.supply = 18.0

    def node(self, name: str) -> ua.NodeId:
        """NodeId of a variable."""
        return ua.NodeId(f"CU-01/{name}", self.index)

    async def build(self) -> None:
        """Makes the address space."""
        index = self.index
        hvac = await self.server.nodes.objects.add_folder(ua.NodeId("HVAC", index), ua.QualifiedName("HVAC", index))
        unit = await hvac.add_object(ua.NodeId("CU-01", index), ua.QualifiedName("CU-01", index))
        for name, value, kind in (
            ("T_SUP_x10", 180, ua.VariantType.Int16),
            ("P_EL", 2.1, ua.VariantType.Float),
            ("RH", 45.0, ua.VariantType.Float),
            ("SP_x10", 180, ua.VariantType.Int16),
            ("STATE", COOLING, ua.VariantType.Int32),
        ):
            variable = await unit.add_variable(self.node(name), ua.QualifiedName(name, index), value, kind)
            if name == "SP_x10":
                await variable.set_writable()
            if name == "P_EL":
                # KWT is the UNECE code of the kilowatt
                await variable.add_property(
                    ua.NodeId("CU-01/P_EL/EU", index), ua.QualifiedName("EngineeringUnits", 0),
                    ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", 0x4B5754,
                                     ua.LocalizedText("kW"), ua.LocalizedText("kilowatt")),
                )  # fmt: skip
        await unit.add_method(
            ua.NodeId("CU-01/ResetFilter", index), ua.QualifiedName("ResetFilter", index), self.reset_filter,
            [], [ua.Argument(Name="count", DataType=ua.NodeId(ua.ObjectIds.Int32), ValueRank=-1)],
        )  # fmt: skip
        await unit.add_method(
            ua.NodeId("CU-01/SetMode", index), ua.QualifiedName("SetMode", index), self.set_mode,
            [ua.Argument(Name="mode", DataType=ua.NodeId(ua.ObjectIds.Int32), ValueRank=-1)],
            [ua.Argument(Name="accepted", DataType=ua.NodeId(ua.ObjectIds.Boolean), ValueRank=-1)],
        )  # fmt: skip

    async def reset_filter(self, _parent: ua.NodeId) -> list[ua.Variant]:
        """Counts the resets."""
        self.cleaned += 1
        return [ua.Variant(self.cleaned, ua.VariantType.Int32)]

    async def set_mode(self, _parent: ua.NodeId, mode: ua.Variant) -> list[ua.Variant] | ua.StatusCode:
        """Takes 0 off, 1 cooling, 2 fault test."""
        if mode.VariantType != ua.VariantType.Int32 or mode.Value not in (OFF, COOLING, FAULT):
            return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)
        await self.put("STATE", mode.Value, ua.VariantType.Int32)
        return [ua.Variant(Value=True, VariantType=ua.VariantType.Boolean)]

    async def put(self, name: str, value: float, kind: ua.VariantType) -> None:
        """Sets a value, true now."""
        now = datetime.now(UTC)
        await self.server.iserver.aspace.write_attribute_value(
            self.node(name), ua.AttributeIds.Value,
            ua.DataValue(ua.Variant(value, kind), SourceTimestamp=now, ServerTimestamp=now),
        )  # fmt: skip

    def raw(self, name: str) -> float:
        """The present raw value."""
        value = self.server.iserver.aspace.read_attribute_value(self.node(name), ua.AttributeIds.Value)
        return float(value.Value.Value)

    async def move(self) -> None:
        """Follows its set-point while it cools, and drifts to the room's 26 °C when it does not."""
        step = 0
        while True:
            step += 1
            cooling = self.raw("STATE") == COOLING
            target = self.raw("SP_x10") / 10 if cooling else 26.0
            self.supply += 0.2 * (target - self.supply) + self.random.gauss(0.0, 0.08)
            effort = max(0.0, 26.0 - self.supply) if cooling else 0.0
            await self.put("T_SUP_x10", round(self.supply * 10), ua.VariantType.Int16)
            power = 0.12 + 0.24 * effort + self.random.gauss(0.0, 0.01)
            await self.put("P_EL", round(max(0.0, power), 3), ua.VariantType.Float)
            await self.put("RH", round(45.0 + 4.0 * math.sin(step / 40), 2), ua.VariantType.Float)
            await asyncio.sleep(TICK_S)


def end_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A pipe on standard input belongs to whoever started the unit; its end is ours."""
    mode = os.fstat(0).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        loop.add_reader(0, lambda: os.read(0, 4096) or (loop.remove_reader(0), stop.set()))


async def main() -> None:
    """Serves until told to end."""
    parser = argparse.ArgumentParser(description="A cooling unit of vendor Borealis.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pki", default=None, help="taken and not used: this unit has no security")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--swap-namespaces", action="store_true", help="as after an update of the firmware")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    server = Server()
    await server.init()
    await server.set_application_uri("urn:borealis:gateway")
    server.set_server_name("Borealis gateway")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}")
    for uri in (UNIT, DIAG) if options.swap_namespaces else (DIAG, UNIT):
        await server.register_namespace(uri)
    unit = CoolingUnit(server, await server.get_namespace_index(UNIT), options.seed)
    await unit.build()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    end_with_parent(loop, stop)
    await server.start()
    mover = asyncio.create_task(unit.move())
    url = f"opc.tcp://127.0.0.1:{server.bserver.port}"
    print(json.dumps({"ready": True, "url": url, "certificate": None}), flush=True)
    await stop.wait()
    mover.cancel()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.stop(), 0.7)
    sys.stdout.flush()
    os._exit(0)  # asyncua's clock would sleep for up to a second


if __name__ == "__main__":
    asyncio.run(main())
