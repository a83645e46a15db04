"""Inputs over time: tables that hold from row to row."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dtdl.errors import FmuError, InputUnreadable
from fmu.coupling import couple
from fmu.description import Description, Variable
from fmu.description_xml import to_scalar
from fmu.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Values of inputs over time; each holds from its time until the next row.

    Attributes:
        names: Names of the input variables.
        time_s: Ascending times in seconds; a time that is there twice is a step: the last row of it holds.
        rows: Values, one row a time.
    """

    names: Sequence[str]
    time_s: Sequence[float]
    rows: Sequence[Sequence[Any]]

    def at(self, points: Sequence[float], epsilon: float) -> Iterator[Sequence[Any]]:
        """The rows that hold at ascending points in time.

        Args:
            points: Times in seconds.
            epsilon: Two times closer than this, in seconds, are one.
        """
        k = 0
        for point in points:
            while k + 1 < len(self.time_s) and self.time_s[k + 1] <= point + epsilon:
                k += 1
            yield self.rows[k]


def read_inputs(path: Path, description: Description) -> Inputs:
    """Reads a CSV file with header ``time,<input names>``.

    Raises:
        InputUnreadable: No such file.
        FmuError: A column that is no input, a value of another type, times that do not ascend.
    """
    if not path.is_file():
        raise InputUnreadable(f"{path}: no such file", action="Give a CSV file with header time,<input names>.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in csv.reader(file) if line]
    if not lines or lines[0][0].strip() != "time":
        raise FmuError(f"{path}:1: the first column is not time", action="Write the header time,<input names>.")
    variables = [_input(description, name.strip(), path) for name in lines[0][1:]]
    times: list[float] = []
    rows: list[list[Any]] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            time_s = float(line[0])
            rows.append([to_scalar(text, variable.type) for text, variable in zip(line[1:], variables, strict=True)])
        except ValueError as error:
            raise FmuError(f"{path}:{number}: {error}", action="Correct the row.") from error
        if not math.isfinite(time_s) or (times and time_s < times[-1]):
            raise FmuError(f"{path}:{number}: time does not ascend", action="Sort the rows by time.")
        times.append(time_s)
    if not times:
        raise FmuError(f"{path}: there is no row of values", action="Add rows, or leave the file out.")
    return Inputs(names=[variable.name for variable in variables], time_s=times, rows=rows)


def outside(system: System, about: Mapping[Path, Description]) -> Description:
    """The inputs of a system, described as those of an FMU.

    Args:
        system: The system.
        about: What its FMUs say of themselves.

    Raises:
        SystemInvalid: The system has findings.
    """
    coupling = couple(system, about)
    behind = {connector.name: connector for connector in reversed(system.inputs)}
    parts = {part.name: about[part.fmu] for part in system.parts}
    variables = []
    for name, (type_, _) in zip(system.input_names, coupling.inputs, strict=True):
        port = behind[name].port
        variable = parts[port.part].variable(port.variable)
        assert variable is not None
        variables.append(replace(variable, name=name, causality="input", type=type_, aliases=()))
    return Description(
        file=f"system {system.name}", fmi_version="3.0", model_name=system.name, token="", variables=tuple(variables)
    )


def _input(description: Description, name: str, path: Path) -> Variable:
    variable = description.variable(name)
    if variable is None or variable.causality != "input":
        known = ", ".join(found.name for found in description.with_causality("input")) or "none"
        raise FmuError(f"{path}:1: the FMU has no input {name!r}", action=f"Its inputs are: {known}.")
    return variable
