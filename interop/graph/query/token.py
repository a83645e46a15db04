"""Continuation tokens: the query, and where its next page begins; nothing is kept here for a client that goes away."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from dtdl.errors import RequestInvalid
from interop.graph.query.execute import Mark

_LARGEST: Final = 200_000
"""Characters of a token, and bytes of what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Where a page begins.

    Attributes:
        query: The text.
        seq: The last event that the page before showed.
        left: Rows that TOP still allows; None: no TOP.
        start: Slot and property of the way that was begun with; None for rows that are held.
        mark: The last entry that gave rows.
        skip: Rows of the entry after ``mark`` that were given; or of the whole, for rows that are held.
        held: Name under which the rows are held.
    """

    query: str
    seq: int
    left: int | None = None
    start: tuple[int, tuple[str, ...]] | None = None
    mark: Mark | None = None
    skip: int = 0
    held: str | None = None

    def encode(self) -> str:
        """Gives the text for clients."""
        fields = [self.query, self.seq, self.left, self.start, self.mark, self.skip, self.held]
        packed = zlib.compress(json.dumps(fields).encode())
        return base64.urlsafe_b64encode(packed).decode()

    @classmethod
    def decode(cls, text: str) -> Token:
        """Reads what ``encode`` gave.

        Raises:
            RequestInvalid: ``BadRequest``: it is something else.
        """
        try:
            packed = base64.b64decode(text[:_LARGEST].encode("ascii"), altchars=b"-_", validate=True)
            unpacker = zlib.decompressobj()
            return cls._of(json.loads(unpacker.decompress(packed, _LARGEST)))
        except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError) as error:
            raise invalid("the continuation token is not one of ours") from error

    @classmethod
    def _of(cls, fields: Any) -> Token:
        query, seq, left, start, mark, skip, held = fields
        if not isinstance(query, str) or not _is_count(seq) or not _is_count(skip):
            raise TypeError("no query")
        if left is not None and not _is_count(left):
            raise TypeError("no count")
        if held is not None and not isinstance(held, str):
            raise TypeError("no name")
        way = None
        if start is not None:
            slot, names = start
            if not _is_count(slot) or not all(isinstance(name, str) for name in names):
                raise TypeError("no start")
            way = (slot, tuple(names))
        return cls(query=query, seq=seq, left=left, start=way, mark=_mark(mark), skip=skip, held=held)


def invalid(message: str) -> RequestInvalid:
    """Gives the error of a token."""
    return RequestInvalid("BadRequest", message, action="Begin again without it.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _mark(mark: Any) -> Mark | None:
    if mark is None:
        return None
    kind, value, identity = mark
    kinds: dict[Any, Any] = {"b": bool, "n": (int, float), "s": str, "z": int}
    if not isinstance(value, kinds.get(kind, ())):
        raise TypeError("no mark")
    if isinstance(identity, str):
        return kind, value, identity
    source, relationship = identity
    if not isinstance(source, str) or not isinstance(relationship, str):
        raise TypeError("no id")
    return kind, value, (source, relationship)
