"""Event: everything that ever changed, in the one form that the ledger stores (contract Event).

The bytes that ``encode`` gives are the Merkle leaf; they are stored as they are and never encoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

import orjson

from dtdl.errors import DataCorrupt, RequestInvalid
from interop.values import format_time, parse_time

EVENT_VERSION: Final = 1

Kind = Literal[
    "twin-put", "twin-delete", "patch", "relationship-put", "relationship-delete",
    "samples", "telemetry", "write", "command", "model", "link", "source", "note",
]  # fmt: skip


@lru_cache(maxsize=1_024)
def _instant(text: str) -> datetime:
    """Gives one instant for equal texts, since all events of an append have the same."""
    return parse_time(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.

    Bodies by kind (times are RFC 3339 texts with microseconds):

    - ``twin-put``: ``{"model", "contents", "provenance"?}``; contents as in the Azure form without ``$`` keys, the
      components nested, each with ``"$metadata": {}``.
    - ``twin-delete``: ``{}``.
    - ``patch``: ``{"ops": [{"op", "path", "value"?}], "model"?}``, RFC 6902 operations that were applied; ``model`` is
      the DTMI of the model that the result was validated with.
    - ``relationship-put``: ``{"id", "name", "target", "contents"}`` (the twin is the source end);
      ``relationship-patch`` is a put of the result. ``relationship-delete``: ``{"id"}``.
    - ``samples``: ``{"source", "readings": [[point, value, status, source time, server time, "p" | "t"], …]}`` in
      the model's units, ``p`` for a Property and ``t`` for a Telemetry, and a seventh item, the reason, where the
      status needs one; ``twin`` is None. A derived batch has
      ``cause`` = the event that it was derived from. A reading whose value failed its schema has status
      ``BadTypeMismatch`` and the raw value.
    - ``telemetry``: ``{"path", "value", "message", "sourceTime"}``, a telemetry message that a client published.
    - ``write`` and ``command``: ``{"phase": "requested", "points": {point: value} | "point", "argument", "request"?,
      "digest"?}``, then
      ``{"phase": "done" | "failed" | "expired", "results" | "result", "detail"}`` with ``cause`` = the first.
      ``request`` is the client's request id, ``digest`` tells what was asked (``patch`` has both, too).
    - ``model``: ``{"id", "text", "action": "put" | "delete" | "decommission"}``.
    - ``link``: ``{"source", "kind", "since", "until", "cause", "count"}`` as in LinkEvent, plus what it did to values:
      ``"status"`` and ``"reason"``: what every value of the source now has, if it changed.
    - ``source``: what became of a slot's source. ``note``: anything for people.

    Attributes:
        seq: Dense per ledger, from 1.
        kind: What happened; unknown kinds are kept.
        twin: ``$dtId``, or None.
        recorded_at: When we learned it (UTC).
        actor: Who caused it: ``file``, ``source:<name>``, ``runtime``, ``client:<subject>``.
        cause: seq of the event that led to it, or None.
        body: See above.
    """

    seq: int
    kind: str
    twin: str | None
    recorded_at: datetime
    actor: str
    cause: int | None = None
    body: Mapping[str, Any]

    def encode(self) -> bytes:
        """The stored bytes: one JSON object, keys in this order, UTF-8, no spaces."""
        return orjson.dumps(
            {
                "v": EVENT_VERSION,
                "seq": self.seq,
                "kind": self.kind,
                "twin": self.twin,
                "recordedAt": format_time(self.recorded_at),
                "actor": self.actor,
                "cause": self.cause,
                "body": self.body,
            }
        )

    @classmethod
    def decode(cls, stored: bytes) -> Event:
        """Reads stored bytes.

        Raises:
            DataCorrupt: Not an event, or of a version that this release does not know.
        """
        try:
            raw = orjson.loads(stored)
            if raw["v"] != EVENT_VERSION:
                raise DataCorrupt(
                    f"event version {raw['v']} is not known to this release",
                    action="Use a newer megatwin for this data.",
                )
            return cls(
                seq=raw["seq"], kind=raw["kind"], twin=raw["twin"], recorded_at=_instant(raw["recordedAt"]),
                actor=raw["actor"], cause=raw["cause"], body=raw["body"],
            )  # fmt: skip
        except (orjson.JSONDecodeError, KeyError, TypeError, RequestInvalid) as error:
            raise DataCorrupt(
                f"a stored event cannot be read: {error}", action="Run: megatwin ledger verify"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event before the ledger has given it its number and time.

    ``cause`` may be a Draft of the same append, standing before this one.
    """

    kind: Kind
    twin: str | None
    actor: str
    body: Mapping[str, Any]
    cause: int | Draft | None = None
