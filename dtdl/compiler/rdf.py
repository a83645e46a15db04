"""RDF of definitions: the JSON-LD of the documents themselves, expanded with contexts made from the tables; offline.

The graph is what a JSON-LD processor makes of the documents under the DTDL contexts: elements without ``@id`` are blank
nodes, references are the DTMIs, texts in languages are language-tagged. Terms that no context defines are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from pyld import jsonld
from rdflib import Graph

from dtdl.diagnostic import Diagnostic
from dtdl.errors import ModelInvalid
from dtdl.metamodel import ContextTable, Language, PropertyRule, metamodel
from dtdl.parser import parse
from dtdl.resolver import Resolver
from dtdl.source import documents

Json = Any
NOT_RDF: Final = "MT450"
"""The rule of texts that are not RDF."""


def expanded(texts_or_paths: str | Path | Sequence[str | Path], *, resolver: Resolver | None = None) -> list[Json]:
    """Gives the expanded JSON-LD of documents (JSON-LD 1.1, *Expansion*).

    Args:
        texts_or_paths: As ``dtdl.parse`` takes them.
        resolver: Gives what they only refer to, as for ``dtdl.parse``; it is checked, and is no part of the graph.

    Raises:
        ModelInvalid: The definitions have findings, name a context outside DTDL, or are not JSON-LD: DTDL is a little
            wider than that.
        InputUnreadable: A path is missing or may not be read.
    """
    parse(texts_or_paths, resolver=resolver)
    values: list[Json] = []
    for document in documents(texts_or_paths):
        held = document.value
        values.extend(held if isinstance(held, list) else [held])
    try:
        # One list, not document by document: contexts are then worked out once.
        found: list[Json] = jsonld.expand(values, {"documentLoader": load_context, "base": ""})
    except jsonld.JsonLdError as error:
        cause = f"The documents cannot be expanded as JSON-LD: {root_cause(error).rstrip('.')}."
        action = "Use DTDL contexts, and local terms as JSON-LD 1.1 defines them."
        raise ModelInvalid([Diagnostic(rule=NOT_RDF, cause=cause, action=action)]) from error
    return found


def turtle(texts_or_paths: str | Path | Sequence[str | Path], *, resolver: Resolver | None = None) -> str:
    """Gives the graph of documents as Turtle, one triple a line, sorted: the same text each time.

    Args:
        texts_or_paths: As ``dtdl.parse`` takes them.
        resolver: As for :func:`expanded`.

    Raises:
        ModelInvalid: The definitions have findings, or are not JSON-LD.
        InputUnreadable: A path is missing or may not be read.
    """
    dataset = dataset_of(expanded(texts_or_paths, resolver=resolver))
    return "# Made by `megatwin compile --target rdf`; not edited by hand.\n" + "".join(lines_of(dataset))


def graph(texts_or_paths: str | Path | Sequence[str | Path]) -> Graph:
    """Gives the graph of documents for rdflib.

    Args:
        texts_or_paths: As ``dtdl.parse`` takes them.

    Raises:
        ModelInvalid: The definitions have findings, or are not JSON-LD.
        InputUnreadable: A path is missing or may not be read.
    """
    return Graph().parse(data=turtle(texts_or_paths), format="nt")


Dataset: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name of a graph → its triples, as pyld gives them."""

_DOUBLE: Final = "http://www.w3.org/2001/XMLSchema#double"
_DOUBLE_TEXT: Final = "urn:megatwin:rdf:doubleText"


def dataset_of(document: Json, base: str = "") -> Dataset:
    """Gives the triples of a JSON-LD document (JSON-LD 1.1, *Deserialize JSON-LD to RDF*).

    Args:
        document: JSON values; its contexts stand in it or are those of DTDL.
        base: What relative IRIs are resolved against.

    Raises:
        JsonLdError: It is not JSON-LD, or names another context.
    """
    expanded_document = jsonld.expand(document, {"documentLoader": load_context, "base": base})
    _keep_doubles(expanded_document)
    dataset: Dataset = jsonld.to_rdf(expanded_document, {"documentLoader": load_context, "base": base})
    for triples in dataset.values():
        for triple in triples:
            if triple["object"].get("datatype") == _DOUBLE_TEXT:
                triple["object"]["datatype"] = _DOUBLE
    return dataset


def _keep_doubles(node: Json) -> None:
    """Hides from pyld that a text is a double: it would write it again with 16 digits, and some doubles need 17."""
    waiting = [node]
    while waiting:
        held = waiting.pop()
        if isinstance(held, list):
            waiting += held
        elif isinstance(held, dict):
            if held.get("@type") == _DOUBLE and isinstance(held.get("@value"), str):
                held["@type"] = _DOUBLE_TEXT
            elif "@value" not in held:
                waiting += held.values()


def lines_of(dataset: Dataset) -> list[str]:
    """Gives the triples of pyld's dataset as lines of N-Triples, which is Turtle too: sorted, each once.

    Characters that end a line for some reader are escaped, so that one line is one triple for all.
    """
    rows = (triple for triples in dataset.values() for triple in triples)
    return sorted(
        {" ".join(_written(row[part]) for part in ("subject", "predicate", "object")) + " .\n" for row in rows}
    )


_CONTROLS: Final = re.compile(r'[\x00-\x1f"\\\x7f-\x9f\u2028\u2029]')


def _written(term: Mapping[str, Any]) -> str:
    """Writes a term of pyld as N-Triples does."""
    if term["type"] == "IRI":
        return f"<{term['value']}>"
    if term["type"] == "blank node":
        return str(term["value"])
    text = _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04X}", term["value"])
    if "language" in term:
        return f'"{text}"@{term["language"]}'
    return f'"{text}"' if term["datatype"] == _STRING else f'"{text}"^^<{term["datatype"]}>'


_STRING: Final = "http://www.w3.org/2001/XMLSchema#string"


def load_context(url: str, options: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - pyld's signature
    """Gives pyld a DTDL context from the tables; nothing else, and never from a network or a file.

    Raises:
        JsonLdError: The context is not one of DTDL.
    """
    if not url.startswith("dtmi:"):
        raise jsonld.JsonLdError(
            f"the context {url} is not a DTDL context, and none is fetched",
            "jsonld.LoadDocumentError",
            {"url": url},
            code="loading remote context failed",
        )
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": context_of(url)},
    }


@lru_cache(maxsize=64)
def context_of(identifier: str) -> dict[str, Json]:
    """Gives the JSON-LD context of a DTDL version or extension, made from its table.

    Args:
        identifier: Such as ``dtmi:dtdl:context;4``. A context that no table defines is empty: what it would name is
            left out, as JSON-LD does with terms that it does not know.
    """
    tables = metamodel()
    known = identifier if identifier in tables.contexts else identifier.partition(".")[0]
    if known not in tables.contexts:
        return {}
    table = tables.table(known)
    rules = _rules(table)
    return {"@version": 1.1} | {term: _definition(uri, rules.get(uri)) for term, uri in table.terms.items()}


def _rules(table: ContextTable) -> dict[str, PropertyRule]:
    """Gives what the table's properties hold, by DTMI."""
    found = {uri: rule for type_ in table.types.values() for uri, rule in type_.properties.items()}
    if isinstance(table, Language):
        for class_ in table.classes.values():
            found |= {rule.uri: rule for rule in class_.by_name.values()}
    return found


_REFERENCES: Final = frozenset({"object", "identifier"})


def _definition(uri: str, rule: PropertyRule | None) -> Json:
    if rule is None:
        return uri
    if rule.kind in _REFERENCES:
        return {"@id": uri, "@type": "@vocab"}
    if rule.kind == "langString":
        return {"@id": uri, "@container": "@language", "@language": "en"}
    return {"@id": uri, "@type": "@json"} if rule.kind == "JSON" else {"@id": uri}


def root_cause(error: BaseException) -> str:
    """Gives the innermost reason of a chain of pyld's errors."""
    below = error.__cause__
    while isinstance(below, BaseException):
        error, below = below, below.__cause__
    return str(error.args[0]) if error.args else type(error).__name__
