"""Choices: the base classes of compiled Enums; members equal their JSON value, and documents hold that value."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, NoReturn, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dtdl.compiler.about import nothing_known
from dtdl.compiler.values import choice_schema


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _refuse(_: Any) -> NoReturn:
    raise PydanticCustomError("enum", "The Enum has no values", {"expected": "no value: the Enum has none"})


def choice_rule(cls: type[enum.Enum]) -> CoreSchema:
    """Gives the core schema of an Enum: JSON values in, members held, JSON values out."""
    members = list(cls)
    if not members:
        return core_schema.no_info_plain_validator_function(_refuse)
    number = issubclass(cls, int)
    # A strict type stands in front: 1.0 and true equal 1 in Python, but not in JSON.
    strict: CoreSchema = core_schema.int_schema(strict=True) if number else core_schema.str_schema(strict=True)
    return core_schema.chain_schema(
        [strict, core_schema.enum_schema(cls, members, sub_type="int" if number else "str")],
        serialization=core_schema.plain_serializer_function_ser_schema(_plain),
    )


class TextChoice(enum.StrEnum):
    """An Enum of texts: each member is its ``enumValue``, under the name of its EnumValue."""

    __dtmi__ = ""
    __about__ = staticmethod(nothing_known)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return choice_rule(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return choice_schema(tuple(member.value for member in cls))


class NumberChoice(enum.IntEnum):
    """An Enum of integers: each member is its ``enumValue``, under the name of its EnumValue."""

    __dtmi__ = ""
    __about__ = staticmethod(nothing_known)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return choice_rule(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return choice_schema(tuple(member.value for member in cls))


Choice = TextChoice | NumberChoice


def choice_class(name: str, members: Iterable[tuple[str, int | str]], *, module: str) -> type[Choice]:
    """Makes the class of an Enum.

    Args:
        name: Class name.
        members: Python name and ``enumValue`` of each EnumValue; all texts or all integers.
        module: The module that the class says it is of.
    """
    held = list(members)
    base: Any = NumberChoice if held and isinstance(held[0][1], int) else TextChoice
    return cast("type[Choice]", base(name, held, module=module))
