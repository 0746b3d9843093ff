"""Archiving what is old: to tiles first, verified there, said in the log, and only then pruned from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from guarita.audit.errors import LedgerCorruptError, LedgerError, ProofError
from guarita.audit.ledger import Ledger
from guarita.audit.merkle.nodes import Nodes
from guarita.audit.merkle.tree import TILE_WIDTH
from guarita.audit.notes.checkpoint import TreeHead, open_checkpoint
from guarita.audit.sinks.cursor import Cursor
from guarita.audit.tiles.directory import TileDirectory
from guarita.audit.tiles.export import export_tiles
from guarita.errors import ExitStatus

Progress = Callable[[int, int], None]


class RetentionError(LedgerError):
    """Something still stands on the entries that were to be archived (exit status 1). Nothing was pruned."""

    exit_status = ExitStatus.REFUSED


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What is archived now."""

    start: int
    """The first entry that left the store this time."""
    stop: int
    """The first whose body is still there."""
    size: int
    """Entries that the archive holds."""
    entry: int | None = None
    """The index of the entry that says so, if one was written."""


class _Seen(msgspec.Struct):
    time: int = 0


_seen = msgspec.json.Decoder(_Seen)


def archive_before(
    ledger: Ledger,
    path: Path,
    *,
    before: int,
    sinks: Mapping[str, Cursor],
    progress: Progress = lambda *_: None,
) -> Archived:
    """Archive and prune the entries that come before the first one at or after `before` (ms since the epoch).

    Whole bundles of 256 go, so some of the newest stay. `sinks` are the cursors of all that must have their
    copy first. Interrupted anywhere, it is simply called again. Raises RetentionError while a sink lacks one of
    the entries, ProofError and LedgerCorruptError when the archive does not verify, and as `Ledger.checkpoint`.
    """
    start = ledger.archived
    if _size(path) < start:
        raise RetentionError(
            "audit.archive-other",
            f"{path}: does not hold the {start} entries that were archived before",
            hint="name the folder of the last time, or a copy of it",
        )
    stop = _boundary(ledger, start, before)
    if stop <= start:
        if start:
            ledger.store.prune(start)  # finishes what an interruption left
        return Archived(start=start, stop=start, size=_size(path))
    _must_be_shipped(sinks, stop)
    signed = ledger.checkpoint()
    export_tiles(ledger, path, size=signed.size, note=signed.note, progress=progress)
    head = verify_archive(ledger, TileDirectory(path))
    if head.size < stop:
        raise LedgerCorruptError("audit.archive-other", f"{path}: holds {head.size} entries only")
    said = ledger.prune(stop, size=head.size, root=head.root.hex())
    return Archived(start=start, stop=stop, size=head.size, entry=said.index)


def verify_archive(ledger: Ledger, directory: TileDirectory) -> TreeHead:
    """Recompute the archive from its own bytes; its checkpoint must be signed by this log, and of it.

    Raises LedgerCorruptError with the first index that is wrong, ProofError.
    """
    note, chain = directory.note(), ledger.signing.chain()
    if note is None or chain is None:
        raise ProofError("audit.archive-other", f"{directory.path}: has no checkpoint that could be checked")
    head, _ = open_checkpoint(note, chain.keys, origin=ledger.origin)
    if head.size > ledger.size or Nodes(ledger.store.hashes).range(0, head.size) != head.root:
        raise ProofError(
            "audit.archive-other", f"{directory.path}: its checkpoint is not of this ledger as it is"
        )
    directory.verify(head.size, head.root)
    return head


def _boundary(ledger: Ledger, start: int, before: int) -> int:
    """The first entry to stay: those before it are older, in whole bundles."""
    index = start
    for leaf in ledger.entries(start, ledger.size):
        if _time(leaf.body) >= before:
            break
        index = leaf.index + 1
    return index - index % TILE_WIDTH


def _time(body: bytes) -> int:
    try:
        return _seen.decode(body).time
    except msgspec.DecodeError:
        return 0


def _must_be_shipped(sinks: Mapping[str, Cursor], stop: int) -> None:
    for name, cursor in sinks.items():
        if cursor.next < stop:
            raise RetentionError(
                "audit.archive-unshipped",
                f"the sink {name} has entries up to {cursor.next} only, and {stop} were to be archived",
                hint=f"guarita audit ship --sink {name}, or take the sink out of guarita.yaml",
            )
        if cursor.refused:
            raise RetentionError(
                "audit.archive-unshipped",
                f"the sink {name} has dropped {cursor.refused} entries for good",
                hint=f"mend it, and send them again: guarita audit ship --sink {name} --from 0",
            )


def _size(path: Path) -> int:
    head = TileDirectory(path).head()
    return 0 if head is None else head.size
