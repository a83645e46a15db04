"""From bindings to nodes: browse paths with namespace URIs, DTDL names, and what the server says of each node."""

from __future__ import annotations

import base64
import difflib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.ua import AttributeIds, ObjectIds, VariantType

from interop.opcua.session import Session, Step
from interop.opcua.settings import is_node_id, parse_node_id, parse_path
from interop.opcua.values import unit_name, unit_text
from interop.ports import Binding, Description, Direction
from interop.values import Point

ROOT: Final = ua.NodeId(ObjectIds.RootFolder)
_LAST_BUILT_IN: Final = 25
_ABSTRACT: Final = frozenset({24, 26, 27, 28})
"""BaseDataType, Number, Integer, UInteger: the value itself tells which."""
_ENUMERATION: Final = 29
_PROPERTIES: Final = ("EngineeringUnits", "EURange")
_ARGUMENTS: Final = ("InputArguments", "OutputArguments")


@dataclass(slots=True)
class Bound:
    """What one binding came to on this server.

    Attributes:
        binding: The binding.
        node: Its node, None when the server lacks it.
        detail: Why it is missing, or what was granted.
        parent: For a method: the object to call it on.
        kind: For a variable: built-in type of its values, None when nothing tells.
        rank: Its ValueRank.
        readable, writable: By AccessLevel and UserAccessLevel (OPC 10000-3, 8.57).
        denied: Writable by AccessLevel, but not for this user.
        remembers: Whether HistoryRead is possible.
        unit: EUInformation, or None.
        span: EURange.
        inputs, outputs: Arguments of a method.
        input_kinds: Built-in types of the inputs.
    """

    binding: Binding
    node: ua.NodeId | None = None
    detail: str = ""
    parent: ua.NodeId | None = None
    kind: VariantType | None = None
    rank: int = -1
    readable: bool = False
    writable: bool = False
    denied: bool = False
    remembers: bool = False
    unit: ua.EUInformation | None = None
    span: tuple[float, float] | None = None
    inputs: Sequence[ua.Argument] = ()
    outputs: Sequence[ua.Argument] = ()
    input_kinds: Sequence[VariantType | None] = ()

    def describe(self) -> Description:
        """The same, in the words of the contract."""
        if self.node is None:
            return Description(found=False, detail=self.detail)
        direction: Direction = "in" if not self.writable else "both" if self.readable else "out"
        return Description(
            unit=unit_name(self.unit),
            raw_unit=unit_text(self.unit),
            direction="both" if self.binding.type.is_command else direction,
            value_range=self.span,
            detail=self.detail or self.node.to_string(),
        )


@dataclass(slots=True)
class Resolver:
    """Resolves bindings in one session.

    Attributes:
        session: Where.
        prefixes: Prefix → namespace URI, from the file.
        kinds: DataType → built-in type, as far as learned.
        children: Node → what is below it, as far as browsed.
    """

    session: Session
    prefixes: Mapping[str, str]
    kinds: dict[ua.NodeId, VariantType | None] = field(default_factory=dict)
    children: dict[ua.NodeId, list[ua.ReferenceDescription]] = field(default_factory=dict)

    async def resolve(self, bindings: Iterable[Binding]) -> dict[Point, Bound]:
        """Gives what every binding came to; what the server lacks has no node and says why."""
        every = [Bound(binding) for binding in bindings]
        await self._by_path([one for one in every if one.binding.address.path is not None])
        await self._by_id([one for one in every if one.binding.address.node is not None])
        await self._by_name([one for one in every if one.binding.address.auto is not None])
        await self._learn([one for one in every if one.node is not None])
        return {one.binding.point: one for one in every}

    # --- where the nodes are ---

    def _steps(self, path: str) -> list[Step] | str:
        """The steps with this session's namespace indexes, or why there are none."""
        steps: list[Step] = []
        for uri, name in parse_path(path, dict(self.prefixes)):
            index = 0 if uri is None else self.session.namespaces.get(uri)
            if index is None:
                return f"the server has no namespace {uri}"
            steps.append((index, name))
        return steps

    def _node_id(self, text: str) -> ua.NodeId | str:
        uri, kind, identifier = parse_node_id(text)
        index = 0 if uri is None else self.session.namespaces.get(uri)
        if index is None:
            return f"the server has no namespace {uri}"
        try:
            return _IDENTIFIERS[kind](identifier, index)
        except ValueError as error:
            return f"{text}: {error}"

    async def _by_path(self, bounds: Sequence[Bound]) -> None:
        wanted: list[tuple[Bound, ua.NodeId, list[Step]]] = []
        for one in bounds:
            address = one.binding.address
            start = ROOT
            text = address.path
            if not text.startswith("/"):
                if is_node_id(address.at):
                    at = self._node_id(address.at)
                    if isinstance(at, str):
                        one.detail = at
                        continue
                    start = at
                else:
                    text = f"{address.at.rstrip('/')}/{text}"
            steps = self._steps(text)
            if isinstance(steps, str):
                one.detail = steps
            else:
                wanted.append((one, start, steps))
        targets = await self.session.translate([(start, steps) for _, start, steps in wanted])
        parents = await self.session.translate([(start, steps[:-1]) for _, start, steps in wanted if len(steps) > 1])
        ahead = iter(parents)
        for (one, start, steps), found in zip(wanted, targets, strict=True):
            parent = next(ahead) if len(steps) > 1 else [start]
            shown = "/".join(name for _, name in steps)
            self._take(one, found, f"no node is at {shown}")
            one.parent = parent[0] if parent else None

    async def _by_id(self, bounds: Sequence[Bound]) -> None:
        for one in bounds:
            node = self._node_id(one.binding.address.node)
            if isinstance(node, str):
                one.detail = node
            else:
                one.node = node
        commands = [one for one in bounds if one.node is not None and one.binding.type.is_command]
        above = await self.session.browse(
            [one.node for one in commands if one.node is not None], direction=ua.BrowseDirection.Inverse
        )
        for one, references in zip(commands, above, strict=True):
            owner = next((ref for ref in references if ref.NodeClass == ua.NodeClass.Object), None)
            one.parent = self.session.local(owner.NodeId) if owner else None

    async def _by_name(self, bounds: Sequence[Bound]) -> None:
        """Walks down from ``at`` along DTDL names, all bindings of one depth in one request."""
        places = dict.fromkeys(one.binding.address.at for one in bounds)
        starts: dict[str, ua.NodeId | str] = {}
        paths: list[tuple[str, list[Step]]] = []
        for at in places:
            way = self._node_id(at) if is_node_id(at) else self._steps(at)
            if isinstance(way, list):
                paths.append((at, way))
            else:
                starts[at] = way
        for (at, _), found in zip(
            paths, await self.session.translate([(ROOT, steps) for _, steps in paths]), strict=True
        ):
            starts[at] = found[0] if len(found) == 1 else f"{len(found) or 'no'} nodes are at {at}"
        walking: list[tuple[Bound, ua.NodeId]] = []
        for one in bounds:
            start = starts[one.binding.address.at]
            if isinstance(start, str):
                one.detail = start
            else:
                walking.append((one, start))
        depth = 0
        while walking:
            await self._browse_below([node for _, node in walking])
            walking = [(one, node) for one, here in walking if (node := self._one_down(one, here, depth)) is not None]
            depth += 1

    async def _browse_below(self, nodes: Iterable[ua.NodeId]) -> None:
        fresh = [node for node in dict.fromkeys(nodes) if node not in self.children]
        for node, references in zip(fresh, await self.session.browse(fresh), strict=True):
            self.children[node] = references

    def _one_down(self, one: Bound, here: ua.NodeId, depth: int) -> ua.NodeId | None:
        """Takes one step by name; gives where to go on, or None when the walk is over."""
        names = one.binding.address.auto
        last = depth == len(names) - 1
        below = self.children[here]
        wanted = _classes(one.binding, last=last)
        found = {
            self.session.local(ref.NodeId)
            for ref in below
            if ref.BrowseName.Name == names[depth] and ref.NodeClass in wanted
        }
        if last or not found:
            known = sorted({str(ref.BrowseName.Name) for ref in below if ref.NodeClass in wanted})
            close = difflib.get_close_matches(names[depth], known, 3)
            hint = f"; near: {', '.join(close)}" if close else ""
            self._take(one, list(found), f"no node below has the browse name {names[depth]!r}{hint}")
            one.parent = here
            return None
        if len(found) > 1:
            self._take(one, list(found), "")
            return None
        return found.pop()

    @staticmethod
    def _take(one: Bound, found: Sequence[ua.NodeId], missing: str) -> None:
        distinct = list(dict.fromkeys(found))
        if len(distinct) == 1:
            one.node = distinct[0]
        elif distinct:
            one.detail = f"{len(distinct)} nodes match: {', '.join(sorted(node.to_string() for node in distinct))}"
        else:
            one.detail = missing

    # --- what the nodes are ---

    async def _learn(self, bounds: Sequence[Bound]) -> None:
        classes = await self._attributes(bounds, AttributeIds.NodeClass)
        for one, data in zip(bounds, classes, strict=True):
            expected = ua.NodeClass.Method if one.binding.type.is_command else ua.NodeClass.Variable
            if not data.StatusCode.is_good():
                one.node, one.detail = None, f"its node cannot be read: {data.StatusCode.name}"
            elif data.Value.Value != expected:
                seen = ua.NodeClass(data.Value.Value).name
                one.node, one.detail = None, f"its node is a {seen}, and not a {expected.name}"
        variables = [one for one in bounds if one.node is not None and not one.binding.type.is_command]
        methods = [one for one in bounds if one.node is not None and one.binding.type.is_command]
        await self._learn_access(variables)
        await self._learn_types(variables)
        units, spans = await self._properties(variables, _PROPERTIES)
        for one, unit, span in zip(variables, units, spans, strict=True):
            one.unit = unit if isinstance(unit, ua.EUInformation) else None
            one.span = (float(span.Low), float(span.High)) if isinstance(span, ua.Range) else None
        inputs, outputs = await self._properties(methods, _ARGUMENTS)
        for one, given, gotten in zip(methods, inputs, outputs, strict=True):
            one.inputs, one.outputs = tuple(given or ()), tuple(gotten or ())
            one.input_kinds = [await self._built_in(argument.DataType) for argument in one.inputs]

    async def _attributes(self, bounds: Sequence[Bound], attribute: AttributeIds) -> list[ua.DataValue]:
        return await self.session.read([(one.node, attribute) for one in bounds if one.node is not None])

    async def _learn_access(self, variables: Sequence[Bound]) -> None:
        levels = await self._attributes(variables, AttributeIds.AccessLevel)
        for_us = await self._attributes(variables, AttributeIds.UserAccessLevel)
        for one, data, ours in zip(variables, levels, for_us, strict=True):
            level = int(data.Value.Value or 0)
            user = int(ours.Value.Value or 0) if ours.StatusCode.is_good() else level
            one.readable = bool(level & user & 1 << ua.AccessLevel.CurrentRead)
            one.writable = bool(level & 1 << ua.AccessLevel.CurrentWrite)
            one.denied = one.writable and not user & 1 << ua.AccessLevel.CurrentWrite
            one.remembers = bool(level & user & 1 << ua.AccessLevel.HistoryRead)

    async def _learn_types(self, variables: Sequence[Bound]) -> None:
        types = await self._attributes(variables, AttributeIds.DataType)
        ranks = await self._attributes(variables, AttributeIds.ValueRank)
        unclear: list[Bound] = []
        for one, data_type, rank in zip(variables, types, ranks, strict=True):
            one.rank = int(rank.Value.Value) if rank.StatusCode.is_good() and rank.Value.Value is not None else -1
            one.kind = await self._built_in(data_type.Value.Value) if data_type.StatusCode.is_good() else None
            if one.kind is None and one.readable:
                unclear.append(one)
        for one, data in zip(unclear, await self._attributes(unclear, AttributeIds.Value), strict=True):
            kind = data.Value.VariantType if data.Value is not None else None
            one.kind = kind if isinstance(kind, VariantType) and kind is not VariantType.Null else None

    async def _built_in(self, data_type: ua.NodeId) -> VariantType | None:
        """The built-in type that a DataType derives from (OPC 10000-6, 5.1.2); None for an abstract one."""
        data_type = self.session.local(data_type)
        if data_type not in self.kinds:
            seen: list[ua.NodeId] = []
            here: ua.NodeId | None = data_type
            kind: VariantType | None = None
            while here is not None and here not in seen:
                seen.append(here)
                if here.NamespaceIndex == 0 and isinstance(here.Identifier, int):
                    if here.Identifier == _ENUMERATION:
                        kind = VariantType.Int32
                        break
                    if here.Identifier in _ABSTRACT:
                        break
                    if here.Identifier <= _LAST_BUILT_IN:
                        kind = VariantType(here.Identifier)
                        break
                above = await self.session.browse([here], ua.NodeId(ObjectIds.HasSubtype), ua.BrowseDirection.Inverse)
                here = self.session.local(above[0][0].NodeId) if above[0] else None
            self.kinds.update(dict.fromkeys(seen, kind))
        return self.kinds[data_type]

    async def _properties(self, bounds: Sequence[Bound], names: Sequence[str]) -> list[list[Any]]:
        """Values of standard properties of each node, one list a name; None where a node has none."""
        nodes = [one.node for one in bounds if one.node is not None]
        found = await self.session.translate([(node, [(0, name)]) for name in names for node in nodes])
        present = [targets[0] for targets in found if targets]
        values = iter(await self.session.read([(node, AttributeIds.Value) for node in present]))
        flat = [_plain(next(values)) if targets else None for targets in found]
        return [flat[index * len(nodes) : (index + 1) * len(nodes)] for index in range(len(names))]


def _plain(data: ua.DataValue) -> Any:
    return data.Value.Value if data.Value is not None and data.StatusCode.is_good() else None


def _classes(binding: Binding, *, last: bool) -> tuple[ua.NodeClass, ...]:
    if not last:
        return (ua.NodeClass.Object, ua.NodeClass.Variable)
    return (ua.NodeClass.Method,) if binding.type.is_command else (ua.NodeClass.Variable,)


_IDENTIFIERS: Final[Mapping[str, Callable[[str, int], ua.NodeId]]] = MappingProxyType(
    {
        "i": lambda text, index: ua.NodeId(int(text), index, ua.NodeIdType.Numeric),
        "s": lambda text, index: ua.NodeId(text, index, ua.NodeIdType.String),
        "g": lambda text, index: ua.NodeId(uuid.UUID(text), index, ua.NodeIdType.Guid),
        "b": lambda text, index: ua.NodeId(base64.b64decode(text, validate=True), index, ua.NodeIdType.ByteString),
    }
)
