"""Definitions written in Python: Interfaces and what they hold, read as if they stood in a document.

Every function gives a piece of DTDL as plain JSON values; :func:`model` puts the contexts in front, reads the pieces
and gives the elements, so that what is built in code keeps every rule of the language.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypedDict, Unpack

from dtdl.context import AllowUndefined
from dtdl.elements import Model
from dtdl.errors import DtdlError
from dtdl.metamodel import ContextTable, Language, metamodel
from dtdl.parser import parse
from dtdl.resolver import Resolver
from dtdl.units import parse_unit

Definition = dict[str, Any]
"""A piece of DTDL as JSON values."""
Schema = str | Definition
"""Name of a primitive schema such as ``double``, DTMI of a schema, or what the functions here give."""
Text = str | Mapping[str, str]
"""A text, or one for each language."""


_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Said(TypedDict, total=False):
    """What every element may say.

    Attributes:
        display_name: What people call it.
        description: What it is.
        comment: A note for other authors.
        types: Further types: semantic types and those of extensions, by term or DTMI.
        more: Further properties that those types add, by term or DTMI.
    """

    display_name: Text
    description: Text
    comment: str
    types: Sequence[str]
    more: Mapping[str, Any]


class Given(Said, total=False):
    """What every element but an Interface may have.

    Attributes:
        dtmi: Its identifier; an automatic one when there is none.
    """

    dtmi: str


def interface(
    dtmi: str,
    *contents: Definition,
    extends: str | Sequence[str] = (),
    schemas: Sequence[Definition] = (),
    **given: Unpack[Said],
) -> Definition:
    """Gives an Interface.

    Args:
        dtmi: Its identifier, such as ``dtmi:acme:Room;1``.
        contents: Properties, Telemetries, Commands, Relationships and Components.
        extends: DTMIs of the Interfaces that it extends.
        schemas: Schemas with a DTMI that its contents refer to.
        given: See :class:`Said`.
    """
    return _element("Interface", {"dtmi": dtmi, **given}, extends=_listed(extends), contents=list(contents),
                    schemas=list(schemas))  # fmt: skip


def property(  # noqa: A001 - read as define.property
    name: str, schema: Schema, *, writable: bool = False, unit: str | None = None, **given: Unpack[Given]
) -> Definition:
    """Gives a Property: a piece of state.

    Args:
        name: Its name.
        schema: What its value looks like.
        writable: Whether clients may write it.
        unit: Name or symbol of its unit; :func:`model` adds the semantic type where only one fits.
        given: See :class:`Given`.
    """
    return _element("Property", given, name=name, schema=schema, writable=writable, unit=_unit(unit))


def telemetry(name: str, schema: Schema, *, unit: str | None = None, **given: Unpack[Given]) -> Definition:
    """Gives a Telemetry: a stream of measurements; the arguments are those of :func:`property`."""
    return _element("Telemetry", given, name=name, schema=schema, unit=_unit(unit))


def command(
    name: str, *, request: Definition | None = None, response: Definition | None = None, **given: Unpack[Given]
) -> Definition:
    """Gives a Command.

    Args:
        name: Its name.
        request: What it takes: a :func:`field`.
        response: What it gives: a :func:`field`.
        given: See :class:`Given`.
    """
    return _element("Command", given, name=name, request=request, response=response)


def relationship(
    name: str,
    target: str | None = None,
    *properties: Definition,
    multiplicity: tuple[int | None, int | None] = (None, None),
    writable: bool = False,
    **given: Unpack[Given],
) -> Definition:
    """Gives a Relationship.

    Args:
        name: Its name.
        target: DTMI of the Interface that targets must be, None for any.
        properties: Its own properties.
        multiplicity: The least and the greatest number of targets.
        writable: Whether clients may change it.
        given: See :class:`Given`.
    """
    least, most = multiplicity
    return _element("Relationship", given, name=name, target=target, properties=list(properties), writable=writable,
                    minMultiplicity=least, maxMultiplicity=most)  # fmt: skip


def component(name: str, schema: Schema, **given: Unpack[Given]) -> Definition:
    """Gives a Component.

    Args:
        name: Its name.
        schema: DTMI of the Interface of the part.
        given: See :class:`Given`.
    """
    return _element("Component", given, name=name, schema=schema)


def field(
    name: str, schema: Schema, *, unit: str | None = None, nullable: bool = False, **given: Unpack[Given]
) -> Definition:
    """Gives a member of an Object, or what a Command takes or gives.

    Args:
        name: Its name.
        schema: What its value looks like.
        unit: As for :func:`property`.
        nullable: Of a request or response in DTDL v4: whether it may be null.
        given: See :class:`Given`.
    """
    return _element("", given, name=name, schema=schema, unit=_unit(unit), nullable=nullable)


def enum(values: Mapping[str, int | str] | Sequence[str | Definition], **given: Unpack[Given]) -> Definition:
    """Gives an Enum.

    Args:
        values: Value by name; or names, which are the values too; or what :func:`enum_value` gives.
        given: See :class:`Given`.
    """
    pairs = values.items() if isinstance(values, Mapping) else ((value, value) for value in values)
    held = [name if isinstance(name, dict) else enum_value(name, value) for name, value in pairs]
    whole = all(type(value["enumValue"]) is int for value in held)
    return _element("Enum", given, valueSchema="integer" if held and whole else "string", enumValues=held)


def enum_value(name: str, value: Any, **given: Unpack[Given]) -> Definition:
    """Gives one value of an Enum.

    Args:
        name: Its name.
        value: A text or an integer.
        given: See :class:`Given`.
    """
    return _element("", given, name=name, enumValue=value)


def object(*fields: Definition, **given: Unpack[Given]) -> Definition:  # noqa: A001 - read as define.object
    """Gives an Object: a record of :func:`field`."""
    return _element("Object", given, fields=list(fields))


def array(items: Schema, **given: Unpack[Given]) -> Definition:
    """Gives an Array of items of one schema; not in a Property of DTDL v2."""
    return _element("Array", given, elementSchema=items)


def map(  # noqa: A001 - read as define.map
    values: Schema, *, key: str = "key", value: str = "value", unit: str | None = None, **given: Unpack[Given]
) -> Definition:
    """Gives a Map of text keys to values of one schema.

    Args:
        values: What the values look like.
        key: What the keys are called.
        value: What the values are called.
        unit: Unit of the values.
        given: See :class:`Given`.
    """
    held = _element("", {}, name=value, schema=values, unit=_unit(unit))
    return _element("Map", given, mapKey={"name": key, "schema": "string"}, mapValue=held)


def model(
    *interfaces: Definition,
    version: int = 4,
    contexts: Sequence[str] = (),
    quantities: Mapping[str, str] = _NONE,
    resolver: Resolver | None = None,
    allow_undefined: AllowUndefined = "default",
    limits: Sequence[str] = (),
) -> Model:
    """Reads Interfaces that are written in code.

    The contexts of DTDL and of the extensions whose types are used are added: the oldest version that has them all. An
    element with a unit and no semantic type gets the one that its unit belongs to.

    Args:
        interfaces: What :func:`interface` gave; one that has its ``@context`` is read as it stands.
        version: DTDL version: 2, 3 or 4.
        contexts: Further contexts, such as extensions of your own.
        quantities: Unit → semantic type, for units that several have, such as ``percent``.
        resolver: As for ``dtdl.parse``.
        allow_undefined: As for ``dtdl.parse``.
        limits: As for ``dtdl.parse``.

    Returns:
        The elements; ``dtdl.dumps`` prints them.

    Raises:
        ModelInvalid: The definitions break a rule of the language; it carries all findings.
        DtdlError: No such version, or a unit belongs to several semantic types, or to none of that version.
    """
    if version not in metamodel().versions:
        raise DtdlError(f"there is no DTDL v{version}", action="Use version 2, 3 or 4.")
    texts = []
    for given in interfaces:
        if "@context" in given:
            texts.append(json.dumps(given, ensure_ascii=False))
            continue
        pieces = _for_version(given, version, quantities)
        needed = [f"dtmi:dtdl:context;{version}", *_extensions(pieces, version), *contexts]
        head = {"@context": needed[0] if len(needed) == 1 else list(dict.fromkeys(needed))}
        texts.append(json.dumps(head | pieces, ensure_ascii=False))
    return parse(texts, resolver=resolver, allow_undefined=allow_undefined, limits=limits)


_NAMES: Final = {"dtmi": "@id", "display_name": "displayName", "description": "description", "comment": "comment"}
_FIELDS: Final = {"request": "CommandRequest", "response": "CommandResponse", "fields": "Field",
                  "mapValue": "MapValue", "mapKey": "MapKey", "enumValues": "EnumValue"}  # fmt: skip
"""Property → class of the elements in it that need not write their class."""


def _element(kind: str, given: Given, **own: Any) -> Definition:
    made: Definition = {}
    if "dtmi" in given:
        made["@id"] = given["dtmi"]
    types = [*([kind] if kind else []), *given.get("types", ())]
    if types:
        made["@type"] = types[0] if len(types) == 1 else types
    made |= {name: value for name, value in own.items() if value is not None and value is not False and value != []}
    made |= {ours: given[key] for key, ours in _NAMES.items() if key in given and key != "dtmi"}  # type: ignore[literal-required]
    return made | dict(given.get("more", {}))


def _listed(value: str | Sequence[str]) -> builtins.object:
    if isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else list(value)


def _unit(text: str | None) -> str | None:
    return None if text is None else parse_unit(text).name


def _for_version(value: Any, version: int, quantities: Mapping[str, str], holder: str = "") -> Any:
    """Gives pieces with what depends on the version: classes of payloads, and semantic types of units."""
    if isinstance(value, list):
        return [_for_version(item, version, quantities, holder) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _for_version(item, version, quantities, key) for key, item in value.items()}
    types = made.get("@type", [])
    types = [types] if isinstance(types, str) else list(types)
    if isinstance(made.get("unit"), str) and not any(_is_quantity(name, version) for name in types):
        types.append(quantities.get(made["unit"]) or quantity_of(made["unit"], version))
    if types and holder in _FIELDS:
        known = _FIELDS[holder] in metamodel().language(version).classes
        kind = _FIELDS[holder] if known else "CommandPayload"
        types = [kind, *(name for name in types if name != kind)]
    if types:
        made = {k: v for k, v in made.items() if k == "@id"} | {"@type": types[0] if len(types) == 1 else types} | made
        made["@type"] = types[0] if len(types) == 1 else types
    return made


def quantity_of(unit: str, version: int) -> str:
    """Gives the semantic type that a unit belongs to.

    Args:
        unit: Its name.
        version: DTDL version.

    Raises:
        DtdlError: It belongs to several, or to none of that version.
    """
    found = _quantities(version).get(unit, ())
    dimension = parse_unit(unit).dimension
    if len(found) > 1 and dimension in found:
        return dimension
    if len(found) == 1:
        return found[0]
    if found:
        raise DtdlError(
            f"the unit {unit} belongs to several semantic types: {', '.join(found)}",
            action=f"Name one, as in types=[{found[0]!r}] or quantities={{{unit!r}: {found[0]!r}}}.",
        )
    raise DtdlError(f"no semantic type of DTDL v{version} has the unit {unit}", action="Use another unit or version.")


@lru_cache(maxsize=8)
def _quantities(version: int) -> Mapping[str, tuple[str, ...]]:
    """Gives unit → terms of the semantic types that take it."""
    found: dict[str, dict[str, None]] = {}
    for table in _tables(version):
        for name, rule in table.types.items():
            for prop in rule.properties.values():
                if prop.name == "unit" and rule.kind == "SemanticType" and not rule.abstract and name in table.names:
                    for unit in _units(table, prop.table):
                        found.setdefault(unit, {})[table.names[name]] = None
    return {unit: tuple(terms) for unit, terms in found.items()}


def _units(table: ContextTable, rule: Mapping[str, Any]) -> Iterator[str]:
    """Gives the names of the units that a property takes: the values of an Enum, or elements of a type (DTDL v2)."""
    for element in table.table["elements"]:
        if element["@id"] == rule.get("child_of"):
            yield from (value["name"] for value in element["enumValues"])
        elif "child_of" not in rule and table.terms.get(_first(element.get("@type"))) == rule.get("type"):
            yield table.names.get(element["@id"], "")


def _first(types: Any) -> str:
    return types if isinstance(types, str) else next(iter(types or ()), "")


@lru_cache(maxsize=8)
def _tables(version: int) -> tuple[ContextTable, ...]:
    """Gives the context of a version, and the extensions that it may use."""
    language = metamodel().language(version)
    used = [
        table
        for table in metamodel().tables()
        if not isinstance(table, Language) and any(version in rule.versions for rule in _concrete(table))
    ]
    return (language, *used)


def _concrete(table: ContextTable) -> Iterable[Any]:
    kinds = [rule for rule in table.types.values() if not rule.abstract]
    return [rule for rule in kinds if rule.kind == "SemanticType"] or kinds


def _is_quantity(term: str, version: int) -> bool:
    for table in _tables(version):
        rule = table.types.get(table.terms.get(term, term))
        if rule is not None and any(prop.name == "unit" for prop in rule.properties.values()):
            return True
    return False


def _extensions(pieces: Any, version: int) -> list[str]:
    """Gives the extensions whose types occur: of each the oldest version that has most of them where they stand."""
    known = metamodel().language(version).terms
    used = {pair for pair in _words(pieces) if pair[1] not in known}
    needed: dict[str, tuple[int, str]] = {}
    for table in _tables(version)[1:]:
        fits = [table.types.get(table.terms[term]) for kind, term in used if _fits(table, kind, term)]
        path = table.id.partition(";")[0]
        if any(fits) and len(fits) > needed.get(path, (0, ""))[0]:
            needed[path] = (len(fits), table.id)
    return [name for _, name in needed.values()]


def _fits(table: ContextTable, kind: str, term: str) -> bool:
    """Whether an extension defines a unit, or a type that goes with a class."""
    rule = table.types.get(table.terms.get(term, ""))
    return term in table.terms and (not kind or (rule is not None and kind in rule.cotypes))


def _words(pieces: Any) -> Iterator[tuple[str, str]]:
    """Gives the types that occur, with the class that each goes with, and the units."""
    if isinstance(pieces, list):
        for item in pieces:
            yield from _words(item)
    elif isinstance(pieces, dict):
        types = pieces.get("@type", [])
        kind, *others = [types] if isinstance(types, str) else types or [""]
        yield from ((kind, other) for other in others)
        if isinstance(pieces.get("unit"), str):
            yield "", pieces["unit"]
        for value in pieces.values():
            yield from _words(value)
