"""Twin, Record and Link: the base classes of every compiled class, live or written to a file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dtdl.compiler.about import nothing_known
from dtdl.compiler.originals import no_originals
from dtdl.compiler.values import Primitive, Ready, String

_TEXT = Primitive("String")
_ANY = Ready(core_schema.dict_schema(core_schema.str_schema(strict=True), strict=True), {"type": "object"})


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _no_rules() -> CoreSchema | None:
    return None


class Record(BaseModel):
    """A value of an Object schema: named members, each of which may be left out; other keys are refused."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), validate_by_name=True, validate_by_alias=True, defer_build=True
    )
    # Without annotations, which pydantic would evaluate again for every class that extends this one.
    __dtmi__ = ""
    __about__ = staticmethod(nothing_known)
    __definitions__ = staticmethod(no_originals)
    __rules__ = staticmethod(_no_rules)
    __annotated__ = _NOTHING

    def __init_subclass__(cls, *, live: bool = False, **options: Any) -> None:
        """Shows pydantic the annotations of live classes, which have none as long as only live classes extend them."""
        super().__init_subclass__(**options)
        if not live:
            for base in cls.__mro__:
                if annotated := base.__dict__.get("__annotated__"):
                    base.__annotations__ = annotated

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        # A live class brings its rules with it; a subclass that somebody writes does not inherit them.
        made = cls.__rules__() if "__rules__" in cls.__dict__ else None
        return handler(source) if made is None else made

    @classmethod
    def model_validate(cls, obj: Any, *, by_name: bool | None = False, **options: Any) -> Self:
        """Validates JSON values; keys are DTDL names, where the constructor takes Python names.

        Args:
            obj: What JSON gave.
            by_name: Whether Python names are taken as well.
            options: As pydantic's.

        Raises:
            pydantic.ValidationError: It does not follow the definition.
        """
        # Straight to the validator, and without a dict of options: on the way of every reading.
        if not options and by_name is False:
            return cls.__pydantic_validator__.validate_python(obj, by_alias=True, by_name=False)  # type: ignore[no-any-return]
        return cls.__pydantic_validator__.validate_python(obj, by_alias=True, by_name=by_name, **options)  # type: ignore[no-any-return]

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
        if not options and by_name is False:
            return cls.__pydantic_validator__.validate_json(json_data, by_alias=True, by_name=False)  # type: ignore[no-any-return]
        return cls.__pydantic_validator__.validate_json(json_data, by_alias=True, by_name=by_name, **options)  # type: ignore[no-any-return]

    def document(self) -> dict[str, Any]:
        """Gives what was set, as JSON values under DTDL names."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Twin(Record):
    """A twin, or a component of one, in the Azure form: contents by name beside ``$dtId``, ``$etag``, ``$metadata``.

    Attributes:
        dt_id: ``$dtId``.
        etag: ``$etag``.
        metadata: ``$metadata``.
    """

    dt_id: Annotated[String | None, _TEXT, Field(alias="$dtId")] = None
    etag: Annotated[String | None, _TEXT, Field(alias="$etag")] = None
    metadata: Annotated[dict[str, Any] | None, _ANY, Field(alias="$metadata")] = None


class Multiplicity(NamedTuple):
    """How many relationships of one name a twin may have.

    Attributes:
        least: minMultiplicity.
        most: maxMultiplicity, None for no bound.
    """

    least: int
    most: int | None


class Link(Record):
    """A relationship in the Azure form: its own properties beside ``$relationshipId``, ``$targetId`` and so on.

    Attributes:
        relationship_id: ``$relationshipId``.
        relationship_name: ``$relationshipName``.
        source_id: ``$sourceId``.
        target_id: ``$targetId``.
        etag: ``$etag``.
        metadata: ``$metadata``.
    """

    __target__ = ""
    __multiplicity__ = Multiplicity(0, None)

    relationship_id: Annotated[String | None, _TEXT, Field(alias="$relationshipId")] = None
    relationship_name: Annotated[String | None, _TEXT, Field(alias="$relationshipName")] = None
    source_id: Annotated[String | None, _TEXT, Field(alias="$sourceId")] = None
    target_id: Annotated[String | None, _TEXT, Field(alias="$targetId")] = None
    etag: Annotated[String | None, _TEXT, Field(alias="$etag")] = None
    metadata: Annotated[dict[str, Any] | None, _ANY, Field(alias="$metadata")] = None

    @staticmethod
    def target_class() -> type[Twin]:
        """Gives the class that a target is of, or of one that extends it."""
        return Twin
