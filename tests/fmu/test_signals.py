"""Inputs from expressions, CSV and Parquet; the plot of a run."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtdl.errors import FmuError, InputUnreadable
from fmu.description import Description, Variable
from fmu.expression import compile_expression
from fmu.plot import Column, write_plot
from fmu.signals import read_signals

FMU = Description(
    file="x",
    fmi_version="3.0",
    model_name="x",
    token="x",
    variables=(
        Variable(name="u", value_reference=1, type="Float64", causality="input"),
        Variable(name="n", value_reference=2, type="Int32", causality="input"),
        Variable(name="on", value_reference=3, type="Boolean", causality="input"),
        Variable(name="y", value_reference=4, type="Float64", causality="output"),
    ),
)


@pytest.mark.parametrize(
    ("text", "t", "expected"),
    [
        ("sin(2*pi*t)", 0.25, 1.0),
        ("5 if t >= 1 else -2", 0.5, -2),
        ("step(t - 1) * 3", 1.0, 3.0),
        ("pulse(t, 2, 0.5)", 4.25, 1.0),
        ("max(1, t, 3) % 2 + 2**3", 0.0, 9.0),
        ("1 < t < 3 and not t == 2", 2.5, True),
        ("-t // 2", 3.0, -2.0),
    ],
)
def test_an_expression_gives_what_it_says(text: str, t: float, expected: float) -> None:
    assert compile_expression(text)(t) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "", "u", "t.real", "t[0]", "__import__('os')", "lambda: 1", "'a' * 9", "(t for t in t)", "sin(t, key=1)",
        "sin", "[1]", "1 if", "f'{t}'", "t := 1", "print(t)", "(" * 300 + "t" + ")" * 300, "+".join(["t"] * 600), "1j",
        "-" * 200 + "t", "t @ t", "t is t", "not",
    ],
)  # fmt: skip
def test_an_expression_that_says_anything_else_is_refused(text: str) -> None:
    with pytest.raises(FmuError, match="the expression"):
        compile_expression(text)


@pytest.mark.parametrize("text", ["1/t", "9**9**9", "sqrt(t-1)", "exp(1e9)", "log(t)", "min()", "sin(1,2)"])
def test_an_expression_without_a_value_is_an_error_with_its_time(text: str) -> None:
    with pytest.raises(FmuError, match=r"t = 0 s"):
        compile_expression(text)(0.0)


@given(st.text(alphabet="t0123456789.+-*/%()<>=,sincoxpelg ", max_size=40))
def test_any_text_is_an_expression_or_one_clear_error(text: str) -> None:
    with contextlib.suppress(FmuError):
        compile_expression(text)(0.5)


def test_files_and_expressions_are_joined_at_the_communication_points(tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_text("time,n\n0,1\n0.5,2\n")
    found = read_signals([str(table), "u=2*t", "on=t>=1"], FMU, [0.0, 0.5, 1.0])
    assert found is not None
    assert found.names == ["n", "u", "on"]
    assert list(found.rows) == [[1, 0.0, False], [2, 1.0, False], [2, 2.0, True]]


def test_a_parquet_file_gives_the_same_as_a_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = tmp_path / "in.parquet"
    parquet.write_table(pa.table({"time": [0.0, 1.0], "u": [1.5, 2.5], "on": [True, False]}), file)
    found = read_signals([str(file)], FMU, [0.0, 1.0])
    assert found is not None
    assert (found.names, found.rows) == (["u", "on"], [[1.5, True], [2.5, False]])
    parquet.write_table(pa.table({"time": [1.0, 0.0], "u": [1.5, 2.5]}), file)
    with pytest.raises(FmuError, match="row 2: time does not ascend"):
        read_signals([str(file)], FMU, [0.0])
    parquet.write_table(pa.table({"time": [0.0], "u": ["text"]}), file)
    with pytest.raises(FmuError, match="row 1: 'u' is no Float64"):
        read_signals([str(file)], FMU, [0.0])
    file.write_bytes(b"PAR1 no parquet")
    with pytest.raises(InputUnreadable, match="not a readable Parquet file"):
        read_signals([str(file)], FMU, [0.0])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["y=1"], "no input 'y'"),
        (["z=1"], "no input 'z'"),
        (["u=1", "u=2"], "given twice"),
        (["n=t+0.5"], "'n' is of type Int32"),
    ],
)
def test_a_wrong_input_is_one_clear_error(texts: list[str], words: str) -> None:
    with pytest.raises(FmuError, match=words):
        read_signals(texts, FMU, [0.0, 1.0])


def test_a_plot_stands_alone_and_shows_every_number(tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    times = [k / 1000 for k in range(10_001)]
    wave = [math.sin(t) for t in times]
    wave[5000] = 50.0
    note = Variable(name="note", value_reference=5, type="String")
    nasty = Variable(name='<b>"&', value_reference=6, type="Float64", description="<script>")
    columns = [
        Column(FMU.variables[0], wave),
        Column(FMU.variables[1], [k // 5000 for k in range(10_001)]),
        Column(nasty, [math.nan] * 10_001),
        Column(note, ["a"] * 10_001),
    ]
    write_plot(page, "A run", times, columns)
    text = page.read_text()
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<svg") == 2
    assert "No finite value" in text
    assert "Not drawn: note" in text
    assert "<b>" not in text
    assert "<script>" in text
    assert text.count("<script>") == 1
    assert len(text) < 200_000
    # the one peak is not thinned away: the chart reaches up to it
    assert ">40<" in text


def test_a_plot_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match=r"r\.html"):
        write_plot(tmp_path / "none" / "r.html", "x", [0.0], [])
