"""XML as it was written: prefixes, namespace declarations, white space and comments are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from xml.parsers import expat

from dtdl.markup import MAX_DEPTH, MarkupInvalid, feed

MAX_NODES: Final = 1_000_000
"""Elements of one document; more are refused."""

_XML: Final = "http://www.w3.org/XML/1998/namespace"
_PREFIXED: Final = 3
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_VALUE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"},
)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Raw(str):
    """A comment or a processing instruction, with its delimiters."""

    __slots__ = ()


@dataclass(slots=True)
class Xml:
    """One element.

    Attributes:
        name: As written, with its prefix.
        namespace: URI, or empty.
        attributes: Names as written, with prefixes, and values.
        namespaces: Prefix (empty: the default) → URI of what is declared here.
        content: Elements, text, comments and processing instructions in order.
        line, column: Where its tag begins, from 1.
    """

    name: str
    namespace: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)
    content: list[Content] = field(default_factory=list)
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)

    @property
    def tag(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def prefix(self) -> str:
        """The prefix of the name, or empty."""
        return self.name.rpartition(":")[0]

    def children(self) -> Iterator[Xml]:
        """The elements inside."""
        return (part for part in self.content if isinstance(part, Xml))


Content: TypeAlias = Xml | str


@dataclass(slots=True)
class Document:
    """A document: its root, and the comments and white space around it."""

    root: Xml
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def parse(data: bytes) -> Document:
    """Reads one document, with the bounds of `dtdl.markup.feed`.

    Raises:
        MarkupInvalid: See there; or there are more than `MAX_NODES` elements.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.namespace_prefixes = True
    reader = _Reader(parser)
    feed(parser, data)
    assert reader.root is not None
    return Document(reader.root, reader.before, reader.after)


class _Reader:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self.root: Xml | None = None
        self.before: list[str] = []
        self.after: list[str] = []
        self._open: list[Xml] = []
        self._declared: dict[str, str] = {}
        self._count = 0
        self._parser = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = self._declare
        parser.CommentHandler = lambda text: self._raw(f"<!--{text}-->")
        parser.ProcessingInstructionHandler = lambda target, text: self._raw(f"<?{target} {text}?>")

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix or ""] = uri or ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        self._count += 1
        if len(self._open) >= MAX_DEPTH:
            raise MarkupInvalid(f"elements are nested more than {MAX_DEPTH} deep", line, column)
        if self._count > MAX_NODES:
            raise MarkupInvalid(f"there are more than {MAX_NODES} elements", line, column)
        written, namespace = _name(name)
        plain = {_name(key)[0]: value for key, value in attributes.items()}
        element = Xml(written, namespace, plain, self._declared, line=line, column=column)
        self._declared = {}
        if self._open:
            self._open[-1].content.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        del name
        self._open.pop()

    def _text(self, text: str) -> None:
        if self._open:
            content = self._open[-1].content
            if content and type(content[-1]) is str:
                content[-1] += text
            else:
                content.append(text)

    def _raw(self, text: str) -> None:
        if self._open:
            self._open[-1].content.append(Raw(text))
        else:
            (self.after if self.root else self.before).append(text)


def _name(name: str) -> tuple[str, str]:
    """The name as written, and its namespace, of expat's ``URI name prefix``."""
    parts = name.split(" ")
    if len(parts) == 1:
        return name, ""
    if len(parts) == _PREFIXED:
        return f"{parts[2]}:{parts[1]}", parts[0]
    return (f"xml:{parts[1]}", _XML) if parts[0] == _XML else (parts[1], parts[0])


def to_bytes(document: Document) -> bytes:
    """Writes a document as UTF-8; the same document gives the same bytes.

    Raises:
        ValueError: A text with a character that XML has no form for.
    """
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    parts += [f"{raw}\n" for raw in document.before]
    _write(document.root, parts)
    parts += [f"\n{raw}" for raw in document.after]
    text = "".join(parts)
    if found := _FORBIDDEN.search(text):
        raise ValueError(f"the character U+{ord(found[0]):04X} cannot be written in XML")
    return text.encode() + b"\n"


def _write(element: Xml, parts: list[str]) -> None:
    parts.append(f"<{element.name}")
    for prefix, uri in element.namespaces.items():
        parts.append(f' xmlns{":" if prefix else ""}{prefix}="{uri.translate(_VALUE)}"')
    for name, value in element.attributes.items():
        parts.append(f' {name}="{value.translate(_VALUE)}"')
    if not element.content:
        parts.append("/>")
        return
    parts.append(">")
    for part in element.content:
        if isinstance(part, Xml):
            _write(part, parts)
        else:
            parts.append(part if isinstance(part, Raw) else part.translate(_TEXT))
    parts.append(f"</{element.name}>")


def gap(content: Iterable[str]) -> str:
    """White space and comments between two elements, as markup."""
    return "".join(part if isinstance(part, Raw) else part.translate(_TEXT) for part in content)
