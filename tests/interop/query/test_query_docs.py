from __future__ import annotations

import re
from pathlib import Path

import pytest

from interop.graph.query.limits import Limits
from tests.interop.query.test_query_reference import stage

PAGE = (Path(__file__).parents[3] / "docs/query.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LIMITS = {
    "characters of a query": Limits().characters, "`AND` and `OR`": Limits().operators,
    "members of `IN`": Limits().members, "`JOIN`": Limits().joins, "hops of one `*`": Limits().hops,
    "links of a `MATCH`": Limits().links, "rows that are sorted, grouped or compared": Limits().held,
}  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_the_page_is_a_query(text: str) -> None:
    assert isinstance(stage().ask(text), list)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("what", LIMITS)
def test_the_page_says_the_limits(what: str) -> None:
    assert f"| {what} | {LIMITS[what]:,} |" in PAGE
