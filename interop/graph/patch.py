"""JSON Patch (RFC 6902: add, replace, remove) on a twin's contents, copy-on-write: what is not touched is shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from dtdl.errors import RequestInvalid
from interop.values import Value

MAX_OPERATIONS: Final = 10_000
MAX_DEPTH: Final = 32
"""Segments of a path; deeper than any DTDL schema."""
MAX_PATH: Final = 4_096
"""Characters of a path."""
MODEL_PATH: Final = ("$metadata", "$model")
_OPERATIONS: Final = frozenset({"add", "replace", "remove"})
_MISSING: Final = object()


class _Nowhere(LookupError):
    """An operation names a place that does not exist."""


class Patched(NamedTuple):
    """What a patch comes to.

    Attributes:
        contents: The new contents; parts that no operation touched are the same objects as before.
        model: The DTMI that ``/$metadata/$model`` was set to, or None.
        paths: Paths into the contents that were touched, in order, each once.
    """

    contents: dict[str, Value]
    model: str | None
    paths: tuple[tuple[str, ...], ...]


class Operation(NamedTuple):
    """One checked operation."""

    op: str
    path: tuple[str, ...]
    value: Any = None


def apply_patch(contents: Mapping[str, Value], ops: Sequence[Mapping[str, Any]]) -> Patched:
    """Applies operations in order, all or none.

    Args:
        contents: Contents of a twin, a component or a relationship; never changed.
        ops: RFC 6902 operations ``add``, ``replace`` and ``remove``; paths are JSON Pointers (RFC 6901). ``replace`` of
            ``/$metadata/$model`` is allowed and given separately.

    Returns:
        The new contents, the new model and the touched paths.

    Raises:
        RequestInvalid: Code ``JsonPatchInvalid``: the list or an operation is malformed, uses another operation, names
            a place that does not exist, or is larger than the bounds; the message has the index and the path.
    """
    return _run(contents, operations(ops), strict=True)


def replay_patch(contents: Mapping[str, Value], ops: Sequence[Mapping[str, Any]]) -> Patched:
    """Applies recorded operations to contents that may lack what a source had given when they were validated.

    Removing what is not there does nothing, and parents that are missing are made.
    """
    return _run(contents, operations(ops), strict=False)


def operations(ops: object) -> list[Operation]:
    """Checks the form of a patch document.

    Raises:
        RequestInvalid: Code ``JsonPatchInvalid``.
    """
    if not isinstance(ops, Sequence) or isinstance(ops, str | bytes):
        raise RequestInvalid(
            "JsonPatchInvalid", "the patch is not a list of operations", action='Send [{"op": …, "path": …}, …].'
        )
    if len(ops) > MAX_OPERATIONS:
        raise RequestInvalid(
            "JsonPatchInvalid", f"the patch has {len(ops)} operations", action=f"Send at most {MAX_OPERATIONS}."
        )
    return [_operation(index, op) for index, op in enumerate(ops)]


def pointer(text: str) -> tuple[str, ...]:
    """Reads a JSON Pointer (RFC 6901); the empty text is the whole.

    Raises:
        ValueError: No leading ``/``, or a ``~`` that is not followed by 0 or 1.
    """
    if not text:
        return ()
    if text[0] != "/":
        raise ValueError("it must begin with '/'")
    segments = text[1:].split("/")
    if "~" not in text:
        return tuple(segments)
    if any("~" in segment.replace("~0", "").replace("~1", "") for segment in segments):
        raise ValueError("'~' must be followed by 0 or 1")
    return tuple(segment.replace("~1", "/").replace("~0", "~") for segment in segments)


def _operation(index: int, raw: object) -> Operation:
    if not isinstance(raw, Mapping):
        _refuse(index, "", "is not an object")
    op, text = raw.get("op"), raw.get("path")
    if not isinstance(text, str):
        _refuse(index, "", "has no path")
    if not isinstance(op, str) or op not in _OPERATIONS:
        _refuse(index, text, f"{op!r} is not one of add, replace, remove")
    if op != "remove" and "value" not in raw:
        _refuse(index, text, f"{op} needs a value")
    if len(text) > MAX_PATH:
        _refuse(index, text[:40] + "…", f"the path is longer than {MAX_PATH} characters")
    try:
        path = pointer(text)
    except ValueError as error:
        _refuse(index, text, str(error))
    if not path or len(path) > MAX_DEPTH:
        _refuse(index, text, f"the path must have 1 to {MAX_DEPTH} segments")
    if path[0].startswith("$") and (path != MODEL_PATH or op == "remove"):
        _refuse(index, text, "only /$metadata/$model can be set among what begins with '$'")
    if path == MODEL_PATH and not isinstance(raw["value"], str):
        _refuse(index, text, "the model must be a DTMI")
    return Operation(op, path, raw.get("value"))


def _refuse(index: int, path: str, why: str) -> NoReturn:
    raise RequestInvalid(
        "JsonPatchInvalid",
        f"operation {index} of the patch ({path or 'no path'}): {why}",
        action="Correct that operation; nothing was applied.",
    )


def _run(contents: Mapping[str, Value], ops: Sequence[Operation], *, strict: bool) -> Patched:
    root: dict[str, Any] = dict(contents)
    owned: dict[int, Any] = {}
    model: str | None = None
    paths: dict[tuple[str, ...], None] = {}
    for index, operation in enumerate(ops):
        if operation.path == MODEL_PATH:
            model = operation.value
            continue
        try:
            _apply(root, owned, operation, strict=strict)
        except _Nowhere as error:
            if strict:
                _refuse(index, "/" + "/".join(operation.path), str(error.args[0]))
        # What a source had given and a client removed was touched too, though a replay without samples does not see it.
        paths[operation.path] = None
    return Patched(root, model, tuple(paths))


def _apply(root: dict[str, Any], owned: dict[int, Any], operation: Operation, *, strict: bool) -> None:
    parent: Any = root
    *parents, last = operation.path
    for segment in parents:
        parent = _own(parent, segment, owned, strict=strict)
    if isinstance(parent, list):
        _apply_to_list(parent, last, operation)
    elif not isinstance(parent, dict):
        raise _Nowhere(f"{parents[-1]!r} is neither an object nor an array")
    elif operation.op == "remove":
        if parent.pop(last, _MISSING) is _MISSING:
            raise _Nowhere(f"there is no {last!r} to remove")
    else:
        if strict and operation.op == "replace" and last not in parent:
            raise _Nowhere(f"there is no {last!r} to replace; use add")
        parent[last] = bare_value(operation.value) if parent is root else operation.value


def _own(parent: Any, segment: str, owned: dict[int, Any], *, strict: bool) -> Any:
    """Gives a child that this patch may change: a copy, made once and put in the place of the original."""
    key: Any = segment
    if isinstance(parent, list):
        key = _index(parent, segment, len(parent) - 1)
    elif not isinstance(parent, dict):
        raise _Nowhere(f"there is nothing below which {segment!r} could be")
    elif segment not in parent:
        if strict:
            raise _Nowhere(f"there is no {segment!r}")
        parent[segment] = {}
    child = parent[key]
    if not isinstance(child, dict | list) or id(child) in owned:
        return child
    copy = child.copy()
    parent[key] = copy
    # The copy is kept here, so that its id cannot come back as another object's while the patch runs.
    owned[id(copy)] = copy
    return copy


def _apply_to_list(items: list[Any], segment: str, operation: Operation) -> None:
    if operation.op == "add":
        at = len(items) if segment == "-" else _index(items, segment, len(items))
        items.insert(at, operation.value)
        return
    at = _index(items, segment, len(items) - 1)
    if operation.op == "remove":
        del items[at]
    else:
        items[at] = operation.value


def _index(items: list[Any], segment: str, highest: int) -> int:
    """Reads an array index as RFC 6901 writes it: decimal digits, no leading zero."""
    is_number = segment.isascii() and segment.isdigit() and len(segment) <= 9 and (segment == "0" or segment[0] != "0")  # noqa: PLR2004 - no list is longer
    if not is_number or int(segment) > highest:
        raise _Nowhere(f"{segment!r} is not an index of an array of {len(items)}")
    return int(segment)


def bare_value(value: Value) -> Value:
    """Gives a top-level content without the ``$metadata`` that marks a component."""
    if isinstance(value, dict) and "$metadata" in value:
        return {name: member for name, member in value.items() if not name.startswith("$")}
    return value
