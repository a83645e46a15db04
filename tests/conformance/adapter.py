"""Renames only: our findings in the form of the published cases, their resolution lists as a resolver."""

from __future__ import annotations

import json
from typing import Any

import dtdl
from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import ValueInvalid

OURS = "primary_id secondary_id property_name aux_property type_name value restriction transformation layer"
THEIRS = "PrimaryID SecondaryID Property AuxProperty Type Value Restriction Transformation Layer"
QUIRKS = {"TolerateSolecismsInParse": "parse", "TolerateSolecismsInResolve": "resolve"}


def resolver(rounds: list[dict[str, Any]]) -> Any:
    """Gives each round of a case to the request that it belongs to."""

    def resolve(wanted: Any) -> Any:
        for given in rounds:
            if set(given["request"]) == set(wanted):
                models = given["response"]
                return models and {m["@id"]: json.dumps(m, indent=2, ensure_ascii=False) for m in models}
        return None

    return resolve


def arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a case as arguments of dtdl.check and dtdl.parse."""
    return {
        "resolver": resolver(options["resolution"]) if options["resolution"] else None,
        "allow_undefined": options["allow_undefined"],
        "max_version": options["max_version"],
        "limits": options["limits"],
        "tolerate": [QUIRKS[name] for name in options["quirks"]],
    }


def place(prefix: str, location: Location | None) -> dict[str, Any]:
    """A location under the names of the cases."""
    if location is None or not location.line:
        return {}
    where = {f"{prefix}Index": location.index} if location.index is not None else {f"{prefix}Dtmi": location.file}
    return where | {f"{prefix}Start": location.line, f"{prefix}End": location.end_line}


def renamed(found: Diagnostic) -> dict[str, Any] | str:
    """A Diagnostic under the names of the cases."""
    if found.rule == "MT004":
        return f"unresolved:{found.value}"
    fields = {theirs: getattr(found, ours) for ours, theirs in zip(OURS.split(), THEIRS.split(), strict=True)}
    return (
        {"ValidationID": found.rule} | fields | place("Primary", found.location) | place("Secondary", found.secondary)
    )


def validate(texts: list[str], options: dict[str, Any]) -> list[dict[str, Any] | str]:
    """Errors of the texts."""
    return [renamed(d) for d in dtdl.check(texts, **arguments(options)) if d.severity == "error"]


def warnings(texts: list[str], options: dict[str, Any]) -> list[str]:
    """Warnings about the texts."""
    return [d.rule for d in dtdl.check(texts, **arguments(options)) if d.severity == "warning"]


def dtmi(text: str) -> dict[str, Any] | None:
    """The parts of a DTMI, None when it is none."""
    try:
        made = dtdl.Dtmi(text)
    except ValueError:
        return None
    versions = {"MajorVersion": made.major, "MinorVersion": made.minor, "CompleteVersion": made.complete_version}
    parts = {"Versionless": made.versionless, "Labels": list(made.labels), "Fragment": made.fragment}
    return versions | parts | {"IsReserved": made.is_reserved}


def reprint(texts: list[str], options: dict[str, Any]) -> list[str]:
    """The texts printed again from their elements."""
    return [dtdl.dumps(dtdl.parse(texts, **arguments(options)))]


def same(first: list[str], second: list[str], options: dict[str, Any]) -> bool:
    """Whether two lists of texts give equal models."""
    return dtdl.equal(dtdl.parse(first, **arguments(options)), dtdl.parse(second, **arguments(options)))


def instance(texts: list[str], options: dict[str, Any], subject: str, text: str) -> bool:
    """Whether a JSON text is an instance of a schema of the texts."""
    model = dtdl.parse(texts, **arguments(options))
    try:
        dtdl.compile(model).check_json(model[subject])(text)
    except ValueInvalid:
        return False
    return True
