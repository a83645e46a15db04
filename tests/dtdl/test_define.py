"""Definitions written in Python keep the rules of the language, print as DTDL, and read back as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dtdl
from dtdl import define
from dtdl.errors import DtdlError, ModelInvalid, UnitUnknown

ROOM = "dtmi:acme:Room;1"
VERSIONS = (2, 3, 4)


def room(version: int) -> dtdl.Model:
    return define.model(
        define.interface(
            ROOM,
            define.property(
                "temperature", "double", unit="°C", writable=True, display_name={"en": "Warm", "de": "Warm"}
            ),
            define.telemetry("output", "double", unit="dBm"),
            define.property("mode", define.enum({"off": 0, "on": 1}), description="What it does."),
            define.telemetry(
                "rows", define.array(define.object(define.field("x", "double"), define.field("y", "float")))
            ),
            define.property("names", define.map("string", key="language", value="name")),
            define.command(
                "reset", request=define.field("delay", "duration"), response=define.field("done", "boolean")
            ),
            define.relationship("next", ROOM, define.property("since", "date"), multiplicity=(0, 1)),
            define.component("door", "dtmi:acme:Door;1"),
            define.property("where", "dtmi:acme:Room:place;1"),
            extends="dtmi:acme:Space;1",
            schemas=[define.object(define.field("floor", "integer"), dtmi="dtmi:acme:Room:place;1")],
            comment="for authors",
        ),
        define.interface("dtmi:acme:Door;1"),
        define.interface("dtmi:acme:Space;1"),
        version=version,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_that_an_interface_holds_is_written_in_every_version(version: int) -> None:
    model = room(version)
    text = dtdl.dumps(model)
    assert dtdl.check(text, allow_undefined="never") == []
    assert dtdl.equal(dtdl.parse(text), model)
    contents = model.interface(ROOM).contents
    assert {content.kind for content in contents.values()} == {
        "Property", "Telemetry", "Command", "Relationship", "Component",
    }  # fmt: skip
    assert {content.dtdl_version for content in contents.values()} == {version}


def test_contexts_of_extensions_are_those_that_are_needed() -> None:
    contexts = {version: dtdl.dump(room(version))[0]["@context"] for version in VERSIONS}
    own = "dtmi:megatwin:extension:units;1"
    assert contexts == {
        2: ["dtmi:dtdl:context;2", own],
        3: ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1", own],
        4: ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2", own],
    }
    newest = define.interface(ROOM, define.telemetry("t", "double", unit="percent", types=["Efficiency"]))
    assert dtdl.dump(define.model(newest))[0]["@context"][1] == "dtmi:dtdl:extension:quantitativeTypes;3"
    plain = define.model(define.interface(ROOM))
    assert dtdl.dump(plain)[0]["@context"] == "dtmi:dtdl:context;4"


def test_types_of_extensions_bring_their_context_and_properties() -> None:
    annotation = define.property("accuracy", "double", types=["ValueAnnotation"], more={"annotates": "t"})
    model = define.model(define.interface(ROOM, define.telemetry("t", "double"), annotation), version=3)
    assert dtdl.dump(model)[0]["@context"][1].startswith("dtmi:dtdl:extension:annotation;")
    required = define.interface(ROOM, define.property("p", "double", types=["Required"]))
    assert dtdl.dump(define.model(required))[0]["@context"][1] == "dtmi:dtdl:extension:requirement;2"


def test_what_breaks_a_rule_is_refused_with_every_finding() -> None:
    bad = define.interface(ROOM, define.property("1st", "double"), define.property("p", "dubble"))
    with pytest.raises(ModelInvalid) as caught:
        define.model(bad)
    assert {found.rule.rsplit(":", 1)[1] for found in caught.value.diagnostics} == {"stringInvalid", "badDtmiOrTerm"}
    with pytest.raises(ModelInvalid):
        define.model(define.interface(ROOM, define.property("p", define.array("double"))), version=2)


def test_a_unit_that_several_quantities_have_needs_a_word() -> None:
    share = define.interface(ROOM, define.telemetry("t", "double", unit="%"))
    with pytest.raises(DtdlError, match="the unit percent belongs to several semantic types") as caught:
        define.model(share)
    assert "types=[" in caught.value.action
    model = define.model(share, quantities={"percent": "RelativeHumidity"})
    assert model.interface(ROOM).contents["t"].cotypes[0].endswith("RelativeHumidity")
    named = define.interface(ROOM, define.telemetry("t", "double", unit="%", types=["RelativeDensity"]))
    assert define.model(named).interface(ROOM).contents["t"].cotypes[0].endswith("RelativeDensity")
    with pytest.raises(UnitUnknown):
        define.telemetry("t", "double", unit="flurbs")


def test_a_version_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DtdlError, match="no DTDL v5"):
        define.model(define.interface(ROOM), version=5)


def test_what_other_documents_define_is_resolved() -> None:
    other = json.dumps({"@context": "dtmi:dtdl:context;4", "@id": "dtmi:x:Base;1", "@type": "Interface"})
    model = define.model(define.interface(ROOM, extends=["dtmi:x:Base;1"]), resolver=lambda _: {"dtmi:x:Base;1": other})
    assert [base.id for base in model.interface(ROOM).extends] == ["dtmi:x:Base;1"]


# -- any model -------------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-zA-Z0-9]{0,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
said = st.fixed_dictionaries(
    {},
    optional={
        "comment": texts,
        "description": texts,
        "display_name": st.dictionaries(st.sampled_from(["en", "de"]), texts),
    },
)
primitives = st.sampled_from(
    ["boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time"]
)
units = st.sampled_from([None, "degreeCelsius", "kilowatt", "decibelMilliwatt", "megapascal", "metre"])


def unique(items: st.SearchStrategy[dict[str, Any]], most: int = 3) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(items, max_size=most, unique_by=lambda item: item["name"])


def complex_schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = unique(st.builds(lambda n, s, d: define.field(n, s, **d), names, inner, said))
    numbers = st.dictionaries(names, st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=3)
    return st.one_of(
        st.builds(define.array, inner),
        st.builds(lambda s, k, v: define.map(s, key=k, value=f"{v}V"), inner, names, names),
        st.builds(lambda f, d: define.object(*f, **d), fields, said),
        st.builds(define.enum, numbers.filter(lambda held: len(set(held.values())) == len(held))),
        st.builds(define.enum, st.lists(names, min_size=1, max_size=3, unique=True)),
    )


schemas = st.recursive(primitives, complex_schemas, max_leaves=4)
contents = unique(
    st.one_of(
        st.builds(lambda n, s, w, d: define.property(n, s, writable=w, **d), names, schemas, st.booleans(), said),
        st.builds(lambda n, s, d: define.telemetry(n, s, **d), names, schemas, said),
        st.builds(lambda n, u: define.telemetry(n, "double", unit=u), names, units),
        st.builds(lambda n, r: define.command(n, request=r), names,
                  st.none() | st.builds(define.field, names, schemas)),
        st.builds(lambda n, p: define.relationship(n, ROOM, *p), names,
                  unique(st.builds(define.property, names, primitives))),
        st.builds(lambda n: define.component(n, "dtmi:acme:Door;1"), names),
    ),
    most=6,
)  # fmt: skip


@given(contents, said, st.sampled_from([3, 4]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_built_prints_and_reads_back_as_it_was(held: Any, words: Any, version: int) -> None:
    interface = define.interface(ROOM, *held, **words)
    try:
        model = define.model(interface, define.interface("dtmi:acme:Door;1"), version=version)
    except ModelInvalid as refused:
        # Depth and length are bounded; nothing else can be wrong with what the functions give.
        rules = {found.rule.rsplit(":", 1)[1] for found in refused.diagnostics}
        assert rules <= {"excessiveDepthWide", "langStringValueTooLong", "stringTooLong"}
        return
    text = dtdl.dumps(model)
    assert dtdl.check(text, allow_undefined="never") == []
    assert dtdl.equal(dtdl.parse(text), model)
    assert list(model.interface(ROOM).contents) == [item["name"] for item in held]
