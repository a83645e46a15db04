"""FMUs that tests of this folder share, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmu.build import build
from tests.fmu.reference.models import make

SOURCES = Path(__file__).parent / "sources"


@pytest.fixture(scope="session")
def fmus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ``.fmu`` of every folder under sources."""
    folder = tmp_path_factory.mktemp("fmus")
    for source in sorted(SOURCES.iterdir()):
        build(source, folder / f"{source.name}.fmu")
    return folder


@pytest.fixture(scope="session")
def reference_fmus_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Some of the reference models, by name and version."""
    folder = tmp_path_factory.mktemp("models")
    wanted = [("Feedthrough", 1), ("Feedthrough", 2), ("Feedthrough", 3), ("VanDerPol", 2), ("VanDerPol", 3),
              ("StateSpace", 3)]  # fmt: skip
    return {f"{name}{version}": make(name, version, folder) for name, version in wanted}
