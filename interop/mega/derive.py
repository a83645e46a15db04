"""Roll-ups and connections: values that follow other values, computed once a batch in dependency order.

Pure functions over plain data: given what changed and a way to read the newest state, ``Deriver.derive`` gives the
readings that follow. The engine commits them together with the batch that caused them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Literal, Protocol

from dtdl.compiler.build import Types
from dtdl.compiler.point import PointType
from dtdl.diagnostic import Diagnostic
from dtdl.errors import ConfigInvalid, ModelNotFound, UnitError
from dtdl.units import linear_mean, linear_sum, unit
from interop.config.plan import Connection, RollUp, TwinPlan
from interop.graph.state import Cell, Relationship, TwinState
from interop.mega.units import conversion
from interop.values import BAD_NO_DATA, GOOD, UNCERTAIN_SUBNORMAL, Point, Status, Value

Function = Literal["sum", "mean", "min", "max"]
ROLL_UP = "roll-up"
CONNECTION = "connection"


class View(Protocol):
    """The newest state, committed or about to be."""

    def twin(self, twin_id: str) -> TwinState | None:
        """One twin."""
        ...

    def outgoing(self, twin: str) -> Sequence[Relationship]:
        """Relationships that start at a twin, in order of id."""
        ...


@dataclass(frozen=True, slots=True)
class _Input:
    point: Point
    convert: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class _Node:
    target: Point
    type: PointType
    kind: str
    function: Function | None
    inputs: tuple[_Input, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """One derived value, with its reason when it is not whole."""

    point: Point
    cell: Cell
    is_state: bool


class Deriver:
    """Knows every roll-up and connection, and in which order they follow each other.

    Args:
        types: The compiled models.
        twins: The composites and their roll-ups.
        connections: The connections.
    """

    def __init__(self, types: Types, twins: Mapping[str, TwinPlan], connections: Sequence[Connection]) -> None:
        self._types = types
        self._twins = twins
        self._connections = connections
        self._nodes: list[_Node] = []
        self._followers: dict[Point, list[int]] = {}
        self._targets: dict[str, dict[tuple[str, ...], str]] = {}
        self._composites = {plan.id: plan for plan in twins.values() if plan.parts}

    @property
    def targets(self) -> Mapping[str, Mapping[tuple[str, ...], str]]:
        """Twin → path of each value that is derived → ``roll-up`` or ``connection``."""
        return self._targets

    def parts(self, view: View, twin: str) -> list[str]:
        """Ids of the parts of a composite, in order of relationship id; empty for any other twin."""
        plan = self._composites.get(twin)
        if plan is None:
            return []
        return list(dict.fromkeys(link.target for link in view.outgoing(twin) if link.name == plan.parts))

    def concerns(self, twin: str) -> bool:
        """Whether a new or lost relationship of a twin changes what is derived."""
        return twin in self._composites

    def rebuild(self, view: View) -> None:
        """Resolves parts to points and sorts; called at start and when relationships or twins come and go.

        Raises:
            ConfigInvalid: The values follow each other in a circle.
        """
        nodes: dict[Point, _Node] = {}
        for plan in self._composites.values():
            for roll_up in plan.roll_ups:
                node = self._roll_up(view, plan, roll_up)
                if node:
                    nodes[node.target] = node
        for link in self._connections:
            node = self._connection(view, link)
            if node:
                nodes[node.target] = node
        sorter = TopologicalSorter(
            {target: [item.point for item in node.inputs if item.point in nodes] for target, node in nodes.items()}
        )
        try:
            self._nodes = [nodes[target] for target in sorter.static_order()]
        except CycleError as error:
            circle = " → ".join(str(point) for point in error.args[1])
            raise ConfigInvalid(
                [Diagnostic(rule="MT171", cause=f"values follow each other in a circle: {circle}",
                            action="Remove one of these roll-ups or connections.")]
            ) from error  # fmt: skip
        self._targets = {}
        for node in self._nodes:
            self._targets.setdefault(node.target.twin, {})[node.target.path] = node.kind
        self._followers = {}
        for index, node in enumerate(self._nodes):
            for item in node.inputs:
                self._followers.setdefault(item.point, []).append(index)

    def derive(self, dirty: Iterable[Point], view: View, *, now: datetime, everything: bool = False) -> list[Derived]:
        """Gives the values that follow from a batch, in dependency order, each at most once.

        Args:
            dirty: Points that changed.
            view: State after the batch.
            now: Source time of what follows from a lost link rather than from a new value.
            everything: Compute all, whatever changed.
        """
        waiting = set(range(len(self._nodes))) if everything else {
            index for point in dirty for index in self._followers.get(point, ())
        }  # fmt: skip
        fresh: dict[Point, Cell] = {}
        derived: list[Derived] = []
        for index, node in enumerate(self._nodes):
            if index not in waiting:
                continue
            cell = _compute(node, view, fresh, now)
            if cell is None or _same(cell, _cell(view, node.target)):
                continue
            fresh[node.target] = cell
            derived.append(Derived(node.target, cell, node.type.is_state))
            waiting.update(self._followers.get(node.target, ()))
        return derived

    def _roll_up(self, view: View, plan: TwinPlan, roll_up: RollUp) -> _Node | None:
        if view.twin(plan.id) is None:
            return None
        target = self._types.point(plan.model, roll_up.target.path)
        inputs: list[_Input] = []
        missing: list[str] = []
        for part in self.parts(view, plan.id):
            state = view.twin(part)
            if state is None:
                missing.append(part)
                continue
            found = self._input(Point(part, roll_up.path), state.model, target)
            if found:
                inputs.append(found)
        return _Node(roll_up.target, target, ROLL_UP, roll_up.function, tuple(inputs), tuple(missing))

    def _connection(self, view: View, link: Connection) -> _Node | None:
        owner = view.twin(link.target.twin)
        if owner is None:
            return None
        target = self._types.point(owner.model, link.target.path)
        inputs: list[_Input] = []
        missing: list[str] = []
        for point in link.sources:
            state = view.twin(point.twin)
            found = self._input(point, state.model, target) if state else None
            if found:
                inputs.append(found)
            else:
                missing.append(point.twin)
        function = link.combine if len(link.sources) > 1 else None
        return _Node(link.target, target, CONNECTION, function, tuple(inputs), tuple(missing))

    def _input(self, point: Point, model: str, target: PointType) -> _Input | None:
        try:
            found = self._types.point(model, point.path)
        except ModelNotFound:
            return None
        try:
            return _Input(point, conversion(found.unit, target.unit))
        except UnitError as error:
            raise ConfigInvalid(
                [Diagnostic(rule="MT163", cause=f"{point} cannot become the unit of {target.path}: {error.message}",
                            action="Follow a value of the same dimension.")]
            ) from error  # fmt: skip


def _cell(view: View, point: Point) -> Cell | None:
    state = view.twin(point.twin)
    if state is None:
        return None
    cell = state.cells.get(point.path)
    if cell is not None:
        return cell
    value = state.value(point.path)
    return None if value is None else Cell(value, GOOD, state.updated.get(point.path))


def _same(new: Cell, old: Cell | None) -> bool:
    return (
        old is not None
        and (new.value if new.value is not None else old.value) == old.value
        and new.status == old.status
        and new.source == old.source
        and new.reason == old.reason
        and new.source_time == old.source_time
    )


def _compute(node: _Node, view: View, fresh: Mapping[Point, Cell], now: datetime) -> Cell | None:
    values: list[Value] = []
    problems = [f"{part}: does not exist" for part in node.missing]
    uncertain = False
    times: list[datetime] = []
    for item in node.inputs:
        cell = fresh.get(item.point) or _cell(view, item.point)
        if cell is None or cell.status.is_bad or cell.value is None:
            problems.append(f"{item.point}: {_why(cell)}")
            continue
        if cell.status.is_uncertain:
            uncertain = True
            problems.append(f"{item.point}: {_why(cell)}")
        if cell.source_time:
            times.append(cell.source_time)
        values.append(item.convert(cell.value) if isinstance(cell.value, int | float) else cell.value)
    old = _cell(view, node.target)
    if old is None and not values:
        return None  # nothing was ever known; there is no state to degrade
    status, reason = _quality(node, len(values), problems, uncertain=uncertain)
    source_time = _time(old, times, changed=old is None or status == old.status, now=now)
    value = _combine(node, values) if values else None
    return Cell(value, status, source_time, now, node.kind, 0, reason)


def _why(cell: Cell | None) -> str:
    if cell is None:
        return "no value yet"
    return f"{cell.status} ({cell.reason})" if cell.reason else str(cell.status)


def _quality(node: _Node, usable: int, problems: list[str], *, uncertain: bool) -> tuple[Status, str]:
    if not problems:
        return GOOD, ""
    whole = len(node.inputs) + len(node.missing)
    reason = "; ".join(problems)
    if not usable:
        return BAD_NO_DATA, reason
    if usable == whole and uncertain:
        return UNCERTAIN_SUBNORMAL, reason
    return UNCERTAIN_SUBNORMAL, f"{usable} of {whole} known: {reason}"


def _time(old: Cell | None, times: list[datetime], *, changed: bool, now: datetime) -> datetime:
    """The newest of the inputs; the moment itself when only the quality changed.

    Never before the last one, whatever the clocks of the inputs say.
    """
    newest = max(times, default=now) if changed else now
    before = old.source_time if old is not None and old.source in {ROLL_UP, CONNECTION} else None
    return newest if before is None else max(newest, before)


def _combine(node: _Node, values: list[Value]) -> Value:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if node.function is None or len(numbers) != len(values):
        return values[-1]
    logarithmic = node.type.unit is not None and unit(node.type.unit).logarithmic
    result: float
    match node.function:
        case "sum":
            result = linear_sum(numbers, unit(node.type.unit)) if logarithmic and node.type.unit else sum(numbers)
        case "mean":
            result = (
                linear_mean(numbers, unit(node.type.unit))
                if logarithmic and node.type.unit
                else sum(numbers) / len(numbers)
            )
        case "min":
            result = min(numbers)
        case "max":
            result = max(numbers)
    return result
