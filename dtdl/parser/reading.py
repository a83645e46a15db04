"""JSON values to records: identifiers, types and properties of every element, as the metamodel's tables say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dtdl.context import Context, ContextRefused
from dtdl.metamodel import ClassRule, Language, PropertyRule, TypeRule, bound
from dtdl.parser import values
from dtdl.parser.making import element_of, seal
from dtdl.parser.session import Abandon, Record, Reference, Session, Spot
from dtdl.source import Document, Pairs, Site, entries, values_of

Json = Any
_V3: Final = 3


class Place:
    """Where an element is expected: by which owner, in which property, of which class."""

    __slots__ = ("expected", "index", "owner", "rule", "spot")

    def __init__(self, expected: ClassRule, owner: Record | None, rule: PropertyRule | None, spot: Spot | None) -> None:
        self.expected = expected
        self.owner = owner
        self.rule = rule
        self.spot = spot
        self.index = 0

    @property
    def prop(self) -> str | None:
        """Name of the property, the DTMI for one that a supplemental type adds."""
        if self.rule is None:
            return None
        return self.rule.uri if self.rule.supplemental else self.rule.name

    @property
    def primary(self) -> str | None:
        """Id of the owner."""
        return self.owner.id if self.owner else None

    def site(self) -> Site | None:
        """The property's place."""
        return self.spot.prop() if self.spot else None


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
        raw = document.value
        for index, value in enumerate(values_of(raw)):
            try:
                self.top(document, value, index)
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
                    rule = f"repeated{key[1:].capitalize()}Property" if key in _SINGLE else "repeatedKeyword"
                    first, second = (Site(document, node, "key", key, i) for i in (0, 1))
                    self.session.report(rule, first, second, _key=key)
                seen.add(key)
        return found

    def top(self, document: Document, node: Json, index: int) -> None:
        """Reads one model."""
        session = self.session
        if not isinstance(node, dict):
            session.quit("notJsonObject", Site(document, None, "value", "", index))
        context = self.root.child(document, node)
        if "@graph" in node:
            session.quit("topLevelGraphDisallowed", Site(document, node, "key", "@graph"))
        if "@id" not in node:
            session.quit("missingTopLevelId", Site(document, node))
        types = type_strings(node)
        if not any(text in context.active.roots for text in types or () if isinstance(text, str)):
            session.quit(
                "typeNotRootable",
                Site(document, node),
                value=values.shown(node["@id"]),
                type=" or ".join(context.active.rules["roots"]),
            )
        if context.active.restricts_keywords:
            for key in disallowed_keywords(node):
                session.quit("topLevelKeywordDisallowed", Site(document, node, "key", key), value=key)
        self.element(document, node, context, Place(context.active.classes["Entity"], None, None, None))

    # -- one element -------------------------------------------------------------------------------------------

    def element(self, document: Document, node: dict[str, Json], outer: Context, place: Place) -> Record | None:
        """Reads one element; gives None when it is spoilt and that was said, or when it is only a reference."""
        try:
            context = outer.child(document, node)
            if "@context" in node:
                self.context(document, node)
            return self.parts(document, node, context, place, outer)
        except Abandon:
            return None
        except ContextRefused as refused:
            self.session.report(refused.rule, refused.site, **refused.fields)
            return None

    def context(self, document: Document, node: dict[str, Json]) -> None:
        """Advises against contexts that say something twice, or in a confusing order."""
        raw = node["@context"]
        if type(raw) is not list or len(raw) < len(("one", "other")):
            return
        texts = [text for text in raw if isinstance(text, str)]
        versions = [i for i, text in enumerate(texts) if text.startswith("dtmi:dtdl:context;")]
        limited = [i for i in versions if not texts[i].endswith("#limits")]
        seen: set[str] = set()
        for index, text in enumerate(texts):
            site = Site(document, node, "value", "@context", index)
            path = text.split(";")[0]
            if path in seen and index not in versions:
                self.session.advise("MT108", site, value=path)
            seen.add(path)
            if versions and index < versions[0]:
                self.session.advise("MT109", site, value=text)
        if len(limited) > 1:
            self.session.advise("MT107", Site(document, node, "value", "@context", limited[1]))

    def parts(
        self, document: Document, node: dict[str, Json], context: Context, place: Place, outer: Context
    ) -> Record | None:
        session = self.session
        tolerant = session.tolerant and outer.version < _V3
        if len(node) == 1 and "@id" in node:
            self.only_id(document, node, context, place, tolerant=tolerant)
            return None
        if has_keywords(node):
            self.keywords(document, node, context, place)
        expected = place.expected
        rule = place.rule
        if rule is not None and rule.versions is not None and context.version not in rule.versions:
            session.quit(
                "disallowedVersionDefinition",
                context.site,
                primary=place.primary,
                property=place.prop,
                value=str(context.version),
                restriction=" ,".join(map(str, rule.table["versions"])),
            )
        if expected.version != context.version and not rule_is_supplemental(rule):
            expected = context.active.classes.get(expected.name, expected)
        identifier = self.identifier(document, node, context, place, tolerant=tolerant)
        if identifier in session.records:
            self.again(document, node, context, place, identifier)
            return None
        types = type_strings(node)
        if types is None:
            if rule is not None and rule.type_required:
                session.quit(
                    "badType",
                    place.site(),
                    Site(document, node),
                    primary=place.primary,
                    property=place.prop,
                    secondary=identifier,
                    _expected=expected.name,
                )
            types = [inferred_type(expected, rule)]
        record = self.typed(document, node, context, _Typing(identifier, types, expected, place))
        session.records[identifier] = record
        record.element = element_of(record)
        self.properties(record)
        seal(record)
        return record

    def only_id(
        self, document: Document, node: dict[str, Json], context: Context, place: Place, *, tolerant: bool
    ) -> None:
        """An object with nothing but ``@id``: no reference in DTDL, unless the caller tolerates it."""
        identifier = node["@id"]
        fields = {"primary": place.primary, "property": place.prop, "value": values.shown(identifier)}
        if not tolerant or place.owner is None or place.rule is None or place.spot is None:
            self.session.report("idReference", Site(document, node), **fields)
            return
        target = context.dtmi(identifier) if isinstance(identifier, str) else None
        if target is None:
            site = Site(document, node, "key", "@id")
            self.session.report("idRefBadDtmiOrTerm", site, restriction=str(context.version), **fields)
            return
        self.session.references.append(
            Reference(place.owner, place.rule, target, identifier, place.spot, place.index, place.expected)
        )

    def keywords(self, document: Document, node: dict[str, Json], context: Context, place: Place) -> None:
        """Reports ``@graph`` and keywords that have no place in an element."""
        fields = {"primary": place.primary, "property": place.prop}
        if "@graph" in node:
            self.session.report("graphDisallowed", Site(document, node, "key", "@graph"), **fields)
        for key in disallowed_keywords(node):
            site = Site(document, node, "key", key)
            if context.active.restricts_keywords:
                self.session.report("keywordDisallowed", site, value=key, **fields)
            else:
                self.session.advise("MT105", site, value=key)

    def again(self, document: Document, node: dict[str, Json], context: Context, place: Place, identifier: str) -> None:
        """Says that an element is defined twice, or that two siblings have one name."""
        session = self.session
        before = session.records[identifier]
        if ":_" not in identifier and "#_" not in identifier:
            session.quit(
                "duplicateDefinition",
                before.key_site("@id"),
                Site(document, node, "key", "@id"),
                primary=identifier,
            )
        segment = place.rule.segment if place.rule else None
        if segment and not (session.tolerant and context.version < _V3):
            key = segment if segment in node else next(iter(node))
            session.quit(
                "nonUniquePropertyValue",
                before.spot(segment) or before.site,
                Site(document, node, "key", key),
                primary=place.primary,
                property=place.prop,
                aux=segment,
                value=node.get(segment) if isinstance(node.get(segment), str) else values.shown(node.get(segment)),
            )
        raise Abandon

    # -- identifiers -------------------------------------------------------------------------------------------

    def identifier(
        self, document: Document, node: dict[str, Json], context: Context, place: Place, *, tolerant: bool
    ) -> str:
        """Gives the element's id, as written or made from its owner's."""
        if "@id" in node:
            return self.written_identifier(document, node, context, tolerant=tolerant)
        session, owner, rule = self.session, place.owner, place.rule
        if owner is None or rule is None:
            session.quit("missingTopLevelId", Site(document, node))
        if rule.id_required:
            session.quit("missingRequiredId", Site(document, node), primary=owner.id, property=place.prop)
        path, semicolon, version = owner.id.partition(";")
        made = f"{path}:_{(place.prop or '').split(';')[0]}"
        if rule.segment:
            made += ":__" + self.segment(document, node, context, place)
        return made + semicolon + version

    def segment(self, document: Document, node: dict[str, Json], context: Context, place: Place) -> str:
        """Gives the part of an automatic id that tells siblings apart."""
        name = place.rule.segment if place.rule else None
        assert name is not None
        key = (
            name if name in node else next((k for k in node if k == f"dtmi:dtdl:property:{name};{context.version}"), "")
        )
        fields = {"primary": place.primary, "property": place.prop, "value": name}
        if not key:
            self.session.quit("missingDtmiSegPropertyValue", Site(document, node), **fields)
        found = values_of(node[key])
        value = found[0] if len(found) == 1 else None
        if isinstance(value, dict):
            value = value.get("@value")
        if isinstance(value, str):
            return value
        if values.is_integer(value):
            return str(int(value))
        if isinstance(value, float):
            return str(value).replace(".", "_")
        self.session.quit(
            "dtmiSegPropertyNotStringOrNumber", Site(document, node), Site(document, node, "key", key), **fields
        )

    def written_identifier(self, document: Document, node: dict[str, Json], context: Context, *, tolerant: bool) -> str:
        """Checks an ``@id``."""
        identifier = node["@id"]
        session, active = self.session, context.active
        site = Site(document, node, "key", "@id")
        if not isinstance(identifier, str) or not identifier:
            session.quit("idNotString", site)
        longest = bound(active.id_length, context.limit)
        if longest is not None and len(identifier) > longest:
            session.quit(
                "idTooLong",
                site,
                value=identifier,
                restriction=str(active.version),
                transformation=context.limit_context,
                _limit=str(longest),
            )
        if active.id_match.match(identifier) is None:
            session.quit("invalidId", site, value=identifier, restriction=str(active.version))
        if not session.standard and not tolerant:
            prefixes = context.reserved()
            if identifier.startswith(prefixes):
                shown = ", ".join(f"'{prefix}'" for prefix in prefixes)
                session.quit("reservedId", site, value=identifier, restriction=shown)
        return identifier

    # -- types -------------------------------------------------------------------------------------------------

    def typed(self, document: Document, node: dict[str, Json], context: Context, typing: _Typing) -> Record:
        """Reads ``@type``: one class, and supplemental types."""
        for text in typing.texts:
            self.one_type(document, node, context, typing, text)
        if typing.failed:
            raise Abandon
        place, session = typing.place, self.session
        type_site = Site(document, node, "key", "@type")
        if not typing.kinds:
            session.quit("badType", place.site(), Site(document, node), **typing.bad())
        kinds = list(dict.fromkeys(typing.kinds))
        if len(kinds) > 1:
            session.quit("multipleMaterialTypes", type_site, primary=typing.identifier, value=" and ".join(kinds))
        kind = kinds[0]
        rule = context.active.classes[kind]
        record = Record(typing.identifier, kind, rule, context)
        record.document = None if session.standard else document
        record.node = node
        owner = place.owner
        if owner is not None:
            record.child_of = owner.id
            record.owner_property = place.prop
            if not session.standard:
                record.defined_in = owner.id if owner.rule.partition else owner.defined_in or owner.id
        record.undefined_types = typing.undefined
        record.types = list(typing.own)
        record.offered = typing.own + typing.supplemental
        if typing.supplemental:
            self.cotypes(record, typing, type_site)
        self.identifier_length(record, document, node)
        return record

    def identifier_length(self, record: Record, document: Document, node: dict[str, Json]) -> None:
        """Checks the length that ids of this class may have."""
        lengths = record.context.active.id_lengths.get(record.kind)
        longest = bound(lengths, record.limit) if lengths else None
        if longest is not None and len(record.id) > longest:
            self.session.report(
                "idTooLongForType",
                Site(document, node, "key", "@id"),
                value=record.id,
                type=record.kind,
                _limit=str(longest),
            )

    def one_type(
        self, document: Document, node: dict[str, Json], context: Context, typing: _Typing, text: Json
    ) -> None:
        """Reads one string of ``@type``."""
        session, expected = self.session, typing.expected
        kind = expected.written.get(text) if isinstance(text, str) else None
        if kind is not None:
            self.spelled(Site(document, node, "key", "@type"), typing, text, kind)
            typing.kinds.append(kind)
            return
        if session.standard and text in expected.kinds:
            typing.kinds.append(text)
            return
        place = typing.place
        if isinstance(text, str) and text in session.metamodel.material:
            typing.failed = True
            session.report("badType", place.site(), Site(document, node), **typing.bad(value=text))
            return
        dtmi = context.dtmi(text) if isinstance(text, str) else None
        rule = session.metamodel.type(dtmi) if dtmi else None
        if rule is None:
            self.unknown_type(Site(document, node, "key", "@type"), context, typing, text)
        elif rule.abstract:
            typing.failed = True
            session.report(
                "abstractSupplementalType",
                Site(document, node, "key", "@type"),
                primary=typing.identifier,
                type=session.term(rule.id),
            )
        elif rule.kind in _CLASS_LIKE:
            if rule.kind in expected.extensible:
                typing.kinds.append(rule.kind)
                typing.own.append(rule)
            else:
                typing.failed = True
                session.report("badType", place.site(), Site(document, node), **typing.bad(value=text))
        else:
            self.spelled(Site(document, node, "key", "@type"), typing, text, rule)
            if rule not in typing.supplemental:
                typing.supplemental.append(rule)

    def spelled(self, site: Site, typing: _Typing, text: str, said: str | TypeRule) -> None:
        """Advises against saying a type twice, or by its DTMI where it has a term."""
        if said in typing.kinds or said in typing.supplemental:
            self.session.advise("MT103", site, primary=typing.identifier, value=text)
        elif text[:5] == "dtmi:":
            term = said if isinstance(said, str) else self.session.term(said.id)
            if term != text:
                self.session.advise("MT104", site, primary=typing.identifier, value=text, restriction=term)

    def unknown_type(self, site: Site, context: Context, typing: _Typing, text: Json) -> None:
        """Reads a co-type that no table defines: allowed, or a mistake, as the version says."""
        if not isinstance(text, str):
            typing.failed = True
            shown = values.shown(text)
            self.session.report("typeNotDtmiNorTerm", site, primary=typing.identifier, value=shown)
            return
        if context.dtmi(text) is not None:
            case, rule = "irrelevantDtmiOrTermAsCotype", "typeIrrelevantDtmiOrTerm"
        elif text.startswith("dtmi:"):
            case, rule = "invalidDtmiAsCotype", "typeInvalidDtmi"
        elif ":" in text:
            case, rule = "notDtmiNorTermAsCotype", "typeNotDtmiNorTerm"
        else:
            case, rule = "undefinedTermAsCotype", "typeUndefinedTerm"
        if allowed(context, case):
            typing.undefined.append(text)
            return
        typing.failed = True
        restriction = str(context.version) if rule == "typeUndefinedTerm" else None
        self.session.report(rule, site, primary=typing.identifier, value=text, restriction=restriction)

    def cotypes(self, record: Record, typing: _Typing, site: Site) -> None:
        """Checks that every supplemental type may stand here, with the others."""
        session = self.session
        present = {rule.id for rule in typing.supplemental}
        sources: dict[str, str] = {}
        for rule in typing.supplemental:
            instead = any(other in present for other in rule.table.get("instead", ()))
            if not instead and record.kind not in rule.cotypes:
                names = [*rule.cotypes, *rule.table.get("insteadNames", ())]
                session.report(
                    "invalidCotype",
                    site,
                    primary=record.id,
                    type=session.term(rule.id),
                    restriction=" or ".join(names),
                )
                continue
            if not instead and record.version not in rule.versions:
                session.report(
                    "invalidCotypeVersion",
                    site,
                    primary=record.id,
                    type=session.term(rule.id),
                    restriction=" or ".join(map(str, rule.versions)),
                )
                continue
            record.types.append(rule)
            self.sources(record, rule, sources, site)
            for needed in rule.table.get("needs", ()):
                if needed not in present:
                    session.report(
                        "missingCocotype",
                        site,
                        primary=record.id,
                        type=session.term(rule.id),
                        restriction=session.term(needed),
                    )

    def sources(self, record: Record, rule: TypeRule, sources: dict[str, str], site: Site) -> None:
        """Reports two supplemental types that add the same property."""
        session = self.session
        for uri in rule.properties:
            other = sources.setdefault(uri, rule.id)
            if other != rule.id:
                session.report(
                    "conflictingSupplementalTypes",
                    site,
                    primary=record.id,
                    type=session.term(other),
                    restriction=session.term(rule.id),
                    property=session.term(uri),
                )
                return

    # -- properties --------------------------------------------------------------------------------------------

    def properties(self, record: Record) -> None:
        """Reads every property of an element."""
        node, rules = record.node, record.rule.properties
        document = record.document or _NOWHERE
        limit = record.limit
        stored, given = record.properties, record.given
        occurrences: dict[str, int] | None = {} if type(node) is Pairs else None
        for key, raw in entries(node):
            occurrence = 0
            if occurrences is not None:
                occurrence = occurrences[key] = occurrences.get(key, -1) + 1
            if key[:1] == "@":
                continue
            spot = Spot(document, node, key, occurrence)
            rule = rules.get(key)
            if rule is None:
                rule = self.supplemental(record, key)
                if rule is None:
                    self.undefined(record, key, raw, spot)
                    continue
            name = rule.name
            if name in given:
                self.session.report(
                    "duplicatePropertyName", spot.prop(), given[name].prop(), primary=record.id, property=name
                )
                continue
            given[name] = spot
            if key is not name and key != name:
                self.session.advise("MT101", spot.prop(), primary=record.id, property=key, value=name)
            if "deprecated" in rule.table:
                self.session.advise("MT106", spot.prop(), primary=record.id, property=name)
            if rule.kind == "object":
                self.objects(record, rule, spot, raw)
            elif (rule.kind == "string" and plain(raw, rule, limit)) or (type(raw) is bool and rule.kind == "boolean"):
                stored[name] = raw
            else:
                value = values.read(self.session, record, rule, spot, raw)
                if value is not None:
                    stored[name] = value
        self.required(record)

    def required(self, record: Record) -> None:
        """Reports required properties that are not written."""
        site = record.site
        for rule in record.rule.required:
            if rule.name not in record.given:
                name = _MISSING[rule.kind] if rule.kind in _MISSING else "missingLiteralProperty"
                self.session.report(name, site, primary=record.id, property=rule.name)
        for kind in record.types:
            if kind.kind in _CLASS_LIKE:
                continue
            for rule in kind.properties.values():
                if not rule.optional and rule.name not in record.given:
                    name = _MISSING_SUPPLEMENTAL.get(rule.kind, "missingSupplementalLiteralProperty")
                    term = self.session.term(rule.uri)
                    kind_term = self.session.term(kind.id)
                    self.session.quit(name, site, primary=record.id, property=term, type=kind_term)

    def supplemental(self, record: Record, key: str) -> PropertyRule | None:
        """Gives the rule of a property that a supplemental type of the element adds."""
        if not record.offered:
            return None
        uri = record.context.dtmi(key)
        if uri is None:
            return None
        for kind in record.offered:
            for ancestor in self.session.metamodel.lineage(kind):
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
            if rule == "propertyUndefinedTerm":
                fields["restriction"] = str(context.version)
            second = types if rule == "propertyIrrelevantDtmiOrTerm" else None
            session.report(rule, site, second, **fields)
        elif record.undefined_types:
            record.undefined[key] = raw
            record.given[key] = spot
        elif "@type" in record.node:
            session.report("noTypeThatAllows", site, types, **fields)
        else:
            session.report("inferredTypeDoesNotAllow", site, record.site, type=record.kind, **fields)

    def objects(self, record: Record, rule: PropertyRule, spot: Spot, raw: Json) -> None:
        """Reads the elements and references of a property."""
        session, context = self.session, record.context
        found = values_of(raw)
        if rule.supplemental:
            expected = self.supplemental_class(rule, context.active)
        else:
            expected = context.active.classes[rule.target or "Entity"]
        if not rule.plural and len(found) > 1:
            session.report("objectMultipleValues", spot.values(), primary=record.id, property=rule.name)
            return
        document = spot.document
        place = Place(expected or record.rule, record, rule, spot)
        for index, value in enumerate(found):
            place.index = index
            if type(value) is str:
                self.reference(record, place, value, index, expected)
            elif isinstance(value, dict):
                self.written(record, place, value, expected, document)
            else:
                session.report(
                    "refNotStringOrObject", spot.prop(), spot.value(index), primary=record.id, property=rule.name
                )
        if len(found) < rule.min:
            session.report(
                "objectCountBelowMin", spot.prop(), primary=record.id, property=rule.name, _required=str(rule.min)
            )

    def supplemental_class(self, rule: PropertyRule, active: Language) -> ClassRule | None:
        """Gives the class that an element in a supplemental property is read as, None when only references may be."""
        kind = self.session.metamodel.type(rule.target) if rule.target else None
        return active.classes.get(kind.kind) if kind is not None else None

    def written(
        self, record: Record, place: Place, node: dict[str, Json], expected: ClassRule | None, document: Document
    ) -> None:
        """Reads an element that is written in a property."""
        rule, spot = place.rule, place.spot
        assert rule is not None
        assert spot is not None
        if expected is None:
            self.session.report(
                "refObjectNotAllowed", spot.prop(), spot.value(place.index), primary=record.id, property=rule.name
            )
            return
        child = self.element(document, node, record.context, place)
        if child is not None:
            self.session.references.append(Reference(record, rule, child.id, None, spot, place.index, None))

    def reference(self, record: Record, place: Place, text: str, index: int, expected: ClassRule | None) -> None:
        """Notes a reference by DTMI or term."""
        rule, spot = place.rule, place.spot
        assert rule is not None
        assert spot is not None
        target = record.context.dtmi(text)
        if target is None:
            self.session.report(
                "badDtmiOrTerm",
                spot.prop(),
                spot.value(index),
                primary=record.id,
                property=rule.name,
                value=text,
                restriction=str(record.version),
            )
            return
        if text[:5] == "dtmi:" and (term := self.session.term(text)) != text:
            site = spot.value(index)
            self.session.advise("MT102", site, primary=record.id, property=rule.name, value=text, restriction=term)
        kind = None if rule.supplemental else expected
        self.session.references.append(Reference(record, rule, target, text, spot, index, kind))


class _Typing:
    """What ``@type`` of one element has said so far."""

    __slots__ = ("expected", "failed", "identifier", "kinds", "own", "place", "supplemental", "texts", "undefined")

    def __init__(self, identifier: str, texts: list[Json], expected: ClassRule, place: Place) -> None:
        self.identifier = identifier
        self.texts = texts
        self.expected = expected
        self.place = place
        self.kinds: list[str] = []
        self.own: list[TypeRule] = []
        self.supplemental: list[TypeRule] = []
        self.undefined: list[str] = []
        self.failed = False

    def bad(self, value: str | None = None) -> dict[str, str | None]:
        """Gives the fields of a finding that the class is wrong."""
        return {
            "primary": self.place.primary,
            "property": self.place.prop,
            "secondary": self.identifier,
            "value": value,
            "_expected": self.expected.name,
        }


_SINGLE: Final = frozenset({"@graph", "@context", "@id", "@type", "@value", "@language"})
_CLASS_LIKE: Final = frozenset({"Unit", "UnitAttribute", "LatentType", "NamedLatentType"})
_MISSING: Final = {"object": "missingObjectProperty", "identifier": "missingIdentifierProperty"}
_MISSING_SUPPLEMENTAL: Final = {
    "object": "missingSupplementalObjectProperty",
    "identifier": "missingSupplementalIdentifierProperty",
}
_NOWHERE: Final = Document("{}", "<standard elements>")


def plain(raw: Json, rule: PropertyRule, limit: str) -> bool:
    """Whether a value is a string without any fault: the usual case, decided without more ado."""
    if type(raw) is not str or not raw.isascii():
        return False
    longest = bound(rule.length, limit)
    return (longest is None or len(raw) <= longest) and (rule.match is None or rule.match.match(raw) is not None)


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


def has_keywords(node: Mapping[str, Json]) -> bool:
    """Whether an object has a keyword beside those of an element."""
    return any(key[:1] == "@" and key not in _ELEMENT_KEYWORDS for key in node)


_ELEMENT_KEYWORDS: Final = frozenset({"@id", "@type", "@context"})


def disallowed_keywords(node: Mapping[str, Json]) -> list[str]:
    """Gives the keywords of an element that newer versions refuse."""
    return [key for key in ("@language", "@value") if key in node] + values.keywords(node)


def inferred_type(expected: ClassRule, rule: PropertyRule | None) -> str:
    """Gives the type of an element that need not write one."""
    if rule is not None and rule.supplemental and rule.target:
        return rule.target
    return expected.name


def rule_is_supplemental(rule: PropertyRule | None) -> bool:
    """Whether a supplemental type adds the property."""
    return rule is not None and rule.supplemental
