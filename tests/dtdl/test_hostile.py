"""Input is hostile: any JSON value, any text and any mutation gives findings or a model, never a foreign exception."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dtdl
from dtdl import source as source_module
from dtdl.errors import LimitExceeded, ModelInvalid
from dtdl.source import MAX_DEPTH

WORDS = [
    "@context", "@id", "@type", "@value", "@language", "@graph", "contents", "name", "schema", "extends", "schemas",
    "fields", "enumValues", "enumValue", "valueSchema", "mapKey", "mapValue", "elementSchema", "request", "response",
    "displayName", "unit", "target", "properties", "Interface", "Property", "Telemetry", "Command", "Relationship",
    "Component", "Object", "Array", "Map", "Enum", "Temperature", "double", "string", "integer", "degreeCelsius",
    "dtmi:dtdl:context;2", "dtmi:dtdl:context;3", "dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;1",
    "dtmi:a:X;1", "dtmi:a:Y;1", "dtmi:dtdl:class:Property;3", "en", "xsd:string", "",
]  # fmt: skip
words = st.sampled_from(WORDS)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)
documents = st.fixed_dictionaries(
    {
        "@context": st.sampled_from(WORDS[-10:-4]) | values,
        "@id": st.just("dtmi:a:X;1") | values,
        "@type": st.just("Interface") | values,
    },
    optional={"contents": values, "extends": values, "schemas": values, "displayName": values, "comment": values},
)


def survive(text: str) -> None:
    found = dtdl.check(text)
    if not any(d.severity == "error" for d in found):
        model = dtdl.parse(text)
        assert dtdl.equal(dtdl.parse(dtdl.dumps(model)), model)


@given(values)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_value_gives_findings_or_a_model(value: Any) -> None:
    survive(json.dumps(value))


@given(documents)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_anything_in_the_place_of_a_model_gives_findings_or_a_model(value: Any) -> None:
    survive(json.dumps(value))


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_gives_findings(text: str) -> None:
    assert all(isinstance(d, dtdl.Diagnostic) for d in dtdl.check(text))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
        "1" * 10_000,
        '{"@context": "dtmi:dtdl:context;3", "@id": "\\ud800", "@type": "Interface"}',
        '{"": 1, "@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface"}',
        '{"@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:X;1", "@type": "Interface", "comment": 1e999}',
        '{"@context": "dtmi:dtdl:context;2", "@id": "dtmi:a:X;1", "@type": [["Interface"], null, {}]}',
        "\ufeff{}",
        '{"a": "\ud800"}',
        '{"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface", "name" : 1, "name": 1}',
        "",
    ],
)
def test_texts_made_to_break_readers_give_findings(text: str) -> None:
    assert dtdl.check(text)


def test_nesting_up_to_the_bound_is_read() -> None:
    schema: Any = "double"
    for _ in range(4):
        schema = {"@type": "Array", "elementSchema": schema}
    head = {"@context": "dtmi:dtdl:context;3", "@id": "dtmi:a:X;1", "@type": "Interface"}
    model = head | {"contents": [{"@type": "Property", "name": "p", "schema": schema}]}
    assert dtdl.check(json.dumps(model)) == []
    for _ in range(2):
        schema = {"@type": "Array", "elementSchema": schema}
    model = head | {"contents": [{"@type": "Property", "name": "p", "schema": schema}]}
    assert {d.rule.rsplit(":", 1)[1] for d in dtdl.check(json.dumps(model))} == {"excessiveDepthWide"}


def test_a_text_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dtdl.source.MAX_BYTES", 100)
    with pytest.raises(LimitExceeded):
        dtdl.check(" " * 101)


def test_a_lattice_of_ancestors_takes_no_exponential_time() -> None:
    head = {"@context": "dtmi:dtdl:context;3", "@type": "Interface"}
    layers = [[f"dtmi:a:L{layer}x{i};1" for i in range(10)] for layer in range(10)]
    models = [
        head | {"@id": name, "extends": layers[layer + 1] if layer + 1 < len(layers) else []}
        for layer, names in enumerate(layers)
        for name in names
    ]
    assert {d.rule.rsplit(":", 1)[1] for d in dtdl.check(json.dumps(models))} == {"excessiveCount"}


def test_a_long_chain_of_ancestors_is_too_deep_and_no_crash() -> None:
    head = {"@context": "dtmi:dtdl:context;3", "@type": "Interface"}
    models = [head | {"@id": f"dtmi:a:N{i};1", "extends": f"dtmi:a:N{i + 1};1"} for i in range(3_000)]
    models.append(head | {"@id": "dtmi:a:N3000;1"})
    found = dtdl.check(json.dumps(models))
    assert len(found) == 2_990
    assert found[0].rule.endswith(":excessiveDepthNarrow")


def test_circles_are_found_wherever_one_starts() -> None:
    head = {"@context": "dtmi:dtdl:context;3", "@type": "Interface"}
    models = [head | {"@id": f"dtmi:a:N{i};1", "extends": f"dtmi:a:N{(i + 1) % 3};1"} for i in range(3)]
    models.append(head | {"@id": "dtmi:a:Out;1", "extends": "dtmi:a:N0;1"})
    found = dtdl.check(json.dumps(models))
    assert {d.rule.rsplit(":", 1)[1] for d in found} == {"recursiveStructureNarrow"}
    assert {d.primary_id for d in found} == {f"dtmi:a:N{i};1" for i in range(3)}


def mutations(text: str, source: random.Random) -> str:
    """One random change of a text: a cut, a repetition, a swap of a word or of a character."""
    kind = source.randrange(4)
    start = source.randrange(len(text))
    end = min(len(text), start + source.randrange(1, 30))
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:end] + text[start:]
    if kind == 2:
        return text[:start] + source.choice('{}[]",:\\0a\u00e9') + text[start + 1 :]
    word = source.choice(WORDS)
    quote = text.find('"', start)
    close = text.find('"', quote + 1)
    return text if quote < 0 or close < 0 else text[: quote + 1] + word + text[close:]


def nodes(value: Any) -> list[Any]:
    """Every object and array in a value."""
    found = [value] if isinstance(value, dict | list) else []
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        found += nodes(item)
    return found


def restructured(text: str, source: random.Random) -> str:
    """One random change of the value: a member dropped, doubled, renamed, moved, or turned into something else."""
    value = json.loads(text)
    every = nodes(value)
    node = source.choice(every)
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return text
    key = source.choice(keys)
    other = source.choice(
        [None, True, -1, 1e300, "", [], {}, source.choice(WORDS), [node[key]], {"@id": node[key]}, source.choice(every)]
    )
    kind = source.randrange(4)
    other = json.loads(json.dumps(other))
    if kind == 0:
        del node[key]
    elif kind == 1:
        node[key] = other
    elif isinstance(node, list):
        node.insert(key, other if kind == 2 else node[key])
    else:
        node[source.choice(WORDS)] = other if kind == 2 else node.pop(key)
    return json.dumps(value)


def rebitten(data: bytes, source: random.Random) -> bytes:
    """A few bytes replaced by others, NUL, halves of UTF-8 sequences and a byte order mark among them."""
    made = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        start = source.randrange(len(made))
        made[start : start + source.randrange(3)] = source.choice(
            [b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80", bytes([source.randrange(256)])]
        )
    return bytes(made)


MUTATIONS = 3_400 if os.environ.get("MEGATWIN_LONG") else 400
"""For each ontology."""


@contextlib.contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Counts the calls of Python and C functions: work that does not depend on how busy the machine is."""
    made = [0]

    def count(_: object, event: str, __: object) -> None:
        made[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield made
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("name", ["rec", "energygrid", "smartcities"])
def test_mutations_of_real_ontologies_give_findings_or_models(name: str, tmp_path: Path) -> None:
    root = os.environ.get("MEGATWIN_CASES")
    if not root:
        pytest.skip("MEGATWIN_CASES is not set: the real ontologies are not here")
    rows = (Path(root) / "bench" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    source = random.Random(name)
    file = tmp_path / "mutated.json"
    # Modules and tables that are loaded once are the work of no single text.
    assert dtdl.check(json.dumps(HEAD | {"@type": "Interfaec", "extends": {"@id": "dtmi:dtdl:x;1"}, "contnets": 1}))
    assert dtdl.check(json.dumps(HEAD | {"contents": [{"@type": ["Property", "X"], "name": "p", "schema": "y"}]}))
    for index in range(MUTATIONS):
        text = json.loads(source.choice(rows))["text"]
        mutated: str | Path = file
        if index % 3 == 0:
            mutated = mutations(text, source)
        elif index % 3 == 1:
            mutated = restructured(text, source)
        else:
            file.write_bytes(rebitten(text.encode(), source))
        size = file.stat().st_size if isinstance(mutated, Path) else len(mutated)
        with counted_calls() as calls, contextlib.suppress(ModelInvalid):
            dtdl.parse(mutated)
        assert calls[0] < 10_000 + 5 * size, (index, size)


HEAD = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:a:X;1", "@type": "Interface"}
MANY = 2_000


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (json.dumps(HEAD)[:-1] + ', "comment": "c"' * (MANY + 1) + "}", "duplicatePropertyName"),
        (json.dumps(HEAD | {f"x{i}": 1 for i in range(MANY)}), "propertyUndefinedTerm"),
        (json.dumps(HEAD | {"displayName": [{"@language": "en", "@value": "x"}] * (MANY + 1)}),
         "langStringElementCodeNotUnique"),
        (json.dumps(HEAD | {"@type": ["Interface", *(f"T{i}" for i in range(MANY))]}), "typeUndefinedTerm"),
        (json.dumps(HEAD | {"@context": "dtmi:dtdl:context;2", "extends": [f"dtmi:a:M{i};1" for i in range(MANY)]}),
         "MT004"),
    ],
    ids=["keys", "properties", "texts", "types", "references"],
)  # fmt: skip
def test_every_one_of_many_mistakes_is_found_and_its_place_is_looked_up_once(
    text: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flattened = 0
    flat = source_module._flat

    def counting(span: Any) -> Any:
        nonlocal flattened
        flattened += 1
        return flat(span)

    monkeypatch.setattr(source_module, "_flat", counting)
    found = dtdl.check(text)
    assert [item.rule.rsplit(":", 1)[-1] for item in found] == [rule] * MANY
    assert len({(item.location.line, item.location.column) for item in found if item.location}) > MANY - 2 or rule == (
        "typeUndefinedTerm"
    )
    assert flattened <= 2 * MANY


@pytest.mark.parametrize("digits", ["1e999999", "9" * 5_000, "-" + "9" * 400, "1." + "5" * 5_000, "NaN", "-Infinity"])
def test_numbers_without_measure_are_findings(digits: str) -> None:
    text = json.dumps(HEAD | {"contents": [{"@type": "Relationship", "name": "r", "maxMultiplicity": 0}]})
    assert dtdl.check(text.replace(" 0", f" {digits}"))
