"""A mock plant: an OPC UA server with two tanks that warm up to their target. Run: python plant.py [ENDPOINT]."""

import asyncio
import sys

from asyncua import Server, ua

ENDPOINT = "opc.tcp://127.0.0.1:4845/plant"
NAMESPACE = "urn:example:plant"
NAMES = {
    "Tank1": {"temperature": "temperature", "target": "target", "power": "power", "flush": "flush"},
    "Tank2": {"temperature": "T", "target": "TSet", "power": "P", "flush": "Flush"},
}
"""The two tanks speak differently: the first in °C and W with the model's names, the second in °F and kW."""


class Tank:
    """One tank: warms up while it is below its target."""

    def __init__(self, *, fahrenheit: bool) -> None:
        self.fahrenheit = fahrenheit
        self.celsius = 20.0
        self.nodes = {}

    async def build(self, server: Server, index: int, name: str, names: dict[str, str]) -> None:
        """Adds the tank's nodes below Objects."""
        tank = await server.nodes.objects.add_object(index, name)
        for key, start in (("temperature", 20.0), ("target", 60.0), ("power", 0.0)):
            first = start if key == "power" else self.shown(start)
            self.nodes[key] = await tank.add_variable(index, names[key], first, ua.VariantType.Double)
        await self.nodes["target"].set_writable()
        await tank.add_method(index, names["flush"], self.flush, [], [])

    def shown(self, celsius: float) -> float:
        """Gives a temperature in the unit that this tank speaks."""
        return celsius * 9 / 5 + 32 if self.fahrenheit else celsius

    async def step(self, seconds: float) -> None:
        """Lets time pass."""
        target = await self.nodes["target"].read_value()
        heating = self.shown(self.celsius) < target
        self.celsius += seconds * (0.5 if heating else -0.1)
        watt = 2000.0 if heating else 0.0
        await self.nodes["temperature"].write_value(self.shown(self.celsius))
        await self.nodes["power"].write_value(watt / 1000 if self.fahrenheit else watt)

    async def flush(self, _parent: ua.NodeId, *_arguments: ua.Variant) -> list[ua.Variant]:
        """Fills the tank with cold water."""
        self.celsius = 12.0
        return []


async def main(endpoint: str) -> None:
    """Serves until Ctrl-C."""
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    tanks = {"Tank1": Tank(fahrenheit=False), "Tank2": Tank(fahrenheit=True)}
    for name, tank in tanks.items():
        await tank.build(server, index, name, NAMES[name])
    async with server:
        print(f"plant at {endpoint}", flush=True)
        while True:
            for tank in tanks.values():
                await tank.step(0.5)
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else ENDPOINT))
    except KeyboardInterrupt:
        print("plant stopped")
