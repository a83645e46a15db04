"""``@type``: the class of an element, and its supplemental types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dtdl.context import Context
from dtdl.metamodel import ClassRule, PropertyRule, TypeRule, bound
from dtdl.parser import values
from dtdl.parser.session import Abandon, Place, Record, Session
from dtdl.source import Site

Json = Any
CLASS_LIKE: Final = frozenset({"Unit", "UnitAttribute", "LatentType", "NamedLatentType"})
"""Kinds of supplemental types that stand for a class of the metamodel."""


def allowed(context: Context, case: str) -> bool:
    """Whether the version lets an unknown type or property stand."""
    tolerance = context.active.unknown[case]
    return tolerance == "valid" or (tolerance == "tenable" and not context.complete)


def type_strings(node: Mapping[str, Json]) -> list[Json] | None:
    """Gives the values of ``@type``, None when it is not written."""
    if "@type" not in node:
        return None
    types = node["@type"]
    if isinstance(types, str):
        return [types]
    return types if isinstance(types, list) else []


def classify(session: Session, record: Record, place: Place) -> None:
    """Reads ``@type``: sets kind, rule and supplemental types of a record.

    Raises:
        Abandon: It is of no fitting class.
    """
    expected = place.expected
    active = record.context.active
    if expected.version != active.version and (place.rule is None or not place.rule.supplemental):
        expected = active.classes.get(expected.name, expected)
    node, rule = record.node, place.rule
    text = node.get("@type") if "@type" in node or rule is None or rule.type_required else inferred(expected, rule)
    kind = expected.written.get(text) if type(text) is str else None
    if kind is not None and kind == text:
        record.kind, record.rule = kind, active.classes[kind]
    else:
        _Types(session, record, place, expected).read()
    if len(record.id) > active.short:
        lengths = active.id_lengths.get(record.kind)
        if lengths is not None:
            _identifier_length(session, record, bound(lengths, record.limit))


def _identifier_length(session: Session, record: Record, longest: int | None) -> None:
    """Checks the length that ids of this class may have."""
    if longest is not None and len(record.id) > longest:
        site = Site(record.document, record.node, "key", "@id")
        session.report("idTooLongForType", site, value=record.id, type=record.kind, _limit=str(longest))


def inferred(expected: ClassRule, rule: PropertyRule | None) -> str:
    """Gives the type of an element that need not write one."""
    if rule is not None and rule.supplemental and rule.target:
        return rule.target
    return expected.name


class _Types:
    """What ``@type`` of one element says."""

    def __init__(self, session: Session, record: Record, place: Place, expected: ClassRule) -> None:
        self.session = session
        self.record = record
        self.place = place
        self.expected = expected
        self.site = Site(record.document, record.node, "key", "@type")
        self.kinds: list[str] = []
        self.own: list[TypeRule] = []
        self.supplemental: list[TypeRule] = []
        self.undefined: list[str] = []
        self.failed = False

    def read(self) -> None:
        record, session, place = self.record, self.session, self.place
        texts = type_strings(record.node)
        if texts is None:
            if place.rule is None or place.rule.type_required:
                self.bad()
                raise Abandon
            texts = [inferred(self.expected, place.rule)]
        for text in texts:
            self.one(text)
        if self.failed:
            raise Abandon
        if not self.kinds:
            self.bad()
            raise Abandon
        kinds = list(dict.fromkeys(self.kinds))
        if len(kinds) > 1:
            session.quit("multipleMaterialTypes", self.site, primary=record.id, value=" and ".join(kinds))
        record.kind, record.rule = kinds[0], record.context.active.classes[kinds[0]]
        record.undefined_types = tuple(self.undefined)
        record.offered = tuple(self.own + self.supplemental)
        record.types = self.own + self.fitting() if self.supplemental else tuple(self.own)

    def bad(self, value: str | None = None) -> None:
        """Reports that the class is wrong."""
        self.failed = True
        self.session.report(
            "badType",
            self.place.site(),
            Site(self.record.document, self.record.node),
            primary=self.place.primary,
            property=self.place.prop,
            secondary=self.record.id,
            value=value,
            _expected=self.expected.wanted,
            _written=next(iter(self.undefined), None),
        )

    def one(self, text: Json) -> None:
        """Reads one string of ``@type``."""
        session, expected = self.session, self.expected
        if not isinstance(text, str):
            self.failed = True
            session.report("typeNotDtmiNorTerm", self.site, primary=self.record.id, value=values.shown(text))
            return
        kind = expected.written.get(text)
        if kind is None and session.standard and text in expected.kinds:
            kind = text
        if kind is not None:
            self.spelled(text, kind)
            self.kinds.append(kind)
        elif text in session.metamodel.material:
            self.bad(text)
        else:
            dtmi = self.record.context.dtmi(text)
            rule = session.metamodel.type(dtmi) if dtmi else None
            if rule is None:
                self.unknown(text, known=dtmi is not None)
            else:
                self.supplementary(text, rule)

    def supplementary(self, text: str, rule: TypeRule) -> None:
        """Reads a supplemental type."""
        if rule.abstract:
            self.failed = True
            term = self.session.term(rule.id)
            self.session.report("abstractSupplementalType", self.site, primary=self.record.id, type=term)
        elif rule.kind not in CLASS_LIKE:
            self.spelled(text, rule)
            if rule not in self.supplemental:
                self.supplemental.append(rule)
        elif rule.kind in self.expected.extensible:
            self.kinds.append(rule.kind)
            self.own.append(rule)
        else:
            self.bad(text)

    def spelled(self, text: str, said: str | TypeRule) -> None:
        """Advises against saying a type twice, or by its DTMI where it has a term."""
        if said in self.kinds or said in self.supplemental:
            self.session.advise("MT013", self.site, primary=self.record.id, value=text)
        elif text[:5] == "dtmi:":
            term = said if isinstance(said, str) else self.session.term(said.id)
            if term != text:
                self.session.advise("MT014", self.site, primary=self.record.id, value=text, restriction=term)

    def unknown(self, text: str, *, known: bool) -> None:
        """Reads a co-type that no table defines: allowed, or a mistake, as the version says."""
        if known:
            case, rule = "irrelevantDtmiOrTermAsCotype", "typeIrrelevantDtmiOrTerm"
        elif text.startswith("dtmi:"):
            case, rule = "invalidDtmiAsCotype", "typeInvalidDtmi"
        elif ":" in text:
            case, rule = "notDtmiNorTermAsCotype", "typeNotDtmiNorTerm"
        else:
            case, rule = "undefinedTermAsCotype", "typeUndefinedTerm"
        if allowed(self.record.context, case):
            self.undefined.append(text)
            return
        self.failed = True
        restriction = str(self.record.context.version) if rule == "typeUndefinedTerm" else None
        self.session.report(rule, self.site, primary=self.record.id, value=text, restriction=restriction)

    def fitting(self) -> list[TypeRule]:
        """Gives the supplemental types that may stand here, and reports the others."""
        found: list[TypeRule] = []
        present = {rule.id for rule in self.supplemental}
        sources: dict[str, str] = {}
        for rule in self.supplemental:
            if self.fits(rule, present):
                found.append(rule)
                self.sources(rule, sources)
                self.needs(rule, present)
        return found

    def fits(self, rule: TypeRule, present: set[str]) -> bool:
        """Whether a supplemental type goes with the class and the version."""
        session, record = self.session, self.record
        if any(other in present for other in rule.table.get("instead", ())):
            return True
        fields = {"primary": record.id, "type": session.term(rule.id)}
        if record.kind not in rule.cotypes:
            names = [*rule.cotypes, *rule.table.get("insteadNames", ())]
            session.report("invalidCotype", self.site, restriction=" or ".join(names), **fields)
            return False
        if record.version not in rule.versions:
            versions = " or ".join(map(str, rule.versions))
            session.report("invalidCotypeVersion", self.site, restriction=versions, **fields)
            return False
        return True

    def needs(self, rule: TypeRule, present: set[str]) -> None:
        """Reports types that a supplemental type needs beside it."""
        session = self.session
        for needed in rule.table.get("needs", ()):
            if needed not in present:
                fields = {"primary": self.record.id, "type": session.term(rule.id)}
                session.report("missingCocotype", self.site, restriction=session.term(needed), **fields)

    def sources(self, rule: TypeRule, sources: dict[str, str]) -> None:
        """Reports two supplemental types that add the same property."""
        session = self.session
        for uri in rule.properties:
            other = sources.setdefault(uri, rule.id)
            if other != rule.id:
                session.report(
                    "conflictingSupplementalTypes",
                    self.site,
                    primary=self.record.id,
                    type=session.term(other),
                    restriction=session.term(rule.id),
                    property=session.term(uri),
                )
                return
