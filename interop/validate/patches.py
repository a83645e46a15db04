"""Patches (RFC 6902) of twins, checked against a model without the twin that they will change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from dtdl.compiler.build import Types
from dtdl.compiler.findings import MISSING, UNKNOWN_NAME
from dtdl.diagnostic import Diagnostic
from dtdl.elements import Array, Component, Interface, Map, Object, Property, Schema
from dtdl.errors import RequestInvalid, ValueInvalid
from interop.config.findings import did_you_mean
from interop.graph.patch import MAX_OPERATIONS, MODEL_PATH, Operation, bare_value, operations
from interop.validate.report import Report
from interop.validate.twins import steps_of
from interop.validate.written import Written

_FIRST: Final = "operation 0 of the patch "


class _Nowhere(LookupError):
    """A path names what the model does not have."""


class Patches:
    """The check of patch documents of twins of one model.

    Args:
        types: The compiled models.
        report: Takes the findings.
        model: DTMI of the twins.

    Raises:
        ModelNotFound: The model has no such Interface.
    """

    def __init__(self, types: Types, report: Report, model: str) -> None:
        types.model.interface(model)
        self._types = types
        self._report = report
        self._model = model

    def add(self, written: Written) -> None:
        """Checks one patch document."""
        if not isinstance(written.value, list):
            self._report.add("MT420", written.at(), "A patch is an array of operations.")
            return
        if len(written.value) > MAX_OPERATIONS:
            cause = f"The patch has {len(written.value)} operations, more than {MAX_OPERATIONS}."
            self._report.add("MT420", written.at(), cause, action="Split it.")
            return
        made = [self._formed(written, index, raw) for index, raw in enumerate(written.value)]
        models = [self._model]
        for index, operation in enumerate(made):
            if operation is not None and operation.path == MODEL_PATH:
                self._new_model(written, index, operation.value, models)
        for index, operation in enumerate(made):
            if operation is not None and operation.path != MODEL_PATH:
                self._changed(written, index, operation, models)

    def _formed(self, written: Written, index: int, raw: Any) -> Operation | None:
        try:
            return operations([raw])[0]
        except RequestInvalid as error:
            cause = f"Operation {index} {error.message.removeprefix(_FIRST)}."
            self._report.add("MT420", written.at((index,)), cause)
            return None

    def _new_model(self, written: Written, index: int, named: str, models: list[str]) -> None:
        if named in self._types:
            models[:] = [named, self._model]
            return
        cause = f"No definition has the Interface {named!r}."
        action = did_you_mean(named, self._types)
        self._report.add("MT404", written.at((index, "value")), cause, action=action)

    def _changed(self, written: Written, index: int, operation: Operation, models: list[str]) -> None:
        """Checks an operation; a patch that changes the model may still remove what only the old model has."""
        usable = models if operation.op == "remove" else models[:1]
        why = ""
        for model in usable:
            try:
                place = self._place(self._types.model.interface(model), operation)
            except _Nowhere as error:
                why = why or str(error)
                continue
            if operation.op != "remove":
                self._value(written, index, operation, model, place)
            return
        self._report.add(
            "MT421",
            written.at((index, "path")),
            f"{'/'.join(operation.path)}: {why}",
            primary_id=usable[0],
            property_name="/".join(operation.path),
        )

    def _place(self, interface: Interface, operation: Operation) -> Interface | Schema:
        """Gives what the path leads to: the Interface of a Component, or the schema of a value."""
        held: Interface | Schema = interface
        for at, part in enumerate(operation.path):
            held = _below(held, part, last_of_add=operation.op == "add" and at == len(operation.path) - 1)
        return held

    def _value(self, written: Written, index: int, operation: Operation, model: str, place: Interface | Schema) -> None:
        value = bare_value(operation.value)
        try:
            if isinstance(place, Interface):
                if not isinstance(value, dict):
                    self._report.add("MT402", written.at((index, "value")), "A component is a JSON object.")
                    return
                self._types.validate_contents(place.id, value)
            else:
                self._types.check(place)(value)
        except ValueInvalid as error:
            for found in error.diagnostics:
                below = steps_of(found)
                path: tuple[str | int, ...] = (index, "value", *below)
                is_missing = found.rule == MISSING and bool(below)
                where = written.at(path[:-1] if is_missing else path, key=bool(below) and found.rule == UNKNOWN_NAME)
                self._report.put(_named(found, operation.path, model), location=where)


def _below(held: Interface | Schema, part: str, *, last_of_add: bool) -> Interface | Schema:
    match held:
        case Interface():
            content = held.contents.get(part)
            if isinstance(content, Component | Property):
                return content.schema
            if content is not None:
                raise _Nowhere(f"{part!r} is a {type(content).__name__}, which a patch does not change.")
            usable = [name for name, one in held.contents.items() if isinstance(one, Component | Property)]
            raise _Nowhere(f"{held.id} has no Property {part!r}. {did_you_mean(part, usable)}".rstrip())
        case Object():
            member = next((field for field in held.fields if field.name == part), None)
            if member is not None:
                return member.schema
            names = [field.name for field in held.fields]
            raise _Nowhere(f"the Object has no member {part!r}. {did_you_mean(part, names)}".rstrip())
        case Map():
            return held.map_value.schema
        case Array() if part.isdecimal() or (part == "-" and last_of_add):
            return held.element_schema
        case Array():
            raise _Nowhere(f"{part!r} is not an index of an Array.")
    raise _Nowhere(f"there is nothing below a {type(held).__name__}, so {part!r} leads nowhere.")


def _named(found: Diagnostic, path: tuple[str, ...], model: str) -> Diagnostic:
    """Gives a finding with the whole path from the twin instead of that from the checked value."""
    above = "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
    below = found.property_name
    cause = found.cause.removeprefix(f"{below}: ") if below else found.cause
    whole = f"{above}/{below}" if below else above
    return replace(found, cause=f"{whole}: {cause}", property_name=whole, primary_id=model)
