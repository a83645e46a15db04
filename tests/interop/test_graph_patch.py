"""JSON Patch on contents: copy-on-write, bounded, typed refusals."""

from __future__ import annotations

import copy

import pytest

from dtdl.errors import RequestInvalid
from interop.graph.patch import MAX_OPERATIONS, apply_patch, pointer, replay_patch

CONTENTS = {"name": "A", "tags": ["x", "y"], "cooler": {"speed": 1, "set": {"low": 1, "high": 2}}, "a/b~c": 1}


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([{"op": "add", "path": "/new", "value": 1}], {"new": 1}),
        ([{"op": "add", "path": "/name", "value": None}], {"name": None}),
        ([{"op": "replace", "path": "/name", "value": "B"}], {"name": "B"}),
        ([{"op": "add", "path": "/tags/0", "value": "w"}], {"tags": ["w", "x", "y"]}),
        ([{"op": "add", "path": "/tags/-", "value": "z"}], {"tags": ["x", "y", "z"]}),
        ([{"op": "replace", "path": "/tags/1", "value": "z"}], {"tags": ["x", "z"]}),
        ([{"op": "remove", "path": "/tags/0"}], {"tags": ["y"]}),
        ([{"op": "replace", "path": "/a~1b~0c", "value": 2}], {"a/b~c": 2}),
        ([{"op": "add", "path": "/fan", "value": {"$metadata": {}, "on": True}}], {"fan": {"on": True}}),
        (
            [{"op": "replace", "path": "/cooler/set/low", "value": 5}, {"op": "remove", "path": "/cooler/set/high"}],
            {"cooler": {"speed": 1, "set": {"low": 5}}},
        ),
    ],
)
def test_operations_change_what_they_name_and_never_the_original(ops, expected):
    before = copy.deepcopy(CONTENTS)
    patched = apply_patch(CONTENTS, ops)
    assert before == CONTENTS
    assert patched.contents == {**CONTENTS, **expected}
    assert patched.model is None


def test_what_is_not_touched_is_shared():
    patched = apply_patch(CONTENTS, [{"op": "replace", "path": "/cooler/speed", "value": 2}])
    assert patched.contents["tags"] is CONTENTS["tags"]
    assert patched.contents["cooler"]["set"] is CONTENTS["cooler"]["set"]
    assert patched.contents["cooler"] is not CONTENTS["cooler"]
    assert patched.paths == (("cooler", "speed"),)


def test_a_value_of_an_operation_is_not_changed_by_the_next_one():
    value = {"a": 1}
    apply_patch({}, [{"op": "add", "path": "/o", "value": value}, {"op": "add", "path": "/o/b", "value": 2}])
    assert value == {"a": 1}


def test_the_model_is_given_separately():
    patched = apply_patch({}, [{"op": "replace", "path": "/$metadata/$model", "value": "dtmi:a:B;2"}])
    assert patched == ({}, "dtmi:a:B;2", ())


@pytest.mark.parametrize(
    "ops",
    [
        {},
        "[]",
        [1],
        [{"op": "add"}],
        [{"op": "add", "path": 1, "value": 1}],
        [{"op": "add", "path": "/x"}],
        [{"op": "test", "path": "/name", "value": "A"}],
        [{"op": "move", "path": "/x", "from": "/name"}],
        [{"op": ["add"], "path": "/x", "value": 1}],
        [{"op": "add", "path": "", "value": {}}],
        [{"op": "add", "path": "name", "value": 1}],
        [{"op": "add", "path": "/a~2", "value": 1}],
        [{"op": "replace", "path": "/missing", "value": 1}],
        [{"op": "remove", "path": "/missing"}],
        [{"op": "add", "path": "/missing/x", "value": 1}],
        [{"op": "add", "path": "/name/x", "value": 1}],
        [{"op": "add", "path": "/name/x/y", "value": 1}],
        [{"op": "add", "path": "/tags/3", "value": 1}],
        [{"op": "add", "path": "/tags/01", "value": 1}],
        [{"op": "add", "path": "/tags/²", "value": 1}],
        [{"op": "remove", "path": "/tags/-"}],
        [{"op": "remove", "path": "/$metadata/$model"}],
        [{"op": "replace", "path": "/$metadata/$model", "value": 3}],
        [{"op": "add", "path": "/$dtId", "value": "x"}],
        [{"op": "add", "path": "/" + "/".join("x" * 40), "value": 1}],
        [{"op": "add", "path": "/" + "x" * 5000, "value": 1}],
        [{"op": "add", "path": "/x", "value": 1}] * (MAX_OPERATIONS + 1),
    ],
)
def test_a_patch_that_cannot_be_applied_is_refused_with_the_code_of_the_service(ops):
    with pytest.raises(RequestInvalid) as refused:
        apply_patch(CONTENTS, ops)
    assert refused.value.code == "JsonPatchInvalid"
    assert refused.value.action


def test_a_recorded_patch_applies_even_where_a_source_gave_the_value():
    ops = [{"op": "replace", "path": "/c/p", "value": 1}, {"op": "remove", "path": "/gone"}]
    assert replay_patch({}, ops) == ({"c": {"p": 1}}, None, (("c", "p"), ("gone",)))


def test_pointers_are_read_as_rfc_6901_says():
    assert pointer("") == ()
    assert pointer("/") == ("",)
    assert pointer("/a~1b/m~0n/~01") == ("a/b", "m~n", "~1")
