"""Inclusion and consistency proofs: made from stored hashes, verified from nothing but themselves.

Made as RFC 6962 sections 2.1.1 and 2.1.2 define them, verified by the algorithms of RFC 9162 sections 2.1.3.2
and 2.1.4.2, which are stated for the same trees.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from guarita.audit.errors import ProofError
from guarita.audit.merkle.nodes import Nodes, largest_power_below
from guarita.audit.merkle.tree import HASH_SIZE, node_hash


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]), from the leaf's sibling up. Raises ValueError unless 0 <= index < size."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        cut = start + largest_power_below(stop - start)
        if index < cut:
            path.append(nodes.range(cut, stop))
            stop = cut
        else:
            path.append(nodes.range(start, cut))
            start = cut
    return path[::-1]


def consistency_proof(nodes: Nodes, first: int, second: int) -> list[bytes]:
    """PROOF(first, D[second]). Raises ValueError unless 0 < first <= second."""
    if not 0 < first <= second:
        raise ValueError(f"no consistency proof from {first} to {second}")
    path: list[bytes] = []
    start, stop = 0, second
    while first != stop:
        cut = start + largest_power_below(stop - start)
        if first <= cut:
            path.append(nodes.range(cut, stop))
            stop = cut
        else:
            path.append(nodes.range(start, cut))
            start = cut
    if start:
        path.append(nodes.range(start, stop))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless the leaf hash stands at `index` in the tree with this root and size."""
    _hashes("inclusion", (leaf, *proof))
    if not 0 <= index < size:
        raise _refused("inclusion", f"there is no leaf {index} in a tree of {size}")
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise _refused("inclusion", "the proof is too long")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last or not hmac.compare_digest(result, root):
        raise _refused("inclusion", f"the proof does not lead from leaf {index} to the root of {size} leaves")


def verify_consistency(  # noqa: C901  # step by step as the RFC has it
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the tree of `first` leaves is a prefix of the tree of `second`."""
    _hashes("consistency", proof)
    if not 0 < first <= second:
        # The empty tree is a prefix of every other, and so proves nothing of any.
        raise _refused("consistency", f"a tree of {second} cannot be shown to continue one of {first}")
    if first == second:
        if proof or not hmac.compare_digest(first_root, second_root):
            raise _refused("consistency", f"there are two roots at {first} leaves")
        return
    # A complete first tree is a node of the second, and the proof leaves it out.
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not proof:
        raise _refused("consistency", "the proof is empty")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            raise _refused("consistency", "the proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last or not hmac.compare_digest(old, first_root) or not hmac.compare_digest(new, second_root):
        raise _refused("consistency", f"{second} leaves do not continue the {first} that were signed")


def _hashes(kind: str, hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise _refused(kind, f"a hash is not {HASH_SIZE} bytes long")


def _refused(kind: str, why: str) -> ProofError:
    return ProofError(f"audit.{kind}", f"{kind} is not proved: {why}")
