"""The port between the runtime and those who serve it: REST, the OPC UA server, the command line.

Servers know this module and the graph's records; they never reach into the runtime.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from dtdl.compiler.point import PointType
from dtdl.elements import Model
from interop.event import Event
from interop.graph.state import Cell, Relationship, TwinState
from interop.values import Point, Status, Value


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        actor: Recorded in the event: ``client:<subject>``, ``opcua:<user>``, ``file``.
        request_id: The client's own id of this request; a request repeated with the same one acts once.
    """

    actor: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is different now, published after it is durable.

    Attributes:
        seq: Event that caused it.
        kind: ``value`` (a cell: path and cell are set), ``twin`` (contents that clients write; path may be set),
            ``twin-deleted``, ``relationship``, ``relationship-deleted``, ``link`` (a source's link; ``detail`` tells),
            ``telemetry``, ``command``, ``model``.
        twin: Whose.
        path: Which value, if one.
        cell: The new sample, for ``value``.
        before: The twin or relationship as it was before, for ``twin``, ``relationship`` and their deletion.
        detail: More, by kind.
    """

    seq: int
    kind: Literal[
        "value", "twin", "twin-deleted", "relationship", "relationship-deleted", "link", "telemetry", "command", "model"
    ]
    twin: str | None
    path: tuple[str, ...] = ()
    cell: Cell | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    before: TwinState | Relationship | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The changes of one committed batch, in seq order.

    ``lost`` counts batches that this subscriber missed before this one, because its bounded queue was full.
    """

    first_seq: int
    last_seq: int
    changes: Sequence[Change]
    lost: int = 0


class Subscription(Protocol):
    """Batches from now on; a bounded queue. ``async for``, then ``close``."""

    def __aiter__(self) -> AsyncIterator[Published]: ...

    def close(self) -> None:
        """Ends it; the iterator stops."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pillar:
    """One of the three pillars of a digital twin system."""

    present: bool
    state: Literal["ok", "degraded", "down", "none"]
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a twin is.

    Attributes:
        kind: ``model`` (no source at all), ``simulation`` (behaviour, no PT), ``shadow`` (a PT, one way), ``twin``
            (a PT, both ways), ``mega-twin`` (has parts).
        physical, digital, connection: The pillars; ``digital`` is its model, state, history and behaviour.
        sources: Names of the sources bound to it, with the state of their link: ``up``, ``down: why``.
        parts: Ids of its parts; empty for a twin that is no composite.
        degraded: Why it is not whole, by part or source; empty when it is.
    """

    kind: Literal["model", "simulation", "shadow", "twin", "mega-twin"]
    physical: Pillar
    digital: Pillar
    connection: Pillar
    sources: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[str] = ()
    degraded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One past sample of one point."""

    point: Point
    value: Value
    status: Status
    source_time: datetime
    server_time: datetime | None
    recorded_at: datetime
    seq: int
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of true time, as it was known.

    Attributes:
        start: From when, inclusive; None: from the first.
        end: Until when, inclusive; None: to the last.
        known_at: As the ledger stood then; None: now.
    """

    start: datetime | None = None
    end: datetime | None = None
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The samples of one point within one interval of true time.

    Attributes:
        point: Whose.
        start: Begin of the interval, a whole multiple of its length since 1970-01-01T00:00:00Z; the end is not in it.
        count: Samples whose status is not bad.
        bad: Samples whose status is bad.
        first, last: Values of the first and the last sample that is not bad; None when there is none.
        least, most, total, mean: Of the numbers among those that are not bad; None when there is none. Levels, such as
            dBm, are summed and averaged as linear power.
    """

    point: Point
    start: datetime
    count: int = 0
    bad: int = 0
    first: Value = None
    last: Value = None
    least: float | None = None
    most: float | None = None
    total: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The link of one source."""

    name: str
    kind: str
    state: Literal["opening", "up", "down", "failed"]
    since: datetime
    cause: str = ""
    bound: int = 0
    unmatched: Sequence[str] = ()
    overflowed: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the whole is."""

    ready: bool
    seq: int
    root: str
    sources: Sequence[SourceHealth]
    problems: Sequence[str] = ()


QueryRow: TypeAlias = TwinState | Relationship | Mapping[str, Any]
"""A twin, a relationship, or columns by name whose values may be either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPage:
    """One page of the result of a query.

    Attributes:
        rows: In order.
        token: What to ask the next page with; None at the end.
        seq: The last event that the rows show.
        visits: How many twins and relationships were looked at for it.
    """

    rows: Sequence[QueryRow]
    token: str | None
    seq: int
    visits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """One Interface as it was uploaded, or as the file has it.

    Attributes:
        id: Its DTMI.
        text: The definition, JSON.
        uploaded_at: When it was first recorded (UTC).
        actor: Who brought it; ``file`` for a model of the file.
        decommissioned: Whether no new twin may have it.
    """

    id: str
    text: str
    uploaded_at: datetime
    actor: str
    decommissioned: bool = False


class Models(Protocol):
    """The definitions that twins may have; what the methods return is durable."""

    @property
    def stored(self) -> Mapping[str, StoredModel]:
        """By DTMI, in the order of their upload."""
        ...

    def dependencies(self, dtmis: Sequence[str]) -> frozenset[str]:
        """Interfaces with all that they extend and have as components or schemas, at any depth.

        Raises:
            TwinNotFound: Code ``ModelNotFound``.
        """
        ...

    async def add(self, definitions: Sequence[Mapping[str, Any]], caller: Caller) -> Sequence[StoredModel]:
        """Adds Interfaces, all of them or none.

        Raises:
            ModelInvalid: They are no valid DTDL together with the definitions that are there.
            Conflict: One of them is there already.
            RequestInvalid: There is none, or one is no JSON object with an ``@id``.
        """
        ...

    async def decommission(self, dtmi: str, caller: Caller, *, decommissioned: bool) -> None:
        """Forbids new twins of a model, or allows them again.

        Raises:
            TwinNotFound, Conflict: It is not there; the file owns it, or a model in use needs it.
        """
        ...

    async def delete(self, dtmis: Sequence[str], caller: Caller) -> None:
        """Deletes models, all of them or none.

        Raises:
            TwinNotFound, Conflict: One is not there; the file owns it, or a twin or another model needs it.
        """
        ...


@dataclass(frozen=True, slots=True)
class EventRoute:
    """Which events go to which endpoint.

    Attributes:
        id: The client's name of it.
        endpoint: Name of an endpoint that the user configured.
        filter: An expression in the filter language of the Azure service.
    """

    id: str
    endpoint: str
    filter: str


class EventRoutes(Protocol):
    """The event routes; what the methods return is durable."""

    @property
    def known(self) -> Mapping[str, EventRoute]:
        """By id."""
        ...

    async def put(self, route: EventRoute) -> None:
        """Makes or replaces a route.

        Raises:
            RequestInvalid: ``EventRouteEndpointInvalid``, ``EventRouteFilterInvalid``, ``EventRouteIdInvalid`` or
                ``LimitExceeded``.
        """
        ...

    async def delete(self, route_id: str) -> None:
        """Removes a route.

        Raises:
            TwinNotFound: ``EventRouteNotFound``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work on many twins that goes on after its request was answered.

    Attributes:
        kind: ``import`` (a file of models, twins and relationships) or ``deletion`` (of everything that clients made).
        id: The client's name of it, unique among its kind.
        status: How far it is; ``failed`` also when only a part could not be done.
        created_at: When it was asked for (UTC).
        acted_at: When it last did something (UTC).
        finished_at: When it ended (UTC), if it did.
        input: URI of the file to read, as the client gave it; its last path segment names a file in the jobs folder.
        output: URI of the file that takes progress and errors.
        code: Why it failed, in one word.
        message: Why it failed, for people.
    """

    kind: Literal["import", "deletion"]
    id: str
    status: Literal["notstarted", "running", "failed", "succeeded", "cancelling", "cancelled"]
    created_at: datetime
    acted_at: datetime
    finished_at: datetime | None = None
    input: str | None = None
    output: str | None = None
    code: str = ""
    message: str = ""


class Jobs(Protocol):
    """The jobs, those that have ended among them for some time."""

    def known(self, kind: Literal["import", "deletion"]) -> Sequence[Job]:
        """Every job of a kind, in order of id."""
        ...

    def get(self, kind: Literal["import", "deletion"], job_id: str) -> Job:
        """One job.

        Raises:
            TwinNotFound: ``ImportJobNotFound`` or ``DeleteJobNotFound``.
        """
        ...

    async def start_import(self, job_id: str, source: str, output: str, caller: Caller) -> Job:
        """Begins to import a file.

        Raises:
            RequestInvalid: The id is used, a URI names no file that may be used, or too many jobs wait.
        """
        ...

    async def start_deletion(self, job_id: str, caller: Caller) -> Job:
        """Begins to delete everything that the file does not own.

        Raises:
            RequestInvalid: The id is used, or too many jobs wait.
        """
        ...

    async def cancel(self, job_id: str) -> Job:
        """Stops an import; what it has done stays.

        Raises:
            TwinNotFound, RequestInvalid: It is not there, or has ended.
        """
        ...

    async def forget(self, job_id: str) -> None:
        """Removes the record of an import that has ended.

        Raises:
            TwinNotFound, RequestInvalid: It is not there, or has not ended.
        """
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A telemetry message of a client.

    Attributes:
        payload: Telemetry by name; any other JSON value is published as it is.
        id: The client's own id of it.
        source_time: When it was true (UTC); None: now.
    """

    payload: Value
    id: str
    source_time: datetime | None = None


class Graph(Protocol):
    """Committed state; reading it on the loop sees one seq."""

    @property
    def seq(self) -> int:
        """The last event that it holds."""
        ...

    @property
    def twins(self) -> Mapping[str, TwinState]:
        """By ``$dtId``."""
        ...

    def outgoing(self, twin: str, name: str | None = None) -> Sequence[Relationship]:
        """Relationships that start at a twin, optionally of one name, in order of id."""
        ...

    def incoming(self, twin: str) -> Sequence[Relationship]:
        """Relationships that end at a twin, in order of source and id."""
        ...

    def relationship(self, twin: str, relationship_id: str) -> Relationship | None:
        """One relationship, or None."""
        ...


class TwinService(Protocol):
    """Everything that a server may ask of the runtime.

    Errors, all of them from dtdl.errors: TwinNotFound, PreconditionFailed, Conflict, RequestInvalid, ValueInvalid,
    Refused, LinkDown, Expired, Overloaded. What a method returns is durable.
    """

    @property
    def graph(self) -> Graph:
        """Committed state."""
        ...

    @property
    def model(self) -> Model:
        """Every loaded definition."""
        ...

    def point_type(self, point: Point) -> PointType:
        """DTDL's word on a point of an existing twin.

        Raises:
            TwinNotFound: No such twin, or its model has no such content.
        """
        ...

    def points(self, twin: str) -> Sequence[PointType]:
        """Every top-level and component value of a twin: properties, telemetry, commands, in model order."""
        ...

    def absent(self, point: Point) -> tuple[Status, str]:
        """Why a point of an existing twin has no value: its status, and the reason for people."""
        ...

    async def put_twin(
        self, twin: str, document: Mapping[str, Any], caller: Caller, *, if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> TwinState:  # fmt: skip
        """Creates or replaces a twin; document in the Azure form (``$metadata.$model`` required, ``$dtId`` ignored)."""
        ...

    async def patch_twin(
        self, twin: str, operations: Sequence[Mapping[str, Any]], caller: Caller, *, if_match: str | None = None
    ) -> TwinState:
        """Applies RFC 6902 add, replace and remove. What is bound for writing goes to its plant first."""
        ...

    async def delete_twin(self, twin: str, caller: Caller, *, if_match: str | None = None) -> None:
        """Deletes a twin without relationships."""
        ...

    async def put_relationship(
        self, twin: str, relationship_id: str, document: Mapping[str, Any], caller: Caller, *,
        if_match: str | None = None, if_none_match: str | None = None,
    ) -> Relationship:  # fmt: skip
        """Creates or replaces a relationship; document has ``$targetId``, ``$relationshipName`` and own properties."""
        ...

    async def delete_relationship(
        self, twin: str, relationship_id: str, caller: Caller, *, if_match: str | None = None
    ) -> None:
        """Deletes a relationship."""
        ...

    @property
    def models(self) -> Models:
        """The definitions, and how they change."""
        ...

    @property
    def event_routes(self) -> EventRoutes:
        """Which events go where."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Work on many twins."""
        ...

    async def send_telemetry(self, twin: str, component: str | None, message: Message, caller: Caller) -> None:
        """Publishes telemetry of a twin or of a component of it.

        What the model declares is checked and kept as last value; other members are published and not kept, as the
        Azure service does.

        Raises:
            TwinNotFound: No such twin or component.
            ValueInvalid: A declared Telemetry has another schema.
        """
        ...

    async def call(self, point: Point, argument: Value, caller: Caller, *, deadline_s: float | None = None) -> Value:
        """Runs a Command; without ``deadline_s`` the source's own deadline holds."""
        ...

    def about(self, twin: str) -> About:
        """What a twin is, and how whole it is now."""
        ...

    async def history(
        self, twin: str, path: tuple[str, ...] | None, start: datetime | None, end: datetime | None, *,
        known_at: datetime | None = None, limit: int = 1000,
    ) -> Sequence[HistoryRow]:  # fmt: skip
        """Samples and written values of [start, end], ordered by source time, oldest first."""
        ...

    async def windows(
        self, twin: str, path: tuple[str, ...] | None, span: Span, *, interval_s: float, limit: int = 1000
    ) -> Sequence[Window]:
        """History in intervals of ``interval_s`` seconds, oldest first; intervals without a sample are left out.

        Raises:
            LimitExceeded: There are too many samples to look at.
        """
        ...

    async def as_of(self, twin: str, at: datetime, *, known_at: datetime | None = None) -> TwinState:
        """The twin as it was true at ``at`` with all that was known at ``known_at`` (default: now).

        Raises:
            TwinNotFound: It did not exist then.
        """
        ...

    async def query(self, text: str | None, *, token: str | None = None, size: int = 100) -> QueryPage:
        """One page of a query, over what is committed.

        Args:
            text: The query; may be None when a token is given, which holds it.
            token: Of the page before.
            size: At most so many rows.

        Raises:
            RequestInvalid: ``SqlQueryError``, ``BadRequest`` (the token), ``TimeoutError``.
            LimitExceeded: It looks at or holds too much.
        """
        ...

    async def events(self, since_seq: int, limit: int = 1000) -> Sequence[Event]:
        """Stored events after a sequence number."""
        ...

    def subscribe(self, *, queue: int = 1000) -> Subscription:
        """Everything that is published from now on."""
        ...

    def health(self) -> Health:
        """How the whole is."""
        ...
