"""OpenAPI 3.1 from the route table and the message models, and the page that shows it without any network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import orjson
from pydantic import BaseModel

from interop.rest import messages
from interop.rest.routes import Parameter, Reply, Route

_AZURE_ERROR: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "innererror"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object"}},
                "innererror": {"type": "object"},
            },
        }
    },
}
_TAGS: Final = {"azure": "Azure Digital Twins data plane", "v1": "Native", "plain": "Documentation"}
_EVERYWHERE: Final[Mapping[str, Mapping[int, Sequence[str]]]] = {
    "azure": {
        400: ("MissingApiVersionParameter", "UnsupportedApiVersionValue"),
        403: ("AuthorizationFailed",),
        500: ("InternalServerError",),
    },
    "v1": {403: ("AuthorizationFailed",), 500: ("InternalServerError",)},
    "plain": {},
}


def document(routes: Sequence[Route], name: str) -> dict[str, Any]:
    """Gives the OpenAPI 3.1 document that describes the routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    schemas = orjson.loads(
        orjson.dumps(messages.service_schema()["$defs"]).replace(b'"#/$defs/', b'"#/components/schemas/')
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": version("megatwin"),
            "description": "Twins: what they are, their live values with status and time, their past, their commands.",
        },
        "tags": [{"name": tag} for tag in _TAGS.values()],
        "paths": paths,
        "components": {"schemas": {**schemas, "AzureError": _AZURE_ERROR}},
    }


def page(document: Mapping[str, Any]) -> str:
    """Gives the description as one HTML page that loads nothing."""
    info = document["info"]
    rows = [
        _section(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [
        f"<details id='{html.escape(name)}'><summary>{html.escape(name)}</summary>"
        f"<pre>{_pretty(schema)}</pre></details>"
        for name, schema in document["components"]["schemas"].items()
    ]
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(info['title'])} <small>{html.escape(info['version'])}</small></h1>"
        f"<p>{html.escape(info['description'])} The document itself: <a href='/openapi.json'>/openapi.json</a>.</p>"
        f"<h2>Operations</h2>{''.join(rows)}<h2>Schemas</h2>{''.join(schemas)}</html>"
    )


_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#222;background:#fff}"
    "summary{cursor:pointer;padding:.3rem 0}code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{background:#f4f4f4;padding:.7rem;overflow:auto}b{display:inline-block;min-width:4.5rem}"
    "table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#222}a{color:#8bf}}"
)


def _operation(route: Route) -> dict[str, Any]:
    parameters = [
        {"name": segment[1:-1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for segment in route.path.split("/")
        if segment.startswith("{")
    ]
    operation: dict[str, Any] = {
        "operationId": route.id,
        "tags": [_TAGS[route.family]],
        "summary": route.summary,
        "parameters": parameters + [_parameter(parameter) for parameter in route.parameters],
        "responses": {str(status): _reply(reply) for status, reply in route.replies.items()},
    }
    if route.body is not None:
        content = {media: {"schema": dict(route.body.schema)} for media in route.body.media}
        operation["requestBody"] = {"required": route.body.required, "content": content}
    for status, codes in sorted(_errors(route).items()):
        operation["responses"].setdefault(str(status), _error(route, status, codes))
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name, "in": parameter.where, "required": parameter.required,
        "description": parameter.description, "schema": dict(parameter.schema),
    }  # fmt: skip


def _reply(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = {"description": reply.description}
    if isinstance(reply.model, type) and issubclass(reply.model, BaseModel):
        found["content"] = {reply.media: {"schema": {"$ref": f"#/components/schemas/{reply.model.__name__}"}}}
    elif reply.model is not None:
        found["content"] = {reply.media: {"schema": dict(reply.model)}} | {media: {} for media in reply.also}
    if reply.headers:
        found["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in reply.headers.items()
        }
    return found


def _errors(route: Route) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for table in (route.errors, _EVERYWHERE[route.family]):
        for status, codes in table.items():
            found[status] = (*found.get(status, ()), *codes)
    return found


def _error(route: Route, status: int, codes: Sequence[str]) -> dict[str, Any]:
    azure = route.family == "azure"
    media = "application/json" if azure else "application/problem+json"
    schema = "AzureError" if azure else messages.Problem.__name__
    headers = {"x-ms-error-code": {"schema": {"type": "string"}}}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = {"schema": {"type": "integer", "minimum": 1}}  # type: ignore[dict-item]
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
        "headers": headers,
        "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _section(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{html.escape(one['name'])}</code><td>{one['in']}{', required' if one['required'] else ''}"
        f"<td>{html.escape(one.get('description', ''))}"
        for one in operation["parameters"]
    )
    body = operation.get("requestBody")
    request = f"<p>Body:</p><pre>{_pretty(body['content'])}</pre>" if body else ""
    replies = "".join(
        f"<tr><td>{status}<td>{html.escape(reply['description'])}<td>{_refs(reply)}"
        for status, reply in operation["responses"].items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(operation['summary'])}</summary><table>{parameters}</table>{request}"
        f"<table>{replies}</table></details>"
    )


def _refs(reply: Mapping[str, Any]) -> str:
    names = {
        one["schema"]["$ref"].rsplit("/", 1)[-1]
        for one in reply.get("content", {}).values()
        if "$ref" in one.get("schema", {})
    }
    return " ".join(f"<a href='#{html.escape(name)}'>{html.escape(name)}</a>" for name in sorted(names))


def _pretty(value: Any) -> str:
    return html.escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
