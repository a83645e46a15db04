"""Definitions: the models that clients upload beside those of the file; compiled once they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import orjson

from dtdl.compiler.build import Types
from dtdl.diagnostic import Diagnostic
from dtdl.elements import Element, Model
from dtdl.errors import ConfigInvalid, Conflict, ModelInvalid, RequestInvalid, TwinNotFound
from dtdl.parser import parse
from interop.event import Draft, Event
from interop.runtime.engine import Engine
from interop.runtime.ownership import FILE, definitions_of
from interop.service import Caller, StoredModel

MAX_MODELS: Final = 10_000
"""Models of one upload."""


class Definitions:
    """What is known of every model; implements ``interop.service.Models``.

    Args:
        engine: Where the events go, and which twins there are.
        types: The compiled models; they follow what is uploaded and deleted.
    """

    def __init__(self, engine: Engine, types: Types) -> None:
        self._engine = engine
        self._types = types
        self._stored: dict[str, StoredModel] = {}
        self._needs: dict[str, frozenset[str]] = {}
        self._changing = asyncio.Lock()

    @property
    def stored(self) -> Mapping[str, StoredModel]:
        """By DTMI, in the order of their upload."""
        return MappingProxyType(self._stored)

    def learn(self, event: Event) -> None:
        """Reads one event of the ledger; they come in order."""
        if event.kind != "model":
            return
        dtmi, action = event.body["id"], event.body["action"]
        known = self._stored.get(dtmi)
        if action == "delete":
            self._stored.pop(dtmi, None)
        elif action == "decommission" and known is not None:
            self._stored[dtmi] = replace(known, decommissioned=True)
        elif action == "put":
            at = event.recorded_at if known is None else known.uploaded_at
            self._stored[dtmi] = StoredModel(id=dtmi, text=event.body["text"], uploaded_at=at, actor=event.actor)

    async def settle(self, file_texts: Sequence[str]) -> None:
        """Compiles what clients had uploaded, once the whole ledger was read; what the file defines wins.

        Args:
            file_texts: The documents of the file's models.

        Raises:
            ConfigInvalid: It is not valid together with what the file defines now.
        """
        mine = {dtmi: one for dtmi, one in self._stored.items() if one.actor != FILE and dtmi not in self._types.model}
        if mine:
            known = dict(pair for text in file_texts for pair in definitions_of(text))
            try:
                parsed = await asyncio.to_thread(self._parse, [one.text for one in mine.values()], known)
            except ModelInvalid as error:
                raise ConfigInvalid(
                    [
                        Diagnostic(
                            rule="MT180",
                            cause=f"models that clients uploaded do not fit the models of the file: {found.cause}",
                            action="Bring back the definition that they need.",
                            primary_id=found.primary_id,
                        )
                        for found in error.diagnostics
                    ]
                ) from error
            self._types.take(_joined(self._types.model, parsed))
        self._learn_needs(self._types.model.values())

    def usable(self, dtmi: str) -> None:
        """Requires that a twin may get a model now.

        Raises:
            RequestInvalid: ``ModelNotFound`` or ``ModelDecommissioned``.
        """
        if dtmi not in self._types:
            raise RequestInvalid(
                "ModelNotFound",
                f"no Interface {dtmi} is loaded",
                action="Upload it: POST /models, or add its file to `models:` of the megatwin.yaml.",
            )
        known = self._stored.get(dtmi)
        if known is not None and known.decommissioned:
            raise RequestInvalid(
                "ModelDecommissioned",
                f"{dtmi} is decommissioned: no twin may get it any more",
                action="Use a newer version of the model.",
            )

    def dependencies(self, dtmis: Sequence[str]) -> frozenset[str]:
        """Interfaces with all that they need, at any depth."""
        found: set[str] = set()
        waiting = [self._get(dtmi).id for dtmi in dtmis]
        while waiting:
            dtmi = waiting.pop()
            if dtmi not in found and dtmi in self._stored:
                found.add(dtmi)
                waiting += self._needs.get(dtmi, ())
        return frozenset(found)

    async def add(self, definitions: Sequence[Mapping[str, Any]], caller: Caller) -> Sequence[StoredModel]:
        """Adds Interfaces, all of them or none."""
        texts = _texts(definitions)
        async with self._changing:
            for dtmi in texts:
                if dtmi in self._types.model or dtmi in self._stored:
                    raise Conflict(
                        "ModelAlreadyExists", f"{dtmi} is there already", action="Give the changed model a new version."
                    )
            model = self._types.model
            parsed = await asyncio.to_thread(self._parse, list(texts.values()))
            for element in parsed.values():
                if element.defined_in in texts and element.id in model:
                    raise Conflict(
                        "ModelAlreadyExists",
                        f"{element.id}, which {element.defined_in} defines, is there already",
                        action="Refer to it instead of defining it again.",
                    )
            drafts = [
                Draft(kind="model", twin=None, actor=caller.actor, body={"id": dtmi, "text": text, "action": "put"})
                for dtmi, text in texts.items()
            ]
            joined = await asyncio.to_thread(_joined, model, parsed)
            for event in await self._engine.commit(drafts):
                self.learn(event)
            self._types.take(joined)
            self._learn_needs(element for element in parsed.values() if _owner(element) in texts)
        return [self._stored[dtmi] for dtmi in texts]

    async def decommission(self, dtmi: str, caller: Caller, *, decommissioned: bool) -> None:
        """Forbids new twins of a model, or allows them again."""
        async with self._changing:
            known = self._own(dtmi)
            if known.decommissioned == decommissioned:
                return
            users = self._users({dtmi})
            if decommissioned and any(not self._stored[user].decommissioned for user in users if user in self._stored):
                raise Conflict(
                    "ModelReferencesNotDecommissioned",
                    f"{dtmi} is needed by {_some(users)}",
                    action="Decommission those first.",
                )
            # A put of the same text is what allows twins again: the contract has no event of its own for it.
            action = "decommission" if decommissioned else "put"
            body = {"id": dtmi, "text": known.text, "action": action}
            for event in await self._engine.commit([Draft(kind="model", twin=None, actor=caller.actor, body=body)]):
                self.learn(event)

    async def delete(self, dtmis: Sequence[str], caller: Caller) -> None:
        """Deletes models, all of them or none."""
        async with self._changing:
            gone = frozenset(self._own(dtmi).id for dtmi in dtmis)
            users = self._users(gone)
            if users:
                raise Conflict(
                    "ModelReferencesNotDeleted",
                    f"{_some(gone)} is needed by {_some(users)}",
                    action="Delete those first.",
                )
            for dtmi in gone:
                if self._engine.head.has_twin_of(dtmi):
                    raise Conflict(
                        "ModelInUse", f"there are twins of {dtmi}", action="Delete them, or give them another model."
                    )
            before = self._types.model
            # No twin may get the model between its last check and its end: it is gone at once, and back if that fails.
            self._types.take(Model({key: one for key, one in before.items() if _owner(one) not in gone}))
            body = {"action": "delete"}
            drafts = [
                Draft(kind="model", twin=None, actor=caller.actor, body={"id": dtmi, **body}) for dtmi in sorted(gone)
            ]
            try:
                events = await self._engine.commit(drafts)
            except BaseException:
                self._types.take(before)
                raise
            for event in events:
                self.learn(event)
            for dtmi in gone:
                self._needs.pop(dtmi, None)

    def _parse(self, texts: Sequence[str], file: Mapping[str, str] | None = None) -> Model:
        return parse(texts, resolver=partial(self._resolve, file or {}))

    def _resolve(self, file: Mapping[str, str], wanted: Sequence[str]) -> Mapping[str, str]:
        """Gives the definitions that have what is wanted; each once, though several of its elements are wanted."""
        found: dict[str, str] = {}
        for dtmi in wanted:
            element = self._types.model.get(dtmi)
            owner = dtmi if element is None else _owner(element)
            if owner in file:
                found[owner] = file[owner]
            elif owner in self._stored:
                found[owner] = self._stored[owner].text
        return found

    def _get(self, dtmi: str) -> StoredModel:
        known = self._stored.get(dtmi)
        if known is None:
            raise TwinNotFound("ModelNotFound", f"there is no model {dtmi}", action="List them: GET /models")
        return known

    def _own(self, dtmi: str) -> StoredModel:
        known = self._get(dtmi)
        if known.actor == FILE:
            raise Conflict("OwnedByFile", f"the model {dtmi} is owned by the file", action="Change the file instead.")
        return known

    def _users(self, gone: set[str] | frozenset[str]) -> set[str]:
        return {dtmi for dtmi, needs in self._needs.items() if dtmi not in gone and needs & gone}

    def _learn_needs(self, elements: Iterable[Element]) -> None:
        found: dict[str, set[str]] = {}
        for element in elements:
            owner = _owner(element)
            needs = found.setdefault(owner, set())
            needs.update(other for held in _referred(element) if (other := _owner(held)) != owner)
        for owner, needs in found.items():
            self._needs[owner] = frozenset(needs)


def _texts(definitions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    if not definitions or len(definitions) > MAX_MODELS:
        raise RequestInvalid(
            "InvalidArgument", f"{len(definitions)} models are given", action=f"Send 1 to {MAX_MODELS} models."
        )
    texts: dict[str, str] = {}
    for number, definition in enumerate(definitions):
        dtmi = definition.get("@id") if isinstance(definition, Mapping) else None
        if not isinstance(dtmi, str) or not dtmi:
            raise RequestInvalid(
                "InvalidArgument", f"item {number} is no JSON object with an @id", action="Send a list of Interfaces."
            )
        if dtmi in texts:
            raise RequestInvalid("DTDLParserError", f"{dtmi} is given twice", action="Send each model once.")
        texts[dtmi] = orjson.dumps(definition).decode()
    return texts


def _joined(model: Model, parsed: Model) -> Model:
    return Model({**model, **{key: one for key, one in parsed.items() if key not in model}})


def _owner(element: Element) -> str:
    return element.defined_in or element.id


def _referred(element: Element) -> Iterator[Element]:
    for held in element.properties.values():
        if isinstance(held, Element):
            yield held
        elif isinstance(held, tuple):
            yield from (one for one in held if isinstance(one, Element))
        elif isinstance(held, Mapping):
            yield from (one for one in held.values() if isinstance(one, Element))


def _some(dtmis: set[str] | frozenset[str]) -> str:
    first = ", ".join(sorted(dtmis)[:5])
    return first if len(dtmis) <= 5 else f"{first} and {len(dtmis) - 5} more"  # noqa: PLR2004 - as many as are shown
