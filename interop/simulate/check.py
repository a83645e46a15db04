"""What is wrong with an FMU source or a binding to it, found before anything runs; nothing of the FMU is executed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import DescriptionInvalid, DtdlError, FmuError, PlatformMissing, UnitError
from fmu.binaries import check_platform
from fmu.block import fits
from fmu.description import FLOATS, INTEGERS, Description, Variable, read_description
from fmu.interface import check_binding, is_taken
from fmu.options import choose_interface
from fmu.quantity import in_variable_unit
from fmu.shipped import locate
from interop.config.quantities import parse_quantity
from interop.ports import Binding, Direction, Source
from interop.simulate.settings import FmuSettings

_NOTHING: Final = Variable(name="", value_reference=0, type="Float64")


def describe(settings: FmuSettings, base: str) -> Description:
    """Reads the description of the FMU that settings name.

    Raises:
        InputUnreadable, ArchiveUnsafe, DescriptionInvalid: It cannot be read.
    """
    path = locate(settings.fmu, Path(base))
    stamp = path / "modelDescription.xml" if path.is_dir() else path
    return _read(path, stamp.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, stamp: int) -> Description:
    del stamp  # a changed file is read again
    return read_description(path)


def check(source: Source) -> list[Diagnostic]:
    """Gives all findings of a source and its bindings."""
    settings: FmuSettings = source.settings
    try:
        description = describe(settings, source.base)
    except DescriptionInvalid as error:
        return list(error.diagnostics)
    except (FmuError, DtdlError) as error:
        return [_finding("MT201", error.message, error.action)]
    found = [*description.warnings, *_source(settings, description, source.base)]
    for binding in source.bindings:
        found += [
            replace(item, location=item.location or binding.location, primary_id=binding.type.model)
            for item in _binding(binding, description)
        ]
    return found


def direction(source: Source, binding: Binding) -> Direction:
    """Gives ``out`` for an input and a tunable parameter, ``in`` for everything else; ``in`` when it is not known."""
    try:
        description = describe(source.settings, source.base)
    except (FmuError, DtdlError):
        return "in"
    variable = description.variable(binding.address.variable)
    return "out" if variable is not None and is_taken(variable) else "in"


def start_values(settings: FmuSettings, description: Description) -> tuple[dict[str, Any], list[Diagnostic]]:
    """Gives the start values in the variables' own units, and what is wrong with the settings.

    Returns:
        Values by variable name, of those that are right; findings.
    """
    values: dict[str, Any] = {}
    found: list[Diagnostic] = []
    for key, given in (("parameters", settings.parameters), ("start", settings.start)):
        for name, raw in given.items():
            variable = description.variable(name)
            cause, action = "", ""
            if variable is None:
                cause, action = f"{key}: {_unknown(name, description)[0]}", _unknown(name, description)[1]
            elif not variable.is_settable:
                cause = f"{key}: {name!r} ({variable.causality}, {variable.variability}) takes no start value"
                action = "Remove it."
            else:
                try:
                    values[name] = _value(raw, variable, description)
                except (UnitError, ValueError) as error:
                    cause = f"{key}: {name}: {error.message if isinstance(error, UnitError) else error}"
                    action = getattr(error, "action", "") or f"Write {_example(variable)}."
            if cause:
                found.append(_finding("MT208", cause, action, property_name=f"{key}.{name}", value=str(raw)))
    return values, found


def _value(raw: object, variable: Variable, description: Description) -> Any:
    value = raw
    if variable.type in FLOATS | INTEGERS and isinstance(raw, str):
        item = next((item.value for item in variable.items if item.name == raw), None)
        quantity = parse_quantity(raw)
        if item is not None:
            value = item
        elif quantity is None:
            raise ValueError(f"{raw!r} is no number")
        elif quantity.unit is None:
            value = quantity.value
        else:
            value = in_variable_unit(quantity.value, quantity.unit, variable, description)
    if not fits(value, variable.type):
        raise ValueError(f"{raw!r} is no {variable.type}")
    if variable.type in INTEGERS and isinstance(value, float):
        value = int(value)
    if isinstance(value, int | float) and not in_range(value, variable):
        raise ValueError(f"{raw!r} is outside {range_text(variable)}")
    return value


def in_range(value: float, variable: Variable) -> bool:
    """Whether a number is within what the FMU declares."""
    low, high = variable.min, variable.max
    return not ((low is not None and value < low) or (high is not None and value > high))


def range_text(variable: Variable) -> str:
    """The range of a variable for people."""
    low = "" if variable.min is None else f"{variable.min:g}"
    high = "" if variable.max is None else f"{variable.max:g}"
    return f"{low} .. {high} {variable.unit}".strip()


def _example(variable: Variable) -> str:
    if variable.type in FLOATS | INTEGERS:
        return f"a number with or without the unit {variable.unit}" if variable.unit else "a number"
    return {"Boolean": "true or false", "String": "a text"}.get(variable.type, f"a {variable.type}")


def _source(settings: FmuSettings, description: Description, base: str) -> Iterator[Diagnostic]:
    try:
        interface = choose_interface(description)
    except FmuError as error:
        yield _finding("MT202", f"{settings.fmu}: {error.message}", error.action)
        return
    path = locate(settings.fmu, Path(base))
    if path.is_file():
        try:
            check_platform(path, description, interface)
        except PlatformMissing as error:
            yield _finding("MT203", error.message, error.action)
    step_s = description.experiment.step_s
    fixed = interface.kind == "co-simulation" and not interface.variable_step
    if fixed and step_s and abs(settings.step - step_s) > 1e-9 * step_s:
        yield replace(
            _finding(
                "MT230",
                f"{settings.fmu}: the step is {settings.step:g} s, and the FMU announces a fixed one of {step_s:g} s",
                f"Write step: {step_s:g} s.",
                property_name="step",
            ),
            severity=Severity.WARNING,
        )
    yield from start_values(settings, description)[1]


def _binding(binding: Binding, description: Description) -> Iterator[Diagnostic]:
    name = binding.address.variable
    variable = description.variable(name)
    if variable is None and not binding.type.is_command:
        yield _finding("MT204", *_unknown(name, description), value=name)
        return
    # a command is refused whatever it names
    for found in check_binding(binding.type, variable or _NOTHING, unit_given=bool(binding.unit)):
        made = _finding(found.rule, f"{binding.point}: {found.cause}", found.action, value=found.value)
        yield replace(made, severity=found.severity)


def _unknown(name: str, description: Description) -> tuple[str, str]:
    near = difflib.get_close_matches(name, [variable.name for variable in description.variables], n=1)
    action = f"Did you mean {near[0]}?" if near else "Run `megatwin fmu info` to see its variables."
    return f"the FMU {description.model_name} has no variable {name!r}", action


def _finding(rule: str, cause: str, action: str, *, location: Location | None = None, **more: str) -> Diagnostic:
    return Diagnostic(
        rule=rule,
        location=location,
        cause=cause if cause.endswith(".") else f"{cause}.",
        action=action,
        property_name=more.get("property_name"),
        value=more.get("value"),
    )
