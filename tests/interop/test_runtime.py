"""The runtime on in-memory plants: one path in, quality, roll-ups, writes and commands, late readings, restarts."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from dtdl.errors import (
    ConfigInvalid,
    Conflict,
    DataLocked,
    Expired,
    LinkDown,
    PreconditionFailed,
    Refused,
    RequestInvalid,
    TwinNotFound,
    ValueInvalid,
)
from interop.config import load
from interop.event import Draft
from interop.runtime.twins import Runtime
from interop.service import Caller
from interop.values import Point, utc_now
from tests.interop.runtime_bench import FILE, MODELS, US, bench, cell, plant, until, value, write_project

REPLACE_GOAL = [{"op": "replace", "path": "/goal", "value": 21.5}]


async def test_readings_arrive_in_the_models_unit_with_quality_and_source(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        found = cell(runtime, "p1/power")
        assert (found.value, found.status, found.source) == (2.0, "Good", "east")  # 2000 W in the plant
        assert found.source_time is not None
        assert runtime.graph.twins["p1"].contents["serial"] == "E-1"
        assert "power" not in runtime.graph.twins["p1"].contents  # telemetry stands beside the twin


async def test_a_scale_and_a_unit_apply_both_ways(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "p2/goal") == 50.0)
        await runtime.patch_twin("p2", [{"op": "replace", "path": "/goal", "value": 22.3}], US)
        assert plant(runtime, "west").values["goal"].value == 223.0
        assert value(runtime, "p2/goal") == pytest.approx(22.3)


async def test_a_reading_that_fails_its_schema_replaces_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "p1/level") == 3)
        plant(runtime, "east").feed("N", "three")
        await until(lambda: cell(runtime, "p1/level").status == "BadTypeMismatch")
        assert value(runtime, "p1/level") == 3
        rows = await runtime.history("p1", ("level",), None, None)
        assert [row.value for row in rows] == [3, "three"]


async def test_a_roll_up_follows_its_parts_once_a_batch_and_converts_units(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "station/total") == 3000.0)
        plant(runtime, "west").feed("power", 1.5)
        await until(lambda: value(runtime, "station/total") == 3500.0)
        assert cell(runtime, "station/total").source == "roll-up"
        events = await runtime.events(0)
        derived = [event for event in events if event.kind == "samples" and event.body["source"] == "roll-up"]
        assert all(event.cause is not None for event in derived)


async def test_a_connection_follows_its_source(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "station/echo") == 2000.0)
        with pytest.raises(RequestInvalid, match="given by connection"):
            await runtime.patch_twin("station", [{"op": "add", "path": "/echo", "value": 1.0}], US)


async def test_a_lost_server_marks_its_values_bad_and_degrades_the_whole(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "station/total") == 3000.0)
        plant(runtime, "west").cut("the cable is out")
        await until(lambda: cell(runtime, "p2/power").status == "BadNoCommunication")
        assert "the cable is out" in cell(runtime, "p2/power").reason
        assert cell(runtime, "p2/power").value == 1.0  # the last value stays, and is not good
        total = cell(runtime, "station/total")
        assert (total.value, total.status) == (2000.0, "UncertainSubNormal")
        assert "p2/power" in total.reason
        assert "p2" in runtime.about("station").degraded
        assert cell(runtime, "p1/power").status == "Good"
        plant(runtime, "west").restore()
        await until(lambda: cell(runtime, "station/total").status == "Good")
        assert value(runtime, "station/total") == 3000.0
        assert not runtime.about("station").degraded


async def test_a_late_reading_enters_history_and_does_not_overwrite(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        before = utc_now() - timedelta(seconds=30)
        plant(runtime, "east").feed("N", 4)
        await until(lambda: value(runtime, "p1/level") == 4)
        plant(runtime, "east").feed("N", 99, source_time=before)
        plant(runtime, "east").feed("N", 5)
        await until(lambda: value(runtime, "p1/level") == 5)
        rows = await runtime.history("p1", ("level",), None, None)
        assert [row.value for row in rows] == [99, 3, 4, 5]
        state = await runtime.as_of("p1", rows[2].source_time)
        assert state.value(("level",)) == 4


async def test_a_write_is_two_events_and_only_done_changes_the_twin(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await runtime.patch_twin("p1", REPLACE_GOAL, US)
        assert plant(runtime, "east").values["G"].value == 21.5
        assert value(runtime, "p1/goal") == 21.5
        writes = [event for event in await runtime.events(0) if event.kind == "write"]
        assert [event.body["phase"] for event in writes] == ["requested", "done"]
        assert writes[1].cause == writes[0].seq


async def test_a_refused_write_leaves_the_twin_and_gives_the_plants_code(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        plant(runtime, "east").refuse["L"] = "BadOutOfRange"
        both = [*REPLACE_GOAL, {"op": "replace", "path": "/limit", "value": 9.0}]
        with pytest.raises(Refused) as caught:
            await runtime.patch_twin("p1", both, US)
        assert caught.value.code == "BadOutOfRange"
        assert caught.value.results == {"p1/goal": "done", "p1/limit": "refused BadOutOfRange"}
        assert value(runtime, "p1/goal") == 21.5
        assert value(runtime, "p1/limit") == 1.0


async def test_a_write_that_is_not_verified_in_time_expires(tmp_path: Path) -> None:
    text = FILE.replace("west: {memory: west,", "west: {defaults: {deadline: 300 ms}, memory: west,")
    async with bench(tmp_path, text) as runtime:
        plant(runtime, "west").stuck.add("goal")
        with pytest.raises(Expired, match="p2/goal"):
            await runtime.patch_twin("p2", REPLACE_GOAL, US)
        assert value(runtime, "p2/goal") == 50.0
        writes = [event for event in await runtime.events(0) if event.kind == "write"]
        assert writes[-1].body["phase"] == "expired"


async def test_nothing_is_sent_while_the_link_is_down(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        plant(runtime, "east").cut()
        await until(lambda: runtime.links["east"].now.state == "down")
        with pytest.raises(LinkDown) as caught:
            await runtime.patch_twin("p1", REPLACE_GOAL, US)
        assert caught.value.retry_after_s >= 1
        assert not [event for event in await runtime.events(0) if event.kind == "write"]


async def test_a_retry_with_the_same_request_id_writes_once_even_after_a_restart(tmp_path: Path) -> None:
    caller = Caller("client:test", "request-1")
    async with bench(tmp_path) as runtime:
        await asyncio.gather(*(runtime.patch_twin("p1", REPLACE_GOAL, caller) for _ in range(3)))
        await runtime.patch_twin("p1", REPLACE_GOAL, caller)
        assert [event.kind for event in await runtime.events(0)].count("write") == 2
        with pytest.raises(Conflict):
            await runtime.patch_twin("p1", [{"op": "replace", "path": "/goal", "value": 1.0}], caller)
    async with bench(tmp_path) as runtime:
        plant(runtime, "east").feed("G", 3.0)
        await runtime.patch_twin("p1", REPLACE_GOAL, caller)
        assert [event.kind for event in await runtime.events(0)].count("write") == 2


async def test_a_retry_of_a_patch_of_own_values_acts_once_whatever_its_precondition(tmp_path: Path) -> None:
    caller = Caller("client:test", "request-2")
    operations = [{"op": "add", "path": "/note", "value": "once"}]
    async with bench(tmp_path) as runtime:
        etag = runtime.graph.twins["p1"].etag
        first = await runtime.patch_twin("p1", operations, caller, if_match=etag)
        again = await runtime.patch_twin("p1", operations, caller, if_match=etag)
        assert again.etag == first.etag
    async with bench(tmp_path) as runtime:
        assert (await runtime.patch_twin("p1", operations, caller, if_match=etag)).etag == first.etag
        with pytest.raises(Conflict):
            await runtime.patch_twin("p1", [], caller)


async def test_a_refused_request_may_be_tried_again_with_its_id(tmp_path: Path) -> None:
    caller = Caller("client:test", "request-3")
    async with bench(tmp_path) as runtime:
        plant(runtime, "east").cut()
        await until(lambda: runtime.links["east"].now.state == "down")
        with pytest.raises(LinkDown):
            await runtime.patch_twin("p1", REPLACE_GOAL, caller)
        plant(runtime, "east").restore()
        await until(lambda: runtime.links["east"].now.state == "up")
        await runtime.patch_twin("p1", REPLACE_GOAL, caller)
        assert value(runtime, "p1/goal") == 21.5


async def test_a_request_without_an_outcome_is_expired_at_the_next_start(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        draft = Draft(
            kind="write", twin="p1", actor="client:test",
            body={"phase": "requested", "points": {"p1/goal": 30.0}, "request": "lost", "digest": "0"},
        )  # fmt: skip
        await runtime.engine.commit([draft])  # as if the process had ended right after this
    async with bench(tmp_path) as runtime:
        last = [event for event in await runtime.events(0) if event.kind == "write"][-1]
        assert last.body["phase"] == "expired"
        assert "unknown" in last.body["detail"]
        assert value(runtime, "p1/goal") == 20.0


async def test_a_patch_of_two_plants_is_refused_and_of_a_plant_and_own_values_is_done_together(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        both = [*REPLACE_GOAL, {"op": "add", "path": "/note", "value": "warm"}]
        await runtime.patch_twin("p1", both, US)
        assert value(runtime, "p1/note") == "warm"
        plant(runtime, "east").refuse["G"] = "BadOutOfRange"
        with pytest.raises(Refused):
            await runtime.patch_twin("p1", [*REPLACE_GOAL, {"op": "add", "path": "/note", "value": "hot"}], US)
        assert value(runtime, "p1/note") == "warm"


async def test_a_command_calls_the_plant_and_its_answer_is_recorded(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        plant(runtime, "east").methods["R"] = lambda depth: depth + 1
        assert await runtime.call(Point("p1", ("reset",)), 4, US) == 5
        with pytest.raises(ValueInvalid):
            await runtime.call(Point("p1", ("reset",)), "deep", US)
        plant(runtime, "east").methods.clear()
        with pytest.raises(Refused) as caught:
            await runtime.call(Point("p1", ("reset",)), 4, US)
        assert caught.value.code == "BadMethodInvalid"
        phases = [event.body["phase"] for event in await runtime.events(0) if event.kind == "command"]
        assert phases == ["requested", "done", "requested", "failed"]


async def test_a_patch_is_checked_by_the_compiled_model(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        with pytest.raises(ValueInvalid) as caught:
            await runtime.patch_twin("station", [{"op": "replace", "path": "/owner", "value": 5}], US)
        assert "owner" in str(caught.value)
        with pytest.raises(ValueInvalid):
            await runtime.patch_twin("station", [{"op": "add", "path": "/colour", "value": "red"}], US)
        with pytest.raises(RequestInvalid, match="given by east"):
            await runtime.patch_twin("p1", [{"op": "replace", "path": "/serial", "value": "X"}], US)


async def test_preconditions_hold_and_the_etag_is_of_what_clients_write(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        etag = runtime.graph.twins["p1"].etag
        plant(runtime, "east").feed("N", 8)
        await until(lambda: value(runtime, "p1/level") == 8)
        assert runtime.graph.twins["p1"].etag == etag
        state = await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "a"}], US, if_match=etag)
        assert state.etag != etag
        with pytest.raises(PreconditionFailed):
            await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "b"}], US, if_match=etag)


async def test_the_file_owns_its_twins_and_rest_makes_others(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        with pytest.raises(Conflict, match=r"megatwin\.yaml:\d+"):
            await runtime.delete_twin("p1", US)
        await runtime.put_twin("p3", {"$metadata": {"$model": "dtmi:test:Pump;1"}, "note": "spare"}, US)
        link = await runtime.put_relationship("station", "third", {"$relationshipName": "has", "$targetId": "p3"}, US)
        assert link.target == "p3"
        assert runtime.about("station").parts == ("p1", "p2", "p3")
        with pytest.raises(RequestInvalid):
            await runtime.delete_twin("p3", US)
    async with bench(tmp_path) as runtime:
        assert runtime.graph.twins["p3"].contents["note"] == "spare"
        await runtime.delete_relationship("station", "third", US)
        await runtime.delete_twin("p3", US)
        with pytest.raises(TwinNotFound):
            runtime.about("p3")


async def test_what_the_file_drops_is_removed_only_with_apply(tmp_path: Path) -> None:
    async with bench(tmp_path):
        pass
    start, end = FILE.index("  p2:"), FILE.index("connections:")
    less = (FILE[:start] + FILE[end:]).replace("  - {from: station, name: has, to: p2}\n", "")
    async with bench(tmp_path, less) as runtime:
        assert "p2" in runtime.graph.twins
        assert runtime.difference is not None
        assert "twin p2" in runtime.difference.removals_said
    async with bench(tmp_path, less, apply=True) as runtime:
        assert "p2" not in runtime.graph.twins
        assert runtime.about("station").parts == ("p1",)


async def test_a_restart_keeps_every_state_and_serves_no_old_value_as_good(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "kept"}], US)
        root, seq = runtime.health().root, runtime.graph.seq
    text = FILE.replace("initial: {power: 1.0, goal: 500.0}", "initial: {}")
    async with bench(tmp_path, text) as runtime:
        assert value(runtime, "p1/note") == "kept"
        assert cell(runtime, "p2/power").status == "BadWaitingForInitialData"
        assert runtime.graph.seq > seq
        assert runtime.health().root != root


async def test_a_changed_model_that_does_not_fit_is_refused_with_the_list(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await runtime.patch_twin("p1", [{"op": "add", "path": "/note", "value": "text"}], US)
    with pytest.raises(ConfigInvalid, match="p1"):
        async with bench_with_integer_note(tmp_path):
            pass


def bench_with_integer_note(folder: Path):
    import json

    from interop.config import load
    from interop.runtime.twins import Runtime
    from tests.interop.runtime_bench import MODELS, write_project

    changed = json.loads(json.dumps(MODELS).replace('"note", "schema": "string"', '"note", "schema": "integer"'))
    return Runtime(load(write_project(folder, models=changed)))


async def test_a_second_process_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path):
        with pytest.raises(DataLocked):
            async with bench(tmp_path):
                pass


async def test_twins_know_what_they_are(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        assert runtime.about("station").kind == "mega-twin"
        assert runtime.about("p1").kind == "twin"
        assert runtime.about("p1").sources == {"east": "up"}
        await runtime.put_twin("m", {"$metadata": {"$model": "dtmi:test:Pump;1"}}, US)
        assert runtime.about("m").kind == "model"


async def test_a_slow_subscriber_is_told_what_it_missed(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        subscription = runtime.subscribe(queue=2)
        for number in range(10):
            await runtime.patch_twin("station", [{"op": "replace", "path": "/owner", "value": f"o{number}"}], US)
        stream = aiter(subscription)
        assert (await anext(stream)).lost == 8
        subscription.close()


async def test_what_the_file_no_longer_gives_is_not_served_as_good(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "station/total") == 3000.0)
    less = FILE.replace("  - {from: p1/power, to: station/echo}\n", "").replace("connections:\n", "")
    less = less.replace("    roll-up: {total: sum(parts/power)}\n", "")
    start = less.index("    bind:\n      west")
    less = less[:start] + less[less.index("relationships:") :]
    less = less[: less.index("  west:")] + less[less.index("twins:") :]
    async with bench(tmp_path, less) as runtime:
        for text, word in (("p2/power", "source west"), ("station/total", "roll-up"), ("station/echo", "connection")):
            found = cell(runtime, text)
            assert found.status == "BadConfigurationError", text
            assert word in found.reason
        await until(lambda: cell(runtime, "p1/power").status == "Good")
        seq = runtime.graph.seq
    async with bench(tmp_path, less) as runtime:
        again = [event for event in await runtime.events(seq) if event.actor == "file"]
        assert again == []


async def test_a_part_of_another_model_is_converted_anew(tmp_path: Path) -> None:
    models = [
        *json.loads(json.dumps(MODELS)),
        json.loads(json.dumps(MODELS[0]).replace("dtmi:test:Pump;1", "dtmi:test:Small;1").replace("kilowatt", "watt")),
    ]
    models[2]["extends"] = []
    models[1] = json.loads(json.dumps(models[1]).replace('"target": "dtmi:test:Pump;1", ', ""))
    for model in (models[0], models[2]):
        model["contents"][0]["@type"] = ["Property", "Power"]
    async with Runtime(load(write_project(tmp_path, models=models))) as runtime:
        await runtime.wait_until_up(10)
        await runtime.put_twin("x", {"$metadata": {"$model": "dtmi:test:Small;1"}, "power": 5.0}, US)
        link = {"$relationshipName": "has", "$targetId": "x"}
        await runtime.put_relationship("station", "x", link, US)
        await until(lambda: value(runtime, "station/total") == 3005.0)
        model = {"op": "replace", "path": "/$metadata/$model", "value": "dtmi:test:Pump;1"}
        await runtime.patch_twin("x", [model], US)
        assert value(runtime, "station/total") == 8000.0


async def test_a_reading_from_the_far_future_does_not_keep_newer_ones_away_for_long(tmp_path: Path) -> None:
    text = FILE.replace("east: {memory: east,", "east: {defaults: {max-skew: 200 ms}, memory: east,")
    async with bench(tmp_path, text) as runtime:
        plant(runtime, "east").feed("N", 7, source_time=utc_now() + timedelta(days=365))
        await until(lambda: value(runtime, "p1/level") == 7)
        assert "ahead" in cell(runtime, "p1/level").reason

        def newer() -> bool:
            plant(runtime, "east").feed("N", 8)
            return value(runtime, "p1/level") == 8

        await until(newer)
        assert cell(runtime, "p1/level").status == "Good"


async def test_a_connection_follows_a_slow_clock_again_after_a_lost_link(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        hour_ago = utc_now() - timedelta(seconds=3600)
        plant(runtime, "east").cut()
        await until(lambda: cell(runtime, "station/echo").status == "BadNoData")
        plant(runtime, "east").restore()
        ahead = cell(runtime, "p1/power").source_time
        assert ahead is not None
        plant(runtime, "east").feed("P", 5000.0, source_time=max(ahead, hour_ago))
        await until(lambda: value(runtime, "station/echo") == 5000.0)
        assert cell(runtime, "station/echo").status == "Good"


async def test_a_failed_commit_leaves_the_roll_ups_as_they_were_and_readings_are_read_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        await until(lambda: value(runtime, "station/total") == 3000.0)
        await runtime.put_twin("p3", {"$metadata": {"$model": "dtmi:test:Pump;1"}}, US)
        broken = Draft(kind="patch", twin="station", actor="client:test", body={"ops": None})
        link = runtime.graph.relationship("station", "station-has-p2")
        assert link is not None
        gone = Draft(kind="relationship-delete", twin="station", actor="client:test", body={"id": link.id})
        odd = Draft(kind="samples", twin=None, actor="client:test", body={"source": "x", "readings": [["p1/level"]]})
        for drafts in ([gone, odd], [gone, broken]):
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, nothing of it may stay
                await runtime.engine.commit(drafts)
        plant(runtime, "west").feed("power", 4.0)
        await until(lambda: value(runtime, "station/total") == 6000.0)
        assert runtime.graph.relationship("station", "station-has-p2") == link


async def test_an_adapter_that_breaks_in_the_middle_of_a_write_leaves_an_expired_request(tmp_path: Path) -> None:
    caller = Caller("client:test", "request-9")
    async with bench(tmp_path) as runtime:
        adapter = plant(runtime, "east")
        sent = 0

        async def broken(values, *, deadline_s):
            nonlocal sent
            sent += 1
            raise ZeroDivisionError("a bug")

        adapter.write = broken
        for _ in range(2):
            with pytest.raises(Expired, match="ZeroDivisionError"):
                await runtime.patch_twin("p1", REPLACE_GOAL, caller)
        assert sent == 1
        phases = [event.body["phase"] for event in await runtime.events(0) if event.kind == "write"]
        assert phases == ["requested", "expired"]


async def test_a_request_that_waits_longer_than_its_deadline_is_not_sent(tmp_path: Path) -> None:
    text = FILE.replace("west: {memory: west,", "west: {defaults: {deadline: 300 ms}, memory: west,")
    async with bench(tmp_path, text) as runtime:
        plant(runtime, "west").stuck.add("goal")
        patches = [
            runtime.patch_twin("p2", [{"op": "replace", "path": "/goal", "value": 20.0 + n}], US) for n in range(5)
        ]
        results = await asyncio.gather(*patches, return_exceptions=True)
        kinds = [type(result) for result in results]
        assert Expired in kinds
        writes = [event for event in await runtime.events(0) if event.kind == "write"]
        assert [event.body["phase"] for event in writes].count("requested") == kinds.count(Expired)


async def test_if_match_holds_until_the_plant_has_answered(tmp_path: Path) -> None:
    async with bench(tmp_path) as runtime:
        etag = runtime.graph.twins["p1"].etag

        def both(text: str) -> list[dict[str, object]]:
            return [*REPLACE_GOAL, {"op": "add", "path": "/note", "value": text}]

        results = await asyncio.gather(
            runtime.patch_twin("p1", both("first"), US, if_match=etag),
            runtime.patch_twin("p1", both("second"), US, if_match=etag),
            return_exceptions=True,
        )
        assert [type(result) for result in results].count(PreconditionFailed) == 1
        assert value(runtime, "p1/note") == "first"
