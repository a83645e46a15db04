"""``megatwin check --fix``: edits of definitions that cannot change what they mean, each proven by reading them again.

An edit is kept only when no finding is added and the model read from the edited texts equals the one before. Where
definitions have errors there is no model to compare, so nothing is edited.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from dtdl import equal, parse
from dtdl.context import AllowUndefined
from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import InputUnreadable, ModelInvalid
from dtdl.parser import check
from dtdl.resolver import Resolver
from dtdl.source import Document, Span, documents

_BOM: Final = "\ufeff".encode()
_ROUNDS: Final = 4


class Edit(NamedTuple):
    """Characters of a text that are replaced, and the finding that it mends."""

    start: int
    end: int
    text: str
    found: Diagnostic


@dataclass(slots=True)
class Fixed:
    """What was edited.

    Attributes:
        texts: File → its text before and after.
        done: The findings that were mended, with the places that they had.
        left: Findings whose edits were taken back.
        skipped: Number of sets of definitions with errors, in which nothing was edited.
    """

    texts: dict[Path, tuple[str, str]] = field(default_factory=dict)
    done: list[Diagnostic] = field(default_factory=list)
    left: list[Diagnostic] = field(default_factory=list)
    skipped: int = 0

    def diff(self) -> str:
        """Gives the edits as a unified diff."""
        parts: list[str] = []
        for path, (before, after) in self.texts.items():
            name = path.as_posix()
            lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, name)
            parts += (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        return "".join(parts)

    def write(self) -> None:
        """Writes the edited files; a byte order mark and line ends stay as they are.

        Raises:
            InputUnreadable: A file cannot be written.
        """
        for path, (_, after) in self.texts.items():
            try:
                mark = _BOM if path.read_bytes().startswith(_BOM) else b""
                path.write_bytes(mark + after.encode())
            except OSError as error:
                action = "Correct its permissions."
                raise InputUnreadable(f"{path} cannot be written: {error.strerror}", action=action) from error


def fix(sets: Iterable[Sequence[Path]], *, may: Callable[[Path], bool], wanted: Callable[[str], bool],
        strict: bool = False, resolver: Resolver | None = None) -> Fixed:  # fmt: skip
    """Finds the edits that are safe; writes nothing.

    Args:
        sets: Files of definitions; those of one set are read together.
        may: Whether a file may be edited.
        wanted: Whether findings of a rule are to be mended.
        strict: Refuse undefined extensions, as the check does.
        resolver: Where definitions are looked for that the files only refer to.
    """
    fixed = Fixed()
    for files in sets:
        _Set(files, may, wanted, {"allow_undefined": "never" if strict else "default", "resolver": resolver}).run(fixed)
    return fixed


class _Options(TypedDict):
    """How definitions are read."""

    allow_undefined: AllowUndefined
    resolver: Resolver | None


class _Set:
    """Definitions that are read together: files whose text is held, and others."""

    def __init__(
        self,
        files: Sequence[Path],
        may: Callable[[Path], bool],
        wanted: Callable[[str], bool],
        options: _Options,
    ) -> None:
        self.may = may
        self.wanted = wanted
        self.options = options
        self.texts: dict[Path, str] = {}
        self.others: list[Path] = []
        for path in files:
            text = _read(path) if path.suffix.lower() == ".json" else None
            if text is None:
                self.others.append(path)
            else:
                self.texts[path] = text
        self.names = list(self.texts)

    def run(self, fixed: Fixed) -> None:
        before = dict(self.texts)
        refused: set[tuple[str, str]] = set()
        for round_ in range(_ROUNDS):
            found = self.check(self.texts)
            if any(item.severity == "error" for item in found):
                fixed.skipped += round_ == 0
                break
            edits = [edit for edit in self.edits(found) if _key(*edit) not in refused]
            if not edits:
                break
            kept: list[tuple[Path, Edit]] = []
            self.keep(edits, kept, found)
            self.texts = self.edited(kept)
            fixed.done += [edit.found for _, edit in kept]
            taken_back = [edit for edit in edits if edit not in kept]
            refused |= {_key(*edit) for edit in taken_back}
            fixed.left += [edit.found for _, edit in taken_back]
        for path, text in self.texts.items():
            if text != before[path]:
                fixed.texts[path] = (before[path], text)

    def check(self, texts: Mapping[Path, str]) -> list[Diagnostic]:
        return check([*texts.values(), *self.others], **self.options)

    def edits(self, found: Iterable[Diagnostic]) -> list[tuple[Path, Edit]]:
        """Gives the edits for findings, those that overlap another left for the next round."""
        edits: list[tuple[Path, Edit]] = []
        read: dict[Path, _Text] = {}
        taken: dict[Path, int] = {}
        for item in sorted(found, key=_place):
            where = item.location
            if item.rule not in _MENDS or not self.wanted(item.rule) or where is None or not where.column:
                continue
            # Texts come first in the call, so an index beyond them is that of a file that is not held as text.
            path = self.names[where.index] if where.index is not None and where.index < len(self.names) else None
            if path is None or not self.may(path):
                continue
            text = read.setdefault(path, _Text(self.texts[path]))
            shown = replace(item, location=replace(where, file=str(path), index=None))
            edit = _MENDS[item.rule](text, text.offset(where), shown)
            if edit is not None and edit.start >= taken.get(path, 0):
                taken[path] = edit.end
                edits.append((path, edit))
        return edits

    def keep(self, edits: list[tuple[Path, Edit]], kept: list[tuple[Path, Edit]], before: Sequence[Diagnostic]) -> None:
        """Keeps the edits that prove safe together with those kept; halves them to find those that are not."""
        if self.proven([*kept, *edits], before):
            kept += edits
        elif len(edits) > 1:
            half = len(edits) // 2
            self.keep(edits[:half], kept, before)
            self.keep(edits[half:], kept, before)

    def proven(self, edits: Sequence[tuple[Path, Edit]], before: Sequence[Diagnostic]) -> bool:
        """Whether the edited texts have no further finding and give an equal model."""
        after = self.edited(edits)
        if Counter(map(_what, self.check(after))) - Counter(map(_what, before)):
            return False
        try:
            old = parse([*self.texts.values(), *self.others], **self.options)
            return equal(old, parse([*after.values(), *self.others], **self.options))
        except ModelInvalid:
            return False

    def edited(self, edits: Iterable[tuple[Path, Edit]]) -> dict[Path, str]:
        texts = dict(self.texts)
        for path, edit in sorted(edits, key=lambda pair: -pair[1].start):
            texts[path] = texts[path][: edit.start] + edit.text + texts[path][edit.end :]
        return texts


class _Text:
    """One text, with the spans of its objects."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.document: Document = next(iter(documents(text)))
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def offset(self, where: Location) -> int:
        """Gives the offset of the first character of a place."""
        return self.lines[where.line - 1] + where.column - 1

    def token(self, start: int) -> tuple[str, int] | None:
        """Gives the JSON string that begins at an offset, and its end."""
        try:
            value, end = json.JSONDecoder().raw_decode(self.text, start)
        except ValueError:
            return None
        return (value, end) if isinstance(value, str) else None

    def below(self, place: int) -> Span | None:
        """Gives the value of a key that begins at an offset, as key, value, or one of several values."""
        for span in self.document.spans().values():
            for (_, start, _), child in zip(span.keys or (), span.children or (), strict=False):
                items = child.children or () if child.keys is None else ()
                if place in (start, child.start) or any(item.start == place for item in items):
                    return child
        return None

    def array_with(self, item: int) -> Span | None:
        """Gives the array, of those that stand as values of keys, that has an item which begins at an offset."""
        for span in self.document.spans().values():
            for child in span.children or ():
                if child.keys is None and any(part.start == item for part in child.children or ()):
                    return child
        return None

    def strings(self, span: Span) -> list[tuple[str, Span]]:
        """Gives the strings of a value: itself, or the items of an array."""
        held = span.children if span.children is not None and span.keys is None else (span,)
        found = [(self.token(part.start), part) for part in held]
        return [(token[0], part) for token, part in found if token is not None]

    def without(self, array: Span, item: Span, found: Diagnostic) -> Edit | None:
        """Gives the edit that takes an item out of an array, with the comma that it leaves over."""
        parts = array.children or ()
        index = parts.index(item) if item in parts else -1
        if len(parts) <= 1 or index < 0:
            return None
        if index == 0:
            return Edit(item.start, parts[1].start, "", found)
        return Edit(parts[index - 1].end, item.end, "", found)


def _term_of_key(text: _Text, start: int, found: Diagnostic) -> Edit | None:
    """MT011: a property is written as a DTMI where it has a term."""
    return _replaced(text, start, found, found.property_name, found.value)


def _term_of_reference(text: _Text, start: int, found: Diagnostic) -> Edit | None:
    """MT012: a reference names a standard element by its DTMI."""
    return _replaced(text, start, found, found.value, found.restriction)


def _replaced(text: _Text, start: int, found: Diagnostic, old: str | None, new: str | None) -> Edit | None:
    token = text.token(start)
    if token is None or token[0] != old or new is None:
        return None
    return Edit(start, token[1], json.dumps(new), found)


def _term_of_type(text: _Text, start: int, found: Diagnostic) -> Edit | None:
    """MT014: a type is written as a DTMI where it has a term."""
    below = text.below(start)
    parts = [part for value, part in text.strings(below) if value == found.value] if below is not None else []
    if len(parts) != 1 or found.restriction is None:
        return None
    return Edit(parts[0].start, parts[0].end, json.dumps(found.restriction), found)


def _type_said_twice(text: _Text, start: int, found: Diagnostic) -> Edit | None:
    """MT013: ``@type`` says the same twice."""
    below = text.below(start)
    parts = [part for value, part in text.strings(below) if value == found.value] if below is not None else []
    return text.without(below, parts[-1], found) if below is not None and parts else None


def _context_named_twice(text: _Text, start: int, found: Diagnostic) -> Edit | None:
    """MT018: ``@context`` names an extension twice; only the same version of it is taken out."""
    array = text.array_with(start)
    token = text.token(start)
    if array is None or token is None:
        return None
    strings = text.strings(array)
    item = next(part for value, part in strings if part.start == start)
    if not any(value == token[0] and part.start < start for value, part in strings):
        return None
    return text.without(array, item, found)


_MENDS: Final[Mapping[str, Callable[[_Text, int, Diagnostic], Edit | None]]] = {
    "MT011": _term_of_key,
    "MT012": _term_of_reference,
    "MT013": _type_said_twice,
    "MT014": _term_of_type,
    "MT018": _context_named_twice,
}
FIXABLE: Final = tuple(_MENDS)
"""Rules whose findings ``--fix`` mends."""


def _key(path: Path, edit: Edit) -> tuple[str, str]:
    """Names an edit, wherever other edits have moved it."""
    return str(path), repr(_what(edit.found))


def _what(found: Diagnostic) -> Diagnostic:
    """Gives a finding without its places, which edits move."""
    return replace(found, location=None, secondary=None, related=(), cause="", action="")


def _place(found: Diagnostic) -> tuple[int, int, int]:
    where = found.location
    return (where.index or 0, where.line, where.column) if where is not None else (0, 0, 0)


def _read(path: Path) -> str | None:
    """Gives the text of a file, None when it is not UTF-8; such a file is a finding of its own."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}", action="Correct its permissions.") from error
