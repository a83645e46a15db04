"""When the graph is saved, and what of it: the twins that changed since it was saved last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dtdl.errors import MegatwinError
from interop.event import Event
from interop.graph.store import Graph
from interop.graph.transition import Delta
from interop.ledger.port import Ledger
from interop.ledger.snapshot import Saved

EVENTS: Final = 20_000
"""Events after which a snapshot is taken, so that a start replays no more."""
CHANGED: Final = 5_000
"""Changed twins after which one is taken, so that it is collected in a few milliseconds."""
WORTH: Final = 2_000
"""Events after which one is taken at the end."""
FILE: Final = "file"
_MAKES: Final = frozenset({"twin-put", "twin-delete", "relationship-put", "relationship-delete"})

_log = logging.getLogger("megatwin.snapshots")


class Snapshots:
    """Keeps count of what changes, on the loop, and takes snapshots of the committed graph.

    Args:
        ledger: Where they go.
        graph: What they are of.
    """

    def __init__(self, ledger: Ledger, graph: Graph) -> None:
        self._ledger = ledger
        self._graph = graph
        self._changed: set[str] = set()
        self._since = 0
        self._of_file: set[str | tuple[str, str]] = set()
        self._task: asyncio.Task[None] | None = None

    def recall(self, marks: Mapping[str, Any], seq: int) -> None:
        """Takes what a snapshot says, at a start: its seq, and what it has marked at each twin."""
        self._since = seq
        for twin, mark in marks.items():
            if mark is not None:
                made, links = mark
                self._of_file.update((twin, link) for link in links)
                if made:
                    self._of_file.add(twin)

    def coming(self, events: Sequence[Event]) -> None:
        """Takes what is about to be installed: what the file makes."""
        made: set[str | tuple[str, str]] = set()
        for event in events:
            if event.kind not in _MAKES:
                continue
            twin = event.twin or ""
            key = twin if event.kind.startswith("twin") else (twin, event.body["id"])
            if event.kind.endswith("delete"):
                self._of_file.discard(key)
                made.discard(key)
            elif key not in made and not self._is_there(key):
                made.add(key)
                if event.actor == FILE:
                    self._of_file.add(key)

    def installed(self, deltas: Sequence[Delta]) -> None:
        """Takes what was installed: what changed."""
        for delta in deltas:
            self._changed.update(delta.twins)
            self._changed.update(twin for twin, _ in delta.relationships)

    def start_if_due(self) -> None:
        """Takes a snapshot in the background when it is time."""
        due = self._graph.seq - self._since >= EVENTS or len(self._changed) >= CHANGED
        if due and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self.take(), name="snapshot")

    async def finish(self) -> None:
        """Waits for the one that is being taken, and takes a last one where it saves the next start work."""
        if self._task is not None:
            await self._task
        if self._graph.seq - self._since >= WORTH:
            await self.take()

    async def take(self) -> None:
        """Takes one now; when it cannot be stored, that is logged, and what changed is in the next one."""
        changed, self._changed = self._changed, set()
        before, self._since = self._since, self._graph.seq
        graph = self._graph
        rows = [Saved(twin, graph.twin(twin), graph.outgoing(twin), self._marks(twin)) for twin in changed]
        try:
            await self._ledger.keep(graph.seq, len(graph.twins), rows)
        except MegatwinError as error:
            _log.warning("no snapshot was stored: %s", error)
            self._changed |= changed
            self._since = before

    def _marks(self, twin: str) -> object:
        """What the file made of a twin and its relationships; None: nothing."""
        made = twin in self._of_file
        links = [link.id for link in self._graph.outgoing(twin) if (twin, link.id) in self._of_file]
        return [made, links] if made or links else None

    def _is_there(self, key: str | tuple[str, str]) -> bool:
        if isinstance(key, str):
            return self._graph.twin(key) is not None
        return self._graph.relationship(*key) is not None
