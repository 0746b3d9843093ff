"""Whether the log as it stands continues the last checkpoint that it signed: what opening asks."""

from __future__ import annotations

from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.keys.chain import Chain
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.tree import CompactRange
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint
from guarita.audit.notes.note import Verifier
from guarita.audit.stores.interface import Checkpoint, Store


def opened(checkpoint: Checkpoint, chain: Chain, origin: str) -> tuple[TreeHead, list[Verifier]]:
    """What a filed checkpoint says, and which keys signed it. Raises LedgerCorruptError when it is not what was signed."""
    try:
        head, signed = open_checkpoint(checkpoint.note, chain.in_force(checkpoint.size), origin=origin)
    except ProofError as error:
        raise LedgerCorruptError(
            error.code, f"the checkpoint filed at size {checkpoint.size}: {error.message}"
        ) from error
    if head.size != checkpoint.size:
        raise LedgerCorruptError(
            "audit.checkpoint", f"the checkpoint filed at size {checkpoint.size} is of size {head.size}"
        )
    return head, signed


def check_continues(store: Store, head: CompactRange, chain: Chain | None) -> TreeHead | None:
    """See that `head` stands on the stored hashes, and continues the last checkpoint; gives what that says.

    O(log n). Raises LedgerCorruptError: `audit.shrunk`, `audit.forked`, `audit.missing-node`, and for the
    checkpoint itself `audit.signature`, `audit.note`, `audit.checkpoint`, `audit.origin`.
    """
    nodes = Nodes(store.hashes)
    latest = store.latest_checkpoint()
    signed = None
    if latest is not None:
        if chain is None:
            raise LedgerCorruptError("audit.key-unknown", "the log has lost the record of its signing keys")
        signed, _ = opened(latest, chain, store.origin)
        if head.size < signed.size:
            raise LedgerCorruptError(
                "audit.shrunk",
                f"the log has {head.size} entries and signed that it has {signed.size}: "
                f"entry {head.size} is the first that is missing",
                index=head.size,
            )
        if nodes.range(0, signed.size) != signed.root:
            raise LedgerCorruptError(
                "audit.forked", f"the log is not the one that it signed at size {signed.size}"
            )
    if nodes.peaks(head.size) != head.peaks:
        raise LedgerCorruptError(
            "audit.forked", f"the stored hashes are not those that the head of {head.size} entries stands on"
        )
    return signed
