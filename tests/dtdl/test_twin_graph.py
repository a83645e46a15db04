from __future__ import annotations

import copy
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyld import jsonld
from rdflib import Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import RDF, XSD

import dtdl
from dtdl.compiler import graphs
from dtdl.compiler.twin_graph import TWINS, VOCABULARY, jsonld_document, read_twins, turtle
from dtdl.errors import LimitExceeded, ModelNotFound, ValueInvalid

PLAIN = {
    "boolean": st.booleans(),
    "byte": st.integers(-128, 127),
    "bytes": st.binary(max_size=6).map(lambda held: __import__("base64").b64encode(held).decode()),
    "date": st.dates().map(str),
    "dateTime": st.datetimes().map(lambda held: held.isoformat(timespec="milliseconds") + "Z"),
    "decimal": st.sampled_from(["0", "1.50", "-7.000", "123456789012345678901234567890.5"]),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "duration": st.sampled_from(["PT0S", "P1Y2M", "PT36H", "P14M"]),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "short": st.integers(-(2**15), 2**15 - 1),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "time": st.sampled_from(["12:00:00Z", "23:59:59.50+02:00"]),
    "unsignedByte": st.integers(0, 255),
    "unsignedInteger": st.integers(0, 2**32 - 1),
    "unsignedLong": st.integers(0, 2**64 - 1),
    "unsignedShort": st.integers(0, 2**16 - 1),
    "uuid": st.uuids().map(str),
}
FIELDS = [{"name": "x", "schema": "double"}, {"name": "n", "schema": "long"}]
PAIR = {"@type": "Object", "fields": FIELDS}
CHOICE = {"@type": "Enum", "valueSchema": "integer", "enumValues": [
    {"name": "off", "enumValue": 0}, {"name": "on", "enumValue": 1}]}  # fmt: skip
MODELS = [
    {
        "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;3"],
        "@id": "dtmi:t:Space;1",
        "@type": "Interface",
        "contents": [
            {"@type": ["Property", "Temperature"], "name": "temperature", "schema": "double", "unit": "degreeCelsius"},
            {"@type": "Relationship", "name": "serves", "properties": [
                {"@type": ["Property", "Power"], "name": "share", "schema": "float", "unit": "watt"},
                {"@type": "Property", "name": "tags", "schema": {"@type": "Array", "elementSchema": "string"}}]},
        ],
    },
    {
        "@context": "dtmi:dtdl:context;4",
        "@id": "dtmi:t:Room;1",
        "@type": "Interface",
        "extends": "dtmi:t:Space;1",
        "contents": [
            *({"@type": "Property", "name": f"p_{kind}", "schema": kind} for kind in PLAIN),
            {"@type": "Property", "name": "etag", "schema": "string"},
            {"@type": "Property", "name": "choice", "schema": CHOICE},
            {"@type": "Property", "name": "pair", "schema": PAIR},
            {"@type": "Property", "name": "list", "schema": {"@type": "Array", "elementSchema": PAIR}},
            {"@type": "Property", "name": "map", "schema": {
                "@type": "Map", "mapKey": {"name": "k", "schema": "string"},
                "mapValue": {"name": "v", "schema": "double"}}},
            {"@type": "Component", "name": "part", "schema": "dtmi:t:Space;1"},
        ],
    },
]  # fmt: skip
TYPES = dtdl.compile(dtdl.parse([json.dumps(model) for model in MODELS]))
ROOM = {
    "$dtId": "room 1/\u00fc",
    "$etag": 'W/"1"',
    "$metadata": {"$model": "dtmi:t:Room;1", "temperature": {"lastUpdateTime": "2026-01-01T00:00:00Z"}},
    "temperature": 21.5,
    "p_string": 'a\u2028b\x00\n"\\',
    "part": {"$metadata": {}, "temperature": 1},
}
SPACE = {"$dtId": "s", "$metadata": {"$model": "dtmi:t:Space;1"}}
SERVES = {
    "$relationshipId": "r/1",
    "$relationshipName": "serves",
    "$sourceId": "room 1/\u00fc",
    "$targetId": "s",
    "share": 0.25,
    "tags": ["a"],
}
CHARACTERS = "AZaz09-.+%_#*?!(),=@$'~"
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PAIRS = st.fixed_dictionaries({}, optional={"x": NUMBERS, "n": PLAIN["long"]})
CONTENTS = st.fixed_dictionaries(
    {},
    optional={f"p_{kind}": held for kind, held in PLAIN.items()}
    | {
        "temperature": NUMBERS,
        "etag": st.text("ab"),
        "choice": st.sampled_from([0, 1]),
        "pair": PAIRS,
        "list": st.lists(PAIRS, max_size=3),
        "map": st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), NUMBERS, max_size=3),
        "part": st.fixed_dictionaries({}, optional={"temperature": NUMBERS, "$metadata": st.just({})}),
    },
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@st.composite
def populations(draw):
    identities = draw(st.lists(st.text(CHARACTERS, min_size=1, max_size=8), unique=True, min_size=1, max_size=4))
    twins = [{"$dtId": identity, "$metadata": {"$model": "dtmi:t:Room;1"}, **draw(CONTENTS)} for identity in identities]
    names = draw(st.lists(st.text(CHARACTERS, min_size=1, max_size=5), unique=True, max_size=3))
    links = [
        {
            "$relationshipId": name,
            "$relationshipName": "serves",
            "$sourceId": draw(st.sampled_from(identities)),
            "$targetId": draw(st.sampled_from([*identities, "else"])),
            **draw(st.fixed_dictionaries({}, optional={"share": PLAIN["float"], "tags": st.just(["a", "b"])})),
        }
        for name in names
    ]
    return twins, links


def ordered(twins, links):
    return (
        sorted(twins, key=lambda twin: twin["$dtId"]),
        sorted(links, key=lambda link: (link["$sourceId"], link["$relationshipId"])),
    )


@given(populations())
def test_twins_come_back_as_they_were(population):
    twins, links = population
    given_ = copy.deepcopy(population)
    for text, form in (
        (turtle(TYPES, twins, links), "turtle"),
        (json.dumps(jsonld_document(TYPES, twins, links)), "json-ld"),
    ):
        found = read_twins(TYPES, text, form)
        assert (found.twins, found.relationships) == ordered(*population)
    assert population == given_


def test_what_stands_beside_the_contents_comes_back_too():
    link = SERVES | {"$etag": "e", "$metadata": {"share": {"lastUpdateTime": "2026-01-01T00:00:00Z"}}}
    found = read_twins(TYPES, turtle(TYPES, [ROOM, SPACE], [link]), "turtle")
    assert found.twins == [ROOM, SPACE]
    assert found.relationships == [link]


def test_the_triples_are_those_of_the_page():
    found = Graph().parse(data=turtle(TYPES, [ROOM, SPACE], [SERVES]), format="turtle")
    room, space = URIRef(TWINS + "room%201%2F%C3%BC"), URIRef(TWINS + "s")
    temperature, serves = URIRef("dtmi:t:Space:_contents:__temperature;1"), URIRef("dtmi:t:Space:_contents:__serves;1")
    assert (room, RDF.type, URIRef("dtmi:t:Room;1")) in found
    assert (room, temperature, Literal("21.5", datatype=XSD.double)) in found
    assert (room, serves, space) in found
    unit = URIRef("dtmi:dtdl:extension:quantitativeTypes:v3:unit:degreeCelsius")
    assert (temperature, URIRef(VOCABULARY + "unit"), unit) in found
    part = found.value(room, URIRef("dtmi:t:Room:_contents:__part;1"))
    assert (part, RDF.type, URIRef("dtmi:t:Space;1")) in found
    statement = URIRef(f"{room}/-/r%2F1")
    assert (statement, RDF.type, RDF.Statement) in found
    assert found.value(statement, RDF.object) == space


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib warns of its own reader
def test_another_json_ld_processor_reads_the_same_graph():
    document = jsonld_document(TYPES, [ROOM, SPACE], [SERVES])
    theirs = Graph()
    for subject, predicate, held in Graph().parse(data=json.dumps(document), format="json-ld"):
        # A plain literal and one of xsd:string are the same in RDF 1.1, but not to rdflib.
        plain = isinstance(held, Literal) and held.datatype == XSD.string
        theirs.add((subject, predicate, Literal(str(held)) if plain else held))
    assert isomorphic(theirs, Graph().parse(data=turtle(TYPES, [ROOM, SPACE], [SERVES]), format="turtle"))


def test_the_document_brings_its_context():
    document = jsonld_document(TYPES, [ROOM])

    def refuse(url, options):
        raise AssertionError(url)

    assert jsonld.expand(document, {"documentLoader": refuse})


def test_a_base_of_ones_own():
    base = "https://twins.example/"
    text = turtle(TYPES, [ROOM, SPACE], [SERVES | {"$targetId": "far away"}], base=base)
    assert "<https://twins.example/s>" in text
    assert read_twins(TYPES, text, "turtle", base=base).relationships[0]["$targetId"] == "far away"
    with pytest.raises(ValueInvalid, match="begin with"):
        read_twins(TYPES, text, "turtle")


@pytest.mark.parametrize(
    ("twins", "links", "error", "match"),
    [
        ([{"$dtId": "a"}], [], ValueInvalid, "no \\$metadata"),
        ([SPACE, SPACE], [], ValueInvalid, "twice"),
        ([SPACE | {"temperature": "warm"}], [], ValueInvalid, "MT301"),
        ([SPACE | {"$metadata": {"$model": "dtmi:no:no;1"}}], [], ModelNotFound, "dtmi:no:no;1"),
        ([SPACE], [SERVES], ValueInvalid, "none of the twins"),
        ([SPACE], [SERVES | {"$sourceId": "s", "$relationshipName": "x"}], ModelNotFound, "x"),
        ([SPACE], [{"$sourceId": "s"}], ValueInvalid, "relationshipId"),
    ],
)  # fmt: skip
def test_what_does_not_follow_its_model_is_not_written(twins, links, error, match):
    with pytest.raises(error, match=match):
        turtle(TYPES, twins, links)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ("<urn:x> <urn:y> <urn:z> .", "is no twin"),
        (f"<{TWINS}s> <urn:y> <urn:z> .", "no content"),
        (f"<{TWINS}s> a <dtmi:t:Room;1> .", "exactly one"),
        (f'<{TWINS}s> <dtmi:t:Space:_contents:__temperature;1> "1" .', "is not of"),
        (f"<{TWINS}s> <dtmi:t:Space:_contents:__temperature;1> 1e0, 2e0 .", "several"),
        (f'<{TWINS}s> <dtmi:t:Space:_contents:__temperature;1> "x"^^<{XSD.double}> .', "is not of"),
        (f"<{TWINS}s> <dtmi:t:Space:_contents:__temperature;1> <urn:y> .", "cannot be"),
        (f"<urn:x> a <{RDF.Statement}> .", "no relationship"),
        (f'<{TWINS}s> <{VOCABULARY}metadata> "[]"^^<{RDF.JSON}> .', "no JSON object"),
    ],
)
def test_a_triple_without_meaning_is_refused_with_its_line(more, match):
    text = turtle(TYPES, [SPACE])
    with pytest.raises(ValueInvalid, match=match) as caught:
        read_twins(TYPES, f"{text}{more}\n", "turtle", file="x.ttl")
    where = caught.value.diagnostics[0].location
    assert where is not None
    assert where.file == "x.ttl"
    assert where.line > 0


HOSTILE = [
    ("turtle", "<a> <b> " + "[" * 5000),
    ("turtle", "<a> <b> " + "(" * 50_000),
    ("turtle", "<a> <b> " + "9" * 5000 + " ."),
    ("turtle", "<a b> <c> <d> ."),
    ("turtle", "a:b a a:c ."),
    ("turtle", "\x00"),
    ("json-ld", '{"@context": "http://127.0.0.1:9/c", "@id": "urn:a"}'),
    ("json-ld", '{"@context": "file:///etc/hostname", "@id": "urn:a"}'),
    ("json-ld", '{"@context": {"@import": "file:///etc/hostname"}, "@id": "urn:a"}'),
    ("json-ld", '{"@context": {"a": {"@id": "urn:a", "@context": "http://127.0.0.1:9/c"}}, "a": {"b": 1}}'),
    ("json-ld", '{"@context": "relative.json"}'),
    ("json-ld", "[" * 5000),
    ("json-ld", '{"a":' * 5000 + "1" + "}" * 5000),
    ("json-ld", '{"@id": 1}'),
    ("json-ld", '{"urn:p": 1, "urn:p": 2}'),
]


@pytest.mark.parametrize(("form", "text"), HOSTILE)
def test_a_hostile_text_is_one_error_of_ours(form, text):
    with pytest.raises((ValueInvalid, LimitExceeded)):
        graphs.parse_graph(text, form)


@given(st.text(st.sampled_from('<>[]()"\\.;,@:_^a1 \n{}+-eE%#')))
def test_any_text_is_a_graph_or_an_error_of_ours(text):
    for form in ("turtle", "json-ld"):
        try:
            graphs.parse_graph(text, form)
        except (ValueInvalid, LimitExceeded) as error:
            assert str(error)  # noqa: PT017 - either way is right


def test_triples_are_bounded(monkeypatch):
    monkeypatch.setattr(graphs, "MAX_TRIPLES", 3)
    with pytest.raises(LimitExceeded, match="3 triples"):
        graphs.parse_graph("<a> <b> 1, 2, 3, 4 .", "turtle")
    with pytest.raises(LimitExceeded, match="3 triples"):
        graphs.parse_graph('{"@id": "urn:a", "urn:b": [1, 2, 3, 4]}', "json-ld")


def test_literals_keep_what_is_written_and_subjects_their_line():
    prefix = "@prefix x: <http://www.w3.org/2001/XMLSchema#> ."
    text = prefix + '\n\n<urn:a>\n  <urn:b> "01"^^x:int , "2026-01-01T00:00:00Z"^^x:dateTime .\n'
    found = graphs.parse_graph(text, "turtle")
    assert {str(held) for held in found.graph.objects()} == {"01", "2026-01-01T00:00:00Z"}
    assert found.place(URIRef("urn:a")).line == 3
    document = (
        '{"@context": {"e": "http://e/"}, "@graph": [\n{"@id": "e:a", "e:b": 1},\n{"@id": "http://e/c", "e:b": 1}]}'
    )
    read = graphs.parse_graph(document, "json-ld")
    assert [read.place(URIRef("http://e/" + name)).line for name in "ac"] == [2, 3]
