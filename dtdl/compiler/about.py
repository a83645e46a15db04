"""About: what a definition says of a compiled class or a field beyond its type: texts, co-types, extensions."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dtdl.elements import Element
from dtdl.errors import ModelNotFound
from dtdl.metamodel import metamodel

_ELSEWHERE: Final = frozenset({"unit"})  # fields carry it as Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a definition says beyond the type.

    Attributes:
        dtmi: DTMI of the element.
        display_name: Language to text.
        description: Language to text.
        comment: The author's comment.
        types: Co-types: DTMIs of those that an extension defines, then undefined ones as they are written.
        extras: Properties that extensions define (``annotates``), and undefined ones, as JSON; an element is its DTMI.
    """

    dtmi: str
    display_name: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    types: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)


def nothing_known() -> dict[str, About]:
    """Gives what a base class says of itself and its fields."""
    return {}


def about_of(element: Element) -> About:
    """Gives what an element says beyond its type."""
    rule = metamodel().language(element.dtdl_version).classes.get(element.kind)
    known = rule.by_name if rule is not None else {}
    extras = {
        name: _json(value) for name, value in element.properties.items() if name not in known and name not in _ELSEWHERE
    }
    return About(
        dtmi=element.id,
        display_name=dict(element.display_name),
        description=dict(element.description),
        comment=element.comment,
        types=(*element.cotypes, *element.undefined_types),
        extras=extras | {name: _json(value) for name, value in element.undefined_properties.items()},
    )


def about(of: Any, name: str | None = None) -> About:
    """Gives what the definition of a compiled class, live or written to a file, says beyond its type.

    Args:
        of: A compiled class, or a member of a compiled Enum.
        name: DTDL name of a content, a field or an EnumValue of the class, inherited ones included; None for the class.

    Raises:
        ModelNotFound: It is no compiled class, or has nothing of that name.
    """
    if isinstance(of, enum.Enum):
        of, name = type(of), of.name
    cls = of if isinstance(of, type) else type(of)
    key = (name or "").removesuffix("_")  # a Python name; no DTDL name ends so
    for held in cls.__mro__:
        make = held.__dict__.get("__about__")
        found = make().get(key) if make is not None else None
        if found is not None:
            made: About = found
            return made
    if name is None:
        raise ModelNotFound(f"{cls.__name__} is no compiled class", action="Give a class that was made of a model.")
    raise ModelNotFound(f"{cls.__name__} has nothing called {name!r}", action="Give a name that the definition has.")


def _json(value: Any) -> Any:
    if isinstance(value, Element):
        return value.id
    if isinstance(value, (tuple, list)):
        return [_json(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _json(item) for name, item in value.items()}
    return value
