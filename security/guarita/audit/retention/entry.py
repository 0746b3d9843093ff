"""The entry by which the log itself says that bodies were archived and pruned."""

from __future__ import annotations

from typing import Final

import msgspec

from guarita.audit.events import entity_management
from guarita.audit.events.classes import EntityManagement
from guarita.audit.stores.interface import RESERVED

KIND: Final = "audit-log"
"""The entity's type in such an entry."""


def archived_entry(*, time: int, origin: str, stop: int, size: int, root: str) -> EntityManagement:
    """Bodies below `stop` leave the store; an archive holds them under the root (hex) of the first `size`.

    `time` is in ms since the epoch. The idempotency key makes a repeated attempt find the first entry, and is
    one that only the ledger itself may give.
    """
    return entity_management(
        time=time,
        entity=origin,
        kind=KIND,
        activity="delete",
        success=True,
        details={"archived_below": stop, "archive_size": size, "archive_root": root},
        uid=f"{RESERVED}archived:{stop}",
    )


class _Ours(msgspec.Struct):
    archived_below: int


class _Unmapped(msgspec.Struct):
    guarita: _Ours


class _Entity(msgspec.Struct):
    type: str


class _Metadata(msgspec.Struct):
    uid: str


class _Entry(msgspec.Struct):
    class_uid: int
    metadata: _Metadata
    entity: _Entity
    unmapped: _Unmapped


_decoder = msgspec.json.Decoder(_Entry)


def archived_below(body: bytes) -> int:
    """The index below which these bytes say that bodies were archived; 0 when they say nothing of it."""
    # Nearly every entry is another one: looking for the word is a hundred times cheaper than decoding.
    if b'"archived_below"' not in body:
        return 0
    try:
        entry = _decoder.decode(body)
    except msgspec.DecodeError:
        return 0
    ours = entry.entity.type == KIND and entry.metadata.uid.startswith(f"{RESERVED}archived:")
    return entry.unmapped.guarita.archived_below if ours else 0
