"""The records of jobs, kept in one file that is replaced as a whole, and the files that jobs may touch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson

from dtdl.errors import DataCorrupt, RequestInvalid
from interop.service import Job
from interop.values import format_time, parse_time, utc_now

KEPT: Final = timedelta(days=30)
"""How long the record of a job stays after its end."""
MAX_NAME: Final = 200
_TIMES: Final = frozenset({"created_at", "acted_at", "finished_at"})

Records = dict[tuple[str, str], Job]


def load(file: Path) -> Records:
    """Reads the records; a job that had not ended when the process did has failed.

    Raises:
        DataCorrupt: The file is not what ``save`` writes.
    """
    try:
        stored = orjson.loads(file.read_bytes())
        jobs = [Job(**{name: _read(name, value) for name, value in one.items()}) for one in stored]
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError, TypeError, AttributeError) as error:
        raise DataCorrupt(f"{file} cannot be read: {error}", action="Remove it; the twins do not need it.") from error
    now = utc_now()
    found: Records = {}
    for job in jobs:
        if job.finished_at is None:
            text = "the service stopped before the job had ended"
            ended = replace(job, status="failed", finished_at=now, code="Interrupted", message=text)
            found[job.kind, job.id] = ended
        elif now - job.finished_at < KEPT:
            found[job.kind, job.id] = job
    return found


def save(file: Path, records: Mapping[tuple[str, str], Job]) -> None:
    """Writes the records; the file is the old or the new one, whatever happens."""
    stored = [{field.name: _write(getattr(job, field.name)) for field in fields(job)} for job in list(records.values())]
    beside = file.with_suffix(".new")
    with beside.open("wb") as stream:
        stream.write(orjson.dumps(stored))
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)


def place(folder: Path, uri: str) -> Path:
    """Gives the file in the jobs folder that a URI names by its last path segment.

    Args:
        folder: The jobs folder.
        uri: As a client gave it; whatever stands before the last segment is not looked at.

    Raises:
        RequestInvalid: ``ValidationFailed``: the segment is no plain file name.
    """
    try:
        name = unquote(urlsplit(uri).path.rpartition("/")[2], errors="strict")
    except ValueError:
        name = ""
    plain = name.isprintable() and not name.startswith(".") and not set(name) & set("/\\:\0")
    if not name or len(name.encode()) > MAX_NAME or not plain:
        raise RequestInvalid(
            "ValidationFailed",
            f"the last path segment of {uri[:200]!r} is no file name",
            action="End the URI with the name of a file in the jobs folder, such as …/twins.ndjson.",
        )
    return folder / name


def _read(name: str, value: Any) -> Any:
    return parse_time(value) if name in _TIMES and value is not None else value


def _write(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else format_time(value)
