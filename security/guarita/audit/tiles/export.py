"""Writing the log as tiles: each export adds what is new, and the checkpoint last."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.ledger import Ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.tree import TILE_WIDTH
from guarita.audit.tiles.directory import TileDirectory
from guarita.audit.tiles.files import Folder, writing
from guarita.audit.tiles.layout import CHECKPOINT, Tile, levels, pack, tiles

Progress = Callable[[int, int], None]
"""Called with how many entries are written, and of how many."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did."""

    size: int
    """Entries that the folder holds now."""
    added: int
    root: str
    """Hex."""
    signed: bool
    """Whether the folder has a checkpoint of this size."""


def export_tiles(
    ledger: Ledger, path: Path, *, size: int, note: str | None = None, progress: Progress = lambda *_: None
) -> Exported:
    """Write the first `size` entries as a tlog-tiles folder, or add to it what it lacks.

    `note` is the log's signed checkpoint of that size; without it the folder has the tiles but no
    `checkpoint` file yet. Files appear whole, the checkpoint after everything that it stands on is durable, so
    that an interrupted export is simply done again. Raises ProofError `audit.export-other` when the folder
    holds another log or another history of this one, and as `Ledger.entries`.
    """
    nodes = Nodes(ledger.store.hashes)
    root = nodes.range(0, size)
    with writing(path) as folder:
        had = _continued(ledger, TileDirectory(path), nodes)
        if size < had:
            raise ProofError(
                "audit.export-other",
                f"{path}: holds {had} entries already, and the ledger's checkpoint has {size}",
            )
        for tile in tiles(None, size, since=had):
            progress(tile.start, size)
            _put(folder, tile, _bundle(ledger, tile))
        for level in levels(size):
            for tile in tiles(level, size, since=had):
                hashes = ledger.store.hashes(level, tile.start, tile.start + tile.width)
                _put(folder, tile, hashes)
        folder.sync()
        if note is not None:
            folder.put(CHECKPOINT, note.encode())
            folder.sync()
    progress(size, size)
    return Exported(size=size, added=size - had, root=root.hex(), signed=note is not None)


def _continued(ledger: Ledger, there: TileDirectory, nodes: Nodes) -> int:
    """How many entries the folder holds, after its checkpoint was compared with the ledger."""
    head = there.head()
    if head is None:
        return 0
    if head.origin != ledger.origin:
        raise ProofError(
            "audit.export-other", f"{there.path}: holds the log {head.origin}, not {ledger.origin}"
        )
    if head.size > ledger.size or nodes.range(0, head.size) != head.root:
        raise ProofError(
            "audit.export-other",
            f"{there.path}: its {head.size} entries are not the first {head.size} of this ledger",
            hint="verify the ledger and the folder: one of them was changed",
        )
    return head.size


def _bundle(ledger: Ledger, tile: Tile) -> bytes:
    bodies = [leaf.body for leaf in ledger.entries(tile.start, tile.start + tile.width)]
    if len(bodies) != tile.width:
        missing = tile.start + len(bodies)
        raise LedgerCorruptError("audit.missing", f"leaf {missing} is missing", index=missing)
    try:
        return pack(bodies)
    except OverflowError:
        at = next(at for at, body in enumerate(bodies) if len(body) >= 1 << 16)
        raise LedgerCorruptError(
            "audit.entry-too-large",
            f"leaf {tile.start + at} has {len(bodies[at])} bytes, more than a bundle can hold",
            index=tile.start + at,
        ) from None


def _put(folder: Folder, tile: Tile, data: bytes) -> None:
    folder.put(tile.path, data)
    if tile.width == TILE_WIDTH:
        # Once the full tile is there, partial ones of this place may go; until then old checkpoints need them.
        shutil.rmtree(folder.path / f"{tile.stem}.p", ignore_errors=True)
