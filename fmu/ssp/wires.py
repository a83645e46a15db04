"""Connections across all levels: which connector feeds which, and what happens to a value between two FMUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fmu.ssp.description import Connection, Connector, SignalDictionaryReference, System
from fmu.ssp.elements import (
    BooleanMappingTransformation,
    EnumerationMappingTransformation,
    IntegerMappingTransformation,
    LinearTransformation,
    Transformation,
)
from fmu.ssp.reader import Findings
from fmu.ssp.tree import Dictionary, Place, find_dictionary
from fmu.ssp.units import KindsDiffer, Size, Step, StepUnknown, conversion, find_unit, then
from fmu.system import Linear, Lookup

_PARAMETERS: Final = frozenset({"structuralParameter", "parameter"})
_TAKES: Final = frozenset({"input", "inout"})
_SHOWS: Final = frozenset({"output", "local"})
_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "structuralParameter": _PARAMETERS | _TAKES | _SHOWS | {"calculatedParameter"},
    "parameter": _TAKES | _SHOWS | {"parameter", "calculatedParameter"},
    "input": _TAKES | _SHOWS,
    "constant": _PARAMETERS | _TAKES | _SHOWS | {"constant", "calculatedParameter"},
    "calculatedParameter": _TAKES | _SHOWS | {"parameter", "calculatedParameter"},
    "output": _TAKES | _SHOWS,
    "local": _TAKES | _SHOWS,
    "inout": _TAKES | _SHOWS,
}
"""Kind of a source → kinds that it may feed (SSP 2.0, table in 5.4.1.1)."""
_INWARD: Final = _PARAMETERS | _TAKES | {"unspecified"}
_OUTWARD: Final = _SHOWS | {"constant", "calculatedParameter", "inout", "unspecified"}


class Pin(NamedTuple):
    """A connector of an element, or a signal of a dictionary."""

    place: Place | Dictionary
    name: str

    def __str__(self) -> str:
        if isinstance(self.place, Dictionary):
            return f"{self.place.binding.name}/{self.name}"
        return f"{self.place.path}.{self.name}" if self.place.path else self.name


@dataclass(eq=False)
class End:
    """One end of a connection.

    Attributes:
        pin: Which connector.
        connector: It, as this side of it writes it.
        gives: Whether values may come from it.
        takes: Whether values may go to it.
        unit: That this side of it is written with; None: none is.
        items: Of an enumeration: name → value.
    """

    pin: Pin
    connector: Connector
    gives: bool
    takes: bool
    unit: Size | None
    items: Mapping[str, int]


@dataclass(eq=False)
class Link:
    """A connection with its direction."""

    source: End
    target: End
    connection: Connection

    @property
    def converts(self) -> bool:
        """Whether units are converted on it."""
        return not self.connection.suppress_unit_conversion


@dataclass
class Wires:
    """All connections.

    Attributes:
        into: Connector → what feeds it.
        out_of: Connector → what it feeds.
    """

    into: dict[Pin, Link] = field(default_factory=dict)
    out_of: dict[Pin, list[Link]] = field(default_factory=dict)

    def path_to(self, pin: Pin) -> list[Link]:
        """The links from where a value comes from to a connector, in the order that it takes; none in a circle."""
        path: list[Link] = []
        seen = {pin}
        while (link := self.into.get(pin)) is not None:
            path.append(link)
            pin = link.source.pin
            if isinstance(pin.place, Place) and pin.place.system is None:
                break
            if pin in seen:
                return []
            seen.add(pin)
        return path[::-1]

    def paths_from(self, pin: Pin) -> Iterator[list[Link]]:
        """The links from a connector to every FMU that its value reaches."""
        todo: list[tuple[Pin, list[Link]]] = [(pin, [])]
        while todo:
            here, path = todo.pop()
            if isinstance(here.place, Place) and here.place.system is None and path:
                yield path
                continue
            if len(path) <= _LONGEST:
                todo += [(link.target.pin, [*path, link]) for link in reversed(self.out_of.get(here, []))]


_LONGEST: Final = 200
"""Links of one path; a path that goes in a circle ends here."""


def connect(root: Place, findings: Findings) -> Wires:
    """Reads the connections of all systems.

    Args:
        root: The opened system.
        findings: What is found is added.
    """
    wires = Wires()
    for place in root.all():
        if place.system is not None:
            for connection in place.system.connections:
                _add(place, place.system, connection, wires, findings)
    return wires


def _add(place: Place, system: System, connection: Connection, wires: Wires, findings: Findings) -> None:
    at = connection.written
    start = _end(place, system, (connection.start_element, connection.start_connector), connection, findings)
    end = _end(place, system, (connection.end_element, connection.end_connector), connection, findings)
    if start is None or end is None:
        return
    if connection.start_indices is not None or connection.end_indices is not None:
        findings.error("MT261", at, "a connection of single elements of arrays is not run.", "Connect whole arrays.")
        return
    if any(each.connector.type is not None and each.connector.type.kind == "Clock" for each in (start, end)):
        findings.error("MT261", at, "a connection of clocks is not run.", "Remove it.")
        return
    if _fits(start, end):
        link = Link(start, end, connection)
    elif _fits(end, start):
        link = Link(end, start, connection)
    elif start.gives and end.takes:
        link = Link(start, end, connection)
        _warn_kinds(link, findings)
    elif end.gives and start.takes:
        link = Link(end, start, connection)
        _warn_kinds(link, findings)
    else:
        findings.error(
            "MT253",
            at,
            f"{start.pin} ({start.connector.kind}) and {end.pin} ({end.connector.kind}) cannot be connected.",
            "Connect what gives a value with what takes one.",
        )
        return
    known = wires.into.get(link.target.pin)
    if known is not None:
        line = known.connection.written.line if known.connection.written else 0
        findings.error(
            "MT254", at, f"{link.target.pin} has a connection already, in line {line}.", "Remove one of the two."
        )
        return
    wires.into[link.target.pin] = link
    wires.out_of.setdefault(link.source.pin, []).append(link)


def _fits(source: End, target: End) -> bool:
    if not (source.gives and target.takes):
        return False
    free = "unspecified" in (source.connector.kind, target.connector.kind)
    return free or target.connector.kind in _ALLOWED.get(source.connector.kind, ())


def _warn_kinds(link: Link, findings: Findings) -> None:
    source, target = link.source, link.target
    findings.warn(
        "MT253",
        link.connection.written,
        f"{source.pin} ({source.connector.kind}) may not feed {target.pin} ({target.connector.kind}) in SSP.",
        "Correct the kind of one of the two connectors.",
    )


def _end(
    place: Place, system: System, names: tuple[str | None, str], connection: Connection, findings: Findings
) -> End | None:
    element, name = names
    at = connection.written
    if not element:
        connector = place.connector(name, inside=True)
        if connector is None:
            findings.error("MT252", at, f"system {system.name} has no connector {name!r}.", "Correct the connection.")
            return None
        kind = connector.kind
        unit = place.unit(name, inside=True)
        items = _items(connector, place.system_home.enumerations)
        return End(Pin(place, name), connector, kind in _INWARD, kind in _OUTWARD, unit, items)
    inner = place.places.get(element)
    if inner is None:
        findings.error("MT252", at, f"system {system.name} has no element {element!r}.", "Correct the connection.")
        return None
    connector = inner.connector(name)
    if connector is None:
        findings.error("MT252", at, f"element {element} has no connector {name!r}.", "Correct the connection.")
        return None
    if isinstance(inner.element, SignalDictionaryReference):
        return _signal_end(inner, connector, connection, findings)
    items = _items(connector, inner.home.enumerations)
    variable = inner.variable(name)
    if variable is not None and variable.items:
        items = items or {item.name: item.value for item in variable.items}
    kind = connector.kind
    return End(Pin(inner, connector.name), connector, kind in _OUTWARD, kind in _INWARD, inner.unit(name), items)


def _signal_end(inner: Place, connector: Connector, connection: Connection, findings: Findings) -> End | None:
    assert isinstance(inner.element, SignalDictionaryReference)
    dictionary = find_dictionary(inner)
    at = connection.written
    if dictionary is None:
        name = inner.element.dictionary
        findings.error("MT259", at, f"no system around has the signal dictionary {name!r}.", "Add it.")
        return None
    entry = next((each for each in dictionary.content.entries if each.name == connector.name), None)
    if entry is None:
        findings.error(
            "MT259", at, f"signal dictionary {dictionary.binding.name} has no {connector.name!r}.", "Correct the name."
        )
        return None
    unit = inner.unit(connector.name)
    if unit is None and entry.type is not None and entry.type.unit:
        unit = find_unit(entry.type.unit, dictionary.home.units)
    items = _items(connector, inner.home.enumerations) or _items(
        Connector(name=entry.name, kind="inout", type=entry.type), dictionary.home.enumerations
    )
    kind = connector.kind
    return End(Pin(dictionary, entry.name), connector, kind in _OUTWARD, kind in _INWARD, unit, items)


def _items(connector: Connector, known: Mapping[str, Mapping[str, int]]) -> Mapping[str, int]:
    kind = connector.type
    return known.get(kind.name or "", {}) if kind is not None and kind.kind == "Enumeration" else {}


@dataclass
class Flow:
    """What happens to a value on a path.

    Attributes:
        step: All of it as one.
        stated: Whether the SSD says anything of it: a unit, a transformation, or that units are not converted.
    """

    step: Step = None
    stated: bool = False


def flow(path: list[Link], first: Size | None, last: Size | None, findings: Findings) -> Flow:
    """Composes what happens on a path of links.

    Args:
        path: Not empty.
        first: Unit of the value that goes in; None: it has none.
        last: Unit that the value is wanted in; None: that of the last connector.
        findings: Units that cannot be converted are added.
    """
    result = Flow()
    result.stated = any(
        link.source.unit or link.target.unit or link.connection.transformation or not link.converts for link in path
    )
    views = _views(path, first, last)
    _go(result, first, views[0], path[0], findings)
    for number, link in enumerate(path):
        here, there = views[2 * number], views[2 * number + 1]
        if link.converts:
            _go(result, here, there, link, findings)
        if link.connection.transformation is not None:
            try:
                result.step = then(result.step, step_of(link.connection.transformation, link.source, link.target))
            except StepUnknown as error:
                findings.error("MT263", link.connection.written, f"{error}.", "Change the transformation.")
        following = views[2 * number + 2] if number + 1 < len(path) else last
        _go(result, there, following, link, findings)
    return result


def _views(path: list[Link], first: Size | None, last: Size | None) -> list[Size | None]:
    """Units at both ends of every link; one that is not written is that of what stands behind (SSP 2.0, 4.4.1.1)."""
    views = [unit for link in path for unit in (link.source.unit, link.target.unit)]
    views[-1] = views[-1] or last
    views[0] = views[0] or first
    for number in range(len(views) - 2, 0, -1):
        same_link = number % 2 == 0
        if views[number] is None and (not same_link or path[number // 2].converts):
            views[number] = views[number + 1]
    return views


def _go(result: Flow, source: Size | None, target: Size | None, link: Link, findings: Findings) -> None:
    try:
        result.step = then(result.step, conversion(source, target))
    except KindsDiffer as error:
        findings.error(
            "MT258",
            link.connection.written,
            f"{link.source.pin} to {link.target.pin}: {error}.",
            "Correct a unit, or set suppressUnitConversion.",
        )
    except StepUnknown as error:
        findings.warn(
            "MT258",
            link.connection.written,
            f"{link.source.pin} to {link.target.pin}: {error}; values are taken as they are.",
            "Define the unit under Units.",
        )


def step_of(transformation: Transformation, source: End, target: End) -> Step:
    """The step that a transformation of a connection is.

    Raises:
        StepUnknown: An item that the enumeration does not have.
    """
    if isinstance(transformation, EnumerationMappingTransformation):
        pairs = [(_item(each.source, source), _item(each.target, target)) for each in transformation.entries]
        return Lookup(pairs=tuple(pairs))
    return plain_step(transformation)


def plain_step(transformation: Transformation) -> Step:
    """The step that a transformation is, items of enumerations as their names."""
    if isinstance(transformation, LinearTransformation):
        factor = 1.0 if transformation.factor is None else transformation.factor
        return Linear(factor=factor, offset=transformation.offset or 0.0)
    assert isinstance(
        transformation,
        BooleanMappingTransformation | IntegerMappingTransformation | EnumerationMappingTransformation,
    )
    return Lookup(pairs=tuple((each.source, each.target) for each in transformation.entries))


def _item(name: str, end: End) -> int:
    if name not in end.items:
        raise StepUnknown(f"the enumeration of {end.pin} has no item {name!r}")
    return end.items[name]
