"""The JSON Schemas that editors use for DTDL files (draft-07), made from the tables of a version and its extensions.

A schema accepts whatever ``check`` accepts of documents that name this version; what JSON Schema cannot say is left to
``check`` (:data:`LEFT`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from dtdl.metamodel import ClassRule, Language, Metamodel, PropertyRule, TypeRule, bound, metamodel
from dtdl.metamodel.editor_words import WORDS

Json = Any
Schema = dict[str, Json]
Fitting = list[tuple[str, TypeRule]]
Givers = list[tuple[str, TypeRule, PropertyRule]]

_LANGUAGE: Final = "^[a-z]{2,4}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"
_NUMBERS: Final = {"string": "string", "integer": "integer", "boolean": "boolean", "decimal": "number",
                   "duration": "string"}  # fmt: skip
_INT: Final = 2**31
_SMALL: Final = 200
_DTMI: Final = {"type": "string", "pattern": "^dtmi:"}
_CLASS_LIKE: Final = ("Unit", "UnitAttribute", "LatentType", "NamedLatentType")

LEFT: Final = (
    "that a DTMI is defined, where nothing is given twice, and that what it names is of the right kind",
    "uniqueness: names of contents, fields and enum values, values of an Enum, definitions of a DTMI",
    "`extends`: its depth, circles, what is inherited, and how many contents an Interface has in all",
    "the depth of nested schemas, and Components in the Interface of a Component",
    "that the context of an extension is named where its types and properties are used, in a version that has them",
    "limit contexts, and extensions that no table defines: `check` refuses them unless it is told otherwise",
    "elements below a `@context` of another version, and whatever is written with a DTMI where a term would do",
    "rules about siblings (annotations, overriding, indexes) and about elements around an element",
    "two semantic types that add the same property",
    "lengths in UTF-16 units beyond those in characters, the size of an Interface, keys that an object writes twice",
    "recommendations, which `check` gives as warnings",
)
"""What the schemas leave to ``check``; docs/editors.md lists it."""


def editor_schema(version: int) -> Schema:
    """Gives the JSON Schema (draft-07) of DTDL documents of a version.

    Args:
        version: 2, 3 or 4.

    Returns:
        A schema for one Interface or an array of them.
    """
    return _Maker(metamodel(), metamodel().language(version)).document()


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _text(names: Iterable[str]) -> Schema:
    """Gives a schema of one of some terms and DTMIs; DTMIs as a pattern, so that editors offer only the terms."""
    names = list(dict.fromkeys(names))
    terms = [name for name in names if not name.startswith("dtmi:")]
    groups: dict[str, list[str]] = {}
    for name in names:
        if name.startswith("dtmi:"):
            path, _, last = name.rpartition(":")
            groups.setdefault(path, []).append(last)
    choices: list[Json] = [{"enum": terms}] if terms else []
    if groups:
        exact = "|".join(f"{path}:({'|'.join(last)})" for path, last in groups.items())
        choices.append({"type": "string", "pattern": f"^({exact})$"})
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _says(names: Iterable[str]) -> Schema:
    """Gives a schema of elements whose ``@type`` has one of the names."""
    text = _text(names)
    given = {"if": {"type": "array"}, "then": {"contains": text}, "else": text}
    return {"required": ["@type"], "properties": {"@type": given}}


def _when(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def _several(item: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    """Gives a schema of one value, or of an array of them."""
    array: Schema = {"items": item}
    if least:
        array["minItems"] = least
    if most is not None:
        array["maxItems"] = most
    return {"if": {"type": "array"}, "then": array, "else": item}


class _Maker:
    """Makes the schema of one version."""

    def __init__(self, tables: Metamodel, language: Language) -> None:
        self.tables = tables
        self.language = language
        self.version = language.version
        self.open: bool = language.rules["undefined_by_default"]
        self.rules = [
            (table.names[rule.id], rule)
            for table in tables.tables()
            for rule in table.types.values()
            if rule.id in table.names and not rule.abstract and self.version in rule.versions
        ]
        self.classes = [rule for rule in language.classes.values() if set(rule.written.values()) == {rule.name}]
        self.definitions: dict[str, Schema] = {}
        self.known: dict[str, str] = {}

    def shared(self, schema: Schema) -> Schema:
        """Gives a reference to a definition of the schema, one for all that are equal."""
        text = json.dumps(schema, sort_keys=True)
        if len(text) < _SMALL:
            return schema
        name = self.known.setdefault(text, f"shared-{len(self.known) + 1}")
        self.definitions[name] = schema
        return _ref(name)

    # -- the document ------------------------------------------------------------------------------------------

    def document(self) -> Schema:
        """Gives the whole schema."""
        self.definitions["id"] = self.identifier()
        self.definitions["context"] = self.context()
        self.definitions["otherVersion"] = self.other_version()
        for rule in self.classes:
            self.definitions[f"is-{rule.name}"] = self.element(rule)
        for name in self.slots():
            rule = self.language.classes[name]
            self.definitions[name] = self.slot(rule, typed=True)
            self.definitions[f"{name}-of-any-form"] = self.slot(rule, typed=False)
        root = {
            "type": "object",
            "required": ["@context", "@id", "@type"],
            "properties": {"@context": self.root_context(), "@type": _ref("type-Interface")},
            "allOf": [_ref("is-Interface")],
        }
        self.definitions["root"] = root
        whole = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$id": f"urn:megatwin:schemas:dtdl.v{self.version}.schema.json",
            "$comment": "Made by tools/generate.py from the tables of dtdl/metamodel; do not edit.",
            "title": f"DTDL v{self.version}",
            "description": f"An Interface of DTDL version {self.version}, or several. What JSON Schema cannot say is "
            "left to megatwin check.",
            "type": ["object", "array"],
            "if": {"type": "array"},
            "then": {"items": {"anyOf": [_ref("root"), {"type": "array"}]}},
            "else": _ref("root"),
        }
        used = self.used(whole)
        return whole | {"definitions": {name: self.definitions[name] for name in sorted(used)}}

    def used(self, schema: Schema) -> set[str]:
        """Gives the definitions that a schema refers to, directly or not."""
        found: set[str] = set()
        waiting: list[Json] = [schema]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values()
                name = value.get("$ref")
                if isinstance(name, str) and (name := name.removeprefix("#/definitions/")) not in found:
                    found.add(name)
                    waiting.append(self.definitions[name])
        return found

    def slots(self) -> set[str]:
        """Gives the classes that some property may hold."""
        rules = [rule for owner in self.language.classes.values() for rule in owner.by_name.values()]
        return {rule.target for rule in rules if rule.kind == "object" and rule.target}

    def identifier(self) -> Schema:
        reserved = "|".join(p.removeprefix("dtmi:") for p in self.tables.reserved[self.language.id])
        return {
            "type": "string",
            "pattern": self.language.table["identifiers"]["pattern"],
            "maxLength": bound(self.language.id_length, ""),
            "not": {"pattern": f"^dtmi:({reserved})"},
        }

    def core(self) -> str:
        """Gives the pattern of the context of this version."""
        minor = r"(\.\d+)?" if self.language.id_match.match("dtmi:x;1.1") else ""
        fragment = "(#limits|#limitless)?" if self.language.rules["custom_limits"] else ""
        return f"^dtmi:dtdl:context;{self.version}{minor}{fragment}$"

    def context(self) -> Schema:
        """Gives what may stand in a ``@context`` anywhere."""
        core = {"type": "string", "pattern": "^dtmi:dtdl:context;[0-9]"}
        known = [name for name in self.tables.contexts if not name.startswith("dtmi:dtdl:context;")]
        known = [name for name in known if name not in self.tables.limits]
        others = {"type": "string", "pattern": "^dtmi:"} if self.open else self.extension(known)
        item = {"anyOf": [core, {"enum": known}, others]}
        return {"if": {"type": "array"}, "then": {"items": item}, "else": item}

    @staticmethod
    def extension(known: Iterable[str]) -> Schema:
        names = "|".join(sorted(name.replace(".", r"\.") for name in known))
        return {"type": "string", "pattern": rf"^({names})(\.\d+)?$"}

    def root_context(self) -> Schema:
        own = {"type": "string", "pattern": self.core()}
        return {
            "type": ["string", "array"],
            "description": f"The version of DTDL, dtmi:dtdl:context;{self.version}, and the extensions that are used.",
            "allOf": [_ref("context")],
            "if": {"type": "array"},
            "then": {"contains": own},
            "else": {"anyOf": [{"const": f"dtmi:dtdl:context;{self.version}"}, own]},
        }

    def other_version(self) -> Schema:
        """Gives a schema of elements that name a DTDL version of their own, which may be another one."""
        core = {"type": "string", "pattern": "^dtmi:dtdl:context;(?!" + str(self.version) + r"(?!\d))"}
        other = {"anyOf": [core, {"type": "array", "contains": core}]}
        return {"type": "object", "required": ["@context"], "properties": {"@context": other}}

    # -- where elements stand ----------------------------------------------------------------------------------

    def slot(self, expected: ClassRule, *, typed: bool) -> Schema:
        """Gives what may stand where an element of a class is expected: a reference, or the element."""
        kinds = dict(expected.written)
        element: Schema
        if not kinds and not expected.extensible:
            return self.reference(expected)
        if expected.extensible:
            element = {"type": "object", "required": ["@type"]}
        elif len(set(kinds.values())) == 1:
            name = next(iter(kinds.values()))
            element = {"allOf": [_ref(f"is-{name}")]} | ({"required": ["@type"]} if typed else {})
        else:
            branches = [
                _when(_says(text for text, kind in kinds.items() if kind == name), _ref(f"is-{name}"))
                for name in dict.fromkeys(kinds.values())
            ]
            element = _says(kinds) | {"allOf": branches}
            element["properties"]["@type"]["examples"] = list(dict.fromkeys(kinds.values()))
        below = {"if": _ref("otherVersion"), "then": {}, "else": element}
        return {"type": ["object", "string"], "if": {"type": "string"}, "then": self.reference(expected), "else": below}

    def reference(self, expected: ClassRule) -> Schema:
        """Gives what may refer to an element of a class: a term of a standard element, or a DTMI."""
        terms = self.terms(expected)
        dtmi = {"type": "string", "pattern": self.language.table["identifiers"]["pattern"]}
        return {"anyOf": [{"enum": terms}, dtmi]} if terms else dtmi

    def terms(self, expected: ClassRule) -> list[str]:
        """Gives the terms of the standard elements of a class."""
        return [term for term, kind in self.standard.items() if kind in expected.kinds]

    @cached_property
    def standard(self) -> Mapping[str, str]:
        """Gives the terms of all standard elements that may be referred to, with their class."""
        found: dict[str, str] = {}
        for table in self.tables.tables():
            if isinstance(table, Language) and table is not self.language:
                continue
            for term, uri in table.terms.items():
                kind = self.kind_of(self.tables.resolve(uri))
                if kind is not None:
                    found.setdefault(term, kind)
        return found

    def kind_of(self, uri: str) -> str | None:
        """Gives the class of a standard element."""
        node = self.node(uri)
        types = node.get("@type", ()) if node else ()
        names = [types] if isinstance(types, str) else types
        return next((name for name in names if name in self.language.classes), None)

    def node(self, uri: str) -> Mapping[str, Json] | None:
        """Gives a standard element as it is written."""
        owner = self.tables.standard(uri)
        if owner is None or owner["@id"] == uri:
            return owner
        parts = [part for held in owner.values() if isinstance(held, list) for part in held if isinstance(part, dict)]
        return next((part for part in parts if part.get("@id") == uri), None)

    # -- elements ----------------------------------------------------------------------------------------------

    def element(self, rule: ClassRule) -> Schema:
        """Gives the schema of an element of one class."""
        fitting = self.fitting(rule)
        self.definitions[f"type-{rule.name}"] = self.type_of(rule, fitting)
        properties: dict[str, Json] = {"@id": _ref("id"), "@context": _ref("context")}
        properties["@type"] = _ref(f"type-{rule.name}")
        if rule.name in self.language.id_lengths:
            longest = bound(self.language.id_lengths[rule.name], "")
            properties["@id"] = {"allOf": [_ref("id")], "maxLength": longest}
        for given in rule.by_name.values():
            properties[given.name] = self.property(given)
        offered = self.offered(rule, fitting)
        for name, givers in offered.items():
            properties[name] = self.supplemental(givers)
        schema: Schema = {"type": "object", "properties": properties}
        if rule.name in WORDS:
            schema["description"] = WORDS[rule.name]
        conditions = [self.required(rule), *self.cotypes(rule, fitting)]
        closed = self.closed(rule, offered)
        if self.open:
            conditions.append({"if": self.undefined(rule, fitting), "then": {}, "else": closed})
        else:
            conditions += closed.pop("allOf")
            schema = closed | schema
        datatype = next((c["datatype"] for c in rule.controls if "datatype" in c), None)
        if datatype:
            conditions += self.datatypes(rule, datatype)
        return schema | {"allOf": conditions}

    def offered(self, rule: ClassRule, fitting: Fitting) -> Mapping[str, Givers]:
        """Gives the properties that supplemental types may add to a class."""
        found: dict[str, Givers] = {}
        for term, kind in fitting:
            for ancestor in self.tables.lineage(kind):
                for given in ancestor.properties.values():
                    if given.name not in rule.by_name:
                        found.setdefault(given.name, []).append((term, kind, given))
        return found

    def required(self, rule: ClassRule) -> Schema:
        """Requires what an element must say, when it says nothing by DTMI."""
        terms = {"propertyNames": {"not": {"pattern": "^dtmi:"}}}
        return _when(terms, {"required": sorted(rule.needed)}) if rule.needed else {}

    def closed(self, rule: ClassRule, offered: Mapping[str, Givers]) -> Schema:
        """Refuses other properties than those of the class and of the types that are given."""
        keywords = "" if self.language.restricts_keywords else "|^@(?!graph$)"
        allowed = dict.fromkeys(("@context", "@id", "@type", *rule.by_name, *offered), True)
        needs = []
        for name, givers in offered.items():
            types = [text for term, kind, _ in givers for text in (term, kind.id)]
            needs.append(self.shared(_when({"required": [name]}, _says(types))))
        closed = {"properties": allowed, "patternProperties": {f"^dtmi:{keywords}": True}}
        return closed | {"additionalProperties": False, "allOf": needs}

    def fitting(self, rule: ClassRule) -> Fitting:
        """Gives the supplemental types that may stand beside a class, with their terms."""
        found = [(term, kind) for term, kind in self.rules if kind.kind not in _CLASS_LIKE]
        return [(term, kind) for term, kind in found if rule.name in kind.cotypes or "instead" in kind.table]

    def type_of(self, rule: ClassRule, fitting: Fitting) -> Schema:
        """Gives what ``@type`` of an element of one class may say."""
        own = list(rule.written)
        terms = [term for term, _ in fitting]
        choices: list[Json] = [_text(own), self.shared(_text([*terms, *(kind.id for _, kind in fitting)]))]
        if self.open:
            material = sorted({text for text in self.tables.material if text not in own} | self.not_fitting(terms))
            names = self.shared({"enum": [name for name in material if not name.startswith("dtmi:")]})
            choices.append({"type": "string", "not": {"anyOf": [names, _DTMI]}})
        return {
            "type": ["string", "array"],
            "if": {"type": "array"},
            "then": {"items": {"anyOf": choices}, "contains": _text(own)},
            "else": _text(own),
            "examples": [rule.name],
        }

    def not_fitting(self, terms: list[str]) -> set[str]:
        """Gives the terms of the version's own types that may not stand beside a class."""
        names = self.language.names
        return {names[kind.id] for kind in self.language.types.values() if kind.id in names} - set(terms)

    def undefined(self, rule: ClassRule, fitting: Fitting) -> Schema:
        """Gives a schema of elements that have a type which no table defines."""
        known = self.shared(_text(text for term, kind in fitting for text in (term, kind.id)))
        unknown = {"type": "array", "contains": {"not": {"anyOf": [_text(rule.written), known]}}}
        return {"required": ["@type"], "properties": {"@type": unknown}}

    def cotypes(self, rule: ClassRule, fitting: Fitting) -> list[Schema]:
        """Gives the rules that supplemental types bring: what they require, need, exclude and constrain."""
        by_rule: dict[str, tuple[Schema, list[str]]] = {}
        for term, kind in fitting:
            for then in self.demands(rule, kind):
                _, names = by_rule.setdefault(repr(then), (then, []))
                names += [text for text in (term, kind.id) if text not in names]
        # A term that several versions of an extension define differently is judged by none of them.
        ambiguous = self.ambiguous(rule, fitting)
        found = []
        for then, names in by_rule.values():
            clear = [name for name in names if repr(then) not in ambiguous.get(name, ())]
            if clear:
                found.append(self.shared(_when(_says(clear), then)))
        return found

    def ambiguous(self, rule: ClassRule, fitting: Fitting) -> dict[str, set[str]]:
        """Gives, for each term of several types, the demands that not all of them make."""
        by_term: dict[str, list[set[str]]] = {}
        for term, kind in fitting:
            by_term.setdefault(term, []).append({repr(then) for then in self.demands(rule, kind)})
        return {
            term: {text for found in sets for text in found if not all(text in other for other in sets)}
            for term, sets in by_term.items()
        }

    def demands(self, rule: ClassRule, kind: TypeRule) -> list[Schema]:
        """Gives what one supplemental type demands of an element that has it."""
        found: list[Schema] = []
        lineage = list(self.tables.lineage(kind))
        needed = sorted({p.name for p in kind.properties.values() if not p.optional})
        if needed:
            terms = {"propertyNames": {"not": {"pattern": "^dtmi:"}}}
            found.append(_when(terms, {"required": needed}))
        for given in kind.properties.values():
            units = self.choices(given)
            if units:
                item = {"if": {"type": "object"}, "then": {}, "else": {"anyOf": [{"enum": units}, _DTMI]}}
                # Editors complete values from examples; they do not look into branches.
                found.append({"properties": {given.name: _several(item, most=1) | {"examples": units}}})
        for ancestor in lineage:
            found += [_says([self.tables.term(other), other]) for other in ancestor.table.get("needs", ())]
            for other in ancestor.table.get("excludes", ()):
                term = self.tables.term(other)
                if term != other:
                    found.append({"not": _says([term, other])})
            for constraint in ancestor.table.get("constraints", ()):
                then = self.constraint(rule, constraint)
                if then is not None:
                    found.append(then)
        return found

    def constraint(self, rule: ClassRule, constraint: Mapping[str, Json]) -> Schema | None:
        """Gives what a constraint on the class of a property's element demands, where JSON Schema can say it."""
        given = rule.by_name.get(constraint["property"])
        if constraint.get("inverse") or given is None or given.kind != "object":
            return None
        if "requiredValues" in constraint:
            return {"properties": {given.name: {"anyOf": [{"enum": constraint["requiredValueNames"]}, _DTMI]}}}
        if "requiredTypes" not in constraint or given.plural:
            return None
        names = [name for name in constraint["requiredTypeNames"] if name in self.language.classes]
        if len(names) != len(constraint["requiredTypeNames"]):
            return None
        kinds = frozenset[str]().union(*(self.language.classes[name].kinds for name in names))
        terms = [term for term, kind in self.standard.items() if kind in kinds]
        choices: list[Json] = [{"enum": terms}, _DTMI, {"type": "array"}, _ref("otherVersion")]
        written = [text for name in sorted(kinds) for text in self.language.classes[name].written]
        if written:
            choices.append({"type": "object"} | _says(written))
        return {"properties": {given.name: {"anyOf": choices}}}

    def choices(self, given: PropertyRule) -> list[str]:
        """Gives the terms of the standard elements that a supplemental property may refer to."""
        if given.kind != "object" or given.target is None:
            return []
        parent = given.table.get("child_of")
        if parent:
            owner = self.tables.standard(parent) or {}
            uris = [part["@id"] for part in owner.get("enumValues", ())]
            return sorted({self.tables.term(uri) for uri in uris})
        target = self.tables.type(given.target)
        if target is None or target.kind != "Unit":
            return []
        term = self.tables.term(target.id)
        found = [uri for table in self.tables.tables() for uri in table.owners if self.has_type(uri, term)]
        return sorted({self.tables.term(uri) for uri in found})

    def has_type(self, uri: str, term: str) -> bool:
        node = self.node(uri)
        types = node.get("@type", ()) if node else ()
        return term in ([types] if isinstance(types, str) else types)

    def datatypes(self, rule: ClassRule, datatype: str) -> list[Schema]:
        """Gives the rules that values of an Enum are of its value schema."""
        given = rule.by_name[datatype]
        found = []
        for name in given.table["values"]:
            said = [name, *(uri for uri in given.table["uris"] if f":{name};" in uri)]
            # Value objects and arrays of one value are left to check.
            right = {"type": ["number" if name == "integer" else "string", "object", "array"]}
            value = {"type": ["object", "string"], "properties": {"enumValue": right}}
            held = {"if": {"type": "array"}, "then": {"items": value}, "else": value}
            condition = {"required": [datatype], "properties": {datatype: {"enum": said}}}
            found.append(_when(condition, {"properties": {"enumValues": held}}))
        return found

    # -- properties --------------------------------------------------------------------------------------------

    def property(self, given: PropertyRule) -> Schema:
        """Gives the schema of a property of a class."""
        schema = self.objects(given) if given.kind == "object" else self.value(given)
        if given.name in WORDS:
            schema["description"] = WORDS[given.name]
        if "deprecated" in given.table:
            schema["deprecationMessage"] = f"{given.name} is deprecated; leave it out."
        return schema

    def supplemental(self, givers: Givers) -> Schema:
        """Gives the schema of a property that supplemental types add."""
        forms: dict[str, Schema] = {}
        for _, _, given in givers:
            form: Schema = {} if given.kind == "object" else self.value(given)
            forms.setdefault(repr(form), form)
        schema = next(iter(forms.values())) if len(forms) == 1 else {"anyOf": list(forms.values())}
        name = givers[0][2].name
        return schema | ({"description": WORDS[name]} if name in WORDS else {})

    def objects(self, given: PropertyRule) -> Schema:
        """Gives the schema of a property that holds elements."""
        name = given.target or "Entity"
        item = _ref(name if given.type_required else f"{name}-of-any-form")
        if "values" in given.table:
            item = {"anyOf": [{"enum": given.table["values"]}, {"enum": given.table["uris"]}]}
        elif given.id_required:
            item = {"allOf": [item], "if": {"type": "object"}, "then": {"required": ["@id"]}}
        # The enums of units may be referred to as well, but nobody looks for them here; their terms are capitalised.
        terms = [term for term in self.terms(self.language.classes[name]) if term[0].islower()]
        terms = given.table.get("values") or terms
        array = _several(item, least=given.min, most=given.max if given.plural else 1)
        return array | ({"examples": terms} if terms else {})

    def value(self, given: PropertyRule) -> Schema:
        """Gives the schema of a property that holds literals."""
        if given.kind == "langString":
            return self.texts(given)
        if given.kind == "identifier":
            item: Schema = {"type": "string"}
            if given.longest:
                item["maxLength"] = given.longest
            pattern = given.table.get("pattern", "")
            if pattern.startswith("^dtmi:"):
                item["anyOf"] = [{"pattern": pattern}, {"not": _DTMI}]
            return _several(item, least=given.min, most=None if given.plural else 1)
        if given.kind in ("literal", "JSON"):
            return _several({"type": ["string", "number", "boolean", "object"]}) if given.kind == "literal" else {}
        return self.literal(given)

    def literal(self, given: PropertyRule) -> Schema:
        """Gives the schema of a string, number, boolean or duration, plain or as a value object."""
        kind = _NUMBERS[given.kind]
        limits: Schema = {"type": kind}
        if given.kind == "integer":
            limits |= {"minimum": -_INT, "maximum": _INT - 1}
        for name, key in (("least", "minimum"), ("most", "maximum"), ("pattern", "pattern")):
            if name in given.table:
                limits[key] = given.table[name]
        if given.longest:
            limits["maxLength"] = given.longest
        if given.kind == "duration":
            limits["pattern"] = "^P"
        item = limits | {
            "type": [kind, "object"],
            "required": ["@value"],
            "properties": {"@value": limits, "@type": _several({"enum": self.datatype(given)}, least=1, most=1)},
        }
        item["propertyNames"] = {"pattern": self.keywords("type", "value")}
        array: Schema = {"type": [kind, "object", "array"], "items": item | {"type": [kind, "object", "array"]}}
        return item | array | {"maxItems": 1} | ({"minItems": 1} if not given.optional else {})

    @staticmethod
    def datatype(given: PropertyRule) -> list[str]:
        """Gives the types that a value object of a literal may name."""
        return [f"xsd:{given.kind}", f"http://www.w3.org/2001/XMLSchema#{given.kind}"]

    def keywords(self, *known: str) -> str:
        """Gives the pattern of the keywords that a value object may have."""
        if self.language.restricts_keywords:
            return f"^@({'|'.join(known)})$"
        return "^@(?!(id|graph|context)$)"

    def texts(self, given: PropertyRule) -> Schema:
        """Gives the schema of a text in languages."""
        text: Schema = {"type": "string"} | ({"maxLength": given.longest} if given.longest else {})
        tagged = {
            "type": "object",
            "required": ["@value"],
            "properties": {"@value": text, "@language": {"type": "string", "pattern": _LANGUAGE}},
            "propertyNames": {"pattern": self.keywords("type", "value", "language")},
        }
        array = {"items": {"if": {"type": "object"}, "then": tagged, "else": text}}
        languages = {"propertyNames": {"pattern": _LANGUAGE}, "additionalProperties": text}
        return {
            "type": ["string", "object", "array"],
            "allOf": [
                _when({"type": "string"}, text),
                _when({"type": "object"}, languages),
                _when({"type": "array"}, array),
            ],
        }
