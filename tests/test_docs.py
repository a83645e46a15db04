"""Pages cannot rot: their Python runs, their command lines parse, their links and make targets exist."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from interop.cli import command as root
from tests.e2e.harness import ROOT, Megatwin, megatwin, wait_until

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md")])
ADDRESS = "http://127.0.0.1:8080"
ROOM = {
    "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2"],
    "@id": "dtmi:acme:Room;1",
    "@type": "Interface",
    "contents": [
        {"@type": ["Property", "Temperature"], "name": "temperature", "schema": "double", "unit": "degreeCelsius"}
    ],
}
FILE = 'megatwin: 1\nmodels: [models/]\ntwins:\n  room: {model: "dtmi:acme:Room;1"}\n'


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class Block(NamedTuple):
    """A fenced block of a page, the line that its text begins at, and the file that it is, if its fence names one."""

    language: str
    text: str
    line: int
    title: str | None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in re.finditer(r"^```(\w*)([^\n`]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        title = re.search(r'title="([^"]+)"', found[2])
        yield Block(found[1], found[3], text.count("\n", 0, found.start(3)) + 1, title[1] if title else None)


WITH_PYTHON = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Megatwin]:
    settings = ("serve.http=127.0.0.1:0", "serve.opcua=127.0.0.1:0")
    chosen = [word for setting in settings for word in ("--set", setting)]
    with megatwin("demo", "--format", "json", *chosen, cwd=tmp_path_factory.mktemp("demo")) as running:
        wait_until(lambda: running.value("site/totalPower")["status"] == "Good", 40, "the demo runs")
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages speak of: a project, and the examples of the checkout."""
    tank = ROOM | {"@id": "dtmi:example:Tank;1"}
    for name, model in (("models/room", ROOM), ("models/tank", tank), ("old/room", ROOM), ("new/room", ROOM)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.json").write_text(json.dumps(model), "utf-8")
    (tmp_path / "twins.csv").write_text("$dtId,temperature\ntank-1,20.5\n", "utf-8")
    (tmp_path / "settings.json").write_text("{}", "utf-8")
    (tmp_path / "settings.schema.json").write_text('{"type": "object"}', "utf-8")
    (tmp_path / "megatwin.yaml").write_text(FILE, "utf-8")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def promised(lines: list[str], statement: ast.Expr) -> tuple[bool, Any]:
    """What the comment behind an expression says that it gives: ``21.0, or ValueInvalid`` says 21.0."""
    line = lines[(statement.end_lineno or 1) - 1]
    _, mark, comment = line[statement.end_col_offset or 0 :].partition("#")
    if "…" in comment:
        return False, None
    text = re.split(r", or |: ", comment.strip())[0] if '"' not in comment else comment.strip()
    try:
        return bool(mark), ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return False, None


def execute(page: Path, block: Block, text: str, names: dict[str, Any]) -> None:
    """Runs a block statement by statement, as one would type it; compares what is promised."""
    lines = text.splitlines()
    for statement in ast.parse(text).body:
        code: ast.Module | ast.Expression
        code = ast.Expression(statement.value) if isinstance(statement, ast.Expr) else ast.Module([statement], [])
        mode = "eval" if isinstance(code, ast.Expression) else "exec"
        compiled = compile(code, name_of(page), mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        value = eval(compiled, names)
        if compiled.co_flags & inspect.CO_COROUTINE:
            value = LOOP.run(value)
        if isinstance(statement, ast.Expr):
            given, expected = promised(lines, statement)
            if given:
                where = f"{name_of(page)}:{block.line + statement.lineno - 1}"
                assert value == (pytest.approx(expected) if isinstance(expected, float) else expected), where


LOOP: asyncio.Runner


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    global LOOP
    with asyncio.Runner() as LOOP:
        yield


@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_the_python_of_a_page_runs_and_gives_what_it_promises(page: Path, folder: Path, demo: Megatwin) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.title is not None:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, "utf-8")
        elif block.language == "python":
            execute(page, block, block.text.replace(ADDRESS, demo.url), names)


@pytest.mark.xdist_group("demo")
def test_the_readmes_example_shows_a_live_value(
    folder: Path, demo: Megatwin, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = (block for block in blocks(ROOT / "README.md") if block.language == "python")
    assert len(block.text.strip().splitlines()) <= 12
    demo.patch("cooling", "/setPoint", 18.0)
    execute(ROOT / "README.md", block, block.text.replace(ADDRESS, demo.url), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first == "18.0"
    value, *rest = second.split()
    assert 0 < float(value) < 10
    assert rest == ["kilowatt", "Good", "roll-up"]
    wait_until(lambda: demo.value("cooling/setPoint")["value"] == 17.5, 5, "the plant was written")


@pytest.mark.xdist_group("demo")
def test_the_readmes_table_is_what_the_demo_shows(demo: Megatwin) -> None:
    (block,) = (block for block in blocks(ROOT / "README.md") if block.text.startswith("megatwin: plant"))
    head, *rows = block.text[block.text.index("\ntwin ") + 1 :].splitlines()
    assert head.split() == ["twin", "value", "unit", "status", "age", "source"]
    twin = ""
    for row in rows:
        first, path, *_ = re.split(r"\s{2,}", row)
        twin = first.split(" ")[0] or twin
        found = demo.value(f"{twin}/{path}")
        assert found["status"] in row
        assert (found["unit"] or "") in row
        assert (found["source"] or "") in row


def command_lines() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in blocks(page):
            if block.language not in {"", "console", "sh", "shell"}:
                continue
            for number, line in enumerate(block.text.splitlines(), block.line):
                words = line.split("#")[0].strip().removeprefix("$ ")
                if re.match(r"(~?[\w./]+/)?megatwin [^:]", words) and not line.startswith("megatwin:"):
                    yield f"{name_of(page)}:{number}", shlex.split(words.rstrip("&"))[1:]


LINES = dict(command_lines())


@pytest.mark.parametrize("where", LINES)
def test_a_command_line_of_a_page_names_a_command_and_options_that_exist(where: str) -> None:
    words = LINES[where]
    found: click.Command = root
    context = click.Context(root)
    while isinstance(found, click.Group) and words and not words[0].startswith(("-", "[")) and words[0] != "COMMAND":
        name = words.pop(0)
        inner = found.get_command(context, name)
        assert inner is not None, f"there is no command {name!r}"
        found = inner
        context = click.Context(found, info_name=name, parent=context)
    options = {name for parameter in found.get_params(context) for name in parameter.opts}
    for word in words:
        for option in re.split(r"[|=]", word.strip("[]")):
            assert not re.match(r"--?[a-z]", option) or option in options, f"{option} is no option of {found.name}"
    placeholders = any(re.search(r"^\[|\.\.\.|[|…]", word) for word in words) or words[:1] == ["COMMAND"]
    if not placeholders and not isinstance(found, click.Group):
        found.make_context(found.name, list(words))


def test_every_fence_of_a_page_is_read() -> None:
    for page in PAGES:
        assert 2 * len(list(blocks(page))) == len(re.findall(r"^```", page.read_text("utf-8"), re.MULTILINE)), page


def test_the_pages_speak_of_many_command_lines() -> None:
    assert len(LINES) > 30


def test_a_make_target_of_a_page_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text("utf-8")
        named = set(re.findall(r"`make ([a-z]+)", text)) | set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
        assert named <= targets, name_of(page)


def test_every_link_of_a_page_leads_to_a_file() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if not re.match(r"[a-z]+:|#", target):
                assert (page.parent / target.split("#")[0]).exists(), f"{name_of(page)}: {target}"


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = re.findall(r"^ +- .*: ([\w/-]+\.md)$", text, re.MULTILINE)
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert set(listed) == pages
    assert len(listed) == len(pages)
