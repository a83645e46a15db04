"""Initialization of a coupled system in the order of its graph (FMI 2.0, 4.2.4; FMI 3.0, 2.3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dtdl.errors import StepFailed
from fmu.conversion import Conversion
from fmu.coupling import OUTSIDE, Coupling, Member, Wire
from fmu.description import FLOATS, FMI_1, INTEGERS, Variable
from fmu.instance import Instance
from fmu.system import Algorithm

_Port = tuple[int, str, int]
Values = list[Any]


def initialize(
    coupling: Coupling,
    instances: Sequence[Instance],
    algorithm: Algorithm,
    *,
    span: tuple[float, float | None],
) -> Values:
    """Initializes all instances of a coupling.

    Connected inputs take the values of their sources, whatever their own start values are; inputs from outside keep
    theirs. An instance of FMI 1.0 has no initialization mode: it is initialized when its first output is needed.

    Args:
        coupling: The plan.
        instances: Instantiated, in its order.
        algorithm: Tolerance and number of iterations of loops.
        span: Simulation time at the start, and at the end when it is known, in seconds.

    Returns:
        Values of the system's inputs, as the outside would give them.

    Raises:
        FmuError: A start value that does not fit.
        StepFailed: An FMU refused, or a loop found no end.
    """
    tolerance = coupling.system.experiment.tolerance
    for member, instance in zip(coupling.members, instances, strict=True):
        instance.enter(member.part.start, start_s=span[0], stop_s=span[1], tolerance=tolerance)
    start = _Start(coupling, instances, algorithm)
    for group in coupling.start:
        if len(group) == 1:
            start.visit(group[0])
        else:
            start.settle(group)
    for index in range(len(instances)):
        start.leave(index)
    return _outside(coupling, instances)


class _Start:
    def __init__(self, coupling: Coupling, instances: Sequence[Instance], algorithm: Algorithm) -> None:
        self._coupling, self._instances, self._algorithm = coupling, instances, algorithm
        self._values: dict[tuple[int, int], Any] = {}
        self._inside = set(range(len(instances)))
        # the first variable that takes a value from outside says what that is at the start
        self._first: dict[int, tuple[Member, Variable, Wire]] = {}
        for member in coupling.members:
            for variable, wire in zip(member.inputs, member.wires, strict=True):
                if wire.part == OUTSIDE:
                    self._first.setdefault(wire.slot, (member, variable, wire))

    def leave(self, index: int) -> None:
        """Ends the initialization of an instance; does nothing the second time."""
        if index in self._inside:
            self._inside.remove(index)
            self._instances[index].leave()

    def visit(self, port: _Port) -> None:
        """Sets an input, or reads an output."""
        index, side, slot = port
        member, instance = self._coupling.members[index], self._instances[index]
        if side == "in":
            wire = member.wires[slot]
            value = self._shared(wire) if wire.part == OUTSIDE else self._values[wire.part, wire.slot]
            if value is not None:
                instance.setter([member.inputs[slot]])([wire.conversion.function(wire.name)(value)])
            return
        if member.description.major == FMI_1:
            self.leave(index)
        self._values[index, slot] = instance.getter([member.outputs[slot]])()[0]

    def _shared(self, wire: Wire) -> Any:
        """The value from outside for a variable that shares it with an earlier one; None when it has its own."""
        member, variable, first = self._first[wire.slot]
        value = member.part.start.get(variable.name, variable.start)
        return None if first is wire or value is None else _back(first.conversion)(value)

    def settle(self, group: Sequence[_Port]) -> None:
        """Repeats a loop until its values agree."""
        outputs = [port for port in group if port[1] == "out"]
        before: list[Any] | None = None
        for port in outputs:
            self.visit(port)
        for _ in range(self._algorithm.iterations):
            for port in group:
                if port[1] == "in":
                    self.visit(port)
            for port in outputs:
                self.visit(port)
            after = [self._values[index, slot] for index, _, slot in outputs]
            if before is not None and self._agree(outputs, before, after):
                return
            before = after
        names = ", ".join(sorted({self._coupling.members[index].part.name for index, _, _ in group}))
        raise StepFailed(
            f"{self._coupling.system.name}: the loop of {names} did not agree within {self._algorithm.iterations} "
            "iterations of its initialization",
            action="Give start values nearer to the solution, more iterations or a greater tolerance.",
        )

    def _agree(self, outputs: Sequence[_Port], before: Sequence[Any], after: Sequence[Any]) -> bool:
        for (index, _, slot), old, new in zip(outputs, before, after, strict=True):
            variable = self._coupling.members[index].outputs[slot]
            if variable.type not in FLOATS:
                if old != new:
                    return False
                continue
            allowed = self._algorithm.tolerance * abs(variable.nominal or 1.0)
            pairs = zip(old, new, strict=True) if isinstance(new, list) else [(old, new)]
            if not all(abs(b - a) <= allowed for a, b in pairs):
                return False
        return True


def _outside(coupling: Coupling, instances: Sequence[Instance]) -> Values:
    """What the inputs of the system are now, seen from outside."""
    values: Values = [None] * len(coupling.inputs)
    found: set[int] = set()
    for member, instance in zip(coupling.members, instances, strict=True):
        mine = [
            (slot, wire) for slot, wire in enumerate(member.wires) if wire.part == OUTSIDE and wire.slot not in found
        ]
        if not mine:
            continue
        held = instance.getter([member.inputs[slot] for slot, _ in mine])()
        for (_, wire), value in zip(mine, held, strict=True):
            values[wire.slot] = _back(wire.conversion)(value)
            found.add(wire.slot)
    return values


def _back(conversion: Conversion) -> Callable[[Any], Any]:
    """The way against the arrow, for one value: the outside's value that gives the variable's."""

    def one(value: Any) -> Any:
        if conversion.table is not None:
            return next((key for key, target in conversion.table.items() if target == value), value)
        if not conversion.is_linear or not conversion.factor:
            return float(value) if conversion.source in FLOATS else value
        found = (value - conversion.offset) / conversion.factor
        return round(found) if conversion.source in INTEGERS else found

    return lambda value: [one(element) for element in value] if isinstance(value, list) else one(value)
