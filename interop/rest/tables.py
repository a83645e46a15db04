"""Rows as a table: JSON, CSV (RFC 4180) or Parquet, whichever the request accepts best (RFC 9110, 12.5.1)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from dtdl.errors import RequestInvalid
from interop.rest.messages import HistoryRow, Message, Window
from interop.values import format_time

JSON: Final = "application/json"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
MEDIA: Final = (JSON, CSV, PARQUET)
"""What a table can be, the one that is given by default first."""
MORE: Final = "megatwin-more"
"""Header of a CSV or Parquet answer: ``true`` when the limit cut it off."""

Rows = Sequence[HistoryRow] | Sequence[Window]


def chosen(request: Request, offered: Sequence[str] = MEDIA) -> str:
    """Gives the media type that a request wants most among those offered; the first one when it does not say.

    Raises:
        RequestInvalid: ``NotAcceptable``: it wants none of them.
    """
    header = request.headers.get("accept", "").strip()
    if not header:
        return offered[0]
    wants = [_want(part) for part in header.split(",")[:_MOST]]
    best = max(offered, key=lambda media: (_quality(media, wants), -offered.index(media)))
    if _quality(best, wants) <= 0:
        raise RequestInvalid(
            "NotAcceptable", f"Accept: {header[:100]!r} names nothing that can be given here",
            action=f"Accept one of {', '.join(offered)}.",
        )  # fmt: skip
    return best


_MOST: Final = 50


def _want(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return media.lower(), min(max(float(text), 0.0), 1.0)
            except ValueError:
                return media.lower(), 0.0
    return media.lower(), 1.0


def _quality(media: str, wants: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers a media type."""
    by_range = dict(wants)
    for covering in (media, f"{media.partition('/')[0]}/*", "*/*"):
        if covering in by_range:
            quality = by_range[covering]
            return 0.0 if quality != quality else quality  # noqa: PLR0124 - not a number
    return 0.0


def answer(message: Message, rows: Rows, columns: type[Message], media: str, *, more: bool) -> Response:
    """Gives the response of a table.

    Args:
        message: The whole as a message, for JSON.
        rows: Its rows.
        columns: Class of the rows; its fields, under their names on the wire, are the columns.
        media: One of ``MEDIA``.
        more: Whether there is more than the rows.

    Raises:
        RequestInvalid: ``NotAcceptable``: Parquet, and pyarrow is not installed.
    """
    if media == JSON:
        return Response(message.encode(), media_type=JSON)
    headers = {MORE: "true" if more else "false"}
    names = {name: field.serialization_alias or name for name, field in columns.model_fields.items()}
    if media == CSV:
        return Response(_csv(rows, names), media_type=CSV, headers=headers)
    return Response(_parquet(rows, names, columns), media_type=PARQUET, headers=headers)


def _csv(rows: Rows, names: Mapping[str, str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names.values())
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])
    return text.getvalue()


def _cell(value: Any) -> str | int | float:
    """A text as it is, everything else as JSON writes it; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, str):
        return value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else orjson.dumps(value).decode()


def _parquet(rows: Rows, names: Mapping[str, str], columns: type[Message]) -> bytes:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise RequestInvalid(
            "NotAcceptable", "this server cannot write Parquet: pyarrow is not installed there",
            action="Accept text/csv, or install it: pip install 'megatwin[parquet]'",
        ) from error  # fmt: skip
    types = {
        "str": pa.string(), "int": pa.int64(), "float": pa.float64(), "datetime": pa.timestamp("us", tz="UTC"),
        "json": pa.string(),
    }  # fmt: skip
    arrays: dict[str, Any] = {}
    for name, alias in names.items():
        kind = _kind(columns, name)
        values = [getattr(row, name) for row in rows]
        if kind == "json":
            # A column has one type, and a value may be of any: JSON says which, and the numbers have a column too.
            arrays[alias] = pa.array([orjson.dumps(value).decode() for value in values], types[kind])
            numbers = [float(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else None for v in values]
            arrays[f"{alias}Number"] = pa.array(numbers, pa.float64())
        else:
            arrays[alias] = pa.array(values, types[kind])
    sink = io.BytesIO()
    parquet.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def _kind(columns: type[Message], name: str) -> str:
    annotation = str(columns.model_fields[name].annotation)
    return next((kind for kind in ("datetime", "float", "int", "str") if kind in annotation), "json")
