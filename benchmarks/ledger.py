"""The ledger: readings taken in, twins and the whole graph as of a time, starting, memory.

    python benchmarks/ledger.py [--rounds 5] [--twins 100000] [--events 1000000] [--data DIR] [--smoke]

1. Readings a second, durable and in the hash tree with signed checkpoints, beside bare SQLite (WAL, FULL, one row of
   205 bytes and an index entry for each reading) at the same batch size; by wall clock and by CPU time, in turn.
2. One twin as of a random time, and the whole graph as of a random time, in a ledger of twins, relationships, patches
   and readings with snapshots.
3. A start on that ledger: CPU seconds until the graph is there, and how much the process has grown.

Where there is no reference to run beside, the bound that the ledger is held to stands in its place.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measure import Figure, percentile, write

HERE = Path(__file__).resolve()
PIECE = 1_000
ACTIVE = 1_000
"""Twins that readings come for."""
START = datetime(2026, 1, 1, tzinfo=UTC)


# --- figure 1 ---


def take_in(folder: Path, readings: int, size: int) -> tuple[float, float]:
    """Readings a second through the ledger's writer, by wall clock and CPU time: encoded, hashed, indexed, durable."""
    from interop.event import Event
    from interop.ledger.store import Store
    from interop.values import format_time

    folder.mkdir()
    store = Store(folder)
    wall, cpu = time.perf_counter(), time.process_time()
    for seq in range(1, readings // size + 1):
        now = datetime.now(UTC)
        at = format_time(now)
        rows = [[f"site-{n * 37 % 200}/p{n % 10}", seq + n / 7, "Good", at, at, "p"] for n in range(size)]
        event = Event(
            seq=seq,
            kind="samples",
            twin=None,
            recorded_at=now,
            actor="source:s",
            body={"source": "s", "readings": rows},
        )
        store.commit([[(event, event.encode())]])
    spent = time.perf_counter() - wall, time.process_time() - cpu
    store.close()
    return readings / spent[0], readings / spent[1]


def take_in_bare(folder: Path, readings: int, size: int) -> tuple[float, float]:
    """The same of SQLite alone."""
    folder.mkdir()
    database = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, point TEXT, at REAL, body BLOB)")
    database.execute("CREATE INDEX by_point ON reading (point, at)")
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(readings // size):
        now = time.time()
        rows = [(f"site-{n * 37 % 200}/p{n % 10}", now, b"x" * 205) for n in range(size)]
        database.execute("BEGIN")
        database.executemany("INSERT INTO reading (point, at, body) VALUES (?,?,?)", rows)
        database.execute("COMMIT")
    spent = time.perf_counter() - wall, time.process_time() - cpu
    database.close()
    return readings / spent[0], readings / spent[1]


def measure_intake(rounds: int, readings: int, folder: Path) -> list[Figure]:
    """Figures of the first part."""
    figures: list[Figure] = []
    for size in (100, 1_000):
        wall = Figure(f"readings ingested, batches of {size}", "1/s", reference_name="bare SQLite")
        cpu = Figure(f"readings ingested a CPU second, batches of {size}", "1/s", reference_name="bare SQLite")
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                ours = take_in(Path(place) / "ours", readings, size)
                bare = take_in_bare(Path(place) / "bare", readings, size)
            wall.ours.append(ours[0])
            wall.reference.append(bare[0])
            cpu.ours.append(ours[1])
            cpu.reference.append(bare[1])
        wall.note = cpu.note = f"{readings} readings a round, 2,000 points"
        figures += [wall, cpu]
    return figures


# --- the ledger of figures 2 and 3 ---


def story(twins: int, events: int) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Kind, twin and body: twins, one relationship each, then readings and one patch in ten."""
    chance = random.Random(1)
    for number in range(twins):
        contents = {
            "name": f"site {number}", "serial": f"SN-{number:08d}-{chance.randrange(1 << 32):08x}",
            "power": chance.random() * 1000, "tilt": chance.random(), "count": chance.randrange(100_000),
            "online": number % 2 == 0, "vendor": f"vendor {number % 7}", "lat": chance.random() * 90,
            "lon": chance.random() * 180, "note": f"installed {number % 365} days ago",
        }  # fmt: skip
        yield "twin-put", f"twin-{number}", {"model": f"dtmi:bench:Site{number % 3};1", "contents": contents}
    for number in range(twins):
        body = {"id": f"r-{number}", "name": "feeds", "target": f"twin-{(number * 7 + 1) % twins}", "contents": {}}
        yield "relationship-put", f"twin-{number}", body
    for number in range(2 * twins, events):
        if number % 10:
            at = (START + timedelta(milliseconds=number - chance.randrange(2_000))).isoformat()
            point = f"twin-{chance.randrange(min(twins, ACTIVE))}/{chance.choice(['power', 'tilt'])}"
            yield "samples", None, {"source": "s", "readings": [[point, chance.random(), "Good", at, None, "p"]]}
        else:
            twin = f"twin-{chance.randrange(twins)}"
            yield "patch", twin, {"ops": [{"op": "replace", "path": "/count", "value": chance.randrange(100_000)}]}


def build(folder: Path, twins: int, events: int) -> None:
    """Writes the ledger, an event a millisecond, with the snapshots that the runtime would take."""
    from interop.event import Event
    from interop.graph.store import Graph
    from interop.graph.transition import apply
    from interop.ledger.snapshot import Saved, Snapshot, encode
    from interop.ledger.store import Store
    from interop.runtime.snapshots import CHANGED, EVENTS

    folder.mkdir()
    store, graph = Store(folder), Graph()
    changed: set[str] = set()
    since = 0

    def commit(piece: list[tuple[Event, bytes]]) -> None:
        nonlocal since
        store.commit([piece])
        if graph.seq - since >= EVENTS or len(changed) >= CHANGED or graph.seq == events:
            rows = [(twin, encode(Saved(twin, graph.twin(twin), graph.outgoing(twin)))) for twin in changed]
            store.keep(Snapshot(graph.seq, len(graph.twins), rows))
            changed.clear()
            since = graph.seq

    piece: list[tuple[Event, bytes]] = []
    for seq, (kind, twin, body) in enumerate(story(twins, events), start=1):
        event = Event(
            seq=seq, kind=kind, twin=twin, recorded_at=START + timedelta(milliseconds=seq), actor="bench", body=body
        )
        piece.append((event, event.encode()))
        delta = apply(graph, event)
        graph.install(delta)
        changed.update(delta.twins, (source for source, _ in delta.relationships))
        if len(piece) == PIECE:
            commit(piece)
            piece = []
    if piece:
        commit(piece)
    store.close()


# --- figure 2 ---


def measure_past(rounds: int, folder: Path, twins: int, events: int) -> list[Figure]:
    """Figures of the second part; as the ledger's own reader threads do it, without the way there and back."""
    from interop.ledger.layout import connect
    from interop.ledger.reader import Reader
    from interop.ledger.recent import Recent

    recent = Recent()
    recent.add((), events)
    reader = Reader(connect(folder, writer=False), recent)
    one = Figure("as-of read of a twin, median", "ms", reference_name="bound")
    slow = Figure("as-of read of a twin, p99", "ms", reference_name="bound")
    whole = Figure("whole graph as of a time", "s", reference_name="bound")
    chance = random.Random(2)
    for _ in range(rounds):
        took = []
        for _ in range(300):
            at = START + timedelta(milliseconds=chance.randrange(2 * twins, events + 1))
            cpu = time.process_time()
            assert reader.as_of(f"twin-{chance.randrange(twins)}", at, None) is not None
            took.append((time.process_time() - cpu) * 1e3)
        one.ours.append(statistics.median(took))
        slow.ours.append(percentile(took, 0.99))
        at = START + timedelta(milliseconds=chance.randrange(2 * twins, events + 1))
        cpu = time.process_time()
        assert len(reader.graph_as_of(at, None).twins) == twins
        whole.ours.append(time.process_time() - cpu)
    reader.close()
    for figure, bound in ((one, 2.0), (slow, 2.0), (whole, 3.0)):
        figure.reference = [bound] * rounds
        figure.note = f"{events} events, {twins} twins and as many relationships; CPU time; readings up to 2 s late"
    return [one, slow, whole]


# --- figure 3 ---


async def start_up() -> None:
    """Opens the ledger that is named as the runtime does, and prints what it cost."""
    from interop.ledger.sqlite import SqliteLedger
    from interop.runtime.engine import Engine

    class Nothing:
        """No roll-ups and no connections."""

        def rebuild(self, view: object) -> None:
            """Has nothing to do."""

    before = _resident()
    cpu, wall = time.process_time(), time.perf_counter()
    ledger = await SqliteLedger.open(Path(sys.argv[2]))
    engine = Engine(ledger, None, Nothing())  # type: ignore[arg-type] # no models are needed to read what is stored
    await engine.replay()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    gc.collect()
    print(
        json.dumps({"cpu": spent[0], "wall": spent[1], "grown": _resident() - before, "twins": len(engine.graph.twins)})
    )
    await ledger.close()


def _resident() -> float:
    """Resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def measure_start(rounds: int, folder: Path, twins: int, events: int) -> list[Figure]:
    """Figures of the third part."""
    cpu = Figure("start-up from disk, CPU", "s", reference_name="bound")
    wall = Figure("start-up from disk, wall clock", "s", reference_name="bound")
    grown = Figure("twins resident, growth", "MB", reference_name="bound")
    for _ in range(rounds):
        done = subprocess.run([sys.executable, HERE, "start", folder], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        assert found["twins"] == twins
        cpu.ours.append(found["cpu"])
        wall.ours.append(found["wall"])
        grown.ours.append(found["grown"])
    for figure, bound in ((cpu, 5.0), (wall, 5.0), (grown, 250.0)):
        figure.reference = [bound] * rounds
        figure.note = f"{twins} twins and as many relationships, {events} events; without the query indexes"
    return [cpu, wall, grown]


def main() -> None:
    """Measures everything, prints the ratios, writes results/ledger.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--twins", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--readings", type=int, default=200_000)
    parser.add_argument("--data", type=Path, help="the ledger of figures 2 and 3; built there if it is not there")
    parser.add_argument("--smoke", action="store_true", help="one small round; writes no result file")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.twins, options.events, options.readings = 1, 200, 2_000, 2_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = measure_intake(options.rounds, options.readings, folder)
        data = options.data or folder / "data"
        if not data.exists():
            build(data, options.twins, options.events)
        figures += measure_past(options.rounds, data, options.twins, options.events)
        figures += measure_start(options.rounds, data, options.twins, options.events)
    if options.smoke:
        for figure in figures:
            print(figure.line())
    else:
        write(
            "ledger", figures, rounds=options.rounds, twins=options.twins, events=options.events, cores=os.cpu_count()
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["start"]:
        asyncio.run(start_up())
    else:
        main()
