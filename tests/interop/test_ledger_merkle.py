"""The hash tree against RFC 9162's own definitions and an independent library."""

from __future__ import annotations

from hashlib import sha256

import pytest
from pymerkle import InmemoryTree

from interop.event import Draft
from interop.ledger.layout import connect
from interop.ledger.merkle import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Frontier,
    Tile,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    subtree,
)
from interop.ledger.sqlite import SqliteLedger
from interop.ledger.store import StoredHashes

SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 600]


class Stored:
    """Leaf hashes and tiles in memory."""

    def __init__(self, entries):
        self.hashes = [leaf_hash(entry) for entry in entries]
        self.frontier = Frontier()
        self.tiles = {}
        for leaf in self.hashes:
            for tile in self.frontier.add(leaf):
                self.tiles[tile.level, tile.number] = tile.hash

    def leaves(self, start, stop):
        return self.hashes[start:stop]

    def tile(self, level, number):
        return self.tiles[level, number]


@pytest.fixture(scope="module")
def entries():
    return [f"entry {number}".encode() for number in range(600)]


@pytest.fixture(scope="module")
def tree(entries):
    made = InmemoryTree(algorithm="sha256")
    for entry in entries:
        made.append_entry(entry)
    return made


@pytest.fixture(scope="module")
def stored(entries):
    return Stored(entries)


def test_the_empty_tree_has_the_hash_of_nothing():
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_pymerkle(size, entries, tree, stored):
    edge = Frontier()
    for entry in entries[:size]:
        edge.add(leaf_hash(entry))
    assert edge.root() == tree.get_root(size) == subtree(stored, 0, size)
    assert Frontier.load(size, stored).root() == edge.root()


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_proofs_are_those_of_pymerkle(size, tree, stored):
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        proof = inclusion_proof(stored, index, size)
        # pymerkle's path begins with the leaf itself.
        assert proof == tree.prove_inclusion(index + 1, size).path[1:]
        assert check_inclusion(stored.hashes[index], index, size, proof, tree.get_root(size))
        assert not check_inclusion(leaf_hash(b"other"), index, size, proof, tree.get_root(size))
        assert not check_inclusion(stored.hashes[index], index, size, [*proof, EMPTY_ROOT], tree.get_root(size))


@pytest.mark.parametrize("size", SIZES)
def test_consistency_proofs_lead_from_pymerkles_old_root_to_its_new_one(size, tree, stored):
    for old in {1, 2, size // 2, size - 1, size} & set(range(1, size + 1)):
        proof = consistency_proof(stored, old, size)
        assert check_consistency(old, tree.get_root(old), size, tree.get_root(size), proof)
        if old < size:
            assert not check_consistency(old, tree.get_root(size), size, tree.get_root(size), proof)
            assert not check_consistency(old, tree.get_root(old), size, tree.get_root(old), proof)
            assert not check_consistency(old, tree.get_root(old), size, tree.get_root(size), proof[:-1])


def test_proofs_of_what_is_not_there_are_refused(stored):
    with pytest.raises(ValueError, match="leaf 600"):
        inclusion_proof(stored, 600, 600)
    with pytest.raises(ValueError, match="beginning"):
        consistency_proof(stored, 0, 600)
    assert not check_inclusion(EMPTY_ROOT, 5, 5, [], EMPTY_ROOT)
    assert not check_consistency(0, EMPTY_ROOT, 5, EMPTY_ROOT, [])


def test_tiles_are_given_when_they_are_complete():
    edge = Frontier()
    found = [tile for number in range(TILE_WIDTH * 2) for tile in edge.add(leaf_hash(bytes([number % 256])))]
    assert [(tile.level, tile.number) for tile in found] == [(1, 0), (1, 1)]
    assert all(isinstance(tile, Tile) for tile in found)


async def test_the_ledgers_root_and_proofs_are_those_of_pymerkle(tmp_path):
    ledger = await SqliteLedger.open(tmp_path)
    drafts = [Draft(kind="note", twin=None, actor="t", body={"n": number}) for number in range(700)]
    for start in range(0, 700, 70):
        await ledger.append(drafts[start : start + 70])
    theirs = InmemoryTree(algorithm="sha256")
    async for events in ledger.replay():
        for event in events:
            theirs.append_entry(event.encode())
    assert ledger.root() == theirs.get_root().hex()
    connection = connect(tmp_path, writer=False)
    hashes = StoredHashes(connection)
    for index in (0, 255, 256, 699):
        proof = inclusion_proof(hashes, index, 700)
        assert check_inclusion(theirs.get_leaf(index + 1), index, 700, proof, theirs.get_root())
    proof = consistency_proof(hashes, 300, 700)
    assert check_consistency(300, theirs.get_root(300), 700, theirs.get_root(), proof)
    connection.close()
    await ledger.close()
