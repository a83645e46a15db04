"""The DTDL that a file names: found, read, parsed and compiled; what the parser finds is passed through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dtdl.compiler.build import compile as compile_model
from dtdl.diagnostic import Location
from dtdl.elements import Interface
from dtdl.errors import InputUnreadable, LimitExceeded, ModelInvalid
from dtdl.parser import check as check_dtdl
from dtdl.parser import parse as parse_dtdl
from dtdl.resources import data_dir
from dtdl.source import is_expansion
from interop.config.findings import did_you_mean
from interop.config.project import Project
from interop.config.salvage import salvage

LIBRARY = "library:"
_UNDEFINED = "MT004"


def read_models(project: Project, *, advise: bool) -> None:
    """Reads ``models:`` into the project; where something is wrong, what of it can be read, for the checks that follow.

    ``project.types`` stays None when nothing can be read.

    Args:
        project: Takes types and texts.
        advise: Whether to look for what is right but not advisable too, which reads everything twice.
    """
    files = find_models(project)
    if not files:
        if project.models_whole:
            given = ("models",) in project.document.spots
            cause = "models: names no file of DTDL" if given else "the file has no models:"
            project.findings.add("MT120", project.document.key(("models",)), cause)
            project.models_whole = False
        return
    project.model_files = files
    try:
        model = parse_dtdl(files)
    except ModelInvalid as error:
        salvaged = salvage(files)
        project.models_whole = project.models_whole and salvaged.whole
        # What a file would define that is missing or no JSON, is no second mistake.
        project.findings.extend(
            found for found in error.diagnostics if project.models_whole or found.rule != _UNDEFINED
        )
        project.models_broken = salvaged.broken
        project.types = compile_model(salvaged.model) if salvaged.model else None
        return
    except LimitExceeded as error:
        project.models_whole = False
        project.findings.add("MT103", project.document.key(("models",)), error.message, action=error.action)
        return
    if advise:
        project.findings.extend(check_dtdl(files))
    project.types = compile_model(model)
    for file in files:
        project.model_texts.update(_texts(file))


def find_models(project: Project) -> list[Path]:
    """Gives every file of DTDL that ``models:`` names and that is there, once, in order; reports what is missing."""
    found: dict[Path, Path] = {}
    for index, entry in enumerate(project.file.models):
        location = project.document.at(("models", index))
        path = _entry(project, entry, location)
        if path is None:
            project.models_whole = False
            continue
        files = sorted(path.rglob("*.json")) + sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
        if not files:
            project.findings.add("MT120", location, f"the folder {entry} has no .json file")
            project.models_whole = False
        for file in files:
            if not file.is_file():  # reading a named pipe would wait for a writer
                project.findings.add("MT110", location, f"models: names {file}, which is no regular file")
                project.models_whole = False
                continue
            if not is_expansion(file):
                found.setdefault(file.resolve(), file)
    return list(found.values())


def _entry(project: Project, entry: Any, location: Location) -> Path | None:
    if not isinstance(entry, str) or not entry:
        project.findings.add("MT105", location, "an entry of models: must be the path of a file or folder")
        return None
    if entry.startswith(LIBRARY):
        return _library(project, entry, location)
    path = project.base / entry
    if path.exists():
        return path
    action = ""
    if entry.strip("/") in _shipped():
        action = f"Write {LIBRARY}{entry.strip('/')} for the models that are shipped."
    project.findings.add("MT110", location, f"models: names {entry}, which does not exist", action=action, value=entry)
    return None


def _library(project: Project, entry: str, location: Location) -> Path | None:
    name = entry.removeprefix(LIBRARY).strip("/")
    names = _shipped()
    if ".." not in Path(name).parts and name.split("/")[0] in names:
        path = data_dir("models") / name
        if path.exists():
            return path
    action = did_you_mean(name, names, otherwise="There is no such folder in the library.")
    project.findings.add("MT110", location, f"the library has no models {name!r}", action=action, value=entry)
    return None


def _shipped() -> list[str]:
    try:
        folder = data_dir("models")
    except InputUnreadable:
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir())


def _texts(file: Path) -> dict[str, str]:
    text = file.read_text("utf-8-sig")
    if file.suffix != ".jsonl":
        return {str(file): text}
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    return {f"{file}:{line['path']}": line["text"] for line in lines}


def check_twin_models(project: Project) -> None:
    """Each twin's ``model:`` is an Interface that is loaded."""
    for name, twin in project.file.twins.items():
        path = ("twins", name, "model")
        if twin.model is None:
            if project.raw(path) is None:
                location = project.document.key(("twins", name))
                project.findings.add("MT122", location, f"the twin {name!r} has no model")
            continue
        if project.types is None:
            continue
        found = project.types.model.get(twin.model)
        location = project.document.at(path)
        if found is None and (not project.models_whole or twin.model in project.models_broken):
            continue  # it may be among what could not be read, which is reported there
        if found is None:
            known = [dtmi for dtmi, element in project.types.model.items() if isinstance(element, Interface)]
            project.findings.add(
                "MT121", location, f"{twin.model} is not defined by any of the models", primary_id=twin.model,
                action=did_you_mean(twin.model, known),
            )  # fmt: skip
        elif not isinstance(found, Interface):
            cause = f"{twin.model} is of class {found.kind}"
            project.findings.add("MT123", location, cause, primary_id=twin.model)
