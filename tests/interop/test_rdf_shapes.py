"""SHACL shapes over definitions, graphs and twins: results are diagnostics; nothing is fetched."""

from __future__ import annotations

import importlib.util
import json
import socket
from pathlib import Path

import pytest

from dtdl.diagnostic import Severity
from dtdl.errors import ExtraMissing, InputUnreadable, ModelNotFound, ValueInvalid
from interop.cli import main
from interop.rdf import shapes as module
from interop.rdf.shapes import answer, check_shapes

MODEL = """\
{"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Room;1", "@type": "Interface",
 "contents": [
  {"@type": "Property", "name": "area",
   "schema": "double"},
  {"@type": "Property", "@id": "dtmi:t:Room:floor;1", "name": "floor", "schema": "integer"}
]}
"""
HEAD = """\
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
"""
DESCRIBED = (
    HEAD
    + """\
<urn:s:Described> a sh:NodeShape ; sh:targetClass <dtmi:dtdl:class:Property;4> ;
  sh:property [ sh:path <dtmi:dtdl:property:description;4> ; sh:minCount 1 ; sh:severity %s ; sh:message "Say what." ] .
"""
)
NAMED = (
    HEAD
    + """\
<urn:s:Named> a sh:NodeShape ; sh:targetClass <urn:Room> ;
  sh:property [ sh:path <urn:name> ; sh:datatype xsd:string ; sh:minCount 1 ] .
"""
)
SMALL = (
    HEAD
    + """\
<urn:s:Small> a sh:NodeShape ; sh:targetClass <dtmi:t:Room;1> ;
  sh:property [ sh:path <dtmi:t:Room:_contents:__area;1> ; sh:maxInclusive 100 ] .
"""
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("room.json").write_text(MODEL, "utf-8")
    return tmp_path


def found(shapes, *data, models=("room.json",)):
    """Runs the work in this process, as the worker does."""
    Path("shapes.ttl").write_text(shapes, "utf-8")
    return answer({"shapes": ["shapes.ttl"], "models": list(models), "data": list(data)})["diagnostics"]


@pytest.mark.parametrize(
    ("severity", "said"), [("sh:Violation", "error"), ("sh:Warning", "warning"), ("sh:Info", "info")]
)
def test_a_shape_over_definitions_is_a_finding_at_the_element(severity, said):
    results = found(DESCRIBED.replace("%s", severity))
    assert {(one["rule"], one["severity"], one["location"]["file"]) for one in results} == {
        ("MT470", said, "room.json")
    }
    named = next(one for one in results if one["primary_id"] == "dtmi:t:Room:floor;1")
    assert named["location"]["line"] == 5
    assert named["cause"] == "dtmi:t:Room:floor;1: Say what."
    # An element without an id is a blank node: what it is written in is what can be shown.
    assert [one["location"]["line"] for one in results if one["primary_id"] is None] == [1]


def test_a_shape_that_is_fulfilled_finds_nothing():
    assert found(DESCRIBED.replace("%s", "sh:Info").replace("minCount 1", "minCount 0")) == []


def test_a_shape_over_a_graph_is_a_finding_at_the_line_of_the_subject():
    Path("data.ttl").write_text("<urn:a> a <urn:Room> ; <urn:name> 'a' .\n\n<urn:b> a <urn:Room> .\n", "utf-8")
    results = found(NAMED, "data.ttl", models=())
    assert [(one["primary_id"], one["location"]["line"]) for one in results] == [("urn:b", 3)]
    assert results[0]["property_name"] == "urn:name"
    assert results[0]["restriction"] == "MinCountConstraintComponent"


def test_a_shape_over_twins_is_a_finding_at_their_line():
    lines = [
        {"Section": "Twins"},
        {"$dtId": "a", "$metadata": {"$model": "dtmi:t:Room;1"}, "area": 20.0},
        {"$dtId": "b", "$metadata": {"$model": "dtmi:t:Room;1"}, "area": 120.5},
    ]
    Path("twins.ndjson").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    results = found(SMALL, "twins.ndjson")
    assert [(one["location"]["file"], one["location"]["line"]) for one in results] == [("twins.ndjson", 3)]
    assert results[0]["value"] == "120.5"


def test_twins_of_other_models_are_errors():
    Path("twins.ndjson").write_text('{"$dtId": "a", "$metadata": {"$model": "dtmi:no:no;1"}}', "utf-8")
    with pytest.raises(ModelNotFound):
        found(SMALL, "twins.ndjson")
    Path("twins.csv").write_text("", "utf-8")
    with pytest.raises(InputUnreadable):
        found(SMALL, "twins.csv")


BROKEN = {
    "pattern": '<urn:S> a sh:NodeShape ; sh:targetNode <urn:a> ; sh:property [ sh:path <urn:p> ; sh:pattern "((" ] .',
    "no path": "<urn:S> a sh:NodeShape ; sh:targetNode <urn:a> ; sh:property [ sh:minCount 1 ] .",
    "path": "<urn:S> a sh:PropertyShape ; sh:targetNode <urn:a> ; sh:path ( <urn:p> ) ; sh:minCount 1 .",
    "query": '<urn:S> a sh:NodeShape ; sh:targetNode <urn:a> ; sh:sparql [ sh:select "SELECT $this WHERE { { {" ] .',
    "service": "<urn:S> a sh:NodeShape ; sh:targetNode <urn:a> ; sh:sparql [ sh:select "
    '"SELECT $this WHERE { SERVICE <http://127.0.0.1:%d/> { $this ?p ?o } }" ] .',
}


@pytest.mark.parametrize("name", BROKEN)
def test_shapes_that_cannot_be_checked_are_a_finding(name):
    Path("data.ttl").write_text("<urn:a> <urn:p> 'x' .", "utf-8")
    results = found(HEAD + BROKEN[name].replace("%d", "9"), "data.ttl")
    assert [(one["rule"], one["location"]["file"]) for one in results] == [("MT471", "shapes.ttl")]


def test_nothing_is_fetched():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        text = HEAD + BROKEN["service"].replace("%d", str(port))
        text += f"\n<urn:o> a owl:Ontology ; owl:imports <http://127.0.0.1:{port}/o>, <file:///etc/hostname> .\n"
        text += f"<urn:a> sh:shapesGraph <http://127.0.0.1:{port}/g> .\n"
        Path("shapes.ttl").write_text(text, "utf-8")
        Path("data.ttl").write_text(text, "utf-8")
        check_shapes(["shapes.ttl"], ["room.json"], ["data.ttl"])
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_pattern_that_never_ends_is_ended():
    Path("data.ttl").write_text(f"<urn:a> <urn:p> '{'a' * 60}!' .", "utf-8")
    Path("shapes.ttl").write_text(
        HEAD
        + '<urn:S> a sh:NodeShape ; sh:targetNode <urn:a> ; sh:property [ sh:path <urn:p> ; sh:pattern "^(a+)+$" ] .',
        "utf-8",
    )
    with pytest.raises(ValueInvalid, match="was ended after") as caught:
        check_shapes(["shapes.ttl"], [], ["data.ttl"], time_limit_s=6)
    assert caught.value.diagnostics[0].rule == "MT460"


def test_a_missing_extra_says_what_installs_it(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install 'megatwin\\[rdf\\]'") as caught:
        check_shapes(["shapes.ttl"], ["room.json"])
    assert isinstance(caught.value, ExtraMissing)
    assert importlib.util.find_spec("pyshacl") is not None


def test_check_shows_the_findings_of_shapes_with_all_others(capsys):
    Path("shapes.ttl").write_text(NAMED, "utf-8")
    Path("data.ttl").write_text("<urn:b> a <urn:Room> .\n", "utf-8")
    assert main(["check", "room.json", "data.ttl", "--shapes", "shapes.ttl", "--format", "json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert "MT470" in json.dumps(body)
    assert "data.ttl" in json.dumps(body)
    assert main(["check", "room.json", "data.ttl", "--shapes", "shapes.ttl", "--ignore", "MT470"]) == 0
    assert main(["check", "data.ttl", "--shapes", "shapes.ttl"]) == 1
    assert main(["check", "room.json", "data.ttl"]) == 2
    assert main(["check", "room.json", "--shapes", "missing.ttl"]) == 2


def test_shapes_are_not_checked_over_definitions_with_errors(capsys):
    Path("shapes.ttl").write_text(DESCRIBED.replace("%s", "sh:Violation"), "utf-8")
    Path("room.json").write_text(MODEL.replace('"double"', '"dubble"'), "utf-8")
    assert main(["check", "room.json", "--shapes", "shapes.ttl"]) == 1
    out, err = capsys.readouterr()
    assert "MT470" not in out
    assert "not checked" in err


def test_strict_counts_the_warnings_of_shapes(capsys):
    Path("shapes.ttl").write_text(DESCRIBED.replace("%s", "sh:Warning"), "utf-8")
    assert main(["check", "room.json", "--shapes", "shapes.ttl"]) == 0
    assert main(["check", "room.json", "--shapes", "shapes.ttl", "--strict"]) == 1
    assert Severity.WARNING in capsys.readouterr().out
