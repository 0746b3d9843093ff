"""Verifying the log from its bytes: every leaf, every stored node, the sequence, every checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from guarita.audit.checked import checked
from guarita.audit.continues import check_end, opened, shrunk
from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.keys.chain import Chain
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.proofs import consistency_proof, verify_consistency
from guarita.audit.merkle.tree import TILE_HEIGHT, CompactRange, Node, split
from guarita.audit.notes.checkpoint import TreeHead
from guarita.audit.retention.entry import archived_below
from guarita.audit.stores.interface import Checkpoint, Leaf, Store

Progress = Callable[[int, int], None]
"""Called with how many leaves are done, and of how many."""

_STEP = 4096


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A log that holds, and what was looked at."""

    origin: str
    size: int
    root: str
    """Hex."""
    archived: int = 0
    """Entries below this index were compared by their stored hashes only: their bodies are in an archive."""
    checked_from: int = 0
    """The first leaf whose bytes were read: 0 unless an earlier checkpoint stands for those before."""
    checkpoints: int = 0
    """How many signed checkpoints hold."""
    signed: int = 0
    """The size of the newest checkpoint. Entries from there on stand on the stored hashes alone."""
    vkey: str | None = None
    """The first key of the chain that the signatures were checked with."""
    pinned: bool = False
    """Whether the caller named that key. Otherwise it is the log's own word, and proves that nothing changed
    only to one who knows it to be the right one."""


def verify_store(
    store: Store,
    chain_of: Callable[[], Chain | None],
    *,
    since: TreeHead | None = None,
    progress: Progress = lambda *_: None,
) -> Verified:
    """Verify the whole log, or what came after an earlier checkpoint that the caller has opened.

    Raises LedgerCorruptError with the first index that is wrong, where it can be placed.
    """
    # In this order: while others append, each is at least as new as the one before.
    checkpoints = store.checkpoints()
    head = store.head()
    chain = chain_of()
    signed = _signed(store, checkpoints, chain)
    start = 0 if since is None else since.size
    if since is not None:
        _continues(store, since, head)
    below = Nodes(store.hashes)
    for size in sorted(size for size in signed if size <= min(start, head.size)):
        if below.range(0, size) != signed[size].root:
            raise _forked(signed[size], [one for one in signed if one < size])
    for tree in verify_leaves(store, head, start=start, progress=progress):
        expected = signed.get(tree.size)
        if expected is not None and tree.root() != expected.root:
            raise _forked(expected, [one for one in signed if one < tree.size])
    beyond = max(signed, default=0)
    if beyond > head.size:
        raise shrunk(head.size, beyond)
    if since is None:
        store.check()
    return Verified(
        origin=store.origin,
        size=head.size,
        root=head.root().hex(),
        archived=min(store.archived(), head.size),
        checked_from=start,
        checkpoints=len(signed),
        signed=beyond,
        vkey=chain.keys[0].vkey if chain else None,
    )


def locate(
    store: Store, chain_of: Callable[[], Chain | None], found: LedgerCorruptError
) -> LedgerCorruptError:
    """The error that says where the damage is, for one that was found without its place."""
    if found.index is not None:
        return found
    try:
        verify_store(store, chain_of)
    except LedgerCorruptError as error:
        if error.index is not None:
            return error
    return found


def _signed(store: Store, checkpoints: list[Checkpoint], chain: Chain | None) -> dict[int, TreeHead]:
    if checkpoints and chain is None:
        raise LedgerCorruptError("audit.key-unknown", "the log has lost the record of its signing keys")
    return {one.size: opened(one, chain, store.origin)[0] for one in checkpoints if chain is not None}


def _continues(store: Store, since: TreeHead, head: CompactRange) -> None:
    if head.size < since.size:
        raise LedgerCorruptError(
            "audit.shrunk",
            f"the log has {head.size} entries, and the checkpoint {since.size}: entry {head.size} is the first "
            "that is missing",
            index=head.size,
        )
    if not since.size:
        return
    nodes = Nodes(store.hashes)
    proof = consistency_proof(nodes, since.size, head.size)
    try:
        verify_consistency(since.size, head.size, since.root, head.root(), proof)
    except ProofError as error:
        raise LedgerCorruptError(
            "audit.forked", f"the log does not continue the checkpoint of size {since.size}: {error.message}"
        ) from error


def _forked(expected: TreeHead, good: list[int]) -> LedgerCorruptError:
    first = max(good, default=0)
    return LedgerCorruptError(
        "audit.forked",
        f"the log is not the one that it signed at size {expected.size}: entries {first} to "
        f"{expected.size - 1} are others, or some of them",
        index=first,
    )


def verify_leaves(
    store: Store, head: CompactRange, *, start: int = 0, progress: Progress = lambda *_: None
) -> Iterator[CompactRange]:
    """Read the leaves from `start` up to the head, and rebuild the tree from their bytes.

    Gives the tree after each leaf, so that the caller can compare roots on the way. `start` is a size whose
    root the caller has reason to trust. Of entries whose bodies are archived only the hashes are there, and
    an entry in the log must say so. Raises LedgerCorruptError with the first index that is wrong.
    """
    reader = Nodes(store.hashes)
    tree = CompactRange(start, reader.peaks(start))
    stored = _by_place(store.nodes(), head.size)
    archived = min(store.archived(), head.size)
    declared = archived if archived <= start else 0
    for leaf in _placed(_stored(store, start, archived, head.size), start):
        if leaf.index % _STEP == 0:
            progress(leaf.index, head.size)
        declared = max(declared, archived_below(leaf.body))
        for node in tree.append(leaf.hash):
            _same_node(node, stored.pop((node.level, node.index), None))
        yield tree
    if tree.size != head.size:
        raise LedgerCorruptError(
            "audit.missing",
            f"leaf {tree.size} is missing; the log says that it has {head.size}",
            index=tree.size,
        )
    if declared < archived:
        raise LedgerCorruptError(
            "audit.missing",
            f"the bodies of entries {declared} to {archived - 1} are gone, and no entry says that they were archived",
            index=declared,
        )
    if start == 0 and stored:
        level, index = min(stored)
        raise _node_error(level, index, "stands where the log has none")
    _same_head(tree, head)
    check_end(store, head.size)
    progress(head.size, head.size)


def _placed(leaves: Iterator[Leaf], at: int) -> Iterator[Leaf]:
    """The same leaves; damage that says no place is placed where reading stopped."""
    try:
        for leaf in leaves:
            yield leaf
            at = leaf.index + 1
    except LedgerCorruptError as error:
        if error.index is not None:
            raise
        raise LedgerCorruptError(error.code, f"reading leaf {at}: {error.message}", index=at) from error


def _stored(store: Store, start: int, archived: int, stop: int) -> Iterator[Leaf]:
    for at in range(start, archived, _STEP):
        hashes = split(store.hashes(0, at, min(at + _STEP, archived)))
        yield from (Leaf(index, one, b"") for index, one in enumerate(hashes, at))
        if len(hashes) < min(_STEP, archived - at):
            return
    for leaf in store.leaves(max(start, archived), stop):
        yield checked(leaf)


def _by_place(nodes: Iterator[Node], size: int) -> dict[tuple[int, int], bytes]:
    # Entries appended during the verification have nodes too; they are not ours to judge.
    return {
        (node.level, node.index): node.hash
        for node in nodes
        if node.level <= 0 or node.index < 0 or (node.index + 1) << (TILE_HEIGHT * node.level) <= size
    }


def _same_node(made: Node, stored: bytes | None) -> None:
    if made.hash != stored:
        raise _node_error(made.level, made.index, "is missing" if stored is None else "does not match")


def _node_error(level: int, index: int, what: str) -> LedgerCorruptError:
    first = index << (TILE_HEIGHT * level)
    last = first + (1 << (TILE_HEIGHT * level)) - 1
    return LedgerCorruptError(
        "audit.node", f"the stored node over leaves {first} to {last} {what}", index=max(first, 0)
    )


def _same_head(tree: CompactRange, head: CompactRange) -> None:
    first = 0
    for level in range(head.size.bit_length() - 1, -1, -1):
        if not head.size >> level & 1:
            continue
        at = head.size.bit_count() - (head.size & ((1 << (level + 1)) - 1)).bit_count()
        if tree.peaks[at] != head.peaks[at]:
            raise LedgerCorruptError(
                "audit.forked",
                f"leaves {first} to {first + (1 << level) - 1} are not those that the head stands on",
                index=first,
            )
        first += 1 << level
