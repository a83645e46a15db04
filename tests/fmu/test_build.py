"""C sources become FMUs: the same bytes each time, and the compiler's own words when it refuses."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from dtdl.errors import BuildFailed, DescriptionInvalid, InputUnreadable, PlatformMissing
from fmu.binaries import check_platform, platform_names, platforms_of
from fmu.build import build
from fmu.description import read_description
from fmu.shipped import library_source
from fmu.system import System
from fmu.worker import Worker

ECHO = Path(__file__).parent / "sources" / "Echo"


@pytest.mark.parametrize("name", ["RoomThermal", "TankLevel"])
def test_the_same_sources_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    first = build(library_source(name), tmp_path / "a.fmu").read_bytes()
    copy = shutil.copytree(library_source(name), tmp_path / "elsewhere" / name)
    assert build(copy, tmp_path / "b.fmu").read_bytes() == first
    assert build(tmp_path / "a.fmu", tmp_path / "c.fmu").read_bytes() == first
    assert str(tmp_path).encode() not in first


def test_a_source_fmu_gets_a_binary(tmp_path: Path) -> None:
    built = build(ECHO, tmp_path / "Echo.fmu")
    bare = without_binaries(built, tmp_path / "Bare.fmu")
    with pytest.raises(PlatformMissing, match="megatwin fmu build"):
        Worker(System.of(bare, outputs=["level"])).start()
    with Worker(System.of(build(bare, tmp_path / "Again.fmu"), outputs=["level"])):
        pass


def test_the_compilers_words_are_in_the_error(tmp_path: Path) -> None:
    source = shutil.copytree(ECHO, tmp_path / "Echo")
    (source / "model.c").write_text('#include "no_such_header.h"\n')
    with pytest.raises(BuildFailed, match=r"model.c:1:.*no_such_header"):
        build(source, tmp_path / "out.fmu")
    assert not (tmp_path / "out.fmu").exists()


def test_no_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match="no C compiler") as caught:
        build(ECHO, tmp_path / "out.fmu")
    assert "gcc" in caught.value.action


def test_a_source_without_its_files_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="no such file"):
        build(tmp_path, tmp_path / "out.fmu")
    shutil.copyfile(ECHO / "modelDescription.xml", tmp_path / "modelDescription.xml")
    with pytest.raises(InputUnreadable, match=r"no model\.c"):
        build(tmp_path, tmp_path / "out.fmu")


def test_sources_that_name_files_outside_are_refused(tmp_path: Path) -> None:
    built = build(ECHO, tmp_path / "Echo.fmu")
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(tmp_path / "evil.fmu", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("buildDescription.xml"):
                data = data.replace(b"model.c", b"../../../../etc/passwd")
            new.writestr(name, data)
    with pytest.raises(BuildFailed, match="which is not there"):
        build(tmp_path / "evil.fmu", tmp_path / "out.fmu")


def test_an_fmu_for_another_platform_names_those_it_has(tmp_path: Path) -> None:
    built = build(ECHO, tmp_path / "Echo.fmu")
    foreign = without_binaries(built, tmp_path / "Foreign.fmu", sources=False)
    with zipfile.ZipFile(foreign, "a") as archive:
        archive.writestr("binaries/x86_64-windows/Echo.dll", b"MZ")
        archive.writestr("binaries/riscv64-linux/Echo.so", b"ELF")
    assert platforms_of(foreign) == ["riscv64-linux", "x86_64-windows"]
    description = read_description(foreign)
    assert description.co_simulation is not None
    with pytest.raises(PlatformMissing, match="riscv64-linux, x86_64-windows") as caught:
        check_platform(foreign, description, description.co_simulation)
    assert platform_names(3)[0] in caught.value.message
    assert "Export it again" in caught.value.action


def test_an_archive_without_a_description_is_no_fmu(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.fmu", "w") as archive:
        archive.writestr("folder/modelDescription.xml", "<x/>")
    with pytest.raises(DescriptionInvalid, match=r"no modelDescription\.xml"):
        read_description(tmp_path / "x.fmu")


def without_binaries(fmu: Path, target: Path, *, sources: bool = True) -> Path:
    with zipfile.ZipFile(fmu) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if not name.startswith("binaries/") and (sources or not name.startswith("sources/")):
                new.writestr(name, old.read(name))
    return target
