"""``/v1/stream``: changes as Server-Sent Events (HTML Living Standard, 9.2) or WebSocket messages (RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Final, NamedTuple

from starlette.requests import HTTPConnection
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from dtdl.errors import Overloaded, RequestInvalid
from interop.rest import messages, view
from interop.rest.replay import replay
from interop.rest.routes import Call, Parameter, Reply, Route
from interop.rest.selection import PARAMETERS, Selection
from interop.service import Change, Published, Subscription, TwinService

PATH: Final = "/v1/stream"
HEARTBEAT_S: Final = 10.0
MAX_STREAMS: Final = 1000
QUEUE: Final = 1000
"""Batches that may wait for one reader before it is told that it lost some."""
GOING_AWAY: Final = 1001
"""Close code of a WebSocket when the server stops (RFC 6455, 7.4.1)."""
_REMEMBERED: Final = 4096
_LAST: Final = 2**63 - 1


class Item(NamedTuple):
    """One message to a reader.

    Attributes:
        name: ``open``, ``change``, ``lost``; empty for one that only moves the reader's position.
        data: JSON; empty with an empty name.
        seq: The reader has seen everything up to here, None for what stands within an event's changes.
    """

    name: bytes
    data: bytes
    seq: int | None


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
        since = _since(call.request)
        wanted = Selection(call.service, call.request.query_params)
        self._require_room()
        return StreamingResponse(
            self._events(call.service, wanted, since),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def websocket(self, socket: WebSocket, service: TwinService) -> None:
        """The same over a WebSocket: each message is ``{"event", "seq", "data"}``; what the client sends is not read.

        Raises:
            RequestInvalid: A parameter that is wrong.
            Overloaded: There are too many streams.
        """
        since = _since(socket)
        wanted = Selection(service, socket.query_params)
        self._require_room()
        await socket.accept()
        sending = asyncio.ensure_future(self._send(socket, self._items(service, wanted, since)))
        gone = asyncio.ensure_future(_until_gone(socket))
        done, left = await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await task
        for task in done:
            with suppress(WebSocketDisconnect):
                task.result()

    @staticmethod
    async def _send(socket: WebSocket, items: AsyncGenerator[Sequence[Item]]) -> None:
        async with aclosing(items):
            async for batch in items:
                for item in batch:
                    await socket.send_text(_message(item).decode())
        await socket.close(GOING_AWAY)

    def _require_room(self) -> None:
        if len(self._open) >= MAX_STREAMS:
            raise Overloaded(f"there are {MAX_STREAMS} streams already", action="Close some, or try again later.")

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._open)

    def close(self) -> None:
        """Ends all streams, so that a server can stop."""
        for subscription in tuple(self._open):
            subscription.close()

    async def _events(self, service: TwinService, wanted: Selection, since: int | None) -> AsyncIterator[bytes]:
        async with aclosing(self._items(service, wanted, since)) as items:
            async for batch in items:
                yield b"".join(map(_frame, batch))

    async def _items(
        self, service: TwinService, wanted: Selection, since: int | None
    ) -> AsyncGenerator[Sequence[Item]]:  # fmt: skip
        # Subscribed here and not in the handler: a response whose reader has gone before its first frame is never
        # iterated, and then nobody would end the subscription.
        subscription = service.subscribe(queue=self._queue)
        self._open.add(subscription)
        upto = service.graph.seq
        start = upto if since is None else min(since, upto)
        try:
            yield (Item(b"open", messages.Opened(seq=start).encode(), start),)
            async for change, state in replay(service, start, upto, wanted.twins):
                if wanted.lets_pass(change, state):
                    yield (Item(b"change", view.change(service, change, state).encode(), None),)
            yield (_position(upto),)
            async with aclosing(_beating(subscription, self._heartbeat_s)) as batches:
                async for batch in batches:
                    if batch is None:
                        yield (_position(upto),)
                        continue
                    lost = messages.Lost(batches=batch.lost, after=upto).encode() if batch.lost else None
                    passing = [change for change in batch.changes if change.seq > upto and wanted.lets_pass(change)]
                    upto = max(upto, batch.last_seq)
                    items = self._changes(service, passing)
                    if lost is not None:
                        items.insert(0, Item(b"lost", lost, None))
                    if items:
                        yield items
        finally:
            subscription.close()
            self._open.discard(subscription)

    def _changes(self, service: TwinService, changes: Sequence[Change]) -> list[Item]:
        """Encodes changes; only the last of one seq carries it as its id, so that a reader resumes between events."""
        items: list[Item] = []
        for index, change in enumerate(changes):
            last = index + 1 == len(changes) or changes[index + 1].seq != change.seq
            items.append(Item(b"change", self._encode(service, change), change.seq if last else None))
        return items

    def _encode(self, service: TwinService, change: Change) -> bytes:
        known = self._encoded.get(id(change))
        if known is not None:
            return known[1]
        encoded = view.change(service, change).encode()
        self._encoded[id(change)] = (change, encoded)
        if len(self._encoded) > _REMEMBERED:
            del self._encoded[next(iter(self._encoded))]
        return encoded


async def _beating(subscription: Subscription, every_s: float) -> AsyncGenerator[Published | None]:
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


async def _until_gone(socket: WebSocket) -> None:
    """Waits until the client has closed; what it sends is dropped, each message within the server's bound."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _frame(item: Item) -> bytes:
    """A Server-Sent Event; one without data moves the reader's last event id and shows it nothing."""
    identity = b"" if item.seq is None else b"id: %d\n" % item.seq
    if not item.name:
        return b": still here\n%s\n" % identity
    return b"%sevent: %s\ndata: %s\n\n" % (identity, item.name, item.data)


def _message(item: Item) -> bytes:
    """A WebSocket message (``messages.StreamMessage``)."""
    seq = b"null" if item.seq is None else b"%d" % item.seq
    return b'{"event":"%s","seq":%s,"data":%s}' % (item.name or b"position", seq, item.data or b"null")


def _position(seq: int) -> Item:
    return Item(b"", b"", seq)


def _since(request: HTTPConnection) -> int | None:
    for name, text in (
        ("since", request.query_params.get("since")), ("Last-Event-ID", request.headers.get("last-event-id") or None)
    ):  # fmt: skip
        if text is None:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LAST):  # noqa: PLR2004 - digits
            raise RequestInvalid("InvalidArgument", f"{name} {text[:40]!r} is no sequence number", action="Omit it.")
        return int(text)
    return None


def routes(streams: Streams) -> Iterable[Route]:
    """Gives the route of the stream."""
    yield Route(
        method="GET", path=PATH, handler=streams.stream, family="v1", id="stream",
        summary="Changes as Server-Sent Events: `open`, then `change`; `lost` tells a reader that was too slow.",
        parameters=(
            *PARAMETERS,
            Parameter(name="since", where="query", description="Begin after this sequence number, from the ledger.",
                      schema={"type": "integer", "minimum": 0}),
            Parameter(name="Last-Event-ID", where="header", description="The same, as browsers send it on reconnect."),
        ),
        replies={200: Reply(description="One JSON object a `data` line.", media="text/event-stream",
                            model={"anyOf": [{"$ref": f"#/components/schemas/{message.__name__}"}
                                             for message in (messages.Opened, messages.Change, messages.Lost)]}),
                 101: Reply(description="To a WebSocket handshake: one `StreamMessage` a message.")},
        errors={400: ("InvalidArgument",), 503: ("Overloaded",)},
    )  # fmt: skip
