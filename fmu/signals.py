"""Inputs of a run from several places: CSV, Parquet and expressions of time, joined into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dtdl.errors import FmuError, InputUnreadable
from fmu.block import fits
from fmu.description import INTEGERS, Description, Variable
from fmu.expression import Value, compile_expression
from fmu.inputs import Inputs, read_inputs

_MOST_VALUES: Final = 20_000_000


def is_expression(text: str) -> bool:
    """Whether a text is ``NAME=EXPRESSION`` and not the path of a file."""
    return "=" in text and not Path(text).is_file()


def read_signals(texts: Sequence[str], description: Description, points: Sequence[float]) -> Inputs | None:
    """Joins inputs that are given as files and as expressions.

    Args:
        texts: Paths of ``.csv`` and ``.parquet`` files, and ``NAME=EXPRESSION``.
        description: Of the FMU whose inputs they are.
        points: The times in seconds at which the run sets its inputs, ascending.

    Returns:
        One table; None when nothing is given.

    Raises:
        InputUnreadable: A file that is not there or cannot be read.
        FmuError: A name that is no input or is given twice, a value of another type, times that do not ascend.
    """
    tables = [_read(Path(text), description) for text in texts if not is_expression(text)]
    made = _expressions([text for text in texts if is_expression(text)], description)
    names = [name for table in tables for name in table.names] + [variable.name for variable, _ in made]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise FmuError(f"the input {twice!r} is given twice", action="Give each input once.")
    if not made and len(tables) <= 1:
        return tables[0] if tables else None
    if len(names) * len(points) > _MOST_VALUES:
        raise FmuError(
            f"{len(names)} inputs at {len(points)} points are more than {_MOST_VALUES} values",
            action="Take a longer step, or write the inputs into one file.",
        )
    epsilon = 1e-6 * (points[1] - points[0]) if len(points) > 1 else 0.0
    held = [list(table.at(points, epsilon)) for table in tables]
    rows = [
        [
            *(value for part in held for value in part[k]),
            *(_of_type(function(time_s), variable) for variable, function in made),
        ]
        for k, time_s in enumerate(points)
    ]
    return Inputs(names=names, time_s=list(points), rows=rows)


def _expressions(texts: Sequence[str], description: Description) -> list[tuple[Variable, Value]]:
    found: list[tuple[Variable, Value]] = []
    for text in texts:
        name, _, expression = text.partition("=")
        found.append((_input(name.strip(), description, "--in"), compile_expression(expression)))
    return found


def _of_type(value: Any, variable: Variable) -> Any:
    """A number of Python for the type of a variable: a truth for a Boolean or a Clock, a whole one for an integer."""
    if variable.type in ("Boolean", "Clock") and not isinstance(value, bool):
        return bool(value)
    if isinstance(value, bool) and variable.type not in ("Boolean", "Clock"):
        value = int(value)
    if variable.type in INTEGERS and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not fits(value, variable.type) or variable.dimensions:
        raise FmuError(
            f"the input {variable.name!r} is {'an array' if variable.dimensions else 'of type'} {variable.type}, and "
            f"its expression gives {value!r}",
            action="Round it with floor(...), or give the input in a file.",
        )
    return value


def _input(name: str, description: Description, where: str) -> Variable:
    variable = description.variable(name)
    if variable is None or variable.causality != "input":
        known = ", ".join(found.name for found in description.with_causality("input")) or "none"
        raise FmuError(f"{where}: the FMU has no input {name!r}", action=f"Its inputs are: {known}.")
    return variable


def _read(path: Path, description: Description) -> Inputs:
    return _read_parquet(path, description) if path.suffix == ".parquet" else read_inputs(path, description)


def _read_parquet(path: Path, description: Description) -> Inputs:
    if not path.is_file():
        raise InputUnreadable(f"{path}: no such file", action="Give a Parquet file with columns time, <input names>.")
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise FmuError(
            f"{path}: Parquet needs pyarrow, which is not installed", action="Run: pip install 'megatwin[parquet]'"
        ) from error
    try:
        table: Any = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputUnreadable(f"{path}: not a readable Parquet file: {error}", action="Write it again.") from error
    columns: Mapping[str, list[Any]] = table.to_pydict()
    if next(iter(columns), None) != "time":
        raise FmuError(f"{path}: the first column is not time", action="Write columns time, <input names>.")
    times = columns["time"]
    variables = [_input(name, description, str(path)) for name in columns if name != "time"]
    if not times:
        raise FmuError(f"{path}: there is no row of values", action="Add rows, or leave the file out.")
    for k, time_s in enumerate(times):
        if not isinstance(time_s, int | float) or not abs(time_s) < float("inf") or (k and time_s < times[k - 1]):
            raise FmuError(f"{path}: row {k + 1}: time does not ascend", action="Sort the rows by time.")
    rows: list[list[Any]] = []
    for k in range(len(times)):
        row = [columns[variable.name][k] for variable in variables]
        wrong = next(
            (v for v, value in zip(variables, row, strict=True) if not v.dimensions and not fits(value, v.type)), None
        )
        if wrong is not None:
            raise FmuError(f"{path}: row {k + 1}: {wrong.name!r} is no {wrong.type}", action="Correct the row.")
        rows.append(row)
    return Inputs(names=[variable.name for variable in variables], time_s=[float(t) for t in times], rows=rows)
