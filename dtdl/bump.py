"""Raises versions of Interfaces in the texts that define them and refer to them; every other character stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dtdl.change import PUBLISHED, Bump, raised
from dtdl.diagnostic import Diagnostic, Location
from dtdl.dtmi import Dtmi
from dtdl.errors import InputUnreadable, LimitExceeded, ModelInvalid, ModelNotFound
from dtdl.parser import check
from dtdl.resolver import relative
from dtdl.source import MAX_BYTES, Document, Loader, Span, entries, is_expansion

Json = Any
_WORDS: Final = frozenset({"@context", "comment", "description", "displayName", "enumValue", "name"})
"""Keys whose texts refer to nothing, whatever they look like."""
_CHARACTER: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)
"""One character of a JSON string as it is written."""
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Edit:
    """One file: its text before and after."""

    path: Path
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bumped:
    """What raising versions makes of files.

    Attributes:
        edits: The files that change.
        raised: DTMI before → DTMI now.
        dependents: DTMIs of other Interfaces that now refer to another version than before.
    """

    edits: tuple[Edit, ...]
    raised: Mapping[str, str]
    dependents: tuple[str, ...]


@dataclass(slots=True)
class _Part:
    """One JSON text in a file: the file itself, or a line of a ``.jsonl``.

    Attributes:
        document: The text.
        offsets: For each of its characters the offset in the file; None when there is only a shift.
        shift: Offset of its first character in the file.
    """

    document: Document
    shift: int
    offsets: Sequence[int] | None = None

    def place(self, offset: int) -> int:
        return self.shift + (self.offsets[offset] if self.offsets is not None else offset)


@dataclass(slots=True)
class _File:
    path: Path
    text: str
    parts: list[_Part]


def bump(paths: Iterable[Path], dtmis: Iterable[str], level: Bump = Bump.MAJOR) -> Bumped:
    """Raises versions of Interfaces, and every reference to them; writes nothing.

    Args:
        paths: Files, folders (every ``*.json`` below) and ``.jsonl`` files.
        dtmis: The Interfaces, with their version, or without where there is only one.
        level: ``MAJOR`` or ``MINOR``.

    Raises:
        InputUnreadable: A path is missing, is not UTF-8 or is not what it seems.
        ModelNotFound: No file defines one of the Interfaces.
        ModelInvalid: The result has findings; it carries them.
    """
    files = [_read(path) for path in _files(paths)]
    parts = [part for file in files for part in file.parts]
    defined = {dtmi for part in parts for dtmi in _defined(part.document.value)}
    names = {dtmi: raised(dtmi, level) for dtmi in (_chosen(wanted, defined) for wanted in dtmis)}
    _refuse_published(files, names)
    edits: list[Edit] = []
    texts: list[str] = []
    dependents: dict[str, None] = {}
    for file in files:
        changes: list[tuple[int, int, str]] = []
        for part in file.parts:
            own = [(span, new) for span, new, holder in _mentions(part.document, names, dependents)]
            texts.append(_replaced(part.document.text, [(span.start + 1, span.end - 1, new) for span, new in own]))
            changes += [(part.place(span.start + 1), part.place(span.end - 1), new) for span, new in own]
        if changes:
            edits.append(Edit(file.path, file.text, _replaced(file.text, changes)))
    _refuse_findings(texts, [part.document.file for part in parts])
    return Bumped(tuple(edits), names, tuple(dependents))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*.json")) if file.is_file() and not is_expansion(file))
        else:
            yield path


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LimitExceeded(f"{path} is larger than {MAX_BYTES} bytes", action="Split it into several files.")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputUnreadable(
            f"{path} cannot be read: {error.strerror or error}", action="Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{path} is not UTF-8", action="Save the file as UTF-8.") from error
    shift = int(text.startswith(_BOM))
    if path.suffix == ".jsonl":
        return _File(path, text, list(_lines(path, text, shift)))
    return _File(path, text, [_Part(_loaded(Document(text[shift:], str(path))), shift)])


def _lines(path: Path, text: str, start: int) -> Iterator[_Part]:
    """Gives the texts in the lines of a ``.jsonl``, with the place of each of their characters."""
    for number, match in enumerate(re.finditer(r"[^\r\n]*(?:\r\n|\r|\n|\Z)", text[start:]), start=1):
        line = match[0].rstrip("\r\n")
        if not line.strip():
            continue
        row = _loaded(Document(line, f"{path}:{number}"))
        held = row.value.get("text") if isinstance(row.value, dict) else None
        if not isinstance(held, str):
            raise InputUnreadable(f"{path}:{number} has no text", action='Write one {"path": …, "text": …} a line.')
        span = row.spans()[id(row.value)]
        keys = [key for key, _, _ in span.keys or ()]
        inner = (span.children or ())[len(keys) - 1 - keys[::-1].index("text")]
        written = line[inner.start + 1 : inner.end - 1]
        offsets = [character.start() for character in _CHARACTER.finditer(written)]
        name = str(row.value.get("path") or f"{path}:{number}")
        document = _loaded(Document(held, name))
        yield _Part(document, start + match.start() + inner.start + 1, [*offsets, len(written)])


def _loaded(document: Document) -> Document:
    fault = Loader().load(document).fault
    if fault is not None:
        raise ModelInvalid(
            [Diagnostic(rule=fault.rule, location=fault.location, cause=fault.cause, action=fault.action)]
        )
    return document


def _defined(value: Json) -> Iterator[str]:
    """Gives the DTMIs of Interfaces that a document defines."""
    if isinstance(value, dict):
        types = value.get("@type")
        if "Interface" in (types if isinstance(types, list) else [types]) and isinstance(value.get("@id"), str):
            yield value["@id"]
        for item in value.values():
            yield from _defined(item)
    elif isinstance(value, list):
        for item in value:
            yield from _defined(item)


def _chosen(wanted: str, defined: Iterable[str]) -> str:
    """Gives the defined DTMI that a name with or without version means."""
    known = Dtmi(wanted)
    found = [dtmi for dtmi in defined if dtmi == wanted or (not known.major and dtmi.partition(";")[0] == wanted)]
    if wanted in found:
        return wanted
    if len(found) == 1:
        return found[0]
    if found:
        versions = ", ".join(sorted(found))
        raise ModelNotFound(f"{wanted} has several versions", action=f"Name one of {versions}.")
    raise ModelNotFound(f"no file defines the Interface {wanted}", action="Correct the DTMI, or name its file too.")


def _mentions(
    document: Document, names: Mapping[str, str], dependents: dict[str, None]
) -> Iterator[tuple[Span, str, str]]:
    """Gives the strings that name one of the DTMIs, what they become, and who says it."""
    spans = document.spans()

    def walk(value: Json, span: Span | None, holder: str) -> Iterator[tuple[Span, str, str]]:
        if isinstance(value, dict):
            children = spans[id(value)].children or ()
            for (key, item), child in zip(entries(value), children, strict=True):
                if _term(key) not in _WORDS:
                    yield from walk(item, child, str(value.get("@id") or holder))
        elif isinstance(value, list):
            for item, inner in zip(value, (span.children if span else None) or [None] * len(value), strict=True):
                yield from walk(item, inner, holder)
        elif isinstance(value, str) and span is not None:
            name, mark, rest = value.partition("#")
            if name in names:
                if holder not in names:
                    dependents.setdefault(holder)
                yield span, f"{names[name]}{mark}{rest}", holder

    yield from walk(document.value, None, "")


def _term(key: str) -> str:
    return key.rpartition(":")[2].partition(";")[0]


def _replaced(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    made: list[str] = []
    done = 0
    for start, end, new in changes:
        made += [text[done:start], new]
        done = end
    return "".join([*made, text[done:]])


def _refuse_published(files: Iterable[_File], names: Iterable[str]) -> None:
    """Refuses to raise a version in a file that is named after it."""
    found = [
        Diagnostic(
            rule=PUBLISHED,
            location=Location(str(file.path)),
            cause=f"{file.path} is named after {dtmi}, whose version would be raised in it.",
            action="Copy the file to the name of the new version, and raise the version there.",
            primary_id=dtmi,
        )
        for dtmi in names
        for file in files
        if file.path.absolute().as_posix().endswith(f"/dtmi/{relative(dtmi).as_posix()}")
    ]
    if found:
        raise ModelInvalid(found)


def _refuse_findings(texts: Sequence[str], names: Sequence[str]) -> None:
    """Refuses a result that has findings."""
    found = [one for one in check(texts) if one.severity == "error"]
    if found:
        raise ModelInvalid([_named(one, names) for one in found])


def _named(found: Diagnostic, names: Sequence[str]) -> Diagnostic:
    """Gives a finding with the names of files in place of those of texts."""

    def real(where: Location | None) -> Location | None:
        if where is None or where.index is None or where.index >= len(names):
            return where
        return replace(where, file=names[where.index])

    texts = {f"<text {index}>": name for index, name in enumerate(names)}
    cause = re.sub(r"<text \d+>", lambda match: texts.get(match[0], match[0]), found.cause)
    return replace(found, location=real(found.location), secondary=real(found.secondary), cause=cause)
