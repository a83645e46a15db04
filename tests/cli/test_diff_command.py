from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET

import pytest

from interop.cli import main

ROOM = """{
  "@context": "dtmi:dtdl:context;4",
  "@id": "dtmi:acme:Room;1",
  "@type": "Interface",
  "contents": [
    {"@type": "Property", "name": "hits", "schema": "long"},
    {"@type": "Property", "name": "goal", "schema": "double", "writable": true}
  ]
}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "room.json").write_text(ROOM, "utf-8")
    return tmp_path


def narrow(project, version="1"):
    text = ROOM.replace('"long"', '"integer"').replace("Room;1", f"Room;{version}")
    (project / "new" / "room.json").write_text(text, "utf-8")


def test_no_change_says_so(project, capsys):
    assert main(["diff", "old", "new"]) == 0
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "no changes\n")


def test_a_break_exits_with_1_and_names_line_and_column(project, capsys):
    narrow(project)
    assert main(["diff", "old", "new", "--format", "concise"]) == 1
    out = capsys.readouterr()
    lines = out.out.splitlines()
    assert lines[0].startswith("new/room.json:1:1: warning: dtmi:acme:Room;1: the changes need a major version, and ")
    assert "Give it the version of dtmi:acme:Room;2" in lines[0]
    assert lines[1].startswith("new/room.json:6:5: error: dtmi:acme:Room;1 contents/hits/schema: the schema accepts")
    assert out.err == "1 change, 1 of them breaking users; they need a major version: not every version has it\n"


def test_a_raised_version_is_seen_to_be_enough(project, capsys):
    narrow(project, "2")
    assert main(["diff", "old", "new"]) == 1
    out = capsys.readouterr()
    assert "info[MT591]" in out.out
    assert out.err.endswith("they need a major version: the versions have it\n")


def test_an_addition_exits_with_0(project, capsys):
    text = ROOM.replace('"schema": "long"', '"schema": "long", "writable": true')
    (project / "new" / "room.json").write_text(text, "utf-8")
    assert main(["diff", "old", "new"]) == 0
    assert "they need a minor version" in capsys.readouterr().err


def test_json_has_changes_with_reasons_and_versions(project, capsys):
    narrow(project)
    assert main(["diff", "old", "new", "--format", "json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["breaks"], body["bump"], body["enough"]) == (True, "major", False)
    (change,) = body["changes"]
    assert change["reason"] == "Values that were valid are refused."
    assert (change["old"], change["new"], change["location"]["line"]) == ("long", "integer", 6)
    assert body["versions"][0]["least"] == "dtmi:acme:Room;2"


def test_formats_for_machines(project, capsys):
    narrow(project)
    assert main(["diff", "old", "new", "--format", "sarif"]) == 1
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert {result["ruleId"] for result in run["results"]} == {"MT514", "MT590"}
    assert main(["diff", "old", "new", "--format", "github"]) == 1
    assert "::error file=new/room.json,line=6,col=5," in capsys.readouterr().out
    assert main(["diff", "old", "new", "--format", "junit"]) == 1
    assert ET.fromstring(capsys.readouterr().out).get("failures") == "1"


def test_findings_of_either_side_are_shown_and_nothing_is_compared(project, capsys):
    (project / "new" / "room.json").write_text(ROOM.replace('"long"', '"lnog"'), "utf-8")
    assert main(["diff", "old", "new"]) == 1
    out = capsys.readouterr()
    assert "--> new/room.json:6:" in out.out
    assert "nothing was compared" in out.err
    assert main(["diff", "old", "nowhere"]) == 2


def git(*arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_a_revision_of_git_is_read(project, monkeypatch, capsys):
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    narrow(project)
    for old, new in (("HEAD:new", "new"), ("HEAD:new/room.json", "new/room.json"), ("HEAD:new/", "new")):
        assert main(["diff", old, new, "--format", "json"]) == 1
        (change,) = json.loads(capsys.readouterr().out)["changes"]
        assert change["oldLocation"] == {"file": "HEAD:new/room.json", "line": 6, "column": 5}
    monkeypatch.chdir(project / "new")
    assert main(["diff", "HEAD:.", "."]) == 1
    capsys.readouterr()
    for bad in ("HEAD:none", "nothing:new", "--help:new", "HEAD:none.json"):
        assert main(["diff", "--", bad, "."]) == 2
        assert "megatwin: " in capsys.readouterr().err


def test_jsonl_of_a_revision_is_read(project, capsys):
    (project / "all.jsonl").write_text(json.dumps({"path": "a.json", "text": ROOM}), "utf-8")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    assert main(["diff", "HEAD:all.jsonl", "old"]) == 0


def test_bump_shows_a_patch_that_git_applies(project, capsys):
    assert main(["bump", "old", "dtmi:acme:Room", "--minor"]) == 0
    out = capsys.readouterr()
    assert out.err == "dtmi:acme:Room;1 → dtmi:acme:Room;1.1\n"
    (project / "x.patch").write_text(out.out, "utf-8")
    git("init", "-q")
    git("apply", "x.patch")
    assert (project / "old" / "room.json").read_text("utf-8") == ROOM.replace("Room;1", "Room;1.1")


def test_bump_writes_only_when_told_and_only_what_is_sound(project, capsys):
    assert main(["bump", "old", "dtmi:acme:Room;1", "--write"]) == 0
    assert (project / "old" / "room.json").read_text("utf-8") == ROOM.replace("Room;1", "Room;2")
    (project / "old" / "three.json").write_text(ROOM.replace("Room;1", "Room;3"), "utf-8")
    before = (project / "old" / "room.json").read_bytes()
    capsys.readouterr()
    assert main(["bump", "old", "dtmi:acme:Room;2", "--write"]) == 1
    out = capsys.readouterr()
    assert "duplicateDefinition" in out.out
    assert "nothing was changed" in out.err
    assert (project / "old" / "room.json").read_bytes() == before
    assert main(["bump", "old"]) == 2
    assert main(["bump", "old", "dtmi:acme:Nothing;1"]) == 1


def test_compile_writes_a_repository(project, capsys):
    assert main(["compile", "old", "--target", "repository", "-o", "models"]) == 0
    assert (project / "models" / "dtmi" / "acme" / "room-1.expanded.json").is_file()
    assert main(["compile", "old", "--target", "repository", "-o", "models", "--check"]) == 0
    assert main(["diff", "old", "models"]) == 0
    assert capsys.readouterr().err.endswith("no changes\n")
