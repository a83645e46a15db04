"""What the file owns: identity, model and relationships of the twins that it names (contract ownership of twins).

Pure: compares a configuration with the graph, gives the drafts that make them agree, and says what it would take away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from dtdl.compiler.build import Types
from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import ConfigInvalid, ValueInvalid
from interop.config.plan import Configuration, RelationshipPlan, TwinPlan
from interop.config.resolve import starting_contents
from interop.event import Draft, Event
from interop.graph.document import components_of, marked
from interop.graph.state import TwinState
from interop.ledger.snapshot import Saved
from interop.service import Graph

FILE = "file"


@dataclass(slots=True)
class Books:
    """Who made what, learned from the ledger.

    Attributes:
        twins: Id of a twin → the actor that made it.
        relationships: (twin, id) → the actor that made it.
        models: DTMI → text that the ledger has from the file.
    """

    twins: dict[str, str] = field(default_factory=dict)
    relationships: dict[tuple[str, str], str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def recall(self, rows: Iterable[Saved]) -> None:
        """Reads a snapshot, before the events after it; who is not the file is not told apart there."""
        for twin, state, outgoing, marks in rows:
            made, links = marks or (False, ())
            if state is not None:
                self.twins[twin] = FILE if made else ""
            for link in outgoing:
                self.relationships[twin, link.id] = FILE if link.id in links else ""

    def learn(self, event: Event) -> None:
        """Reads one event; they come in order."""
        match event.kind:
            case "twin-put":
                self.twins.setdefault(event.twin or "", event.actor)
            case "twin-delete":
                self.twins.pop(event.twin or "", None)
            case "relationship-put":
                self.relationships.setdefault((event.twin or "", event.body["id"]), event.actor)
            case "relationship-delete":
                self.relationships.pop((event.twin or "", event.body["id"]), None)
            case "model" if event.actor == FILE and event.body["action"] == "put":
                self.models[event.body["id"]] = event.body["text"]
            case "model" if event.actor == FILE:
                self.models.pop(event.body["id"], None)


@dataclass(frozen=True, slots=True)
class Difference:
    """What start-up does.

    Attributes:
        drafts: Events to commit, in order.
        said: One line for each, for people.
        removals: Events that need ``--apply``.
        removals_said: One line for each.
    """

    drafts: list[Draft]
    said: list[str]
    removals: list[Draft]
    removals_said: list[str]


def compare(configuration: Configuration, graph: Graph, books: Books, *, apply: bool = False) -> Difference:
    """Gives what must happen so that the twins are as the file says.

    Args:
        configuration: The file.
        graph: The twins as they are.
        books: Who made them.
        apply: Whether the removals will happen too.

    Raises:
        ConfigInvalid: A changed model does not fit the stored state of a twin, or a model that a twin has is gone; all
            of them are listed.
    """
    result = Difference([], [], [], [])
    findings: list[Diagnostic] = []
    _models(configuration, books, result)
    for plan in configuration.twins.values():
        state = graph.twins.get(plan.id)
        if state is None:
            contents = starting_contents(
                configuration.types, configuration.types.model.interface(plan.model), plan.properties
            )
            body = {"model": plan.model, "contents": marked(plan.model, contents, components_of(configuration.model))}
            result.drafts.append(Draft(kind="twin-put", twin=plan.id, actor=FILE, body=body))
            result.said.append(f"new twin {plan.id} of {plan.model}")
        else:
            findings += _known_twin(configuration.types, plan, state, result)
    if result.drafts or set(books.models) - set(configuration.model):
        findings += _other_twins(configuration, graph, books, apply=apply)
    if findings:
        raise ConfigInvalid(findings)
    for link in configuration.relationships:
        _relationship(link, graph, result)
    _removals(configuration, graph, books, result)
    return result


def _models(configuration: Configuration, books: Books, result: Difference) -> None:
    for text in configuration.model_texts.values():
        for dtmi, definition in definitions_of(text):
            if books.models.get(dtmi) == definition:
                continue
            word = "changed" if dtmi in books.models else "new"
            body = {"id": dtmi, "text": definition, "action": "put"}
            result.drafts.append(Draft(kind="model", twin=None, actor=FILE, body=body))
            result.said.append(f"{word} model {dtmi}")


def definitions_of(text: str) -> list[tuple[str, str]]:
    """Each Interface of a checked document, in a canonical text."""
    parsed = orjson.loads(text)
    found = parsed if isinstance(parsed, list) else parsed.get("@graph", [parsed])
    return [
        (one["@id"], orjson.dumps(one).decode())
        for one in found
        if isinstance(one, dict) and isinstance(one.get("@id"), str)
    ]


def _other_twins(configuration: Configuration, graph: Graph, books: Books, *, apply: bool) -> list[Diagnostic]:
    """Checks the twins that the file does not name against the models as they are now."""
    findings: list[Diagnostic] = []
    for twin, state in graph.twins.items():
        if twin in configuration.twins or (apply and books.twins.get(twin) == FILE):
            continue
        if state.model not in configuration.types:
            cause = f"the twin {twin} is of {state.model}, which no file under models: defines any more"
            action = "Bring the definition back, or delete the twin while it is still there."
            findings.append(Diagnostic(rule="MT180", cause=cause, action=action, primary_id=state.model))
            continue
        try:
            configuration.types.validate_contents(state.model, state.contents)
        except ValueInvalid as error:
            findings += _unfitting(twin, state.model, error, None)
    return findings


def _unfitting(twin: str, model: str, error: ValueInvalid, location: Location | None) -> list[Diagnostic]:
    return [
        Diagnostic(
            rule="MT180",
            location=location,
            cause=f"the stored state of {twin} does not fit {model}: {found.cause}",
            action="Change the model so that it fits, or correct the stored value with the old model first.",
            property_name=found.property_name,
        )
        for found in error.diagnostics
    ]


def _known_twin(types: Types, plan: TwinPlan, state: TwinState, result: Difference) -> list[Diagnostic]:
    try:
        types.validate_contents(plan.model, state.contents)
    except ValueInvalid as error:
        return _unfitting(plan.id, plan.model, error, plan.location)
    if state.model != plan.model:
        operations = [{"op": "replace", "path": "/$metadata/$model", "value": plan.model}]
        body = {"ops": operations, "model": plan.model}
        result.drafts.append(Draft(kind="patch", twin=plan.id, actor=FILE, body=body))
        result.said.append(f"twin {plan.id}: model {state.model} becomes {plan.model}")
    return []


def _relationship(link: RelationshipPlan, graph: Graph, result: Difference) -> None:
    old = graph.relationship(link.source, link.id)
    if old is not None and (old.name, old.target) == (link.name, link.target):
        return
    contents: Mapping[str, Any] = old.contents if old is not None else link.properties
    body = {"id": link.id, "name": link.name, "target": link.target, "contents": dict(contents)}
    result.drafts.append(Draft(kind="relationship-put", twin=link.source, actor=FILE, body=body))
    result.said.append(f"{'changed' if old else 'new'} relationship {link.source} {link.name} {link.target}")


def _removals(configuration: Configuration, graph: Graph, books: Books, result: Difference) -> None:
    named = {(link.source, link.id) for link in configuration.relationships}
    gone = {twin for twin, actor in books.twins.items() if actor == FILE and twin not in configuration.twins}
    for source, link_id in sorted(books.relationships):
        orphan = source in gone or (link := graph.relationship(source, link_id)) is None or link.target in gone
        if not orphan and (books.relationships[source, link_id] != FILE or (source, link_id) in named):
            continue
        result.removals.append(Draft(kind="relationship-delete", twin=source, actor=FILE, body={"id": link_id}))
        result.removals_said.append(f"relationship {link_id} of {source}")
    for twin in sorted(gone):
        result.removals.append(Draft(kind="twin-delete", twin=twin, actor=FILE, body={}))
        result.removals_said.append(f"twin {twin}")
    for dtmi in sorted(set(books.models) - set(configuration.model)):
        result.removals.append(Draft(kind="model", twin=None, actor=FILE, body={"id": dtmi, "action": "delete"}))
        result.removals_said.append(f"model {dtmi}")
