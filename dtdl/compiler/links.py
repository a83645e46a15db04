"""Links: the relationships of one twin held against its definition: names, targets, properties, multiplicity."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dtdl.compiler import findings
from dtdl.compiler.plan import Planner
from dtdl.diagnostic import Diagnostic
from dtdl.elements import Relationship
from dtdl.errors import ValueInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLink:
    """A relationship as data gives it.

    Attributes:
        name: Name of the Relationship.
        target_model: DTMI of the target twin's Interface, or None where it is not known.
        properties: Its own properties by DTDL name; ``$relationshipId`` and the like may be there. None where they are
            not checked, as of a relationship that only counts.
        id: Relationships of one name with the same id count once; None counts always.
    """

    name: str
    target_model: str | None = None
    properties: Mapping[str, Any] | None = field(default_factory=dict)
    id: str | None = None


class LinkFinding(NamedTuple):
    """What is wrong with one relationship, or with the number of them.

    Attributes:
        at: Index of the relationship; None where too few are given.
        diagnostic: What is wrong.
    """

    at: int | None
    diagnostic: Diagnostic


Check = Callable[[str, str, Mapping[str, Any]], Any]


def link_findings(
    planner: Planner, check: Check, source: str, links: Sequence[GivenLink], *, complete: bool
) -> Iterator[LinkFinding]:
    """Gives what is wrong with the relationships of one twin.

    Args:
        planner: The class plans of a model.
        check: Checks the own properties, as ``Types.validate_relationship``.
        source: DTMI of the source twin's Interface.
        links: Its relationships.
        complete: Whether these are all that the twin has, so that too few is wrong.

    Raises:
        ModelNotFound: No such Interface.
    """
    contents = planner.model.interface(source).contents
    known = {name: held for name, held in contents.items() if isinstance(held, Relationship)}
    of_name: dict[str, dict[str | int, int]] = defaultdict(dict)
    for index, link in enumerate(links):
        definition = known.get(link.name)
        if definition is None:
            yield LinkFinding(index, _unknown(source, link.name, list(known)))
            continue
        of_name[link.name].setdefault(index if link.id is None else link.id, index)
        yield from (LinkFinding(index, wrong) for wrong in _wrong(planner, check, source, link, definition))
    for name, definition in known.items():
        yield from _number(source, definition, list(of_name[name].values()), complete=complete)


def _wrong(
    planner: Planner, check: Check, source: str, link: GivenLink, definition: Relationship
) -> Iterator[Diagnostic]:
    wanted, actual = definition.target, link.target_model
    if wanted is not None and actual is not None and actual != wanted and wanted not in planner.ancestors(actual):
        yield Diagnostic(
            rule=findings.WRONG_TARGET,
            cause=f"{link.name}: the target is of {actual}, but the relationship leads to {wanted}.",
            action=f"Lead to a twin of {wanted}, or of an Interface that extends it.",
            primary_id=definition.id,
            secondary_id=wanted,
            property_name=link.name,
            value=actual,
        )
    if link.properties is None:
        return
    try:
        check(source, link.name, link.properties)
    except ValueInvalid as error:
        yield from error.diagnostics


def _unknown(source: str, name: str, known: list[str]) -> Diagnostic:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return Diagnostic(
        rule=findings.NO_RELATIONSHIP,
        cause=f"{source} has no Relationship {name!r}.",
        action=f"Did you mean {near[0]}?" if near else f"There is: {', '.join(sorted(known)[:12]) or 'none'}.",
        primary_id=source,
        property_name=name,
    )


def _number(source: str, definition: Relationship, indexes: list[int], *, complete: bool) -> Iterator[LinkFinding]:
    least, most, count = definition.min_multiplicity, definition.max_multiplicity, len(indexes)
    name = definition.name
    if most is not None and count > most:
        cause = f"{name}: there are {count} relationships of this name, and {source} allows {most}."
        yield LinkFinding(
            indexes[most], _counted(findings.TOO_MANY, definition, cause, f"Remove {count - most}.", count)
        )
    if complete and count < least:
        cause = f"{name}: there are {count} relationships of this name, and {source} needs {least}."
        yield LinkFinding(None, _counted(findings.TOO_FEW, definition, cause, f"Add {least - count}.", count))


def _counted(rule: str, definition: Relationship, cause: str, action: str, count: int) -> Diagnostic:
    return Diagnostic(
        rule=rule,
        cause=cause,
        action=action,
        primary_id=definition.id,
        property_name=definition.name,
        value=str(count),
        restriction=str(definition.max_multiplicity if rule == findings.TOO_MANY else definition.min_multiplicity),
    )
