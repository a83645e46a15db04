"""Report: the findings of one check, bounded in number, each with the severity and remedy of its rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import MegatwinError
from interop.validate.rules import RULES

MAX_FINDINGS: Final = 10_000


class Full(MegatwinError):
    """As many findings as are kept; whoever started the check ends it."""

    exit_code = 1


class Report:
    """What was found so far; the same finding at the same place is kept once.

    Args:
        most: How many findings are kept.
    """

    def __init__(self, most: int = MAX_FINDINGS) -> None:
        self._most = most
        self._found: dict[tuple[str, Location | None, str], Diagnostic] = {}

    def add(self, rule: str, location: Location, cause: str, *, action: str = "", **more: Any) -> None:
        """Adds a finding of a rule of data.

        Raises:
            Full: It was the last that is kept.
        """
        known = RULES[rule]
        self.put(
            Diagnostic(
                rule=rule,
                severity=known.severity,
                location=location,
                cause=cause,
                action=action or known.remedy,
                **more,
            )
        )

    def put(self, diagnostic: Diagnostic, *, location: Location | None = None) -> None:
        """Adds a finding of somebody else, with its place.

        Raises:
            Full: It was the last that is kept.
        """
        if location is not None:
            diagnostic = replace(diagnostic, location=location)
        self._found.setdefault((diagnostic.rule, diagnostic.location, diagnostic.cause), diagnostic)
        if len(self._found) == self._most:
            last = diagnostic.location
            more = Diagnostic(
                rule="MT409",
                location=last,
                cause=f"{self._most} findings are shown; what stands after this place was not checked.",
                action=RULES["MT409"].remedy,
            )
            self._found["MT409", last, more.cause] = more
            raise Full(more.cause, action=more.action)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Adds findings of somebody else."""
        for diagnostic in diagnostics:
            self.put(diagnostic)

    def ordered(self) -> list[Diagnostic]:
        """All of them, by file, line and column."""
        return sorted(self._found.values(), key=_place)


def _place(found: Diagnostic) -> tuple[str, int, int]:
    where = found.location
    return (where.file, where.line, where.column) if where else ("", 0, 0)
