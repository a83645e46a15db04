"""``megatwin check --fix``: what cannot change meaning is edited, and nothing else."""

import json
import re

import pytest

import dtdl
from interop.cli import main
from interop.fixes import FIXABLE

TEXT = """{
  "@context": "dtmi:dtdl:context;3",
  "@id": "dtmi:t:Tank;1",
  "@type": "dtmi:dtdl:class:Interface;3",
  "contents": [
    {"@type": ["Property", "Property"], "name": "level", "dtmi:dtdl:property:schema;3": "double"},
    {"@type":["dtmi:dtdl:class:Telemetry;3","Telemetry"], "schema": "dtmi:dtdl:instance:Schema:double;3", "name": "h"}
  ]
}
"""
FIXED = """{
  "@context": "dtmi:dtdl:context;3",
  "@id": "dtmi:t:Tank;1",
  "@type": "Interface",
  "contents": [
    {"@type": ["Property"], "name": "level", "schema": "double"},
    {"@type":["Telemetry"], "schema": "double", "name": "h"}
  ]
}
"""


@pytest.fixture
def tank(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tank.json"
    path.write_text(TEXT, "utf-8")
    return path


def test_every_safe_edit_is_made_and_the_model_stays_equal(tank, capsys):
    before = dtdl.parse(tank)
    assert main(["check", "tank.json", "--fix", "--strict"]) == 0
    assert tank.read_text("utf-8") == FIXED
    assert dtdl.equal(before, dtdl.parse(tank))
    err = capsys.readouterr().err
    assert re.search(r"^fixed tank\.json:6:\d+: warning: .* \[MT011\]$", err, re.MULTILINE)
    assert {rule for rule in FIXABLE if f"[{rule}]" in err} == {"MT011", "MT012", "MT013", "MT014"}


def test_diff_shows_the_edits_and_writes_nothing(tank, capsys):
    assert main(["check", "tank.json", "--fix", "--diff"]) == 0
    out = capsys.readouterr().out
    assert '-  "@type": "dtmi:dtdl:class:Interface;3",\n+  "@type": "Interface",\n' in out
    assert out.startswith("--- tank.json\n+++ tank.json\n@@")
    assert tank.read_text("utf-8") == TEXT


def test_only_chosen_rules_are_mended(tank, capsys):
    assert main(["check", "tank.json", "--fix", "--select", "MT012"]) == 0
    assert tank.read_text("utf-8") == TEXT.replace('"dtmi:dtdl:instance:Schema:double;3"', '"double"')
    capsys.readouterr()


def test_an_extension_named_twice_is_named_once(tank, capsys):
    contexts = '["dtmi:dtdl:context;3", "dtmi:dtdl:extension:historization;1", "dtmi:dtdl:extension:historization;1"]'
    tank.write_text(FIXED.replace('"dtmi:dtdl:context;3"', contexts), "utf-8")
    assert main(["check", "tank.json", "--fix", "--strict"]) == 0
    named = json.loads(tank.read_text("utf-8"))["@context"]
    assert named == ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:historization;1"]
    capsys.readouterr()


def test_two_versions_of_an_extension_are_left_to_the_author(tank, capsys):
    contexts = '["dtmi:dtdl:context;3", "dtmi:dtdl:extension:mqtt;1", "dtmi:dtdl:extension:mqtt;2"]'
    text = FIXED.replace('"dtmi:dtdl:context;3"', contexts)
    tank.write_text(text, "utf-8")
    main(["check", "tank.json", "--fix"])
    assert tank.read_text("utf-8") == text
    capsys.readouterr()


def test_an_edit_that_would_change_the_model_is_taken_back(tank, capsys):
    """A unit of another version of the extension: its term means the unit of the version that is named."""
    unit = "dtmi:dtdl:extension:quantitativeTypes:v1:unit:degreeCelsius"
    text = FIXED.replace('"@type": ["Property"]', f'"@type": ["Property", "Temperature"], "unit": "{unit}"')
    text = text.replace('"dtmi:dtdl:context;3"', '["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"]')
    tank.write_text(text, "utf-8")
    assert main(["check", "tank.json", "--fix"]) == 0
    assert tank.read_text("utf-8") == text.replace(unit, "degreeCelsius")
    other = text.replace('"dtmi:dtdl:extension:quantitativeTypes;1"', '"dtmi:dtdl:extension:mqtt;1"')
    other = other.replace('"Temperature"', '"dtmi:dtdl:extension:quantitativeTypes:v1:class:Temperature"')
    tank.write_text(other.replace('"unit"', '"dtmi:dtdl:extension:quantitativeTypes:v1:property:unit"'), "utf-8")
    before = tank.read_text("utf-8")
    main(["check", "tank.json", "--fix"])
    assert tank.read_text("utf-8") == before
    assert "not fixed" in capsys.readouterr().err


def test_definitions_with_errors_are_not_edited(tank, capsys):
    text = TEXT.replace('"h"', '"9h"')
    tank.write_text(text, "utf-8")
    assert main(["check", "tank.json", "--fix"]) == 1
    assert tank.read_text("utf-8") == text
    assert "correct the errors first" in capsys.readouterr().err


def test_line_ends_and_a_byte_order_mark_stay(tank, capsys):
    tank.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert main(["check", ".", "--fix"]) == 0
    assert tank.read_bytes() == b"\xef\xbb\xbf" + FIXED.replace("\n", "\r\n").encode()
    capsys.readouterr()


def test_only_files_that_were_named_are_edited(tank, capsys):
    (tank.parent / "models").mkdir()
    model = tank.rename(tank.parent / "models" / "tank.json")
    (tank.parent / "megatwin.yaml").write_text('megatwin: 1\nmodels: [models/]\ntwins: {t: {model: "dtmi:t:Tank;1"}}\n')
    assert main(["check", "megatwin.yaml", "--fix"]) == 0
    assert model.read_text("utf-8") == TEXT
    assert main(["check", ".", "--fix"]) == 0
    assert model.read_text("utf-8") == FIXED
    capsys.readouterr()


def test_diff_without_fix_is_an_error_of_usage(tank, capsys):
    assert main(["check", "tank.json", "--diff"]) == 2
    assert "--diff needs --fix" in capsys.readouterr().err
