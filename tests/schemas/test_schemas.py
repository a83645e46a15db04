"""The shipped schemas: current, accepted by the draft that they name, and true to what the code takes and gives."""

import importlib.util
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from interop.config.document import read_document
from interop.config.findings import Findings
from interop.event import Event

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NAMES = ["megatwin", "diagnostic", "event", "service", "dtdl.v2", "dtdl.v3", "dtdl.v4"]
DATA = {".yaml", ".json"}


def schema(name):
    return json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))


def draft_of(found):
    return jsonschema.validators.validator_for(found, default=None)


@cache
def validator(name):
    found = schema(name)
    return draft_of(found)(found)


def content(path):
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    findings = Findings()
    value = read_document(path, findings).value
    assert not list(findings)
    return value


def examples(kind):
    return [path for name in NAMES for path in sorted((HERE / name).glob(f"{kind}*")) if path.suffix in DATA]


def case_id(path):
    return f"{path.parent.name}-{path.stem}"


def test_every_generated_file_is_current(capsys):
    spec = importlib.util.spec_from_file_location("generate", ROOT / "tools" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_says_what_it_is_made_from(name):
    found = schema(name)
    draft = draft_of(found)
    assert draft is (jsonschema.Draft7Validator if name.startswith("dtdl.") else jsonschema.Draft202012Validator)
    draft.check_schema(found)
    assert found["$id"] == f"urn:megatwin:schemas:{name}.schema.json"
    assert "tools/generate.py" in found["$comment"]
    assert {path.parent.name for path in examples("valid")} == set(NAMES)
    assert {path.parent.name for path in examples("invalid")} == set(NAMES)


@pytest.mark.parametrize("path", examples("valid"), ids=case_id)
def test_what_is_right_fits(path):
    validator(path.parent.name).validate(content(path))


@pytest.mark.parametrize("path", examples("invalid"), ids=case_id)
def test_what_is_wrong_does_not_fit(path):
    with pytest.raises(jsonschema.ValidationError):
        validator(path.parent.name).validate(content(path))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/megatwin.yaml")), ids=lambda path: path.parent.name)
def test_every_example_fits_the_schema_of_the_file(path):
    jsonschema.validate(content(path), schema("megatwin"), jsonschema.Draft202012Validator)


def test_a_stored_event_fits_the_schema_of_events():
    now = datetime.now(UTC)
    body = {"source": "plant", "readings": [["t/level", 1.5, "Good", "2026-01-31T12:00:00.000000Z", None, "t"]]}
    event = Event(seq=1, kind="samples", twin=None, recorded_at=now, actor="source:plant", body=body)
    jsonschema.validate(json.loads(event.encode()), schema("event"), jsonschema.Draft202012Validator)
