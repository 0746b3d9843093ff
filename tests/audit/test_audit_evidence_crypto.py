"""The verifier's own mathematics, by published vectors and against the library that signs."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from guarita.audit.evidence.verifier import ed25519, merkle, notes
from guarita.audit.merkle.tree import CompactRange
from guarita.audit.notes.cosignature import CosigningKey
from guarita.audit.notes.ed25519 import SigningKey

DATA = Path(__file__).parent.parent / "data" / "rfc6962"

# RFC 8032 section 7.1: public key, message, signature.
RFC8032 = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}


@pytest.mark.parametrize("name", RFC8032)
def test_the_vectors_of_rfc_8032(name):
    public, message, signature = map(bytes.fromhex, RFC8032[name])
    assert ed25519.verify(public, message, signature)
    assert not ed25519.verify(public, message + b"x", signature)
    for bit in range(0, 512, 7):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not ed25519.verify(public, message, bytes(changed))


def library(public, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.data())
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_the_library_on_signatures_good_and_bad(seed, message, data):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert ed25519.verify(public, message, signature)
    parts = {"public": bytearray(public), "signature": bytearray(signature)}
    part = parts[data.draw(st.sampled_from(sorted(parts)))]
    bit = data.draw(st.integers(0, len(part) * 8 - 1))
    part[bit // 8] ^= 1 << bit % 8
    changed = [bytes(one) for one in parts.values()]
    assert (
        ed25519.verify(changed[0], message, changed[1]) == library(changed[0], message, changed[1]) is False
    )


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=20))
@settings(max_examples=30, deadline=None)
def test_a_signature_has_one_spelling(seed, message):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    scalar = int.from_bytes(signature[32:], "little")
    again = signature[:32] + (scalar + ed25519.L).to_bytes(32, "little")
    assert not ed25519.verify(public, message, again)
    for wrong in (b"", signature[:-1], signature + b"\0"):
        assert not ed25519.verify(public, message, wrong)
    assert not ed25519.verify(public[:-1], message, signature)


@pytest.mark.parametrize("number", [0, 1, ed25519.P - 1, ed25519.P, ed25519.P + 1, 2**255 - 1, 2**256 - 1])
def test_keys_at_the_edges_of_the_field_do_not_break_it(number):
    public = number.to_bytes(32, "little")
    assert ed25519.verify(public, b"x", bytes(64)) in {True, False}
    if number >= ed25519.P and number < 2**255:
        assert ed25519.decode(public) is None


def vectors(name):
    found = json.loads((DATA / f"{name}.json").read_text())
    assert len(found) == 98
    return [pytest.param(vector, id=vector["name"]) for vector in found]


def raw(vector, *names):
    return [base64.b64decode(vector[name] or "") for name in names]


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vectors(vector):
    root, leaf = raw(vector, "root", "leafHash")
    proof = [base64.b64decode(one) for one in vector["proof"] or ()]
    right = all(len(one) == merkle.HASH_SIZE for one in (leaf, *proof))
    held = merkle.included(vector["leafIdx"], vector["treeSize"], leaf, proof, root)
    assert (held and right) is not vector["wantErr"]


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vectors(vector):
    first, second = raw(vector, "root1", "root2")
    proof = [base64.b64decode(one) for one in vector["proof"] or ()]
    held = merkle.continues(vector["size1"], first, vector["size2"], second, proof)
    assert held is not vector["wantErr"]


@given(st.integers(0, 600), st.integers(0, 300))
def test_a_tree_goes_on_from_its_peaks(size, more):
    tree = CompactRange()
    for number in range(size):
        tree.append(merkle.leaf_hash(b"%d" % number))
    ours = merkle.Tree(size, tree.peaks)
    for number in range(more):
        tree.append(merkle.leaf_hash(b"%d" % number))
        ours.append(merkle.leaf_hash(b"%d" % number))
    assert ours.root() == tree.root()
    with pytest.raises(ValueError, match="do not fit"):
        merkle.Tree(size, [*tree.peaks, *[bytes(32)] * 20])


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**33))
@settings(max_examples=30, deadline=None)
def test_keys_notes_and_cosignatures_are_read_as_they_are_written(seed, at):
    key = SigningKey("example.com/log", seed)
    assert notes.parse_key(key.public.vkey, notes.ED25519).vkey() == key.public.vkey
    witness = CosigningKey(SigningKey("w", seed), lambda: at)
    theirs = notes.parse_key(witness.public.vkey, notes.COSIGNATURE_V1)
    assert theirs.identifier() == witness.key_id
    assert theirs.signed(b"text\n", witness.sign(b"text\n"))
    assert not theirs.signed(b"other\n", witness.sign(b"text\n"))
    with pytest.raises(ValueError, match="type"):
        notes.parse_key(witness.public.vkey, notes.ED25519)


@given(st.text(max_size=300))
def test_any_text_is_a_note_or_refused(text):
    for one in (text, f"a\n1\n\n{text}", f"{text}\n\n— n AAAAAAA=\n"):
        try:
            note = notes.parse_note(one)
            notes.parse_head(note.text)
        except ValueError:
            continue
