"""XML → document model: SSD, SSV, SSM and SSB; every finding has its line (SSP 1.0 and 2.0)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import DescriptionInvalid
from dtdl.markup import MarkupInvalid
from fmu.archive import DEFAULT_LIMITS
from fmu.ssp.elements import TopLevel
from fmu.ssp.schema import PREFIXES, Attribute, Children, Node, Shape, Written, shape_of
from fmu.ssp.verbatim import Xml, gap, parse

VERSIONS: Final = ("1.0", "2.0")
_EXPORT: Final = "Correct the file, or export it again with a tool that follows SSP 1.0 or 2.0."
_QUIET: Final = ("xsi:", "xml:")
"""Prefixes of attributes that XML itself allows everywhere."""

Root = TypeVar("Root", bound=TopLevel)


@dataclass(slots=True)
class Findings:
    """What is found in one file.

    Attributes:
        file: Its name.
        found: The findings.
        major: Version of SSP that the file says; 0: not known yet.
    """

    file: str
    found: list[Diagnostic] = field(default_factory=list)
    major: int = 0

    def error(self, rule: str, at: Xml | Written | None, cause: str, action: str = _EXPORT) -> None:
        """Adds an error."""
        self._add(rule, Severity.ERROR, at, cause, action)

    def warn(self, rule: str, at: Xml | Written | None, cause: str, action: str = _EXPORT) -> None:
        """Adds a warning."""
        self._add(rule, Severity.WARNING, at, cause, action)

    def _add(self, rule: str, severity: Severity, at: Xml | Written | None, cause: str, action: str) -> None:
        file = at.file if isinstance(at, Written) and at.file else self.file
        where = Location(file, line=at.line, column=at.column) if at is not None else Location(file)
        self.found.append(Diagnostic(rule=rule, severity=severity, location=where, cause=cause, action=action))

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(each.severity is Severity.ERROR for each in self.found)


def read_document(data: bytes, file: str, kind: type[Root]) -> tuple[Root, tuple[Diagnostic, ...]]:
    """Reads one file.

    Args:
        data: Its bytes.
        file: Its name, for messages.
        kind: What it must be, such as ParameterSet.

    Returns:
        The document, and warnings.

    Raises:
        DescriptionInvalid: Findings, at least one of them an error.
    """
    findings = Findings(file)
    root: Root | None = None
    if len(data) > DEFAULT_LIMITS.description_bytes:
        findings.error("MT240", None, f"the file has more than {DEFAULT_LIMITS.description_bytes} bytes.")
    else:
        try:
            document = parse(data)
        except MarkupInvalid as error:
            at = Written(line=error.line, column=error.column)
            findings.error("MT240", at, f"not XML that can be read: {error.reason}.", "Correct the XML.")
        else:
            root = _root(document.root, kind, findings)
            if root is not None and root.written is not None:
                root.written.around = (document.before, document.after)
    if root is None or findings.failed:
        raise DescriptionInvalid(findings.found)
    return root, tuple(findings.found)


def _root(xml: Xml, kind: type[Root], findings: Findings) -> Root | None:
    if (xml.namespace, xml.tag) != (kind.NAMESPACE, kind.TAG):
        wanted = f"{PREFIXES[kind.NAMESPACE]}:{kind.TAG}"
        findings.error("MT241", xml, f"the root element is {xml.name}, not {wanted} in namespace {kind.NAMESPACE}.")
        return None
    version = xml.attributes.get("version", "")
    findings.major = 2 if version.startswith("2") else 1
    node: Root = read_node(kind, xml, findings)
    if version and version not in VERSIONS:
        # files of 1.0.1 and of betas say so here; what they hold has the same elements
        grave = not version.startswith(("1.", "2."))
        add = findings.error if grave else findings.warn
        add("MT242", xml, f"version is {version!r}; SSP 1.0 and 2.0 are known.", "Write 1.0 or 2.0.")
    return node


_Places: TypeAlias = dict[tuple[str, str], tuple[int, str, Children, type[Node] | None]]
"""Children of a class by namespace and name: their order, field, and class; None for a wrapper."""
_PLACES: Final[dict[type[Node], _Places]] = {}


def _places(kind: type[Node]) -> _Places:
    if kind not in _PLACES:
        _PLACES[kind] = _places_of(kind)
    return _PLACES[kind]


def _places_of(kind: type[Node]) -> _Places:
    places: _Places = {}
    for order, (name, spec) in enumerate(shape_of(kind).children):
        if spec.wrapper:
            places[kind.NAMESPACE, spec.wrapper] = (order, name, spec, None)
            continue
        for tag, inner in spec.classes().items():
            places[inner.NAMESPACE, tag] = (order, name, spec, inner)
    return places


def read_node(kind: type[Node], xml: Xml, findings: Findings) -> Any:
    """Reads an element and all inside; a required value that is missing becomes None, and an error."""
    shape = shape_of(kind)
    written = _written(xml, findings)
    values: dict[str, Any] = _attributes(shape, xml, findings)
    if shape.tag:
        values[shape.tag] = xml.tag
    if shape.content:
        values[shape.content] = tuple(xml.content)
    else:
        _children(kind, xml, written, values, findings)
    for name, spec in shape.children:
        if spec.required and not values.get(name) and spec.wrapper not in written.wrappers:
            one = len(spec.classes()) == 1
            what = spec.wrapper or (next(iter(spec.classes())) if one else "a value with its type")
            findings.error("MT244", xml, f"{xml.name} has no {what}.")
            values.setdefault(name, () if spec.many else None)
    return kind(written=written, **values)


def _written(xml: Xml, findings: Findings) -> Written:
    return Written(
        file=findings.file,
        line=xml.line,
        column=xml.column,
        prefix=xml.prefix,
        attributes=xml.attributes,
        namespaces=xml.namespaces,
    )


def _attributes(shape: Shape, xml: Xml, findings: Findings) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in xml.attributes.items():
        known = shape.attributes.get(name)
        if known is None:
            if ":" not in name:
                findings.error("MT243", xml, f"{xml.name} has no attribute {name} in SSP.", "Remove or correct it.")
            elif not name.startswith(_QUIET):
                findings.warn("MT246", xml, f"{xml.name} has the attribute {name} of another standard; it is kept.")
            continue
        values[known[0]] = _value(known[1], name, text, xml, findings)
    for name, (target, spec) in shape.attributes.items():
        if spec.required and target not in values:
            findings.error("MT244", xml, f"{xml.name} has no attribute {name}.", f"Add {name}.")
            values[target] = None
    return values


def _value(spec: Attribute, name: str, text: str, xml: Xml, findings: Findings) -> Any:
    if spec.since > findings.major:
        findings.warn("MT265", xml, f"{name} is of SSP {spec.since}.0, and the file says 1.0.", 'Write version="2.0".')
    try:
        return spec.codec.read(text, xml.tag)
    except ValueError as error:
        findings.error("MT245", xml, f"{name} of {xml.name} is not {spec.codec.what}: {error}.", "Correct the value.")
        return None


def _children(kind: type[Node], xml: Xml, written: Written, values: dict[str, Any], findings: Findings) -> None:
    places = _places(kind)
    latest = 0
    lists: dict[str, list[Node]] = {}
    between: list[str] = []
    for part in xml.content:
        if isinstance(part, str):
            between.append(part)
            continue
        before = _gap(between, xml, findings)
        place = places.get((part.namespace, part.tag))
        if place is None:
            _other(part, xml, written, findings)
            continue
        order, name, spec, inner = place
        if order < latest:
            findings.warn("MT247", part, f"{part.name} stands too late; SSP gives the elements an order.")
        latest = max(latest, order)
        if spec.since > findings.major:
            findings.warn(
                "MT265", part, f"{part.name} is of SSP {spec.since}.0, and the file says 1.0.", 'Write version="2.0".'
            )
        if inner is None:
            _wrapper(part, name, spec, (written, before), values, findings)
            continue
        node = read_node(inner, part, findings)
        node.written.before = before
        if spec.many:
            lists.setdefault(name, []).append(node)
        elif name in values:
            findings.error("MT247", part, f"{xml.name} has {part.name} more than once.", "Remove all but one.")
        else:
            values[name] = node
    written.end = _gap(between, xml, findings)
    values.update((name, tuple(nodes)) for name, nodes in lists.items())


def _wrapper(
    xml: Xml, name: str, spec: Children, outside: tuple[Written, str], values: dict[str, Any], findings: Findings
) -> None:
    owner, before = outside
    if spec.wrapper in owner.wrappers:
        findings.error("MT247", xml, f"{xml.name} is there more than once.", "Put all into one.")
    own = owner.wrappers[spec.wrapper] = _written(xml, findings)
    own.before = before
    _attributes(_BARE, xml, findings)
    classes = {(inner.NAMESPACE, tag): inner for tag, inner in spec.classes().items()}
    nodes: list[Node] = []
    between: list[str] = []
    for part in xml.content:
        if isinstance(part, str):
            between.append(part)
            continue
        gap_text = _gap(between, xml, findings)
        inner = classes.get((part.namespace, part.tag))
        if inner is None:
            _other(part, xml, own, findings)
            continue
        node = read_node(inner, part, findings)
        node.written.before = gap_text
        nodes.append(node)
    own.end = _gap(between, xml, findings)
    values[name] = tuple(nodes)
    if not nodes and not spec.required:
        findings.warn("MT244", xml, f"{xml.name} is empty, which SSP does not allow.", "Leave it out.")


_BARE: Final = Shape({}, ())


def _gap(between: list[str], xml: Xml, findings: Findings) -> str:
    text = gap(between)
    if any(not part.isspace() for part in between if type(part) is str):
        findings.error("MT243", xml, f"{xml.name} has text inside, where SSP has none.", "Remove the text.")
    between.clear()
    return text


def _other(part: Xml, xml: Xml, written: Written, findings: Findings) -> None:
    if part.namespace in PREFIXES or not part.namespace:
        findings.error("MT243", part, f"{xml.name} has no element {part.name} in SSP.", "Remove or correct it.")
        return
    findings.warn(
        "MT246",
        part,
        f"{part.name} is of another standard and stands where SSP has no place for it; it is kept.",
        "Put it into an Annotation.",
    )
    written.others.append(part)
