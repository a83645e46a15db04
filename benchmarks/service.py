"""The twin service: queries over graphs of two sizes, rows as documents, in process.

    python benchmarks/service.py [--rounds 7] [--twins 100000] [--large 1000000] [--smoke]

A standard twin has 10 properties with values of its own, one relationship and a model of three levels. Each figure is
the CPU time of one query with its plan and indexes there, its rows made into documents: on the large graph, beside the
same on the small one, in turn. Printed beside them: the first run of each query, indexes built, and what those take.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from measure import Figure, write

from dtdl.elements import Interface, Model
from interop.graph.document import document, relationship_document
from interop.graph.query.engine import QueryEngine
from interop.graph.query.output import rendered
from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph
from interop.graph.transition import Delta, etag_of

THING = Interface("dtmi:bench:Thing;1", properties={"contents": {}})
DEVICE = Interface("dtmi:bench:Device;1", properties={"contents": {}, "extends": (THING,)})
LEAVES = [
    Interface(f"dtmi:bench:Sensor{n};1", properties={"contents": {}, "extends": (DEVICE,)}) for n in range(3)
]  # fmt: skip
MODEL = Model({one.id: one for one in (THING, DEVICE, *LEAVES)})
BRANCHES = 6
"""Twins that feed one; a tree, so that hops and joins find as many rows in a graph of any size."""


class Side:
    """One graph and its engine."""

    def __init__(self, count: int) -> None:
        self.count = count
        before = resident()
        self.graph = Graph()
        now, chance = datetime.now(UTC), random.Random(1)
        names = [(f"p{n}",) for n in range(10)]
        for number in range(count):
            contents = {
                "p0": number, "p1": number + chance.random(), "p2": f"serial-{number:08d}", "p3": chance.random(),
                "p4": f"{number} Main Street", "p5": number % 2 == 0, "p6": f"{number}-maker", "p7": number * 3,
                "p8": f"what is known of the twin with the number {number}", "p9": chance.randrange(10**9),
            }  # fmt: skip
            state = TwinState(
                id=name(number), model=LEAVES[number % 3].id, contents=contents, updated=dict.fromkeys(names, now),
                etag=etag_of(number + 1), seq=number + 1, changed_at=now,
            )  # fmt: skip
            self.graph.install(Delta(seq=number + 1, twins={state.id: state}))
        for number in range(1, count):
            source, target = name(number), name((number - 1) // BRANCHES)
            feeds = Relationship(id="r", source=source, name="feeds", target=target, seq=count + number)
            self.graph.install(Delta(seq=count + number, relationships={(source, "r"): feeds}))
        self.resident_mb = resident() - before
        self.engine = QueryEngine(self.graph, lambda: MODEL)

    def ask(self, text: str) -> int:
        rows = [rendered(row, document, relationship_document) for row in self.engine.rows(text)]
        return len(rows)


def name(number: int) -> str:
    return f"twin-{number:07d}"


def resident() -> float:
    """Resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


QUERIES: dict[str, tuple[float, Callable[[int], str]]] = {
    "indexed comparison": (
        1.0, lambda n: f"SELECT * FROM DIGITALTWINS T WHERE T.p1 >= {n // 4} AND T.p1 < {n // 4 + 50}"),
    "indexed equality": (1.0, lambda n: f"SELECT * FROM DIGITALTWINS T WHERE T.p2 = 'serial-{n // 2:08d}'"),
    "JOIN of 2 hops with a filter": (
        1.0, lambda _: "SELECT a, b FROM DIGITALTWINS a JOIN b RELATED a.feeds JOIN c RELATED b.feeds "
        f"WHERE c.$dtId = '{name(100)}' AND a.p5 = true"),
    "MATCH *..4 from a $dtId": (
        1.0, lambda n: f"SELECT b FROM DIGITALTWINS MATCH (a)<-[:feeds*..4]-(b) WHERE a.$dtId = '{name(n // 150)}'"),
    "COUNT over a model with those below it": (
        5.0, lambda _: "SELECT COUNT() FROM DIGITALTWINS T WHERE IS_OF_MODEL(T, 'dtmi:bench:Thing;1')"),
}  # fmt: skip
"""What → milliseconds that the small graph may take, and the query for a graph of a size."""


def cpu_ms(action: Callable[[], int]) -> tuple[float, int]:
    before = time.process_time()
    rows = action()
    return (time.process_time() - before) * 1e3, rows


def measure(what: str, small: Side, large: Side, rounds: int) -> tuple[Figure, bool]:
    allowed_ms, text = QUERIES[what]
    figure = Figure(what, "ms", reference_name=f"{small.count:,} twins")
    counts = []
    for side in (small, large):
        held = resident()
        cold_ms, rows = cpu_ms(lambda side=side: side.ask(text(side.count)))
        counts.append(rows)
        more_mb = resident() - held
        print(f"{what}, {side.count:,} twins: {rows} rows, first run {cold_ms:.2f} ms, resident +{more_mb:.1f} MB")
    for _ in range(rounds):
        for side, times in ((large, figure.ours), (small, figure.reference)):
            times.append(min(cpu_ms(lambda side=side: side.ask(text(side.count)))[0] for _ in range(5)))
    figure.cpu_ours_s, figure.cpu_reference_s = sum(figure.ours) / 1e3, sum(figure.reference) / 1e3
    figure.note = f"{counts[1]} and {counts[0]} rows; the lesser graph may take {allowed_ms:g} ms"
    return figure, min(figure.reference) <= allowed_ms and min(figure.ours) <= 2 * allowed_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--twins", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--smoke", action="store_true", help="small graphs, no result file")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.twins, arguments.large, arguments.rounds = 2_000, 10_000, 2
    small, large = Side(arguments.twins), Side(arguments.large)
    for side in (small, large):
        print(f"{side.count:,} twins: resident +{side.resident_mb:.0f} MB without indexes")
    gc.freeze()  # as a service that has started: its graph is not gone through again and again
    found = [measure(what, small, large, arguments.rounds) for what in QUERIES]
    late = [figure.name for figure, is_met in found if not is_met]
    if arguments.smoke:
        for figure, _ in found:
            print(figure.line())
        return
    write(
        "service", [figure for figure, _ in found], rounds=arguments.rounds, twins=arguments.twins,
        large=arguments.large,
    )  # fmt: skip
    print(f"slower than allowed: {', '.join(late)}" if late else "all within what is allowed")


if __name__ == "__main__":
    main()
