"""``megatwin check --baseline``: findings that are known do not count, wherever their lines move to."""

import json

import pytest

from interop.cli import main

TANK = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tank;1", "@type": "Interface",
        "contents": [{"@type": "Telemetry", "name": "9level", "schema": "double"}]}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tank.json").write_text(json.dumps(TANK, indent=2), "utf-8")
    return tmp_path


def check(*more):
    return main(["check", "tank.json", "--baseline", "known.json", "--format", "concise", *more])


def test_known_findings_do_not_count_and_new_ones_do(project, capsys):
    assert check("--update-baseline") == 0
    assert check() == 0
    assert capsys.readouterr().out == ""
    worse = TANK | {"contents": [*TANK["contents"], {"@type": "Telemetry", "name": "no schema"}]}
    (project / "tank.json").write_text(json.dumps(worse), "utf-8")
    assert check() == 1
    out = capsys.readouterr().out
    assert "9level" not in out
    assert "no schema" in out


def test_a_known_finding_is_known_on_another_line_and_from_another_folder(project, monkeypatch, capsys):
    assert check("--update-baseline") == 0
    text = (project / "tank.json").read_text("utf-8")
    (project / "tank.json").write_text("\n\n\n" + text, "utf-8")
    assert check() == 0
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    assert main(["check", "../tank.json", "--baseline", "../known.json"]) == 0
    capsys.readouterr()


def test_the_same_finding_once_more_is_new(project, capsys):
    assert check("--update-baseline") == 0
    (project / "other.json").write_text(json.dumps(TANK | {"@id": "dtmi:t:Other;1"}), "utf-8")
    assert main(["check", ".", "--baseline", "known.json"]) == 1
    capsys.readouterr()


def test_what_was_corrected_is_told_and_dropped(project, capsys):
    assert check("--update-baseline") == 0
    (project / "tank.json").write_text(json.dumps(TANK | {"contents": []}), "utf-8")
    assert check() == 0
    assert "1 of known.json no longer there" in capsys.readouterr().err
    assert check("--update-baseline") == 0
    assert json.loads((project / "known.json").read_text("utf-8"))["findings"] == []


def test_a_baseline_lies_still_and_holds_no_lines(project, capsys):
    assert check("--update-baseline") == 0
    before = (project / "known.json").read_bytes()
    assert check("--update-baseline") == 0
    assert (project / "known.json").read_bytes() == before
    [row] = json.loads(before)["findings"]
    assert row["file"] == "tank.json"
    assert not {"line", "column"} & row.keys()
    capsys.readouterr()


NO_BASELINES = [
    None,
    "",
    "[]",
    "{}",
    '{"megatwinBaseline": 2, "findings": []}',
    '{"megatwinBaseline": 1, "findings": [{"rule": 1}]}',
    '{"megatwinBaseline": 1, "findings": [{"line": "1"}]}',
    "[" * 100_000,
]


@pytest.mark.parametrize("content", NO_BASELINES, ids=range(len(NO_BASELINES)))
def test_what_is_no_baseline_is_an_error_of_usage(project, capsys, content):
    if content is not None:
        (project / "known.json").write_text(content, "utf-8")
    assert check() == 2
    assert "--update-baseline" in capsys.readouterr().err


def test_update_without_a_file_is_an_error_of_usage(project, capsys):
    assert main(["check", "tank.json", "--update-baseline"]) == 2
    assert main(["check", "tank.json", "--update-baseline", "--baseline", "nowhere/known.json"]) == 2
    capsys.readouterr()
