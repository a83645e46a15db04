from __future__ import annotations

import json
import math
import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dtdl.compiler.checks import plain_check
from dtdl.compiler.plan import Plain
from dtdl.compiler.values import FORMS, INTEGERS, PRIMITIVES, TEXTS
from dtdl.errors import ValueInvalid

ADAPTERS = {kind: TypeAdapter(type_) for kind, type_ in PRIMITIVES.items()}


def plain(kind, value):
    try:
        return (True, plain_check(Plain(kind), "dtmi:t:I;1", ("x",))(value))
    except ValueInvalid:
        return (False, None)


def pydantic(kind, value):
    try:
        return (True, ADAPTERS[kind].validate_python(value))
    except ValidationError:
        return (False, None)


GOOD = {
    "Boolean": [True, False],
    "Float": [3, -2, 0, 0.44, -0.0, 3.402823e38, -3.402823e38],
    "Double": [3, 1.7e308, -2.02],
    "String": ["", "x"],
    "Date": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "DateTime": ["2024-02-29T23:59:59Z", "1980-01-01T06:00:00.00015Z", "1965-12-31T06:00:00-01:15"],
    "Time": ["23:59:59Z", "00:00:00.5+11:45"],
    "Duration": ["P3Y6M4DT8H9M5S", "P2W4DT8H", "PT0.001S", "P3Y6.5M", "P3.4W", "PT8.00134H", "P0D", "P3W5D"],
    "Decimal": ["0", "-0.", "+12.50", "100"],
    "Uuid": ["F1C43C38-AEAE-4B7B-9FDC-E36F8B015B99"],
    "Bytes": ["", "aGVsbG8=", "2+1="],
    **{kind: [0, low, high] for kind, (low, high) in INTEGERS.items()},
}
BAD = {
    "Boolean": ["true", 1, None, [True]],
    "Float": [3.402824e38, "3", True, None, math.inf, math.nan, 10**400],
    "Double": [math.inf, -math.inf, math.nan, "1", True, None, 10**400, [1.0]],
    "String": [1, None, ["x"], True],
    "Date": ["2023-02-29", "2023-13-01", "23-01-01", "2023-1-1", "0000-01-01", 3, "2024-02-29Z", "\uff12024-02-29"],
    "DateTime": [
        "1980-01-01T00:00:60Z", "1980-01-01T24:00:00Z", "1980-01-01T06:00Z", "1980-01-01T06:00:00", "1980-01-01",
        "1965-12-31T06:00:00-1:15", "2023-02-29T00:00:00Z", "1980-01-01T00:00:00Z\n",
    ],
    "Time": ["00:60:00Z", "24:00:00Z", "06:00:00", "06:00Z", 6],
    "Duration": ["P", "PT", "P3Y2W", "P3Y6M4DT", "PT.001S", "P3.0Y6M", "P3.4W5D", "15D", "P6M3Y", "PT5S9M", "P3.4WT1H"],
    "Decimal": ["01", ".5", "1e3", 1.5, "", "1,5"],
    "Uuid": ["49391e78a02c4e8cacf021afa041bc82", "{c2475401-c02f-4ff6-a865-37585110001f}", ""],
    "Bytes": ["aGVsbG8", "aGVsbG8==", "2-1=", 1],
    **{kind: [low - 1, high + 1, 1.0, 0.5, "3", True, None, [3]] for kind, (low, high) in INTEGERS.items()},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, held in GOOD.items() for value in held])
def test_a_value_of_its_schema_is_accepted_and_stays_json(kind, value):
    assert plain(kind, value) == pydantic(kind, value) == (True, value)
    assert isinstance(plain(kind, value)[1], (bool, int, float, str))


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, held in BAD.items() for value in held])
def test_a_value_of_another_schema_is_refused(kind, value):
    assert plain(kind, value) == pydantic(kind, value) == (False, None)


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.floats(), st.text(max_size=8), st.lists(st.integers()),
    st.from_regex(r"P[0-9YMDWTHS.]{1,8}", fullmatch=True), st.dates().map(str),
    st.datetimes().map(lambda t: t.isoformat() + "Z"), st.uuids().map(str), st.binary().map(lambda b: b.hex()),
)  # fmt: skip


@given(st.sampled_from(sorted(PRIMITIVES)), ANY)
def test_plain_checks_and_pydantic_agree(kind, value):
    assert plain(kind, value) == pydantic(kind, value)


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_the_example_of_a_remedy_is_right(kind):
    assert plain(kind, json.loads(FORMS[kind][1]))[0]


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [("Byte", 128, "MT302"), ("Byte", "x", "MT301"), ("Byte", None, "MT307"), ("Byte", 1.5, "MT301"),
     ("Double", math.inf, "MT302"), ("Date", "x", "MT303"), ("Date", 3, "MT301"), ("String", 3, "MT301"),
     ("Integer", math.inf, "MT301")],
)  # fmt: skip
def test_a_refusal_says_what_and_how(kind, value, rule):
    with pytest.raises(ValueInvalid) as caught:
        plain_check(Plain(kind), "dtmi:t:I;1", ("a", "b/c"))(value)
    (found,) = caught.value.diagnostics
    assert (found.rule, found.property_name, found.primary_id) == (rule, "a/b~1c", "dtmi:t:I;1")
    assert found.action.startswith("Give ")


def test_the_published_instances_are_judged_as_published():
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set")
    prefix, judged = "dtmi:dtdl:instance:Schema:", 0
    for line in (Path(cases) / "conformance/dtdl/generated.jsonl").read_text(encoding="utf-8").splitlines():
        body = json.loads(line)["body"]
        for instance in body.get("instances", ()):
            # The sign of -0 is gone once JSON is read; Types.check_json sees it.
            if not instance["subject"].startswith(prefix) or instance["submit"] == "-0":
                continue
            kind = instance["subject"].removeprefix(prefix).partition(";")[0]
            try:
                value = json.loads(instance["submit"])
            except ValueError:
                assert not instance["conforms"]
                continue
            assert plain(kind[0].upper() + kind[1:], value)[0] is instance["conforms"], instance
            judged += 1
    assert judged > 300


def test_the_calendar_of_the_patterns_is_that_of_python() -> None:
    for year in range(10_000):
        for month, day in ((1, 31), (2, 28), (2, 29), (2, 30), (4, 30), (4, 31), (12, 32), (13, 1), (0, 1), (1, 0)):
            try:
                known = bool(date(year, month, day))
            except ValueError:
                known = False
            assert TEXTS["Date"](f"{year:04}-{month:02}-{day:02}") is known, (year, month, day)
