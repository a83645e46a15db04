"""Writes every file of the repository that is derived from code; ``--check`` compares instead.

To add one, put its path and the function that gives its text into GENERATED.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchmark_page import benchmark_page
from cli_page import cli_page

from dtdl.metamodel.editor_schema import editor_schema
from interop.config.jsonschema import diagnostic_schema, file_schema
from interop.event_schema import event_schema
from interop.rest.messages import service_schema
from interop.rules import find_rules, to_markdown

ROOT: Final = Path(__file__).resolve().parent.parent


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _editor(version: int) -> str:
    # One blank a level: these are long, and still to be compared line by line.
    return json.dumps(editor_schema(version), indent=1, ensure_ascii=False) + "\n"


GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "schemas/megatwin.schema.json": lambda: _json(file_schema()),
    "schemas/diagnostic.schema.json": lambda: _json(diagnostic_schema()),
    "schemas/event.schema.json": lambda: _json(event_schema()),
    "schemas/service.schema.json": lambda: _json(service_schema()),
    "schemas/dtdl.v2.schema.json": lambda: _editor(2),
    "schemas/dtdl.v3.schema.json": lambda: _editor(3),
    "schemas/dtdl.v4.schema.json": lambda: _editor(4),
    "docs/benchmarks.md": benchmark_page,
    "docs/cli.md": cli_page,
    "docs/rules.md": lambda: to_markdown(find_rules()),
}
"""Path in the repository → what gives its text."""


def main(arguments: list[str] | None = None) -> int:
    """Writes or compares; 1 when something is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args(arguments).check
    stale = 0
    for name, generate in GENERATED.items():
        path = ROOT / name
        text = generate()
        before = path.read_text("utf-8") if path.exists() else ""
        if text == before:
            continue
        stale += 1
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, f"{name} (generated)", n=1)
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote {name}")
    if stale and check:
        print(f"{stale} generated files are not current; run: python tools/generate.py")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
