"""The files for pre-commit and GitHub, and their page: well-formed, and true to the command line."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from interop.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
TANK = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tank;1", "@type": "Interface",
        "contents": [{"@type": "Telemetry", "name": "9level", "schema": "double"}]}  # fmt: skip


def content(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def check_command(words):
    """Whether a command line names a command and options that are there."""
    assert words[0] == "megatwin"
    assert words[1] in COMMANDS
    command = importlib.import_module(COMMANDS[words[1]][0]).command
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_hooks_run_commands_that_are_there():
    hooks = content(".pre-commit-hooks.yaml")
    assert [hook["id"] for hook in hooks] == ["megatwin-check", "megatwin-fix"]
    for hook in hooks:
        assert {"id", "name", "entry", "language", "files"} <= hook.keys()
        assert hook["language"] == "python"
        check_command(shlex.split(hook["entry"]) + hook["args"])
        assert all(re.search(hook["files"], name) for name in ("models/a.json", "megatwin.yaml", "a.yml", "fmu/x.fmu"))
        assert not re.search(hook["files"], "README.md")


def test_the_action_uses_all_its_inputs_and_options_that_are_there():
    action = content("action.yml")
    text = (ROOT / "action.yml").read_text("utf-8")
    assert action["runs"]["using"] == "composite"
    assert set(re.findall(r"inputs\.(\w+)", text)) == action["inputs"].keys()
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        # What users give reaches the shell through the environment, never as text of the script.
        assert "${{" not in step["run"]
        assert subprocess.run(["bash", "-n"], input=step["run"], text=True, timeout=20, check=False).returncode == 0
    options = set(re.findall(r"(?<=[ (])--[a-z-]+", action["runs"]["steps"][1]["run"]))
    assert len(options) >= 5
    check_command(["megatwin", "check", *options])


@pytest.fixture
def runner(tmp_path):
    """A folder as a runner has it, with a megatwin that is the one of this checkout."""
    bin_ = tmp_path / "temp" / "megatwin" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "megatwin").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m megatwin "$@"\n', "utf-8")
    (bin_ / "megatwin").chmod(0o755)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "my models").mkdir()
    (tmp_path / "work" / "my models" / "tank.json").write_text(json.dumps(TANK, indent=1), "utf-8")
    return tmp_path


def run_action(runner, **given):
    action = content("action.yml")
    step = action["runs"]["steps"][1]
    inputs = {name: entry["default"] for name, entry in action["inputs"].items()} | given
    expression = re.compile(r"\$\{\{ inputs\.(\w+) \}\}")
    more = {name: inputs[expression.fullmatch(value)[1]] for name, value in step["env"].items()}
    environment = os.environ | more | {"RUNNER_TEMP": str(runner / "temp"), "PYTHONPATH": str(ROOT)}
    script = runner / "step.sh"
    script.write_text(step["run"], "utf-8")
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    return subprocess.run(
        command, cwd=runner / "work", env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_action_annotates_and_fails_and_writes_sarif(runner):
    done = run_action(runner, paths="my models\n", sarif="out.sarif", select="MT dtmi:dtdl:parsingError:stringInvalid")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("::error file=my models/tank.json,line=8,")
    log = json.loads((runner / "work" / "out.sarif").read_text("utf-8"))
    assert len(log["runs"][0]["results"]) == 1


def test_the_action_passes_what_is_ignored_or_known(runner):
    assert run_action(runner, ignore="dtmi:dtdl:parsingError:stringInvalid").returncode == 0
    command = [sys.executable, "-m", "megatwin", "check", ".", "--baseline", "known.json", "--update-baseline"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=runner / "work", env=environment, check=True, capture_output=True, timeout=60)
    assert run_action(runner, baseline="known.json", strict="true").returncode == 0


def test_the_action_tells_wrong_usage_from_findings(runner):
    assert run_action(runner, paths="missing", sarif="out.sarif").returncode == 2


def test_the_page_shows_what_is_there():
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
    documents = [yaml.safe_load(text) for kind, text in blocks if kind == "yaml"]
    assert len(documents) == 3
    steps = [*documents[0]["jobs"]["check"]["steps"], *documents[1]["steps"]]
    ours = [step for step in steps if "/megatwin@" in step["uses"]]
    assert len(ours) == 2
    assert all(step["with"].keys() <= content("action.yml")["inputs"].keys() for step in ours)
    hooks = {hook["id"]: hook for hook in content(".pre-commit-hooks.yaml")}
    for hook in documents[2]["repos"][0]["hooks"]:
        check_command(shlex.split(hooks[hook["id"]]["entry"]) + hook.get("args", []))
    commands = [line for kind, text in blocks if not kind for line in text.splitlines()]
    assert len(commands) == 3
    for line in commands:
        check_command(shlex.split(line))


def test_the_page_of_the_check_names_every_option_and_every_fix():
    from interop.fixes import FIXABLE

    page = (ROOT / "docs" / "check.md").read_text("utf-8")
    command = importlib.import_module("interop.cli.check").command
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    assert [option for option in options if option not in page] == []
    assert tuple(re.findall(r"^\| (MT\d+) \|", page, re.MULTILINE)) == FIXABLE
