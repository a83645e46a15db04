"""The first path: a change in a plant to the stream, a durable PATCH, and the compilation of a large ontology.

    python benchmarks/first_path.py [--rounds 5] [--smoke] [--ontology rec.jsonl]

1. PT change → REST stream: time from the plant's clock to the subscriber, beside a bare asyncua subscription whose
   callback makes one SQLite commit. Both see changes of the same plant, in turn.
2. Durable PATCH a second over HTTP, 16 connections, beside 16 threads that wait for a group commit of the same rows.
3. Compiling an ontology to classes beside ``json.loads`` of its text.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import Figure, cpu_of, cpu_of_process, percentile, pin, start, write

HERE = Path(__file__).resolve()
MODEL = {
    "@context": "dtmi:dtdl:context;3",
    "@id": "dtmi:bench:Meter;1",
    "@type": "Interface",
    "contents": [
        {"@type": "Telemetry", "name": "stamp", "schema": "double"},
        *({"@type": "Property", "name": f"p{n}", "schema": "double", "writable": True} for n in range(10)),
    ],
}
FILE = """
megatwin: 1
name: bench
models: [models/]
sources:
  plant:
    opcua: {url}
    security: none
    namespaces: {{b: "urn:bench"}}
    defaults: {{publishing: 1 ms, sampling: 1 ms}}
twins:
  meter:
    model: dtmi:bench:Meter;1
    bind: {{plant: {{at: /Objects/b:Meter, map: {{stamp: "b:stamp"}}}}}}
serve: {{http: "127.0.0.1:0"}}
"""
PERIOD_S = 0.02


# --- roles that run in processes of their own ---


async def plant() -> None:
    """Serves one variable whose value is the plant's clock when it changed."""
    from asyncua import Server, ua

    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{sys.argv[2]}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:bench")
    meter = await server.nodes.objects.add_object(index, "Meter")
    node = await meter.add_variable(index, "stamp", 0.0)
    async with server:
        print("ready", flush=True)
        while True:
            await asyncio.sleep(PERIOD_S)
            now = time.time()
            await server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(now, ua.VariantType.Double)))


async def twin() -> None:
    """Runs megatwin on the file that is named."""
    from interop.config import load
    from interop.runtime.start import running

    async with running(load(Path(sys.argv[2]))) as up:
        assert up.rest is not None
        await up.runtime.wait_until_up(20)
        print(up.rest.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


# --- figure 1 ---


async def stream_latency(url: str, seconds: float) -> list[float]:
    """Milliseconds from the plant's clock to the subscriber of /v1/stream."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /v1/stream?twin=meter HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode())
    found: list[float] = []
    end = time.time() + seconds
    while time.time() < end:
        line = await reader.readline()
        if line.startswith(b"data:") and b'"stamp"' in line:
            sample = json.loads(line[5:])["sample"]["value"]
            found.append((time.time() - sample) * 1e3)
    writer.close()
    return found[5:]


async def bare_latency(url: str, seconds: float, folder: Path) -> list[float]:
    """Milliseconds from the plant's clock to the end of one commit in a bare asyncua callback."""
    from asyncua import Client

    database = sqlite3.connect(folder / f"bare-{time.time()}.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB)")
    found: list[float] = []

    class Handler:
        def datachange_notification(self, _node: Any, value: float, _data: Any) -> None:
            database.execute("INSERT INTO event (body) VALUES (?)", (b"x" * 205,))
            found.append((time.time() - value) * 1e3)

    async with Client(url) as client:
        index = await client.get_namespace_index("urn:bench")
        node = await client.nodes.objects.get_child([f"{index}:Meter", f"{index}:stamp"])
        subscription = await client.create_subscription(1, Handler())
        await subscription.subscribe_data_change(node, sampling_interval=1)
        await asyncio.sleep(seconds)
        await subscription.delete()
    database.close()
    return found[5:]


def measure_latency(rounds: int, seconds: float, folder: Path) -> list[Figure]:
    """Figures of the first part."""
    port = _free_port()
    plant_process = start(str(HERE), "plant", str(port), core=0)
    assert plant_process.stdout is not None
    plant_process.stdout.readline()
    url = f"opc.tcp://127.0.0.1:{port}"
    process, rest = _start_twin(folder, url)
    p50 = Figure("PT change to stream, p50", "ms", reference_name="bare callback and commit")
    p99 = Figure("PT change to stream, p99", "ms", reference_name="bare callback and commit")
    cpu_before = cpu_of_process(process.pid)
    cpu_bare = 0.0
    for _ in range(rounds):
        ours = asyncio.run(stream_latency(rest, seconds))
        bare, used = cpu_of(lambda: asyncio.run(bare_latency(url, seconds, folder)))
        cpu_bare += used
        p50.ours.append(percentile(ours, 0.5))
        p50.reference.append(percentile(bare, 0.5))
        p99.ours.append(percentile(ours, 0.99))
        p99.reference.append(percentile(bare, 0.99))
    for figure in (p50, p99):
        figure.cpu_ours_s = cpu_of_process(process.pid) - cpu_before
        figure.cpu_reference_s = cpu_bare
        figure.note = f"{1 / PERIOD_S:.0f} changes a second, publishing 1 ms, {seconds:g} s a round"
    _stop(process)
    plant_process.kill()
    plant_process.wait()
    return [p50, p99]


# --- figure 2 ---


async def patches(url: str, seconds: float, connections: int) -> float:
    """Durable PATCH a second over keep-alive connections."""
    host, port = url.removeprefix("http://").split(":")
    end = time.perf_counter() + seconds
    done = 0

    async def one(number: int) -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection(host, int(port))
        count = 0
        while time.perf_counter() < end:
            count += 1
            body = json.dumps([{"op": "add", "path": f"/p{count % 10}", "value": count + number / 1000}]).encode()
            head = (
                f"PATCH /digitaltwins/load-{number}?api-version=2023-10-31 HTTP/1.1\r\nHost: {host}\r\n"
                f"Content-Type: application/json-patch+json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            status = await reader.readline()
            assert b" 204 " in status, status
            while (await reader.readline()).strip():
                pass
            done += 1
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return done / seconds


def bare_commits(folder: Path, seconds: float, writers: int) -> float:
    """Acknowledged rows a second of a bare group commit: whoever waits shares the next commit."""
    import queue
    import threading

    waiting: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()

    def write_all() -> None:
        database = sqlite3.connect(folder / f"group-{time.time()}.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, at REAL, body BLOB)")
        database.execute("CREATE INDEX by_time ON event (at)")
        while (first := waiting.get()) is not None:
            batch = [first]
            while not waiting.empty():
                item = waiting.get()
                if item is None:
                    return
                batch.append(item)
            database.execute("BEGIN")
            database.executemany(
                "INSERT INTO event (at, body) VALUES (?, ?)", [(time.time(), b"x" * 205) for _ in batch]
            )
            database.execute("COMMIT")
            for event in batch:
                event.set()

    writer = threading.Thread(target=write_all)
    writer.start()
    end = time.perf_counter() + seconds
    counts = [0] * writers

    def work(number: int) -> None:
        while time.perf_counter() < end:
            event = threading.Event()
            waiting.put(event)
            event.wait()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting.put(None)
    writer.join()
    return sum(counts) / seconds


def measure_patches(rounds: int, seconds: float, folder: Path, connections: int = 16) -> Figure:
    """The figure of the second part."""
    import httpx

    process, rest = _start_twin(folder, f"opc.tcp://127.0.0.1:{_free_port()}", wait=False)
    for number in range(connections):
        body = {"$metadata": {"$model": MODEL["@id"]}, **{f"p{n}": 0.0 for n in range(10)}}
        httpx.put(
            f"{rest}/digitaltwins/load-{number}", params={"api-version": "2023-10-31"}, json=body
        ).raise_for_status()
    figure = Figure("durable PATCH, 16 connections", "1/s", reference_name="bare group commit, 16 writers")
    before = cpu_of_process(process.pid)
    for _ in range(rounds):
        figure.ours.append(asyncio.run(patches(rest, seconds, connections)))
        rate, used = cpu_of(lambda: bare_commits(folder, seconds, connections))
        figure.reference.append(rate)
        figure.cpu_reference_s += used
    figure.cpu_ours_s = cpu_of_process(process.pid) - before
    figure.note = f"{seconds:g} s a round; a twin of 10 properties for each connection"
    _stop(process)
    return figure


# --- figure 3 ---


def measure_compilation(rounds: int, ontology: Path) -> list[Figure]:
    """Figures of the third part; each round parses and compiles anew in this process."""
    import dtdl

    texts = [json.loads(line)["text"] for line in ontology.read_text(encoding="utf-8").splitlines()]
    parse = Figure("parse and check the ontology", "s", reference_name="json.loads")
    lazy = Figure("compile the ontology, lazily", "s", reference_name="json.loads")
    whole = Figure("compile the ontology, every class built", "s", reference_name="json.loads")
    for _ in range(rounds):
        _, plain, used = _timed(lambda: [json.loads(text) for text in texts])
        model, first, cpu_parse = _timed(lambda: dtdl.parse(ontology))
        types, second, cpu_lazy = _timed(functools.partial(dtdl.compile, model))
        _, third, cpu_whole = _timed(functools.partial(_all, types))
        for figure, took, cpu in (
            (parse, first, cpu_parse), (lazy, second, cpu_lazy), (whole, second + third, cpu_lazy + cpu_whole),
        ):  # fmt: skip
            figure.ours.append(took)
            figure.reference.append(plain)
            figure.cpu_ours_s += cpu
            figure.cpu_reference_s += used
            figure.note = f"{len(texts)} documents"
    return [parse, lazy, whole]


def _all(types: Any) -> list[Any]:
    return [types[dtmi] for dtmi in types]


def _timed(action: Any) -> tuple[Any, float, float]:
    began = time.perf_counter()
    result, used = cpu_of(action)
    return result, time.perf_counter() - began, used


# --- plumbing ---


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_twin(folder: Path, url: str, *, wait: bool = True) -> tuple[subprocess.Popen[bytes], str]:
    project = Path(tempfile.mkdtemp(dir=folder))
    (project / "models").mkdir()
    (project / "models" / "Meter.json").write_text(json.dumps(MODEL), encoding="utf-8")
    text = FILE.format(url=url)
    if not wait:
        text = text[: text.index("sources:")] + 'serve: {http: "127.0.0.1:0"}\n'
    (project / "megatwin.yaml").write_text(text, encoding="utf-8")
    process = start(str(HERE), "twin", str(project / "megatwin.yaml"), core=1)
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    assert url, "megatwin did not start"
    return process, url


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(20)


def main() -> None:
    """Measures everything, prints the ratios, writes results/first_path.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--smoke", action="store_true", help="one short round; writes no result file")
    parser.add_argument("--ontology", type=Path, help="a folder, file or .jsonl; default: RealEstateCore, if there")
    options = parser.parse_args()
    rounds, seconds = (1, 1.0) if options.smoke else (options.rounds, options.seconds)
    cases = os.environ.get("MEGATWIN_CASES")
    ontology = options.ontology or (Path(cases) / "bench" / "rec.jsonl" if cases else None)
    pin(0)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        figures += measure_latency(rounds, seconds, Path(folder))
        figures.append(measure_patches(rounds, seconds, Path(folder)))
    if ontology is not None and ontology.exists():
        figures += measure_compilation(rounds, ontology)
    else:
        print("the compilation is left out: name an ontology with --ontology")
    if options.smoke:
        for figure in figures:
            print(figure.line())
    else:
        write("first_path", figures, rounds=rounds, seconds_a_round=seconds, state="warm")


if __name__ == "__main__":
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role in {"plant", "twin"}:
        pin(int(os.environ["MEGATWIN_BENCH_CORE"]))
        asyncio.run(plant() if role == "plant" else twin())
    else:
        main()
