"""Names: how IRIs of classes, predicates and individuals become DTMIs, names of contents and ids of twins."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from dtdl.diagnostic import Diagnostic, Location
from dtdl.dtmi import Dtmi
from dtdl.elements import Content, Interface
from dtdl.errors import ValueInvalid
from dtdl.source import Document, Loader
from interop.rdf.rules import RULES
from interop.validate.written import contents

MAX_ID: Final = 128
_NO_LABEL: Final = re.compile(r"[^A-Za-z0-9_]+")
_NO_ID: Final = re.compile(r"[^A-Za-z0-9\-.+%_#*?!(),=@$'~]+")
_VERSION: Final = re.compile(r"v?\d+(?:[._]\d+)*")
_INVERSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "controls": "isControlledBy", "feeds": "isFedBy", "hasLocation": "isLocationOf", "includes": "includedIn",
        "locatedIn": "isLocationOf", "meters": "isMeteredBy", "regulates": "isRegulatedBy", "serves": "isServedBy",
        "owns": "ownedBy", "operates": "operatedBy",
    }
)  # fmt: skip
"""Names of Brick and RealEstateCore whose inverse does not follow from has… and is…Of."""
_BACK: Final = {inverse: name for name, inverse in _INVERSES.items() if name != "locatedIn"}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a file for ``--map`` says.

    Attributes:
        classes: IRI of a class → DTMI; None leaves the class out.
        predicates: IRI of a predicate → name of a content; None leaves the predicate out.
        inverse: IRI of a predicate → name of the Relationship that leads back.
    """

    classes: Mapping[str, str | None] = field(default_factory=dict)
    predicates: Mapping[str, str | None] = field(default_factory=dict)
    inverse: Mapping[str, str | None] = field(default_factory=dict)


def read_overrides(path: Path) -> Overrides:
    """Reads a file for ``--map``.

    Raises:
        InputUnreadable: It is missing or may not be read.
        LimitExceeded: It is too large.
        ValueInvalid: It is not what it should be.
    """
    document = Loader().load(Document(contents(path).decode("utf-8-sig", "replace"), str(path)))
    if document.fault is not None:
        rule, cause, action, where = document.fault
        raise ValueInvalid([Diagnostic(rule=rule, cause=cause, action=action, location=where)])
    value = document.value
    parts = ("classes", "predicates", "inverse")
    good = isinstance(value, dict) and all(key in parts and _is_table(held) for key, held in value.items())
    if not good:
        broken = RULES["MT459"]
        cause = f"{path} is no JSON object of {', '.join(parts)}, each from IRIs to texts or null."
        raise ValueInvalid(
            [Diagnostic(rule=broken.id, cause=cause, action=broken.remedy, location=Location(str(path)))]
        )
    return Overrides(**value)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(held is None or isinstance(held, str) for held in value.values())


def local_name(iri: str) -> str:
    """Gives what follows the last ``#``, ``/`` or ``:`` of an IRI that something follows."""
    return re.split(r"[#/:]", iri.rstrip("#/:"))[-1]


class Classes:
    """IRIs of classes → DTMIs of the models; the highest version where the models have several.

    Args:
        interfaces: DTMIs of the models.
        overrides: What a file says instead.
    """

    def __init__(self, interfaces: Iterable[str], overrides: Mapping[str, str | None]) -> None:
        self._known = frozenset(interfaces)
        self._overrides = overrides
        self._newest: dict[str, str] = {}
        for dtmi in sorted(self._known, key=Dtmi):
            self._newest[dtmi.partition(";")[0]] = dtmi

    def ignored(self, iri: str) -> bool:
        """Tells whether the file leaves a class out."""
        return iri in self._overrides and self._overrides[iri] is None

    def find(self, iri: str) -> str | None:
        """Gives the DTMI of a class, or None when no model has it."""
        if iri in self._overrides:
            named = self._overrides[iri]
            return named if named in self._known else self._newest.get(named or "")
        if iri.startswith("dtmi:"):
            return iri if iri in self._known else self._newest.get(iri)
        return next((self._newest[path] for path in _paths(iri) if path in self._newest), None)


def _paths(iri: str) -> Iterable[str]:
    """Gives the DTMIs without version that an IRI may stand for, the most literal first."""
    try:
        parts = urlsplit(iri)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if parts.fragment:
        segments.append(unquote(parts.fragment))
    labels = [*reversed(host.split(".") if host else []), *segments]
    yield _joined(labels)
    # The release of an ontology stands in some IRIs, but not in DTMIs, which have a version of their own.
    yield _joined([label for label in labels if not _VERSION.fullmatch(label)])


def _joined(labels: Iterable[str]) -> str:
    return "dtmi:" + ":".join(_NO_LABEL.sub("_", label).strip("_") for label in labels)


def inverse_name(name: str) -> str | None:
    """Gives the name of the relation in the other direction: hasPart for isPartOf, feeds for isFedBy."""
    found = _INVERSES.get(name) or _BACK.get(name)
    if found is not None:
        return found
    if match := re.fullmatch(r"has([A-Z]\w*)", name):
        return f"is{match[1]}Of"
    if match := re.fullmatch(r"is([A-Z]\w*)Of", name):
        return f"has{match[1]}"
    return None


def find_content(interface: Interface, name: str) -> Content | None:
    """Gives the content of a name, or the only one whose name differs in case and underscores alone."""
    exact = interface.contents.get(name)
    if exact is not None:
        return exact
    plain = _plain(name)
    near = [content for held, content in interface.contents.items() if _plain(held) == plain]
    return near[0] if len(near) == 1 else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def identities(iris: Iterable[str]) -> dict[str, str]:
    """Gives each IRI the id of its twin: its last part; with a hash of the IRI where two would have the same one.

    Ids follow from the IRIs alone, so they are the same each time, in whatever order the graph is written.
    """
    wanted = {iri: legal_id(unquote(local_name(iri)) or iri) for iri in iris}
    counts = Counter(wanted.values())
    return {iri: name if counts[name] == 1 else _hashed(name, iri) for iri, name in wanted.items()}


def legal_id(text: str) -> str:
    """Gives a text of the characters and length that ids have."""
    made = _NO_ID.sub("-", text) or "-"
    return made if len(made) <= MAX_ID else _hashed(made, text)


def _hashed(name: str, whole: str) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{name[: MAX_ID - 13]}-{digest}"


def skolem(value: Any) -> str:
    """Gives a name for a blank node from what is said of it."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return "b-" + hashlib.sha256(text.encode()).hexdigest()[:16]
