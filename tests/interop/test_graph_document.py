"""The Azure form of twins and relationships."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dtdl.errors import RequestInvalid
from interop.graph.document import (
    component_document,
    contents_from_document,
    document,
    incoming_document,
    marked,
    relationship_document,
)
from interop.graph.state import Cell, Relationship, TwinState
from interop.values import Status

T = datetime(2026, 1, 1, tzinfo=UTC)
STATE = TwinState(
    id="a",
    model="dtmi:x:A;1",
    contents={"p": 1, "b": 5, "c": {"q": 2}, "o": {"m": 1, "n": 2}},
    updated={("p",): T, ("b",): T, ("c", "q"): T, ("o",): T, ("o", "m"): T + timedelta(seconds=9)},
    cells={
        ("b",): Cell(5, Status("BadNoCommunication"), T - timedelta(seconds=1), None, "plant", 3),
        ("o", "m"): Cell(1, Status("Good"), T + timedelta(seconds=8), None, "plant", 3),
        ("t",): Cell(7, Status("Good"), T, None, "plant", 3),
    },
    etag='W/"1"',
    seq=3,
    changed_at=T + timedelta(seconds=60),
)


def is_component(model, name):
    return (model, name) == ("dtmi:x:A;1", "c")


def test_a_twin_has_the_form_of_the_service():
    assert document(STATE, is_component) == {
        "$dtId": "a",
        "$etag": 'W/"1"',
        "p": 1,
        "b": 5,
        "c": {"q": 2, "$metadata": {"q": {"lastUpdateTime": "2026-01-01T00:00:00.000000Z"}}},
        "o": {"m": 1, "n": 2},
        "$metadata": {
            "$model": "dtmi:x:A;1",
            "$lastUpdateTime": "2026-01-01T00:00:09.000000Z",
            "p": {"lastUpdateTime": "2026-01-01T00:00:00.000000Z"},
            "b": {
                "lastUpdateTime": "2026-01-01T00:00:00.000000Z",
                "sourceTime": "2025-12-31T23:59:59.000000Z",
                "status": "BadNoCommunication",
            },
            "o": {"lastUpdateTime": "2026-01-01T00:00:09.000000Z", "sourceTime": "2026-01-01T00:00:08.000000Z"},
        },
    }


def test_a_component_is_found_by_name_or_refused():
    assert component_document(STATE, "c")["q"] == 2
    with pytest.raises(RequestInvalid) as refused:
        component_document(STATE, "p")
    assert refused.value.code == "ComponentNotFound"


def test_a_document_reads_back_as_the_contents_it_was_made_of():
    assert contents_from_document(document(STATE, is_component)) == ("dtmi:x:A;1", dict(STATE.contents))


def test_event_contents_mark_components():
    assert marked(STATE.model, STATE.contents, is_component)["c"] == {"q": 2, "$metadata": {}}


@pytest.mark.parametrize("doc", [{}, {"$metadata": {}}, {"$metadata": []}, {"$metadata": {"$model": 1}}])
def test_a_document_without_a_model_is_refused(doc):
    with pytest.raises(RequestInvalid, match=r"\$model"):
        contents_from_document(doc)


def test_an_unknown_dollar_key_is_refused():
    with pytest.raises(RequestInvalid, match=r"\$other"):
        contents_from_document({"$metadata": {"$model": "dtmi:x:A;1"}, "$other": 1})


def test_relationships_have_the_form_of_the_service():
    relationship = Relationship(id="r", source="a", name="has", target="b", contents={"w": 1}, etag='W/"2"')
    assert relationship_document(relationship) == {
        "$relationshipId": "r", "$etag": 'W/"2"', "$sourceId": "a", "$relationshipName": "has", "$targetId": "b",
        "w": 1,
    }  # fmt: skip
    assert incoming_document(relationship) == {
        "$relationshipId": "r",
        "$sourceId": "a",
        "$relationshipName": "has",
        "$relationshipLink": "/digitaltwins/a/relationships/r",
    }
