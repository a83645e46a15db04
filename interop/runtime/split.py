"""Which part of a client's change goes to a plant, and which is the twin's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dtdl.errors import RequestInvalid
from interop.graph.patch import Patched, pointer
from interop.graph.state import TwinState
from interop.graph.transition import value_at
from interop.values import Point, Value

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who gives the value of a bound property.

    Attributes:
        source: Name of the source, ``roll-up`` or ``connection``.
        way: ``read`` (clients may not write it), ``write`` (their writes go to the plant).
    """

    source: str
    way: Literal["read", "write"]


@dataclass(slots=True)
class Split:
    """A change, taken apart.

    Attributes:
        written: Values for plants, in the order of the request.
        own: Operations on what nothing else gives.
    """

    written: dict[Point, Value] = field(default_factory=dict)
    own: list[dict[str, Any]] = field(default_factory=list)


def split_patch(
    state: TwinState, patched: Patched, operations: Sequence[Mapping[str, Any]], owners: Mapping[Path, Owner]
) -> Split:
    """Takes a patch apart.

    Args:
        state: The twin before it.
        patched: What the whole patch comes to.
        operations: The patch.
        owners: Bound properties of this twin.

    Raises:
        RequestInvalid: It writes, or removes, what a source gives.
    """
    result = Split()
    for operation in operations:
        path = pointer(operation["path"])
        below = [other for other in owners if other[: len(path)] == path and other != path]
        at = next((other for other in owners if path[: len(other)] == other), None)
        if at is not None:
            _written(state, patched.contents, at, owners[at], result, explicit=True)
        elif below:
            for other in below:
                _written(state, patched.contents, other, owners[other], result, explicit=False)
            result.own += _around(state.contents, patched.contents, path, owners)
        else:
            result.own.append(dict(operation))
    return result


def split_put(
    state: TwinState | None, twin: str, contents: dict[str, Any], owners: Mapping[Path, Owner]
) -> tuple[dict[Point, Value], dict[str, Any]]:
    """Takes a replacement apart: values for plants, and contents without what sources give (their values stay).

    Raises:
        RequestInvalid: It changes what a source gives and clients may not write.
    """
    if state is None or not owners:
        return {}, contents
    result = Split()
    own = contents
    for path, owner in owners.items():
        there, value = value_at(contents, path)
        if not there:
            continue
        if value != state.value(path):
            if owner.way == "read":
                raise _read_only(twin, path, owner)
            result.written[Point(twin, path)] = value
        own = _without(own, path)
    return result.written, own


def _written(
    state: TwinState, contents: Mapping[str, Value], path: Path, owner: Owner, result: Split, *, explicit: bool
) -> None:
    there, value = value_at(contents, path)
    if not explicit and there and value == state.value(path):
        return
    if owner.way == "read":
        raise _read_only(state.id, path, owner)
    if not there:
        raise RequestInvalid(
            "ValidationFailed",
            f"{Point(state.id, path)} is bound to {owner.source} and cannot be removed",
            action="Write another value instead.",
        )
    result.written[Point(state.id, path)] = value


def _read_only(twin: str, path: Path, owner: Owner) -> RequestInvalid:
    return RequestInvalid(
        "ValidationFailed",
        f"{Point(twin, path)} is given by {owner.source} and cannot be written",
        action="Leave it out; to write to the plant, bind it with `write: true`.",
    )


def _around(
    old: Mapping[str, Value], new: Mapping[str, Value], path: Path, owners: Mapping[Path, Owner]
) -> list[dict[str, Any]]:
    """Operations for what stands beside bound values below a path."""
    _, before = value_at(old, path)
    there, after = value_at(new, path)
    before = before if isinstance(before, dict) else {}
    after = after if there and isinstance(after, dict) else {}
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys([*before, *after]):
        child = (*path, name)
        if child in owners:
            continue
        if any(other[: len(child)] == child for other in owners):
            found += _around(old, new, child, owners)
        elif name not in after:
            found.append({"op": "remove", "path": _pointer(child)})
        elif name not in before or before[name] != after[name]:
            found.append({"op": "add", "path": _pointer(child), "value": after[name]})
    return found


def _pointer(path: Path) -> str:
    return "".join("/" + segment.replace("~", "~0").replace("/", "~1") for segment in path)


def _without(contents: Mapping[str, Any], path: Path) -> dict[str, Any]:
    head, *rest = path
    copy = dict(contents)
    if not rest:
        copy.pop(head, None)
    elif isinstance(copy.get(head), dict):
        copy[head] = _without(copy[head], tuple(rest))
    return copy
