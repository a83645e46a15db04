"""HistoryRead: what a plant remembers of its values, and the back-fill of an outage from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from asyncua import ua

from dtdl.errors import Refused
from interop.opcua.errors import translated
from interop.opcua.resolve import Bound
from interop.opcua.session import Session
from interop.opcua.values import sample
from interop.values import Point, Reading, Sample

_PAGE: Final = 1000
_SKEW: Final = timedelta(hours=1)
"""A plant's clock may be ahead of ours by so much, and its newest values are still asked for."""


async def raw_history(session: Session, node: ua.NodeId, start: datetime, end: datetime) -> AsyncIterator[list[Sample]]:
    """Gives the raw values of [start, end] by source time, page by page (OPC 10000-11, 6.5.3).

    Raises:
        Refused: The server does not give them.
        LinkDown: The session is gone.
    """
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False, StartTime=start, EndTime=end, NumValuesPerNode=_PAGE, ReturnBounds=False
    )
    point: bytes | None = None
    while True:
        parameters = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,
            NodesToRead=[ua.HistoryReadValueId(NodeId=node, IndexRange="", ContinuationPoint=point)],
        )
        with translated(f"reading the history of {node.to_string()}"):
            answer = (await session.raw.history_read(parameters))[0]
            answer.StatusCode.check()
        session.touch()
        yield [sample(data) for data in getattr(answer.HistoryData, "DataValues", None) or []]
        if not answer.ContinuationPoint or answer.ContinuationPoint == point:
            return
        point = answer.ContinuationPoint


class Outage(NamedTuple):
    """From the last sign of life until now; whether the server started anew meanwhile."""

    since: datetime
    until: datetime
    restarted: bool


@dataclass(slots=True)
class Filled:
    """What an outage's back-fill gave.

    Attributes:
        readings: In source order for each point.
        last: Point → newest source time that it now has; live values up to there are repetitions.
        missing: Points whose outage stays a gap.
    """

    readings: list[Reading] = field(default_factory=list)
    last: dict[Point, datetime] = field(default_factory=dict)
    missing: list[Point] = field(default_factory=list)


async def back_fill(
    session: Session, bound: Sequence[Bound], latest: Mapping[Point, datetime], outage: Outage
) -> Filled:
    """Reads what the plant remembers of an outage.

    A plant that started anew may have begun its history anew: what it gives counts as whole only if it holds the last
    value that was seen before.

    Args:
        session: The new session.
        bound: What is observed.
        latest: Point → source time of the newest reading before the outage; it is not given again.
        outage: When it was.
    """
    filled = Filled()
    for one in bound:
        point = one.binding.point
        if one.node is None:
            continue
        whole = one.remembers and await _fill_one(session, one.node, point, latest.get(point), outage, filled)
        if not whole:
            filled.missing.append(point)
    return filled


async def _fill_one(
    session: Session, node: ua.NodeId, point: Point, latest: datetime | None, outage: Outage, filled: Filled
) -> bool:
    start = latest or outage.since
    reaches = not outage.restarted
    try:
        async for page in raw_history(session, node, start, outage.until + _SKEW):
            for found in page:
                if found.source_time is None:
                    continue
                if found.source_time > filled.last.get(point, start):
                    filled.readings.append(Reading(point, found))
                    filled.last[point] = found.source_time
                elif found.source_time == latest:
                    reaches = True
    except Refused:
        return False
    return reaches
