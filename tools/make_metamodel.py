"""Makes the metamodel tables of ``dtdl/metamodel/tables`` from the published digest of the language.

Usage: ``python tools/make_metamodel.py PATH_TO_DIGEST [--out FOLDER] [--check]``.

One file for each context. The tables hold facts only (names, identifiers, limits, patterns); no sentence of the digest
is carried over. Their format is described in ``dtdl/metamodel/__init__.py``. The project's own extension, of
units that the quantitative types lack, is made from ``dtdl/units.tsv`` in the same form.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

Json = Any
FORMAT = 1
PROVENANCE = {
    "facts": "metamodel digest of the DTDL parser of the Digital Twin Consortium (MIT), commit c368fb08",
    "made by": "tools/make_metamodel.py",
}
OWN = "dtmi:megatwin:extension:units;1"
OWN_PREFIX = "dtmi:megatwin:extension:"
OWN_PROVENANCE = {"facts": "dtdl/units.tsv, the units of the project's own", "made by": "tools/make_metamodel.py"}
UNITS = Path(__file__).parent.parent / "dtdl" / "units.tsv"
HOLDERS = ["CommandPayload", "CommandRequest", "CommandResponse", "Field", "MapValue", "Property", "Telemetry"]
XSD = ("http://www.w3.org/2001/XMLSchema#", "http://www.w3.org/1999/02/22-rdf-syntax-ns#")
CORE = re.compile(r"dtmi:dtdl:context;(\d+)")
SENTENCES = ("description",)


def main() -> int:
    """Writes the tables, or with ``--check`` says whether they are current."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("digest", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "dtdl" / "metamodel" / "tables")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    digest = json.loads(given.digest.read_text(encoding="utf-8-sig"))
    stale = 0
    for name, table in tables(digest).items():
        path = given.out / f"{name}.json"
        text = dump(table)
        if given.check:
            stale += not path.is_file() or path.read_text(encoding="utf-8") != text
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{stale} tables are not current", file=sys.stderr)
    return 1 if stale else 0


def tables(digest: Json) -> dict[str, Json]:
    """Gives file name (without suffix) → table."""
    made = {file_of(context): context_table(digest, context) for context in digest["contexts"]}
    made[file_of(OWN)] = units_table({term for terms in digest["contexts"].values() for term in terms})
    made["index"] = index(digest)
    return made


def file_of(context: str) -> str:
    """Gives the file name of a context's table: ``dtdl.4``, ``quantitativeTypes.2``, ``iotcentral.2``."""
    path, version = context.removeprefix("dtmi:").split(";")
    parts = [part for part in path.split(":") if part not in ("context", "extension")]
    return f"{'-'.join(parts[1:] or parts)}.{version}" if len(parts) > 1 else f"{parts[0]}.{version}"


def index(digest: Json) -> Json:
    """Gives what must be known before any context is read."""
    return {
        "format": FORMAT,
        "provenance": PROVENANCE,
        "contexts": {context: file_of(context) for context in (*digest["contexts"], OWN)},
        "implicit": digest["affiliateContextsImplicitDtdlVersions"],
        "limits": {k: [v["dtdlVersion"], v["spec"]] for k, v in digest["limitContexts"].items()},
        "reserved": digest["reservedIdPrefixes"] | {OWN: [OWN_PREFIX]},
        "classes": {name: made["dtdlVersions"] for name, made in sorted(digest["materialClasses"].items())},
        "partitions": digest["partitionClasses"],
    }


def context_table(digest: Json, context: str) -> Json:
    """Gives the table of one context."""
    table: dict[str, Json] = {"format": FORMAT, "provenance": PROVENANCE, "context": context}
    core = CORE.fullmatch(context)
    if core:
        table |= language(digest, core[1])
    table["terms"] = digest["contexts"][context]
    table["types"] = {
        name: supplemental(made)
        for name, made in digest["supplementalTypes"].items()
        if made["extensionContext"] == context
    }
    table["elements"] = [without_sentences(e) for e in digest["elements"] if last_context(e) == context]
    return table


def units_table(taken: set[str]) -> Json:
    """Gives the table of the project's own units: one semantic type and one Enum of units for each quantity.

    Args:
        taken: Terms that DTDL and its extensions use; a quantity that is one of them gets another name.
    """
    rows = [line.split("\t") for line in UNITS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    quantities: dict[str, list[str]] = {}
    for name, _, dimension, *_, decade, _, own, _ in rows:
        if own == "1":
            term = f"{dimension}Level" if decade else f"{dimension}Quantity" if dimension in taken else dimension
            quantities.setdefault(term, []).append(name)
    prefix = OWN.removesuffix(";1")
    unit = f"{prefix}:property:unit;1"
    terms, types, elements = {"unit": unit}, {}, []
    for term, names in sorted(quantities.items()):
        enum = f"{prefix}:enum:{term}Unit;1"
        terms[term] = f"{prefix}:class:{term};1"
        terms |= {name: f"{prefix}:unit:{name};1" for name in names}
        held = {"term": "unit", "kind": "object", "type": "dtmi:dtdl:class:EnumValue;3", "min": 1, "max": 1}
        types[terms[term]] = {
            "kind": "SemanticType",
            "parent": "dtmi:dtdl:class:SemanticType;3",
            "cotypes": HOLDERS,
            "versions": [2, 3, 4],
            "properties": {unit: held | {"child_of": enum}},
        }
        values = [
            {"@id": terms[name], "@type": "EnumValue", "displayName": words(name), "enumValue": name, "name": name}
            for name in sorted(names)
        ]
        elements.append(
            {
                "@context": ["dtmi:dtdl:context;3", OWN],
                "@id": enum,
                "@type": "Enum",
                "displayName": words(f"{term}Unit"),
                "enumValues": values,
                "valueSchema": "string",
            }
        )
    assert not taken & (terms.keys() - {"unit"}), "a term of DTDL cannot be given another meaning"
    terms = dict(sorted(terms.items(), key=lambda pair: pair[0].lower()))
    return {"format": FORMAT, "provenance": OWN_PROVENANCE, "context": OWN, "terms": terms, "types": types,
            "elements": elements}  # fmt: skip


def words(name: str) -> str:
    """Gives a name as words: ``decibelMilliwatt`` is decibel milliwatt."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def last_context(element: Json) -> str:
    """Gives the context that a standard element belongs to: the last one that it names."""
    given = element["@context"]
    return given if isinstance(given, str) else given[-1]


def without_sentences(value: Json) -> Json:
    """Drops every descriptive text."""
    if isinstance(value, dict):
        return {k: without_sentences(v) for k, v in value.items() if k not in SENTENCES}
    if isinstance(value, list):
        return [without_sentences(v) for v in value]
    return value


def language(digest: Json, version: str) -> dict[str, Json]:
    """Gives what only the table of a DTDL version has: its rules and classes."""
    number = int(version)
    identifiers = digest["identifierDefinition"]
    return {
        "version": number,
        "rules": {
            "unknown": digest["apocrypha"][version],
            "undefined_by_default": number in digest["dtdlVersionsAllowingUndefinedExtensionsByDefault"],
            "local_terms": number in digest["dtdlVersionsAllowingLocalTerms"],
            "restricts_keywords": number in digest["dtdlVersionsRestrictingKeywords"],
            "custom_limits": number in digest["dtdlVersionsAllowingCustomLimits"],
            "roots": digest["rootableClasses"][version],
            "max_bytes": digest["partitions"][version].get("maxBytes", {}),
        },
        "identifiers": {
            "pattern": identifiers[version]["pattern"],
            "length": identifiers[version]["maxLength"],
            "lengths": {
                name: made[version]["maxLength"]
                for name, made in identifiers.items()
                if not name.isdigit() and version in made
            },
        },
        "classes": {
            name: material(made, version)
            for name, made in sorted(digest["materialClasses"].items())
            if number in made["dtdlVersions"]
        },
        "descendants": [descendant(c) for c in digest["descendantControls"] if c["dtdlVersion"] == number],
    }


def material(made: Json, version: str) -> Json:
    """Gives one class of the metamodel in one version."""
    table: dict[str, Json] = {
        "is": sorted(i.rsplit(":", 1)[1] for i in made["typeIds"]),
        "concrete": [k for k in made["concreteSubclasses"][version] if k not in made["elementalSubclasses"][version]],
        "kinds": made["concreteSubclasses"][version],
    }
    if made["abstract"]:
        table["abstract"] = True
    if extensible := made["extensibleMaterialSubclasses"][version]:
        table["extensible"] = extensible
    if instance := (made.get("instance") or {}).get(version):
        table["instance"] = {k: v for k, v in instance.items() if v}
    table["properties"] = {
        name: prop(given["_"], given[version])
        for name, given in made["properties"].items()
        if version in given and given[version]["allowed"]
    }
    return table


KINDS = {"string": "string", "integer": "integer", "boolean": "boolean", "langString": "langString"}


def prop(fixed: Json, versioned: Json) -> Json:
    """Gives one property of a class: what it holds and its limits."""
    if fixed["literal"]:
        kind = KINDS[fixed["datatype"]] if "datatype" in fixed else "literal"
    else:
        kind = "object" if versioned.get("class") else "identifier"
    table: dict[str, Json] = {"kind": kind}
    for ours, theirs in (
        ("class", "class"),
        ("min", "minCount"),
        ("max", "maxCount"),
        ("length", "maxLength"),
        ("pattern", "pattern"),
        ("least", "minInclusive"),
        ("most", "maxInclusive"),
        ("language", "defaultLanguage"),
        ("versions", "versions"),
        ("values", "values"),
        ("uris", "valueUris"),
        ("unique", "uniqueProperties"),
    ):
        if versioned.get(theirs) not in (None, []):
            table[ours] = versioned[theirs]
    flags = (
        ("plural", fixed["plural"]),
        ("optional", fixed["optional"]),
        ("deprecated", versioned.get("deprecated")),
        ("id", versioned.get("idRequired")),
        ("untyped", not versioned.get("typeRequired", True)),
    )
    table |= {name: True for name, flag in flags if flag}
    for ours, theirs in (("key", "dictionaryKey"), ("segment", "dtmiSegment"), ("reverse", "reverseAs")):
        if fixed.get(theirs):
            table[ours] = fixed[theirs]
    return table


def descendant(control: Json) -> Json:
    """Gives one rule about what may stand below an element."""
    table = {"class": control["rootClass"], "properties": control["properties"]}
    for ours, theirs in (
        ("narrow", "narrow"),
        ("self", "allowSelf"),
        ("depth", "maxDepth"),
        ("count", "maxCount"),
        ("exclude", "excludeType"),
        ("import", "importProperties"),
        ("datatype", "datatypeProperty"),
    ):
        if control.get(theirs):
            table[ours] = control[theirs]
    return table


def supplemental(made: Json) -> Json:
    """Gives one supplemental type: where it may stand and what it adds."""
    table: dict[str, Json] = {"kind": made["extensionKind"]}
    for ours, theirs in (
        ("abstract", "abstract"),
        ("parent", "parent"),
        ("cotypes", "cotypes"),
        ("versions", "cotypeVersions"),
        ("needs", "cocotypes"),
        ("excludes", "discotypes"),
        ("instead", "altcotypes"),
        ("insteadNames", "altcotypeNames"),
        ("constraints", "constraints"),
        ("siblings", "siblings"),
    ):
        if made.get(theirs):
            table[ours] = made[theirs]
    for ours in ("constraints", "siblings"):
        if ours in table:
            table[ours] = [{k: v for k, v in one.items() if not k.endswith("String")} for one in table[ours]]
    properties = {name: supplemental_property(given) for name, given in made["properties"].items()}
    if properties:
        table["properties"] = properties
    return table


def supplemental_property(given: Json) -> Json:
    """Gives one property that a supplemental type adds."""
    kind = given.get("type")
    table: dict[str, Json] = {"term": given["propertyName"]}
    if kind is None:
        table["kind"] = "identifier"
    elif kind.startswith("dtmi:"):
        table |= {"kind": "object", "type": kind}
    else:
        table["kind"] = next(kind.removeprefix(prefix) for prefix in XSD if kind.startswith(prefix))
    for ours, theirs in (
        ("min", "minCount"),
        ("max", "maxCount"),
        ("length", "maxLength"),
        ("pattern", "pattern"),
        ("least", "minInclusive"),
        ("most", "maxInclusive"),
        ("child_of", "childOf"),
        ("instance", "instanceProperty"),
        ("key", "dictionaryKey"),
        ("segment", "dtmiSegment"),
        ("language", "defaultLanguage"),
    ):
        if given.get(theirs) is not None:
            table[ours] = given[theirs]
    flags = (
        ("plural", given["plural"]),
        ("optional", given["optional"]),
        ("id", given["idRequired"]),
        ("untyped", not given["typeRequired"]),
        ("once", given["uniqueValue"]),
    )
    return table | {name: True for name, flag in flags if flag}


def dump(table: Json) -> str:
    """Gives the table's text: one line an entry of the second level, so that a change reads well."""
    lines = ["{"]
    for key, value in table.items():
        if isinstance(value, dict | list) and value:
            pairs = value.items() if isinstance(value, dict) else ((None, v) for v in value)
            body = ",\n".join(
                " " + (f"{json.dumps(k)}: " if k is not None else "") + json.dumps(v, ensure_ascii=False)
                for k, v in pairs
            )
            opening, closing = "{}" if isinstance(value, dict) else "[]"
            lines.append(f"{json.dumps(key)}: {opening}\n{body}\n{closing},")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},")
    lines[-1] = lines[-1][:-1]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    raise SystemExit(main())
