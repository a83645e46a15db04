"""Literals: terms of a graph become JSON values of a DTDL schema, or are refused with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from rdflib import Literal, URIRef
from rdflib.namespace import RDF, XSD
from rdflib.term import Node

from dtdl.compiler.point import NUMBER_KINDS
from dtdl.elements import Array, Enum, Map, Object, Schema
from interop.rdf.naming import local_name

INTEGERS: Final = NUMBER_KINDS - {"Double", "Float"}
_LENGTH: Final = 400
_ZONED: Final = re.compile(r"(?:Z|[+-]\d\d:\d\d)\Z")


class Misfit(ValueError):
    """A term that a schema cannot take."""


def convert(term: Node, schema: Schema) -> Any:
    """Converts a literal or an IRI where that keeps its meaning; whether it is in range is for the compiled model.

    Args:
        term: Literal, or the IRI of an individual, which is its last part to an Enum.
        schema: What the Property holds.

    Raises:
        Misfit: The schema cannot take it.
    """
    if isinstance(schema, Enum):
        return _choice(term, schema)
    if isinstance(schema, (Array, Map, Object)):
        return _json(term, schema)
    if isinstance(term, URIRef) and schema.kind == "String":
        return str(term)
    if not isinstance(term, Literal):
        raise Misfit(f"an IRI or a node is no {schema.kind}")
    return _KINDS.get(schema.kind, _text)(term)


def preferred(terms: Sequence[Node]) -> Sequence[Node]:
    """Gives the best of several texts in languages: the plain one, the English one, the first by language."""
    tagged = {term.language: term for term in terms if isinstance(term, Literal) and term.language}
    plain = [term for term in terms if not (isinstance(term, Literal) and term.language)]
    if not tagged:
        return terms
    if plain:
        return plain
    english = sorted(tag for tag in tagged if tag.lower().split("-")[0] == "en")
    return [tagged[(english or sorted(tagged))[0]]]


def _choice(term: Node, schema: Enum) -> Any:
    values = [value.enum_value for value in schema.enum_values]
    names = {value.name: value.enum_value for value in schema.enum_values}
    text = str(term)
    for candidate in (text, local_name(text)) if isinstance(term, URIRef) else (text,):
        for value in values:
            if str(value) == candidate:
                return value
        if candidate in names:
            return names[candidate]
    raise Misfit(f"it is none of {', '.join(map(str, values[:8]))}")


def _json(term: Node, schema: Schema) -> Any:
    if not isinstance(term, Literal) or term.datatype != RDF.JSON:
        raise Misfit(f"an {schema.kind} is written as a literal of rdf:JSON or as a node")
    try:
        return json.loads(str(term))
    except (ValueError, RecursionError) as error:
        raise Misfit("the literal is no JSON") from error


def _number(literal: Literal) -> Decimal:
    text = str(literal).strip()
    if len(text) > _LENGTH:
        raise Misfit("the number is too long")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Misfit(f"{text[:40]!r} is no number") from error


def _integer(literal: Literal) -> int:
    number = _number(literal)
    # The exponent first: the integer of 1e999999 has a million digits.
    if not number.is_finite() or number.adjusted() > _LENGTH or number != number.to_integral_value():
        raise Misfit(f"{str(literal)[:40]!r} is no integer")
    return int(number)


def _float(literal: Literal) -> float:
    return float(_number(literal))


def _boolean(literal: Literal) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    text = str(literal).strip().lower()
    if text not in known:
        raise Misfit(f"{text[:40]!r} is neither true nor false")
    return known[text]


def _text(literal: Literal) -> str:
    return str(literal)


def _date(literal: Literal) -> str:
    text = str(literal).strip()
    # A date of XSD may have an offset, which a calendar date of DTDL has not; a date and time has a day.
    return text[:10] if literal.datatype in (XSD.date, XSD.dateTime) else text


def _date_time(literal: Literal) -> str:
    text = str(literal).strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise Misfit("a date has no time")
    if not _ZONED.search(text):
        raise Misfit("it has no offset from UTC, so no instant is meant")
    return text


_KINDS: Final[Mapping[str, Callable[[Literal], Any]]] = MappingProxyType(
    dict.fromkeys(INTEGERS, _integer)
    | {"Double": _float, "Float": _float, "Boolean": _boolean, "Date": _date, "DateTime": _date_time}
)
