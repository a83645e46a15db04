"""What starting costs, and that every command explains itself."""

from __future__ import annotations

import json
import keyword
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from interop.cli import COMMANDS, main
from interop.cli import command as root

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")
HEAVY = {"asyncua", "cryptography", "fmpy", "httpx", "numpy", "pydantic", "rdflib", "rich", "starlette", "uvicorn"}


def modules_after(code: str) -> set[str]:
    """Names of the top-level modules that are there once a fresh Python ran some code."""
    told = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{told}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    found = modules_after(f"from interop.cli import main\nassert main({arguments!r}) == 0")
    assert found & HEAVY == set()


@pytest.mark.parametrize("name", ["dtdl", "fmu", "interop", "megatwin"])
def test_importing_a_package_imports_nothing_heavy(name: str) -> None:
    assert modules_after(f"import {name}") & (HEAVY | {"click", "yaml", "asyncio"}) == set()


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


ALL = dict(commands(root))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: megatwin " + " ".join(path))
    assert ALL[path].help
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_is_in_the_documentation_with_its_options(path: tuple[str, ...]) -> None:
    (section,) = re.findall(rf"^##+ megatwin {' '.join(path)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    options = {
        name
        for parameter in ALL[path].params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*(?=[^|]*\|)", section)) >= options


def test_every_command_has_a_line_in_help_and_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, (module, text) in COMMANDS.items():
        # A keyword of Python cannot be the name of a module that code imports.
        assert module == f"interop.cli.{name}{'_' if keyword.iskeyword(name) else ''}"
        assert f"{name} {text}" in shown
        assert f"| [`{name}`](#megatwin-{name}) | {text} |" in PAGE


def test_the_exit_codes_of_the_page_are_those_of_the_errors() -> None:
    from dtdl import errors

    kinds = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, Exception)]
    codes = {found.exit_code for found in kinds if hasattr(found, "exit_code")}
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told == codes | {0, 130}
