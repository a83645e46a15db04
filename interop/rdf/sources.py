"""Sources: several graphs as one, where each subject is described, and what was found in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import OWL, RDF, RDFS, SH
from rdflib.term import Node

from dtdl.compiler.graphs import Written, read_graph
from dtdl.diagnostic import Diagnostic, Location
from interop.rdf.rules import RULES
from interop.validate.report import Report

VOCABULARIES: Final = (str(OWL), str(RDFS), str(SH))
"""Subjects whose types are of these describe classes, predicates and shapes; they are no individuals."""


class Sources:
    """The graphs of some files.

    Args:
        paths: Files ``.ttl``, ``.nt`` and ``.jsonld``.
        report: Takes the findings.

    Raises:
        InputUnreadable: A file cannot be read.
        LimitExceeded: A file is too large, too deep or has too many triples.
        ValueInvalid: A file is not RDF.
    """

    def __init__(self, paths: Iterable[Path], report: Report) -> None:
        self._written: Sequence[Written] = [read_graph(path) for path in paths]
        self._report = report
        self.graph = Graph()
        for written in self._written:
            self.graph += written.graph

    def place(self, subject: Node) -> Location:
        """Gives where a subject is described first."""
        known = [written for written in self._written if subject in written.lines]
        holds = known or [written for written in self._written if (subject, None, None) in written.graph]
        return (holds or list(self._written))[0].place(subject)

    def add(self, rule: str, subject: Node, cause: str, *, action: str = "", value: str | None = None) -> None:
        """Adds a finding about a subject.

        Raises:
            Full: It was the last that is kept.
        """
        known = RULES[rule]
        self._report.put(
            Diagnostic(
                rule=rule,
                severity=known.severity,
                location=self.place(subject),
                cause=cause,
                action=action or known.remedy,
                primary_id=str(subject) if isinstance(subject, URIRef) else None,
                value=value,
            )
        )

    @cached_property
    def types(self) -> Mapping[Node, Sequence[str]]:
        """Subject → IRIs of its types, sorted."""
        found: dict[Node, list[str]] = {}
        for subject, held in self.graph.subject_objects(RDF.type):
            if isinstance(held, URIRef):
                found.setdefault(subject, []).append(str(held))
        return {subject: sorted(held) for subject, held in found.items()}

    @cached_property
    def inverses(self) -> Mapping[str, str]:
        """Predicate → the one in the other direction, as ``owl:inverseOf`` in the graph says."""
        found: dict[str, str] = {}
        for one, other in sorted(self.graph.subject_objects(OWL.inverseOf)):
            found.setdefault(str(one), str(other))
            found.setdefault(str(other), str(one))
        return found

    def individuals(self) -> Sequence[Node]:
        """Gives the subjects that are neither classes, predicates, shapes, statements nor parts of lists, in order."""
        return sorted((one for one in set(self.graph.subjects()) if self._is_individual(one)), key=term_key)

    def _is_individual(self, subject: Node) -> bool:
        if (subject, RDF.first, None) in self.graph:
            return False
        types = self.types.get(subject, ())
        described = [one for one in types if one.startswith(VOCABULARIES) and one != str(OWL.NamedIndividual)]
        return not described and not ({str(RDF.Statement), str(RDF.Property)} & set(types))


def term_key(term: Node) -> tuple[int, str, str]:
    """Gives the order of terms: IRIs, literals, blank nodes; the same for the same graph but for blank nodes."""
    if isinstance(term, Literal):
        return (1, str(term), f"{term.datatype}@{term.language}")
    return (2 if isinstance(term, BNode) else 0, str(term), "")


def name_of(term: Node) -> str:
    """Gives a term for a message."""
    text = str(term) if isinstance(term, URIRef) else "a blank node" if isinstance(term, BNode) else repr(str(term))
    return text if len(text) <= 120 else f"{text[:119]}…"  # noqa: PLR2004 - what still fits a line
