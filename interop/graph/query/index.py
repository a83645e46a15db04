"""Indexes over properties of the live graph: built on first use in small steps, kept up to date by ``Graph.install``.

An index holds ``(value, id)`` in order, one sequence for each type of value, so that one structure serves equality, IN,
comparisons and prefixes. Blocks are never changed in place: who reads keeps the blocks that were there when it began.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from interop.graph.query.scope import Entity, Names, entity_getter
from interop.graph.state import Relationship, TwinState
from interop.graph.store import Graph

Kind: TypeAlias = Literal["b", "n", "s", "z"]
"""Truth value, number, text, null: in this order."""
Id: TypeAlias = Any
"""``$dtId``, or source and id of a relationship."""
Entry: TypeAlias = tuple[Any, Id]
Position: TypeAlias = tuple[int, int]

_BLOCK: Final = 1024
_SAMPLE: Final = 4096
_STEP: Final = 256
_value = itemgetter(0)


def _first_entry(block: list[Entry]) -> Entry:
    return block[0]


def _last_entry(block: list[Entry]) -> Entry:
    return block[-1]


def _last_value(block: list[Entry]) -> Any:
    return block[-1][0]


@dataclass(frozen=True, slots=True)
class Range:
    """Values of one type from low to high; None: no bound on that side, which null has itself."""

    kind: Kind
    low: Any = None
    high: Any = None
    low_open: bool = False
    high_open: bool = False


class Key(NamedTuple):
    """A value as an index orders it."""

    kind: Kind
    value: Any


def key_of(value: Any) -> Key | None:
    """Gives the key of a value, None for what no index holds: objects, arrays, undefined."""
    if isinstance(value, str):
        return Key("s", value)
    if isinstance(value, bool):
        return Key("b", value)
    if isinstance(value, (int, float)):
        return Key("n", value)
    return Key("z", 0) if value is None else None


class Ordered:
    """Entries in order, in blocks that are replaced and never changed."""

    __slots__ = ("_blocks", "_offsets", "_shared")

    def __init__(self, blocks: Iterable[list[Entry]] = ()) -> None:
        self._blocks = list(blocks)
        self._offsets: list[int] | None = None
        self._shared = False

    def frozen(self) -> Ordered:
        """What is there now, whatever comes after."""
        self._offsets = self._offsets or self._counted()
        self._shared = True  # the next change copies the list of blocks first
        found = Ordered()
        found._blocks, found._offsets, found._shared = self._blocks, self._offsets, True
        return found

    def add(self, entry: Entry) -> None:
        """Takes an entry."""
        self._own()
        if not self._blocks:
            self._blocks.append([entry])
            return
        number = max(bisect_right(self._blocks, entry, key=_first_entry) - 1, 0)
        block = self._blocks[number].copy()
        block.insert(bisect_left(block, entry), entry)
        if len(block) > _BLOCK:
            half = len(block) // 2
            self._blocks[number : number + 1] = [block[:half], block[half:]]
        else:
            self._blocks[number] = block

    def discard(self, entry: Entry) -> None:
        """Forgets an entry, if it is there."""
        self._own()
        number = bisect_right(self._blocks, entry, key=_first_entry) - 1
        if number < 0:
            return
        at = bisect_left(self._blocks[number], entry)
        if at == len(self._blocks[number]) or self._blocks[number][at] != entry:
            return
        block = self._blocks[number].copy()
        del block[at]
        if block:
            self._blocks[number] = block
        else:
            del self._blocks[number]

    def window(self, within: Range, since: Entry | None = None) -> tuple[Position, Position]:
        """Gives where a range begins and ends, or where it goes on from an entry, which need not be there any more."""
        start = (0, 0) if within.low is None else self._seek(within.low, behind=within.low_open)
        end = (len(self._blocks), 0)
        if within.high is not None:
            end = self._seek(within.high, behind=not within.high_open)
        if since is not None:
            start = max(start, self._at(since))
        return start, max(start, end)

    def count(self, start: Position, end: Position) -> int:
        """How many entries a window has."""
        offsets = self._offsets or self._counted()
        return offsets[end[0]] - offsets[start[0]] - start[1] + end[1]

    def entries(self, start: Position, end: Position) -> Iterator[Entry]:
        """The entries of a window, in order."""
        for number in range(start[0], min(end[0] + 1, len(self._blocks))):
            block = self._blocks[number]
            low = start[1] if number == start[0] else 0
            high = end[1] if number == end[0] else len(block)
            yield from block if low == 0 and high == len(block) else block[low:high]

    def _counted(self) -> list[int]:
        """How many entries stand before each block, and before the end."""
        return list(accumulate(map(len, self._blocks), initial=0))

    def _own(self) -> None:
        if self._shared:
            self._blocks = list(self._blocks)
            self._shared = False
        self._offsets = None

    def _seek(self, value: Any, *, behind: bool) -> Position:
        search = bisect_right if behind else bisect_left
        number = search(self._blocks, value, key=_last_value)
        if number == len(self._blocks):
            return number, 0
        return number, search(self._blocks[number], value, key=_value)

    def _at(self, entry: Entry) -> Position:
        number = bisect_left(self._blocks, entry, key=_last_entry)
        return (number, 0) if number == len(self._blocks) else (number, bisect_left(self._blocks[number], entry))


class PropertyIndex:
    """One property of all twins or all relationships.

    Args:
        graph: What is indexed.
        subject: Twins or relationships.
        names: Path of the property.
        get: Reads it.
    """

    def __init__(
        self, graph: Graph, subject: Literal["twin", "relationship"], names: Names, get: Callable[[Entity], Any]
    ) -> None:
        self.subject = subject
        self.names = names
        self._get = get
        self._ordered: dict[Kind, Ordered] = {}
        self._touched: dict[Id, Entity | None] | None = {}
        self._steps = self._build(graph)

    @property
    def ready(self) -> bool:
        """Whether it is built."""
        return self._touched is None

    def step(self) -> None:
        """Builds a little more."""
        next(self._steps, None)

    def of(self, kind: Kind) -> Ordered:
        """The entries of one type of value."""
        found = self._ordered.get(kind)
        return Ordered() if found is None else found

    def change(self, identity: Id, before: Entity | None, after: Entity | None) -> None:
        """Takes a change of one twin or relationship."""
        if self._touched is not None:  # what it had when it was collected, if it was
            self._touched.setdefault(identity, before)
            return
        old = None if before is None else key_of(self._get(before))
        new = None if after is None else key_of(self._get(after))
        if old == new:
            return
        if old is not None:
            self._ordered[old.kind].discard((old.value, identity))
        if new is not None:
            self._ordered.setdefault(new.kind, Ordered()).add((new.value, identity))

    def _build(self, graph: Graph) -> Generator[None]:
        touched = self._touched
        assert touched is not None
        found: dict[Kind, list[Entry]] = {}
        for number, (identity, entity) in enumerate(self._entities(graph)):
            if identity not in touched:
                key = key_of(self._get(entity))
                if key is not None:
                    found.setdefault(key.kind, []).append((key.value, identity))
            if not number % _STEP:
                yield
        for kind, entries in found.items():
            blocks: list[list[Entry]] = []
            yield from _sorted_blocks(entries, blocks)
            self._ordered[kind] = Ordered(blocks)
        self._touched = None
        for identity, before in touched.items():  # in one go: nothing changes meanwhile
            self.change(identity, before, self._now(graph, identity))

    def _entities(self, graph: Graph) -> Iterator[tuple[Id, Entity]]:
        twins = list(graph.twins)
        while twins:  # from the end, each let go at once: to let a million go together takes long
            twin = twins.pop()
            if self.subject == "twin":
                state = graph.twin(twin)
                if state is not None:
                    yield twin, state
            else:
                for relationship in graph.links(twin):
                    yield (twin, relationship.id), relationship

    def _now(self, graph: Graph, identity: Id) -> Entity | None:
        return graph.twin(identity) if self.subject == "twin" else graph.relationship(*identity)


def _sorted_blocks(entries: list[Entry], blocks: list[list[Entry]]) -> Generator[None]:
    """Sorts in small steps: entries are dealt out to blocks by splitters from a sample, then each block is sorted."""
    if len(entries) <= _BLOCK:
        blocks.extend([sorted(entries)] if entries else [])
        return
    sample = sorted(entries[:: max(1, len(entries) // _SAMPLE)])
    every = max(1, len(sample) * _BLOCK // (2 * len(entries)))
    splitters = sample[every::every]
    dealt: list[list[Entry]] = [[] for _ in range(len(splitters) + 1)]
    while entries:
        entry = entries.pop()
        dealt[bisect_right(splitters, entry)].append(entry)
        if not len(entries) % (4 * _STEP):
            yield
    dealt.reverse()
    while dealt:
        block = dealt.pop()
        block.sort()
        blocks.extend(block[at : at + _BLOCK] for at in range(0, len(block), _BLOCK))
        yield


class Indexes:
    """The indexes of one graph; the graph tells it every change once there is one.

    Args:
        graph: What is indexed.
        limit: At most so many; the one that was not used for longest goes.
    """

    def __init__(self, graph: Graph, limit: int) -> None:
        self._graph = graph
        self._limit = limit
        self._indexes: OrderedDict[tuple[str, Names], PropertyIndex] = OrderedDict()

    def __iter__(self) -> Iterator[PropertyIndex]:
        return iter(list(self._indexes.values()))

    def get(self, subject: Literal["twin", "relationship"], names: Names) -> PropertyIndex:
        """Gives the index of a property; a new one is not ready yet."""
        found = self._indexes.get((subject, names))
        if found is None:
            if not self._indexes:
                self._graph.observers.append(self)
            found = PropertyIndex(self._graph, subject, names, entity_getter(None, subject, names))
            self._indexes[subject, names] = found
            self._evict()
        self._indexes.move_to_end((subject, names))
        return found

    def built(self, subject: Literal["twin", "relationship"], names: Names) -> bool:
        """Whether a property has an index that is ready."""
        found = self._indexes.get((subject, names))
        return found is not None and found.ready

    def close(self) -> None:
        """Forgets every index."""
        if self._indexes:
            self._graph.observers.remove(self)
            self._indexes.clear()

    def twin_changes(self, twin: str, before: TwinState | None, after: TwinState | None) -> None:
        """Takes a change of a twin."""
        for index in self._indexes.values():
            if index.subject == "twin":
                index.change(twin, before, after)

    def relationship_changes(
        self, key: tuple[str, str], before: Relationship | None, after: Relationship | None
    ) -> None:
        """Takes a change of a relationship."""
        for index in self._indexes.values():
            if index.subject == "relationship":
                index.change(key, before, after)

    def _evict(self) -> None:
        for key, index in list(self._indexes.items()):
            if len(self._indexes) <= self._limit:
                return
            if index.ready:
                del self._indexes[key]
