"""JSON texts: where they come from, their values, and, only when asked, where in the text a value is written."""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import orjson

from dtdl.diagnostic import Location
from dtdl.errors import InputUnreadable, LimitExceeded

Json = Any

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 128
MAX_TEXTS: Final = 100_000
_BIG: Final = 300
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_TOKEN: Final = re.compile(r'[ \t\n\r]*([{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+)')


class Pairs(dict[str, Json]):
    """A JSON object that writes a key twice: ``pairs`` has every entry, the mapping the last of each."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def entries(node: dict[str, Json]) -> Iterable[tuple[str, Json]]:
    """Gives every entry of an object as written, repeated keys included."""
    return node.pairs if type(node) is Pairs else node.items()


def values_of(value: Json) -> Sequence[Json]:
    """Gives the values of a property: one, or those of an array with nested arrays flattened."""
    if type(value) is not list:
        return (value,)
    if list not in map(type, value):
        return value
    flat: list[Json] = []
    for item in value:
        flat.extend(values_of(item))
    return flat


class Site(NamedTuple):
    """A place in a document: an object, a key, one value of a key, or all of them.

    Attributes:
        document: Where it is.
        node: The object; None for a value at the top of the document.
        part: ``object``, ``key``, ``value`` or ``values``.
        key: The key, for the last three.
        position: Which value, or which occurrence of the key.
    """

    document: Document
    node: Json
    part: str = "object"
    key: str = ""
    position: int = 0

    @property
    def location(self) -> Location:
        """Where that is, by a second scan of the text."""
        return self.document.locate(self)


class Span(NamedTuple):
    """A value in the text.

    Attributes:
        start: Offset of its first character.
        end: Offset behind its last character.
        keys: Of an object: each key with its start and end; None otherwise.
        children: Of an object or array: the values in it; None otherwise.
    """

    start: int
    end: int
    keys: tuple[tuple[str, int, int], ...] | None
    children: tuple[Span, ...] | None


class Fault(NamedTuple):
    """Why a text cannot be read."""

    rule: str
    cause: str
    action: str
    location: Location


@dataclass(eq=False, slots=True)
class Document:
    """One JSON text.

    Attributes:
        text: The text, or None when it could not be decoded.
        file: What the user calls it.
        index: Its index in the call, None for a document that a resolver gave.
        value: Its JSON value, once a Loader has read it; an integer beyond 64 bits, which no DTDL schema holds, may be
            the nearest double (RFC 8259, section 6).
        fault: Why it could not be read.
    """

    text: str
    file: str
    index: int | None = None
    value: Json = None
    fault: Fault | None = None
    repeated: Sequence[Pairs] = ()
    _spans: dict[int, Span] | None = None
    _root: Span | None = None
    _lines: list[int] | None = None
    _keys: dict[int, dict[str, list[int]]] | None = None
    _leaves: dict[int, list[Span]] | None = None

    def spans(self) -> dict[int, Span]:
        """Gives the span of every object by its identity, by a second scan of the text."""
        if self._spans is None:
            self._spans = {}
            self._root = _Scanner(self.text).value()
            _pair(self.value, self._root, self._spans)
        return self._spans

    def locate(self, site: Site) -> Location:
        """Gives the span of a place; only the file when the place is not in the text."""
        spans = self.spans()
        span = self._root if site.node is None else spans.get(id(site.node))
        if span is None:
            return Location(self.file, index=self.index)
        start, end = self._offsets(span, site)
        line, column = self.position(start)
        end_line, end_column = self.position(end)
        return Location(self.file, line, column, end_line, end_column, self.index)

    def _offsets(self, span: Span, site: Site) -> tuple[int, int]:
        """Gives start and end of a place in, or at, a span."""
        held = span
        if site.part == "object":
            return span.start, span.end
        if site.node is not None:
            found = self._positions(span).get(site.key)
            if not found:
                return span.start, span.end
            if site.part == "key":
                _, start, end = (span.keys or ())[found[min(site.position, len(found) - 1)]]
                return start, end
            held = (span.children or ())[found[0]]
        leaves = self._values(held) if site.part == "value" else []
        if site.position < len(leaves):
            held = leaves[site.position]
        return held.start, held.end

    def _positions(self, span: Span) -> Mapping[str, list[int]]:
        """Gives where each key of an object stands; kept, since an object of many keys may have a finding in each."""
        if self._keys is None:
            self._keys = {}
        found = self._keys.get(id(span))
        if found is None:
            found = self._keys[id(span)] = {}
            for index, (key, _, _) in enumerate(span.keys or ()):
                found.setdefault(key, []).append(index)
        return found

    def _values(self, span: Span) -> list[Span]:
        """Gives the values of a property, arrays flattened; kept, since each value may have a finding."""
        if self._leaves is None:
            self._leaves = {}
        found = self._leaves.get(id(span))
        if found is None:
            found = self._leaves[id(span)] = _flat(span)
        return found

    def position(self, offset: int) -> tuple[int, int]:
        """Gives line and column, both from 1, of a character offset."""
        if self._lines is None:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def at(self, offset: int) -> Location:
        """Gives the location of one character."""
        line, column = self.position(offset)
        return Location(self.file, line, column, line, column + 1, self.index)


def _flat(span: Span) -> list[Span]:
    """Gives the values of a property: one, or those of an array with nested arrays flattened."""
    if span.children is None or span.keys is not None:
        return [span]
    return [leaf for child in span.children for leaf in _flat(child)]


class _Scanner:
    """Reads a text again, for positions only; it is known to be well-formed."""

    def __init__(self, text: str) -> None:
        self.marks = _TOKEN.finditer(text)
        self.end = len(text)

    def value(self, mark: re.Match[str] | None = None) -> Span:
        mark = mark or next(self.marks)
        start = mark.start(1)
        if mark[1] == "{":
            return self.members(start)
        if mark[1] == "[":
            return self.items(start)
        return Span(start, mark.end(1), None, None)

    def members(self, start: int) -> Span:
        keys: list[tuple[str, int, int]] = []
        children: list[Span] = []
        for mark in self.marks:
            text = mark[1]
            if text == "}":
                return Span(start, mark.end(1), tuple(keys), tuple(children))
            if text != ",":
                keys.append((json.loads(text) if "\\" in text else text[1:-1], mark.start(1), mark.end(1)))
                next(self.marks)
                children.append(self.value())
        return Span(start, self.end, tuple(keys), tuple(children))

    def items(self, start: int) -> Span:
        children: list[Span] = []
        for mark in self.marks:
            if mark[1] == "]":
                return Span(start, mark.end(1), None, tuple(children))
            if mark[1] != ",":
                children.append(self.value(mark))
        return Span(start, self.end, None, tuple(children))


def _pair(value: Json, span: Span, found: dict[int, Span]) -> None:
    """Walks values and spans side by side, so that an object's identity leads to its place."""
    if isinstance(value, dict):
        found[id(value)] = span
        for (_, item), child in zip(entries(value), span.children or (), strict=False):
            if isinstance(item, dict | list):
                _pair(item, child, found)
    elif isinstance(value, list):
        for item, child in zip(value, span.children or (), strict=False):
            if isinstance(item, dict | list):
                _pair(item, child, found)


def _no_constant(name: str) -> NoReturn:
    raise _NotJson(name)


class _NotJson(ValueError):
    """A constant such as ``NaN`` that Python reads and JSON has not."""


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _BIG else float(digits)


class Loader:
    """Reads the JSON values of documents, one after the other."""

    def __init__(self) -> None:
        self.repeated: list[Pairs] = []
        self.decode = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=_no_constant, parse_int=_integer
        ).decode

    def _object(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        made = Pairs(pairs)
        self.repeated.append(made)
        return made

    def load(self, document: Document) -> Document:
        """Reads the JSON value of a document, or says in ``fault`` why it has none.

        Raises:
            LimitExceeded: The text is larger than ``MAX_BYTES``.
        """
        if document.fault is not None:
            return document
        text = document.text
        if len(text) > MAX_BYTES:
            raise LimitExceeded(
                f"{document.file} has more than {MAX_BYTES} characters", action="Split it into several documents."
            )
        try:
            document.value = value = _quick(text)
            if value is _SLOW:
                document.value = self.decode(text)
        except (ValueError, RecursionError) as error:
            self.repeated = []
            document.fault = _fault(document, error)
        else:
            _check(document, quick=value is not _SLOW)
        if self.repeated:
            document.repeated, self.repeated = self.repeated, []
        return document


_SLOW: Final = object()


def _quick(text: str) -> Json:
    """Gives the value of a text that has no fault, or ``_SLOW`` when it needs a closer look.

    A value that is written again has as many colons as its text, unless the text writes a key twice: only then an entry
    is lost. Escapes could hide a colon; texts that have them are looked at closely.
    """
    if "\\u" in text:
        return _SLOW
    try:
        value = orjson.loads(text)
        entire = orjson.dumps(value).count(b":") == text.count(":")
    except (ValueError, TypeError):
        return _SLOW
    return value if entire else _SLOW


_PATH_LIKE = re.compile(r"[\w.:/\\ -]{1,400}\.\w{1,8}")
_PATH = "Give a Path where a file is meant: a str is the JSON text itself."


def _fault(document: Document, error: ValueError | RecursionError) -> Fault:
    """Says why a text cannot be read."""
    if isinstance(error, json.JSONDecodeError):
        return Fault(
            "MT001",
            f"This is not JSON: {error.msg[:1].lower()}{error.msg[1:]}.",
            _PATH if _PATH_LIKE.fullmatch(document.text) else "Correct the syntax here, or just before.",
            document.at(min(error.pos, len(document.text))),
        )
    if isinstance(error, RecursionError):
        return _too_deep(document)
    offset = max(document.text.find(str(error)), 0)
    action = "Use a number, a string or null."
    return Fault("MT001", f"This is not JSON: {error} is no value.", action, document.at(offset))


_CONTAINERS: Final = frozenset({dict, list, Pairs})


def _check(document: Document, *, quick: bool) -> None:
    """Refuses nesting that is too deep, and strings that are no text."""
    text = document.text
    if len(text) > MAX_DEPTH and text.count("{") + text.count("[") > MAX_DEPTH and _deeper(document.value):
        document.fault = _too_deep(document)
    elif not quick and (_SURROGATE.search(text) or ("\\u" in text and _lone_surrogate(document.value))):
        offset = max(text.lower().find("\\ud"), 0)
        document.fault = Fault(
            "MT002",
            "A string has half of a surrogate pair, which is no character.",
            "Write the character itself, or both halves.",
            document.at(offset),
        )


def _too_deep(document: Document) -> Fault:
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', document.text):
        depth += (match[0] in "[{") - (match[0] in "]}") if len(match[0]) == 1 else 0
        if depth > MAX_DEPTH:
            break
    return Fault(
        "MT003",
        f"The nesting is deeper than {MAX_DEPTH} levels.",
        "Give nested elements an @id and refer to them.",
        document.at(match.start()),
    )


def _deeper(value: Json) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                below += [v for v in item.values() if type(v) in _CONTAINERS]
            elif isinstance(item, list):
                below += [v for v in item if type(v) in _CONTAINERS]
        if not below:
            return False
        level = below
    return True


def _lone_surrogate(value: Json) -> bool:
    return _SURROGATE.search(json.dumps(value, ensure_ascii=False)) is not None


_WANTED = "definitions are given as JSON text (str), as a Path, or as several of these"


def documents(inputs: str | Path | Iterable[str | Path]) -> Iterator[Document]:
    """Gives the documents of texts, files, folders (all ``*.json`` below) and ``.jsonl`` of ``{"path", "text"}``.

    Args:
        inputs: A ``str`` is a JSON text, a ``Path`` a file or folder. A file that is named twice, or that lies in a
            folder that is named too, is read once.

    Raises:
        InputUnreadable: A path that is missing or may not be read.
        LimitExceeded: More than ``MAX_TEXTS`` documents.
        TypeError: Neither a text nor a path, nor several of them.
    """
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    if isinstance(given, bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"{_WANTED}, not {type(given).__name__}")
    index = 0
    loader = Loader()
    read: set[str] = set()
    for item in given:
        if not isinstance(item, str | os.PathLike):
            raise TypeError(f"{_WANTED}, not {type(item).__name__}")
        found = [Document(item, f"<text {index}>")] if isinstance(item, str) else _of_path(Path(item), read)
        for document in found:
            if index >= MAX_TEXTS:
                raise LimitExceeded(f"more than {MAX_TEXTS} documents", action="Read fewer at a time.")
            document.index = index
            if document.fault is not None:
                fault = document.fault
                document.fault = fault._replace(location=replace(fault.location, index=index))
            index += 1
            yield loader.load(document)


def _of_path(path: Path, read: set[str]) -> Iterator[Document]:
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            if file.is_file() and not is_expansion(file) and _first(file, read):
                yield _of_bytes(_bytes(file), str(file))
    elif not _first(path, read):
        return
    elif path.suffix == ".jsonl":
        yield from _of_lines(_bytes(path), path)
    else:
        yield _of_bytes(_bytes(path), str(path))


def _first(file: Path, read: set[str]) -> bool:
    """Notes a file, and tells whether it was not read before."""
    name = os.path.abspath(file)  # noqa: PTH100 - Path.absolute keeps "..", Path.resolve asks the system for each part
    if name in read:
        return False
    read.add(name)
    return True


def is_expansion(file: Path) -> bool:
    """Whether a file of a repository, ``room-1.expanded.json``, repeats what ``room-1.json`` beside it says."""
    plain = file.name.removesuffix(".expanded.json")
    return plain != file.name and file.with_name(f"{plain}.json").is_file()


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LimitExceeded(f"{path} is larger than {MAX_BYTES} bytes", action="Split it into several files.")
        return path.read_bytes()
    except OSError as error:
        raise InputUnreadable(
            f"{path} cannot be read: {error.strerror or error}", action="Check the path and its permissions."
        ) from error
    except ValueError as error:
        raise InputUnreadable(f"{path!r} is no path: {error}", action="Check the path.") from error


def _of_bytes(data: bytes, file: str) -> Document:
    try:
        return Document(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        document = Document(before, file)
        line, column = document.position(len(before))
        document.fault = Fault(
            "MT002",
            f"This is not UTF-8: byte 0x{data[error.start]:02x} cannot stand here.",
            "Save the file as UTF-8.",
            Location(file, line, column),
        )
        return document


def _row(line: bytes) -> Json:
    try:
        return orjson.loads(line)
    except ValueError:  # the slower reader knows more of JSON's fringes, and says what is wrong
        return json.loads(line)


def _of_lines(data: bytes, path: Path) -> Iterator[Document]:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise _NotJson(line[:40].decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            document = Document("", str(path))
            document.fault = Fault(
                "MT001",
                f"Line {number} is not a JSON object with a text: {str(error)[:80]}.",
                'Write one {"path": …, "text": …} a line.',
                Location(str(path), number),
            )
            yield document
            continue
        yield Document(row["text"], str(row.get("path") or f"{path}:{number}"))
