"""Subscriber: one observer's subscription and monitored items in the present session (OPC 10000-4, 5.13 and 5.14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from asyncua import ua

from interop.opcua.history import Filled, Outage, back_fill
from interop.opcua.liveness import Liveness
from interop.opcua.resolve import Bound
from interop.opcua.session import Session, parts
from interop.opcua.settings import Defaults
from interop.opcua.values import overflowed, sample, status_name
from interop.outbox import Outbox
from interop.ports import Observed
from interop.values import LinkEvent, Point, Reading, Sample, Status, utc_now

_LIFETIME_S: Final = 60.0
_LAST_SEQUENCE: Final = 0xFFFFFFFF
_REVISED: Final = 1.01
"""Granted intervals up to 1 % longer than asked are as asked."""


class Subscriber:
    """What one observer wants, and the subscription that gives it.

    Args:
        name: Name of the source.
        defaults: Intervals and queues.
        points: What is observed.
        outbox: Where it goes.
    """

    def __init__(self, name: str, defaults: Defaults, points: Sequence[Point], outbox: Outbox) -> None:
        self.outbox = outbox
        self.revised: list[LinkEvent] = []
        self._name = name
        self._defaults = defaults
        self._points = points
        self._handles: dict[int, Point] = {}
        self._subscription: int | None = None
        self._sequence: int | None = None
        self._session: Session | None = None
        self._latest: dict[Point, datetime] = {}
        self._before: dict[Point, datetime] = {}
        self._filled = Filled()
        self._lost: list[LinkEvent] = []

    async def start(self, session: Session, bound: Mapping[Point, Bound]) -> None:
        """Creates the subscription and its items; their readings are kept apart until ``release`` or ``abandon``."""
        defaults = self._defaults
        self.outbox.hold()
        self._before, self._filled, self._lost = dict(self._latest), Filled(), []
        self._session, self._sequence, self._handles, self.revised = session, None, {}, []
        present = [bound[point] for point in self._points if point in bound and bound[point].node is not None]
        present = [one for one in present if not one.binding.type.is_command]
        keep_alive = max(1, int(Liveness(defaults.stale_after).keep_alive_s / defaults.publishing))
        granted = await session.raw.create_subscription(
            ua.CreateSubscriptionParameters(
                RequestedPublishingInterval=defaults.publishing * 1000,
                RequestedLifetimeCount=max(3 * keep_alive, int(_LIFETIME_S / defaults.publishing)),
                RequestedMaxKeepAliveCount=keep_alive,
                MaxNotificationsPerPublish=0,
                PublishingEnabled=True,
                Priority=0,
            ),
            self._published,
        )
        session.touch()
        self._subscription = granted.SubscriptionId
        if granted.RevisedPublishingInterval > defaults.publishing * 1000 * _REVISED:
            self._tell_revised(
                f"publishing every {granted.RevisedPublishingInterval:g} ms, not {defaults.publishing * 1000:g} ms",
                len(present),
            )
        slower: dict[float, int] = {}
        for part in parts(list(enumerate(present, start=1)), session.limits.items):
            await self._monitor(session, part, slower)
        for interval, count in sorted(slower.items()):
            self._tell_revised(f"{count} values are sampled every {interval:g} ms, slower than asked", count)

    async def _monitor(self, session: Session, part: Sequence[tuple[int, Bound]], slower: dict[float, int]) -> None:
        wanted: list[ua.MonitoredItemCreateRequest] = []
        for handle, one in part:
            self._handles[handle] = one.binding.point
            address = one.binding.address
            sampling = self._defaults.sampling if address.sampling is None else address.sampling
            wanted.append(
                ua.MonitoredItemCreateRequest(
                    ItemToMonitor=ua.ReadValueId(NodeId=one.node, AttributeId=ua.AttributeIds.Value),
                    MonitoringMode=ua.MonitoringMode.Reporting,
                    RequestedParameters=ua.MonitoringParameters(
                        ClientHandle=handle,
                        SamplingInterval=sampling * 1000,
                        QueueSize=address.queue or self._defaults.queue,
                        DiscardOldest=True,
                    ),
                )
            )
        answers = await session.raw.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=wanted,
            )
        )
        session.touch()
        now = utc_now()
        for (handle, one), request, answer in zip(part, wanted, answers, strict=True):
            if not answer.StatusCode.is_good():
                one.detail = f"it cannot be monitored: {status_name(answer.StatusCode.value)}"
                refused = Sample(None, Status(status_name(answer.StatusCode.value)), now, now)
                self.outbox.put([Reading(self._handles.pop(handle), refused)])
                continue
            asked, got = request.RequestedParameters.SamplingInterval, answer.RevisedSamplingInterval
            if got > max(asked, self._defaults.publishing * 1000 if asked < 0 else asked) * _REVISED:
                slower[got] = slower.get(got, 0) + 1

    def _tell_revised(self, cause: str, count: int) -> None:
        self.revised.append(LinkEvent(self._name, "revised", utc_now(), cause=cause, count=count))

    async def fill(self, session: Session, bound: Mapping[Point, Bound], outage: Outage) -> None:
        """Reads what the plant remembers of an outage; what it does not remember is a gap."""
        present = [bound[point] for point in self._points if point in bound]
        observed = [one for one in present if not one.binding.type.is_command]
        self._filled = await back_fill(session, observed, self._before, outage)
        missing = len(self._filled.missing)
        if missing:
            cause = f"the plant has no history of this time for {missing} of {len(observed)} values"
            self._lost = [LinkEvent(self._name, "gap", outage.since, outage.until, cause, missing)]

    def abandon(self) -> None:
        """Forgets what this session gave: it did not come up."""
        self._latest = self._before
        self.outbox.drop_held()

    def release(self, events: Sequence[LinkEvent]) -> None:
        """Gives out ``events``, gaps, what was back-filled, and then live values."""
        filled, lost, self._lost = self._filled, self._lost, []
        self.outbox.release([*events, *lost, *self.revised, *filled.readings], unless=self._known)
        filled.readings = []

    def _known(self, item: Observed) -> bool:
        """Whether a live reading repeats what was back-filled."""
        if not isinstance(item, Reading) or not self._filled.last:
            return False
        last = self._filled.last.get(item.point)
        if last is None or item.sample.source_time is None:
            return False
        if item.sample.source_time <= last:
            return True
        del self._filled.last[item.point]
        return False

    async def stop(self, session: Session) -> None:
        """Deletes the subscription."""
        if self._subscription is not None and session is self._session:
            await session.raw.delete_subscriptions([self._subscription])

    def _published(self, result: ua.PublishResult) -> None:
        """Takes one notification message (OPC 10000-4, 5.14.5); called for keep-alives, too."""
        session = self._session
        if session is None:
            return
        session.touch()
        message = result.NotificationMessage
        if not message.NotificationData:
            return
        out: list[Observed] = []
        self._count(int(message.SequenceNumber), out)
        for data in message.NotificationData:
            if isinstance(data, ua.DataChangeNotification):
                self._changed(data.MonitoredItems, out)
            elif isinstance(data, ua.StatusChangeNotification):
                session.lose(f"the server ended the subscription with {status_name(data.Status.value)}")
        if self._filled.last and not self.outbox.holds:
            out = [item for item in out if not self._known(item)]
        self.outbox.put(out)

    def _count(self, sequence: int, out: list[Observed]) -> None:
        """Notices notification messages that never came (OPC 10000-4, 5.14.1.4)."""
        if sequence == 0:
            return  # asyncua's own word on the end of the transport
        expected = None if self._sequence is None else self._sequence % _LAST_SEQUENCE + 1
        self._sequence = sequence
        if expected is not None and sequence != expected:
            now = utc_now()
            cause = f"notification {expected} was expected and {sequence} came"
            out.append(LinkEvent(self._name, "gap", now, now, cause, (sequence - expected) % _LAST_SEQUENCE))

    def _changed(self, items: Sequence[ua.MonitoredItemNotification], out: list[Observed]) -> None:
        dropped = 0
        for item in items:
            point = self._handles.get(item.ClientHandle)
            if point is None:
                continue
            dropped += overflowed(item.Value.StatusCode.value if item.Value.StatusCode is not None else 0)
            found = sample(item.Value)
            if found.source_time is not None:
                self._latest[point] = found.source_time
            out.append(Reading(point, found))
        if dropped:
            cause = f"the plant's own queues of {dropped} values overflowed; sample slower or make `queue` longer"
            out.append(LinkEvent(self._name, "overflow", utc_now(), cause=cause, count=dropped))
