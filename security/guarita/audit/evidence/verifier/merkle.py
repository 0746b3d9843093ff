"""The tree of RFC 6962: hashes, a tree that grows, and proofs by the algorithms of RFC 9162 section 2.1."""

from __future__ import annotations

import hashlib

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree of which only the roots of its complete subtrees are kept, largest first."""

    def __init__(self, size: int, peaks: list[bytes]) -> None:
        """Raises ValueError when a tree of this size has another number of peaks."""
        if size < 0 or size.bit_count() != len(peaks) or any(len(peak) != HASH_SIZE for peak in peaks):
            raise ValueError("the hashes before the range do not fit its beginning")
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        index = self.size
        self.size += 1
        while index & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            index >>= 1
        self.peaks.append(leaf)

    def root(self) -> bytes:
        """The tree's root hash."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def included(index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> bool:
    """Whether the leaf hash stands at `index` in the tree with this root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if not last:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return not last and result == root


def continues(first: int, first_root: bytes, second: int, second_root: bytes, proof: list[bytes]) -> bool:
    """Whether the tree of `first` leaves is a prefix of the tree of `second` (RFC 9162 section 2.1.4.2)."""
    if not 0 < first <= second:
        # The empty tree is a prefix of every other, and so proves nothing of any.
        return False
    if first == second:
        return not proof and first_root == second_root
    if not proof:
        return False
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return not last and old == first_root and new == second_root
