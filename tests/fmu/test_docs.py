"""The page about FMUs says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fmu.shipped import library_names
from interop.simulate.settings import FmuSettings

PAGE = (Path(__file__).parents[2] / "docs" / "fmu.md").read_text(encoding="utf-8")


def test_the_python_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(code, "docs/fmu.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "degC"
    assert shown[-1].endswith(" compiled")


def test_every_setting_and_every_shipped_fmu_is_on_the_page() -> None:
    for name, setting in FmuSettings.model_fields.items():
        assert f"| `{setting.alias or name}` |" in PAGE
    for name in library_names():
        assert f"| `{name}` |" in PAGE
