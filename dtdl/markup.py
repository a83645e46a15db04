"""XML as elements that know their line; document type declarations are refused before they act."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

MAX_DEPTH: Final = 64


class MarkupInvalid(ValueError):
    """Not well-formed, too deep, or with a document type declaration.

    Args:
        reason: What is wrong.
        line: Where, from 1.
        column: Where, from 1.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(slots=True)
class Element:
    """One element.

    Attributes:
        tag: Name without its namespace.
        namespace: URI, or empty.
        attributes: Name (with prefix) → value.
        line: Where its tag begins, from 1.
        column: Where its tag begins, from 1.
        children: In order.
        text: Character data directly inside, joined.
    """

    tag: str
    namespace: str
    attributes: Mapping[str, str]
    line: int
    column: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def first(self, tag: str) -> Element | None:
        """The first child of a name."""
        return next(self.all(tag), None)

    def all(self, tag: str) -> Iterator[Element]:
        """Every child of a name."""
        return (child for child in self.children if child.tag == tag)


def parse(data: bytes) -> Element:
    """Reads one document.

    Raises:
        MarkupInvalid: See there.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    reader = _Reader(parser)
    feed(parser, data)
    assert reader.root is not None
    return reader.root


def feed(parser: expat.XMLParserType, data: bytes) -> None:
    """Parses one document with a parser whose handlers for what it wants are set.

    Internal and external entities need a DOCTYPE, which FMI, SSP and NodeSet2 never have; it is refused when it
    begins, so that nothing of it is expanded or fetched.

    Raises:
        MarkupInvalid: See there.
    """
    parser.buffer_text = True

    def doctype(*_: object) -> None:
        raise MarkupInvalid(
            "a document type declaration (DOCTYPE) is refused", parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        )

    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise MarkupInvalid(expat.ErrorString(error.code), error.lineno, error.offset + 1) from error
    except (ValueError, LookupError) as error:
        if isinstance(error, MarkupInvalid):
            raise
        # an encoding that Python does not know or cannot use
        raise MarkupInvalid(str(error), 1, 1) from error


class _Reader:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._parser = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        if len(self._open) >= MAX_DEPTH:
            raise MarkupInvalid(f"elements are nested more than {MAX_DEPTH} deep", line, column)
        element = Element(tag, namespace, attributes, line, column)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        del name
        self._open.pop()

    def _text(self, text: str) -> None:
        if not text.isspace():
            self._open[-1].text += text
