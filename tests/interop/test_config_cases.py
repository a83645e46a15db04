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


BROKEN = """megatwin: 1
models: [models/]
sources:
  a: {opcua: "opc.tcp://127.0.0.1:4840", security: none, namespaces: {v: "urn:vendor"}}
  b: {memory: b, bogus: 1}
#                ^ MT106
twins:
  m:
    model: dtmi:test:Motor;1
    bind:
      a:
        at: /Objects/v:Motor
        map:
          power: 2:P
#                ^ MTOPCUA01
          goal: {path: v:G, unit: furlongs}
#                                 ^ MT144
          ratio: v:R
      b:
        map:
          ratio: R
#                ^ MT146
  n:
    model: dtmi:test:Motor;1
    bind:
      a: {at: "/Objects/4:Motor", auto: true}
#                                 ^ MTOPCUA01
  s:
    model: dtmi:test:Station;1
    parts: {relationship: has}
    roll-up: {total: sum(parts/power), peak: most(parts/power)}
#                                            ^ MT160
  g:
    model: dtmi:test:Good;1
    bind: {b: {map: {lvel: L}}}
#                    ^ MT140
relationships:
  - {from: s, name: has, to: m}
  - {from: s, name: has, to: nobody}
#                            ^ MT152
"""
GOOD = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:test:Good;1", "@type": "Interface",
        "contents": [{"@type": "Telemetry", "name": "level", "schema": "double"}]}  # fmt: skip


@pytest.mark.parametrize("how", ["no JSON", "wrong", "missing"])
def test_a_broken_model_hides_no_other_mistake_and_adds_none(folder, how):
    (folder / "models" / "good.json").write_text(json.dumps(GOOD), "utf-8")
    broken = folder / "models" / "all.json"
    text = BROKEN
    if how == "no JSON":
        broken.write_text(json.dumps(MODELS)[:-1], "utf-8")
    elif how == "wrong":
        broken.write_text(json.dumps(MODELS).replace('"name": "power"', '"name": "1power"'), "utf-8")
    else:
        broken.unlink()
        text = text.replace("models: [models/]", "models: [models/, all.json]")
    (folder / "megatwin.yaml").write_text(text, "utf-8")
    found = check(folder / "megatwin.yaml")
    own = [f for f in found if f.location.file.endswith("megatwin.yaml")]
    wanted = expected(text) + ([("MT110", 2, 19)] if how == "missing" else [])
    assert sorted((f.rule, f.location.line, f.location.column) for f in own) == sorted(wanted), "\n".join(map(str, own))
    others = {f.location.file for f in found if f not in own}
    assert others == (set() if how == "missing" else {str(broken)})


def test_what_no_file_defines_is_found_beside_a_definition_that_is_wrong(folder):
    (folder / "models" / "bad.json").write_text(json.dumps(GOOD | {"contents": 5}), "utf-8")
    text = 'megatwin: 1\nmodels: [models/]\ntwins: {g: {model: "dtmi:test:Good;1"}, m: {model: "dtmi:test:Moto;1"}}\n'
    (folder / "megatwin.yaml").write_text(text, "utf-8")
    found = check(folder / "megatwin.yaml")
    assert [(f.rule, f.action) for f in found if f.rule == "MT121"] == [("MT121", "Did you mean 'dtmi:test:Motor;1'?")]


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
