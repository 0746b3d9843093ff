"""Rows as a database gives them, taken only when each value has the type that was written.

A database keeps what somebody edits into it; that must be found as an edit, and placed, not end in a TypeError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from guarita.audit.errors import LedgerCorruptError
from guarita.audit.merkle.tree import HASH_SIZE, TILE_HEIGHT, CompactRange, Node
from guarita.audit.notes.note import is_key_name
from guarita.audit.stores.interface import Checkpoint, Leaf

Row = Sequence[Any]
MAX_LEVEL = 7
"""Of stored nodes: indexes have 63 bits."""
_BITS = 63


def leaf(row: Row) -> Leaf:
    """`(index, hash, body, uid)`. Raises LedgerCorruptError with the index."""
    index, hash_, body, uid = row
    if type(index) is not int:
        raise LedgerCorruptError("audit.sequence", "an entry has no index")
    if type(hash_) is not bytes or type(body) is not bytes or (uid is not None and type(uid) is not str):
        raise LedgerCorruptError(
            "audit.edited", f"leaf {index}: a value of another type was put in", index=index
        )
    return Leaf(index, hash_, body, uid)


def hash_of(value: object, level: int, index: object) -> bytes:
    """The hash of a leaf (level 0) or node. Raises LedgerCorruptError with the first leaf below it."""
    if type(index) is not int:
        raise LedgerCorruptError("audit.sequence", f"a hash of tile level {level} has no index")
    if type(value) is not bytes or len(value) != HASH_SIZE:
        first = index << (TILE_HEIGHT * level)
        what = f"the stored node {level}/{index}" if level else f"leaf {index}"
        raise LedgerCorruptError("audit.edited", f"{what}: its hash is none", index=first)
    return value


def node(row: Row) -> Node | None:
    """`(level, index, hash)`; None for one that stands at no place of a tree: it is missed at its own.

    Raises LedgerCorruptError.
    """
    level, index, hash_ = row
    if type(level) is not int or type(index) is not int:
        return None
    if not 1 <= level <= MAX_LEVEL or not 0 <= index < 1 << _BITS - TILE_HEIGHT * level:
        return None
    return Node(level, index, hash_of(hash_, level, index))


def head(row: Row) -> CompactRange:
    """`(size, peaks)`. Raises LedgerCorruptError."""
    size, peaks = row
    if (
        type(size) is not int
        or type(peaks) is not bytes
        or size < 0
        or size >> _BITS - TILE_HEIGHT
        or len(peaks) % HASH_SIZE
    ):
        raise LedgerCorruptError("audit.sequence", "the head of the log is no size and hashes")
    return CompactRange.decode(size, peaks)


def checkpoint(row: Row) -> Checkpoint:
    """`(size, note, digest)`. Raises LedgerCorruptError."""
    size, note, kept = row
    if type(size) is not int or type(note) is not str or kept != digest(note):
        raise LedgerCorruptError(
            "audit.checkpoint", f"the checkpoint filed at size {size} is not what was filed"
        )
    return Checkpoint(size, note)


def digest(note: str) -> bytes:
    """What is filed beside a checkpoint: damage shows in signatures too whose keys are not at hand."""
    return hashlib.sha256(note.encode(errors="surrogateescape")).digest()


def verifier(row: Row) -> str:
    """`(vkey,)`. Raises LedgerCorruptError."""
    if type(row[0]) is not str:
        raise LedgerCorruptError("audit.key-record", "the record of signing keys has a line that is not text")
    return row[0]


def origin(row: Row | None) -> str:
    """`(origin,)`. Raises LedgerCorruptError."""
    if row is None or type(row[0]) is not str or not is_key_name(row[0]) or not row[0].isprintable():
        raise LedgerCorruptError("audit.damaged", "the log has lost its name")
    return row[0]


def archived(row: Row) -> int:
    """`(index,)`, as a number or its digits. Raises LedgerCorruptError."""
    text = str(row[0])
    if not (text.isascii() and text.isdecimal()):
        raise LedgerCorruptError("audit.damaged", "the log does not say up to where it is archived")
    return int(text)
