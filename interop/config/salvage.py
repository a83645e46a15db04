"""What can still be read of DTDL that has errors, so that a configuration is checked against the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from dtdl.compiler.build import compile as compile_model
from dtdl.compiler.point import PointType
from dtdl.diagnostic import Diagnostic
from dtdl.elements import Model
from dtdl.errors import LimitExceeded, ModelInvalid
from dtdl.parser import parse as parse_dtdl

_ROUNDS: Final = 20
"""Longest chain of definitions that fall because the one before fell; a longer one is given up."""
_ANY: Final = "dtmi:megatwin:any;1"


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The rest.

    Attributes:
        model: What is right and needs nothing that is wrong; None when nothing is.
        broken: DTMIs in what is left out.
        whole: Whether ``broken`` is all that is left out: every file is JSON, and every definition names itself.
    """

    model: Model | None
    broken: frozenset[str]
    whole: bool


def salvage(files: Sequence[Path]) -> Salvaged:
    """Leaves out every definition that has an error, and then those that need one that was left out.

    Args:
        files: JSON, or JSON lines of ``{"path", "text"}``.
    """
    entries: list[Any] = []
    whole = True
    for file in files:
        try:
            entries += _entries(file)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # reported when the files were parsed
            whole = False
    broken: set[str] = set()
    for _ in range(_ROUNDS):
        if not entries:
            break
        try:
            model = parse_dtdl([json.dumps(entry) for entry in entries])
        except ModelInvalid as error:
            wrong = set(_places(error.diagnostics))
            if not wrong:
                break
            fallen = [entry for index, entry in enumerate(entries) if index in wrong]
            whole = whole and all(isinstance(entry, dict) and isinstance(entry.get("@id"), str) for entry in fallen)
            broken.update(_ids(fallen))
            entries = [entry for index, entry in enumerate(entries) if index not in wrong]
        except LimitExceeded:
            break
        else:
            return Salvaged(model, frozenset(broken), whole)
    return Salvaged(None, frozenset(broken), whole)


@cache
def any_types() -> tuple[PointType, ...]:
    """Gives types so unlike that what is said of each of them holds for every type."""
    contents = [
        {"@type": "Property", "name": schema, "schema": schema, "writable": True}
        for schema in ("double", "long", "boolean", "string", "bytes", "dateTime")
    ]
    text = {"@context": "dtmi:dtdl:context;4", "@id": _ANY, "@type": "Interface", "contents": contents}
    return compile_model(parse_dtdl([json.dumps(text)])).points(_ANY)


def _entries(file: Path) -> list[Any]:
    text = file.read_text("utf-8-sig")
    if file.suffix != ".jsonl":
        return _listed(json.loads(text))
    lines = [json.loads(line)["text"] for line in text.splitlines() if line.strip()]
    return [entry for line in lines for entry in _listed(json.loads(line))]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _places(diagnostics: Iterable[Diagnostic]) -> Iterator[int]:
    """Indexes of the texts that errors are in, or lead to."""
    for found in diagnostics:
        for location in (found.location, found.secondary):
            if location is not None and location.index is not None:
                yield location.index


def _ids(value: Any) -> Iterator[str]:
    """Every ``@id`` in a definition, that of inner ones too."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if isinstance(found.get("@id"), str):
                yield found["@id"]
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
