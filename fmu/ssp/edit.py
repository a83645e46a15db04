"""Changes of one element somewhere in a document: a new document, in which only that element differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from fmu.ssp.elements import TopLevel
from fmu.ssp.schema import Node, shape_of

Document = TypeVar("Document", bound=TopLevel)


def change(document: Document, node: Node, **changes: Any) -> Document:
    """Gives the same document with other fields of one element.

    Args:
        document: It stays as it is.
        node: The element itself, as found in the document.
        changes: Field names and new values, as for `dataclasses.replace`.

    Raises:
        ValueError: The element is not in the document.
    """
    changed: Document
    found, changed = _change(document, node, changes)
    if not found:
        raise ValueError(f"{type(node).__name__} is not in this document")
    return changed


def _change(tree: Any, node: Node, changes: dict[str, Any]) -> tuple[bool, Any]:
    if tree is node:
        return True, replace(tree, **changes)
    for name, spec in shape_of(type(tree)).children:
        value = getattr(tree, name)
        for number, each in enumerate(value if spec.many else (value,) if value is not None else ()):
            found, changed = _change(each, node, changes)
            if found:
                fresh = (*value[:number], changed, *value[number + 1 :]) if spec.many else changed
                return True, replace(tree, **{name: fresh})
    return False, tree
