from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import dtdl
from dtdl import repository
from dtdl.diff import diff
from dtdl.errors import InputUnreadable, LimitExceeded, ModelInvalid
from dtdl.resolver import folder

TOP = {"@context": "dtmi:dtdl:context;3", "@type": "Interface"}
BASE = {**TOP, "@id": "dtmi:acme:Base;1"}
LAMP = {**TOP, "@id": "dtmi:acme:parts:Lamp;2.1", "extends": "dtmi:acme:Base;1"}
ROOM = {
    **TOP,
    "@id": "dtmi:acme:Room;1",
    "extends": "dtmi:acme:Base;1",
    "contents": [
        {"@type": "Component", "name": "lamp", "schema": "dtmi:acme:parts:Lamp;2.1"},
        {"@type": "Relationship", "name": "next", "target": "dtmi:acme:Far;1"},
    ],
}
CASES = os.environ.get("MEGATWIN_CASES")


def ids(file):
    return [item["@id"] for item in json.loads(file.read_text("utf-8"))]


def test_each_interface_has_its_file_and_one_with_all_that_it_needs(tmp_path):
    written = repository.write([json.dumps([ROOM, LAMP, BASE])], tmp_path)
    assert {file.relative_to(tmp_path).as_posix() for file in written} == {
        f"dtmi/acme/{name}{end}"
        for name in ("room-1", "base-1", "parts/lamp-2.1")
        for end in (".json", ".expanded.json")
    }
    assert json.loads((tmp_path / "dtmi/acme/room-1.json").read_text("utf-8")) == ROOM
    assert ids(tmp_path / "dtmi/acme/room-1.expanded.json") == [ROOM["@id"], LAMP["@id"], BASE["@id"]]
    assert ids(tmp_path / "dtmi/acme/base-1.expanded.json") == [BASE["@id"]]


@pytest.mark.parametrize("expanded", [True, False])
def test_what_is_written_is_read_back(tmp_path, expanded):
    model = dtdl.parse(json.dumps([ROOM, LAMP, BASE]))
    repository.write(model, tmp_path, expanded=expanded)
    assert dtdl.equal(dtdl.parse(tmp_path), model)
    assert dtdl.equal(dtdl.parse(json.dumps(ROOM), resolver=folder(tmp_path)), model)
    user = {**TOP, "@id": "dtmi:acme:User;1", "extends": "dtmi:acme:Room;1"}
    found = dtdl.parse(json.dumps(user), resolver=folder(tmp_path / "dtmi"))
    assert sorted(found.interfaces) == sorted([user["@id"], *model.interfaces])


def test_the_expanded_file_is_enough(tmp_path):
    repository.write([json.dumps([ROOM, LAMP, BASE])], tmp_path)
    for name in ("base-1.json", "base-1.expanded.json", "parts/lamp-2.1.json", "parts/lamp-2.1.expanded.json"):
        (tmp_path / "dtmi/acme" / name).unlink()
    (tmp_path / "dtmi/acme/room-1.json").unlink()
    user = {**TOP, "@id": "dtmi:acme:User;1", "extends": "dtmi:acme:Room;1"}
    assert len(dtdl.parse(json.dumps(user), resolver=folder(tmp_path)).interfaces) == 4


def test_an_expanded_file_without_the_interface_is_passed_over(tmp_path):
    repository.write([json.dumps([BASE])], tmp_path)
    user = json.dumps({**TOP, "@id": "dtmi:acme:User;1", "extends": "dtmi:acme:Base;1"})
    for text in ("[]", "{}", "no json", '[1, {"@id": 2}]'):
        (tmp_path / "dtmi/acme/base-1.expanded.json").write_text(text, "utf-8")
        assert len(dtdl.parse(user, resolver=folder(tmp_path)).interfaces) == 2


def test_nothing_outside_the_folder_is_read(tmp_path):
    inside = tmp_path / "in"
    (inside / "dtmi").mkdir(parents=True)
    (tmp_path / "x-1.json").write_text("secret", "utf-8")
    for dtmi in ("dtmi:..:..:x;1", "dtmi:../../x;1", "../x;1", "", "dtmi:", "dtmi:/x;1"):
        assert folder(inside)([dtmi]) == {}


def test_what_cannot_be_read_is_ours(tmp_path, monkeypatch):
    with pytest.raises(InputUnreadable):
        folder(tmp_path / "missing")
    (tmp_path / "dtmi").mkdir()
    (tmp_path / "dtmi" / "x-1.json").write_bytes(b"\xff")
    with pytest.raises(InputUnreadable, match="UTF-8"):
        folder(tmp_path)(["dtmi:x;1"])
    monkeypatch.setattr("dtdl.resolver.MAX_BYTES", 0)
    with pytest.raises(LimitExceeded):
        folder(tmp_path)(["dtmi:x;1"])
    with pytest.raises(InputUnreadable, match="written"):
        repository.write([json.dumps([BASE])], tmp_path / "dtmi" / "x-1.json")


def test_an_interface_inside_another_gets_its_own_file(tmp_path):
    inner = {"@id": "dtmi:acme:Inner;1", "@type": "Interface"}
    outer = {**TOP, "@id": "dtmi:acme:Outer;1", "contents": [{"@type": "Component", "name": "a", "schema": inner}]}
    text = json.dumps([outer, {**TOP, "@id": "dtmi:acme:Third;1", "extends": "dtmi:acme:Inner;1"}])
    repository.write([text], tmp_path)
    assert sorted(dtdl.parse(tmp_path).interfaces) == sorted(dtdl.parse(text).interfaces)
    assert json.loads((tmp_path / "dtmi/acme/inner-1.json").read_text("utf-8"))["@context"] == TOP["@context"]
    third = (tmp_path / "dtmi/acme/third-1.json").read_text("utf-8")
    assert len(dtdl.parse(third, resolver=folder(tmp_path)).interfaces) == 2


def test_two_names_of_one_file_are_refused(tmp_path):
    text = json.dumps([BASE, {**BASE, "@id": "dtmi:acme:base;1"}])
    with pytest.raises(ModelInvalid) as caught:
        repository.write([text], tmp_path)
    assert [found.rule for found in caught.value.diagnostics] == ["MT593"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not CASES, reason="MEGATWIN_CASES names no folder of cases")
@pytest.mark.parametrize("name", ["rec", "energygrid", "smartcities"])
def test_an_ontology_goes_into_a_repository_and_comes_back(tmp_path, name):
    model = dtdl.parse(Path(CASES, "bench", f"{name}.jsonl"))
    repository.write(model, tmp_path)
    assert dtdl.equal(dtdl.parse(tmp_path), model)
    for dtmi in sorted(model.interfaces)[::200]:
        user = {"@context": "dtmi:dtdl:context;2", "@id": "dtmi:u;1", "@type": "Interface", "extends": dtmi}
        assert dtmi in dtdl.parse(json.dumps(user), resolver=folder(tmp_path))


@pytest.mark.skipif(not CASES, reason="MEGATWIN_CASES names no folder of cases")
def test_valid_cases_differ_in_nothing_when_they_come_back_from_a_repository():
    compared = 0
    for file in sorted(Path(CASES, "conformance", "dtdl").glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines()[::80]:
            body = json.loads(line)["body"]
            for case in body if isinstance(body, list) else [body]:
                if not case.get("valid") or "input" not in case:
                    continue
                texts = [json.dumps(item) for item in case["input"]]
                if any(found.severity == "error" for found in dtdl.check(texts, allow_undefined="always")):
                    continue  # it needs a resolver, a limit or a tolerance
                model = dtdl.parse(texts, allow_undefined="always")
                written = repository.documents(model, expanded=False).values()
                assert list(diff(model, dtdl.parse(list(written), allow_undefined="always"))) == []
                compared += 1
    assert compared > 50
