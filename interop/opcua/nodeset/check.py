"""What is checked of NodeSet2 documents together: that what they name is there, and that types form a tree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import NodeSetInvalid
from interop.opcua.nodeset.model import HAS_SUBTYPE, HAS_TYPE, UA, Field, Graph, ModelEntry, Node, NodeId, NodeSet
from interop.opcua.nodeset.reader import read

_TYPES = ("ObjectType", "VariableType", "DataType", "ReferenceType")


def check_files(paths: Sequence[str | os.PathLike[str]]) -> list[Diagnostic]:
    """Gives the findings of files that belong together.

    Raises:
        InputUnreadable: A path is missing, may not be read, or is too large.
    """
    return read_all(paths)[1]


def read_all(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[NodeSet], list[Diagnostic]]:
    """Reads files that belong together; gives what could be read, and all findings.

    Raises:
        InputUnreadable: A path is missing, may not be read, or is too large.
    """
    nodesets: list[NodeSet] = []
    found: list[Diagnostic] = []
    for path in paths:
        try:
            nodesets.append(read(path))
        except NodeSetInvalid as error:
            found += error.diagnostics
    return nodesets, [*found, *check(nodesets)]


def check(nodesets: Sequence[NodeSet]) -> Iterator[Diagnostic]:
    """Gives the findings of documents that belong together."""
    graph = Graph(nodesets)
    defined = {model.uri: model for each in nodesets for model in each.models}
    rooted: set[NodeId] = set()
    for nodeset in nodesets:
        yield from _required(nodeset, defined)
        for node in nodeset.nodes.values():
            yield from _missing(graph, node, nodeset.file, defined.keys())
            yield from _types(graph, node, nodeset.file, rooted)


def _required(nodeset: NodeSet, defined: dict[str, ModelEntry]) -> Iterator[Diagnostic]:
    for model in nodeset.models:
        for required in model.required:
            if required.uri == UA:
                continue
            where = Location(nodeset.file, required.line)
            given = defined.get(required.uri)
            if given is None:
                yield Diagnostic(
                    rule="MT328", severity=Severity.INFO, location=where,
                    cause=f"The model {required.uri} is required, and no given document defines it.",
                    action="Give its NodeSet2 file as well, so that its types are known.",
                )  # fmt: skip
            elif given.publication_date and given.publication_date < required.publication_date:
                yield Diagnostic(
                    rule="MT328", severity=Severity.WARNING, location=where,
                    cause=f"{required.uri} of {given.publication_date} is given, which is older than what is required.",
                    action=f"Give the document of {required.publication_date} or later.",
                )  # fmt: skip


def _missing(graph: Graph, node: Node, file: str, defined: Iterable[str]) -> Iterator[Diagnostic]:
    """Nodes of the given models that are named where nothing can do without them."""
    named: list[tuple[str, NodeId]] = [("DataType", node.data_type)]
    if node.parent is not None:
        named.append(("ParentNodeId", node.parent))
    named += [(f"the DataType of the field {one.name}", one.data_type) for one in _fields(node)]
    named += [("HasSubtype", ref.target) for ref in node.references if ref.type == HAS_SUBTYPE]
    named += [("HasTypeDefinition", ref.target) for ref in node.references if ref.type == HAS_TYPE and ref.forward]
    for word, target in named:
        if target.namespace != UA and target.namespace in defined and target not in graph.nodes:
            yield Diagnostic(
                rule="MT327", location=Location(file, node.line, node.column),
                cause=f"{node.browse_name.name}: {word} is {target}, which its model does not define.",
                action="Add the node, or correct the NodeId.",
            )  # fmt: skip


def _fields(node: Node) -> Sequence[Field]:
    return node.definition.fields if node.definition is not None else ()


def _types(graph: Graph, node: Node, file: str, rooted: set[NodeId]) -> Iterator[Diagnostic]:
    """Types form a tree, and Objects and Variables have one; ``rooted`` are types that no circle is above."""
    where = Location(file, node.line, node.column)
    if node.node_class in _TYPES:
        above, seen = graph.supertype(node.id), {node.id}
        if above is None and node.id.namespace != UA:
            yield Diagnostic(
                rule="MT330", severity=Severity.WARNING, location=where,
                cause=f"The {node.node_class} {node.browse_name.name} is a subtype of nothing.",
                action="Add a HasSubtype reference from its supertype.",
            )  # fmt: skip
        while above is not None and above not in seen and above not in rooted:
            seen.add(above)
            above = graph.supertype(above)
        if above is None or above in rooted:
            rooted |= seen
        if above == node.id:
            yield Diagnostic(
                rule="MT329", location=where, cause=f"{node.browse_name.name} is a subtype of itself.",
                action="Remove one of the HasSubtype references of the circle.",
            )  # fmt: skip
    elif node.node_class in ("Object", "Variable") and graph.type_of(node.id) is None:
        yield Diagnostic(
            rule="MT331", severity=Severity.WARNING, location=where,
            cause=f"The {node.node_class} {node.browse_name.name} has no type.",
            action="Add a HasTypeDefinition reference.",
        )  # fmt: skip
