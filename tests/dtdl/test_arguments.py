"""What is not meant is refused, not taken for something else: arguments of dtdl.check, dtdl.parse and of resolvers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dtdl
from dtdl.compiler.findings import shown
from dtdl.errors import ValueInvalid

TEXT = json.dumps({"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:X;1", "@type": "Interface"})
USER = json.dumps(json.loads(TEXT) | {"extends": "dtmi:t:Base;1"})


@pytest.mark.parametrize("given", [None, 5, b"{}", json.loads(TEXT), [json.loads(TEXT)], [5], [b"{}"]])
def test_what_is_neither_a_text_nor_a_path_is_refused_by_its_type(given):
    with pytest.raises(TypeError, match=r"JSON text \(str\), as a Path, or as several of these, not "):
        dtdl.check(given)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"allow_undefined": "maybe"}, ValueError, "allow_undefined is one of 'default', 'always', 'never'"),
        ({"max_version": "3"}, TypeError, "max_version is an integer or None, not '3'"),
        ({"limits": "dtmi:dtdl:limits:onvif"}, TypeError, "limits is a list of texts"),
        ({"tolerate": "solecisms"}, TypeError, "tolerate is a list of texts"),
        ({"tolerate": ["solecism"]}, ValueError, "tolerate holds parse, resolve, solecisms, not solecism"),
    ],
)
@pytest.mark.parametrize("call", [dtdl.check, dtdl.parse])
def test_an_option_that_means_nothing_is_refused(call, options: dict[str, Any], error, words):
    with pytest.raises(error, match=words):
        call(TEXT, **options)


@pytest.mark.parametrize("given", [5, "text", b"text"])
def test_a_resolver_that_gives_one_thing_instead_of_several_is_named(given):
    with pytest.raises(TypeError, match="a resolver gives a mapping, an iterable of texts and Paths, or None"):
        dtdl.check(USER, resolver=lambda _: given)


def test_every_text_of_a_resolver_is_read():
    texts = [TEXT.replace(":X;", f":Y{number};") for number in range(1200)] + [TEXT.replace(":X;", ":Base;")]
    model = dtdl.parse(USER, resolver=lambda _: texts)
    assert "dtmi:t:Base;1" in model


@pytest.mark.parametrize("text", ["models/room.json", "C:\\models\\room.json", "room.jsonl"])
def test_a_path_that_was_given_as_a_text_is_said(text):
    (found,) = dtdl.check(text)
    assert (found.rule, found.action) == ("MT001", "Give a Path where a file is meant: a str is the JSON text itself.")


def test_a_broken_text_is_not_taken_for_a_path(tmp_path: Path):
    for text in ("", "{", '{"a": 1.5 x}'):
        assert [found.action for found in dtdl.check(text)] == ["Correct the syntax here, or just before."]
    file = tmp_path / "a.json"
    file.write_text("{", encoding="utf-8")
    assert [found.action for found in dtdl.check(file)] == ["Correct the syntax here, or just before."]


def test_any_value_is_refused_with_a_short_finding():
    element = json.loads(TEXT) | {
        "schemas": [{"@id": "dtmi:t:O;1", "@type": "Object", "fields": [{"name": "o", "schema": "dtmi:t:O;1"}]}],
        "contents": [{"@type": "Property", "name": "n", "schema": "double"}],
    }
    model = dtdl.parse(json.dumps(element))
    types = dtdl.compile(model)
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(50_000):
        inner["o"] = {}
        inner = inner["o"]
    try:
        for schema, value in ((model["dtmi:t:O;1"], deep), (model["dtmi:t:X;1"].contents["n"].schema, 10**5000)):
            with pytest.raises(ValueInvalid) as caught:
                types.check(schema)(value)
            assert len(caught.value.diagnostics) == 1
            assert len(shown(value)) <= 80
    finally:
        while deep:  # Python would free it in one recursion
            deep = deep.pop("o", {})


def test_a_text_with_a_minus_zero_and_a_number_of_any_length_is_judged():
    array = {"@type": "Array", "elementSchema": "unsignedInteger"}
    element = json.loads(TEXT) | {"contents": [{"@type": "Property", "name": "p", "schema": array}]}
    model = dtdl.parse(json.dumps(element))
    check = dtdl.compile(model).check_json(model["dtmi:t:X;1"].contents["p"].schema)
    with pytest.raises(ValueInvalid):
        check(f"[-0, {'1' * 5000}]")
