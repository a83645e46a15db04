"""System structures that nobody here wrote, and own ones of SSP 2.0: read, refused, written, equal."""

from __future__ import annotations

import dataclasses
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

import fmu.ssp
from dtdl.errors import ArchiveUnsafe, DescriptionInvalid, FmuError, InputUnreadable
from fmu.ssp import change, check, open_ssp, read_document, write_document
from fmu.ssp.description import Component, Connection, Connector, System, SystemStructureDescription
from fmu.ssp.elements import TopLevel, Type
from fmu.ssp.parameters import Parameter, ParameterMapping, ParameterSet, SignalDictionary
from fmu.ssp.schema import Node, Written
from interop.rules import find_rules
from interop.ssp_rules import SSP_RULES
from tests.fmu import ssp_files as make

KINDS: dict[str, type[TopLevel]] = {
    ".ssd": SystemStructureDescription, ".ssv": ParameterSet, ".ssm": ParameterMapping, ".ssb": SignalDictionary,
}  # fmt: skip
NAMES = (
    "LOC", "LinearTransformation", "dcmotor", "embrace", "importExportAllResources", "importParameterMapping",
    "importParameterMappingInline", "import_export_parameters1", "import_export_parameters2",
    "import_hierarchical_ssv_sources", "libcosim_linear_transformation", "replaceSubmodel4", "toplevelparameter1",
    "toplevelparameter2",
)  # fmt: skip
INVALID = {"invalidSSD": "SystemStructure.ssd", "invalidSSM": "import_parameter_mapping.ssm"}
OF_2 = Path(__file__).parent / "ssp" / "everything.ssd"


def folder(name: str) -> Path:
    root = os.environ.get("MEGATWIN_CASES")
    if not root:
        pytest.skip("MEGATWIN_CASES is not set: the system structures are not here")
    return Path(root) / "conformance" / "ssp" / name


def files(name: str) -> Iterator[Path]:
    return (path for path in sorted(folder(name).rglob("*.ss?")) if path.suffix in KINDS)


def canonical(data: bytes) -> bytes:
    """C14N with comments and white space: nothing is left out."""
    return etree.tostring(etree.fromstring(data), method="c14n", with_comments=True)


def read(path: Path) -> TopLevel:
    return read_document(path.read_bytes(), str(path), KINDS[path.suffix])[0]


@pytest.mark.parametrize("name", [*NAMES, *INVALID])
def test_what_is_written_is_what_was_read(name: str) -> None:
    written = 0
    for path in files(name):
        if path.name == INVALID.get(name):
            continue
        assert canonical(write_document(read(path))) == canonical(path.read_bytes()), path
        written += 1
    assert written


@pytest.mark.parametrize("name", NAMES)
def test_foreign_structures_open(name: str) -> None:
    with open_ssp(folder(name)) as ssp:
        assert ssp.description.system.name
    assert not [found for found in check(folder(name)) if found.severity == "error"]


@pytest.mark.parametrize(
    ("name", "file", "line"),
    [("invalidSSD", "SystemStructure.ssd", 13), ("invalidSSM", "resources/import_parameter_mapping.ssm", 12)],
)
def test_invalid_structures_are_refused_with_file_and_line(name: str, file: str, line: int) -> None:
    with pytest.raises(DescriptionInvalid) as caught, open_ssp(folder(name)):
        pass
    where = caught.value.diagnostics[0].location
    assert where is not None
    assert (where.file, where.line) == (str(folder(name) / file), line)


def parts(node: Node) -> Iterator[Node]:
    yield node
    for each in dataclasses.fields(node):
        value = getattr(node, each.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Node):
                yield from parts(inner)


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_parameter_is_the_only_difference(name: str) -> None:
    changed = 0
    for path in files(name):
        document = read(path)
        parameter = next((each for each in parts(document) if isinstance(each, Parameter)), None)
        if parameter is None:
            continue
        value = {"Boolean": not parameter.value.value, "Integer": 77}.get(parameter.value.kind, -12.5)
        fresh = change(document, parameter, value=dataclasses.replace(parameter.value, value=value))
        tree = etree.fromstring(path.read_bytes())
        found = next(each for each in tree.iter() if etree.QName(each).localname == "Parameter")
        found[0].set("value", str(value).lower())
        expected = etree.tostring(tree, method="c14n", with_comments=True)
        assert canonical(write_document(fresh)) == expected, path
        assert canonical(write_document(document)) == canonical(path.read_bytes()), path
        changed += 1
    if not changed:
        pytest.skip("the structure has no parameters")


def without_written(node: Node) -> Node:
    """The same as if it were built in Python."""
    values = {}
    for each in dataclasses.fields(node):
        value = getattr(node, each.name)
        if isinstance(value, tuple):
            value = tuple(without_written(inner) if isinstance(inner, Node) else inner for inner in value)
        values[each.name] = without_written(value) if isinstance(value, Node) else value
    return dataclasses.replace(node, **values | {"written": None})


def test_a_model_that_was_built_in_python_is_read_back_the_same() -> None:
    document = read(OF_2)
    built = without_written(document)
    again, warnings = read_document(write_document(built), "again.ssd", SystemStructureDescription)
    assert not warnings
    assert again == document == built


def test_everything_of_ssp_2_is_read_and_written() -> None:
    document = read(OF_2)
    assert canonical(write_document(document)) == canonical(OF_2.read_bytes())
    assert not [found for found in check(OF_2) if found.rule not in ("MT250", "MT261")]
    kinds = {each.kind for each in parts(document) if isinstance(each, Type)}
    assert {"Float64", "Float32", "Int8", "UInt64", "Binary", "Clock", "Enumeration"} <= kinds
    tags = {type(each).__name__ for each in parts(document)}
    assert {"Dimension", "ClockReference", "MetaData", "Signature", "Note", "SignalDictionaryReference"} <= tags


def test_the_same_document_gives_the_same_bytes() -> None:
    assert write_document(read(OF_2)) == write_document(read(OF_2))


def test_an_element_without_place_for_it_is_kept_with_a_warning() -> None:
    data = make.ssd(
        '<ssd:SystemGeometry x1="0" y1="0" x2="1" y2="1"/><x:own xmlns:x="urn:x" a="1"><x:b/></x:own>'
    ).encode()
    document, warnings = read_document(data, "x.ssd", SystemStructureDescription)
    assert [found.rule for found in warnings] == ["MT246"]
    assert b'<x:own xmlns:x="urn:x" a="1"><x:b/></x:own>' in write_document(document)


def test_an_added_element_is_written_like_its_neighbours() -> None:
    document = read(OF_2)
    system = next(each for each in parts(document) if isinstance(each, System))
    fresh = change(document, system, connectors=(*system.connectors, Connector(name="added", kind="output")))
    lines = write_document(fresh).decode().splitlines()
    old = write_document(document).decode().splitlines()
    assert [line for line in lines if line not in old] == ['      <ssd:Connector name="added" kind="output"/>']


def test_values_keep_their_text_only_while_they_mean_it() -> None:
    data = make.ssd(make.connectors("a input Real") + '<ssd:SystemGeometry x1="1.0" y1="+2" x2="3e0" y2="4"/>').encode()
    document, _ = read_document(data, "x.ssd", SystemStructureDescription)
    geometry = document.system.system_geometry
    assert geometry is not None
    text = write_document(change(document, geometry, x1=1, x2=3.5)).decode()
    assert '<ssd:SystemGeometry x1="1.0" y1="+2" x2="3.5" y2="4"/>' in text


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "MT240", 1),
        ("\n<ssd>", "MT240", 2),
        ("<a/>", "MT241", 1),
        (make.ssd("", version="3.0"), "MT242", 1),
        (make.ssd("\n<ssd:Connectorz/>"), "MT243", 4),
        (make.ssd("\nwords"), "MT243", 2),
        (make.ssd('\n<ssd:Connectors><ssd:Connector name="a"/></ssd:Connectors>'), "MT244", 4),
        (make.ssd('\n<ssd:Connectors><ssd:Connector name="a" kind="sideways"/></ssd:Connectors>'), "MT245", 4),
        (make.ssd('\n<ssd:SystemGeometry x1="0x1" y1="1" x2="1" y2="1"/>'), "MT245", 4),
        (make.ssd("\n" + make.connectors("a input") + "\n" + make.connectors("b input")), "MT247", 5),
        (make.ssd("\n" + make.bindings('<ssd:ParameterBinding source="no.ssv"/>')), "MT250", 4),
        (make.ssd("\n" + make.bindings('<ssd:ParameterBinding source="../no.ssv"/>')), "MT251", 4),
        (make.ssd("\n" + make.bindings('<ssd:ParameterBinding source="http://h/no.ssv"/>')), "MT251", 4),
        (make.ssd("\n" + make.bindings('<ssd:ParameterBinding source="/etc/passwd"/>')), "MT251", 4),
        (make.ssd("\n" + make.bindings('<ssd:ParameterBinding source="file:///etc/passwd"/>')), "MT251", 4),
        (make.ssd("\n" + make.bindings('<ssd:ParameterBinding source="%2e%2e/no.ssv"/>')), "MT251", 4),
    ],
)
def test_what_is_wrong_is_said_with_rule_and_line(tmp_path: Path, text: str, rule: str, line: int) -> None:
    path = tmp_path / "SystemStructure.ssd"
    path.write_text(text, "utf-8")
    with pytest.raises(DescriptionInvalid) as caught, open_ssp(path):
        pass
    found = caught.value.diagnostics[0]
    assert (found.rule, found.location.line if found.location else 0) == (rule, line)
    assert found.cause
    assert found.action


def test_all_files_are_read_before_findings_are_given(tmp_path: Path) -> None:
    (tmp_path / "a.ssv").write_text("<a/>")
    (tmp_path / "b.ssv").write_text("<b>")
    sources = [f'<ssd:ParameterBinding source="{name}.ssv"/>' for name in "abc"]
    (tmp_path / "x.ssd").write_text(make.ssd(make.bindings(*sources)))
    with pytest.raises(DescriptionInvalid) as caught, open_ssp(tmp_path / "x.ssd"):
        pass
    assert [found.rule for found in caught.value.diagnostics] == ["MT241", "MT240", "MT250"]


def test_an_archive_is_saved_with_its_resources_unchanged(tmp_path: Path) -> None:
    text = make.ssd(make.bindings('<ssd:ParameterBinding source="resources/a.ssv"/>'))
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(range(256)) * 100)
    files_in = {
        "SystemStructure.ssd": text,
        "resources/a.ssv": make.values("a.k Real 1.50"),
        "resources/x.fmu": blob,
        "extra/org.example/note.txt": blob,
    }
    source = make.pack(tmp_path / "x.ssp", files_in)
    with open_ssp(source) as ssp:
        ssp.save(tmp_path / "same.ssp")
        ssp.save(tmp_path / "again.ssp")
        parameters = ssp.documents["resources/a.ssv"]
        assert isinstance(parameters, ParameterSet)
        ssp.with_document("resources/a.ssv", parameters.with_value("a.k", 2.5)).save(tmp_path / "changed.ssp")
    assert (tmp_path / "same.ssp").read_bytes() == (tmp_path / "again.ssp").read_bytes()
    with zipfile.ZipFile(tmp_path / "same.ssp") as same, zipfile.ZipFile(tmp_path / "changed.ssp") as changed:
        assert sorted(same.namelist()) == sorted(files_in)
        for name in ("resources/x.fmu", "extra/org.example/note.txt"):
            assert same.read(name) == changed.read(name) == blob.read_bytes()
        assert canonical(same.read("SystemStructure.ssd")) == canonical(text.encode())
        assert same.read("resources/a.ssv").replace(b"1.50", b"2.5") == changed.read("resources/a.ssv")


def test_another_variant_is_chosen_by_name(tmp_path: Path) -> None:
    path = make.pack(tmp_path / "x.ssp", {"SystemStructure.ssd": make.ssd(""), "VarB.ssd": make.ssd("", name="B")})
    with open_ssp(path, variant="VarB.ssd") as ssp:
        assert ssp.description.name == "B"
    with pytest.raises(DescriptionInvalid, match=r"VarB\.ssd"), open_ssp(path, variant="VarC.ssd"):
        pass


def test_the_check_reads_every_variant(tmp_path: Path) -> None:
    path = make.pack(tmp_path / "x.ssp", {"SystemStructure.ssd": make.ssd(""), "VarB.ssd": make.ssd("<ssd:No/>")})
    assert [(found.rule, str(found.location)) for found in check(path)] == [("MT243", f"{path}/VarB.ssd:3:1")]


def test_an_archive_without_a_structure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DescriptionInvalid, match="MT264"), open_ssp(make.pack(tmp_path / "x.ssp", {"a/b.ssd": "x"})):
        pass
    (tmp_path / "y.ssp").write_bytes(b"no zip")
    with pytest.raises(ArchiveUnsafe), open_ssp(tmp_path / "y.ssp"):
        pass
    with pytest.raises(InputUnreadable), open_ssp(tmp_path / "z.ssp"):
        pass


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.ssv").write_text(make.values("a Real 1"))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.ssv").symlink_to(tmp_path / "secret.ssv")
    (inside / "x.ssd").write_text(make.ssd(make.bindings('<ssd:ParameterBinding source="link.ssv"/>')))
    with pytest.raises(DescriptionInvalid, match="MT250"), open_ssp(inside / "x.ssd"):
        pass


@pytest.mark.parametrize(
    ("inside", "rules"),
    [
        (make.connectors("a input Real", "a output Real"), ["MT248"]),
        (make.connectors("a input Real m"), ["MT249"]),
        (make.connectors("a input Enumeration E"), ["MT249"]),
        (make.connectors("a local Real"), ["MT265"]),
        (make.connectors("a input Float64"), ["MT265"]),
        (make.connectors("a input Boolean m"), ["MT249", "MT243"]),
    ],
)
def test_the_check_looks_at_names_units_and_versions(tmp_path: Path, inside: str, rules: list[str]) -> None:
    path = tmp_path / "x.ssd"
    path.write_text(make.ssd(inside))
    assert [found.rule for found in check(path)] == rules
    assert all(found.location and found.location.line == 3 for found in check(path))


def test_text_that_xml_cannot_hold_is_refused() -> None:
    bad = ParameterSet(version="1.0", name="a\x01b")
    with pytest.raises(FmuError, match=r"U\+0001"):
        write_document(bad)


def test_names_survive_all_characters(tmp_path: Path) -> None:
    odd = 'a"b<c>&d\ne\tf\rg ü'
    name = Component(name=odd, source="x")
    document = SystemStructureDescription(
        version="1.0",
        name=odd,
        system=System(name=odd, elements=(name,), connections=(Connection(start_connector=odd, end_connector=odd),)),
    )
    again, _ = read_document(write_document(document), "x", SystemStructureDescription)
    assert again == document
    assert isinstance(again.system.written, Written)


def test_the_public_names_are_there_and_cost_nothing_before_use() -> None:
    assert sorted(fmu.ssp.__all__) == dir(fmu.ssp)
    assert all(getattr(fmu.ssp, name) is not None for name in fmu.ssp.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fmu.ssp.no_such_name


def test_every_rule_that_is_found_is_explained() -> None:
    texts = [path.read_text("utf-8") for path in (Path(fmu.ssp.__file__).parent).glob("*.py")]
    named = {rule for text in texts for rule in re.findall(r'"(MT\d{3})"', text)}
    assert named == {rule.id for rule in SSP_RULES}
    assert named <= set(find_rules())


def test_a_document_with_other_prefixes_is_the_same() -> None:
    before = OF_2.read_text("utf-8")
    text = before.replace("ssd:", "").replace("xmlns:ssd=", "xmlns=").replace("ssv:", "v:").replace(":ssv=", ":v=")
    document, warnings = read_document(text.encode(), "x", SystemStructureDescription)
    assert not warnings
    assert document == read(OF_2)
    assert canonical(write_document(document)) == canonical(text.encode())
    assert text != before
    wide = text.replace(' encoding="UTF-8"', "").encode("utf-16")
    assert canonical(write_document(read_document(wide, "x", SystemStructureDescription)[0])) == canonical(wide)


def test_only_what_belongs_to_a_structure_is_packed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("resources/a.fmu", "extra/org.example/b.txt", "other/c.fmu", "private.txt", "private/d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    inside = make.elements(make.relay("c", source="other/c.fmu"))
    (folder / "SystemStructure.ssd").write_text(make.ssd(inside))
    with open_ssp(folder) as ssp:
        ssp.save(tmp_path / "x.ssp")
    with zipfile.ZipFile(tmp_path / "x.ssp") as packed:
        assert packed.namelist() == ["SystemStructure.ssd", "extra/org.example/b.txt", "other/c.fmu", "resources/a.fmu"]


def test_a_file_inside_an_fmu_is_not_written_and_not_changed(tmp_path: Path) -> None:
    fmu = make.pack(tmp_path / "a.fmu", {"resources/own.ssv": make.values("k Real 4")})
    binding = '<ssd:ParameterBinding source="resources/own.ssv" sourceBase="component"/>'
    inside = make.elements(make.relay("a", source="resources/a.fmu", more=make.bindings(binding)))
    path = make.pack(tmp_path / "x.ssp", {"SystemStructure.ssd": make.ssd(inside), "resources/a.fmu": fmu})
    with open_ssp(path) as ssp:
        ssp.save(tmp_path / "y.ssp")
        (name,) = [name for name in ssp.documents if name != "SystemStructure.ssd"]
        with pytest.raises(FmuError, match="inside an FMU"):
            ssp.with_document(name, ssp.documents[name])
    with zipfile.ZipFile(tmp_path / "y.ssp") as packed:
        assert packed.namelist() == ["SystemStructure.ssd", "resources/a.fmu"]
        assert packed.read("resources/a.fmu") == fmu.read_bytes()


def test_files_that_are_not_there_and_links_that_are_named(tmp_path: Path) -> None:
    for name in ("none.ssv", "none.ssd", "none.ssp"):
        with pytest.raises(InputUnreadable, match="no such file"):
            check(tmp_path / name)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.ssd").write_text(make.ssd(make.connectors("a input Real m")))
    (tmp_path / "b.ssd").symlink_to(tmp_path / "real" / "a.ssd")
    assert [found.rule for found in check(tmp_path / "b.ssd")] == ["MT249"]
