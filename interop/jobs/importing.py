"""An import: NDJSON of a header, models, twins and relationships, through the one path of every change, in slices."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from dtdl.errors import InputUnreadable, MegatwinError, Overloaded, RequestInvalid
from interop.jobs.log import Log
from interop.service import Caller, TwinService

SLICE: Final = 200
"""Lines that are worked on at once, so that they share commits."""
MAX_LINE: Final = 1 << 20
"""Longest line in bytes."""
VERSION: Final = "1.0.0"
SECTIONS: Final = ("Header", "Models", "Twins", "Relationships")
_REPORT: Final = 10_000
_TRIES: Final = 200
_MAX_ID: Final = 1024
_MAX_DEPTH: Final = 64


class Row(NamedTuple):
    """One line that is no heading."""

    number: int
    value: Any


class Import:
    """One run.

    Args:
        service: Where it goes.
        caller: Who asked for it.
        log: Takes progress and errors.
        stopped: Whether it is to stop; asked between slices.
    """

    def __init__(self, service: TwinService, caller: Caller, log: Log, stopped: Callable[[], bool]) -> None:
        self._service = service
        self._caller = caller
        self._log = log
        self._stopped = stopped
        self._section = ""
        self._models: list[Row] = []
        self._done = 0
        self._line = 0

    async def run(self, path: Path) -> None:
        """Imports a file; lines that cannot be imported are in the log.

        Raises:
            InputUnreadable: The file cannot be read.
            MegatwinError: What is wrong with the file as a whole, or with its models: then nothing after it was done.
        """
        source = await asyncio.to_thread(_open, path)
        try:
            while not self._stopped():
                lines = await asyncio.to_thread(_lines, source)
                if not lines:
                    await self._end_section()
                    break
                await self._take(lines)
                await asyncio.to_thread(self._log.flush)
        finally:
            source.close()
        if not self._section and not self._stopped():
            raise RequestInvalid("ValidationFailed", "the file has no section", action=f"Begin with {_heading()}.")

    async def _take(self, lines: Sequence[bytes]) -> None:
        rows: list[Row] = []
        for line in lines:
            self._line += 1
            if not line.strip():
                continue
            value = self._value(line)
            if isinstance(value, dict) and set(value) == {"Section"}:
                await self._work(rows)
                rows = []
                await self._begin_section(value["Section"])
            elif value is not None:
                rows.append(Row(self._line, value))
        await self._work(rows)

    def _value(self, line: bytes) -> Any:
        """Reads one line; None where it is not usable, which the log says."""
        value, why = None, f"the line is no JSON object of at most {_MAX_DEPTH} levels and {MAX_LINE} bytes"
        try:
            value = orjson.loads(line) if len(line) <= MAX_LINE else None
        except orjson.JSONDecodeError as error:
            why = f"the line is not JSON in UTF-8: {error}"
        if isinstance(value, dict) and _depth(value) <= _MAX_DEPTH:
            return value
        self._error(self._line, RequestInvalid("ValidationFailed", why, action="Correct the line."))
        return None

    async def _begin_section(self, name: object) -> None:
        await self._end_section()
        if name not in SECTIONS or (not self._section) != (name == "Header"):
            raise RequestInvalid(
                "ValidationFailed",
                f"line {self._line}: the section {str(name)[:40]!r} cannot stand here",
                action=f"Begin with {_heading()}, then {', '.join(SECTIONS[1:])}.",
            )
        self._section, self._done = str(name), 0
        self._log.info(section=name, status="Started")

    async def _end_section(self) -> None:
        if self._section == "Models":
            await self._add_models()
        if self._section:
            self._log.info(section=self._section, status="Succeeded", count=self._done)

    async def _work(self, rows: list[Row]) -> None:
        if not rows:
            return
        if self._section == "Header":
            self._header(rows[0])
        elif self._section == "Models":
            self._models += rows
        elif self._section:
            act = self._twin if self._section == "Twins" else self._relationship
            before = self._done
            await asyncio.gather(*(self._one(row, act) for row in rows))
            if before // _REPORT != self._done // _REPORT:
                self._log.info(section=self._section, status="Running", count=self._done)
        else:
            raise RequestInvalid(
                "ValidationFailed", f"line {rows[0].number} is in no section", action=f"Begin with {_heading()}."
            )

    @staticmethod
    def _header(row: Row) -> None:
        if row.value.get("fileVersion") != VERSION:
            raise RequestInvalid(
                "ValidationFailed",
                f"line {row.number}: the fileVersion is {str(row.value.get('fileVersion'))[:40]!r}",
                action=f'Write {{"fileVersion": "{VERSION}"}}.',
            )

    async def _add_models(self) -> None:
        """Adds the models together; those that are there already, word for word, are passed over."""
        rows, self._models = self._models, []
        stored = self._service.models.stored
        new = [row.value for row in rows if not _same(stored, row.value)]
        if new:
            await self._service.models.add(new, self._caller)
        self._done = len(rows)

    async def _one(self, row: Row, act: Callable[[Mapping[str, Any]], Any]) -> None:
        for _ in range(_TRIES):
            try:
                await act(row.value)
            except Overloaded:
                await asyncio.sleep(0.05)
                continue
            except MegatwinError as error:
                self._error(row.number, error)
            else:
                self._done += 1
            return
        self._error(row.number, Overloaded("the service has too much to do", action="Import this line again."))

    async def _twin(self, row: Mapping[str, Any]) -> None:
        await self._service.put_twin(_name(row, "$dtId"), row, self._caller)

    async def _relationship(self, row: Mapping[str, Any]) -> None:
        source, relationship_id = _name(row, "$sourceId"), _name(row, "$relationshipId")
        await self._service.put_relationship(source, relationship_id, row, self._caller)

    def _error(self, line: int, error: MegatwinError) -> None:
        self._log.error(self._section, line, getattr(error, "code", type(error).__name__), str(error))


def _name(row: Mapping[str, Any], key: str) -> str:
    found = row.get(key)
    if not isinstance(found, str) or not found or len(found) > _MAX_ID or not found.isprintable():
        raise RequestInvalid("InvalidArgument", f"{key} is missing or is no name", action="Give it as a text.")
    return found


def _same(stored: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    dtmi = definition.get("@id")
    known = stored.get(dtmi) if isinstance(dtmi, str) else None
    return known is not None and orjson.loads(known.text) == definition


def _open(path: Path) -> BinaryIO:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        stream = os.fdopen(handle, "rb")
    except OSError as error:
        raise InputUnreadable(
            f"{path.name} cannot be read: {error.strerror or error}", action="Put the file into the jobs folder."
        ) from error
    if not path.is_file():
        stream.close()
        raise InputUnreadable(f"{path.name} is no file", action="Put the file into the jobs folder.")
    return stream


def _lines(source: BinaryIO) -> list[bytes]:
    """Reads the next lines; of one that is too long, only as much as shows that it is."""
    lines: list[bytes] = []
    while len(lines) < SLICE and (line := source.readline(MAX_LINE + 1)):
        lines.append(line)
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = source.readline(MAX_LINE + 1)
    return lines


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= _MAX_DEPTH:
        level = [
            child
            for one in level
            if isinstance(one, (dict, list))
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        depth += 1
    return depth


def _heading() -> str:
    return '{"Section": "Header"}'
