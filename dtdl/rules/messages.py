"""Findings to Diagnostics: our words, filled with the fields, and what the author may have meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.dtmi import Dtmi
from dtdl.errors import DtmiInvalid
from dtdl.metamodel import Language, metamodel
from dtdl.parser.session import Finding, Session
from dtdl.parser.values import shown
from dtdl.resolver import relative
from dtdl.rules.words import OWN, WORDS
from dtdl.source import Site

PREFIX: Final = "dtmi:dtdl:parsingError:"
_LONG: Final = 160
_APART: Final = 3
_ALIKE: Final = 0.75
_HINTS: Final = 50
_INFO: Final = frozenset({"MT016"})
_UNKNOWN: Final = frozenset({"badDtmiOrTerm", "propertyUndefinedTerm", "typeUndefinedTerm"})
"""Rules about a term that no active context defines."""


class Writer:
    """Writes the Diagnostics of one parse; a hint is looked for once a text, and for the first texts only."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.hints: dict[tuple[str, str | None], str] = {}

    def write(self, finding: Finding, severity: Severity = Severity.ERROR) -> Diagnostic:
        """Makes the Diagnostic of a finding."""
        fields = finding.fields
        own = finding.rule in OWN
        cause, action = OWN[finding.rule] if own else WORDS[finding.rule]
        if finding.rule in _INFO:
            severity = Severity.INFO
        session = self.session
        said = _Shown(
            {n.lstrip("_"): _short(_named(n, value, session)) for n, value in fields.items() if value is not None},
            hint=self.hint(finding),
        )
        if finding.rule == "MT004":
            said["place"] = _place(fields["value"] or "")
        return Diagnostic(
            rule=finding.rule if own else PREFIX + finding.rule,
            severity=severity,
            location=_closest(finding.site, fields),
            cause=cause.format_map(said),
            action=action.format_map(said),
            primary_id=fields.get("primary"),
            secondary_id=fields.get("secondary"),
            property_name=fields.get("property"),
            aux_property=fields.get("aux"),
            type_name=fields.get("type"),
            value=fields.get("value"),
            restriction=fields.get("restriction"),
            transformation=fields.get("transformation"),
            secondary=_closest(finding.second, fields),
        )

    def hint(self, finding: Finding) -> str:
        """Gives a sentence that names what the author may have meant, or nothing."""
        source = _SOURCES.get(finding.rule)
        if source is None:
            return ""
        field, known = source
        text = finding.fields.get(field) or finding.fields.get("_written")
        if finding.rule in _UNKNOWN and (context := _defining(text, finding.fields.get("restriction"))):
            return f" {context} defines it, and '@context' does not name that."
        key = (finding.rule, text)
        if key not in self.hints:
            if len(self.hints) >= _HINTS:
                return ""
            near = _near(text, known(self.session, finding.fields.get("primary")))
            self.hints[key] = f" Did you mean {near}?" if near else ""
        return self.hints[key]


def _closest(site: Site | None, fields: Mapping[str, str | None]) -> Location | None:
    """Gives where a finding is: of a property the value that it is about, where that stands on the line of its key."""
    if site is None:
        return None
    location = site.location
    # The published line of such a finding is that of the key.
    if site.part != "key" or site.position or not location.line:
        return location
    wanted = (fields.get("value"), fields.get("type") if site.key == "@type" else None)
    leaves = list(_leaves(site.node[site.key]))
    for text in wanted:
        held = [position for position, leaf in enumerate(leaves) if text is not None and leaf == text]
        if held:
            # Of a type that is said twice the second one is too many.
            value = site._replace(part="value", position=held[-1]).location
            return value if value.line == value.end_line == location.line else location
    return location


def _leaves(value: Any) -> Iterator[str]:
    """Gives the values of a property as findings show them, arrays flattened."""
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield shown(value)


class _Shown(dict[str, str]):
    """Fields for the words; what a finding lacks is shown as an ellipsis."""

    def __init__(self, fields: dict[str, str], hint: str) -> None:
        super().__init__(fields)
        self["hint"] = hint
        self["typed"] = f", a {fields['value']}" if "value" in fields else ""
        self.setdefault("expected", "another class")

    def __missing__(self, key: str) -> str:
        return "…"


def _place(dtmi: str) -> str:
    """Gives where a repository of models holds a DTMI, in words; nothing for what is no DTMI."""
    try:
        return f", in a repository of models {PurePosixPath('dtmi', relative(Dtmi(dtmi)))}"
    except DtmiInvalid:
        return ""


def _defining(text: str | None, version: str | None) -> str | None:
    """Gives the extension that defines a term for a version of DTDL, in its newest version; the standard's first."""
    found: str | None = None
    for table in metamodel().tables():
        kinds = [rule for rule in table.types.values() if not rule.abstract]
        kinds = [rule for rule in kinds if rule.kind == "SemanticType"] or kinds
        versions = {str(known) for rule in kinds for known in rule.versions}
        same = found is None or table.id.partition(";")[0] == found.partition(";")[0]
        if same and text in table.terms and version in versions and not isinstance(table, Language):
            found = table.id
    return found


def _named(name: str, value: str, session: Session) -> str:
    """Gives the term of a standard property or element, which reads better than its DTMI."""
    return session.term(value) if name in ("property", "secondary", "restriction", "aux") else value


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _near(text: str | None, known: Iterable[str]) -> str | None:
    """Gives the known name that a text most resembles, if one does."""
    if not text or len(text) > _LONG:
        return None
    if text.startswith("dtmi:"):
        return _near_dtmi(text, known)
    folded = text.casefold()
    alike = [name for name in known if abs(len(name) - len(text)) <= _APART and name != text]
    same = next((name for name in alike if name.casefold() == folded), None)
    return same or next(iter(get_close_matches(text, alike, n=1, cutoff=_ALIKE)), None)


def _near_dtmi(text: str, known: Iterable[str]) -> str | None:
    """Gives the DTMI with the same path and a label that resembles, or the same label on another path."""
    path, _, label = text.rpartition(":")
    there: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    for name in known:
        other, _, last = name.rpartition(":")
        (there if other == path else elsewhere)[last.casefold()] = name
    near = get_close_matches(label.casefold(), there, n=1, cutoff=_ALIKE)
    found = there[near[0]] if near else elsewhere.get(label.casefold())
    return found if found != text else None


@lru_cache(maxsize=1)
def _terms() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Gives the terms of types, the terms of standard elements, and the DTMIs of these."""
    types: set[str] = set()
    terms: set[str] = set()
    elements: set[str] = set()
    for table in metamodel().tables():
        types |= {term for term in table.terms if term[:1].isupper()}
        terms |= {term for term, uri in table.terms.items() if uri in table.owners}
        elements |= table.owners.keys()
    return tuple(sorted(types)), tuple(sorted(terms)), tuple(sorted(elements))


def _types(_: Session, __: str | None) -> Iterable[str]:
    return _terms()[0]


def _instances(_: Session, __: str | None) -> Iterable[str]:
    return _terms()[1]


def _standard(_: Session, __: str | None) -> Iterable[str]:
    return _terms()[2]


def _contexts(session: Session, _: str | None) -> Iterable[str]:
    return session.metamodel.contexts


def _defined(session: Session, _: str | None) -> Iterable[str]:
    return [name for name in session.records if ":_" not in name]


def _properties(session: Session, primary: str | None) -> Iterable[str]:
    """Gives the properties that an element may have."""
    record = session.records.get(primary or "")
    if record is None:
        return ()
    found = list(record.rule.by_name)
    for kind in record.types:
        for rule in session.metamodel.lineage(kind):
            found.extend(prop.name for prop in rule.properties.values())
    return found


_SOURCES: Final[Mapping[str, tuple[str, Callable[[Session, str | None], Iterable[str]]]]] = {
    **dict.fromkeys(("badType", "typeUndefinedTerm", "typeIrrelevantDtmiOrTerm", "typeInvalidDtmi"), ("value", _types)),
    **dict.fromkeys(
        ("propertyUndefinedTerm", "propertyIrrelevantDtmiOrTerm", "noTypeThatAllows", "inferredTypeDoesNotAllow"),
        ("property", _properties),
    ),
    "badDtmiOrTerm": ("value", _instances),
    "undefinedReservedId": ("secondary", _standard),
    "unresolvableContextSpecifier": ("value", _contexts),
    "MT004": ("value", _defined),
}
"""Rules that have a hint: the field that is misspelt, and the names that it may stand for."""
