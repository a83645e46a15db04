"""A ledger goes into a file and comes back, byte for byte."""

from __future__ import annotations

import json
import sqlite3

import pytest

from interop.cli import main
from interop.event import Draft
from interop.ledger.checkpoint import EVERY
from interop.ledger.layout import DATABASE_NAME, connect
from interop.ledger.proof import make_checkpoint
from interop.ledger.sqlite import SqliteLedger
from interop.ledger.verify import verify_file


@pytest.fixture
async def data(tmp_path):
    folder = tmp_path / "data"
    ledger = await SqliteLedger.open(folder)
    body = {
        "model": "m;1",
        "contents": {"name": "Z\u00fcrich \u2028 \\ \n", "n": 0.1, "deep": {"$metadata": {}, "x": [1]}},
    }
    await ledger.append([Draft(kind="twin-put", twin="a", actor="t", body=body)])
    drafts = [
        Draft(kind="samples", twin=None, actor="t", cause=1, body={"source": "s", "readings": [
            ["a/n", number / 3, "Good", "2026-01-01T00:00:00.000001Z", None, "p"]
        ]})
        for number in range(EVERY + 10)
    ]  # fmt: skip
    for first in range(0, len(drafts), 101):
        await ledger.append(drafts[first : first + 101])
    await ledger.close()
    return folder


def rows_of(folder, *tables):
    connection = connect(folder, writer=False)
    try:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    finally:
        connection.close()


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_what_was_exported_comes_back_byte_for_byte(data, tmp_path, form, capsys):
    kept = tmp_path / "kept"
    kept.write_text(make_checkpoint(data), encoding="utf-8", newline="")
    file, other = tmp_path / f"all.{form}", tmp_path / "other"
    assert main(["ledger", "export", str(data), str(file)]) == 0
    assert main(["ledger", "import", str(file), str(other)]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert one == two
    assert sorted(path.name for path in other.iterdir()) == [
        "ledger.key",
        "ledger.lock",
        "ledger.pub",
        "ledger.sqlite3",
    ]
    assert rows_of(data, "event", "tile", "version") == rows_of(other, "event", "tile", "version")
    assert verify_file(other).problems == []
    # What was signed before holds for what was imported.
    assert verify_file(other, checkpoints=[kept], keys=[data / "ledger.pub"]).problems == []


async def test_an_imported_ledger_answers_as_the_first_and_goes_on(data, tmp_path):
    file, other = tmp_path / "all.ndjson", tmp_path / "other"
    assert main(["ledger", "export", str(data), str(file)]) == 0
    assert main(["ledger", "import", str(file), str(other)]) == 0
    first, second = await SqliteLedger.open(data), await SqliteLedger.open(other)
    assert await first.history("a", None, None, None, limit=5000) == await second.history(
        "a", None, None, None, limit=5000
    )
    (event,) = await second.append([Draft(kind="note", twin=None, actor="t", body={})])
    assert event.seq == EVERY + 12
    await first.close()
    await second.close()


def test_parquet_has_columns_to_ask(data, tmp_path):
    from pyarrow import parquet

    file = tmp_path / "all.parquet"
    assert main(["ledger", "export", str(data), str(file)]) == 0
    table = parquet.read_table(file)
    assert table.column_names == ["seq", "recorded_at", "kind", "twin", "actor", "cause", "stored"]
    assert table.column("seq").to_pylist() == list(range(1, EVERY + 12))
    assert table.column("kind").to_pylist()[:2] == ["twin-put", "samples"]
    assert table.column("cause").to_pylist()[:2] == [None, 1]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: lines[1:], "event 2 stands where event 1 should"),
        (lambda lines: [*lines[:4], b"{}\n"], "event 5 cannot be read"),
        (lambda lines: [*lines[:4], b"\xff\n"], "event 5 cannot be read"),
        (lambda lines: [*lines[:4], lines[4][:-1]], "its last line is cut off"),
        (lambda lines: [lines[0].replace(b'"model"', b'"other"')], "is not of the form of its kind"),
    ],
)
def test_a_file_that_is_no_export_makes_no_ledger(data, tmp_path, capsys, edit, said):
    file, other = tmp_path / "all.ndjson", tmp_path / "other"
    assert main(["ledger", "export", str(data), str(file)]) == 0
    file.write_bytes(b"".join(edit(file.read_bytes().splitlines(keepends=True))))
    assert main(["ledger", "import", str(file), str(other)]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in other.iterdir()] == ["ledger.lock"]


def test_a_parquet_file_of_others_is_refused(tmp_path, capsys):
    import pyarrow as pa
    from pyarrow import parquet

    file = tmp_path / "other.parquet"
    file.write_bytes(b"PAR1 and no more")
    assert main(["ledger", "import", str(file), str(tmp_path / "other")]) == 2
    parquet.write_table(pa.table({"stored": ["text"]}), file)
    assert main(["ledger", "import", str(file), str(tmp_path / "other")]) == 2
    parquet.write_table(pa.table({"x": [1]}), file)
    assert main(["ledger", "import", str(file), str(tmp_path / "other")]) == 2
    said = capsys.readouterr().err
    assert "is no Parquet file" in said
    assert "is not binary" in said
    assert "has no column" in said


def test_an_export_of_an_altered_ledger_says_so_and_leaves_the_file(data, tmp_path, capsys):
    file = tmp_path / "all.ndjson"
    file.write_text("as it was", encoding="utf-8")
    connection = sqlite3.connect(data / DATABASE_NAME)
    connection.execute("UPDATE event SET stored = zeroblob(9) WHERE seq = 7")
    connection.commit()
    connection.close()
    assert main(["ledger", "export", str(data), str(file)]) == 1
    assert "event 7" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.ndjson", "data"]


def test_a_folder_that_has_a_ledger_is_left_alone(data, tmp_path, capsys):
    file = tmp_path / "all.ndjson"
    assert main(["ledger", "export", str(data), str(file)]) == 0
    before = rows_of(data, "event")
    assert main(["ledger", "import", str(file), str(data)]) == 2
    assert main(["ledger", "export", str(data), str(tmp_path / "all.csv")]) == 2
    assert "there is a ledger in" in capsys.readouterr().err
    assert rows_of(data, "event") == before
    assert json.loads(file.read_bytes().splitlines()[0])["seq"] == 1
