"""Tables (CSV, RFC 4180): columns are paths of the model, rows are twins; each cell knows where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from dtdl.compiler.build import Types
from dtdl.compiler.point import PointType
from dtdl.compiler.values import INTEGERS, TEXTS
from dtdl.diagnostic import Diagnostic, Location
from dtdl.elements import Command, Enum, Schema, Telemetry
from dtdl.errors import ModelNotFound, ValueInvalid
from dtdl.source import Document, Loader
from interop.graph.patch import pointer
from interop.validate.report import Report
from interop.validate.twins import Twins, steps_of
from interop.validate.written import contents, decoded

_FIELD: Final = re.compile(r'"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>[^",\r\n]*)')
_BREAK: Final = re.compile(r"\r\n|\n|\r")
_NUMBER: Final = re.compile(r"-?\d{1,400}(?P<rest>\.\d+)?(?P<power>[eE][+-]?\d+)?")
_MAX_COLUMNS: Final = 10_000
_IDENTITY: Final = "$dtId"
_MODEL: Final = "$model"


class _Cell(NamedTuple):
    """One cell: its text, whether it stands in quotes, and its offsets in the file."""

    text: str
    quoted: bool
    start: int
    end: int

    @property
    def given(self) -> bool:
        """Whether there is a value; an empty text is written in quotes."""
        return self.quoted or bool(self.text)


class _NotCsv(ValueError):
    """What the text at an offset breaks."""

    def __init__(self, offset: int, cause: str) -> None:
        super().__init__(cause)
        self.offset = offset


class Table:
    """The check of one table.

    Args:
        types: The compiled models.
        report: Takes the findings.
        twins: Knows the ids and models of the whole set of data.
        model: DTMI of rows that name none.
    """

    def __init__(self, types: Types, report: Report, twins: Twins, model: str | None) -> None:
        self._types = types
        self._report = report
        self._twins = twins
        self._model = model
        self._document = Document("", "")
        self._columns: dict[tuple[str, ...], int] = {}
        self._head: list[_Cell] = []
        self._usable: dict[str, dict[tuple[str, ...], PointType]] = {}

    def add(self, path: Path) -> None:
        """Checks the rows of a file.

        Raises:
            InputUnreadable: It cannot be read.
            LimitExceeded: It is too large.
        """
        document = decoded(contents(path), str(path), self._report)
        if document is None:
            return
        self._document = document
        try:
            rows = _rows(document.text)
            self._head = next(rows, [])
            if not self._read_head():
                return
            for row in rows:
                self._row(row)
        except _NotCsv as error:
            self._report.add("MT410", document.at(error.offset), f"This is not CSV: {error}.")

    def _read_head(self) -> bool:
        if not self._head:
            self._report.add("MT410", Location(self._document.file, 1, 1), "The table has no first row.")
            return False
        if len(self._head) > _MAX_COLUMNS:
            self._report.add("MT410", self._at(self._head[0]), f"The table has more than {_MAX_COLUMNS} columns.")
            return False
        self._columns = {}
        for index, cell in enumerate(self._head):
            path = self._column(cell)
            if path is not None:
                self._columns[path] = index
        if self._model is None and (_MODEL,) not in self._columns:
            self._report.add("MT403", self._at(self._head[0]), "The table has no column $model.")
            return False
        return True

    def _column(self, cell: _Cell) -> tuple[str, ...] | None:
        """Gives the path that a column names, or None, which is a finding."""
        try:
            path = pointer(f"/{cell.text}")
        except ValueError as error:
            self._report.add("MT411", self._at(cell), f"{cell.text!r} is not a path: {error}.")
            return None
        if not cell.text or (cell.text.startswith("$") and cell.text not in (_IDENTITY, _MODEL)):
            self._report.add("MT411", self._at(cell), f"The column {cell.text!r} has no meaning.")
            return None
        for other in self._columns:
            short = min(len(path), len(other))
            if path[:short] == other[:short]:
                cause = f"The column {cell.text!r} is given twice, or is a part of {'/'.join(other)!r}."
                self._report.add("MT411", self._at(cell), cause)
                return None
        return path

    def _row(self, row: list[_Cell]) -> None:
        if len(row) != len(self._head):
            cause = f"The row has {len(row)} cells, but the first row has {len(self._head)}."
            self._report.add("MT410", self._at(row[0], row[-1]), cause)
            return
        cells = {path: row[index] for path, index in self._columns.items() if row[index].given}
        named = cells.pop((_MODEL,), None)
        identity = cells.pop((_IDENTITY,), None)
        if named is not None:
            model = self._twins.model(named.text, self._at(named))
        else:
            model = self._model
            if model is None:
                self._report.add("MT403", self._at(row[0], row[-1]), "The row has no $model.")
        if identity is not None:
            self._twins.claim(identity.text, model, self._at(identity))
        if model is not None:
            self._values(model, cells, self._at(row[0], row[-1]))

    def _values(self, model: str, cells: Mapping[tuple[str, ...], _Cell], where: Location) -> None:
        points = self._points(model)
        twin: dict[str, Any] = {}
        for path, cell in cells.items():
            point = points.get(path)
            if point is None:
                continue
            value = _value(cell, point.schema)
            if isinstance(point.content, Telemetry):
                self._alone(point, value, cell)
            else:
                _put(twin, path, value)
        try:
            self._types.validate_contents(model, twin)
        except ValueInvalid as error:
            for found in error.diagnostics:
                self._report.put(found, location=self._place(found, cells, where))

    def _alone(self, point: PointType, value: Any, cell: _Cell) -> None:
        try:
            point.check(value)
        except ValueInvalid as error:
            for found in error.diagnostics:
                self._report.put(found, location=self._at(cell))

    def _place(self, found: Diagnostic, cells: Mapping[tuple[str, ...], _Cell], row: Location) -> Location:
        steps = steps_of(found)
        for length in range(len(steps), 0, -1):
            cell = cells.get(steps[:length])
            if cell is not None:
                return self._at(cell)
        return row

    def _points(self, model: str) -> dict[tuple[str, ...], PointType]:
        """Gives what each column is in a model; a column that it lacks is found once, in the first row."""
        known = self._usable.get(model)
        if known is not None:
            return known
        known = self._usable[model] = {}
        for path, index in self._columns.items():
            if path in ((_IDENTITY,), (_MODEL,)):
                continue
            where = self._at(self._head[index])
            try:
                point = self._types.point(model, path)
            except ModelNotFound as error:
                self._report.add("MT411", where, f"{error.message}.", action=error.action, primary_id=model)
                continue
            if isinstance(point.content, Command):
                self._report.add("MT411", where, f"{'/'.join(path)} of {model} is a Command, which has no value.")
            else:
                known[path] = point
        return known

    def _at(self, first: _Cell, last: _Cell | None = None) -> Location:
        line, column = self._document.position(first.start)
        end_line, end_column = self._document.position((last or first).end)
        return Location(self._document.file, line, column, end_line, end_column)


def _rows(text: str) -> Iterator[list[_Cell]]:
    """Gives the rows that are not empty.

    Raises:
        _NotCsv: At the offset where the text breaks the form.
    """
    row: list[_Cell] = []
    at = 0
    while True:
        match = _FIELD.match(text, at)
        if match is None or (match.end() == at and text[at : at + 1] == '"'):
            raise _NotCsv(at, "a quote is not closed")
        quoted = match["quoted"]
        cell = match["plain"] or "" if quoted is None else quoted.replace('""', '"')
        row.append(_Cell(cell, quoted is not None, at, match.end()))
        at = match.end()
        if text[at : at + 1] == ",":
            at += 1
            continue
        line_end = _BREAK.match(text, at)
        if line_end is None and at < len(text):
            raise _NotCsv(
                at, "a quote stands in a cell without quotes" if quoted is None else "text stands behind a quote"
            )
        if len(row) > 1 or row[0].given:
            yield row
        if line_end is None:
            return
        row, at = [], line_end.end()


def _value(cell: _Cell, schema: Schema | None) -> Any:
    """Gives the JSON value that the text of a cell is in its schema; the text itself when it is none."""
    text = cell.text
    kind = schema.value_schema.kind if isinstance(schema, Enum) else schema.kind if schema is not None else "String"
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in INTEGERS or kind in ("Double", "Float"):
        return _number(text)
    if kind == "String" or kind in TEXTS:
        return text
    document = Loader().load(Document(text, ""))
    return text if document.fault else document.value


def _number(text: str) -> Any:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    return float(text) if match["rest"] or match["power"] else int(text)


def _put(twin: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        twin = twin.setdefault(part, {})
    twin[path[-1]] = value
