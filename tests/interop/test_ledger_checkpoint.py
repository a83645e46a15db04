"""Signed checkpoints and proofs: what is changed is found, whoever changed it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
from base64 import b64decode

import orjson
import pytest
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.proof import InclusionProof

from interop.cli import main
from interop.event import Draft
from interop.ledger.checkpoint import EVERY, NoteInvalid, Verifier, check, parse, verifiers
from interop.ledger.layout import DATABASE_NAME, connect
from interop.ledger.merkle import Frontier, leaf_hash
from interop.ledger.proof import ProofInvalid, check_proof, make_checkpoint, prove_event, prove_growth
from interop.ledger.sqlite import SqliteLedger
from interop.ledger.verify import verify_file

FLIPS = 1000 if os.environ.get("MEGATWIN_LONG") else 60
EVENTS = 2 * EVERY + 300


def notes(first, last):
    return [Draft(kind="note", twin=None, actor="t", body={"n": number}) for number in range(first, last)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")

    async def fill():
        ledger = await SqliteLedger.open(folder)
        for first in range(0, EVENTS, 100):
            await ledger.append(notes(first, min(first + 100, EVENTS)))
        await ledger.close()

    asyncio.run(fill())
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def change(folder, *statements):
    connection = sqlite3.connect(folder / DATABASE_NAME)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def rebuild(folder, edit):
    """What someone does who may write the whole file, but has no key: edits events and makes every hash fit again."""
    connection = sqlite3.connect(folder / DATABASE_NAME)
    stored = edit([row[0] for row in connection.execute("SELECT stored FROM event ORDER BY seq")])
    edge = Frontier()
    connection.execute("DELETE FROM tile")
    connection.execute("DELETE FROM event WHERE seq > ?", (len(stored),))
    for seq, body in enumerate(stored, start=1):
        connection.execute("UPDATE event SET stored = ?, leaf = ? WHERE seq = ?", (body, leaf_hash(body), seq))
        for tile in edge.add(leaf_hash(body)):
            connection.execute("INSERT INTO tile VALUES (?,?,?)", tile)
    connection.execute("UPDATE head SET size = ?, root = ?", (edge.size, edge.root()))
    connection.commit()
    connection.close()


def test_the_writer_signs_a_checkpoint_every_so_many_events(whole):
    connection = connect(whole, writer=False)
    rows = connection.execute("SELECT size, note FROM checkpoint").fetchall()
    edge = Frontier()
    roots = {}
    for (leaf,) in connection.execute("SELECT leaf FROM event ORDER BY seq"):
        edge.add(leaf)
        roots[edge.size] = edge.root()
    connection.close()
    (verifier,) = verifiers(whole / "ledger.pub")
    assert [size for size, _ in rows] == [EVERY, 2 * EVERY]
    for size, note in rows:
        found = verifier.check(note)
        assert (found.size, found.root) == (size, roots[size])
    assert (whole / "ledger.key").stat().st_mode & 0o777 == 0o600


def test_a_checkpoint_has_the_form_of_a_signed_note(whole):
    note = make_checkpoint(whole)
    origin, size, root, empty, signature, end = note.split("\n")
    (verifier,) = verifiers(whole / "ledger.pub")
    assert (origin, int(size), empty, end) == (verifier.name, EVENTS, "", "")
    assert b64decode(root) == bytes.fromhex(verify_file(whole, indexes=False).root)
    assert signature.startswith(f"\N{EM DASH} {verifier.name} ")
    assert b64decode(signature.split()[2])[:4] == verifier.identity


def test_every_flipped_bit_of_a_checkpoint_or_a_key_is_found(whole):
    note = make_checkpoint(whole).encode()
    known = verifiers(whole / "ledger.pub")
    key = known[0].text().encode()
    for bit in range(8 * len(note)):
        with pytest.raises((NoteInvalid, UnicodeDecodeError)):
            check(flipped(note, bit).decode(), known)
    for bit in range(8 * len(key)):
        with pytest.raises((NoteInvalid, UnicodeDecodeError)):
            Verifier.parse(flipped(key, bit).decode())


@pytest.mark.timeout(120 if FLIPS < 1000 else 1800)
def test_every_flipped_bit_of_a_proof_is_found(whole):
    known = verifiers(whole / "ledger.pub")
    old, _, _ = parse(stored_notes(whole)[0])
    chance = random.Random(1)
    for proof in (prove_event(whole, 1234).encode(), prove_growth(whole, old).encode()):
        check_proof(proof, known)
        for bit in chance.sample(range(8 * len(proof)), FLIPS):
            with pytest.raises(ProofInvalid):
                check_proof(flipped(proof, bit), known)


def stored_notes(folder):
    connection = connect(folder, writer=False)
    try:
        return [note for (note,) in connection.execute("SELECT note FROM checkpoint ORDER BY size")]
    finally:
        connection.close()


def flipped(raw, bit):
    harmed = bytearray(raw)
    harmed[bit // 8] ^= 1 << bit % 8
    return bytes(harmed)


def test_proofs_are_accepted_by_pymerkle(whole):
    connection = connect(whole, writer=False)
    tree = InmemoryTree(algorithm="sha256")
    for (stored,) in connection.execute("SELECT stored FROM event ORDER BY seq"):
        tree.append_entry(stored)
    connection.close()
    document = json.loads(prove_event(whole, 1234))
    theirs = tree.prove_inclusion(1234, EVENTS)
    path = [leaf_hash(document["event"].encode()), *map(bytes.fromhex, document["path"])]
    ours = InclusionProof("sha256", True, EVENTS, 1234, theirs.rule, path)
    found = check(document["checkpoint"], verifiers(whole / "ledger.pub"))
    verify_inclusion(leaf_hash(document["event"].encode()), found.root, ours)
    old, _, _ = parse(stored_notes(whole)[0])
    assert json.loads(prove_growth(whole, old))["root"] == tree.get_root(EVERY).hex()
    verify_consistency(old.root, found.root, tree.prove_consistency(EVERY, EVENTS))


@pytest.mark.timeout(120 if FLIPS < 1000 else 1800)
def test_a_flipped_bit_in_the_record_is_found_with_the_event(copied):
    connection = connect(copied, writer=False)
    rows = connection.execute("SELECT seq, leaf, stored FROM event").fetchall()
    kept = connection.execute("SELECT size, note FROM checkpoint").fetchall()
    connection.close()
    file = copied / DATABASE_NAME
    plain = file.read_bytes()
    chance = random.Random(2)
    for turn in range(FLIPS):
        seq, leaf, stored = chance.choice(rows)
        size, note = chance.choice(kept)
        part, said = [(stored, f"event {seq} "), (leaf, f"event {seq} "), (note.encode(), f"checkpoint over {size} ")][
            turn % 3
        ]
        bit = 8 * plain.index(part) + chance.randrange(8 * len(part))
        file.write_bytes(flipped(plain, bit))
        found = verify_file(copied, indexes=False)
        assert said in found.problems[0]
        assert turn % 3 == 2 or found.first_bad == seq


@pytest.mark.parametrize(
    ("edit", "first", "last"),
    [
        (lambda stored: stored[:1700], 1701, 1701),
        (lambda stored: [*stored[:1499], stored[1499].replace(b'"n":1499', b'"n":1498'), *stored[1500:]], 1001, 2000),
        (lambda stored: [stored[0].replace(b'"n":0', b'"n":7'), *stored[1:]], 1, 1000),
        (lambda stored: [*stored[:2200], stored[2200].replace(b'"n":2200', b'"n":2201'), *stored[2201:]], 2001, 2300),
    ],
    ids=["truncated", "replaced", "replaced at the start", "replaced at the end"],
)  # fmt: skip
def test_a_history_written_anew_is_found_by_a_checkpoint_that_was_kept(copied, tmp_path, edit, first, last):
    kept = tmp_path / "kept"
    kept.write_text(make_checkpoint(copied), encoding="utf-8", newline="")
    rebuild(copied, edit)
    found = verify_file(copied, indexes=False, checkpoints=[kept])
    assert found.problems
    assert found.first_bad is not None
    assert first <= found.first_bad <= last


def test_two_events_in_each_others_place_are_found(copied):
    def swap(stored):
        return [*stored[:1499], stored[1500], stored[1499], *stored[1501:]]

    rebuild(copied, swap)
    found = verify_file(copied, indexes=False)
    assert found.first_bad == 1500
    assert found.problems[0] == "event 1500 says that it is event 1501"


def test_a_ledger_made_anew_with_another_key_is_found(copied, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text(make_checkpoint(copied), encoding="utf-8", newline="")
    lines = tmp_path / "all.ndjson"
    assert main(["ledger", "export", str(copied), str(lines)]) == 0
    lines.write_bytes(lines.read_bytes().replace(b'"n":1499', b'"n":1498'))
    other = tmp_path / "other"
    assert main(["ledger", "import", str(lines), str(other)]) == 0
    assert verify_file(other).problems == []
    found = verify_file(other, checkpoints=[kept], keys=[copied / "ledger.pub"])
    assert "signed over other events" in found.problems[0]
    assert found.first_bad is not None
    assert any("signed by a key that is not known" in text for text in verify_file(other, checkpoints=[kept]).problems)


def test_commands_sign_prove_and_check(whole, tmp_path, capsys):
    data = str(whole)
    kept = tmp_path / "kept"
    assert main(["ledger", "checkpoint", data, "--append", str(kept)]) == 0
    assert main(["ledger", "checkpoint", data, "--append", str(kept)]) == 0
    assert kept.read_text(encoding="utf-8").count("\N{EM DASH}") == 2
    assert main(["ledger", "verify", data, "--quick", "--checkpoint", str(kept)]) == 0
    capsys.readouterr()
    assert main(["ledger", "root", data]) == 0
    size, root = capsys.readouterr().out.split()
    assert (int(size), root) == (EVENTS, verify_file(whole, indexes=False).root)
    assert main(["ledger", "key", data]) == 0
    key = capsys.readouterr().out.strip()
    for arguments, said in (
        (["700"], f"event 700 is among the {EVENTS} events"),
        (["--since", str(kept)], f"the first {EVENTS} are those of the {EVENTS} events"),
    ):
        assert main(["ledger", "proof", data, *arguments]) == 0
        proof = tmp_path / "proof.json"
        proof.write_text(capsys.readouterr().out, encoding="utf-8")
        assert main(["ledger", "check", str(proof), "--key", key]) == 0
        assert capsys.readouterr().out.startswith(said)
    document = orjson.loads(proof.read_bytes())
    document["size"] -= 1
    proof.write_bytes(orjson.dumps(document))
    assert main(["ledger", "check", str(proof), "--key", key]) == 1
    assert main(["ledger", "check", str(proof), "--key", "nobody"]) == 2
    assert main(["ledger", "proof", data, str(EVENTS + 1)]) == 2
    assert main(["ledger", "proof", data]) == 2


async def test_a_key_that_is_not_the_folders_is_refused_and_a_removed_one_is_made_anew(copied):
    (copied / "ledger.key").unlink()
    ledger = await SqliteLedger.open(copied)
    await ledger.append(notes(0, EVERY))
    await ledger.close()
    assert len(verifiers(copied / "ledger.pub")) == 2
    assert verify_file(copied, indexes=False).problems == []
    (copied / "ledger.pub").write_text("", encoding="utf-8")
    with pytest.raises(Exception, match="not the key"):
        await SqliteLedger.open(copied)


async def test_a_ledger_of_the_first_layout_is_opened_and_goes_on(copied):
    tables = ("checkpoint", "state", "snapshot", "span")
    change(copied, *(f"DROP TABLE {name}" for name in tables), "DROP INDEX event_told", "PRAGMA user_version = 1")
    assert verify_file(copied).problems == []
    ledger = await SqliteLedger.open(copied)
    await ledger.append(notes(0, EVERY))
    await ledger.close()
    assert len(stored_notes(copied)) == 1
    assert verify_file(copied).problems == []
