"""Elements back to DTDL: JSON documents in the author's order, from the elements alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from dtdl.context import Context, ContextOptions
from dtdl.elements import Element, Interface, Model
from dtdl.metamodel import PropertyRule, metamodel
from dtdl.parser.session import NOWHERE

Json = Any
_AUTOMATIC: Final = ":_"


def dump(elements: Model | Interface | Iterable[Interface]) -> list[Json]:
    """Gives JSON documents that define the elements.

    Property order is the author's; texts in one language and single values are written short; standard elements are
    named by their terms; undefined types and properties are given as they were.

    Args:
        elements: A model, or Interfaces, read or built in code.

    Returns:
        One JSON object for each Interface that no other element holds.
    """
    if isinstance(elements, Interface):
        roots: list[Element] = [elements]
    elif isinstance(elements, Model):
        roots = [element for element in elements.values() if element.child_of is None and not _is_standard(element)]
    else:
        roots = list(elements)
    printer = _Printer()
    return [printer.element(root, printer.root, None) for root in roots]


def dumps(elements: Model | Interface | Iterable[Interface], *, indent: int | None = 2) -> str:
    """Gives the text of :func:`dump`: one object, or an array of several.

    Args:
        elements: As for :func:`dump`.
        indent: Spaces a level, None for one line.
    """
    documents = dump(elements)
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=indent, ensure_ascii=False)


def equal(first: Model, second: Model) -> bool:
    """Whether two models say the same: the same elements of the same classes with the same values."""
    return len(first) == len(second) and all(
        name in second and _summary(element) == _summary(second[name]) for name, element in first.items()
    )


def _summary(element: Element) -> Json:
    return (
        element.kind,
        element.dtdl_version,
        element.child_of,
        element.defined_in,
        sorted(element.cotypes),
        sorted(element.undefined_types),
        dict(element.undefined_properties),
        {name: _plain(value) for name, value in element.properties.items()},
    )


def _plain(value: Json) -> Json:
    if isinstance(value, Element):
        return value.id
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _is_standard(element: Element) -> bool:
    return metamodel().is_reserved(element.id) and metamodel().standard(element.id) is not None


class _Printer:
    """Prints elements, each once; a further mention is a reference."""

    def __init__(self) -> None:
        self.metamodel = metamodel()
        options = ContextOptions(allow_undefined="always", limits=tuple(self.metamodel.limits))
        self.root = Context(self.metamodel, options)
        self.printed: set[str] = set()

    def element(self, element: Element, outer: Context, rule: PropertyRule | None) -> dict[str, Json]:
        """Prints one element with what it holds."""
        self.printed.add(element.id)
        made: dict[str, Json] = {}
        context = outer
        contexts = list(element.contexts)
        if outer.language is None:
            contexts = contexts or self.contexts(element)
        if contexts:
            made["@context"] = contexts[0] if len(contexts) == 1 else contexts
            context = outer.child(NOWHERE, made)
        if element.child_of is None or _AUTOMATIC not in element.id:
            made["@id"] = element.id
        types = [*self.types(element, context), *element.undefined_types]
        if len(types) > 1 or rule is None or rule.type_required or not self.is_inferred(element, rule):
            made["@type"] = types[0] if len(types) == 1 else types
        rules = self.rules(element)
        for name in (*element.given, *(name for name in element.properties if name not in element.given)):
            if name in element.undefined_properties:
                made[name] = element.undefined_properties[name]
            elif name in element.properties:
                prop = rules.get(name)
                key = self.key(name, prop, context)
                made[key] = self.value(element, element.properties[name], prop, context)
        return made

    def contexts(self, element: Element) -> list[str]:
        """Gives the contexts that an element built in code needs."""
        core = f"dtmi:dtdl:context;{element.dtdl_version}"
        types = {cotype for part in _parts(element) for cotype in part.cotypes}
        others = [t.id for t in self.metamodel.tables() if t.id != core and types & t.types.keys()]
        return [core, *others]

    def types(self, element: Element, context: Context) -> list[str]:
        """Gives class and supplemental types as terms."""
        names = [self.name(cotype, context) for cotype in element.cotypes]
        classes = context.active.classes
        return names if element.kind not in classes or classes[element.kind].extensible else [element.kind, *names]

    def is_inferred(self, element: Element, rule: PropertyRule) -> bool:
        """Whether a reader takes the element for what it is without being told."""
        return rule.target == element.kind and not rule.supplemental

    def rules(self, element: Element) -> dict[str, PropertyRule]:
        """Gives the properties that an element may have, by term."""
        language = self.metamodel.language(element.dtdl_version)
        found = dict(language.classes[element.kind].by_name) if element.kind in language.classes else {}
        for cotype in element.cotypes:
            kind = self.metamodel.type(cotype)
            for ancestor in self.metamodel.lineage(kind) if kind else ():
                for prop in ancestor.properties.values():
                    found.setdefault(prop.name, prop)
        return found

    @staticmethod
    def key(name: str, rule: PropertyRule | None, context: Context) -> str:
        """Gives the term of a property where a context defines it, else its DTMI."""
        if rule is None or not rule.supplemental or rule.uri in context.meanings(name):
            return name
        return rule.uri

    def name(self, uri: str, context: Context) -> str:
        """Gives the term of a standard element or type where a context defines it, else the DTMI."""
        if not self.metamodel.is_reserved(uri):
            return uri
        for term, meant in context.terms.items():
            if meant == uri or (meant.startswith("dtmi:dtdl:instance:") and self.metamodel.resolve(meant) == uri):
                return term
        return uri

    def value(self, owner: Element, value: Json, rule: PropertyRule | None, context: Context) -> Json:
        """Prints the value of a property."""
        if isinstance(value, Element):
            return self.mention(owner, value, rule, context)
        if rule is not None and rule.kind == "langString":
            return value[rule.language] if list(value) == [rule.language] else dict(value)
        if rule is not None and rule.kind == "object" and isinstance(value, Mapping):
            own = [item for item in value.values() if item.defined_in in (owner.id, None)]
            return [self.mention(owner, item, rule, context) for item in own]
        if isinstance(value, tuple):
            items = [self.mention(owner, item, rule, context) if isinstance(item, Element) else item for item in value]
            return items[0] if len(items) == 1 and isinstance(items[0], str) else items
        return value

    def mention(self, owner: Element, element: Element, rule: PropertyRule | None, context: Context) -> Json:
        """Prints an element where it is written, a reference elsewhere."""
        if element.child_of == owner.id and element.id not in self.printed:
            return self.element(element, context, rule)
        return self.name(element.id, context)


def _parts(element: Element) -> Iterator[Element]:
    """Gives an element and those written in it."""
    yield element
    for value in element.properties.values():
        values = value if isinstance(value, tuple) else value.values() if isinstance(value, Mapping) else (value,)
        for item in values:
            if isinstance(item, Element) and item.child_of == element.id:
                yield from _parts(item)
