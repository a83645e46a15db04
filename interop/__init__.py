"""The joins: everything that lives while twins run.

Everything here is imported when it is first used, so that ``import interop`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interop.config import Configuration, load
    from interop.event import Event
    from interop.ports import (
        Adapter,
        Binding,
        Browses,
        Calls,
        Description,
        Direction,
        Found,
        Observed,
        Observes,
        Remembers,
        Source,
        WriteResult,
        Writes,
    )
    from interop.rest.client import AsyncClient, Client, connect
    from interop.runtime.start import Running, running
    from interop.runtime.twins import Runtime
    from interop.service import Caller, TwinService
    from interop.values import LinkEvent, Point, Reading, Sample, Status, Value

_HOMES = {
    "Adapter": "interop.ports",
    "AsyncClient": "interop.rest.client",
    "Binding": "interop.ports",
    "Browses": "interop.ports",
    "Caller": "interop.service",
    "Calls": "interop.ports",
    "Client": "interop.rest.client",
    "Configuration": "interop.config.plan",
    "Description": "interop.ports",
    "Direction": "interop.ports",
    "Event": "interop.event",
    "Found": "interop.ports",
    "LinkEvent": "interop.values",
    "Observed": "interop.ports",
    "Observes": "interop.ports",
    "Point": "interop.values",
    "Reading": "interop.values",
    "Remembers": "interop.ports",
    "Running": "interop.runtime.start",
    "Runtime": "interop.runtime.twins",
    "Sample": "interop.values",
    "Source": "interop.ports",
    "Status": "interop.values",
    "TwinService": "interop.service",
    "Value": "interop.values",
    "WriteResult": "interop.ports",
    "Writes": "interop.ports",
    "connect": "interop.rest.client",
    "load": "interop.config.resolve",
    "running": "interop.runtime.start",
}

__all__ = [
    "Adapter",
    "AsyncClient",
    "Binding",
    "Browses",
    "Caller",
    "Calls",
    "Client",
    "Configuration",
    "Description",
    "Direction",
    "Event",
    "Found",
    "LinkEvent",
    "Observed",
    "Observes",
    "Point",
    "Reading",
    "Remembers",
    "Running",
    "Runtime",
    "Sample",
    "Source",
    "Status",
    "TwinService",
    "Value",
    "WriteResult",
    "Writes",
    "connect",
    "load",
    "running",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
