"""Texts of megatwin.yaml with a meaning of their own: durations, sizes, quantities, secrets, paths, addresses.

Adapters use these as field types of their ``settings``, so that every kind of source reads them alike. A bare number is
refused where a unit is needed (``500`` could be ms or s); ``0`` needs none.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY: Final = re.compile(rf"\s*({_NUMBER})\s*(\S.*?)?\s*")
_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")

DURATIONS: Final[Mapping[str, float]] = MappingProxyType(
    {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
)
"""Unit of a duration → seconds."""
SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
)
"""Unit of a size → bytes."""


class Quantity(NamedTuple):
    """A number with the text of its unit, None when it has none."""

    value: float
    unit: str | None


def parse_quantity(text: str) -> Quantity | None:
    """Reads ``850 kJ/K`` or ``3.5``; None when the text does not begin with a number."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    value = float(match[1])
    return Quantity(value, match[2]) if math.isfinite(value) else None


def _in_units(units: Mapping[str, float], what: str, example: str) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if value == 0:
                return 0.0
            raise PydanticCustomError(
                "unit_missing",
                "{value} has no unit; write {what} with one, such as {example}",
                {"value": value, "what": what, "example": example},
            )
        quantity = parse_quantity(value) if isinstance(value, str) else None
        factor = units.get(quantity.unit or "") if quantity else None
        if quantity is None or factor is None:
            raise PydanticCustomError(
                "quantity_invalid",
                "{value} is not {what}; write a number and one of {units}, such as {example}",
                {"value": repr(value), "what": what, "units": ", ".join(units), "example": example},
            )
        return quantity.value * factor

    return read


def _not_negative(value: float) -> float:
    if value < 0:
        raise PydanticCustomError("quantity_negative", "it must not be negative", {})
    return value


def _positive(value: float) -> float:
    if value <= 0:
        raise PydanticCustomError("quantity_not_positive", "it must be greater than 0", {})
    return value


def _schema(units: Mapping[str, float], description: str, example: str) -> WithJsonSchema:
    pattern = rf"^\s*{_NUMBER}\s*({'|'.join(units)})\s*$"
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": description, "examples": [example]})


_DURATION: Final = _in_units(DURATIONS, "a duration", "500 ms")
_DURATION_SCHEMA: Final = _schema(DURATIONS, "A duration with its unit: us, ms, s, min, h or d.", "500 ms")

Seconds = Annotated[float, BeforeValidator(_DURATION), AfterValidator(_not_negative), _DURATION_SCHEMA]
"""A duration ≥ 0: ``500 ms``, ``5 s``, ``1 min``, ``2 h``, ``1 d``; comes as float seconds. ``0`` needs no unit."""

PositiveSeconds = Annotated[float, BeforeValidator(_DURATION), AfterValidator(_positive), _DURATION_SCHEMA]
"""A duration > 0; see Seconds."""

Bytes = Annotated[
    int,
    BeforeValidator(_in_units(SIZES, "a size", "64 MiB")),
    AfterValidator(_not_negative),
    _schema(SIZES, "A size with its unit: B, kB, MB, GB, KiB, MiB or GiB.", "64 MiB"),
]
"""A size: ``64 MiB``, ``1 GB``; comes as int bytes."""


def environment(text: str) -> str | None:
    """Gives the NAME of a text ``env:NAME``, or None when it is no such text."""
    match = _ENV.fullmatch(text)
    return match[1] if match else None


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise PydanticCustomError("environment_unset", "the environment variable {name} is not set", {"name": name})
    return value


def _text(value: Any) -> Any:
    if isinstance(value, str) and (name := environment(value)):
        return _from_environment(name)
    return value


def _secret(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value
    name = environment(value) if isinstance(value, str) else None
    if name is None:
        raise PydanticCustomError("secret_in_file", "a secret must not be written in the file; write env:NAME", {})
    return SecretStr(_from_environment(name))


def _existing_file(value: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base")
    if base is None:
        return value
    path = Path(base, value)
    if not path.exists():
        raise PydanticCustomError("file_missing", "the file {path} does not exist", {"path": value})
    if not path.is_file():
        raise PydanticCustomError("file_missing", "{path} is not a file", {"path": value})
    return value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string"})]
"""A text, or ``env:NAME``: then the value of that environment variable, which must be set."""

Secret = Annotated[
    SecretStr,
    BeforeValidator(_secret),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{_ENV.pattern}$",
            "description": "A secret, only as env:NAME.",
            "examples": ["env:PLANT_PASSWORD"],
        }
    ),
]
"""A secret: only ``env:NAME``; comes as pydantic's SecretStr (``.get_secret_value()``)."""

ExistingFile = Annotated[
    str, BeforeValidator(_text), AfterValidator(_existing_file), WithJsonSchema({"type": "string", "format": "path"})
]
"""A path, relative to the folder of the file, or ``env:NAME`` that holds one. It comes as text: ``Path(base, text)``.
A missing file is a finding when the validation context has ``base``; it does when megatwin.yaml is read."""


class HostPort(NamedTuple):
    """Where a server listens, or is reached. Port 0 asks for any free one."""

    host: str
    port: int


def parse_host_port(text: str) -> HostPort:
    """Reads ``127.0.0.1:8080``, ``[::1]:8080``, ``localhost:0``.

    Raises:
        ValueError: Not of that form, or a port outside 0 to 65535.
    """
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address is written in brackets, such as [::1]:8080")
    if not colon or not host:
        raise ValueError("write HOST:PORT, such as 127.0.0.1:8080")
    if not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:  # noqa: PLR2004 - the greatest port
        raise ValueError(f"{port!r} is not a port; a port is a number from 0 to 65535")
    return HostPort(host, int(port))


def _address(value: Any) -> HostPort:
    if isinstance(value, HostPort):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("address_invalid", "write HOST:PORT, such as 127.0.0.1:8080", {})
    try:
        return parse_host_port(value)
    except ValueError as error:
        raise PydanticCustomError("address_invalid", "{text}: {why}", {"text": value, "why": str(error)}) from error


HostAndPort = Annotated[
    HostPort,
    BeforeValidator(_address),
    WithJsonSchema({"type": "string", "pattern": r"^.+:\d{1,5}$", "examples": ["127.0.0.1:8080"]}),
]
"""``HOST:PORT``."""
