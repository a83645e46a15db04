"""Findings: collects diagnostics; gives each the severity and the remedy of its rule, and guesses what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from dtdl.diagnostic import Diagnostic, Location, Severity
from interop.config.rules import RULES


class Findings:
    """What was found so far, in order; the same finding at the same place is kept once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Location | None, str], Diagnostic] = {}

    def add(self, rule: str, location: Location | None, cause: str, *, action: str = "", **more: Any) -> None:
        """Adds a finding of a rule of megatwin.yaml.

        Args:
            rule: Its id.
            location: Where.
            cause: What is wrong, one sentence without its full stop.
            action: What to do; the rule's own remedy when empty.
            more: Further fields of Diagnostic.
        """
        self.put(
            Diagnostic(
                rule=rule, severity=RULES[rule].severity, location=location, cause=cause,
                action=action or RULES[rule].remedy, **more,
            )
        )  # fmt: skip

    def put(self, diagnostic: Diagnostic, *, default: Location | None = None) -> None:
        """Adds a finding of somebody else; one without a place gets the default, a cause its full stop."""
        if diagnostic.location is None and default is not None:
            diagnostic = replace(diagnostic, location=default)
        if not diagnostic.cause.endswith((".", "?", "!")):
            diagnostic = replace(diagnostic, cause=f"{diagnostic.cause}.")
        self._found.setdefault((diagnostic.rule, diagnostic.location, diagnostic.cause), diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic], *, default: Location | None = None) -> None:
        """Adds findings of somebody else."""
        for diagnostic in diagnostics:
            self.put(diagnostic, default=default)

    @property
    def has_errors(self) -> bool:
        """Whether something must be mended before anything can run."""
        return any(found.severity is Severity.ERROR for found in self)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def ordered(self) -> list[Diagnostic]:
        """All of them, by file, line and column; those without a place first."""
        return sorted(self, key=_place)


def _place(found: Diagnostic) -> tuple[str, int, int]:
    where = found.location
    return (where.file, where.line, where.column) if where else ("", 0, 0)


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Gives a sentence that names what was probably meant, or ``otherwise``.

    Args:
        word: What was written.
        known: What could have been written.
        otherwise: The sentence when nothing is near.
    """
    names = sorted(set(known))
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if not near:
        lowered = {name.lower(): name for name in names}
        near = [lowered[found] for found in get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)]
    if near:
        return f"Did you mean {near[0]!r}?"
    if not otherwise and 0 < len(names) <= 12:  # noqa: PLR2004 - a list that can still be read
        return f"Use one of: {', '.join(names)}."
    return otherwise
