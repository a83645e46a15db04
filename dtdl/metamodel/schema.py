"""JSON Schemas of DTDL documents for editors, made from the metamodel's tables.

They refuse only what the version refuses whatever its extensions are. What JSON Schema cannot say is left to
``check``: references and what they lead to, identifiers that repeat, co-types and their properties, depth and count,
limits of limit contexts, and properties that no context defines.
"""

from __future__ import annotations

from typing import Any, Final

from dtdl.metamodel import ClassRule, Language, PropertyRule, metamodel

Json = Any
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = {"string": "string", "integer": "integer", "boolean": "boolean"}
_LEFT: Final = (
    "References, repeated identifiers, co-types and their properties, depth, count, limit contexts and undefined "
    "properties are left to megatwin check."
)


def json_schema(version: int) -> dict[str, Json]:
    """Gives the JSON Schema of the documents of one DTDL version.

    Args:
        version: 2, 3 or 4.
    """
    language = metamodel().language(version)
    root: Json = {"$ref": "#/$defs/model"}
    return {
        "$schema": DIALECT,
        "$id": f"urn:megatwin:schema:dtdl.v{version}",
        "title": f"DTDL v{version}",
        "$comment": _LEFT,
        "anyOf": [root, {"type": "array", "items": root}],
        "$defs": {
            "model": _model(language),
            "dtmi": {"type": "string", "pattern": language.id_match.pattern.replace(r"\Z", "$")},
            "texts": _texts(),
            **{name: _class(rule, language) for name, rule in language.classes.items() if _is_written(rule)},
        },
    }


def _is_written(rule: ClassRule) -> bool:
    return rule.name in rule.written


def _model(language: Language) -> Json:
    """A model: an Interface with a context and an identifier."""
    roots = sorted(language.roots)
    kinds = language.rules["roots"]
    return {
        "type": "object",
        "required": ["@context", "@id", "@type"],
        "properties": {
            "@context": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "object"]}}]},
            "@id": {"$ref": "#/$defs/dtmi"},
            "@type": {"anyOf": [{"enum": roots}, {"type": "array", "contains": {"enum": roots}}]},
        },
        "anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds],
    }


def _texts() -> Json:
    """A text in languages."""
    tagged = {"type": "object", "required": ["@value"]}
    return {
        "anyOf": [
            {"type": "string"},
            {"type": "object", "additionalProperties": {"type": ["string", "object"]}},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, tagged, {"type": "array"}]}},
        ]
    }


def _class(rule: ClassRule, language: Language) -> Json:
    """One class: its properties under their terms."""
    made: dict[str, Json] = {
        "type": "object",
        "properties": {
            "@id": {"$ref": "#/$defs/dtmi"},
            **{name: _property(prop, language) for name, prop in rule.by_name.items()},
        },
    }
    required = [{"anyOf": [{"required": [prop.name]}, {"required": [prop.uri]}]} for prop in rule.required if prop.min]
    if required:
        made["allOf"] = required
    return made


def _property(rule: PropertyRule, language: Language) -> Json:
    """One property."""
    made = _value(rule, language)
    if rule.table.get("deprecated"):
        made["deprecated"] = True
    return made


def _value(rule: PropertyRule, language: Language) -> dict[str, Json]:
    """What a property may hold."""
    if rule.kind == "langString":
        return {"$ref": "#/$defs/texts"}
    if rule.kind == "object":
        return _several(_element(rule, language))
    if rule.kind == "identifier":
        return _several({"type": "string"})
    literal: dict[str, Json] = {"type": _TYPES.get(rule.kind, ["string", "number", "boolean"])}
    for ours, theirs in (("pattern", "pattern"), ("least", "minimum"), ("most", "maximum")):
        if ours in rule.table:
            literal[theirs] = rule.table[ours]
    if rule.longest is not None and len(set(rule.length.values())) == 1:
        literal["maxLength"] = rule.longest
    return _several({"anyOf": [literal, {"type": "object", "required": ["@value"]}]})


def _several(one: Json) -> dict[str, Json]:
    """One value or an array of values, nested arrays included, as JSON-LD has it."""
    return {"anyOf": [one, {"type": "array", "items": {"anyOf": [one, {"type": "array"}]}}]}


def _element(rule: PropertyRule, language: Language) -> Json:
    """An element in a property: a reference, or an object of one of the classes."""
    target = language.classes[rule.target or "Entity"]
    kinds = sorted(set(target.written.values()))
    chosen = [
        {"if": _is_of(kind, language), "then": {"$ref": f"#/$defs/{kind}"}}
        for kind in kinds
        if kind in language.classes and _is_written(language.classes[kind])
    ]
    written: dict[str, Json] = {"type": "object"}
    if chosen:
        written["allOf"] = chosen
    if rule.type_required:
        written["anyOf"] = [{"required": ["@type"]}, {"maxProperties": 1, "required": ["@id"]}]
    names = sorted(_names(target, language))
    named: Json = {"anyOf": [{"enum": names}, {"type": "string", "pattern": ":"}]} if names else {"type": "string"}
    return {"anyOf": [named, written]}


def _is_of(kind: str, language: Language) -> Json:
    names = [kind, f"dtmi:dtdl:class:{kind};{language.version}"]
    typed = {"anyOf": [{"enum": names}, {"type": "array", "contains": {"enum": names}}]}
    return {"required": ["@type"], "properties": {"@type": typed}, "not": {"required": ["@context"]}}


def _names(target: ClassRule, language: Language) -> set[str]:
    """Gives the terms of standard elements of a class, those of extensions included."""
    terms: set[str] = set()
    for table in metamodel().tables():
        if isinstance(table, Language) and table is not language:
            continue
        for term, uri in table.terms.items():
            node = table.owners.get(uri)
            types = node.get("@type", ()) if node is not None and node["@id"] == uri else ()
            if target.kinds.intersection([types] if isinstance(types, str) else types):
                terms.add(term)
    return terms
