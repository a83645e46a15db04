"""Any JSON against any JSON Schema, within a bound of time and memory, whatever the schema says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import InputUnreadable, LimitExceeded
from interop.validate.rules import RULES

_ROOT: Final = Path(__file__).resolve().parents[2]
_ERRORS: Final = {"InputUnreadable": InputUnreadable, "LimitExceeded": LimitExceeded}


def validate_json(
    data: Sequence[str | PathLike[str]], schema: str | PathLike[str], *, time_limit_s: float = 30.0
) -> list[Diagnostic]:
    """Checks JSON against a JSON Schema of draft 3, 4, 6, 7, 2019-09 or 2020-12, which ``$schema`` names.

    ``$ref`` reaches files in the folder of the schema and below it; nothing else is read, and nothing is fetched.
    The check runs in a process of its own.

    Args:
        data: Files ``.json`` or ``.ndjson`` (``.jsonl``).
        schema: File of the schema.
        time_limit_s: Seconds after which the check is ended.

    Returns:
        The findings, by file, line and column; those of the schema alone when it is not right itself.

    Raises:
        InputUnreadable: A file is missing or may not be read.
        LimitExceeded: A file is too large.
    """
    request = json.dumps({"data": [os.fspath(path) for path in data], "schema": os.fspath(schema)})
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    where = Location(os.fspath(schema))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "interop.validate.worker"],
            input=request, capture_output=True, encoding="utf-8", timeout=time_limit_s, env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [_finding("MT445", where, f"The check was ended after {time_limit_s:g} s.")]
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2][:200] or f"it ended with code {done.returncode}"
        action = "Correct the schema; if it is right, report this with the schema."
        return [_finding("MT446", where, f"The check could not be finished: {last}.", action)]
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["message"], action=answer["action"])
    return [_diagnostic(item) for item in answer["diagnostics"]]


def _finding(rule: str, where: Location, cause: str, action: str = "") -> Diagnostic:
    return Diagnostic(rule=rule, location=where, cause=cause, action=action or RULES[rule].remedy)


def _diagnostic(item: dict[str, Any]) -> Diagnostic:
    where = item["location"]
    return Diagnostic(
        rule=item["rule"],
        severity=Severity(item["severity"]),
        location=Location(**where) if where else None,
        cause=item["cause"],
        action=item["action"],
        property_name=item["property_name"],
    )
