import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from interop.cli import COMMANDS, main
from interop.cli import validate as validate_module
from interop.cli.check import FORMATS

ROOT = Path(__file__).parents[2]
TANK = {
    "@context": "dtmi:dtdl:context;4",
    "@id": "dtmi:t:Tank;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "level", "schema": "double"}],
}
DATA = """{
  "$dtId": "t1", "$metadata": {"$model": "dtmi:t:Tank;1"},
  "level": "full"
}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tank.json").write_text(json.dumps(TANK), "utf-8")
    (tmp_path / "data.json").write_text(DATA, "utf-8")
    (tmp_path / "schema.json").write_text('{"properties": {"level": {"type": "number"}}}', "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_finding_is_shown_with_its_line_and_a_caret(project, capsys):
    assert main(["validate", "data.json", "--models", "models"]) == 1
    out, err = capsys.readouterr()
    assert out == (
        'error[MT301]: level: "full" is not a number.\n  --> data.json:3:12\n   |\n'
        ' 3 |   "level": "full"\n   |            ^^^^^^\n   = Give a number.\n'
    )
    assert err == "1 file checked: 1 error\n"


def test_a_schema_is_checked_with_the_same_look(project, capsys):
    assert main(["validate", "data.json", "--schema", "schema.json"]) == 1
    assert ' 3 |   "level": "full"\n   |            ^^^^^^\n   = Give a number.\n' in capsys.readouterr().out


@pytest.mark.parametrize("how", FORMATS)
def test_every_format_of_check_is_written(project, capsys, how):
    assert main(["validate", "data.json", "--models", "models", "--format", how]) == 1
    out = capsys.readouterr().out
    match how:
        case "json":
            body = json.loads(out)
            schema = json.loads((ROOT / "schemas" / "diagnostic.schema.json").read_text("utf-8"))
            (found,) = body["diagnostics"]
            jsonschema.validate(found, schema)
            assert body["checked"] == ["data.json"]
            assert (found["location"]["line"], found["location"]["column"]) == (3, 12)
        case "sarif":
            (run,) = json.loads(out)["runs"]
            assert run["tool"]["driver"]["rules"][0]["shortDescription"]
            assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 3
        case "junit":
            assert ET.fromstring(out).attrib["failures"] == "1"
        case "github":
            assert out.startswith("::error file=data.json,line=3,col=12,")
        case _:
            assert "data.json:3:12" in out
    assert validate_module.FORMATS == FORMATS


def test_a_patch_and_a_table_take_their_model_from_the_command_line(project, capsys):
    Path("patch.json").write_text('[{"op": "replace", "path": "/level", "value": 1}]', "utf-8")
    Path("data.csv").write_text("$dtId,level\nt1,1.5\nt2,high\n", "utf-8")
    models = ["--models", "models", "--model", "dtmi:t:Tank;1"]
    assert main(["validate", "patch.json", "--patch", *models]) == 0
    assert main(["validate", "data.csv", *models, "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("data.csv:3:4: error: ")


def test_exit_codes_tell_findings_from_usage(project, capsys):
    Path("good.json").write_text('{"$metadata": {"$model": "dtmi:t:Tank;1"}, "level": 1}', "utf-8")
    assert main(["validate", "good.json", "--models", "models"]) == 0
    assert main(["validate", "good.json", "--schema", "schema.json"]) == 0
    assert main(["validate", "missing.json", "--models", "models"]) == 2
    assert main(["validate", "models", "--models", "models"]) == 2
    assert main(["validate", "good.json", "--models", "none"]) == 2
    assert main(["validate", "missing.json", "--schema", "schema.json"]) == 2
    assert main(["validate", "good.json", "--schema", "missing.json"]) == 2
    assert main(["validate", "good.json"]) == 2
    assert main(["validate", "good.json", "--models", "models", "--patch"]) == 2
    assert main(["validate", "good.json", "--models", "models", "--schema", "schema.json"]) == 2
    assert main(["validate", "good.json", "--models", "models", "--model", "dtmi:t:No;1"]) == 1
    assert "--patch needs --model" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_said_with_what_was_meant(project, capsys):
    assert main(["validate", "data.json", "--models", "models", "--model", "dtmi:t:Tnk;1"]) == 1
    assert "no definition has the Interface dtmi:t:Tnk;1\n  Did you mean 'dtmi:t:Tank;1'?" in capsys.readouterr().err


def test_models_without_an_interface_are_no_models(project, capsys):
    (project / "empty").mkdir()
    assert main(["validate", "data.json", "--models", "empty"]) == 2
    assert "empty: there is no Interface" in capsys.readouterr().err


def test_a_file_in_a_folder_that_is_named_too_is_read_once(project, capsys):
    Path("good.json").write_text('{"$metadata": {"$model": "dtmi:t:Tank;1"}, "level": 1}', "utf-8")
    more = ["--models", "models/tank.json", "--models", "models/../models"]
    assert main(["validate", "good.json", "--models", "models", *more]) == 0, capsys.readouterr().out


def test_models_with_findings_are_shown_instead_of_the_data(project, capsys):
    Path("models/tank.json").write_text(json.dumps({**TANK, "contents": 5}), "utf-8")
    assert main(["validate", "data.json", "--models", "models", "--format", "concise"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("models/tank.json:1:")
    assert "the data was not checked" in err


def test_the_examples_of_the_page_are_true(project, capsys):
    assert COMMANDS["validate"][0] == "interop.cli.validate"
    text = (ROOT / "docs" / "validate.md").read_text("utf-8")
    for option in validate_module.command.params:
        if option.opts[0].startswith("--"):
            assert f"`{option.opts[0]}" in text, option.opts[0]
    for rule in ("MT401", "MT440", "MT442", "MT445", "MT446"):
        assert rule in text


def test_help_does_not_import_what_only_a_check_needs():
    code = "import sys, interop.cli.validate; print({'pydantic', 'jsonschema', 'dtdl.parser'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"
