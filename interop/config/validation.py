"""Pydantic's errors to findings with line and column; one mistake, one finding.

A value that is refused is taken out and the rest is validated again, so that every later check still sees all that is
right.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from interop.config.document import Document, KeyPath
from interop.config.findings import Findings, did_you_mean
from interop.config.rules import RULES

M = TypeVar("M", bound=BaseModel)

_RULES: Final[Mapping[str, str]] = {
    "address_invalid": "MT113",
    "environment_unset": "MT111",
    "extra_forbidden": "MT106",
    "file_missing": "MT110",
    "missing": "MT107",
    "secret_in_file": "MT112",
}
"""Type of a pydantic error → rule; kinds of values are MT105, and all else is MT109."""

_KINDS: Final[Mapping[str, str]] = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_type": "a text",
    "tuple_type": "a list",
}
"""Type of a pydantic error → what it wants instead."""

_SHORT: Final = 40
_ROUNDS: Final = 20
_OWN_RULE: Final = re.compile(r"MT[A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the validated value stands in a document.

    Attributes:
        document: Which.
        path: Where in it.
        findings: Takes what is wrong.
        context: Passed to validators; ``base`` is the folder of the file.
        moved: Path below the value → path in the document, for what is written elsewhere.
        also: Path below the value → keys that are right there too, for guesses.
    """

    document: Document
    path: KeyPath
    findings: Findings
    context: Mapping[str, Any] | None = None
    moved: Mapping[KeyPath, KeyPath] = field(default_factory=dict)
    also: Mapping[KeyPath, Sequence[str]] = field(default_factory=dict)

    def full(self, path: KeyPath) -> KeyPath:
        """Gives the path in the document of a path below the value."""
        return self.moved.get(path) or (*self.path, *path)


def validate(model: type[M], raw: Any, place: Place) -> M | None:
    """Validates a value of the file against a pydantic model and reports everything that it refuses.

    Args:
        model: What the value should be.
        raw: The value as read.
        place: Where it stands, and where findings go.

    Returns:
        The model of all that is right, or None when nothing useful is left.
    """
    value = copy.deepcopy(raw)
    pruned: set[KeyPath] = set()
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(value, context=dict(place.context or {}))
        except ValidationError as error:
            errors = _without_union_noise(error.errors(include_url=False), value)
        typos = {(*error["loc"][:-1], near) for error in errors if (near := _meant(error, errors))}
        for found in errors:
            # What was taken out because it was refused, or is there with a typo, is not missing.
            if found["type"] != "missing" or (found["loc"] not in pruned and found["loc"] not in typos):
                _report(model, found, value, place)
        taken = _prune(value, errors)
        if not taken:
            return None
        pruned |= taken
    return None


def real_path(value: Any, loc: Sequence[str | int]) -> tuple[KeyPath, Sequence[str | int]]:
    """Splits pydantic's location into the path that exists in the value, and what is left.

    Tags of unions and names of validators are in the location and not in the value; they are skipped when a later
    segment exists.
    """
    path: list[str | int] = []
    rest = [segment for segment in loc if segment != "[key]"]
    while rest:
        for skipped, segment in enumerate(rest):
            if _has(value, segment):
                value = value[segment]
                path.append(segment)
                rest = rest[skipped + 1 :]
                break
        else:
            break
    return tuple(path), rest


def _has(value: Any, segment: str | int) -> bool:
    if isinstance(value, dict):
        return segment in value
    return isinstance(value, list) and isinstance(segment, int) and 0 <= segment < len(value)


def _without_union_noise(errors: list[ErrorDetails], value: Any) -> list[ErrorDetails]:
    """Keeps, of the errors that the branches of one union give for one value, those of the branch that fits best."""
    branches: dict[KeyPath, dict[str, list[ErrorDetails]]] = {}
    kept: list[ErrorDetails] = []
    for error in errors:
        path, tag = _branch(value, error["loc"])
        if tag is None or error["type"] == "missing":
            kept.append(error)
        else:
            branches.setdefault(path, {}).setdefault(tag, []).append(error)
    for found in branches.values():
        best = min(found.values(), key=_misfit)
        kept.extend(best)
    return kept


def _meant(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> str | None:
    """Gives the missing key beside it that an unknown key is probably a typo of."""
    if error["type"] != "extra_forbidden":
        return None
    loc = error["loc"]
    missing = [str(e["loc"][-1]) for e in errors if e["type"] == "missing" and e["loc"][:-1] == loc[:-1]]
    return next(iter(get_close_matches(str(loc[-1]), missing, n=1)), None)


def _misfit(errors: list[ErrorDetails]) -> tuple[bool, int]:
    return any(error["type"] in _KINDS for error in errors), len(errors)


def _branch(value: Any, loc: Sequence[str | int]) -> tuple[KeyPath, str | None]:
    path: list[str | int] = []
    for segment in loc:
        if segment == "[key]":
            break
        if not _has(value, segment):
            return tuple(path), str(segment)
        value = value[segment]
        path.append(segment)
    return tuple(path), None


def _report(model: type[BaseModel], error: ErrorDetails, value: Any, place: Place) -> None:
    path, rest = real_path(value, error["loc"])
    full = place.full(path)
    kind = error["type"]
    rule = kind if _OWN_RULE.fullmatch(kind) else "MT105" if kind in _KINDS else _RULES.get(kind, "MT109")
    name = _dotted(full)
    on_key = kind == "extra_forbidden" or "[key]" in error["loc"] or error["input"] is None
    location = place.document.key(full) if on_key else place.document.at(full)
    action = ""
    if kind == "extra_forbidden":
        key = str(full[-1]) if full else ""
        cause = f"the key {key!r} is not known here"
        action = did_you_mean(key, [*keys_at(model, path[:-1]), *place.also.get(path[:-1], ())])
    elif kind == "missing":
        missing = ".".join(map(str, rest)) or str(error["loc"][-1])
        cause = f"{name or 'the file'} needs the key {missing!r}"
        location = place.document.key(full)
        action = f"Add {missing}: to it."
    elif kind == "literal_error":
        words = _words(error)
        cause = f"{name} must be {' or '.join(words)}, and is {_kind_of(error['input'])}"
        action = did_you_mean(str(error["input"]), words)
    elif kind in _KINDS:
        cause = f"{name} must be {_KINDS[kind]}, and is {_kind_of(error['input'])}"
    else:
        cause = f"{name}: {_sentence(error)}"
    place.findings.add(
        rule if rule in RULES else "MT109",
        location,
        cause,
        action=action,
        property_name=str(full[-1]) if full else None,
    )


def _sentence(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:] if message.startswith(("Input ", "Value ", "Field ")) else message


def _words(error: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))


def _kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= _SHORT else "a text"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"the number {value}"


def _dotted(path: KeyPath) -> str:
    return ".".join(f'"{step}"' if "." in str(step) else str(step) for step in path)


def _prune(value: Any, errors: Sequence[ErrorDetails]) -> set[KeyPath]:
    """Takes what was refused out of the value; gives what was taken, nothing when all would have to go.

    A list goes as a whole, so that indexes stay true.
    """
    taken: set[KeyPath] = set()
    for error in errors:
        path = real_path(value, error["loc"])[0]
        for length, step in enumerate(path):
            if isinstance(step, int):
                path = path[:length]
                break
        if not path:
            return set()
        taken.add(path)
    for path in sorted(taken, key=len, reverse=True):
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
    return taken


def keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Gives the keys that a pydantic model has at a path of a value."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    nodes = [schema]
    for step in path:
        nodes = [part for node in _open(nodes, definitions) for part in _below(node, step)]
    return sorted({key for node in _open(nodes, definitions) for key in node.get("properties", {})})


def _open(nodes: Sequence[Any], definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    queue = list(nodes)
    while queue:
        node = queue.pop()
        if not isinstance(node, dict):
            continue
        if "$ref" in node:
            queue.append(definitions.get(node["$ref"].rsplit("/", 1)[-1]))
        for union in ("anyOf", "oneOf", "allOf"):
            queue.extend(node.get(union, ()))
        found.append(node)
    return found


def _below(node: Mapping[str, Any], step: str | int) -> list[Any]:
    if isinstance(step, int):
        return [node["items"]] if "items" in node else []
    if step in node.get("properties", {}):
        return [node["properties"][step]]
    return [node["additionalProperties"]] if "additionalProperties" in node else []
