import json
import re
from pathlib import Path

import jsonschema

from interop.check import check
from interop.cli.check import FORMATS
from interop.cli.render import FORMATS as RENDERERS
from interop.config.document import parse_document
from interop.config.findings import Findings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "megatwin-yaml.md").read_text("utf-8")
SCHEMA = json.loads((ROOT / "schemas" / "megatwin.schema.json").read_text("utf-8"))


def example():
    return re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]


def keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def test_the_example_of_the_page_fits_the_schema():
    findings = Findings()
    value = parse_document("page", example().encode(), findings).value
    assert not list(findings)
    jsonschema.validate(value, SCHEMA, jsonschema.Draft202012Validator)


def test_the_page_uses_every_key_that_every_file_may_have():
    shown = set(keys(parse_document("page", example().encode(), Findings()).value)) | set(
        re.findall(r"`([\w-]+)`", PAGE)
    )
    own = set(SCHEMA["properties"])
    for name in ("Twin", "BindGroup", "Parts", "ServeSection", "OpcUaServe"):
        own |= set(SCHEMA["$defs"][name]["properties"])
    for section in ("connections", "relationships"):
        own |= set(SCHEMA["properties"][section]["items"]["properties"])
    assert own <= shown


def test_the_example_of_the_page_is_right_but_for_the_files_that_it_names(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANT_PASSWORD", "x")
    (tmp_path / "megatwin.yaml").write_text(example(), "utf-8")
    assert {found.rule for found in check([tmp_path / "megatwin.yaml"]).diagnostics} == {"MT110"}


def test_the_formats_offered_are_those_that_can_be_written():
    assert list(FORMATS) == list(RENDERERS)
    page = (ROOT / "docs" / "check.md").read_text("utf-8")
    assert all(f"| `{how}` |" in page for how in FORMATS)
