"""Hashes and the compact range: all of an append-only Merkle tree that an append has to know.

RFC 6962 section 2.1 defines the hashes; a compact range is the list of roots of the complete subtrees, largest
first, that a tree of this size splits into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from guarita.audit.errors import LedgerCorruptError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
TILE_HEIGHT = 8
"""Nodes are kept at every eighth level only, as in C2SP tlog-tiles: a tile is up to 256 hashes of a level."""
TILE_WIDTH = 1 << TILE_HEIGHT


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Node(msgspec.Struct, frozen=True):
    """The root of a complete subtree of 256**`level` leaves; `index` counts such subtrees from the left."""

    level: int
    index: int
    hash: bytes


class CompactRange:
    """A growing tree of which only the roots of its complete subtrees are kept: O(log n) memory and time."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(peaks):
            raise LedgerCorruptError(
                "audit.sequence", f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(peaks)}"
            )
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> list[Node]:
        """Add a leaf by its hash; gives the nodes of tile levels (1, 2, …) that are complete with it."""
        index, level, made = self.size, 0, []
        self.size += 1
        while index & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            index >>= 1
            level += 1
            if not level % TILE_HEIGHT:
                made.append(Node(level // TILE_HEIGHT, index, leaf))
        self.peaks.append(leaf)
        return made

    def root(self) -> bytes:
        """The tree's root hash."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def encode(self) -> bytes:
        """The peaks one after another, 32 bytes each."""
        return b"".join(self.peaks)

    @classmethod
    def decode(cls, size: int, peaks: bytes) -> CompactRange:
        """The inverse of `encode`. Raises LedgerCorruptError when the two do not fit each other."""
        return cls(size, split(peaks))


def split(hashes: bytes) -> list[bytes]:
    """Hashes that stand one after another."""
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]
