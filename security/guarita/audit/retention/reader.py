"""A store together with its archive: bodies that were pruned are read from the tiles, everything else as ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from guarita.audit.encode import uid_of
from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.tree import TILE_WIDTH, split
from guarita.audit.stores.interface import Leaf, Store
from guarita.audit.tiles.directory import TileDirectory


def with_archive(store: Store, directory: TileDirectory) -> Store:
    """The store as if nothing had been pruned.

    Raises ProofError `audit.archive-other` when the folder is not an archive of this log that holds all that was.
    """
    head = directory.head()
    if head is None or head.origin != store.origin:
        raise ProofError("audit.archive-other", f"{directory.path}: no archive of the log {store.origin}")
    if head.size < store.archived():
        raise ProofError(
            "audit.archive-other",
            f"{directory.path}: holds {head.size} entries, and {store.archived()} are archived",
        )
    if head.size > store.head().size or Nodes(store.hashes).range(0, head.size) != head.root:
        raise ProofError(
            "audit.archive-other",
            f"{directory.path}: its {head.size} entries are not the first {head.size} of this ledger",
        )
    return cast("Store", _WithArchive(store, directory))


class _WithArchive:
    """Hands everything on to the store but the reading of bodies."""

    def __init__(self, store: Store, directory: TileDirectory) -> None:
        self._store = store
        self._directory = directory

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def archived(self) -> int:
        """Nothing is out of reach."""
        return 0

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[Leaf]:
        """As `Store.leaves`. What comes from the archive has the hash that the store has kept."""
        archived = self._store.archived()
        until = archived if stop is None else min(stop, archived)
        for at in range(start, until, TILE_WIDTH):
            yield from self._piece(at, min(at + TILE_WIDTH, until))
        if stop is None or stop > archived:
            yield from self._store.leaves(max(start, archived), stop)

    def _piece(self, start: int, stop: int) -> list[Leaf]:
        hashes = split(self._store.hashes(0, start, stop))
        entries = [body for _, body in self._directory.entries(start, stop)]
        found = [
            Leaf(index, one, body, uid_of(body))
            for index, (one, body) in enumerate(zip(hashes, entries, strict=True), start)
        ]
        known = self._store.find(leaf.uid for leaf in found if leaf.uid is not None)
        for leaf in found:
            if leaf.uid is not None and (leaf.uid not in known or known[leaf.uid].index != leaf.index):
                raise LedgerCorruptError(
                    "audit.edited",
                    f"leaf {leaf.index}: its idempotency key is not that of its bytes",
                    index=leaf.index,
                )
        return found
