"""What is known of one twin at one moment: frozen records, replaced and never changed in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from interop.values import GOOD, Status, Value

NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
_SHARED_KEYS: Final = 24
"""Names beyond which Python does not share the keys of objects."""

_Path = tuple[str, ...]


class Stamps(Mapping[_Path, datetime]):
    """Path → instant, frozen, in a fifth of the memory of a dict: twins of a model share where their paths are."""

    __slots__ = ("_places", "_times")

    @classmethod
    def of(cls, paths: tuple[_Path, ...], times: datetime | tuple[datetime, ...]) -> Self:
        """Makes them of paths and their instants, in order; a single instant stands for all."""
        made = cls.__new__(cls)
        made._places, made._times = _places(paths), times  # noqa: SLF001 - its own class
        return made

    def __init__(self, stamps: Mapping[_Path, datetime]) -> None:
        self._places = _places(tuple(stamps))
        first = next(iter(stamps.values()), None)
        # Most twins were written as a whole: one instant then stands for all.
        same = first is not None and all(at is first for at in stamps.values())
        self._times: datetime | tuple[datetime, ...] | None = first if same else tuple(stamps.values())

    def __getitem__(self, path: _Path) -> datetime:
        place = self._places[path]
        times = self._times
        return times[place] if isinstance(times, tuple) else times  # type: ignore[return-value] # None: no places

    def __iter__(self) -> Iterator[_Path]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))


def packed(contents: dict[str, Value]) -> dict[str, Value]:
    """Gives equal contents in half the memory: a dict of an object shares its keys with those of its class."""
    if len(contents) > _SHARED_KEYS:
        return contents
    holder = _shape(tuple(contents))()
    shared: dict[str, Value] = holder.__dict__
    for name, value in contents.items():
        shared[name] = value  # noqa: PERF403 - an update would copy the keys instead of sharing them
    return shared


@lru_cache(maxsize=4_096)
def _shape(names: tuple[str, ...]) -> type:
    """One class for contents of the same names in the same order."""
    return type("Shape", (), {"names": names})


@lru_cache(maxsize=4_096)
def _places(paths: tuple[_Path, ...]) -> Mapping[_Path, int]:
    return {path: place for place, path in enumerate(paths)}


class Cell(NamedTuple):
    """The newest sample of one point that a source or a derivation gives.

    Attributes:
        value: In the model's unit.
        status: Its quality now; a lost link turns it bad and keeps the value.
        source_time: When it was true (UTC).
        server_time: When the source's server knew it.
        source: Name of the source in the file, ``roll-up`` or ``connection``.
        seq: Event that set it.
        reason: Why the status is not Good, for people.
    """

    value: Value
    status: Status = GOOD
    source_time: datetime | None = None
    server_time: datetime | None = None
    source: str = ""
    seq: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """A link from one twin to another."""

    id: str
    source: str
    name: str
    target: str
    contents: Mapping[str, Value] = field(default_factory=lambda: NOTHING)
    etag: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinState:
    """One twin.

    Attributes:
        id: ``$dtId``.
        model: DTMI of its Interface.
        contents: Properties and components, nested; components hold their own contents and no ``$`` keys. Values of
            bound properties are here too. No telemetry (contract state and telemetry).
        updated: Path of a property → when it last changed (UTC). For a bound one: server side time of the change.
        cells: Path → newest sample, for every point that a source or a derivation gives: bound properties, telemetry.
        etag: Weak entity tag; changes with what clients write only.
        seq: The last event that changed it.
        changed_at: When that was (UTC).
    """

    id: str
    model: str
    contents: Mapping[str, Value] = field(default_factory=lambda: NOTHING)
    updated: Mapping[tuple[str, ...], datetime] = field(default_factory=dict)
    cells: Mapping[tuple[str, ...], Cell] = field(default_factory=dict)
    etag: str = ""
    seq: int = 0
    changed_at: datetime | None = None

    def value(self, path: tuple[str, ...]) -> Value:
        """Gives the value at a path, of a cell or of the contents; None when there is none."""
        cell = self.cells.get(path)
        if cell is not None:
            return cell.value
        found: Value = dict(self.contents)
        for segment in path:
            if not isinstance(found, dict) or segment not in found:
                return None
            found = found[segment]
        return found
