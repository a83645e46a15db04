"""Where the shipped data is: inside the wheel, or in the checkout that the package is imported from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dtdl.errors import InputUnreadable

Kind = Literal["models", "schemas", "examples", "fmu"]


def data_dir(kind: Kind) -> Path:
    """Gives the folder of one kind of shipped data.

    The relative places of the folders are the same in a wheel (below ``dtdl/_data``) and in a checkout, so that a
    path such as ``../../fmu/library/Room.fmu`` in an example holds in both.

    Args:
        kind: Which data.

    Returns:
        An existing folder.

    Raises:
        InputUnreadable: The installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_data", package.parent):
        folder = root / kind
        if folder.is_dir():
            return folder
    raise InputUnreadable(
        f"the shipped folder {kind!r} is missing from this installation",
        action="Install megatwin again: pip install --force-reinstall megatwin",
    )
