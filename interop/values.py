"""Point, Sample, Reading, LinkEvent, Status: the values that travel between adapters and twins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, Self, TypeAlias

from dtdl.errors import RequestInvalid

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A JSON value; an int stays an int."""


class Status(str):
    """The name of an OPC UA StatusCode (OPC 10000-4, 7.39), such as ``Good`` or ``BadNoCommunication``."""

    __slots__ = ()

    @property
    def is_good(self) -> bool:
        """Whether the value can be used."""
        return self.startswith("Good")

    @property
    def is_uncertain(self) -> bool:
        """Whether the value may be used with care."""
        return self.startswith("Uncertain")

    @property
    def is_bad(self) -> bool:
        """Whether the value must not be used."""
        return not (self.startswith(("Good", "Uncertain")))

    @property
    def severity(self) -> int:
        """0 good, 1 uncertain, 2 bad."""
        return 0 if self.is_good else 1 if self.is_uncertain else 2


GOOD: Final = Status("Good")
UNCERTAIN_LAST_USABLE: Final = Status("UncertainLastUsableValue")
UNCERTAIN_SUBNORMAL: Final = Status("UncertainSubNormal")
BAD_NO_COMMUNICATION: Final = Status("BadNoCommunication")
BAD_NO_DATA: Final = Status("BadNoData")
BAD_WAITING: Final = Status("BadWaitingForInitialData")
BAD_TYPE_MISMATCH: Final = Status("BadTypeMismatch")
BAD_NOT_FOUND: Final = Status("BadNodeIdUnknown")
BAD_CONFIGURATION: Final = Status("BadConfigurationError")


def worst(statuses: list[Status]) -> Status:
    """Gives the worst of several statuses, the first of equals; Good for none."""
    return max(statuses, key=lambda status: status.severity, default=GOOD)


class Point(NamedTuple):
    """The address of one value: a twin, and a path into its contents (contract Point).

    ``path`` is ``(property,)``, ``(component, property)``, ``(property, member)``, or
    ``("-", relationship id, property)``.
    """

    twin: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join([_escape(self.twin), *map(_escape, self.path)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the text form ``<$dtId>/<component>/<property>/<member>`` with JSON-Pointer escaping (RFC 6901).

        Raises:
            RequestInvalid: An empty segment, no path, or a ``~`` that is not followed by 0 or 1.
        """
        twin, *path = text.split("/")
        if not twin or not path or not all(path):
            raise RequestInvalid(
                "InvalidArgument",
                f"{text!r} is not a point",
                action="Write <twin>/<property> or <twin>/<component>/<property>.",
            )
        return cls(_unescape(twin), tuple(map(_unescape, path)))


def _escape(segment: str) -> str:
    return segment.replace("~", "~0").replace("/", "~1") if "~" in segment or "/" in segment else segment


def _unescape(segment: str) -> str:
    if "~" not in segment:
        return segment
    rest = segment.replace("~1", "").replace("~0", "")
    if "~" in rest:
        raise RequestInvalid(
            "InvalidArgument", f"{segment!r}: '~' must be followed by 0 or 1", action="Write ~0 for ~."
        )
    return segment.replace("~1", "/").replace("~0", "~")


class Sample(NamedTuple):
    """A value with its quality and its times (UTC); a value never travels without them.

    ``source_time`` is when it was true, ``server_time`` when the source's server knew it.
    """

    value: Value
    status: Status = GOOD
    source_time: datetime | None = None
    server_time: datetime | None = None


class Reading(NamedTuple):
    """One sample of one point, in the source's own unit until the runtime converts it."""

    point: Point
    sample: Sample


LinkKind = Literal["up", "down", "restarted", "gap", "overflow", "revised"]


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """What happened to the link between a source and its plant.

    Attributes:
        source: Name of the source in the file.
        kind: ``up`` (values flow; sent before the first reading, and again after every ``down``), ``down`` (no values
            until ``up``), ``restarted`` (the plant began anew), ``gap`` (values between since and until are lost),
            ``overflow`` (``count`` values were dropped), ``revised`` (the plant granted other than was asked).
        since: When it began (UTC).
        until: When it ended, if it did.
        cause: What happened, for people.
        count: How many values or items are concerned.
    """

    source: str
    kind: LinkKind
    since: datetime
    until: datetime | None = None
    cause: str = ""
    count: int = 0


def utc_now() -> datetime:
    """The time now, timezone-aware UTC."""
    return datetime.now(UTC)


def format_time(instant: datetime) -> str:
    """RFC 3339 text with microseconds and ``Z``, so that texts sort as instants do."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Reads an RFC 3339 text.

    Raises:
        RequestInvalid: Not such a text, or without an offset.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestInvalid(
            "InvalidArgument", f"{text!r} is not an instant", action="Write it as 2026-01-31T12:00:00Z."
        ) from error
    if instant.tzinfo is None:
        raise RequestInvalid(
            "InvalidArgument", f"{text!r} has no offset from UTC", action="Write it as 2026-01-31T12:00:00Z."
        )
    return instant.astimezone(UTC)
