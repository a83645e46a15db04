"""The pages on Python show what is there: their examples run, their module is the one that the tests install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import dtdl
import fmu
import interop
import megatwin
from interop import ports
from interop.rules import find_rules
from interop.values import LinkKind

ROOT = Path(__file__).parents[1]
API = (ROOT / "docs" / "python-api.md").read_text("utf-8")
ADAPTERS = (ROOT / "docs" / "adapters.md").read_text("utf-8")
BLOCK = re.compile(r"```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)```", re.DOTALL)


def scripts() -> list[str]:
    return [text for language, title, text in BLOCK.findall(API) if language == "python" and not title]


@pytest.mark.parametrize("number", range(len(scripts())))
def test_each_example_of_the_page_runs_as_it_is_written(tmp_path: Path, number: int) -> None:
    for _, title, text in BLOCK.findall(API):
        if title:
            (tmp_path / title).parent.mkdir(exist_ok=True)
            (tmp_path / title).write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", scripts()[number]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("name", ["megatwin_jsonfile.py", "pyproject.toml"])
def test_the_adapter_of_the_page_is_the_one_that_is_installed_and_run(name: str) -> None:
    shown = {title: text for _, title, text in BLOCK.findall(ADAPTERS) if title}
    assert shown[name] == (ROOT / "tests" / "third_party_adapter" / name).read_text("utf-8")


def test_the_page_on_adapters_names_all_that_an_adapter_has() -> None:
    own = {name for name in vars(ports.Adapter) if not name.startswith("_")} | set(ports.Adapter.__annotations__)
    shown = set(re.findall(r"`(\w+)", ADAPTERS))
    assert own - shown <= {"source"}
    assert {"Observes", "Writes", "Calls", "Remembers", "Browses"} <= shown
    assert set(get_args(LinkKind)) <= shown
    assert set(re.findall(r"\bMT\d+\b", ADAPTERS)) <= set(find_rules())


def test_the_names_that_the_page_uses_are_public() -> None:
    for name in re.findall(r"\b((?:dtdl|fmu|interop|megatwin)\.[a-zA-Z]\w*)\b", API):
        package, _, public = name.partition(".")
        if name in {"megatwin.yaml", "dtdl.errors"}:
            continue
        assert public in {"dtdl": dtdl, "fmu": fmu, "interop": interop, "megatwin": megatwin}[package].__all__, name
