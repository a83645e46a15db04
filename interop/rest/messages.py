"""Every request and response of ``/v1`` as a pydantic model; the wire form, with no web framework behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from interop.values import format_time

SCHEMA_ID: Final = "urn:megatwin:schemas:service.schema.json"

Instant: TypeAlias = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant; on the wire RFC 3339 in UTC with microseconds."""

Kind: TypeAlias = Literal["model", "simulation", "shadow", "twin", "mega-twin"]


def _is_none(value: object) -> bool:
    return value is None


class Message(BaseModel):
    """What all messages share: camelCase on the wire, frozen here, unknown keys of a newer server ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def encode(self) -> bytes:
        """The wire form."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True)


class Value(Message):
    """One value with all that is needed to judge it; a value never travels without its status.

    ``unit`` is the DTDL name of the model's unit. ``status`` is the name of an OPC UA StatusCode (OPC 10000-4, 7.39).
    ``source`` names the source in the file, ``roll-up`` or ``connection``; null for what clients write.
    """

    value: JsonValue
    unit: str | None
    status: str
    source_time: Instant | None = Field(description="When it was true.")
    server_time: Instant | None = Field(description="When the source's server knew it.")
    source: str | None
    reason: str | None = Field(default=None, exclude_if=_is_none, description="Why the status is not Good.")


class Pillar(Message):
    """One of the three pillars of a digital twin system."""

    present: bool
    state: Literal["ok", "degraded", "down", "none"]
    detail: str = ""


class Pillars(Message):
    """The physical twin, the digital twin, and the connection between them."""

    physical: Pillar
    digital: Pillar
    connection: Pillar


class Link(Message):
    """A relationship that starts at the twin."""

    id: str
    name: str
    target: str


class Twin(Message):
    """What a twin is, and every value that it has.

    What can only be said of the present (kind, pillars, sources, parts, degraded) is left out of a reading of the past.
    ``values`` has one entry a property and telemetry of its model, by path (``property`` or ``component/property``,
    ``/`` in a name written ``~1`` and ``~`` written ``~0``).
    """

    twin: str
    model: str
    seq: int = Field(description="The last event that changed it.")
    etag: str
    changed_at: Instant | None
    at: Instant | None = Field(default=None, exclude_if=_is_none, description="The instant that was asked for.")
    known_at: Instant | None = Field(default=None, exclude_if=_is_none, description="The state of knowledge asked for.")
    kind: Kind | None = Field(default=None, exclude_if=_is_none)
    pillars: Pillars | None = Field(default=None, exclude_if=_is_none)
    sources: dict[str, str] | None = Field(
        default=None, exclude_if=_is_none, description="Source → `up`, or `down: why`."
    )
    parts: list[str] | None = Field(default=None, exclude_if=_is_none)
    degraded: dict[str, str] | None = Field(
        default=None, exclude_if=_is_none, description="Part or source → why the twin is not whole; empty when it is."
    )
    relationships: list[Link] | None = Field(default=None, exclude_if=_is_none)
    commands: list[str] = Field(description="Paths of its commands.")
    values: dict[str, Value]


class TwinSummary(Message):
    """One line of the list of twins; ``status`` is the worst status among its values, but for what was never set."""

    twin: str
    kind: Kind
    model: str
    status: str
    degraded: dict[str, str]


class TwinList(Message):
    """A page of twins in order of id; ``next`` is what to give as ``after`` for the next page, null at the end."""

    twins: list[TwinSummary]
    next: str | None


class HistoryRow(Message):
    """One past sample of one point."""

    path: str
    value: JsonValue
    unit: str | None
    status: str
    source_time: Instant
    server_time: Instant | None
    recorded_at: Instant
    seq: int
    source: str


class History(Message):
    """Past samples ordered by source time, oldest first; ``more`` when the limit cut the answer off."""

    twin: str
    rows: list[HistoryRow]
    more: bool


class Window(Message):
    """The samples of one point within one interval of true time.

    ``bad`` samples count in nothing else. ``min``, ``max``, ``sum`` and ``mean`` are of numbers, null when there is
    none; levels, such as dBm, are summed and averaged as linear power.
    """

    path: str
    start: Instant = Field(description="Begin of the interval; its end is not in it.")
    unit: str | None
    count: int = Field(description="Samples whose status is not bad.")
    bad: int = Field(description="Samples whose status is bad.")
    first: JsonValue
    last: JsonValue
    min: float | None
    max: float | None
    sum: float | None
    mean: float | None


class Windows(Message):
    """History by interval, oldest first; intervals without a sample are left out.

    ``more`` when the limit cut it off.
    """

    twin: str
    interval: float = Field(description="Length of an interval in seconds.")
    rows: list[Window]
    more: bool


class Change(Message):
    """One thing that is different now; ``data`` of a Server-Sent Event named ``change``.

    ``kind``: ``value`` (a source or a derivation gave a sample), ``twin`` (a client wrote), ``twin-deleted``,
    ``relationship``, ``relationship-deleted``, ``link`` (a source's link; twin is null), ``telemetry``, ``command``,
    ``model``.
    """

    seq: int
    kind: Literal[
        "value", "twin", "twin-deleted", "relationship", "relationship-deleted", "link", "telemetry", "command", "model"
    ]
    twin: str | None
    path: str | None = Field(default=None, exclude_if=_is_none)
    sample: Value | None = Field(default=None, exclude_if=_is_none)
    detail: dict[str, JsonValue] | None = Field(default=None, exclude_if=_is_none)


class Lost(Message):
    """``data`` of a Server-Sent Event named ``lost``: the reader was too slow, and batches were dropped.

    Nothing is missing up to ``after``; asking with ``since=<after>`` gives all of it again from the ledger.
    """

    batches: int
    after: int


class Opened(Message):
    """``data`` of the first Server-Sent Event, named ``open``: everything after ``seq`` follows."""

    seq: int


class StreamMessage(Message):
    """One message of the stream over a WebSocket.

    ``event`` and ``data`` are as in a Server-Sent Event; ``position`` has no data. ``seq``, where it is not null, is
    what to give as ``since`` to go on from here.
    """

    event: Literal["open", "change", "lost", "position"]
    seq: int | None
    data: Opened | Change | Lost | None


class CommandResult(Message):
    """The answer of a command; null for one without a response."""

    result: JsonValue


class SourceHealth(Message):
    """The link of one source."""

    name: str
    kind: str
    state: Literal["opening", "up", "down", "failed"]
    since: Instant
    cause: str
    bound: int = Field(description="How many points are bound to it.")
    unmatched: list[str] = Field(description="Bindings that found nothing in the plant.")
    overflowed: int
    restarts: int


class Health(Message):
    """How the whole is."""

    ready: bool
    seq: int
    root: str = Field(description="Root of the ledger's Merkle tree (RFC 9162), hexadecimal.")
    sources: list[SourceHealth]
    problems: list[str]


class Ready(Message):
    """Whether requests are served: 200 when ready, 503 when not."""

    ready: bool


class Finding(Message):
    """One finding about a value: which rule, where, and what to do."""

    rule: str
    path: str | None = None
    cause: str
    action: str = ""


class Problem(Message):
    """An error as RFC 9457 has it.

    ``type`` ends with what happened: ``refused``, ``link-down``, ``expired``, ``value-invalid``, ``twin-not-found``, ….
    ``code`` is the error code of the Azure Digital Twins data plane, or the OPC UA StatusCode with which a plant
    refused. ``instance`` names this one occurrence.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = Field(default=None, exclude_if=_is_none)
    action: str | None = Field(default=None, exclude_if=_is_none, description="What to do about it.")
    results: dict[str, str] | None = Field(
        default=None, exclude_if=_is_none, description="Point → outcome, for a request that touched several."
    )
    findings: list[Finding] | None = Field(default=None, exclude_if=_is_none)


MESSAGES: Final[tuple[type[Message], ...]] = (
    Change, CommandResult, Health, History, Lost, Opened, Problem, Ready, StreamMessage, Twin, TwinList,
    Windows,
)  # fmt: skip


def service_schema() -> dict[str, Any]:
    """Gives the JSON Schema (2020-12) of all messages of ``/v1``: one of them is valid, each is under ``$defs``."""
    _, schema = models_json_schema([(message, "serialization") for message in MESSAGES], by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "$comment": "Generated by tools/generate.py from interop.rest.messages.",
        "title": "Messages of the /v1 twin service",
        "anyOf": [{"$ref": f"#/$defs/{message.__name__}"} for message in MESSAGES],
        "$defs": dict(sorted(schema["$defs"].items())),
    }
