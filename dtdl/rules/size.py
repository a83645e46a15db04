"""The rule about the size of a partition: an Interface without those that are written in it."""

from __future__ import annotations

from dtdl.metamodel import bound
from dtdl.parser.session import NOWHERE, Record, Session
from dtdl.source import Span


def check(session: Session) -> None:
    """Refuses partitions whose text is longer than the version allows."""
    sizes: dict[str, int] = {}
    for record in session.records.values():
        if record.document is NOWHERE or not record.rule.partition:
            continue
        longest = bound(record.context.active.rules["max_bytes"], record.limit)
        if longest is None or len(record.document.text) <= longest:
            continue
        span = record.document.spans()[id(record.node)]
        sizes[record.id] = sizes.get(record.id, 0) + _length(span)
        owner = session.records.get(record.child_of or "")
        if owner is not None:
            sizes[owner.partition] = sizes.get(owner.partition, 0) - _length(span) + len(record.id) + len('""')
    for name, size in sizes.items():
        record = session.records[name]
        longest = bound(record.context.active.rules["max_bytes"], record.limit) or size
        if size > longest:
            _report(session, record, longest)


def _length(span: Span) -> int:
    return span.end - span.start


def _report(session: Session, record: Record, longest: int) -> None:
    session.report("partitionTooLarge", record.site, primary=record.id, value=record.kind, _limit=str(longest))
