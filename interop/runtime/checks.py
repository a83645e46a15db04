"""What a request must hold before it changes anything: entity tags, and what a relationship may lead to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dtdl.compiler import findings
from dtdl.compiler.build import Types
from dtdl.compiler.links import GivenLink
from dtdl.elements import Relationship as RelationshipType
from dtdl.errors import ModelNotFound, PreconditionFailed, RequestInvalid, TwinNotFound
from interop.graph.state import TwinState
from interop.graph.store import Head


def require_etag(etag: str | None, if_match: str | None, if_none_match: str | None, what: str) -> None:
    """Requires what ``If-Match`` and ``If-None-Match`` ask (RFC 9110, 13.1).

    Args:
        etag: What there is now; None: nothing.
        if_match: The header of that name.
        if_none_match: The header of that name.
        what: Names it, for people.

    Raises:
        PreconditionFailed: It is otherwise.
    """
    if if_none_match == "*" and etag is not None:
        raise PreconditionFailed(
            "PreconditionFailed", f"{what} exists", action="Leave If-None-Match out to replace it."
        )
    if if_match not in {None, "*", etag}:
        raise PreconditionFailed(
            "PreconditionFailed", f"{what} has the ETag {etag}, not {if_match}", action="Read it again and decide anew."
        )


def relationship_parts(document: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Gives name, target and own properties of a relationship as clients send it.

    Raises:
        RequestInvalid: It lacks one of them.
    """
    name, target = document.get("$relationshipName"), document.get("$targetId")
    if not isinstance(name, str) or not isinstance(target, str):
        raise RequestInvalid(
            "InvalidArgument", "the relationship lacks $relationshipName or $targetId", action="Give both as texts."
        )
    return name, target, {key: value for key, value in document.items() if not key.startswith("$")}


def check_relationship(types: Types, head: Head, state: TwinState, asked: tuple[str, str, str]) -> None:
    """Requires that a relationship fits the model of its source.

    Args:
        types: The compiled models.
        head: Which twins and relationships there are.
        state: The source.
        asked: Id, name and target.

    Raises:
        RequestInvalid: No such Relationship, a target of another class, a loop, or one too many.
        TwinNotFound: No such target.
    """
    relationship_id, name, target = asked
    try:
        found: RelationshipType = types.relationship(state.model, name)
    except ModelNotFound as error:
        raise RequestInvalid(
            "ValidationFailed", f"{state.model} has no Relationship {name!r}", action="Use one that the model has."
        ) from error
    if target == state.id:
        raise RequestInvalid(
            "OperationNotAllowed", f"{state.id} cannot be related to itself", action="Name another twin."
        )
    other = head.twin(target)
    if other is None:
        raise TwinNotFound("TargetTwinNotFound", f"there is no twin {target!r}", action="Create the target first.")
    same = [link for link in head.outgoing(state.id) if link.name == name and link.id != relationship_id]
    links = [GivenLink(name=name, properties=None) for _ in same]
    links.append(GivenLink(name=name, target_model=other.model, properties=None))
    wrong = {item.rule for _, item in types.check_relationships(state.model, links, complete=False)}
    if findings.WRONG_TARGET in wrong:
        raise RequestInvalid(
            "ValidationFailed",
            f"{name} of {state.model} leads to {found.target}; {target} is a {other.model}",
            action="Name a twin of that model.",
        )
    if findings.TOO_MANY in wrong:
        raise RequestInvalid(
            "ValidationFailed",
            f"{state.id} has {len(same)} {name} already; at most {found.max_multiplicity}",
            action="Delete one first.",
        )
