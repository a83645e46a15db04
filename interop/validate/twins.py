"""Twins and relationships in the Azure form, checked against compiled models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dtdl.compiler.build import Types
from dtdl.compiler.findings import MISSING, NO_RELATIONSHIP, TOO_MANY, UNKNOWN_NAME, WRONG_TARGET, shown
from dtdl.compiler.links import GivenLink, LinkFinding
from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import ValueInvalid
from interop.config.findings import did_you_mean
from interop.validate.report import Report
from interop.validate.written import Written

_ID: Final = re.compile(r"[A-Za-z0-9\-.+%_#*?!(),=@$'~]{1,128}")
_TWIN_KEYS: Final = frozenset({"$dtId", "$etag", "$metadata"})
_LINK_KEYS: Final = frozenset({"$relationshipId", "$relationshipName", "$sourceId", "$targetId", "$etag", "$metadata"})
_NEEDED: Final = ("$relationshipId", "$sourceId", "$relationshipName", "$targetId")

_ENDS: Final[Mapping[str, str]] = {
    NO_RELATIONSHIP: "$relationshipName",
    WRONG_TARGET: "$targetId",
    TOO_MANY: "$relationshipName",
}
"""Rule of the compiled models → the key of a relationship that it is about; other rules are about its properties."""
_CANNOT_BE_MADE: Final = frozenset({NO_RELATIONSHIP, WRONG_TARGET})
"""Rules that stand under one of this command."""

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
        self._places: dict[str, Location] = {}
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
        """Checks the relationships, now that the models of the twins at both their ends are known."""
        if not self._links:
            return  # the data is of twins alone, and does not say how they are related
        of_source: dict[str, list[_Link]] = {source: [] for source, model in self._known.items() if model}
        for link in self._links:
            # Of a source that is not in the data the model is not known.
            if self._is_formed(link) and link.value["$sourceId"] in of_source:
                of_source[link.value["$sourceId"]].append(link)
        self._links = []
        for source, links in of_source.items():
            given = [self._given(link) for link in links]
            for found in self._types.check_relationships(self._known[source], given):
                self._put(source, links, found)

    def claim(self, identity: Any, model: str | None, where: Location) -> None:
        """Checks the id of a twin, and that no other twin has it."""
        if not isinstance(identity, str) or not _ID.fullmatch(identity):
            self._report.add("MT405", where, f"{_short(identity)} cannot be the id of a twin.")
        elif identity in self._known:
            self._report.add("MT406", where, f"A twin with the id {identity!r} was given before.")
        else:
            self._known[identity] = model or ""
            self._places[identity] = where

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

    def _is_formed(self, link: _Link) -> bool:
        """Checks the form of a relationship, and tells whether it names its ends."""
        written, steps, value = link.written, link.steps, link.value
        missing = [name for name in _NEEDED if not isinstance(value.get(name), str)]
        for name in missing:
            cause = f"{name} is not a text." if name in value else f"The relationship has no {name}."
            self._report.add("MT408", written.at((*steps, name)), cause, action=f"Give {name} as a text.")
        self._dollars(written, steps, dict(value), _LINK_KEYS)
        if missing:
            return False
        identity = (value["$sourceId"], value["$relationshipId"])
        if not _ID.fullmatch(identity[1]):
            where = written.at((*steps, "$relationshipId"))
            self._report.add("MT405", where, f"{_short(identity[1])} cannot be the id of a relationship.")
        if identity in self._link_ids:
            cause = f"The twin {identity[0]!r} has a relationship {identity[1]!r} that was given before."
            self._report.add("MT406", written.at((*steps, "$relationshipId")), cause)
        self._link_ids.add(identity)
        return True

    def _given(self, link: _Link) -> GivenLink:
        value = link.value
        return GivenLink(
            name=value["$relationshipName"],
            target_model=self._known.get(value["$targetId"]) or None,
            properties=_without_dollars(value, _LINK_KEYS),
            id=value["$relationshipId"],
        )

    def _put(self, source: str, links: Sequence[_Link], found: LinkFinding) -> None:
        if found.at is None:
            self._report.put(found.diagnostic, location=self._places[source])
            return
        link, diagnostic = links[found.at], found.diagnostic
        key = _ENDS.get(diagnostic.rule)
        if key is None:
            self._report.put(diagnostic, location=_place(link.written, link.steps, diagnostic))
        elif diagnostic.rule in _CANNOT_BE_MADE:
            self._report.put(replace(diagnostic, rule="MT408"), location=link.written.at((*link.steps, key)))
        else:
            self._report.put(diagnostic, location=link.written.at((*link.steps, key)))


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
    # A text in quotes as in the other findings of data; true, false and null as JSON writes them.
    text = repr(value) if isinstance(value, str) else shown(value)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 - what still fits a line
