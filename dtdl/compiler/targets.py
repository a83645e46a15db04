"""Targets: which files a compilation writes for pydantic, JSON Schema, RDF and a repository, and what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dtdl.compiler import emit
from dtdl.compiler.build import Types
from dtdl.compiler.jsonschema import schema_document
from dtdl.errors import InputUnreadable
from dtdl.parser import parse
from dtdl.repository import documents
from dtdl.resolver import Resolver


def outputs(
    paths: Sequence[str | Path], output: Path, target: str, *, resolver: Resolver | None = None
) -> dict[Path, str]:
    """Gives the files of one compilation and their text; writes nothing.

    Args:
        paths: Files, folders, ``.jsonl`` files or JSON texts, as ``dtdl.parse`` takes them.
        output: A file with a suffix, or a folder.
        target: ``pydantic``, ``jsonschema``, ``rdf`` or ``repository``.
        resolver: Gives what the definitions only refer to, as for ``dtdl.parse``: it is compiled too, but is no part
            of a graph.

    Raises:
        ModelInvalid: The definitions have findings.
        InputUnreadable: A path cannot be read, or there is no Interface to compile.
    """
    return _TARGETS[target](paths, output, resolver)


def _types(paths: Sequence[str | Path], resolver: Resolver | None) -> Types:
    """Compiles, but never an empty folder to an empty file: whoever named it meant another."""
    types = Types(parse(paths, resolver=resolver))
    if not types:
        raise InputUnreadable(
            f"{', '.join(map(str, paths)):.200}: there is no Interface", action="Name other files or folders."
        )
    return types


def _pydantic(paths: Sequence[str | Path], output: Path, resolver: Resolver | None) -> dict[Path, str]:
    text = emit.python_text(_types(paths, resolver).planner)
    if output.suffix == ".py":
        return {output: text}
    return {output / "__init__.py": text, output / "py.typed": ""}


def _jsonschema(paths: Sequence[str | Path], output: Path, resolver: Resolver | None) -> dict[Path, str]:
    document = schema_document(_types(paths, resolver).planner)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return {output if output.suffix == ".json" else output / "twins.schema.json": text}


def _rdf(paths: Sequence[str | Path], output: Path, resolver: Resolver | None) -> dict[Path, str]:
    from dtdl.compiler.rdf import turtle  # noqa: PLC0415 - rdflib and pyld are slow to import and rarely needed

    return {output if output.suffix == ".ttl" else output / "models.ttl": turtle(paths, resolver=resolver)}


def _repository(paths: Sequence[str | Path], output: Path, resolver: Resolver | None) -> dict[Path, str]:
    return {output / path: text for path, text in documents(paths, resolver=resolver).items()}


_TARGETS: Final[Mapping[str, Callable[[Sequence[str | Path], Path, Resolver | None], dict[Path, str]]]] = (
    MappingProxyType({"pydantic": _pydantic, "jsonschema": _jsonschema, "rdf": _rdf, "repository": _repository})
)
