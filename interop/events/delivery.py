"""Delivery of events to one endpoint: a bounded queue, retries with growing pauses, and dead letters in a file."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Final, Protocol

import orjson

from dtdl.errors import MegatwinError, Refused, Unreachable
from interop.config.plan import EndpointPlan
from interop.values import format_time, utc_now

_log = logging.getLogger("megatwin.events")
QUEUE: Final = 10_000
"""Events that wait for one endpoint."""
BATCH: Final = 500
"""Events that a sink of this module takes at once."""
CLOSE_S: Final = 2.0
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Sink(Protocol):
    """Where events go.

    Attributes:
        batch: How many it takes at once, at most.
    """

    batch: int

    async def send(self, events: Sequence[bytes]) -> int:
        """Takes encoded events, in order, and says how many of them it took.

        Raises:
            Refused: The first of them is not wanted, and never will be.
            Unreachable: It may be taken later.
        """
        ...

    async def close(self) -> None:
        """Ends it."""
        ...


class Delivery:
    """The events that go to one endpoint.

    Args:
        plan: The endpoint.
        sink: Where its events go.
    """

    def __init__(self, plan: EndpointPlan, sink: Sink) -> None:
        self._plan = plan
        self._sink = sink
        self._waiting: deque[bytes] = deque()
        self._dead: list[tuple[bytes, str]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=f"endpoint {plan.name}")
        self._task.add_done_callback(self._say_bug)

    def put(self, event: bytes) -> None:
        """Takes an event; never waits. When the queue is full the oldest becomes a dead letter."""
        if len(self._waiting) >= QUEUE:
            self._dead.append((self._waiting.popleft(), f"more than {QUEUE} events waited"))
        self._waiting.append(event)
        self._wake.set()

    async def close(self) -> None:
        """Delivers for two seconds more; what is left becomes dead letters."""
        self._closing = True
        self._wake.set()
        done, _ = await asyncio.wait([self._task], timeout=CLOSE_S)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._dead += [(event, "megatwin stopped") for event in self._waiting]
        self._waiting.clear()
        await self._bury()
        await self._sink.close()

    def _say_bug(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("nothing is delivered to the endpoint %s any more", self._plan.name, exc_info=error)

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._bury()
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._deliver()

    async def _deliver(self) -> None:
        """Delivers the oldest events, or makes the first of them a dead letter."""
        until = asyncio.get_running_loop().time() + self._plan.retry_for_s
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            batch = list(islice(self._waiting, self._sink.batch))
            try:
                taken = await self._sink.send(batch)
            except Refused as error:
                self._give_up(batch[0], error)
                return
            except Unreachable as error:
                if asyncio.get_running_loop().time() + pause > until:
                    self._give_up(batch[0], error)
                    return
                _log.warning("endpoint %s: %s; tried again in %g s", self._plan.name, error.message, pause)
                await asyncio.sleep(pause)
            else:
                for event in batch[:taken]:
                    self._drop(event)
                return

    def _give_up(self, event: bytes, error: MegatwinError) -> None:
        _log.warning("endpoint %s: an event is a dead letter: %s", self._plan.name, error.message)
        self._dead.append((event, error.message))
        self._drop(event)

    def _drop(self, event: bytes) -> None:
        """Removes an event that was dealt with, unless the full queue has dropped it meanwhile."""
        if self._waiting and self._waiting[0] is event:
            self._waiting.popleft()

    async def _bury(self) -> None:
        dead, self._dead = self._dead, []
        if dead:
            now = format_time(utc_now())
            lines = [
                orjson.dumps({"at": now, "endpoint": self._plan.name, "reason": why, "event": orjson.Fragment(event)})
                for event, why in dead
            ]
            await asyncio.to_thread(_append, self._plan.dead_letters, lines)


class FileSink:
    """Appends events to a file, one a line.

    Args:
        path: The file.
    """

    batch = BATCH

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, events: Sequence[bytes]) -> int:
        """Appends them."""
        try:
            await asyncio.to_thread(_write, self._path, events)
        except OSError as error:
            raise Unreachable(f"{self._path} cannot be written: {error.strerror or error}") from error
        return len(events)

    async def close(self) -> None:
        """Does nothing: the file is opened for each batch."""


class InProcessSink:
    """Gives events to code in this process; a listener that is slow loses the oldest."""

    batch = BATCH

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[bytes | None]] = []

    async def listen(self) -> AsyncIterator[dict[str, object]]:
        """Events from now on, as ``async for`` gives them."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues.append(queue)
        try:
            while (event := await queue.get()) is not None:
                yield orjson.loads(event)
        finally:
            self._queues.remove(queue)

    async def send(self, events: Sequence[bytes]) -> int:
        """Hands them on."""
        for queue in self._queues:
            for event in events:
                if queue.qsize() >= QUEUE:
                    queue.get_nowait()
                queue.put_nowait(event)
        return len(events)

    async def close(self) -> None:
        """Ends the listeners."""
        for queue in self._queues:
            queue.put_nowait(None)


def _write(path: Path, lines: Sequence[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))


def _append(path: Path, lines: Sequence[bytes]) -> None:
    try:
        _write(path, lines)
    except OSError as error:
        _log.error("%d dead letters are lost: %s cannot be written: %s", len(lines), path, error)
