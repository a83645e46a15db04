"""defects: which of asyncua's known faults the version that is installed has."""

from __future__ import annotations

from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace, AttributeService, AttributeValue, NodeData
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.subscription_service import SubscriptionService

from interop.opcua.items import OVERFLOW, code_of


async def defects() -> frozenset[str]:
    """Tries what was wrong in 2.1.0 on the asyncua that is installed.

    Returns:
        Of ``ranges``, ``republish``, ``notifications`` and ``items``, those that are wrong.
    """
    aspace = AddressSpace()
    number, pair = (ua.NodeId(name, 1) for name in ("number", "pair"))
    for node, value in ((number, 0.0), (pair, [1, 2])):
        aspace[node] = NodeData(node)
        aspace[node].attributes[ua.AttributeIds.Value] = AttributeValue(ua.DataValue(ua.Variant(value)))
    read = ua.ReadParameters(NodesToRead=[ua.ReadValueId(pair, ua.AttributeIds.Value, IndexRange="1")])
    found = set()
    if AttributeService(aspace).read(read)[0].Value.Value != [2]:
        found.add("ranges")
    service = SubscriptionService(aspace)
    asked = ua.CreateSubscriptionParameters(
        RequestedLifetimeCount=1000, MaxNotificationsPerPublish=1, PublishingEnabled=True
    )
    made = await service.create_subscription(asked, _nobody, ua.NodeId(), lambda _: None)
    subscription = service.subscriptions[made.SubscriptionId]
    try:
        subscription.republish(99)
        found.add("republish")
    except ServiceError:
        pass
    if await _items_are_wrong(aspace, subscription, number):
        found.add("items")
    for _ in range(2):
        await _watch(subscription, number, ua.MonitoringParameters(QueueSize=1))
    notes = [len(data.MonitoredItems) for data in _popped(subscription).NotificationMessage.NotificationData]
    if sum(notes) > 1:
        found.add("notifications")
    subscription.monitored_item_srv.delete_all_monitored_items()
    return frozenset(found)


async def _items_are_wrong(aspace: AddressSpace, subscription: InternalSubscription, node: ua.NodeId) -> bool:
    band = ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Absolute, 1.0)
    percent = ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Percent, 1.0)
    refused = await _watch(subscription, node, ua.MonitoringParameters(QueueSize=1, Filter=percent))
    if refused.StatusCode.is_good():
        subscription.monitored_item_srv.delete_monitored_items([refused.MonitoredItemId])
        return True
    slow = await _watch(subscription, node, ua.MonitoringParameters(SamplingInterval=3_600_000.0, QueueSize=9))
    dead = await _watch(subscription, node, ua.MonitoringParameters(SamplingInterval=0.0, QueueSize=9, Filter=band))
    full = await _watch(subscription, node, ua.MonitoringParameters(SamplingInterval=0.0, QueueSize=2))
    for value in (0.6, 1.2, 1.8):
        await aspace.write_attribute_value(node, ua.AttributeIds.Value, ua.DataValue(ua.Variant(value)))
    queues = subscription._triggered_datachanges  # noqa: SLF001 - what the next message would hold
    overflow = any(code_of(note.Value) & OVERFLOW == OVERFLOW for note in queues.get(full.MonitoredItemId, ()))
    lengths = [len(queues.get(each.MonitoredItemId, ())) for each in (slow, dead)]
    _popped(subscription)
    return lengths != [1, 2] or not overflow


async def _watch(
    subscription: InternalSubscription, node: ua.NodeId, wanted: ua.MonitoringParameters
) -> ua.MonitoredItemCreateResult:
    request = ua.MonitoredItemCreateRequest(
        ua.ReadValueId(node, ua.AttributeIds.Value), ua.MonitoringMode.Reporting, wanted
    )
    params = ua.CreateMonitoredItemsParameters(subscription.data.SubscriptionId, ItemsToCreate=[request])
    (result,) = await subscription.monitored_item_srv.create_monitored_items(params)
    return result


def _popped(subscription: InternalSubscription) -> ua.PublishResult:
    return subscription._pop_publish_result()  # noqa: SLF001 - the next message, without a client


async def _nobody(*_: Any) -> None:
    """Takes what is published for nobody."""
