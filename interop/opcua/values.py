"""OPC UA values ↔ JSON values and Samples, and the names of StatusCodes."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
import re
import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.ua import VariantType
from asyncua.ua.status_codes import StatusCodes

from dtdl.errors import Refused, RequestInvalid
from dtdl.units import from_unece
from interop.opcua.types.quantities import CEFACT
from interop.values import GOOD, Sample, Status, Value, format_time, parse_time

_CODE_BITS: Final = 0xFFFF0000
_OVERFLOW_BITS: Final = 0x0480
NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {code: name for name, code in vars(StatusCodes).items() if not name.startswith("_") and isinstance(code, int)}
)
"""Code → name (OPC 10000-6, A.2)."""
_STATUSES: Final[dict[int, Status]] = {code: Status(name) for code, name in NAMES.items()}
INTEGERS: Final[Mapping[VariantType, tuple[int, int]]] = MappingProxyType(
    {
        VariantType.SByte: (-(2**7), 2**7 - 1), VariantType.Byte: (0, 2**8 - 1),
        VariantType.Int16: (-(2**15), 2**15 - 1), VariantType.UInt16: (0, 2**16 - 1),
        VariantType.Int32: (-(2**31), 2**31 - 1), VariantType.UInt32: (0, 2**32 - 1),
        VariantType.Int64: (-(2**63), 2**63 - 1), VariantType.UInt64: (0, 2**64 - 1),
    }
)  # fmt: skip
FLOAT_MAX: Final = 3.4028234663852886e38


def status_name(code: int) -> str:
    """Name of a StatusCode; its info bits (OPC 10000-4, 7.39.1) are left out."""
    bare = code & _CODE_BITS
    if bare in NAMES:
        return NAMES[bare]
    return {0: "Good", 1: "Uncertain"}.get(bare >> 30, "Bad")


def status(code: int) -> Status:
    """The Status of a StatusCode."""
    return _STATUSES.get(code & _CODE_BITS) or Status(status_name(code))


def status_code(name: str, default: int = StatusCodes.BadUnexpectedError) -> ua.StatusCode:
    """The StatusCode of a name."""
    return ua.StatusCode(getattr(StatusCodes, name, default))


def overflowed(code: int) -> bool:
    """Whether the Overflow bit of a data value is set: the server's queue dropped values before or after this one."""
    return code & 0x0C80 == _OVERFLOW_BITS


def sample(data: ua.DataValue) -> Sample:
    """A DataValue as Sample: JSON value, status, both times in UTC."""
    code = data.StatusCode.value if data.StatusCode is not None else 0
    quality = GOOD if code == 0 else status(code)
    value = json_value(data.Value.Value) if data.Value is not None else None
    if isinstance(value, float) and data.Value is not None and data.Value.VariantType is VariantType.Float:
        value = shortest(value)
    if isinstance(value, float) and not math.isfinite(value):
        value, quality = None, quality if quality.is_bad else Status("BadNoData")
    return Sample(value, quality, _utc(data.SourceTimestamp or data.ServerTimestamp), _utc(data.ServerTimestamp))


def shortest(value: float) -> float:
    """The shortest decimal that is the same single-precision number: 45.4, where a Float's bits say 45.400001525…."""
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= FLOAT_MAX and struct.pack("<f", short) == struct.pack("<f", value):
            return short
    return value


def _utc(instant: datetime | None) -> datetime | None:
    if instant is None:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def json_value(raw: Any) -> Value:
    """A value of any built-in type (OPC 10000-6, 5.1.2) as JSON; structures become objects by field name."""
    if isinstance(raw, Enum):
        return json_value(raw.value)
    if raw is None or isinstance(raw, (str, bool, int, float)):
        return raw
    if isinstance(raw, (list, tuple)):
        return [json_value(item) for item in raw]
    for kind, convert in _TO_JSON:
        if isinstance(raw, kind):
            return convert(raw)
    if dataclasses.is_dataclass(raw):
        return {
            field.name: json_value(getattr(raw, field.name))
            for field in dataclasses.fields(raw)
            if field.name != "Encoding"
        }
    return str(raw)


_TO_JSON: Final[tuple[tuple[type, Callable[[Any], Value]], ...]] = (
    (datetime, lambda raw: format_time(_utc(raw) or raw)),
    (bytes, lambda raw: base64.b64encode(raw).decode("ascii")),
    (uuid.UUID, str),
    (ua.LocalizedText, lambda raw: raw.Text),
    (ua.QualifiedName, lambda raw: raw.Name),
    (ua.NodeId, lambda raw: raw.to_string()),
    (ua.StatusCode, lambda raw: status_name(raw.value)),
    (ua.Variant, lambda raw: json_value(raw.Value)),
    (ua.DataValue, lambda raw: json_value(raw.Value)),
)


def variant(value: Value, kind: VariantType, rank: int = -1, *, scaled: bool = False) -> ua.Variant:
    """A JSON value as Variant of a node's own type.

    Args:
        value: What is to be written.
        kind: The node's built-in type.
        rank: Its ValueRank (OPC 10000-3, 5.6.2): -1 scalar, 1 or more an array.
        scaled: Whether a step of an integer node stands for another step of the value: what lies between two steps is
            rounded to the nearest, half to even, as it can be no nearer.

    Raises:
        Refused: With BadTypeMismatch when the value is of another type, with BadOutOfRange when it does not fit.
    """
    if rank >= 0 or (rank != -1 and isinstance(value, list)):
        if not isinstance(value, list):
            raise _mismatch(value, kind, "the node holds an array")
        return ua.Variant([_scalar(item, kind, scaled=scaled) for item in value], kind, is_array=True)
    return ua.Variant(_scalar(value, kind, scaled=scaled), kind)


def _scalar(value: Value, kind: VariantType, *, scaled: bool) -> Any:
    if kind in INTEGERS:
        return _integer(value, kind, scaled=scaled)
    convert = _FROM_JSON.get(kind)
    if convert is None:
        raise Refused("BadTypeMismatch", f"values of type {kind.name} cannot be written")
    return convert(value, kind)


def _integer(value: Value, kind: VariantType, *, scaled: bool) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(value, kind)
    if not math.isfinite(value):
        raise _mismatch(value, kind, "it is not finite")
    number = round(value)
    # conversions of units leave rounding errors of a few units in the last place
    if not scaled and abs(value - number) > 1e-9 * max(1.0, abs(value)):
        raise _mismatch(value, kind, f"the node's type {kind.name} takes whole numbers only")
    least, greatest = INTEGERS[kind]
    if not least <= number <= greatest:
        raise Refused("BadOutOfRange", f"{number} does not fit into {kind.name}: {least} to {greatest}")
    return number


def _number(value: Value, kind: VariantType) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(value, kind)
    if kind is VariantType.Float and math.isfinite(value) and abs(value) > FLOAT_MAX:
        raise Refused("BadOutOfRange", f"{value} does not fit into Float")
    return float(value)


def _boolean(value: Value, kind: VariantType) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(value, kind)
    return value


def _string(value: Value, kind: VariantType) -> Any:
    if not isinstance(value, str):
        raise _mismatch(value, kind)
    return ua.LocalizedText(value) if kind is VariantType.LocalizedText else value


def _date_time(value: Value, kind: VariantType) -> datetime:
    if not isinstance(value, str):
        raise _mismatch(value, kind)
    try:
        return parse_time(value)
    except RequestInvalid as error:
        raise _mismatch(value, kind, "it is no instant with an offset") from error


def _bytes(value: Value, kind: VariantType) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except binascii.Error as error:
        raise _mismatch(value, kind, "it is no base64 text") from error


def _guid(value: Value, kind: VariantType) -> uuid.UUID:
    try:
        return uuid.UUID(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _mismatch(value, kind) from error


def _mismatch(value: Value, kind: VariantType, why: str = "") -> Refused:
    return Refused("BadTypeMismatch", f"{value!r} cannot be written as {kind.name}" + (f": {why}" if why else ""))


_FROM_JSON: Final[Mapping[VariantType, Callable[[Value, VariantType], Any]]] = MappingProxyType(
    {
        VariantType.Boolean: _boolean,
        VariantType.Float: _number,
        VariantType.Double: _number,
        VariantType.String: _string,
        VariantType.LocalizedText: _string,
        VariantType.DateTime: _date_time,
        VariantType.ByteString: _bytes,
        VariantType.Guid: _guid,
    }
)


def unit_text(unit: Any) -> str | None:
    """The plant's own words for an EUInformation (OPC 10000-8, 5.6.4.3)."""
    if not isinstance(unit, ua.EUInformation):
        return None
    shown = unit.DisplayName.Text or unit.Description.Text
    if shown:
        return str(shown)
    code = unece_code(unit.UnitId) if unit.NamespaceUri == CEFACT else None
    return code or (str(unit.UnitId) if unit.UnitId not in (-1, None) else None)


def unit_name(unit: Any) -> str | None:
    """DTDL name of an EUInformation, or None when it is none that DTDL knows."""
    if not isinstance(unit, ua.EUInformation) or unit.NamespaceUri != CEFACT:
        return None
    found = from_unece(unit.UnitId)
    return found.name if found is not None else None


def unece_code(unit_id: int) -> str | None:
    """The UNECE common code in a UnitId: its bytes, big-endian, are the code's characters."""
    if unit_id <= 0:
        return None
    text = unit_id.to_bytes(4, "big").lstrip(b"\0").decode("ascii", "replace")
    return text if re.fullmatch(r"[0-9A-Z]{1,4}", text) else None
