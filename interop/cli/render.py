"""Diagnostics as text with the source line, one line each, JSON, SARIF, GitHub annotations and JUnit XML."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, NamedTuple

from dtdl.diagnostic import Diagnostic, Location, Severity

_WIDTH: Final = 140
_COLORS: Final = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.INFO: "\x1b[1;36m"}
_OFF: Final = "\x1b[0m"
_UNSEEN: Final = re.compile("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]")
"""Control characters but for the tab, and those that change the direction of writing."""
_GITHUB_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class _Sheet(NamedTuple):
    """What a format writes."""

    found: Sequence[Diagnostic]
    checked: Sequence[str]
    color: bool


def render(found: Sequence[Diagnostic], how: str, *, checked: Sequence[str] = (), color: bool = False) -> str:
    """Writes findings.

    Args:
        found: In the order in which they are shown.
        how: One of FORMATS.
        checked: Names of all files that were checked, for formats that list what is right too.
        color: Whether a terminal that shows colours reads it.

    Returns:
        A text that ends with a line break, or an empty one.
    """
    return FORMATS[how](_Sheet(found, checked, color))


def to_json(found: Diagnostic) -> dict[str, Any]:
    """Gives the JSON form of a finding (schemas/diagnostic.schema.json): camelCase, empty fields left out."""
    values: dict[str, Any] = {}
    for field in fields(found):
        value = getattr(found, field.name)
        if value is None or value in ("", ()):
            continue
        if isinstance(value, Location):
            value = _location_json(value)
        elif isinstance(value, tuple):
            value = [_location_json(location) for location in value]
        values[_camel(field.name)] = value
    return values


def _location_json(location: Location) -> dict[str, Any]:
    pairs = ((_camel(field.name), getattr(location, field.name)) for field in fields(location))
    return {name: value for name, value in pairs if value is not None and (value != 0 or name == "index")}


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def summary(found: Sequence[Diagnostic]) -> str:
    """Gives ``2 errors, 1 warning``, or ``no findings``."""
    counts = [(severity, sum(item.severity is severity for item in found)) for severity in Severity]
    named = {Severity.INFO: "note"}
    parts = [f"{count} {named.get(kind, kind.value)}{'s' if count > 1 else ''}" for kind, count in counts if count]
    return ", ".join(parts) or "no findings"


def _text(sheet: _Sheet) -> str:
    lines = _Lines()
    return "\n".join(_one_text(item, lines, color=sheet.color) for item in sheet.found)


def _one_text(found: Diagnostic, lines: _Lines, *, color: bool) -> str:
    head = f"{found.severity}[{found.rule}]"
    if color:
        head = f"{_COLORS[found.severity]}{head}{_OFF}"
    parts = [f"{head}: {_shown(found.cause)}"]
    where = found.location
    if where is not None:
        parts.append(f"  --> {_shown(str(where))}")
        parts += lines.excerpt(where)
    if found.action:
        parts.append(f"   = {_shown(found.action)}")
    return "\n".join(parts) + "\n"


class _Lines:
    """Source lines for excerpts; each file is read once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def excerpt(self, where: Location) -> list[str]:
        """Gives the source line with carets under the span, or nothing when it cannot be shown."""
        line = self._line(where)
        if line is None or not where.column:
            return []
        line = _shown(line)
        start = min(where.column - 1, len(line))
        end = where.end_column - 1 if where.end_column and where.end_line in (0, where.line) else len(line.rstrip())
        if not where.end_column:
            end = start + 1
        length = max(1, min(end, len(line)) - start)
        if len(line) > _WIDTH:
            cut = max(0, start - _WIDTH // 3)
            line, start = line[cut : cut + _WIDTH], start - cut
            length = max(1, min(length, len(line) - start))
        # Tabs stay tabs, so that the carets stand below what they mean.
        pad = "".join("\t" if character == "\t" else " " for character in line[:start])
        number = str(where.line)
        bar = " " * len(number)
        return [f" {bar} |", f" {number} | {line}", f" {bar} | {pad}{'^' * length}"]

    def _line(self, where: Location) -> str | None:
        if not where.line:
            return None
        if where.file not in self._files:
            try:
                text = Path(where.file).read_text("utf-8-sig", errors="replace")
            except OSError:
                text = ""
            self._files[where.file] = text.split("\n")
        lines = self._files[where.file]
        return lines[where.line - 1].rstrip("\r") if where.line <= len(lines) else None


def _shown(text: str) -> str:
    """Gives a text as a terminal may have it: files of others do not move its cursor, colour it or turn it around."""
    return _UNSEEN.sub("\ufffd", text)


def _concise(sheet: _Sheet) -> str:
    return "".join(f"{_shown(str(item))}\n" for item in sheet.found)


def _json(sheet: _Sheet) -> str:
    body = {"checked": list(sheet.checked), "diagnostics": [to_json(item) for item in sheet.found]}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _sarif(sheet: _Sheet) -> str:
    from interop.cli.sarif import to_sarif  # noqa: PLC0415 - it looks up every rule of every kind of file

    return to_sarif(sheet.found, sheet.checked)


def _github(sheet: _Sheet) -> str:
    return "".join(f"{_github_line(item)}\n" for item in sheet.found)


def _github_line(found: Diagnostic) -> str:
    properties: dict[str, Any] = {}
    if found.location is not None:
        where = found.location
        properties = {"file": where.file, "line": where.line, "col": where.column}
        properties |= {"endLine": where.end_line, "endColumn": where.end_column}
    properties["title"] = found.rule
    given = ",".join(f"{name}={_escaped(str(value), property_=True)}" for name, value in properties.items() if value)
    text = " ".join(part for part in (found.cause, found.action) if part)
    return f"::{_GITHUB_LEVELS[found.severity]} {given}::{_escaped(text, property_=False)}"


def _escaped(text: str, *, property_: bool) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_ else text


def _junit(sheet: _Sheet) -> str:
    by_file: dict[str, list[Diagnostic]] = {file: [] for file in sheet.checked}
    for item in sheet.found:
        by_file.setdefault(item.location.file if item.location else "megatwin", []).append(item)
    suites = "".join(itertools.starmap(_junit_suite, by_file.items()))
    failures = sum(item.severity is Severity.ERROR for item in sheet.found)
    cases = sum(max(1, len(items)) for items in by_file.values())
    head = f'<testsuites name="megatwin check" tests="{cases}" failures="{failures}">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{suites}</testsuites>\n'


def _junit_suite(file: str, items: Sequence[Diagnostic]) -> str:
    failures = sum(item.severity is Severity.ERROR for item in items)
    name = _xml(file)
    cases = "".join(_junit_case(name, item) for item in items) or f'    <testcase classname="{name}" name="check"/>\n'
    head = f'  <testsuite name="{name}" tests="{max(1, len(items))}" failures="{failures}">\n'
    return f"{head}{cases}  </testsuite>\n"


def _junit_case(file: str, found: Diagnostic) -> str:
    place = f":{found.location.line}:{found.location.column}" if found.location and found.location.line else ""
    head = f'    <testcase classname="{file}" name="{_xml(found.rule + place)}">\n'
    tag = "failure" if found.severity is Severity.ERROR else "system-out"
    attributes = f' type="{_xml(found.rule)}" message="{_xml(found.cause)}"' if tag == "failure" else ""
    return f"{head}      <{tag}{attributes}>{_xml(str(found))}</{tag}>\n    </testcase>\n"


def _xml(text: str) -> str:
    return html.escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


FORMATS: Final[Mapping[str, Callable[[_Sheet], str]]] = {
    "text": _text,
    "concise": _concise,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "junit": _junit,
}
"""Name of a format → what writes it."""
