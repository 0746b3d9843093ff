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
from guarita.audit.query import Found
from guarita.audit.sealing.interface import KeyStore
from guarita.audit.stores.interface import Appended

KIND = "subject key"
"""`entity.type` of an erasure's entry (OCSF 3004, activity Delete); `entity.uid` is the key's identifier in hex."""

Record = Callable[[Event, str], Appended]
"""Appends an event under an idempotency key."""

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


def replay(keys: KeyStore, entries: Iterable[Found], record: Record, *, now: Clock = _clock) -> list[Erased]:
    """Destroy again what the log says was erased, for a key store that came back from a backup.

    `entries` are those of `recorded_erasures`. Gives the erasures whose key had come back. Raises as `erase`.
    """
    back = {bytes.fromhex(one.event["entity"]["uid"]) for one in entries}
    back = {key_id for key_id in back if keys.key(key_id) is not None}
    keys.destroy(back)
    return [one for one in _finish(keys, record, now) if bytes.fromhex(one.key_id) in back]


def is_erasure(event: dict[str, object]) -> bool:
    """Whether this event records an erasure."""
    entity = event.get("entity")
    return event.get("class_uid") == 3004 and isinstance(entity, dict) and entity.get("type") == KIND  # noqa: PLR2004  # OCSF


def _finish(keys: KeyStore, record: Record, now: Clock) -> list[Erased]:
    waiting = keys.unrecorded()
    if waiting:
        keys.scrub()
    done = []
    for key_id in waiting:
        name = key_id.hex()
        event = entity_management(time=now(), entity=name, kind=KIND, activity="delete", success=True)
        entry = record(event, f"erasure:{name}")
        keys.recorded(key_id)
        done.append(Erased(name, entry.index, entry.leaf_hash.hex()))
    return done
