"""The words of every finding: what is wrong and what to do, by rule."""

from __future__ import annotations

from dtdl.diagnostic import Diagnostic
from dtdl.parser.session import Finding, Session

PREFIX = "dtmi:dtdl:parsingError:"


def diagnostic_of(finding: Finding, session: Session) -> Diagnostic:
    """Makes the Diagnostic of a finding."""
    fields = finding.fields
    return Diagnostic(
        rule=PREFIX + finding.rule,
        location=finding.site.location if finding.site is not None else None,
        cause=finding.rule,
        primary_id=fields.get("primary"),
        secondary_id=fields.get("secondary"),
        property_name=fields.get("property"),
        aux_property=fields.get("aux"),
        type_name=fields.get("type"),
        value=fields.get("value"),
        restriction=fields.get("restriction"),
        transformation=fields.get("transformation"),
        secondary=finding.second.location if finding.second is not None else None,
    )
