"""What an algorithm makes of a coupling: which instances step together, and from when each input is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dtdl.errors import FmuError, StepFailed
from fmu import rollback
from fmu.coupling import OUTSIDE, Coupling, Member, Wire
from fmu.description import FLOATS, FMI_3
from fmu.system import Algorithm

_WHOLE: Final = 1e-6
_MASTERS: Final = ("jacobi", "gauss-seidel")
_LOOPS: Final = ("none", "fixed-point", "newton")
_ORDERS: Final = (0, 1, 2)


class Slot(NamedTuple):
    """An exchanged real number of a loop: which element of which output, its nominal value, whether it has 32 bits."""

    part: int
    slot: int
    element: int
    nominal: float
    single: bool


@dataclass(slots=True)
class Loop:
    """A group of instances that is iterated.

    Attributes:
        members: Their indexes.
        reals: What is exchanged inside, real numbers.
        others: Outputs of other types that are exchanged inside: instance and slot.
    """

    members: tuple[int, ...]
    reals: list[Slot] = field(default_factory=list)
    others: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Feed:
    """How one input gets its value.

    Attributes:
        wire: From where.
        fresh: From t + H instead of t.
        smooth: Whether it may follow a polynomial.
    """

    wire: Wire
    fresh: bool
    smooth: bool


@dataclass(slots=True)
class Plan:
    """What an algorithm makes of a coupling; the compiled loop is built from it too.

    Attributes:
        steps: Groups in the order in which they step, and whether each is iterated.
        feeds: Of each instance, one for each input.
        own_step_s: Of each instance; None: the macro step.
    """

    steps: list[Loop]
    iterated: list[bool]
    feeds: list[list[Feed]]
    own_step_s: list[float | None]

    def taken_back(self) -> set[int]:
        """Indexes of the instances that repeat a step from a saved state."""
        return {index for loop, again in zip(self.steps, self.iterated, strict=True) if again for index in loop.members}


def plan(coupling: Coupling, algorithm: Algorithm) -> Plan:
    """Applies an algorithm to a coupling.

    Raises:
        FmuError: The algorithm takes steps back, and an FMU cannot; or it cannot choose a step for an FMU.
    """
    members = coupling.members
    _check(coupling, algorithm)
    steps, iterated = [], []
    position: dict[int, int] = {}
    home: dict[int, int] = {}
    for group in coupling.order:
        is_loop = len(group) > 1 or group[0] in coupling.feeds_itself
        if is_loop and algorithm.loops != "none":
            steps.append(_loop(group, members))
            iterated.append(True)
        else:
            steps += [Loop((index,)) for index in group]
            iterated += [False] * len(group)
        for index in group:
            position[index] = len(position)
            home[index] = len(steps) - 1
    for number, step in enumerate(steps):
        for index in step.members:
            home[index] = number
    feeds = []
    for index, member in enumerate(members):
        mine = []
        for variable, wire in zip(member.inputs, member.wires, strict=True):
            if wire.part == OUTSIDE:
                mine.append(Feed(wire, fresh=False, smooth=False))
                continue
            together = home[wire.part] == home[index] and iterated[home[index]]
            earlier = algorithm.master == "gauss-seidel" and home[wire.part] < home[index]
            giver = members[wire.part].outputs[wire.slot]
            smooth = wire.conversion.is_continuous and giver.variability == variable.variability == "continuous"
            mine.append(Feed(wire, fresh=together or earlier, smooth=smooth and algorithm.extrapolation > 0))
        feeds.append(mine)
    return Plan(steps, iterated, feeds, [member.part.step_s for member in members])


def _check(coupling: Coupling, algorithm: Algorithm) -> None:
    members = coupling.members
    _check_numbers(algorithm)
    for member in members:
        if member.part.step_s is not None and not member.part.step_s > 0:
            raise FmuError(
                f"{member.title}: a step of {member.part.step_s:g} s is no step", action="Give more than 0 s."
            )
    if algorithm.adaptive is not None:
        rollback.check(members, "an adaptive step")
        own = [member.title for member in members if member.part.step_s is not None]
        if own:
            raise FmuError(
                f"an adaptive step leaves no room for step sizes of their own: {', '.join(own)}",
                action="Leave out step_s, or the adaptive step.",
            )
    elif algorithm.loops != "none":
        inside = [
            members[index]
            for group in coupling.order
            for index in group
            if len(group) > 1 or group[0] in coupling.feeds_itself
        ]
        rollback.check(inside, f"the {algorithm.loops} iteration of loops")


def _check_numbers(algorithm: Algorithm) -> None:
    adaptive = algorithm.adaptive
    faults = {
        f"master {algorithm.master!r}": algorithm.master not in _MASTERS,
        f"loops {algorithm.loops!r}": algorithm.loops not in _LOOPS,
        f"extrapolation {algorithm.extrapolation}": algorithm.extrapolation not in _ORDERS,
        f"relaxation {algorithm.relaxation:g}": not 0 < algorithm.relaxation <= 1,
        f"tolerance {algorithm.tolerance:g}": not algorithm.tolerance >= 0,
        f"iterations {algorithm.iterations}": algorithm.iterations < 1,
    }
    if adaptive is not None:
        bounds = f"steps from {adaptive.least_s:g} s to {adaptive.most_s:g} s"
        faults[bounds] = not 0 < adaptive.least_s <= adaptive.most_s
        faults[f"adaptive tolerance {adaptive.tolerance:g}"] = not adaptive.tolerance > 0
    for what, is_fault in faults.items():
        if is_fault:
            raise FmuError(f"the algorithm cannot have {what}", action="See Algorithm for what it can have.")


def _loop(group: tuple[int, ...], members: Sequence[Member]) -> Loop:
    loop = Loop(group)
    seen = set()
    for index in group:
        for wire in members[index].wires:
            if wire.part not in group or (wire.part, wire.slot) in seen:
                continue
            seen.add((wire.part, wire.slot))
            variable = members[wire.part].outputs[wire.slot]
            if variable.type in FLOATS:
                nominal = abs(variable.nominal or 1.0)
                count = max(members[wire.part].sizes[wire.slot], 1)
                single = variable.type == "Float32"
                loop.reals += [Slot(wire.part, wire.slot, element, nominal, single) for element in range(count)]
            else:
                loop.others.append((wire.part, wire.slot))
    loop.reals.sort()
    loop.others.sort()
    return loop


def substeps(member: Member, step_s: float) -> int:
    """How many communication steps of its own an instance makes in a macro step.

    Raises:
        FmuError: Not a whole number of them.
    """
    if member.part.step_s is None:
        return 1
    count = round(step_s / member.part.step_s)
    if count < 1 or abs(count * member.part.step_s - step_s) > _WHOLE * member.part.step_s:
        raise FmuError(
            f"{member.title}: the macro step, {step_s:g} s, is no multiple of its own step, {member.part.step_s:g} s",
            action="Change one of the two.",
        )
    return count


def interpolates(member: Member) -> bool:
    """Whether an FMU takes derivatives of its inputs."""
    interface = member.interface
    return (
        interface is not None
        and member.description.major < FMI_3
        and interface.kind == "co-simulation"
        and interface.capabilities.get("canInterpolateInputs") in ("true", "1")
    )


def not_converged(coupling: Coupling, algorithm: Algorithm, members: Sequence[int], time_s: float) -> StepFailed:
    """The error for a loop whose values do not come to rest."""
    names = ", ".join(coupling.members[index].part.name for index in members)
    return StepFailed(
        f"{coupling.system.name}: the loop of {names} did not agree within {algorithm.iterations} iterations "
        f"({algorithm.loops}) at t = {time_s:g} s",
        time_s=time_s,
        action="Take a shorter step, a smaller relaxation, a greater tolerance, or newton.",
    )


def too_coarse(coupling: Coupling, algorithm: Algorithm, time_s: float, error: float) -> StepFailed:
    """The error for a tolerance that the least step does not reach."""
    assert algorithm.adaptive is not None
    return StepFailed(
        f"{coupling.system.name}: at t = {time_s:g} s the error is {error:.3g} times the tolerance with the "
        f"least step, {algorithm.adaptive.least_s:g} s",
        time_s=time_s,
        action="Allow shorter steps or a greater tolerance.",
    )
