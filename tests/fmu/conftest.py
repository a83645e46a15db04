"""FMUs that tests of this folder share, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmu.build import build

SOURCES = Path(__file__).parent / "sources"


@pytest.fixture(scope="session")
def fmus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ``.fmu`` of every folder under sources."""
    folder = tmp_path_factory.mktemp("fmus")
    for source in sorted(SOURCES.iterdir()):
        build(source, folder / f"{source.name}.fmu")
    return folder
