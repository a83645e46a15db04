"""Graphs that others wrote: Turtle, N-Triples and JSON-LD read into an rdflib graph; offline, bounded, texts kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pyld import jsonld
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import XSD
from rdflib.plugins.parsers.notation3 import BadSyntax, RDFSink, SinkParser
from rdflib.term import Node

from dtdl.compiler.rdf import NOT_RDF, dataset_of, root_cause
from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import InputUnreadable, LimitExceeded, ValueInvalid
from dtdl.source import MAX_BYTES, Document, Loader

MAX_TRIPLES: Final = 2_000_000
"""Triples of one graph."""
BASE: Final = "https://base.invalid/"
"""What relative IRIs are resolved against where a text gives no base of its own."""
FORMS: Final[Mapping[str, str]] = {".ttl": "turtle", ".nt": "turtle", ".jsonld": "json-ld"}
"""Suffix of a file → its form; N-Triples is a part of Turtle."""
NOT_LOADED: Final = "MT451"


@dataclass(slots=True)
class Written:
    """A graph and where it is written.

    Attributes:
        graph: The triples; lexical forms of literals are as written.
        file: Name of its text.
        lines: Subject → line on which it is first described, where known.
    """

    graph: Graph
    file: str
    lines: dict[Node, int] = field(default_factory=dict)

    def place(self, subject: Node) -> Location:
        """Gives where a subject is described; the file alone when the line is not known."""
        return Location(self.file, self.lines.get(subject, 0))


def read_graph(path: Path) -> Written:
    """Reads a file ``.ttl``, ``.nt`` or ``.jsonld``.

    Raises:
        InputUnreadable: It is missing, may not be read, or is of another kind.
        LimitExceeded: It is larger, deeper or has more triples than the bound.
        ValueInvalid: It is not RDF, or names a context that is not part of it.
    """
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise InputUnreadable(f"{path} is of no form of RDF", action=f"Name files that end in {', '.join(FORMS)}.")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputUnreadable(f"{path} cannot be read: {why}", action="Give a file that you may read.") from error
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"{path} is larger than {MAX_BYTES} bytes", action="Split it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _invalid("MT002", Location(str(path), line), "This is not UTF-8.", "Save it as UTF-8.") from error
    return parse_graph(text, form, file=str(path))


def parse_graph(text: str, form: str, *, file: str = "<text>") -> Written:
    """Reads a text.

    Args:
        text: RDF 1.1 Turtle, or JSON-LD 1.1 whose contexts stand in it or are those of DTDL.
        form: ``turtle`` or ``json-ld``.
        file: Name for findings.

    Raises:
        LimitExceeded: It is larger, deeper or has more triples than the bound.
        ValueInvalid: It is not RDF, or names a context that is not part of it.
    """
    if len(text) > MAX_BYTES:
        raise LimitExceeded(f"{file} has more than {MAX_BYTES} characters", action="Split it.")
    try:
        return _json_ld(text, file) if form == "json-ld" else _turtle(text, file)
    except RecursionError as error:
        raise LimitExceeded(f"{file} is nested too deep", action="Write it flatter: name the nodes.") from error


def _invalid(rule: str, where: Location, cause: str, action: str) -> ValueInvalid:
    return ValueInvalid([Diagnostic(rule=rule, location=where, cause=cause, action=action)])


def _too_many(file: str) -> LimitExceeded:
    return LimitExceeded(f"{file} has more than {MAX_TRIPLES} triples", action="Split it.")


_NOT_IN_IRI: Final = re.compile(r'[\x00-\x20<>"{}|\\^`]')


class _NotAnIri(ValueError):
    """A text in angle brackets with characters that no IRI has."""


class _Sink(RDFSink):
    """Takes the triples; rdflib would write 01 as 1 and a time with another offset, which loses what was written."""

    def __init__(self, graph: Graph, file: str) -> None:
        super().__init__(graph)
        self._file = file
        self._count = 0

    def newSymbol(self, *args: str) -> URIRef:  # noqa: N802 - rdflib's name
        if _NOT_IN_IRI.search(args[0]):
            raise _NotAnIri(args[0])
        return URIRef(args[0])

    def newLiteral(self, s: str, dt: URIRef | None, lang: str | None) -> Literal:  # noqa: N802 - rdflib's name
        return _literal(s, dt) if dt else Literal(s, lang=lang)

    def makeStatement(self, quadruple: Any, why: Any = None) -> None:  # noqa: N802 - rdflib's name
        self._count += 1
        if self._count > MAX_TRIPLES:
            raise _too_many(self._file)
        super().makeStatement(quadruple, why)


class _Parser(SinkParser):
    """Remembers the line of each subject."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__(sink, baseURI=BASE, turtle=True)
        self.found: dict[Node, int] = {}

    def property_list(self, argstr: str, i: int, subj: Any) -> int:
        if isinstance(subj, Node):
            self.found.setdefault(subj, self.lines + 1)
        found: int = super().property_list(argstr, i, subj)
        return found


def _turtle(text: str, file: str) -> Written:
    graph = Graph()
    parser = _Parser(_Sink(graph, file))
    try:
        parser.startDoc()
        parser.feed(text)
        parser.endDoc()
    except BadSyntax as error:
        # rdflib counts lines from 0.
        where = Location(file, error.lines + 1)
        why = f"This is not Turtle: {error._why}."  # noqa: SLF001 - its public message repeats the input
        raise _invalid(NOT_RDF, where, why, "Correct it here, or just before.") from error
    except (ValueError, AttributeError, TypeError, IndexError, AssertionError) as error:
        # What the parser does not foresee: an escape that is no character, a number of thousands of digits.
        named = (
            f"<{str(error)[:80]}> is no IRI"
            if isinstance(error, _NotAnIri)
            else f"{type(error).__name__} in the reader"
        )
        why = f"This is not Turtle: {named}."
        raise _invalid(NOT_RDF, Location(file, parser.lines + 1), why, "Correct it here, or just before.") from error
    return Written(graph, file, parser.found)


def _json_ld(text: str, file: str) -> Written:
    document = Loader().load(Document(text, file))
    if document.fault is not None:
        rule, cause, action, where = document.fault
        raise _invalid(rule, where, cause, action)
    if document.repeated:
        why = "A key is given twice in one object, and readers keep one of the two."
        raise _invalid(NOT_RDF, Location(file), why, "Remove one of the two.")
    try:
        dataset = dataset_of(document.value, BASE)
    except jsonld.JsonLdError as error:
        cause = root_cause(error)
        rule, action = (
            (NOT_LOADED, "Write the context into the document.")
            if "none is fetched" in cause
            else (NOT_RDF, "Correct the JSON-LD.")
        )
        raise _invalid(rule, Location(file), f"This cannot be read as JSON-LD: {cause}.", action) from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        why = f"This cannot be read as JSON-LD: {type(error).__name__} in the reader."
        raise _invalid(NOT_RDF, Location(file), why, "Correct the JSON-LD.") from error
    graph = Graph()
    if sum(map(len, dataset.values())) > MAX_TRIPLES:
        raise _too_many(file)
    for triples in dataset.values():
        for triple in triples:
            graph.add((_term(triple["subject"]), _term(triple["predicate"]), _term(triple["object"])))
    return Written(graph, file, _lines(graph, document))


def _term(term: Mapping[str, Any]) -> Node:
    if term["type"] == "IRI":
        return URIRef(term["value"])
    if term["type"] == "blank node":
        return BNode(term["value"].removeprefix("_:"))
    if "language" in term:
        return Literal(term["value"], lang=term["language"])
    return _literal(term["value"], term["datatype"])


def _literal(text: str, type_: str) -> Literal:
    """Makes a literal as it is written; a plain one and one of xsd:string are the same (RDF 1.1), but not to rdflib."""
    return Literal(text) if type_ == str(XSD.string) else Literal(text, datatype=URIRef(type_), normalize=False)


_ID: Final = re.compile(r'"@id"\s*:\s*"([^"\\]*)"')


def _lines(graph: Graph, document: Document) -> dict[Node, int]:
    """Finds subjects by the text of their ``@id``: written in full, or what follows a prefix, when that is unique."""
    written: dict[str, int] = {}
    for match in _ID.finditer(document.text):
        written.setdefault(match[1], document.position(match.start())[0])
    if not written:
        return {}
    endings: dict[str, list[int]] = {}
    for text, line in written.items():
        endings.setdefault(text.rpartition(":")[2], []).append(line)
    return dict(_places(graph, written, endings))


def _places(graph: Graph, written: Mapping[str, int], endings: Mapping[str, list[int]]) -> Iterator[tuple[Node, int]]:
    for subject in set(graph.subjects()):
        if not isinstance(subject, URIRef):
            continue
        text = str(subject)
        local = re.split(r"[#/:]", text)[-1]
        lines = endings.get(local, [])
        if text in written:
            yield subject, written[text]
        elif len(lines) == 1:
            yield subject, lines[0]
