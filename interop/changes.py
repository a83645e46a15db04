"""Changes between two versions of definitions as findings, and the rules that name them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from dtdl.change import NOT_RAISED, PUBLISHED, RAISED, RULES, SAME_FILE, Change, Changes, Rise
from dtdl.diagnostic import Diagnostic, Severity
from interop.config.rules import Rule

_KEEP: Final = "Keep what was there, or give it to users under a new version and tell them what to change."
_FREE: Final = "Nothing: users go on as before."
_PUBLISH: Final = "Raise the version, so that users can tell the definitions apart: megatwin bump."

CHANGE_RULES: Final = (
    *(
        Rule(
            rule.id, f"{rule.summary[:1].upper()}{rule.summary[1:]}.", rule.reason,
            _KEEP if rule.breaks else _PUBLISH if rule.bump else _FREE,
            Severity.ERROR if rule.breaks else Severity.INFO,
        )
        for rule in RULES.values()
    ),
    Rule(NOT_RAISED, "A version did not rise as much as it must.",
         "Whoever has the old definition cannot see that the new one differs, or takes it for compatible.",
         _PUBLISH, Severity.WARNING),
    Rule(RAISED, "A version rose as much as it must.", "Users can tell the two definitions apart.", _FREE,
         Severity.INFO),
    Rule(PUBLISHED, "A version would be raised in a file that is named after it.",
         "In a repository of models (dtmi/acme/room-1.json) a version that was published stays as it is.",
         "Copy the file to the name of the new version, and raise the version there."),
    Rule(SAME_FILE, "Two Interfaces would have one file in a repository.",
         "Names of files in a repository of models are in lower case, so DTMIs that differ in case only share one.",
         "Give one of them another name."),
)  # fmt: skip
"""What ``megatwin diff`` may say."""


def diagnostics_of(changes: Changes) -> list[Diagnostic]:
    """Gives changes as findings: those that break users as errors, versions that must rise as warnings."""
    found = [_of_change(change) for change in changes] + [_of_rise(rise) for rise in changes.rises]
    return sorted(found, key=_key)


def _key(found: Diagnostic) -> tuple[str, int, int]:
    where = found.location
    return (where.file, where.line, where.column) if where else ("", 0, 0)


def _of_change(change: Change) -> Diagnostic:
    action = "Keep what was there, or raise the major version and tell users." if change.breaks else ""
    return Diagnostic(
        rule=change.rule.id,
        severity=Severity.ERROR if change.breaks else Severity.INFO,
        location=change.location,
        cause=f"{change}.",
        action=action,
        primary_id=change.interface,
        property_name=change.path or None,
        value=None if change.new is None else str(change.new),
        restriction=None if change.old is None else str(change.old),
        secondary=change.old_location,
    )


def _of_rise(rise: Rise) -> Diagnostic:
    both = rise.new if rise.new == rise.old else f"{rise.old} → {rise.new}"
    return Diagnostic(
        rule=RAISED if rise.enough else NOT_RAISED,
        severity=Severity.INFO if rise.enough else Severity.WARNING,
        location=rise.location,
        cause=f"{both}: the changes need {_article(rise)}, and the version {_says(rise)}.",
        action="" if rise.enough else f"Give it the version of {rise.least}, or a greater one.",
        primary_id=rise.new,
        secondary_id=rise.old,
    )


def _article(rise: Rise) -> str:
    return f"a {rise.needed.word} version" if rise.needed else "no new version"


def _says(rise: Rise) -> str:
    return f"rose by a {rise.given.word} one" if rise.given else "did not rise"


def document(changes: Changes) -> dict[str, Any]:
    """Gives changes as JSON: ``breaks``, ``bump``, ``enough``, ``changes`` and ``versions``."""
    return {
        "breaks": bool(changes.breaking),
        "bump": changes.bump.word,
        "enough": changes.enough,
        "changes": [_change_json(change) for change in changes],
        "versions": [
            {
                "old": rise.old,
                "new": rise.new,
                "needed": rise.needed.word,
                "given": rise.given.word,
                "enough": rise.enough,
                "least": rise.least,
            }
            for rise in changes.rises
        ],
    }


def _change_json(change: Change) -> dict[str, Any]:
    made = {
        "kind": change.kind,
        "rule": change.rule.id,
        "interface": change.interface,
        "path": change.path,
        "old": change.old,
        "new": change.new,
        "breaks": change.breaks,
        "bump": change.bump.word,
        "reason": change.rule.reason,
    }
    for name, where in (("location", change.location), ("oldLocation", change.old_location)):
        if where is not None:
            place = asdict(where)
            made[name] = {"file": place["file"], "line": place["line"], "column": place["column"]}
    return made
