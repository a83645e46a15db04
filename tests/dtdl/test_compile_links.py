"""The relationships of a twin against its definition."""

from __future__ import annotations

import json

import pytest

import dtdl
from dtdl import GivenLink
from dtdl.elements import KINDS, Element, Interface, Model
from dtdl.errors import ModelNotFound

PUMP, BIG, TANK = "dtmi:t:Pump;1", "dtmi:t:BigTank;1", "dtmi:t:Tank;1"


def document(dtmi, *contents, extends=()):
    return json.dumps({
        "@context": "dtmi:dtdl:context;4", "@id": dtmi, "@type": "Interface", "contents": contents,
        "extends": list(extends),
    })  # fmt: skip


FEEDS = {
    "@type": "Relationship", "name": "feeds", "target": TANK, "maxMultiplicity": 2,
    "properties": [{"@type": "Property", "name": "since", "schema": "date"}],
}  # fmt: skip
TYPES = dtdl.compile(
    dtdl.parse(
        [
            document(PUMP, FEEDS, {"@type": "Relationship", "name": "near"}),
            document(TANK),
            document(BIG, extends=[TANK]),
        ]
    )
)


def checked(*links, types=TYPES, **options):
    return [(one.at, one.diagnostic.rule) for one in types.check_relationships(PUMP, links, **options)]


def test_a_target_may_be_of_an_interface_that_extends_the_named_one():
    assert checked(GivenLink(name="feeds", target_model=TANK), GivenLink(name="feeds", target_model=BIG)) == []
    assert checked(GivenLink(name="feeds", target_model=PUMP)) == [(0, "MT309")]
    assert checked(GivenLink(name="near", target_model=PUMP), GivenLink(name="feeds")) == []


def test_more_targets_than_the_definition_allows_are_too_many():
    links = [GivenLink(name="feeds", target_model=TANK)] * 4
    assert checked(*links) == [(2, "MT310")]
    (found,) = TYPES.check_relationships(PUMP, links)
    assert (found.diagnostic.value, found.diagnostic.restriction, found.diagnostic.property_name) == ("4", "2", "feeds")
    assert found.diagnostic.action == "Remove 2."
    assert checked(*[GivenLink(name="near")] * 9) == []


def test_a_relationship_that_is_given_twice_counts_once():
    assert checked(*[GivenLink(name="feeds", id=one) for one in "aabb"]) == []
    assert checked(*[GivenLink(name="feeds", id=one) for one in "abbc"]) == [(3, "MT310")]


def test_an_unknown_name_gets_a_near_one():
    (found,) = TYPES.check_relationships(PUMP, [GivenLink(name="feed", target_model=TANK)])
    assert (found.at, found.diagnostic.rule, found.diagnostic.action) == (0, "MT308", "Did you mean feeds?")


def test_own_properties_are_checked_and_every_problem_is_said():
    bad = GivenLink(name="feeds", target_model=PUMP, properties={"since": "yesterday", "other": 1})
    good = GivenLink(name="feeds", properties={"since": "2026-01-01", "$relationshipId": "r"})
    assert checked(good, bad, GivenLink(name="x")) == [(1, "MT309"), (1, "MT303"), (1, "MT304"), (2, "MT308")]


def test_an_unknown_source_is_refused():
    with pytest.raises(ModelNotFound):
        TYPES.check_relationships("dtmi:t:Nope;1", [])


def needing(least):
    # Every version of DTDL allows 0 only; elements that code builds may say more.
    link = KINDS["Relationship"](
        "dtmi:t:l;1", kind="Relationship", properties={"name": "feeds", "minMultiplicity": least}
    )
    assert isinstance(link, Element)
    return dtdl.compile(Model({PUMP: Interface(PUMP, properties={"contents": {"feeds": link}, "extends": ()})}))


def test_fewer_targets_than_the_definition_needs_are_too_few():
    types = needing(2)
    assert checked(GivenLink(name="feeds"), types=types) == [(None, "MT311")]
    assert checked(types=types) == [(None, "MT311")]
    assert checked(types=types, complete=False) == []
    assert checked(*[GivenLink(name="feeds")] * 2, types=types) == []


def test_a_relationship_that_only_counts_has_no_properties_to_check():
    bad = {"since": "yesterday"}
    assert checked(GivenLink(name="feeds", properties=bad)) == [(0, "MT303")]
    counted = [GivenLink(name="feeds", properties=None)] * 2
    assert checked(*counted) == []
    assert checked(*counted, GivenLink(name="feeds", properties=bad)) == [(2, "MT303"), (2, "MT310")]
