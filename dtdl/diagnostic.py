"""Diagnostic and Location: one finding, as data, whoever found it and in whatever kind of file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; ``warning`` becomes a finding under ``--strict``."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Location:
    """A span in a text.

    Attributes:
        file: The path as the user gave it, or a name such as ``<text 0>`` or ``command line``.
        line: First line, from 1; 0 when only the file is known.
        column: First column, from 1; 0 when only the line is known.
        end_line: Last line of the span (inclusive), 0 when unknown.
        end_column: Column after the last character of the span, 0 when unknown.
        index: Index of the text in the call that was given several texts, or None.
    """

    file: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    index: int | None = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding: what is wrong, where, and what to do.

    Attributes:
        rule: Identifier of the rule. DTDL errors use the published id (``dtmi:dtdl:parsingError:…``), our own
            rules ``MT…``.
        severity: How bad it is.
        location: Where the primary element or value is written, if it is written anywhere.
        cause: What is wrong, one sentence.
        action: What to do, one sentence.
        primary_id, secondary_id: DTMIs of the elements concerned.
        property_name, aux_property: Names of the properties concerned.
        type_name, value, restriction, transformation, layer: What the rule speaks of.
        secondary: Where the secondary element or value is written.
    """

    rule: str
    severity: Severity = Severity.ERROR
    location: Location | None = None
    cause: str
    action: str = ""
    primary_id: str | None = None
    secondary_id: str | None = None
    property_name: str | None = None
    aux_property: str | None = None
    type_name: str | None = None
    value: str | None = None
    restriction: str | None = None
    transformation: str | None = None
    layer: str | None = None
    secondary: Location | None = None
    related: tuple[Location, ...] = field(default=())

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        action = f" {self.action}" if self.action else ""
        return f"{where}{self.severity}: {self.cause}{action} [{self.rule}]"
