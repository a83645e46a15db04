"""The output of an import: progress and errors, one JSON object a line, as the Azure service writes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from dtdl.errors import InputUnreadable
from interop.values import format_time, utc_now

MAX_ERRORS: Final = 10_000
"""Errors that are written; those above are counted."""


class Log:
    """What a job writes; opened and written in a thread.

    Args:
        job: Its id.
    """

    def __init__(self, job: str) -> None:
        self._job = job
        self._waiting: list[bytes] = []
        self._file: BinaryIO | None = None
        self.errors = 0

    def open(self, path: Path) -> None:
        """Begins a file, in place of an earlier job's output.

        Raises:
            InputUnreadable: It cannot be written, or is there and is no output of a job.
        """
        try:
            if path.is_symlink() or (path.exists() and not _is_log(path)):
                raise InputUnreadable(f"{path.name} is there and is no output of a job", action="Name another file.")
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
            self._file = os.fdopen(handle, "wb")
        except OSError as error:
            raise InputUnreadable(
                f"{path.name} cannot be written: {error.strerror or error}", action="Name another file."
            ) from error

    def info(self, **details: Any) -> None:
        """Says how far the job is."""
        self._say("Info", details)

    def error(self, section: str, line: int, code: str, message: str) -> None:
        """Says what could not be done."""
        self.errors += 1
        if self.errors <= MAX_ERRORS:
            self._say("Error", {"section": section, "line": line, "code": code, "message": message[:2000]})

    def flush(self) -> None:
        """Writes what was said."""
        waiting, self._waiting = self._waiting, []
        if self._file is not None:
            self._file.write(b"".join(waiting))
            self._file.flush()

    def close(self) -> None:
        """Writes the rest, and ends the file."""
        self.flush()
        if self._file is not None:
            self._file.close()

    def _say(self, kind: str, details: dict[str, Any]) -> None:
        line = {
            "timestamp": format_time(utc_now()), "jobId": self._job, "jobType": "Import", "logType": kind,
            "details": details,
        }  # fmt: skip
        self._waiting.append(orjson.dumps(line) + b"\n")


def _is_log(path: Path) -> bool:
    with path.open("rb") as stream:
        first = stream.readline(4096)
    try:
        found = orjson.loads(first) if first else {"jobType": "Import"}
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("jobType") == "Import"
