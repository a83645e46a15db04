"""Mends are used where asyncua is wrong, and only there."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AttributeService
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_subscription import InternalSubscription

from interop.opcua.access import AccessCheck
from interop.opcua.defects import defects
from interop.opcua.ranges import parse_range, part_of
from interop.opcua.security import Store
from interop.opcua.services import TwinInternalServer, TwinItems, TwinSubscription

pytestmark = pytest.mark.asyncio


async def subscription_of(found: frozenset[str], tmp_path: Any) -> InternalSubscription:
    server = TwinInternalServer(AccessCheck(Store(tmp_path), insecure=True), found)
    params = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=1000.0, RequestedLifetimeCount=100, MaxNotificationsPerPublish=5
    )

    async def publish(*_: Any) -> None:
        """Nobody listens."""

    service = server.subscription_service
    made = await service.create_subscription(params, publish, ua.NodeId(), lambda _: None)
    subscription = service.subscriptions[made.SubscriptionId]
    await service.delete_subscriptions([made.SubscriptionId])
    return subscription


async def test_all_that_was_wrong_is_still_found_in_the_locked_version() -> None:
    assert await defects() == {"ranges", "republish", "notifications", "items"}


async def test_a_defect_that_is_repaired_is_not_mended(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    read = AttributeService.read

    def ranged(service: AttributeService, params: ua.ReadParameters) -> list[ua.DataValue]:
        pairs = zip(read(service, params), params.NodesToRead, strict=True)
        return [part_of(value, item.IndexRange) for value, item in pairs]

    def republish(_: InternalSubscription, nb: int) -> ua.NotificationMessage:
        raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)

    monkeypatch.setattr(AttributeService, "read", ranged)
    monkeypatch.setattr(InternalSubscription, "republish", republish)
    found = await defects()
    assert found == {"notifications", "items"}
    subscription = await subscription_of(found, tmp_path)
    assert isinstance(subscription, TwinSubscription)
    assert (subscription.most, subscription._keeps) == (5, False)


async def test_an_asyncua_without_defects_is_used_as_it_is(tmp_path: Any) -> None:
    assert type(await subscription_of(frozenset(), tmp_path)) is InternalSubscription
    mended = await subscription_of(frozenset({"items"}), tmp_path)
    assert isinstance(mended, TwinSubscription)
    assert isinstance(mended.monitored_item_srv, TwinItems)
    assert mended.most == 0
    assert issubclass(TwinInternalServer, InternalServer)


@pytest.mark.parametrize("text", ["", "a", "1:1", "2:1", "-1", "1:", ":1", "01", "0,", ",".join("0" * 9)])
async def test_what_is_no_numeric_range_is_refused(text: str) -> None:
    assert parse_range(text) is None


async def test_a_range_cuts_arrays_of_arrays_and_strings() -> None:
    rows = ua.DataValue(ua.Variant([[1, 2, 3], [4, 5, 6]], ua.VariantType.Int32))
    assert part_of(rows, "1,0:1").Value.Value == [[4, 5]]
    assert part_of(ua.DataValue(ua.Variant("north")), "1:2").Value.Value == "or"
    assert part_of(ua.DataValue(ua.Variant(1.0)), "0").StatusCode.value == ua.StatusCodes.BadIndexRangeNoData
    assert part_of(rows, "x").StatusCode.value == ua.StatusCodes.BadIndexRangeInvalid
