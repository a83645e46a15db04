"""NodeSet2 documents: what is read, what is refused with file and line, and that nothing of a broken one is taken."""

from pathlib import Path

import pytest

import dtdl
from dtdl.errors import NodeSetInvalid
from interop.cli import main
from interop.opcua.nodeset.check import check, check_files
from interop.opcua.nodeset.model import UA, NodeId, standard
from interop.opcua.nodeset.reader import read, read_bytes
from interop.opcua.nodeset.writer import write

HERE = Path(__file__).parent / "nodesets"
HEAD = """<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">
<NamespaceUris><Uri>urn:a</Uri></NamespaceUris>
<Models><Model ModelUri="urn:a"/></Models>
<Aliases><Alias Alias="HasSubtype">i=45</Alias></Aliases>
"""
GOOD = '<UAObjectType NodeId="ns=1;i=1" BrowseName="1:A"><References>{}</References></UAObjectType>'
BELOW = '<Reference ReferenceType="HasSubtype" IsForward="false">i=58</Reference>'


def text(*nodes: str) -> bytes:
    return "\n".join([HEAD.strip(), *nodes, "</UANodeSet>"]).encode()


def findings(*nodes: str) -> list[tuple[str, int]]:
    with pytest.raises(NodeSetInvalid) as caught:
        read_bytes(text(*nodes), "a.xml")
    assert all(found.location is not None and found.location.file == "a.xml" for found in caught.value.diagnostics)
    return [(found.rule, found.location.line) for found in caught.value.diagnostics if found.location]


def test_a_namespace_is_its_uri_and_an_alias_its_node() -> None:
    nodeset = read(HERE / "machine.NodeSet2.xml")
    assert nodeset.namespaces == ("urn:machines:milling", "http://base.example.org/UA/")
    node = nodeset.nodes[NodeId("urn:machines:milling", "i=1001")]
    assert (standard(45), NodeId("http://base.example.org/UA/", "i=1001"), False) in node.references
    assert node.display_name == {"en": "Milling machine", "de": "Fräsmaschine"}
    (model,) = nodeset.models
    assert (model.version, model.publication_date) == ("2.1", "2026-02-01T00:00:00Z")
    assert [(one.uri, one.version) for one in model.required] == [
        (UA, "1.04"),
        ("http://base.example.org/UA/", "1.2.0"),
    ]
    assert [(each.namespace, each.tag, each.text) for each in nodeset.extensions] == [
        ("urn:some:modeler", "Tool", "modeler 7")
    ]


def test_definitions_of_every_kind_are_read() -> None:
    nodes = read(HERE / "machine.NodeSet2.xml").nodes
    kinds = {node.browse_name.name: node.definition.kind for node in nodes.values() if node.definition}
    assert kinds == {"ModeEnum": "enumeration", "Choice": "union", "Alarms": "option-set"}
    result = read(HERE / "base.NodeSet2.xml").nodes[NodeId("http://base.example.org/UA/", "i=3001")].definition
    assert result is not None
    assert [(field.name, field.rank, field.dimensions, field.optional) for field in result.fields] == [
        ("Id", -1, "", False), ("Samples", 2, "0,0", False), ("Remark", -1, "", True)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["base", "machine"])
def test_what_is_written_reads_as_it_was(name: str) -> None:
    first = read(HERE / f"{name}.NodeSet2.xml")
    second = read_bytes(write(first).encode(), "x")
    assert write(second) == write(first)
    for node, again in zip(first.nodes.values(), second.nodes.values(), strict=True):
        assert (node.id, node.references, node.attributes, node.definition) == (
            again.id, again.references, again.attributes, again.definition
        )  # fmt: skip


def test_a_doctype_is_refused_before_it_acts() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>\n' + text(GOOD.format(BELOW))
    with pytest.raises(NodeSetInvalid) as caught:
        read_bytes(bomb, "a.xml")
    (found,) = caught.value.diagnostics
    assert found.rule == "MT320"
    assert "DOCTYPE" in found.cause
    assert found.location is not None
    assert found.location.line == 1


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        ('<UAObject NodeId="ns=7;i=1" BrowseName="1:A"/>', "MT322"),
        ('<UAObject NodeId="ns=1;i=x" BrowseName="1:A"/>', "MT322"),
        ('<UAObject NodeId="ns=1;i=9" BrowseName="9:A"/>', "MT322"),
        ('<UAObject NodeId="ns=1;i=9"/>', "MT324"),
        ('<UAObject BrowseName="1:A"/>', "MT324"),
        ('<UAObject NodeId="HasNothing" BrowseName="1:A"/>', "MT325"),
        ('<UAVariable NodeId="ns=1;i=9" BrowseName="1:A" ValueRank="many"/>', "MT326"),
        ('<UAVariable NodeId="ns=1;i=9" BrowseName="1:A" AccessLevel="-1"/>', "MT326"),
        ('<UAObjectType NodeId="ns=1;i=9" BrowseName="1:A" IsAbstract="maybe"/>', "MT326"),
        ('<UAWidget NodeId="ns=1;i=9" BrowseName="1:A"/>', "MT321"),
        (GOOD.format(BELOW), "MT323"),
    ],
)
def test_a_broken_node_is_refused_with_its_line(node: str, rule: str) -> None:
    assert findings(GOOD.format(BELOW), node) == [(rule, 6)]


def test_all_findings_are_given_and_not_the_first() -> None:
    bad = '<Reference ReferenceType="Unknown">i=58</Reference>\n<Reference ReferenceType="i=45">ns=5;i=1</Reference>'
    assert findings(GOOD.format(bad)) == [("MT325", 5), ("MT322", 6)]


def test_another_document_is_no_nodeset() -> None:
    with pytest.raises(NodeSetInvalid, match="MT321"):
        read_bytes(b"<html/>", "a.xml")


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        ('<UAVariable NodeId="ns=1;i=2" BrowseName="1:V" DataType="ns=1;i=77"/>', "MT327"),
        ('<UAObject NodeId="ns=1;i=2" BrowseName="1:V" ParentNodeId="ns=1;i=77"/>', "MT327"),
        (GOOD.replace("i=1", "i=2").format(BELOW.replace("i=58", "ns=1;i=2")), "MT329"),
        ('<UAObjectType NodeId="ns=1;i=2" BrowseName="1:B"/>', "MT330"),
        ('<UAObject NodeId="ns=1;i=2" BrowseName="1:B"/>', "MT331"),
    ],
)
def test_what_does_not_hang_together_is_found(node: str, rule: str) -> None:
    nodeset = read_bytes(text(GOOD.format(BELOW), node), "a.xml")
    found = list(check([nodeset]))
    assert rule in {one.rule for one in found}
    assert {one.location.line for one in found if one.location} == {6}


def test_files_that_need_each_other_are_checked_together() -> None:
    both = [HERE / "base.NodeSet2.xml", HERE / "machine.NodeSet2.xml"]
    assert check_files(both) == []
    (missing,) = check_files(both[1:])
    assert (missing.rule, missing.severity) == ("MT328", "info")


def test_check_takes_nodesets_with_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_bytes(text('<UAObject NodeId="ns=7;i=1" BrowseName="1:A"/>'))
    (tmp_path / "other.xml").write_text("<html/>")
    assert main(["check", str(tmp_path), "--format", "concise"]) == 1
    out = capsys.readouterr().out
    assert "a.xml:5:1: error" in out
    assert "MT322" in out


def test_a_broken_file_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_bytes(text('<UAObject NodeId="ns=7;i=1" BrowseName="1:A"/>'))
    good = str(HERE / "base.NodeSet2.xml")
    assert main(["opcua", "import", good, str(tmp_path / "a.xml"), "-o", str(tmp_path / "models")]) == 1
    assert "MT322" in capsys.readouterr().out
    assert not (tmp_path / "models").exists()


def test_an_import_passes_check(tmp_path: Path) -> None:
    files = [str(path) for path in sorted(HERE.glob("*.xml"))]
    assert main(["opcua", "import", *files, "-o", str(tmp_path / "models")]) == 0
    assert main(["check", "--strict", str(tmp_path / "models")]) == 0


def test_definitions_compile_to_a_nodeset_and_back(tmp_path: Path) -> None:
    source, target = str(tmp_path / "models"), tmp_path / "types.NodeSet2.xml"
    assert main(["opcua", "import", *[str(path) for path in HERE.glob("*.xml")], "-o", source]) == 0
    assert main(["compile", "--target", "nodeset2", source, "-o", str(target)]) == 0
    assert main(["compile", "--target", "nodeset2", source, "-o", str(target), "--check"]) == 0
    assert main(["check", "--strict", str(target)]) == 0
    again = tmp_path / "again"
    assert main(["opcua", "import", str(target), "-o", str(again)]) == 0
    assert dtdl.equal(dtdl.parse([Path(source)]), dtdl.parse([again]))


def test_a_namespace_that_only_a_node_id_names_is_written_with_the_others() -> None:
    other = '<Reference ReferenceType="i=35">nsu=urn:b%3Bc;s=x</Reference>'
    nodeset = read_bytes(text(GOOD.format(BELOW + other)), "a.xml")
    (node,) = read_bytes(write(nodeset).encode(), "b.xml").nodes.values()
    assert node.references[1].target == NodeId("urn:b;c", "s=x")
