"""The schemas for editors: they refuse nothing that is right, and most of what is wrong."""

import json
import os
import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from dtdl.metamodel.editor_schema import LEFT, editor_schema
from tests.conformance import table

ROOT = os.environ.get("MEGATWIN_CASES")
needs_cases = pytest.mark.skipif(not ROOT, reason="MEGATWIN_CASES is not set: the published cases are not here")
DOCS = Path(__file__).parents[2] / "docs"


@cache
def validator(version):
    return jsonschema.Draft7Validator(editor_schema(version))


def contexts(value):
    if isinstance(value, dict):
        if "@context" in value:
            given = value["@context"]
            yield from given if isinstance(given, list) else [given]
        for held in value.values():
            yield from contexts(held)
    elif isinstance(value, list):
        for held in value:
            yield from contexts(held)


def cases(version):
    """The published cases of a version, with extensions where ``check`` judges them without options."""
    for folder, name, case in table.cases(Path(ROOT) / "conformance" / "dtdl"):
        if folder not in table.FOLDERS or case.get("quirks"):
            continue
        named = {str(text) for text in contexts(case["input"])}
        core = {text for text in named if re.fullmatch(r"dtmi:dtdl:context;\d", text)}
        if core != {f"dtmi:dtdl:context;{version}"}:
            continue
        if named == core or "AllowUndefinedExtensions" not in case.get("options", ()):
            yield name, case


def accepts(version, case):
    return all(validator(version).is_valid(model) for model in case["input"])


@needs_cases
@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.slow
def test_no_valid_published_case_is_refused(version):
    valid = [(name, case) for name, case in cases(version) if case["valid"]]
    assert len(valid) > 1000
    assert [name for name, case in valid if not accepts(version, case)] == []


@needs_cases
@pytest.mark.slow
@pytest.mark.parametrize(("version", "share"), [(2, 0.85), (3, 0.9), (4, 0.89)])
def test_most_invalid_published_cases_are_refused(version, share):
    invalid = [case for _, case in cases(version) if not case["valid"]]
    assert len(invalid) > 2000
    refused = sum(not accepts(version, case) for case in invalid)
    assert refused / len(invalid) > share


@needs_cases
@pytest.mark.parametrize("name", ["rec", "energygrid", "smartcities"])
def test_what_check_takes_of_real_ontologies_is_taken(name):
    import dtdl

    path = Path(ROOT) / "bench" / f"{name}.jsonl"
    bad = {found.location.file for found in dtdl.check(path) if found.severity == "error"}
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    right = [row for row in rows if row["path"] not in bad][::8]
    assert right
    for row in right:
        found = json.loads(row["text"])
        first = found[0] if isinstance(found, list) else found
        version = int(re.search(r"dtmi:dtdl:context;(\d)", str(first["@context"]))[1])
        assert validator(version).is_valid(found), row["path"]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_nothing_is_looked_up_elsewhere(version):
    text = json.dumps(editor_schema(version))
    found = re.findall(r'"\$ref": "([^"]*)"', text)
    assert found
    assert all(name.startswith("#/definitions/") for name in found)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_editors_are_told_what_to_complete_where_a_schema_has_branches(version):
    definitions = editor_schema(version)["definitions"]
    assert {"double", "string", "point"} <= set(definitions["is-Property"]["properties"]["schema"]["examples"])
    assert definitions["is-Enum"]["properties"]["valueSchema"]["examples"] == ["integer", "string"]
    assert definitions["type-Property"]["examples"] == ["Property"]
    units = [demand["then"]["properties"]["unit"].get("examples") for demand in definitions.values()
             if "unit" in demand.get("then", {}).get("properties", {})]  # fmt: skip
    assert ["degreeCelsius", "degreeFahrenheit", "kelvin"] in units


def test_the_page_lists_what_is_left_to_check():
    page = " ".join((DOCS / "editors.md").read_text("utf-8").split())
    for left in LEFT:
        assert left in page
