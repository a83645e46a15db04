"""Which adapters there are: the built-in ones, and those of other packages under ``megatwin.adapters``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final

from dtdl.errors import InteropError
from interop.ports import Adapter

GROUP: Final = "megatwin.adapters"
BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "opcua": "interop.opcua.adapter:OpcUaAdapter",
        "fmu": "interop.simulate.adapter:FmuAdapter",
        "memory": "interop.memory:MemoryAdapter",
    }
)
"""Kind → ``module:class``; importing one of these modules must not import asyncua or fmpy."""


def kinds() -> list[str]:
    """Names of all kinds of sources, the built-in ones first."""
    return [*BUILT_IN, *sorted({entry.name for entry in entry_points(group=GROUP)} - set(BUILT_IN))]


def adapter(kind: str) -> type[Adapter]:
    """Gives the adapter of a kind; a built-in name cannot be taken over.

    Raises:
        InteropError: No such kind, or what is registered cannot be loaded or is no Adapter.
    """
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        found = getattr(importlib.import_module(module), name)
    else:
        entries = list(entry_points(group=GROUP, name=kind))
        if not entries:
            raise InteropError(f"no adapter is registered for {kind!r}", action=f"Use one of: {', '.join(kinds())}.")
        try:
            found = entries[0].load()
        except (ImportError, AttributeError) as error:
            raise InteropError(
                f"the adapter for {kind!r} cannot be loaded from {entries[0].value}: {error}",
                action="Correct that package, or install what it needs.",
            ) from error
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise InteropError(f"{kind!r} is registered as {found!r}, which is no Adapter", action="Correct that package.")
    return found
