"""Twins as RDF and back: the Azure form of twins and relationships, JSON-LD with its context in it, Turtle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, unquote

from rdflib import BNode, Literal, URIRef
from rdflib.namespace import RDF
from rdflib.term import Node

from dtdl.compiler.build import Types
from dtdl.compiler.graphs import Written, parse_graph
from dtdl.compiler.rdf import dataset_of, lines_of
from dtdl.diagnostic import Diagnostic, Location
from dtdl.elements import Component, Content, Element, Enum, Property, Relationship, Schema
from dtdl.errors import ModelNotFound, ValueInvalid

TWINS: Final = "urn:megatwin:twin:"
"""What the IRIs of twins begin with when nothing else is asked for."""
VOCABULARY: Final = "urn:megatwin:rdf:"
"""What the IRIs of our own terms begin with: dtId, etag, metadata, relationshipId, unit."""
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
JSON: Final = str(RDF.JSON)
DATATYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Boolean": XSD + "boolean", "Byte": XSD + "byte", "Bytes": XSD + "base64Binary", "Date": XSD + "date",
        "DateTime": XSD + "dateTime", "Decimal": XSD + "decimal", "Double": XSD + "double",
        "Duration": XSD + "duration", "Float": XSD + "float", "Integer": XSD + "int", "Long": XSD + "long",
        "Short": XSD + "short", "String": XSD + "string", "Time": XSD + "time", "UnsignedByte": XSD + "unsignedByte",
        "UnsignedInteger": XSD + "unsignedInt", "UnsignedLong": XSD + "unsignedLong",
        "UnsignedShort": XSD + "unsignedShort", "Uuid": XSD + "string",
    }
)  # fmt: skip
"""Primitive schema → datatype (XSD 1.1, part 2); every other schema is one ``rdf:JSON`` literal."""

Json = dict[str, Any]
_NUMBERS: Final = frozenset(
    XSD + name
    for name in (
        "byte", "double", "float", "int", "integer", "long", "short", "unsignedByte", "unsignedInt", "unsignedLong",
        "unsignedShort",
    )
)  # fmt: skip
_ETAG, _METADATA, _DT_ID = VOCABULARY + "etag", VOCABULARY + "metadata", VOCABULARY + "dtId"
_COMPONENT_ID, _LINK_ID, _UNIT = VOCABULARY + "componentId", VOCABULARY + "relationshipId", VOCABULARY + "unit"
_LINK_KEYS: Final = frozenset({"$relationshipId", "$relationshipName", "$sourceId", "$targetId", "$etag", "$metadata"})
_MISFIT: Final = "MT452"


@dataclass(slots=True)
class Twins:
    """What a graph says of twins, in the Azure form.

    Attributes:
        twins: Ordered by ``$dtId``.
        relationships: Ordered by ``$sourceId`` and ``$relationshipId``.
    """

    twins: list[Json] = field(default_factory=list)
    relationships: list[Json] = field(default_factory=list)


def datatype(schema: Schema) -> str:
    """Gives the IRI of the datatype that literals of a schema have."""
    if isinstance(schema, Enum):
        return XSD + ("integer" if schema.value_schema.kind == "Integer" else "string")
    return DATATYPES.get(schema.kind, JSON)


def iri_of(identity: str, *, base: str = TWINS) -> str:
    """Gives the IRI of the twin of a ``$dtId``."""
    return base + quote(identity, safe="")


def jsonld_document(
    types: Types, twins: Iterable[Json], relationships: Iterable[Json] = (), *, base: str = TWINS
) -> Json:
    """Gives twins as one JSON-LD 1.1 document, its context in it.

    Args:
        types: The compiled models.
        twins: Each with ``$dtId`` and ``$metadata.$model``.
        relationships: Each with its four ``$`` keys; its source is one of the twins.
        base: What the IRI of a twin begins with; its id follows, percent-encoded.

    Raises:
        ValueInvalid: A twin or relationship does not follow its model, or its ids are missing.
        ModelNotFound: No definition has its Interface or Relationship.
    """
    writer = _Writer(types, base)
    for twin in twins:
        writer.twin(twin)
    for link in relationships:
        writer.relationship(link)
    return {"@context": {"@version": 1.1, **writer.contexts}, "@graph": [*writer.nodes.values(), *writer.more()]}


def turtle(types: Types, twins: Iterable[Json], relationships: Iterable[Json] = (), *, base: str = TWINS) -> str:
    """Gives the same graph as Turtle, one triple a line, sorted: the same text each time.

    Args:
        types: The compiled models.
        twins: As ``jsonld_document``.
        relationships: As ``jsonld_document``.
        base: As ``jsonld_document``.

    Raises:
        ValueInvalid: A twin or relationship does not follow its model, or its ids are missing.
        ModelNotFound: No definition has its Interface or Relationship.
    """
    document = jsonld_document(types, twins, relationships, base=base)
    return "".join(lines_of(dataset_of(document)))


def read_twins(types: Types, text: str, form: str, *, base: str = TWINS, file: str = "<text>") -> Twins:
    """Reads twins from a graph in the form that this module writes; every triple must have a meaning.

    Args:
        types: The compiled models.
        text: Turtle or JSON-LD.
        form: ``turtle`` or ``json-ld``.
        base: What the IRIs of twins begin with.
        file: Name for findings.

    Raises:
        LimitExceeded: The text is larger, deeper or has more triples than the bound.
        ValueInvalid: It is not RDF, says something else than twins, or the twins do not follow their models.
    """
    return _Reader(types, parse_graph(text, form, file=file), base).read()


def _invalid(cause: str, action: str, where: Location | None = None) -> ValueInvalid:
    return ValueInvalid([Diagnostic(rule=_MISFIT, cause=cause, action=action, location=where)])


def _literal(value: Any, type_: str) -> str:
    """Gives the lexical form of a value that its schema accepts; text keeps what JSON-LD would round to 15 digits."""
    if type_ == JSON:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _value(literal: Literal, type_: str) -> Any:
    """Gives the JSON value of a literal that ``_literal`` wrote."""
    text = str(literal)
    if type_ == JSON or type_ in _NUMBERS:
        return json.loads(text)
    return text in {"true", "1"} if type_ == XSD + "boolean" else text


class _Writer:
    """Makes the nodes of one document, and the contexts of the Interfaces that occur in it."""

    def __init__(self, types: Types, base: str) -> None:
        self._types = types
        self._base = base
        self._models: dict[str, str] = {}
        self._units: dict[str, str] = {}
        self._links: list[Json] = []
        self.contexts: dict[str, Json] = {}
        self.nodes: dict[str, Json] = {}

    def twin(self, twin: Json) -> None:
        identity, model = twin.get("$dtId"), (twin.get("$metadata") or {}).get("$model")
        if not isinstance(identity, str) or not isinstance(model, str):
            raise _invalid("A twin has no $dtId or no $metadata.$model.", "Give both as texts.")
        if identity in self.nodes:
            raise _invalid(f"The twin {identity!r} is given twice.", "Give each twin once.")
        self._types.validate_contents(model, twin)
        self._models[identity] = model
        node = self.nodes[identity] = self._node(self._iri(identity), model, twin)
        node[_DT_ID] = identity
        rest = {key: held for key, held in twin["$metadata"].items() if key != "$model"}
        _annotate(node, twin | {"$metadata": rest or None}, {"$etag": _ETAG, "$metadata": _METADATA})

    def relationship(self, link: Json) -> None:
        missing = [key for key in sorted(_LINK_KEYS - {"$etag", "$metadata"}) if not isinstance(link.get(key), str)]
        if missing:
            raise _invalid(f"A relationship has no {', '.join(missing)}.", "Give them as texts.")
        source, name = link["$sourceId"], link["$relationshipName"]
        if source not in self._models:
            raise _invalid(f"The source {source!r} of a relationship is none of the twins.", "Give the twin as well.")
        model = self._models[source]
        definition = self._types.relationship(model, name)
        self._types.validate_relationship(model, name, {k: v for k, v in link.items() if k not in _LINK_KEYS})
        target = {"@id": self._iri(link["$targetId"])}
        self.nodes[source].setdefault(name, []).append(target)
        node: Json = {
            "@id": f"{self._iri(source)}/-/{quote(link['$relationshipId'], safe='')}",
            "@type": str(RDF.Statement),
            str(RDF.subject): {"@id": self._iri(source)},
            str(RDF.predicate): {"@id": definition.id},
            str(RDF.object): target,
            _LINK_ID: link["$relationshipId"],
        }
        _annotate(node, link, {"$etag": _ETAG, "$metadata": _METADATA})
        for own in definition.own_properties:
            if own.name in link:
                self._unit(own)
                type_ = datatype(own.schema)
                node[own.id] = {"@value": _literal(link[own.name], type_), "@type": type_}
        self._links.append(node)

    def more(self) -> Iterator[Json]:
        """Gives the nodes beside the twins: statements of relationships, and the unit of each predicate."""
        yield from self._links
        for predicate, unit in sorted(self._units.items()):
            yield {"@id": predicate, _UNIT: {"@id": unit}}

    def _node(self, iri: str, model: str, value: Json) -> Json:
        self._context(model)
        node: Json = {"@id": iri, "@type": model}
        contents = self._types.model.interface(model).contents
        for name, held in value.items():
            content = contents.get(name)
            if isinstance(content, Component):
                part = self._node(f"{iri}/{name}", content.schema.id, held)
                _annotate(part, held, {"$dtId": _COMPONENT_ID, "$etag": _ETAG, "$metadata": _METADATA})
                node[name] = part
            elif isinstance(content, Property):
                self._unit(content)
                node[name] = _literal(held, datatype(content.schema))
        return node

    def _context(self, model: str) -> None:
        """Adds the type-scoped context of an Interface: a name means another thing in another Interface."""
        if model in self.contexts:
            return
        terms: Json = {}
        for name, content in self._types.model.interface(model).contents.items():
            if isinstance(content, Property):
                terms[name] = {"@id": content.id, "@type": datatype(content.schema)}
            elif isinstance(content, (Component, Relationship)):
                terms[name] = {"@id": content.id, "@type": "@id"}
        self.contexts[model] = {"@id": model, "@context": terms}

    def _unit(self, content: Property) -> None:
        unit = content.properties.get("unit")
        if isinstance(unit, Element):
            self._units[content.id] = unit.id

    def _iri(self, identity: str) -> str:
        return iri_of(identity, base=self._base)


def _annotate(node: Json, value: Json, keys: Mapping[str, str]) -> None:
    """Adds what stands under ``$`` keys."""
    for key, predicate in keys.items():
        if value.get(key) is not None:
            held = value[key]
            type_ = JSON if isinstance(held, dict) else XSD + "string"
            node[predicate] = {"@value": _literal(held, type_), "@type": type_}


class _Reader:
    """Reads one graph."""

    def __init__(self, types: Types, written: Written, base: str) -> None:
        self._types = types
        self._written = written
        self._graph = written.graph
        self._base = base
        self._seen: set[Node] = set()
        self._models: dict[Node, str] = {}

    def read(self) -> Twins:
        made = Twins()
        for subject, identity in sorted(self._graph.subject_objects(URIRef(_DT_ID)), key=lambda pair: str(pair[1])):
            model = self._model(subject)
            self._models[subject] = model
            twin: Json = {"$dtId": str(identity)} | self._contents(subject, model)
            twin["$metadata"] = {"$model": model} | twin.get("$metadata", {})
            self._types.validate_contents(model, twin)
            made.twins.append(twin)
        for statement in self._graph.subjects(RDF.type, RDF.Statement):
            made.relationships.append(self._relationship(statement))
        made.relationships.sort(key=lambda link: (link["$sourceId"], link["$relationshipId"]))
        self._seen.update(self._graph.subjects(URIRef(_UNIT)))
        for subject in self._graph.subjects():
            if subject not in self._seen:
                raise self._misfit(subject, f"{subject} is no twin: it has no {_DT_ID}.")
        return made

    def _model(self, subject: Node) -> str:
        named = [str(found) for found in self._graph.objects(subject, RDF.type)]
        if len(named) != 1 or named[0] not in self._types:
            raise self._misfit(subject, f"{subject} is not of exactly one Interface of the models.")
        return named[0]

    def _contents(self, subject: Node, model: str) -> Json:
        self._seen.add(subject)
        by_id = {content.id: content for content in self._types.model.interface(model).contents.values()}
        made: Json = {}
        for predicate, held in self._graph.predicate_objects(subject):
            content = by_id.get(str(predicate))
            if content is not None:
                self._content(made, subject, content, held)
            elif str(predicate) == _ETAG:
                made["$etag"] = str(held)
            elif str(predicate) == _METADATA:
                made["$metadata"] = self._json(subject, held)
            elif str(predicate) == _COMPONENT_ID:
                made["$dtId"] = str(held)
            elif predicate != RDF.type and str(predicate) != _DT_ID:
                raise self._misfit(subject, f"{predicate} is no content of {model}.")
        return made

    def _content(self, made: Json, subject: Node, content: Content, held: Node) -> None:
        if isinstance(content, Relationship):
            return
        if content.name in made:
            raise self._misfit(subject, f"{content.name} of {subject} has several values.")
        if isinstance(content, Component) and isinstance(held, (URIRef, BNode)) and held not in self._seen:
            made[content.name] = self._contents(held, content.schema.id)
        elif isinstance(content, Property) and isinstance(held, Literal):
            made[content.name] = self._literal(subject, held, datatype(content.schema))
        else:
            raise self._misfit(subject, f"{held} cannot be {content.name} of {subject}.")

    def _literal(self, subject: Node, held: Literal, type_: str) -> Any:
        if str(held.datatype or XSD + "string") != type_ or held.language:
            raise self._misfit(subject, f"{str(held)[:80]!r} is not of {type_}.")
        try:
            return _value(held, type_)
        except (ValueError, RecursionError) as error:
            raise self._misfit(subject, f"{str(held)[:80]!r} is not of {type_}.") from error

    def _json(self, subject: Node, held: Node) -> Any:
        found = self._literal(subject, held, JSON) if isinstance(held, Literal) else None
        if not isinstance(found, dict):
            raise self._misfit(subject, f"{_METADATA} of {subject} is no JSON object.")
        return found

    def _relationship(self, statement: Node) -> Json:
        self._seen.add(statement)
        told = {str(predicate): held for predicate, held in self._graph.predicate_objects(statement)}
        source, target = told.get(str(RDF.subject)), told.get(str(RDF.object))
        model = self._models.get(source) if source is not None else None
        named = str(told.get(str(RDF.predicate), ""))
        contents: Sequence[Content] = tuple(self._types.model.interface(model).contents.values()) if model else ()
        definition = next((one for one in contents if one.id == named and isinstance(one, Relationship)), None)
        if not isinstance(definition, Relationship) or source is None or target is None or _LINK_ID not in told:
            raise self._misfit(statement, f"{statement} is no relationship of a twin of this graph.")
        link: Json = {
            "$relationshipId": str(told[_LINK_ID]),
            "$relationshipName": definition.name,
            "$sourceId": self._identity(source),
            "$targetId": self._identity(target),
        }
        if _ETAG in told:
            link["$etag"] = str(told[_ETAG])
        if _METADATA in told:
            link["$metadata"] = self._json(statement, told[_METADATA])
        own: Json = {}
        for held in definition.own_properties:
            literal = told.get(held.id)
            if isinstance(literal, Literal):
                own[held.name] = self._literal(statement, literal, datatype(held.schema))
        try:
            self._types.validate_relationship(str(model), definition.name, own)
        except ModelNotFound as error:
            raise self._misfit(statement, error.message) from error
        return link | own

    def _identity(self, node: Node) -> str:
        found = self._graph.value(node, URIRef(_DT_ID))
        if found is not None:
            return str(found)
        if not str(node).startswith(self._base):
            raise self._misfit(node, f"{node} is the IRI of no twin: those begin with {self._base}.")
        return unquote(str(node).removeprefix(self._base))

    def _misfit(self, subject: Node, cause: str) -> ValueInvalid:
        return _invalid(cause, "Read graphs of other forms with megatwin import.", self._written.place(subject))
