import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dtdl.errors import ConfigInvalid, InputUnreadable
from interop import registry
from interop.config import check, load, read
from interop.config.plan import Address
from interop.opcua.settings import NodeAddress
from interop.values import Point

MODELS = [
    {
        "@context": ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:quantitativeTypes;2"],
        "@id": "dtmi:test:Motor;1",
        "@type": "Interface",
        "contents": [
            {"@type": ["Property", "Power"], "name": "power", "schema": "double", "unit": "kilowatt"},
            {"@type": "Property", "name": "goal", "schema": "double", "writable": True},
            {"@type": "Property", "name": "place", "schema": {"@type": "Object", "fields": [
                {"name": "x", "schema": "double"}]}},
            {"@type": "Component", "name": "fan", "schema": "dtmi:test:Fan;1"},
            {"@type": "Command", "name": "reset"},
        ],
    },
    {
        "@context": "dtmi:dtdl:context;4",
        "@id": "dtmi:test:Fan;1",
        "@type": "Interface",
        "contents": [{"@type": "Telemetry", "name": "speed", "schema": "double"}],
    },
]  # fmt: skip
FILE = """
megatwin: 1
models: [models/all.json]
sources:
  a:
    opcua: opc.tcp://127.0.0.1:4840
    security: none
    namespaces: {v: urn:vendor}
    defaults: {sampling: 20 ms, stale-after: 1500 ms, max-skew: 1 h}
  b: {memory: b}
twins:
  m:
    model: dtmi:test:Motor;1
    bind:
      a: {at: "/Objects/v:M", auto: true, map: {power: {path: "v:P", unit: kW, scale: 2}, place/x: v:X}}
  spare:
    model: dtmi:test:Motor;1
    bind:
      b: {map: {power: P, goal: {name: G, standby: true}}}
serve: {http: 127.0.0.1:0}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "all.json").write_text(json.dumps(MODELS), "utf-8")
    path = tmp_path / "megatwin.yaml"
    path.write_text(FILE, "utf-8")
    return path


def bindings(configuration, source):
    return {binding.point: binding for binding in configuration.sources[source].source.bindings}


def test_auto_binds_what_the_file_does_not_name_and_writes_what_the_model_lets_write(file):
    found = bindings(load(file), "a")
    auto = {point.path: binding for point, binding in found.items() if binding.auto}
    assert set(auto) == {("goal",), ("fan", "speed"), ("reset",)}
    assert auto[("fan", "speed")].address == NodeAddress(at="/Objects/v:M", auto=("fan", "speed"))
    assert [path for path, binding in auto.items() if binding.write] == [("goal",), ("reset",)]


def test_a_long_entry_gives_address_unit_and_scale(file):
    binding = bindings(load(file), "a")[Point("m", ("power",))]
    assert binding.address == NodeAddress(at="/Objects/v:M", path="v:P")
    assert (binding.unit, binding.scale, binding.offset, binding.auto) == ("kilowatt", 2.0, 0.0, False)
    assert str(binding.location) == f"{file}:15:56"


def test_standby_bindings_are_not_given_to_the_source(file):
    assert set(bindings(load(file), "b")) == {Point("spare", ("power",))}


def test_qualities_of_a_link_come_from_defaults_and_reach_the_adapter_that_has_them(file):
    plan = load(file).sources["a"]
    assert (plan.stale_after_s, plan.deadline_s, plan.max_skew_s) == (1.5, 5.0, 3600.0)
    assert plan.source.settings.defaults.sampling == 0.02
    assert plan.source.settings.defaults.stale_after == 1.5


def test_name_data_and_texts_of_models_stand_relative_to_the_file(file):
    configuration = load(file)
    assert configuration.name == file.parent.name
    assert configuration.data == file.parent / ".megatwin"
    assert configuration.model_texts == {str(file.parent / "models" / "all.json"): json.dumps(MODELS)}
    assert configuration.serve.http == Address("127.0.0.1", 0)
    assert not configuration.data.exists()


def test_overrides_go_through_the_same_checks(file):
    configuration = load(file, ["serve.http=127.0.0.1:1234", "sources.a.opcua=opc.tcp://127.0.0.1:1", "name=other"])
    assert configuration.serve.http == Address("127.0.0.1", 1234)
    assert configuration.sources["a"].source.settings.opcua == "opc.tcp://127.0.0.1:1"
    assert configuration.name == "other"
    with pytest.raises(ConfigInvalid) as caught:
        load(file, ["serve.http=1234", "nme=x", "twins.m.model=dtmi:test:Mtor;1", "models.7=x", "serve"])
    found = sorted((f.rule, str(f.location)) for f in caught.value.diagnostics)
    assert found == [(rule, "command line") for rule in ("MT106", "MT113", "MT115", "MT115", "MT121")]


def test_warnings_do_not_stop_and_are_given(file):
    file.write_text(FILE.replace("serve:", "  idle: {model: dtmi:test:Fan;1}\nserve:").replace(
        "  b: {memory: b}", "  b: {memory: b}\n  c: {memory: c}"), "utf-8")  # fmt: skip
    configuration, found = read(file)
    assert configuration is not None
    assert [item.rule for item in found] == ["MT133"]


def test_a_twin_without_a_required_value_is_found_and_not_first_refused_at_start(tmp_path):
    def interface(name, *contents):
        context = ["dtmi:dtdl:context;4", "dtmi:dtdl:extension:requirement;2"]
        return {"@context": context, "@id": f"dtmi:test:{name};1", "@type": "Interface", "contents": contents}

    level = {"@type": ["Property", "Required"], "name": "level", "schema": "double"}
    inner = {"@type": "Component", "name": "inner", "schema": "dtmi:test:Inner;1"}
    models = [interface("Tank", level, inner), interface("Inner", level)]
    (tmp_path / "all.json").write_text(json.dumps(models), "utf-8")
    text = 'megatwin: 1\nmodels: [all.json]\ntwins:\n  t:\n    model: "dtmi:test:Tank;1"\n'
    path = tmp_path / "megatwin.yaml"
    path.write_text(text, "utf-8")
    found = check(path)
    assert [(d.rule, d.property_name, d.location.line) for d in found] == [
        ("MT125", "level", 5),
        ("MT125", "inner/level", 5),
    ]
    path.write_text(f"{text}    properties: {{level: 1, inner: {{level: 2}}}}\n", "utf-8")
    assert check(path) == []


def test_findings_in_definitions_are_passed_through(file):
    (file.parent / "models" / "all.json").write_text('[{"@type": "Interface"}]', "utf-8")
    found = check(file)
    assert found
    assert {item.location.file for item in found} == {str(file.parent / "models" / "all.json")}


def test_a_file_that_is_missing_or_a_folder_is_not_a_finding(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputUnreadable) as caught:
            load(path)
        assert caught.value.exit_code == 2


def test_an_adapter_that_cannot_be_loaded_is_found(file, monkeypatch):
    broken = {**registry.BUILT_IN, "memory": "interop.absent:Adapter"}
    monkeypatch.setattr(registry, "BUILT_IN", broken)
    assert [(item.rule, item.location.line) for item in check(file)] == [("MT131", 10)]


def test_models_in_lines_are_read_with_their_own_paths(file):
    rows = [json.dumps({"path": f"{index}.json", "text": json.dumps(model)}) for index, model in enumerate(MODELS)]
    (file.parent / "all.jsonl").write_text("\n".join(rows), "utf-8")
    configuration = load(file, ["models=all.jsonl"])
    assert list(configuration.model_texts) == [f"{file.parent / 'all.jsonl'}:{index}.json" for index in (0, 1)]


def test_the_shipped_example_has_no_findings_but_the_certificate_that_its_plant_makes():
    example = Path(__file__).parents[2] / "examples" / "two-vendors" / "megatwin.yaml"
    assert [item.rule for item in check(example)] in ([], ["MT110"])


def test_checking_a_file_imports_no_protocol_stack(file):
    code = (
        "import sys; from interop.config import load; load(sys.argv[1]); "
        "bad = {'asyncua', 'fmpy', 'httpx', 'starlette', 'rdflib'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=60, env=environment)


ENDPOINTS = """endpoints:
  hook: {webhook: "https://127.0.0.1:9/x", headers: {Authorization: env:HOOK}, retry-for: 5 min, dead-letters: dead}
  log: {file: out/events.ndjson}
  here: {in-process: true}
"""


def test_endpoints_are_resolved(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "Bearer x")
    file.write_text(FILE + ENDPOINTS, "utf-8")
    found = load(file).endpoints
    assert {name: plan.kind for name, plan in found.items()} == {
        "hook": "webhook", "log": "file", "here": "in-process",
    }  # fmt: skip
    assert (found["hook"].headers, found["hook"].retry_for_s) == ({"Authorization": "Bearer x"}, 300.0)
    assert found["hook"].dead_letters == file.parent / "dead"
    assert found["log"].target == str(file.parent / "out/events.ndjson")
    assert found["log"].dead_letters == file.parent / ".megatwin/dead-letters/log.ndjson"
    assert "Bearer x" not in repr(found["hook"])


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("{}", "MT109"),
        ("{file: a, in-process: true}", "MT109"),
        ("{webhook: 'ftp://127.0.0.1/x'}", "MT109"),
        ("{webhook: 'nonsense'}", "MT109"),
        ("{webhook: 'http://127.0.0.1:99999/x'}", "MT109"),
        ("{webhook: 'http://127.0.0.1/x', headers: {A: env:NOT_SET_ANYWHERE}}", "MT111"),
        ("{in-process: false}", "MT109"),
        ("{file: a, surprise: 1}", "MT106"),
        ("{file: a, retry-for: 5}", "MT"),
    ],
)
def test_an_endpoint_that_cannot_work_is_found_with_its_line(file: Path, entry: str, rule: str) -> None:
    file.write_text(FILE + "endpoints:\n  one: " + entry + "\n", "utf-8")
    (found,) = (found for found in check(file) if found.severity == "error")
    assert found.rule.startswith(rule), found
    assert found.location is not None
    assert found.location.line == (FILE + "endpoints:\n").count("\n") + 1
