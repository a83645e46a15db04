import http.server
import json
import re
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtdl.change import NOT_RAISED, RAISED
from dtdl.errors import InputUnreadable, LimitExceeded, MegatwinError, ModelInvalid, ModelNotFound
from interop.rules import PREFIX, find_rules, find_tables
from interop.validate import report, validate_data, validate_json, worker, written

MODELS = [
    {
        "@context": ["dtmi:dtdl:context;4"],
        "@id": "dtmi:t:Pump;1",
        "@type": "Interface",
        "contents": [
            {"@type": "Property", "name": "speed", "schema": "double", "writable": True},
            {"@type": "Property", "name": "on", "schema": "boolean"},
            {"@type": "Property", "name": "count", "schema": "integer"},
            {"@type": "Property", "name": "label", "schema": "string"},
            {"@type": "Property", "name": "built", "schema": "date"},
            {"@type": "Property", "name": "mode", "schema": {
                "@type": "Enum", "valueSchema": "integer",
                "enumValues": [{"name": "off", "enumValue": 1}, {"name": "run", "enumValue": 2}]}},
            {"@type": "Property", "name": "place", "schema": {"@type": "Object", "fields": [
                {"name": "x", "schema": "double"}, {"name": "y", "schema": "double"}]}},
            {"@type": "Property", "name": "limits", "schema": {"@type": "Array", "elementSchema": "double"}},
            {"@type": "Property", "name": "tags", "schema": {
                "@type": "Map", "mapKey": {"name": "k", "schema": "string"},
                "mapValue": {"name": "v", "schema": "integer"}}},
            {"@type": "Telemetry", "name": "flow", "schema": "double"},
            {"@type": "Command", "name": "stop"},
            {"@type": "Component", "name": "motor", "schema": "dtmi:t:Motor;1"},
            {"@type": "Relationship", "name": "feeds", "target": "dtmi:t:Tank;1", "properties": [
                {"@type": "Property", "name": "since", "schema": "date"}]},
        ],
    },
    {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Motor;1", "@type": "Interface",
     "contents": [{"@type": "Property", "name": "rpm", "schema": "integer"}]},
    {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Tank;1", "@type": "Interface",
     "contents": [{"@type": "Property", "name": "level", "schema": "double"}]},
]  # fmt: skip
PUMP = "dtmi:t:Pump;1"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "all.json").write_text(json.dumps(MODELS), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(text, name="data.json", **options):
    """Gives rule, the text that the location spans, and the cause of every finding."""
    Path(name).write_text(text, "utf-8", newline="")
    return spans(validate_data([name], ["models"], **options), {name: text})


def spans(diagnostics, texts):
    out = []
    known = find_rules()
    for item in diagnostics:
        where = item.location
        assert item.action, item
        assert item.rule in known, item
        lines = texts[where.file].split("\n")
        if not where.line:
            out.append((item.rule, None, item.cause))
            continue
        if where.end_line in (0, where.line):
            out.append((item.rule, lines[where.line - 1][where.column - 1 : where.end_column - 1], item.cause))
        else:
            out.append((item.rule, lines[where.line - 1][where.column - 1 :], item.cause))
    return out


def places(results):
    return [(rule, text) for rule, text, _ in results]


def twin(identity="p1", model=PUMP, **contents):
    return {"$dtId": identity, "$metadata": {"$model": model}, **contents}


def test_a_twin_that_follows_its_model_has_no_findings(folder):
    good = twin(
        speed=1.5, on=True, count=3, label="", built="2026-02-28", mode=2, place={"x": 1}, limits=[1, 2.5],
        tags={"a": 1}, motor={"$metadata": {}, "rpm": 5},
    )  # fmt: skip
    assert found(json.dumps(good)) == []
    assert found(json.dumps([good, twin("t1", "dtmi:t:Tank;1", level=1)])) == []
    assert found(json.dumps({"speed": 1}), model=PUMP) == []


def test_every_wrong_value_is_found_where_it_stands(folder):
    text = """{
  "$dtId": "p1", "$metadata": {"$model": "dtmi:t:Pump;1"},
  "speed": "fast", "count": 1.0, "built": "2026-02-30", "mode": 3,
  "place": {"x": 1, "z": 2},
  "limits": [1, [2], "three"],
  "tags": {"a": 1, "b/c": null},
  "motor": {"rpm": 99999999999},
  "flow": 1
}
"""
    assert places(found(text)) == [
        ("MT301", '"fast"'), ("MT301", "1.0"), ("MT303", '"2026-02-30"'), ("MT306", "3"), ("MT304", '"z"'),
        ("MT301", "[2]"), ("MT301", '"three"'), ("MT307", "null"), ("MT302", "99999999999"), ("MT304", '"flow"'),
    ]  # fmt: skip


def test_what_makes_a_twin_is_checked(folder):
    text = """[
  {"$dtId": "p1", "$metadata": {"$model": "dtmi:t:Pumb;1"}},
  {"$dtId": "p1", "$metadata": {"$model": "dtmi:t:Pump;1"}},
  {"$dtId": "no spaces", "$metadata": {"$model": "dtmi:t:Pump;1"}},
  {"$dtId": "p2"},
  {"$dtId": "p3", "$metadata": {"$model": "dtmi:t:Pump;1"}, "$dtid": 1, "speed": 1, "speed": 2},
  17
]"""
    results = found(text)
    assert places(results) == [
        ("MT404", '"dtmi:t:Pumb;1"'), ("MT406", '"p1"'), ("MT405", '"no spaces"'), ("MT403", '{"$dtId": "p2"}'),
        ("MT407", '"$dtid"'), ("MT401", "2"), ("MT402", "17"),
    ]  # fmt: skip


def test_a_wrong_dtmi_names_the_near_one(folder):
    Path("t.json").write_text(json.dumps(twin(model="dtmi:t:Pumb;1")), "utf-8")
    (only,) = validate_data(["t.json"], ["models"])
    assert only.action == "Did you mean 'dtmi:t:Pump;1'?"


def test_relationships_are_checked_with_the_twins_of_all_files(folder):
    twins = [twin(), twin("t1", "dtmi:t:Tank;1")]
    Path("twins.json").write_text(json.dumps(twins), "utf-8")
    link = {"$relationshipId": "r1", "$sourceId": "p1", "$relationshipName": "feeds", "$targetId": "t1"}
    links = [
        {**link, "since": "2026-01-01"},
        {**link, "since": "yesterday"},
        {**link, "$relationshipId": "r2", "$targetId": "p1"},
        {**link, "$relationshipId": "r3", "$relationshipName": "feed"},
        {**link, "$relationshipId": "r4", "$sourceId": "elsewhere", "anything": 1},
        {"$relationshipId": "r5", "$sourceId": 5},
    ]
    text = "\n".join(map(json.dumps, links)) + "\n"
    Path("links.ndjson").write_text(text, "utf-8")
    results = spans(validate_data(["links.ndjson", "twins.json"], ["models"]), {"links.ndjson": text})
    assert places(results)[:4] == [("MT406", '"r1"'), ("MT303", '"yesterday"'), ("MT408", '"p1"'), ("MT408", '"feed"')]
    assert [rule for rule, _ in places(results)[4:]] == ["MT408"] * 3


def test_the_number_of_relationships_is_checked_over_all_files(folder):
    spring = {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:t:Spring;1", "@type": "Interface", "contents": [
        {"@type": "Relationship", "name": "fills", "target": "dtmi:t:Tank;1", "maxMultiplicity": 1}]}  # fmt: skip
    Path("models/spring.json").write_text(json.dumps(spring), "utf-8")
    twins = [twin("s1", "dtmi:t:Spring;1"), *(twin(one, "dtmi:t:Tank;1") for one in ("t1", "t2", "t3"))]
    Path("twins.json").write_text(json.dumps(twins), "utf-8")
    links = [
        {"$relationshipId": f"r{one}", "$sourceId": "s1", "$relationshipName": "fills", "$targetId": one}
        for one in ("t1", "t2", "t3")
    ]
    Path("a.ndjson").write_text(json.dumps(links[0]) + "\n", "utf-8")
    assert validate_data(["twins.json", "a.ndjson"], ["models"]) == []
    text = "\n".join(map(json.dumps, links[1:])) + "\n"
    Path("b.ndjson").write_text(text, "utf-8")
    results = validate_data(["twins.json", "a.ndjson", "b.ndjson"], ["models"])
    assert places(spans(results, {"b.ndjson": text})) == [("MT310", '"fills"')]
    assert (results[0].location.line, results[0].value, results[0].restriction) == (1, "3", "1")
    assert results[0].action == "Remove 2."


def test_each_line_of_ndjson_is_a_twin_with_its_own_line_number(folder):
    text = '{"speed": 1}\n\n{"speed": "x"}\n{"speed": \n\ufeff{"spee": 1}\n'
    Path("d.ndjson").write_text(text, "utf-8")
    results = validate_data(["d.ndjson"], ["models"], model=PUMP)
    assert [(item.rule, item.location.line, item.location.column) for item in results] == [
        ("MT301", 3, 11), ("MT001", 4, 11), ("MT304", 5, 2),
    ]  # fmt: skip


def test_columns_of_a_table_are_paths_and_each_cell_knows_its_place(folder):
    text = (
        "$dtId,speed,motor/rpm,place/x,on,label,mode,limits,flow,built\r\n"
        'p1,1.5,5,2,TRUE,"a ""b"", c",2,"[1, 2]",3.5,2026-01-01\r\n'
        "p2,,,,,,,,,\r\n"
        '"p3",fast,1.5,far,yes,007,9,"[1, ""x""]",wet,today\r\n'
        "p1,1,1,1,true,x,1,[1],1,2026-01-01\r\n"
        "p5,1\r\n"
    )
    assert places(found(text, "d.csv", model=PUMP)) == [
        ("MT301", "fast"), ("MT301", "1.5"), ("MT301", "far"), ("MT301", "yes"), ("MT306", "9"),
        ("MT301", '"[1, ""x""]"'), ("MT301", "wet"), ("MT303", "today"), ("MT406", "p1"), ("MT410", "p5,1"),
    ]  # fmt: skip


def test_rows_of_a_table_may_be_of_several_models(folder):
    text = "$model,$dtId,level,speed\ndtmi:t:Tank;1,t1,2.5,\ndtmi:t:Pump;1,p1,,1\n,p2,,1\ndtmi:t:Tanc;1,x,1,\n"
    assert [(rule, text) for rule, text, _ in found(text, "d.csv")] == [
        ("MT411", "level"), ("MT411", "speed"), ("MT403", ",p2,,1"), ("MT404", "dtmi:t:Tanc;1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [("MT410", "")]),
        ("speed,spee,stop\n1,2,3\n", [("MT411", "spee"), ("MT411", "stop")]),
        ("speed,speed\n1,2\n", [("MT411", "speed")]),
        ("place,place/x\n{},1\n", [("MT411", "place/x")]),
        ("$etag,speed\n1,2\n", [("MT411", "$etag")]),
        ("speed,\n1,2\n", [("MT411", "")]),
        ("a~5\n1\n", [("MT411", "a~5")]),
        ('speed\n"1\n', [("MT410", '"')]),
        ('speed\n"1"2\n', [("MT410", "2")]),
        ('speed\n1"2\n', [("MT410", '"')]),
    ],
)
def test_a_table_of_the_wrong_form_is_found_at_its_place(folder, text, wanted):
    assert places(found(text, "d.csv", model=PUMP)) == wanted


def test_a_cell_that_is_left_empty_is_not_given_and_a_quoted_one_is_an_empty_text(folder):
    assert found('label,speed\n"",\n', "d.csv", model=PUMP) == []
    assert places(found('label,speed\n"",""\n', "d.csv", model=PUMP)) == [("MT301", '""')]


def test_a_patch_is_checked_without_the_twin(folder):
    good = [
        {"op": "add", "path": "/speed", "value": 2},
        {"op": "replace", "path": "/motor/rpm", "value": 2},
        {"op": "add", "path": "/motor", "value": {"$metadata": {}, "rpm": 1}},
        {"op": "add", "path": "/limits/-", "value": 2.5},
        {"op": "remove", "path": "/place/x"},
        {"op": "add", "path": "/tags/a~1b", "value": 1},
    ]
    assert found(json.dumps(good), patch=True, model=PUMP) == []
    text = """[
  {"op": "add", "path": "/speed", "value": "x"},
  {"op": "replace", "path": "/motor", "value": {"rpm": 1.5, "rp": 1}},
  {"op": "add", "path": "/limits/0", "value": null},
  {"op": "add", "path": "/limits/first", "value": 1},
  {"op": "remove", "path": "/spee"},
  {"op": "add", "path": "/flow", "value": 1},
  {"op": "add", "path": "/speed/x", "value": 1},
  {"op": "move", "path": "/speed"},
  {"path": 5},
  7,
  {"op": "replace", "path": "/place", "value": {"x": "y"}},
  {"op": "replace", "path": "/motor", "value": 1}
]"""
    assert places(found(text, patch=True, model=PUMP)) == [
        ("MT301", '"x"'), ("MT301", "1.5"), ("MT304", '"rp"'), ("MT307", "null"), ("MT421", '"/limits/first"'),
        ("MT421", '"/spee"'), ("MT421", '"/flow"'), ("MT421", '"/speed/x"'),
        ("MT420", '{"op": "move", "path": "/speed"}'),
        ("MT420", '{"path": 5}'), ("MT420", "7"), ("MT301", '"y"'), ("MT402", "1"),
    ]  # fmt: skip


def test_a_finding_in_a_patch_names_the_path_from_the_twin(folder):
    (only,) = found('[{"op": "add", "path": "/motor", "value": {"rpm": "x"}}]', patch=True, model=PUMP)
    assert only[2].startswith('motor/rpm: "x"')
    (index,) = found(
        '[{"op": "add", "path": "/speed", "value": 1}, {"op": "no", "path": "/speed"}]', patch=True, model=PUMP
    )
    assert index[2].startswith("Operation 1 ")


def test_a_patch_that_changes_the_model_is_checked_against_the_new_one(folder):
    text = json.dumps([
        {"op": "replace", "path": "/$metadata/$model", "value": "dtmi:t:Tank;1"},
        {"op": "remove", "path": "/speed"},
        {"op": "add", "path": "/level", "value": 1},
        {"op": "add", "path": "/speed", "value": 1},
    ])  # fmt: skip
    assert places(found(text, patch=True, model=PUMP)) == [("MT421", '"/speed"')]
    text = '[{"op": "replace", "path": "/$metadata/$model", "value": "dtmi:t:No;1"}]'
    assert places(found(text, patch=True, model=PUMP)) == [("MT404", '"dtmi:t:No;1"')]


def test_what_cannot_be_read_is_an_error_of_ours(folder):
    Path("t.json").write_text("{}", "utf-8")
    for name in ("missing.json", "models", "t.txt"):
        with pytest.raises(InputUnreadable):
            validate_data([name], ["models"])
    Path("folder.json").mkdir()
    with pytest.raises(InputUnreadable):
        validate_data(["folder.json"], ["models"])
    with pytest.raises(InputUnreadable):
        validate_data(["t.json"], ["nothing"])
    with pytest.raises(ModelNotFound):
        validate_data(["t.json"], ["models"], model="dtmi:t:None;1")
    Path("bad.json").write_text('{"@context": "dtmi:dtdl:context;4"}', "utf-8")
    with pytest.raises(ModelInvalid):
        validate_data(["t.json"], ["bad.json"])
    Path("d.csv").write_text("a\n", "utf-8")
    with pytest.raises(InputUnreadable):
        validate_data(["d.csv"], ["models"], patch=True, model=PUMP)


@pytest.mark.parametrize("name", ["d.json", "d.ndjson", "d.csv"])
def test_bytes_that_are_no_text_are_a_finding(folder, name):
    Path(name).write_bytes(b'"ab\xff"')
    (only,) = validate_data([name], ["models"])
    assert (only.rule, only.location.line, only.location.column) == ("MT002", 1, 4)


def test_depth_and_size_are_bounded(folder, monkeypatch):
    assert [rule for rule, _, _ in found("[" * 100_000 + "]" * 100_000)] == ["MT003"]
    monkeypatch.setattr(written, "MAX_BYTES", 10)
    with pytest.raises(LimitExceeded):
        found('{"speed": 1.00000}')
    monkeypatch.setattr(written, "MAX_LINE", 10)
    with pytest.raises(LimitExceeded):
        found('{"speed": 1.00000}', "d.ndjson")


def test_the_number_of_findings_is_bounded_and_said(folder):
    assert report.MAX_FINDINGS == 10_000
    Path("many.json").write_text(json.dumps([1] * 20_000), "utf-8")
    rules = [item.rule for item in validate_data(["many.json"], ["models"])]
    assert len(rules) == 10_001
    assert rules.count("MT409") == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["$dtId", "$metadata", "$model", "$relationshipId", "$sourceId", "$targetId", "op", "path",
                         "value", "$relationshipName", "motor", "speed", "place", "x", "limits"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=_JSON, patch=st.booleans())
def test_any_json_gives_findings_and_no_other_exception(folder, value, patch):
    Path("any.json").write_text(json.dumps(value), "utf-8")
    for item in validate_data(["any.json"], ["models"], model=PUMP, patch=patch):
        assert item.location.line


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(alphabet='speed,motr/"\n\r $dtIdxy1.{}[]', max_size=60))
def test_any_table_gives_findings_and_no_other_exception(folder, text):
    Path("any.csv").write_text(f"speed,place,limits\n{text}", "utf-8", newline="")
    for item in validate_data(["any.csv"], ["models"], model=PUMP):
        assert item.location.line


# -- against a JSON Schema ---------------------------------------------------------------------------------------


def against(data, schema, **others):
    """Checks in this process, where a debugger and blocked sockets reach; files beside the schema by keyword."""
    texts = {"data.json": data, "schema.json": schema if isinstance(schema, str) else json.dumps(schema)}
    for name, text in texts.items():
        Path(name).write_text(text, "utf-8")
    for name, other in others.items():
        Path(f"{name}.json").write_text(json.dumps(other), "utf-8")
    return spans(
        worker.check([Path("data.json")], Path("schema.json")),
        texts | {f"{name}.json": json.dumps(other) for name, other in others.items()},
    )


def test_each_value_that_a_schema_refuses_is_found_where_it_stands(folder):
    schema = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {
            "id": {"type": "integer"}, "kind": {"enum": ["pump", "tank"]}, "speed": {"maximum": 5},
            "tags": {"items": {"type": "string", "pattern": "^[a-z]+$"}, "uniqueItems": True, "maxItems": 2},
            "at": {"anyOf": [{"type": "object", "required": ["x"]}, {"type": "array", "items": {"type": "number"}}]},
        },
        "additionalProperties": False,
    }  # fmt: skip
    text = '{"id": "1", "kind": "pumb", "speed": 7, "tags": ["A", "b", "b"], "at": [1, "2"], "sped": 1}'
    results = against(text, schema)
    assert sorted(places(results)) == sorted([
        ("MT440", text), ("MT440", '"1"'), ("MT440", '"pumb"'), ("MT440", "7"), ("MT440", '"A"'),
        ("MT440", '["A", "b", "b"]'),
        ("MT440", '["A", "b", "b"]'), ("MT440", '"2"'), ("MT440", '"sped"'),
    ])  # fmt: skip
    assert all(cause for _, _, cause in results)


@pytest.mark.parametrize(
    ("draft", "bad"),
    [
        ("http://json-schema.org/draft-03/schema#", {"properties": {"a": {"type": "integer", "required": True}}}),
        ("http://json-schema.org/draft-04/schema#", {"maximum": 3, "exclusiveMaximum": True}),
        ("http://json-schema.org/draft-06/schema", {"const": 1}),
        ("http://json-schema.org/draft-07/schema#", {"if": True, "then": False}),
        (
            "https://json-schema.org/draft/2019-09/schema",
            {"items": [{}], "unevaluatedItems": False, "maxItems": 0},
        ),
        ("https://json-schema.org/draft/2020-12/schema", {"prefixItems": [{"type": "string"}], "type": "array"}),
        (None, {"prefixItems": [{"type": "string"}]}),
    ],
)
def test_every_draft_is_known_by_its_schema_keyword(folder, draft, bad):
    data = {"http://json-schema.org/draft-03/schema#": "{}", "http://json-schema.org/draft-04/schema#": "3"}.get(
        draft, "[5]"
    )
    schema = {**({"$schema": draft} if draft else {}), **bad}
    assert [rule for rule, _, _ in against(data, schema)] == ["MT440"]


def test_references_reach_files_beside_the_schema_and_below_it(folder):
    Path("sub").mkdir()
    Path("sub/deep.json").write_text(json.dumps({"$ref": "../other.json#/$defs/small"}), "utf-8")
    other = {"$defs": {"small": {"maximum": 3}, "named": {"$anchor": "text", "type": "string"}}}
    schema = {
        "$id": "https://example.com/schemas/schema.json",
        "properties": {
            "a": {"$ref": "other.json#/$defs/small"},
            "b": {"$ref": "sub/deep.json"},
            "c": {"$ref": "https://example.com/schemas/other.json#text"},
            "d": {"$ref": "#/properties/a"},
            "e": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        },
    }
    text = '{"a": 10, "b": 20, "c": 30, "d": 40, "e": {"type": 50}}'
    results = against(text, schema, other=other)
    assert places(results) == [("MT440", "10"), ("MT440", "20"), ("MT440", "30"), ("MT440", "40"), ("MT440", "50")]


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        ("https://example.com/a.json", "MT442"),
        ("http://127.0.0.1:9/a.json#/x", "MT442"),
        ("ftp://example.com/a", "MT442"),
        ("//example.com/a", "MT442"),
        ("file:///etc/passwd", "MT442"),
        ("../outside.json", "MT442"),
        ("%2e%2e/outside.json", "MT442"),
        ("link.json", "MT442"),
        ("missing.json", "MT443"),
        ("sub", "MT443"),
        ("a%00b", "MT443"),
        ("#/nowhere", "MT443"),
        ("#nowhere", "MT443"),
        ("#/allOf/x", "MT443"),
        ("#/title/0", "MT443"),
        ("#/allOf", "MT443"),
        ("urn:uuid:deadbeef", "MT442"),
        ("http://[", "MT443"),
    ],
)
def test_a_reference_to_elsewhere_is_refused_at_its_place(folder, reference, rule):
    inner = folder / "inner"
    inner.mkdir()
    (folder / "outside.json").write_text("{}", "utf-8")
    schema = {"title": "t", "allOf": [{}], "properties": {"unused": {"$ref": reference}}}
    text = json.dumps(schema)
    (inner / "schema.json").write_text(text, "utf-8")
    (inner / "sub").mkdir()
    (inner / "link.json").symlink_to(folder / "outside.json")
    (folder / "data.json").write_text("{}", "utf-8")
    name = str(inner / "schema.json")
    results = spans(worker.check([folder / "data.json"], inner / "schema.json"), {name: text})
    assert places(results) == [(rule, json.dumps(reference))]


def test_nothing_is_ever_fetched(folder, monkeypatch):
    asked = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        schema = {
            "$id": f"{address}/x/schema.json",
            "properties": {
                "a": {"$ref": f"{address}/y/a.json"},
                "b": {"$ref": "/z.json"},
                "c": {"$ref": f"{address}/x/c.json"},
            },
        }
        Path("schema.json").write_text(json.dumps(schema), "utf-8")
        Path("data.json").write_text('{"a": 1, "b": 2, "c": 3}', "utf-8")
        rules = [item.rule for item in validate_json(["data.json"], "schema.json")]
        assert sorted(rules) == ["MT442", "MT442", "MT443"]

        def blocked(*_, **__):
            raise AssertionError("a socket was used")

        monkeypatch.setattr(socket, "socket", blocked)
        monkeypatch.setattr(socket, "getaddrinfo", blocked)
        monkeypatch.setattr(socket, "create_connection", blocked)
        assert [item.rule for item in worker.check([Path("data.json")], Path("schema.json"))] == rules
    finally:
        monkeypatch.undo()
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == []


def test_the_process_of_the_check_refuses_every_use_of_a_network(folder):
    code = (
        "import sys, socket, io, json\n"
        "from interop.validate import worker\n"
        "sys.stdin = io.StringIO(json.dumps({'data': [], 'schema': 'schema.json'}))\n"
        "worker.main()\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9))\n"
        "except worker.NetworkUsed:\n    print('refused')\n"
    )
    import os
    import subprocess

    Path("schema.json").write_text("{}", "utf-8")
    root = str(Path(worker.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == '{"diagnostics": []}refused\n'


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ('{"type": "text"}', "MT441"),
        ('{"pattern": "("}', "MT441"),
        ('{"patternProperties": {"(": true}}', "MT441"),
        ('{"properties": {"a": 5}}', "MT441"),
        ('{"$ref": 5}', "MT441"),
        ('{"x": {"type": 5}, "$ref": "#/x"}', "MT441"),
        ("5", "MT441"),
        ('{"$schema": "https://example.com/own"}', "MT444"),
        ('{"$schema": 5}', "MT444"),
        ('{"$schema": ["a"]}', "MT444"),
        ('{"properties": {"a": {"$schema": "https://example.com/own"}}}', "MT444"),
        ('{"type": ', "MT001"),
        ('{"type": "string", "type": "integer"}', "MT401"),
        ('{"items": ' * 5_000 + "{}" + "}" * 5_000, "MT003"),
    ],
)
def test_what_is_no_schema_is_found_in_the_schema(folder, schema, rule):
    Path("schema.json").write_text(schema, "utf-8")
    Path("data.json").write_text('"aaaa"', "utf-8")
    results = validate_json(["data.json"], "schema.json")
    assert rule in [item.rule for item in results]
    assert {item.location.file for item in results} <= {"schema.json", "data.json"}


@pytest.mark.parametrize(
    ("schema", "data", "rule"),
    [
        ({"$ref": "#"}, "1", "MT446"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
         "1", "MT446"),
        ({"pattern": "^(a+)+$"}, json.dumps("a" * 60 + "!"), "MT445"),
        ({"patternProperties": {"^(a|a)*$": {}}}, json.dumps({"a" * 60 + "!": 1}), "MT445"),
        ({"$schema": "http://json-schema.org/draft-04/schema", "patternProperties": {"(": {}}}, '{"a": 1}', "MT44"),
        ({"multipleOf": 0.01}, "1e400", "MT446"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"a": {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": 5}}}, '{"a": [1]}', "MT44"),
    ],
)  # fmt: skip
def test_a_hostile_schema_ends_in_a_finding(folder, schema, data, rule):
    Path("schema.json").write_text(json.dumps(schema), "utf-8")
    Path("data.json").write_text(data, "utf-8")
    begin = time.monotonic()
    results = validate_json(["data.json"], "schema.json", time_limit_s=4)
    assert results, "nothing was found"
    assert results[0].rule.startswith(rule)
    assert time.monotonic() - begin < 60


def test_the_deepest_schema_that_is_read_is_still_checked(folder):
    deep = '{"items": ' * 120 + '{"type": "string"}' + "}" * 120
    Path("schema.json").write_text(deep, "utf-8")
    Path("data.json").write_text("[" * 120 + "5" + "]" * 120, "utf-8")
    (only,) = validate_json(["data.json"], "schema.json")
    assert (only.rule, only.location.column) == ("MT440", 121)


def test_files_that_cannot_be_read_are_errors_over_the_border_too(folder):
    Path("schema.json").write_text("{}", "utf-8")
    Path("data.json").write_text("1", "utf-8")
    with pytest.raises(InputUnreadable, match=r"missing\.json"):
        validate_json(["missing.json"], "schema.json")
    with pytest.raises(InputUnreadable, match=r"missing\.json"):
        validate_json(["data.json"], "missing.json")
    with pytest.raises(InputUnreadable, match="models"):
        validate_json(["models"], "schema.json")


def test_the_check_takes_no_module_from_the_folder_it_is_run_in(folder):
    Path("json.py").write_text("raise SystemExit('taken')", "utf-8")
    Path("schema.json").write_text('{"type": "integer"}', "utf-8")
    Path("data.ndjson").write_text('1\n"x"\n', "utf-8")
    (only,) = validate_json(["data.ndjson"], "schema.json")
    assert (only.rule, only.location.line) == ("MT440", 2)


def test_the_published_schemas_of_the_project_are_accepted(folder):
    schemas = Path(__file__).parents[2] / "schemas"
    event = next((Path(__file__).parents[1] / "schemas" / "event").glob("valid_*.json"))
    assert worker.check([event], schemas / "event.schema.json") == []


_SCHEMAS = st.recursive(
    st.booleans() | st.sampled_from(["string", "#", "#/a", "x", "(", "integer", 5, 1.5, None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "properties", "items", "$ref", "$id", "$defs", "a", "anyOf", "not", "enum", "minimum",
                         "required", "pattern", "$anchor", "$dynamicRef", "additionalProperties", "if", "prefixItems"]),
        inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(schema=_SCHEMAS, value=_JSON)
def test_any_schema_gives_findings_and_no_other_exception(folder, schema, value):
    Path("schema.json").write_text(json.dumps(schema), "utf-8")
    Path("data.json").write_text(json.dumps(value), "utf-8")
    try:
        results = worker.check([Path("data.json")], Path("schema.json"))
    except MegatwinError as error:
        pytest.fail(str(error))
    assert all(item.rule in find_rules() for item in results)


# -- rules ---------------------------------------------------------------------------------------------------------


def test_no_id_of_a_rule_is_used_twice():
    ids = [rule.id for table in find_tables().values() for rule in table]
    assert sorted(ids) == sorted(set(ids))


def test_every_rule_that_the_code_names_is_explained():
    root = Path(__file__).parents[2]
    named = set()
    for package in ("dtdl", "fmu", "interop", "megatwin"):
        for path in sorted((root / package).rglob("*.py")):
            named |= set(re.findall(r'"(MT(?:[A-Z]*)\d{2,3})"', path.read_text("utf-8")))
    # The comparison of versions gives changes, not findings.
    assert named - set(find_rules()) - {NOT_RAISED, RAISED} == set()
    assert not [rule for rule in find_rules() if not rule.startswith(("MT", PREFIX))]
