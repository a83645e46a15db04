"""Contents: what a graph says of one individual becomes Properties and Components of its Interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rdflib import BNode, Literal, URIRef
from rdflib.namespace import RDF, RDFS
from rdflib.term import Node

from dtdl.compiler.build import Types
from dtdl.compiler.twin_graph import VOCABULARY
from dtdl.elements import Array, Component, Content, Interface, Object, Property, Relationship, Schema
from dtdl.errors import ValueInvalid
from interop.rdf.literals import Misfit, convert, preferred
from interop.rdf.naming import Overrides, find_content, local_name
from interop.rdf.sources import Sources, name_of, term_key

MAX_DEPTH: Final = 16
"""Nodes within nodes."""
MAX_ITEMS: Final = 100_000
"""Members of one list."""
_VALUES: Final = frozenset({"value", "numericvalue", "hasvalue", "hassimpleresult"})
"""Local names of the predicates that hold the value of a node that stands for a value."""


class Contents:
    """Reads Properties and Components.

    Args:
        types: The compiled models.
        sources: The graph.
        overrides: What a file says of names.
    """

    def __init__(self, types: Types, sources: Sources, overrides: Overrides) -> None:
        self._types = types
        self._sources = sources
        self._overrides = overrides
        self._by_id: dict[str, Mapping[str, Content]] = {}

    def said(self, subject: Node) -> Mapping[URIRef, Sequence[Node]]:
        """Gives what is said of a subject, by predicate, in order; what the models are not asked about is left out."""
        found: dict[URIRef, list[Node]] = {}
        for predicate, held in self._sources.graph.predicate_objects(subject):
            text = str(predicate)
            ignored = text in self._overrides.predicates and self._overrides.predicates[text] is None
            own = predicate == RDF.type or text.startswith(VOCABULARY)
            if isinstance(predicate, URIRef) and not own and not ignored:
                found.setdefault(predicate, []).append(held)
        return {predicate: sorted(found[predicate], key=term_key) for predicate in sorted(found)}

    def find(self, model: str, predicate: str) -> Content | None:
        """Gives the content that a predicate means, or None."""
        interface = self._types.model.interface(model)
        if model not in self._by_id:
            self._by_id[model] = {content.id: content for content in interface.contents.values()}
        if predicate in self._by_id[model]:
            return self._by_id[model][predicate]
        found = find_content(interface, self._overrides.predicates.get(predicate) or local_name(predicate))
        return self._label(interface) if found is None and predicate == str(RDFS.label) else found

    def _label(self, interface: Interface) -> Content | None:
        """Gives the Property that holds what rdfs:label says: RealEstateCore and Brick call it ``name``."""
        found = interface.contents.get("name")
        return found if isinstance(found, Property) and found.schema.kind == "String" else None

    def put(self, made: dict[str, Any], subject: Node, model: str, pair: tuple[Content, Sequence[Node]]) -> None:
        """Puts the value of a Property or Component; what does not fit is a finding."""
        self._put(made, subject, model, pair, 0)

    def _put(
        self, made: dict[str, Any], subject: Node, model: str, pair: tuple[Content, Sequence[Node]], depth: int
    ) -> None:
        content, terms = pair
        if content.name in made:
            self._sources.add("MT458", subject, f"{content.name} of {name_of(subject)} is given by two predicates.")
            return
        if isinstance(content, Component):
            self._component(made, subject, (content, terms), depth)
        elif isinstance(content, Property):
            self.put_checked(made, subject, content, terms)
        else:
            cause = f"{content.name} is a {content.kind} of {model}, which is no state of a twin."
            self._sources.add("MT455", subject, cause)

    def _component(self, made: dict[str, Any], subject: Node, pair: tuple[Content, Sequence[Node]], depth: int) -> None:
        component, terms = pair
        assert isinstance(component, Component)
        if len(terms) > 1:
            self._sources.add("MT458", subject, f"{name_of(subject)} has {len(terms)} nodes for {component.name}.")
        node, inner = terms[0], component.schema.id
        if isinstance(node, Literal) or depth >= MAX_DEPTH:
            cause = f"{name_of(node)} cannot be the Component {component.name} of {name_of(subject)}."
            self._sources.add("MT457", subject, cause)
            return
        part: dict[str, Any] = {}
        for predicate, held in self.said(node).items():
            content = self.find(inner, str(predicate))
            if content is None or isinstance(content, Relationship):
                self._sources.add("MT455", node, f"{predicate} is no Property or Component of {inner}.")
            else:
                self._put(part, node, inner, (content, held), depth + 1)
        made[component.name] = {"$metadata": {}} | part

    def put_checked(self, made: dict[str, Any], subject: Node, content: Property, terms: Sequence[Node]) -> None:
        """Puts the value of a Property, converted and checked; what does not fit is a finding."""
        try:
            value = self._value(subject, content.schema, terms, content.name)
            made[content.name] = self._types.check(content.schema)(value)
        except Misfit as error:
            cause = f"{name_of(terms[0])} cannot be {content.name} of {name_of(subject)}: {error}."
            self._sources.add("MT456", subject, cause)
        except ValueInvalid as error:
            for found in error.diagnostics:
                cause = f"{content.name} of {name_of(subject)}: {found.cause}"
                self._sources.add("MT456", subject, cause, action=found.action, value=found.value)

    def _value(self, subject: Node, schema: Schema, terms: Sequence[Node], name: str) -> Any:
        if isinstance(schema, Array):
            items = [item for term in terms for item in self._items(term)]
            if len(items) == 1 and isinstance(items[0], Literal) and items[0].datatype == RDF.JSON:
                return convert(items[0], schema)
            return [self._one(subject, schema.element_schema, item, 0) for item in items]
        best = preferred(terms)
        if len(best) > 1:
            self._sources.add("MT458", subject, f"{name} of {name_of(subject)} has {len(best)} values.")
        return self._one(subject, schema, best[0], 0)

    def _items(self, term: Node) -> Sequence[Node]:
        """Gives the members of a list, or the term itself.

        Raises:
            Misfit: The list is longer than the bound, or never ends.
        """
        graph = self._sources.graph
        if term == RDF.nil or (term, RDF.first, None) not in graph:
            return [] if term == RDF.nil else [term]
        items: list[Node] = []
        at: Node | None = term
        while at is not None and at != RDF.nil:
            member = graph.value(at, RDF.first, any=True)
            if member is None or len(items) >= MAX_ITEMS:
                raise Misfit("it is no list that ends")
            items.append(member)
            at = graph.value(at, RDF.rest, any=True)
        return items

    def _one(self, subject: Node, schema: Schema, term: Node, depth: int) -> Any:
        is_node = isinstance(term, BNode) or (isinstance(term, URIRef) and isinstance(schema, Object))
        if not is_node:
            return convert(term, schema)
        if depth >= MAX_DEPTH:
            raise Misfit("nodes are nested too deep")
        return self._record(schema, term, depth) if isinstance(schema, Object) else self._held(subject, schema, term)

    def _record(self, schema: Object, node: Node, depth: int) -> dict[str, Any]:
        """Reads the fields of an Object from a node."""
        fields = {field.name: field for field in schema.fields}
        ids = {field.id: field for field in schema.fields}
        made: dict[str, Any] = {}
        for predicate, terms in self.said(node).items():
            field = ids.get(str(predicate)) or fields.get(local_name(str(predicate)))
            if field is None:
                self._sources.add("MT455", node, f"{predicate} is no field; there is {', '.join(fields)}.")
            elif isinstance(field.schema, Array):
                items = [item for term in terms for item in self._items(term)]
                made[field.name] = [self._one(node, field.schema.element_schema, item, depth + 1) for item in items]
            else:
                made[field.name] = self._one(node, field.schema, preferred(terms)[0], depth + 1)
        return made

    def _held(self, subject: Node, schema: Schema, node: Node) -> Any:
        """Reads the value of a node that stands for a quantity; what else is said of it is a finding."""
        said = self.said(node)
        held = [predicate for predicate in said if local_name(str(predicate)).lower() in _VALUES]
        if len(held) != 1:
            raise Misfit("the node has no value of its own")
        for predicate in said:
            if predicate not in held:
                cause = f"{predicate} {name_of(said[predicate][0])} beside a value of {name_of(subject)} is not kept."
                self._sources.add("MT455", subject, cause, action="Compare it with the unit that the model says.")
        return convert(preferred(said[held[0]])[0], schema)
