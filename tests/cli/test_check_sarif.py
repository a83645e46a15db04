"""SARIF 2.1.0: the rules of the standard that code scanning relies on, section by section."""

import json
import re
from urllib.parse import unquote, urlsplit

import pytest

from dtdl.diagnostic import Diagnostic, Location
from interop.cli import main
from interop.cli.sarif import to_sarif

TANK = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tänk;1", "@type": "Interface",
        "contents": [{"@type": "Telemetry", "name": "9level", "schema": "double"},
                     {"@type": "Telemetry", "name": "a", "schema": "double"},
                     {"@type": "Property", "name": "a", "schema": "double"}]}  # fmt: skip
TANK["@id"] = "dtmi:t:Tank;1"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a file in a folder whose name must be escaped; the command runs below its root."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "my models ü"
    folder.mkdir()
    (folder / "tank.json").write_text(json.dumps(TANK, indent=2, ensure_ascii=False), "utf-8")
    monkeypatch.chdir(folder)
    return tmp_path


def log(capsys, *arguments):
    main(["check", *arguments, "--format", "sarif"])
    body = json.loads(capsys.readouterr().out)
    assert body["version"] == "2.1.0"
    assert body["$schema"].endswith("sarif-2.1.0.json")
    [run] = body["runs"]
    return run


def places(run):
    for result in run["results"]:
        for location in (*result.get("locations", ()), *result.get("relatedLocations", ())):
            yield location["physicalLocation"]


def test_files_are_named_from_the_root_of_the_repository(repository, capsys):
    """3.4.3, 3.4.4: a relative URI with its base; no path of this machine anywhere."""
    run = log(capsys, "tank.json")
    artifacts = [artifact["location"] for artifact in run["artifacts"]]
    assert artifacts == [{"uri": "my%20models%20%C3%BC/tank.json", "uriBaseId": "%SRCROOT%"}]
    assert unquote(artifacts[0]["uri"]) == "my models ü/tank.json"
    for place in places(run):
        given = dict(place["artifactLocation"])
        assert artifacts[given.pop("index")] == given
    assert "uri" not in run["originalUriBaseIds"]["%SRCROOT%"]
    assert str(repository) not in json.dumps(run, ensure_ascii=False)


def test_a_file_outside_the_repository_is_named_absolutely(repository, tmp_path_factory, capsys):
    outside = tmp_path_factory.mktemp("outside") / "x.json"
    outside.write_text("{", "utf-8")
    run = log(capsys, str(outside))
    [artifact] = run["artifacts"]
    assert artifact["location"] == {"uri": outside.as_uri()}
    assert urlsplit(artifact["location"]["uri"]).scheme == "file"


def test_results_point_into_the_rules(repository, capsys):
    """3.27.6, 3.19.23: ruleIndex is the place of ruleId among the rules, of which none stands twice."""
    run = log(capsys, "tank.json")
    rules = run["tool"]["driver"]["rules"]
    ids = [rule["id"] for rule in rules]
    assert len(set(ids)) == len(ids) >= 2
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]


def test_regions_are_in_characters_and_end_behind_them(repository, capsys):
    """3.14.17, 3.30: lines and columns from 1; the end column is that after the last character."""
    run = log(capsys, "tank.json")
    assert run["columnKind"] == "unicodeCodePoints"
    lines = json.dumps(TANK, indent=2, ensure_ascii=False).splitlines()
    found = list(places(run))
    assert found
    for place in found:
        region = place["region"]
        assert 1 <= region["startLine"] <= region["endLine"] <= len(lines)
        assert region["startColumn"] >= 1
        assert (region["endLine"], region["endColumn"]) > (region["startLine"], region["startColumn"])
        assert region["endColumn"] <= len(lines[region["endLine"] - 1]) + 1


def test_a_finding_without_line_or_place_has_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [
        Diagnostic(rule="MT001", cause="a"),
        Diagnostic(rule="MT001", cause="a", location=Location("x.json")),
        Diagnostic(rule="MT001", cause="a", location=Location("x.json", 3)),
        Diagnostic(rule="MT001", cause="a", location=Location("x.json", 3, 2, 3, 1)),
    ]
    results = json.loads(to_sarif(found, []))["runs"][0]["results"]
    assert "locations" not in results[0]
    regions = [result["locations"][0]["physicalLocation"].get("region") for result in results[1:]]
    assert regions == [None, {"startLine": 3}, {"startLine": 3, "startColumn": 2, "endLine": 3}]


def test_a_result_is_recognised_when_its_line_has_moved(repository, capsys):
    """3.27.17: partial fingerprints do not depend on lines."""
    before = log(capsys, "tank.json")
    path = repository / "my models ü" / "tank.json"
    path.write_text("\n\n" + path.read_text("utf-8"), "utf-8")
    after = log(capsys, "tank.json")
    marks = [[result["partialFingerprints"] for result in run["results"]] for run in (before, after)]
    assert marks[0] == marks[1]
    assert all(re.fullmatch("[0-9a-f]{64}", mark["megatwinFinding/v1"]) for mark in marks[0])


def test_the_second_place_of_a_finding_is_a_related_one(repository, capsys):
    """3.27.22: with a message and an id of its own."""
    run = log(capsys, "tank.json")
    related = [place for result in run["results"] for place in result.get("relatedLocations", ())]
    assert related
    assert all(place["id"] == 1 and place["message"]["text"] for place in related)
