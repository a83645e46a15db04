"""The published cases of the reference parser: shares that must not fall, and the table that shows them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.conformance import adapter, table

ROOT = os.environ.get("MEGATWIN_CASES")
needs_cases = pytest.mark.skipif(not ROOT, reason="MEGATWIN_CASES is not set: the published cases are not here")


@needs_cases
@pytest.mark.slow
def test_the_published_cases_are_judged_as_the_reference_judges_them(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table.tally(Path(str(ROOT)) / "conformance" / "dtdl")
    with capsys.disabled():
        sys.stdout.write(f"\n{table.render(rows)}\n")
    for version in ("v2", "v3", "v4"):
        assert table.share(rows[f"{version} valid"], "verdict") == 100
        assert table.share(rows[f"{version} invalid"], "verdict") == 100
    everything = rows["all valid"] + rows["all invalid"]
    assert everything["crash"] == 0
    assert table.share(everything, "printed") == 100
    assert table.share(everything, "ids") >= 99.5
    assert table.share(everything, "fields") >= 97.5
    assert table.share(everything, "warned") >= 99
    assert table.share(everything, "silent") >= 99.5


@needs_cases
def test_every_published_dtmi_is_taken_apart() -> None:
    cases = [case for folder, _, case in table.cases(Path(str(ROOT)) / "conformance" / "dtdl") if folder == "dtmis"]
    assert cases
    for case in cases:
        made = adapter.dtmi(case["idText"])
        assert (made is not None) == case["valid"], case["idText"]
        assert made is None or {key: made[key] for key in case["expect"]} == case["expect"]


@needs_cases
@pytest.mark.parametrize("name", ["rec", "energygrid", "smartcities"])
def test_real_ontologies_are_judged_and_survive_printing(name: str) -> None:
    path = Path(str(ROOT)) / "bench" / f"{name}.jsonl"
    found = [d for d in adapter.dtdl.check(path) if d.severity == "error"]
    if name == "rec":
        assert found == []
        model = adapter.dtdl.parse(path)
        assert len(model) > 4_900
        assert adapter.dtdl.equal(adapter.dtdl.parse(adapter.dtdl.dumps(model)), model)
    assert all(d.location is not None and d.location.line for d in found)


@needs_cases
def test_the_compiled_schemas_take_the_published_instances() -> None:
    right = total = 0
    for folder, _, case in table.cases(Path(str(ROOT)) / "conformance" / "dtdl"):
        for given in case.get("instances", ()) if folder == "generated" else ():
            failed, found = table.attempt(
                lambda c=case, g=given: adapter.instance(table.texts(c), table.options(c), g["subject"], g["submit"])
            )
            right += failed if given.get("throws") else not failed and found == bool(given.get("conforms"))
            total += 1
    assert total > 900
    assert right == total
