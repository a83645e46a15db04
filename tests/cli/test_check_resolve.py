import json
import runpy

import pytest

from interop.cli import main

HEAD = {"@context": "dtmi:dtdl:context;4", "@type": "Interface"}
ROOM = HEAD | {"@id": "dtmi:acme:Room;1", "extends": "dtmi:acme:Space;1"}
LEVEL = {"@type": ["Property"], "name": "level", "schema": "double", "writable": True}


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "library" / "any").mkdir(parents=True)
    (tmp_path / "room.json").write_text(json.dumps(ROOM), "utf-8")
    space = HEAD | {"@id": "dtmi:acme:Space;1", "contents": [LEVEL]}
    (tmp_path / "library" / "any" / "space.json").write_text(json.dumps(space), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_reference_to_nothing_names_the_file_of_a_repository(project, capsys):
    assert main(["check", "room.json"]) == 1
    out = capsys.readouterr().out
    assert "MT004" in out
    assert "dtmi/acme/space-1.json" in out


def test_a_folder_gives_what_the_checked_files_refer_to(project, capsys):
    assert main(["check", "room.json", "--resolve", "library"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "1 file checked: no findings\n"


def test_several_folders_are_asked_in_order(project):
    (project / "empty").mkdir()
    assert main(["check", "room.json", "--resolve", "empty"]) == 1
    assert main(["check", "room.json", "--resolve", "empty", "--resolve", "library"]) == 0


def test_what_is_found_in_a_folder_is_not_advised_about_but_its_errors_are_said(project, capsys):
    file = project / "library" / "any" / "space.json"
    twice = HEAD | {"@id": "dtmi:acme:Space;1", "contents": [LEVEL | {"@type": ["Property", "Property"]}]}
    file.write_text(json.dumps(twice), "utf-8")
    assert main(["check", "library"]) == 0
    assert "MT013" in capsys.readouterr().out
    assert main(["check", "room.json", "--resolve", "library", "--strict"]) == 0
    assert capsys.readouterr().out == ""
    file.write_text(
        json.dumps(HEAD | {"@id": "dtmi:acme:Space;1", "contents": [LEVEL | {"schema": "dubble"}]}), "utf-8"
    )
    assert main(["check", "room.json", "--resolve", "library", "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith("library/any/space.json:1:")


def test_a_folder_that_is_missing_is_usage(project, capsys):
    assert main(["check", "room.json", "--resolve", "nowhere"]) == 2
    assert "nowhere is no folder" in capsys.readouterr().err


def test_fixes_are_proven_with_what_the_folders_have(project, capsys):
    (project / "room.json").write_text(json.dumps(ROOM | {"@type": ["Interface", "Interface"]}), "utf-8")
    assert main(["check", "room.json", "--fix"]) == 1
    assert main(["check", "room.json", "--resolve", "library", "--fix"]) == 0
    assert json.loads((project / "room.json").read_text("utf-8"))["@type"] in ("Interface", ["Interface"])


def test_data_are_checked_with_models_that_refer_to_a_folder(project, capsys):
    twin = {"$dtId": "r", "$metadata": {"$model": "dtmi:acme:Room;1"}, "level": "full"}
    (project / "data.json").write_text(json.dumps(twin), "utf-8")
    assert main(["validate", "data.json", "--models", "room.json", "--resolve", "library"]) == 1
    assert "MT301" in capsys.readouterr().out
    assert main(["validate", "data.json", "--models", "room.json"]) == 1
    assert "MT004" in capsys.readouterr().out
    assert main(["validate", "data.json", "--schema", "room.json", "--resolve", "library"]) == 2


def test_definitions_are_compiled_with_what_a_folder_has(project, capsys):
    assert main(["compile", "room.json", "-o", "twins.py"]) == 1
    assert "MT004" in capsys.readouterr().out
    assert main(["compile", "room.json", "-o", "twins.py", "--resolve", "library"]) == 0
    twins = runpy.run_path("twins.py")["TWINS"]
    assert twins["dtmi:acme:Room;1"](level=2.5).document() == {"level": 2.5}
    assert main(["compile", "room.json", "-o", "twins.py", "--resolve", "library", "--check"]) == 0
    assert main(["compile", "room.json", "-o", "twins.py", "--resolve", "nowhere"]) == 2


@pytest.mark.parametrize(
    ("target", "file", "holds_space"),
    [
        ("jsonschema", "out/twins.schema.json", True),
        ("repository", "out/dtmi/acme/space-1.json", True),
        ("rdf", "out/models.ttl", False),
    ],
)
def test_every_target_takes_the_folders(project, target, file, holds_space):
    assert main(["compile", "room.json", "-o", "out", "--target", target, "--resolve", "library"]) == 0
    assert ("level" in (project / file).read_text("utf-8")) is holds_space
