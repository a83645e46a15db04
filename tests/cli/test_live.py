"""A run in the foreground whose own parts fail while it starts: it ends, and says why."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dtdl.errors import PortInUse
from interop.cli import live, main
from interop.opcua.server import OpcUaServer

TANK = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tank;1", "@type": "Interface",
        "contents": [{"@type": "Property", "name": "level", "schema": "double"}]}  # fmt: skip
FILE = 'megatwin: 1\nmodels: [tank.json]\ntwins: {t: {model: "dtmi:t:Tank;1"}}\nserve: {opcua: "127.0.0.1:0"}\n'


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tank.json").write_text(json.dumps(TANK), "utf-8")
    (tmp_path / "megatwin.yaml").write_text(FILE, "utf-8")
    loud = logging.getLogger("asyncua").level
    yield tmp_path / "megatwin.yaml"
    logging.getLogger("asyncua").setLevel(loud)


def test_an_unexpected_error_of_our_opcua_server_stops_the_run_as_a_bug(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def start(_: Any) -> None:
        raise ZeroDivisionError("in the address space")

    monkeypatch.setattr(OpcUaServer, "start", start)
    assert main(["up", str(file), "--quiet", "--for", "60"]) == 3
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError: in the address space" in said


def test_an_unexpected_error_while_links_are_said_stops_the_run_as_a_bug(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def say(_: Any) -> None:
        raise KeyError("kind")

    monkeypatch.setattr(live, "_say_links", say)
    assert main(["up", str(file), "--quiet", "--for", "60"]) == 3
    assert "KeyError: 'kind'" in capsys.readouterr().err


def test_an_error_with_an_exit_code_of_its_own_keeps_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def start(_: Any) -> None:
        raise PortInUse("cannot listen", action="Stop the other.")

    monkeypatch.setattr(OpcUaServer, "start", start)
    assert main(["up", str(file), "--quiet", "--for", "60"]) == PortInUse.exit_code
    assert "Traceback" not in capsys.readouterr().err
