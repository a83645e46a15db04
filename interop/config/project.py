"""What is known of a megatwin.yaml while it is being checked; each step adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from dtdl.compiler.build import Types
from dtdl.compiler.point import PointType
from dtdl.diagnostic import Location
from dtdl.elements import Element, Interface
from dtdl.errors import ModelNotFound, RequestInvalid
from interop.config.document import Document, KeyPath
from interop.config.findings import Findings, did_you_mean
from interop.config.plan import Connection, RelationshipPlan, RollUp
from interop.config.schema import File, SourceDefaults
from interop.ports import Adapter, Binding, Direction
from interop.values import Point


class LooseBinding(NamedTuple):
    """What is bound to a point that no model gives a type, since the model is broken or lacks it."""

    point: Point
    address: BaseModel
    standby: bool
    is_value: bool
    location: Location


@dataclass(slots=True)
class SourceDraft:
    """One source, as far as it is right.

    Attributes:
        name: Its name in the file.
        adapter: None when its kind is not known.
        settings: None when they are not right.
        defaults: The qualities of the link that every kind has.
        bindings: All of them, standby ones too.
        places: Where each binding is written.
        loose: Bindings to points without a type; their addresses are checked, and nothing else is done with them.
        directions: Which way each goes.
        used: Whether a twin names it.
    """

    name: str
    adapter: type[Adapter] | None = None
    settings: BaseModel | None = None
    defaults: SourceDefaults = field(default_factory=SourceDefaults)
    bindings: list[Binding] = field(default_factory=list)
    places: list[KeyPath] = field(default_factory=list)
    loose: list[LooseBinding] = field(default_factory=list)
    directions: dict[Point, Direction] = field(default_factory=dict)
    used: bool = False


@dataclass(slots=True)
class Project:
    """One megatwin.yaml on its way to a Configuration.

    Attributes:
        document: The text.
        file: What of it is right.
        base: Its folder.
        findings: What is wrong.
        types: The compiled models; those that can be read, when some have errors; None when there are none.
        models_whole: Whether every file of DTDL was found and could be read as JSON.
        models_broken: DTMIs that files define, but not rightly.
        model_files: Every file of DTDL that it names.
        model_texts: Path → text of each model file.
        sources: By name.
        roll_ups: By twin.
        connections, relationships: What of them is right.
    """

    document: Document
    file: File
    base: Path
    findings: Findings
    types: Types | None = None
    models_whole: bool = True
    models_broken: frozenset[str] = frozenset()
    model_files: list[Path] = field(default_factory=list)
    model_texts: dict[str, str] = field(default_factory=dict)
    sources: dict[str, SourceDraft] = field(default_factory=dict)
    roll_ups: dict[str, list[RollUp]] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    relationships: list[RelationshipPlan] = field(default_factory=list)
    _links: dict[tuple[str, str], list[RelationshipPlan]] | None = None

    def links(self, twin: str, name: str) -> list[RelationshipPlan]:
        """Gives the relationships of one name that start at a twin."""
        if self._links is None:
            self._links = {}
            for link in self.relationships:
                self._links.setdefault((link.source, link.name), []).append(link)
        return self._links.get((twin, name), [])

    def raw(self, path: KeyPath) -> Any:
        """Gives a value of the document as it was read, None when there is none."""
        value = self.document.value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def interface(self, twin: str) -> Interface | None:
        """Gives the Interface of a twin, None when it has none that is right."""
        entry = self.file.twins.get(twin)
        if entry is None or entry.model is None or self.types is None:
            return None
        found: Element | None = self.types.model.get(entry.model)
        return found if isinstance(found, Interface) else None

    def point_type(self, twin: str, path: tuple[str, ...]) -> PointType | None:
        """Gives DTDL's word on a point, None when its model lacks it."""
        interface = self.interface(twin)
        if interface is None or self.types is None:
            return None
        try:
            return self.types.point(interface.id, path)
        except ModelNotFound:
            return None

    def find(self, twin: str, text: str, at: KeyPath, *, key: bool = True) -> PointType | None:
        """Looks a path below a twin up; reports when it cannot be read or the model lacks it.

        Args:
            twin: An id of the file.
            text: The path: ``tilt``, ``motor/speed``.
            at: Where it is written.
            key: Whether it is written as a key.
        """
        location = self.document.key(at) if key else self.document.at(at)
        try:
            point = Point.parse(f"x/{text}")
        except RequestInvalid:
            self.findings.add("MT170", location, f"{text!r} is not the path of a value", value=text)
            return None
        interface = self.interface(twin)
        if interface is None:
            return None
        found = self.point_type(twin, point.path)
        if found is None:
            self.findings.add(
                "MT140", location, f"{interface.id} has no content {text!r}",
                action=did_you_mean(text, self.paths(interface)), primary_id=interface.id, property_name=text,
            )  # fmt: skip
        return found

    def paths(self, interface: Interface) -> list[str]:
        """Gives the paths of everything below an Interface that can be bound."""
        if self.types is None:
            return []
        return [str(Point("", found.path))[1:] for found in self.types.points(interface.id)]
