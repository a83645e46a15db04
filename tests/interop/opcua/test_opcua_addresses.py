"""What a user writes is checked before anything connects, and without the OPC UA stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from interop.opcua.adapter import OpcUaAdapter
from interop.opcua.settings import NodeAddress, OpcUaSettings, parse_node_id, parse_path
from interop.ports import Source
from tests.contracts.adapter_suite import binding

URL = "opc.tcp://127.0.0.1:4840"


def findings(namespaces: dict[str, str], **address: Any) -> list[str]:
    source = Source(
        name="plant",
        settings=OpcUaSettings(opcua=URL, namespaces=namespaces),
        bindings=[binding("level", NodeAddress(**address))],
    )
    return [f"{found.cause} {found.action}" for found in OpcUaAdapter.check(source)]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"path": "/Objects/2:Tank"}, "by its index 2"),
        ({"node": "ns=2;s=Tank"}, "by an index"),
        ({"at": "ns=2;i=5", "auto": ("level",)}, "by an index"),
        ({"path": "/Objects/x:Tank"}, "the prefix 'x' is not declared (t)"),
        ({"path": "t:Tank"}, "starts nowhere"),
        ({"auto": ("level",)}, "starts nowhere"),
        ({}, "says nothing"),
        ({"path": "/Objects/t:A", "node": "i=85"}, "path and node"),
        ({"path": "/Objects//t:A"}, "empty step"),
        ({"path": "/Objects/t:"}, "has no name"),
        ({"node": "nsu=urn:a;x=5"}, "not a node id"),
        ({"node": "i=abc"}, "not a node id"),
    ],
)
def test_each_mistake_in_an_address_is_one_finding_with_a_remedy(address: dict[str, Any], said: str) -> None:
    (found,) = findings({"t": "urn:tank"}, **address)
    assert said in found


@pytest.mark.parametrize(
    "address",
    [
        {"path": "/Objects/t:Tank"},
        {"at": "/Objects/t:Tank", "path": "t:Level/Value"},
        {"at": "nsu=urn:tank;s=Tank", "path": "t:Level"},
        {"node": "nsu=urn:tank;s=a;b=c"},
        {"node": "i=2258"},
        {"at": "/Objects/t:Tank", "auto": ("pump", "speed")},
    ],
)
def test_a_right_address_has_no_finding(address: dict[str, Any]) -> None:
    assert findings({"t": "urn:tank"}, **address) == []


def test_every_wrong_step_of_a_path_is_found() -> None:
    found = findings({"t": "urn:tank"}, path="/Objects/2:Tank/x:Pump/t:Level")
    assert len(found) == 2


def test_a_wrong_at_is_said_once_for_all_that_it_serves() -> None:
    settings = OpcUaSettings(opcua=URL)
    bindings = [binding(name, NodeAddress(at="/Objects/2:Tank", auto=(name,))) for name in ("level", "power")]
    (found,) = OpcUaAdapter.check(Source(name="plant", settings=settings, bindings=bindings))
    assert found.rule == "MTOPCUA01"


def test_a_node_id_may_stand_where_a_path_stands() -> None:
    address = NodeAddress(at="/Objects/t:Tank", path="nsu=urn:tank;s=Level")
    assert (address.path, address.node) == (None, "nsu=urn:tank;s=Level")
    (found,) = findings({}, path="ns=2;s=Level")
    assert "by an index" in found


def test_every_rule_of_an_address_is_explained() -> None:
    from interop.rules import find_rules

    assert {"MTOPCUA01", "MTOPCUA02", "MTOPCUA03"} <= set(find_rules())


def test_a_prefix_that_is_a_number_is_a_finding() -> None:
    assert any("index" in found for found in findings({"2": "urn:tank"}, node="i=85"))


def test_paths_are_read_with_uris_and_escapes() -> None:
    namespaces = {"t": "urn:tank"}
    assert parse_path("/Objects/t:A/t:b:c/D", namespaces) == (
        (None, "Objects"), ("urn:tank", "A"), ("urn:tank", "b:c"), (None, "D"),
    )  # fmt: skip
    assert parse_path("t:a&/b&&/x&:y", namespaces) == (("urn:tank", "a/b&"), (None, "x:y"))
    assert parse_node_id("nsu=urn:a:b;s=x;y") == ("urn:a:b", "s", "x;y")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"opcua": "http://127.0.0.1"}, "opc.tcp"),
        ({"opcua": "opc.tcp://user:secret@127.0.0.1"}, "under security"),
        ({"opcua": "opc.tcp://127.0.0.1:99999"}, "99999"),
        ({"opcua": URL, "security": {"policy": "None", "mode": "Sign"}}, "does not go with"),
        ({"opcua": URL, "security": {"certificate": "own.der"}}, "together"),
        ({"opcua": URL, "security": {"user": "a", "password": "plain"}}, "env:NAME"),
        ({"opcua": URL, "defaults": {"stale-after": 5}}, "unit"),
        ({"opcua": URL, "defaults": {"stale_": "5 s"}}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        OpcUaSettings(**given)


def test_a_link_is_encrypted_unless_the_file_says_otherwise() -> None:
    security = OpcUaSettings(opcua="opc.tcp://plant").security
    assert (security.policy, security.mode) == ("Basic256Sha256", "SignAndEncrypt")
    for word in ("none", {"policy": "None"}, {"mode": "None"}):
        open_ = OpcUaSettings.model_validate({"opcua": URL, "security": word}).security
        assert (open_.policy, open_.mode) == ("None", "None")
    assert OpcUaSettings(opcua="opc.tcp://plant/path").opcua == "opc.tcp://plant:4840/path"


def test_checking_imports_no_opc_ua_stack() -> None:
    code = "import sys, interop.opcua.adapter, interop.cli.opcua; print('asyncua' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout.strip() == "False"


def test_an_unsecured_link_to_another_machine_is_a_warning() -> None:
    def rules(url: str, security: str | dict[str, str]) -> list[str]:
        settings = OpcUaSettings.model_validate({"opcua": url, "security": security})
        return [found.rule for found in OpcUaAdapter.check(Source(name="plant", settings=settings, bindings=[]))]

    assert rules("opc.tcp://10.0.0.5", "none") == ["MTOPCUA03"]
    assert rules("opc.tcp://10.0.0.5", {}) == []
    assert rules("opc.tcp://127.0.0.1", "none") == []
