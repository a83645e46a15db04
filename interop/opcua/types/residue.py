"""Residue: the part of a DTDL document that its OPC UA nodes do not say, kept in their Extensions, and put back.

It is the difference between the document and what the translation back gives without it, so it is empty wherever OPC UA
has a place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from dtdl.markup import Element
from interop.opcua.nodeset.model import Node

Json = Any
NAMESPACE: Final = "urn:megatwin:dtdl"
TAG: Final = "Dtdl"
_PARTS: Final = "#"
"""Key of the changes to items of a list, by their name."""
_MAX_TEXT: Final = 1024 * 1024


def difference(derived: Mapping[str, Json], wanted: Mapping[str, Json]) -> dict[str, Json]:
    """What must be put on a document to make it another: member → ``[value]``, ``[]`` to remove, or changes below."""
    made: dict[str, Json] = {key: [] for key in derived if key not in wanted}
    for key, value in wanted.items():
        if key not in derived:
            made[key] = [value]
        elif derived[key] != value:
            made[key] = _change(derived[key], value)
    return made


def _change(derived: Json, value: Json) -> Json:
    if isinstance(derived, dict) and isinstance(value, dict):
        return difference(derived, value)
    names = _names(derived)
    if names is not None and names == _names(value):
        pairs = zip(names, derived, value, strict=True)
        return {_PARTS: {name: difference(old, new) for name, old, new in pairs if old != new}}
    return [value]


def _names(items: Json) -> list[str] | None:
    if not isinstance(items, list) or not all(isinstance(item, dict) and "name" in item for item in items):
        return None
    names = [item["name"] for item in items]
    return names if names and len(set(names)) == len(names) else None


def put(made: dict[str, Json], changes: Mapping[str, Json]) -> None:
    """Changes a document by a difference; what does not fit it is left out, since documents are edited."""
    for key, change in changes.items():
        old = made.get(key)
        if isinstance(change, list):
            made.pop(key, None)
            if change:
                made[key] = change[0]
        elif isinstance(change, dict) and isinstance(old, list):
            _put_items(old, change.get(_PARTS))
        elif isinstance(change, dict) and isinstance(old, dict):
            put(old, change)


def _put_items(items: list[Json], by_name: Json) -> None:
    for item in items if isinstance(by_name, dict) else ():
        found = by_name.get(item.get("name")) if isinstance(item, dict) else None
        if isinstance(found, dict):
            put(item, found)


def extension(changes: Mapping[str, Json]) -> Element:
    """The element in Extensions that holds a difference."""
    return Element(TAG, NAMESPACE, {}, 0, 0, [], orjson.dumps(changes).decode())


def changes_of(node: Node) -> Iterator[Mapping[str, Json]]:
    """The differences that a node holds."""
    for each in node.extensions:
        if each.namespace == NAMESPACE and each.tag == TAG and len(each.text) <= _MAX_TEXT:
            try:
                found = orjson.loads(each.text)
            except orjson.JSONDecodeError:
                continue  # a document that was edited by hand says what its nodes say
            if isinstance(found, dict):
                yield found


def amended(made: dict[str, Json], node: Node) -> dict[str, Json]:
    """Puts what a node holds on its document, and gives the document."""
    for changes in changes_of(node):
        put(made, changes)
    return made
