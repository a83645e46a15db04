"""Standard elements: made once for all parses, each when a model first refers to it."""

from __future__ import annotations

import threading
from functools import lru_cache

from dtdl.context import Context, ContextOptions
from dtdl.metamodel import Metamodel, metamodel
from dtdl.parser.linking import link
from dtdl.parser.reading import Reader
from dtdl.parser.session import NOWHERE, Place, Record, Session


class Standard:
    """The standard elements that were asked for so far."""

    def __init__(self, tables: Metamodel) -> None:
        self.metamodel = tables
        self.session = Session(tables, standard=True)
        self.reader = Reader(self.session, Context(tables, ContextOptions(allow_undefined="never")))
        self._read: set[str] = set()
        self._lock = threading.Lock()

    def get(self, dtmi: str) -> dict[str, Record] | None:
        """Gives a standard element and all that it refers to, by DTMI; None when there is none of that DTMI."""
        if not self.metamodel.is_reserved(dtmi):
            return None
        with self._lock:
            if dtmi not in self.session.records and not self._load(dtmi):
                return None
            found: dict[str, Record] = {}
            queue = [dtmi]
            while queue:
                name = queue.pop(0)
                if name not in found:
                    record = found[name] = self.session.records[name]
                    queue.extend(item.id for prop in record.links for item in record.linked(prop))
            return found

    def _load(self, dtmi: str) -> bool:
        """Reads the standard document that has the element, and those that it refers to."""
        queue = [dtmi]
        session = self.session
        while queue:
            name = queue.pop()
            node = self.metamodel.standard(name)
            if node is None:
                if name == dtmi:
                    return False
                continue
            if node["@id"] in self._read:
                continue
            self._read.add(node["@id"])
            outer = self.reader.root.child(NOWHERE, node)
            self.reader.element(NOWHERE, node, outer, Place(outer.active.classes["Entity"]))
            queue.extend(named[2] for named in session.references if named[2] not in session.records)
        link(session)
        session.references.clear()
        assert not session.findings, session.findings
        return dtmi in session.records


@lru_cache(maxsize=1)
def standard() -> Standard:
    """Gives the standard elements of this process."""
    return Standard(metamodel())
