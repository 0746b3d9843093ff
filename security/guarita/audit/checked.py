"""A leaf whose bytes were compared with its hash."""

from __future__ import annotations

from guarita.audit.encode import uid_of
from guarita.audit.errors import LedgerCorruptError
from guarita.audit.merkle.tree import leaf_hash
from guarita.audit.stores.interface import Leaf


def checked(leaf: Leaf) -> Leaf:
    """The same leaf, after its bytes were compared with its hash. Raises LedgerCorruptError with its index."""
    if leaf_hash(leaf.body) != leaf.hash:
        raise LedgerCorruptError(
            "audit.edited", f"leaf {leaf.index}: its bytes do not match its hash", index=leaf.index
        )
    if uid_of(leaf.body) != leaf.uid:
        raise LedgerCorruptError(
            "audit.edited",
            f"leaf {leaf.index}: its idempotency key is not that of its bytes",
            index=leaf.index,
        )
    return leaf
