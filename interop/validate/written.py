"""Written: a JSON value of a file and where each part of it stands; files are read here, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import InputUnreadable, LimitExceeded
from dtdl.source import MAX_BYTES, Document, Loader, Span
from interop.validate.report import Report

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of one line of .ndjson; such a file may have any number of lines."""
_LEAD: Final = '{"":'
_LINES: Final = frozenset({".ndjson", ".jsonl"})
_TOO_DEEP: Final = "MT003"

Steps = Sequence[str | int]


class Written:
    """One JSON value as it is written in a file.

    Args:
        document: Its text and value.
        first_line: Line of the file in which the text begins.
    """

    def __init__(self, document: Document, first_line: int = 1) -> None:
        self.document = document
        self._shift = first_line - 1
        self._outer: Document | None = None
        self._keys: dict[int, dict[str, int]] = {}

    @property
    def value(self) -> Any:
        """The value."""
        return self.document.value

    def at(self, path: Steps = (), *, key: bool = False) -> Location:
        """Gives where a part stands, or the nearest thing around it that is there.

        Args:
            path: Keys and indexes from the top of the value.
            key: Give the place of the last key instead of that of its value.
        """
        span = self._tree()
        for index, part in enumerate(path):
            below = self._child(span, part)
            if below is None:
                break
            if key and index == len(path) - 1 and span.keys is not None:
                _, start, end = span.keys[below]
                return self._location(start, end)
            span = (span.children or ())[below]
        return self._location(span.start, span.end)

    def has(self, node: dict[str, Any]) -> bool:
        """Tells whether an object is a part of this value."""
        return id(node) in self._spans()

    def of(self, node: dict[str, Any], key: str) -> Location | None:
        """Gives where the value of a key of an object stands; None when the object is not in this text."""
        span = self._spans().get(id(node))
        if span is None:
            return None
        below = self._child(span, key)
        held = span if below is None else (span.children or ())[below]
        return self._location(held.start, held.end)

    def _child(self, span: Span, part: str | int) -> int | None:
        """Gives which child a key or index names; the last of repeated keys, which is the one that counts."""
        if span.keys is not None:
            if span.start not in self._keys:
                self._keys[span.start] = {name: index for index, (name, _, _) in enumerate(span.keys)}
            return self._keys[span.start].get(str(part))
        if span.children is None or not str(part).isdecimal():
            return None
        return int(part) if int(part) < len(span.children) else None

    def _tree(self) -> Span:
        """Gives the span of the whole value."""
        spans = self._spans()
        assert self._outer is not None
        return (spans[id(self._outer.value)].children or ())[0]

    def _spans(self) -> dict[int, Span]:
        """Gives the span of every object by its identity, found by a second scan."""
        if self._outer is None:
            # In an object of our own, so that the top may be an array or a bare value too.
            text = f"{_LEAD}{self.document.text}}}"
            self._outer = Document(text, self.document.file, value={"": self.value})
        return self._outer.spans()

    def _location(self, start: int, end: int) -> Location:
        line, column = self.document.position(start - len(_LEAD))
        end_line, end_column = self.document.position(end - len(_LEAD))
        shift = self._shift
        return Location(self.document.file, line + shift, column, end_line + shift, end_column)


def read(path: Path, report: Report) -> Iterator[Written]:
    """Reads the values of a JSON file, or of each line of an .ndjson file; what cannot be read is a finding.

    Raises:
        InputUnreadable: The path is missing, is a folder, or may not be read.
        LimitExceeded: The file, or one of its lines, is too large.
    """
    loader = Loader()
    if path.suffix.lower() in _LINES:
        yield from _of_lines(path, loader, report)
        return
    document = decoded(contents(path), str(path), report)
    if document is not None:
        yield from _loaded(document, loader, report)


def contents(path: Path) -> bytes:
    """Gives the bytes of a file.

    Raises:
        InputUnreadable: It is missing, is a folder, or may not be read.
        LimitExceeded: It is too large.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"{path} is larger than {MAX_BYTES} bytes", action="Split it, or write it as .ndjson.")
    return data


def unreadable(path: Path, error: OSError | ValueError) -> InputUnreadable:
    """Makes the error of a path that cannot be read."""
    why = getattr(error, "strerror", None) or str(error)
    return InputUnreadable(f"{path} cannot be read: {why}", action="Give the path of a file that you may read.")


def decoded(data: bytes, file: str, report: Report, first_line: int = 1) -> Document | None:
    """Gives the text of bytes, or reports why they are none."""
    try:
        return Document(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        before = Document(data[: error.start].decode("utf-8-sig", "replace"), file)
        line, column = before.position(len(before.text))
        report.put(
            Diagnostic(
                rule="MT002",
                location=Location(file, line + first_line - 1, column),
                cause=f"This is not UTF-8: byte 0x{data[error.start]:02x} cannot stand here.",
                action="Save the file as UTF-8.",
            )
        )
        return None


def _of_lines(path: Path, loader: Loader, report: Report) -> Iterator[Written]:
    try:
        stream = path.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    with stream:
        for number in count(1):
            line = stream.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE:
                raise LimitExceeded(f"{path}:{number} is longer than {MAX_LINE} bytes", action="Split it.")
            document = decoded(line.rstrip(b"\r\n"), str(path), report, number) if line.strip() else None
            if document is not None:
                yield from _loaded(document, loader, report, number)


def _loaded(document: Document, loader: Loader, report: Report, first_line: int = 1) -> Iterator[Written]:
    loader.load(document)
    if document.fault is not None:
        rule, cause, action, where = document.fault
        shift = first_line - 1
        end = where.end_line + shift if where.end_line else 0
        where = replace(where, index=None, line=where.line + shift, end_line=end)
        action = "Write it flatter." if rule == _TOO_DEEP else action
        report.put(Diagnostic(rule=rule, location=where, cause=cause, action=action))
        return
    written = Written(document, first_line)
    for node in document.repeated:
        seen: set[str] = set()
        for key, _ in node.pairs:
            if key in seen:
                where = written.of(node, key) or written.at()
                report.add("MT401", where, f"The key {key!r} is given twice in this object.")
            seen.add(key)
    yield written
