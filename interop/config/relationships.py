"""``relationships:`` held against the models: names, targets, multiplicity and own properties."""

from __future__ import annotations

from dtdl.elements import Relationship
from dtdl.errors import ModelNotFound, ValueInvalid
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
    if not isinstance(content, Relationship):
        known = [name for name, found in interface.contents.items() if isinstance(found, Relationship)]
        project.findings.add(
            "MT150", project.document.at((*path, "name")), f"{interface.id} has no Relationship {link.name!r}",
            action=did_you_mean(link.name, known), primary_id=interface.id, property_name=link.name,
        )  # fmt: skip
        return False
    right = True
    known_target = content.target is not None and content.target not in project.models_broken
    if target is not None and known_target and not project.types.is_a(target.id, content.target or ""):
        cause = f"{link.name!r} leads to {content.target}, and {link.target!r} is a {target.id}"
        project.findings.add("MT151", project.document.at((*path, "to")), cause, primary_id=content.id)
        right = False
    return _properties_fit(project, link, interface.id, path) and right


def _properties_fit(project: Project, link: RelationshipPlan, dtmi: str, path: KeyPath) -> bool:
    if project.types is None:
        return False
    try:
        project.types.validate_relationship(dtmi, link.name, dict(link.properties))
    except ValueInvalid as error:
        for found in error.diagnostics:
            steps = tuple((found.property_name or "").split("/"))
            location = project.document.at((*path, "properties", *steps))
            project.findings.add("MT154", location, found.cause, action=found.action, property_name=found.property_name)
        return False
    except ModelNotFound:
        return False
    return True


def _check_multiplicity(project: Project) -> None:
    for twin, name in dict.fromkeys((link.source, link.name) for link in project.relationships):
        interface = project.interface(twin)
        content = interface.contents.get(name) if interface else None
        most = content.max_multiplicity if isinstance(content, Relationship) else None
        links = project.links(twin, name)
        if most is not None and len(links) > most:
            cause = f"{twin!r} has {len(links)} relationships {name!r}, and the model allows {most}"
            project.findings.add("MT155", links[most].location, cause)
