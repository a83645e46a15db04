"""Which platforms an FMU has binaries for, and which one this machine needs (FMI 2.0, 2.3; FMI 3.0, 2.5.1.4.2)."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dtdl.errors import PlatformMissing
from fmu import archive
from fmu.description import FMI_3, Description, Interface

_ENDINGS: Final = {"linux": ".so", "darwin": ".dylib", "win32": ".dll"}
_LEGACY: Final = {
    ("linux", "x86_64"): "linux64",
    ("linux", "x86"): "linux32",
    ("darwin", "x86_64"): "darwin64",
    ("win32", "x86_64"): "win64",
    ("win32", "x86"): "win32",
}
_BINARY_DEPTH: Final = 2
_SYSTEMS: Final = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
_MACHINES: Final = {
    "amd64": "x86_64", "x64": "x86_64", "x86_64": "x86_64", "i386": "x86", "i686": "x86", "x86": "x86",
    "arm64": "aarch64", "aarch64": "aarch64",
}  # fmt: skip


TARGETS: Final = (
    "x86_64-linux", "aarch64-linux", "x86_64-windows", "aarch64-windows", "x86_64-darwin", "aarch64-darwin",
)  # fmt: skip
"""Platforms that `fmu.build` can be told to build for, in the words of FMI 3.0."""
_LEGACY_OF: Final = {"x86_64-linux": "linux64", "x86_64-darwin": "darwin64", "x86_64-windows": "win64"}


def target_member(description: Description, interface: Interface, target: str) -> str:
    """Name inside the archive of a binary for one of `TARGETS`."""
    folder = target if description.major >= FMI_3 else _LEGACY_OF.get(target, target)
    system = target.partition("-")[2]
    suffix = {"linux": ".so", "darwin": ".dylib", "windows": ".dll"}[system]
    return f"binaries/{folder}/{interface.model_identifier}{suffix}"


def ending() -> str:
    """Ending of a shared library here."""
    return _ENDINGS.get(sys.platform, ".so")


def platform_names(major: int) -> tuple[str, ...]:
    """Names of the folders below ``binaries/`` that this machine can use, the best first.

    Args:
        major: Major version of FMI.
    """
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    current = f"{machine}-{_SYSTEMS.get(sys.platform, sys.platform)}"
    legacy = _LEGACY.get((sys.platform, machine))
    # FMI 2.0.4 lets the names of FMI 3.0 stand for machines that its own list lacks
    return (current,) if major >= FMI_3 or legacy is None else (legacy, current)


def platforms(names: Iterable[str]) -> list[str]:
    """The platforms that the names of an archive's files speak of, sorted."""
    parts = (name.split("/") for name in names)
    return sorted({part[1] for part in parts if len(part) > _BINARY_DEPTH and part[0] == "binaries" and part[-1]})


def platforms_of(path: Path) -> list[str]:
    """The platforms an ``.fmu`` has binaries for.

    Raises:
        InputUnreadable: No such file.
        ArchiveUnsafe: Not a sound archive.
    """
    return platforms(archive.names(path))


def member(description: Description, interface: Interface, platform_name: str) -> str:
    """Name of a binary inside the archive."""
    del description
    return f"binaries/{platform_name}/{interface.model_identifier}{ending()}"


def check_platform(path: Path, description: Description, interface: Interface) -> None:
    """Raises when an archive has no binary for this machine.

    Raises:
        PlatformMissing: Names the platforms it has.
    """
    names = archive.names(path)
    wanted = platform_names(description.major)
    if not any(member(description, interface, name) in names for name in wanted):
        raise missing(str(path), wanted, names)


def find_binary(folder: Path, description: Description, interface: Interface) -> Path:
    """Gives the shared library of an unpacked FMU.

    Raises:
        PlatformMissing: There is none for this machine.
    """
    wanted = platform_names(description.major)
    for name in wanted:
        found = folder / member(description, interface, name)
        if found.is_file():
            return found
    names = (found.relative_to(folder).as_posix() for found in folder.rglob("*") if found.is_file())
    raise missing(description.file, wanted, list(names))


def missing(file: str, wanted: Iterable[str], names: Iterable[str]) -> PlatformMissing:
    """Says which binary is missing, which are there, and what to do."""
    names = list(names)
    there = ", ".join(platforms(names)) or "none"
    has_sources = any(name.startswith("sources/") for name in names)
    action = (
        "It has sources: run `megatwin fmu build` on it."
        if has_sources
        else "Export it again for this platform, or with its sources."
    )
    needed = next(iter(wanted))
    return PlatformMissing(f"{file}: no binary for {needed}; it has binaries for: {there}", action=action)
