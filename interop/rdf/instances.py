"""Instances: a graph of individuals becomes twins and relationships of DTDL models; what is lost is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rdflib import BNode, Literal, URIRef
from rdflib.namespace import OWL, RDF
from rdflib.term import Node

from dtdl.compiler.build import Types
from dtdl.compiler.twin_graph import VOCABULARY
from dtdl.elements import Component, Content, Property, Relationship
from interop.rdf.contents import Contents
from interop.rdf.naming import Classes, Overrides, find_content, identities, inverse_name, legal_id, local_name, skolem
from interop.rdf.sources import Sources, name_of, term_key

_DT_ID, _LINK_ID = URIRef(VOCABULARY + "dtId"), URIRef(VOCABULARY + "relationshipId")
_UNIT: Final = URIRef(VOCABULARY + "unit")
_DEPTH: Final = 4
"""How many blank nodes deep what is said of one counts for its id."""
_GENERAL: Final = frozenset({str(OWL.NamedIndividual), str(OWL.Thing)})


@dataclass(slots=True)
class Population:
    """What a graph became.

    Attributes:
        twins: In the Azure form, by ``$dtId``.
        relationships: In the Azure form, by ``$sourceId`` and ``$relationshipId``.
        subjects: ``$dtId`` → the term it was made from.
    """

    twins: list[dict[str, Any]] = field(default_factory=list)
    relationships: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, Node] = field(default_factory=dict)


def populate(types: Types, sources: Sources, overrides: Overrides) -> Population:
    """Makes twins and relationships of a graph.

    Args:
        types: The compiled models.
        sources: The graph; takes the findings.
        overrides: What a file says of names.

    Raises:
        Full: There are as many findings as are kept.
    """
    return _Importer(types, sources, overrides).population()


class _Importer:
    """One import: which individuals are twins, their ids, their contents, and what leads from one to another."""

    def __init__(self, types: Types, sources: Sources, overrides: Overrides) -> None:
        self._types = types
        self._sources = sources
        self._graph = sources.graph
        self._overrides = overrides
        self._contents = Contents(types, sources, overrides)
        self._classes = Classes(types, overrides.classes)
        self._models: dict[Node, str] = {}
        self._ids: dict[Node, str] = {}
        self._links: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._names: dict[tuple[Node, int], str] = {}
        self._statements: dict[tuple[Node | None, Node | None, Node | None], Node] = {}

    def population(self) -> Population:
        self._choose()
        for statement in self._graph.subjects(RDF.type, RDF.Statement):
            key = tuple(self._graph.value(statement, one) for one in (RDF.subject, RDF.predicate, RDF.object))
            self._statements[key[0], key[1], key[2]] = statement
        made = Population()
        for subject, model in self._models.items():
            twin: dict[str, Any] = {"$dtId": self._ids[subject], "$metadata": {"$model": model}}
            made.twins.append(twin | self._twin(subject, model))
            made.subjects[twin["$dtId"]] = subject
        made.twins.sort(key=lambda twin: twin["$dtId"])
        made.relationships = sorted(self._links.values(), key=lambda one: (one["$sourceId"], one["$relationshipId"]))
        return made

    def _choose(self) -> None:
        """Chooses the individuals that are twins, with their models and ids."""
        individuals = self._sources.individuals()
        models = {subject: found for subject in individuals if (found := self._model(subject)) is not None}
        owned = self._owned(models)
        for subject in individuals:
            referred = isinstance(subject, BNode) and (None, None, subject) in self._graph
            if subject in models and subject not in owned:
                self._models[subject] = models[subject]
            elif subject not in models and subject not in owned and not referred:
                self._untyped(subject)
        iris = [str(subject) for subject in self._models if isinstance(subject, URIRef)]
        named = identities(iris)
        taken: set[str] = set(named.values())
        for subject in self._models:
            given = self._graph.value(subject, _DT_ID, any=True)
            self._ids[subject] = str(given) if given is not None else named.get(str(subject), "")
            if isinstance(subject, BNode) and given is None:
                self._ids[subject] = self._blank(subject, taken)

    def _blank(self, subject: Node, taken: set[str]) -> str:
        """Gives a blank node an id from what is said of it; of equal ones each has a number of its own."""
        name = self._described(subject, _DEPTH)
        made, number = name, 2
        while made in taken:
            made, number = f"{name}-{number}", number + 1
        taken.add(made)
        return made

    def _described(self, node: Node, depth: int) -> str:
        """Names a node by what is said of it, and of the blank nodes in that; each is worked out once a depth."""
        if not isinstance(node, BNode):
            return "\n".join(map(str, term_key(node)))
        key = (node, depth)
        if key not in self._names:
            self._names[key] = ""
            said = self._graph.predicate_objects(node) if depth else ()
            self._names[key] = skolem(sorted([str(one), self._described(held, depth - 1)] for one, held in said))
        return self._names[key]

    def _model(self, subject: Node) -> str | None:
        """Gives the most specific Interface of a subject."""
        types = self._sources.types.get(subject, ())
        found = {dtmi for iri in types if (dtmi := self._classes.find(iri)) is not None}
        most = sorted(one for one in found if not any(one != b and self._types.is_a(b, one) for b in found))
        if len(most) > 1:
            cause = f"{name_of(subject)} is of {' and of '.join(most)}; {most[0]} is taken."
            self._sources.add("MT454", subject, cause)
        return most[0] if most else None

    def _untyped(self, subject: Node) -> None:
        types = [one for one in self._sources.types.get(subject, ()) if one not in _GENERAL]
        if any(self._classes.ignored(one) for one in types) or (subject, _UNIT, None) in self._graph:
            return
        if (subject, OWL.inverseOf, None) in self._graph:
            return
        what = f"of {', '.join(types[:4])}, which no model has" if types else "of no type"
        self._sources.add("MT453", subject, f"{name_of(subject)} is {what}, and becomes no twin.")

    def _owned(self, models: Mapping[Node, str]) -> set[Node]:
        """Gives the nodes that are Components or values of others, and all nodes below these."""
        waiting: list[Node] = []
        for subject, model in models.items():
            for predicate, terms in self._contents.said(subject).items():
                content = self._contents.find(model, str(predicate))
                if isinstance(content, Component):
                    waiting += [term for term in terms if not isinstance(term, Literal)]
                elif isinstance(content, Property):
                    waiting += [term for term in terms if isinstance(term, BNode)]
        owned: set[Node] = set()
        while waiting:
            node = waiting.pop()
            if node not in owned:
                owned.add(node)
                waiting += [held for held in self._graph.objects(node) if isinstance(held, BNode)]
        return owned

    def _twin(self, subject: Node, model: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for predicate, terms in self._contents.said(subject).items():
            content = self._contents.find(model, str(predicate))
            if isinstance(content, Relationship):
                for term in terms:
                    self._link(subject, content, term, predicate)
            elif content is not None:
                self._contents.put(made, subject, model, (content, terms))
            else:
                self._back(subject, predicate, terms)
        return made

    def _back(self, subject: Node, predicate: URIRef, terms: Sequence[Node]) -> None:
        """Makes relationships of a predicate whose model knows only the other direction."""
        lost = 0
        for term in terms:
            content = self._inverse(term, str(predicate))
            if content is None:
                lost += 1
            else:
                self._link(term, content, subject, predicate)
        if lost:
            cause = f"{predicate} of {name_of(subject)} is no content of {self._models[subject]}."
            self._sources.add("MT455", subject, cause, value=name_of(terms[0]))

    def _inverse(self, term: Node, predicate: str) -> Relationship | None:
        model = self._models.get(term)
        if model is None:
            return None
        names: list[str | None] = [self._overrides.inverse.get(predicate)]
        if predicate in self._sources.inverses:
            names.append(local_name(self._sources.inverses[predicate]))
        names.append(inverse_name(self._overrides.predicates.get(predicate) or local_name(predicate)))
        interface = self._types.model.interface(model)
        found: list[Content | None] = [find_content(interface, name) for name in names if name]
        return next((one for one in found if isinstance(one, Relationship)), None)

    def _link(self, source: Node, content: Relationship, target: Node, predicate: URIRef) -> None:
        model = self._models.get(target)
        if model is None:
            cause = f"{content.name} of {name_of(source)} leads to {name_of(target)}, which is no twin of the graph."
            self._sources.add("MT457", source, cause)
            return
        if content.target and not self._types.is_a(model, content.target):
            cause = f"{content.name} of {name_of(source)} leads to {name_of(target)} of {model}, not {content.target}."
            self._sources.add("MT461", source, cause)
            return
        key = (self._ids[source], content.name, self._ids[target])
        statement = self._statements.get((source, predicate, target))
        if key in self._links and statement is None:
            return
        given = self._graph.value(statement, _LINK_ID, any=True) if statement is not None else None
        self._links[key] = {
            "$relationshipId": str(given) if given is not None else legal_id(f"{content.name}-{key[2]}"),
            "$relationshipName": content.name,
            "$sourceId": key[0],
            "$targetId": key[2],
            **(self._own(statement, content) if statement is not None else {}),
        }

    def _own(self, statement: Node, content: Relationship) -> dict[str, Any]:
        """Reads the Properties of a relationship from its reification."""
        by_name = {held.name: held for held in content.own_properties}
        by_id = {held.id: held for held in content.own_properties}
        made: dict[str, Any] = {}
        for predicate, terms in self._contents.said(statement).items():
            if predicate in (RDF.subject, RDF.predicate, RDF.object):
                continue
            held = by_id.get(str(predicate)) or by_name.get(local_name(str(predicate)))
            if held is None:
                self._sources.add("MT455", statement, f"{predicate} is no Property of the Relationship {content.name}.")
            else:
                self._contents.put_checked(made, statement, held, terms)
        return made
