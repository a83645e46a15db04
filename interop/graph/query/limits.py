"""What bounds a query, and the switches of the language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds; the first group is the service's own.

    Attributes:
        characters: Of the text.
        operators: AND and OR together.
        members: Of an IN list.
        joins: JOINs.
        hops: Upper bound of a ``*`` in MATCH.
        links: Of a MATCH pattern.
        timeout_s: Time until ``TimeoutError``, waiting included.
        nesting: Depth of NOT, AND and OR.
        visits: Twins and relationships that one page may look at.
        held: Rows that ORDER BY, GROUP BY and DISTINCT may hold, and that are kept for following pages.
        running: Queries at a time that have not finished within their first slice.
        indexes: Properties that have an index; the one that was not used for longest goes.
        plans: Plans that are kept by their text.
        slice_s: How long a query computes before others have their turn.
        hops_inclusive: Whether the lower bound of hops belongs to them, as in openCypher; the service excludes it.
        start_required: Whether JOIN and MATCH need a ``$dtId`` in WHERE, as the service does.
    """

    characters: int = 8_000
    operators: int = 50
    members: int = 100
    joins: int = 5
    hops: int = 10
    links: int = 30
    timeout_s: float = 60.0
    nesting: int = 100
    visits: int = 50_000_000
    held: int = 500_000
    running: int = 64
    indexes: int = 64
    plans: int = 512
    slice_s: float = 0.004
    hops_inclusive: bool = False
    start_required: bool = True
