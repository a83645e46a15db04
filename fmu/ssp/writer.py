"""Document model → XML. What is written is what the fields say; prefixes, white space and comments are those read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dtdl.errors import FmuError
from fmu.ssp.elements import TopLevel
from fmu.ssp.schema import PREFIXES, SSC, Children, Node, Written, shape_of
from fmu.ssp.verbatim import Document, Raw, Xml, to_bytes

_INDENT: Final = "  "


def write_document(document: TopLevel) -> bytes:
    """Writes a file; the same document gives the same bytes.

    Raises:
        FmuError: A text with a character that XML has no form for.
    """
    around = document.written.around if document.written else ([], [])
    root = _Writer().node(document, document.TAG, {}, 0)
    try:
        return to_bytes(Document(root, list(around[0]), list(around[1])))
    except ValueError as error:
        raise FmuError(f"{document.TAG} cannot be written: {error}", action="Remove the character.") from error


class _Writer:
    """Writes one tree; ``scope`` is prefix → URI where an element stands."""

    def node(self, node: Node, tag: str, scope: Mapping[str, str], depth: int) -> Xml:
        shape = shape_of(type(node))
        xml, scope = self._open(tag, node.NAMESPACE, node.written, scope)
        if depth == 0:
            scope = self._declare_used(node, xml, scope)
        old = node.written.attributes if node.written else {}
        texts = dict(self._texts(node, tag))
        # those that were read come first, in their order; what is no attribute of SSP stays
        for name, text in old.items():
            if name in texts:
                xml.attributes[name] = texts.pop(name)
            elif name not in shape.attributes:
                xml.attributes[name] = text
        xml.attributes.update(texts)
        if shape.content:
            xml.content = list(getattr(node, shape.content))
            return xml
        inside = [
            (each, before)
            for name, spec in shape.children
            for each, before in self._field(node, name, spec, scope, depth + 1)
        ]
        self._fill(xml, inside, node.written, depth)
        return xml

    def _declare_used(self, root: Node, xml: Xml, scope: Mapping[str, str]) -> Mapping[str, str]:
        """Declares what is used further inside once, at the root, when the document was built in Python."""
        if root.written is None:
            used = _namespaces(root)
            for uri, prefix in PREFIXES.items():
                if uri in used and uri not in scope.values():
                    xml.namespaces[prefix] = uri
        return {**scope, **xml.namespaces}

    def _open(
        self, tag: str, namespace: str, written: Written | None, scope: Mapping[str, str]
    ) -> tuple[Xml, Mapping[str, str]]:
        declared = dict(written.namespaces) if written else {}
        scope = {**scope, **declared}
        prefix = written.prefix if written else PREFIXES[namespace]
        if scope.get(prefix) != namespace:
            prefix = next((each for each, uri in scope.items() if uri == namespace), PREFIXES[namespace])
        if scope.get(prefix) != namespace:
            declared[prefix] = namespace
            scope[prefix] = namespace
        return Xml(f"{prefix}:{tag}" if prefix else tag, namespace, namespaces=declared), scope

    def _texts(self, node: Node, tag: str) -> Iterator[tuple[str, str]]:
        old = node.written.attributes if node.written else {}
        for name, (target, spec) in shape_of(type(node)).attributes.items():
            value = getattr(node, target)
            if value is None:
                continue
            text = old.get(name)
            if text is None or not _means(spec.codec.read, text, tag, value):
                text = spec.codec.write(value, tag)
            yield name, text

    def _field(
        self, node: Node, name: str, spec: Children, scope: Mapping[str, str], depth: int
    ) -> Iterator[tuple[Xml, str | None]]:
        value = getattr(node, name)
        nodes: tuple[Node, ...] = value if spec.many else (value,) if value is not None else ()
        if not nodes and not spec.wrapper:
            return
        tags = {inner: tag for tag, inner in spec.classes().items()} if nodes else {}
        if not spec.wrapper:
            for each in nodes:
                yield self.node(each, _tag(each, tags), scope, depth), each.written.before if each.written else None
            return
        own = node.written.wrappers.get(spec.wrapper) if node.written else None
        if not nodes and own is None and not spec.required:
            return
        xml, inner_scope = self._open(spec.wrapper, node.NAMESPACE, own, scope)
        if own:
            xml.attributes.update(own.attributes)
        inside = [
            (self.node(each, _tag(each, tags), inner_scope, depth + 1), each.written.before if each.written else None)
            for each in nodes
        ]
        self._fill(xml, inside, own, depth)
        yield xml, own.before if own else None

    def _fill(self, xml: Xml, inside: list[tuple[Xml, str | None]], written: Written | None, depth: int) -> None:
        """Puts elements in, each with the white space it had, or that of the element before it."""
        inside += [(other, None) for other in (written.others if written else ())]
        latest = "\n" + _INDENT * (depth + 1)
        for element, before in inside:
            space = latest if before is None else before
            if space:
                xml.content.append(Raw(space))
            xml.content.append(element)
            if space.isspace():
                latest = space
        end = written.end if written else None
        in_one_line = end == "" and bool(inside) and inside[0][1] == ""
        if inside and not end and not in_one_line:
            end = "\n" + _INDENT * depth
        if end:
            xml.content.append(Raw(end))


def _means(read: Any, text: str, tag: str, value: Any) -> bool:
    try:
        old = read(text, tag)
    except ValueError:
        return False
    if isinstance(old, float) and isinstance(value, float) and math.isnan(old):
        return math.isnan(value)
    return bool(old == value and type(old) is type(value)) or (
        isinstance(old, float) and isinstance(value, int) and old == value
    )


def _tag(node: Node, tags: Mapping[type[Node], str]) -> str:
    shape = shape_of(type(node))
    return str(getattr(node, shape.tag)) if shape.tag else tags[type(node)]


def _namespaces(node: Node) -> set[str]:
    found = {node.NAMESPACE}
    for name, spec in shape_of(type(node)).children:
        value = getattr(node, name)
        for each in value if spec.many else (value,) if value is not None else ():
            found |= _namespaces(each)
    return found or {SSC}
