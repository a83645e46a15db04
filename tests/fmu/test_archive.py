"""Archives that attack are refused with a typed error, and leave nothing behind."""

from __future__ import annotations

import contextlib
import random
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from dtdl.errors import ArchiveUnsafe, InputUnreadable, MegatwinError
from fmu.archive import Limits, names, read, unpack
from fmu.description import read_description


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def packed(path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for info, data in entries:
            out.writestr(info, data)
    return path


BAD_NAMES = [
    "../escape.txt",
    "a/../../escape.txt",
    "/etc/absolute",
    "C:/windows/file",
    "a\\b.txt",
    "line\nbreak",
    "bell\x07",
    "/".join("d" * 40) + "/deep",
    "n" * 300,
    "/".join(["n" * 100] * 6),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "bad.fmu", (entry("modelDescription.xml"), b"<x/>"), (entry(name), b"boo"))
    with pytest.raises(ArchiveUnsafe):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "escape.txt").exists()


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        archive = packed(tmp_path / "bad.fmu", (entry("resources/link", kind | 0o777), b"/etc/passwd"))
        with pytest.raises(ArchiveUnsafe, match="link or a device"):
            unpack(archive, tmp_path / "out")


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    archive = packed(tmp_path / "bomb.fmu", (entry("zeros"), bytes(8 << 20)))
    with pytest.raises(ArchiveUnsafe, match="times its packed size"):
        names(archive)


def test_size_and_count_are_bounded(tmp_path: Path) -> None:
    archive = packed(tmp_path / "many.fmu", *((entry(f"f{k}"), b"0123456789") for k in range(20)))
    with pytest.raises(ArchiveUnsafe, match="20 entries"):
        names(archive, limits=Limits(count=19))
    with pytest.raises(ArchiveUnsafe, match="200 bytes"):
        names(archive, limits=Limits(total_bytes=199))
    with pytest.raises(ArchiveUnsafe, match="the archive has"):
        names(archive, limits=Limits(archive_bytes=100))
    with pytest.raises(ArchiveUnsafe, match="f3 has 10 bytes"):
        read(archive, "f3", limits=Limits(description_bytes=9))
    assert len(names(archive)) == 20


def test_an_entry_that_holds_more_than_it_announces_is_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path / "liar.fmu", (entry("grows"), b"a" * 5000))
    data = bytearray(archive.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(ArchiveUnsafe):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    twice = packed(tmp_path / "twice.fmu", (entry("a"), b"1"), (entry("a"), b"2"))
    with pytest.raises(ArchiveUnsafe, match="same name"):
        unpack(twice, tmp_path / "out")
    file_and_folder = packed(tmp_path / "both.fmu", (entry("a"), b"1"), (entry("a/b"), b"2"))
    with pytest.raises(ArchiveUnsafe):
        unpack(file_and_folder, tmp_path / "out")


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="no such file"):
        names(tmp_path / "missing.fmu")
    with pytest.raises(InputUnreadable, match="not a file"):
        names(tmp_path)
    (tmp_path / "text.fmu").write_text("hello")
    with pytest.raises(ArchiveUnsafe, match="not a sound zip archive"):
        names(tmp_path / "text.fmu")


def test_mutated_archives_give_typed_errors_only(fmus: Path, tmp_path: Path) -> None:
    original = (fmus / "Echo.fmu").read_bytes()
    chance = random.Random(7)
    for number in range(300):
        data = bytearray(original)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if number % 3 == 0:
            del data[chance.randrange(len(data)) :]
        path = tmp_path / "mutant.fmu"
        path.write_bytes(data)
        with contextlib.suppress(MegatwinError):
            unpack(path, tmp_path / "out")
            read_description(path)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
