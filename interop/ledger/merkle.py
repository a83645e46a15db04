"""The Merkle tree of RFC 9162, section 2.1: leaf hashes, the growing edge, inclusion and consistency proofs.

Complete subtrees of 256, 65,536, … leaves are kept as *tiles*, so that the edge is found again after a start, and
proofs are made, without reading every leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Protocol, Self

TILE_BITS: Final = 8
TILE_WIDTH: Final = 1 << TILE_BITS
"""Leaves below a tile of level 1."""
EMPTY_ROOT: Final = sha256(b"").digest()


class Tile(NamedTuple):
    """The hash over the leaves [number x 256^level, (number + 1) x 256^level)."""

    level: int
    number: int
    hash: bytes


class Hashes(Protocol):
    """Where proofs find what is stored."""

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        """Leaf hashes by index from 0, stop excluded."""
        ...

    def tile(self, level: int, number: int) -> bytes:
        """The hash of a complete tile."""
        ...


def leaf_hash(stored: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + stored).digest()


def is_leaf(leaf: object, stored: object) -> bool:
    """Whether a stored hash is that of stored bytes; a damaged file may give anything for either."""
    return isinstance(stored, bytes) and leaf_hash(stored) == leaf


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of the tree: the roots of the complete subtrees, largest first; O(1) amortised an append."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)

    def copy(self) -> Frontier:
        """An independent copy."""
        return Frontier(self.size, self._peaks)

    def add(self, leaf: bytes) -> list[Tile]:
        """Appends a leaf hash; gives the tiles that it completes, lowest first."""
        tiles: list[Tile] = []
        current, rest, level = leaf, self.size, 0
        while rest & 1:
            current = node_hash(self._peaks.pop(), current)
            rest >>= 1
            level += 1
            if level % TILE_BITS == 0:
                tiles.append(Tile(level // TILE_BITS, rest, current))
        self._peaks.append(current)
        self.size += 1
        return tiles

    def root(self) -> bytes:
        """The tree head."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found

    @classmethod
    def load(cls, size: int, hashes: Hashes) -> Self:
        """Finds the edge of a stored tree: one subtree for each bit of the size."""
        peaks: list[bytes] = []
        start = 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                peaks.append(subtree(hashes, start, start + (1 << level)))
                start += 1 << level
        return cls(size, peaks)


def subtree(hashes: Hashes, start: int, stop: int) -> bytes:
    """MTH(D[start:stop]), section 2.1.1; ``start`` is a multiple of the power of two that covers the range."""
    width = stop - start
    if width == 0:
        return EMPTY_ROOT
    level, full = 0, 1
    while full < width:
        level, full = level + 1, full * TILE_WIDTH
    if full == width and level and start % full == 0:
        return hashes.tile(level, start // full)
    if width <= TILE_WIDTH:
        edge = Frontier()
        for leaf in hashes.leaves(start, stop):
            edge.add(leaf)
        return edge.root()
    middle = start + _split(width)
    return node_hash(subtree(hashes, start, middle), subtree(hashes, middle, stop))


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]), section 2.1.3.1: the audit path of one leaf, lowest first.

    Raises:
        ValueError: The index is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(subtree(hashes, middle, stop))
            stop = middle
        else:
            path.append(subtree(hashes, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(hashes: Hashes, old: int, size: int) -> list[bytes]:
    """PROOF(old, D[size]), section 2.1.4.1: shows that the tree of ``old`` leaves is the beginning of this one.

    Raises:
        ValueError: Not 0 < old <= size.
    """
    if not 0 < old <= size:
        raise ValueError(f"a tree of {old} leaves is no beginning of one of {size}")
    path: list[bytes] = []
    start, stop, whole = 0, size, True
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(subtree(hashes, middle, stop))
            stop = middle
        else:
            path.append(subtree(hashes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree(hashes, start, stop))
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether an audit path leads from a leaf hash to a root, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    number, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            current = node_hash(sibling, current)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and current == root


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree with ``old_root`` is the beginning of the one with ``root``, 2.1.4.2."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def _split(width: int) -> int:
    """The largest power of two below a width of at least 2."""
    return 1 << (width - 1).bit_length() - 1
