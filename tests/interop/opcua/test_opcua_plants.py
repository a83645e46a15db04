"""The client against the example's plants, as processes that are killed, restarted and not trusted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dtdl.errors import LinkDown, Refused
from interop.cli import main
from interop.opcua.adapter import OpcUaAdapter
from interop.opcua.settings import NodeAddress
from interop.ports import Binding
from interop.values import GOOD, LinkEvent, Point, Reading
from tests.contracts.adapter_suite import binding, gather, has, is_link
from tests.interop.opcua.plants import Process, adapter, command, plant

RADIO = "/Objects/cab:Cabinet7/cab:Radio"
UNIT = "/Objects/u:HVAC/u:CU-01"
CABINET = {"cab": "urn:aurora:cabinet"}
COOLING = {"u": "urn:borealis:unit"}


def auto(*names: str) -> list[Binding]:
    return [binding(name, NodeAddress(at=RADIO, auto=(name,)), write=name == "txPower") for name in names]


def mapped(*names: str) -> list[Binding]:
    return [binding(name, NodeAddress(at=UNIT, path=f"u:{name}"), write=name == "SP_x10") for name in names]


def commands() -> list[Binding]:
    return [command(name, NodeAddress(at=UNIT, path=f"u:{name}")) for name in ("ResetFilter", "SetMode")]


def secured(process: Process) -> dict[str, str]:
    assert process.certificate is not None
    return {"policy": "Basic256Sha256", "mode": "SignAndEncrypt", "server": process.certificate}


def at(name: str) -> Point:
    return Point("thing", (name,))


async def is_up(opened: OpcUaAdapter) -> None:
    await gather(opened.observe([]), is_link("up"))


def good(name: str):
    return lambda item: isinstance(item, Reading) and item.point == at(name) and item.sample.status == GOOD


@pytest.fixture(scope="module")
def aurora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with plant("aurora", "--pki", str(tmp_path_factory.mktemp("pki"))) as process:
        yield process


@pytest.fixture(scope="module")
def borealis() -> Iterator[Process]:
    with plant("borealis") as process:
        yield process


async def test_auto_matches_dtdl_names_and_reports_what_the_plant_lacks(aurora: Process, tmp_path: Path) -> None:
    bindings = auto("power", "paTemperature", "txPower", "serialNumber", "alarmCount", "doorOpen", "Power")
    points = [one.point for one in bindings]
    async with adapter(aurora.url, bindings, tmp_path, security=secured(aurora), namespaces=CABINET) as opened:
        seen = await gather(opened.observe(points), good("alarmCount"))
        described = dict(zip(points, await opened.describe(points), strict=True))
    assert {item.point for item in seen if isinstance(item, Reading)} == set(points[:5])
    assert [point for point, one in described.items() if not one.found] == [at("doorOpen"), at("Power")]
    assert "doorOpen" in described[at("doorOpen")].detail
    assert "near: " in described[at("Power")].detail
    assert "power" in described[at("Power")].detail
    assert described[at("power")].unit == "watt"
    assert described[at("paTemperature")].unit == "degreeCelsius"
    assert described[at("txPower")].value_range == (0.0, 40.0)
    assert described[at("txPower")].direction == "both"
    assert described[at("power")].direction == "in"


async def test_a_write_reaches_the_plant_and_one_outside_its_range_is_refused(aurora: Process, tmp_path: Path) -> None:
    bindings = auto("power", "txPower")
    async with adapter(aurora.url, bindings, tmp_path, security=secured(aurora), namespaces=CABINET) as opened:
        await is_up(opened)
        (done,) = await opened.write([(at("txPower"), 31)], deadline_s=5)
        (refused,) = await opened.write([(at("txPower"), 99.0)], deadline_s=5)
        (not_writable,) = await opened.write([(at("power"), 1.0)], deadline_s=5)
        (mismatch,) = await opened.write([(at("txPower"), "high")], deadline_s=5)
        (sample,) = await opened.read([at("txPower")])
    assert done.outcome == "done"
    assert (refused.outcome, refused.code) == ("refused", "BadOutOfRange")
    assert (not_writable.outcome, not_writable.code) == ("refused", "BadNotWritable")
    assert (mismatch.outcome, mismatch.code) == ("refused", "BadTypeMismatch")
    assert sample.value == 31.0


async def test_a_stuck_set_point_acknowledges_and_keeps_its_value(tmp_path: Path) -> None:
    with plant("aurora", "--pki", str(tmp_path / "pki"), "--stuck-setpoint") as process:
        bindings = auto("txPower")
        async with adapter(process.url, bindings, tmp_path, security=secured(process), namespaces=CABINET) as opened:
            await is_up(opened)
            (result,) = await opened.write([(at("txPower"), 5.0)], deadline_s=5)
            (sample,) = await opened.read([at("txPower")])
    assert result.outcome == "done"
    assert sample.value == 20.0


async def test_raw_values_and_the_plants_unit_come_as_they_are(borealis: Process, tmp_path: Path) -> None:
    bindings = mapped("T_SUP_x10", "P_EL", "RH", "STATE", "SP_x10")
    points = [one.point for one in bindings]
    async with adapter(borealis.url, bindings, tmp_path, namespaces=COOLING) as opened:
        seen = await gather(opened.observe(points), good("SP_x10"))
        described = await opened.describe(points)
        (fits, too_large, kept) = await opened.write(
            [(at("SP_x10"), 195.00000000000003), (at("SP_x10"), 40_000), (at("SP_x10"), 1)], deadline_s=5
        )
        (sample,) = await opened.read([at("SP_x10")])
    values = {item.point.path[0]: item.sample.value for item in seen if isinstance(item, Reading)}
    assert isinstance(values["T_SUP_x10"], int)
    assert values["STATE"] == 1
    assert [one.unit for one in described] == [None, "kilowatt", None, None, None]
    assert (fits.outcome, too_large.code, kept.code) == ("done", "BadOutOfRange", "BadRequestCancelledByClient")
    assert sample.value == 195


async def test_a_set_point_off_the_grid_of_a_scaled_node_is_written_to_its_resolution(
    borealis: Process, tmp_path: Path
) -> None:
    (exact,) = mapped("SP_x10")
    point = at("SP_x10")
    outcomes: list[str] = []
    for scale in (1.0, 0.1):
        bound = replace(exact, scale=scale)
        async with adapter(borealis.url, [bound], tmp_path, namespaces=COOLING) as opened:
            await is_up(opened)
            (result,) = await opened.write([(point, 197.3)], deadline_s=5)
            outcomes.append(result.code or result.outcome)
            (sample,) = await opened.read([point])
    assert outcomes == ["BadTypeMismatch", "done"]
    assert sample.value == 197


async def test_methods_are_called_with_arguments_of_their_own_types(borealis: Process, tmp_path: Path) -> None:
    async with adapter(borealis.url, commands(), tmp_path, namespaces=COOLING) as opened:
        await is_up(opened)
        first = await opened.call(at("ResetFilter"), None, deadline_s=5)
        assert await opened.call(at("ResetFilter"), None, deadline_s=5) == first + 1
        assert await opened.call(at("SetMode"), 1, deadline_s=5) is True
        for argument, code in (
            (9, "BadInvalidArgument"),
            ("x", "BadTypeMismatch"),
            (1.5, "BadTypeMismatch"),
            (None, "BadArgumentsMissing"),
        ):
            with pytest.raises(Refused) as caught:
                await opened.call(at("SetMode"), argument, deadline_s=5)
            assert caught.value.code == code


async def test_a_killed_plant_that_restarts_with_other_namespace_indexes_is_good_again(tmp_path: Path) -> None:
    bindings = [*mapped("T_SUP_x10", "SP_x10"), *commands()]
    points = [one.point for one in bindings[:2]]
    with plant("borealis") as first:
        opened = adapter(first.url, bindings, tmp_path, namespaces=COOLING)
        async with opened:
            stream = opened.observe(points)
            await gather(stream, good("SP_x10"))
            before = [one.detail for one in await opened.describe(points)]
            first.child.kill()
            first.child.wait()
            seen = await gather(stream, is_link("down"))
            assert [item.cause for item in seen if isinstance(item, LinkEvent)]
            with pytest.raises(LinkDown):
                await opened.read(points)
            with pytest.raises(LinkDown):
                await opened.call(at("ResetFilter"), None, deadline_s=5)
            with plant("borealis", "--port", str(first.port), "--swap-namespaces"):
                seen = await gather(stream, good("SP_x10"), timeout_s=20)
                after = [one.detail for one in await opened.describe(points)]
                assert await opened.call(at("ResetFilter"), None, deadline_s=5) == 1
    kinds = [item.kind if isinstance(item, LinkEvent) else "reading" for item in seen]
    assert kinds.index("up") < kinds.index("restarted") < kinds.index("gap") < kinds.index("reading")
    gap = next(item for item in seen if isinstance(item, LinkEvent) and item.kind == "gap")
    assert gap.until is not None
    assert gap.since < gap.until
    assert before != after


async def test_an_untrusted_certificate_is_said_with_the_command_that_trusts_it(
    aurora: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    security = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt"}
    async with adapter(aurora.url, auto("power"), tmp_path, security=security, namespaces=CABINET) as opened:
        stream = opened.observe([at("power")])
        seen = await gather(stream, is_link("down"))
        cause = next(item.cause for item in seen if isinstance(item, LinkEvent))
        assert "not trusted" in cause
        arguments = shlex.split(cause.partition("run: megatwin ")[2])
        assert arguments[:3] == ["opcua", "trust", "add"]
        assert main(arguments) == 0
        await gather(stream, good("power"))
    assert "trusted" in capsys.readouterr().out


async def test_another_certificate_than_the_pinned_one_is_refused(aurora: Process, tmp_path: Path) -> None:
    from interop.opcua.security import Store

    other = Store(tmp_path / "other").own("other").certificate
    security = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt", "server": str(other)}
    async with adapter(aurora.url, auto("power"), tmp_path, security=security, namespaces=CABINET) as opened:
        seen = await gather(opened.observe([at("power")]), is_link("down"))
    assert "showed another certificate" in next(item.cause for item in seen if isinstance(item, LinkEvent))


async def test_security_that_the_plant_does_not_offer_is_said_with_what_it_offers(
    aurora: Process, borealis: Process, tmp_path: Path
) -> None:
    for process, security, offered in (
        (aurora, "none", "Basic256Sha256 SignAndEncrypt"),
        (borealis, {"policy": "Basic256Sha256", "mode": "Sign"}, "it offers: None"),
    ):
        async with adapter(process.url, [], tmp_path, security=security) as opened:
            seen = await gather(opened.observe([]), is_link("down"))
        assert offered in next(item.cause for item in seen if isinstance(item, LinkEvent))


async def test_an_endpoint_that_does_not_answer_is_down_with_the_reason(tmp_path: Path) -> None:
    async with adapter("opc.tcp://127.0.0.1:9", mapped("RH"), tmp_path, namespaces=COOLING) as opened:
        seen = await gather(opened.observe([at("RH")]), is_link("down"))
        with pytest.raises(LinkDown, match=r"127\.0\.0\.1:9"):
            await opened.read([at("RH")])
    assert "127.0.0.1:9" in next(item.cause for item in seen if isinstance(item, LinkEvent))


async def test_a_plant_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    with plant("borealis") as process:
        assert process.child.stdin is not None
        process.child.stdin.close()
        assert process.child.wait(5) == 0


async def test_a_value_is_observed_by_node_id_with_namespace_uri(borealis: Process, tmp_path: Path) -> None:
    by_id = [binding("humidity", NodeAddress(node="nsu=urn:borealis:unit;s=CU-01/RH"))]
    by_id.append(binding("nothing", NodeAddress(node="nsu=urn:borealis:none;s=CU-01/RH")))
    by_id.append(command("reset", NodeAddress(node="nsu=urn:borealis:unit;s=CU-01/ResetFilter")))
    points = [one.point for one in by_id]
    async with adapter(borealis.url, by_id, tmp_path) as opened:
        await gather(opened.observe(points), good("humidity"))
        humidity, nothing, _ = await opened.describe(points)
        assert humidity.found
        assert "no namespace urn:borealis:none" in nothing.detail
        assert isinstance(await opened.call(at("reset"), None, deadline_s=5), int)


async def test_a_set_point_written_by_us_comes_back_as_a_reading(borealis: Process, tmp_path: Path) -> None:
    async with adapter(borealis.url, mapped("SP_x10"), tmp_path, namespaces=COOLING) as opened:
        stream = opened.observe([at("SP_x10")])
        await gather(stream, good("SP_x10"))
        await opened.write([(at("SP_x10"), 211)], deadline_s=5)
        await gather(stream, has(at("SP_x10"), 211))
