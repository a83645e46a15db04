"""The models that ship: without findings, listed, and there for a megatwin.yaml by name."""

from __future__ import annotations

from pathlib import Path

import dtdl
from interop.config import load

MODELS = Path(__file__).parents[2] / "models"


def test_every_shipped_model_is_without_findings_or_advice() -> None:
    assert dtdl.check(MODELS, allow_undefined="never") == []


def test_every_shipped_interface_is_listed() -> None:
    page = (MODELS / "README.md").read_text("utf-8")
    shipped = dtdl.parse(MODELS).interfaces
    assert "dtmi:megatwin:site:Powered;1" in shipped
    assert all(f"`{dtmi}`" in page for dtmi in shipped)


def test_a_file_names_them_by_their_folder(tmp_path: Path) -> None:
    file = tmp_path / "megatwin.yaml"
    file.write_text(
        "megatwin: 1\nname: x\nmodels: ['library:site']\ntwins: {a: {model: 'dtmi:megatwin:site:Powered;1'}}\n", "utf-8"
    )
    assert "dtmi:megatwin:site:Location;1" in load(file).types
