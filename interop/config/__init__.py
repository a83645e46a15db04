"""megatwin.yaml to frozen configuration; the only reader of configuration and environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interop.config.plan import Configuration
    from interop.config.resolve import check, load, read

__all__ = ["Configuration", "check", "load", "read"]


def __getattr__(name: str) -> object:
    """Imports pydantic and the compiler only when a file is read."""
    if name == "Configuration":
        from interop.config.plan import Configuration  # noqa: PLC0415

        return Configuration
    if name in __all__:
        from interop.config import resolve  # noqa: PLC0415

        return getattr(resolve, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
