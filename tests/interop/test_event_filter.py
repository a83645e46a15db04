from __future__ import annotations

import pytest

from dtdl.errors import RequestInvalid
from interop.events.filter import parse_filter

EVENT = {
    "type": "Microsoft.DigitalTwins.Twin.Update",
    "subject": "room",
    "data": {
        "modelId": "dtmi:test:Room;1", "temperature": 21.5, "on": True, "note": None,
        "$metadata": {"$model": "dtmi:a;1"},
        "patch": [{"op": "replace", "path": "/temperature", "value": 3}], "a-b": "it's",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("true", True),
        ("false", False),
        ("NOT false", True),
        ("type = 'Microsoft.DigitalTwins.Twin.Update'", True),
        ("type != 'Microsoft.DigitalTwins.Twin.Update'", False),
        ("type = 'Microsoft.DigitalTwins.Twin.Create' OR subject = 'room'", True),
        ("type = 'Microsoft.DigitalTwins.Twin.Create' OR subject = 'room' AND false", False),
        ("(type = 'x' OR subject = 'room') AND $body.temperature > 21", True),
        ("$body.temperature >= 21.5 AND $body.temperature < 2.2e1", True),
        ("$body.on = true", True),
        ("$body.note = null", True),
        ("IS_NULL($body.note) AND IS_DEFINED($body.note)", True),
        ("IS_DEFINED($body.absent)", False),
        ("$body.absent = 1", False),
        ("NOT $body.absent = 1", False),
        ("$body.absent != 1", False),
        ("$body.temperature = 'hot'", False),
        ("NOT $body.temperature = 'hot'", False),
        ("$body.$metadata.$model = 'dtmi:a;1'", True),
        ("$body['a-b'] = 'it''s'", True),
        ("$body.patch[0].path = '/temperature'", True),
        ("$body.patch[1].path = '/temperature'", False),
        ("STARTS_WITH($body.modelId, 'dtmi:test:') AND ENDS_WITH(subject, 'om')", True),
        ("contains(type, 'Telemetry')", False),
        ("subject IN ['a', 'room']", True),
        ("subject NOT IN ['a', 'room']", False),
        ("IS_NUMBER($body.temperature) AND IS_STRING(subject) AND IS_BOOL($body.on) AND NOT IS_OBJECT($body.on)", True),
    ],
)
def test_a_filter_passes_what_it_says(text: str, passes: bool) -> None:
    assert parse_filter(text)(EVENT) is passes


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("$body.on", 9),
        ("type =", 7),
        ("type = 'open", 8),
        ("type == 'a'", 7),
        ("true AND", 9),
        ("(true", 6),
        ("true true", 6),
        ("LAUNCH(type)", 1),
        ("IS_NULL()", 9),
        ("IS_NULL(type, type)", 19),
        ("$body. = 1", 8),
        ("type IN []", 10),
        ("type = 'a'; DROP", 11),
        ("NOT " * 60 + "true", 201),
    ],
)
def test_a_filter_that_is_wrong_is_refused_with_the_place(text: str, position: int) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_filter(text)
    assert refused.value.code == "EventRouteFilterInvalid"
    assert f"at character {position}:" in refused.value.message


def test_a_filter_that_is_too_long_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="longer than 4000"):
        parse_filter("true OR " * 600 + "true")
