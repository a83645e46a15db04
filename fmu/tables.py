"""Results on disk, row by row as they come: CSV, and Parquet with pyarrow."""

from __future__ import annotations

import csv
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from dtdl.errors import ExtraMissing, InputUnreadable

Keep = Callable[[float, Sequence[Any]], None]
"""Takes a time in seconds and the values of that communication point."""
_GROUP_ROWS: Final = 10_000
_METADATA: Final = b"megatwin"


class Writer(ABC):
    """A file that is being written."""

    @abstractmethod
    def keep(self, time_s: float, values: Sequence[Any]) -> None:
        """Writes a row."""

    @abstractmethod
    def close(self, metadata: Mapping[str, Any]) -> None:
        """Ends the file.

        Args:
            metadata: What it takes to repeat the run, as JSON has it.
        """


def open_table(path: Path, names: Sequence[str]) -> Writer:
    """Opens a file for results.

    Args:
        path: ``.csv`` or ``.parquet``.
        names: Of the columns after time.

    Raises:
        InputUnreadable: A file of another kind.
        ExtraMissing: Parquet needs pyarrow.
        OSError: It cannot be written.
    """
    kinds: Mapping[str, type[CsvTable | ParquetTable]] = {".csv": CsvTable, ".parquet": ParquetTable}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InputUnreadable(f"{path}: results are written as .csv or .parquet", action="Give such a name.")
    return kind(path, names)


class CsvTable(Writer):
    """Header ``time,<names>``, then rows; beside it ``<name>.meta.json``."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8", newline="")
        self._keep = write_csv(self._file, names)

    def keep(self, time_s: float, values: Sequence[Any]) -> None:
        """See `Writer.keep`."""
        self._keep(time_s, values)

    def close(self, metadata: Mapping[str, Any]) -> None:
        """See `Writer.close`."""
        self._file.close()
        if metadata:
            beside = self._path.with_name(f"{self._path.name}.meta.json")
            beside.write_text(json.dumps(metadata, indent=1) + "\n", encoding="utf-8")


class ParquetTable(Writer):
    """Row groups of ten thousand rows; the metadata of the run stand in the file's, under ``megatwin``."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - an extra
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError as error:
            raise ExtraMissing("parquet", "A Parquet file") from error
        self._arrow, self._parquet = pa, parquet
        self._file = path.open("wb")
        self._names = ["time", *names]
        self._columns: list[list[Any]] = [[] for _ in self._names]
        self._writer: Any = None

    def keep(self, time_s: float, values: Sequence[Any]) -> None:
        """See `Writer.keep`."""
        for column, value in zip(self._columns, (time_s, *values), strict=True):
            column.append(value)
        if len(self._columns[0]) >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._columns[0]:
            return
        schema = self._writer.schema if self._writer is not None else None
        types = schema.types if schema is not None else [None] * len(self._names)
        arrays = [self._arrow.array(column, type=type_) for column, type_ in zip(self._columns, types, strict=True)]
        table = self._arrow.Table.from_arrays(arrays, names=self._names)
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)
        self._columns = [[] for _ in self._names]

    def close(self, metadata: Mapping[str, Any]) -> None:
        """See `Writer.close`."""
        self._flush()
        if self._writer is not None:
            self._writer.add_key_value_metadata({_METADATA: json.dumps(metadata).encode()})
            self._writer.close()
        self._file.close()


def write_csv(file: IO[str], names: Sequence[str]) -> Callable[[float, Sequence[Any]], None]:
    """Gives the function that writes one row; before the first one it writes the header ``time,<names>``.

    A run that does not begin writes nothing. Numbers are written with as many digits as it takes to read the same
    value again. An array has its elements separated by spaces.
    """
    writer = csv.writer(file, lineterminator="\n")
    header = [["time", *names]]

    def keep(time_s: float, values: Sequence[Any]) -> None:
        if header:
            writer.writerow(header.pop())
        writer.writerow([_text(time_s), *map(_text, values)])

    return keep


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if isinstance(value, bytes):
        return value.hex()
    return repr(value) if isinstance(value, float) else str(value)
