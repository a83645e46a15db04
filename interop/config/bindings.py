"""``bind:`` of each twin to Bindings: names looked up in the model, addresses validated by the adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from dtdl.compiler.point import PointType
from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import RequestInvalid, UnitUnknown
from dtdl.units import convertible, parse_unit, unit
from interop.config.document import KeyPath
from interop.config.findings import did_you_mean
from interop.config.project import LooseBinding, Project, SourceDraft
from interop.config.salvage import any_types
from interop.config.schema import BindGroup, MapEntry
from interop.config.validation import Place, validate
from interop.ports import Adapter, Binding, Calls, Source, Writes
from interop.values import Point

ENTRY_KEYS: Final = tuple(field.alias or name for name, field in MapEntry.model_fields.items())
"""Keys of a long entry under ``map:`` that are not the adapter's."""


_Taken: TypeAlias = tuple[tuple[str, ...], str | None]


@dataclass(frozen=True, slots=True)
class _Group:
    """One source under one twin's ``bind:``."""

    project: Project
    twin: str
    source: SourceDraft
    entry: BindGroup

    @property
    def path(self) -> KeyPath:
        return ("twins", self.twin, "bind", self.source.name)


def read_bindings(project: Project) -> None:
    """Reads every ``bind:`` into the bindings of its sources; those by ``auto`` last, for what is left."""
    groups: list[_Group] = []
    for twin, entry in project.file.twins.items():
        for name, bind in entry.bind.items():
            source = project.sources.get(name)
            if source is None:
                location = project.document.key(("twins", twin, "bind", name))
                guess = did_you_mean(name, project.sources, otherwise="Add it under sources:.")
                project.findings.add("MT132", location, f"the source {name!r} is not known", action=guess, value=name)
                continue
            source.used = True
            groups.append(_Group(project, twin, source, bind))
    for group in groups:
        _explicit(group)
    taken = _taken(project)
    for group in groups:
        if group.entry.auto:
            _auto(group, taken.get(group.twin, []))
    for name, draft in project.sources.items():
        if not draft.used:
            project.findings.add("MT133", project.document.key(("sources", name)), f"nothing is bound to {name!r}")


def _explicit(group: _Group) -> None:
    adapter = group.source.adapter
    if group.entry.at is not None and adapter is not None and "at" not in adapter.address.model_fields:
        location = group.project.document.key((*group.path, "at"))
        group.project.findings.add("MT106", location, f"a source of kind {adapter.kind} takes no at:")
    for text, raw in group.entry.map.items():
        path = (*group.path, "map", text)
        found = group.project.find(group.twin, text, path)
        if found is not None and found.is_command:
            _wrong_section(group, path, f"{text!r} is a Command", "Bind it under commands:.")
            _bind(group, path, None, raw, may_be_loose=False)
            continue
        _bind(group, path, found, raw)
    for text, raw in group.entry.commands.items():
        path = (*group.path, "commands", text)
        found = group.project.find(group.twin, text, path)
        if found is not None and not found.is_command:
            _wrong_section(group, path, f"{text!r} is a {found.content.kind}, not a Command", "Bind it under map:.")
            _bind(group, path, None, raw, may_be_loose=False)
            continue
        if adapter is not None and not issubclass(adapter, Calls):
            location = group.project.document.key(path)
            group.project.findings.add("MT149", location, f"a source of kind {adapter.kind} cannot run commands")
            _bind(group, path, None, raw, may_be_loose=False)
            continue
        _bind(group, path, found, raw)


def _wrong_section(group: _Group, path: KeyPath, cause: str, action: str) -> None:
    group.project.findings.add("MT140", group.project.document.key(path), cause, action=action)


def _bind(group: _Group, path: KeyPath, found: PointType | None, raw: Any, *, may_be_loose: bool = True) -> None:
    """Validates one entry whether or not the model has its name; binds it when both are right.

    Args:
        group: Where it stands.
        path: Its place.
        found: What the model has of its name.
        raw: What is written.
        may_be_loose: Whether the address is checked further when the model has nothing of that name.
    """
    project = group.project
    entry: MapEntry | None = MapEntry()
    address = raw
    if isinstance(raw, dict):
        shared = {key: value for key, value in raw.items() if key in ENTRY_KEYS}
        address = {key: value for key, value in raw.items() if key not in ENTRY_KEYS}
        entry = validate(MapEntry, shared, Place(project.document, path, project.findings))
    target = _address(group, path, address)
    if entry is None:
        return
    _check_entry(group, path, found, entry)
    if found is None and may_be_loose:
        _bind_loosely(group, path, target, standby=entry.standby)
        return
    if found is None or target is None:
        return
    group.source.places.append(path)
    group.source.bindings.append(
        Binding(
            point=Point(group.twin, found.path), type=found, address=target, write=entry.write or found.is_command,
            unit=_unit_name(entry.unit), scale=entry.scale, offset=entry.offset,
            standby=entry.standby or group.entry.standby, location=project.document.at(path),
        )
    )  # fmt: skip


def _bind_loosely(group: _Group, path: KeyPath, target: BaseModel | None, *, standby: bool = False) -> None:
    """Keeps an address whose point is not known, since its model is broken or lacks it, for checks of the address."""
    if target is None:
        return
    is_auto = len(path) == len(group.path) + 1
    try:
        point = Point(group.twin, () if is_auto else Point.parse(f"x/{path[-1]}").path)
    except RequestInvalid:  # reported when it was looked up
        return
    location = group.project.document.key(path) if is_auto else group.project.document.at(path)
    group.source.loose.append(
        LooseBinding(point, target, standby or group.entry.standby, not is_auto and path[-2] == "map", location)
    )


def _address(group: _Group, path: KeyPath, raw: Any) -> BaseModel | None:
    adapter = group.source.adapter
    if adapter is None:
        return None
    value = dict(raw) if isinstance(raw, dict) else {adapter.short: raw}
    moved: dict[KeyPath, KeyPath] = {}
    if group.entry.at is not None and "at" in adapter.address.model_fields and "at" not in value:
        value["at"] = group.entry.at
        moved[("at",)] = (*group.path, "at")
    if not isinstance(raw, dict):
        moved[(adapter.short,)] = path
    project = group.project
    context = {"base": str(project.base)}
    before = len(project.findings)
    place = Place(project.document, path, project.findings, context, moved, {(): ENTRY_KEYS})
    found = validate(adapter.address, value, place)
    return found if len(project.findings) == before else None


def _check_entry(group: _Group, path: KeyPath, found: PointType | None, entry: MapEntry) -> None:
    """Holds an entry against the model, or, when that is not known, against what holds for every model."""
    project, adapter = group.project, group.source.adapter
    if entry.write and found is not None and not found.writable:
        kind = found.content.kind
        why = "is not writable: true in the model" if kind == "Property" else f"is a {kind}, which nobody writes"
        project.findings.add(
            "MT141", project.document.at((*path, "write")), f"{path[-1]!r} {why}", primary_id=found.content.id,
            property_name=str(path[-1]),
        )  # fmt: skip
    elif entry.write and adapter is not None and not issubclass(adapter, Writes):
        location = project.document.at((*path, "write"))
        project.findings.add("MT142", location, f"a source of kind {adapter.kind} takes no values")
    if found is not None and (found.is_command or not found.is_number):
        for key in ("scale", "offset", "unit"):
            if project.raw((*path, key)) is not None:
                location = project.document.key((*path, key))
                project.findings.add("MT147", location, f"{path[-1]!r} is no number, so it has no {key}")
    elif entry.unit is not None:
        check_unit(project, entry.unit, found, (*path, "unit"))


def check_unit(project: Project, text: str, target: PointType | None, at: KeyPath) -> None:
    """The unit that the file gives must be one that converts to that of the model, if that is known."""
    location = project.document.at(at)
    try:
        given = parse_unit(text)
    except UnitUnknown as error:
        project.findings.add("MT144", location, error.message, action=error.action, value=text)
        return
    if target is None:
        return
    if target.unit is None:
        cause = f"the unit {text} cannot be converted, since {'/'.join(target.path)!r} has no unit in the model"
        project.findings.add("MT143", location, cause, value=text)
    elif not convertible(given, unit(target.unit)):
        cause = f"{text} cannot be converted to {target.unit}, the unit of {'/'.join(target.path)!r} in the model"
        project.findings.add("MT143", location, cause, value=text, restriction=target.unit)


def _unit_name(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return parse_unit(text).name
    except UnitUnknown:
        return None


def _auto(group: _Group, taken: Sequence[_Taken]) -> None:
    """Binds what the file names nowhere: explicit bindings, roll-ups and connections come before ``auto``."""
    project, adapter = group.project, group.source.adapter
    location = project.document.key((*group.path, "auto"))
    if adapter is None:
        return
    if "auto" not in adapter.address.model_fields:
        project.findings.add("MT148", location, f"a source of kind {adapter.kind} has no names to match")
        return
    interface = project.interface(group.twin)
    if interface is None or project.types is None:
        _bind_loosely(group, (*group.path, "auto"), _auto_address(group, adapter, ()))
        return
    paths = [path for path, source in taken if source in (None, group.source.name)]
    for found in project.types.points(interface.id):
        if any(_overlap(found.path, path) for path in paths):
            continue
        if found.is_command and not issubclass(adapter, Calls):
            continue
        address = _auto_address(group, adapter, found.path)
        if address is None:
            return
        group.source.places.append((*group.path, "auto"))
        group.source.bindings.append(
            Binding(
                point=Point(group.twin, found.path), type=found, address=address, auto=True,
                write=found.is_command or (found.writable and issubclass(adapter, Writes)),
                standby=group.entry.standby, location=location,
            )
        )  # fmt: skip


def _auto_address(group: _Group, adapter: type[Adapter], path: tuple[str, ...]) -> BaseModel | None:
    value: dict[str, Any] = {"auto": path}
    moved: Mapping[KeyPath, KeyPath] = {("auto",): (*group.path, "auto"), ("at",): (*group.path, "at")}
    if group.entry.at is not None and "at" in adapter.address.model_fields:
        value["at"] = group.entry.at
    before = len(group.project.findings)
    place = Place(group.project.document, group.path, group.project.findings, None, moved)
    found = validate(adapter.address, value, place)
    return found if len(group.project.findings) == before else None


def _taken(project: Project) -> dict[str, list[_Taken]]:
    """By twin: each path that something gives by name, and the only source that minds; None: every source does."""
    found: dict[str, list[_Taken]] = {}
    for name, source in project.sources.items():
        for binding in source.bindings:
            minds = name if binding.standby else None
            found.setdefault(binding.point.twin, []).append((binding.point.path, minds))
    derived = [roll_up.target for roll_ups in project.roll_ups.values() for roll_up in roll_ups]
    for target in (*derived, *(wire.target for wire in project.connections)):
        found.setdefault(target.twin, []).append((target.path, None))
    return found


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return one[: len(other)] == other or other[: len(one)] == one


def overlap(one: Point, other: Point) -> bool:
    """Whether two points are the same, or one is a member of the other."""
    return one.twin == other.twin and _overlap(one.path, other.path)


def check_pace(project: Project) -> None:
    """With a plant attached, simulated time is real time (contract time)."""
    plants = [name for name, draft in project.sources.items() if draft.adapter and draft.adapter.plant and draft.used]
    for name, draft in project.sources.items():
        factor = getattr(draft.settings, "factor", 1.0)
        if plants and draft.adapter is not None and not draft.adapter.plant and factor != 1.0:
            cause = f"{name!r} runs with the factor {factor:g} beside the plant {plants[0]!r}"
            project.findings.add("MT134", project.document.at(("sources", name, "factor")), cause, value=f"{factor:g}")


def check_adapters(project: Project) -> None:
    """Asks each adapter for its own findings, and which way each binding goes."""
    for draft in project.sources.values():
        if draft.adapter is None or draft.settings is None:
            continue
        source = replace(opened_with(project, draft), bindings=tuple(draft.bindings))
        said: set[tuple[str, Location | None, str]] = set()
        for found in draft.adapter.check(source):
            # One wrong `at:` concerns every binding that `auto` makes; it is said once.
            mistake = (found.rule, found.location, found.action)
            if found.location is None or mistake not in said:
                project.findings.put(found, default=_setting(project, draft, found))
            said.add(mistake)
        for found in _loose_findings(draft.adapter, source, draft.loose):
            mistake = (found.rule, found.location, found.action)
            if mistake not in said:
                project.findings.put(found)
            said.add(mistake)
        for binding, path in zip(draft.bindings, draft.places, strict=True):
            direction = draft.adapter.direction(source, binding)
            draft.directions[binding.point] = direction
            if binding.write and not binding.type.is_command and direction == "in" and not binding.auto:
                cause = f"{draft.name!r} only gives {binding.point}"
                project.findings.add("MT142", project.document.at((*path, "write")), cause)


def _loose_findings(adapter: type[Adapter], source: Source, loose: Sequence[LooseBinding]) -> list[Diagnostic]:
    """What an adapter says of addresses whatever the type: asked with several types, what it says to each holds."""
    if not loose:
        return []
    own = {str(found) for found in adapter.check(replace(source, bindings=()))}
    each: list[dict[tuple[str, Location | None, str], Diagnostic]] = []
    for kind in any_types():
        bindings = tuple(
            Binding(point=one.point, type=kind, address=one.address, location=one.location)
            for one in loose
            if not one.standby
        )
        said = adapter.check(replace(source, bindings=bindings))
        each.append({(found.rule, found.location, found.cause): found for found in said if str(found) not in own})
    return [found for key, found in each[0].items() if found.location and all(key in other for other in each[1:])]


def _setting(project: Project, draft: SourceDraft, found: Diagnostic) -> Location:
    """Where the setting is that an adapter names by ``property_name``, such as ``parameters.C_room``."""
    path: KeyPath = ("sources", draft.name)
    names = (found.property_name or "").split(".")
    for steps in (names, [names[0], ".".join(names[1:])]):
        if (*path, *steps) in project.document.spots:
            return project.document.at((*path, *steps))
    kind = draft.adapter.kind if draft.adapter else ""
    return project.document.at((*path, kind))


def opened_with(project: Project, draft: SourceDraft) -> Source:
    """Gives what the adapter is opened with; standby bindings are left out."""
    data = project.base / project.file.data
    return Source(
        name=draft.name,
        settings=draft.settings,
        bindings=tuple(binding for binding in draft.bindings if not binding.standby),
        base=str(project.base),
        state_dir=str(data / "sources" / draft.name),
    )
