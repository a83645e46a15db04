"""Message, Request and Response: the base classes of what Telemetry sends and Commands take and give."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

from pydantic import ConfigDict, RootModel

from dtdl.compiler.about import nothing_known

T = TypeVar("T")


class Payload(RootModel[T], Generic[T]):
    """One JSON value of a schema, in ``root``."""

    model_config = ConfigDict(defer_build=True)
    __dtmi__ = ""
    __about__ = staticmethod(nothing_known)

    @classmethod
    def model_validate(cls, obj: Any, *, by_name: bool | None = False, **options: Any) -> Self:
        """Validates a JSON value; keys inside are DTDL names.

        Args:
            obj: What JSON gave.
            by_name: Whether Python names are taken as well.
            options: As pydantic's.

        Raises:
            pydantic.ValidationError: It does not follow the definition.
        """
        return super().model_validate(obj, by_alias=True, by_name=by_name, **options)

    @classmethod
    def model_validate_json(
        cls, json_data: str | bytes | bytearray, *, by_name: bool | None = False, **options: Any
    ) -> Self:
        """Validates JSON text; as ``model_validate``.

        Args:
            json_data: The text.
            by_name: Whether Python names are taken as well.
            options: As pydantic's.

        Raises:
            pydantic.ValidationError: It is not JSON, or does not follow the definition.
        """
        return super().model_validate_json(json_data, by_alias=True, by_name=by_name, **options)

    def document(self) -> Any:
        """Gives the JSON value."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Message(Payload[T], Generic[T]):
    """What a Telemetry sends."""


class Request(Payload[T], Generic[T]):
    """What a Command takes."""


class Response(Payload[T], Generic[T]):
    """What a Command gives."""
