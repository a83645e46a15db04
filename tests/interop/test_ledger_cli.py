"""``megatwin ledger verify``."""

from __future__ import annotations

import json
import sqlite3

from interop.cli import main
from interop.event import Draft
from interop.ledger.layout import DATABASE_NAME
from interop.ledger.sqlite import SqliteLedger


async def filled(folder):
    ledger = await SqliteLedger.open(folder)
    await ledger.append([Draft(kind="note", twin=None, actor="t", body={"n": number}) for number in range(10)])
    await ledger.close()
    return ledger.root()


async def test_a_whole_ledger_is_well(tmp_path, capsys):
    root = await filled(tmp_path)
    assert main(["ledger", "verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"10 events, root {root}\n"
    assert main(["ledger", "verify", str(tmp_path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "data": str(tmp_path),
        "events": 10,
        "root": root,
        "problems": [],
        "firstBad": None,
    }


async def test_an_altered_event_is_named_and_the_exit_code_is_1(tmp_path, capsys):
    await filled(tmp_path)
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("UPDATE event SET stored = zeroblob(5) WHERE seq = 4")
    connection.commit()
    connection.close()
    assert main(["ledger", "verify", str(tmp_path), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["problems"][0], found["firstBad"]) == ("event 4 contradicts its hash", 4)
    assert main(["ledger", "verify", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("event 4 contradicts its hash\n")


async def test_a_ledger_in_use_can_be_verified(tmp_path, capsys):
    ledger = await SqliteLedger.open(tmp_path)
    await ledger.append([Draft(kind="note", twin=None, actor="t", body={})])
    assert main(["ledger", "verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("1 events, root ")
    await ledger.close()


def test_a_folder_without_a_ledger_is_unreadable_input(tmp_path, capsys):
    assert main(["ledger", "verify", str(tmp_path)]) == 2
    assert "there is no ledger" in capsys.readouterr().err
