"""Process: work on graphs of others in a process of its own, within bounds of time and memory, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import InputUnreadable, LimitExceeded, ModelNotFound, ValueInvalid
from interop.rdf.rules import RULES

_ROOT: Final = Path(__file__).resolve().parents[2]
_ERRORS: Final = {error.__name__: error for error in (InputUnreadable, LimitExceeded, ModelNotFound)}


def run(task: str, request: dict[str, Any], *, time_limit_s: float) -> dict[str, Any]:
    """Runs a task of ``interop.rdf.worker``.

    Args:
        task: Its name.
        request: What it is asked, as JSON values.
        time_limit_s: Seconds after which it is ended.

    Returns:
        The answer, as JSON values.

    Raises:
        InputUnreadable: A file is missing or may not be read.
        LimitExceeded: A file is larger or deeper than the bound.
        ModelNotFound: A twin names an Interface or Relationship that no definition has.
        ValueInvalid: It was not finished within its bounds, or a file is not RDF.
    """
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    text = json.dumps({"task": task, "request": request})
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "interop.rdf.worker"],
            input=text, capture_output=True, encoding="utf-8", timeout=time_limit_s, env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise _unfinished(f"The work was ended after {time_limit_s:g} s.") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.strip().rpartition("\n")[2][:200] or f"it ended with code {done.returncode}"
        raise _unfinished(f"The work could not be finished: {last}.") from error
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["message"], action=answer["action"])
    if "invalid" in answer:
        raise ValueInvalid([diagnostic(item) for item in answer["invalid"]])
    return answer


def diagnostic(item: dict[str, Any]) -> Diagnostic:
    """Makes a Diagnostic of what ``dataclasses.asdict`` made of one."""
    place = {name: Location(**item[name]) if item[name] else None for name in ("location", "secondary")}
    related = tuple(Location(**one) for one in item["related"])
    return Diagnostic(**{**item, **place, "severity": Severity(item["severity"]), "related": related})


def _unfinished(cause: str) -> ValueInvalid:
    rule = RULES["MT460"]
    return ValueInvalid([Diagnostic(rule=rule.id, severity=rule.severity, cause=cause, action=rule.remedy)])
