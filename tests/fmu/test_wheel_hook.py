"""The build hook puts built FMUs into a wheel for this platform, and only there."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.bridge.app import Application

from fmu.binaries import platform_names
from fmu.kernel.library import wheel_name
from fmu.shipped import library_names
from hatch_build import FmuBuildHook

ROOT = Path(__file__).parents[2]


def initialized(target: str, version: str) -> tuple[FmuBuildHook, dict[str, Any]]:
    hook = FmuBuildHook(str(ROOT), {}, None, None, "", target, Application())
    data: dict[str, Any] = {"force_include": {}, "pure_python": True}
    hook.initialize(version, data)
    return hook, data


def test_a_wheel_has_every_shipped_fmu_built() -> None:
    hook, data = initialized("wheel", "standard")
    try:
        assert sorted(data["force_include"].values()) == [
            f"dtdl/_data/fmu/kernel/{wheel_name()}",
            *(f"dtdl/_data/fmu/library/{name}.fmu" for name in library_names()),
        ]
        assert data["pure_python"] is False
        assert data["tag"].startswith("py3-none-")
        assert "-" not in data["tag"].removeprefix("py3-none-")
        for built in (built for built in data["force_include"] if built.endswith(".fmu")):
            with zipfile.ZipFile(built) as archive:
                folders = {name.split("/")[1] for name in archive.namelist() if name.startswith("binaries/")}
            assert folders & {platform_names(2)[0], platform_names(3)[0]}
    finally:
        hook.finalize("standard", data, "")
    assert not any(Path(built).exists() for built in data["force_include"])


def test_an_editable_install_and_an_sdist_build_nothing() -> None:
    for target, version in (("wheel", "editable"), ("sdist", "standard")):
        _, data = initialized(target, version)
        assert data == {"force_include": {}, "pure_python": True}


def test_without_a_compiler_the_wheel_is_pure_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    hook, data = initialized("wheel", "standard")
    hook.finalize("standard", data, "")
    assert data == {"force_include": {}, "pure_python": True}
    shown = capsys.readouterr()
    assert "no C compiler" in shown.out + shown.err
