"""Nothing that was acknowledged is lost when the process is killed; nothing is acknowledged before it is on disk."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from dtdl.errors import Overloaded
from interop.event import Draft
from interop.graph.store import Graph
from interop.graph.transition import apply
from interop.ledger.layout import DATABASE_NAME, connect
from interop.ledger.snapshot import Saved
from interop.ledger.sqlite import SqliteLedger
from interop.ledger.verify import verify_file

KILLS = 100 if os.environ.get("MEGATWIN_LONG") else 4
FLIPS = 1000 if os.environ.get("MEGATWIN_LONG") else 40

WRITER = """
import asyncio, os, sys
from pathlib import Path
from interop.event import Draft
from interop.ledger.sqlite import SqliteLedger

async def one(ledger, lane, limit):
    for number in range(limit):
        if lane % 2:
            rows = [["a/p", number, "Good", None, None, "p"]] * (lane + 1)
            draft = Draft(kind="samples", twin=None, actor="t", body={"source": "s", "readings": rows})
        else:
            draft = Draft(kind="twin-put", twin=f"t{lane}", actor="t", body={"model": "m;1", "contents": {"n": number}})
        (event,) = await ledger.append([draft])
        os.write(1, f"{event.seq}\\n".encode())

async def main():
    ledger = await SqliteLedger.open(Path(sys.argv[1]))
    await asyncio.gather(*(one(ledger, lane, int(sys.argv[3])) for lane in range(int(sys.argv[2]))))
    await ledger.close()

asyncio.run(main())
"""


def start(folder, lanes, limit, *before):
    return subprocess.Popen(
        [*before, sys.executable, "-c", WRITER, str(folder), str(lanes), str(limit)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


@pytest.mark.timeout(120 if KILLS < 100 else 900)
def test_killed_at_any_moment_nothing_acknowledged_is_missing_and_nothing_torn(tmp_path):
    chance = random.Random(4)
    acknowledged = 0
    for _ in range(KILLS):
        with start(tmp_path, 8, 1_000_000) as writer:
            assert writer.stdout.readline(), "the writer did not start"
            time.sleep(chance.random() * 0.3)
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read()
        # The last line may have been cut by the kill; a cut line is no acknowledgement.
        seen = [int(line) for line in rest.decode().splitlines(keepends=True) if line.endswith("\n")]
        acknowledged = max([acknowledged, *seen])
        found = verify_file(tmp_path, indexes=False)
        assert found.problems == []
        assert found.size >= acknowledged
    assert acknowledged > KILLS
    assert verify_file(tmp_path).problems == []


def test_every_acknowledgement_comes_after_fdatasync(tmp_path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    trace = [strace, "-f", "-qq", "-e", "trace=fdatasync,write", "-e", "signal=none", "-o", str(log)]
    with start(tmp_path / "data", 1, 30, *trace) as writer:
        acknowledged = writer.stdout.read().split()
    if writer.returncode and not acknowledged:
        pytest.skip("strace may not trace here")
    assert acknowledged == [str(number).encode() for number in range(1, 31)]
    synced, acks = 0, 0
    for line in log.read_text().splitlines():
        if re.search(r"fdatasync(\(\d+\)| resumed>\)) += 0", line):
            synced += 1
        elif re.search(r'write\(1, "\d+\\n"', line):
            acks += 1
            assert synced, f"acknowledgement {acks} came without fdatasync"
            synced = 0
    assert acks == 30


@pytest.fixture
async def closed(tmp_path):
    folder = tmp_path / "data"
    ledger = await SqliteLedger.open(folder)
    graph = Graph()
    drafts = [
        Draft(kind="twin-put", twin=twin, actor="t", body={"model": "m;1", "contents": {"x": 1, "name": twin * 9}})
        for twin in ("a", "b", "c")
    ]
    link = {"id": "r", "name": "feeds", "target": "b", "contents": {"w": 2}}
    drafts.append(Draft(kind="relationship-put", twin="a", actor="t", body=link))
    for number in range(300):
        rows = [["a/p", number, "Good", None, None, "p"], ["a/t", f"text {number}", "Good", None, None, "t"]]
        drafts.append(Draft(kind="samples", twin=None, actor="t", body={"source": "s", "readings": rows}))
    for first in range(0, len(drafts), 76):
        for event in await ledger.append(drafts[first : first + 76]):
            graph.install(apply(graph, event))
        rows = [Saved(twin, state, graph.outgoing(twin)) for twin, state in graph.twins.items()]
        # As the runtime does, only what changed; here that is every twin at first, and then the one with readings.
        await ledger.keep(graph.seq, len(graph.twins), rows if first == 0 else rows[:1])
    await ledger.close()
    return folder


async def test_one_flipped_bit_in_an_event_is_found_and_named(closed):
    connection = connect(closed, writer=False)
    stored = dict(connection.execute("SELECT seq, stored FROM event"))
    connection.close()
    file = closed / DATABASE_NAME
    whole = file.read_bytes()
    chance = random.Random(5)
    for seq in chance.sample(sorted(stored), 40):
        place = whole.index(stored[seq]) + chance.randrange(len(stored[seq]))
        harmed = bytearray(whole)
        harmed[place] ^= 1 << chance.randrange(8)
        file.write_bytes(harmed)
        assert verify_file(closed).problems[0].startswith(f"event {seq} ")


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE sample SET value = 7 WHERE seq = 17 AND n = 0",
        "DELETE FROM sample WHERE seq = 17 AND n = 1",
        "UPDATE name SET text = 'other' WHERE text = 's'",
        "UPDATE point SET path = 'q' WHERE path = 'p'",
        "UPDATE version SET base = 1 WHERE seq = 301",
        "DELETE FROM link",
    ],
)
async def test_an_index_that_says_other_than_the_events_is_found(tmp_path, monkeypatch, harm):
    monkeypatch.setattr("interop.ledger.recent.HELD", 10)
    ledger = await SqliteLedger.open(tmp_path)
    for number in range(300):
        rows = [["a/p", number, "Good", None, None, "p"], ["a/t", f"text {number}", "Good", None, None, "t"]]
        body = {"source": "s", "readings": rows}
        await ledger.append([Draft(kind="samples", twin=None, actor="t", body=body)])
    await ledger.append([Draft(kind="twin-put", twin="a", actor="t", body={"model": "m", "contents": {"x": 1}})])
    body = {"source": "s", "kind": "down", "status": "BadNoCommunication"}
    await ledger.append([Draft(kind="link", twin=None, actor="t", body=body)])
    await ledger.close()
    assert verify_file(tmp_path).problems == []
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    assert connection.execute(harm).rowcount
    connection.commit()
    connection.close()
    (problem,) = verify_file(tmp_path).problems
    assert problem.startswith("event ")
    assert "index" in problem
    assert verify_file(tmp_path, indexes=False).problems == []


@pytest.mark.timeout(120 if FLIPS < 1000 else 900)
async def test_one_flipped_bit_anywhere_is_found_or_has_no_effect(closed):
    # Found by the check, or every event and every answer is as before; never a crash.
    file = closed / DATABASE_NAME
    whole = file.read_bytes()
    expected = await answers(closed)
    chance = random.Random(6)
    unseen = 0
    for _ in range(FLIPS):
        harmed = bytearray(file.read_bytes())
        harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
        file.write_bytes(harmed)
        if not verify_file(closed).problems:
            unseen += 1
            assert await answers(closed) == expected
        file.write_bytes(whole)
    assert unseen < FLIPS


async def answers(folder):
    ledger = await SqliteLedger.open(folder)
    try:
        return (
            ledger.root(),
            await ledger.events(0, 1000),
            await ledger.history("a", None, None, None),
            await ledger.snapshot() is not None,
            dict((await ledger.graph_as_of(datetime(2100, 1, 1, tzinfo=UTC))).twins),
            [event async for piece in ledger.replay() for event in piece],
            await ledger.as_of("a", datetime(2100, 1, 1, tzinfo=UTC)),
        )
    finally:
        await ledger.close()


async def test_a_shorter_file_is_found(closed):
    file = closed / DATABASE_NAME
    whole = file.read_bytes()
    for part in (0.3, 0.6, 0.9):
        file.write_bytes(whole[: int(len(whole) * part)])
        assert verify_file(closed).problems


async def test_a_full_disk_acknowledges_nothing_and_the_ledger_goes_on_when_there_is_room(tmp_path):
    # SQLite's own bound on the pages of the file says SQLITE_FULL in the middle of a commit, as a full disk does.
    ledger = await SqliteLedger.open(tmp_path)
    big = Draft(kind="note", twin=None, actor="t", body={"text": "x" * 20_000})
    await ledger.append([big])
    connection = ledger._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    stored, failed = 1, 0
    for _ in range(12):
        try:
            (event,) = await ledger.append([big])
        except Overloaded:
            failed += 1
        else:
            stored += 1
            assert event.seq == stored == ledger.size
    assert failed
    assert verify_file(tmp_path).problems == []
    assert ledger.size == stored
    connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    (event,) = await ledger.append([big])
    assert event.seq == stored + 1
    await ledger.close()
    assert verify_file(tmp_path) == (stored + 1, ledger.root(), [], None)


FILLER = """
import asyncio, os, resource, sys
from pathlib import Path
from dtdl.errors import Overloaded
from interop.event import Draft
from interop.ledger.sqlite import SqliteLedger

async def main():
    ledger = await SqliteLedger.open(Path(sys.argv[1]))
    there = max(os.path.getsize(path) for path in Path(sys.argv[1]).iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (there + 300_000, hard))
    draft = Draft(kind="note", twin=None, actor="t", body={"text": "x" * 20_000})
    acknowledged = failed = 0
    while not failed:
        try:
            (event,) = await ledger.append([draft])
            acknowledged = event.seq
        except Overloaded:
            failed += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (event,) = await ledger.append([draft])
    print(acknowledged, event.seq)
    await ledger.close()

asyncio.run(main())
"""


def test_a_write_that_the_system_refuses_is_not_acknowledged(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILLER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    acknowledged, after = map(int, done.stdout.split())
    assert acknowledged > 1
    assert after == acknowledged + 1
    found = verify_file(tmp_path)
    assert (found.size, found.problems) == (after, [])
