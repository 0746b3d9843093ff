"""Whether the log as it stands continues the last checkpoint that it signed: what opening asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from guarita.audit.checked import checked
from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.keys.chain import Chain
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.tree import CompactRange
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint
from guarita.audit.notes.note import Verifier
from guarita.audit.stores.interface import Checkpoint, Store

RECENT: Final = 1000
"""How many of the newest entries are compared with their hashes when a ledger is opened."""


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


class Standing(NamedTuple):
    """A log that continues its last checkpoint."""

    head: CompactRange
    signed: TreeHead | None
    """What the last checkpoint says."""
    chain: Chain | None


def check_continues(store: Store, chain_of: Callable[[], Chain | None]) -> Standing:
    """See that the head stands on the stored hashes, and continues the last checkpoint.

    O(log n). Raises LedgerCorruptError: `audit.shrunk`,
    `audit.forked`, `audit.missing-node`, `audit.edited`, and for the checkpoint itself `audit.signature`, `audit.note`, `audit.checkpoint`, `audit.origin`.
    """
    # In this order: while others append, each is at least as new as the one before.
    latest = store.latest_checkpoint()
    head = store.head()
    chain = chain_of()
    nodes = Nodes(store.hashes)
    signed = None
    if latest is not None:
        if chain is None:
            raise LedgerCorruptError("audit.key-unknown", "the log has lost the record of its signing keys")
        signed, _ = opened(latest, chain, store.origin)
        if head.size < signed.size:
            raise shrunk(head.size, signed.size)
        if nodes.range(0, signed.size) != signed.root:
            raise LedgerCorruptError(
                "audit.forked", f"the log is not the one that it signed at size {signed.size}"
            )
    if nodes.peaks(head.size) != head.peaks:
        raise LedgerCorruptError(
            "audit.forked", f"the stored hashes are not those that the head of {head.size} entries stands on"
        )
    return Standing(head, signed, chain)


def check_recent(store: Store, size: int) -> None:
    """Compare the newest entries' bytes with their hashes. Raises LedgerCorruptError with the index."""
    start = max(0, min(store.archived(), size), size - RECENT)
    read = start
    for leaf in store.leaves(start, size):
        checked(leaf)
        read += 1
    if read < size:
        raise LedgerCorruptError(
            "audit.missing", f"leaf {read} is missing; the log says that it has {size}", index=read
        )


def check_end(store: Store, size: int) -> None:
    """See that nothing stands after the end. Raises LedgerCorruptError with the index."""
    if any(True for _ in store.leaves(size, size + 1)) and store.head().size <= size:
        raise LedgerCorruptError("audit.sequence", f"leaf {size} stands after the end of the log", index=size)


def shrunk(size: int, signed: int) -> LedgerCorruptError:
    """The error for a log that has fewer entries than it signed."""
    return LedgerCorruptError(
        "audit.shrunk",
        f"the log has {size} entries and signed that it has {signed}: entry {size} is the first that is missing",
        index=size,
    )
