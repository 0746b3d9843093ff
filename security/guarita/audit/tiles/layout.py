"""Where each file of a tiled log stands, and how an entry bundle is laid out (https://c2sp.org/tlog-tiles)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

from guarita.audit.errors import LedgerCorruptError
from guarita.audit.merkle.tree import TILE_HEIGHT, TILE_WIDTH

CHECKPOINT: Final = "checkpoint"
_LENGTH: Final = 2
_THOUSAND: Final = 1000
MAX_ENTRY: Final = 0xFFFF
"""Bytes of an entry that a bundle can hold: its length is a big-endian uint16."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """A tile, or (at level None) an entry bundle, of `width` hashes or entries; 256 are a full one."""

    level: int | None
    index: int
    width: int

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        return f"{self.stem}.p/{self.width}" if self.width < TILE_WIDTH else self.stem

    @property
    def stem(self) -> str:
        """The path of the full tile at this place."""
        digits = f"{self.index % _THOUSAND:03d}"
        above = self.index // _THOUSAND
        while above:
            digits, above = f"x{above % _THOUSAND:03d}/{digits}", above // _THOUSAND
        return f"tile/{'entries' if self.level is None else self.level}/{digits}"

    @property
    def whole(self) -> Tile:
        """The full tile at this place."""
        return dataclasses.replace(self, width=TILE_WIDTH)

    @property
    def start(self) -> int:
        """The first of its hashes or entries, counted in its level."""
        return self.index << TILE_HEIGHT


def tiles(level: int | None, size: int, *, since: int = 0) -> Iterator[Tile]:
    """The tiles of a level, of a tree of `size` leaves, that a tree of `since` leaves does not have."""
    height = TILE_HEIGHT * (level or 0)
    count, had = size >> height, since >> height
    for index in range(had >> TILE_HEIGHT, -(-count >> TILE_HEIGHT)):
        yield Tile(level, index, min(TILE_WIDTH, count - (index << TILE_HEIGHT)))


def last_tile(level: int, size: int) -> Tile:
    """The rightmost tile of a level, of a tree of `size` leaves that has this level."""
    count = size >> TILE_HEIGHT * level
    index = (count - 1) >> TILE_HEIGHT
    return Tile(level, index, count - (index << TILE_HEIGHT))


def levels(size: int) -> range:
    """The levels that have tiles in a tree of `size` leaves."""
    return range(-(-size.bit_length() // TILE_HEIGHT))


def pack(entries: Iterable[bytes]) -> bytes:
    """An entry bundle. Raises OverflowError for an entry of more than 65,535 bytes."""
    return b"".join(len(entry).to_bytes(_LENGTH, "big") + entry for entry in entries)


def unpack(bundle: bytes, tile: Tile) -> list[bytes]:
    """The entries of a bundle. Raises LedgerCorruptError unless they are exactly as many as its width says."""
    entries, at = [], 0
    while at < len(bundle):
        end = at + _LENGTH + int.from_bytes(bundle[at : at + _LENGTH], "big")
        if end > len(bundle) or at + _LENGTH > len(bundle):
            break
        entries.append(bundle[at + _LENGTH : end])
        at = end
    if at != len(bundle) or len(entries) != tile.width:
        raise LedgerCorruptError(
            "audit.bundle", f"{tile.path}: not a bundle of {tile.width} entries", index=tile.start
        )
    return entries
