"""A megatwin.yaml, read, checked and resolved: all findings, and the frozen Configuration when there is no error."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dtdl.compiler.build import Types
from dtdl.diagnostic import Diagnostic, Location
from dtdl.elements import Component, Interface
from dtdl.errors import ConfigInvalid, InputUnreadable, ValueInvalid
from interop.config.bindings import check_adapters, check_pace, opened_with, read_bindings
from interop.config.document import Document, read_document, read_override
from interop.config.findings import Findings
from interop.config.models import check_twin_models, read_models
from interop.config.plan import Address, Configuration, EndpointPlan, Serve, SourcePlan, TwinPlan
from interop.config.project import Project
from interop.config.quantities import HostPort
from interop.config.relationships import read_relationships
from interop.config.schema import RESERVED, File
from interop.config.sources import read_sources
from interop.config.validation import Place, validate
from interop.config.wiring import check_circles, check_givers, check_roll_ups, read_connections, read_roll_ups
from interop.graph.query.limits import Limits


def load(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Configuration:
    """Reads a megatwin.yaml, its models and what it names; nothing is connected to.

    Args:
        path: The file.
        overrides: ``a.b.c=value``, as from ``--set``.

    Raises:
        ConfigInvalid: It has errors; carries every finding, warnings too.
        InputUnreadable: The file is missing, a folder, or may not be read.
    """
    configuration, found = read(path, overrides)
    if configuration is None:
        raise ConfigInvalid(found)
    return configuration


def check(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> list[Diagnostic]:
    """Gives everything that is wrong with a megatwin.yaml, by line.

    Args:
        path: The file.
        overrides: ``a.b.c=value``, as from ``--set``.

    Raises:
        InputUnreadable: The file is missing, a folder, or may not be read.
    """
    return read_project(path, overrides, advise=True)[1].ordered()


def read(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> tuple[Configuration | None, list[Diagnostic]]:
    """Gives both: the configuration, None when there are errors, and the findings, which may be warnings only.

    Raises:
        InputUnreadable: The file is missing, a folder, or may not be read.
    """
    project, findings = read_project(path, overrides)
    if project is None or findings.has_errors:
        return None, findings.ordered()
    return _configuration(project), findings.ordered()


def read_project(
    path: str | os.PathLike[str], overrides: Sequence[str] = (), *, advise: bool = False
) -> tuple[Project | None, Findings]:
    """Reads and checks all that can be checked; the project is None when not even the outline of the file is right.

    Args:
        path: The file.
        overrides: ``a.b.c=value``, as from ``--set``.
        advise: Whether to look for what is right but not advisable in the models too.

    Raises:
        InputUnreadable: The file is missing, a folder, or may not be read.
    """
    findings = Findings()
    file = Path(path)
    document = read_document(file, findings)
    _override(document, overrides, findings)
    outline = _outline(document, findings)
    if outline is None:
        return None, findings
    project = Project(document, outline, file.parent, findings)
    read_sources(project)
    read_models(project, advise=advise)
    check_twin_models(project)
    read_relationships(project)
    read_roll_ups(project)
    read_connections(project)
    read_bindings(project)
    check_adapters(project)
    check_pace(project)
    check_roll_ups(project)
    check_givers(project)
    check_circles(project)
    _check_properties(project)
    _check_serve(project)
    _check_endpoints(project)
    return project, findings


def _override(document: Document, overrides: Sequence[str], findings: Findings) -> None:
    for text in overrides:
        found = read_override(text, findings)
        if found is None:
            continue
        path, value = found
        location = Location("command line")
        try:
            document.put(path, value, location)
        except KeyError as error:
            findings.add("MT115", location, f"{text!r}: there is no {error.args[0]!r} to set", value=text)


def _outline(document: Document, findings: Findings) -> File | None:
    raw = document.value
    if not isinstance(raw, dict):
        if not findings.has_errors:
            findings.add("MT105", document.at(()), "the file must be a mapping of keys, beginning with megatwin: 1")
        return None
    known = dict(raw)
    for key, meaning in RESERVED.items():
        if key in known:
            del known[key]
            cause = f"{key}: ({meaning}) is not part of this release"
            findings.add("MT108", document.key((key,)), cause, property_name=key)
    version = known.get("megatwin")
    if type(version) is not int or version != 1:
        if "megatwin" in known:
            location, cause = document.at(("megatwin",)), f"the version {version!r} of the format is not known"
            findings.add("MT109", location, cause, action="Write megatwin: 1.")
        else:
            location, cause = document.at(()), "the file does not say its version"
            findings.add("MT107", location, cause, action="Begin with the line megatwin: 1.")
        known["megatwin"] = 1
    return validate(File, known, Place(document, (), findings))


def starting_contents(types: Types, interface: Interface, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Gives what a new twin starts with: the file's properties, and every component, if only empty.

    Raises:
        ValueInvalid: A property is wrong, or one that is Required is missing.
    """
    components: dict[str, Any] = {
        name: {} for name, found in interface.contents.items() if isinstance(found, Component)
    }
    return types.validate_contents(interface.id, components | dict(properties))


def _check_properties(project: Project) -> None:
    for twin, entry in project.file.twins.items():
        interface = project.interface(twin)
        if interface is None or project.types is None:
            continue
        try:
            starting_contents(project.types, interface, entry.properties)
        except ValueInvalid as error:
            for found in error.diagnostics:
                steps = tuple((found.property_name or "").split("/"))
                location = project.document.at(("twins", twin, "properties", *steps))
                project.findings.add(
                    "MT125", location, found.cause, action=found.action, property_name=found.property_name
                )


def _check_serve(project: Project) -> None:
    serve = project.file.serve
    listed: dict[HostPort, tuple[str, ...]] = {}
    opcua = serve.opcua.address if serve.opcua else None
    nested = isinstance(project.raw(("serve", "opcua")), dict)
    for path, address in ((("serve", "http"), serve.http), (("serve", "opcua", "address"), opcua)):
        if address is None:
            continue
        place = path[:2] if not nested else path
        location = project.document.at(place)
        if not _is_loopback(address.host):
            cause = f"{address.host} can be reached from other machines, and the file has no rules of access"
            project.findings.add("MT114", location, cause, value=address.host)
        if address.port and address in listed:
            project.findings.add("MT116", location, f"{address.host}:{address.port} is given twice")
        listed[address] = path


def _check_endpoints(project: Project) -> None:
    """Requires exactly one target of each endpoint, as it is written: one that is wrong is no second mistake."""
    entries = project.raw(("endpoints",))
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict) and [key in entry for key in ("webhook", "file", "in-process")].count(True) != 1:
            cause = f"the endpoint {name} has not exactly one of webhook, file and in-process"
            project.findings.add("MT109", project.document.key(("endpoints", name)), cause)
        elif isinstance(entry, dict) and entry.get("in-process") is False:
            cause = f"the endpoint {name} leads nowhere"
            project.findings.add("MT109", project.document.at(("endpoints", name, "in-process")), cause)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _configuration(project: Project) -> Configuration:
    if project.types is None:
        raise InputUnreadable("the models were not read", action="Correct models:.")
    file = project.file
    return Configuration(
        file=Path(project.document.file),
        base=project.base,
        name=file.name or project.base.resolve().name,
        data=project.base / file.data,
        model=project.types.model,
        model_texts=project.model_texts,
        types=project.types,
        sources={name: plan for name in project.sources if (plan := _source_plan(project, name))},
        twins={name: _twin_plan(project, name) for name in file.twins},
        connections=tuple(project.connections),
        relationships=tuple(project.relationships),
        endpoints={name: _endpoint(project, name) for name in file.endpoints},
        serve=_serve(project),
        queries=_queries(project),
    )


def _source_plan(project: Project, name: str) -> SourcePlan | None:
    draft = project.sources[name]
    if draft.adapter is None:
        return None
    return SourcePlan(
        name=name,
        adapter=draft.adapter,
        source=opened_with(project, draft),
        stale_after_s=draft.defaults.stale_after,
        deadline_s=draft.defaults.deadline,
        max_skew_s=draft.defaults.max_skew,
        location=project.document.key(("sources", name)),
    )


def _twin_plan(project: Project, name: str) -> TwinPlan:
    entry = project.file.twins[name]
    properties: dict[str, Any] = {}
    if project.types is not None and entry.model is not None:
        properties = dict(project.types.validate_contents(entry.model, entry.properties))
    return TwinPlan(
        id=name,
        model=entry.model or "",
        owner=entry.owner,
        parts=entry.parts.relationship if entry.parts else None,
        roll_ups=tuple(project.roll_ups.get(name, ())),
        properties=properties,
        location=project.document.key(("twins", name)),
    )


def _queries(project: Project) -> Limits:
    queries = project.file.queries
    return Limits(
        timeout_s=queries.timeout,
        characters=queries.characters,
        operators=queries.operators,
        members=queries.members,
        joins=queries.joins,
        hops=queries.hops,
        hops_inclusive=queries.hops_inclusive,
        start_required=queries.start_required,
        nesting=max(Limits().nesting, queries.operators + 50),
    )


def _endpoint(project: Project, name: str) -> EndpointPlan:
    entry = project.file.endpoints[name]
    data = project.base / project.file.data
    letters = project.base / entry.dead_letters if entry.dead_letters else data / "dead-letters" / f"{name}.ndjson"
    common: dict[str, Any] = {
        "name": name,
        "dead_letters": letters,
        "retry_for_s": entry.retry_for,
    }
    if entry.webhook is not None:
        return EndpointPlan(kind="webhook", target=entry.webhook, headers=dict(entry.headers), **common)
    if entry.file is not None:
        return EndpointPlan(kind="file", target=str(project.base / entry.file), **common)
    return EndpointPlan(kind="in-process", target="", **common)


def _serve(project: Project) -> Serve:
    serve = project.file.serve
    return Serve(
        http=Address(*serve.http) if serve.http else None,
        opcua=Address(*serve.opcua.address) if serve.opcua else None,
        opcua_insecure=bool(serve.opcua and serve.opcua.insecure),
    )
