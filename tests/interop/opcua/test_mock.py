"""The mock of a plant: what it serves, what moves, and that it ends cleanly."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from asyncua import Client, ua

from dtdl.errors import PortInUse
from interop.cli import main
from interop.config.plan import Address
from interop.opcua.mock import serving
from interop.opcua.types.files import read_nodesets
from interop.opcua.types.instances import NAMESPACE

HERE = Path(__file__).parent / "nodesets"
FILES = [HERE / "base.NodeSet2.xml", HERE / "machine.NodeSet2.xml"]
LOCAL = Address("127.0.0.1", 0)


async def test_a_mock_has_an_instance_of_each_type_whose_values_move() -> None:
    nodesets, _ = read_nodesets(FILES)
    async with serving(nodesets, LOCAL) as plant, Client(plant.url) as client:
        own = await client.get_namespace_index(NAMESPACE)
        milling = await client.get_namespace_index("urn:machines:milling")
        machine = await client.nodes.objects.get_child(f"{own}:Milling-Machine")
        kind = await machine.read_type_definition()
        assert kind == ua.NodeId(1001, milling)
        load = await machine.get_child([f"{milling}:Spindle", f"{milling}:Load"])
        await plant.move(0.0)
        before = await load.read_value()
        await plant.move(7.0)
        assert await load.read_value() != before
        assert -50 <= before <= 50


async def test_a_value_that_clients_may_write_keeps_what_was_written() -> None:
    nodesets, _ = read_nodesets(FILES)
    async with serving(nodesets, LOCAL) as plant, Client(plant.url) as client:
        own = await client.get_namespace_index(NAMESPACE)
        milling = await client.get_namespace_index("urn:machines:milling")
        speed = await client.nodes.objects.get_child(
            [f"{own}:Milling-Machine", f"{milling}:Spindle", f"{milling}:Speed"]
        )
        await speed.write_value(1200.0)
        await plant.move(3.0)
        assert await speed.read_value() == 1200.0


async def test_a_mock_on_a_port_in_use_is_said() -> None:
    nodesets, _ = read_nodesets(FILES)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortInUse):
            async with serving(nodesets, Address("127.0.0.1", taken.getsockname()[1])):
                pass


def test_definitions_are_mocked_through_their_nodeset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    room = tmp_path / "room.json"
    room.write_text(
        '{"@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:Room;1", "@type": "Interface", "contents": ['
        '{"@type": "Telemetry", "name": "t", "schema": "double"}]}'
    )
    target = str(tmp_path / "room.NodeSet2.xml")
    assert main(["compile", "--target", "nodeset2", str(room), "-o", target]) == 0
    command = [sys.executable, "-m", "megatwin", "opcua", "mock", target, "--port", "0", "--interval", "0.05"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert child.stdout is not None
    assert child.stdout.readline().startswith("opc.tcp://127.0.0.1:")
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (0, "1 values move every 0.05 s\n")


def test_a_broken_file_is_not_mocked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_text("<UANodeSet>")
    assert main(["opcua", "mock", str(tmp_path / "a.xml")]) == 1
    assert "MT320" in capsys.readouterr().out
