"""Damaged and hostile files of system structures: one typed error, nothing else, and it ends."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dtdl.diagnostic import Diagnostic
from dtdl.errors import ArchiveUnsafe, DescriptionInvalid, InputUnreadable
from fmu.ssp import Ssp, check, open_ssp, read_document, write_document
from fmu.ssp.description import SystemStructureDescription
from fmu.ssp.flatten import flatten
from fmu.ssp.verbatim import parse
from tests.fmu import ssp_files as make

EVERYTHING = (Path(__file__).parent / "ssp" / "everything.ssd").read_bytes()
WORDS = [
    b"<", b">", b'"', b"&", b"&#0;", b"&#x110000;", b"<!DOCTYPE a>", b"<!--", b"]]>", b"<?a b?>", b"\x00", b"\xff\xfe",
    b'source="../../etc/passwd"', b'source="http://a/b"', b"1e999", b"-1", b"NaN", b" ", b"ssd:System",
    b"ssc:Annotation",    b'name=""', b'kind="inout"', b"x" * 5000, b'xmlns:ssd="urn:other"', b"18446744073709551616",
]  # fmt: skip


def mutated(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed))
        length = chance.choice((0, 1, 1, 10, 200))
        choice = chance.randrange(4)
        if choice == 0:
            changed[at : at + length] = chance.choice(WORDS)
        elif choice == 1:
            del changed[at : at + length]
        elif choice == 2:
            changed[at : at + length] = chance.randbytes(length)
        else:
            start = chance.randrange(len(changed))
            changed[at:at] = changed[start : start + chance.choice((10, 200, 2000))]
    return bytes(changed)


def tagged(data: bytes, seed: int) -> bytes:
    """Still XML: whole attributes and names are exchanged, so that what reads the values is met."""
    chance = random.Random(seed)
    parts = data.split(b'"')
    for _ in range(chance.randint(1, 6)):
        at, other = (1 + 2 * chance.randrange(len(parts) // 2) for _ in range(2))
        values = (parts[other], b"", b"-1", b"NaN", b"1 2 3", b"a.b", b"#s0", b"resources/x.ssd", b"x" * 1000)
        parts[at] = chance.choice(values)
    return b'"'.join(parts)


def outcome(path: Path) -> tuple[tuple[Diagnostic, ...], Ssp | None]:
    """What is found, and what was opened; any other exception is the failure that is looked for."""
    try:
        with open_ssp(path) as ssp:
            return flatten(ssp).diagnostics, ssp
    except DescriptionInvalid as error:
        return error.diagnostics, None


@pytest.mark.parametrize("change", [mutated, tagged])
def test_500_damaged_documents_give_typed_errors_only(change: Callable[[bytes, int], bytes], tmp_path: Path) -> None:
    refused = opened = 0
    for seed in range(500):
        data = change(EVERYTHING, seed)
        path = tmp_path / "SystemStructure.ssd"
        path.write_bytes(data)
        found, ssp = outcome(path)
        assert all(each.location is not None for each in found), seed
        if ssp is None:
            assert found, seed
            refused += 1
            continue
        again, _ = read_document(write_document(ssp.description), "again", SystemStructureDescription)
        assert again == ssp.description, seed
        opened += 1
    assert refused > 100
    assert opened > 5


def packed() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        binding = '<ssd:ParameterBinding source="resources/a.ssv"/>'
        archive.writestr("SystemStructure.ssd", make.ssd(make.bindings(binding)))
        archive.writestr("resources/a.ssv", make.values("a Real 1", "b Real 2"))
    return target.getvalue()


def test_500_damaged_archives_give_typed_errors_only(tmp_path: Path) -> None:
    original, path = packed(), tmp_path / "x.ssp"
    path.write_bytes(original)
    assert [found.rule for found in check(path)] == ["MT255", "MT255"]
    refused = 0
    for seed in range(500):
        chance = random.Random(seed)
        data = bytearray(original)
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data[: chance.choice((len(data), len(data), chance.randrange(len(data)) + 1))]))
        found = check(path)
        refused += any(each.severity == "error" for each in found)
        try:
            with open_ssp(path):
                pass
        except (ArchiveUnsafe, DescriptionInvalid, InputUnreadable):
            assert found
    assert refused > 100


def hostile() -> Iterator[tuple[str, bytes]]:
    yield "deep", b"<a>" * 100_000
    yield "deep systems", make.ssd("<ssd:Elements><ssd:System name='a'>" * 1000).encode()
    yield "entities", b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    yield "external", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'
    yield "encoding", b'<?xml version="1.0" encoding="utf-7"?><a/>'
    yield "utf-16", "<a/>".encode("utf-16")
    yield "empty", b""
    yield "prefix", b"<ssd:SystemStructureDescription/>"
    yield "number", make.ssd(f'<ssd:SystemGeometry x1="{"1" * 100_000}" y1="1" x2="1" y2="1"/>').encode()


@pytest.mark.parametrize(("name", "data"), list(hostile()), ids=[name for name, _ in hostile()])
def test_hostile_documents_are_refused_or_read(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / "x.ssd"
    path.write_bytes(data)
    if name == "number":
        assert not check(path)
        return
    found = check(path)
    assert found
    assert found[0].severity == "error"


def test_the_number_of_elements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmu.ssp.verbatim.MAX_NODES", 10)
    with pytest.raises(ValueError, match="more than 10 elements"):
        parse(b"<a>" + b"<b/>" * 20 + b"</a>")


def test_archives_that_climb_or_link_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ssp"
    for name in ("../out.ssv", "/abs.ssv", "a/../../out"):
        make.pack(path, {"SystemStructure.ssd": make.ssd(""), name: "x"})
        assert [found.rule for found in check(path)] == ["MT240"]
    assert not (tmp_path / "out.ssv").exists()
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SystemStructure.ssd", make.ssd(""))
        archive.writestr(entry, "/etc/passwd")
    assert [found.rule for found in check(path)] == ["MT240"]


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = make.pack(tmp_path / "x.ssp", {"SystemStructure.ssd": make.ssd(""), "resources/zeros": "0" * 50_000_000})
    assert [found.rule for found in check(path)] == ["MT240"]
