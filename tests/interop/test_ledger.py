"""The SQLite ledger: numbering, durability, group commit, failure, start."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dtdl.errors import DataCorrupt, DataLocked, InputUnreadable, InteropError, Overloaded, RequestInvalid
from interop.event import Draft
from interop.ledger.layout import DATABASE_NAME
from interop.ledger.merkle import Frontier, leaf_hash
from interop.ledger.sqlite import SqliteLedger


def note(text="x", **more):
    return Draft(kind="note", twin=None, actor="test", body={"text": text}, **more)


async def all_events(ledger):
    return [event async for piece in ledger.replay() for event in piece]


@pytest.fixture
async def ledger(tmp_path):
    made = await SqliteLedger.open(tmp_path / "data")
    yield made
    await made.close()


async def test_numbers_are_dense_and_causes_resolved(ledger):
    first = note("a")
    pending = ledger.append([first, note("b", cause=first)])
    assert [event.seq for event in pending.events] == [1, 2]
    assert ledger.size == 0
    stored = await pending
    assert ledger.size == 2
    assert stored[1].cause == 1
    assert list(await all_events(ledger)) == list(stored)
    assert list(await ledger.events(1, 10)) == [stored[1]]


async def test_prepared_events_keep_their_numbers_and_are_appended_together(ledger):
    first = ledger.prepare([note("a")])
    second = ledger.prepare([note("b", cause=first[0].seq)])
    assert [event.seq for event in (*first, *second)] == [1, 2]
    with pytest.raises(InteropError, match="exactly"):
        ledger.append(second)
    stored = await ledger.append([*first, *second])
    assert stored == (*first, *second)
    assert list(await all_events(ledger)) == list(stored)
    with pytest.raises(InteropError, match="exactly"):
        ledger.append(first)


async def test_what_was_prepared_and_not_appended_uses_no_number(ledger):
    ledger.prepare([note("a")])
    ledger.discard()
    assert ledger.prepare([note("b")])[0].seq == 1
    assert (await ledger.append([note("c")]))[0].seq == 1
    stale = ledger.prepare([note("d")])
    await asyncio.sleep(0)
    with pytest.raises(InteropError, match="exactly"):
        ledger.append(stale)
    prepared = ledger.prepare([note("e")])
    with pytest.raises(RequestInvalid):
        ledger.prepare([note(object())])
    assert (await ledger.append(prepared))[0].seq == 2
    assert [event.body["text"] for event in await all_events(ledger)] == ["c", "e"]


async def test_times_never_decrease(ledger):
    first = (await ledger.append([note()]))[0]
    ledger._last = first.recorded_at + timedelta(hours=1)
    second = (await ledger.append([note()]))[0]
    third = (await ledger.append([note()]))[0]
    assert second.recorded_at == third.recorded_at == first.recorded_at + timedelta(hours=1)


async def test_a_body_that_json_cannot_hold_is_refused_and_uses_no_number(ledger):
    with pytest.raises(RequestInvalid):
        ledger.append([note(), note(object())])
    with pytest.raises(InteropError, match="cause"):
        ledger.append([note(cause=note())])
    assert (await ledger.append([note()]))[0].seq == 1


async def test_nothing_appended_is_nothing_stored(ledger):
    assert await ledger.append([]) == ()
    assert ledger.size == 0


async def test_futures_resolve_in_order_however_they_are_grouped(ledger):
    order = []
    pending = []
    for number in range(500):
        future = ledger.append([note(str(number))])
        future.add_done_callback(lambda done: order.append(done.result()[0].seq))
        pending.append(future)
        if number % 50 == 0:
            await asyncio.sleep(0.001)
    await asyncio.gather(*pending)
    await asyncio.sleep(0)
    assert order == list(range(1, 501))
    assert ledger.size == 500


async def test_the_root_is_over_the_stored_bytes_and_survives_a_start(tmp_path):
    ledger = await SqliteLedger.open(tmp_path)
    assert ledger.root() == Frontier().root().hex()
    await ledger.append([note(str(number)) for number in range(1000)])
    root = ledger.root()
    await ledger.close()
    again = await SqliteLedger.open(tmp_path)
    edge = Frontier()
    for event in await all_events(again):
        edge.add(leaf_hash(event.encode()))
    assert again.root() == root == edge.root().hex()
    assert (await again.append([note()]))[0].seq == 1001
    assert await again.verify() == []
    await again.close()


async def test_a_second_opener_is_refused_and_told_who_has_it(tmp_path, ledger):
    with pytest.raises(DataLocked, match=str(os.getpid())):
        await SqliteLedger.open(tmp_path / "data")
    code = (
        "import asyncio, sys, pathlib\n"
        "from dtdl.errors import DataLocked\n"
        "from interop.ledger.sqlite import SqliteLedger\n"
        "try:\n    asyncio.run(SqliteLedger.open(pathlib.Path(sys.argv[1])))\n"
        "except DataLocked as error:\n    print(error)\n"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "data"), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(other.communicate(), 60)
    assert f"process {os.getpid()}" in printed.decode()


async def test_a_closed_ledger_lets_go_and_says_so(tmp_path):
    ledger = await SqliteLedger.open(tmp_path)
    pending = ledger.append([note()])
    await ledger.close()
    assert pending.done()
    assert pending.result()[0].seq == 1
    with pytest.raises(InteropError):
        ledger.append([note()])
    with pytest.raises(InteropError):
        await ledger.events(0, 1)
    await ledger.close()
    again = await SqliteLedger.open(tmp_path)
    assert again.size == 1
    await again.close()


async def test_a_full_disk_fails_what_waits_and_the_ledger_goes_on(tmp_path):
    ledger = await SqliteLedger.open(tmp_path)
    await ledger.append([note()])
    root = ledger.root()
    resets = []
    ledger.on_reset = resets.append
    store = ledger._writer._store
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    big = ledger.append([note("x" * 100_000)])
    after = ledger.append([note("after")])
    results = await asyncio.gather(big, after, return_exceptions=True)
    assert all(isinstance(result, Overloaded) for result in results)
    assert "full" in str(results[0])
    assert len(resets) == 1
    assert ledger.size == 1
    assert ledger.root() == root
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert (await ledger.append([note("x" * 100_000)]))[0].seq == 2
    assert await ledger.verify() == []
    await ledger.close()


async def test_what_was_numbered_after_a_failed_commit_fails_too(ledger):
    # A samples event without readings cannot be indexed, so its commit fails while more is queued behind it.
    bad = Draft(kind="samples", twin=None, actor="test", body={})
    futures = [ledger.append([note("a")])]
    await futures[0]
    futures = [ledger.append([bad]), *(ledger.append([note(str(n))]) for n in range(20))]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert all(isinstance(result, InteropError) for result in results)
    assert (await ledger.append([note("b")]))[0].seq == 2
    assert [event.body["text"] for event in await all_events(ledger)] == ["a", "b"]


async def test_a_full_queue_refuses(ledger, monkeypatch):
    monkeypatch.setattr("interop.ledger.sqlite.MAX_WAITING", 1000)
    first = ledger.append([note("x" * 2000)])
    with pytest.raises(Overloaded):
        ledger.append([note("y")])
    await first
    assert (await ledger.append([note("y")]))[0].seq == 2


async def test_a_cancelled_waiter_does_not_lose_the_event(ledger):
    future = ledger.append([note("kept")])
    future.cancel()
    await ledger.append([note("next")])
    assert [event.body["text"] for event in await all_events(ledger)] == ["kept", "next"]


async def filled(folder, count=600):
    ledger = await SqliteLedger.open(folder)
    await ledger.append([note(f"text {number}") for number in range(count)])
    await ledger.close()


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM event WHERE seq = 600",
        "UPDATE event SET stored = x'00' WHERE seq = 590",
        "UPDATE event SET leaf = zeroblob(32) WHERE seq = 590",
        "UPDATE head SET size = 599",
        "UPDATE head SET root = zeroblob(32)",
        "DELETE FROM tile",
        "DELETE FROM event WHERE seq = 400; UPDATE event SET leaf = zeroblob(32) WHERE seq = 599",
    ],
)
async def test_a_torn_or_altered_end_is_refused_at_the_start(tmp_path, harm):
    await filled(tmp_path)
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.executescript(harm)
    connection.close()
    with pytest.raises(DataCorrupt) as refused:
        await SqliteLedger.open(tmp_path)
    assert "ledger verify" in refused.value.action
    # The lock is free again.
    with pytest.raises(DataCorrupt):
        await SqliteLedger.open(tmp_path)


async def test_an_altered_event_in_the_middle_is_found_by_replay_and_named_by_verify(tmp_path):
    await filled(tmp_path)
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("UPDATE event SET stored = CAST(replace(stored, 'text 99', 'text 98') AS BLOB) WHERE seq = 100")
    connection.commit()
    connection.close()
    ledger = await SqliteLedger.open(tmp_path)
    with pytest.raises(DataCorrupt, match="event 100 "):
        await all_events(ledger)
    problems = await ledger.verify()
    assert problems[0] == "event 100 contradicts its hash"
    await ledger.close()


async def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / DATABASE_NAME).write_bytes(b"not a database, but longer than a header" * 100)
    with pytest.raises(DataCorrupt):
        await SqliteLedger.open(tmp_path)
    (tmp_path / DATABASE_NAME).unlink()
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(DataCorrupt, match="no ledger"):
        await SqliteLedger.open(tmp_path)
    with pytest.raises(InputUnreadable):
        await SqliteLedger.open(tmp_path / DATABASE_NAME)


async def test_another_layout_is_refused(tmp_path):
    await filled(tmp_path, 1)
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputUnreadable, match="layout 99"):
        await SqliteLedger.open(tmp_path)


async def test_reads_show_only_what_is_durable(ledger):
    pending = ledger.append([note()])
    assert pending.events
    assert ledger.size == 0
    assert not pending.done()
    await pending
    assert len(await ledger.events(0, 10)) == 1
    assert pending.events[0].recorded_at <= datetime.now(UTC)
