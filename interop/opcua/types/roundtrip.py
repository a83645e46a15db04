"""DTDL to a NodeSet2 document that holds all of it: what OPC UA says itself, and the residue that it does not."""

from __future__ import annotations

from typing import Any

from dtdl.elements import Model
from dtdl.printer import dump
from interop.opcua.nodeset.model import NodeId, NodeSet
from interop.opcua.types.residue import difference, extension
from interop.opcua.types.to_dtdl import dtdl_of
from interop.opcua.types.to_nodeset import nodeset_of

Json = Any


def annotated_nodeset(model: Model) -> NodeSet:
    """The types of every Interface, with the residue in the Extensions of the nodes that it belongs to."""
    nodeset = nodeset_of(model)
    by_dtmi = {document["@id"]: document for document in dump(model)}
    nodes = {node.id.identifier: node.id for node in nodeset.nodes.values() if node.node_class == "ObjectType"}
    for derived in dtdl_of([nodeset], residue=False).documents:
        _note(nodeset, nodes[f"s={derived['@id']}"], derived, by_dtmi[derived["@id"]])
    return nodeset


def _note(nodeset: NodeSet, owner: NodeId, derived: Json, wanted: Json) -> None:
    """Contents that are there on both sides note their own differences; the rest stands at the ObjectType."""
    old = {content["name"]: content for content in derived.get("contents", ())}
    new = {content["name"]: content for content in wanted.get("contents", ()) if isinstance(content, dict)}
    for name, content in new.items():
        changes = difference(old[name], content) if name in old else {}
        if changes:
            node = nodeset.nodes[NodeId(owner.namespace, f"{owner.identifier}/{name}")]
            node.extensions.append(extension(changes))
            old[name].clear()
            old[name].update(content)
    changes = difference(derived, wanted)
    if changes:
        nodeset.nodes[owner].extensions.append(extension(changes))
