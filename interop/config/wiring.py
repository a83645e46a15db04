"""Roll-ups and connections: what follows what; that each point has one giver and nothing leads in a circle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, cast

from dtdl.compiler.point import PointType
from dtdl.diagnostic import Location
from dtdl.elements import Relationship
from dtdl.errors import RequestInvalid
from dtdl.units import convertible, unit
from interop.config.bindings import overlap
from interop.config.document import KeyPath
from interop.config.findings import did_you_mean
from interop.config.plan import Connection, RollUp
from interop.config.project import Project
from interop.config.schema import ConnectionEntry
from interop.config.validation import Place, validate
from interop.values import Point

_ROLL_UP: Final = re.compile(r"\s*([a-z]+)\s*\(\s*parts/(.+?)\s*\)\s*")
_FUNCTIONS: Final = ("sum", "mean", "min", "max")
_WHOLE: Final = frozenset(
    {"Byte", "Integer", "Long", "Short", "UnsignedByte", "UnsignedInteger", "UnsignedLong", "UnsignedShort"}
)


def read_roll_ups(project: Project) -> None:
    """Reads every ``roll-up:`` into the project."""
    for twin, entry in project.file.twins.items():
        parts = entry.parts.relationship if entry.parts else None
        if parts is not None:
            _check_parts(project, twin, parts)
        for text, formula in entry.roll_up.items():
            path = ("twins", twin, "roll-up", text)
            if not entry.parts and project.raw(("twins", twin, "parts")) is None:
                project.findings.add("MT164", project.document.key(path), f"the twin {twin!r} has no parts:")
            found = _roll_up(project, twin, path, formula)
            if found is not None:
                project.roll_ups.setdefault(twin, []).append(found)


def _check_parts(project: Project, twin: str, name: str) -> None:
    interface = project.interface(twin)
    if interface is None or isinstance(interface.contents.get(name), Relationship):
        return
    known = [text for text, content in interface.contents.items() if isinstance(content, Relationship)]
    project.findings.add(
        "MT150", project.document.at(("twins", twin, "parts", "relationship")),
        f"{interface.id} has no Relationship {name!r}", action=did_you_mean(name, known), primary_id=interface.id,
        property_name=name,
    )  # fmt: skip


def _roll_up(project: Project, twin: str, path: KeyPath, formula: str) -> RollUp | None:
    location = project.document.at(path)
    target = project.find(twin, str(path[-1]), path)
    if target is not None and not _is_value(project, target, path):
        target = None
    match = _ROLL_UP.fullmatch(formula)
    if match is None or match[1] not in _FUNCTIONS:
        guess = did_you_mean(match[1], _FUNCTIONS) if match else ""
        project.findings.add("MT160", location, f"{formula!r} is no roll-up", action=guess, value=formula)
        return None
    try:
        below = Point.parse(f"x/{match[2]}").path
    except RequestInvalid:
        project.findings.add("MT170", location, f"{match[2]!r} is not the path of a value", value=match[2])
        return None
    if target is None:
        return None
    function = cast("Literal['sum', 'mean', 'min', 'max']", match[1])
    return RollUp(target=Point(twin, target.path), function=function, path=below, location=location)


def _is_value(project: Project, target: PointType, path: KeyPath) -> bool:
    if target.is_number and not target.is_command:
        return True
    schema = target.schema.kind if target.schema else "none"
    cause = f"{path[-1]!r} is a {target.content.kind} with schema {schema}, not a number"
    project.findings.add("MT161", project.document.key(path), cause)
    return False


def check_roll_ups(project: Project) -> None:
    """Holds each roll-up against the models of the parts that the file names."""
    for twin, roll_ups in project.roll_ups.items():
        parts = parts_of(project, twin)
        for roll_up in roll_ups:
            _check_roll_up(project, roll_up, parts)
        entry = project.file.twins[twin]
        if entry.parts and not parts:
            location = project.document.key(("twins", twin, "parts"))
            project.findings.add("MT165", location, f"no relationship makes another twin a part of {twin!r}")


def parts_of(project: Project, twin: str) -> list[str]:
    """Gives the twins that the file makes parts of a twin."""
    entry = project.file.twins.get(twin)
    if entry is None or entry.parts is None:
        return []
    return [link.target for link in project.links(twin, entry.parts.relationship)]


def _check_roll_up(project: Project, roll_up: RollUp, parts: list[str]) -> None:
    target = project.point_type(roll_up.target.twin, roll_up.target.path)
    text = "/".join(roll_up.path)
    found = {part: project.point_type(part, roll_up.path) for part in parts}
    if target is None:
        return
    if parts and not any(found.values()) and all(project.interface(part) for part in parts):
        known = {path for part in parts if (face := project.interface(part)) for path in project.paths(face)}
        cause = f"no part of {roll_up.target.twin!r} has {text!r}"
        project.findings.add("MT162", roll_up.location, cause, action=did_you_mean(text, known), property_name=text)
    for part, kind in found.items():
        if kind is None:
            continue
        if not kind.is_number or kind.is_command:
            project.findings.add("MT161", roll_up.location, f"{part}/{text} is not a number")
        elif not _units_fit(kind.unit, target.unit):
            units = f"{part}/{text} is in {kind.unit or 'no unit'}, {roll_up.target} in {target.unit or 'no unit'}"
            project.findings.add("MT163", roll_up.location, units)


def _units_fit(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return convertible(unit(one), unit(other))


def read_connections(project: Project) -> None:
    """Reads ``connections:`` into the project."""
    for index, raw in enumerate(project.file.connections):
        path: KeyPath = ("connections", index)
        entry = validate(ConnectionEntry, raw, Place(project.document, path, project.findings))
        if entry is None:
            continue
        single = isinstance(project.raw((*path, "from")), str)
        ends = [
            _end(project, text, (*path, "from") if single else (*path, "from", place))
            for place, text in enumerate(entry.from_)
        ]
        target = _end(project, entry.to, (*path, "to"))
        if target is None or None in ends:
            continue
        sources = [end for end in ends if end is not None]
        if _check_kinds(project, sources, target, path):
            project.connections.append(
                Connection(
                    sources=tuple(end.point for end in sources), target=target.point, combine=entry.combine,
                    location=project.document.at((*path, "to")),
                )
            )  # fmt: skip


class _End(NamedTuple):
    point: Point
    type: PointType


def _end(project: Project, text: str, at: KeyPath) -> _End | None:
    location = project.document.at(at)
    try:
        point = Point.parse(text)
    except RequestInvalid as error:
        project.findings.add("MT170", location, error.message, value=text)
        return None
    if point.twin not in project.file.twins:
        if project.raw(("twins", point.twin)) is None:
            guess = did_you_mean(point.twin, project.file.twins)
            project.findings.add("MT152", location, f"the twin {point.twin!r} is not known", action=guess)
        return None
    found = project.find(point.twin, text.partition("/")[2], at, key=False)
    if found is not None and found.is_command:
        project.findings.add("MT172", location, f"{text} is a Command, which has no value")
        return None
    return _End(point, found) if found else None


def _check_kinds(project: Project, sources: list[_End], target: _End, path: KeyPath) -> bool:
    location = project.document.at((*path, "to"))
    for source in sources:
        one, other = source.type, target.type
        first = one.schema.kind if one.schema else ""
        second = other.schema.kind if other.schema else ""
        numbers = one.is_number and other.is_number
        if numbers and not _units_fit(one.unit, other.unit):
            units = f"{source.point} is in {one.unit or 'no unit'}, {target.point} in {other.unit or 'no unit'}"
            project.findings.add("MT163", location, units)
            return False
        if (numbers and (first in _WHOLE or second not in _WHOLE)) or (first == second and len(sources) == 1):
            continue
        cause = f"{target.point} is of schema {second} and cannot follow {source.point} of schema {first}"
        if first == second:
            cause = f"several values of schema {first} cannot be combined"
        project.findings.add("MT172", location, cause)
        return False
    return True


class _Giver(NamedTuple):
    point: Point
    what: str
    location: Location | None
    auto: bool


def check_givers(project: Project) -> None:
    """Each point is given by one binding, one roll-up or one connection."""
    by_twin: dict[str, list[_Giver]] = {}
    for giver in _givers(project):
        by_twin.setdefault(giver.point.twin, []).append(giver)
    for givers in by_twin.values():
        for index, giver in enumerate(givers):
            first = next((other for other in givers[:index] if _clash(other, giver)), None)
            if first is None:
                continue
            where = f" (line {first.location.line})" if first.location and first.location.line else ""
            what = "members" if giver.auto and first.auto else f"{giver.point}"
            cause = f"{what} of {giver.point.twin!r}" if giver.auto and first.auto else what
            project.findings.add(
                "MT146", giver.location, f"{cause}: given by {giver.what}, and by {first.what}{where}",
                secondary=first.location, property_name="/".join(giver.point.path),
            )  # fmt: skip


def _clash(one: _Giver, other: _Giver) -> bool:
    return overlap(one.point, other.point)


def _givers(project: Project) -> Iterable[_Giver]:
    bound: list[_Giver] = []
    derived = {wire.target for wire in project.connections}
    derived |= {roll_up.target for roll_ups in project.roll_ups.values() for roll_up in roll_ups}
    for draft in project.sources.values():
        for binding in draft.bindings:
            if binding.standby or binding.type.is_command:
                continue
            # An input of a simulation takes its value from the twin, which may compute it.
            if draft.directions.get(binding.point) == "out" and binding.point in derived:
                continue
            bound.append(_Giver(binding.point, f"the source {draft.name!r}", binding.location, binding.auto))
        bound += [
            _Giver(loose.point, f"the source {draft.name!r}", loose.location, auto=False)
            for loose in draft.loose
            if loose.is_value and not loose.standby
        ]
    yield from sorted(bound, key=lambda giver: giver.auto)
    for roll_ups in project.roll_ups.values():
        for roll_up in roll_ups:
            yield _Giver(roll_up.target, "a roll-up", roll_up.location, auto=False)
    for wire in project.connections:
        yield _Giver(wire.target, "a connection", wire.location, auto=False)


def check_circles(project: Project) -> None:
    """Reports every circle of connections and roll-ups once, at one of its members."""
    feeds: dict[Point, list[Point]] = {}
    where: dict[Point, Location | None] = {}
    for wire in project.connections:
        where[wire.target] = wire.location
        feeds.setdefault(wire.target, []).extend(wire.sources)
    for twin, roll_ups in project.roll_ups.items():
        for roll_up in roll_ups:
            where[roll_up.target] = roll_up.location
            feeds.setdefault(roll_up.target, []).extend(Point(part, roll_up.path) for part in parts_of(project, twin))
    for circle in _circles(feeds):
        text = " ← ".join(map(str, [*circle, circle[0]]))
        project.findings.add("MT171", where[circle[0]], f"values lead in a circle: {text}")


def _circles(feeds: Mapping[Point, list[Point]]) -> Iterable[list[Point]]:
    """Depth-first search without recursion; gives each circle that a back edge closes."""
    done: set[Point] = set()
    for start in feeds:
        trail: list[Point] = []
        stack = [(start, iter(feeds.get(start, ())))] if start not in done else []
        trail.extend(point for point, _ in stack)
        while stack:
            point, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                done.add(point)
                stack.pop()
                trail.pop()
            elif following in trail:
                yield trail[trail.index(following) :]
            elif following not in done:
                stack.append((following, iter(feeds.get(following, ()))))
                trail.append(following)
