"""Twins of several shapes: their DTDL, a document of each, and the pydantic model that a person would write by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictStr

_INT = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
_LONG = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
_DOUBLE = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_FLOAT = Annotated[float, Field(strict=True, ge=-3.4028234663852886e38, le=3.4028234663852886e38)]


_DAY = r"^\d{4}-\d{2}-\d{2}"
_CLOCK = r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"


def _on_the_calendar(text: str) -> str:
    date.fromisoformat(text[:10])
    return text


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_by_alias=True, validate_by_name=False)
    dt_id: StrictStr = Field(default=None, alias="$dtId")
    etag: StrictStr = Field(default=None, alias="$etag")
    metadata: Annotated[dict[StrictStr, Any], Field(strict=True)] = Field(default=None, alias="$metadata")


class Ten(_Written):
    """Ten properties."""

    a: _INT = None
    b: _INT = None
    c: _LONG = None
    d: _DOUBLE = None
    e: _DOUBLE = None
    f: _FLOAT = None
    g: StrictStr = None
    h: StrictStr = None
    i: StrictBool = None
    j: StrictBool = None


class _Fan(_Written):
    speed: _INT = None
    load: _DOUBLE = None


class WithComponent(_Written):
    """Two properties and a component."""

    name: StrictStr = None
    temperature: _DOUBLE = None
    fan: _Fan = None


class WithEnum(_Written):
    """Enums of texts and of numbers."""

    mode: Literal["off", "heat", "cool"] = None
    name: StrictStr = None


class WithArray(_Written):
    """An array of numbers."""

    samples: Annotated[list[_DOUBLE], Field(strict=True)] = None


class WithMap(_Written):
    """A map of integers."""

    counts: Annotated[dict[StrictStr, _INT], Field(strict=True)] = None


class WithDates(_Written):
    """Texts of the calendar."""

    built: Annotated[str, Field(strict=True, pattern=_DAY + "$"), AfterValidator(_on_the_calendar)] = None
    seen: Annotated[str, Field(strict=True, pattern=_DAY + _CLOCK + "$"), AfterValidator(_on_the_calendar)] = None


@dataclass(frozen=True)
class Shape:
    """One kind of twin.

    Attributes:
        name: For people.
        dtmi: Its Interface.
        written: The model that is written by hand.
        value: A document.
    """

    name: str
    dtmi: str
    written: type[BaseModel]
    value: dict[str, Any]

    @property
    def text(self) -> str:
        """The document as JSON text."""
        return json.dumps(self.value)


def _interface(title: str, /, **schemas: Any) -> dict[str, Any]:
    contents = [
        schema if "@type" in schema and schema["@type"] == "Component" else
        {"@type": "Property", "name": key, "schema": schema["schema"]}
        for key, schema in schemas.items()
    ]  # fmt: skip
    return {"@context": "dtmi:dtdl:context;3", "@id": f"dtmi:bench:{title};1", "@type": "Interface",
            "contents": contents}  # fmt: skip


def _of(schema: Any) -> dict[str, Any]:
    return {"schema": schema}


_TEN = ("integer", "integer", "long", "double", "double", "float", "string", "string", "boolean", "boolean")
_MODE = {
    "@type": "Enum",
    "valueSchema": "string",
    "enumValues": [{"name": value, "enumValue": value} for value in ("off", "heat", "cool")],
}
_MAP = {
    "@type": "Map",
    "mapKey": {"name": "key", "schema": "string"},
    "mapValue": {"name": "value", "schema": "integer"},
}
DOCUMENT = json.dumps([
    _interface("Ten", **{key: _of(schema) for key, schema in zip("abcdefghij", _TEN, strict=True)}),
    _interface("Fan", speed=_of("integer"), load=_of("double")),
    _interface("WithComponent", name=_of("string"), temperature=_of("double"),
               fan={"@type": "Component", "name": "fan", "schema": "dtmi:bench:Fan;1"}),
    _interface("WithEnum", mode=_of(_MODE), name=_of("string")),
    _interface("WithArray", samples=_of({"@type": "Array", "elementSchema": "double"})),
    _interface("WithMap", counts=_of(_MAP)),
    _interface("WithDates", built=_of("date"), seen=_of("dateTime")),
])  # fmt: skip
"""The DTDL of the shapes."""


def _shape(name: str, written: type[BaseModel], value: dict[str, Any]) -> Shape:
    dtmi = f"dtmi:bench:{written.__name__};1"
    return Shape(name, dtmi, written, {"$dtId": "one", "$metadata": {"$model": dtmi}} | value)


SHAPES = (
    _shape("10 properties", Ten, {
        "a": 1, "b": 2, "c": 2**40, "d": 21.5, "e": 0.25, "f": 1.5, "g": "north", "h": "A-17", "i": True, "j": False,
    }),
    _shape("a component", WithComponent, {"name": "A", "temperature": 21.5, "fan": {"speed": 3, "load": 0.5}}),
    _shape("an enum", WithEnum, {"mode": "heat", "name": "A"}),
    _shape("an array of 20 numbers", WithArray, {"samples": [n / 4 for n in range(20)]}),
    _shape("a map of 10 integers", WithMap, {"counts": {f"k{n}": n for n in range(10)}}),
    _shape("a date and an instant", WithDates, {"built": "2026-02-28", "seen": "2026-02-28T12:00:00+00:00"}),
)  # fmt: skip
