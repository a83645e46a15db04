"""One source: its adapter kept open, its readings converted and handed on, its link's state recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from dtdl.errors import InteropError, LinkDown, MegatwinError, Overloaded
from interop.config.plan import SourcePlan
from interop.event import Draft
from interop.ports import Adapter, Binding, Description, Direction, Observed, Observes, Writes
from interop.runtime.convert import Conversion, prepare
from interop.service import SourceHealth
from interop.values import (
    BAD_NO_COMMUNICATION,
    BAD_NOT_FOUND,
    BAD_WAITING,
    LinkEvent,
    Point,
    Reading,
    Status,
    Value,
    format_time,
    utc_now,
)

_log = logging.getLogger("megatwin.link")
_MAX_IN_FLIGHT = 16
_REOPEN_S = (0.2, 0.5, 1.0, 2.0)
_FULL_S = 0.1
_MEND_S = 1.0


@dataclass(slots=True)
class LinkState:
    """How the link is now."""

    state: Literal["opening", "up", "down", "failed"] = "opening"
    since: datetime = field(default_factory=utc_now)
    cause: str = ""
    overflowed: int = 0
    restarts: int = 0
    unmatched: dict[Point, str] = field(default_factory=dict)
    problems: dict[Point, str] = field(default_factory=dict)


class Link:
    """Supervises one adapter.

    Args:
        plan: The source as the file gives it.
        submit: Takes drafts and gives a future of their commit; the engine's one way in.
        current: Gives the newest committed value of a point, for what the source takes from us.
    """

    def __init__(
        self,
        plan: SourcePlan,
        submit: Callable[[Sequence[Draft]], asyncio.Future[Any]],
        current: Callable[[Point], Value],
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.now = LinkState()
        self.adapter: Adapter | None = None
        self.conversions: dict[Point, Conversion] = {}
        self._submit = submit
        self._current = current
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._settled: set[Point] = set()
        self._lost_since: datetime | None = None
        self._unrecorded = asyncio.Event()
        self._outbox: dict[Point, Value] = {}
        self._outbox_filled = asyncio.Event()
        self.up = asyncio.Event()
        self.bindings: dict[Point, Binding] = {binding.point: binding for binding in plan.source.bindings}
        self.directions: dict[Point, Direction] = {
            point: plan.adapter.direction(plan.source, binding) for point, binding in self.bindings.items()
        }
        for point, binding in self.bindings.items():
            self.conversions[point] = prepare(binding, Description(), max_skew_s=plan.max_skew_s)

    @property
    def actor(self) -> str:
        """How events name this source."""
        return f"source:{self.name}"

    @property
    def observed(self) -> list[Point]:
        """Points whose values the source gives."""
        return [
            point
            for point, binding in self.bindings.items()
            if not binding.type.is_command and self.directions[point] in {"in", "both"}
        ]

    @property
    def taken(self) -> list[Point]:
        """Points whose values the source takes from the twin without being asked: inputs of a behaviour."""
        if self.plan.adapter.plant:
            return []
        return [point for point, way in self.directions.items() if way == "out"]

    def health(self) -> SourceHealth:
        """For the health report."""
        return SourceHealth(
            name=self.name,
            kind=self.plan.adapter.kind,
            state=self.now.state,
            since=self.now.since,
            cause=self.now.cause,
            bound=len(self.bindings) - len(self.now.unmatched),
            unmatched=[f"{point}: {why}" for point, why in self.now.unmatched.items()],
            overflowed=self.now.overflowed,
            restarts=self.now.restarts,
        )

    def absent(self, point: Point) -> tuple[Status, str]:
        """Why a bound point has no value."""
        if self.now.state != "up":
            status = BAD_WAITING if self.now.state == "opening" else BAD_NO_COMMUNICATION
            return status, f"{self.name}: {self.now.cause or 'not connected yet'}"
        if point in self.now.unmatched:
            return BAD_NOT_FOUND, self.now.unmatched[point]
        return BAD_WAITING, f"{self.name} has sent none yet"

    def require_up(self) -> Adapter:
        """Gives the adapter.

        Raises:
            LinkDown: It is not up; nothing may be sent.
        """
        if self.adapter is None or self.now.state != "up":
            raise LinkDown(
                f"the link to {self.name} is {self.now.state}: {self.now.cause or 'not connected yet'}",
                retry_after_s=max(1.0, self.plan.stale_after_s),
                action="Try again when GET /v1/health shows it up.",
            )
        return self.adapter

    def forward(self, point: Point, value: Value) -> None:
        """Hands a new value to a behaviour's input; the newest one wins."""
        self._outbox[point] = value
        self._outbox_filled.set()

    async def run(self) -> None:
        """Opens the adapter, follows it, and opens it again when it fails; until cancelled."""
        attempt = 0
        while True:
            try:
                async with self.plan.adapter(self.plan.source) as adapter:
                    self.adapter = adapter
                    await self._follow(adapter)
                cause = "the source ended"
            except MegatwinError as error:
                cause = str(error)
            except Exception as error:  # noqa: BLE001 - an adapter's bug must not stop the other links
                _log.exception("source %s failed", self.name)
                cause = f"{type(error).__name__}: {error}"
            finally:
                self.adapter = None
            if self.up.is_set():
                attempt = 0  # it worked; one that opens and fails at once is given longer and longer pauses
            try:
                await self._went_down(LinkEvent(self.name, "down", utc_now(), cause=cause), state="failed")
            except MegatwinError:
                _log.exception("that %s is down was not recorded", self.name)
            await asyncio.sleep(_REOPEN_S[min(attempt, len(_REOPEN_S) - 1)])
            attempt += 1

    async def _follow(self, adapter: Adapter) -> None:
        if not isinstance(adapter, Observes):
            raise InteropError(f"the adapter of {self.name} gives no values", action="Correct that adapter.")
        beside = [
            asyncio.create_task(self._feed(adapter), name=f"inputs of {self.name}"),
            asyncio.create_task(self._mend(adapter), name=f"unrecorded values of {self.name}"),
        ]
        try:
            async for batch in adapter.observe(self.observed):
                for task in beside:
                    if task.done():
                        task.result()
                await self._take(adapter, batch)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _feed(self, adapter: Adapter) -> None:
        """Sends inputs of a behaviour as they change."""
        while True:
            await self._outbox_filled.wait()
            self._outbox_filled.clear()
            values, self._outbox = self._outbox, {}
            if not isinstance(adapter, Writes) or self.now.state != "up":
                continue
            raw = [(point, self.conversions[point].raw(value)) for point, value in values.items()]
            try:
                results = await adapter.write(raw, deadline_s=self.plan.deadline_s)
            except LinkDown as error:
                _log.info("inputs of %s wait: %s", self.name, error)
                continue
            for (point, value), result in zip(raw, results, strict=True):
                if result.outcome != "done":
                    self.now.problems[point] = f"input {value!r} {result.outcome}: {result.code} {result.detail}"
                else:
                    self.now.problems.pop(point, None)

    async def _take(self, adapter: Adapter, batch: Sequence[Observed]) -> None:
        readings: list[Reading] = []
        for item in batch:
            if isinstance(item, Reading):
                readings.append(item)
                continue
            await self._send_readings(readings)
            readings = []
            if item.kind == "up":
                await self._came_up(adapter, item)
            elif item.kind == "down":
                await self._went_down(item)
            else:
                await self._noted(item)
        await self._send_readings(readings)

    async def _send_readings(self, readings: Sequence[Reading]) -> None:
        if not readings:
            return
        now = utc_now()
        behind_s = self._behind_s(readings, now)
        rows: list[list[Any]] = []
        for point, sample in readings:
            conversion = self.conversions[point]
            converted = conversion.reading(sample, now, behind_s=behind_s if point in self._settled else 0.0)
            rows.append(row(conversion.binding, converted.sample, now, converted.reason))
        self._settled.update(reading.point for reading in readings)
        await self._post(
            Draft(kind="samples", twin=None, actor=self.actor, body={"source": self.name, "readings": rows})
        )

    def _behind_s(self, readings: Sequence[Reading], now: datetime) -> float:
        """How far the source's clock is behind ours at least: the age of the newest server time that it sent.

        What comes first after ``up`` does not count: it may not have changed for long, or be what the plant remembers.
        """
        times = [
            reading.sample.server_time
            for reading in readings
            if reading.point in self._settled and reading.sample.server_time is not None
        ]
        return (now - max(times)).total_seconds() if times else 0.0

    async def _post(self, draft: Draft) -> None:
        """Hands a draft on; waits only when many are not yet durable, so that a slow disk slows the source."""
        while True:
            try:
                future = self._submit([draft])
            except Overloaded as error:
                _log.info("%s waits: %s", self.name, error)
                await asyncio.sleep(_FULL_S)
            else:
                break
        self._in_flight.add(future)
        future.add_done_callback(self._landed)
        if len(self._in_flight) >= _MAX_IN_FLIGHT:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)

    def _landed(self, future: asyncio.Future[Any]) -> None:
        self._in_flight.discard(future)
        if not future.cancelled() and (error := future.exception()):
            _log.error("readings of %s were not recorded: %s", self.name, error)
            if self.now.state == "up":
                self.now.cause = f"readings were not recorded: {error}"
            self._lost_since = self._lost_since or utc_now()
            self._unrecorded.set()

    async def _mend(self, adapter: Adapter) -> None:
        """After a commit that failed: says again how the link is, and reads every value anew, until it is recorded."""
        while True:
            await self._unrecorded.wait()
            await asyncio.sleep(_MEND_S)
            self._unrecorded.clear()
            since, self._lost_since = self._lost_since or utc_now(), None
            gap = LinkEvent(self.name, "gap", since, utc_now(), "what came then could not be recorded")
            await self._post(link_draft(gap, self.actor))
            up = self.now.state == "up"
            again = LinkEvent(self.name, "up" if up else "down", self.now.since, cause=self.now.cause)
            reason = "" if up else f"{self.name}: {self.now.cause}"
            await self._post(link_draft(again, self.actor, None if up else BAD_NO_COMMUNICATION, reason))
            if not up:
                continue
            self.now.cause = ""
            try:
                samples = await adapter.read(self.observed)
            except LinkDown as error:
                _log.info("%s is read again later: %s", self.name, error)
                continue
            await self._send_readings([Reading(*pair) for pair in zip(self.observed, samples, strict=True)])

    async def _came_up(self, adapter: Adapter, event: LinkEvent) -> None:
        points = list(self.bindings)
        described = await adapter.describe(points)
        self._settled = set()
        self.now.unmatched = {}
        self.now.problems = {}
        lost: list[list[Any]] = []
        now = utc_now()
        for point, description in zip(points, described, strict=True):
            binding = self.bindings[point]
            self.conversions[point] = prepare(binding, description, max_skew_s=self.plan.max_skew_s)
            if not description.found:
                self.now.unmatched[point] = description.detail or "not found"
                if point in self.observed and self._current(point) is not None:
                    lost.append(missing_row(binding, now, description.detail))
            elif self.conversions[point].problem or self.conversions[point].conflict:
                self.now.problems[point] = self.conversions[point].problem or self.conversions[point].conflict
            elif binding.write and not binding.type.is_command and description.direction == "in":
                self.now.problems[point] = f"{point}: the file says write, {self.name} does not allow it"
        self.now.state, self.now.since, self.now.cause = "up", event.since, ""
        self.up.set()
        await self._post(link_draft(event, self.actor))
        if lost:
            await self._post(
                Draft(kind="samples", twin=None, actor=self.actor, body={"source": self.name, "readings": lost})
            )
        for point in self.taken:
            value = self._current(point)
            if value is not None:
                self.forward(point, value)

    async def _went_down(self, event: LinkEvent, *, state: Literal["down", "failed"] = "down") -> None:
        if self.now.state == state and self.now.cause == event.cause:
            return
        self.now.state, self.now.since, self.now.cause = state, event.since, event.cause
        self.up.clear()
        await self._post(link_draft(event, self.actor, BAD_NO_COMMUNICATION, f"{self.name}: {event.cause}"))

    async def _noted(self, event: LinkEvent) -> None:
        if event.kind == "overflow":
            self.now.overflowed += event.count
        elif event.kind == "restarted":
            self.now.restarts += 1
        await self._post(link_draft(event, self.actor))


def row(binding: Binding, sample: Any, now: datetime, reason: str = "") -> list[Any]:
    """A reading as a ``samples`` event holds it; a seventh item is the reason, where there is one."""
    stored = [
        str(binding.point),
        sample.value,
        str(sample.status),
        format_time(sample.source_time or sample.server_time or now),
        format_time(sample.server_time or now),
        "p" if binding.type.is_state else "t",
    ]
    return [*stored, reason] if reason else stored


def missing_row(binding: Binding, now: datetime, detail: str) -> list[Any]:
    """A reading for a point that its source lacks."""
    stamp = format_time(now)
    return [
        str(binding.point), None, str(BAD_NOT_FOUND), stamp, stamp, "p" if binding.type.is_state else "t", detail,
    ]  # fmt: skip


def link_draft(event: LinkEvent, actor: str, status: Status | None = None, reason: str = "") -> Draft:
    """A link event as it is recorded; ``status`` is what every value of the source now has."""
    body: dict[str, Any] = {
        "source": event.source,
        "kind": event.kind,
        "since": format_time(event.since),
        "until": format_time(event.until) if event.until else None,
        "cause": event.cause,
        "count": event.count,
    }
    if status is not None:
        body |= {"status": str(status), "reason": reason}
    return Draft(kind="link", twin=None, actor=actor, body=body)


def outputs(links: Mapping[str, Link]) -> dict[Point, Link]:
    """Point → the link whose behaviour takes its value."""
    return {point: link for link in links.values() for point in link.taken}
