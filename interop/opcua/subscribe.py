"""Subscriber: one observer's subscription and monitored items in the present session (OPC 10000-4, 5.13 and 5.14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from asyncua import ua

from interop.opcua.outbox import Outbox
from interop.opcua.resolve import Bound
from interop.opcua.session import Session, parts
from interop.opcua.settings import Defaults
from interop.opcua.values import overflowed, sample, status_name
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

    async def start(self, session: Session, bound: Mapping[Point, Bound]) -> None:
        """Creates the subscription and its items; readings go to the outbox from now on."""
        defaults = self._defaults
        self._session, self._sequence, self._handles, self.revised = session, None, {}, []
        present = [bound[point] for point in self._points if point in bound and bound[point].node is not None]
        present = [one for one in present if not one.binding.type.is_command]
        keep_alive = max(1, int(defaults.stale_after / 3 / defaults.publishing))
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
            out.append(Reading(point, sample(item.Value)))
        if dropped:
            cause = f"the plant's own queues of {dropped} values overflowed; sample slower or make `queue` longer"
            out.append(LinkEvent(self._name, "overflow", utc_now(), cause=cause, count=dropped))
