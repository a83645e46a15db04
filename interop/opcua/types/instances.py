"""Instances of ObjectTypes as nodes: what a type and its supertypes declare (OPC 10000-3, 6.2 and 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from interop.opcua.nodeset.model import (
    HAS_ADD_IN,
    HAS_COMPONENT,
    HAS_INTERFACE,
    HAS_MODELLING_RULE,
    HAS_ORDERED_COMPONENT,
    HAS_PROPERTY,
    HAS_SUBTYPE,
    HAS_TYPE,
    MANDATORY,
    ORGANIZES,
    Graph,
    Node,
    NodeId,
    QualifiedName,
    Reference,
    standard,
)

NAMESPACE: Final = "urn:megatwin:mock"
"""Namespace of the instances."""
MAX_NODES: Final = 50_000
_DEPTH: Final = 16
_OPTIONAL: Final = standard(80)
_OBJECTS: Final = standard(85)
_PARTS: Final = (HAS_COMPONENT, HAS_PROPERTY, HAS_ORDERED_COMPONENT, HAS_ADD_IN, ORGANIZES)


def instances_of(graph: Graph) -> list[Node]:
    """One Object below Objects for each ObjectType that is not abstract, has no subtype and is part of no other.

    Optional declarations are made, placeholders are not.
    """
    declared = {graph.type_of(node.id) for node in graph.nodes.values() if node.node_class == "Object"}
    made: list[Node] = []
    for node in graph.nodes.values():
        is_leaf = node.id not in declared and not any(graph.targets(node.id, HAS_SUBTYPE))
        if node.node_class == "ObjectType" and is_leaf and not node.is_abstract:
            name = node.browse_name.name.removesuffix("Type") or node.browse_name.name
            taken = {one.id.identifier for one in made}
            unique = name if f"s={name}" not in taken else f"{name} of {node.id.namespace}"
            root = Node(NodeId(NAMESPACE, f"s={unique}"), "Object", QualifiedName(NAMESPACE, unique))
            root.references = [Reference(ORGANIZES, _OBJECTS, forward=False), Reference(HAS_TYPE, node.id)]
            made.append(root)
            made += _below(graph, root.id, (node.id,), MAX_NODES - len(made))
    return made


def _below(graph: Graph, owner: NodeId, sources: tuple[NodeId, ...], room: int, depth: int = 0) -> Iterator[Node]:
    """Copies of what the nodes and the types that they are of declare; the first of a name holds."""
    seen: set[QualifiedName] = set()
    for kind, node in _declared(graph, sources):
        if node.browse_name in seen or room <= 0 or depth >= _DEPTH:
            continue
        seen.add(node.browse_name)
        copy = replace(node, id=NodeId(owner.namespace, f"{owner.identifier}/{node.browse_name.name}"))
        type_ = graph.type_of(node.id)
        copy.references = [Reference(kind, owner, forward=False)]
        copy.references += [Reference(HAS_TYPE, type_)] if type_ is not None else []
        yield copy
        room -= 1
        for below in _below(graph, copy.id, (node.id, *([type_] if type_ is not None else [])), room, depth + 1):
            yield below
            room -= 1


def _declared(graph: Graph, sources: tuple[NodeId, ...]) -> Iterator[tuple[NodeId, Node]]:
    open_, done = list(sources), set()
    while open_:
        here = open_.pop(0)
        if here in done:
            continue
        done.add(here)
        for kind in _PARTS:
            for target in graph.targets(here, kind):
                node = graph.nodes.get(target)
                rules = set(graph.targets(target, HAS_MODELLING_RULE))
                if node is not None and rules & {MANDATORY, _OPTIONAL}:
                    yield kind, node
        above = graph.supertype(here)
        open_ += [*([above] if above is not None else []), *graph.targets(here, HAS_INTERFACE)]
