"""``megatwin serve --tls-dev`` as a process of its own, for clients that are not ours."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOM = "dtmi:test:Room;1"
FLOOR = "dtmi:test:Floor;1"
VENT = "dtmi:test:Vent;1"
CONTEXT = "dtmi:dtdl:context;3"
MODELS = [
    {
        "@id": VENT, "@type": "Interface", "@context": CONTEXT, "displayName": "Vent",
        "contents": [
            {"@type": "Property", "name": "speed", "schema": "double"},
            {"@type": "Telemetry", "name": "vibration", "schema": "double"},
        ],
    },
    {
        "@id": ROOM, "@type": "Interface", "@context": CONTEXT, "displayName": {"en": "Room", "de": "Raum"},
        "description": "A room.",
        "contents": [
            {"@type": "Property", "name": "temperature", "schema": "double", "writable": True},
            {"@type": "Property", "name": "name", "schema": "string"},
            {"@type": "Telemetry", "name": "noise", "schema": "double"},
            {"@type": "Component", "name": "vent", "schema": VENT},
        ],
    },
    {
        "@id": FLOOR, "@type": "Interface", "@context": CONTEXT,
        "contents": [
            {"@type": "Relationship", "name": "has", "target": ROOM, "maxMultiplicity": 300,
             "properties": [{"@type": "Property", "name": "locked", "schema": "boolean"}]},
        ],
    },
]  # fmt: skip


@dataclass(frozen=True)
class Served:
    """Where it listens, and the certificate that makes it trusted."""

    url: str
    authority: str
    data: Path


@contextmanager
def serving(data: Path, *more: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "megatwin", "serve", "--data", str(data), "--http", "127.0.0.1:0", "--tls-dev"]
    process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        authority = process.stdout.readline().strip()
        said = ""
        while (found := re.search(r"REST +(\S+)", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert authority.startswith("REQUESTS_CA_BUNDLE=")
        yield Served(found.group(1), authority.partition("=")[2], data)
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
