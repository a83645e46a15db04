"""What changed between two versions of a set of definitions, and whether it breaks those who use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from dtdl.change import RULES, Bump, Change, Changes, Rise, given, needed
from dtdl.diagnostic import Location
from dtdl.dtmi import Dtmi
from dtdl.elements import Element, Interface, Model, Relationship, unit_of
from dtdl.metamodel import metamodel
from dtdl.widening import PRIMITIVE, compare

Json = Any
_TEXTS: Final = frozenset({"comment", "description", "displayName"})
_UNSHAPED: Final = frozenset({*_TEXTS, "name"})
_UNBOUNDED: Final = 1 << 62
_DEEPEST: Final = 24


def diff(old: Model, new: Model) -> Changes:
    """Compares two versions of a set of definitions.

    Interfaces are matched by their DTMI, and where it is gone, by their DTMI without the version; contents, fields and
    enum values by name; schemas by what they accept. A change is reported once, where it is written: what a base
    changed is not repeated for those who extend it. The measure is data and clients: whatever was valid stays valid,
    and what clients may do they may still do.

    Args:
        old: The definitions before.
        new: The definitions now.

    Returns:
        Every change, and how much the version of each Interface must rise.
    """
    return _Comparison(old, new).run()


@dataclass(frozen=True, slots=True)
class _At:
    """Two elements that are compared: where they stand, and in which Interfaces."""

    homes: tuple[Interface, Interface]
    old: Element
    new: Element
    path: tuple[str, ...] = ()
    outer: _At | None = None

    def below(self, old: Element, new: Element, *path: str) -> _At:
        return _At(self.homes, old, new, (*self.path, *path), self)

    def written(self, side: str) -> Location | None:
        """Gives where the nearest element that stands in a text is."""
        at: _At | None = self
        while at is not None:
            element: Element = getattr(at, side)
            if element.location is not None:
                return element.location
            at = at.outer
        return None

    def values(self, name: str) -> tuple[Any, Any]:
        return self.old.properties.get(name), self.new.properties.get(name)


class _Comparison:
    """One call of ``diff``."""

    def __init__(self, old: Model, new: Model) -> None:
        self.old, self.new = old, new
        self.pairs = _pairs(old.interfaces, new.interfaces)
        self.found: list[Change] = []
        self.rises: list[Rise] = []
        self.follows: list[tuple[int, str]] = []
        self.open: set[tuple[str, str]] = set()
        self.judged: dict[tuple[str, str], tuple[Bump, bool]] = {}

    def run(self) -> Changes:
        """Compares every Interface."""
        before, after = self.old.interfaces, self.new.interfaces
        fresh = set(after) - set(self.pairs.values())
        for dtmi, interface in before.items():
            if dtmi not in self.pairs:
                self.put("interface-removed", _At((interface, interface), interface, interface), old=dtmi)
        back = {new: old for old, new in self.pairs.items()}
        for dtmi, interface in after.items():
            if dtmi in fresh:
                self.added(interface, before)
            else:
                former = before[back[dtmi]]
                self.element(_At((former, interface), former, interface))
        self.settle()
        return Changes(self.found, [*self.needs(back), *self.rises])

    def added(self, interface: Interface, before: Mapping[str, Interface]) -> None:
        """An Interface that is new, perhaps as a further version of one that stays."""
        same = [dtmi for dtmi in before if _plain_id(dtmi) == _plain_id(interface.id) and dtmi in self.pairs]
        lower = [dtmi for dtmi in same if Dtmi(dtmi) < Dtmi(interface.id)]
        if not lower:
            self.put("interface-added", _At((interface, interface), interface, interface), new=interface.id)
            return
        former = before[max(lower, key=Dtmi)]
        self.put("version-added", _At((former, interface), former, interface), old=former.id, new=interface.id)
        bump, _ = self.judge(former, interface)
        rise = given(former.id, interface.id)
        self.rises.append(Rise(former.id, interface.id, bump, rise, interface.location))

    def judge(self, old: Interface, new: Interface) -> tuple[Bump, bool]:
        """Says what lies between two Interfaces that are no pair: the rise that it needs, and whether it breaks."""
        key = (old.id, new.id)
        if key not in self.judged:
            self.judged[key] = (Bump.NONE, False)
            apart = _Comparison(self.old, self.new)
            apart.pairs, apart.judged = self.pairs, self.judged
            apart.element(_At((old, new), old, new))
            bump = max((change.bump for change in apart.found), default=Bump.NONE)
            self.judged[key] = (bump, any(change.breaks for change in apart.found))
        return self.judged[key]

    def settle(self) -> None:
        """Gives references to another version the rise of what they refer to, until nothing moves."""
        moved = True
        while moved:
            moved = False
            most: dict[str, Bump] = {}
            for change in self.found:
                most[change.interface] = max(most.get(change.interface, Bump.NONE), change.bump)
            for index, target in self.follows:
                change = self.found[index]
                if most.get(target, Bump.NONE) > change.bump:
                    self.found[index] = replace(change, bump=most[target])
                    moved = True

    def needs(self, back: Mapping[str, str]) -> Iterator[Rise]:
        """Gives what the version of each Interface must do."""
        most: dict[str, Bump] = {}
        for change in self.found:
            most[change.interface] = max(most.get(change.interface, Bump.NONE), change.bump)
        for new, old in back.items():
            bump = most.get(new, Bump.NONE)
            if bump or new != old:
                yield Rise(old, new, bump, given(old, new), self.new[new].location)

    def put(self, kind: str, at: _At, *, old: Json = None, new: Json = None) -> None:
        """Adds a change."""
        rule = RULES[kind]
        home = at.homes[1]
        self.found.append(
            Change(
                kind=kind,
                interface=home.id,
                path="/".join(at.path),
                old=old,
                new=new,
                breaks=rule.breaks,
                bump=needed(rule.bump, home.dtdl_version),
                location=at.written("new"),
                old_location=at.written("old"),
            )
        )

    def element(self, at: _At) -> None:
        """Compares two elements of one kind."""
        key = (at.old.id, at.new.id)
        if at.old is at.new or key in self.open:
            return
        self.open.add(key)
        if isinstance(at.old, Interface):
            self.versions(at)
        self.types(at)
        for name in dict.fromkeys((*at.old.properties, *at.new.properties)):
            _HANDLERS.get(name, _Comparison.extension)(self, at, name)
        former, now = at.old.undefined_properties, at.new.undefined_properties
        for name in dict.fromkeys((*former, *now)):
            if former.get(name) != now.get(name):
                self.put("extension-changed", at.below(at.old, at.new, name), old=former.get(name), new=now.get(name))
        self.open.discard(key)

    def versions(self, at: _At) -> None:
        """Compares the versions of an Interface, and of the language that it is written in."""
        if at.old.id != at.new.id:
            kind = "version-raised" if Dtmi(at.old.id) < Dtmi(at.new.id) else "version-lowered"
            self.put(kind, at, old=at.old.id, new=at.new.id)
        if at.old.dtdl_version != at.new.dtdl_version:
            self.put("language-changed", at, old=at.old.dtdl_version, new=at.new.dtdl_version)

    def types(self, at: _At) -> None:
        """Compares supplemental types, by the name that they have in every version of their extension."""
        former, now = _types(at.old), _types(at.new)
        for name in former:
            if name not in now:
                kind = "required-removed" if name == "Required" else "type-removed"
                self.put(kind, at, old=None if name == "Required" else name)
        for name in now:
            if name not in former:
                kind = "required-added" if name == "Required" else "type-added"
                self.put(kind, at, new=None if name == "Required" else name)

    def text(self, at: _At, name: str) -> None:
        """Compares texts for people."""
        old, new = at.values(name)
        if old != new:
            self.put("text-changed", at.below(at.old, at.new, name), old=_json(old), new=_json(new))

    def extension(self, at: _At, name: str) -> None:
        """Compares what an extension adds."""
        old, new = (_shape(value, at_id) for value, at_id in zip(at.values(name), (at.old.id, at.new.id), strict=True))
        if old != new:
            self.put("extension-changed", at.below(at.old, at.new, name), old=old, new=new)

    def name(self, at: _At, name: str) -> None:
        """Compares names that are no keys; those that are keys have been matched by them."""
        old, new = at.values(name)
        if old != new and at.old.kind not in {"EnumValue", "Field"}:
            self.put("payload-renamed", at, old=old, new=new)

    def extends(self, at: _At, _name: str) -> None:
        """Compares the Interfaces that one extends."""
        old, new = at.old, at.new
        assert isinstance(old, Interface)
        assert isinstance(new, Interface)
        before = {_plain_id(base.id): base for base in old.extends}
        after = {_plain_id(base.id): base for base in new.extends}
        all_before = {_plain_id(base.id): base for base in _bases(old)}
        all_after = {_plain_id(base.id): base for base in _bases(new)}
        here = at.below(old, new, "extends")
        for name, base in before.items():
            if name in after:
                self.version_of(here, base, after[name])
            elif name in all_after:
                self.put("extends-rerouted", here, old=base.id)
            else:
                self.put("extends-removed", here, old=base.id)
        for name, base in after.items():
            if name not in before:
                self.put("extends-rerouted" if name in all_before else "extends-added", here, new=base.id)

    def version_of(self, at: _At, old: Interface, new: Interface) -> None:
        """Reports a reference to another version of an Interface."""
        if old.id == new.id:
            return
        self.put("reference-version", at, old=old.id, new=new.id)
        index = len(self.found) - 1
        if self.pairs.get(old.id) == new.id:
            self.follows.append((index, new.id))
            return
        bump, breaks = self.judge(old, new)
        change = self.found[index]
        self.found[index] = replace(change, bump=max(change.bump, bump), breaks=breaks)

    def contents(self, at: _At, _name: str) -> None:
        """Compares contents by name, those that come from Interfaces that are compared themselves left out."""
        old, new = at.homes
        gone: dict[str, Element] = {}
        fresh: dict[str, Element] = {}
        lines = {_plain_id(base.id) for base in _bases(old)}, {_plain_id(base.id) for base in _bases(new)}
        for name, content in old.contents.items():
            own = content.child_of in {old.id, None}
            now = new.contents.get(name)
            if now is not None:
                self.content(at, name, content, now)
            elif own or (content.child_of not in self.pairs and _plain_id(content.child_of or "") in lines[1]):
                gone[name] = content
        for name, content in new.contents.items():
            inherited = content.child_of not in {new.id, None}
            if name in old.contents or (inherited and _plain_id(content.child_of or "") in lines[0]):
                continue
            if not inherited or "Required" in _types(content):
                fresh[name] = content
        self.renamed(at.below(at.old, at.new, "contents"), "content", gone, fresh)

    def content(self, at: _At, name: str, old: Element, new: Element) -> None:
        """Compares two contents of one name."""
        former, now = at.homes
        inherited = old.child_of != former.id, new.child_of != now.id
        if all(inherited) and self.pairs.get(old.child_of or "") == new.child_of:
            return
        here = at.below(old, new, "contents", name)
        if old.kind != new.kind:
            self.put("content-kind-changed", here, old=old.kind, new=new.kind)
            return
        if inherited[0] != inherited[1]:
            self.put("content-moved", here, old=old.child_of, new=new.child_of)
        self.element(here)

    def renamed(self, at: _At, noun: str, gone: Mapping[str, Element], fresh: Mapping[str, Element]) -> None:
        """Reports named elements that are gone or new; one that is the same but for its name as renamed."""
        shapes = {name: _shape(element, element.id) for name, element in fresh.items()}
        used: set[str] = set()
        for name, element in gone.items():
            shape = _shape(element, element.id)
            like = [other for other, its in shapes.items() if its == shape and fresh[other].kind == element.kind]
            rivals = [other for other in gone.values() if _shape(other, other.id) == shape] if like else []
            if len(like) == 1 and len(rivals) == 1:
                used.add(like[0])
                self.put(f"{noun}-renamed", at.below(element, fresh[like[0]], name), old=name, new=like[0])
            else:
                self.put(f"{noun}-removed", at.below(element, _gone(element), name), old=_what(element))
        for name, element in fresh.items():
            if name not in used:
                must = "Required" in _types(element) or (isinstance(element, Relationship) and element.min_multiplicity)
                kind = f"{noun}-added-required" if must else f"{noun}-added"
                self.put(kind, at.below(_gone(element), element, name), new=_what(element))

    def named(self, at: _At, name: str) -> None:
        """Compares fields, enum values, and properties of a Relationship."""
        old, new = ({item.properties["name"]: item for item in value or ()} for value in at.values(name))
        for key, item in old.items():
            if key in new:
                self.element(at.below(item, new[key], name, key))
        gone = {key: item for key, item in old.items() if key not in new}
        fresh = {key: item for key, item in new.items() if key not in old}
        self.renamed(at.below(at.old, at.new, name), _NOUNS[name], gone, fresh)

    def schemas(self, at: _At, name: str) -> None:
        """Compares reusable schemas by their identifiers."""
        old, new = ({_plain_id(item.id): item for item in value or ()} for value in at.values(name))
        for key, item in old.items():
            if key in new:
                self.schema_pair(at.below(item, new[key], name, key))
            else:
                self.put("schema-removed", at.below(item, _gone(item), name), old=item.id)
        for key, item in new.items():
            if key not in old:
                self.put("schema-added", at.below(_gone(item), item, name), new=item.id)

    def schema(self, at: _At, name: str) -> None:
        """Compares the schemas of two elements."""
        old, new = at.values(name)
        if old is new or old is None or new is None:
            return
        if isinstance(old, Interface) and isinstance(new, Interface):
            self.component(at.below(at.old, at.new, name), old, new)
        elif not self.is_shared(at, old, new):
            self.schema_pair(at.below(old, new, name))

    def is_shared(self, at: _At, old: Element, new: Element) -> bool:
        """Whether both are references to one schema that is compared where it is written."""
        if old.child_of == at.old.id or new.child_of == at.new.id or _plain_id(old.id) != _plain_id(new.id):
            return False
        if metamodel().is_reserved(old.id):
            return old.kind not in PRIMITIVE
        return old.defined_in is not None and self.pairs.get(old.defined_in) == new.defined_in

    def schema_pair(self, at: _At) -> None:
        """Compares two schemas by what they accept."""
        old, new = at.old, at.new
        if old.kind == new.kind:
            self.element(at)
            return
        both = old.kind in PRIMITIVE and new.kind in PRIMITIVE
        self.put(f"schema-{compare(old.kind, new.kind) if both else 'changed'}", at, old=_what(old), new=_what(new))

    def component(self, at: _At, old: Interface, new: Interface) -> None:
        """Compares the Interfaces of two Components."""
        if _plain_id(old.id) == _plain_id(new.id):
            self.version_of(at, old, new)
            return
        refined = _plain_id(old.id) in {_plain_id(base.id) for base in _bases(new)}
        self.put("component-refined" if refined else "component-changed", at, old=old.id, new=new.id)

    def unit(self, at: _At, name: str) -> None:
        """Compares units by name."""
        old, new = unit_of(at.old), unit_of(at.new)
        if old != new:
            self.put("unit-added" if old is None else "unit-changed", at.below(at.old, at.new, name), old=old, new=new)

    def flag(self, at: _At, name: str) -> None:
        """Compares ``writable`` and ``nullable``."""
        old, new = (bool(value) for value in at.values(name))
        if old != new:
            kinds = {"writable": ("writable-removed", "writable-added"), "nullable": ("null-refused", "null-allowed")}
            self.put(kinds[name][new], at.below(at.old, at.new, name), old=old, new=new)

    def payload(self, at: _At, name: str) -> None:
        """Compares requests, responses, keys and values of maps."""
        old, new = at.values(name)
        if old is not None and new is not None:
            self.element(at.below(old, new, name))
        elif old is not None:
            self.put(f"{name}-removed", at.below(at.old, at.new, name), old=_what(old))
        elif new is not None:
            self.put(f"{name}-added", at.below(at.old, new, name), new=_what(new))

    def target(self, at: _At, name: str) -> None:
        """Compares the targets of Relationships."""
        old, new = at.values(name)
        if old == new:
            return
        here = at.below(at.old, at.new, name)
        before, after = self.old.get(old or ""), self.new.get(new or "")
        if old is None or new is None:
            self.put("target-widened" if new is None else "target-narrowed", here, old=old, new=new)
        elif _plain_id(old) != _plain_id(new):
            line = {_plain_id(base.id) for known in (before, self.of(self.new, old)) for base in _bases(known)}
            self.put("target-widened" if _plain_id(new) in line else "target-narrowed", here, old=old, new=new)
        elif isinstance(before, Interface) and isinstance(after, Interface):
            self.version_of(here, before, after)
        else:
            kinds = {_has_version(old): "reference-version", False: "target-narrowed"}
            kind = kinds[_has_version(old)] if _has_version(new) else "target-widened"
            self.put(kind, here, old=old, new=new)

    @staticmethod
    def of(model: Model, dtmi: str) -> Element | None:
        """Gives the Interface of any version."""
        return next((found for name, found in model.interfaces.items() if _plain_id(name) == _plain_id(dtmi)), None)

    def multiplicity(self, at: _At, name: str) -> None:
        """Compares bounds of the number of relationships."""
        old, new = at.values(name)
        default = 0 if name == "minMultiplicity" else _UNBOUNDED
        least, now = (default if value is None else value for value in (old, new))
        if least != now:
            tighter = (now > least) == (name == "minMultiplicity")
            kind = "multiplicity-tightened" if tighter else "multiplicity-loosened"
            self.put(kind, at.below(at.old, at.new, name), old=old, new=new)

    def enum_value(self, at: _At, name: str) -> None:
        """Compares values of one name."""
        old, new = at.values(name)
        if old != new or type(old) is not type(new):
            self.put("enum-value-changed", at, old=old, new=new)


_NOUNS: Final = MappingProxyType({"fields": "field", "enumValues": "enum-value", "properties": "content"})
_HANDLERS: Final[Mapping[str, Callable[[_Comparison, _At, str], None]]] = MappingProxyType(
    dict.fromkeys(_TEXTS, _Comparison.text)
    | dict.fromkeys(_NOUNS, _Comparison.named)
    | dict.fromkeys(("schema", "elementSchema", "valueSchema"), _Comparison.schema)
    | dict.fromkeys(("writable", "nullable"), _Comparison.flag)
    | dict.fromkeys(("request", "response", "mapKey", "mapValue"), _Comparison.payload)
    | dict.fromkeys(("minMultiplicity", "maxMultiplicity"), _Comparison.multiplicity)
    | {
        "contents": _Comparison.contents,
        "enumValue": _Comparison.enum_value,
        "extends": _Comparison.extends,
        "name": _Comparison.name,
        "schemas": _Comparison.schemas,
        "target": _Comparison.target,
        "unit": _Comparison.unit,
    }
)
"""Property → what compares it; any other is an extension's."""


def _pairs(old: Iterable[str], new: Iterable[str]) -> dict[str, str]:
    """Matches Interfaces: by DTMI, then by DTMI without version, the greatest version with the greatest."""
    before, after = list(old), list(new)
    pairs = {dtmi: dtmi for dtmi in set(before) & set(after)}
    left: dict[str, list[Dtmi]] = {}
    for dtmi in after:
        if dtmi not in pairs:
            left.setdefault(_plain_id(dtmi), []).append(Dtmi(dtmi))
    for dtmi in sorted(map(Dtmi, before), reverse=True):
        versions = left.get(_plain_id(dtmi))
        if str(dtmi) not in pairs and versions:
            newest = max(versions)
            versions.remove(newest)
            pairs[str(dtmi)] = str(newest)
    return pairs


def _plain_id(dtmi: str) -> str:
    """Gives a DTMI without its version."""
    path, _, rest = dtmi.partition(";")
    _, mark, fragment = rest.partition("#")
    return f"{path}{mark}{fragment}"


def _has_version(dtmi: str) -> bool:
    return ";" in dtmi


def _bases(interface: Element | None) -> Iterator[Interface]:
    """Gives an Interface's bases, and theirs."""
    seen: set[str] = set()
    left = list(interface.extends) if isinstance(interface, Interface) else []
    while left:
        base = left.pop()
        if base.id not in seen:
            seen.add(base.id)
            left += base.extends
            yield base


def _types(element: Element) -> tuple[str, ...]:
    names = [Dtmi(cotype).labels[-1] for cotype in element.cotypes]
    return tuple(dict.fromkeys((*names, *element.undefined_types)))


def _gone(element: Element) -> Element:
    """Gives a stand-in for the side on which an element is not: it has a place in no text."""
    return Element(element.id, kind=element.kind)


def _what(element: Element) -> Json:
    """Gives what a message says of an element: its schema, or its kind."""
    if element.kind in PRIMITIVE:
        return element.kind[:1].lower() + element.kind[1:]
    schema = element.properties.get("schema")
    if "enumValue" in element.properties:
        return element.properties["enumValue"]
    return f"{element.kind} of {_what(schema)}" if isinstance(schema, Element) else element.kind


def _json(value: Json) -> Json:
    """Gives a text of one language as that text."""
    if isinstance(value, Mapping):
        return next(iter(value.values())) if list(value) == ["en"] else dict(value)
    return value


def _shape(value: Json, owner: str, depth: int = 0) -> Json:
    """Gives a value without names, texts and identifiers: what it is, whatever it is called."""
    if isinstance(value, Element):
        if metamodel().is_reserved(value.id) or (depth and value.child_of != owner) or depth > _DEEPEST:
            return _plain_id(value.id)
        inner = {k: _shape(v, value.id, depth + 1) for k, v in value.properties.items() if depth or k not in _UNSHAPED}
        inner = {k: v for k, v in inner.items() if k not in _TEXTS}
        return {"@type": [value.kind, *_types(value)], **inner}
    if isinstance(value, tuple):
        return [_shape(item, owner, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {key: _shape(item, owner, depth + 1) for key, item in value.items()}
    return value
