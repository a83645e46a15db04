"""The tables: complete, consistent, current, and facts only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dtdl.elements import KINDS
from dtdl.metamodel import Metamodel, metamodel
from dtdl.parser.standard import standard

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def tables() -> Metamodel:
    return metamodel()


def test_every_context_has_a_table_and_every_table_a_context(tables: Metamodel) -> None:
    folder = ROOT / "dtdl" / "metamodel" / "tables"
    assert {f"{name}.json" for name in tables.contexts.values()} | {"index.json"} == {p.name for p in folder.iterdir()}
    for context in tables.contexts:
        assert tables.table(context).id == context
        assert tables.table(context).table["provenance"]


def test_every_class_that_a_property_names_exists(tables: Metamodel) -> None:
    for version in tables.versions:
        classes = tables.language(version).classes
        for rule in classes.values():
            assert rule.kinds <= classes.keys()
            for prop in rule.by_name.values():
                assert prop.target is None or prop.target in classes
                assert prop.uri in rule.properties


def test_every_class_of_an_element_is_one_of_the_metamodel(tables: Metamodel) -> None:
    known = {name for version in tables.versions for name in tables.language(version).classes}
    assert KINDS.keys() <= known


def test_every_supplemental_type_has_known_parents_and_properties(tables: Metamodel) -> None:
    known = {name for version in tables.versions for name in tables.language(version).classes}
    for table in tables.tables():
        for rule in table.types.values():
            assert next(tables.lineage(rule)) is rule
            assert set(rule.cotypes) <= known
            for prop in rule.properties.values():
                assert tables.term(prop.uri) == prop.name


def test_every_standard_element_can_be_made(tables: Metamodel) -> None:
    made = 0
    for table in tables.tables():
        for dtmi in table.owners:
            found = standard().get(tables.resolve(dtmi))
            assert found, dtmi
            made += len(found)
    assert made > 1_000


def test_every_unit_of_a_semantic_type_is_a_standard_element(tables: Metamodel) -> None:
    table = tables.table("dtmi:dtdl:extension:quantitativeTypes;3")
    families = {prop.table["child_of"] for rule in table.types.values() for prop in rule.properties.values()
                if prop.name == "unit" and "child_of" in prop.table}  # fmt: skip
    assert len(families) == 48
    assert families <= table.owners.keys()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_tables_hold_facts_and_no_sentences(tables: Metamodel) -> None:
    for name in tables.contexts.values():
        path = ROOT / "dtdl" / "metamodel" / "tables" / f"{name}.json"
        table = json.loads(path.read_text(encoding="utf-8"))
        table.pop("provenance")
        assert all(len(text.split()) <= 12 for text in strings(table)), name


def test_tables_are_made_from_the_published_digest() -> None:
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set: the published digest is not here")
    digest = Path(cases) / "reference" / "dtdl" / "dtdl_digest.json"
    tool = ROOT / "tools" / "make_metamodel.py"
    done = subprocess.run(
        [sys.executable, str(tool), str(digest), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
