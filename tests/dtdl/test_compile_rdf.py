from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from pyld import jsonld
from rdflib import Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import RDF

from dtdl.compiler.rdf import context_of, expanded, graph, load_context, turtle
from dtdl.errors import DtdlError, ModelInvalid

ROOM = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"],
    "@id": "dtmi:acme:Room;1",
    "@type": "Interface",
    "displayName": {"en": "Room", "fi": "Huone"},
    "description": "a room",
    "extends": "dtmi:acme:Space;1",
    "contents": [
        {"@type": ["Property", "Temperature"], "name": "temperature", "schema": "double", "unit": "degreeCelsius"},
        {"@type": "Relationship", "name": "serves", "target": "dtmi:acme:Space;1", "maxMultiplicity": 3},
        {"@type": "Property", "name": "mode", "writable": True, "schema": {"@type": "Enum", "valueSchema": "integer",
            "enumValues": [{"name": "a", "enumValue": 1}, {"name": "b", "enumValue": 2}]}},
    ],
}  # fmt: skip
SPACE = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:acme:Space;1", "@type": "Interface"}
TEXTS = [json.dumps(ROOM), json.dumps(SPACE)]


def read(text, form="turtle"):
    return Graph().parse(data=text, format=form)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_graph_is_pylds_expansion_of_the_source():
    theirs = jsonld.to_rdf(
        jsonld.expand([ROOM, SPACE], {"documentLoader": load_context}),
        {"format": "application/n-quads", "documentLoader": load_context},
    )
    assert isomorphic(read(turtle(TEXTS)), read(theirs, "nt"))


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib warns of its own reader
def test_another_json_ld_processor_reads_the_same_graph():
    # rdflib's reader, with the contexts written into the documents so that it has nothing to fetch.
    both = Graph()
    for document in (ROOM, SPACE):
        given = document["@context"]
        contexts = [context_of(one) for one in ([given] if isinstance(given, str) else given)]
        both.parse(data=json.dumps({**document, "@context": contexts}), format="json-ld")
    assert isomorphic(graph(TEXTS), both)


def test_terms_become_the_dtmis_of_their_context():
    found = graph(TEXTS)
    room, space = URIRef("dtmi:acme:Room;1"), URIRef("dtmi:acme:Space;1")
    assert (room, RDF.type, URIRef("dtmi:dtdl:class:Interface;4")) in found
    assert (space, RDF.type, URIRef("dtmi:dtdl:class:Interface;3")) in found
    assert (room, URIRef("dtmi:dtdl:property:extends;4"), space) in found
    assert (room, URIRef("dtmi:dtdl:property:displayName;4"), Literal("Huone", lang="fi")) in found
    assert (room, URIRef("dtmi:dtdl:property:description;4"), Literal("a room", lang="en")) in found
    everything = {str(term) for triple in found for term in triple}
    assert any(term.endswith("unit:degreeCelsius") for term in everything)
    assert any(term.endswith("class:Temperature") for term in everything)


def test_the_text_is_the_same_each_time():
    assert turtle(TEXTS) == turtle(TEXTS)


def test_no_context_but_those_of_dtdl_is_loaded():
    with pytest.raises(jsonld.JsonLdError, match="none is fetched"):
        load_context("http://example.invalid/context.json", {})
    with pytest.raises(jsonld.JsonLdError, match="none is fetched"):
        load_context("file:///etc/hostname", {})
    sneaky = {**SPACE, "@context": ["dtmi:dtdl:context;4", {"@import": "http://127.0.0.1:9/x"}], "@id": "dtmi:a:b;1"}
    with pytest.raises((DtdlError, ModelInvalid)):
        expanded([json.dumps(sneaky)])


def test_bad_definitions_are_refused():
    with pytest.raises(ModelInvalid):
        turtle(['{"@context": "dtmi:dtdl:context;4", "@type": "Interface"}'])


def test_realestatecore_becomes_a_graph():
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set")
    found = graph([Path(cases) / "bench/rec.jsonl"])
    assert len(set(found.subjects(RDF.type, URIRef("dtmi:dtdl:class:Interface;2")))) == 1364
