"""The sources of a file: which adapter each one needs, and its settings validated by that adapter."""

from __future__ import annotations

from typing import Any

from dtdl.errors import InteropError
from interop import registry
from interop.config.document import KeyPath
from interop.config.findings import did_you_mean
from interop.config.project import Project, SourceDraft
from interop.config.schema import SourceDefaults
from interop.config.validation import Place, keys_at, validate
from interop.ports import Adapter, Observes

COMMON = tuple(sorted(field.alias or name for name, field in SourceDefaults.model_fields.items()))
"""Keys under ``defaults:`` of every kind of source."""


def read_sources(project: Project) -> None:
    """Reads ``sources:`` into the project."""
    kinds = registry.kinds()
    for name, raw in project.file.sources.items():
        draft = SourceDraft(name)
        project.sources[name] = draft
        kind = _kind(project, name, raw, kinds)
        if kind is None:
            continue
        draft.adapter = _adapter(project, name, kind)
        if draft.adapter is not None:
            _settings(project, draft, draft.adapter, raw)


def _kind(project: Project, name: str, raw: dict[str, Any], kinds: list[str]) -> str | None:
    given = [kind for kind in kinds if kind in raw]
    if len(given) == 1:
        return given[0]
    location = project.document.key(("sources", name))
    if given:
        cause = f"the source {name!r} is of several kinds: {', '.join(given)}"
        project.findings.add("MT130", location, cause, action="Keep one of these keys.")
        return None
    listed = f"Give it exactly one of the keys {', '.join(kinds)}."
    for key in raw:
        guess = did_you_mean(key, kinds, otherwise="-")
        if guess.startswith("Did"):
            location, listed = project.document.key(("sources", name, key)), guess
            break
    project.findings.add("MT130", location, f"the source {name!r} is of no kind that is known", action=listed)
    return None


def _adapter(project: Project, name: str, kind: str) -> type[Adapter] | None:
    location = project.document.key(("sources", name, kind))
    try:
        found = registry.adapter(kind)
    except (InteropError, ImportError) as error:
        project.findings.add("MT131", location, f"the adapter for {kind!r} cannot be loaded: {error}")
        return None
    if not issubclass(found, Observes):
        project.findings.add("MT131", location, f"the adapter for {kind!r} gives no values: it does not observe")
        return None
    return found


def _settings(project: Project, draft: SourceDraft, adapter: type[Adapter], raw: dict[str, Any]) -> None:
    path: KeyPath = ("sources", draft.name)
    context = {"base": str(project.base)}
    own = dict(raw)
    defaults = raw.get("defaults")
    if isinstance(defaults, dict):
        place = Place(project.document, (*path, "defaults"), project.findings, context)
        shared = {key: value for key, value in defaults.items() if key in COMMON}
        draft.defaults = validate(SourceDefaults, shared, place) or SourceDefaults()
        known = keys_at(adapter.settings, ("defaults",))
        rest = {key: value for key, value in defaults.items() if key not in COMMON or key in known}
        own["defaults"] = rest
        if "defaults" not in keys_at(adapter.settings, ()):
            del own["defaults"]
            for key in rest:
                location = project.document.key((*path, "defaults", key))
                guess = did_you_mean(key, COMMON)
                project.findings.add("MT106", location, f"the key {key!r} is not known here", action=guess)
    place = Place(project.document, path, project.findings, context, also={("defaults",): COMMON, (): ("defaults",)})
    draft.settings = validate(adapter.settings, own, place)
