from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from interop.cli import main
from interop.values import Point, Reading, Sample
from tests.interop.rest.running import Running, running

HUMIDITY = Point("room", ("humidity",))


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with running() as found:
        monkeypatch.setenv("MEGATWIN_URL", found.url)
        found.do(found.service.read, [Reading(HUMIDITY, Sample(40.0))])
        yield found


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        return code, *capfd.readouterr()

    return run


def test_ls_lists_twins_with_kind_status_and_model(live, run) -> None:
    code, out, _ = run("ls")
    heading, line = out.splitlines()
    assert code == 0
    assert heading.split() == ["twin", "kind", "status", "model", "degraded"]
    assert line.split() == ["room", "shadow", "Good", "dtmi:test:Room;1"]
    assert json.loads(run("ls", "--format", "json")[1])[0]["twin"] == "room"


def test_get_shows_every_value_with_unit_status_age_and_source(live, run) -> None:
    code, out, _ = run("get", "room")
    assert code == 0
    assert out.startswith("room  shadow  dtmi:test:Room;1\npillars: physical ok, digital ok, connection ok\n")
    (line,) = [line for line in out.splitlines() if line.startswith("humidity")]
    path, value, unit, status, age, age_unit, source = line.split()
    assert (path, value, unit, status, age_unit, source) == ("humidity", "40", "percent", "Good", "s", "plant")
    assert float(age) >= 0
    assert json.loads(run("get", "room", "--format", "json")[1])["values"]["humidity"]["value"] == 40.0


def test_query_prints_a_table_json_or_csv(live, run) -> None:
    text = "SELECT T.$dtId, T.temperature AS t, T.vent FROM DIGITALTWINS T WHERE T.temperature > 20"
    code, out, err = run("query", text)
    heading, line = out.splitlines()
    assert (code, err) == (0, "1 row\n")
    assert heading.split() == ["$dtId", "t", "vent"]
    assert line.split()[:2] == ["room", "21.5"]
    (row,) = json.loads(run("query", text, "--format", "json")[1])
    assert (row["$dtId"], row["t"], row["vent"]["speed"]) == ("room", 21.5, 3.0)
    (parsed,) = csv.DictReader(io.StringIO(run("query", text, "--format", "csv")[1]))
    assert (parsed["$dtId"], parsed["t"], json.loads(parsed["vent"])) == ("room", "21.5", row["vent"])


def test_query_of_nothing_prints_nothing(live, run) -> None:
    code, out, err = run("query", "SELECT T.$dtId FROM DIGITALTWINS T WHERE T.temperature > 99")
    assert (code, out, err) == (0, "", "0 rows\n")


def test_a_malformed_query_is_one_error(live, run) -> None:
    code, out, err = run("query", "SELECT * FROM HERE")
    assert (code, out) == (1, "")
    assert "Line=1, Position=14" in err


def test_get_at_shows_the_past(live, run) -> None:
    then = json.loads(run("get", "room", "--format", "json")[1])["changedAt"]
    live.do(live.service.read, [Reading(HUMIDITY, Sample(50.0))])
    past = json.loads(run("get", "room", "--at", then, "--format", "json")[1])
    assert past["values"]["humidity"]["value"] == 40.0
    assert "as it was" in run("get", "room", "--at", then)[1]
    code, _, err = run("get", "room", "--at", "1d")
    assert code == 1
    assert "there was no twin 'room' then" in err


def test_set_writes_json_or_a_text_and_shows_what_is_there_now(live, run) -> None:
    assert run("set", "room/temperature", "22.5")[1].splitlines()[1].split()[:4] == [
        "room/temperature", "22.5", "degreeCelsius", "Good",
    ]  # fmt: skip
    run("set", "room/name", "kitchen")
    assert live.service.graph.twins["room"].contents["name"] == "kitchen"
    run("set", "room/name", "42", "--string")
    assert live.service.graph.twins["room"].contents["name"] == "42"
    code, out, _ = run("set", "room/vent/speed", "1", "--format", "json")
    assert (code, json.loads(out)["path"], json.loads(out)["value"]) == (0, "vent/speed", 1)


def test_set_of_a_wrong_value_says_which_and_why(live, run) -> None:
    code, out, err = run("set", "room/temperature", "hot")
    assert (code, out) == (1, "")
    assert "'hot' is no Double" in err
    assert "Correct the value." in err


def test_call_prints_the_result(live, run) -> None:
    assert run("call", "room/reset", "3")[:2] == (0, "reset to 3\n")
    assert run("call", "room/reset", "3", "--format", "json")[1] == '{"result": "reset to 3"}\n'
    assert run("call", "room/vent/boost")[:2] == (0, "")
    code, _, err = run("call", "room/reset", "{")
    assert code == 2
    assert "is not JSON" in err


def test_history_comes_as_text_json_and_csv(live, run) -> None:
    live.do(live.service.read, [Reading(HUMIDITY, Sample(50.0))])
    _, out, _ = run("history", "room/humidity", "--from", "1h")
    assert [line.split()[2] for line in out.splitlines()] == ["value", "40.0", "50.0"]
    found = json.loads(run("history", "room", "--format", "json")[1])
    assert [row["value"] for row in found["rows"]] == [40.0, 50.0]
    rows = list(csv.DictReader(io.StringIO(run("history", "room", "--format", "csv")[1])))
    assert [(row["path"], row["value"], row["unit"], row["status"]) for row in rows] == [
        ("humidity", "40.0", "percent", "Good"), ("humidity", "50.0", "percent", "Good"),
    ]  # fmt: skip
    code, _, err = run("history", "room", "--limit", "1")
    assert code == 0
    assert "There is more" in err


def test_watch_follows_changes_and_stops_in_time(live) -> None:
    watch = subprocess.Popen(
        [sys.executable, "-m", "megatwin", "watch", "room", "--for", "60", "--format", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with watch:
        assert "following" in watch.stderr.readline()
        live.do(live.service.read, [Reading(HUMIDITY, Sample(50.0))])
        change = json.loads(watch.stdout.readline())
        assert (change["twin"], change["path"], change["sample"]["value"]) == ("room", "humidity", 50.0)
        watch.terminate()


def test_watch_shows_a_line_a_change(live, run) -> None:
    code, out, err = run("watch", "--since", "0", "--for", "0.5")
    lines = out.splitlines()
    assert code == 0
    assert "following" in err
    assert lines[0].split()[:3] == ["1", "twin", "room"]
    assert lines[1].split()[2:] == ["room/humidity", "40.0", "percent", "Good", "plant"]


@pytest.mark.parametrize("arguments", [("get", "x"), ("watch", "x"), ("history", "x"), ("set", "x/name", "1")])
def test_a_twin_that_is_not_there_is_named(live, run, arguments) -> None:
    code, _, err = run(*arguments)
    assert code == 1
    assert "there is no twin 'x'" in err


@pytest.mark.parametrize(
    "arguments",
    [("ls",), ("get", "x"), ("set", "x/y", "1"), ("call", "x/y"), ("history", "x"), ("watch",)],
    ids=lambda arguments: arguments[0],
)
def test_an_instance_that_does_not_answer_is_exit_code_4(run, arguments) -> None:
    with running() as gone:
        url = gone.url
    code, out, err = run(*arguments, "--url", url)
    assert (code, out) == (4, "")
    assert f"{url} cannot be reached" in err
    assert "megatwin up" in err


@pytest.mark.parametrize("arguments", [("--url", "localhost:8080"), ("--format", "xml"), ("--at", "noon")])
def test_a_wrong_option_is_exit_code_2(run, arguments) -> None:
    assert run("get", "room", *arguments)[0] == 2


def test_help_of_each_command_imports_no_http_library() -> None:
    names = ("ls", "get", "set", "call", "history", "watch")
    code = f"""
import sys
from interop.cli import main
for name in {names!r}:
    assert main([name, "--help"]) == 0
assert not {{"httpx", "pydantic", "rich", "starlette"}} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
