"""PointType: what DTDL says of one addressable value of a twin; everything a binding, a write or a roll-up needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dtdl.elements import Command, Content, Schema, semantic_type_of, unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PointType:
    """The type of one point.

    Attributes:
        model: DTMI of the twin's Interface.
        path: As in Point: property, component/property, property/member, ….
        content: The Property, Telemetry or Command that is addressed or that holds the addressed member.
        schema: Schema of the addressed value; None for a Command without a request.
        unit: DTDL name of its unit, such as ``degreeCelsius``, or None.
        semantic_type: DTDL name, such as ``Temperature``, or None.
        writable: Whether DTDL lets clients write it.
        check: Validates a JSON value; gives the JSON value that is stored; raises ``ValueInvalid``.
        check_response: The same for a Command's response; None otherwise.
    """

    model: str
    path: tuple[str, ...]
    content: Content
    schema: Schema | None
    unit: str | None = None
    semantic_type: str | None = None
    writable: bool = False
    check: Callable[[Any], Any] = field(repr=False, compare=False)
    check_response: Callable[[Any], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def is_command(self) -> bool:
        """Whether it is a Command."""
        return isinstance(self.content, Command)

    @property
    def is_state(self) -> bool:
        """Whether it is a Property: part of the twin, where Telemetry stands beside it."""
        return self.content.kind == "Property"

    @property
    def is_number(self) -> bool:
        """Whether a unit, a scale and a sum make sense."""
        return self.schema is not None and self.schema.kind in NUMBER_KINDS


NUMBER_KINDS = frozenset(
    {"Byte", "Double", "Float", "Integer", "Long", "Short", "UnsignedByte", "UnsignedInteger", "UnsignedLong",
     "UnsignedShort"}
)  # fmt: skip

__all__ = ["NUMBER_KINDS", "PointType", "semantic_type_of", "unit_of"]
