"""The front door: check, compile, open, connect; nothing heavy is imported before it is used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dtdl

if TYPE_CHECKING:
    from os import PathLike

    from dtdl.compiler.build import Types
    from dtdl.diagnostic import Diagnostic, Location
    from dtdl.errors import MegatwinError
    from interop.rest.client import AsyncClient, Client
    from interop.runtime.start import Running
    from interop.service import Caller
    from interop.values import Point, Status

    Paths = str | PathLike[str] | Sequence[str | PathLike[str]]

_HOMES = {
    "AsyncClient": "interop.rest.client", "Caller": "interop.service", "Client": "interop.rest.client",
    "Diagnostic": "dtdl.diagnostic", "Location": "dtdl.diagnostic", "MegatwinError": "dtdl.errors",
    "Point": "interop.values", "Running": "interop.runtime.start", "Status": "interop.values",
    "Types": "dtdl.compiler.build",
}  # fmt: skip

__all__ = [
    "AsyncClient", "Caller", "Client", "Diagnostic", "Location", "MegatwinError", "Point", "Running", "Status", "Types",
    "check", "compile", "connect", "open",
]  # fmt: skip


def check(paths: Paths, *, strict: bool = False) -> list[Diagnostic]:
    """Checks files of every kind and folders of them; gives all findings, by file and line. Raises InputUnreadable."""
    return list(import_module("interop.check").check(_listed(paths), strict=strict).diagnostics)


def compile(paths: Paths) -> Types:  # noqa: A001 - the name of what it does; `megatwin.compile`
    """Compiles DTDL files and folders to pydantic classes by DTMI. Raises ModelInvalid with every finding."""
    return dtdl.compile(dtdl.parse([Path(path) for path in _listed(paths)]))


@asynccontextmanager
async def open(file: str | PathLike[str], **overrides: Any) -> AsyncIterator[Running]:  # noqa: A001 - as above
    """Runs a megatwin.yaml in this process for as long as the block lasts; gives runtime and servers.

    ``overrides`` replace values of the file: ``data="/tmp/x"``, ``serve={}``, ``**{"sources.a.opcua": url}``.
    Raises ConfigInvalid with every finding, PortInUse, DataLocked and DataCorrupt (see dtdl.errors).
    """
    texts = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    configuration = await import_module("asyncio").to_thread(import_module("interop.config").load, file, texts)
    async with import_module("interop.runtime.start").running(configuration) as found:
        yield found


def connect(url: str, *, timeout_s: float = 30.0) -> AsyncClient:
    """Gives the client of a running instance, for ``async with``; one request may take ``timeout_s`` seconds."""
    client: AsyncClient = import_module("interop.rest.client").connect(url, timeout_s=timeout_s)
    return client


def _listed(paths: Paths) -> Sequence[str | PathLike[str]]:
    return [paths] if isinstance(paths, str) or not isinstance(paths, Sequence) else paths


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
