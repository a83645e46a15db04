"""DTMIs as values."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from dtdl import Dtmi
from dtdl.errors import DtmiInvalid

ORDERED = [
    "dtmi:a", "dtmi:a;1", "dtmi:a;1#x", "dtmi:a;1.2", "dtmi:a;1.10", "dtmi:a;2", "dtmi:a;10", "dtmi:a:b;1", "dtmi:a1;1",
    "dtmi:b;1",
]  # fmt: skip


def test_order_is_by_path_then_by_version_as_numbers_then_by_fragment():
    made = [Dtmi(text) for text in ORDERED]
    shuffled = random.Random(7).sample(made, len(made))
    assert sorted(shuffled) == made
    for one, other in pairwise(made):
        assert one < other
        assert one <= other
        assert other > one
        assert other >= one
        assert not other < one


def test_a_dtmi_is_its_text_and_a_value():
    one = Dtmi("dtmi:acme:Room;1.3#part")
    assert one == "dtmi:acme:Room;1.3#part" == Dtmi("dtmi:acme:Room;1.3#part")
    assert hash(one) == hash("dtmi:acme:Room;1.3#part")
    assert {one: 1}["dtmi:acme:Room;1.3#part"] == 1
    assert (one.labels, one.major, one.minor, one.fragment) == (("acme", "Room"), 1, 3, "#part")
    assert one.versionless == "dtmi:acme:Room#part"
    assert one <= Dtmi(str(one)) >= one
    with pytest.raises(AttributeError):
        one.major = 2


@pytest.mark.parametrize(
    "text", ["", "dtmi:", "dtmi:a;0", "dtmi:a_;1", "dtmi:1a;1", "dtmi:a;1;2", "urn:a;1", "dtmi:a;01"]
)
def test_what_breaks_the_grammar_is_no_dtmi(text):
    with pytest.raises(DtmiInvalid, match="is not a DTMI"):
        Dtmi(text)
