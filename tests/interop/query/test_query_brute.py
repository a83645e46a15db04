from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interop.graph.query.limits import Limits
from tests.interop.query.brute import Link, Question, answer, bag, is_ordered, name, text_of
from tests.interop.query.worlds import BASE, LEAF, MIDDLE, OTHER, Field

FREE = Limits(start_required=False)
IDS = [f"t{number}" for number in range(6)]
NAMES = ["feeds", "has", "contains"]
TEXTS = st.sampled_from(["", "a", "ab", "abc", "b", "it's", "back\\slash", "ä", "\U0010ffff", "top"])
NUMBERS = st.sampled_from([-1, 0, 1, 1.0, 2, 2.5, 1e300, 2**53 + 1])
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.sampled_from(["x", "y"]), SCALARS))
PROPERTIES = ["p", "q", "tags"]
CONTENTS = st.dictionaries(st.sampled_from(PROPERTIES), VALUES)
TWIN_PATHS = st.sampled_from([*PROPERTIES, "p.x", "tags.y", "part.x", "$dtId", "$metadata.$model", "$etag",
                              "$metadata.p.lastUpdateTime", "nothing"])  # fmt: skip
LINK_PATHS = st.sampled_from(["p", "q.x", "$relationshipName", "$sourceId", "$targetId", "$relationshipId"])
SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
MODELS = [BASE.id, MIDDLE.id, LEAF.id, OTHER.id]
LITERALS = st.one_of(SCALARS, st.sampled_from(IDS), st.sampled_from(MODELS), st.sampled_from(NAMES))
TYPES = st.sampled_from(
    ["IS_DEFINED", "IS_NULL", "IS_BOOL", "IS_NUMBER", "IS_STRING", "IS_OBJECT", "IS_PRIMITIVE"]
)  # fmt: skip


@st.composite
def fields(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """What happens to a graph, as calls of a Field."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, unique=True))
    happened: list[tuple[Any, ...]] = []
    for one in ids:
        contents = draw(CONTENTS)
        model = draw(st.sampled_from(MODELS))
        if model in (MIDDLE.id, LEAF.id) and draw(st.booleans()):
            contents["part"] = draw(st.dictionaries(st.sampled_from(["x", "y"]), SCALARS))
        happened.append(("twin", one, model, contents))
    ends = st.sampled_from(ids)
    links = draw(st.lists(st.tuples(ends, st.sampled_from("rs"), st.sampled_from(NAMES), ends, CONTENTS), max_size=9))
    return happened + [("relationship", *link) for link in links]


@st.composite
def conditions(draw: st.DrawFn, twins: list[str], links: list[str], depth: int = 2) -> Any:
    if depth and draw(st.integers(0, 2)) == 0:
        word = draw(st.sampled_from(["and", "or", "not"]))
        if word == "not":
            return ("not", draw(conditions(twins, links, depth - 1)))
        return (word, draw(st.lists(conditions(twins, links, depth - 1), min_size=2, max_size=3)))
    alias = draw(st.sampled_from(twins + links))
    path = (alias, draw(LINK_PATHS if alias in links else TWIN_PATHS))
    match draw(st.integers(0, 6)):
        case 0:
            return ("in", path, draw(st.lists(LITERALS, min_size=1, max_size=3)))
        case 1:
            return ("type", draw(TYPES), path)
        case 2:
            return ("text", draw(st.sampled_from(["STARTSWITH", "ENDSWITH", "CONTAINS"])), path, draw(TEXTS))
        case 3 if alias in twins:
            return ("model", alias, draw(st.sampled_from(MODELS)), draw(st.booleans()))
        case 4 if alias in twins:
            return ("array", path, draw(SCALARS))
        case 5:
            other = draw(st.sampled_from(twins + links))
            return ("paths", path, draw(SIGNS), (other, draw(LINK_PATHS if other in links else TWIN_PATHS)))
    return ("cmp", path, draw(SIGNS), draw(LITERALS))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    kind = draw(st.sampled_from(["twins", "relationships", "join", "match"]))
    nodes, links = ["a"], []
    if kind in ("join", "match"):
        for number in range(draw(st.integers(1, 3 if kind == "join" else 2))):
            near = draw(st.sampled_from(nodes)) if kind == "join" else nodes[-1]
            far = "bcd"[number]
            if kind == "match" and number and draw(st.integers(0, 5)) == 0:
                far = "a"
            link = Link(near, far, "out", [draw(st.sampled_from(NAMES))])
            if kind == "match":
                link.direction = draw(st.sampled_from(["out", "in", "any"]))
                link.names = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
            if kind == "match" and draw(st.booleans()):
                link.high = draw(st.integers(1, 3))
                link.low = draw(st.sampled_from([None, *range(link.high)]))
            elif draw(st.booleans()):
                link.variable = f"r{number}"
            links.append(link)
            nodes.append(far)
    variables = [link.variable for link in links if link.variable is not None]
    twins, others = (nodes, variables) if kind != "relationships" else ([], nodes)
    question = Question(kind, nodes, links)
    if draw(st.integers(0, 3)):
        question.where = draw(conditions(twins, others))
    chosen = draw(st.lists(st.sampled_from(twins + others), min_size=1, max_size=3))
    columns = [(one, draw(st.one_of(st.just(""), LINK_PATHS if one in others else TWIN_PATHS))) for one in chosen]
    columns = list({name(*one): one for one in columns}.values())
    match draw(st.integers(0, 4)):
        case 0:
            question.columns = ("count",)
        case 1:
            key = (chosen[0], draw(LINK_PATHS if chosen[0] in others else TWIN_PATHS))
            value = (chosen[-1], draw(st.sampled_from(["p", "q"])))
            calls = draw(st.lists(st.sampled_from(["COUNT", "MIN", "MAX"]), unique=True))
            question.group, question.columns = key, []
            question.aggregates = [(call, None if call == "COUNT" else value) for call in calls]
        case 2 if kind in ("twins", "relationships"):
            question.distinct = draw(st.booleans())
        case _:
            question.columns = columns
            question.distinct = draw(st.booleans())
            question.top = draw(st.one_of(st.none(), st.integers(0, 4)))
            keys = [(alias, path, draw(st.booleans())) for alias, path in columns if path]
            question.order = keys[: draw(st.integers(0, 2))]
    return question


def check(found: list[Any], question: Question, wanted: list[Any]) -> None:
    assert is_ordered(found, question) if question.order else True
    if question.top is None:
        assert bag(found) == bag(wanted)
    else:
        assert len(found) == min(question.top, len(wanted))
        assert bag(found) <= bag(wanted)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(fields(), st.lists(questions(), min_size=1, max_size=4), fields(), st.integers(1, 4))
def test_the_engine_gives_what_trying_everything_gives(
    happened: list[tuple[Any, ...]], asked: list[Question], more: list[tuple[Any, ...]], size: int
) -> None:
    field = Field(limits=FREE)
    known = set()
    for step, events in enumerate((happened, more)):  # the second time over indexes that followed the changes
        for what, *arguments in events:
            if what == "twin":
                known.add(arguments[0])
            if what == "twin" or {arguments[0], arguments[3]} <= known:
                getattr(field, what)(*arguments)
        world = field.world()
        for question in asked:
            text = text_of(question)
            wanted = answer(world, question)
            check(field.ask(text), question, wanted)
            if step:
                pages = asyncio.run(field.pages(text, size))
                assert all(len(page) == size for page in pages[:-1])
                check([row for page in pages for row in page], question, wanted)
