"""The whole path on a second configuration: other plants, names, units, models and behaviour than the demo's."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from interop.values import parse_time
from tests.e2e.harness import API, WATERWORKS, Megatwin, Plant, children_of, megatwin, plant, run, wait_until


@pytest.fixture(scope="module")
def pumphouse() -> Iterator[Plant]:
    with plant("pumphouse") as found:
        yield found


@pytest.fixture(scope="module")
def meter() -> Iterator[Plant]:
    with plant("meter") as found:
        yield found


def up_arguments(pumphouse: Plant, meter: Plant, data: Path) -> list[str]:
    settings = {
        "sources.pumphouse.opcua": pumphouse.url,
        "sources.meter.opcua": meter.url,
        "serve.http": "127.0.0.1:0",
        "serve.opcua.address": "127.0.0.1:0",
        "data": str(data),
    }
    chosen = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["up", str(WATERWORKS / "megatwin.yaml"), "--quiet", *chosen]


@pytest.fixture(scope="module")
def works(pumphouse: Plant, meter: Plant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Megatwin]:
    folder = tmp_path_factory.mktemp("works")
    with megatwin(*up_arguments(pumphouse, meter, folder / "data"), cwd=folder) as running:
        wait_until(lambda: running.value("works/throughput")["status"] == "Good", 40, "the roll-up is good")
        yield running
        assert running.stop() == 130


pytestmark = pytest.mark.xdist_group("waterworks")


def test_values_are_bound_by_name_and_by_map_in_the_models_units(works: Megatwin) -> None:
    pump = works.get("/v1/twins/pump-1")
    assert pump["kind"] == "twin"
    assert pump["pillars"]["connection"]["state"] == "ok"
    bearing = pump["values"]["bearing"]
    assert (bearing["value"], bearing["unit"], bearing["status"]) == (311.5, "kelvin", "Good")
    assert bearing["source"] == "pumphouse"
    assert parse_time(bearing["sourceTime"])
    assert pump["values"]["drive/speed"]["value"] == 1450.0
    assert works.value("inlet/flow")["value"] == pytest.approx(0.02)  # 1200 l/min in m3/s
    assert works.get("/v1/twins/inlet")["kind"] == "shadow"
    assert works.get("/v1/twins/tank-1")["kind"] == "simulation"
    whole = works.get("/v1/twins/works")
    assert whole["kind"] == "mega-twin"
    assert sorted(whole["parts"]) == ["inlet", "pump-1", "tank-1"]


def test_a_behaviour_follows_two_plants_and_the_roll_up_follows_all(works: Megatwin, meter: Plant) -> None:
    meter.tell("set Q_l_min 600")
    wait_until(lambda: works.value("tank-1/inflow")["value"] == pytest.approx(260.0), 10, "0.25 + 0.01 m3/s in l/s")
    before = works.value("tank-1/level")["value"]
    wait_until(lambda: works.value("tank-1/level")["value"] > before, 10, "the tank fills")
    assert works.value("tank-1/level")["unit"] == "centimetre"

    def adds_up() -> bool:
        flows = [works.value(f"{twin}/flow")["value"] for twin in ("pump-1", "inlet", "tank-1")]
        return abs(works.value("works/throughput")["value"] - 3600 * sum(flows)) < 1.0

    wait_until(adds_up, 10, "cubic metres an hour of three flows")


def test_a_patch_writes_the_plant_and_a_refusal_leaves_the_twin(works: Megatwin, pumphouse: Plant) -> None:
    assert works.patch("pump-1", "/target", 6.5).status_code == 204
    assert works.value("pump-1/target")["value"] == 6.5
    refused = works.patch("pump-1", "/target", 99.0)
    assert refused.status_code == 400
    assert "BadOutOfRange" in refused.text
    assert works.value("pump-1/target")["value"] == 6.5
    pumphouse.tell("stick target")
    late = works.patch("pump-1", "/target", 1.0)
    pumphouse.tell("free target")
    assert late.status_code == 504
    assert works.value("pump-1/target")["value"] == 6.5
    assert works.patch("pump-1", "/drive/enabled", False).status_code == 204
    assert works.value("pump-1/drive/enabled")["value"] is False


def test_a_retry_with_the_same_request_id_writes_once(works: Megatwin, pumphouse: Plant) -> None:
    before = int(pumphouse.tell("writes"))
    for _ in range(3):
        assert works.patch("pump-1", "/target", 3.25, request="the-same").status_code == 204
    assert int(pumphouse.tell("writes")) == before + 1


def test_a_patch_of_the_wrong_type_or_name_is_refused_with_the_path(works: Megatwin) -> None:
    for path, value in (("/target", "high"), ("/colour", "red"), ("/serial", "X")):
        reply = works.patch("pump-1", path, value)
        assert reply.status_code == 400, reply.text
        assert path.strip("/") in reply.text


def test_a_command_calls_the_plants_method(works: Megatwin) -> None:
    url = f"{works.url}/v1/twins/pump-1/commands/flush"
    first = httpx.post(url, json=3, timeout=10)
    assert first.status_code == 200, first.text
    again = httpx.post(url, json=3, timeout=10)
    assert again.json()["result"] == first.json()["result"] + 1
    refused = httpx.post(url, json=-1, timeout=10)
    assert refused.status_code == 400
    assert "BadOutOfRange" in refused.text


def test_the_azure_form_has_metadata_and_component(works: Megatwin) -> None:
    twin = works.get("/digitaltwins/pump-1", **API)
    assert twin["$metadata"]["$model"] == "dtmi:waterworks:Pump;3"
    assert "sourceTime" in twin["$metadata"]["bearing"]
    assert "flow" not in twin
    assert "enabled" in twin["drive"]
    body = {"$metadata": {"$model": "dtmi:waterworks:Tank;1"}}
    created = httpx.put(f"{works.url}/digitaltwins/spare", params=API, json=body, timeout=10)
    assert created.status_code == 200, created.text
    assert created.headers["etag"] == created.json()["$etag"]


def test_a_late_reading_enters_history_and_does_not_overwrite(works: Megatwin, meter: Plant) -> None:
    meter.tell("set Q_l_min 900")
    wait_until(lambda: works.value("inlet/flow")["value"] == pytest.approx(0.015), 10)
    meter.tell("set Q_l_min 30 60")  # true a minute ago

    def rows() -> list[float]:
        found = works.get("/v1/twins/inlet/history", path="flow")["rows"]
        return [row["value"] for row in found]

    wait_until(lambda: any(value == pytest.approx(0.0005) for value in rows()), 10, "the late one is in history")
    assert rows()[0] == pytest.approx(0.0005)
    assert works.value("inlet/flow")["value"] == pytest.approx(0.015)


def test_the_past_can_be_asked_for(works: Megatwin) -> None:
    assert works.patch("works", "/town", "Here").status_code == 204
    then = works.get("/v1/twins/works")["values"]["town"]["sourceTime"]
    assert works.patch("works", "/town", "There").status_code == 204
    past = works.get("/v1/twins/works", at=then)
    assert past["values"]["town"]["value"] == "Here"
    assert works.value("works/town")["value"] == "There"


def test_the_stream_gives_changes_only(works: Megatwin, meter: Plant) -> None:
    with httpx.stream("GET", f"{works.url}/v1/stream", params={"twin": "inlet"}, timeout=15) as reply:
        timer = threading.Timer(0.5, meter.tell, ("set Q_l_min 1800",))
        timer.start()
        for line in reply.iter_lines():
            if line.startswith("data:") and '"path":"flow"' in line:
                change = json.loads(line[5:])
                if change["sample"]["value"] == pytest.approx(0.03):
                    break
        timer.join()
    assert change["twin"] == "inlet"
    assert change["sample"]["status"] == "Good"


def test_our_opcua_server_shows_every_twin_typed(works: Megatwin) -> None:
    from asyncua import Client

    async def read() -> tuple[set[str], float, str]:
        async with Client(works.opcua) as client:
            twins = {(await node.read_browse_name()).Name: node for node in await client.nodes.objects.get_children()}
            pump = twins["pump-1"]
            values = {(await node.read_browse_name()).Name: node for node in await pump.get_children()}
            kind = await client.get_node(await pump.read_type_definition()).read_browse_name()
            return set(twins), await values["bearing"].read_value(), kind.Name

    names, bearing, kind = asyncio.run(read())
    assert {"works", "pump-1", "inlet", "tank-1"} <= names
    assert bearing == 311.5
    assert kind == "Pump"


def test_a_plant_that_dies_turns_bad_and_comes_back_good(
    tmp_path: Path, pumphouse: Plant, meter: Plant, works: Megatwin
) -> None:
    pumphouse.kill()
    try:
        bad = wait_until(
            lambda: (found := works.value("pump-1/bearing"))["status"].startswith("Bad") and found, 10, "bad"
        )
        assert bad["reason"]
        assert bad["value"] == 311.5
        whole = works.get("/v1/twins/works")
        assert "pump-1" in whole["degraded"]
        assert whole["values"]["throughput"]["status"] != "Good"
        assert works.value("inlet/flow")["status"] == "Good"
        down = works.patch("pump-1", "/target", 2.0)
        assert down.status_code == 503
        assert int(down.headers["retry-after"]) >= 1
    finally:
        pumphouse.start()
    wait_until(lambda: works.value("pump-1/bearing")["status"] == "Good", 20, "good again")
    wait_until(lambda: works.value("works/throughput")["status"] == "Good", 10, "the whole is good again")
    assert works.get("/v1/twins/works")["degraded"] == {}


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path, pumphouse: Plant, meter: Plant) -> None:
    arguments = up_arguments(pumphouse, meter, tmp_path / "data")
    acknowledged = -1
    for _ in range(2):
        with megatwin(*arguments, cwd=tmp_path) as running:
            url = running.url
            if acknowledged >= 0:
                assert running.value("works/town")["value"] in {f"t{acknowledged}", f"t{acknowledged + 1}"}
            killer = threading.Timer(1.0, running.process.kill)
            killer.start()
            number = acknowledged
            try:
                while True:
                    number += 1
                    if running.patch("works", "/town", f"t{number}").status_code != 204:
                        break
                    acknowledged = number
            except (httpx.TransportError, AssertionError):
                pass  # killed while it worked: what was acknowledged before counts
            killer.join()
            running.process.wait(10)
            assert acknowledged >= 0, url
    with megatwin(*arguments, cwd=tmp_path) as running:
        assert running.value("works/town")["value"] in {f"t{acknowledged}", f"t{acknowledged + 1}"}
        history = running.get("/v1/twins/works/history", path="town", limit="10000")["rows"]
        seen = {row["value"] for row in history}
        assert {f"t{number}" for number in range(acknowledged + 1)} <= seen
        second = run(*arguments, cwd=tmp_path)
        assert second.returncode == 2
        assert str(running.process.pid) in second.stderr
        session = running.process.pid
        assert running.stop() == 130
        assert children_of(session) == []
    verified = run("ledger", "verify", str(tmp_path / "data"), cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_sigterm_stops_with_code_zero_and_leaves_no_process(tmp_path: Path, pumphouse: Plant, meter: Plant) -> None:
    with megatwin(*up_arguments(pumphouse, meter, tmp_path / "data"), cwd=tmp_path) as running:
        assert running.url
        session = running.process.pid
        assert running.stop(signal.SIGTERM) == 0
        wait_until(lambda: children_of(session) == [], 5, "no process is left")
