"""Small graphs for the tests of queries: installed as the runtime does it, and as plain documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dtdl.elements import Component, Interface, Model
from interop.graph.document import components_of, document, relationship_document
from interop.graph.query.engine import QueryEngine
from interop.graph.query.limits import Limits
from interop.graph.query.output import rendered
from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph
from interop.graph.transition import Delta, etag_of
from interop.service import QueryRow
from tests.interop.query.brute import World

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def interface(dtmi: str, *extends: Interface, **contents: Any) -> Interface:
    return Interface(dtmi, properties={"contents": contents, "extends": extends})


PART = interface("dtmi:t:Part;1")
BASE = interface("dtmi:t:Base;1")
COMPONENT = Component("dtmi:t:c;1", properties={"name": "part", "schema": PART})
MIDDLE = interface("dtmi:t:Middle;1", BASE, part=COMPONENT)
LEAF = interface("dtmi:t:Leaf;1", MIDDLE, part=COMPONENT)
OTHER = interface("dtmi:t:Other;1")
MODEL = Model({one.id: one for one in (PART, BASE, MIDDLE, LEAF, OTHER)})
BASES = {
    BASE.id: {BASE.id},
    MIDDLE.id: {BASE.id, MIDDLE.id},
    LEAF.id: {BASE.id, MIDDLE.id, LEAF.id},
    OTHER.id: {OTHER.id},
}
IS_COMPONENT = components_of(MODEL)


class Field:
    """A graph that changes one thing at a time, with a query engine over it."""

    def __init__(self, *, model: Model = MODEL, limits: Limits | None = None) -> None:
        self.graph = Graph()
        self.model = model
        self.engine = QueryEngine(self.graph, lambda: self.model, limits=limits)

    def twin(self, identity: str, model: str, contents: Mapping[str, Any]) -> None:
        seq = self.graph.seq + 1
        updated = {(name,): AT for name in contents}
        state = TwinState(
            id=identity, model=model, contents=contents, updated=updated, etag=etag_of(seq), seq=seq, changed_at=AT
        )
        self.graph.install(Delta(seq=seq, twins={identity: state}))

    def relationship(
        self, source: str, identity: str, name: str, target: str, contents: Mapping[str, Any] | None = None
    ) -> None:
        seq = self.graph.seq + 1
        made = Relationship(
            id=identity, source=source, name=name, target=target, contents=contents or {}, etag=etag_of(seq), seq=seq
        )
        self.graph.install(Delta(seq=seq, relationships={(source, identity): made}))

    def remove(self, *keys: str | tuple[str, str]) -> None:
        for key in keys:
            seq = self.graph.seq + 1
            if isinstance(key, str):
                self.graph.install(Delta(seq=seq, twins={key: None}))
            else:
                self.graph.install(Delta(seq=seq, relationships={key: None}))

    def world(self) -> World:
        twins = {state.id: document(state, IS_COMPONENT) for state in self.graph.twins.values()}
        relationships = [relationship_document(one) for twin in twins for one in self.graph.outgoing(twin)]
        return World(twins, relationships, BASES)

    def ask(self, text: str) -> list[Any]:
        return documents(self.engine.rows(text))

    async def pages(self, text: str, size: int) -> list[list[Any]]:
        page = await self.engine.page(text, size=size)
        found = [documents(page.rows)]
        while page.token is not None:
            page = await self.engine.page(None, token=page.token, size=size)
            found.append(documents(page.rows))
        return found


def documents(rows: Iterable[QueryRow]) -> list[Any]:
    return [rendered(row, lambda state: document(state, IS_COMPONENT), relationship_document) for row in rows]
