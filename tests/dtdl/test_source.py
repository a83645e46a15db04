"""Texts: repeated keys, places of values, bounds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dtdl.source import Document, Loader, Pairs, Site, entries, values_of

keys = st.sampled_from(["a", "b", ":", "a:", '"', "\\", "\u00e9", "\\u003a"])
values = st.recursive(
    st.none()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | keys,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(keys, inner), max_size=4).map(tuple),
    max_leaves=12,
)


def written(value: Any, pad: str) -> str:
    """JSON text in which a tuple of pairs is an object, repeated keys and all."""
    if isinstance(value, tuple):
        return "{" + f",{pad}".join(f"{json.dumps(k)}{pad}:{written(v, pad)}" for k, v in value) + pad + "}"
    if isinstance(value, list):
        return f"[{pad}" + ",".join(written(v, pad) for v in value) + "]"
    return json.dumps(value, ensure_ascii=pad == " ")


def pairs(value: Any) -> Any:
    """What was read, in the same form."""
    if isinstance(value, dict):
        return tuple((k, pairs(v)) for k, v in entries(value))
    return [pairs(v) for v in value] if isinstance(value, list) else value


@given(values, st.sampled_from(["", " ", "\n", "\t "]))
@settings(max_examples=300, deadline=None)
def test_every_entry_of_every_object_is_read(value: Any, pad: str) -> None:
    document = Loader().load(Document(written(value, pad), "t"))
    assert document.fault is None
    assert pairs(document.value) == value


@given(st.integers(2**64, 2**70))
def test_an_integer_beyond_64_bits_is_itself_or_the_nearest_double(number: int) -> None:
    assert Loader().load(Document(str(number), "t")).value in (number, float(number))


def test_objects_that_repeat_a_key_are_told_from_others() -> None:
    loader = Loader()
    document = loader.load(Document('{"a": {"b": 1, "b": 2}, "c": {"b": 1}}', "t"))
    assert [type(node) for node in document.repeated] == [Pairs]
    assert document.value["a"] == {"b": 2}
    assert loader.load(Document('{"a": 1}', "t")).repeated == ()


def test_nested_arrays_are_values_one_after_the_other() -> None:
    assert list(values_of([1, [2, [3]], []])) == [1, 2, 3]
    assert list(values_of("x")) == ["x"]


def test_places_are_found_in_any_layout() -> None:
    text = '[\n {"k": [1,\n [2, {"x" : "\u00e4"}]], "k2":{}}\n]'
    document = Loader().load(Document(text, "t", 3))
    node = document.value[0]
    inner = node["k"][1][1]

    def place(*site: Any) -> tuple[int, int, int, int]:
        found = Site(document, *site).location
        assert (found.file, found.index) == ("t", 3)
        return found.line, found.column, found.end_line, found.end_column

    assert place(node) == (2, 2, 3, 29)
    assert place(node, "key", "k2") == (3, 21, 3, 25)
    assert place(node, "values", "k") == (2, 8, 3, 19)
    assert place(node, "value", "k", 1) == (3, 3, 3, 4)
    assert place(node, "value", "k", 2) == (3, 6, 3, 17)
    assert place(inner, "value", "x") == (3, 13, 3, 16)
    assert place(None, "value", "", 0) == (2, 2, 3, 29)
