"""What is wrong is said with rule, place, cause and remedy; all of it, and nothing that only follows on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import dtdl
from dtdl.diagnostic import Severity
from dtdl.errors import ModelInvalid
from dtdl.rules.messages import PREFIX
from dtdl.rules.words import OWN, WORDS

HEAD = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface"}


def check(model: object, **options: object) -> list[dtdl.Diagnostic]:
    return dtdl.check(json.dumps(model, indent=2), **options)


def rules(found: list[dtdl.Diagnostic]) -> list[str]:
    return [diagnostic.rule.removeprefix(PREFIX) for diagnostic in found]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"@context": "dtmi:dtdl:context;9"}, "unrecognizedContextVersion"),
        ({"@context": []}, "emptyContext"),
        ({"@context": 7}, "invalidContext"),
        ({"@context": "dtmi:dtdl:extension:mqtt;1"}, "missingDtdlContext"),
        ({"@context": ["dtmi:dtdl:context;3", "dtmi:acme:other;1"]}, "unresolvableContextSpecifier"),
        ({"@context": ["dtmi:dtdl:context;3", {"a": "dtmi:b:c;1"}]}, "disallowedLocalContext"),
        ({"@id": "dtmi:a:9;1"}, "invalidId"),
        ({"@id": ""}, "idNotString"),
        ({"@id": "dtmi:dtdl:X;1"}, "reservedId"),
        ({"@id": "dtmi:" + "a" * 130 + ";1"}, "idTooLongForType"),
        ({"@type": "Telemetry"}, "typeNotRootable"),
        ({"@type": ["Interface", "Gadget"]}, "typeUndefinedTerm"),
        ({"@type": ["Interface", 5]}, "typeNotDtmiNorTerm"),
        ({"@graph": []}, "topLevelGraphDisallowed"),
        ({"@reverse": {}}, "topLevelKeywordDisallowed"),
        ({"colour": "red"}, "propertyUndefinedTerm"),
        ({"writable": True}, "propertyIrrelevantDtmiOrTerm"),
        ({"http://x": 1}, "propertyNotDtmiNorTerm"),
        ({"comment": 5}, "stringNotString"),
        ({"comment": ["a", "b"]}, "stringMultipleValues"),
        ({"comment": "x" * 513}, "stringTooLong"),
        ({"displayName": {"english": "x"}}, "langStringInvalidCode"),
        ({"displayName": {"en": 5}}, "langStringValueNotString"),
        ({"contents": 5}, "refNotStringOrObject"),
        ({"contents": [None]}, "refNotStringOrObject"),
        ({"contents": {"@type": "Property", "schema": "double"}}, "missingDtmiSegPropertyValue"),
        ({"contents": {"@type": "Property", "name": "p"}}, "missingObjectProperty"),
        ({"contents": {"@type": "Property", "name": "p", "schema": "real"}}, "badDtmiOrTerm"),
        ({"contents": {"@type": "Property", "name": "p", "schema": "dtmi:a:X;1"}}, "badType"),
        ({"contents": {"@type": "Property", "name": "9", "schema": "double"}}, "stringInvalid"),
        ({"contents": {"@type": "Property", "name": "p", "schema": "double", "writable": "yes"}}, "booleanNotBoolean"),
        ({"contents": {"@type": "Object", "name": "p"}}, "badType"),
        ({"contents": {"@type": ["Property", "Telemetry"], "name": "p", "schema": "double"}}, "multipleMaterialTypes"),
        ({"contents": {"@type": "Relationship", "name": "p", "maxMultiplicity": 0}}, "valueBelowMin"),
        ({"contents": {"@id": "dtmi:a:Y;1"}}, "idReference"),
        ({"extends": "dtmi:a:X;1"}, "recursiveStructureNarrow"),
        ({"extends": "dtmi:dtdl:Nothing;1"}, "undefinedReservedId"),
        ({"extends": "dtmi:a:Nothing;1"}, "MT004"),
        ({"schemas": [{"@type": "Object", "fields": []}]}, "missingRequiredId"),
    ],
)
def test_one_mistake_gives_one_finding_of_the_published_rule(change: dict[str, object], expected: str) -> None:
    found = check(HEAD | change)
    assert rules(found) == [expected]
    assert found[0].location is not None
    assert found[0].location.line > 0
    assert not re.search(r"(?<!\w)…", found[0].cause)
    assert found[0].cause
    assert found[0].action


def test_all_mistakes_are_found_in_one_run() -> None:
    model = HEAD | {
        "comment": 5,
        "contents": [
            {"@type": "Property", "name": "a"},
            {"@type": "Propperty", "name": "b", "schema": "double"},
            {"@type": "Property", "name": "c", "schema": "dubble"},
            {"@type": "Telemetry", "name": "d", "schema": "double", "units": "x"},
        ],
    }
    found = check(model)
    assert rules(found) == [
        "stringNotString",
        "missingObjectProperty",
        "typeUndefinedTerm",
        "badDtmiOrTerm",
        "propertyUndefinedTerm",
    ]
    assert "Did you mean Property?" in found[2].cause
    assert "Did you mean double?" in found[3].cause


def test_a_misspelt_class_is_suggested_even_where_undefined_types_are_allowed() -> None:
    content = {"@type": "Propperty", "name": "b", "schema": "double"}
    (found,) = check(HEAD | {"@context": "dtmi:dtdl:context;2", "contents": [content]})
    assert rules([found]) == ["badType"]
    assert "Did you mean Property?" in found.cause


def test_a_mistake_in_one_document_does_not_hide_those_in_another() -> None:
    bad = HEAD | {"comment": 5}
    found = dtdl.check([json.dumps(bad), "{", json.dumps(bad | {"@id": "dtmi:a:Y;1"})])
    assert sorted((d.location.index, d.rule.removeprefix(PREFIX)) for d in found if d.location) == [
        (0, "stringNotString"),
        (1, "MT001"),
        (2, "stringNotString"),
    ]


def test_a_finding_names_the_span_of_what_it_speaks_of() -> None:
    text = '{\n  "@context": "dtmi:dtdl:context;3",\n  "@id": "dtmi:a:X;1", "@type": "Interface",\n  "comment": 5\n}'
    (found,) = dtdl.check(text)
    assert found.location == dtdl.Location("<text 0>", 4, 14, 4, 15, 0)
    assert str(found).startswith("<text 0>:4:14: error: The value of 'comment' of dtmi:a:X;1 is not a string.")


def test_an_unresolved_reference_suggests_a_near_dtmi() -> None:
    other = HEAD | {"@id": "dtmi:acme:building:Room;1"}
    found = dtdl.check([json.dumps(HEAD | {"extends": "dtmi:acme:building:Roome;1"}), json.dumps(other)])
    assert rules(found) == ["MT004"]
    assert "Did you mean dtmi:acme:building:Room;1?" in found[0].cause


def test_a_resolved_document_is_named_by_its_dtmi() -> None:
    other = HEAD | {"@id": "dtmi:a:Y;1", "comment": 5}
    found = check(HEAD | {"extends": "dtmi:a:Y;1"}, resolver=lambda _: {"dtmi:a:Y;1": json.dumps(other)})
    assert [d.location.file for d in found if d.location] == ["dtmi:a:Y;1"]
    assert found[0].location.index is None


def test_keys_that_are_written_twice_are_found() -> None:
    head = '"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface"'
    found = dtdl.check("{" + head + ', "comment": "a",\n "comment": "b"}')
    assert rules(found) == ["duplicatePropertyName"]
    assert found[0].location.line == 2
    assert found[0].secondary.line == 1
    assert rules(dtdl.check("{" + head + ', "@id": "dtmi:a:Y;1"}')) == ["repeatedIdProperty"]


def test_elements_defined_twice_name_both_places() -> None:
    found = dtdl.check([json.dumps(HEAD), json.dumps(HEAD)])
    assert rules(found) == ["duplicateDefinition"]
    assert (found[0].location.index, found[0].secondary.index) == (0, 1)


def test_siblings_of_one_name_are_refused() -> None:
    twin = {"@type": "Telemetry", "name": "t", "schema": "double"}
    (found,) = check(HEAD | {"contents": [twin, twin]})
    assert (found.rule, found.aux_property, found.value) == (PREFIX + "nonUniquePropertyValue", "name", "t")


def test_a_unit_must_be_of_its_semantic_type() -> None:
    context = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"]
    content = {"@type": ["Property", "Temperature"], "name": "t", "schema": "double", "unit": "metre"}
    assert rules(check(HEAD | {"@context": context, "contents": [content]})) == ["wrongParent"]
    del content["unit"]
    assert rules(check(HEAD | {"@context": context, "contents": [content]})) == ["missingSupplementalObjectProperty"]


def test_what_the_specification_advises_against_is_a_warning() -> None:
    content = {"@type": "dtmi:dtdl:class:Property;3", "name": "p", "schema": "dtmi:dtdl:instance:Schema:double;3"}
    found = check(HEAD | {"dtmi:dtdl:property:contents;3": [content]})
    assert sorted(rules(found)) == ["MT011", "MT012", "MT014"]
    assert {d.severity for d in found} == {Severity.WARNING}
    assert len(dtdl.parse(json.dumps(HEAD | {"contents": [content]}))) == 3


def test_a_deprecated_property_is_information() -> None:
    command = {"@type": "Command", "name": "c", "commandType": "synchronous"}
    (found,) = check(HEAD | {"contents": [command]})
    assert (found.rule, found.severity) == ("MT016", Severity.INFO)


def test_parse_raises_all_findings() -> None:
    with pytest.raises(ModelInvalid) as caught:
        dtdl.parse(json.dumps(HEAD | {"comment": 5, "displayName": 5}))
    assert len(caught.value.diagnostics) == 2


def test_text_that_is_not_json_names_line_and_column() -> None:
    (found,) = dtdl.check('{\n  "a": 1,\n  "b" 2\n}')
    assert (found.rule, found.location.line, found.location.column) == ("MT001", 3, 7)
    (found,) = dtdl.check('{"a": NaN}')
    assert found.rule == "MT001"


def test_a_file_that_is_not_utf8_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(b'{\n "a": "\xff"}')
    (found,) = dtdl.check(path)
    assert (found.rule, found.location.file, found.location.line, found.location.column) == ("MT002", str(path), 2, 8)


def test_limits_and_versions_are_options() -> None:
    model = HEAD | {"@context": ["dtmi:dtdl:context;4#limitless", "dtmi:dtdl:limits:onvif;1"]}
    assert rules(check(model)) == ["disallowedLimitContext"]
    assert check(model, limits=["dtmi:dtdl:limits:onvif"]) == []
    assert rules(check(HEAD, max_version=2)) == ["disallowedContextVersion"]


def test_solecisms_of_version_2_are_tolerated_on_demand() -> None:
    context = {"@context": "dtmi:dtdl:context;2"}
    other = HEAD | context | {"@id": "dtmi:a:Y;1"}
    model = HEAD | context | {"extends": {"@id": "dtmi:a:Y;1"}}
    assert rules(check([model, other])) == ["idReference"]
    assert check([model, other], tolerate=["solecisms"]) == []


def test_every_rule_has_words() -> None:
    for rule, (cause, action) in (WORDS | OWN).items():
        assert cause.endswith((".", "{hint}", "{violation}")), rule
        assert action.endswith("."), rule


def test_an_interface_is_no_larger_than_its_version_allows() -> None:
    contents = [{"@type": "Property", "name": f"p{i}", "comment": "x" * 500, "schema": "double"} for i in range(2_000)]
    half = HEAD | {"contents": contents[:1_000]}
    inner = HEAD | {"@id": "dtmi:a:Y;1", "contents": contents[1_000:]}
    assert rules(check(HEAD | {"contents": contents})) == ["partitionTooLarge"]
    assert check([half, inner]) == []
    assert check(half | {"extends": inner}) == []
