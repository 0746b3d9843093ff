"""Proofs of single entries out of a ledger, and their check far away from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from guarita.audit.checked import checked
from guarita.audit.errors import LedgerCorruptError, LedgerError, ProofError
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import inclusion_proof, verify_inclusion
from guarita.audit.notes.ed25519 import VerifyingKey
from guarita.audit.notes.proof import TlogProof
from guarita.audit.signing import SignedCheckpoint, Signing
from guarita.audit.stores.interface import Leaf, Store
from guarita.errors import UsageError


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof shows, to one who holds the log's public key."""

    origin: str
    index: int
    size: int
    """Of the signed tree that it stands in."""
    root: str
    """Hex."""
    event: dict[str, Any]


def prove(store: Store, index: int, signed: SignedCheckpoint) -> TlogProof:
    """The proof of one entry in a signed tree.

    Raises UsageError when there is no such entry or the tree does not reach it, LedgerError `audit.archived`,
    LedgerCorruptError when what is stored does not lead to what was signed.
    """
    leaf = _leaf(store, index)
    if index >= signed.size:
        raise UsageError(
            "audit.not-signed",
            f"entry {index} is in no checkpoint yet: the newest covers {signed.size}",
            hint="guarita audit checkpoint",
        )
    made = TlogProof(index, inclusion_proof(Nodes(store.hashes), index, signed.size), signed.note, leaf.body)
    try:
        made.check([VerifyingKey.parse(vkey) for vkey in signed.signed_by])
    except ProofError as error:
        raise LedgerCorruptError("audit.forked", f"entry {index}: {error.message}", index=index) from error
    return made


def included(store: Store, index: int, signing: Signing) -> tuple[Leaf, int]:
    """As `Ledger.included`."""
    leaf = _leaf(store, index)
    latest = store.latest_checkpoint()
    if latest is not None and index < latest.size:
        prove(store, index, signing.latest())
        return leaf, latest.size
    head = store.head()
    try:
        proof = inclusion_proof(Nodes(store.hashes), index, head.size)
        verify_inclusion(index, head.size, leaf.hash, proof, head.root())
    except ProofError as error:
        raise LedgerCorruptError("audit.forked", f"entry {index}: {error.message}", index=index) from error
    return leaf, 0


def _leaf(store: Store, index: int) -> Leaf:
    size = store.head().size
    if not 0 <= index < size:
        raise UsageError("audit.no-entry", f"there is no entry {index} in a log of {size}")
    leaf = next(store.leaves(index, index + 1), None)
    if leaf is None:
        if index < store.archived():
            raise LedgerError("audit.archived", f"the body of entry {index} is archived")
        raise LedgerCorruptError("audit.missing", f"entry {index} is missing", index=index)
    return checked(leaf)


def check_proof(text: str, vkeys: Sequence[str], entry: bytes | None = None) -> Proved:
    """Check a `.tlog-proof` with nothing at hand but the log's public keys (C2SP vkeys).

    `entry` is the entry's bytes, for a proof that does not hold them. Raises ProofError when it does not hold,
    UsageError for a key that is none.
    """
    proof = TlogProof.parse(text)
    head = proof.check([VerifyingKey.parse(vkey) for vkey in vkeys], entry)
    body = (proof.extra if entry is None else entry) or b""
    try:
        event = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ProofError("audit.event", f"entry {proof.index} is proved, and is no event") from None
    return Proved(origin=head.origin, index=proof.index, size=head.size, root=head.root.hex(), event=event)
