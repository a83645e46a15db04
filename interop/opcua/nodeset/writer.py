"""The writer of NodeSet2: typed nodes to text, the same text for the same nodes (OPC 10000-6, Annex F)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from dtdl.markup import Element
from interop.opcua.nodeset.model import (
    BASE_DATA_TYPE,
    UA,
    Definition,
    Field,
    ModelEntry,
    Node,
    NodeId,
    NodeSet,
    QualifiedName,
)
from interop.opcua.nodeset.reader import DECLARATION, NODESET, TYPES

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write(nodeset: NodeSet) -> str:
    """Gives the text of a document; NodeIds are written in full, without aliases."""
    return "\n".join(_Writer(nodeset).lines()) + "\n"


class _Writer:
    def __init__(self, nodeset: NodeSet) -> None:
        self.nodeset = nodeset
        self.index = {UA: 0} | {uri: place for place, uri in enumerate(nodeset.namespaces, 1)}

    def lines(self) -> Iterator[str]:
        """The document; its nodes are written first, since they may name namespaces that it did not."""
        body = [line for node in self.nodeset.nodes.values() for line in self._node(node)]
        yield '<?xml version="1.0" encoding="utf-8"?>'
        yield f'<UANodeSet xmlns="{NODESET}" xmlns:uax="{TYPES}">'
        yield "  <NamespaceUris>"
        yield from (f"    <Uri>{escape(uri)}</Uri>" for uri in self.index if uri != UA)
        yield "  </NamespaceUris>"
        yield "  <Models>"
        for model in self.nodeset.models:
            yield from self._model(model)
        yield "  </Models>"
        yield from self._extensions(self.nodeset.extensions, "  ")
        yield from body
        yield "</UANodeSet>"

    def node_id(self, node: NodeId) -> str:
        index = self.index.setdefault(node.namespace, len(self.index))
        return f"ns={index};{node.identifier}" if index else node.identifier

    def _qualified(self, name: QualifiedName) -> str:
        index = self.index.setdefault(name.namespace, len(self.index))
        return f"{index}:{name.name}" if index else name.name

    @staticmethod
    def _model(model: ModelEntry) -> Iterator[str]:
        yield f"    <Model{_model_attributes(model.uri, model.version, model.publication_date)}>"
        for required in model.required:
            attributes = _model_attributes(required.uri, required.version, required.publication_date)
            yield f"      <RequiredModel{attributes}/>"
        yield "    </Model>"

    def _node(self, node: Node) -> Iterator[str]:
        attributes = {"NodeId": self.node_id(node.id), "BrowseName": self._qualified(node.browse_name)}
        if node.parent is not None:
            attributes["ParentNodeId"] = self.node_id(node.parent)
        if node.data_type != BASE_DATA_TYPE:
            attributes["DataType"] = self.node_id(node.data_type)
        attributes |= node.attributes
        if DECLARATION in attributes:
            attributes[DECLARATION] = self.node_id(NodeId.of(attributes[DECLARATION]))
        yield f"  <UA{node.node_class}{_attributes(attributes)}>"
        yield from _texts("DisplayName", node.display_name or {"": node.browse_name.name}, "    ")
        yield from _texts("Description", node.description, "    ")
        yield "    <References>"
        for reference in node.references:
            forward = "" if reference.forward else ' IsForward="false"'
            kind, target = quoteattr(self.node_id(reference.type)), escape(self.node_id(reference.target))
            yield f"      <Reference ReferenceType={kind}{forward}>{target}</Reference>"
        yield "    </References>"
        yield from _texts("InverseName", node.inverse_name, "    ")
        if node.definition is not None:
            yield from self._definition(node, node.definition)
        if node.value is not None:
            yield f"    <Value>{self._element(node.value, NODESET)}</Value>"
        yield from self._extensions(node.extensions, "    ")
        yield f"  </UA{node.node_class}>"

    def _definition(self, node: Node, definition: Definition) -> Iterator[str]:
        attributes = {"Name": self._qualified(QualifiedName(node.id.namespace, definition.name))}
        if definition.kind == "union":
            attributes["IsUnion"] = "true"
        elif definition.kind == "option-set":
            attributes["IsOptionSet"] = "true"
        yield f"    <Definition{_attributes(attributes)}>"
        for each in definition.fields:
            yield from self._field(each)
        yield "    </Definition>"

    def _field(self, field: Field) -> Iterator[str]:
        attributes = {"Name": field.name}
        if field.value is not None:
            attributes["Value"] = str(field.value)
        else:
            attributes["DataType"] = self.node_id(field.data_type)
        if field.rank != -1:
            attributes["ValueRank"] = str(field.rank)
        if field.dimensions:
            attributes["ArrayDimensions"] = field.dimensions
        if field.optional:
            attributes["IsOptional"] = "true"
        texts = [*_texts("DisplayName", field.display_name, ""), *_texts("Description", field.description, "")]
        yield f"      <Field{_attributes(attributes)}{'>' + ''.join(texts) + '</Field>' if texts else '/>'}"

    def _extensions(self, extensions: Iterable[Element], indent: str) -> Iterator[str]:
        parts = [f"<Extension>{self._element(extension, NODESET)}</Extension>" for extension in extensions]
        if parts:
            yield f"{indent}<Extensions>{''.join(parts)}</Extensions>"

    def _element(self, element: Element, outer: str) -> str:
        """Elements of the types' namespace carry its prefix; others declare theirs where it changes."""
        prefix, space = ("uax:", outer) if element.namespace == TYPES else ("", element.namespace)
        declared = "" if space == outer else f" xmlns={quoteattr(space)}"
        text = element.text
        if element.tag == "Identifier" and element.namespace == TYPES:
            text = self.node_id(NodeId.of(text))
        # asyncua takes a value without any text in its first element for null, so children stand on lines of their own
        inner = "".join(f"\n{self._element(child, space)}" for child in element.children)
        inner = f"{_text(text)}{inner}\n" if inner else _text(text)
        name = f"{prefix}{element.tag}"
        plain = {key: value for key, value in element.attributes.items() if " " not in key}
        return f"<{name}{declared}{_attributes(plain)}>{inner}</{name}>"


def _model_attributes(uri: str, version: str, date: str) -> str:
    given = {"ModelUri": uri, "Version": version, "PublicationDate": date}
    return _attributes({name: value for name, value in given.items() if value})


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_NOT_XML.sub('', value))}" for name, value in attributes.items())


def _texts(tag: str, texts: Mapping[str, str], indent: str) -> Iterator[str]:
    for language, text in texts.items():
        locale = f" Locale={quoteattr(language)}" if language else ""
        yield f"{indent}<{tag}{locale}>{_text(text)}</{tag}>"


def _text(text: str) -> str:
    """Characters that XML cannot hold are left out; a carriage return would be read as a line feed."""
    return escape(_NOT_XML.sub("", text), {"\r": "&#13;"})
