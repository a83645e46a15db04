"""Where the files of a system structure are: an archive, a folder, or files that are put together; and URIs to them."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from dtdl.errors import ArchiveUnsafe, InputUnreadable
from fmu import archive
from fmu.archive import DEFAULT_LIMITS

SSD_NAME: Final = "SystemStructure.ssd"
INSIDE: Final = "!/"
"""Between the name of an FMU and that of a file in it."""


_MAX_PART: Final = 255
_FOLDERS: Final = ("resources", "extra", "documentation")
_SUFFIXES: Final = frozenset({".ssd", ".ssv", ".ssm", ".ssb", ".ssp", ".fmu"})


class SourceRefused(ValueError):
    """A URI that leads away from the files of the system structure."""


class Store(Protocol):
    """Files by name; names have forward slashes."""

    @property
    def label(self) -> str:
        """For messages."""

    def names(self) -> list[str]:
        """Every file, in a fixed order."""

    def read(self, name: str) -> bytes | None:
        """One file whole; None: there is none.

        Raises:
            ArchiveUnsafe: It is too large, or its archive is damaged.
        """

    def path(self, name: str) -> Path | None:
        """Where a file is on disk; None: there is none."""


class ArchiveStore:
    """The files of an ``.ssp``.

    Args:
        path: The archive; all of its entries are checked.
        folder: Where files are unpacked that must be on disk.
        label: For messages.

    Raises:
        InputUnreadable: No such file.
        ArchiveUnsafe: No sound archive.
    """

    def __init__(self, path: Path, folder: Path, label: str = "") -> None:
        self._path = path
        self._folder = folder
        self._names = dict.fromkeys(archive.names(path))
        self.label = label or str(path)

    def names(self) -> list[str]:
        """Every file, in the order of the archive."""
        return list(self._names)

    def read(self, name: str) -> bytes | None:
        """One file whole."""
        return archive.read(self._path, name) if name in self._names else None

    def path(self, name: str) -> Path | None:
        """Where a file is on disk, after it was unpacked."""
        target = self._folder / name
        if not target.exists():
            if name not in self._names:
                return None
            archive.extract(self._path, name, target)
        return target


class FolderStore:
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._real = folder.resolve()
        self.label = "" if folder == Path() else str(folder)

    def names(self) -> list[str]:
        """The files that SSP has a place for (SSP 2.0, 3), sorted: what else lies in a folder is not packed."""
        paths = [path for path in self._folder.iterdir() if path.suffix.lower() in _SUFFIXES]
        paths += [path for folder in _FOLDERS for path in (self._folder / folder).rglob("*")]
        return sorted(path.relative_to(self._folder).as_posix() for path in paths if path.is_file())

    def read(self, name: str) -> bytes | None:
        """One file whole."""
        path = self.path(name)
        if path is None:
            return None
        if (size := path.stat().st_size) > DEFAULT_LIMITS.description_bytes:
            raise ArchiveUnsafe(
                f"{path} has {size} bytes, more than {DEFAULT_LIMITS.description_bytes}",
                action="Split the file.",
            )
        try:
            return path.read_bytes()
        except PermissionError as error:
            raise InputUnreadable(f"{path}: may not be read", action="Change its permissions.") from error

    def path(self, name: str) -> Path | None:
        """Where a file is; a link that leads out of the folder counts as none."""
        path = self._folder / name
        if not path.is_file() or not path.resolve().is_relative_to(self._real):
            return None
        return path


class FileStore:
    """Files from anywhere, put together under names; what a new system structure is packed from."""

    def __init__(self, files: Mapping[str, Path], label: str = "") -> None:
        self._files = dict(files)
        self.label = label

    def names(self) -> list[str]:
        """Every file, in order."""
        return list(self._files)

    def read(self, name: str) -> bytes | None:
        """One file whole."""
        path = self.path(name)
        return path.read_bytes() if path else None

    def path(self, name: str) -> Path | None:
        """Where a file is."""
        path = self._files.get(name)
        return path if path is not None and path.is_file() else None


def file_of(store: Store, name: str) -> str:
    """The name of a file for messages."""
    return f"{store.label}/{name}" if store.label else name


def resolve(uri: str, base: str) -> tuple[str, str]:
    """Resolves a source (RFC 3986) against the file that names it.

    Args:
        uri: As written.
        base: Name of the file it is written in.

    Returns:
        Name of the file that is meant, and the fragment.

    Raises:
        SourceRefused: The URI has a scheme or a host, is absolute, or climbs out.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise SourceRefused(f"it is no URI: {error}") from error
    if parts.scheme or parts.netloc:
        raise SourceRefused("it is remote or absolute; nothing is fetched")
    path = unquote(parts.path)
    if not path:
        return base, unquote(parts.fragment)
    if path.startswith("/") or "\\" in path or "\0" in path:
        raise SourceRefused("it is no relative path with forward slashes")
    long = len(path.encode()) > DEFAULT_LIMITS.name_bytes or any(
        len(part.encode()) > _MAX_PART for part in path.split("/")
    )
    if long or any(not letter.isprintable() for letter in path):
        raise SourceRefused("it is too long, or has control characters")
    name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
    if name.startswith("..") and name.split("/")[0] == "..":
        raise SourceRefused("it leads out of the folder or archive")
    return name, unquote(parts.fragment)
