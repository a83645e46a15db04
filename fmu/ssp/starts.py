"""Parameter bindings of all levels as start values of FMU variables (SSP 2.0, 5.3.3, 6 and 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fmu import description as fmi
from fmu.ssp.description import Connector
from fmu.ssp.package import SSM_TYPE, SSV_TYPE, source_of
from fmu.ssp.parameters import MappingEntry, Parameter, ParameterMapping, ParameterSet
from fmu.ssp.reader import Findings
from fmu.ssp.schema import Written
from fmu.ssp.store import INSIDE, SourceRefused, resolve
from fmu.ssp.tree import Applied, Place
from fmu.ssp.units import KindsDiffer, Size, Step, StepUnknown, apply, conversion, find_unit, of_ssp
from fmu.ssp.wires import Pin, Wires, flow, plain_step

_FLOATS: Final = fmi.FLOATS
_WHOLE: Final = fmi.INTEGERS


@dataclass
class Start:
    """A value on its way to a variable.

    Attributes:
        value: A scalar, or a tuple for an array; an item of an enumeration by its name.
        unit: Of the value; None: the target's.
        items: Of an enumeration that its file defines: name → value.
        at: Where it is written.
        steps: Transformations that follow the conversion of units; None inside: units are not converted.
    """

    value: Any
    unit: Size | None
    items: Mapping[str, int]
    at: Written | None
    transformation: Step = None
    converts: bool = True


@dataclass
class Starts:
    """Start values by FMU.

    Attributes:
        values: Place of the FMU → name of the variable → value in the variable's unit.
    """

    wires: Wires
    findings: Findings
    values: dict[Place, dict[str, Any]] = field(default_factory=dict)

    def resolve(self, root: Place) -> None:
        """Resolves every binding; what stands further out or later wins."""
        for place in sorted(root.all(), key=lambda each: -each.depth):
            for applied in place.bindings:
                for name, start in self._read(applied):
                    if not self._apply(place, name, start):
                        self.findings.warn(
                            "MT255",
                            start.at,
                            f"{name!r} is no parameter of {place.path or 'the system'}, so its value is not used.",
                            "Correct the name, or remove the parameter.",
                        )

    def _read(self, applied: Applied) -> Iterator[tuple[str, Start]]:
        """The names and values that a binding applies, after its prefix and mapping."""
        binding = applied.binding
        if binding.type not in (None, SSV_TYPE):
            self.findings.warn("MT260", binding.written, f"parameters of type {binding.type} are not read.")
            return
        content = self._content(applied)
        if content is None:
            return
        units = of_ssp(content.units)
        items = {each.name: {item.name: item.value for item in each.items} for each in content.enumerations}
        prefix = binding.prefix or ""
        known = {prefix + each.name: _start(each, units, items) for each in content.parameters}
        mapping = self._mapping(applied)
        if binding.mapping is None:
            yield from known.items()
        elif mapping is not None:
            yield from self._mapped(known, mapping)

    def _content(self, applied: Applied) -> ParameterSet | None:
        binding = applied.binding
        if binding.source is None:
            inline = binding.values.parameter_set if binding.values else None
            return inline or ParameterSet(version="1.0", name="")
        found = _document(applied, source_of(binding, applied.component))
        return found if isinstance(found, ParameterSet) else None

    def _mapping(self, applied: Applied) -> ParameterMapping | None:
        mapping = applied.binding.mapping
        if mapping is None:
            return None
        if mapping.type not in (None, SSM_TYPE):
            self.findings.warn("MT260", mapping.written, f"a mapping of type {mapping.type} is not read.")
            return None
        if mapping.source is None:
            return mapping.parameter_mapping or ParameterMapping(version="1.0")
        found = _document(applied, source_of(mapping, applied.component))
        return found if isinstance(found, ParameterMapping) else None

    def _mapped(self, known: Mapping[str, Start], mapping: ParameterMapping) -> Iterator[tuple[str, Start]]:
        targets: dict[str, MappingEntry] = {}
        empty = [entry for entry in mapping.entries if not entry.source]
        if empty:
            self.findings.warn(
                "MT256", empty[0].written, f"{len(empty)} entries have an empty source, this one first.", "Remove them."
            )
        for entry in mapping.entries:
            if not entry.source:
                continue
            start = known.get(entry.source)
            if start is None:
                self.findings.warn(
                    "MT256", entry.written, f"no parameter has the name {entry.source!r}.", "Correct the source."
                )
                continue
            if entry.target in targets:
                self.findings.error(
                    "MT256", entry.written, f"{entry.target!r} is the target of two entries.", "Remove one of the two."
                )
                continue
            targets[entry.target] = entry
            step = plain_step(entry.transformation) if entry.transformation is not None else None
            # what goes wrong with it is said where it is mapped
            yield (
                entry.target,
                replace(start, transformation=step, converts=not entry.suppress_unit_conversion, at=entry.written),
            )

    def _apply(self, place: Place, name: str, start: Start) -> bool:
        """Applies a value to all that a hierarchical name means; whether there is any."""
        if place.system is None:
            return self._set(place, name, start)
        used = False
        connector = place.connector(name, inside=True)
        if connector is not None:
            self._pass(place, connector, start)
            used = True
        for inner in place.places.values():
            if name.startswith(f"{inner.element.name}."):
                used = self._apply(inner, name[len(inner.element.name) + 1 :], start) or used
        return used

    def _pass(self, place: Place, connector: Connector, start: Start) -> None:
        """A value of a system's connector reaches the FMUs that the connector feeds."""
        unit = place.unit(connector.name, inside=True)
        for path in self.wires.paths_from(Pin(place, connector.name)):
            target = path[-1].target.pin
            assert isinstance(target.place, Place)
            first = self._in_unit(start, unit or path[0].source.unit)
            if first is None:
                return
            known = unit or path[0].source.unit or start.unit
            step = flow(path, known, target.place.fmu_unit(target.name), self.findings).step
            self._store(target.place, target.name, first, step, start)

    def _set(self, place: Place, name: str, start: Start) -> bool:
        """A value of an FMU's variable; names that only the SSD has count when the FMU is not there."""
        unit, own = place.unit(name), place.fmu_unit(name)
        if place.variable(name) is None and (place.about is not None or place.connector(name) is None):
            return place.about is None
        value = self._in_unit(start, unit or own)
        if value is None:
            return True
        try:
            step = conversion(unit, own)
        except StepUnknown as error:
            self.findings.warn("MT258", start.at, f"{place.path}.{name}: {error}; it is taken as it is.")
            step = None
        self._store(place, name, value, step, start)
        return True

    def _in_unit(self, start: Start, unit: Size | None) -> Any:
        """The value in a unit and transformed; None when that cannot be, which is a finding."""
        step: Step = None
        try:
            step = conversion(start.unit, unit) if start.converts else None
        except KindsDiffer as error:
            self.findings.error("MT258", start.at, f"{error}.", "Correct the unit.")
            return None
        except StepUnknown as error:
            self.findings.warn("MT258", start.at, f"{error}; the value is taken as it is.", "Define the unit.")
        try:
            return _each(start.transformation, _each(step, start.value))
        except StepUnknown as error:
            self.findings.error("MT263", start.at, f"{error}.", "Change the transformation.")
            return None

    def _store(self, place: Place, name: str, value: Any, step: Step, start: Start) -> None:
        variable = place.variable(name)
        try:
            value = _each(step, _number(value, start, variable))
            if variable is not None:
                if not variable.is_settable:
                    self.findings.warn(
                        "MT255",
                        start.at,
                        f"{place.path}.{name} takes no start value (causality {variable.causality}, variability "
                        f"{variable.variability}), so it is not used.",
                        "Remove the parameter.",
                    )
                    return
                value = _of_type(value, variable)
        except (StepUnknown, ValueError) as error:
            self.findings.error("MT257", start.at, f"{place.path}.{name}: {error}.", "Correct the value or its type.")
            return
        self.values.setdefault(place, {})[name] = list(value) if isinstance(value, tuple) else value


def _document(applied: Applied, source: str) -> object:
    outer, _, inner = source.partition(INSIDE)
    try:
        name, _ = resolve(outer, applied.home.name)
        name = f"{name}{INSIDE}{resolve(inner, '')[0]}" if inner else name
    except SourceRefused:
        # said when the file was opened
        return None
    return applied.home.ssp.documents.get(name)


def _start(parameter: Parameter, units: Mapping[str, Size], items: Mapping[str, Mapping[str, int]]) -> Start:
    value = parameter.value
    unit = find_unit(value.unit, units) if value.unit else None
    own = items.get(value.name or "", {}) if value.kind == "Enumeration" else {}
    return Start(value.data, unit, own, parameter.written)


def _each(step: Step, value: Any) -> Any:
    if step is None:
        return value
    return tuple(apply(step, each) for each in value) if isinstance(value, tuple) else apply(step, value)


def _number(value: Any, start: Start, variable: fmi.Variable | None) -> Any:
    """Items of an enumeration as numbers: the variable's own, else those of the parameter's file."""
    if variable is None or variable.type != "Enumeration":
        return value
    items = {item.name: item.value for item in variable.items} | dict(start.items)
    values = value if isinstance(value, tuple) else (value,)
    unknown = next((each for each in values if isinstance(each, str) and each not in items), None)
    if unknown is not None:
        raise ValueError(f"the enumeration has no item {unknown!r}")
    found = tuple(items[each] if isinstance(each, str) else each for each in values)
    return found if isinstance(value, tuple) else found[0]


def _of_type(value: Any, variable: fmi.Variable) -> Any:
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and not variable.dimensions and len(values) != 1:
        raise ValueError(f"{len(values)} values for a scalar")
    found = tuple(_scalar(each, variable) for each in values)
    return found if variable.dimensions else found[0]


def _scalar(value: Any, variable: fmi.Variable) -> Any:
    kind = variable.type
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _FLOATS and plain:
        return float(value)
    if kind in _WHOLE and plain and float(value).is_integer():
        return int(value)
    fits = {"Boolean": bool, "String": str, "Binary": bytes}.get(kind)
    if fits is not None and isinstance(value, fits):
        return value
    raise ValueError(f"{value!r} is no {kind}")
