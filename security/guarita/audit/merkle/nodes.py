"""Any hash of the tree from the few that are stored: leaves, and nodes at every eighth level."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from guarita.audit.errors import LedgerCorruptError
from guarita.audit.merkle.tree import EMPTY_ROOT, HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, node_hash, split

Hashes = Callable[[int, int, int], bytes]
"""`(level, start, stop)` to the stored hashes of that tile level, one after another; level 0 is the leaves."""


class Nodes:
    """Reads hashes of a tree that has `size` leaves or more. Short-lived: it remembers the tiles it read."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes
        self._tile = lru_cache(maxsize=64)(self._read)

    def _read(self, level: int, start: int, stop: int) -> list[bytes]:
        found = split(self._hashes(level, start, stop))
        if len(found) != stop - start or (found and len(found[-1]) != HASH_SIZE):
            raise LedgerCorruptError(
                "audit.missing-node",
                f"hashes {start} to {stop} of tile level {level} are not all there",
                index=start << (TILE_HEIGHT * level),
            )
        return found

    def subtree(self, level: int, index: int) -> bytes:
        """The root of the complete subtree of 2**`level` leaves at `index << level`."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        start = index << height
        row = self._tile(tile_level, start, start + (1 << height))
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    def range(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop]) of RFC 6962 section 2.1, for ranges as they occur there."""
        count = stop - start
        if not count:
            return EMPTY_ROOT
        if not count & (count - 1):
            level = count.bit_length() - 1
            return self.subtree(level, start >> level)
        cut = start + largest_power_below(count)
        return node_hash(self.range(start, cut), self.range(cut, stop))

    def peaks(self, size: int) -> list[bytes]:
        """The compact range of the first `size` leaves."""
        found, at = [], 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                found.append(self.subtree(level, at >> level))
                at += 1 << level
        return found


def largest_power_below(count: int) -> int:
    """The largest power of two smaller than `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


__all__ = ["TILE_WIDTH", "Hashes", "Nodes", "largest_power_below"]
