"""Reading a tlog-tiles folder: hashes and entries, and verifying it from its own bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from guarita.audit.errors import LedgerCorruptError
from guarita.audit.merkle.tree import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, CompactRange, leaf_hash
from guarita.audit.notes.checkpoint import TreeHead, read_checkpoint
from guarita.audit.tiles.layout import CHECKPOINT, Tile, last_tile, levels, unpack


class TileDirectory:
    """A folder as `export_tiles`, or any other tiled log, writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self) -> str | None:
        """The signed checkpoint, or None where there is none yet. Raises LedgerCorruptError."""
        try:
            return (self.path / CHECKPOINT).read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LedgerCorruptError("audit.tile", f"{self.path / CHECKPOINT}: cannot be read") from error

    def head(self) -> TreeHead | None:
        """What the checkpoint says; its signatures are not looked at. Raises ProofError when it is none."""
        note = self.note()
        return None if note is None else read_checkpoint(note)

    def read(self, tile: Tile) -> bytes:
        """A tile's bytes, from the full tile where the partial one has gone. Raises LedgerCorruptError."""
        for path in (self.path / tile.path, self.path / tile.stem):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise LedgerCorruptError(
                    "audit.tile", f"{path}: {error.strerror}", index=_first(tile)
                ) from error
        raise LedgerCorruptError("audit.tile", f"{self.path / tile.path}: is missing", index=_first(tile))

    def bundle(self, tile: Tile) -> list[bytes]:
        """The entries of a bundle; of a full one that stands in for it, as many as its width says."""
        data = self.read(tile)
        try:
            return unpack(data, tile)
        except LedgerCorruptError:
            if (self.path / tile.path).exists():
                raise
            return unpack(data, tile.whole)[: tile.width]

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Entries by index, of a log of `stop` entries or more."""
        for index in range(start >> TILE_HEIGHT, -(-stop >> TILE_HEIGHT)):
            first = index << TILE_HEIGHT
            tile = Tile(None, index, min(TILE_WIDTH, stop - first))
            for at, entry in enumerate(self.bundle(tile), first):
                if at >= start:
                    yield at, entry

    def verify(self, size: int, root: bytes) -> None:
        """Recompute every tile and the root of the first `size` entries from the bundles' bytes.

        Raises LedgerCorruptError with the first index that is wrong.
        """
        tree = CompactRange()
        rows: dict[int, bytearray] = {level: bytearray() for level in levels(size)}
        for _, entry in self.entries(0, size):
            one = leaf_hash(entry)
            rows[0] += one
            for node in tree.append(one):
                rows.setdefault(node.level, bytearray()).extend(node.hash)
            if not tree.size % TILE_WIDTH:
                self._same(rows, tree.size)
        self._same(rows, size, last=True)
        if tree.root() != root:
            raise LedgerCorruptError(
                "audit.tile", f"{self.path}: the entries do not lead to the root", index=0
            )

    def _same(self, rows: dict[int, bytearray], size: int, *, last: bool = False) -> None:
        # A tile is compared and let go as soon as it is full, so that memory stays small.
        for level, row in rows.items():
            width = len(row) // HASH_SIZE
            if not width or (width < TILE_WIDTH and not last):
                continue
            tile = last_tile(level, size)
            if self.read(tile)[: len(row)] != row:
                raise LedgerCorruptError(
                    "audit.tile", f"{self.path / tile.path}: does not match the entries", index=_first(tile)
                )
            row.clear()


def _first(tile: Tile) -> int:
    return tile.start << TILE_HEIGHT * (tile.level or 0)
