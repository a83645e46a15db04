"""What all benchmarks share: rounds in turn, percentiles, CPU seconds, and the result file with what it was run on."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass
class Figure:
    """One figure: ours, the reference it is held against, and their ratio in each round."""

    name: str
    unit: str
    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    reference_name: str = ""
    cpu_ours_s: float = 0.0
    cpu_reference_s: float = 0.0
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours over the reference, round by round."""
        return [a / b for a, b in zip(self.ours, self.reference, strict=True)]

    def line(self) -> str:
        """For people."""
        ratios = self.ratios
        return (
            f"{self.name}: ours {statistics.median(self.ours):.4g} {self.unit}, {self.reference_name} "
            f"{statistics.median(self.reference):.4g} {self.unit}, ratio {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}), CPU {self.cpu_ours_s:.2f} s and {self.cpu_reference_s:.2f} s"
        )

    def record(self) -> dict[str, Any]:
        """For the result file."""
        return asdict(self) | {"ratio_median": statistics.median(self.ratios), "ratio_min": min(self.ratios),
                               "ratio_max": max(self.ratios)}  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_of(action: Callable[[], Any]) -> tuple[Any, float]:
    """Runs something; gives its result and this process's CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = action()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def cpu_of_process(pid: int) -> float:
    """CPU seconds that a running process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(*cores: int) -> None:
    """Keeps this process on some cores, where the machine has them."""
    there = os.sched_getaffinity(0)
    wanted = {core for core in cores if core in there}
    if wanted:
        os.sched_setaffinity(0, wanted)


def start(script: str, *arguments: str, core: int) -> subprocess.Popen[bytes]:
    """Starts a role of a benchmark script in a process of its own, on a core of its own."""
    environment = os.environ | {"MEGATWIN_BENCH_CORE": str(core)}
    return subprocess.Popen(
        [sys.executable, script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )


def write(name: str, figures: Sequence[Figure], **facts: Any) -> None:
    """Writes ``results/<name>.json`` and prints the lines."""
    for figure in figures:
        print(figure.line())
    RESULTS.mkdir(exist_ok=True)
    record = {
        "benchmark": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "arch": platform.machine(),
                    "python": platform.python_version(), "megatwin": version("megatwin")},
        "facts": facts,
        "figures": [figure.record() for figure in figures],
    }  # fmt: skip
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
