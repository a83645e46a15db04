"""Data checked before it is used: twins and patches against models, any JSON against a JSON Schema."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interop.validate.bounded import validate_json
    from interop.validate.data import validate_data

_HOMES = {"validate_data": "interop.validate.data", "validate_json": "interop.validate.bounded"}

__all__ = ["validate_data", "validate_json"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
