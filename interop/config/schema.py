"""The pydantic models of megatwin.yaml: what may stand where. What needs DTDL or an adapter is checked in resolve."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    StrictBool,
    model_validator,
)
from pydantic_core import PydanticCustomError

from interop.config.quantities import HostAndPort, PositiveSeconds
from interop.config.quantities import Text as Setting

SCHEMA_NAME: Final = "megatwin.schema.json"

RESERVED: Final = {
    "access": "owners, policies and tokens",
    "discover": "one twin for each instance of an ObjectType",
    "history": "retention of single signals; every value is kept for ever",
    "inventory": "twins from CSV or NDJSON",
}
"""Keys of the file that later releases give a meaning."""

_TWIN_ID: Final = re.compile(r"[A-Za-z0-9\-.+%_#*?!(),=@$'~]{1,128}")


def _kebab(name: str) -> str:
    return name.strip("_").replace("_", "-")


def _twin_id(text: str) -> str:
    if not _TWIN_ID.fullmatch(text):
        raise PydanticCustomError("MT124", "{text} cannot be the id of a twin", {"text": repr(text)})
    return text


def _text(value: Any) -> Any:
    if isinstance(value, bool) or value is None or not isinstance(value, (str, int, float)):
        return value
    return value if isinstance(value, str) else str(value)


def _not_zero(value: float) -> float:
    if value == 0:
        raise PydanticCustomError("MT109", "a scale of 0 makes every value the same", {})
    return value


Text = Annotated[str, Field(min_length=1)]
TwinId = Annotated[str, BeforeValidator(_text), AfterValidator(_twin_id), Field(description="The $dtId of a twin.")]
SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
PointText = Annotated[
    str, Field(min_length=3, description="A point: TWIN/PROPERTY, TWIN/COMPONENT/PROPERTY, TWIN/PROPERTY/MEMBER.")
]
Combine = Literal["sum", "mean", "min", "max"]


class Section(BaseModel):
    """A mapping of the file: fixed keys, written with hyphens."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, alias_generator=_kebab, hide_input_in_errors=True
    )


class SourceDefaults(Section):
    """Keys under ``defaults:`` that every kind of source has."""

    stale_after: PositiveSeconds = Field(5.0, description="Without a sign of life for so long, its values turn bad.")
    deadline: PositiveSeconds = Field(5.0, description="How long a write or a call may take, verification included.")
    max_skew: PositiveSeconds = Field(60.0, description="Clocks further apart than this make a reading uncertain.")


class MapEntry(Section):
    """Keys of a long entry under ``map:`` that every kind of source has; the others are its adapter's address."""

    scale: Annotated[float, AfterValidator(_not_zero)] = Field(
        1.0, description="raw value x scale + offset is the value in unit."
    )
    offset: float = Field(0.0, description="See scale.")
    unit: Text | None = Field(None, description="Unit of the raw value after scale and offset, such as degreeCelsius.")
    write: StrictBool = Field(False, description="Whether clients' writes are sent to the source.")
    standby: StrictBool = Field(False, description="Declared, but not active.")


class BindGroup(Section):
    """What of one twin is bound to one source."""

    at: Text | None = Field(None, description="Where in the source the twin is; addresses below are relative to it.")
    auto: StrictBool = Field(False, description="Match the model's names to names below `at`.")
    map: dict[Text, Any] = Field(default_factory=dict, description="Path below the twin: address in the source.")
    commands: dict[Text, Any] = Field(default_factory=dict, description="Command: address of what is called.")
    standby: StrictBool = Field(False, description="Declared, but not active.")


class Parts(Section):
    """Which twins are the parts of this one."""

    relationship: Text = Field(description="A Relationship of the model; its targets are the parts.")


class Twin(Section):
    """One twin."""

    model: Text | None = Field(None, description="DTMI of its Interface.")
    owner: Text | None = Field(None, description="For people, until access rules exist.")
    parts: Parts | None = Field(None, description="Which twins are the parts of this one.")
    roll_up: dict[Text, Text] = Field(
        default_factory=dict, description="Property or telemetry: FUNCTION(parts/PATH), such as sum(parts/power)."
    )
    properties: dict[Text, Any] = Field(default_factory=dict, description="Values that a new twin starts with.")
    bind: dict[Text, BindGroup] = Field(default_factory=dict, description="Source: what of this twin it gives.")


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ConnectionEntry(Section):
    """A value that follows others."""

    from_: Annotated[
        list[PointText],
        BeforeValidator(_list, json_schema_input_type=PointText | Annotated[list[PointText], Field(min_length=1)]),
        Field(min_length=1),
    ] = Field(description="The point, or the points, that it follows.")
    to: PointText = Field(description="The point that follows.")
    combine: Combine = Field("sum", description="How several become one.")


class RelationshipEntry(Section):
    """A link from one twin to another."""

    from_: TwinId = Field(description="The twin that it starts at.")
    name: Text = Field(description="A Relationship of the model of that twin.")
    to: TwinId = Field(description="The twin that it ends at.")
    id: Text | None = Field(None, description="Its own id; FROM-NAME-TO without it.")
    properties: dict[Text, Any] = Field(default_factory=dict, description="Its own properties.")


def _url(text: str) -> str:
    try:
        found = urlsplit(text)
        known = found.scheme in {"http", "https"} and bool(found.hostname) and found.port != 0
    except ValueError:
        known = False
    if not known:
        raise PydanticCustomError("MT109", "{text} is no http or https URL", {"text": repr(text)})
    return text


class EndpointEntry(Section):
    """Where event routes may lead; exactly one of webhook, file and in-process."""

    webhook: Annotated[Setting, AfterValidator(_url)] | None = Field(None, description="URL that takes CloudEvents.")
    file: Text | None = Field(None, description="File that takes CloudEvents, one a line.")
    in_process: StrictBool = Field(False, description="Code in the same process takes them.")
    headers: dict[Text, Setting] = Field(default_factory=dict, description="Sent with each event to a webhook.")
    dead_letters: Text | None = Field(
        None, description="File of the events that could not be delivered; in the data folder without it."
    )
    retry_for: PositiveSeconds = Field(3600.0, description="How long an event is tried again.")


class OpcUaServe(Section):
    """Our own OPC UA server."""

    address: HostAndPort = Field(description="HOST:PORT.")
    insecure: StrictBool = Field(False, description="Accept clients without signature and encryption as well.")


def _opcua(value: Any) -> Any:
    return {"address": value} if isinstance(value, (str, int)) else value


class ServeSection(Section):
    """What is served, and where. Only addresses of this machine are served."""

    http: HostAndPort | None = Field(None, description="REST: HOST:PORT.")
    opcua: Annotated[OpcUaServe | None, BeforeValidator(_opcua, json_schema_input_type=HostAndPort | OpcUaServe)] = (
        Field(None, description="OPC UA: HOST:PORT.")
    )


Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class QueriesSection(Section):
    """Bounds and switches of the query language; the service that it comes from has those without an entry."""

    timeout: PositiveSeconds = Field(60.0, description="Time until TimeoutError.")
    characters: Count = Field(8_000, description="Of a query.")
    operators: Annotated[Count, Field(le=100)] = Field(50, description="AND and OR together.")
    members: Count = Field(100, description="Of an IN list.")
    joins: Annotated[Count, Field(le=30)] = Field(5, description="JOINs.")
    hops: Annotated[Count, Field(le=100)] = Field(10, description="Upper bound of a * in MATCH.")
    hops_inclusive: StrictBool = Field(False, description="Whether *1..3 is 1, 2 or 3 hops, as in openCypher.")
    start_required: StrictBool = Field(True, description="Whether JOIN and MATCH need a $dtId in WHERE.")


class File(Section):
    """The whole file.

    Items of lists are validated one by one by whoever reads them, so that one mistake does not hide the others.
    """

    megatwin: Literal[1] = Field(description="Version of this format.")
    name: Text | None = Field(None, description="Name of the whole; that of the folder without it.")
    models: Annotated[list[SkipValidation[Text]], BeforeValidator(_list, json_schema_input_type=Text | list[Text])] = (
        Field(default_factory=list, description="Folders and files of DTDL; library:NAME is a shipped folder.")
    )
    data: Text = Field(".megatwin", description="Folder of the ledger, certificates and locks.")
    sources: dict[SourceName, dict[str, Any]] = Field(
        default_factory=dict, description="All that gives or takes values."
    )
    twins: dict[TwinId, Twin] = Field(default_factory=dict, description="The twins, by $dtId.")
    connections: list[SkipValidation[ConnectionEntry]] = Field(
        default_factory=list, description="Values that follow others."
    )
    relationships: list[SkipValidation[RelationshipEntry]] = Field(
        default_factory=list, description="Links between twins."
    )
    endpoints: dict[SourceName, EndpointEntry] = Field(default_factory=dict, description="Where event routes may lead.")
    serve: ServeSection = Field(default_factory=lambda: ServeSection(), description="What is served, and where.")  # noqa: PLW0108 - its type checks

    queries: QueriesSection = Field(
        default_factory=lambda: QueriesSection(),  # noqa: PLW0108 - its type checks
        description="Bounds and switches of the query language.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_empty_sections(cls, value: Any) -> Any:
        """A section whose entries are all commented out is as good as none."""
        if isinstance(value, dict):
            return {key: section for key, section in value.items() if section is not None or key == "megatwin"}
        return value
