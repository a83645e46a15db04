"""The one check of every kind of file: DTDL, megatwin.yaml, FMUs, SSP, NodeSet2; what is one is checked as one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import ArchiveUnsafe, DescriptionInvalid, InputUnreadable, LimitExceeded
from dtdl.parser import check as check_dtdl
from dtdl.resolver import Resolver, below
from dtdl.source import is_expansion
from interop.config.findings import Findings
from interop.config.rules import FILE_NAME

Kind: TypeAlias = Literal["dtdl", "configuration", "fmu", "ssp", "nodeset"]

_SUFFIXES: Final[dict[str, Kind]] = {
    ".json": "dtdl",
    ".jsonl": "dtdl",
    ".yaml": "configuration",
    ".yml": "configuration",
    ".fmu": "fmu",
    ".ssp": "ssp",
    ".ssd": "ssp",
    ".ssv": "ssp",
    ".ssm": "ssp",
    ".ssb": "ssp",
    ".xml": "nodeset",
}
_SKIPPED_FOLDERS: Final = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
_CONFIGURATION: Final = re.compile(rb"^\xef?\xbb?\xbf?[\"']?megatwin[\"']?\s*:", re.MULTILINE)
_DTDL: Final = re.compile(rb'"@(?:context|type|id)"')
_PEEK: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class Checked:
    """What was checked, and what was found.

    Attributes:
        files: Names of the files, as given or as found in a given folder.
        skipped: Names of files in given folders that are of a kind that is checked but hold something else.
        diagnostics: By file, line and column.
        sets: Files of definitions; those of one set were checked together.
        named: Files of definitions that the caller named, or that lie in a named folder, with links resolved.
        resolver: Where definitions are looked for that those only refer to.
    """

    files: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    sets: list[tuple[Path, ...]] = field(default_factory=list)
    named: frozenset[Path] = frozenset()
    resolver: Resolver | None = None


def check(
    paths: Sequence[str | os.PathLike[str]],
    *,
    strict: bool = False,
    second_opinion: bool = False,
    resolve: Sequence[str | os.PathLike[str]] = (),
) -> Checked:
    """Checks files and all files in folders.

    The DTDL that a configuration names is checked with it; all other DTDL is checked as one set.

    Args:
        paths: Files and folders.
        strict: Refuse undefined extensions in DTDL.
        second_opinion: Ask another importer about FMUs that have no error.
        resolve: Folders that have the definitions which those given only refer to; what is taken from there is not
            advised about.

    Raises:
        InputUnreadable: A path is missing, may not be read or is no regular file, is of no kind that is checked, or a
            folder holds nothing to check.
    """
    checked = Checked(resolver=below(*map(Path, resolve)) if resolve else None)
    chosen: dict[Kind, dict[Path, Path]] = {"dtdl": {}, "configuration": {}, "fmu": {}, "ssp": {}, "nodeset": {}}
    for given in paths:
        path = Path(given)
        for file, kind in _in_folder(path, checked) if path.is_dir() else [(path, _kind_of(path))]:
            chosen[kind].setdefault(file.resolve(), file)
    checked.named = frozenset(chosen["dtdl"])
    findings = Findings()
    named = _check_configurations(chosen["configuration"].values(), checked, findings)
    loose = [file for real, file in chosen["dtdl"].items() if real not in named]
    if loose:
        checked.files += map(str, loose)
        checked.sets.append(tuple(loose))
        found = check_dtdl(loose, resolver=checked.resolver, allow_undefined="never" if strict else "default")
        findings.extend(item for item in found if item.severity == Severity.ERROR or not _is_resolved(item))
    for file in chosen["fmu"].values():
        checked.files.append(str(file))
        findings.extend(_check_fmu(file, second_opinion=second_opinion))
    checked.files += map(str, chosen["ssp"].values())
    findings.extend(_check_structures(chosen["ssp"].values()))
    if chosen["nodeset"]:
        from interop.opcua.nodeset.check import check_files  # noqa: PLC0415 - most checks are of definitions

        checked.files += map(str, chosen["nodeset"].values())
        findings.extend(check_files(list(chosen["nodeset"].values())))
    checked.diagnostics = findings.ordered()
    return checked


def _is_resolved(found: Diagnostic) -> bool:
    """Whether a finding is about a definition that nobody named: only the documents of the call have an index."""
    return found.location is not None and found.location.index is None


def _kind_of(path: Path) -> Kind:
    if not path.exists():
        raise InputUnreadable(f"{path} does not exist", action="Correct the path.")
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(_SUFFIXES)
        raise InputUnreadable(f"{path} is of no kind that can be checked", action=f"Name files that end in {known}.")
    _require_regular(path)
    return kind


def _require_regular(path: Path) -> None:
    """Reading a named pipe would wait for a writer that may never come, and a device may have no end."""
    if path.exists() and not path.is_file():
        raise InputUnreadable(f"{path} is no regular file", action="Name a file, or remove it from the folder.")


def _in_folder(folder: Path, checked: Checked) -> Iterable[tuple[Path, Kind]]:
    found = False
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(place, name)
            kind = _SUFFIXES.get(path.suffix.lower())
            if kind is None or name.startswith(".") or is_expansion(path):
                continue
            _require_regular(path)
            if _is_of_kind(path, kind):
                found = True
                yield path, kind
            else:
                checked.skipped.append(str(path))
    if not found:
        raise InputUnreadable(
            f"the folder {folder} holds no DTDL, no {FILE_NAME}, no FMU, no SSP and no NodeSet2",
            action="Name another folder.",
        )


def _is_of_kind(path: Path, kind: Kind) -> bool:
    """Whether a file in a folder is what its suffix may mean; one that cannot be read at all counts, to be reported."""
    if kind in ("fmu", "ssp") or path.name == FILE_NAME:
        return True
    try:
        with path.open("rb") as stream:
            head = stream.read(_PEEK)
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}", action="Correct its permissions.") from error
    if kind == "nodeset":
        return b"UANodeSet" in head
    if kind == "configuration":
        return bool(_CONFIGURATION.search(head))
    if path.suffix.lower() == ".jsonl" or _DTDL.search(head):
        return True
    try:
        json.loads(head)
    except ValueError:
        return True
    return False


def _check_configurations(files: Iterable[Path], checked: Checked, findings: Findings) -> set[Path]:
    named: set[Path] = set()
    for file in files:
        from interop.config.resolve import read_project  # noqa: PLC0415 - pydantic and the compiler come with it

        checked.files.append(str(file))
        project, found = read_project(file, advise=True)
        findings.extend(found)
        if project and project.model_files:
            checked.sets.append(tuple(project.model_files))
        for model in project.model_files if project else ():
            if model.resolve() not in named:
                checked.files.append(str(model))
            named.add(model.resolve())
    return named


def _check_structures(files: Collection[Path]) -> Iterable[Diagnostic]:
    if not files:
        return ()
    from fmu.ssp.validation import check as check_ssp  # noqa: PLC0415 - most checks are of definitions

    # a file of parameters is read alone, and again by the structure that names it: what is found is said once
    return dict.fromkeys(found for file in files for found in check_ssp(file))


def _check_fmu(file: Path, *, second_opinion: bool) -> list[Diagnostic]:
    from fmu import opinion  # noqa: PLC0415 - most checks are of definitions
    from fmu.description import read_description  # noqa: PLC0415

    try:
        description = read_description(file)
        asked = opinion.second_opinion(file, description) if second_opinion else []
    except DescriptionInvalid as error:
        return list(error.diagnostics)
    except (ArchiveUnsafe, LimitExceeded) as error:
        where = Location(str(file))
        return [Diagnostic(rule="MT201", location=where, cause=error.message, action=error.action)]
    return [*description.warnings, *asked]
