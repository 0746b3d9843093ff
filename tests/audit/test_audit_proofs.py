"""The tree: the vectors of transparency-dev/merkle, and properties against the definition in RFC 6962."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.audit import ProofError
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import (
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from guarita.audit.merkle.tree import EMPTY_ROOT, CompactRange, leaf_hash, node_hash

DATA = Path(__file__).parent.parent / "data" / "rfc6962"


def vectors(name):
    found = json.loads((DATA / f"{name}.json").read_text())
    assert len(found) == 98
    return [pytest.param(vector, id=vector["name"]) for vector in found]


def decoded(vector, *names):
    return [base64.b64decode(vector[name] or "") for name in names]


def path(vector):
    return [base64.b64decode(one) for one in vector["proof"] or ()]


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vectors(vector):
    root, leaf = decoded(vector, "root", "leafHash")
    call = (vector["leafIdx"], vector["treeSize"], leaf, path(vector), root)
    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify_inclusion(*call)
    else:
        verify_inclusion(*call)


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vectors(vector):
    first, second = decoded(vector, "root1", "root2")
    call = (vector["size1"], vector["size2"], first, second, path(vector))
    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify_consistency(*call)
    else:
        verify_consistency(*call)


def defined_root(hashes):
    """MTH of RFC 6962 section 2.1, word for word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    cut = 1
    while cut * 2 < len(hashes):
        cut *= 2
    return node_hash(defined_root(hashes[:cut]), defined_root(hashes[cut:]))


class Kept:
    """What a store keeps of a tree: leaves, and nodes at tile levels."""

    def __init__(self, size):
        self.tree = CompactRange()
        self.rows = {0: [leaf_hash(b"%d" % index) for index in range(size)]}
        self.roots = [self.tree.root()]
        for hash_ in self.rows[0]:
            for node in self.tree.append(hash_):
                assert node.index == len(self.rows.setdefault(node.level, []))
                self.rows[node.level].append(node.hash)
            self.roots.append(self.tree.root())

    def hashes(self, level, start, stop):
        return b"".join(self.rows.get(level, [])[start:stop])

    def nodes(self):
        return Nodes(self.hashes)


SMALL = Kept(70)
LARGE = Kept(256 * 256 + 256 * 3 + 77)


def test_roots_are_those_of_the_definition():
    for size in range(71):
        assert SMALL.roots[size] == defined_root(SMALL.rows[0][:size])
        assert SMALL.nodes().range(0, size) == SMALL.roots[size]


def test_every_proof_of_small_trees_verifies():
    for size in range(1, 71):
        for index in range(size):
            verify_inclusion(
                index,
                size,
                SMALL.rows[0][index],
                inclusion_proof(SMALL.nodes(), index, size),
                SMALL.roots[size],
            )
        for first in range(1, size + 1):
            verify_consistency(
                first,
                size,
                SMALL.roots[first],
                SMALL.roots[size],
                consistency_proof(SMALL.nodes(), first, size),
            )


SIZES = st.one_of(
    st.integers(1, LARGE.tree.size),
    st.sampled_from([255, 256, 257, 65535, 65536, 65537, 256 * 256 + 256]),
)


@given(SIZES, st.data())
def test_proofs_of_large_trees_verify_and_one_flipped_bit_is_refused(size, data):
    nodes = LARGE.nodes()
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(nodes, index, size)
    leaf = LARGE.rows[0][index]
    verify_inclusion(index, size, leaf, proof, LARGE.roots[size])
    first = data.draw(st.integers(1, size))
    between = consistency_proof(nodes, first, size)
    verify_consistency(first, size, LARGE.roots[first], LARGE.roots[size], between)
    if proof:
        with pytest.raises(ProofError):
            verify_inclusion(index, size, leaf, flipped(proof, data), LARGE.roots[size])
    if between:
        with pytest.raises(ProofError):
            verify_consistency(first, size, LARGE.roots[first], LARGE.roots[size], flipped(between, data))


def flipped(proof, data):
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = bytearray(proof[at])
    changed[bit // 8] ^= 1 << bit % 8
    return [*proof[:at], bytes(changed), *proof[at + 1 :]]


@given(st.integers(0, 5000))
def test_compact_range_from_stored_hashes_continues_the_tree(size):
    resumed = CompactRange(size, LARGE.nodes().peaks(size))
    assert resumed.root() == LARGE.roots[size]
    assert CompactRange.decode(size, resumed.encode()).peaks == resumed.peaks
    resumed.append(LARGE.rows[0][size])
    assert resumed.root() == LARGE.roots[size + 1]
