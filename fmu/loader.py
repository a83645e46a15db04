"""From an unpacked FMU to an instance of the class for its FMI version and kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from dtdl.errors import FmuError
from fmu.description import FMI_3, Description
from fmu.fmi1 import CoSimulation1, ModelExchange1
from fmu.fmi2 import CoSimulation2, ModelExchange2
from fmu.fmi3 import CoSimulation3, Intermediate, ModelExchange3
from fmu.instance import Instance
from fmu.note import Note
from fmu.options import Options, choose_interface

_SIMULATED: Final[Mapping[int, Callable[..., Instance]]] = {1: CoSimulation1, 2: CoSimulation2, 3: CoSimulation3}
_EXCHANGED: Final[Mapping[int, Callable[..., Instance]]] = {1: ModelExchange1, 2: ModelExchange2, 3: ModelExchange3}


def open_instance(
    folder: Path,
    description: Description,
    name: str,
    note: Note,
    *,
    options: Options | None = None,
    intermediate: Callable[[Intermediate], bool] | None = None,
) -> Instance:
    """Loads the binary of an unpacked FMU and instantiates it.

    Args:
        folder: Where it was unpacked.
        description: What it says of itself.
        name: Name of the instance.
        note: Where calls are noted.
        options: How it is run.
        intermediate: Called by FMI 3.0 co-simulation in the middle of a step; see `CoSimulation3`.

    Raises:
        PlatformMissing: No binary for this machine.
        FmuError: The binary cannot be loaded, or it has nothing that can be run.
        StepFailed: The FMU gave no instance.
    """
    options = options or Options()
    if description.major not in _SIMULATED:
        raise FmuError(
            f"{description.file}: FMI {description.fmi_version} is not run", action="Export it as 1.0, 2.0 or 3.0."
        )
    if choose_interface(description, options.kind).kind == "model-exchange":
        return _EXCHANGED[description.major](folder, description, name, note, solver=options.solver)
    more: dict[str, Any] = {}
    if description.major == FMI_3:
        more = {"event_mode": options.event_mode, "intermediate": intermediate}
    return _SIMULATED[description.major](folder, description, name, note, **more)
