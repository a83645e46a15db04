"""The exclusive lock on a data folder: one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from dtdl.errors import DataLocked, InputUnreadable

LOCK_NAME: Final = "ledger.lock"


class FolderLock:
    """An flock on ``ledger.lock`` in a folder; the kernel lets it go when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes it.

        Raises:
            DataLocked: Someone else has it; names the process.
            InputUnreadable: The lock file cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputUnreadable(
                f"{self._path} cannot be opened: {error.strerror}", action="Give a data folder that can be written."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise DataLocked(
                f"the data folder {self._path.parent} is in use by process {holder}",
                action=f"Stop process {holder}, or give another folder.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets it go; the file stays, since removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
