"""Twins and relationships in the Azure form, checked against compiled models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dtdl.compiler.build import Types
from dtdl.compiler.findings import MISSING, UNKNOWN_NAME
from dtdl.diagnostic import Diagnostic, Location
from dtdl.elements import Relationship
from dtdl.errors import ModelNotFound, ValueInvalid
from interop.config.findings import did_you_mean
from interop.validate.report import Report
from interop.validate.written import Written

_ID: Final = re.compile(r"[A-Za-z0-9\-.+%_#*?!(),=@$'~]{1,128}")
_TWIN_KEYS: Final = frozenset({"$dtId", "$etag", "$metadata"})
_LINK_KEYS: Final = frozenset({"$relationshipId", "$relationshipName", "$sourceId", "$targetId", "$etag", "$metadata"})
_NEEDED: Final = ("$relationshipId", "$sourceId", "$relationshipName", "$targetId")

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    """A relationship that waits until all twins are known."""

    written: Written
    steps: Steps
    value: Mapping[str, Any]


class Twins:
    """The check of one set of data: twins one after the other, then the relationships between them.

    Args:
        types: The compiled models.
        report: Takes the findings.
        model: DTMI of twins that name none.
    """

    def __init__(self, types: Types, report: Report, model: str | None = None) -> None:
        self._types = types
        self._report = report
        self._model = model
        self._known: dict[str, str] = {}
        self._links: list[_Link] = []
        self._link_ids: set[tuple[str, str]] = set()

    def add(self, written: Written) -> None:
        """Checks a twin, or an array of twins and relationships."""
        if isinstance(written.value, list):
            for index, item in enumerate(written.value):
                self._one(written, (index,), item)
        else:
            self._one(written, (), written.value)

    def finish(self) -> None:
        """Checks the relationships, now that the models of their sources are known."""
        for link in self._links:
            self._relationship(link)
        self._links = []

    def claim(self, identity: Any, model: str | None, where: Location) -> None:
        """Checks the id of a twin, and that no other twin has it."""
        if not isinstance(identity, str) or not _ID.fullmatch(identity):
            self._report.add("MT405", where, f"{_short(identity)} cannot be the id of a twin.")
        elif identity in self._known:
            self._report.add("MT406", where, f"A twin with the id {identity!r} was given before.")
        else:
            self._known[identity] = model or ""

    def model(self, named: Any, where: Location) -> str | None:
        """Gives the model that a twin names, or None when there is no such Interface, which is a finding."""
        if isinstance(named, str) and named in self._types:
            return named
        cause = f"No definition has the Interface {_short(named)}."
        self._report.add("MT404", where, cause, action=did_you_mean(str(named), self._types) or "", value=_short(named))
        return None

    def _one(self, written: Written, steps: Steps, value: Any) -> None:
        if not isinstance(value, dict):
            self._report.add("MT402", written.at(steps), f"{_short(value)} is not a twin.")
        elif "$relationshipId" in value or "$relationshipName" in value:
            self._links.append(_Link(written, steps, value))
        else:
            self._twin(written, steps, value)

    def _twin(self, written: Written, steps: Steps, value: dict[str, Any]) -> None:
        model = self._model_of(written, steps, value)
        if "$dtId" in value:
            self.claim(value["$dtId"], model, written.at((*steps, "$dtId")))
        self._dollars(written, steps, value, _TWIN_KEYS)
        if model is None:
            return
        try:
            self._types.validate_contents(model, _without_dollars(value, _TWIN_KEYS))
        except ValueInvalid as error:
            for found in error.diagnostics:
                self._report.put(found, location=_place(written, steps, found))

    def _model_of(self, written: Written, steps: Steps, value: dict[str, Any]) -> str | None:
        metadata = value.get("$metadata")
        if isinstance(metadata, dict) and "$model" in metadata:
            return self.model(metadata["$model"], written.at((*steps, "$metadata", "$model")))
        if self._model is None:
            self._report.add("MT403", written.at(steps), "The twin has no $metadata.$model.")
        return self._model

    def _dollars(self, written: Written, steps: Steps, value: dict[str, Any], known: frozenset[str]) -> None:
        for name in value:
            if name.startswith("$") and name not in known:
                where = written.at((*steps, name), key=True)
                self._report.add("MT407", where, f"{name!r} has no meaning here.", action=did_you_mean(name, known))

    def _relationship(self, link: _Link) -> None:
        written, steps, value = link.written, link.steps, link.value
        missing = [name for name in _NEEDED if not isinstance(value.get(name), str)]
        for name in missing:
            cause = f"{name} is not a text." if name in value else f"The relationship has no {name}."
            self._report.add("MT408", written.at((*steps, name)), cause, action=f"Give {name} as a text.")
        self._dollars(written, steps, dict(value), _LINK_KEYS)
        if missing:
            return
        identity = (value["$sourceId"], value["$relationshipId"])
        if not _ID.fullmatch(identity[1]):
            where = written.at((*steps, "$relationshipId"))
            self._report.add("MT405", where, f"{_short(identity[1])} cannot be the id of a relationship.")
        if identity in self._link_ids:
            cause = f"The twin {identity[0]!r} has a relationship {identity[1]!r} that was given before."
            self._report.add("MT406", written.at((*steps, "$relationshipId")), cause)
        self._link_ids.add(identity)
        self._ends(link)

    def _ends(self, link: _Link) -> None:
        """Checks a relationship whose source is in the data; of another one the model is not known."""
        written, steps, value = link.written, link.steps, link.value
        source = self._known.get(value["$sourceId"])
        if not source:
            return
        name = value["$relationshipName"]
        try:
            definition = self._types.relationship(source, name)
        except ModelNotFound as error:
            where = written.at((*steps, "$relationshipName"))
            self._report.add("MT408", where, f"{error.message}.", action=error.action, primary_id=source)
            return
        self._target(link, definition)
        try:
            self._types.validate_relationship(source, name, _without_dollars(value, _LINK_KEYS))
        except ValueInvalid as error:
            for found in error.diagnostics:
                self._report.put(found, location=_place(written, steps, found))

    def _target(self, link: _Link, definition: Relationship) -> None:
        wanted, actual = definition.target, self._known.get(link.value["$targetId"])
        if not wanted or not actual or self._types.is_a(actual, wanted):
            return
        where = link.written.at((*link.steps, "$targetId"))
        cause = f"The target {link.value['$targetId']!r} is of {actual}, but the relationship leads to {wanted}."
        self._report.add("MT408", where, cause, primary_id=definition.id, secondary_id=wanted)


def _without_dollars(value: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Gives the contents; keys with ``$`` that are known stay, since compiled classes check their types."""
    return {name: held for name, held in value.items() if not name.startswith("$") or name in known}


def steps_of(found: Diagnostic) -> tuple[str, ...]:
    """Gives the path that a finding of the compiler names."""
    text = found.property_name
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")) if text else ()


def _place(written: Written, steps: Sequence[str | int], found: Diagnostic) -> Location:
    path = (*steps, *steps_of(found))
    return written.at(path[:-1]) if found.rule == MISSING else written.at(path, key=found.rule == UNKNOWN_NAME)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 - what still fits a line
