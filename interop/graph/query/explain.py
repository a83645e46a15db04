"""EXPLAIN: the plan of a query as JSON."""

from __future__ import annotations

from typing import Any

from interop.graph.query.execute import Start
from interop.graph.query.index import Indexes
from interop.graph.query.plan import Plan, Step


def explained(plan: Plan, start: Start, indexes: Indexes) -> dict[str, Any]:
    """Gives where a query begins, which links it follows, and what it filters after each.

    Args:
        plan: The plan.
        start: Where it begins.
        indexes: Those that there are.
    """
    access = start.access
    waiting = [part for number, part in enumerate(plan.parts) if number not in access.covers]
    bound = {access.variable.slot}

    def filters() -> list[str]:
        found = [str(part.expression) for part in waiting if part.slots <= bound]
        waiting[:] = [part for part in waiting if not part.slots <= bound]
        return found

    result: dict[str, Any] = {
        "start": {
            "from": access.variable.name,
            "by": "table" if access.direct else "index",
            "condition": str(access),
            "candidates": start.count,
            "filter": filters(),
        },
        "follow": [],
    }
    for step in plan.route(access.variable):
        closing = step.far in bound
        bound |= {step.far} if step.relationship is None else {step.far, step.relationship}
        follow = {"link": _link(plan, step), "hops": [step.low, step.high], "filter": filters()}
        result["follow"].append({**follow, "closes": True} if closing else follow)
    query = plan.query
    result["group"] = [str(path) for path in query.group]
    result["order"] = [f"{order.what}{' DESC' if order.descending else ''}" for order in query.order]
    result["distinct"] = query.distinct
    result["top"] = query.top
    result["held"] = plan.output.held
    result["ways"] = [
        {"condition": str(way), "index": not way.direct and indexes.built(way.variable.kind, way.names)}
        for way in plan.accesses
    ]
    return result


def _link(plan: Plan, step: Step) -> str:
    names = "" if step.names is None else ":" + "|".join(sorted(step.names))
    relationship = "" if step.relationship is None else plan.scope.variables[step.relationship].name
    near, far = plan.scope.variables[step.near].name, plan.scope.variables[step.far].name
    left, right = ("<-" if step.direction == "in" else "-"), ("->" if step.direction == "out" else "-")
    return f"({near}){left}[{relationship}{names}]{right}({far})"
