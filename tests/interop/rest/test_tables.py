"""History as a table: aggregates, and JSON, CSV or Parquet as the client accepts."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import httpx
import pyarrow.parquet as parquet
import pytest

from interop.rest.messages import History, Windows
from interop.values import BAD_NO_COMMUNICATION, Point, Reading, Sample
from tests.interop.rest.memory_service import MemoryService

HUMIDITY = Point("room", ("humidity",))
START = datetime(2026, 5, 1, tzinfo=UTC)
URL = "/v1/twins/room/history"


@pytest.fixture
def history(service: MemoryService) -> MemoryService:
    for seconds, value in ((0, 40.0), (30, 42.0), (60, 50.0)):
        service.read([Reading(HUMIDITY, Sample(value, source_time=START + timedelta(seconds=seconds)))])
    bad = Sample(None, BAD_NO_COMMUNICATION, START + timedelta(seconds=61))
    service.read([Reading(HUMIDITY, bad)])
    return service


@pytest.mark.usefixtures("history")
async def test_history_is_aggregated_by_interval(http: httpx.AsyncClient) -> None:
    reply = await http.get(URL, params={"path": "humidity", "interval": 60})
    found = Windows.model_validate(reply.json())
    assert (found.interval, found.more) == (60.0, False)
    assert [(row.start, row.count, row.bad, row.mean, row.unit) for row in found.rows] == [
        (START, 2, 0, 41.0, "percent"),
        (START + timedelta(seconds=60), 1, 1, 50.0, "percent"),
    ]
    one = await http.get(URL, params={"path": "humidity", "interval": 60, "limit": 1})
    assert (len(one.json()["rows"]), one.json()["more"]) == (1, True)


@pytest.mark.parametrize("interval", ["0", "-1", "x", "nan", "inf", "1e300"])
async def test_an_interval_that_is_none_is_refused(http: httpx.AsyncClient, interval: str) -> None:
    reply = await http.get(URL, params={"interval": interval})
    assert (reply.status_code, reply.json()["code"]) == (400, "InvalidArgument")


@pytest.mark.usefixtures("history")
async def test_csv_has_the_columns_of_the_json(http: httpx.AsyncClient) -> None:
    params = {"path": "humidity"}
    rows = History.model_validate((await http.get(URL, params=params)).json()).rows
    reply = await http.get(URL, params=params, headers={"accept": "text/csv"})
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.headers["megatwin-more"] == "false"
    table = list(csv.DictReader(io.StringIO(reply.text)))
    assert [(line["path"], line["value"], line["status"]) for line in table] == [
        (row.path, "" if row.value is None else str(row.value), row.status) for row in rows
    ]
    assert table[0]["sourceTime"] == "2026-05-01T00:00:00.000000Z"


@pytest.mark.usefixtures("history")
async def test_parquet_has_typed_columns(http: httpx.AsyncClient) -> None:
    headers = {"accept": "application/vnd.apache.parquet"}
    reply = await http.get(URL, params={"path": "humidity", "limit": 3}, headers=headers)
    assert (reply.headers["content-type"], reply.headers["megatwin-more"]) == (headers["accept"], "true")
    table = parquet.read_table(io.BytesIO(reply.content)).to_pydict()
    assert table["valueNumber"] == [40.0, 42.0, 50.0]
    assert table["value"] == ["40.0", "42.0", "50.0"]
    assert table["sourceTime"][0] == START
    windows = await http.get(URL, params={"path": "humidity", "interval": 60}, headers=headers)
    assert parquet.read_table(io.BytesIO(windows.content)).to_pydict()["mean"] == [41.0, 50.0]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
    ],
)
async def test_the_best_accepted_form_is_given(http: httpx.AsyncClient, accept: str, media: str) -> None:
    reply = await http.get(URL, headers={"accept": accept})
    assert reply.headers["content-type"].split(";")[0] == media


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "text/csv;q=x", "a/b;q=nan"])
async def test_a_form_that_is_not_there_is_406(http: httpx.AsyncClient, accept: str) -> None:
    reply = await http.get(URL, headers={"accept": accept})
    assert (reply.status_code, reply.json()["code"]) == (406, "NotAcceptable")
