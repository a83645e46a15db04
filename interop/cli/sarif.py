"""Findings as SARIF 2.1.0, for code scanning: the sections that the comments name are those of the OASIS standard."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from dtdl.diagnostic import Diagnostic, Location, Severity
from interop.baseline import mark
from interop.rules import find_rules

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT: Final = "%SRCROOT%"


def to_sarif(found: Sequence[Diagnostic], checked: Sequence[str]) -> str:
    """Gives a log of one run.

    Args:
        found: The findings.
        checked: Names of all files that were checked.
    """
    sheet = _Log(repository(Path.cwd()), checked, found)
    run = {
        "tool": {"driver": sheet.driver()},
        # No uri: where the repository lies is known to whoever reads the log (3.14.14).
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": sheet.artifact(file, index=False)} for file in sheet.files],
        "results": [sheet.result(item) for item in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def repository(start: Path) -> Path:
    """Gives the nearest folder above that has ``.git``, or the folder itself when there is none."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


class _Log:
    """What the parts of a log refer to."""

    def __init__(self, root: Path, checked: Sequence[str], found: Sequence[Diagnostic]) -> None:
        self.root = root
        places = [place.file for item in found for place in (item.location, item.secondary) if place is not None]
        self.files = list(dict.fromkeys([*checked, *places]))
        self.index = {file: i for i, file in enumerate(self.files)}
        self.rules = sorted({item.rule for item in found})

    def driver(self) -> dict[str, Any]:
        """Gives the tool, with the rules that were broken (3.19)."""
        known = find_rules()
        rules: list[dict[str, Any]] = []
        for name in self.rules:
            rule: dict[str, Any] = {"id": name}
            if name in known:
                rule["shortDescription"] = {"text": known[name].summary}
                rule["help"] = {"text": f"{known[name].explanation} {known[name].remedy}"}
                rule["defaultConfiguration"] = {"level": _LEVELS[known[name].severity]}
            rules.append(rule)
        return {"name": "megatwin", "version": version("megatwin"), "rules": rules}

    def artifact(self, file: str, *, index: bool = True) -> dict[str, Any]:
        """Gives where a file is: from the root of the repository, or absolute when it lies elsewhere (3.4)."""
        path = Path(file).resolve()
        if path.is_relative_to(self.root):
            place: dict[str, Any] = {
                "uri": quote(os.fsencode(path.relative_to(self.root).as_posix())),
                "uriBaseId": _ROOT,
            }
        else:
            place = {"uri": path.as_uri()}
        return place | ({"index": self.index[file]} if index else {})

    def result(self, found: Diagnostic) -> dict[str, Any]:
        """Gives one result (3.27)."""
        text = " ".join(part for part in (found.cause, found.action) if part)
        known = "\n".join(mark(found, self.root))
        result: dict[str, Any] = {
            "ruleId": found.rule,
            "ruleIndex": self.rules.index(found.rule),
            "level": _LEVELS[found.severity],
            "message": {"text": text},
            "partialFingerprints": {"megatwinFinding/v1": hashlib.sha256(os.fsencode(known)).hexdigest()},
        }
        if found.location is not None:
            result["locations"] = [self.location(found.location)]
        if found.secondary is not None:
            other = self.location(found.secondary) | {"message": {"text": "the other place"}}
            result["relatedLocations"] = [{"id": 1} | other]
        return result

    def location(self, where: Location) -> dict[str, Any]:
        """Gives a place; the end of a region is the column after its last character (3.30)."""
        physical: dict[str, Any] = {"artifactLocation": self.artifact(where.file)}
        if where.line:
            region = {"startLine": where.line}
            if where.column:
                region["startColumn"] = where.column
            if where.end_line >= where.line:
                region["endLine"] = where.end_line
            if (
                where.column
                and where.end_column
                and (where.end_line or where.line, where.end_column)
                >= (
                    where.line,
                    where.column,
                )
            ):
                region["endColumn"] = where.end_column
            physical["region"] = region
        return {"physicalLocation": physical}
