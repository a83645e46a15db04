import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from interop.cli import main

SCHEMAS = Path(__file__).parents[2] / "schemas"
FILE = """megatwin: 1
models: [models/]
modls: x
sources:
\tbad
"""
TYPO = """megatwin: 1
models: [models/]
sources:
  idle: {memory: x}
twins:
  tank: {modle: "dtmi:t:Tank;1"}
"""
TANK = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tank;1", "@type": "Interface"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tank.json").write_text(json.dumps(TANK), "utf-8")
    (tmp_path / "megatwin.yaml").write_text(TYPO, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_finding_is_shown_with_its_line_and_a_caret(project, capsys):
    assert main(["check", "megatwin.yaml"]) == 1
    out = capsys.readouterr().out
    assert "error[MT106]: the key 'modle' is not known here.\n  --> megatwin.yaml:6:10\n" in out
    assert " 6 |   tank: {modle: \"dtmi:t:Tank;1\"}\n   |          ^^^^^\n   = Did you mean 'model'?\n" in out


def test_concise_is_one_line_a_finding(project, capsys):
    assert main(["check", "megatwin.yaml", "--format", "concise"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [re.match(r"megatwin.yaml:(\d+):(\d+): (\w+): .* \[(MT\d+)\]$", line).groups() for line in lines] == [
        ("4", "3", "warning", "MT133"), ("6", "3", "error", "MT122"), ("6", "10", "error", "MT106"),
    ]  # fmt: skip


def test_json_fits_its_schema_and_standard_output_holds_nothing_else(project, capsys):
    assert main(["check", ".", "--format", "json"]) == 1
    body = json.loads(capsys.readouterr().out)
    schema = json.loads((SCHEMAS / "diagnostic.schema.json").read_text("utf-8"))
    for found in body["diagnostics"]:
        jsonschema.validate(found, schema)
    assert sorted(body["checked"]) == ["megatwin.yaml", "models/tank.json"]


def test_sarif_names_rule_level_and_region(project, capsys):
    assert main(["check", "megatwin.yaml", "--format", "sarif"]) == 1
    run = json.loads(capsys.readouterr().out)["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    result = next(item for item in run["results"] if item["ruleId"] == "MT106")
    assert rules[result["ruleIndex"]] == "MT106"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["shortDescription"]["text"] == "A key is not known."
    assert result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "megatwin.yaml"
    assert place["region"] == {"startLine": 6, "startColumn": 10, "endLine": 6, "endColumn": 15}


def test_github_gets_an_annotation_for_each_finding(project, capsys):
    assert main(["check", "megatwin.yaml", "--format", "github", "--select", "MT106"]) == 1
    assert capsys.readouterr().out == (
        "::error file=megatwin.yaml,line=6,col=10,endLine=6,endColumn=15,title=MT106::"
        "the key 'modle' is not known here. Did you mean 'model'?\n"
    )


def test_junit_counts_failures_and_lists_what_is_right(project, capsys):
    assert main(["check", "megatwin.yaml", "--format", "junit"]) == 1
    root = ET.fromstring(capsys.readouterr().out)
    assert root.attrib["failures"] == "2"
    passed = root.find("testsuite[@name='models/tank.json']")
    assert passed.attrib["failures"] == "0"
    assert len(root.findall(".//failure")) == 2


def test_select_and_ignore_choose_rules_by_their_beginning(project, capsys):
    assert main(["check", ".", "--ignore", "MT122", "--ignore", "MT106"]) == 0
    assert main(["check", ".", "--ignore", "MT122", "--ignore", "MT106", "--strict"]) == 1
    assert main(["check", ".", "--select", "MT13"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_a_rule_that_is_not_there_hides_no_finding(project, capsys, option):
    assert main(["check", ".", option, "MT1O6"]) == 2
    assert main(["check", ".", option, "missingContext"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "No rule begins with 'MT1O6'. Did you mean 'MT" in said.err
    assert "Did you mean 'dtmi:dtdl:parsingError:missingContext'?" in said.err


def test_a_rule_of_an_adapter_of_others_may_be_named_before_it_is_found(project, capsys):
    assert main(["check", ".", "--ignore", "JSONFILE01"]) == 1
    assert "No rule begins with 'JSONFILE01'." in capsys.readouterr().err


def test_exit_codes_tell_findings_from_usage(project, capsys):
    (project / "megatwin.yaml").write_text(FILE, "utf-8")
    assert main(["check", "megatwin.yaml"]) == 1
    assert main(["check", "missing.yaml"]) == 2
    assert main(["check"]) == 2
    assert main(["check", ".", "--format", "nothing"]) == 2
    assert "missing.yaml does not exist" in capsys.readouterr().err


def test_a_tab_before_the_caret_stays_a_tab(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("megatwin.yaml").write_text('{megatwin: 1, name: "a\tb", modles: 1}\n', "utf-8")
    assert main(["check", "megatwin.yaml", "--select", "MT106"]) == 1
    shown = ' 1 | {megatwin: 1, name: "a\tb", modles: 1}\n   |                       \t    ^^^^^^\n'
    assert shown in capsys.readouterr().out


def test_a_very_long_line_is_cut_around_the_place(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("megatwin.yaml").write_text("{megatwin: 1, name: '" + "x" * 5000 + "', modles: 1}\n", "utf-8")
    assert main(["check", "megatwin.yaml", "--select", "MT106"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 200
    caret = lines[4].index("^")
    assert lines[3][caret : caret + 6] == "modles"


def test_explain_tells_a_rule_and_lists_all(capsys):
    assert main(["explain", "mt121"]) == 0
    assert "MT121 (error): A DTMI is not defined." in capsys.readouterr().out
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 50
    assert main(["explain", "MT121", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "MT121"
    assert main(["explain", "MT999"]) == 2
