"""DTDL documents to elements: ``check`` and ``parse``; the modules are the steps of a parse."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtdl.parser.run import check, parse

__all__ = ["check", "parse"]


def __getattr__(name: str) -> Any:
    # Rules import the steps; the way in imports the rules: so it is imported when it is asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("dtdl.parser.run"), name)
