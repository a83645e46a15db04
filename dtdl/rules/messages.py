"""Findings to Diagnostics: our words, filled with the fields, and what the author may have meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from dtdl.diagnostic import Diagnostic, Severity
from dtdl.parser.session import Finding, Session
from dtdl.rules.words import OWN, WORDS

PREFIX: Final = "dtmi:dtdl:parsingError:"
_LONG: Final = 160
_INFO: Final = frozenset({"MT016"})


def diagnostic_of(finding: Finding, session: Session, severity: Severity = Severity.ERROR) -> Diagnostic:
    """Makes the Diagnostic of a finding."""
    fields = finding.fields
    own = finding.rule in OWN
    cause, action = OWN[finding.rule] if own else WORDS[finding.rule]
    if finding.rule in _INFO:
        severity = Severity.INFO
    shown = _Shown(
        {name.lstrip("_"): _short(_named(name, value, session)) for name, value in fields.items() if value is not None},
        hint=_hint(finding, session),
    )
    return Diagnostic(
        rule=finding.rule if own else PREFIX + finding.rule,
        severity=severity,
        location=finding.site.location if finding.site is not None else None,
        cause=cause.format_map(shown),
        action=action.format_map(shown),
        primary_id=fields.get("primary"),
        secondary_id=fields.get("secondary"),
        property_name=fields.get("property"),
        aux_property=fields.get("aux"),
        type_name=fields.get("type"),
        value=fields.get("value"),
        restriction=fields.get("restriction"),
        transformation=fields.get("transformation"),
        secondary=finding.second.location if finding.second is not None else None,
    )


class _Shown(dict[str, str]):
    """Fields for the words; what a finding lacks is shown as an ellipsis."""

    def __init__(self, fields: dict[str, str], hint: str) -> None:
        super().__init__(fields)
        self["hint"] = hint
        self["typed"] = f", a {fields['value']}" if "value" in fields else ""
        self.setdefault("expected", "another class")

    def __missing__(self, key: str) -> str:
        return "…"


def _named(name: str, value: str, session: Session) -> str:
    """Gives the term of a standard property or element, which reads better than its DTMI."""
    return session.term(value) if name in ("property", "secondary", "restriction", "aux") else value


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _hint(finding: Finding, session: Session) -> str:
    """Gives a sentence that names what the author may have meant, or nothing."""
    fields = finding.fields
    if finding.rule.startswith("type") or finding.rule == "badType":
        near = _near(fields.get("value"), _types(session))
    elif finding.rule.startswith("property") or finding.rule in ("noTypeThatAllows", "inferredTypeDoesNotAllow"):
        near = _near(fields.get("property"), _properties(session, fields.get("primary")))
    elif finding.rule == "badDtmiOrTerm":
        near = _near(fields.get("value"), _instances(session))
    elif finding.rule == "MT004":
        near = _near(fields.get("value"), list(session.records))
    elif finding.rule == "undefinedReservedId":
        near = _near(fields.get("secondary"), [uri for t in session.metamodel.tables() for uri in t.owners])
    elif finding.rule == "unresolvableContextSpecifier":
        near = _near(fields.get("value"), list(session.metamodel.contexts))
    else:
        near = None
    return f" Did you mean {near}?" if near else ""


def _near(text: str | None, known: list[str]) -> str | None:
    if not text or len(text) > _LONG:
        return None
    folded = {name.casefold(): name for name in known}
    same = folded.get(text.casefold())
    if same is not None and same != text:
        return same
    return next((name for name in get_close_matches(text, known, n=1, cutoff=0.75) if name != text), None)


def _types(session: Session) -> list[str]:
    """Gives the names that may stand in ``@type``."""
    found = {name for table in session.metamodel.tables() for name in table.names.values() if name[:1].isupper()}
    return sorted(found)


def _properties(session: Session, primary: str | None) -> list[str]:
    """Gives the properties that an element may have."""
    record = session.records.get(primary or "")
    if record is None:
        return []
    found = list(record.rule.by_name)
    for kind in record.types:
        for rule in session.metamodel.lineage(kind):
            found.extend(prop.name for prop in rule.properties.values())
    return found


def _instances(session: Session) -> list[str]:
    """Gives the terms of standard elements, such as schemas and units."""
    return sorted({term for t in session.metamodel.tables() for uri, term in t.names.items() if uri in t.owners})
