"""The frozen configuration: what a checked megatwin.yaml comes to, with models compiled and bindings resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dtdl.compiler.build import Types
from dtdl.diagnostic import Location
from dtdl.elements import Model
from interop.graph.query.limits import Limits
from interop.ports import Adapter, Source
from interop.values import Point, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """One entry of ``sources:``.

    Attributes:
        name: Its name in the file.
        adapter: The class to open.
        source: What it is opened with; ``source.bindings`` are the active ones.
        stale_after_s: Without a sign of life for so long, its values turn bad.
        deadline_s: How long a write or a call may take, verification included.
        max_skew_s: Clocks further apart than this make a reading uncertain.
        location: Where the file says so.
    """

    name: str
    adapter: type[Adapter]
    source: Source
    stale_after_s: float = 5.0
    deadline_s: float = 5.0
    max_skew_s: float = 60.0
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUp:
    """A property or telemetry of a composite, computed from its parts.

    Attributes:
        target: The point that is computed.
        function: How.
        path: Path of the value in each part that has it.
        location: Where the file says so.
    """

    target: Point
    function: Literal["sum", "mean", "min", "max"]
    path: tuple[str, ...]
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A value that follows others.

    Attributes:
        sources: Where it comes from.
        target: The point that follows; its owner may be bound to a source as ``out``.
        combine: How several become one: ``sum``, ``mean``, ``min``, ``max``; with one source: that value.
        location: Where the file says so.
    """

    sources: Sequence[Point]
    target: Point
    combine: Literal["sum", "mean", "min", "max"] = "sum"
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipPlan:
    """One entry of ``relationships:``; ``id`` defaults to ``<from>-<name>-<to>``."""

    id: str
    source: str
    name: str
    target: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinPlan:
    """One entry of ``twins:``.

    Attributes:
        id: ``$dtId``.
        model: DTMI of its Interface.
        owner: For people, until access rules exist.
        parts: Name of the Relationship whose targets are its parts, or None.
        roll_ups: What is computed from the parts.
        properties: Values that a new twin starts with; never applied to one that exists.
        location: Where the file says so.
    """

    id: str
    model: str
    owner: str | None = None
    parts: str | None = None
    roll_ups: Sequence[RollUp] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens. Port 0 asks for any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """What is served, and where; None: not at all.

    Attributes:
        http: REST.
        tls: Certificate chain and private key (PEM) with which REST is served over TLS; None: plain.
        opcua: The OPC UA server.
        opcua_insecure: Whether it takes clients without security.
    """

    http: Address | None = None
    tls: tuple[Path, Path] | None = None
    opcua: Address | None = None
    opcua_insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPlan:
    """One entry of ``endpoints:``, where event routes may lead.

    Attributes:
        name: Its name in the file.
        kind: How events get there.
        target: URL of a webhook, path of a file; empty in process.
        dead_letters: File that takes, one JSON object a line, the events that could not be delivered.
        headers: Sent with each event to a webhook.
        retry_for_s: How long an event is tried again before it becomes a dead letter.
    """

    name: str
    kind: Literal["webhook", "file", "in-process"]
    target: str
    dead_letters: Path
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    retry_for_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything a runtime needs.

    Attributes:
        file: The megatwin.yaml.
        base: Its folder; relative paths start there.
        name: Name of the whole.
        data: Folder of ledger, certificates and locks.
        model: Every loaded definition.
        model_texts: Path of each model file → its text, for the ledger.
        types: The compiled classes.
        sources, twins, connections, relationships, endpoints, serve, queries: As in the file.
    """

    file: Path
    base: Path
    name: str
    data: Path
    model: Model
    model_texts: Mapping[str, str]
    types: Types
    sources: Mapping[str, SourcePlan]
    twins: Mapping[str, TwinPlan]
    connections: Sequence[Connection] = ()
    relationships: Sequence[RelationshipPlan] = ()
    endpoints: Mapping[str, EndpointPlan] = field(default_factory=dict)
    serve: Serve = Serve()
    queries: Limits = field(default_factory=Limits)
