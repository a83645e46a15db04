"""RDF of definitions: the JSON-LD of the documents themselves, expanded with contexts made from the tables; offline.

The graph is what a JSON-LD processor makes of the documents under the DTDL contexts: elements without ``@id`` are blank
nodes, references are the DTMIs, texts in languages are language-tagged. Terms that no context defines are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pyld import jsonld
from rdflib import Graph

from dtdl.errors import DtdlError
from dtdl.metamodel import ContextTable, Language, PropertyRule, metamodel
from dtdl.parser import parse
from dtdl.source import documents

Json = Any


def expanded(texts_or_paths: str | Path | Sequence[str | Path]) -> list[Json]:
    """Gives the expanded JSON-LD of documents (JSON-LD 1.1, *Expansion*).

    Args:
        texts_or_paths: As ``dtdl.parse`` takes them.

    Raises:
        ModelInvalid: The definitions have findings.
        InputUnreadable: A path is missing or may not be read.
        DtdlError: The documents name a context outside DTDL, or are not JSON-LD for another reason.
    """
    parse(texts_or_paths)
    values: list[Json] = []
    for document in documents(texts_or_paths):
        held = document.value
        values.extend(held if isinstance(held, list) else [held])
    try:
        # One list, not document by document: contexts are then worked out once.
        found: list[Json] = jsonld.expand(values, {"documentLoader": load_context, "base": ""})
    except jsonld.JsonLdError as error:
        raise DtdlError(
            f"the documents cannot be expanded as JSON-LD: {_root(error)}",
            action="Use DTDL contexts, and local terms as JSON-LD 1.1 defines them.",
        ) from error
    return found


def turtle(texts_or_paths: str | Path | Sequence[str | Path]) -> str:
    """Gives the graph of documents as Turtle, one triple a line, sorted: the same text each time.

    Args:
        texts_or_paths: As ``dtdl.parse`` takes them.

    Raises:
        ModelInvalid: The definitions have findings.
        InputUnreadable: A path is missing or may not be read.
        DtdlError: The documents are not JSON-LD.
    """
    text = jsonld.to_rdf(expanded(texts_or_paths), {"format": "application/n-quads", "documentLoader": load_context})
    lines = sorted(set(text.splitlines()))
    return "# Made by `megatwin compile --target rdf`; not edited by hand.\n" + "\n".join([*lines, ""])


def graph(texts_or_paths: str | Path | Sequence[str | Path]) -> Graph:
    """Gives the graph of documents for rdflib.

    Args:
        texts_or_paths: As ``dtdl.parse`` takes them.

    Raises:
        ModelInvalid: The definitions have findings.
        InputUnreadable: A path is missing or may not be read.
        DtdlError: The documents are not JSON-LD.
    """
    return Graph().parse(data=turtle(texts_or_paths), format="nt")


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


def _root(error: BaseException) -> str:
    """Gives the innermost reason of a chain of pyld's errors."""
    while isinstance(error, jsonld.JsonLdError) and isinstance(error.cause, BaseException):
        error = error.cause
    return str(error.args[0]) if error.args else type(error).__name__
