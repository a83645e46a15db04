"""The FMUs that ship: built into a wheel, built on first use in a checkout."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from dtdl.errors import FmuError, InputUnreadable
from dtdl.resources import data_dir
from fmu.description import FILE_NAME

PREFIX: Final = "library:"
_SOURCES: Final = Path(__file__).parent / "library"


def library_names() -> list[str]:
    """Names of the FMUs that ship, sorted."""
    return sorted(folder.parent.name for folder in _SOURCES.glob(f"*/{FILE_NAME}"))


def library_source(name: str) -> Path:
    """Folder with the C source and the modelDescription.xml of a shipped FMU.

    Raises:
        InputUnreadable: No such FMU ships.
    """
    if name not in library_names():
        raise InputUnreadable(
            f"no FMU called {name!r} ships with megatwin", action=f"Use one of: {', '.join(library_names())}."
        )
    return _SOURCES / name


def library_fmu(name: str) -> Path:
    """Gives the ``.fmu`` of a shipped FMU for this platform, building it if it is not there yet.

    Building needs a C compiler, takes a second, and leaves the result beside the source or, where that cannot be
    written, in the user's cache.

    Raises:
        InputUnreadable: No such FMU ships.
        BuildFailed: It is not built, and there is no compiler or it refused.
    """
    source = library_source(name)
    for built in (data_dir("fmu") / "library" / f"{name}.fmu", _SOURCES / f"{name}.fmu"):
        if built.is_file() and _current(built, source):
            return built
    target = _SOURCES / f"{name}.fmu"
    if not os.access(_SOURCES, os.W_OK):
        target = _cache(source) / f"{name}.fmu"
        if target.is_file():
            return target
    from fmu.build import build  # noqa: PLC0415 - seldom needed

    return build(source, target)


def locate(text: str, base: Path) -> Path:
    """Gives what a setting names, for reading its description: an ``.fmu``, or the source folder of a shipped one.

    Nothing is built.

    Args:
        text: A path, or ``library:<Name>``.
        base: Folder that relative paths start at.

    Raises:
        InputUnreadable: There is no such file or shipped FMU.
    """
    if text.startswith(PREFIX):
        return library_source(text.removeprefix(PREFIX))
    path = base / text
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputUnreadable(f"{path}: {what}", action="Give the path of an .fmu file, or library:<Name>.")
    return path


def provide(text: str, base: Path) -> Path:
    """Gives the ``.fmu`` that a setting names, built if it ships and is not built yet.

    Raises:
        InputUnreadable: There is no such file or shipped FMU.
        BuildFailed: See `library_fmu`.
    """
    if text.startswith(PREFIX):
        return library_fmu(text.removeprefix(PREFIX))
    return locate(text, base)


def _current(built: Path, source: Path) -> bool:
    """Whether a built FMU is not older than its sources; installed ones all have the time of installation."""
    if built.parent != source.parent:
        return True
    made = built.stat().st_mtime
    files = [*source.rglob("*"), *(_SOURCES / "cosim").iterdir()]
    return all(file.stat().st_mtime <= made for file in files if file.is_file())


def _cache(source: Path) -> Path:
    """A folder of the user's own, named by the sources' content."""
    digest = hashlib.sha256()
    for file in sorted([*source.rglob("*"), *(_SOURCES / "cosim").iterdir()]):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    try:
        home = Path.home()
    except RuntimeError as error:
        raise FmuError("there is no folder to build the FMU in", action="Set HOME, or build a wheel.") from error
    return home / ".cache" / "megatwin" / "fmu" / digest.hexdigest()[:16]
