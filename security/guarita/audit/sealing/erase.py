"""Erasure: destroy a subject's key, leave nothing of it in the key store, and record that in the log.

Every step may be the last before a crash. The key and the note that its end must be recorded change in one
transaction; the log's entry has an idempotency key; so running it again finishes what was begun, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from guarita.audit.events.classes import Event
from guarita.audit.events.services import entity_management
from guarita.audit.sealing.interface import KeyStore
from guarita.audit.stores.interface import RESERVED, Appended, Leaf

KIND = "subject key"
"""`entity.type` of an erasure's entry (OCSF 3004, activity Delete); `entity.uid` is the key's identifier in hex."""

Record = Callable[[Event], Appended]
"""Appends an event of the ledger's own."""
Find = Callable[[Iterable[str]], dict[str, Leaf]]
"""The entries that have these idempotency keys."""

Clock = Callable[[], int]
"""ms since the epoch."""


def _clock() -> int:
    return time.time_ns() // 1_000_000


class Erased(msgspec.Struct, frozen=True):
    """An erasure that the log holds."""

    key_id: str
    """Hex."""
    index: int
    leaf_hash: str
    """Hex."""


def erase(keys: KeyStore, subject: str | None, record: Record, *, now: Clock = _clock) -> list[Erased]:
    """Erase a subject, and finish whatever erasure was begun before; gives what is recorded now.

    Empty when no value is sealed for this subject. Raises LedgerUnavailableError; what was done until then stays done, and the next call goes on from there.
    """
    found = None if subject is None else keys.of_subject(subject)
    if found is not None:
        keys.destroy([found])
    return _finish(keys, record, now)


def replay(keys: KeyStore, find: Find, record: Record, *, now: Clock = _clock) -> list[Erased]:
    """Destroy again what the log says was erased, for a key store that came back from a backup.

    Gives the erasures whose key had come back. Raises as `erase`.
    """
    uids = {_uid(key_id): key_id for key_id in keys.all()}
    back = {uids[uid] for uid in find(uids)}
    keys.destroy(back)
    return [one for one in _finish(keys, record, now) if bytes.fromhex(one.key_id) in back]


def _uid(key_id: bytes) -> str:
    return f"{RESERVED}erasure:{key_id.hex()}"


def _finish(keys: KeyStore, record: Record, now: Clock) -> list[Erased]:
    waiting = keys.unrecorded()
    if waiting:
        keys.scrub()
    done = []
    for key_id in waiting:
        name = key_id.hex()
        event = entity_management(
            time=now(), entity=name, kind=KIND, activity="delete", success=True, uid=_uid(key_id)
        )
        entry = record(event)
        keys.recorded(key_id)
        done.append(Erased(name, entry.index, entry.leaf_hash.hex()))
    return done
