"""The flat arrays of one coupled system, laid out for the compiled loop; they keep alive what they point to."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final

from fmu import rollback
from fmu.algorithm import Feed, Loop, Plan, interpolates
from fmu.conversion import Conversion
from fmu.coupling import OUTSIDE, Coupling, Member
from fmu.description import FLOATS, FMI_2, INTEGERS, Type, Variable
from fmu.instance import Instance
from fmu.kernel import layout
from fmu.system import Algorithm

SLOT: Final = 8
"""Bytes of a number on its way to and from the outside."""
_ARENAS: Final = 6
_MASTERS: Final = {"jacobi": 0, "gauss-seidel": 1}
_LOOPS: Final = {"none": 0, "fixed-point": 1, "newton": 2}


def outer_code(type_: Type) -> int | None:
    """How a value is held on its way to and from the outside, in eight bytes."""
    if type_ in FLOATS:
        return layout.F64
    if type_ == "UInt64":
        return layout.U64
    return layout.I64 if type_ in INTEGERS or type_ == "Boolean" else None


class Draft:
    """The arrays of a system, being laid out; it keeps alive what they point to."""

    def __init__(self, coupling: Coupling, instances: Sequence[Instance], planned: Plan, algorithm: Algorithm) -> None:
        self.coupling, self.instances, self.plan, self.algorithm = coupling, instances, planned, algorithm
        self.loop = layout.Loop()
        self.ways: list[tuple[str, Conversion]] = []
        self.given: list[tuple[str, Conversion]] = []
        self.names: list[dict[int, list[str]]] = [{} for _ in instances]
        self._kept: list[Any] = []
        self._accesses: list[layout.Access] = []
        self._wires: list[layout.Wire] = []
        self._memories: list[rollback.Memory] = []
        self.places, size = self._places([member.outputs for member in coupling.members])
        targets, taken = self._places([member.inputs for member in coupling.members])
        self.arenas = [ctypes.create_string_buffer(max(size, 1)) for _ in range(4)]
        self._inputs = ctypes.create_string_buffer(max(taken, 1))
        self._targets = targets
        self.outer_at = _offsets([count for _, count in coupling.inputs])
        self.outer = ctypes.create_string_buffer(max(self.outer_at[-1], 1))
        self.nodes = (layout.Node * len(instances))()
        for index in range(len(instances)):
            self._node(index)
        self._groups(size)
        self._readings()
        self._fill(size)

    def _places(self, variables: Sequence[Sequence[Variable]]) -> tuple[list[list[int]], int]:
        """Where each variable lies in an arena: those of one type of one instance side by side."""
        size = 0
        places: list[list[int]] = []
        for index, mine in enumerate(variables):
            found = [0] * len(mine)
            for code, slots in self._by_code(index, mine):
                size = -(-size // SLOT) * SLOT
                for slot in slots:
                    found[slot] = size
                    size += layout.WIDTHS[code] * self.instances[index].size(mine[slot])
            places.append(found)
        return places, size

    def _by_code(self, index: int, variables: Sequence[Variable]) -> list[tuple[int, list[int]]]:
        groups: dict[tuple[int, bool], list[int]] = {}
        for slot, variable in enumerate(variables):
            code = self._code(index, variable)
            # booleans and enumerations have calls of their own
            groups.setdefault((code, variable.type == "Enumeration"), []).append(slot)
        return [(code, slots) for (code, _), slots in groups.items()]

    def _code(self, index: int, variable: Variable) -> int:
        code = layout.code_of(variable.type, self.coupling.members[index].description.major)
        assert code is not None
        return code

    def _node(self, index: int) -> None:
        member, instance, node = self.coupling.members[index], self.instances[index], self.nodes[index]
        board = instance.note.board
        major = member.description.major
        step = instance.function("DoStep")
        node.component = instance.component
        node.step = _address(step)
        node.step_name = board.number(instance.prefix + "DoStep")
        node.major, node.substeps = major, 1
        # FMI 1.0 has `newStep` in its place, which is always so
        node.final = int(instance.final or major < FMI_2)
        node.wires_from = len(self._wires)
        for slot, (variable, feed) in enumerate(zip(member.inputs, self.plan.feeds[index], strict=True)):
            self._wires.append(self._wire(index, slot, variable, feed))
            self.ways.append((feed.wire.name, feed.wire.conversion))
        node.wires_to = len(self._wires)
        node.sets_from = len(self._accesses)
        self._access(index, layout.SET, member.inputs, self._targets[index], self._inputs)
        node.sets_to = node.gets_from = len(self._accesses)
        self._access(index, layout.GET, member.outputs, self.places[index], self.arenas[0])
        node.gets_to = len(self._accesses)
        if self.algorithm.extrapolation and interpolates(member):
            self._slopes(index, member)

    def _access(self, index: int, what: int, variables: Sequence[Variable], places: Sequence[int], arena: Any) -> None:
        instance = self.instances[index]
        verb = "Set" if what == layout.SET else "Get"
        names = self.names[index].setdefault(what, [])
        for _, slots in self._by_code(index, variables):
            name = verb + instance.suffixes[variables[slots[0]].type]
            references = (ctypes.c_uint32 * len(slots))(*(variables[slot].value_reference for slot in slots))
            self._kept.append(references)
            names.append(name)
            self._accesses.append(
                layout.Access(
                    call=_address(instance.function(name)), references=ctypes.addressof(references), count=len(slots),
                    values=ctypes.addressof(arena) + places[slots[0]],
                    total=sum(instance.size(variables[slot]) for slot in slots),
                    name=instance.note.board.number(instance.prefix + name), major=instance.description.major,
                )
            )  # fmt: skip

    def _wire(self, index: int, slot: int, variable: Variable, feed: Feed) -> layout.Wire:
        wire = feed.wire
        target = ctypes.addressof(self._inputs) + self._targets[index][slot]
        to, count = self._code(index, variable), self.instances[index].size(variable)
        if wire.part == OUTSIDE:
            code = outer_code(self.coupling.inputs[wire.slot][0])
            assert code is not None
            source = ctypes.addressof(self.outer) + self.outer_at[wire.slot]
            return self._way(wire.conversion, (source, code), (target, to), count)
        code = self._code(wire.part, self.coupling.members[wire.part].outputs[wire.slot])
        place = self.places[wire.part][wire.slot]
        arena = self.arenas[0 if feed.fresh else 1]
        way = self._way(wire.conversion, (ctypes.addressof(arena) + place, code), (target, to), count)
        way.place, way.smooth, way.fresh = place, feed.smooth, feed.fresh
        return way

    def _way(self, conversion: Conversion, source: tuple[int, int], target: tuple[int, int], count: int) -> layout.Wire:
        least, most = conversion.range
        way = layout.Wire(
            source=source[0], target=target[0], from_=source[1], to=target[1], count=count, factor=conversion.factor,
            offset=conversion.offset, least=float(least), beyond=float(most + 1),
            how=_how(conversion, source[1], target[1]),
        )  # fmt: skip
        if conversion.table is not None:
            pairs = (layout.Pair * len(conversion.table))()
            for pair, (key, value) in zip(pairs, conversion.table.items(), strict=True):
                assert isinstance(key, int | float)
                pair.whole, pair.number = int(key), float(key)
                held = bytes(layout.HELD[target[1]](value))  # type: ignore[arg-type]  # a number, as was checked
                pair.target = int.from_bytes(held, "little")
            self._kept.append(pairs)
            way.pairs, way.pair_count = pairs, len(pairs)
        return way

    def _slopes(self, index: int, member: Member) -> None:
        node, instance, order = self.nodes[index], self.instances[index], self.algorithm.extrapolation
        smooth = [
            (variable, node.wires_from + slot)
            for slot, (variable, feed) in enumerate(zip(member.inputs, self.plan.feeds[index], strict=True))
            if feed.smooth and variable.type == "Float64"
        ]
        if not smooth:
            return
        count = len(smooth) * order
        references = (ctypes.c_uint32 * count)(*(v.value_reference for v, _ in smooth for _ in range(order)))
        orders = (ctypes.c_int32 * count)(*([k + 1 for k in range(order)] * len(smooth)))
        values = (ctypes.c_double * count)()
        wires = (ctypes.c_int32 * len(smooth))(*(wire for _, wire in smooth))
        self._kept += [references, orders, values, wires]
        name = "SetRealInputDerivatives"
        node.slopes = _address(instance.function(name))
        node.slopes_name = instance.note.board.number(instance.prefix + name)
        node.slope_references, node.slope_orders = ctypes.addressof(references), ctypes.addressof(orders)
        node.slope_values, node.slope_wires = ctypes.addressof(values), ctypes.addressof(wires)
        node.slope_wire_count = len(smooth)
        self.names[index][layout.SLOPES] = [name]

    def _groups(self, size: int) -> None:
        order: list[int] = []
        reals: list[layout.Real] = []
        others: list[layout.Other] = []
        groups = []
        for step, again in zip(self.plan.steps, self.plan.iterated, strict=True):
            group = layout.Group(from_=len(order), iterated=again, reals_from=len(reals), others_from=len(others))
            order += step.members
            if again:
                self._exchanged(step, reals, others)
            group.to, group.reals_to, group.others_to = len(order), len(reals), len(others)
            groups.append(group)
        most = max((group.reals_to - group.reals_from for group in groups), default=0)
        adaptive = self.algorithm.adaptive is not None
        self.kept = ctypes.create_string_buffer(max(_ARENAS * size, 1))
        self.work = (ctypes.c_double * (most * (most + 5) + 1))()
        taken_back = self.plan.taken_back()
        for index, node in enumerate(self.nodes):
            if index in taken_back:
                node.memory = self._memory(index)
            if adaptive:
                node.whole = self._memory(index)
        judged = [
            layout.Real(place=place, nominal=nominal, type=code)
            for index, member in enumerate(self.coupling.members)
            for slot, variable in enumerate(member.outputs)
            if adaptive and variable.type in FLOATS and variable.variability == "continuous"
            for place, nominal, code in self._elements(index, slot, abs(variable.nominal or 1.0))
        ]
        self.order = (ctypes.c_int32 * len(order))(*order)
        self.groups = (layout.Group * len(groups))(*groups)
        self.reals = (layout.Real * len(reals))(*reals)
        self.others = (layout.Other * len(others))(*others)
        self.judged = (layout.Real * len(judged))(*judged)

    def _exchanged(self, step: Loop, reals: list[layout.Real], others: list[layout.Other]) -> None:
        for part, slot, element, nominal, _ in step.reals:
            place, _, code = self._elements(part, slot, nominal)[element]
            reals.append(layout.Real(place=place, nominal=nominal, type=code))
        for part, slot in step.others:
            variable = self.coupling.members[part].outputs[slot]
            code = self._code(part, variable)
            size = layout.WIDTHS[code] * self.instances[part].size(variable)
            others.append(layout.Other(place=self.places[part][slot], bytes=size, type=code))

    def _elements(self, index: int, slot: int, nominal: float) -> list[tuple[int, float, int]]:
        variable = self.coupling.members[index].outputs[slot]
        code = self._code(index, variable)
        place = self.places[index][slot]
        return [(place + k * layout.WIDTHS[code], nominal, code) for k in range(self.instances[index].size(variable))]

    def _memory(self, index: int) -> Any:
        instance = self.instances[index]
        memory = rollback.memory_of(instance)
        self._memories.append(memory)
        get, put = memory.names[:2]
        self.names[index][layout.SAVE], self.names[index][layout.RESTORE] = [get], [put]
        board = instance.note.board
        made = layout.Memory(
            component=instance.component, get=_address(memory.get), set=_address(memory.set),
            get_name=board.number(instance.prefix + get), set_name=board.number(instance.prefix + put),
        )  # fmt: skip
        self._kept.append((memory, made))
        return ctypes.pointer(made)

    def _readings(self) -> None:
        ways = []
        at = _offsets([reading.size for reading in self.coupling.outputs])
        self.row = ctypes.create_string_buffer(max(at[-1], 1))
        for reading, offset in zip(self.coupling.outputs, at, strict=False):
            variable = self.coupling.members[reading.part].outputs[reading.slot]
            to = outer_code(reading.conversion.target)
            assert to is not None
            source = ctypes.addressof(self.arenas[1]) + self.places[reading.part][reading.slot]
            way = self._way(
                reading.conversion, (source, self._code(reading.part, variable)),
                (ctypes.addressof(self.row) + offset, to), max(reading.size, 1),
            )  # fmt: skip
            ways.append(way)
            self.given.append((reading.name, reading.conversion))
        self.readings = (layout.Wire * len(ways))(*ways)
        self.row_size = at[-1]

    def _fill(self, size: int) -> None:
        loop, algorithm = self.loop, self.algorithm
        self.wires = (layout.Wire * len(self._wires))(*self._wires)
        self.accesses = (layout.Access * len(self._accesses))(*self._accesses)
        loop.nodes, loop.node_count = self.nodes, len(self.nodes)
        loop.wires, loop.accesses, loop.order = self.wires, self.accesses, self.order
        loop.groups, loop.group_count = self.groups, len(self.groups)
        loop.reals, loop.others = self.reals, self.others
        loop.readings, loop.reading_count = self.readings, len(self.readings)
        loop.judged, loop.judged_count = self.judged, len(self.judged)
        loop.next, loop.now, loop.past, loop.older = (ctypes.addressof(arena) for arena in self.arenas)
        loop.size, loop.outer, loop.outer_size = size, ctypes.addressof(self.outer), self.outer_at[-1]
        loop.row, loop.row_size = ctypes.addressof(self.row), self.row_size
        loop.extrapolation, loop.master = algorithm.extrapolation, _MASTERS[algorithm.master]
        loop.loops, loop.iterations = _LOOPS[algorithm.loops], algorithm.iterations
        loop.relaxation, loop.tolerance = algorithm.relaxation, algorithm.tolerance
        loop.work, loop.kept = ctypes.addressof(self.work), ctypes.addressof(self.kept)
        self.quick = (layout.Quick * len(self.nodes))()
        self.sources = (ctypes.c_void_p * max(len(self._wires), 1))()
        loop.quick, loop.sources = ctypes.addressof(self.quick), ctypes.addressof(self.sources)
        if self.instances:
            loop.page = ctypes.pointer(self.instances[0].note.board.page)
        if algorithm.adaptive is not None:
            loop.adaptive, loop.error_tolerance = 1, algorithm.adaptive.tolerance
            loop.least, loop.most = algorithm.adaptive.least_s, algorithm.adaptive.most_s
            loop.chosen = algorithm.adaptive.most_s

    def close(self) -> None:
        """Frees what the loop saved."""
        for memory, made in (kept for kept in self._kept if isinstance(kept, tuple)):
            memory.state = ctypes.c_void_p(made.state)
            memory.close()
            made.state = None


def _address(function: Callable[..., Any]) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]  # a function of a library


def _offsets(sizes: Sequence[int]) -> list[int]:
    """Where each value begins in a row, and where the row ends."""
    at = [0]
    for size in sizes:
        at.append(at[-1] + SLOT * max(size, 1))
    return at


def _how(conversion: Conversion, source: int, target: int) -> int:
    if conversion.table is not None:
        return layout.TABLE
    if conversion.target == "Boolean":
        return layout.LOGIC
    if not conversion.is_linear and source == target:
        return layout.COPY
    return layout.LINEAR if conversion.target in FLOATS else layout.WHOLE
