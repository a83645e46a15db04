"""Every mistake that a user can make in megatwin.yaml: the file, and each finding with its rule, line and column.

A case is a file in config_cases/. A comment ``# ^ MT121`` names a finding: the caret stands below the column, in the
line above that is no such comment; ``# < MT120`` stands for column 1. Findings that no comment names fail.
"""

import json
import re
from pathlib import Path

import pytest

from dtdl.errors import ConfigInvalid
from interop.config import check, load
from interop.config.rules import RULES

CASES = Path(__file__).parent / "config_cases"
MODELS = [
    {
        "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2"],
        "@id": "dtmi:test:Motor;1",
        "@type": "Interface",
        "contents": [
            {"@type": ["Property", "Power"], "name": "power", "schema": "double", "unit": "kilowatt"},
            {"@type": ["Property", "Temperature"], "name": "goal", "schema": "double", "unit": "degreeCelsius",
             "writable": True},
            {"@type": "Telemetry", "name": "count", "schema": "integer"},
            {"@type": "Telemetry", "name": "ratio", "schema": "double"},
            {"@type": "Property", "name": "label", "schema": "string", "writable": True},
            {"@type": "Property", "name": "place", "schema": {
                "@type": "Object", "fields": [{"name": "x", "schema": "double"}, {"name": "y", "schema": "double"}]}},
            {"@type": "Command", "name": "reset"},
        ],
    },
    {
        "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2"],
        "@id": "dtmi:test:Station;1",
        "@type": "Interface",
        "contents": [
            {"@type": ["Property", "Power"], "name": "total", "schema": "double", "unit": "watt"},
            {"@type": ["Property", "Power"], "name": "peak", "schema": "double", "unit": "watt"},
            {"@type": "Property", "name": "note", "schema": "string"},
            {"@type": "Component", "name": "spare", "schema": "dtmi:test:Motor;1"},
            {"@type": "Relationship", "name": "has", "target": "dtmi:test:Motor;1", "maxMultiplicity": 2,
             "properties": [{"@type": "Property", "name": "since", "schema": "date"}]},
        ],
    },
]  # fmt: skip
MARK = re.compile(r"\s*#(?P<space>\s*)(?P<sign>[<^])\s*(?P<rules>MT\w+(?:\s*,\s*MT\w+)*)(?:\s.*)?")


def expected(text):
    found = []
    target = 0
    for number, line in enumerate(text.splitlines(), 1):
        match = MARK.fullmatch(line)
        if match is None:
            target = number
            continue
        column = line.index("^") + 1 if match["sign"] == "^" else 1
        found += [(rule, target, column) for rule in re.split(r"\s*,\s*", match["rules"])]
    return sorted(found)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    models = tmp_path / "models"
    models.mkdir()
    (models / "all.json").write_text(json.dumps(MODELS), encoding="utf-8")
    monkeypatch.delenv("MEGATWIN_TEST_UNSET", raising=False)
    return tmp_path


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_mistake_is_found_at_its_place(case, folder):
    file = folder / "megatwin.yaml"
    text = case.read_text("utf-8")
    file.write_text(text, encoding="utf-8")
    found = check(file)
    places = [(f.rule, f.location.line, f.location.column) for f in found]
    assert sorted(places) == expected(text), "\n".join(map(str, found))
    assert all(f.cause.endswith((".", "?")) and f.action for f in found)
    if all(f.severity != "error" for f in found):
        load(file)
    else:
        with pytest.raises(ConfigInvalid) as caught:
            load(file)
        assert [d.rule for d in caught.value.diagnostics] == [f.rule for f in found]


def test_every_rule_of_the_file_is_known_and_has_a_case():
    named = set(re.findall(r"\bMT1\d\d\b", "".join(path.read_text("utf-8") for path in CASES.glob("*.yaml"))))
    elsewhere = {
        "MT100",  # not UTF-8: test_config_document
        "MT103",  # too large: test_config_document
        "MT104",  # tags: test_config_document
        "MT115",  # overrides: test_config_load
        "MT131",  # an adapter that cannot be loaded: test_config_load
        "MT180",  # found when a runtime starts
    }
    assert named | elsewhere == set(RULES)
    assert not named & elsewhere
