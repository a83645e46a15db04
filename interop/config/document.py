"""YAML text to values, with the line and column of every key and value.

YAML 1.2, core schema (https://yaml.org/spec/1.2.2/#103-core-schema): ``no`` and ``on`` are texts, ``0o17`` is 15,
``017`` is 17, ``1:30`` is a text. Keys are texts, whatever they look like. Size, depth and the number of values after
aliases are expanded are bounded. A syntax error ends the reading; everything else is collected.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from dtdl.diagnostic import Location
from dtdl.errors import InputUnreadable
from interop.config.findings import Findings

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root of the file to a value."""

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 200_000
_MAX_DIGITS: Final = 400

_TAG: Final = "tag:yaml.org,2002:"
_CORE: Final[Sequence[tuple[str, re.Pattern[str]]]] = (
    ("null", re.compile(r"null|Null|NULL|~|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
)


class Spot(NamedTuple):
    """Where a value and its key are written; the key's place is None in a list and at the root."""

    value: Location
    key: Location | None


@dataclass(slots=True)
class Document:
    """One file, read.

    Attributes:
        file: The path as the user gave it.
        value: Mappings, lists, texts, numbers, booleans and None; None when it could not be read.
        spots: Where each value is written.
    """

    file: str
    value: Any = None
    spots: dict[KeyPath, Spot] = field(default_factory=dict)

    def at(self, path: KeyPath) -> Location:
        """Gives where a value is written; when there is none, where the nearest one around it is."""
        return self._spot(path).value

    def key(self, path: KeyPath) -> Location:
        """Gives where the key of a value is written, or where the value is when it has none."""
        spot = self._spot(path)
        return spot.key or spot.value

    def put(self, path: KeyPath, value: Any, location: Location) -> None:
        """Sets a value that stands elsewhere, such as on the command line; mappings on the way are made.

        Raises:
            KeyError: A step leads into a value that has no such part.
        """
        holder: Any = self.value
        real: list[str | int] = []
        for step, last in zip(path, [False] * (len(path) - 1) + [True], strict=True):
            if isinstance(holder, dict):
                real.append(str(step))
                if not last:
                    holder.setdefault(str(step), {})
            elif isinstance(holder, list) and isinstance(step, int) and 0 <= step < len(holder):
                real.append(step)
            else:
                raise KeyError(step)
            if last:
                holder[real[-1]] = value
            else:
                holder = holder[real[-1]]
        full = tuple(real)
        for known in [known for known in self.spots if known[: len(full)] == full]:
            del self.spots[known]
        for end in range(1, len(full) + 1):
            self.spots.setdefault(full[:end], Spot(location, location))

    def _spot(self, path: KeyPath) -> Spot:
        for end in range(len(path), -1, -1):
            if path[:end] in self.spots:
                return self.spots[path[:end]]
        return Spot(Location(self.file), None)


def read_document(path: Path, findings: Findings) -> Document:
    """Reads a file.

    Args:
        path: A file.
        findings: Takes what is wrong with it.

    Raises:
        InputUnreadable: It is missing, a folder, or may not be read.
    """
    return parse_document(str(path), read_bytes(path), findings)


def read_bytes(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """Reads a file, but no more than one byte above the limit.

    Raises:
        InputUnreadable: It is missing, a folder, or may not be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except FileNotFoundError as error:
        raise InputUnreadable(f"{path} does not exist", action="Correct the path.") from error
    except IsADirectoryError as error:
        raise InputUnreadable(f"{path} is a folder, where a file is meant", action="Name the file in it.") from error
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}", action="Correct its permissions.") from error


def parse_document(file: str, data: bytes, findings: Findings) -> Document:
    """Reads the bytes of a file; ``file`` is its name in what is found."""
    document = Document(file)
    if len(data) > MAX_BYTES:
        findings.add("MT103", Location(file), f"the file is larger than {MAX_BYTES // 1024**2} MiB")
        return document
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        findings.add("MT100", Location(file, line, column), f"the byte 0x{data[error.start]:02x} is not UTF-8")
        return document
    root = _compose(file, text, findings)
    if root is not None:
        builder = _Builder(document, findings)
        document.value = builder.build(root, (), None)
    return document


class _TooDeep(yaml.YAMLError):
    def __init__(self, mark: Any) -> None:
        super().__init__()
        self.mark = mark


if yaml.__with_libyaml__:
    from yaml._yaml import CParser as _Events
else:

    class _Events(Reader, Scanner, Parser):  # type: ignore[no-redef]  # the same events, more slowly
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)


class _Loader(Composer, _Events, BaseResolver):
    """PyYAML's reader without its YAML 1.1 rules for what a plain text means, and with a bound on depth."""

    def __init__(self, text: str) -> None:
        _Events.__init__(self, text)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is not ScalarNode:
            return _TAG + ("map" if kind is MappingNode else "seq")
        if implicit[0]:
            for name, pattern in _CORE:
                if pattern.fullmatch(value):
                    return _TAG + name
        return _TAG + "str"

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep(getattr(self.peek_event(), "start_mark", None))
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _compose(file: str, text: str, findings: Findings) -> Node | None:
    odd = Reader.NON_PRINTABLE.search(text)
    if odd is not None:
        before = text[: odd.start()]
        location = Location(file, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        findings.add("MT101", location, f"the character U+{ord(odd[0]):04X} is not allowed in YAML")
        return None
    try:
        return _Loader(text).get_single_node()
    except _TooDeep as error:
        findings.add("MT103", _mark(file, error.mark), f"values are nested deeper than {MAX_DEPTH}")
    except yaml.MarkedYAMLError as error:
        parts = [part for part in (error.context, error.problem) if part]
        findings.add("MT101", _mark(file, error.problem_mark or error.context_mark), ", ".join(parts))
    return None


def _mark(file: str, mark: Any, end: Any = None) -> Location:
    if mark is None:
        return Location(file)
    if end is None:
        return Location(file, mark.line + 1, mark.column + 1)
    return Location(file, mark.line + 1, mark.column + 1, end.line + 1, end.column + 1)


class _Builder:
    """Nodes to values; expands aliases."""

    def __init__(self, document: Document, findings: Findings) -> None:
        self._document = document
        self._findings = findings
        self._count = 0
        self._open: set[int] = set()

    def build(self, node: Node, path: KeyPath, key: Location | None) -> Any:
        file = self._document.file
        self._count += 1
        scalar = isinstance(node, ScalarNode)
        location = _mark(file, node.start_mark, node.end_mark if scalar else None)
        self._document.spots[path] = Spot(location, key)
        if self._count > MAX_VALUES:
            if self._count == MAX_VALUES + 1:
                self._findings.add("MT103", location, f"there are more than {MAX_VALUES} values, aliases included")
            return None
        if scalar:
            return self._scalar(node, location)
        if id(node) in self._open:
            self._findings.add("MT103", location, "an alias leads back to a value that it is part of")
            return None
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        self._open.discard(id(node))
        return value

    def _sequence(self, node: Node, path: KeyPath) -> list[Any]:
        self._expect(node, "seq")
        return [self.build(item, (*path, index), None) for index, item in enumerate(node.value)]

    def _mapping(self, node: Node, path: KeyPath) -> dict[str, Any]:
        self._expect(node, "map")
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            where = _mark(self._document.file, key_node.start_mark, key_node.end_mark)
            if not isinstance(key_node, ScalarNode):
                self._findings.add("MT104", where, "a list or mapping cannot be a key")
                continue
            key = key_node.value
            if key in values:
                first = self._document.key((*path, key))
                self._findings.add(
                    "MT102", where, f"the key {key!r} is given twice; first in line {first.line}", secondary=first,
                    property_name=key,
                )  # fmt: skip
                continue
            values[key] = self.build(value_node, (*path, key), where)
        return values

    def _scalar(self, node: Node, location: Location) -> Any:
        kind = node.tag.removeprefix(_TAG)
        text = str(node.value)
        if kind == "str":
            return text
        pattern = dict(_CORE).get(kind)
        if pattern is None or not pattern.fullmatch(text):
            what = f"{text!r} is no {kind}" if pattern else f"the tag {node.tag} is not known"
            self._findings.add("MT104", location, what, value=text)
            return None
        if len(text) > _MAX_DIGITS:
            self._findings.add("MT103", location, f"a number has more than {_MAX_DIGITS} characters")
            return None
        return _READ[kind](text)

    def _expect(self, node: Node, kind: str) -> None:
        if node.tag != _TAG + kind:
            self._findings.add("MT104", _mark(self._document.file, node.start_mark), f"the tag {node.tag} is not known")


def _read_int(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text if base == 10 else text[2:], base)  # noqa: PLR2004 - ten


def _read_float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".n", "n")
                 .replace(".N", "n"))  # fmt: skip


_READ: Final[Mapping[Hashable, Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _read_int,
    "float": _read_float,
}


def read_override(text: str, findings: Findings) -> tuple[KeyPath, Any] | None:
    """Reads ``a.b.c=value``: a path of keys, those with dots in double quotes, and a value in YAML.

    Args:
        text: What stands after ``--set``.
        findings: Takes what is wrong with it.

    Returns:
        Path and value, or None when it cannot be read.
    """
    location = Location("command line")
    match = re.fullmatch(r'\s*((?:"[^"]*"|[^".=]+)(?:\.(?:"[^"]*"|[^".=]+))*)\s*=(.*)', text, re.DOTALL)
    if match is None:
        findings.add("MT115", location, f"{text!r} is no override", value=text)
        return None
    steps = re.findall(r'"([^"]*)"|([^".]+)', match[1].strip())
    path: KeyPath = tuple(
        int(plain) if plain.isdecimal() and index else quoted or plain for index, (quoted, plain) in enumerate(steps)
    )
    inner = Findings()
    value = parse_document("command line", match[2].encode(), inner).value
    for found in inner:
        findings.add("MT115", location, f"the value of {match[1]!r} is no YAML: {found.cause}", value=text)
    return None if inner else (path, value)
