"""The co-simulation algorithms in plain Python: what the compiled loop does, and what it is tested against.

A macro step goes from t to t + H. Values of outputs are kept as they were at t (`now`) and as the step makes them
(`next`); each input reads one or the other, by the algorithm:

- Jacobi: all inputs are from t.
- Gauss-Seidel: from t + H where the source has made its step before, in the order of the dependency graph.
- In a loop that is iterated, inputs from inside the loop are from t + H, by the last iterate.

With extrapolation of order k an input follows the polynomial through the newest k + 1 values of its source, of which
the newest may be the one at t + H. The FMU gets it as derivatives where it interpolates inputs itself
(`canInterpolateInputs`); otherwise the value at the start of each of its own communication steps, held during it.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fmu import rollback
from fmu.algorithm import Feed, Loop, interpolates, not_converged, plan, substeps, too_coarse
from fmu.coupling import OUTSIDE, Coupling, Member
from fmu.description import FLOATS
from fmu.instance import Instance
from fmu.linear import solve
from fmu.system import Algorithm

Values = list[Any]
_WHOLE: Final = 1e-6
_PERTURBATION: Final = 1.4901161193847656e-08
"""Square root of the distance of 1.0 to the next float."""
_SAFETY: Final = 0.9
_LEAST_CHANGE: Final = 0.2
_MOST_CHANGE: Final = 2.0


class Node:
    """An instance as the loop uses it."""

    def __init__(self, instance: Instance, member: Member, feeds: Sequence[Feed], order: int) -> None:
        self.instance = instance
        self.member = member
        self.feeds = feeds
        self.get: Callable[[], Values] = instance.getter(member.outputs) if member.outputs else list
        self.put: Callable[[Sequence[Any]], None] | None = instance.setter(member.inputs) if member.inputs else None
        self.convert = [feed.wire.conversion.function(feed.wire.name) for feed in feeds]
        self.memory: rollback.Memory | None = None
        self.slopes = _Slopes(instance, member, feeds, order) if interpolates(member) and order else None

    def has_ended(self) -> bool:
        """Whether the FMU asked to end the simulation."""
        return self.instance.ended


class _Slopes:
    """Derivatives of inputs for an FMU that interpolates them itself (FMI 2.0, 4.2.2)."""

    def __init__(self, instance: Instance, member: Member, feeds: Sequence[Feed], order: int) -> None:
        self._instance = instance
        smooth = [
            (variable, feed) for variable, feed in zip(member.inputs, feeds, strict=True)
            if feed.smooth and variable.type == "Float64"
        ]  # fmt: skip
        self.factors = [feed.wire.conversion.factor for _, feed in smooth]
        self.feeds = [feed for _, feed in smooth]
        self.order = order
        count = len(smooth) * order
        references = [variable.value_reference for variable, _ in smooth for _ in range(order)]
        self.references = (ctypes.c_uint32 * count)(*references)
        self.orders = (ctypes.c_int * count)(*([k + 1 for k in range(order)] * len(smooth)))
        self.values = (ctypes.c_double * count)()
        self.function = instance.function("SetRealInputDerivatives") if count else None

    def set(self, derivatives: Sequence[Sequence[float]]) -> None:
        if self.function is None:
            return
        self.values[:] = [value for each in derivatives for value in each]
        instance = self._instance
        instance.note.call(instance.prefix + "SetRealInputDerivatives", instance.time_s)
        status = self.function(instance.component, self.references, len(self.values), self.orders, self.values)
        if status > 1:
            instance.fail("SetRealInputDerivatives", status)


def polynomial(times: Sequence[float], values: Sequence[float], at: float) -> float:
    """Value at a time of the polynomial through up to three points, the newest first.

    The order of the operations is part of what the compiled loop has to match.
    """
    if len(times) == 1:
        return values[0]
    first = (values[0] - values[1]) / (times[0] - times[1])
    if len(times) == 2:  # noqa: PLR2004 - a straight line
        return values[0] + (at - times[0]) * first
    second = (first - (values[1] - values[2]) / (times[1] - times[2])) / (times[0] - times[2])
    return values[0] + (at - times[0]) * (first + (at - times[1]) * second)


def slopes(times: Sequence[float], values: Sequence[float], at: float) -> tuple[float, float]:
    """First and second derivative at a time of that polynomial."""
    if len(times) == 1:
        return 0.0, 0.0
    first = (values[0] - values[1]) / (times[0] - times[1])
    if len(times) == 2:  # noqa: PLR2004 - a straight line
        return first, 0.0
    second = (first - (values[1] - values[2]) / (times[1] - times[2])) / (times[0] - times[2])
    return first + ((at - times[0]) + (at - times[1])) * second, 2.0 * second


@dataclass(slots=True)
class Kept:
    """Values of all outputs with their past, for going back."""

    now: list[Values]
    past: list[list[Values]]
    times: list[float]


class PythonLoop:
    """Advances the instances of a coupling.

    Args:
        coupling: The plan.
        instances: Initialized, in its order.
        algorithm: How.
        start_s: Simulation time in seconds.

    Attributes:
        outer: Values from outside, for the system's inputs; set between steps.
        now: Values of all outputs, instance by instance.
        ended: Whether an FMU asked to end.
        made: Number of macro steps since `begin`.
        steps: Number of steps that were accepted; with a fixed step the number of macro steps.
        repeats: Number of iterations and of steps that were taken back.
    """

    name: Final = "python"

    def __init__(
        self, coupling: Coupling, instances: Sequence[Instance], algorithm: Algorithm, *, start_s: float = 0.0
    ) -> None:
        self.coupling = coupling
        self.algorithm = algorithm
        self.plan = plan(coupling, algorithm)
        order = algorithm.extrapolation
        self.nodes = [
            Node(instance, member, feeds, order)
            for instance, member, feeds in zip(instances, coupling.members, self.plan.feeds, strict=True)
        ]
        self.outer: Values = [None] * len(coupling.inputs)
        self.now = [node.get() for node in self.nodes]
        self.next = [list(values) for values in self.now]
        self.past: list[list[Values]] = []
        self.times = [start_s]
        self.steps = self.repeats = self.made = 0
        self._origin_s, self._span_s = start_s, 0.0
        self._chosen_s = algorithm.adaptive.most_s if algorithm.adaptive else math.inf
        for index in self.plan.taken_back():
            self.nodes[index].memory = rollback.memory_of(self.nodes[index].instance)
        self._whole = [rollback.memory_of(node.instance) for node in self.nodes] if algorithm.adaptive else []

    @property
    def ended(self) -> bool:
        """Whether an FMU asked to end the simulation."""
        return any(node.instance.ended for node in self.nodes)

    def begin(self, origin_s: float, step_s: float, made: int = 0) -> None:
        """Says which steps follow.

        Args:
            origin_s: Simulation time of step 0, in seconds.
            step_s: Length of a step in seconds.
            made: How many of them are made already.

        Raises:
            FmuError: It is no multiple of an instance's own step.
        """
        for node in self.nodes:
            substeps(node.member, step_s)
        self._origin_s, self._span_s, self.made = origin_s, step_s, made

    def step(self) -> None:
        """Makes one macro step.

        Raises:
            StepFailed: An FMU refused, an iteration found no end, the error is too great.
            FmuError: A value does not fit.
        """
        begin_s = self._origin_s + self.made * self._span_s
        end_s = self._origin_s + (self.made + 1) * self._span_s
        if self.algorithm.adaptive is None:
            self._macro(begin_s, end_s, self._span_s)
            self.steps += 1
        else:
            self._adapt(begin_s, end_s)
        self.made += 1

    def keep(self) -> Any:
        """Values and their past, for `put_back`; the states of the FMUs are not in it."""
        copies = [[list(values) for values in arena] for arena in (self.now, self.next)]
        return copies, list(self.past), list(self.times), list(self.outer), (self.steps, self.repeats, self._chosen_s)

    def put_back(self, kept: Any) -> None:
        """Goes back to what `keep` gave, after the instances went back."""
        copies, past, times, outer, counts = kept
        self.now, self.next = ([list(values) for values in arena] for arena in copies)
        self.past, self.times, self.outer = list(past), list(times), list(outer)
        self.steps, self.repeats, self._chosen_s = counts

    def close(self) -> None:
        """Frees saved states."""
        for node in self.nodes:
            if node.memory is not None:
                node.memory.close()
        for memory in self._whole:
            memory.close()

    # ---- one step of a given length ----

    def _macro(self, begin_s: float, end_s: float, step_s: float) -> None:
        for values, now in zip(self.next, self.now, strict=True):
            values[:] = now
        jacobi = self.algorithm.master == "jacobi"
        late: list[int] = []
        for loop, again in zip(self.plan.steps, self.plan.iterated, strict=True):
            if again:
                self._iterate(loop, begin_s, end_s, step_s)
                continue
            index = loop.members[0]
            self._advance(index, begin_s, end_s, step_s)
            if jacobi:
                late.append(index)
            else:
                self.next[index] = self.nodes[index].get()
        for index in late:
            self.next[index] = self.nodes[index].get()
        self._commit(end_s)

    def _commit(self, end_s: float) -> None:
        keep = self.algorithm.extrapolation
        self.past = [self.now, *self.past][:keep]
        self.times = [end_s, *self.times][: keep + 1]
        self.now, self.next = self.next, [list(values) for values in self.next]

    def _advance(self, index: int, begin_s: float, end_s: float, step_s: float) -> None:
        node = self.nodes[index]
        instance = node.instance
        if node.has_ended():
            return
        count = substeps(node.member, step_s)
        own_s = step_s / count
        moving = self.algorithm.extrapolation > 0
        for k in range(count):
            at = begin_s + k * own_s
            instance.time_s = at
            if node.put is not None and (k == 0 or moving):
                node.put(self._gather(node, at, end_s))
                if node.slopes is not None:
                    node.slopes.set(self._all_derivatives(node.slopes, at, end_s))
            instance.step(own_s)
            if node.has_ended():
                return
        instance.time_s = end_s

    def _gather(self, node: Node, at: float, end_s: float) -> Values:
        values = []
        for feed, convert in zip(node.feeds, node.convert, strict=True):
            wire = feed.wire
            if wire.part == OUTSIDE:
                value = self.outer[wire.slot]
            elif not feed.smooth:
                value = (self.next if feed.fresh else self.now)[wire.part][wire.slot]
            else:
                times, points = self._points(feed, end_s)
                if isinstance(points[0], list):
                    value = [polynomial(times, [point[k] for point in points], at) for k in range(len(points[0]))]
                else:
                    value = polynomial(times, points, at)
            values.append(convert(value))
        return values

    def _points(self, feed: Feed, end_s: float) -> tuple[list[float], list[Any]]:
        """Newest first, one more than the order, as far as there are any."""
        wire, count = feed.wire, self.algorithm.extrapolation + 1
        values = [past[wire.part][wire.slot] for past in (self.now, *self.past)]
        times = self.times
        if feed.fresh:
            values = [self.next[wire.part][wire.slot], *values]
            times = [end_s, *times]
        return times[:count], values[:count]

    def _all_derivatives(self, mine: _Slopes, at: float, end_s: float) -> list[list[float]]:
        """The derivatives of each input, order by order; elements of an array one after another."""
        found = []
        for feed, factor in zip(mine.feeds, mine.factors, strict=True):
            times, points = self._points(feed, end_s)
            elements = zip(*points, strict=True) if isinstance(points[0], list) else [points]
            found += [[factor * value for value in slopes(times, element, at)[: mine.order]] for element in elements]
        return found

    # ---- loops ----

    def _iterate(self, loop: Loop, begin_s: float, end_s: float, step_s: float) -> None:
        for index in loop.members:
            memory = self.nodes[index].memory
            assert memory is not None
            memory.save()
        find = self._newton if self.algorithm.loops == "newton" else self._fixed_point
        find(loop, begin_s, end_s, step_s)

    def _back(self, loop: Loop) -> None:
        for index in loop.members:
            memory = self.nodes[index].memory
            assert memory is not None
            memory.restore()
        self.repeats += 1

    def _sweep(self, loop: Loop, begin_s: float, end_s: float, step_s: float) -> None:
        """All instances of a loop make the step once; `next` has what they give then."""
        if self.algorithm.master == "jacobi" or self.algorithm.loops == "newton":
            for index in loop.members:
                self._advance(index, begin_s, end_s, step_s)
            for index in loop.members:
                self.next[index] = self.nodes[index].get()
        else:
            for index in loop.members:
                self._advance(index, begin_s, end_s, step_s)
                self.next[index] = self.nodes[index].get()

    def _fixed_point(self, loop: Loop, begin_s: float, end_s: float, step_s: float) -> None:
        algorithm = self.algorithm
        for count in range(algorithm.iterations):
            if count:
                self._back(loop)
            before, others = self._reals(loop), self._others(loop)
            self._sweep(loop, begin_s, end_s, step_s)
            after = self._reals(loop)
            if self._agree(loop, before, after) and others == self._others(loop):
                return
            if algorithm.relaxation != 1.0:
                self._put(loop, [old + algorithm.relaxation * (new - old)
                                 for old, new in zip(before, after, strict=True)])  # fmt: skip
        raise not_converged(self.coupling, self.algorithm, loop.members, begin_s)

    def _newton(self, loop: Loop, begin_s: float, end_s: float, step_s: float) -> None:
        for count in range(self.algorithm.iterations):
            if count:
                self._back(loop)
            point, others = self._reals(loop), self._others(loop)
            self._sweep(loop, begin_s, end_s, step_s)
            given, found = self._reals(loop), [list(self.next[index]) for index in loop.members]
            if self._agree(loop, point, given) and others == self._others(loop):
                return
            size = len(point)
            matrix = [[0.0] * size for _ in range(size)]
            for column, slot in enumerate(loop.reals):
                self._back(loop)
                move = _PERTURBATION * max(abs(point[column]), slot.nominal)
                moved = list(point)
                moved[column] = point[column] + move
                self._put(loop, moved)
                self._sweep(loop, begin_s, end_s, step_s)
                for row, value in enumerate(self._reals(loop)):
                    matrix[row][column] = (value - given[row]) / move - (1.0 if row == column else 0.0)
            # a matrix without inverse leaves the plain iterate
            change = solve(matrix, [point[k] - given[k] for k in range(size)])
            for index, values in zip(loop.members, found, strict=True):
                self.next[index] = values
            if change is not None:
                self._put(loop, [point[k] + change[k] for k in range(size)])
        raise not_converged(self.coupling, self.algorithm, loop.members, begin_s)

    def _agree(self, loop: Loop, before: Sequence[float], after: Sequence[float]) -> bool:
        tolerance = self.algorithm.tolerance
        return all(
            abs(new - old) <= tolerance * slot.nominal for old, new, slot in zip(before, after, loop.reals, strict=True)
        )

    def _reals(self, loop: Loop) -> list[float]:
        found = []
        for part, slot, element, *_ in loop.reals:
            value = self.next[part][slot]
            found.append(value[element] if isinstance(value, list) else value)
        return found

    def _others(self, loop: Loop) -> Values:
        return [self.next[part][slot] for part, slot in loop.others]

    def _put(self, loop: Loop, values: Sequence[float]) -> None:
        for (part, slot, element, _, single), given in zip(loop.reals, values, strict=True):
            value = ctypes.c_float(given).value if single else given
            held = self.next[part][slot]
            if isinstance(held, list):
                self.next[part][slot] = [value if k == element else old for k, old in enumerate(held)]
            else:
                self.next[part][slot] = value

    # ---- adaptive step ----

    def _adapt(self, begin_s: float, end_s: float) -> None:
        adaptive = self.algorithm.adaptive
        assert adaptive is not None
        at = begin_s
        while at < end_s and not self.ended:
            rest_s = end_s - at
            step_s = min(max(self._chosen_s, adaptive.least_s), adaptive.most_s)
            # no crumb is left over
            last = step_s >= rest_s * (1.0 - _WHOLE)
            step_s = rest_s if last else step_s
            to = end_s if last else at + step_s
            kept = self._keep()
            self._macro(at, to, step_s)
            whole = self.now
            self._go_back(kept)
            middle = at + 0.5 * step_s
            self._macro(at, middle, 0.5 * step_s)
            self._macro(middle, to, 0.5 * step_s)
            error = self._error(whole)
            order = self.algorithm.extrapolation + 1
            change = _MOST_CHANGE if error == 0.0 else _SAFETY * error ** (-1.0 / (order + 1))
            change = min(max(change, _LEAST_CHANGE), _MOST_CHANGE)
            if error <= 1.0:
                self.steps += 1
                if not last or change < 1.0:
                    self._chosen_s = step_s * change
                at = to
                continue
            if step_s <= adaptive.least_s:
                raise too_coarse(self.coupling, self.algorithm, at, error)
            self._go_back(kept)
            self._chosen_s = step_s * min(change, _SAFETY)
            self.repeats += 1

    def _keep(self) -> Kept:
        for memory in self._whole:
            memory.save()
        return Kept([list(values) for values in self.now], list(self.past), list(self.times))

    def _go_back(self, kept: Kept) -> None:
        for memory in self._whole:
            memory.restore()
        self.now = [list(values) for values in kept.now]
        self.next = [list(values) for values in kept.now]
        self.past, self.times = list(kept.past), list(kept.times)

    def _error(self, whole: Sequence[Values]) -> float:
        """The greatest difference of a real output between one step and two, as a share of the tolerance."""
        adaptive = self.algorithm.adaptive
        assert adaptive is not None
        worst = 0.0
        for member, one, two in zip(self.coupling.members, whole, self.now, strict=True):
            for variable, coarse, fine in zip(member.outputs, one, two, strict=True):
                if variable.type not in FLOATS or variable.variability != "continuous":
                    continue
                pairs = zip(coarse, fine, strict=True) if isinstance(fine, list) else [(coarse, fine)]
                for a, b in pairs:
                    allowed = adaptive.tolerance * max(abs(b), abs(variable.nominal or 1.0))
                    worst = max(worst, abs(a - b) / allowed)
        return worst
