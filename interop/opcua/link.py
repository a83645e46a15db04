"""Link: the session with one plant, kept for ever: connecting, watching, reconnecting, resubscribing, reporting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from asyncua import ua

from dtdl.errors import Expired, InteropError, LinkDown, Refused, Untrusted
from interop.opcua.errors import translated
from interop.opcua.history import Outage
from interop.opcua.liveness import Liveness
from interop.opcua.resolve import Bound, Resolver
from interop.opcua.security import Store
from interop.opcua.session import Opener, Session
from interop.opcua.settings import OpcUaSettings
from interop.opcua.subscribe import Subscriber
from interop.opcua.values import json_value, sample, status_name, variant
from interop.outbox import Outbox
from interop.ports import Description, Observed, Source, WriteResult
from interop.values import BAD_NOT_FOUND, LinkEvent, Point, Sample, Value, utc_now

_log = logging.getLogger(__name__)
_BACK_OFF_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
_NOT_SENT: Final = "BadRequestCancelledByClient"
_CANCEL_S: Final = 3.0
_STATE: Final = (ua.NodeId(ua.ObjectIds.Server_ServerStatus_State), ua.AttributeIds.Value)


class Link:
    """The link to one plant.

    Args:
        source: As given to the adapter.
    """

    def __init__(self, source: Source) -> None:
        self._name = source.name
        self._settings: OpcUaSettings = source.settings
        self._bindings = source.bindings
        self._liveness = Liveness(self._settings.defaults.stale_after)
        self._opener = Opener(
            name=source.name,
            settings=self._settings,
            base=Path(source.base),
            store=Store(Path(source.state_dir)),
            timeout_s=min(max(self._liveness.stale_s, 1.0), 4.0),
        )
        self._keeper: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._bound: dict[Point, Bound] = {}
        self._subscribers: list[Subscriber] = []
        self._down: LinkEvent | None = None
        self._said: set[str] = set()
        self._started: datetime | None = None
        self._last_alive: datetime | None = None

    # --- life ---

    async def open(self) -> None:
        """Starts to connect, and returns at once.

        Raises:
            InputUnreadable: A certificate that the file names cannot be read.
        """
        if self._settings.security.mode != "None":
            await asyncio.to_thread(self._opener.own)
        self._keeper = asyncio.create_task(self._keep(), name=f"opcua {self._name}")
        self._keeper.add_done_callback(self._end_observers)

    def _end_observers(self, _keeper: asyncio.Task[None]) -> None:
        for subscriber in self._subscribers:
            subscriber.outbox.close()

    async def close(self) -> None:
        """Ends the session; observers' iterations end."""
        while self._keeper is not None and not self._keeper.done():
            self._keeper.cancel()
            # in Python 3.11 wait_for swallows a cancellation that comes together with its result
            await asyncio.wait([self._keeper], timeout=_CANCEL_S)

    async def _keep(self) -> None:
        """Connects and watches, again and again."""
        tries = 0
        while True:
            try:
                session = await self._opener.connect()
            except InteropError as error:
                # what trusts a certificate must reach people; that a plant should run they know
                remedy = f". {error.action}" if isinstance(error, Untrusted) and error.action else ""
                self._say_down(error.message + remedy)
            else:
                try:
                    if await self._live(session):
                        tries = 0
                finally:
                    self._session = None
                    await session.close()
            await asyncio.sleep(_BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)])
            tries += 1

    async def _live(self, session: Session) -> bool:
        """Uses a session until it is lost, and says so before anybody waits for its end.

        Returns:
            Whether the link was up.
        """
        came_up = False
        try:
            with translated(f"preparing the link to {self._settings.opcua}"):
                await self._take_up(session)
            came_up = True
            cause = await self._watch(session)
        except InteropError as error:
            cause = error.message
        self._session = None
        self._say_down(cause)
        return came_up

    async def _take_up(self, session: Session) -> None:
        """Resolves anew, subscribes, and says that the link is up."""
        resolver = Resolver(session, self._settings.namespaces)
        self._bound = await resolver.resolve(self._bindings)
        subscribers = list(self._subscribers)
        now, since = utc_now(), self._last_alive
        outage = Outage(since, now, restarted=session.started != self._started) if since is not None else None
        try:
            for subscriber in subscribers:
                await subscriber.start(session, self._bound)
            if outage is not None:
                for subscriber in subscribers:
                    await subscriber.fill(session, self._bound, outage)
        except BaseException:
            for subscriber in subscribers:
                subscriber.abandon()
            raise
        events = [LinkEvent(self._name, "up", now)]
        if outage is not None and outage.restarted:
            cause = "the server started anew"
            events.append(LinkEvent(self._name, "restarted", outage.since, now, cause, len(self._bound)))
        self._down, self._started, self._last_alive = None, session.started, now
        self._said.clear()
        for subscriber in subscribers:
            subscriber.release(events)
        self._session = session
        for late in [subscriber for subscriber in self._subscribers if subscriber not in subscribers]:
            await self._join(session, late)

    async def _watch(self, session: Session) -> str:
        """Returns why the session is lost, before ``stale_after`` has passed since the last sign of life."""
        beat_s = self._liveness.beat_s
        while True:
            await asyncio.wait([session.lost], timeout=max(session.alive + beat_s - time.monotonic(), 0.0))
            if session.lost.done():
                return session.lost.result()
            quiet_s = time.monotonic() - session.alive
            if quiet_s >= beat_s:
                cause = await self._ask(session, self._liveness.patience_s(quiet_s))
                if cause is not None and not session.lost.done():
                    return cause
            self._last_alive = utc_now() - timedelta(seconds=time.monotonic() - session.alive)

    async def _ask(self, session: Session, within_s: float) -> str | None:
        """Asks for a sign of life; gives the reason when there is none."""
        before = session.alive
        try:
            with translated("asking for the server's state"):
                data = (await asyncio.wait_for(session.read([_STATE]), within_s))[0]
        except LinkDown:
            return None if session.alive != before else f"no sign of life for {time.monotonic() - before:.1f} s"
        except InteropError as error:
            return error.message
        state = data.Value.Value if data.Value is not None else None
        if state not in (None, ua.ServerState.Running):
            return f"the server's state is {ua.ServerState(state).name}"
        return None

    def _say_down(self, cause: str) -> None:
        now = utc_now()
        since = self._down.since if self._down else self._last_alive or now
        if cause in self._said:
            return  # causes that take turns are not told again and again
        self._said.add(cause)
        self._down = LinkEvent(self._name, "down", since, cause=cause)
        _log.info("%s is down: %s", self._name, cause)
        for subscriber in self._subscribers:
            subscriber.outbox.put([self._down])

    # --- what the adapter offers ---

    @property
    def _up(self) -> Session:
        session = self._session
        if session is not None and not session.lost.done():
            return session
        if session is not None:
            cause = session.lost.result()
        else:
            cause = self._down.cause if self._down else "it is not connected yet"
        raise LinkDown(f"the link to {self._name} is down: {cause}", action="Try again once it is up.")

    async def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        """Gives batches until closed; see ports.Observes."""
        defaults = self._settings.defaults
        outbox = Outbox(self._name, defaults.buffer)
        subscriber = Subscriber(self._name, defaults, tuple(points), outbox)
        session = self._session
        self._subscribers.append(subscriber)
        try:
            if session is not None:
                await self._join(session, subscriber)
            elif self._down is not None:
                outbox.put([self._down])
            while batch := await outbox.take():
                yield batch
            if self._keeper is not None and self._keeper.done() and not self._keeper.cancelled():
                self._keeper.result()  # it never ends by itself: whoever observes is told why it did
        finally:
            self._subscribers.remove(subscriber)
            if self._session is not None:
                with contextlib.suppress(InteropError), translated("ending a subscription"):
                    await subscriber.stop(self._session)

    async def _join(self, session: Session, subscriber: Subscriber) -> None:
        """Subscribes in a session that is up already."""
        try:
            with translated("subscribing"):
                await subscriber.start(session, self._bound)
        except InteropError as error:
            subscriber.abandon()
            session.lose(error.message)
        else:
            subscriber.release([LinkEvent(self._name, "up", utc_now())])

    def describe(self, points: Sequence[Point]) -> list[Description]:
        """What the server said of the points when the link came up last."""
        unknown = Description(direction="both", detail="the link was not up yet")
        return [self._bound[point].describe() if point in self._bound else unknown for point in points]

    async def read(self, points: Sequence[Point]) -> list[Sample]:
        """Reads now; a point that the server lacks gives BadNodeIdUnknown.

        Raises:
            LinkDown: The link is down.
        """
        session = self._up
        nodes = [self._bound[point].node if point in self._bound else None for point in points]
        with translated(f"reading from {self._name}"):
            data = iter(await session.read([(node, ua.AttributeIds.Value) for node in nodes if node is not None]))
        now = utc_now()
        missing = Sample(None, BAD_NOT_FOUND, now, now)
        return [missing if node is None else sample(next(data)) for node in nodes]

    async def write(self, values: Sequence[tuple[Point, Value]], *, deadline_s: float) -> list[WriteResult]:
        """Writes one after the other, until one is not done; see ports.Writes.

        Raises:
            LinkDown: Nothing was sent.
        """
        session = self._up
        until = time.monotonic() + deadline_s
        results: list[WriteResult] = []
        for point, value in values:
            if results and results[-1].outcome != "done":
                results.append(WriteResult("refused", _NOT_SENT, "an earlier value of the request was not taken"))
                continue
            try:
                results.append(await self._write_one(session, point, value, until - time.monotonic()))
            except LinkDown:
                if not results:
                    raise
                results.append(WriteResult("unknown", detail="the link was lost"))
        return results

    async def _write_one(self, session: Session, point: Point, value: Value, within_s: float) -> WriteResult:
        try:
            node, raw = self._checked(point, value)
            with translated(f"writing {point}"):
                code = await asyncio.wait_for(session.write(node, raw), max(within_s, 0.001))
        except Refused as error:
            return WriteResult("refused", error.code, error.message)
        except LinkDown as error:
            # it was sent, or may have been: nothing is known of it
            return WriteResult("unknown", detail=error.message)
        if code.startswith("Good"):
            return WriteResult("done")
        return WriteResult("refused", code, f"the server answered {code}")

    def _checked(self, point: Point, value: Value) -> tuple[ua.NodeId, ua.Variant]:
        """The node to write and the value in its own type, before anything is sent.

        Raises:
            Refused: The node is missing, may not be written, or takes other values.
        """
        bound = self._bound.get(point)
        if bound is None or bound.node is None:
            raise Refused(BAD_NOT_FOUND, bound.detail if bound else f"{point} is not bound")
        if not bound.writable:
            raise Refused("BadNotWritable", "the node's access level does not allow writing")
        if bound.denied:
            raise Refused("BadUserAccessDenied", "the node may not be written by our user")
        if bound.kind is None:
            raise Refused("BadTypeMismatch", "nothing tells the type of the node's values")
        return bound.node, variant(value, bound.kind, bound.rank, scaled=bound.binding.scale != 1.0)

    async def call(self, point: Point, argument: Value, *, deadline_s: float) -> Value:
        """Calls the method of a Command; see ports.Calls."""
        session = self._up
        bound = self._bound.get(point)
        if bound is None or bound.node is None or bound.parent is None:
            raise Refused("BadMethodInvalid", f"{point}: {bound.detail if bound else 'not bound'}")
        arguments = self._arguments(bound, argument)
        try:
            with translated(f"calling {point}"):
                answer = await asyncio.wait_for(session.call(bound.parent, bound.node, arguments), deadline_s)
        except LinkDown as error:
            raise Expired(
                f"{error.message}; what became of the call is unknown",
                action="Look at the plant before calling again.",
            ) from error
        code = status_name(answer.StatusCode.value)
        if not code.startswith("Good"):
            raise Refused(code, f"{point}: the plant refused the call with {code}")
        outputs = [json_value(output.Value) for output in answer.OutputArguments or []]
        if len(outputs) > 1:
            names = [argument.Name or str(index) for index, argument in enumerate(bound.outputs)]
            return dict(zip(names, outputs, strict=False))
        return outputs[0] if outputs else None

    @staticmethod
    def _arguments(bound: Bound, argument: Value) -> list[ua.Variant]:
        """The one value, or the members of an object by name when the method takes several."""
        given: list[Value]
        if len(bound.inputs) > 1:
            names = [each.Name for each in bound.inputs]
            if not isinstance(argument, dict) or set(argument) != set(names):
                raise Refused("BadArgumentsMissing", f"the method takes an object with {', '.join(map(str, names))}")
            given = [argument[str(name)] for name in names]
        elif bound.inputs:
            if argument is None:
                raise Refused("BadArgumentsMissing", f"the method takes one argument, {bound.inputs[0].Name}")
            given = [argument]
        else:
            if argument is not None:
                raise Refused("BadTooManyArguments", "the method takes no argument")
            given = []
        made: list[ua.Variant] = []
        for each, kind, value in zip(bound.inputs, bound.input_kinds, given, strict=True):
            if kind is None:
                raise Refused("BadTypeMismatch", f"arguments of the type of {each.Name} cannot be made")
            made.append(variant(value, kind, each.ValueRank))
        return made
