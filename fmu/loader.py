"""From an unpacked FMU to an instance of the class for its FMI version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dtdl.errors import FmuError
from fmu.description import Description
from fmu.fmi1 import CoSimulation1
from fmu.fmi2 import CoSimulation2
from fmu.fmi3 import CoSimulation3
from fmu.instance import Instance
from fmu.note import Note

_KINDS: Final[Mapping[int, type[Instance]]] = {1: CoSimulation1, 2: CoSimulation2, 3: CoSimulation3}


def open_instance(folder: Path, description: Description, name: str, note: Note) -> Instance:
    """Loads the binary of an unpacked FMU and instantiates it.

    Args:
        folder: Where it was unpacked.
        description: What it says of itself.
        name: Name of the instance.
        note: Where calls are noted.

    Raises:
        PlatformMissing: No binary for this machine.
        FmuError: The binary cannot be loaded, or it has no co-simulation.
        StepFailed: The FMU gave no instance.
    """
    if description.major not in _KINDS:
        raise FmuError(
            f"{description.file}: FMI {description.fmi_version} is not run", action="Export it as 1.0, 2.0 or 3.0."
        )
    return _KINDS[description.major](folder, description, name, note)
