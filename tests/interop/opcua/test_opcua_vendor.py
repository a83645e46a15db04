"""What stock asyncua's server does wrong is right in ours, as a client of another vendor sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua

from interop.config.plan import Address
from interop.opcua.nodes import HAS_COMPONENT, OBJECTS
from interop.opcua.server import OpcUaServer
from interop.values import parse_time, utc_now
from tests.interop.opcua.little_service import ROOM, SITE, LittleService
from tests.interop.opcua.vendor import Refusal, Vendor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("node-opcua")]
everywhere = pytest_asyncio.fixture(loop_scope="module", scope="module")
LAST = -1000.0
START = parse_time("2026-01-31T12:00:00Z")
Write = Callable[..., Awaitable[None]]


@everywhere
async def vendor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vendor]:
    vendor = await Vendor.start(tmp_path_factory.mktemp("pki"))
    yield vendor
    await vendor.stop()


@everywhere
async def service() -> LittleService:
    service = LittleService()
    service.put("site", SITE, label="north")
    service.put("room", ROOM, label="west", setPoint=21.0, mode=1)
    service.sample("room", "temperature", value=0.0, source_time=START)
    return service


@everywhere
async def server(
    service: LittleService, vendor: Vendor, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpcUaServer]:
    folder = tmp_path_factory.mktemp("server")
    server = OpcUaServer(service, Address("127.0.0.1", 0), name="north", data_dir=folder, insecure=True)
    await server.start()
    await vendor.ask("connect", url=server.url)
    await vendor.ask("connect", url=server.url, **{"as": "two"})
    yield server
    await server.stop()


@pytest.fixture
def variable(server: OpcUaServer, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes a variable beside the twins."""

    def make(value: Any, name: str = "plain") -> str:
        node = ua.NodeId(f"{request.node.name}/{name}", server._index)
        data = ua.DataValue(ua.Variant(value), SourceTimestamp=utc_now(), ServerTimestamp=utc_now())
        server._space.variable(
            node,
            ua.QualifiedName(name, server._index),
            data,
            data_type=ua.NodeId(data.Value.VariantType.value),
            rank=1 if isinstance(value, list) else -1,
            parent=(HAS_COMPONENT, OBJECTS),
            type=ua.NodeId(ua.ObjectIds.BaseDataVariableType),
        )
        return node.to_string()

    return make


@pytest.fixture
def write(server: OpcUaServer) -> Write:
    async def put(node: str, *values: Any) -> None:
        for value in values:
            data = ua.DataValue(ua.Variant(value), SourceTimestamp=utc_now(), ServerTimestamp=utc_now())
            await server._space.put(ua.NodeId.from_string(node), data)

    return put


async def watched(vendor: Vendor, *nodes: str, most: int = 0, **wanted: Any) -> int:
    """A subscription to nodes whose first values have come."""
    subscription = await vendor.ask("subscribe", most=most)
    for node in nodes:
        made = await vendor.ask(
            "monitor", subscription=subscription, node=node, **{"sampling": 0, "queue": 100, **wanted}
        )
        assert made["status"] == "Good"
        await vendor.ask("values", subscription=subscription, node=node, count=1)
    return subscription


async def until_last(vendor: Vendor, subscription: int, node: str) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = await vendor.ask("values", subscription=subscription, node=node, until=LAST)
    return values


async def test_a_deadband_compares_with_the_last_report(vendor: Vendor, variable: Any, write: Write) -> None:
    node = variable(0.0)
    subscription = await watched(vendor, node, filter={"deadbandType": 1, "deadbandValue": 1.0})
    await write(node, *(step / 10 for step in range(101)), LAST)
    seen = [data["value"] for data in await until_last(vendor, subscription, node)]
    assert seen == [0.0, 1.1, 2.2, 3.3, 4.4, 5.5, 6.6, 7.7, 8.8, 9.9, LAST]


async def test_a_percent_deadband_needs_a_range_and_is_a_share_of_it(
    vendor: Vendor, variable: Any, write: Write, server: OpcUaServer
) -> None:
    node, ranged = variable(0.0), variable(0.0, "ranged")
    subscription = await vendor.ask("subscribe")
    percent = {"deadbandType": 2, "deadbandValue": 10.0}
    wanted = {"subscription": subscription, "sampling": 0, "queue": 9}
    refused = await vendor.ask("monitor", node=node, filter=percent, **wanted)
    assert refused["status"] == "BadMonitoredItemFilterUnsupported"
    server._space.property(
        ua.NodeId.from_string(ranged), "EURange", ua.Variant(ua.Range(0.0, 50.0)), ua.ObjectIds.Range
    )
    refused = await vendor.ask("monitor", node=ranged, filter={**percent, "deadbandValue": 101.0}, **wanted)
    assert refused["status"] == "BadDeadbandFilterInvalid"
    subscription = await watched(vendor, ranged, filter=percent)
    await write(ranged, 4.0, 5.0, 5.5, 10.0, 11.0, LAST)
    assert [data["value"] for data in await until_last(vendor, subscription, ranged)] == [0.0, 5.5, 11.0, LAST]


async def test_a_value_that_is_computed_when_read_is_sampled(
    vendor: Vendor, variable: Any, server: OpcUaServer
) -> None:
    node = variable(0.0)
    count = 0

    def computed(*_: Any) -> ua.DataValue:
        nonlocal count
        count += 1
        return ua.DataValue(ua.Variant(float(count)), SourceTimestamp=utc_now())

    aspace = server._server.iserver.aspace
    aspace.set_attribute_value_callback(ua.NodeId.from_string(node), ua.AttributeIds.Value, computed)
    subscription = await watched(vendor, node, sampling=50)
    seen = await vendor.ask("values", subscription=subscription, node=node, count=5)
    numbers = [data["value"] for data in seen]
    assert numbers == sorted(set(numbers))


async def test_no_more_is_reported_than_the_sampling_interval_allows(
    vendor: Vendor, variable: Any, write: Write
) -> None:
    node = variable(0.0)
    subscription = await watched(vendor, node, sampling=1000)
    await write(node, *(float(step) for step in range(1, 50)), LAST)
    seen = await until_last(vendor, subscription, node)
    assert len(seen) <= 10
    granted = await vendor.ask("monitor", subscription=subscription, node=node, sampling=1000, queue=100)
    assert granted == {"status": "Good", "sampling": 1000, "queue": 100}


@pytest.mark.parametrize(
    ("discards_oldest", "kept"), [(True, [18.0, 19.0, LAST]), (False, [1.0, 2.0, LAST])], ids=["oldest", "newest"]
)
async def test_a_full_queue_sets_the_overflow_bit(
    vendor: Vendor, variable: Any, write: Write, *, discards_oldest: bool, kept: list[float]
) -> None:
    node = variable(0.0)
    subscription = await watched(vendor, node, queue=3, discardOldest=discards_oldest)
    await write(node, *(float(step) for step in range(1, 20)), LAST)
    seen = (await until_last(vendor, subscription, node))[1:]
    assert [data["value"] for data in seen] == kept
    lossy = 0 if discards_oldest else 2
    assert [data["status"] & 0x480 for data in seen] == [0x480 if index == lossy else 0 for index in range(3)]


async def test_a_message_that_is_not_kept_cannot_be_republished(vendor: Vendor, variable: Any) -> None:
    subscription = await watched(vendor, variable(0.0))
    assert "BadMessageNotAvailable" in await vendor.ask("republish", subscription=subscription, number=4711)
    assert "BadSubscriptionIdInvalid" in await vendor.ask("republish", subscription=4711, number=1)


async def test_an_index_range_gives_its_part_only(vendor: Vendor, variable: Any, write: Write) -> None:
    node = variable([1.0, 2.0])
    assert (await vendor.ask("read", node=node, range="1"))["value"] == [2]
    assert (await vendor.ask("read", node=node, range="5"))["name"] == "BadIndexRangeNoData"
    subscription = await watched(vendor, node, range="1")
    await write(node, [3.0, 2.0], [3.0, 4.0])
    seen = await vendor.ask("values", subscription=subscription, node=node, count=2)
    assert [data["value"] for data in seen] == [[2], [4]]


async def test_another_session_cannot_take_or_disturb_a_subscription(
    vendor: Vendor, variable: Any, write: Write
) -> None:
    node = variable(0.0)
    subscription = await watched(vendor, node)
    two = {"as": "two", "subscription": subscription}
    assert await vendor.ask("transfer", **two) == "BadUserAccessDenied"
    assert "BadSubscriptionIdInvalid" in await vendor.ask("republish", number=1, **two)
    with pytest.raises(Refusal, match="BadSubscriptionIdInvalid"):
        await vendor.ask("monitor", node=node, sampling=0, queue=1, **two)
    await write(node, LAST)
    assert len(await until_last(vendor, subscription, node)) == 2


async def test_a_message_holds_no_more_notifications_than_asked_for(
    vendor: Vendor, variable: Any, write: Write
) -> None:
    node = variable(0.0)
    subscription = await watched(vendor, node, most=7)
    await write(node, *(float(step) for step in range(1, 50)), LAST)
    assert len(await until_last(vendor, subscription, node)) == 51
    sizes = await vendor.ask("sizes", subscription=subscription)
    assert sum(sizes) == 51
    assert max(sizes) == 7


async def test_without_leave_nobody_reads_or_writes_unsecured(
    vendor: Vendor, service: LittleService, tmp_path: Any
) -> None:
    closed = OpcUaServer(service, Address("127.0.0.1", 0), name="closed", data_dir=tmp_path)
    await closed.start()
    try:
        with pytest.raises(Refusal):
            await vendor.ask("connect", url=closed.url, **{"as": "stranger"})
    finally:
        await closed.stop()
