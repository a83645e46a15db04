"""``relationships:`` held against the models: names, targets, multiplicity and own properties."""

from __future__ import annotations

from collections import defaultdict

from dtdl.compiler import findings
from dtdl.compiler.links import GivenLink
from dtdl.diagnostic import Diagnostic
from dtdl.elements import Interface, Relationship
from interop.config.document import KeyPath
from interop.config.findings import did_you_mean
from interop.config.plan import RelationshipPlan
from interop.config.project import Project
from interop.config.schema import RelationshipEntry
from interop.config.validation import Place, validate


def read_relationships(project: Project) -> None:
    """Reads ``relationships:`` into the project."""
    ids: dict[tuple[str, str], int] = {}
    for index, raw in enumerate(project.file.relationships):
        path: KeyPath = ("relationships", index)
        entry = validate(RelationshipEntry, raw, Place(project.document, path, project.findings))
        if entry is None:
            continue
        ends = [_known(project, entry.from_, (*path, "from")), _known(project, entry.to, (*path, "to"))]
        if not all(ends):
            continue
        identity = entry.id or f"{entry.from_}-{entry.name}-{entry.to}"
        location = project.document.at(path)
        first = ids.setdefault((entry.from_, identity), index)
        if first != index:
            secondary = project.document.at(("relationships", first))
            cause = f"the relationship {identity!r} of {entry.from_!r} is given twice; first in line {secondary.line}"
            project.findings.add("MT153", location, cause, secondary=secondary)
            continue
        link = RelationshipPlan(
            id=identity, source=entry.from_, name=entry.name, target=entry.to, properties=entry.properties,
            location=location,
        )  # fmt: skip
        if _fits(project, link, path):
            project.relationships.append(link)
    _check_multiplicity(project)


def _known(project: Project, twin: str, at: KeyPath) -> bool:
    if twin in project.file.twins:
        return True
    if project.raw(("twins", twin)) is None:
        guess = did_you_mean(twin, project.file.twins)
        project.findings.add("MT152", project.document.at(at), f"the twin {twin!r} is not known", action=guess)
    return False


def _fits(project: Project, link: RelationshipPlan, path: KeyPath) -> bool:
    interface, target = project.interface(link.source), project.interface(link.target)
    if interface is None or project.types is None:
        return True  # nothing is known against it
    content = interface.contents.get(link.name)
    broken = isinstance(content, Relationship) and content.target in project.models_broken
    given = GivenLink(
        name=link.name,
        target_model=None if target is None or broken else target.id,
        properties=dict(link.properties),
    )
    found = project.types.check_relationships(interface.id, [given], complete=False)
    for finding in found:
        _report(project, link, interface, finding.diagnostic, path)
    return not found


def _report(project: Project, link: RelationshipPlan, interface: Interface, found: Diagnostic, path: KeyPath) -> None:
    """Says in the words of the file what is wrong with one relationship."""
    if found.rule == findings.NO_RELATIONSHIP:
        known = [name for name, content in interface.contents.items() if isinstance(content, Relationship)]
        project.findings.add(
            "MT150", project.document.at((*path, "name")), f"{interface.id} has no Relationship {link.name!r}",
            action=did_you_mean(link.name, known), primary_id=interface.id, property_name=link.name,
        )  # fmt: skip
    elif found.rule == findings.WRONG_TARGET:
        cause = f"{link.name!r} leads to {found.secondary_id}, and {link.target!r} is a {found.value}"
        project.findings.add("MT151", project.document.at((*path, "to")), cause, primary_id=found.primary_id)
    else:
        steps = tuple((found.property_name or "").split("/"))
        location = project.document.at((*path, "properties", *steps))
        project.findings.add("MT154", location, found.cause, action=found.action, property_name=found.property_name)


def _check_multiplicity(project: Project) -> None:
    of_twin: dict[str, list[RelationshipPlan]] = defaultdict(list)
    for link in project.relationships:
        of_twin[link.source].append(link)
    for twin, links in of_twin.items():
        interface = project.interface(twin)
        if interface is None or project.types is None:
            continue
        given = [GivenLink(name=link.name, properties=None) for link in links]
        for at, found in project.types.check_relationships(interface.id, given, complete=False):
            if found.rule == findings.TOO_MANY and at is not None:
                name, most = links[at].name, found.restriction
                cause = f"{twin!r} has {found.value} relationships {name!r}, and the model allows {most}"
                project.findings.add("MT155", links[at].location, cause)
