"""A second reading of the query language: every combination is tried over whole documents, with no plan and no index.

Queries are plain data here, never text; ``text_of`` writes them down for the engine.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = ("missing",)


@dataclass
class World:
    """Documents: twins by id, relationships, and which models a model is."""

    twins: dict[str, dict[str, Any]]
    relationships: list[dict[str, Any]]
    bases: dict[str, set[str]]


@dataclass
class Link:
    near: str
    far: str
    direction: str
    names: list[str]
    variable: str | None = None
    low: int | None = None  # as written: *low..high, both None for one hop
    high: int | None = None


@dataclass
class Question:
    kind: str  # twins, relationships, join, match
    nodes: list[str]
    links: list[Link]
    where: Any = None
    columns: Any = "*"  # or [(alias, path)], or ("count",)
    distinct: bool = False
    top: int | None = None
    order: Sequence[tuple[str, str, bool]] = ()  # alias, path, down
    group: tuple[str, str] | None = None
    aggregates: Sequence[tuple[str, tuple[str, str] | None]] = ()


def look(document: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return MISSING
        document = document[name]
    return document


def kind(value: Any) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "bool"
    return {int: "number", float: "number", str: "text", list: "array", dict: "object"}[type(value)]


def equal(one: Any, other: Any) -> bool:
    return kind(one) == kind(other) and json.dumps(norm(one), sort_keys=True) == json.dumps(norm(other), sort_keys=True)


def norm(value: Any) -> Any:
    if kind(value) == "number":
        return float(value)
    if isinstance(value, list):
        return [norm(item) for item in value]
    if isinstance(value, dict):
        return {name: norm(item) for name, item in value.items()}
    return value


def compare(one: Any, sign: str, other: Any) -> bool | None:
    if one is MISSING or other is MISSING:
        return None
    if sign == "=":
        return equal(one, other)
    if sign == "!=":
        return not equal(one, other)
    if kind(one) != kind(other) or kind(one) not in ("number", "text"):
        return None
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign]


def truth(world: World, where: Any, row: dict[str, Any]) -> bool | None:
    match where:
        case ("and", parts):
            found = [truth(world, part, row) for part in parts]
            return False if False in found else None if None in found else True
        case ("or", parts):
            found = [truth(world, part, row) for part in parts]
            return True if True in found else None if None in found else False
        case ("not", part):
            found_one = truth(world, part, row)
            return None if found_one is None else not found_one
        case ("cmp", (alias, path), sign, value):
            return compare(look(row[alias], path), sign, value)
        case ("paths", (alias, path), sign, (other, second)):
            return compare(look(row[alias], path), sign, look(row[other], second))
        case ("in", (alias, path), values):
            value = look(row[alias], path)
            return None if value is MISSING else any(equal(value, one) for one in values)
        case ("model", alias, dtmi, exact):
            own = row[alias]["$metadata"]["$model"]
            return own == dtmi if exact else dtmi in world.bases.get(own, {own})
        case ("type", name, (alias, path)):
            value = look(row[alias], path)
            if value is MISSING:
                return False
            kinds = {
                "IS_DEFINED": {"null", "bool", "number", "text", "array", "object"}, "IS_NULL": {"null"},
                "IS_BOOL": {"bool"}, "IS_NUMBER": {"number"}, "IS_STRING": {"text"}, "IS_OBJECT": {"object"},
                "IS_PRIMITIVE": {"null", "bool", "number", "text"},
            }  # fmt: skip
            return kind(value) in kinds[name]
        case ("text", name, (alias, path), text):
            value = look(row[alias], path)
            if value is MISSING or kind(value) != "text":
                return None
            if name == "CONTAINS":
                return value.find(text) >= 0
            return value[: len(text)] == text if name == "STARTSWITH" else text == value[len(value) - len(text) :]
        case ("array", (alias, path), wanted):
            value = look(row[alias], path)
            return None if value is MISSING or kind(value) != "array" else any(equal(one, wanted) for one in value)
    raise AssertionError(where)


def rows(world: World, question: Question) -> Iterator[dict[str, Any]]:
    if question.kind == "relationships":
        for relationship in world.relationships:
            yield {question.nodes[0]: relationship}
        return
    for twin in world.twins.values():
        yield from extend(world, question, {question.nodes[0]: twin}, 0, [])


def extend(world: World, question: Question, row: dict[str, Any], at: int, used: list[int]) -> Iterator[dict[str, Any]]:
    if at == len(question.links):
        yield row
        return
    link = question.links[at]
    low, high = 1, 1
    if link.high is not None:
        low, high = (1 if link.low is None else link.low + 1), link.high
    for count in range(low, high + 1):
        for there, trail in walks(world, row[link.near]["$dtId"], link, count, used, once=question.kind == "match"):
            if link.far in row and row[link.far]["$dtId"] != there:
                continue
            bound = {**row, link.far: world.twins[there]}
            if link.variable is not None:
                bound[link.variable] = world.relationships[trail[-1]]
            yield from extend(world, question, bound, at + 1, used + trail)


def walks(
    world: World, here: str, link: Link, count: int, used: list[int], *, once: bool
) -> Iterator[tuple[str, list[int]]]:
    if not count:
        yield here, []
        return
    for number, one in enumerate(world.relationships):
        if (once and number in used) or (link.names and one["$relationshipName"] not in link.names):
            continue
        ends = set()
        if link.direction in ("out", "any") and one["$sourceId"] == here:
            ends.add(one["$targetId"])
        if link.direction in ("in", "any") and one["$targetId"] == here:
            ends.add(one["$sourceId"])
        for end in ends:
            for there, trail in walks(world, end, link, count - 1, [*used, number], once=once):
                yield there, [number, *trail]


RANK = {"null": 1, "bool": 2, "number": 3, "text": 4, "array": 5, "object": 5}


def before(one: Any, other: Any) -> int:
    ranks = [0 if value is MISSING else RANK[kind(value)] for value in (one, other)]
    if ranks[0] != ranks[1]:
        return ranks[0] - ranks[1]
    if ranks[0] in (2, 3, 4):
        return (one > other) - (one < other)
    return 0


def column(row: dict[str, Any], alias: str, path: str) -> Any:
    return look(row[alias], path) if path else row[alias]


def answer(world: World, question: Question) -> list[Any]:
    """All rows, in no order that means anything."""
    kept = [row for row in rows(world, question) if question.where is None or truth(world, question.where, row) is True]
    if question.columns == ("count",):
        return [{"COUNT": len(kept)}]
    if question.group is not None:
        return grouped(kept, question)
    if question.columns == "*":
        found: list[Any] = [row[question.nodes[0]] for row in kept]
    else:
        found = [
            {
                name(alias, path): column(row, alias, path)
                for alias, path in question.columns
                if column(row, alias, path) is not MISSING
            }
            for row in kept
        ]
    if question.distinct:
        found = [json.loads(text) for text in dict.fromkeys(map(canonical, found))]
    return found


def grouped(kept: list[dict[str, Any]], question: Question) -> list[Any]:
    assert question.group is not None
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in kept:
        value = column(row, *question.group)
        groups.setdefault("-" if value is MISSING else canonical(value), []).append(row)
    found = []
    for key, members in groups.items():
        result: dict[str, Any] = {} if key == "-" else {name(*question.group): json.loads(key)}
        for call, path in question.aggregates:
            if path is None:
                result["COUNT"] = len(members)
                continue
            values = [column(row, *path) for row in members]
            numbers = [one for one in values if one is not MISSING and kind(one) == "number"]
            texts = [one for one in values if one is not MISSING and kind(one) == "text"]
            if call in ("SUM", "AVG") and numbers:
                result[call] = sum(numbers) / (len(numbers) if call == "AVG" else 1)
            elif call == "MIN" and numbers + texts:
                result[call] = min(numbers) if numbers else min(texts)
            elif call == "MAX" and numbers + texts:
                result[call] = max(texts) if texts else max(numbers)
        found.append(result)
    return found


def canonical(value: Any) -> str:
    return json.dumps(norm(value), sort_keys=True)


def bag(values: Sequence[Any]) -> Counter[str]:
    return Counter(map(canonical, values))


def name(alias: str, path: str) -> str:
    return f"{alias}_{path.replace('.', '_').replace('$', '')}" if path else alias


# the same, as text


def text_of(question: Question) -> str:
    words = ["SELECT"]
    if question.distinct:
        words.append("DISTINCT")
    if question.top is not None:
        words.append(f"TOP({question.top})")
    words += [selected(question), "FROM", source(question)]
    if question.where is not None:
        words += ["WHERE", condition(question.where)]
    if question.group is not None:
        words += ["GROUP BY", ".".join(question.group)]
    if question.order:
        keys = [f"{alias}.{path}{' DESC' if down else ''}" for alias, path, down in question.order]
        words += ["ORDER BY", ", ".join(keys)]
    return " ".join(words)


def selected(question: Question) -> str:
    if question.columns == "*":
        return "*"
    if question.columns == ("count",):
        return "COUNT()"
    if question.group is not None:
        own = [f"{'.'.join(question.group)} AS {name(*question.group)}"]
        return ", ".join(own + [f"{call}({'.'.join(path) if path else ''})" for call, path in question.aggregates])
    return ", ".join(f"{alias}.{path} AS {name(alias, path)}" if path else alias for alias, path in question.columns)


def source(question: Question) -> str:
    first = question.nodes[0]
    if question.kind == "twins":
        return f"DIGITALTWINS {first}"
    if question.kind == "relationships":
        return f"RELATIONSHIPS {first}"
    if question.kind == "join":
        joins = [
            f"JOIN {link.far} RELATED {link.near}.{link.names[0]}" + (f" {link.variable}" if link.variable else "")
            for link in question.links
        ]
        return f"DIGITALTWINS {first} {' '.join(joins)}"
    parts = [f"DIGITALTWINS MATCH ({first})"]
    for link in question.links:
        inner = (link.variable or "") + (f":{'|'.join(link.names)}" if link.names else "")
        if link.high is not None:
            inner += f"*..{link.high}" if link.low is None else f"*{link.low}..{link.high}"
        left, right = ("<-" if link.direction == "in" else "-"), ("->" if link.direction == "out" else "-")
        parts.append(f"{left}[{inner}]{right}({link.far})")
    return "".join(parts)


def condition(where: Any) -> str:
    match where:
        case (("and" | "or") as word, parts):
            return f" {word.upper()} ".join(f"({condition(part)})" for part in parts)
        case ("not", ("in", path, values)):
            return f"{'.'.join(path)} NIN [{', '.join(map(literal, values))}]"
        case ("not", part):
            return f"NOT ({condition(part)})"
        case ("cmp", path, sign, value):
            return f"{'.'.join(path)} {sign} {literal(value)}"
        case ("paths", path, sign, other):
            return f"{'.'.join(path)} {sign} {'.'.join(other)}"
        case ("in", path, values):
            return f"{'.'.join(path)} IN [{', '.join(map(literal, values))}]"
        case ("model", alias, dtmi, exact):
            return f"IS_OF_MODEL({alias}, '{dtmi}'{', exact' if exact else ''})"
        case ("type", function, path):
            return f"{function}({'.'.join(path)})"
        case ("text", function, path, text):
            return f"{function}({'.'.join(path)}, {literal(text)})"
        case ("array", path, value):
            return f"ARRAY_CONTAINS({'.'.join(path)}, {literal(value)})"
    raise AssertionError(where)


def literal(value: Any) -> str:
    if isinstance(value, str):
        escaped = "".join("\\" + one if one in "\\'" else one for one in value)
        return f"'{escaped}'"
    return json.dumps(value)


def is_ordered(found: Sequence[dict[str, Any]], question: Question) -> bool:
    """Whether rows that have the keys as columns are in order."""
    for one, other in itertools.pairwise(found):
        for alias, path, down in question.order:
            key = name(alias, path)
            sign = before(one.get(key, MISSING), other.get(key, MISSING)) * (-1 if down else 1)
            if sign > 0:
                return False
            if sign < 0:
                break
    return True
