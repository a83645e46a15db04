import pytest

from dtdl.errors import InputUnreadable
from interop.config.document import MAX_BYTES, MAX_DEPTH, parse_document, read_document, read_override
from interop.config.findings import Findings


def read(text):
    findings = Findings()
    data = text if isinstance(text, bytes) else text.encode()
    return parse_document("m.yaml", data, findings), findings.ordered()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("true", True), ("False", False), ("null", None), ("~", None),
        ("", None), ("12", 12), ("012", 12), ("0o17", 15), ("0x1F", 31), ("1_000", "1_000"), ("1:30", "1:30"),
        ("1e3", 1000.0), ("-.5", -0.5), ("+1.", 1.0), (".inf", float("inf")), ("-.Inf", float("-inf")),
        ("2026-01-31", "2026-01-31"), ("'12'", "12"), ('"null"', "null"), ("=", "="), ("!!str 12", "12"),
        ("!!float 1", 1.0), ("0b1", "0b1"),
    ],
)  # fmt: skip
def test_plain_texts_mean_what_the_core_schema_of_yaml_1_2_says(text, value):
    document, found = read(f"a: {text}\n")
    assert (document.value["a"], type(document.value["a"]), found) == (value, type(value), [])


def test_columns_count_characters():
    document, _ = read("é😀: [x, 'y😀', zz]\n")
    assert str(document.at(("é😀", 2))) == "m.yaml:1:15"


def test_every_key_and_value_knows_its_place():
    document, found = read("a:\n  - b: 1\n    'c d': two\ne: {f: [x, yy]}\n")
    assert not found
    at = document.at(("a", 0, "c d"))
    assert (at.line, at.column, at.end_line, at.end_column) == (3, 12, 3, 15)
    key = document.key(("a", 0, "c d"))
    assert (key.line, key.column) == (3, 5)
    assert str(document.at(("e", "f", 1))) == "m.yaml:4:12"
    assert str(document.at(("e", "f", 9, "z"))) == "m.yaml:4:8"


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "MT102", 3, 1),
        ("a: [1, 2\nb: 3\n", "MT101", 2, 2),
        ("a: b: c\n", "MT101", 1, 5),
        ("a: \x01\n", "MT101", 1, 4),
        ("b: 1\né😀: \x7f\n", "MT101", 2, 5),
        ("a: 1\n---\nb: 2\n", "MT101", 2, 1),
        ("a: *nowhere\n", "MT101", 1, 4),
        ("a: !thing 1\n", "MT104", 1, 4),
        ("a: !!int x\n", "MT104", 1, 4),
        ("? [x]\n: 1\n", "MT104", 1, 3),
        ("a: &x [*x]\n", "MT103", 1, 4),
        (b"a: 1\nb: caf\xe9\n", "MT100", 2, 7),
        ("a: " + "9" * 5000, "MT103", 1, 4),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "MT103", 1, MAX_DEPTH + 1),
        (b" " * (MAX_BYTES + 1), "MT103", 0, 0),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_found_with_its_place(text, rule, line, column):
    found = read(text)[1]
    assert [(f.rule, f.location.line, f.location.column) for f in found] == [(rule, line, column)]


def test_aliases_cannot_multiply_without_bound():
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    found = read(text)[1]
    assert [f.rule for f in found] == ["MT103"]


def test_an_alias_gives_the_value_and_its_place_is_where_it_is_written():
    document, found = read("a: &x {b: 1}\nc: *x\n")
    assert not found
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.at(("c", "b")).line == 1
    assert document.key(("c",)).line == 2


def test_a_missing_file_and_a_folder_are_not_findings(tmp_path):
    with pytest.raises(InputUnreadable):
        read_document(tmp_path / "none.yaml", Findings())
    with pytest.raises(InputUnreadable):
        read_document(tmp_path, Findings())


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("serve.http=127.0.0.1:0", ("serve", "http"), "127.0.0.1:0"),
        ('twins."a.b".owner=me', ("twins", "a.b", "owner"), "me"),
        ("models=[a, b]", ("models",), ["a", "b"]),
        ("connections.0.combine=max", ("connections", 0, "combine"), "max"),
        ("name=", ("name",), None),
    ],
)
def test_an_override_is_a_path_and_a_value(text, path, value):
    findings = Findings()
    assert read_override(text, findings) == (path, value)
    assert not len(findings)


@pytest.mark.parametrize("text", ["serve", "=1", "a..b=1", "a=[", ".a=1"])
def test_an_override_that_cannot_be_read_is_a_finding_of_the_command_line(text):
    findings = Findings()
    assert read_override(text, findings) is None
    assert [(f.rule, str(f.location)) for f in findings] == [("MT115", "command line")]


def test_an_override_changes_the_value_and_its_place():
    document, _ = read("a: {b: 1, c: [x]}\n")
    path, value = read_override("a.b=2", Findings())
    document.put(path, value, document.at(()).__class__("command line"))
    document.put(("n", "m"), 3, document.at(()).__class__("command line"))
    assert document.value == {"a": {"b": 2, "c": ["x"]}, "n": {"m": 3}}
    assert str(document.at(("a", "b"))) == "command line"
    assert str(document.at(("a", "c"))) == "m.yaml:1:14"
    with pytest.raises(KeyError):
        document.put(("a", "c", 5), 1, document.at(()))
