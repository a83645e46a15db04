from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def test_the_dtdl_benchmark_measures_every_part_of_any_ontology(tmp_path):
    interfaces = [
        {"@context": "dtmi:dtdl:context;3", "@id": f"dtmi:acme:Part{n};1", "@type": "Interface",
         "contents": [{"@type": "Property", "name": "size", "schema": "double"}]}
        for n in range(14)
    ]  # fmt: skip
    ontology = tmp_path / "parts.jsonl"
    rows = (json.dumps({"path": f"{n}.json", "text": json.dumps(one)}) for n, one in enumerate(interfaces))
    ontology.write_text("\n".join(rows), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, BENCHMARKS / "dtdl_speed.py", "--smoke", "--ontology", ontology],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    names = [line.split(": ours ")[0] for line in done.stdout.splitlines()]
    parts = (
        "parse and check", "compile lazily", "compile, and one instance of every class",
        "first use of the slowest class", "megatwin check, whole process", "dtdl.check, greatest resident memory",
        "model_validate: an enum", "model_validate_json: 10 properties",
    )  # fmt: skip
    assert set(parts) <= set(names)
    assert all("ratio" in line for line in done.stdout.splitlines())


def test_the_ledger_benchmark_measures_every_part():
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "ledger.py", "--smoke"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    names = [line.split(": ours ")[0] for line in done.stdout.splitlines()]
    parts = (
        "readings ingested, batches of 1000", "as-of read of a twin, median", "whole graph as of a time",
        "start-up from disk, CPU", "twins resident, growth",
    )  # fmt: skip
    assert set(parts) <= set(names)
