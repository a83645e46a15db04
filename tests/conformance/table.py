"""Runs the published DTDL cases and prints how we fare.

``python -m tests.conformance.table FOLDER`` takes the folder ``test-cases`` of the reference parser, or one with its
cases as ``*.jsonl`` of ``{"folder", "name", "body"}``. What counts: the verdict; that every error id is one that the
case expects; that every error has all the fields that the case gives; that valid cases survive printing; that
recommendations are warned about.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance import adapter

Json = Any
FOLDERS = ("specification", "generated", "doc-examples", "solecisms")
SITES = ("Index", "Dtmi", "Start", "End")
FIELDS = (
    *("SecondaryID", "Property", "AuxProperty", "Type", "Value", "Restriction", "Transformation", "Layer"),
    *(which + what for which in ("Primary", "Secondary") for what in SITES),
)
COLUMNS = ("verdict", "ids", "fields", "printed", "warned", "silent", "crash")


def main() -> int:
    """Prints the table of a folder of cases."""
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__ or "")
        return 2
    sys.stdout.write(render(tally(Path(sys.argv[1]))) + "\n")
    return 0


def cases(root: Path) -> Iterator[tuple[str, str, Json]]:
    """Gives folder, name and body of every case."""
    for path in sorted(root.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield from ((row["folder"], row["name"], case) for case in several(row["body"]))
    for folder in (*FOLDERS, "dtmis"):
        for path in sorted((root / folder).glob("*.json")):
            body = json.loads(path.read_text(encoding="utf-8-sig"))
            yield from ((folder, path.stem, case) for case in several(body))


def several(body: Json) -> list[Json]:
    """Gives the cases of a file: one, or a list."""
    return body if isinstance(body, list) else [body]


def options(case: Json) -> dict[str, Json]:
    """Gives the options of a case in the adapter's form."""
    given = case.get("options", [])
    named = {"AllowUndefinedExtensions": "always", "DisallowUndefinedExtensions": "never"}
    return {
        "allow_undefined": next((named[name] for name in given if name in named), "default"),
        "max_version": case.get("maxDtdlVersion"),
        "limits": case.get("acceptableLimits", []),
        "quirks": case.get("quirks", []),
        "resolution": case.get("resolution"),
    }


def texts(case: Json) -> list[str]:
    """Gives the texts of a case as they are submitted: indented by two spaces."""
    return [json.dumps(model, indent=2, ensure_ascii=False) for model in case["input"]]


def tally(root: Path) -> dict[str, Counter[str]]:
    """Counts, for each version and kind of case, what is right and how many there are."""
    rows: dict[str, Counter[str]] = {}
    for folder, name, case in cases(root):
        if folder not in FOLDERS or "input" not in case:
            continue
        version = re.search(r"V(\d)$", name)
        kind = "valid" if case["valid"] else "invalid"
        right = judge(case)
        for key in (f"v{version[1]} {kind}" if version else f"other {kind}", f"all {kind}"):
            row = rows.setdefault(key, Counter())
            row["cases"] += 1
            for column, good in right.items():
                row[column] += good
                row[f"{column} of"] += 1
    return rows


def judge(case: Json) -> dict[str, bool]:
    """Says what is right about one case."""
    given, chosen = texts(case), options(case)
    crash, found = attempt(lambda: adapter.validate(given, chosen))
    right = {"verdict": not crash and case["valid"] == (not found), "crash": crash}
    if case["valid"]:
        crash, printed = attempt(lambda: adapter.same(given, adapter.reprint(given, chosen), chosen))
        right["printed"] = bool(printed) and not crash
        if "desirable" in case:
            _, warned = attempt(lambda: adapter.warnings(given, chosen))
            right["silent" if case["desirable"] else "warned"] = bool(warned) != case["desirable"]
    elif expected := case.get("expect"):
        errors = [e for e in found or () if isinstance(e, dict)]
        unresolved = {e.removeprefix("unresolved:") for e in found or () if isinstance(e, str)}
        wanted = expected.get("parsingErrors", [])
        ids = {e["ValidationID"] for e in wanted}
        known = unresolved == set(expected.get("unresolvedIdentifiers", []))
        right["ids"] = bool(found) and known and all(e["ValidationID"] in ids for e in errors)
        right["fields"] = right["ids"] and all(matches(e, wanted) for e in errors)
    return right


def attempt(call: Callable[[], Any]) -> tuple[bool, Any]:
    """Calls; gives whether it failed in a way that a case must not, and the result."""
    try:
        return False, call()
    except Exception as error:  # noqa: BLE001 - a crash is what is counted here
        return True, repr(error)


def matches(error: Json, wanted: list[Json]) -> bool:
    """Whether an error has all fields of the first expected one of its id and element."""
    for expected in wanted:
        if expected["ValidationID"] == error["ValidationID"] and expected.get("PrimaryID", ...) in (
            error["PrimaryID"],
            ...,
        ):
            return all(matching(expected[name], error.get(name)) for name in FIELDS if name in expected)
    return False


def matching(expected: Json, actual: Json) -> bool:
    """Whether one field has the expected value, or one of several."""
    several = expected if isinstance(expected, list) else [expected]
    return any((e is None and actual is None) or (e is not None and str(e) == str(actual)) for e in several)


def share(row: Counter[str], column: str) -> float:
    """Gives the share of right cases in per cent."""
    return 100 * row[column] / row[f"{column} of"] if row[f"{column} of"] else float("nan")


def render(rows: dict[str, Counter[str]]) -> str:
    """Gives the table as text."""
    lines = [f"{'':14}{'cases':>7}" + "".join(f"{column:>20}" for column in COLUMNS)]
    for key in sorted(rows):
        row = rows[key]
        shown = (
            f"{row[c]}/{row[f'{c} of']} {share(row, c):.1f} %" if row[f"{c} of"] and c != "crash" else ""
            for c in COLUMNS[:-1]
        )
        lines.append(f"{key:14}{row['cases']:7}" + "".join(f"{text:>20}" for text in shown) + f"{row['crash']:>20}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
