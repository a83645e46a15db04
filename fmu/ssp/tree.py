"""The instances of a system structure: every system and component with its path, nested files opened up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dtdl.errors import DescriptionInvalid, MegatwinError
from fmu import description as fmi
from fmu.ssp.description import (
    DEFINITION,
    FMU,
    PACKAGE,
    Component,
    Connector,
    DictionaryBinding,
    Element,
    ParameterBinding,
    SignalDictionaryReference,
    System,
    SystemStructureDescription,
)
from fmu.ssp.elements import Enumeration, Unit
from fmu.ssp.package import MAX_NESTED, SSB_TYPE, Ssp, type_of
from fmu.ssp.parameters import SignalDictionary
from fmu.ssp.reader import Findings
from fmu.ssp.schema import Written
from fmu.ssp.store import SourceRefused, resolve
from fmu.ssp.units import Size, find_unit, of_fmu, of_ssp

MAX_PLACES: Final = 100_000
"""Elements of a system when all that it nests is opened up."""

_KIND_OF: Final[Mapping[str, str]] = {"independent": "local", "dependent": "local"}


@dataclass(frozen=True)
class Home:
    """The file that an element is written in.

    Attributes:
        ssp: The system structure it belongs to.
        name: Of the file.
        units: Of the file, by name.
        enumerations: Of the file, by name.
    """

    ssp: Ssp
    name: str
    units: Mapping[str, Size]
    enumerations: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, ssp: Ssp, name: str, units: tuple[Unit, ...], enumerations: tuple[Enumeration, ...]) -> Home:
        """The home that a file is."""
        items = {each.name: {item.name: item.value for item in each.items} for each in enumerations}
        return cls(ssp, name, of_ssp(units), items)


@dataclass(frozen=True)
class Applied:
    """A parameter binding, and what it needs to be read.

    Attributes:
        binding: It.
        home: Where it is written.
        component: The component it stands in; None: it stands in a system.
    """

    binding: ParameterBinding
    home: Home
    component: Component | None = None


@dataclass(eq=False)
class Place:
    """One element of the opened system.

    Attributes:
        path: Names from the root, joined by dots; empty for the root.
        element: What is written there.
        home: Where it is written.
        parent: The system around it.
        depth: How many systems are around it.
        inner: For a component that is another system structure: the root system of that.
        inner_home: Where that is written.
        places: Elements inside, by name.
        bindings: Parameter bindings, in rising priority.
        fmu: The FMU's file.
        about: What the FMU says of itself; None: it is not there.
        dictionaries: Signal dictionaries of the system, by name.
    """

    path: str
    element: Element
    home: Home
    parent: Place | None = None
    depth: int = 0
    inner: System | None = None
    inner_home: Home | None = None
    places: dict[str, Place] = field(default_factory=dict)
    bindings: list[Applied] = field(default_factory=list)
    fmu: Path | None = None
    about: fmi.Description | None = None
    dictionaries: dict[str, Dictionary] = field(default_factory=dict)

    @property
    def system(self) -> System | None:
        """The system that stands here, or None for an FMU."""
        return self.inner or (self.element if isinstance(self.element, System) else None)

    @property
    def system_home(self) -> Home:
        """Where that system is written."""
        return self.inner_home or self.home

    def all(self) -> Iterator[Place]:
        """This one and all inside, systems before their elements."""
        yield self
        for place in self.places.values():
            yield from place.all()

    def connector(self, name: str, *, inside: bool = False) -> Connector | None:
        """The connector of a name, as the outside or the inside writes it; an FMU's variable counts as one."""
        own = self.system if inside and self.system is not None else self.element
        found = own.connector(name)
        if found is None and self.inner is not None:
            found = self.inner.connector(name)
        if found is None and self.about is not None and (variable := self.about.variable(name)) is not None:
            return Connector(name=variable.name, kind=_KIND_OF.get(variable.causality, variable.causality))
        return found

    def variable(self, name: str) -> fmi.Variable | None:
        """The FMU's variable of a name."""
        return self.about.variable(name) if self.about is not None else None

    def unit(self, connector: str, *, inside: bool = False) -> Size | None:
        """The unit that a connector is written with, from the outside or the inside; None: none is."""
        found = self.connector(connector, inside=inside)
        name = found.type.unit if found is not None and found.type is not None else None
        home = self.system_home if inside else self.home
        return find_unit(name, home.units) if name else None

    def fmu_unit(self, name: str) -> Size | None:
        """The unit of the FMU's variable; None: it has none, or there is no such variable."""
        variable = self.variable(name)
        if variable is None or not variable.unit or self.about is None:
            return None
        return find_unit(variable.unit, of_fmu(self.about.units))


@dataclass(eq=False)
class Dictionary:
    """A signal dictionary of a system."""

    binding: DictionaryBinding
    content: SignalDictionary
    home: Home


def open_up(ssp: Ssp, findings: Findings, *, need_fmus: bool) -> Place:
    """Opens up a system structure.

    Args:
        ssp: It.
        findings: What is found is added.
        need_fmus: Whether an FMU that is not there is an error, not a warning.
    """
    return _OpeningUp(findings, need_fmus=need_fmus).root(ssp)


class _OpeningUp:
    def __init__(self, findings: Findings, *, need_fmus: bool) -> None:
        self._findings = findings
        self._need_fmus = need_fmus
        self._count = 0
        self._known: dict[Path, fmi.Description | None] = {}

    def root(self, ssp: Ssp) -> Place:
        home = _home(ssp, ssp.variant, ssp.description)
        place = Place("", ssp.description.system, home)
        place.bindings = [Applied(each, home) for each in ssp.description.system.parameter_bindings]
        self._fill(place, (ssp.description.system.name,))
        return place

    def _fill(self, place: Place, chain: tuple[str, ...]) -> None:
        system, home = place.system, place.system_home
        assert system is not None
        for dictionary in system.signal_dictionaries:
            content = dictionary.signal_dictionary or self._document(dictionary, home)
            if content is not None:
                own = Home.of(home.ssp, home.name, content.units, content.enumerations)
                place.dictionaries[dictionary.name] = Dictionary(dictionary, content, own)
        for element in system.elements:
            self._count += 1
            if self._count > MAX_PLACES:
                if self._count == MAX_PLACES + 1:
                    self._findings.error(
                        "MT262",
                        element.written,
                        f"there are more than {MAX_PLACES} elements.",
                        "Take a smaller system.",
                    )
                return
            path = f"{place.path}.{element.name}" if place.path else element.name
            inner = Place(path, element, home, parent=place, depth=place.depth + 1)
            component = element if isinstance(element, Component) else None
            inner.bindings = [Applied(each, home, component) for each in element.parameter_bindings]
            place.places.setdefault(element.name, inner)
            if component is not None:
                self._component(inner, component, chain)
            elif isinstance(element, System):
                self._fill(inner, chain)

    def _document(self, dictionary: DictionaryBinding, home: Home) -> SignalDictionary | None:
        if dictionary.source is None or dictionary.type not in (None, SSB_TYPE):
            self._findings.error("MT259", dictionary.written, f"signal dictionary {dictionary.name} has no content.")
            return None
        found = home.ssp.documents.get(resolve(dictionary.source, home.name)[0])
        return found if isinstance(found, SignalDictionary) else None

    def _component(self, place: Place, component: Component, chain: tuple[str, ...]) -> None:
        at, kind = component.written, type_of(component)
        if component.source is None:
            self._missing(at, f"{place.path} has no source, so it cannot be run.")
        elif component.implementation == "ScheduledExecution":
            self._missing(at, f"{place.path} asks for scheduled execution, which is not run.", "MT260")
        elif kind == FMU:
            self._fmu(place, component)
        elif kind in (DEFINITION, PACKAGE) and len(chain) > MAX_NESTED:
            self._findings.error("MT262", at, f"{place.path} lies more than {MAX_NESTED} levels deep.")
        elif kind in (DEFINITION, PACKAGE):
            self._nested(place, component, kind, chain)
        else:
            self._missing(at, f"{place.path} is of type {component.type}, which is not run.", "MT260")

    def _missing(self, at: Written | None, cause: str, rule: str = "MT250") -> None:
        add = self._findings.error if self._need_fmus else self._findings.warn
        add(rule, at, cause, "Give it an FMU, or another system structure.")

    def _fmu(self, place: Place, component: Component) -> None:
        try:
            name, _ = resolve(component.source or "", place.home.name)
        except SourceRefused as error:
            self._missing(component.written, f"source {component.source!r} is refused: {error}.", "MT251")
            return
        path = place.home.ssp.store.path(name)
        if path is None:
            self._missing(component.written, f"source {component.source!r} is not there.")
            return
        place.fmu = path
        if path not in self._known:
            self._known[path] = self._describe(path, component)
        place.about = self._known[path]

    def _describe(self, path: Path, component: Component) -> fmi.Description | None:
        try:
            return fmi.read_description(path)
        except DescriptionInvalid as error:
            self._findings.found += error.diagnostics
        except MegatwinError as error:
            self._findings.error(
                "MT250", component.written, f"{component.source} cannot be read: {error.message}.", error.action
            )
        return None

    def _nested(self, place: Place, component: Component, kind: str, chain: tuple[str, ...]) -> None:
        found = self._find_nested(place, component, kind)
        if found is None:
            # what went wrong was found when the file was opened
            return
        system, home = found
        identity = f"{id(home.ssp)} {home.name} {system.id or ''} {system.name}"
        if identity in chain:
            self._findings.error("MT262", component.written, f"{place.path} holds itself.", "Remove the component.")
            return
        place.inner, place.inner_home = system, home
        # the component's own bindings come after, and so above, those of the system that it stands for
        place.bindings = [*(Applied(each, home) for each in system.parameter_bindings), *place.bindings]
        self._fill(place, (*chain, identity))

    def _find_nested(self, place: Place, component: Component, kind: str) -> tuple[System, Home] | None:
        source, home = component.source or "", place.home
        if source.startswith("#"):
            description = home.ssp.documents[home.name]
            assert isinstance(description, SystemStructureDescription)
            for system in description.system.systems():
                if system.id == source[1:]:
                    return system, home
            self._findings.error("MT250", component.written, f"no system has the id {source[1:]!r}.")
            return None
        try:
            name, variant = resolve(source, home.name)
        except SourceRefused:
            return None
        if kind == PACKAGE:
            inner = home.ssp.packages.get(f"{name}#{variant}")
            return (inner.description.system, _home(inner, inner.variant, inner.description)) if inner else None
        nested = home.ssp.documents.get(name)
        if not isinstance(nested, SystemStructureDescription):
            return None
        return nested.system, _home(home.ssp, name, nested)


def _home(ssp: Ssp, name: str, description: SystemStructureDescription) -> Home:
    return Home.of(ssp, name, description.units, description.enumerations)


def find_dictionary(place: Place) -> Dictionary | None:
    """The signal dictionary that a reference means: of its system, or of the nearest one around (SSP 2.0, 5.6)."""
    assert isinstance(place.element, SignalDictionaryReference)
    around = place.parent
    while around is not None:
        found = around.dictionaries.get(place.element.dictionary)
        if found is not None:
            return found
        around = around.parent
    return None
