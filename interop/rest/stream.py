"""``GET /v1/stream``: changes as Server-Sent Events (HTML Living Standard, 9.2), resumed from the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response, StreamingResponse

from dtdl.errors import Overloaded, RequestInvalid
from interop.rest import messages, view
from interop.rest.replay import replay
from interop.rest.request import number
from interop.rest.routes import Call, Parameter, Reply, Route
from interop.service import Change, Published, Subscription, TwinService

HEARTBEAT_S: Final = 10.0
MAX_STREAMS: Final = 1000
QUEUE: Final = 1000
"""Batches that may wait for one reader before it is told that it lost some."""
_REMEMBERED: Final = 4096
_LAST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """What one reader wants to see; empty: everything."""

    twins: frozenset[str]
    paths: Sequence[tuple[str, ...]]

    def lets_pass(self, change: Change) -> bool:
        """Whether the change is about a wanted twin and about a wanted path or something below or above it."""
        if self.twins and change.twin not in self.twins:
            return False
        if not self.paths or not change.path:
            return not self.paths or change.kind in ("twin", "twin-deleted")
        return any(all(a == b for a, b in zip(path, change.path, strict=False)) for path in self.paths)


class Streams:
    """All open streams of one server; each change is encoded once for all of them."""

    def __init__(self, *, queue: int = QUEUE, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._queue = queue
        self._heartbeat_s = heartbeat_s
        self._open: set[Subscription] = set()
        # The change is kept beside its bytes so that its id() stays its own.
        self._encoded: dict[int, tuple[Change, bytes]] = {}

    async def stream(self, call: Call) -> Response:
        """GET /v1/stream."""
        since = _since(call)
        query = call.request.query_params
        wanted = Filter(frozenset(query.getlist("twin")), [view.parse_path(text) for text in query.getlist("path")])
        if len(self._open) >= MAX_STREAMS:
            raise Overloaded(f"there are {MAX_STREAMS} streams already", action="Close some, or try again later.")
        return StreamingResponse(
            self._events(call.service, wanted, since),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    def close(self) -> None:
        """Ends all streams, so that a server can stop."""
        for subscription in tuple(self._open):
            subscription.close()

    async def _events(self, service: TwinService, wanted: Filter, since: int | None) -> AsyncIterator[bytes]:
        # Subscribed here and not in the handler: a response whose reader has gone before its first frame is never
        # iterated, and then nobody would end the subscription.
        subscription = service.subscribe(queue=self._queue)
        self._open.add(subscription)
        upto = service.graph.seq
        start = upto if since is None else min(since, upto)
        try:
            yield _frame(b"open", messages.Opened(seq=start).encode(), start)
            async for change, state in replay(service, start, upto, wanted.twins):
                if wanted.lets_pass(change):
                    yield _frame(b"change", view.change(service, change, state).encode(), None)
            yield _number(upto)
            async for batch in _beating(subscription, self._heartbeat_s):
                if batch is None:
                    yield b": still here\n" + _number(upto)
                    continue
                if batch.lost:
                    yield _frame(b"lost", messages.Lost(batches=batch.lost, after=upto).encode(), None)
                passing = [change for change in batch.changes if change.seq > upto and wanted.lets_pass(change)]
                upto = max(upto, batch.last_seq)
                if passing:
                    yield self._changes(service, passing)
        finally:
            subscription.close()
            self._open.discard(subscription)

    def _changes(self, service: TwinService, changes: Sequence[Change]) -> bytes:
        """Encodes changes; only the last of one seq carries it as its id, so that a reader resumes between events."""
        parts: list[bytes] = []
        for index, change in enumerate(changes):
            last = index + 1 == len(changes) or changes[index + 1].seq != change.seq
            parts.append(_frame(b"change", self._encode(service, change), change.seq if last else None))
        return b"".join(parts)

    def _encode(self, service: TwinService, change: Change) -> bytes:
        known = self._encoded.get(id(change))
        if known is not None:
            return known[1]
        encoded = view.change(service, change).encode()
        self._encoded[id(change)] = (change, encoded)
        if len(self._encoded) > _REMEMBERED:
            del self._encoded[next(iter(self._encoded))]
        return encoded


async def _beating(subscription: Subscription, every_s: float) -> AsyncIterator[Published | None]:
    """Gives the batches, and None whenever there was none for a while."""
    iterator = aiter(subscription)
    waiting: asyncio.Task[Published] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(iterator))
            done, _ = await asyncio.wait((waiting,), timeout=every_s)
            if not done:
                yield None
                continue
            finished, waiting = waiting, None
            try:
                batch = finished.result()
            except StopAsyncIteration:
                return
            yield batch
    finally:
        if waiting is not None:
            waiting.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await waiting


def _frame(name: bytes, data: bytes, seq: int | None) -> bytes:
    identity = b"" if seq is None else b"id: %d\n" % seq
    return b"%sevent: %s\ndata: %s\n\n" % (identity, name, data)


def _number(seq: int) -> bytes:
    """A frame without data: it moves the reader's last event id and shows it nothing."""
    return b"id: %d\n\n" % seq


def _since(call: Call) -> int | None:
    if "since" in call.request.query_params:
        return number(call, "since", 0, at_least=0, at_most=_LAST)
    text = call.request.headers.get("last-event-id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - longer than any seq
        raise RequestInvalid("InvalidArgument", f"Last-Event-ID {text[:40]!r} is no sequence number", action="Omit it.")
    return int(text)


def routes(streams: Streams) -> Iterable[Route]:
    """Gives the route of the stream."""
    yield Route(
        method="GET", path="/v1/stream", handler=streams.stream, family="v1", id="stream",
        summary="Changes as Server-Sent Events: `open`, then `change`; `lost` tells a reader that was too slow.",
        parameters=(
            Parameter(name="twin", where="query", description="Only this twin; may be repeated."),
            Parameter(name="path", where="query", description="Only this value, or what is below it; may be repeated."),
            Parameter(name="since", where="query", description="Begin after this sequence number, from the ledger.",
                      schema={"type": "integer", "minimum": 0}),
            Parameter(name="Last-Event-ID", where="header", description="The same, as browsers send it on reconnect."),
        ),
        replies={200: Reply(description="One JSON object a `data` line.", media="text/event-stream",
                            model={"anyOf": [{"$ref": f"#/components/schemas/{message.__name__}"}
                                             for message in (messages.Opened, messages.Change, messages.Lost)]})},
        errors={400: ("InvalidArgument",), 503: ("Overloaded",)},
    )  # fmt: skip
