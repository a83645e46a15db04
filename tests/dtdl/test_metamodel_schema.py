"""The JSON Schemas for editors: valid, true to the tables, and never stricter than ``check``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dtdl.metamodel.schema import json_schema
from tests.conformance import table

HEAD = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface"}


@pytest.fixture(scope="module", params=[2, 3, 4])
def validator(request: pytest.FixtureRequest) -> Draft202012Validator:
    schema = json_schema(request.param)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"contents": [{"@type": "Property", "name": "p", "schema": "double", "writable": True}]},
        {"contents": {"@type": ["Property", "Temperature"], "name": "p", "schema": {"@type": "Map"} | {
            "mapKey": {"name": "k", "schema": "string"}, "mapValue": {"name": "v", "schema": "integer"}}}},
        {"displayName": {"en": "x", "de": "y"}, "description": "z", "extends": ["dtmi:a:Y;1"]},
    ],
)  # fmt: skip
def test_what_check_accepts_is_accepted(validator: Draft202012Validator, change: dict[str, Any]) -> None:
    assert list(validator.iter_errors(HEAD | change)) == []
    assert list(validator.iter_errors([HEAD | change])) == []


@pytest.mark.parametrize(
    "change",
    [
        {"@id": "dtmi:a:9;1"},
        {"@type": "Telemetry"},
        {"comment": 5},
        {"contents": 5},
        {"contents": [{"@type": "Property", "name": "9p", "schema": "double"}]},
        {"contents": [{"@type": "Property", "schema": "double"}]},
        {"contents": [{"@type": "Property", "name": "p", "schema": "dubble"}]},
        {"contents": [{"@type": "Relationship", "name": "r", "maxMultiplicity": 0}]},
        {"contents": [{"name": "p", "schema": "double"}]},
    ],
)
def test_frequent_mistakes_are_refused(validator: Draft202012Validator, change: dict[str, Any]) -> None:
    assert list(validator.iter_errors(HEAD | change))


@pytest.mark.skipif(not os.environ.get("MEGATWIN_CASES"), reason="MEGATWIN_CASES is not set: no published cases here")
def test_no_published_valid_case_is_refused() -> None:
    validators = {version: Draft202012Validator(json_schema(version)) for version in (2, 3, 4)}
    refused = []
    root = Path(os.environ["MEGATWIN_CASES"]) / "conformance" / "dtdl"
    for folder, name, case in table.cases(root):
        if folder not in table.FOLDERS or not case.get("valid") or case.get("quirks"):
            continue
        for model in case["input"]:
            contexts = set(re.findall(r"dtmi:dtdl:context;(\d)", json.dumps(model)))
            if len(contexts) == 1:
                refused += [f"{name}: {e.message[:80]}" for e in validators[int(contexts.pop())].iter_errors(model)]
    assert refused == []
