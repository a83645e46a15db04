"""Mutated archives and XML files of every kind: a typed error or a description, and nothing else.

A thousand of each with MEGATWIN_LONG=1; a share of them otherwise.
"""

from __future__ import annotations

import io
import os
import random
import zipfile
from pathlib import Path

import pytest

from dtdl.diagnostic import Severity
from dtdl.errors import DescriptionInvalid, MegatwinError
from fmu.archive import unpack
from fmu.description import Description, read_description
from fmu.description_xml import parse_description
from fmu.interface import to_interface
from fmu.terminals import read_terminals
from tests.fmu.exchange.models import MODELS, _xml_1, _xml_2, _xml_3

COUNT = 1000 if os.environ.get("MEGATWIN_LONG") else 150
FEATURES = Path(__file__).parent / "features"
WORDS = [
    b'"', b"<", b">", b"/", b"&", b"&#0;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"\x00", b"\xff\xfe", b"-1", b"1e999",
    b"NaN", b"99999999999999999999",
    b"<Clock name='c' valueReference='1'/>", b"<Dimension start='-5'/>", b"]]>", b"<!--",
    "\u212a\u0663".encode(), b"fixed", b"structuralParameter",
]  # fmt: skip


def mutated(data: bytes, source: random.Random) -> bytes:
    """One to four changes: a byte, a piece left out, a piece twice, a word put in, two pieces swapped."""
    for _ in range(source.randint(1, 4)):
        at, length = source.randrange(len(data) + 1), source.randint(1, 40)
        piece = data[at : at + length]
        way = source.randrange(6)
        if way == 0:
            data = data[:at] + bytes([source.randrange(256)]) + data[at + 1 :]
        elif way == 1:
            data = data[:at] + data[at + length :]
        elif way == 2:
            data = data[:at] + piece * source.randint(2, 30) + data[at + length :]
        elif way == 3:
            data = data[:at] + source.choice(WORDS) + data[at:]
        elif way == 4:
            data = data[:at]
        else:
            other = source.randrange(len(data) + 1)
            data = data[:at] + data[other : other + length] + data[at + length :]
    return data


def documents() -> dict[str, bytes]:
    relay, arrays = MODELS["Relay"], FEATURES / "Arrays" / "modelDescription.xml"
    return {
        "1.0": _xml_1("Relay", relay).encode(),
        "2.0": _xml_2("Relay", relay).encode(),
        "3.0": _xml_3("Relay", relay).encode(),
        "arrays": arrays.read_bytes(),
        "clocks": (FEATURES / "Clocked" / "modelDescription.xml").read_bytes(),
    }


@pytest.mark.parametrize("name", list(documents()))
def test_a_mutated_description_is_read_or_refused_with_a_line(name: str) -> None:
    data = documents()[name]
    outcomes = {True: 0, False: 0}
    for seed in range(COUNT // 5):
        changed = mutated(data, random.Random(f"{name}{seed}"))
        for lenient in (False, True):
            try:
                found = parse_description(changed, "m.xml", lenient=lenient)
            except DescriptionInvalid as error:
                lines = [item.location.line if item.location else 0 for item in error.diagnostics]
                outcomes[False] += bool(lines) and all(line > 0 for line in lines)
            else:
                assert isinstance(found, Description)
                assert all(item.severity is not Severity.ERROR for item in found.warnings)
                to_interface(found)
                outcomes[True] += 1
    # each was one or the other: none was refused without a line
    assert sum(outcomes.values()) == 2 * (COUNT // 5)
    assert outcomes[False]


def test_mutated_terminals_are_warnings_only() -> None:
    data = (FEATURES / "Arrays" / "terminalsAndIcons" / "terminalsAndIcons.xml").read_bytes()
    warned = 0
    for seed in range(COUNT):
        found = read_terminals(mutated(data, random.Random(seed)), "t.xml", {})
        warned += bool(found.warnings)
        assert all(item.severity is Severity.WARNING for item in found.warnings)
    assert warned


def test_a_mutated_archive_is_unpacked_or_refused_and_leaves_nothing_outside(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted((FEATURES / "Arrays").rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(FEATURES / "Arrays").as_posix())
    place = tmp_path / "in"
    place.mkdir()
    refused = left_over = 0
    for seed in range(COUNT):
        fmu = tmp_path / "m.fmu"
        fmu.write_bytes(mutated(packed.getvalue(), random.Random(seed)))
        try:
            read_description(fmu)
            unpack(fmu, place / str(seed))
        except MegatwinError:
            refused += 1
            left_over += (place / str(seed)).exists()
    assert refused > 0
    assert left_over == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "m.fmu"]
