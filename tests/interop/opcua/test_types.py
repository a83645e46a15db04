"""Types both ways: DTDL → NodeSet2 → DTDL, other makers' NodeSets, and what two other stacks see in ours."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua

import dtdl
from dtdl.elements import Model
from dtdl.printer import _summary
from interop.opcua.nodeset.live import browse
from interop.opcua.nodeset.model import UA, NodeSet
from interop.opcua.nodeset.reader import read_bytes
from interop.opcua.nodeset.writer import write
from interop.opcua.security import Store
from interop.opcua.session import Opener
from interop.opcua.settings import OpcUaSettings
from interop.opcua.types.files import dtdl_outputs, read_nodesets
from interop.opcua.types.roundtrip import annotated_nodeset
from interop.opcua.types.to_dtdl import dtdl_of

HERE = Path(__file__).parent
NODE = HERE.parents[1] / "node"
FOREIGN = [HERE / "nodesets" / "base.NodeSet2.xml", HERE / "nodesets" / "machine.NodeSet2.xml"]
BENCH = ("energygrid", "rec", "smartcities")
CONTEXT = [
    "dtmi:dtdl:context;4",
    "dtmi:dtdl:extension:quantitativeTypes;2",
    "dtmi:dtdl:extension:historization;2",
]

ROOM: dict[str, Any] = {
    "@context": CONTEXT,
    "@id": "dtmi:acme:site:Room;1",
    "@type": "Interface",
    "displayName": {"en": "Room", "de": "Raum"},
    "comment": "kept",
    "extends": "dtmi:acme:base:Thing;2",
    "schemas": [
        {
            "@id": "dtmi:acme:site:Room:Mode;1",
            "@type": "Enum",
            "valueSchema": "integer",
            "enumValues": [
                {"name": "off", "enumValue": 0, "displayName": {"en": "Off", "de": "Aus"}},
                {"name": "on", "enumValue": 7, "description": "running"},
            ],
        }
    ],
    "contents": [
        {
            "@type": ["Property", "Temperature"],
            "name": "temperature",
            "schema": "double",
            "unit": "degreeCelsius",
            "writable": True,
            "description": {"en": "of the air", "fr": "de l'air"},
        },
        {"@type": ["Telemetry", "Distance"], "name": "height", "schema": "float", "unit": "metre"},
        {"@type": "Property", "name": "mode", "schema": "dtmi:acme:site:Room:Mode;1"},
        {
            "@type": "Telemetry",
            "name": "flags",
            "schema": {
                "@type": "Map",
                "mapKey": {"name": "flag", "schema": "string"},
                "mapValue": {"name": "set", "schema": "boolean"},
            },
        },
        {
            "@type": ["Telemetry", "Historized"],
            "name": "grid",
            "schema": {"@type": "Array", "elementSchema": {"@type": "Array", "elementSchema": "integer"}},
        },
        {
            "@type": "Property",
            "name": "state",
            "schema": {
                "@type": "Object",
                "fields": [
                    {"name": "count", "schema": "unsignedInteger"},
                    {
                        "name": "level",
                        "schema": {
                            "@type": "Enum",
                            "valueSchema": "string",
                            "enumValues": [{"name": "low", "enumValue": "L"}, {"name": "high", "enumValue": "H"}],
                        },
                    },
                ],
            },
        },
        {
            "@type": "Command",
            "name": "air",
            "request": {"name": "speed", "schema": "double", "description": "of the fan"},
            "response": {
                "name": "answer",
                "schema": {"@type": "Object", "fields": [{"name": "ok", "schema": "boolean"}]},
            },
        },
        {"@type": "Component", "name": "fan", "schema": "dtmi:acme:site:Fan;1"},
        {
            "@type": "Relationship",
            "name": "near",
            "target": "dtmi:acme:site:Fan;1",
            "maxMultiplicity": 3,
            "properties": [{"@type": "Property", "name": "distance", "schema": "double", "writable": True}],
        },
        {"@type": "Relationship", "name": "anything"},
    ],
}
OTHERS: list[dict[str, Any]] = [
    {
        "@context": "dtmi:dtdl:context;4",
        "@id": "dtmi:acme:base:Thing;2",
        "@type": "Interface",
        "contents": [{"@type": "Property", "name": "serial", "schema": "string"}],
    },
    {
        "@context": "dtmi:dtdl:context;4",
        "@id": "dtmi:acme:site:Fan;1",
        "@type": "Interface",
        "extends": ["dtmi:acme:base:Thing;2", "dtmi:acme:base:Spins;2"],
        "contents": [{"@type": "Telemetry", "name": "since", "schema": "dateTime"}],
    },
    {"@context": "dtmi:dtdl:context;4", "@id": "dtmi:acme:base:Spins;2", "@type": "Interface"},
]


def model_of(*documents: dict[str, Any]) -> Model:
    return dtdl.parse([json.dumps(document) for document in documents])


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(ROOM, *OTHERS)


def back(text: str, *, residue: bool = True) -> Model:
    return model_of(*dtdl_of([read_bytes(text.encode(), "x.xml")], residue=residue).documents)


def share(first: Model, second: Model) -> float:
    same = sum(name in second and _summary(element) == _summary(second[name]) for name, element in first.items())
    return same / len(first)


def test_dtdl_comes_back_from_a_nodeset_as_it_was(model: Model) -> None:
    assert dtdl.equal(model, back(write(annotated_nodeset(model))))


def test_without_the_notes_only_what_opc_ua_has_no_place_for_is_lost(model: Model) -> None:
    found = back(write(annotated_nodeset(model)), residue=False)
    lost = {name for name, element in model.items() if name not in found or _summary(element) != _summary(found[name])}
    names = {name.removeprefix("dtmi:acme:site:Room:_contents:__").removesuffix(";1") for name in lost}
    assert names == {
        "dtmi:acme:site:Room",  # its comment
        "height",  # which of several semantic types of one unit
        "mode",  # whether what cannot be written is state or a measurement
        "state",
        "dtmi:acme:base:Thing:_contents:__serial;2",
        "flags:_schema:_mapKey",  # the names of keys and values of a Map
        "flags:_schema:_mapValue",
        "near",  # its multiplicity
    }


def test_a_document_that_was_edited_says_what_its_nodes_say(model: Model) -> None:
    text = write(annotated_nodeset(model)).replace('Locale="fr">de l', 'Locale="fr">dans l')
    found = back(text)["dtmi:acme:site:Room:_contents:__temperature;1"]
    assert found.description == {"en": "of the air", "fr": "dans l'air"}


@pytest.mark.parametrize("name", BENCH)
def test_at_least_95_percent_of_the_elements_of_real_libraries_come_back_unchanged(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = os.environ.get("MEGATWIN_CASES")
    if not cases:
        pytest.skip("MEGATWIN_CASES is not set: no libraries to translate")
    lines = Path(cases, "bench", f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    given = dtdl.parse([json.loads(line)["text"] for line in lines])
    text = write(annotated_nodeset(given))
    contexts = {document["@id"]: document["@context"] for document in dtdl.dump(given)}
    bare = dtdl_of([read_bytes(text.encode(), name)], residue=False).documents
    alone = model_of(*({**document, "@context": contexts[document["@id"]]} for document in bare))
    unchanged = share(given, back(text))
    with capsys.disabled():
        print(f"\n{name}: {unchanged:.2%} of {len(given)} elements unchanged, {share(given, alone):.2%} without notes")
    assert unchanged >= 0.95


def imported(name: str, tmp_path: Path) -> Any:
    nodesets, _ = read_nodesets(FOREIGN)
    wanted, _ = dtdl_outputs(nodesets, tmp_path)
    return {path.name: json.loads(text) for path, text in wanted.items()}[name]


def content(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["contents"] if one["name"] == name)


def test_types_of_another_maker_become_interfaces_that_extend_each_other(tmp_path: Path) -> None:
    machine = imported("Milling_Machine-2.json", tmp_path)
    assert machine["extends"] == "dtmi:org:example:base:UA:AssetType;1"
    assert machine["displayName"] == {"en": "Milling machine", "de": "Fräsmaschine"}
    assert machine["description"] == {"en": "Mills.", "fr": "Fraise."}
    assert content(machine, "Spindle") == {
        "@type": "Component", "name": "Spindle", "schema": "dtmi:machines:milling:SpindleType;2"
    }  # fmt: skip
    assert content(machine, "Tool")["@type"] == content(machine, "Feeds")["@type"] == "Relationship"
    assert content(machine, "Feeds")["target"] == "dtmi:machines:milling:SpindleType;2"


def test_units_and_access_of_another_maker_are_understood(tmp_path: Path) -> None:
    speed = content(imported("SpindleType-2.json", tmp_path), "Speed")
    assert (speed["@type"], speed["unit"], speed["writable"]) == (["Property", "Temperature"], "degreeCelsius", True)


def test_a_structure_of_a_required_model_becomes_an_object(tmp_path: Path) -> None:
    machine = imported("Milling_Machine-2.json", tmp_path)
    schemas = {schema["@id"].split(":")[-1]: schema for schema in machine["schemas"]}
    fields = {field["name"]: field["schema"] for field in schemas["ResultDataType;2"]["fields"]}
    inner = {"@type": "Array", "elementSchema": "double"}
    assert fields["Samples"] == {"@type": "Array", "elementSchema": inner}
    assert (
        content(machine, "Results")["schema"]["elementSchema"]
        == "dtmi:machines:milling:Milling_Machine:ResultDataType;2"
    )
    values = [(value["name"], value["enumValue"]) for value in schemas["ModeEnum;2"]["enumValues"]]
    assert values == [("Off", 0), ("On_Line", 7)]


def test_a_method_with_several_arguments_becomes_a_command_with_an_object(tmp_path: Path) -> None:
    start = content(imported("Milling_Machine-2.json", tmp_path), "Start")
    assert [field["name"] for field in start["request"]["schema"]["fields"]] == ["program", "mode"]
    assert start["request"]["schema"]["fields"][0]["description"] == {"de": "Programm"}
    assert "response" not in start


def test_what_dtdl_cannot_say_stands_in_the_comment_and_is_listed(tmp_path: Path) -> None:
    machine = imported("Milling_Machine-2.json", tmp_path)
    kept = json.loads(machine["comment"].removeprefix("OPC UA "))
    assert kept == {
        "nodeId": "nsu=urn:machines:milling;i=1001", "browseName": "Milling-Machine", "overrides": "SerialNumber"
    }  # fmt: skip
    assert json.loads(content(machine, "Alarms")["comment"].removeprefix("OPC UA ")) == {"optionSet": "0=Hot, 3=Open"}
    listed = {found.cause for found in dtdl_of(read_nodesets(FOREIGN)[0]).kept}
    assert "Alarms: DTDL has no sets of bits; the bits are 0=Hot, 3=Open." in listed
    assert "Milling-Machine: DTDL has no overriding; it declares again the inherited SerialNumber." in listed


def test_a_type_whose_supertype_is_not_given_is_imported_and_says_so() -> None:
    found = dtdl_of(read_nodesets(FOREIGN[1:])[0])
    machine = next(one for one in found.documents if one["@id"] == "dtmi:machines:milling:Milling_Machine;2")
    assert "extends" not in machine
    assert "nsu=http://base.example.org/UA/;i=1001" in machine["comment"]
    assert content(machine, "Results")["schema"] == {"@type": "Array", "elementSchema": "string"}


def rows_of(nodeset: NodeSet) -> dict[str, dict[str, Any]]:
    """What a stack must show, from our own nodes."""
    forward: dict[str, set[str]] = {name(node.id): set() for node in nodeset.nodes.values()}
    for node in nodeset.nodes.values():
        for ref in node.references:
            source, target = (node.id, ref.target) if ref.forward else (ref.target, node.id)
            if name(source) in forward:
                forward[name(source)].add(f"{name(ref.type)} -> {name(target)}")
    rows = {}
    for node in nodeset.nodes.values():
        data = node.node_class == "Variable"
        rows[name(node.id)] = {
            "class": node.node_class,
            "browseName": "|".join(node.browse_name),
            "displayName": list(node.display_name.values() or [node.browse_name.name])[-1],
            "description": ["", *node.description.values()][-1],
            "dataType": name(node.data_type) if data else "",
            "rank": node.rank if data else 0,
            "access": node.access if data else 0,
            "hasValue": node.value is not None,
            "references": sorted(forward[name(node.id)]),
        }
    return rows


def name(node: Any) -> str:
    return f"{node.namespace}|{node.identifier}"


async def rows_in_asyncua(path: Path, count: int) -> dict[str, dict[str, Any]]:
    server = Server()
    await server.init()
    await server.import_xml(path, strict_mode=True)
    uris = await server.get_namespace_array()

    def text(node: ua.NodeId) -> str:
        written = node.to_string()
        return f"{uris[node.NamespaceIndex]}|{written.partition(';')[2] if node.NamespaceIndex else written}"

    space = server.iserver.aspace
    rows = {}
    for node in list(space.keys()):
        if node.NamespaceIndex <= len(uris) - 1 - count or node.NamespaceIndex < 2:
            continue
        if (await server.get_node(node).read_browse_name()).Name in uris or isinstance(node.Identifier, int):
            continue  # the description of the namespace that asyncua adds
        rows[text(node)] = await _row(server, node, uris, text)
    await server.stop()
    return rows


async def _row(server: Server, node: ua.NodeId, uris: list[str], text: Any) -> dict[str, Any]:
    seen = server.get_node(node)
    kind = await seen.read_node_class()
    browse = await seen.read_browse_name()
    data = kind == ua.NodeClass.Variable
    references = await seen.get_references(direction=ua.BrowseDirection.Forward)
    return {
        "class": kind.name,
        "browseName": f"{uris[browse.NamespaceIndex]}|{browse.Name}",
        "displayName": (await seen.read_display_name()).Text,
        "description": (await seen.read_description()).Text or "",
        "dataType": text(await seen.read_data_type()) if data else "",
        "rank": int(await seen.read_value_rank()) if data else 0,
        "access": (await seen.read_attribute(ua.AttributeIds.AccessLevel)).Value.Value if data else 0,
        "hasValue": data and (await seen.read_value()) is not None,
        "references": sorted({f"{text(ref.ReferenceTypeId)} -> {text(ref.NodeId)}" for ref in references}),
    }


@pytest.fixture(scope="module")
def written(model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[NodeSet, Path]:
    nodeset = annotated_nodeset(model)
    path = tmp_path_factory.mktemp("nodeset") / "types.NodeSet2.xml"
    path.write_text(write(nodeset), encoding="utf-8")
    return nodeset, path


async def test_asyncua_loads_our_nodeset_and_shows_every_node_as_we_wrote_it(written: tuple[NodeSet, Path]) -> None:
    nodeset, path = written
    assert await rows_in_asyncua(path, len(nodeset.namespaces)) == rows_of(nodeset)


def test_node_opcua_loads_our_nodeset_and_shows_every_node_as_we_wrote_it(written: tuple[NodeSet, Path]) -> None:
    if shutil.which("node") is None or not (NODE / "node_modules").is_dir():
        pytest.skip("node-opcua is not there: run npm ci in tests/node")
    nodeset, path = written
    command = ["node", str(NODE / "browse_nodeset.js"), str(len(nodeset.namespaces)), str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert run.returncode == 0, run.stderr
    rows = {row.pop("id"): row for row in json.loads(run.stdout)}
    assert rows == rows_of(nodeset)


@pytest.fixture
async def live(written: tuple[NodeSet, Path]) -> AsyncIterator[str]:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/types")
    await server.import_xml(written[1])
    await server.start()
    port = server.bserver._server.sockets[0].getsockname()[1]
    yield f"opc.tcp://127.0.0.1:{port}/types"
    await server.stop()


async def test_the_types_of_a_live_server_become_dtdl(live: str, tmp_path: Path) -> None:
    settings = OpcUaSettings.model_validate({"opcua": live, "security": "none"})
    nodeset = await browse(Opener("import", settings, tmp_path, Store(tmp_path), timeout_s=10.0))
    wanted, _ = dtdl_outputs([nodeset], tmp_path)
    documents = {document["@id"]: document for document in map(json.loads, wanted.values())}
    assert documents.keys() == {ROOM["@id"], *(other["@id"] for other in OTHERS)}
    room = documents["dtmi:acme:site:Room;1"]
    assert room["extends"] == "dtmi:acme:base:Thing;2"
    temperature = content(room, "temperature")
    assert (temperature["@type"], temperature["unit"]) == (["Property", "Temperature"], "degreeCelsius")
    assert content(room, "air")["request"]["schema"] == "double"
    assert content(room, "air")["response"]["schema"]["fields"] == [{"name": "ok", "schema": "boolean"}]
    assert content(room, "fan") == {"@type": "Component", "name": "fan", "schema": "dtmi:acme:site:Fan;1"}
    level = content(room, "state")["schema"]["fields"][1]["schema"]
    assert level["enumValues"] == [{"name": "low", "enumValue": "L"}, {"name": "high", "enumValue": "H"}]
    assert content(room, "grid")["schema"]["elementSchema"]["elementSchema"] == "integer"
    assert content(room, "grid")["@type"] == ["Telemetry", "Historized"]
    (mode,) = room["schemas"]
    assert [value["enumValue"] for value in mode["enumValues"]] == [0, 7]


def test_units_are_written_as_opc_ua_codes_them(model: Model) -> None:
    text = write(annotated_nodeset(model))
    assert "<uax:UnitId>4408652</uax:UnitId>" in text
    assert "http://www.opcfoundation.org/UA/units/un/cefact" in text
    assert UA not in annotated_nodeset(model).namespaces


TYPE = (
    '<UAObjectType NodeId="ns=1;i={id}" BrowseName="1:{name}"><Description Locale="{language}">{text}</Description>'
    '<References><Reference ReferenceType="i=45" IsForward="false">{above}</Reference>{more}</References>'
    "</UAObjectType>"
)
VALUE = (
    '<UAVariable NodeId="ns=1;i={id}" BrowseName="1:{name}" DataType="i=11"><References>'
    '<Reference ReferenceType="i=47" IsForward="false">ns=1;i={owner}</Reference>'
    '<Reference ReferenceType="i=40">i=63</Reference></References></UAVariable>'
)


def type_(number: int, name: str, above: str = "i=58", **more: str) -> str:
    return TYPE.format(id=number, name=name, above=above, **({"language": "en", "text": "x", "more": ""} | more))


def documents_of(*nodes: str) -> list[dict[str, Any]]:
    head = '<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"><NamespaceUris><Uri>urn:a</Uri>'
    text = f"{head}</NamespaceUris>{''.join(nodes)}</UANodeSet>"
    wanted, _ = dtdl_outputs([read_bytes(text.encode(), "a.xml")], Path())
    return [json.loads(one) for one in wanted.values()]


def test_an_interface_whose_contents_have_the_names_of_another_is_kept_and_not_extended() -> None:
    implements = '<Reference ReferenceType="i=17603">ns=1;i=2</Reference>'
    *_, both = documents_of(
        type_(1, "A"), type_(2, "I"), type_(3, "B", "ns=1;i=1", more=implements),
        VALUE.format(id=4, name="v", owner=1), VALUE.format(id=5, name="v", owner=2),
    )  # fmt: skip
    assert both["extends"] == "dtmi:a:A;1"
    assert json.loads(both["comment"].removeprefix("OPC UA "))["sameNames"] == "dtmi:a:I;1"


def test_texts_that_dtdl_cannot_hold_are_cut_or_taken_for_english_and_that_is_kept() -> None:
    (long,) = documents_of(type_(1, "A", text="x" * 600))
    assert long["description"] == "x" * 512
    assert json.loads(long["comment"].removeprefix("OPC UA "))["cut"] == "description (en)"
    (odd,) = documents_of(type_(1, "A", language="klingon!"))
    assert odd["description"] == "x"
    assert json.loads(odd["comment"].removeprefix("OPC UA "))["language"] == "klingon!"


def test_types_that_hold_each_other_become_relationships_where_the_circle_closes() -> None:
    part = (
        '<UAObject NodeId="ns=1;i={id}" BrowseName="1:{name}"><References>'
        '<Reference ReferenceType="i=47" IsForward="false">ns=1;i={owner}</Reference>'
        '<Reference ReferenceType="i=40">ns=1;i={kind}</Reference></References></UAObject>'
    )
    one, two = documents_of(
        type_(1, "A"), type_(2, "B"),
        part.format(id=3, name="b", owner=1, kind=2), part.format(id=4, name="a", owner=2, kind=1),
    )  # fmt: skip
    assert content(one, "b")["@type"] == "Component"
    assert content(two, "a") == {"@type": "Relationship", "name": "a", "target": "dtmi:a:A;1"}
