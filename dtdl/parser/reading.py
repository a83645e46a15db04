"""JSON values to records: documents, elements and their properties, as the metamodel's tables say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dtdl.context import Context, ContextRefused
from dtdl.metamodel import ClassRule, PropertyRule
from dtdl.parser import values
from dtdl.parser.identifiers import again, identify, only_id
from dtdl.parser.linking import put
from dtdl.parser.session import Abandon, Place, Record, Session, Spot
from dtdl.parser.typing import CLASS_LIKE, allowed, classify, type_strings
from dtdl.source import Document, Site, entries, values_of

Json = Any


class Reader:
    """Reads the documents of one parse."""

    def __init__(self, session: Session, root: Context) -> None:
        self.session = session
        self.root = root

    # -- documents ---------------------------------------------------------------------------------------------

    def document(self, document: Document) -> None:
        """Reads every model of a document."""
        if document.repeated and self.repeated_keyword(document):
            return
        for position, value in enumerate(values_of(document.value)):
            try:
                self.top(document, value, position)
            except Abandon:
                continue
            except ContextRefused as refused:
                self.session.report(refused.rule, refused.site, **refused.fields)

    def repeated_keyword(self, document: Document) -> bool:
        """Reports keywords that an object writes twice: nothing more can be said of such a document."""
        found = False
        for node in document.repeated:
            seen: set[str] = set()
            for key, _ in node.pairs:
                if key[:1] == "@" and key in seen:
                    found = True
                    rule = f"repeated{key[1:].capitalize()}Property" if key in _KEYWORDS else "repeatedKeyword"
                    first, second = (Site(document, node, "key", key, i) for i in (0, 1))
                    self.session.report(rule, first, second, _key=key)
                seen.add(key)
        return found

    def top(self, document: Document, node: Json, position: int) -> None:
        """Reads one model."""
        session = self.session
        if not isinstance(node, dict):
            session.quit("notJsonObject", Site(document, None, "value", "", position))
        context = self.root.child(document, node)
        if "@graph" in node:
            session.quit("topLevelGraphDisallowed", Site(document, node, "key", "@graph"))
        if "@id" not in node:
            session.quit("missingTopLevelId", Site(document, node))
        if context.active.roots.isdisjoint([text for text in type_strings(node) or () if isinstance(text, str)]):
            session.quit(
                "typeNotRootable",
                Site(document, node),
                value=values.shown(node["@id"]),
                type=" or ".join(context.active.rules["roots"]),
            )
        if context.active.restricts_keywords:
            for key in disallowed_keywords(node):
                session.quit("topLevelKeywordDisallowed", Site(document, node, "key", key), value=key)
        self.context(document, node)
        self.element(document, node, context, Place(context.active.classes["Entity"]))

    # -- one element -------------------------------------------------------------------------------------------

    def element(
        self, document: Document, node: dict[str, Json], outer: Context, place: Place, position: int = 0
    ) -> Record | None:
        """Reads one element; gives None when it is spoilt and that was said, or when it is only a reference."""
        try:
            context = outer
            if place.owner is not None and "@context" in node:
                context = outer.child(document, node)
                self.context(document, node)
            record = Record(document, node, context, place)
            if len(node) == 1 and "@id" in node:
                only_id(self.session, record, place, position)
                return None
            if context is not outer:
                self.version(record, place)
            record.id = identify(self.session, record, place)
            if record.id in self.session.records:
                again(self.session, record, place)
            classify(self.session, record, place)
            self.session.records[record.id] = record
            self.properties(record, place)
        except Abandon:
            return None
        except ContextRefused as refused:
            self.session.report(refused.rule, refused.site, **refused.fields)
            return None
        return record

    def version(self, record: Record, place: Place) -> None:
        """Checks that an element of this version may stand here."""
        rule = place.rule
        if rule is not None and rule.versions is not None and record.context.version not in rule.versions:
            self.session.quit(
                "disallowedVersionDefinition",
                record.context.site,
                primary=place.primary,
                property=place.prop,
                value=str(record.context.version),
                restriction=" ,".join(map(str, rule.table["versions"])),
            )

    def context(self, document: Document, node: dict[str, Json]) -> None:
        """Advises against contexts that say something twice, or in a confusing order."""
        raw = node["@context"]
        if type(raw) is not list or len(raw) < len(("one", "other")):
            return
        texts = [text for text in raw if isinstance(text, str)]
        versions = {i: text for i, text in enumerate(texts) if text.startswith("dtmi:dtdl:context;")}
        first = min(versions, default=0)
        limited = [i for i in versions if not texts[i].endswith("#limits")]
        seen: set[str] = set()
        for position, text in enumerate(texts):
            site = Site(document, node, "value", "@context", position)
            path = text.partition(";")[0]
            if path in seen and position not in versions:
                self.session.advise("MT018", site, value=path)
            seen.add(path)
            if position < first:
                self.session.advise("MT019", site, value=text)
        if len(limited) > 1:
            self.session.advise("MT017", Site(document, node, "value", "@context", limited[1]))

    # -- properties --------------------------------------------------------------------------------------------

    def properties(self, record: Record, place: Place) -> None:
        """Reads every property of an element."""
        node, rules, limit = record.node, record.rule.usual, record.context.limit
        stored, given = record.properties, record.given
        occurrences: dict[str, int] = {}
        for key, raw in node.items() if type(node) is dict else entries(node):
            rule = rules.get(key)
            if rule is None or key in given:
                if key not in _ELEMENT_KEYWORDS:
                    self.unusual(record, place, key, raw, occurrences)
                continue
            given[key] = key
            if rule.kind == "object":
                self.objects(record, rule, raw)
                continue
            value = values.quick(rule, raw, limit)
            if value is None:
                value = values.read(self.session, record, rule, raw)
            if value is not None:
                stored[key] = value
        if record.types or not record.rule.needed <= given.keys():
            self.required(record)

    def unusual(self, record: Record, place: Place, key: str, raw: Json, occurrences: dict[str, int]) -> None:
        """Reads a keyword, or a property that is not simply a term of the class."""
        if key[:1] == "@":
            self.keyword(record, place, key)
            return
        occurrence = occurrences[key] = occurrences.get(key, int(key in record.given) - 1) + 1
        spot = Spot(record.document, record.node, key, occurrence)
        rule = record.rule.properties.get(key) or self.supplemental(record, key)
        if rule is None:
            self.undefined(record, key, raw, spot)
            return
        name, session = rule.name, self.session
        if name in record.given:
            first = record.where(name).prop()
            session.report("duplicatePropertyName", spot.prop(), first, primary=record.id, property=name)
            return
        record.given[name] = key
        if key != name:
            session.advise("MT011", spot.prop(), primary=record.id, property=key, value=name)
        if "deprecated" in rule.table:
            session.advise("MT016", spot.prop(), primary=record.id, property=name)
        if rule.kind == "object":
            self.objects(record, rule, raw)
            return
        value = values.read(session, record, rule, raw)
        if value is not None:
            record.properties[name] = value

    def keyword(self, record: Record, place: Place, key: str) -> None:
        """Reports a keyword that has no place in an element."""
        session = self.session
        site = Site(record.document, record.node, "key", key)
        fields = {"primary": place.primary, "property": place.prop}
        if key == "@graph":
            session.report("graphDisallowed", site, **fields)
        elif record.context.active.restricts_keywords:
            session.report("keywordDisallowed", site, value=key, **fields)
        else:
            session.advise("MT015", site, value=key)

    def required(self, record: Record) -> None:
        """Reports required properties that are not written."""
        session, given = self.session, record.given
        for rule in record.rule.required:
            if rule.name not in given:
                name = _MISSING.get(rule.kind, "missingLiteralProperty")
                session.report(name, record.site, primary=record.id, property=rule.name)
        for kind in record.types:
            if kind.kind in CLASS_LIKE:
                continue
            for rule in kind.properties.values():
                if not rule.optional and not self.has(record, rule):
                    name = _MISSING_SUPPLEMENTAL.get(rule.kind, "missingSupplementalLiteralProperty")
                    fields = {"property": session.term(rule.uri), "type": session.term(kind.id)}
                    session.quit(name, record.site, primary=record.id, **fields)

    def has(self, record: Record, rule: PropertyRule) -> bool:
        """Whether a supplemental property is written; another type's property of the same term is not it."""
        key = record.given.get(rule.name)
        if key is None:
            return False
        written = record.rule.properties.get(key) or self.supplemental(record, key)
        return written is None or not written.supplemental or written.uri == rule.uri

    def supplemental(self, record: Record, key: str) -> PropertyRule | None:
        """Gives the rule of a property that a supplemental type of the element adds.

        Where two extensions have the same term, such as ``unit``, the type that the element has decides.
        """
        lineage = self.session.metamodel.lineage
        for uri in record.context.meanings(key) if record.offered else ():
            for kind in record.offered:
                for ancestor in lineage(kind):
                    rule = ancestor.properties.get(uri)
                    if rule is not None:
                        return rule
        return None

    def undefined(self, record: Record, key: str, raw: Json, spot: Spot) -> None:
        """Reads a property that no table defines for this element: kept verbatim, or a mistake."""
        context, session = record.context, self.session
        site, types = spot.prop(), record.key_site("@type")
        if context.dtmi(key) is not None:
            case, rule = "irrelevantDtmiOrTermAsProperty", "propertyIrrelevantDtmiOrTerm"
        elif key.startswith("dtmi:"):
            case, rule = "invalidDtmiAsProperty", "propertyInvalidDtmi"
        elif ":" in key:
            case, rule = "notDtmiNorTermAsProperty", "propertyNotDtmiNorTerm"
        else:
            case, rule = "undefinedTermAsProperty", "propertyUndefinedTerm"
        fields: dict[str, str | None] = {"primary": record.id, "property": key}
        if not allowed(context, case):
            restriction = str(context.version) if rule == "propertyUndefinedTerm" else None
            second = types if rule == "propertyIrrelevantDtmiOrTerm" else None
            session.report(rule, site, second, restriction=restriction, **fields)
        elif record.undefined_types:
            if record.undefined is None:
                record.undefined = {}
            record.undefined[key] = raw
            record.given[key] = key
        elif "@type" in record.node:
            session.report("noTypeThatAllows", site, types, **fields)
        else:
            session.report("inferredTypeDoesNotAllow", site, record.site, type=record.kind, **fields)

    # -- elements in properties --------------------------------------------------------------------------------

    def objects(self, record: Record, rule: PropertyRule, raw: Json) -> None:
        """Reads the elements and references of a property."""
        session = self.session
        expected: ClassRule | None
        if rule.supplemental:
            expected = self.supplemental_class(record, rule)
        else:
            expected = record.context.active.classes[rule.target or "Entity"]
        if type(raw) is str:
            self.reference(record, rule, raw, 0, expected)
            return
        found = values_of(raw)
        if not rule.plural and len(found) > 1:
            spot = record.where(rule.name)
            session.report("objectMultipleValues", spot.values(), primary=record.id, property=rule.name)
            return
        place: Place | None = None
        mixed = str in map(type, found)
        for position, value in enumerate(found):
            if type(value) is str:
                self.reference(record, rule, value, position, expected)
            elif not isinstance(value, dict) or expected is None:
                self.refused(record, rule, value, position)
            else:
                place = place or Place(expected, record, rule)
                child = self.element(record.document, value, record.context, place, position)
                if child is not None and mixed:
                    session.references.append((record, rule, child.id, None, position, None))
                elif child is not None and (rule.key is None or rule.key in child.properties):
                    put(session, record, rule, child)
        if len(found) < rule.min:
            fields = {"primary": record.id, "property": rule.name}
            session.report("objectCountBelowMin", record.spot(rule.name), _required=str(rule.min), **fields)

    def supplemental_class(self, record: Record, rule: PropertyRule) -> ClassRule | None:
        """Gives the class that an element in a supplemental property is read as, None when only references may be."""
        kind = self.session.metamodel.type(rule.target) if rule.target else None
        return record.context.active.classes.get(kind.kind) if kind is not None else None

    def refused(self, record: Record, rule: PropertyRule, value: Json, position: int) -> None:
        """Reports a value that is no element."""
        name = "refObjectNotAllowed" if isinstance(value, dict) else "refNotStringOrObject"
        spot = record.where(rule.name)
        self.session.report(name, spot.prop(), spot.value(position), primary=record.id, property=rule.name)

    def reference(
        self, record: Record, rule: PropertyRule, text: str, position: int, expected: ClassRule | None
    ) -> None:
        """Notes a reference by DTMI or term."""
        session, context = self.session, record.context
        kind = None if rule.supplemental else expected
        target = context.plain.get(text)
        if target is not None:
            session.references.append((record, rule, target, text, position, kind))
            return
        target = context.dtmi(text)
        if target is None:
            spot = record.where(rule.name)
            session.report(
                "badDtmiOrTerm",
                spot.prop(),
                spot.value(position),
                primary=record.id,
                property=rule.name,
                value=text,
                restriction=str(record.version),
            )
            return
        if text[:5] == "dtmi:" and (term := session.term(text)) != text:
            site = record.where(rule.name).value(position)
            session.advise("MT012", site, primary=record.id, property=rule.name, value=text, restriction=term)
        else:
            context.plain[text] = target
        session.references.append((record, rule, target, text, position, kind))


_KEYWORDS: Final = frozenset({"@graph", "@context", "@id", "@type", "@value", "@language"})
_ELEMENT_KEYWORDS: Final = frozenset({"@id", "@type", "@context"})
_MISSING: Final = {"object": "missingObjectProperty", "identifier": "missingIdentifierProperty"}
_MISSING_SUPPLEMENTAL: Final = {
    "object": "missingSupplementalObjectProperty",
    "identifier": "missingSupplementalIdentifierProperty",
}


def disallowed_keywords(node: Mapping[str, Json]) -> list[str]:
    """Gives the keywords of a model that newer versions refuse."""
    return [key for key in ("@language", "@value") if key in node] + values.keywords(node)
