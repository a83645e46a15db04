from __future__ import annotations

import json
import runpy

import pytest

from interop.cli import main

ROOM = {
    "@context": "dtmi:dtdl:context;4",
    "@id": "dtmi:acme:Room;1",
    "@type": "Interface",
    "contents": [{"@type": "Property", "name": "temperature", "schema": "double"}],
}


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "room.json").write_text(json.dumps(ROOM))
    return folder


def test_a_folder_becomes_a_package(models, tmp_path):
    out = tmp_path / "twins"
    assert main(["compile", str(models), "-o", str(out)]) == 0
    assert (out / "py.typed").exists()
    room = runpy.run_path(str(out / "__init__.py"))["Room"]
    assert room.__dtmi__ == "dtmi:acme:Room;1"


def test_a_py_output_is_one_file(models, tmp_path):
    out = tmp_path / "twins.py"
    assert main(["compile", str(models / "room.json"), "-o", str(out)]) == 0
    assert "class Room(" in out.read_text()


def test_check_tells_whether_the_output_is_current(models, tmp_path, capsys):
    out = tmp_path / "twins.py"
    assert main(["compile", str(models), "-o", str(out), "--check"]) == 1
    assert not out.exists()
    assert main(["compile", str(models), "-o", str(out)]) == 0
    assert main(["compile", str(models), "-o", str(out), "--check"]) == 0
    out.write_text(out.read_text().replace("Double", "Float"))
    assert main(["compile", str(models), "-o", str(out), "--check"]) == 1
    assert "twins.py: not current" in capsys.readouterr().out


def test_bad_definitions_print_every_finding(models, tmp_path, capsys):
    bad = json.loads(json.dumps(ROOM))
    bad["contents"][0]["schema"] = "flaot"
    bad["contents"].append({"@type": "Property", "name": "humidity"})
    (models / "room.json").write_text(json.dumps(bad, indent=2))
    assert main(["compile", str(models), "-o", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().out
    assert printed.count("room.json:") == 2
    assert not (tmp_path / "out").exists()


def test_a_missing_path_is_a_usage_error(tmp_path, capsys):
    assert main(["compile", str(tmp_path / "nope"), "-o", str(tmp_path / "out")]) == 2
    assert "nope" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["pydantic", "jsonschema"])
def test_nothing_to_compile_is_a_usage_error(tmp_path, capsys, target):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.py"
    assert main(["compile", str(tmp_path / "empty"), "-o", str(out), "--target", target]) == 2
    assert "empty: there is no Interface" in capsys.readouterr().err
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_a_usage_error(models, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["compile", str(models), "-o", str(tmp_path / "file" / "twins.py")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_json_schema_is_a_target(models, tmp_path):
    out = tmp_path / "room.json"
    assert main(["compile", str(models), "-o", str(out), "--target", "jsonschema"]) == 0
    assert json.loads(out.read_text())["$defs"]["Room"]["properties"]["temperature"]["type"] == "number"


def test_rdf_is_a_target(models, tmp_path):
    out = tmp_path / "room.ttl"
    assert main(["compile", str(models), "-o", str(out), "--target", "rdf"]) == 0
    assert "<dtmi:acme:Room;1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>" in out.read_text()
    assert main(["compile", str(models), "-o", str(out), "--target", "rdf", "--check"]) == 0
