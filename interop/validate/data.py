"""Data against models: one call for every form that data has."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from dtdl.compiler.build import Types
from dtdl.compiler.build import compile as compile_model
from dtdl.context import AllowUndefined
from dtdl.diagnostic import Diagnostic
from dtdl.errors import InputUnreadable, ModelNotFound
from dtdl.parser.run import parse
from dtdl.resolver import below
from interop.config.findings import did_you_mean
from interop.validate.patches import Patches
from interop.validate.report import Full, Report
from interop.validate.rows import Table
from interop.validate.twins import Twins
from interop.validate.written import read

JSON: Final = frozenset({".json", ".ndjson", ".jsonl"})
TABLES: Final = frozenset({".csv"})


def validate_data(
    data: Sequence[str | PathLike[str]],
    models: Sequence[str | PathLike[str]],
    *,
    model: str | None = None,
    patch: bool = False,
    strict: bool = False,
    resolve: Sequence[str | PathLike[str]] = (),
) -> list[Diagnostic]:
    """Checks twins, relationships or patches against DTDL definitions; all data is one set.

    Args:
        data: Files ``.json``, ``.ndjson`` (``.jsonl``) or ``.csv``.
        models: DTDL files and folders.
        model: DTMI of the Interface of twins that name none; of all twins when ``patch``.
        patch: The data are patches (RFC 6902), not twins.
        strict: Refuse undefined extensions in the DTDL.
        resolve: Folders that have the definitions which ``models`` only refer to.

    Returns:
        The findings, by file, line and column.

    Raises:
        InputUnreadable: A path is missing or may not be read, or is of no form of data; or the models are empty.
        LimitExceeded: A file is too large.
        ModelInvalid: The definitions have findings.
        ModelNotFound: No definition has the Interface ``model``.
    """
    paths = [_usable(Path(given), tables=not patch) for given in data]
    resolver = below(*map(Path, resolve)) if resolve else None
    allow: AllowUndefined = "never" if strict else "default"
    types = compile_model(parse([Path(given) for given in models], resolver=resolver, allow_undefined=allow))
    if not types:
        raise InputUnreadable(f"{', '.join(map(str, models))}: there is no Interface", action="Name other models.")
    if model is not None and model not in types:
        raise ModelNotFound(
            f"no definition has the Interface {model}",
            action=did_you_mean(model, types, otherwise="Correct the DTMI, or name its definition too."),
        )
    report = Report()
    try:
        if patch:
            _patches(paths, types, report, model)
        else:
            _twins(paths, types, report, model)
    except Full:
        # The report says itself that it is full.
        return report.ordered()
    return report.ordered()


def _patches(paths: Sequence[Path], types: Types, report: Report, model: str | None) -> None:
    if model is None:
        raise InputUnreadable("a patch does not say the model of its twin", action="Give the DTMI with --model.")
    patches = Patches(types, report, model)
    for path in paths:
        for written in read(path, report):
            patches.add(written)


def _twins(paths: Sequence[Path], types: Types, report: Report, model: str | None) -> None:
    twins = Twins(types, report, model)
    for path in paths:
        if path.suffix.lower() in TABLES:
            Table(types, report, twins, model).add(path)
            continue
        for written in read(path, report):
            twins.add(written)
    twins.finish()


def _usable(path: Path, *, tables: bool) -> Path:
    known = JSON | TABLES if tables else JSON
    if path.suffix.lower() not in known:
        raise InputUnreadable(
            f"{path} is of no form of data", action=f"Name files that end in {', '.join(sorted(known))}."
        )
    return path
