"""The Azure Digital Twins wire form of twins and relationships (data plane 2023-10-31), both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote

from dtdl.elements import Component, Interface, Model
from dtdl.errors import RequestInvalid
from interop.graph.state import Cell, Relationship, TwinState
from interop.graph.transition import bare, touches
from interop.values import Value, format_time, worst

IsComponent: TypeAlias = Callable[[str, str], bool]
"""Whether a content, by the DTMI of an Interface and its name, is a Component."""

_Path = tuple[str, ...]


def components_of(model: Model) -> IsComponent:
    """Gives the question that ``document`` asks, answered by loaded definitions; answers are remembered."""
    known: dict[str, frozenset[str]] = {}

    def is_component(dtmi: str, name: str) -> bool:
        names = known.get(dtmi)
        if names is None:
            interface = model.get(dtmi)
            contents = interface.contents if isinstance(interface, Interface) else {}
            names = frozenset(key for key, content in contents.items() if isinstance(content, Component))
            known[dtmi] = names
        return name in names

    return is_component


def document(state: TwinState, is_component: IsComponent | None = None) -> dict[str, Any]:
    """Gives a twin as ``GET /digitaltwins/{id}`` does.

    Telemetry is not in it. ``$metadata`` has, for each property, ``lastUpdateTime``, and for one that a source gives
    ``sourceTime`` and, when it is not Good, ``status``.

    Args:
        state: The twin.
        is_component: Which contents are components and get a ``$metadata`` of their own; None: none is.
    """
    metadata: dict[str, Any] = {"$model": state.model}
    latest = max(state.updated.values(), default=state.changed_at)
    if latest is not None:
        metadata["$lastUpdateTime"] = _time(latest)
    twin: dict[str, Any] = {"$dtId": state.id, "$etag": state.etag}
    for name, value in state.contents.items():
        if is_component is not None and isinstance(value, dict) and is_component(state.model, name):
            twin[name] = component_document(state, name)
        else:
            twin[name] = value
            metadata[name] = _property_metadata(state, (name,))
    twin["$metadata"] = metadata
    return twin


def component_document(state: TwinState, name: str) -> dict[str, Any]:
    """Gives a component as ``GET /digitaltwins/{id}/components/{name}`` does.

    Raises:
        RequestInvalid: Code ``ComponentNotFound``: the twin has no such component.
    """
    contents = state.contents.get(name)
    if not isinstance(contents, dict):
        raise RequestInvalid(
            "ComponentNotFound",
            f"{state.id} has no component {name!r}",
            action="Ask the twin's model for its components.",
        )
    metadata = {member: _property_metadata(state, (name, member)) for member in contents}
    return {**contents, "$metadata": metadata}


def relationship_document(relationship: Relationship) -> dict[str, Any]:
    """Gives a relationship as ``GET /digitaltwins/{id}/relationships/{relationshipId}`` does."""
    return {
        "$relationshipId": relationship.id,
        "$etag": relationship.etag,
        "$sourceId": relationship.source,
        "$relationshipName": relationship.name,
        "$targetId": relationship.target,
        **relationship.contents,
    }


def incoming_document(relationship: Relationship) -> dict[str, Any]:
    """Gives a relationship as ``GET /digitaltwins/{id}/incomingrelationships`` lists it."""
    source, link = quote(relationship.source, safe=""), quote(relationship.id, safe="")
    return {
        "$relationshipId": relationship.id,
        "$sourceId": relationship.source,
        "$relationshipName": relationship.name,
        "$relationshipLink": f"/digitaltwins/{source}/relationships/{link}",
    }


def contents_from_document(doc: Mapping[str, Any]) -> tuple[str, dict[str, Value]]:
    """Reads a twin as clients send it.

    ``$dtId`` and ``$etag`` are ignored, and of ``$metadata`` only ``$model`` is read.

    Returns:
        DTMI of the model, and the contents without ``$`` keys.

    Raises:
        RequestInvalid: Code ``InvalidArgument``: no ``$metadata.$model``, or an unknown ``$`` key.
    """
    metadata = doc.get("$metadata")
    model = metadata.get("$model") if isinstance(metadata, Mapping) else None
    if not isinstance(model, str) or not model:
        raise RequestInvalid(
            "InvalidArgument", "the twin has no $metadata.$model", action='Add "$metadata": {"$model": "dtmi:…;1"}.'
        )
    unknown = [name for name in doc if name.startswith("$") and name not in {"$dtId", "$etag", "$metadata"}]
    if unknown:
        raise RequestInvalid(
            "InvalidArgument",
            f"{unknown[0]!r} has no meaning in a twin",
            action="Remove it; names begin with a letter.",
        )
    return model, bare(doc)


def marked(model: str, contents: Mapping[str, Value], is_component: IsComponent) -> dict[str, Value]:
    """Gives contents as a ``twin-put`` event holds them: each component with ``"$metadata": {}``."""
    return {
        name: {**value, "$metadata": {}} if isinstance(value, dict) and is_component(model, name) else value
        for name, value in contents.items()
    }


def updated_at(state: TwinState, path: _Path) -> datetime | None:
    """When the property at a path, or anything in it, last changed."""
    exact = state.updated.get(path)
    if exact is not None and not isinstance(state.contents.get(path[0]), dict):
        return exact
    return max((at for other, at in state.updated.items() if touches(path, other)), default=exact)


def _cells(state: TwinState, path: _Path) -> list[Cell]:
    exact = state.cells.get(path)
    if exact is not None:
        return [exact]
    if not isinstance(state.contents.get(path[0]), dict):
        return []
    return [cell for other, cell in state.cells.items() if other[: len(path)] == path]


@lru_cache(maxsize=16_384)
def _time(instant: datetime) -> str:
    """Writes an instant; the properties of a twin mostly have the same one."""
    return format_time(instant)


def _property_metadata(state: TwinState, path: _Path) -> dict[str, str]:
    if not isinstance(state.contents.get(path[0]), dict):
        return _plain_metadata(state, path)
    metadata: dict[str, str] = {}
    at = updated_at(state, path) or state.changed_at
    if at is not None:
        metadata["lastUpdateTime"] = _time(at)
    cells = _cells(state, path)
    source_time = max((cell.source_time for cell in cells if cell.source_time is not None), default=None)
    if source_time is not None:
        metadata["sourceTime"] = _time(source_time)
    status = worst([cell.status for cell in cells])
    if cells and not status.is_good:
        metadata["status"] = status
    return metadata


def _plain_metadata(state: TwinState, path: _Path) -> dict[str, str]:
    """What ``_property_metadata`` comes to for a value that holds no others; most are, and it is asked for each."""
    at = state.updated.get(path) or updated_at(state, path) or state.changed_at
    metadata = {} if at is None else {"lastUpdateTime": _time(at)}
    cell = state.cells.get(path)
    if cell is not None:
        if cell.source_time is not None:
            metadata["sourceTime"] = _time(cell.source_time)
        if not cell.status.is_good:
            metadata["status"] = cell.status
    return metadata
