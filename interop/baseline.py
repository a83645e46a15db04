"""Baselines: findings that are known and wait, so that only new ones count.

A finding is recognised by its rule, its file and what it speaks of (element, property, value), not by its line: edits
elsewhere in the file do not make it new. The same finding twice is known twice.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from dtdl.diagnostic import Diagnostic
from dtdl.errors import InputUnreadable

VERSION: Final = 1


class Mark(NamedTuple):
    """What a finding is recognised by; empty texts for what it does not speak of.

    Attributes:
        file: Path from the folder of the baseline, with ``/``.
        cause: Only of findings that name no element, property or value.
    """

    rule: str
    file: str
    element: str
    property: str
    value: str
    cause: str


def mark(found: Diagnostic, folder: Path) -> Mark:
    """Gives what a finding is recognised by, with its file as seen from a folder."""
    element, name, value = found.primary_id or "", found.property_name or "", found.value or ""
    file = found.location.file if found.location is not None else ""
    if file:
        file = Path(os.path.relpath(Path(file).resolve(), folder.resolve())).as_posix()
    return Mark(found.rule, file, element, name, value, "" if element or name or value else found.cause)


def new(found: Iterable[Diagnostic], baseline: Path) -> tuple[list[Diagnostic], int]:
    """Gives the findings that a baseline does not know, and how many that it knows are no longer there.

    Raises:
        InputUnreadable: It is missing or is no baseline.
    """
    known = _load(baseline)
    fresh: list[Diagnostic] = []
    for item in found:
        said = mark(item, baseline.parent)
        if known[said] > 0:
            known[said] -= 1
        else:
            fresh.append(item)
    return fresh, known.total()


def write(found: Iterable[Diagnostic], baseline: Path) -> int:
    """Writes a baseline that knows these findings, sorted, and gives how many.

    Raises:
        InputUnreadable: The file cannot be written.
    """
    counts = Counter(mark(item, baseline.parent) for item in found)
    rows = []
    for said, count in sorted(counts.items()):
        row = {name: text for name, text in said._asdict().items() if text}
        rows.append(row | ({"count": count} if count > 1 else {}))
    body = json.dumps({"megatwinBaseline": VERSION, "findings": rows}, indent=1, ensure_ascii=False) + "\n"
    try:
        baseline.write_text(body, "utf-8")
    except OSError as error:
        action = "Name a file in a folder that is there and may be written."
        raise InputUnreadable(f"{baseline} cannot be written: {error.strerror}", action=action) from error
    return counts.total()


def _load(baseline: Path) -> Counter[Mark]:
    try:
        body = json.loads(baseline.read_text("utf-8"))
    except OSError as error:
        action = "Write it with --update-baseline."
        raise InputUnreadable(f"{baseline} cannot be read: {error.strerror}", action=action) from error
    except (ValueError, RecursionError) as error:
        raise _no_baseline(baseline) from error
    if not isinstance(body, dict) or body.get("megatwinBaseline") != VERSION:
        raise _no_baseline(baseline)
    rows = body.get("findings")
    if not isinstance(rows, list):
        raise _no_baseline(baseline)
    known: Counter[Mark] = Counter()
    for row in rows:
        count = row.pop("count", 1) if isinstance(row, dict) else None
        if type(count) is not int or not all(name in Mark._fields and isinstance(row[name], str) for name in row):
            raise _no_baseline(baseline)
        known[Mark(**(dict.fromkeys(Mark._fields, "") | row))] += count
    return known


def _no_baseline(baseline: Path) -> InputUnreadable:
    return InputUnreadable(f"{baseline} is no baseline", action="Write it again with --update-baseline.")
