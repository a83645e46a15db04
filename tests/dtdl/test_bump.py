from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dtdl
from dtdl.bump import bump
from dtdl.change import Bump, raised
from dtdl.diff import diff
from dtdl.errors import InputUnreadable, ModelInvalid, ModelNotFound

ROOM = """{"@context":"dtmi:dtdl:context;4",
\t"@id" : "dtmi:acme:Room;1",   "@type": "Interface",
  "displayName": "dtmi:acme:Room;1", "comment": "see dtmi:acme:Room;1",
  "contents": [ {"@type":"Relationship","name":"next","target":"dtmi:acme:Room;1"},
\t{"@type":"Property","name":"kind","schema":{"@type":"Enum","valueSchema":"string",
  "enumValues":[{"name":"a","enumValue":"dtmi:acme:Room;1"}]}}]
}"""
HOUSE = """{
  "@context": "dtmi:dtdl:context;4",
  "@id": "dtmi:acme:House;1", "@type": "Interface",
  "contents": [{"@type": "Component", "name": "hall", "schema": "dtmi:acme\\u003aRoom;1"}]
}
"""
CASES = os.environ.get("MEGATWIN_CASES")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "room.json").write_bytes(ROOM.replace("\n", "\r\n").encode("utf-8-sig"))
    (tmp_path / "house.json").write_text(HOUSE, "utf-8")
    return tmp_path


def test_identifiers_and_references_change_and_every_other_character_stays(folder):
    done = bump([folder], ["dtmi:acme:Room;1"])
    texts = {edit.path.name: edit.new for edit in done.edits}
    room = "\ufeff" + ROOM.replace("\n", "\r\n")
    assert texts["room.json"] == room.replace('"@id" : "dtmi:acme:Room;1"', '"@id" : "dtmi:acme:Room;2"').replace(
        '"target":"dtmi:acme:Room;1"', '"target":"dtmi:acme:Room;2"'
    )
    assert texts["house.json"] == HOUSE.replace("dtmi:acme\\u003aRoom;1", "dtmi:acme:Room;2")
    assert done.raised == {"dtmi:acme:Room;1": "dtmi:acme:Room;2"}
    assert done.dependents == ("dtmi:acme:House;1",)
    assert (folder / "house.json").read_text("utf-8") == HOUSE


def test_a_name_without_a_version_means_the_only_one_there_is(folder):
    assert bump([folder], ["dtmi:acme:House"], Bump.MINOR).raised == {"dtmi:acme:House;1": "dtmi:acme:House;1.1"}
    (folder / "more.json").write_text(HOUSE.replace("House;1", "House;2"), "utf-8")
    with pytest.raises(ModelNotFound, match="several versions"):
        bump([folder], ["dtmi:acme:House"])
    with pytest.raises(ModelNotFound, match="Shed"):
        bump([folder], ["dtmi:acme:Shed;1"])


def test_a_result_with_findings_is_refused_with_the_names_of_the_files(folder):
    (folder / "more.json").write_text(HOUSE.replace("House;1", "House;2"), "utf-8")
    with pytest.raises(ModelInvalid) as caught:
        bump([folder], ["dtmi:acme:House;1"])
    assert {found.location.file for found in caught.value.diagnostics} <= set(map(str, folder.iterdir()))
    two = folder / "two.json"
    two.write_text('{"@context":"dtmi:dtdl:context;2","@id":"dtmi:acme:Old;1","@type":"Interface"}', "utf-8")
    with pytest.raises(ModelInvalid, match=r"dtmi:acme:Old;1\.1"):
        bump([two], ["dtmi:acme:Old;1"], Bump.MINOR)


def test_a_published_version_stays(tmp_path):
    file = tmp_path / "dtmi" / "acme" / "house-1.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"@context":"dtmi:dtdl:context;2","@id":"dtmi:acme:House;1","@type":"Interface"}', "utf-8")
    with pytest.raises(ModelInvalid) as caught:
        bump([tmp_path], ["dtmi:acme:House;1"])
    assert [found.rule for found in caught.value.diagnostics] == ["MT592"]


@pytest.mark.parametrize("text", ["no json", '{"path": "x"}', "[]", '{"text": 1}'])
def test_what_cannot_be_read_is_refused(tmp_path, text):
    for name in ("bad.jsonl", "bad.json"):
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises((InputUnreadable, ModelInvalid, ModelNotFound)):
            bump([tmp_path / name], ["dtmi:acme:Room;1"])
    (tmp_path / "bytes.json").write_bytes(b"\xff{}")
    with pytest.raises(InputUnreadable, match="UTF-8"):
        bump([tmp_path / "bytes.json"], ["dtmi:acme:Room;1"])
    with pytest.raises(InputUnreadable):
        bump([tmp_path / "missing.json"], ["dtmi:acme:Room;1"])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.booleans())
def test_lines_of_jsonl_keep_their_escapes(tmp_path_factory, words, escaped):
    text = json.dumps(
        {"@context": "dtmi:dtdl:context;4", "comment": words, "@id": "dtmi:acme:Room;1", "@type": "Interface"},
        ensure_ascii=not escaped,
    )
    line = json.dumps({"path": "a/room.json", "text": text}, ensure_ascii=escaped)
    file = tmp_path_factory.mktemp("bump") / "all.jsonl"
    file.write_bytes(f"{line}\r\n\n{line.replace('Room', 'Hall')}".encode())
    (edit,) = bump([file], ["dtmi:acme:Room;1"]).edits
    place = line.rindex("Room;1")
    assert edit.new == f"{line[:place]}Room;2{line[place + 6 :]}\r\n\n{line.replace('Room', 'Hall')}"


@pytest.mark.parametrize(
    ("before", "level", "after"),
    [
        ("dtmi:a;1", Bump.MAJOR, "dtmi:a;2"),
        ("dtmi:a;1.3", Bump.MAJOR, "dtmi:a;2"),
        ("dtmi:a;1.3", Bump.MINOR, "dtmi:a;1.4"),
        ("dtmi:a:b;9", Bump.MINOR, "dtmi:a:b;9.1"),
        ("dtmi:a", Bump.MINOR, "dtmi:a;1"),
        ("dtmi:a;4", Bump.NONE, "dtmi:a;4"),
    ],
)
def test_versions_rise(before, level, after):
    assert raised(before, level) == after


@pytest.mark.skipif(not CASES, reason="MEGATWIN_CASES names no folder of cases")
@pytest.mark.parametrize("name", ["rec", "energygrid", "smartcities"])
def test_a_raised_ontology_differs_in_versions_only(tmp_path, name):
    source = Path(CASES, "bench", f"{name}.jsonl")
    old = dtdl.parse(source)
    wanted = random.Random(7).sample(sorted(old.interfaces), 30)  # a fixed seed
    done = bump([source], wanted)
    file = tmp_path / source.name
    file.write_bytes(done.edits[0].new.encode())
    found = diff(old, dtdl.parse(file))
    assert {change.kind for change in found} <= {"version-raised", "reference-version"}
    assert sorted(change.old for change in found if change.kind == "version-raised") == sorted(wanted)
    assert {change.interface for change in found} == {*done.raised.values(), *done.dependents}
    assert not found.breaking
