"""The schema of stored events accepts what the ledger stores, and refuses what it must not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from interop.event import Event
from interop.event_schema import event_schema

CASES = Path(__file__).parents[1] / "schemas" / "event"
VALIDATOR = jsonschema.Draft202012Validator(event_schema())


def named(kind):
    return sorted((CASES / kind).glob("*.json"))


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(event_schema())


@pytest.mark.parametrize("file", named("valid"), ids=lambda file: file.stem)
def test_valid_events_are_accepted_and_come_back_byte_for_byte(file):
    event = json.loads(file.read_text())
    VALIDATOR.validate(event)
    decoded = Event.decode(json.dumps(event).encode())
    assert json.loads(decoded.encode()) == event


@pytest.mark.parametrize("file", named("invalid"), ids=lambda file: file.stem)
def test_invalid_events_are_refused(file):
    assert not VALIDATOR.is_valid(json.loads(file.read_text()))
