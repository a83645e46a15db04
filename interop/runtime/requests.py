"""Writes and commands that reach a plant: two events each, verified, once per client request id (contract Event)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from dtdl.errors import Conflict, Expired, InteropError, LinkDown, Overloaded, Refused, RequestInvalid, ValueInvalid
from interop.event import Draft, Event
from interop.ports import Adapter, Calls, WriteResult, Writes
from interop.runtime.engine import Engine
from interop.runtime.link import Link, row
from interop.service import Caller
from interop.values import Point, Sample, Value, utc_now

_log = logging.getLogger("megatwin.requests")
_REMEMBERED: Final = 10_000
_MAX_RUNNING: Final = 1_000
"""Requests under way at once; what comes above it is told to try again."""
_RECORD_S: Final = (0.1, 0.2, 0.5, *[1.0] * 10)
"""Pauses between attempts to record an outcome while the ledger stores nothing."""
_POLL_S: Final = (0.01, 0.03, 0.06, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request; kept, so that a retry gets the same answer."""

    phase: Literal["done", "failed", "expired"]
    result: Value = None
    code: str = ""
    detail: str = ""
    results: Mapping[str, str] = field(default_factory=dict)

    def give(self) -> Value:
        """Gives the result, or raises what the first answer raised."""
        if self.phase == "expired":
            raise Expired(self.detail, action="Read the point again: the plant may have acted, late.")
        if self.phase == "failed":
            if self.code == "LinkDown":
                raise LinkDown(self.detail, action="Try again when the link is up.")
            raise Refused(
                self.code, self.detail, action="Correct the value or the plant's state.", results=self.results
            )
        return self.result


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a request from others: the client's id of it, and a digest of what it asks."""

    request: str | None
    digest: str

    def body(self) -> dict[str, Any]:
        """What is recorded with the event that begins it; nothing for a request without an id."""
        return {"request": self.request, "digest": self.digest} if self.request else {}


class Requests:
    """Answers each request once, and sends what clients ask for to plants.

    Args:
        engine: Where the events go.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[str, tuple[str, asyncio.Future[Outcome]]] = OrderedDict()
        self._open: dict[int, Event] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def close(self) -> None:
        """Sends nothing new, and waits for what was sent; each has a deadline."""
        self._closing = True
        if self._running:
            await asyncio.wait(self._running)

    def learn(self, event: Event) -> None:
        """Learns the outcomes of the past, event by event."""
        if event.kind == "patch" and event.body.get("request"):
            self._remember(event, Outcome("done"))
        elif event.kind in {"write", "command"}:
            if event.body.get("phase") == "requested":
                self._open[event.seq] = event
            elif (first := self._open.pop(event.cause or 0, None)) is not None:
                self._remember(first, _outcome(event))

    async def expire_lost(self) -> None:
        """Ends the requests of the past that have no outcome; nobody knows what became of them."""
        lost, self._open = self._open, {}
        outcome = Outcome("expired", detail="outcome unknown: megatwin stopped before the plant answered")
        if lost:
            await self._engine.commit([_ended(event, outcome) for event in lost.values()])
        for event in lost.values():
            self._remember(event, outcome)

    async def once(self, caller: Caller, asked: Any, act: Callable[[Stamp], Awaitable[Outcome]]) -> Value:
        """Acts, or gives the first answer again when the client repeats its request id.

        Args:
            caller: Who asks.
            asked: All that the request says, as JSON; a request id that comes with something else is a conflict.
            act: Does it. It runs in a task of its own: a client that goes away does not stop half-way what it asked
                for. What it raises is not an answer: a retry acts again.

        Raises:
            Conflict: The request id was used for another request.
            Overloaded: Too many requests are under way; nothing was done.
        """
        digest = hashlib.sha256(orjson.dumps(asked)).hexdigest()[:16] if caller.request_id else ""
        stamp = Stamp(caller.request_id, digest)
        if stamp.request and stamp.request in self._known:
            digest, future = self._known[stamp.request]
            if digest != stamp.digest:
                raise Conflict(
                    "RequestIdReused",
                    f"request id {stamp.request} was used for another request",
                    action="Use a new id for a new request.",
                )
            return (await asyncio.shield(future)).give()
        if len(self._running) >= _MAX_RUNNING:
            raise Overloaded(f"{_MAX_RUNNING} requests are under way", action="Try again when some are done.")
        future = asyncio.get_running_loop().create_future()
        if stamp.request:
            self._keep(stamp.request, stamp.digest, future)
        task = asyncio.create_task(self._run(stamp, act, future))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return (await asyncio.shield(future)).give()

    async def write(
        self, link: Link, values: Mapping[Point, Value], caller: Caller, stamp: Stamp, *, extra: Sequence[Draft] = ()
    ) -> Outcome:
        """Writes values of one twin to one plant, verified.

        Args:
            link: The plant's link.
            values: In the model's units, in the order they are sent.
            caller: Who asks.
            stamp: The request that this is part of.
            extra: What else changes when every value is done; committed with the outcome.

        Returns:
            ``done``; ``failed`` when the plant said no, what was written before that is recorded as done; ``expired``
            when it was not verified in time.

        Raises:
            LinkDown: Nothing was sent or recorded.
        """
        asked = {str(point): value for point, value in values.items()}
        body = {"phase": "requested", "points": asked, **stamp.body()}
        draft = Draft(kind="write", twin=next(iter(values)).twin, actor=caller.actor, body=body)

        async def act(requested: Event, until: float) -> Outcome:
            return await self._write(link, values, requested, extra, until)

        return await self._in_turn(link, draft, link.plan.deadline_s, act)

    async def call(
        self, link: Link, point: Point, argument: Value, caller: Caller, stamp: Stamp, *, deadline_s: float | None
    ) -> Outcome:  # fmt: skip
        """Runs a command; outcomes and errors as in write."""
        body = {"phase": "requested", "point": str(point), "argument": argument, **stamp.body()}
        draft = Draft(kind="command", twin=point.twin, actor=caller.actor, body=body)

        async def act(requested: Event, until: float) -> Outcome:
            return await self._call(link, point, argument, requested, until)

        return await self._in_turn(link, draft, deadline_s or link.plan.deadline_s, act)

    async def _in_turn(
        self, link: Link, draft: Draft, deadline_s: float, act: Callable[[Event, float], Awaitable[Outcome]]
    ) -> Outcome:
        """Sends one request after the other to a plant; the deadline begins when the request arrives.

        Once ``requested`` is durable there is an outcome, whatever happens: what is not known is ``expired``.
        """
        link.require_up()
        until = asyncio.get_running_loop().time() + deadline_s
        lock = self._locks.setdefault(link.name, asyncio.Lock())
        try:
            async with asyncio.timeout_at(until):
                await lock.acquire()
        except TimeoutError as error:
            raise Overloaded(
                f"{link.name} was busy with other requests for {deadline_s:g} s; nothing was sent",
                action="Try again later, or raise `deadline:`.",
            ) from error
        try:
            if self._closing:
                raise LinkDown("megatwin is stopping; nothing was sent", action="Try again after its start.")
            link.require_up()
            (requested, *_) = await self._engine.commit([draft])
            try:
                return await act(requested, until)
            except Exception as error:  # noqa: BLE001 - a bug of an adapter must not lose the request
                _log.exception("request %s to %s", requested.seq, link.name)
                detail = (
                    f"{link.name} failed in the middle of it ({type(error).__name__}: {error}); the outcome is unknown"
                )
                return await self._finish(requested, Outcome("expired", detail=detail), [])
        finally:
            lock.release()

    async def _run(
        self, stamp: Stamp, act: Callable[[Stamp], Awaitable[Outcome]], future: asyncio.Future[Outcome]
    ) -> None:
        try:
            outcome = await act(stamp)
        except BaseException as error:  # handed on to whoever waits; nothing is swallowed
            self._known.pop(stamp.request or "", None)
            future.set_exception(InteropError("stopped") if isinstance(error, asyncio.CancelledError) else error)
            future.exception()  # a client that went away does not ask any more
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        if outcome.code == "LinkDown":
            self._known.pop(stamp.request or "", None)  # nothing was sent, so a retry may try
        future.set_result(outcome)

    def _keep(self, request: str, digest: str, future: asyncio.Future[Outcome]) -> None:
        self._known[request] = (digest, future)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _write(
        self, link: Link, values: Mapping[Point, Value], requested: Event, extra: Sequence[Draft], until: float
    ) -> Outcome:
        loop = asyncio.get_running_loop()
        raw = [(point, link.conversions[point].raw(value)) for point, value in values.items()]
        detail = ""
        try:
            adapter, writer = _writer(link)
            async with asyncio.timeout_at(until):
                results = await writer.write(raw, deadline_s=max(until - loop.time(), 0.001))
        except LinkDown as error:
            return await self._finish(requested, Outcome("failed", code="LinkDown", detail=error.message), [])
        except Refused as error:
            results = [WriteResult("refused", error.code, error.message) for _ in raw]
        except (TimeoutError, Expired):
            results = [WriteResult("unknown", detail=f"no answer within {link.plan.deadline_s:g} s") for _ in raw]
        sent = [point for (point, _), result in zip(raw, results, strict=True) if result.outcome == "done"]
        verified: dict[Point, Sample] = {}
        if sent:
            adapter = link.adapter or adapter
            verified, detail = await _verify(link, adapter, {point: values[point] for point in sent}, until)
        outcome = _judge(link, raw, results, verified, detail)
        now = utc_now()
        rows = [row(link.bindings[point], sample, now) for point, sample in verified.items()]
        more: list[Draft] = []
        if rows:
            body = {"source": link.name, "readings": rows}
            more.append(Draft(kind="samples", twin=None, actor=link.actor, cause=requested.seq, body=body))
        if outcome.phase == "done":
            more.extend(extra)
        return await self._finish(requested, outcome, more)

    async def _call(self, link: Link, point: Point, argument: Value, requested: Event, until: float) -> Outcome:
        limit_s = max(until - asyncio.get_running_loop().time(), 0.001)
        try:
            caller = _caller(link)
            async with asyncio.timeout_at(until):
                result = await caller.call(point, argument, deadline_s=limit_s)
        except LinkDown as error:
            outcome = Outcome("failed", code="LinkDown", detail=error.message)
        except Refused as error:
            outcome = Outcome("failed", code=error.code, detail=error.message)
        except (TimeoutError, Expired):
            outcome = Outcome("expired", detail=f"{point}: {link.name} did not answer within {limit_s:g} s")
        else:
            outcome = _answered(link, point, result)
        return await self._finish(requested, outcome, [])

    async def _finish(self, requested: Event, outcome: Outcome, more: Sequence[Draft]) -> Outcome:
        """Records the outcome, and tries again while nothing can be recorded: no answer goes before it is durable."""
        ended = [_ended(requested, outcome), *more]
        for pause_s in _RECORD_S:
            try:
                await self._engine.commit(ended)
            except InteropError as error:
                _log.error("the outcome of request %s waits to be recorded: %s", requested.seq, error)
                await asyncio.sleep(pause_s)
            else:
                return outcome
        # Not recorded, it becomes expired at the next start, which is what the client is told now.
        return Outcome("expired", detail=f"request {requested.seq} was {outcome.phase}, but that could not be recorded")

    def _remember(self, first: Event, outcome: Outcome) -> None:
        request = first.body.get("request")
        if request is None or outcome.code == "LinkDown":
            return
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(outcome)
        self._keep(request, first.body.get("digest", ""), future)


def _writer(link: Link) -> tuple[Adapter, Writes]:
    adapter = link.require_up()
    if not isinstance(adapter, Writes):
        raise Refused("BadNotWritable", f"{link.name} takes no values")
    return adapter, adapter


def _caller(link: Link) -> Calls:
    adapter = link.require_up()
    if not isinstance(adapter, Calls):
        raise Refused("BadMethodInvalid", f"{link.name} runs no commands")
    return adapter


async def _verify(
    link: Link, adapter: Adapter, asked: Mapping[Point, Value], deadline: float
) -> tuple[dict[Point, Sample], str]:
    """Reads back until every value is what was asked for, or the deadline has passed."""
    loop = asyncio.get_running_loop()
    verified: dict[Point, Sample] = {}
    attempt = 0
    found: Value = None
    while True:
        waiting = [point for point in asked if point not in verified]
        try:
            async with asyncio.timeout_at(max(deadline, loop.time() + 0.05)):
                samples = await adapter.read(waiting)
        except (TimeoutError, LinkDown) as error:
            return verified, f"could not be read back: {error or 'no answer'}"
        now = utc_now()
        for point, sample in zip(waiting, samples, strict=True):
            converted = link.conversions[point].reading(sample, now).sample
            found = converted.value
            if converted.status.is_good and link.conversions[point].agrees(asked[point], converted.value):
                verified[point] = converted
        if len(verified) == len(asked):
            return verified, ""
        pause = _POLL_S[min(attempt, len(_POLL_S) - 1)]
        if loop.time() + pause >= deadline:
            return verified, f"still reads {found!r} after {link.plan.deadline_s:g} s"
        await asyncio.sleep(pause)
        attempt += 1


def _judge(
    link: Link,
    raw: Sequence[tuple[Point, Value]],
    results: Sequence[WriteResult],
    verified: Mapping[Point, Sample],
    detail: str,
) -> Outcome:
    said: dict[str, str] = {}
    refused: WriteResult | None = None
    where = ""
    for (point, _), result in zip(raw, results, strict=True):
        if result.outcome == "refused":
            said[str(point)] = f"refused {result.code}"
            if refused is None:
                refused, where = result, str(point)
        elif point in verified:
            said[str(point)] = "done"
        else:
            said[str(point)] = "expired"
            detail = detail or result.detail
    if refused is not None:
        text = f"{link.name} refused {where}: {refused.code}" + (f" ({refused.detail})" if refused.detail else "")
        return Outcome("failed", code=refused.code, detail=text, results=said)
    if "expired" in said.values():
        late = ", ".join(point for point, word in said.items() if word == "expired")
        return Outcome("expired", detail=f"{late}: not verified in time: {detail}", results=said)
    return Outcome("done", results=said)


def _answered(link: Link, point: Point, result: Value) -> Outcome:
    check = link.bindings[point].type.check_response
    if check is None:
        return Outcome("done", result)
    try:
        return Outcome("done", check(result))
    except ValueInvalid as error:
        text = f"{point}: {link.name} ran it and answered {result!r}: {error.diagnostics[0].cause}"
        return Outcome("failed", result, "BadTypeMismatch", text)


def _ended(first: Event, outcome: Outcome) -> Draft:
    body: dict[str, Any] = {"phase": outcome.phase, "detail": outcome.detail}
    if outcome.code:
        body["code"] = outcome.code
    if first.kind == "write":
        body["results"] = dict(outcome.results)
    else:
        body["point"] = first.body["point"]
        body["result"] = outcome.result
    kind: Literal["write", "command"] = "write" if first.kind == "write" else "command"
    return Draft(kind=kind, twin=first.twin, actor="runtime", cause=first.seq, body=body)


def _outcome(event: Event) -> Outcome:
    phase = event.body["phase"]
    if phase not in {"done", "failed", "expired"}:
        raise RequestInvalid("InvalidArgument", f"event {event.seq} has the unknown phase {phase!r}")
    return Outcome(
        phase,
        event.body.get("result"),
        event.body.get("code", ""),
        event.body.get("detail", ""),
        event.body.get("results", {}),
    )
