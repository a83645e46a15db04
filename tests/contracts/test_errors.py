"""The error tree is as it is drawn, and no code of ours hides an error."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtdl import errors

ROOT = Path(__file__).parents[2]
PACKAGES = ("dtdl", "fmu", "interop", "megatwin")
CATCH_ALL = {"Exception", "BaseException"}
MAY_CATCH_ALL = ("interop/runtime/", "interop/cli/__init__.py", "fmu/worker")


def modules() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def caught(handler: ast.ExceptHandler) -> set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {"BaseException" if kind is None else ast.unparse(kind).rpartition(".")[2] for kind in kinds}


def handlers(text: str) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            yield node


def raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))


def is_border(name: str, handler: ast.ExceptHandler) -> bool:
    """FMPy raises ``Exception`` itself, so its one border catches that, and does nothing but name it."""
    only = handler.body[0]
    return name == "fmu/border.py" and len(handler.body) == 1 and isinstance(only, ast.Raise) and only.cause is not None


def logs(handler: ast.ExceptHandler) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".exception", "print_exc", "format_exc"))
        for node in ast.walk(handler)
    )


def test_whatever_is_caught_of_every_kind_is_raised_again_or_logged_where_that_is_allowed() -> None:
    found = [
        f"{name}:{handler.lineno}"
        for name, text in modules()
        for handler in handlers(text)
        if caught(handler) & CATCH_ALL
        and not raises_again(handler)
        and not is_border(name, handler)
        and not (name.startswith(MAY_CATCH_ALL) and logs(handler))
    ]
    assert not found


def test_no_error_is_swallowed_by_suppressing_every_kind() -> None:
    for name, text in modules():
        assert not re.search(r"suppress\((Base)?Exception\)", text), name


def test_no_error_is_raised_without_a_name() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Raise)
        and node.exc is not None
        and re.match(r"(Base)?Exception\b|RuntimeError\b", ast.unparse(node.exc))
    ]
    assert not found


def test_what_an_error_was_caused_by_is_kept() -> None:
    """An error of ours that is raised while another one is handled says ``from``."""
    ours = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)}
    found = [
        f"{name}:{node.lineno}"
        for name, text in modules()
        for handler in handlers(text)
        for node in ast.walk(handler)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in ours
        and node.cause is None
    ]
    assert not found


def drawn() -> dict[str, tuple[int, str]]:
    """Name → depth and exit code, as the docstring draws them."""
    assert errors.__doc__ is not None
    tree: dict[str, tuple[int, str]] = {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"\s{4}([│├└─ ]*)(\w+)\s*(\d?)", line)
        if match and match[2][0].isupper():
            tree[match[2]] = (len(match[1]) // 4, match[3])
    return tree


def test_the_tree_is_drawn_as_it_is() -> None:
    tree = drawn()
    kinds = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.MegatwinError) and not name.startswith("_")
    }
    assert set(tree) == set(kinds)
    above: list[str] = []
    for name, (depth, code) in tree.items():
        del above[depth:]
        if above:
            assert issubclass(kinds[name], kinds[above[-1]]), f"{name} below {above[-1]}"
        above.append(name)
        if code:
            assert kinds[name].exit_code == int(code), name


@pytest.mark.parametrize("name", sorted(drawn()))
def test_every_error_says_when_it_happens(name: str) -> None:
    assert inspect.getdoc(getattr(errors, name))
