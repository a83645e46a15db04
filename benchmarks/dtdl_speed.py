"""Reading, checking, compiling and validating DTDL, beside ``json.loads`` and beside models written by hand.

    python benchmarks/dtdl_speed.py [--rounds 9] [--smoke] [--ontology rec.jsonl]

Times of this process are CPU seconds, since machines are shared. The garbage collector runs with its default thresholds
on both sides, and a full collection comes before each measurement. ``json.loads`` reads the same texts, one after the
other, in the same process and the same round. Of three runs in a row, the least counts on both sides: with warm caches,
and with the collector's work on what the runs before left.

1. Parse and check an ontology; parse it; compile it lazily; one instance of every class.
2. First use of a class: every one of the ontology, each with a fresh ``Types``; and the first one in a fresh process.
3. ``python -m megatwin check`` and ``dtdl.check`` as whole processes: seconds and the greatest resident memory.
4. Validation of one twin, in several shapes.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from measure import Figure, percentile, write

import dtdl

REPEATS = 3
"""Times that one side is run in each round of the first part; the least counts."""
WORST = 12
"""Classes whose first use is measured again in every round."""


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """Runs something three times after a full collection; gives the last result and the least CPU seconds."""
    least = float("inf")
    result = None
    gc.collect()
    for _ in range(REPEATS):
        result = None
        before = time.process_time()
        result = action()
        least = min(least, time.process_time() - before)
    return result, least


def add(figure: Figure, ours: float, reference: float) -> None:
    """Notes one round whose figures are CPU seconds."""
    figure.ours.append(ours)
    figure.reference.append(reference)
    figure.cpu_ours_s += ours
    figure.cpu_reference_s += reference


# --- 1: an ontology in this process ---


def load(texts: Sequence[str]) -> list[Any]:
    """The reference: the values of the texts."""
    return [json.loads(text) for text in texts]


def use_all(types: dtdl.Types) -> int:
    """Builds every class and validates one instance of each."""
    for dtmi in types:
        types[dtmi].model_validate({"$metadata": {"$model": dtmi}})
    return len(types)


def measure_ontology(rounds: int, texts: Sequence[str]) -> list[Figure]:
    """Figures of the first part; every round parses and compiles anew."""
    names = ("parse and check", "parse to a Model", "compile lazily", "compile, and one instance of every class")
    figures = [Figure(name, "s", reference_name="json.loads") for name in names]
    load(texts), use_all(dtdl.compile(dtdl.parse(texts)))
    for _ in range(rounds):
        plain = timed(functools.partial(load, texts))[1]
        found, check_s = timed(functools.partial(dtdl.check, texts))
        assert not [one for one in found if one.severity.value == "error"]
        model, parse_s = timed(functools.partial(dtdl.parse, texts))
        lazy_s = timed(functools.partial(dtdl.compile, model))[1]
        use_s = timed(lambda held=model: use_all(dtdl.compile(held)))[1]
        del model
        for figure, took in zip(figures, (check_s, parse_s, lazy_s, use_s), strict=True):
            add(figure, took, plain)
    for figure in figures:
        figure.note = f"{len(texts)} documents; CPU, the least of {REPEATS} in each round"
    return figures


# --- 2: first use of one class ---


def first_use(model: dtdl.Model, dtmi: str) -> float:
    """CPU milliseconds from a Model to the first validated instance of one class."""

    def use() -> None:
        dtdl.compile(model)[dtmi].model_validate({"$metadata": {"$model": dtmi}})

    before = time.process_time()
    use()
    return (time.process_time() - before) * 1e3


def by_hand() -> float:
    """CPU milliseconds of a pydantic class of 10 fields that is written by hand, with its first instance."""
    from pydantic import create_model

    before = time.process_time()
    fields: dict[str, Any] = dict.fromkeys("abcdefghij", (float, 0.0))
    create_model("ByHand", **fields).model_validate({"a": 1.0})
    return (time.process_time() - before) * 1e3


def measure_first_use(rounds: int, texts: Sequence[str]) -> Figure:
    """The figure of the second part in a warm process: the slowest class of all."""
    model = dtdl.parse(texts)
    gc.collect()
    every = {dtmi: first_use(model, dtmi) for dtmi in model.interfaces}
    worst = sorted(every, key=every.__getitem__)[-WORST:]
    figure = Figure("first use of the slowest class", "ms", reference_name="a class of 10 fields written by hand")
    for _ in range(rounds):
        gc.collect()
        slowest = max(first_use(model, dtmi) for dtmi in worst)
        add(figure, slowest, by_hand())
    figure.cpu_ours_s, figure.cpu_reference_s = figure.cpu_ours_s / 1e3, figure.cpu_reference_s / 1e3
    values = list(every.values())
    figure.note = (
        f"each of {len(every)} classes once in a fresh Types: median {percentile(values, 0.5):.2f} ms, "
        f"99 % {percentile(values, 0.99):.2f} ms, greatest {max(values):.2f} ms; "
        f"the {WORST} slowest again in each round; CPU"
    )
    return figure


# --- 3: whole processes ---

_LAUNCH = """
import os, sys, time
began = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print([time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024,
       os.waitstatus_to_exitcode(status)])
"""
_CHECK = "import sys, dtdl; from pathlib import Path; dtdl.check(Path(sys.argv[1]))"
_LOADS = (
    "import sys, json; rows = open(sys.argv[1], encoding='utf-8').read().splitlines();"
    " v = [json.loads(json.loads(row)['text']) for row in rows]"
)
_COLD = """
import sys, time, dtdl
from pathlib import Path
model = dtdl.parse(Path(sys.argv[1])); types = dtdl.compile(model); dtmi = next(iter(types))
before = time.process_time()
types[dtmi].model_validate({"$metadata": {"$model": dtmi}})
print((time.process_time() - before) * 1e3)
"""
_COLD_BY_HAND = """
import sys, time
from pydantic import create_model
before = time.process_time()
create_model("ByHand", **dict.fromkeys("abcdefghij", (float, 0.0))).model_validate({"a": 1.0})
print((time.process_time() - before) * 1e3)
"""


def process(*arguments: str) -> tuple[float, float, float, str]:
    """Runs Python; gives wall seconds, CPU seconds, greatest resident megabytes, and what it printed."""
    # Started by a small process: Linux counts what the parent held at the fork as the child's greatest memory.
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCH, sys.executable, *arguments], capture_output=True, check=True
    ).stdout
    *printed, last = told.decode().splitlines()
    took, cpu, peak, code = json.loads(last)
    if code not in (0, 1):
        raise RuntimeError(f"{arguments} ended with {code}")
    return took, cpu, peak, "\n".join(printed)


def measure_processes(rounds: int, ontology: Path) -> list[Figure]:
    """Figures of the third part."""
    path = str(ontology)
    bare = ("-c", _LOADS, path)
    figures: list[Figure] = []
    for name, ours in (("megatwin check", ("-m", "megatwin", "check", path)), ("dtdl.check", ("-c", _CHECK, path))):
        wall = Figure(f"{name}, whole process", "s", reference_name="Python with json.loads")
        memory = Figure(f"{name}, greatest resident memory", "MB", reference_name="Python with json.loads")
        for _ in range(rounds):
            took, cpu, peak, _ = process(*ours)
            took_bare, cpu_bare, peak_bare, _ = process(*bare)
            wall.ours.append(took), wall.reference.append(took_bare)
            memory.ours.append(peak), memory.reference.append(peak_bare)
            for figure in (wall, memory):
                figure.cpu_ours_s, figure.cpu_reference_s = figure.cpu_ours_s + cpu, figure.cpu_reference_s + cpu_bare
        wall.note = f"wall; CPU of ours {wall.cpu_ours_s / rounds:.2f} s a run; interpreter included"
        memory.note = "interpreter included"
        figures += [wall, memory]
    cold = Figure("first use of a class in a fresh process", "ms", reference_name="a class written by hand")
    for _ in range(rounds):
        add(cold, float(process("-c", _COLD, path)[3]), float(process("-c", _COLD_BY_HAND)[3]))
    cold.cpu_ours_s, cold.cpu_reference_s = cold.cpu_ours_s / 1e3, cold.cpu_reference_s / 1e3
    cold.note = "after dtdl.parse and dtdl.compile; CPU"
    return [*figures, cold]


# --- 4: one twin ---


def repeat(action: Callable[[Any], Any], value: Any, times: int) -> float:
    """CPU microseconds of one call."""
    before = time.process_time()
    for _ in range(times):
        action(value)
    return (time.process_time() - before) / times * 1e6


def measure_twins(rounds: int, times: int) -> list[Figure]:
    """Figures of the fourth part."""
    from dtdl_twins import DOCUMENT, SHAPES

    types = dtdl.compile(dtdl.parse(DOCUMENT))
    figures: list[Figure] = []
    for shape in SHAPES:
        compiled = types[shape.dtmi]
        for how, value in (("model_validate", shape.value), ("model_validate_json", shape.text)):
            ours, reference = getattr(compiled, how), getattr(shape.written, how)
            assert ours(value).document() == shape.written.model_validate(shape.value).model_dump(
                by_alias=True, exclude_unset=True
            )
            figure = Figure(f"{how}: {shape.name}", "µs", reference_name="pydantic model written by hand")
            reference(value)
            gc.collect()
            for _ in range(rounds):
                add(figure, repeat(ours, value, times), repeat(reference, value, times))
            figure.cpu_ours_s, figure.cpu_reference_s = (
                seconds * times / 1e6 for seconds in (figure.cpu_ours_s, figure.cpu_reference_s)
            )
            figure.note = f"{times} calls a round; CPU"
            figures.append(figure)
    return figures


def main() -> None:
    """Measures everything, prints the ratios, writes results/dtdl.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true", help="one short round; writes no result file")
    parser.add_argument("--ontology", type=Path, help="a .jsonl of {path, text}; default: RealEstateCore, if there")
    options = parser.parse_args()
    rounds, times = (1, 200) if options.smoke else (options.rounds, 20_000)
    cases = os.environ.get("MEGATWIN_CASES")
    ontology = options.ontology or (Path(cases) / "bench" / "rec.jsonl" if cases else None)
    figures: list[Figure] = []
    if ontology is not None and ontology.exists():
        texts = [json.loads(line)["text"] for line in ontology.read_text(encoding="utf-8").splitlines()]
        figures += measure_ontology(rounds, texts)
        figures.append(measure_first_use(rounds, texts))
        figures += measure_processes(rounds, ontology)
    else:
        print("the ontology is left out: name one with --ontology")
    figures += measure_twins(rounds, times)
    if options.smoke:
        for figure in figures:
            print(figure.line())
    else:
        write("dtdl", figures, rounds=rounds, garbage_collector="default thresholds, collected before each measurement",
              memory="ru_maxrss of the process")  # fmt: skip


if __name__ == "__main__":
    main()
