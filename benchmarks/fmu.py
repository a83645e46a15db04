"""Coupled FMUs: the compiled loop beside a C program that makes the same calls, set-up, the worker, memory.

    python benchmarks/fmu.py [--rounds 5] [--smoke] [--gemseo FOLDER]

1. A chain of first-order lags (`sources/Lag`), nanoseconds of CPU an FMU step in the loop, beside `sources/raw.c`.
2. The same with one call a macro step, as a live twin makes it.
3. Set-up of 1,000 instances of one FMU in a worker: seconds and memory, beside what is allowed.
4. An offline run through the worker, with its rows handed over, beside the same run in this process.
5. One step through the worker and back, back to back, and at 100 Hz beside a bare echo over two pipes.
6. Memory that 9,000 further runs leave behind in one process.
7. 400 short runs as an ensemble, by one process and by two that have started.
8. `--gemseo`: the halves of a mass-spring system of OpenModelica coupled: error by step and algorithm.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[1]
# this file is called as the package that it measures
sys.path[:] = [str(ROOT), *(path for path in sys.path if Path(path).resolve() != ROOT)]

from measure import Figure, percentile, pin, write  # noqa: E402

from fmu import archive  # noqa: E402
from fmu.build import build, compiler, headers  # noqa: E402
from fmu.description import Experiment  # noqa: E402
from fmu.ensemble import Ensemble, Scenario  # noqa: E402
from fmu.simulation import Place, Simulation  # noqa: E402
from fmu.system import Algorithm, Connection, Connector, Part, Port, System  # noqa: E402
from fmu.worker import Worker  # noqa: E402

STEP_S = 0.01
CALLS = 2_000_000
SETUP_S, SETUP_MB, LEAK_MB, LIVE_US = 1.0, 60.0, 2.0, 150.0
SPEED_UP, RUN_MS = 1.7, 0.2


def chain(lag: Path, count: int) -> System:
    """Lags in a row, each fed by the one before; the first takes its input from outside."""
    return System(
        name="chain",
        parts=[Part(name=f"p{k}", fmu=lag) for k in range(count)],
        connections=[Connection(source=Port(f"p{k}", "x"), target=Port(f"p{k + 1}", "u")) for k in range(count - 1)],
        inputs=[Connector(name="u", port=Port("p0", "u"))],
        outputs=[Connector(name="x", port=Port(f"p{count - 1}", "x"))],
    )


class Bench:
    """The FMU, unpacked, and the C program, built."""

    def __init__(self, folder: Path) -> None:
        self.lag = build(HERE.parent / "sources" / "Lag", folder / "Lag.fmu")
        self.unpacked = archive.unpack(self.lag, folder / "Lag")
        self.library = next(self.unpacked.rglob("*.so"))
        self.raw = folder / "raw"
        source = HERE.parent / "sources" / "raw.c"
        subprocess.run(
            [compiler(), "-O2", "-std=c99", f"-I{headers()}", "-o", str(self.raw), str(source), "-ldl"], check=True
        )

    @contextlib.contextmanager
    def opened(self, count: int, master: str) -> Iterator[Simulation]:
        """The chain in this process."""
        system = chain(self.lag, count)
        simulation = Simulation(
            system, Place(folders={self.lag: str(self.unpacked)}), algorithm=Algorithm(master=master)
        )
        assert simulation.facts().loop == "compiled"
        yield simulation
        simulation.close()

    def raw_ns(self, count: int, steps: int, master: str) -> tuple[float, float]:
        """Nanoseconds an FMU step of the C program, and the last output."""
        done = subprocess.run(
            [str(self.raw), str(self.library), str(count), str(steps), master],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        spent, last = done.stdout.split()
        return float(spent), float(last)


def measure_chains(bench: Bench, rounds: int, calls: int) -> list[Figure]:
    figures = []
    for master in ("jacobi", "gauss-seidel"):
        for count in (10, 100, 1000):
            figure = Figure(f"{master}, {count} FMUs, many steps a call", "ns an FMU step", reference_name="C program")
            steps = calls // count
            for _ in range(rounds):
                with bench.opened(count, master) as simulation:
                    simulation.step(STEP_S, simulation.inputs.pack([1.0]))
                    begun = time.process_time()
                    _, _, rows = simulation.run(STEP_S, steps - 1, None, steps)
                    spent = time.process_time() - begun
                    raw, last = bench.raw_ns(count, steps, master)
                    assert simulation.outputs.unpack(rows[-8:]) == [last], "not the same result"
                figure.ours.append(1e9 * spent / (steps - 1) / count)
                figure.reference.append(raw)
                figure.cpu_ours_s += spent
                figure.cpu_reference_s += 1e-9 * raw * steps * count
            figures.append(figure)
    return figures


def measure_single(bench: Bench, rounds: int, calls: int) -> list[Figure]:
    figures = []
    for master in ("jacobi", "gauss-seidel"):
        figure = Figure(f"{master}, 100 FMUs, one call a macro step", "ns an FMU step", reference_name="C program")
        steps = max(calls // 1000, 100)
        for _ in range(rounds):
            with bench.opened(100, master) as simulation:
                row = simulation.inputs.pack([1.0])
                simulation.step(STEP_S, row)
                begun = time.process_time()
                for _ in range(steps):
                    simulation.step(STEP_S, row)
                spent = time.process_time() - begun
            raw, _ = bench.raw_ns(100, calls // 100, master)
            figure.ours.append(1e9 * spent / steps / 100)
            figure.reference.append(raw)
            figure.cpu_ours_s += spent
            figure.cpu_reference_s += 1e-9 * raw * calls
        figures.append(figure)
    return figures


def rss_mb(pid: int | str) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure_setup(bench: Bench, rounds: int) -> list[Figure]:
    seconds = Figure("set-up of 1,000 instances, CPU", "s", reference_name="allowed")
    memory = Figure("set-up of 1,000 instances, memory above one instance", "MB", reference_name="allowed")
    for _ in range(rounds):
        begun = time.process_time()
        with bench.opened(1000, "jacobi"):
            seconds.ours.append(time.process_time() - begun)
        with Worker(chain(bench.lag, 1000)) as many, Worker(chain(bench.lag, 1)) as one:
            assert many.pid is not None
            assert one.pid is not None
            memory.ours.append(rss_mb(many.pid) - rss_mb(one.pid))
        seconds.reference.append(SETUP_S)
        memory.reference.append(SETUP_MB)
    seconds.cpu_ours_s = sum(seconds.ours)
    return [seconds, memory]


def measure_worker(bench: Bench, rounds: int, calls: int) -> Figure:
    """Both make the same steps in parts of a thousand and turn each part's rows into values."""
    figure = Figure("offline run of 1,000 FMUs through the worker", "s", reference_name="in this process")
    steps = calls * 20 // 1000
    for _ in range(rounds):
        with Worker(chain(bench.lag, 1000)) as worker:
            worker.run(STEP_S, 10)
            begun = time.perf_counter()
            there = [values for part in worker.stream(STEP_S, steps) for _, values in part]
            figure.ours.append(time.perf_counter() - begun)
        with bench.opened(1000, "jacobi") as simulation:
            simulation.run(STEP_S, 10, None, 1)
            begun = time.perf_counter()
            here: list[Any] = []
            for done in range(0, steps, 1000):
                _, _, rows = simulation.run(STEP_S, min(1000, steps - done), None, 1)
                assert isinstance(rows, bytes)
                here += simulation.outputs.all(rows)
            figure.reference.append(time.perf_counter() - begun)
        assert there == here, "not the same result"
    return figure


def measure_live(bench: Bench, rounds: int, steps: int) -> list[Figure]:
    hot = Figure("one step through the worker, back to back, p50", "us", reference_name="allowed")
    paced = Figure("one step through the worker at 100 Hz, p50", "us", reference_name="pipe echo")
    for _ in range(rounds):
        with Worker(chain(bench.lag, 1)) as worker:
            hot.ours.append(_median_us(lambda: worker.step(STEP_S, [1.0]), steps))
            hot.reference.append(LIVE_US)
            with _echo() as echo:
                ours, theirs = [], []
                for _ in range(max(steps // 10, 20)):
                    # in turn, so that both see the same machine
                    for action, times in ((lambda: worker.step(STEP_S, [1.0]), ours), (echo, theirs)):
                        time.sleep(STEP_S)
                        begun = time.perf_counter()
                        action()
                        times.append(1e6 * (time.perf_counter() - begun))
            paced.ours.append(percentile(ours, 0.5))
            paced.reference.append(percentile(theirs, 0.5))
    return [hot, paced]


def _median_us(action: Any, count: int) -> float:
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        action()
        times.append(1e6 * (time.perf_counter() - begun))
    return percentile(times, 0.5)


@contextlib.contextmanager
def _echo() -> Iterator[Any]:
    """A process that sends back what comes over a pipe."""
    code = "import os\nwhile data := os.read(0, 65536): os.write(1, data)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        there, back = process.stdin.fileno(), process.stdout.fileno()

        def exchange() -> None:
            os.write(there, b"x" * 25)
            os.read(back, 65536)

        exchange()
        yield exchange
        process.stdin.close()


def measure_leak(bench: Bench, runs: int) -> Figure:
    """Each run instantiates, initializes, steps and frees ten FMUs."""
    figure = Figure(f"memory left behind by runs {runs // 10} to {runs}", "MB", reference_name="allowed")
    first = 0.0
    for number in range(1, runs + 1):
        with bench.opened(10, "jacobi") as simulation:
            simulation.run(STEP_S, 10, None, 1)
        if number == runs // 10:
            gc.collect()
            first = rss_mb("self")
    gc.collect()
    figure.ours.append(max(rss_mb("self") - first, 0.0))
    figure.reference.append(LEAK_MB)
    return figure


def measure_ensemble(bench: Bench, rounds: int, runs: int) -> list[Figure]:
    """One FMU, ten steps a run, other start values each; the processes have started and unpacked."""
    shared = Figure(f"{runs} short runs by two processes", "s", reference_name="by one process, over 1.7")
    plain = Figure(
        "plain arithmetic by two processes: what the machine gives", "s", reference_name=shared.reference_name
    )
    single = Figure("CPU of a short run of an ensemble, pool and parent", "ms", reference_name="allowed")
    system = System.of(bench.lag, inputs=["u"], outputs=["x"])
    scenarios = [Scenario(start={Port(bench.lag.stem, "u"): float(k)}) for k in range(runs)]
    span = Experiment(stop_s=10 * STEP_S, step_s=STEP_S)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as one, ProcessPoolExecutor(2, context) as two:
        ensembles = [(Ensemble(system, experiment=span), pool, width) for pool, width in ((one, 1), (two, 2))]
        for ensemble, pool, width in ensembles * 2:
            ensemble.run(scenarios, executor=pool, workers=width)
        for _ in range(rounds):
            spent = []
            for ensemble, pool, width in ensembles:
                busy = _busy_s(pool)
                begun = time.perf_counter()
                found = ensemble.run(scenarios, executor=pool, workers=width)
                spent.append(time.perf_counter() - begun)
                if width == 1:
                    single.ours.append(1e3 * (_busy_s(pool) - busy) / runs)
                assert all(outcome.result is not None for outcome in found), "a run failed"
            for figure, pool in ((plain.reference, one), (plain.ours, two)):
                begun = time.perf_counter()
                list(pool.map(_burn, range(16)))
                figure.append(time.perf_counter() - begun)
            plain.reference[-1] /= SPEED_UP
            shared.ours.append(spent[1])
            shared.reference.append(spent[0] / SPEED_UP)
            single.reference.append(RUN_MS)
    return [shared, plain, single]


def _burn(_: int) -> int:
    return sum(range(100_000))


def _busy_s(pool: ProcessPoolExecutor) -> float:
    """CPU seconds of this process and of the only one of a pool."""
    return time.process_time() + pool.submit(time.process_time).result()


def measure_springs(folder: Path) -> list[Figure]:
    """Greatest error of both positions over 1 s, beside plain Jacobi with the same macro step.

    All FMUs make communication steps of their own of 1 ms, so that what differs is the coupling.
    """
    own_s = 0.001
    parts = [Part(name=f"m{k}", fmu=folder / f"MassSpringSubSystem{k}.fmu", step_s=own_s) for k in (1, 2)]
    system = System(
        name="springs",
        parts=parts,
        connections=[
            Connection(source=Port("m1", "x1"), target=Port("m2", "x1")),
            Connection(source=Port("m2", "x2"), target=Port("m1", "x2")),
        ],
        outputs=[Connector(name=f"x{k}", port=Port(f"m{k}", f"x{k}")) for k in (1, 2)],
    )
    algorithms = {
        "Jacobi": Algorithm(),
        "Gauss-Seidel": Algorithm(master="gauss-seidel"),
        "Jacobi, extrapolation 1": Algorithm(extrapolation=1),
        "Gauss-Seidel, extrapolation 1": Algorithm(master="gauss-seidel", extrapolation=1),
    }
    with Worker(System.of(folder / "MassSpringSystem.fmu", outputs=["x1", "x2"])) as worker:
        exact = {round(time_s, 6): values for time_s, values in worker.run(own_s, 1000)}
    figures, before = [], dict[str, float]()
    for step_s in (0.04, 0.02, 0.01, 0.005):
        errors = {}
        for name, algorithm in algorithms.items():
            with Worker(system, algorithm=algorithm) as worker:
                rows = list(worker.run(step_s, round(1 / step_s)))
            errors[name] = max(
                abs(value - right)
                for time_s, row in rows
                for value, right in zip(row, exact[round(time_s, 6)], strict=True)
            )
        for name, error in errors.items():
            figure = Figure(f"mass-spring halves, macro step {step_s:g} s, {name}", "m", reference_name="Jacobi")
            figure.ours.append(error)
            figure.reference.append(errors["Jacobi"])
            if name in before:
                figure.note = f"order {math.log2(before[name] / error):.2f}"
            figures.append(figure)
        before = errors
    return figures


def main() -> None:
    """Measures everything, prints the ratios, writes results/fmu.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="one short round; writes no result file")
    parser.add_argument("--gemseo", type=Path, help="folder with the FMUs of the package gemseo-fmu")
    options = parser.parse_args()
    rounds, calls = (1, 20_000) if options.smoke else (options.rounds, CALLS)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        figures = measure_live(bench, rounds, 200 if options.smoke else 2000)
        figures.append(measure_worker(bench, rounds, calls))
        figures += measure_ensemble(bench, rounds, 40 if options.smoke else 400)
        pin(0)
        figures += measure_chains(bench, rounds, calls)
        figures += measure_single(bench, rounds, calls)
        figures += measure_setup(bench, rounds)
        figures.append(measure_leak(bench, 100 if options.smoke else 10_000))
    if options.gemseo is not None:
        figures += measure_springs(options.gemseo)
    if options.smoke:
        for figure in figures:
            print(figure.line())
    else:
        write("fmu", figures, rounds=rounds, calls_a_round=calls)


if __name__ == "__main__":
    main()
