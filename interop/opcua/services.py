"""Mends of asyncua's server, by subclassing; each names the defect and the version it was seen in.

- A write reaches the address space directly, and a call does not know its user (2.1.0, by design): writes and calls are
  taken by ``TwinAttributes`` and ``TwinSession`` instead.
- One session takes over the subscriptions of another that is not the same user's (2.1.0): ``TwinSession``.
- A Method that is named by its type's declaration is not found (2.1.0): ``TwinSession`` (OPC 10000-4, 5.12.2.2).
- Any session changes, deletes and republishes the subscriptions of all others (2.1.0): ``TwinSession``.
- A subscription that was taken over still asks its old connection for publish requests (2.1.0): ``TwinSession``.
- An IndexRange is not heeded (2.1.0): ``TwinAttributes`` and ``TwinItems``.
- Republish of a message that is not kept gives an empty one, and forgets one that is (2.1.0): ``TwinSubscription``.
- MaxNotificationsPerPublish is not heeded (2.1.0): ``TwinSubscription``.
- A deadband compares with the value before and not with the last report; a percent deadband is taken without a range;
  sampling intervals are not heeded; a full queue sets no Overflow bit; what is only sampled is reported; values are
  copied for each monitored item (2.1.0): ``TwinItems``.

``defects.defects`` tries each of the last four on the version that is installed; what is
repaired is not mended.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemData, MonitoredItemService
from asyncua.server.subscription_service import SubscriptionService
from asyncua.server.user_managers import UserManager
from asyncua.ua import StatusCodes, uaprotocol_auto

from interop.opcua.access import ANONYMOUS
from interop.opcua.items import TwinItem
from interop.opcua.ranges import parse_range, part_of

caller: ContextVar[str] = ContextVar("megatwin_opcua_caller", default=ANONYMOUS)
"""Name of the user whose request is being served."""

_FASTEST_PUBLISHING_MS: Final = 1.0
_FASTEST_POLL_S: Final = 0.05
_SLOWEST_S: Final = 86_400.0
_HAS_PROPERTY: Final = ua.NodeId(ua.ObjectIds.HasProperty)
_EU_RANGE: Final = ua.QualifiedName("EURange", 0)
_NUMBERS: Final = frozenset(
    (
        *(ua.VariantType(number) for number in range(ua.VariantType.SByte.value, ua.VariantType.Double.value + 1)),
        ua.VariantType.Null,
    )
)

Write = Callable[[ua.NodeId, ua.DataValue], Awaitable[ua.StatusCode]]


class TwinAttributes(AttributeService):
    """Writes to values of twins take the path of every change; all other writes are refused.

    Args:
        aspace: asyncua's address space.
        owned: Whether a node is the value of a twin.
        write: Takes such a write.
        found: The defects of the asyncua that is installed, see ``interop.opcua.defects``.
    """

    def __init__(
        self, aspace: Any, owned: Callable[[ua.NodeId], bool], write: Write, found: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(aspace)
        self._owned = owned
        self._take = write
        self._cuts = "ranges" in found

    def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Answers each value, or the part of it that is asked for (OPC 10000-4, 5.11.2)."""
        values: list[ua.DataValue] = super().read(params)
        if not self._cuts:
            return values
        return [part_of(value, item.IndexRange) for value, item in zip(values, params.NodesToRead, strict=True)]

    async def write(self, params: ua.WriteParameters, user: User | None = None) -> list[ua.StatusCode]:
        """Answers each value (OPC 10000-4, 5.11.4); our own writes to the standard nodes pass."""
        if user is None or user.role == UserRole.Admin:
            own: list[ua.StatusCode] = await super().write(params, user or User(role=UserRole.Admin))
            return own
        token = caller.set(user.name or ANONYMOUS)
        try:
            return [await self._one(item) for item in params.NodesToWrite]
        finally:
            caller.reset(token)

    async def _one(self, item: ua.WriteValue) -> ua.StatusCode:
        known = self._aspace.read_attribute_value(item.NodeId, item.AttributeId).StatusCode
        if known is not None and known.value in (
            ua.StatusCodes.BadNodeIdUnknown,
            ua.StatusCodes.BadAttributeIdInvalid,
        ):
            return known
        if item.AttributeId != ua.AttributeIds.Value or not self._owned(item.NodeId):
            return ua.StatusCode(ua.StatusCodes.BadNotWritable)
        if item.IndexRange:
            return ua.StatusCode(ua.StatusCodes.BadWriteNotSupported)
        access = self._aspace.read_attribute_value(item.NodeId, ua.AttributeIds.AccessLevel)
        if not access.Value.Value & 1 << ua.AccessLevel.CurrentWrite:
            return ua.StatusCode(ua.StatusCodes.BadNotWritable)
        return await self._take(item.NodeId, item.Value)


class TwinSession(InternalSession):
    """A client's session; its calls know their user, and its subscriptions are its user's own."""

    async def transfer_subscriptions(
        self, params: ua.TransferSubscriptionsParameters, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """Takes over subscriptions of the same user's sessions only (OPC 10000-4, 5.14.7)."""
        wanted = list(params.SubscriptionIds or [])
        allowed = [number for number in wanted if self._may_take(number)]
        taken = iter(
            await super().transfer_subscriptions(
                ua.TransferSubscriptionsParameters(SubscriptionIds=allowed, SendInitialValues=params.SendInitialValues),
                callback,
            )
        )
        for number in allowed:
            # the callback is a method of the new connection, which has the requests, too
            if (moved := self.subscription_service.subscriptions.get(number)) is not None:
                moved.pub_request_callback = callback.__self__.get_publish_request  # type: ignore[attr-defined]
        refused = ua.TransferResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadUserAccessDenied))
        return [next(taken) if number in allowed else refused for number in wanted]

    def _mine(self, number: int) -> None:
        subscription = self.subscription_service.subscriptions.get(number)
        if subscription is None or subscription.session_id != self.session_id:
            raise ServiceError(StatusCodes.BadSubscriptionIdInvalid)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Adds items to a subscription of this session (OPC 10000-4, 5.13.2)."""
        self._mine(params.SubscriptionId)
        made: list[ua.MonitoredItemCreateResult] = await super().create_monitored_items(params)
        return made

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Changes items of a subscription of this session (OPC 10000-4, 5.13.3)."""
        self._mine(params.SubscriptionId)
        changed: list[ua.MonitoredItemModifyResult] = await super().modify_monitored_items(params)
        return changed

    async def set_monitoring_mode(self, params: ua.SetMonitoringModeParameters) -> list[ua.StatusCode]:
        """Sets the mode of items of a subscription of this session (OPC 10000-4, 5.13.4)."""
        self._mine(params.SubscriptionId)
        codes: list[ua.StatusCode] = await super().set_monitoring_mode(params)
        return codes

    async def delete_monitored_items(self, params: ua.DeleteMonitoredItemsParameters) -> list[ua.StatusCode]:
        """Removes items of a subscription of this session (OPC 10000-4, 5.13.6)."""
        self._mine(params.SubscriptionId)
        codes: list[ua.StatusCode] = await super().delete_monitored_items(params)
        return codes

    def modify_subscription(self, params: ua.ModifySubscriptionParameters) -> ua.ModifySubscriptionResult:
        """Changes a subscription of this session (OPC 10000-4, 5.14.3)."""
        self._mine(params.SubscriptionId)
        return super().modify_subscription(params)

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """Gives a message of a subscription of this session again (OPC 10000-4, 5.14.6)."""
        self._mine(params.SubscriptionId)
        return super().republish(params)

    async def set_publishing_mode(self, params: ua.SetPublishingModeParameters) -> list[ua.StatusCode]:
        """Switches subscriptions of this session (OPC 10000-4, 5.14.4)."""
        return await self._each_of_mine(
            params.SubscriptionIds,
            lambda mine: super(TwinSession, self).set_publishing_mode(
                ua.SetPublishingModeParameters(params.PublishingEnabled, mine)
            ),
        )

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        """Ends subscriptions of this session (OPC 10000-4, 5.14.8)."""
        return await self._each_of_mine(ids, super().delete_subscriptions)

    async def _each_of_mine(
        self, numbers: list[int], run: Callable[[list[int]], Awaitable[list[ua.StatusCode]]]
    ) -> list[ua.StatusCode]:
        subscriptions = self.subscription_service.subscriptions
        mine = [
            number
            for number in numbers
            if number in subscriptions and subscriptions[number].session_id == self.session_id
        ]
        done = dict(zip(mine, await run(mine), strict=True))
        return [done.get(number, ua.StatusCode(StatusCodes.BadSubscriptionIdInvalid)) for number in numbers]

    def _may_take(self, number: int) -> bool:
        subscription = self.subscription_service.subscriptions.get(number)
        if subscription is None or subscription.session_id == self.session_id:
            return True  # asyncua answers for what is not there
        mark = getattr(self.user, "thumbprint", "")
        sessions = self.iserver._external_sessions.values()  # noqa: SLF001 - asyncua has no way to list them
        return bool(mark) and any(
            session.session_id == subscription.session_id and getattr(session.user, "thumbprint", "") == mark
            for session in sessions
        )

    def _of_object(self, request: ua.CallMethodRequest) -> ua.CallMethodRequest:
        """The request with the object's own Method in place of its type's declaration."""
        method, owner = self.aspace.get(request.MethodId), self.aspace.get(request.ObjectId)
        if method is None or owner is None or method.call is not None:
            return request
        name = method.attributes[ua.AttributeIds.BrowseName].value.Value.Value
        for ref in owner.references:
            if ref.IsForward and ref.NodeClass == ua.NodeClass.Method and ref.BrowseName == name:
                return ua.CallMethodRequest(
                    ObjectId=request.ObjectId, MethodId=ref.NodeId, InputArguments=request.InputArguments
                )
        return request

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Calls methods for the session's user."""
        params = [self._of_object(request) for request in params]
        token = caller.set(getattr(self.user, "name", None) or ANONYMOUS)
        try:
            results: list[ua.CallMethodResult] = await super().call(params)
            return results
        finally:
            caller.reset(token)


def _filter(wanted: Any) -> Any:
    """None for the null ExtensionObject that says no filter."""
    return None if type(wanted) is ua.ExtensionObject and wanted.TypeId.is_null() else wanted


class TwinItems(MonitoredItemService):
    """The monitored items of one subscription.

    A value that comes before the sampling interval is over waits; the next value, or the next publish, finds it. So
    sampling costs one comparison for each value, and no timer. Only values that are computed when read are polled.
    """

    def __init__(self, isub: InternalSubscription, aspace: AddressSpace) -> None:
        super().__init__(isub, aspace)
        self._waiting: dict[int, TwinItem] = {}
        self._polled: dict[int, TwinItem] = {}
        self._poller: asyncio.Task[None] | None = None

    def _make_monitored_item_common(
        self, params: ua.MonitoredItemCreateRequest
    ) -> tuple[ua.MonitoredItemCreateResult, MonitoredItemData]:
        result, stock = super()._make_monitored_item_common(params)
        item = TwinItem(stock)
        self._revise(item, params.RequestedParameters)
        result.RevisedSamplingInterval = item.interval_s * 1000
        result.RevisedQueueSize = item.queue_size
        return result, item

    def _revise(self, item: TwinItem, wanted: ua.MonitoringParameters) -> None:
        """Takes the parameters that were asked for, as far as they can be had."""
        item.client_handle = wanted.ClientHandle
        item.filter = _filter(wanted.Filter)
        item.discards_oldest = bool(wanted.DiscardOldest)
        if item.read_value_id.AttributeId == ua.AttributeIds.EventNotifier:
            item.queue_size = self._revise_queue_size(wanted.QueueSize)
            return
        item.queue_size = min(max(int(wanted.QueueSize), 1), self.isub.max_queue_size)
        interval = wanted.SamplingInterval
        if not interval >= 0:  # negative: as often as is published; not a number: neither
            interval = self.isub.data.RevisedPublishingInterval
        computed = self._computed(item.read_value_id)
        item.interval_s = min(max(interval / 1000, _FASTEST_POLL_S if computed else 0.0), _SLOWEST_S)
        item.deadband = self._deadband(item)

    def _computed(self, item: ua.ReadValueId) -> bool:
        node = self.aspace.get(item.NodeId)
        held = node.attributes.get(item.AttributeId) if node is not None else None
        return held is not None and held.value_callback is not None

    def _deadband(self, item: TwinItem) -> float:
        """The deadband in the value's own unit; a percentage is of its EURange (OPC 10000-8, 7.2)."""
        wanted = item.filter
        if not wanted or wanted.DeadbandType == ua.DeadbandType.None_:
            return 0.0
        if wanted.DeadbandType == ua.DeadbandType.Absolute:
            return float(wanted.DeadbandValue)
        span = self._range(item.read_value_id.NodeId)
        return wanted.DeadbandValue / 100 * (span.High - span.Low) if span is not None else 0.0

    def _range(self, node: ua.NodeId) -> ua.Range | None:
        data = self.aspace.get(node)
        for ref in data.references if data is not None else ():
            if ref.IsForward and ref.ReferenceTypeId == _HAS_PROPERTY and ref.BrowseName == _EU_RANGE:
                held = self.aspace.read_attribute_value(ref.NodeId, ua.AttributeIds.Value).Value
                return held.Value if held is not None else None
        return None

    def _refusal(self, item: ua.ReadValueId, wanted: Any) -> int | None:
        """Why an item cannot be had, as a StatusCode."""
        if item.IndexRange and parse_range(item.IndexRange) is None:
            return int(StatusCodes.BadIndexRangeInvalid)
        if not _filter(wanted):
            return None
        if isinstance(wanted, uaprotocol_auto.AggregateFilter):
            return int(StatusCodes.BadMonitoredItemFilterUnsupported)
        if not isinstance(wanted, uaprotocol_auto.DataChangeFilter):
            return int(StatusCodes.BadFilterNotAllowed)
        return None if wanted.DeadbandType == ua.DeadbandType.None_ else self._no_deadband(item, wanted)

    def _no_deadband(self, item: ua.ReadValueId, wanted: ua.DataChangeFilter) -> int | None:
        """Why a deadband is not for a value (OPC 10000-4, 7.22.2; OPC 10000-8, 7.2)."""
        kind = self.aspace.read_attribute_value(item.NodeId, item.AttributeId).Value
        if item.AttributeId != ua.AttributeIds.Value or (kind is not None and kind.VariantType not in _NUMBERS):
            return int(StatusCodes.BadFilterNotAllowed)
        percent = wanted.DeadbandType == ua.DeadbandType.Percent
        if percent and self._range(item.NodeId) is None:
            return int(StatusCodes.BadMonitoredItemFilterUnsupported)
        if not 0 <= wanted.DeadbandValue <= (100 if percent else math.inf):
            return int(StatusCodes.BadDeadbandFilterInvalid)
        return None

    async def _create_data_change_monitored_item(
        self, params: ua.MonitoredItemCreateRequest
    ) -> ua.MonitoredItemCreateResult:
        refused = self._refusal(params.ItemToMonitor, params.RequestedParameters.Filter)
        if refused is not None:
            return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(refused))
        result = await super()._create_data_change_monitored_item(params)
        item = self._monitored_items.get(result.MonitoredItemId)
        if item is not None and self._computed(params.ItemToMonitor):
            self._polled[result.MonitoredItemId] = item
            if self._poller is None:
                self._poller = asyncio.create_task(self._poll(), name=f"values computed for {self.isub}")
        return result

    def _modify_monitored_item(self, params: ua.MonitoredItemModifyRequest) -> ua.MonitoredItemModifyResult:
        item = self._monitored_items.get(params.MonitoredItemId)
        if item is None:
            return ua.MonitoredItemModifyResult(StatusCode=ua.StatusCode(StatusCodes.BadMonitoredItemIdInvalid))
        wanted = params.RequestedParameters
        if item.read_value_id.AttributeId != ua.AttributeIds.EventNotifier:
            refused = self._refusal(item.read_value_id, wanted.Filter)
            if refused is not None:
                return ua.MonitoredItemModifyResult(StatusCode=ua.StatusCode(refused))
        self._revise(item, wanted)
        return ua.MonitoredItemModifyResult(
            RevisedSamplingInterval=item.interval_s * 1000, RevisedQueueSize=item.queue_size
        )

    async def _set_monitoring_mode(self, mode: ua.MonitoringMode, mid: int) -> ua.StatusCode:
        item = self._monitored_items.get(mid)
        if item is not None and mode == ua.MonitoringMode.Disabled:
            self._forget(mid, item)
        elif item is not None and mode == ua.MonitoringMode.Reporting and item.held:
            self.isub._triggered_datachanges.setdefault(mid, []).extend(item.held)  # noqa: SLF001 - its queue
            item.held = []
        return await super()._set_monitoring_mode(mode, mid)

    def _forget(self, mid: int, item: TwinItem) -> None:
        item.held, item.last, item.pending = [], None, None
        self._waiting.pop(mid, None)
        self.isub._triggered_datachanges.pop(mid, None)  # noqa: SLF001

    def _delete_monitored_items(self, mid: int) -> ua.StatusCode:
        item = self._monitored_items.get(mid)
        if item is not None:
            self._forget(mid, item)
            self._polled.pop(mid, None)
            if not self._polled and self._poller is not None:
                self._poller.cancel()
                self._poller = None
        return super()._delete_monitored_items(mid)

    async def datachange_callback(self, handle: int, value: ua.DataValue, error: ua.StatusCode | None = None) -> None:
        """Takes a value that was written to the address space."""
        mid = self._monitored_datachange.get(handle)
        if error is not None or mid is None:
            await super().datachange_callback(handle, value, error)
            return
        item = self._monitored_items[mid]
        if item.mode != ua.MonitoringMode.Disabled:
            self._arrived(mid, item, value, time.monotonic())

    def _arrived(self, mid: int, item: TwinItem, value: ua.DataValue, now_s: float) -> None:
        if item.interval_s > 0.0:
            if item.pending is not None and item.due_s <= now_s:
                self._sampled(mid, item, item.pending)
                item.pending = None
                item.due_s += item.interval_s
            if now_s < item.due_s:
                item.pending = value
                self._waiting[mid] = item
                return
            item.due_s = now_s + item.interval_s
            self._waiting.pop(mid, None)
        self._sampled(mid, item, value)

    def sample_due(self) -> None:
        """Takes the samples that are due; for every publish."""
        if not self._waiting:
            return
        now_s = time.monotonic()
        for mid, item in list(self._waiting.items()):
            if item.due_s <= now_s:
                del self._waiting[mid]
                pending, item.pending = item.pending, None
                item.due_s += item.interval_s
                if pending is not None:
                    self._sampled(mid, item, pending)

    def _sampled(self, mid: int, item: TwinItem, value: ua.DataValue) -> None:
        if item.read_value_id.IndexRange:
            value = part_of(value, item.read_value_id.IndexRange)
        if not item.changed(value):
            return
        item.last = value
        note = ua.MonitoredItemNotification(item.client_handle, value)
        if item.mode == ua.MonitoringMode.Reporting:
            item.queue(self.isub._triggered_datachanges.setdefault(mid, []), note)  # noqa: SLF001 - its queue
        else:
            item.queue(item.held, note)

    async def _poll(self) -> None:
        """Reads values that are computed when they are read."""
        while True:
            now_s = time.monotonic()
            for mid, item in list(self._polled.items()):
                if item.due_s <= now_s and item.mode != ua.MonitoringMode.Disabled:
                    item.due_s = now_s + item.interval_s
                    read = item.read_value_id
                    self._sampled(mid, item, self.aspace.read_attribute_value(read.NodeId, read.AttributeId))
            await asyncio.sleep(max(min(item.due_s for item in self._polled.values()) - now_s, _FASTEST_POLL_S))


class TwinSubscription(InternalSubscription):
    """A subscription that gives no more in one message than its client can take, and keeps what is not acknowledged."""

    _triggered_datachanges: dict[int, list[Any]]
    _triggered_events: dict[int, list[Any]]
    most = 0
    """Notifications a message; 0: any number."""

    @classmethod
    def from_stock(cls, stock: InternalSubscription, most: int, found: frozenset[str]) -> TwinSubscription:
        """One with the parameters of asyncua's; the mends are those of the defects that were found."""
        own = cls(
            stock.data,
            stock.monitored_item_srv.aspace,
            stock.pub_result_callback,
            stock.session_id,
            request_callback=stock.pub_request_callback,
            delete_callback=stock.delete_callback,
            no_acks_limit=stock._no_acks_limit,  # noqa: SLF001 - has no other name
            max_queue_size=stock.max_queue_size,
            publishing_enabled=stock._publishing_enabled,  # noqa: SLF001
        )
        own.most = most if "notifications" in found else 0
        own._keeps = "republish" in found
        if "items" in found:
            own.monitored_item_srv = TwinItems(own, stock.monitored_item_srv.aspace)
        return own

    _keeps = False

    async def publish_results(self, requestdata: Any = None) -> bool:
        """Publishes what there is, in as many messages as it takes and as requests are there."""
        if isinstance(self.monitored_item_srv, TwinItems):
            self.monitored_item_srv.sample_due()
        sent: bool = await super().publish_results(requestdata)
        more = sent
        while more and self._left():
            more = await super().publish_results()
        return sent

    def _left(self) -> bool:
        return bool(self.most and self._publishing_enabled and (self._triggered_datachanges or self._triggered_events))

    def _pop_publish_result(self) -> ua.PublishResult:
        if not self.most or not self._publishing_enabled:
            return super()._pop_publish_result()
        left = self._triggered_datachanges, self._triggered_events
        self._triggered_datachanges, room = _taken(left[0], self.most)
        self._triggered_events, _ = _taken(left[1], room)
        result = super()._pop_publish_result()
        self._triggered_datachanges, self._triggered_events = left
        result.MoreNotifications = self._left()
        return result

    def republish(self, nb: int) -> ua.NotificationMessage:
        """Gives a message again that is not acknowledged (OPC 10000-4, 5.14.6).

        Raises:
            ServiceError: BadMessageNotAvailable; it is not kept.
        """
        if not self._keeps:
            return super().republish(nb)
        kept = self._not_acknowledged_results.get(nb)
        if kept is None:
            raise ServiceError(StatusCodes.BadMessageNotAvailable)
        return kept.NotificationMessage


def _taken(queues: dict[int, list[Any]], most: int) -> tuple[dict[int, list[Any]], int]:
    """Moves up to ``most`` notifications out of the queues; gives them, and how many more might have been moved."""
    taken: dict[int, list[Any]] = {}
    while queues and most:
        number = next(iter(queues))
        values = queues[number]
        taken[number] = values[:most]
        most -= len(taken[number])
        queues[number] = values[len(taken[number]) :]
        if not queues[number]:
            del queues[number]
    return taken, most


class TwinSubscriptions(SubscriptionService):
    """Makes TwinSubscriptions.

    Args:
        aspace: asyncua's address space.
        iserver: Whose they are.
        found: The defects of the asyncua that is installed, see ``interop.opcua.defects``.
    """

    def __init__(self, aspace: AddressSpace, iserver: InternalServer, found: frozenset[str]) -> None:
        super().__init__(aspace, iserver=iserver)
        self._found = found

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        session_id: ua.NodeId,
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """Makes a subscription (OPC 10000-4, 5.14.2)."""
        if request_callback is not None and not params.RequestedPublishingInterval >= _FASTEST_PUBLISHING_MS:
            params.RequestedPublishingInterval = _FASTEST_PUBLISHING_MS
        result = await super().create_subscription(params, callback, session_id, request_callback)
        if request_callback is None or not self._found:
            return result  # the server's own
        stock = self.subscriptions[result.SubscriptionId]
        await stock.stop()
        own = TwinSubscription.from_stock(stock, int(params.MaxNotificationsPerPublish), self._found)
        self.subscriptions[result.SubscriptionId] = own
        await own.start()
        return result


class TwinInternalServer(InternalServer):
    """Makes TwinSessions.

    Args:
        user_manager: Who may have a session.
        found: The defects of the asyncua that is installed, see ``interop.opcua.defects``.
    """

    def __init__(self, user_manager: UserManager, found: frozenset[str]) -> None:
        super().__init__(user_manager=user_manager)
        self.subscription_service = TwinSubscriptions(self.aspace, self, found)
        self.isession.subscription_service = self.subscription_service

    def create_session(self, name: str, user: User | None = None, external: bool = False) -> InternalSession:  # noqa: FBT001, FBT002 - asyncua's signature
        """Makes a session."""
        return TwinSession(
            self,
            self.aspace,
            self.subscription_service,
            name,
            user=user or User(role=UserRole.Anonymous),
            external=external,
        )
