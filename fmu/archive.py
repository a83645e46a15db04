"""FMU archives: looked into and unpacked with limits, since an FMU is foreign data (FMI 3.0, 2.5)."""

from __future__ import annotations

import errno
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from dtdl.errors import ArchiveUnsafe, InputUnreadable

MIB: Final = 1 << 20
_CHUNK: Final = 1 << 16
_MAX_PART: Final = 255
_ASK_AUTHOR: Final = "Ask its author for a plain zip archive as the FMI standard describes it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of an archive; what is above is refused.

    Attributes:
        archive_bytes: Size of the file itself.
        total_bytes: Sum of all unpacked files.
        description_bytes: Size of one XML file that is read whole.
        ratio: Unpacked size over packed size of one file, where the file is larger than ``ratio_from_bytes``.
        ratio_from_bytes: See ratio.
        count: Number of entries.
        depth: Number of folders above an entry.
        name_bytes: Length of one name with its folders.
    """

    archive_bytes: int = 1024 * MIB
    total_bytes: int = 2048 * MIB
    description_bytes: int = 128 * MIB
    ratio: float = 250.0
    ratio_from_bytes: int = MIB
    count: int = 50_000
    depth: int = 32
    name_bytes: int = 512


DEFAULT_LIMITS: Final = Limits()


def names(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """Gives the names of all files in an archive, after checking every entry.

    Raises:
        InputUnreadable: No such file, or not a file.
        ArchiveUnsafe: Not a zip archive, or one that unpacking would refuse.
    """
    with _opened(path, limits) as archive:
        return [entry.filename for entry in archive.infolist() if not entry.is_dir()]


def read(path: Path, name: str, *, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """Gives one file of an archive without unpacking the others; None when there is no such file.

    Raises:
        InputUnreadable: No such archive, or not a file.
        ArchiveUnsafe: As in `names`, or the file is larger than ``limits.description_bytes``.
    """
    with _opened(path, limits) as archive:
        try:
            entry = archive.getinfo(name)
        except KeyError:
            return None
        if entry.file_size > limits.description_bytes:
            raise _unsafe(path, f"{name} has {entry.file_size} bytes, more than {limits.description_bytes}")
        with archive.open(entry) as stream:
            return b"".join(_chunks(stream, entry.file_size, path, name))


def extract(path: Path, name: str, target: Path, *, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Unpacks one file of an archive.

    Args:
        path: The archive.
        name: Of the file in it.
        target: The new file; its folder is made.
        limits: What is refused.

    Returns:
        Whether there is such a file.

    Raises:
        InputUnreadable: No such archive, or not a file.
        ArchiveUnsafe: As in `unpack`.
    """
    with _opened(path, limits) as archive:
        try:
            entry = archive.getinfo(name)
        except KeyError:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as stream, target.open("xb") as out:
            out.writelines(_chunks(stream, entry.file_size, path, name))
    return True


def unpack(path: Path, folder: Path, *, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Unpacks an archive into an empty or new folder.

    Args:
        path: The ``.fmu``.
        folder: Where to; what is written there when unpacking fails is removed again.
        limits: What is refused.

    Returns:
        The folder.

    Raises:
        InputUnreadable: No such archive, or not a file.
        ArchiveUnsafe: Not a zip archive, or its size, ratio, count, names or links are out of bounds.
    """
    with _opened(path, limits) as archive:
        folder.mkdir(parents=True, exist_ok=True)
        complete = False
        try:
            for entry in archive.infolist():
                target = folder / entry.filename
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as stream, target.open("xb") as out:
                    out.writelines(_chunks(stream, entry.file_size, path, entry.filename))
            complete = True
        except (FileExistsError, NotADirectoryError) as error:
            raise _unsafe(path, f"two entries claim the same name: {error.filename}") from error
        finally:
            if not complete:
                shutil.rmtree(folder, ignore_errors=True)
    return folder


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """The one place where zipfile's exceptions become ours."""
    if not path.exists():
        raise InputUnreadable(f"{path}: no such file", action="Give the path of an .fmu file.")
    if not path.is_file():
        raise InputUnreadable(f"{path}: not a file", action="Give the path of an .fmu file, not of a folder.")
    if (size := path.stat().st_size) > limits.archive_bytes:
        raise _unsafe(path, f"the archive has {size} bytes, more than {limits.archive_bytes}")
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive.infolist(), path, limits)
            yield archive
    except PermissionError as error:
        raise InputUnreadable(f"{path}: may not be read", action="Change its permissions.") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # zipfile went to a place that the archive says and does not have
        raise ArchiveUnsafe(f"{path}: not a sound zip archive: {error}", action=_ASK_AUTHOR) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ArchiveUnsafe(f"{path}: not a sound zip archive: {error}", action=_ASK_AUTHOR) from error
    except (ValueError, struct.error, OverflowError, MemoryError) as error:
        raise ArchiveUnsafe(f"{path}: not a sound zip archive: {error}", action=_ASK_AUTHOR) from error


def _check(entries: list[zipfile.ZipInfo], path: Path, limits: Limits) -> None:
    if len(entries) > limits.count:
        raise _unsafe(path, f"it has {len(entries)} entries, more than {limits.count}")
    total = 0
    seen: set[str] = set()
    for entry in entries:
        if reason := _why_unsafe(entry, limits):
            raise _unsafe(path, f"entry {entry.filename!r} {reason}")
        plain = entry.filename.rstrip("/")
        if plain in seen and not entry.is_dir():
            raise _unsafe(path, f"two entries have the same name: {plain!r}")
        seen.add(plain)
        total += entry.file_size
    if total > limits.total_bytes:
        raise _unsafe(path, f"unpacked it has {total} bytes, more than {limits.total_bytes}")


def _why_unsafe(entry: zipfile.ZipInfo, limits: Limits) -> str:
    name = entry.orig_filename
    parts = PurePosixPath(name).parts
    kind = stat.S_IFMT(entry.external_attr >> 16)
    checks = (
        (not name.strip("/"), "has no name"),
        (len(name.encode("utf-8", "surrogatepass")) > limits.name_bytes, "has a name that is too long"),
        (any(not letter.isprintable() for letter in name), "has control characters in its name"),
        ("\\" in name, "has a backslash in its name; FMI asks for forward slashes"),
        (name.startswith("/") or (len(name) > 1 and name[1] == ":"), "has an absolute name"),
        (".." in parts, "climbs out of its folder"),
        (any(len(part.encode("utf-8", "surrogatepass")) > _MAX_PART for part in parts), "has a name that is too long"),
        (len(parts) > limits.depth, f"lies more than {limits.depth} folders deep"),
        (kind not in (0, stat.S_IFREG, stat.S_IFDIR), "is a link or a device, not a file"),
        (bool(entry.flag_bits & 0x1), "is encrypted"),
        (entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), "is packed in a way that FMI forbids"),
        (
            entry.file_size > limits.ratio_from_bytes and entry.file_size > limits.ratio * max(entry.compress_size, 1),
            f"unpacks to more than {limits.ratio:g} times its packed size",
        ),
    )
    return next((reason for found, reason in checks if found), "")


def _chunks(stream: IO[bytes], announced: int, path: Path, name: str) -> Iterator[bytes]:
    """Reads what was announced, and refuses what goes on after it."""
    left = announced
    while chunk := stream.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise _unsafe(path, f"entry {name!r} unpacks to more bytes than it announces")
        yield chunk


def _unsafe(path: Path, reason: str) -> ArchiveUnsafe:
    return ArchiveUnsafe(f"{path}: {reason}", action=_ASK_AUTHOR)
