"""The reader of NodeSet2: bytes to typed nodes, all or nothing, every finding with its line (OPC 10000-6, Annex F)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import InputUnreadable, NodeSetInvalid
from dtdl.markup import Element, MarkupInvalid, parse
from interop.opcua.nodeset.model import (
    BASE_DATA_TYPE,
    UA,
    Definition,
    Field,
    ModelEntry,
    Node,
    NodeClass,
    NodeId,
    NodeSet,
    QualifiedName,
    Reference,
    RequiredModel,
)

MAX_BYTES: Final = 256 * 1024 * 1024
MAX_FINDINGS: Final = 200
NODESET: Final = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
TYPES: Final = "http://opcfoundation.org/UA/2008/02/Types.xsd"
_CLASSES: Final[Mapping[str, NodeClass]] = {f"UA{name}": name for name in get_args(NodeClass)}
_IDENTIFIER: Final = re.compile(r"(?:(?P<by>ns|nsu)=(?P<space>[^;]*);)?(?P<identifier>[isgb]=.*)\Z", re.DOTALL)
_QUALIFIED: Final = re.compile(r"(?:(?P<index>\d+):)?(?P<name>.*)\Z", re.DOTALL)
_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "ValueRank": (-3, 2**31 - 1),
    "AccessLevel": (0, 2**32 - 1),
    "UserAccessLevel": (0, 2**32 - 1),
    "EventNotifier": (0, 255),
    "WriteMask": (0, 2**32 - 1),
    "UserWriteMask": (0, 2**32 - 1),
}
DECLARATION: Final = "MethodDeclarationId"
"""The one attribute besides DataType and ParentNodeId that holds a NodeId."""
_BOOLEANS: Final = ("IsAbstract", "Symmetric", "Historizing", "Executable", "UserExecutable")
_TRUE: Final = ("true", "1")
_SKIPPED: Final = ("NamespaceUris", "ServerUris", "Models", "Aliases", "Extensions")


class _Broken(ValueError):
    """A part that cannot be understood; becomes a finding where it is caught."""

    def __init__(self, rule: str, cause: str, action: str) -> None:
        super().__init__(cause)
        self.rule, self.cause, self.action = rule, cause, action


def read(path: str | os.PathLike[str]) -> NodeSet:
    """Reads a file.

    Raises:
        InputUnreadable: It is missing, may not be read, or is larger than 256 MiB.
        NodeSetInvalid: See :func:`read_bytes`.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputUnreadable(f"{file} is larger than {MAX_BYTES >> 20} MiB", action="Split the information model.")
        data = file.read_bytes()
    except OSError as error:
        raise InputUnreadable(f"{file} cannot be read: {error.strerror}", action="Correct the path.") from error
    return read_bytes(data, str(file))


def read_bytes(data: bytes, file: str) -> NodeSet:
    """Reads a document.

    Args:
        data: Its bytes.
        file: Its name, for findings.

    Raises:
        NodeSetInvalid: With every finding; nothing of a broken document is given.
    """
    try:
        root = parse(data)
    except MarkupInvalid as error:
        where = Location(file, error.line, error.column)
        action = "Give a well-formed NodeSet2 file without a document type declaration."
        found = Diagnostic(rule="MT320", location=where, cause=f"This XML is refused: {error.reason}.", action=action)
        raise NodeSetInvalid([found]) from error
    return _Reader(root, file).read()


class _Reader:
    def __init__(self, root: Element, file: str) -> None:
        self.root = root
        self.file = file
        self.findings: list[Diagnostic] = []
        self.uris: list[str] = [UA]
        self.aliases: dict[str, NodeId] = {}
        self.nodeset = NodeSet(file)

    def read(self) -> NodeSet:
        if self.root.tag != "UANodeSet" or self.root.namespace != NODESET:
            cause = f"The root element is {self.root.tag!r} of {self.root.namespace!r}, not UANodeSet of {NODESET}."
            self.report("MT321", self.root, cause, "Give a NodeSet2 file.")
            raise NodeSetInvalid(self.findings)
        self._namespaces()
        self._models()
        self._aliases()
        for extensions in self.root.all("Extensions"):
            self.nodeset.extensions += [part for each in extensions.all("Extension") for part in each.children]
        for element in self.root.children:
            if element.tag in _CLASSES:
                self._attempt_node(element)
            elif element.tag not in _SKIPPED:
                action = "Remove it, or correct its name."
                self.report("MT321", element, f"UANodeSet has no element {element.tag!r}.", action)
            if len(self.findings) >= MAX_FINDINGS:
                break
        if self.findings:
            raise NodeSetInvalid(self.findings)
        return self.nodeset

    def report(self, rule: str, element: Element, cause: str, action: str) -> None:
        where = Location(self.file, element.line, element.column)
        self.findings.append(Diagnostic(rule=rule, location=where, cause=cause, action=action))

    def _namespaces(self) -> None:
        element = self.root.first("NamespaceUris")
        written = [uri.text.strip() for uri in element.all("Uri")] if element else []
        if written and written[0] == UA:
            written = written[1:]
        self.uris += written
        self.nodeset.namespaces = tuple(written)

    def _models(self) -> None:
        element = self.root.first("Models")
        models = []
        for model in element.all("Model") if element else ():
            required = tuple(
                RequiredModel(
                    one.attributes.get("ModelUri", ""),
                    one.attributes.get("Version", ""),
                    one.attributes.get("PublicationDate", ""),
                    one.line,
                )
                for one in model.all("RequiredModel")
            )
            got = model.attributes.get
            if not got("ModelUri"):
                self.report("MT324", model, "A Model has no ModelUri.", "Write the namespace URI of the model.")
            models.append(
                ModelEntry(got("ModelUri", ""), got("Version", ""), got("PublicationDate", ""), required, model.line)
            )
        self.nodeset.models = tuple(models)

    def _aliases(self) -> None:
        element = self.root.first("Aliases")
        for alias in element.all("Alias") if element else ():
            try:
                self.aliases[alias.attributes.get("Alias", "")] = self.node_id(alias.text)
            except _Broken as error:
                self.report(error.rule, alias, error.cause, error.action)

    def _attempt_node(self, element: Element) -> None:
        try:
            node = self._node(element)
        except _Broken as error:
            self.report(error.rule, element, error.cause, error.action)
            return
        if node.id in self.nodeset.nodes:
            first = self.nodeset.nodes[node.id].line
            cause = f"The node {node.id} is there already, at line {first}."
            self.report("MT323", element, cause, "Give each node a NodeId of its own.")
            return
        self.nodeset.nodes[node.id] = node

    def node_id(self, text: str | None) -> NodeId:
        """A NodeId or the alias of one."""
        text = (text or "").strip()
        if text in self.aliases:
            return self.aliases[text]
        match = _IDENTIFIER.match(text)
        if match is None:
            raise _Broken(
                "MT325", f"{text!r} is no NodeId and no alias that is defined.", "Write a NodeId, or add the alias."
            )
        if match["by"] == "nsu":
            return NodeId.of(text)
        identifier = match["identifier"]
        if identifier.startswith("i="):
            if not identifier[2:].strip().isdecimal() or int(identifier[2:]) >= 2**32:
                raise _Broken("MT322", f"{text!r} is no NodeId.", "A numeric identifier is a number of 32 bits.")
            identifier = f"i={int(identifier[2:])}"
        return NodeId(self.uri(match["space"] or "0", text), identifier)

    def uri(self, index: str, text: str) -> str:
        """The URI of a namespace index."""
        if not index.strip().isdecimal() or int(index) >= len(self.uris):
            cause = f"{text!r} is of namespace {index}, and NamespaceUris has {len(self.uris) - 1}."
            raise _Broken("MT322", cause, "Add the URI to NamespaceUris, or correct the index.")
        return self.uris[int(index)]

    def _node(self, element: Element) -> Node:
        got = dict(element.attributes)
        for name in ("NodeId", "BrowseName"):
            if not got.get(name):
                raise _Broken("MT324", f"{element.tag} has no {name}.", f"Write the {name}.")
        node = Node(
            self.node_id(got.pop("NodeId")),
            _CLASSES[element.tag],
            self._qualified(got.pop("BrowseName")),
            _texts(element, "DisplayName"),
            _texts(element, "Description"),
            inverse_name=_texts(element, "InverseName"),
            line=element.line,
            column=element.column,
        )
        if got.get("ParentNodeId"):
            node.parent = self.node_id(got.pop("ParentNodeId"))
        if got.get("DataType"):
            node.data_type = self.node_id(got.pop("DataType"))
        if got.get(DECLARATION):
            got[DECLARATION] = str(self.node_id(got[DECLARATION]))
        node.attributes = self._attributes(got)
        self._contents(element, node)
        return node

    def _contents(self, element: Element, node: Node) -> None:
        for references in element.all("References"):
            node.references += [self._reference(one) for one in references.all("Reference")]
        definition = element.first("Definition")
        if definition is not None and node.node_class == "DataType":
            node.definition = self._definition(definition)
        value = element.first("Value")
        if value is not None and value.children:
            node.value = self._value(value.children[0])
        for extensions in element.all("Extensions"):
            node.extensions += [part for each in extensions.all("Extension") for part in each.children]

    @staticmethod
    def _attributes(got: dict[str, str]) -> dict[str, str]:
        for name, (low, high) in _NUMBERS.items():
            if name in got:
                _number(got[name], name, low, high)
                got[name] = got[name].strip()
        for name in _BOOLEANS:
            if name in got and got[name] not in ("true", "false", "1", "0"):
                raise _Broken("MT326", f"{name} is {got[name]!r}, which is no boolean.", "Write true or false.")
        return got

    def _qualified(self, text: str) -> QualifiedName:
        match = _QUALIFIED.match(text)
        assert match is not None
        return QualifiedName(self.uri(match["index"] or "0", text), match["name"])

    def _reference(self, element: Element) -> Reference:
        try:
            kind = self.node_id(element.attributes.get("ReferenceType"))
            forward = element.attributes.get("IsForward", "true") in _TRUE
            return Reference(kind, self.node_id(element.text), forward)
        except _Broken as error:
            self.report(error.rule, element, error.cause, error.action)
            return Reference(BASE_DATA_TYPE, BASE_DATA_TYPE)

    def _definition(self, element: Element) -> Definition:
        got = element.attributes
        fields = tuple(self._field(one) for one in element.all("Field"))
        if got.get("IsUnion") in _TRUE:
            kind = "union"
        elif got.get("IsOptionSet") in _TRUE:
            kind = "option-set"
        elif any(one.value is not None for one in fields):
            kind = "enumeration"
        else:
            kind = "structure"
        name = _QUALIFIED.match(got.get("Name", ""))
        assert name is not None
        return Definition(name["name"], kind, fields)  # type: ignore[arg-type]  # one of the four

    def _field(self, element: Element) -> Field:
        got = element.attributes
        try:
            return Field(
                got.get("Name", ""),
                self.node_id(got["DataType"]) if "DataType" in got else BASE_DATA_TYPE,
                _number(got.get("ValueRank", "-1"), "ValueRank", -3, 2**31 - 1),
                got.get("ArrayDimensions", ""),
                _number(got["Value"], "Value", -(2**31), 2**32 - 1) if "Value" in got else None,
                got.get("IsOptional") in _TRUE,
                _texts(element, "DisplayName"),
                _texts(element, "Description"),
            )
        except _Broken as error:
            self.report(error.rule, element, error.cause, error.action)
            return Field("")

    def _value(self, element: Element) -> Element:
        """NodeIds in a value are given the URIs of their namespaces, so that it stands for itself."""
        text = element.text
        if element.tag == "Identifier" and element.namespace == TYPES and text.strip():
            try:
                text = str(self.node_id(text))
            except _Broken as error:
                self.report(error.rule, element, error.cause, error.action)
        return Element(
            element.tag, element.namespace, element.attributes, element.line, element.column,
            [self._value(child) for child in element.children], text,
        )  # fmt: skip


def _number(text: str, name: str, low: int, high: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise _Broken("MT326", f"{name} is {text!r}.", f"Write a whole number from {low} to {high}.")
    return number


def _texts(element: Element, tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in element.all(tag):
        found.setdefault(text.attributes.get("Locale", ""), text.text)
    return {language: text for language, text in found.items() if text}
