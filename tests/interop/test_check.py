import json
import os
from pathlib import Path

import pytest

from dtdl.errors import InputUnreadable
from interop.check import check

TANK = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tank;1", "@type": "Interface",
        "contents": [{"@type": "Telemetry", "name": "level", "schema": "double"}]}  # fmt: skip
BIG = TANK | {"@id": "dtmi:t:Big;1", "extends": "dtmi:t:Tank;1", "contents": []}
FILE = 'megatwin: 1\nmodels: [models/]\ntwins: {t: {model: "dtmi:t:Tank;1"}}\n'


def write(folder: Path, files: dict) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def test_definitions_in_a_folder_are_checked_as_one_set(tmp_path):
    checked = check([write(tmp_path, {"a/big.json": BIG, "b/tank.json": TANK})])
    assert checked.diagnostics == []
    assert [Path(file).name for file in checked.files] == ["big.json", "tank.json"]


def test_a_reference_that_nothing_defines_is_found_with_file_and_line(tmp_path):
    found = check([write(tmp_path, {"big.json": json.dumps(BIG, indent=1)})]).diagnostics
    assert found
    assert found[0].location.file == str(tmp_path / "big.json")
    assert found[0].location.line > 0


def test_two_projects_in_one_folder_may_define_the_same(tmp_path):
    write(tmp_path, {"one/megatwin.yaml": FILE, "one/models/t.json": TANK})
    write(tmp_path, {"two/megatwin.yaml": FILE, "two/models/t.json": TANK})
    checked = check([tmp_path])
    assert checked.diagnostics == []
    assert len(checked.files) == 4


def test_what_only_looks_alike_is_passed_over_in_a_folder(tmp_path):
    write(tmp_path, {"t.json": TANK, "package.json": {"name": "x"}, "ci.yaml": "jobs: {}\n", ".hidden/x.json": "{"})
    checked = check([tmp_path])
    assert checked.diagnostics == []
    assert sorted(Path(file).name for file in checked.skipped) == ["ci.yaml", "package.json"]


def test_a_configuration_of_any_name_is_known_by_its_key(tmp_path):
    write(tmp_path, {"plant.yml": FILE.replace("Tank", "Tnk"), "models/t.json": TANK})
    assert [found.rule for found in check([tmp_path]).diagnostics] == ["MT121"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.json", "{"), ("x.json", b'{"@id": "\xff"}'), ("x.jsonl", "{"), ("megatwin.yaml", b"a: \xff"),
     ("x.fmu", b"no archive")],
)  # fmt: skip
@pytest.mark.parametrize("as_folder", [True, False])
def test_what_cannot_be_read_is_a_finding(tmp_path, name, content, as_folder):
    write(tmp_path, {name: content})
    checked = check([tmp_path if as_folder else tmp_path / name])
    assert [found.severity for found in checked.diagnostics] == ["error"]
    assert checked.diagnostics[0].location.file == str(tmp_path / name)


@pytest.mark.parametrize("name", ["missing.json", "missing", "readme.txt", "empty"])
def test_what_cannot_be_checked_is_an_error_of_usage(tmp_path, name):
    write(tmp_path, {"readme.txt": "x"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputUnreadable):
        check([tmp_path / name])


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "megatwin.yaml", "x.fmu"])
@pytest.mark.parametrize("as_folder", [True, False])
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path, name, as_folder):
    write(tmp_path, {"t.json": TANK})
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputUnreadable, match=rf"{name} is no regular file"):
        check([tmp_path if as_folder else tmp_path / name])


def test_a_named_pipe_among_the_models_of_a_project_is_a_finding(tmp_path):
    write(tmp_path, {"megatwin.yaml": FILE, "models/t.json": TANK})
    os.mkfifo(tmp_path / "models" / "x.json")
    assert [found.rule for found in check([tmp_path / "megatwin.yaml"]).diagnostics] == ["MT110"]


def test_a_file_given_twice_is_checked_once(tmp_path):
    write(tmp_path, {"t.json": TANK})
    checked = check([tmp_path / "t.json", tmp_path, tmp_path / "." / "t.json"])
    assert len(checked.files) == 1
    assert checked.diagnostics == []
