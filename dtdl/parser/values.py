"""Literal values: strings, numbers, booleans, language maps, identifiers, value objects (JSON-LD ``@value``)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeGuard

from dtdl.metamodel import PropertyRule, bound
from dtdl.parser.session import Record, Session, Spot
from dtdl.source import Pairs, Site, entries, values_of

Json = Any
_LANGUAGE: Final = re.compile(r"[a-z]{2,4}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?\Z")
_DURATION: Final = re.compile(
    r"P(?!$)(?:(?:(?:(?:\d+Y)|(?:\d+\.\d+Y$))?(?:(?:\d+M)|(?:\d+\.\d+M$))?)|(?:(?:(?:\d+W)|(?:\d+\.\d+W$))?))"
    r"(?:(?:\d+D)|(?:\d+\.\d+D$))?(?:T(?!$)(?:(?:\d+H)|(?:\d+\.\d+H$))?(?:(?:\d+M)|(?:\d+\.\d+M$))?"
    r"(?:\d+(?:\.\d+)?S)?)?\Z"
)
_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_KNOWN_KEYWORDS: Final = frozenset({"@graph", "@context", "@id", "@type", "@value", "@language"})
_INT_MAX: Final = 2**31


def keywords(node: Mapping[str, Json]) -> list[str]:
    """Gives the keywords of an object that have no meaning in DTDL."""
    return [key for key in node if key[:1] == "@" and key not in _KNOWN_KEYWORDS]


def shown(value: Json) -> str:
    """Gives a value as the findings show it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def is_integer(value: Json) -> TypeGuard[int | float]:
    """Whether a JSON number is a whole one of 32 bits."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_INT_MAX <= value < _INT_MAX
        and value == int(value)
    )


class _Kind:
    """What one literal type accepts."""

    __slots__ = ("accepts", "mismatch", "name", "xsd")

    def __init__(self, name: str, xsd: str, accepts: Callable[[Json], bool], mismatch: str) -> None:
        self.name = name
        self.xsd = frozenset((f"xsd:{xsd}", _XSD + xsd))
        self.accepts = accepts
        self.mismatch = mismatch


_KINDS: Final = {
    "string": _Kind("string", "string", lambda v: isinstance(v, str), "String"),
    "integer": _Kind("integer", "integer", is_integer, "Integer"),
    "decimal": _Kind("numeric", "decimal", lambda v: isinstance(v, int | float) and not isinstance(v, bool), "Numeric"),
    "boolean": _Kind("boolean", "boolean", lambda v: isinstance(v, bool), "Boolean"),
    "duration": _Kind("duration", "duration", lambda v: isinstance(v, str), "String"),
}
_NOT: Final = {"string": "stringNotString", "integer": "integerNotInteger", "numeric": "numericNotNumeric",
               "boolean": "booleanNotBoolean", "duration": "durationNotString"}  # fmt: skip
_TYPE: Final = {"string": "stringTypeNotString", "integer": "integerTypeNotInteger",
                "numeric": "numericTypeNotNumeric", "boolean": "booleanTypeNotBoolean",
                "duration": "durationTypeNotDuration"}  # fmt: skip
_VALUE: Final = {"string": "stringValueNotString", "integer": "integerValueNotInteger",
                 "numeric": "numericValueNotNumeric", "boolean": "booleanValueNotBoolean",
                 "duration": "durationValueNotString"}  # fmt: skip


class Values:
    """Reads literals of one property of one element."""

    __slots__ = ("fields", "name", "record", "rule", "session", "spot")

    def __init__(self, session: Session, record: Record, rule: PropertyRule, spot: Spot) -> None:
        self.session = session
        self.record = record
        self.rule = rule
        self.spot = spot
        self.name = rule.uri if rule.supplemental else rule.name
        self.fields = {"primary": record.id, "property": self.name}

    def report(self, rule: str, site: Site, second: Site | None = None, /, **fields: str | None) -> None:
        """Notes a finding about the property."""
        self.session.report(rule, site, second, **(self.fields | fields))

    def one(self, raw: Json) -> Json:
        """Reads the one value of a string, integer, number, boolean or duration; None when there is none."""
        kind = _KINDS[self.rule.kind]
        values = values_of(raw)
        if len(values) > 1:
            self.report(f"{kind.name}MultipleValues", self.spot.values())
            return None
        if not values:
            if not self.rule.optional:
                self.report(f"{kind.name}CountBelowMin", self.spot.values(), _required="1")
            return None
        value = self.unwrap(values[0], kind)
        if value is not None:
            value = self.limits(value)
        return value

    def unwrap(self, raw: Json, kind: _Kind) -> Json:
        """Gives the literal of a value or of a value object, None after a finding."""
        if kind.accepts(raw):
            return raw
        if not isinstance(raw, dict):
            self.report(_NOT[kind.name], self.spot.value(0))
            return None
        value, declared = self.value_object(raw, kind.name)
        if value is None and declared is None:
            return None
        if declared and declared not in kind.xsd:
            self.report(_TYPE[kind.name], self.spot.value(0))
            return None
        if not kind.accepts(value):
            self.report(_VALUE[kind.name], self.spot.value(0))
            return None
        return value

    def value_object(self, node: Mapping[str, Json], name: str) -> tuple[Json, str | None]:
        """Gives ``@value`` and ``@type`` of a value object (``""`` for none), (None, None) after a finding."""
        self.value_object_extras(node)
        if "@value" not in node:
            self.report(f"{name}ObjectNoValue", self.spot.value(0))
            return None, None
        declared = node.get("@type", "")
        if "@type" in node:
            types = declared if isinstance(declared, list) else [declared]
            if len(types) != 1 or not isinstance(types[0], str):
                self.report("literalTypeNotSingular", self.spot.value(0))
                return None, None
            declared = types[0]
        return node["@value"], declared

    def value_object_extras(self, node: Mapping[str, Json]) -> None:
        """Reports what has no place in a value object."""
        for key, rule in (("@context", "valueObjectContext"), ("@id", "valueObjectId"), ("@graph", "valueObjectGraph")):
            if key in node:
                self.report(rule, Site(self.spot.document, node, "key", key))
        strict = self.record.context.active.restricts_keywords
        for key in (*(key for key in ("@language",) if key in node), *keywords(node)):
            site = Site(self.spot.document, node, "key", key)
            if not strict:
                self.session.advise("MT015", site, value=key)
            elif key == "@language":
                self.report("valueObjectLanguage", site)
            else:
                self.report("valueObjectKeyword", site, value=key)
        for key in node:
            if key[:1] != "@":
                self.report("valueObjectInvalidProp", Site(self.spot.document, node, "key", key), value=key)

    def limits(self, value: Json) -> Json:
        """Checks length, pattern and range; gives the value in the form that it is stored in."""
        kind = self.rule.kind
        if kind == "string":
            self.text(value, self.spot.value(0), "string")
        elif kind == "integer":
            value = int(value)
            self.range(value)
        elif kind == "decimal":
            self.range(value)
        elif kind == "duration" and _DURATION.match(value) is None:
            self.report("durationInvalid", self.spot.value(0), value=value)
            return None
        return value

    def text(self, value: str, site: Site, name: str) -> None:
        """Checks the length and pattern of a text."""
        longest = bound(self.rule.length, self.record.limit)
        if longest is not None and utf16(value) > longest:
            self.report(f"{name}TooLong", site, value=value, _limit=str(longest))
        if self.rule.match is not None and self.rule.match.match(value) is None:
            self.report(f"{name}Invalid", site, value=value, restriction=self.rule.table["pattern"])

    def range(self, value: float) -> None:
        """Checks the bounds of a number."""
        least, most = self.rule.table.get("least"), self.rule.table.get("most")
        site, text = self.spot.value(0), shown(value)
        both = f"[{least}, {most}]" if least is not None and most is not None else None
        if both and least == most and value != least:
            self.report("valueNotExact", site, value=text, restriction=str(least))
        elif least is not None and value < least:
            self.report(
                "valueBelowRange" if both else "valueBelowMin", site, value=text, restriction=both or str(least)
            )
        elif most is not None and value > most:
            self.report("valueAboveRange" if both else "valueAboveMax", site, value=text, restriction=both or str(most))

    def literal(self, raw: Json) -> Json:
        """Reads the value of a property whose type is open: string, number or boolean."""
        values = values_of(raw)
        if len(values) != 1:
            self.report("literalMultipleValues" if values else "literalCountBelowMin", self.spot.values())
            return None
        value = values[0]
        if isinstance(value, dict):
            before = len(self.session.findings)
            value, declared = self.value_object(value, "literal")
            if len(self.session.findings) > before:
                return None
            value = self.declared(value, declared or "")
        if isinstance(value, str | bool) or is_integer(value):
            return int(value) if isinstance(value, float) else value
        if isinstance(value, int | float):
            return float(value)
        self.report("literalNotValid", self.spot.values())
        return None

    def declared(self, value: Json, declared: str) -> Json:
        """Gives the value when its declared type fits, else None."""
        if not declared:
            return value
        for kind in (_KINDS[k] for k in ("string", "integer", "decimal", "boolean")):
            if declared in kind.xsd:
                if not kind.accepts(value):
                    self.report(_VALUE[kind.name], self.spot.value(0))
                    raise _Reported
                return value
        return None

    def identifiers(self, raw: Json) -> list[str]:
        """Reads DTMIs or URIs."""
        values = values_of(raw)
        pattern = self.rule.table.get("pattern", "")
        wanted = "DTMI" if not self.rule.supplemental or pattern.startswith("^dtmi:") else "URI"
        if not self.rule.plural and len(values) > 1:
            self.report("identifierMultipleValues", self.spot.values())
            return []
        least = self.rule.min if self.rule.plural else int(not self.rule.optional)
        if len(values) < least:
            self.report("identifierCountBelowMin", self.spot.values(), type=wanted, _required=str(least))
        found = [self.identifier(value, i, wanted) for i, value in enumerate(values)]
        return [uri for uri in found if uri is not None]

    def identifier(self, value: Json, index: int, wanted: str) -> str | None:
        """Reads one DTMI or URI."""
        site = self.spot.value(index)
        if not isinstance(value, str):
            self.report("identifierNotString", site, type=wanted)
            return None
        context = self.record.context
        uri = context.dtmi(value) if wanted == "DTMI" else context.uri(value)
        if uri is None:
            rule = "identifierNotDtmi" if wanted == "DTMI" else "identifierNotUri"
            self.report(rule, site, type=wanted, value=value)
            return None
        self.text(uri, site, "identifier")
        return uri

    def texts(self, raw: Json) -> dict[str, str]:
        """Reads a text in languages: a string, a language map, or language-tagged strings."""
        if isinstance(raw, dict):
            return self.language_map(raw)
        if type(raw) is str:
            self.text(raw, self.spot.value(0), "langStringValue")
            return {self.rule.language: raw}
        return self.tagged(values_of(raw))

    def language_map(self, node: dict[str, Json]) -> dict[str, str]:
        """Reads an object of language code → text."""
        tag, value = node.get("@language"), node.get("@value")
        if isinstance(tag, str) and isinstance(value, str) and len(node) == len(("@language", "@value")):
            pair = f'{{ "{tag}": "{value}" }}'
            self.report("langTagValueInLangMap", Site(self.spot.document, node), value=pair)
            return {}
        found: dict[str, str] = {}
        seen: dict[str, int] = {}
        for key, text in entries(node):
            occurrence = seen[key] = seen.get(key, -1) + 1
            site = Site(self.spot.document, node, "key", key, occurrence)
            if key[:1] == "@":
                self.report("langMapObjKeyword", site, value=key)
                continue
            if _LANGUAGE.match(key) is None:
                self.report("langStringInvalidCode", site, value=key)
            if not isinstance(text, str):
                self.report("langStringValueNotString", site, value=key)
            elif key in found:
                first = Site(self.spot.document, node, "key", key, 0)
                self.report("langStringCodeNotUnique", site, first, value=key)
            else:
                self.text(text, Site(self.spot.document, node, "value", key), "langStringValue")
                found[key] = text
        return found

    def tagged(self, values: Sequence[Json]) -> dict[str, str]:
        """Reads strings and objects of ``@language`` and ``@value``."""
        found: dict[str, str] = {}
        places: dict[str, int] = {}
        for index, value in enumerate(values):
            site = self.spot.value(index)
            code = self.rule.language
            text: str | None = None
            if isinstance(value, str):
                text = value
            elif isinstance(value, dict):
                tagged = self.tagged_string(value)
                if tagged is None:
                    continue
                code, text = tagged[0] or code, tagged[1]
                site = Site(self.spot.document, value, "value", "@value")
            else:
                self.report("langStringElementNotStringOrObject", site)
                continue
            if text is not None:
                self.text(text, site, "langStringValue")
            if code in places:
                second = self.spot.value(places[code])
                self.report("langStringElementCodeNotUnique", self.spot.value(index), second, value=code)
            elif text is not None:
                found[code] = text
                places[code] = index
        return found

    def tagged_string(self, node: dict[str, Json]) -> tuple[str | None, str | None] | None:
        """Reads an object of ``@language`` and ``@value``; None after a finding that spoils it."""
        document = self.spot.document
        code = node.get("@language")
        if "@language" in node and not (isinstance(code, str) and code):
            self.report("langStringElementCodeNotString", Site(document, node, "key", "@language"))
            return None
        if code is not None and _LANGUAGE.match(code) is None:
            site = Site(document, node, "key", "@language")
            self.report("langStringElementInvalidCode", site, value=code)
        text = node.get("@value")
        if "@value" not in node:
            self.report("langStringElementNoValue", Site(document, node))
        elif not isinstance(text, str):
            self.report("langStringElementValueNotString", Site(document, node, "key", "@value"))
            return None
        self.tagged_extras(node)
        return code, text

    def tagged_extras(self, node: Mapping[str, Json]) -> None:
        """Reports what has no place in a language-tagged string."""
        document = self.spot.document
        rules = {
            "@context": "langStringElementContext",
            "@id": "langStringElementId",
            "@graph": "langStringElementGraph",
        }
        strict = self.record.context.active.restricts_keywords
        if strict:
            rules["@type"] = "langStringElementType"
        for key, rule in rules.items():
            if key in node:
                self.report(rule, Site(document, node, "key", key))
        if strict:
            for key in keywords(node):
                self.report("langStringElementKeyword", Site(document, node, "key", key), value=key)
        for key in node:
            if key[:1] != "@":
                self.report("langStringElementInvalidProp", Site(document, node, "key", key), value=key)


class _Reported(Exception):
    """The value is wrong and that was said."""


def utf16(text: str) -> int:
    """Gives the length that the specification's limits count: UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def quick(rule: PropertyRule, raw: Json, limit: str) -> Json:
    """Gives the value of a literal without any fault, the usual case, without more ado; None when it needs a look."""
    kind = rule.kind
    longest = rule.longest if not limit else bound(rule.length, limit)
    if type(raw) is str:
        if longest is not None and (len(raw) > longest or not raw.isascii()):
            return None
        if kind == "string":
            return raw if rule.match is None or rule.match.match(raw) else None
        return {rule.language: raw} if kind == "langString" else None
    if type(raw) is dict and kind == "langString":
        for code, text in raw.items():
            if type(text) is not str or len(text) > (longest or 0) or not text.isascii() or not _is_language(code):
                return None
        return raw
    return raw if kind == "boolean" and type(raw) is bool else None


@lru_cache(maxsize=1024)
def _is_language(code: str) -> bool:
    return _LANGUAGE.match(code) is not None


def read(session: Session, record: Record, rule: PropertyRule, raw: Json) -> Json:
    """Reads the value of a property that holds no element; None when it has none or after a finding."""
    if rule.kind == "JSON":
        return dict(raw) if isinstance(raw, Pairs) else raw
    values = Values(session, record, rule, record.where(rule.name))
    if rule.kind == "langString":
        return values.texts(raw)
    if rule.kind == "literal":
        try:
            return values.literal(raw)
        except _Reported:
            return None
    if rule.kind == "identifier":
        found = values.identifiers(raw)
        return tuple(found) if rule.plural else next(iter(found), None)
    return values.one(raw)
