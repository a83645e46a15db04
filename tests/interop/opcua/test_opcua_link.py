"""The client on a wire that is cut, held and flooded."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from dtdl.errors import LinkDown
from interop.opcua.liveness import Liveness
from interop.opcua.session import Session
from interop.opcua.settings import NodeAddress
from interop.values import GOOD, LinkEvent, Point, Reading
from tests.contracts.adapter_suite import binding, gather, has, is_link
from tests.interop.opcua.plants import QUICK, SmallPlant, adapter, small_bindings, small_plant, wire

LEVEL = Point("thing", ("level",))
NAMES = {"t": SmallPlant.URI}
DOUBLE = ua.VariantType.Double


async def test_a_black_hole_is_down_after_stale_after_and_good_again_when_it_opens(tmp_path: Path) -> None:
    async with (
        small_plant({"level": (1.0, DOUBLE)}) as small,
        wire(small.port) as link,
        adapter(link.url, small_bindings("level"), tmp_path, namespaces=NAMES) as opened,
    ):
        stream = opened.observe([LEVEL])
        await gather(stream, has(LEVEL, 1.0))
        link.hold()
        seen = await gather(stream, is_link("down"))
        assert "no sign of life for" in next(item.cause for item in seen if isinstance(item, LinkEvent))
        with pytest.raises(LinkDown):
            await opened.read([LEVEL])
        await link.cut()
        await link.restore()
        await gather(stream, is_link("up"), timeout_s=20)
        await small.set("level", 2.0)
        seen = await gather(stream, has(LEVEL, 2.0))
    assert not any(is_link("restarted")(item) for item in seen)


async def test_a_lost_link_is_reported_before_its_session_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, plain = asyncio.Event(), Session.close

    async def slow(session: Session) -> None:
        await closing.wait()
        await plain(session)

    async with small_plant({"goal": (1.0, DOUBLE)}) as small, wire(small.port) as link:
        goal = Point("thing", ("goal",))
        async with adapter(link.url, small_bindings("goal"), tmp_path, namespaces=NAMES) as opened:
            stream = opened.observe([goal])
            await gather(stream, has(goal, 1.0))
            monkeypatch.setattr(Session, "close", slow)
            link.hold()
            try:
                await gather(stream, is_link("down"))
                with pytest.raises(LinkDown, match="no sign of life"):
                    await opened.write([(goal, 2.0)], deadline_s=5)
            finally:
                closing.set()


async def test_a_write_between_the_loss_and_its_report_tells_the_cause_of_the_loss(tmp_path: Path) -> None:
    async with small_plant({"goal": (1.0, DOUBLE)}) as small:
        goal = Point("thing", ("goal",))
        url = f"opc.tcp://127.0.0.1:{small.port}"
        async with adapter(url, small_bindings("goal"), tmp_path, namespaces=NAMES) as opened:
            await gather(opened.observe([goal]), has(goal, 1.0))
            assert opened._link is not None
            session = opened._link._session
            assert session is not None
            session.lose("the cable is out")
            with pytest.raises(LinkDown, match="the cable is out"):
                await opened.write([(goal, 2.0)], deadline_s=5)


@given(st.floats(0.05, 600), st.floats(0, 0.09))
def test_a_silent_plant_is_lost_a_tenth_of_stale_after_before_it_is_over(stale_s: float, late: float) -> None:
    liveness = Liveness(stale_s)
    asked_s = liveness.beat_s + late * stale_s
    assert liveness.keep_alive_s < liveness.beat_s
    assert liveness.patience_s(asked_s) > 0
    assert asked_s + liveness.patience_s(asked_s) <= 0.9 * stale_s


@given(st.floats(0.05, 600), st.floats(0.2, 50))
def test_time_that_we_were_busy_for_is_not_taken_for_the_plants_silence(stale_s: float, late: float) -> None:
    liveness = Liveness(stale_s)
    assert liveness.patience_s(liveness.beat_s + late * stale_s) == liveness.patience_s(liveness.beat_s)


async def test_a_quiet_plant_is_not_taken_for_a_dead_one(tmp_path: Path) -> None:
    quick = QUICK | {"stale-after": "300 ms"}
    async with small_plant({"level": (1.0, DOUBLE)}) as small:
        url = f"opc.tcp://127.0.0.1:{small.port}"
        async with adapter(url, small_bindings("level"), tmp_path, namespaces=NAMES, defaults=quick) as opened:
            stream = opened.observe([LEVEL])
            await gather(stream, has(LEVEL, 1.0))
            await asyncio.sleep(1.2)
            await small.set("level", 2.0)
            seen = await gather(stream, has(LEVEL, 2.0))
    assert not [item for item in seen if isinstance(item, LinkEvent) and item.kind == "down"]


async def test_a_flood_beyond_the_buffer_is_counted_and_the_newest_values_stay(tmp_path: Path) -> None:
    quick = QUICK | {"buffer": 10, "queue": 1000}
    async with small_plant({"level": (0.0, DOUBLE), "mark": (0.0, DOUBLE)}) as small:
        url = f"opc.tcp://127.0.0.1:{small.port}"
        mark = Point("thing", ("mark",))
        async with adapter(url, small_bindings("level", "mark"), tmp_path, namespaces=NAMES, defaults=quick) as opened:
            stream, watching = opened.observe([LEVEL]), opened.observe([mark])
            await gather(stream, has(LEVEL, 0.0))
            await gather(watching, has(mark, 0.0))
            for number in range(1, 101):
                await small.set("level", float(number))
            await asyncio.sleep(0.5)
            seen = await gather(stream, has(LEVEL, 100.0))
    kept = [item for item in seen if isinstance(item, Reading)]
    lost = [item for item in seen if isinstance(item, LinkEvent) and item.kind == "overflow"]
    assert len(kept) + sum(item.count for item in lost) == 100
    assert [item.sample.value for item in kept] == [float(number) for number in range(101 - len(kept), 101)]


async def test_nothing_is_lost_between_many_changes_and_the_observer(tmp_path: Path) -> None:
    async with small_plant({"level": (0.0, DOUBLE)}) as small:
        url = f"opc.tcp://127.0.0.1:{small.port}"
        quick = QUICK | {"queue": 1000}
        async with adapter(url, small_bindings("level"), tmp_path, namespaces=NAMES, defaults=quick) as opened:
            stream = opened.observe([LEVEL])
            await gather(stream, has(LEVEL, 0.0))
            for number in range(1, 301):
                await small.set("level", float(number))
                if number % 50 == 0:
                    await asyncio.sleep(0.03)
            seen = await gather(stream, has(LEVEL, 300.0))
    assert [item.sample.value for item in seen if isinstance(item, Reading)] == [float(n) for n in range(1, 301)]


async def test_a_bad_status_of_the_plant_comes_with_both_times(tmp_path: Path) -> None:
    async with small_plant({"level": (1.0, DOUBLE)}) as small:
        url = f"opc.tcp://127.0.0.1:{small.port}"
        async with adapter(url, small_bindings("level"), tmp_path, namespaces=NAMES) as opened:
            stream = opened.observe([LEVEL])
            await gather(stream, has(LEVEL, 1.0))
            bad = ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadSensorFailure))
            await small.server.iserver.aspace.write_attribute_value(small.node("level"), ua.AttributeIds.Value, bad)
            seen = await gather(stream, lambda item: isinstance(item, Reading) and item.sample.status != GOOD)
    assert next(item for item in seen if isinstance(item, Reading)).sample.status == "BadSensorFailure"


async def test_requests_are_cut_to_the_servers_limits(tmp_path: Path) -> None:
    names = [f"v{number}" for number in range(25)]
    limits = (
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    )
    async with small_plant({name: (float(i), DOUBLE) for i, name in enumerate(names)}) as small:
        for limit in limits:
            await small.server.get_node(ua.NodeId(limit)).write_value(ua.Variant(4, ua.VariantType.UInt32))
        sizes: list[int] = []
        service = small.server.iserver.attribute_service
        plain = service.read

        def counting(params: ua.ReadParameters) -> list[ua.DataValue]:
            sizes.append(len(params.NodesToRead))
            return plain(params)

        service.read = counting
        url = f"opc.tcp://127.0.0.1:{small.port}"
        bindings = small_bindings(*names)
        points = [one.point for one in bindings]
        async with adapter(url, bindings, tmp_path, namespaces=NAMES) as opened:
            await gather(opened.observe(points), has(points[-1], 24.0))
            assert [sample.value for sample in await opened.read(points)] == [float(i) for i in range(25)]
    assert max(sizes) == 4


async def test_a_node_of_the_wrong_class_or_at_an_ambiguous_name_is_reported_and_not_taken(tmp_path: Path) -> None:
    async with small_plant({"level": (1.0, DOUBLE)}, before=("urn:other",)) as small:
        thing = small.server.get_node(small.node("Thing"))
        other = await small.server.get_namespace_index("urn:other")
        await thing.add_variable(ua.NodeId("twin", other), ua.QualifiedName("level", other), 5.0)
        at = "/Objects/t:Thing"
        bindings = [
            binding("level", NodeAddress(at=at, auto=("level",))),
            binding("object", NodeAddress(path=at)),
            binding("deep", NodeAddress(at=at, auto=("level", "deep"))),
            binding("exact", NodeAddress(at=at, path="t:level")),
        ]
        url = f"opc.tcp://127.0.0.1:{small.port}"
        async with adapter(url, bindings, tmp_path, namespaces=NAMES) as opened:
            await gather(opened.observe([]), is_link("up"))
            ambiguous, wrong, deep, exact = await opened.describe([one.point for one in bindings])
    assert "2 nodes match" in ambiguous.detail
    assert "Object, and not a Variable" in wrong.detail
    assert not deep.found
    assert exact.found


async def test_closing_while_the_plant_is_away_does_not_hang(tmp_path: Path) -> None:
    async with small_plant({"level": (1.0, DOUBLE)}) as small, wire(small.port) as link:
        async with asyncio.timeout(10):
            async with adapter(link.url, small_bindings("level"), tmp_path, namespaces=NAMES) as opened:
                await gather(opened.observe([LEVEL]), has(LEVEL, 1.0))
                link.hold()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64, b"ACKF\x08\x00\x00\x00", b""])
async def test_an_endpoint_that_is_no_opc_ua_server_is_down_with_a_reason(tmp_path: Path, answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        adapter(f"opc.tcp://127.0.0.1:{port}", small_bindings("level"), tmp_path, namespaces=NAMES) as it,
    ):
        seen = await gather(it.observe([LEVEL]), is_link("down"))
    assert str(port) in next(item.cause for item in seen if isinstance(item, LinkEvent))


async def test_who_observes_late_gets_an_up_of_its_own(tmp_path: Path) -> None:
    async with small_plant({"level": (1.0, DOUBLE)}) as small:
        url = f"opc.tcp://127.0.0.1:{small.port}"
        async with adapter(url, small_bindings("level"), tmp_path, namespaces=NAMES) as opened:
            await gather(opened.observe([]), is_link("up"))
            seen = await gather(opened.observe([LEVEL]), has(LEVEL, 1.0))
    assert is_link("up")(seen[0])


async def test_an_outage_is_filled_from_the_plants_history_without_loss_or_repetition(tmp_path: Path) -> None:
    async with (
        small_plant({"level": (0.0, DOUBLE), "mark": (0.0, DOUBLE)}) as small,
        wire(small.port) as link,
        adapter(link.url, small_bindings("level", "mark"), tmp_path, namespaces=NAMES) as opened,
    ):
        await small.server.historize_node_data_change(small.server.get_node(small.node("level")), None)
        stream = opened.observe([LEVEL, Point("thing", ("mark",))])
        await gather(stream, is_link("up"))
        for number in range(1, 6):
            await small.set("level", float(number))
        before = await gather(stream, has(LEVEL, 5.0))
        await link.cut()
        before += await gather(stream, is_link("down"))
        for number in range(6, 40):
            await small.set("level", float(number))
        await link.restore()
        after = await gather(stream, has(LEVEL, 39.0), timeout_s=20)
        for number in range(40, 45):
            await small.set("level", float(number))
        after += await gather(stream, has(LEVEL, 44.0))
    levels = [item.sample.value for item in before + after if isinstance(item, Reading) and item.point == LEVEL]
    assert levels[levels.index(1.0) :] == [float(number) for number in range(1, 45)]
    (gap,) = [item for item in after if isinstance(item, LinkEvent) and item.kind == "gap"]
    assert gap.count == 1
    assert "1 of 2" in gap.cause


async def test_a_history_that_began_anew_with_the_server_does_not_hide_the_gap(tmp_path: Path) -> None:
    levels = {"level": (0.0, DOUBLE)}
    async with AsyncExitStack() as plants:
        small = await plants.enter_async_context(small_plant(levels))
        port = small.port
        url = f"opc.tcp://127.0.0.1:{port}"
        async with adapter(url, small_bindings("level"), tmp_path, namespaces=NAMES) as opened:
            await small.server.historize_node_data_change(small.server.get_node(small.node("level")), None)
            stream = opened.observe([LEVEL])
            await gather(stream, has(LEVEL, 0.0))
            await small.set("level", 1.0)
            await gather(stream, has(LEVEL, 1.0))
            await plants.aclose()
            await gather(stream, is_link("down"))
            async with small_plant({"level": (2.0, DOUBLE)}, port=port) as again:
                await again.server.historize_node_data_change(again.server.get_node(again.node("level")), None)
                seen = await gather(stream, has(LEVEL, 2.0), timeout_s=20)
    assert [item.kind for item in seen if isinstance(item, LinkEvent) and item.kind != "down"][:3] == [
        "up", "restarted", "gap",
    ]  # fmt: skip
