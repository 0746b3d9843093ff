"""Which keys may sign for a log: the first one, and those that followed it on the record.

A key is added, or retired, by a leaf that holds a signed note. The note's text is

    guarita/ledger-key
    ORIGIN
    add VKEY

or `retire VKEY`; its third line has a space, so that it can never pass for a checkpoint. An added key is signed for by a
key that is in force and by itself; a retired one by another that is in force.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from guarita.audit.checked import checked
from guarita.audit.errors import LedgerCorruptError, ProofError
from guarita.audit.events.classes import EntityManagement
from guarita.audit.events.services import entity_management
from guarita.audit.keys.interface import LogSigner
from guarita.audit.notes.ed25519 import VerifyingKey
from guarita.audit.notes.note import open_note, sign_note
from guarita.audit.stores.interface import RESERVED, Leaf, Store
from guarita.errors import UsageError

Change = Literal["add", "retire"]
_TITLE: Final = "guarita/ledger-key"
_KIND: Final = "ledger-signing-key"


class Chain(msgspec.Struct, frozen=True):
    """The keys of a log, oldest first, and where each was retired."""

    keys: list[VerifyingKey]
    retired: dict[VerifyingKey, int]
    """The index of the leaf that retired it."""

    def in_force(self, size: int) -> list[VerifyingKey]:
        """The keys that may sign a tree of this size."""
        return [key for key in self.keys if self.retired.get(key, size) >= size]


class _Details(msgspec.Struct, frozen=True):
    vkey: str = ""
    note: str = ""


class _Unmapped(msgspec.Struct, frozen=True):
    guarita: _Details = _Details()


class _Leaf(msgspec.Struct, frozen=True):
    time: int = 0
    unmapped: _Unmapped = _Unmapped()


_leaf = msgspec.json.Decoder(_Leaf)


def change_uid(change: Change, key: VerifyingKey) -> str:
    """The idempotency key of the leaf that adds or retires a key."""
    return f"{RESERVED}key:{change}:{hashlib.sha256(key.vkey.encode()).hexdigest()}"


def change_event(
    change: Change, key: VerifyingKey, *, time: int, origin: str, signers: list[LogSigner]
) -> EntityManagement:
    """The leaf that adds or retires a key: 3004 Entity Management. `time` is in ms since the epoch."""
    return entity_management(
        time=time,
        entity=origin,
        kind=_KIND,
        activity="create" if change == "add" else "disable",
        success=True,
        version=f"{key.name}+{key.key_id.hex()}",
        details={"vkey": key.vkey, "note": sign_note(_text(change, origin, key), signers)},
        uid=change_uid(change, key),
    )


def follow(store: Store, first: VerifyingKey) -> Chain:
    """Every key that follows from the first one by leaves of this log.

    What is not signed for is left out: then checkpoints made with it do not hold. Raises LedgerCorruptError for
    a leaf whose bytes are not those of its hash, or a recorded key that is none.
    """
    chain = Chain([first], {})
    for index, change, key, note in _changes(store):
        in_force = chain.in_force(index)
        known = [*in_force, key] if change == "add" else in_force
        try:
            text, signed = open_note(note, known)
        except ProofError:
            continue
        if text != _text(change, store.origin, key):
            continue
        others = [one for one in signed if one in in_force and one != key]
        if change == "add" and others and key in signed and key not in chain.keys:
            chain.keys.append(key)
        elif change == "retire" and others and key in in_force:
            chain.retired[key] = index
    return chain


def recorded(store: Store) -> list[VerifyingKey]:
    """The keys that the log has recorded for itself, oldest first. Raises LedgerCorruptError."""
    try:
        return [VerifyingKey.parse(vkey) for vkey in store.verifiers()]
    except UsageError as error:
        raise LedgerCorruptError(
            "audit.key-record", f"the record of signing keys is damaged: {error.message}"
        ) from error


def _changes(store: Store) -> list[tuple[int, Change, VerifyingKey, str]]:
    wanted: dict[str, tuple[Change, VerifyingKey]] = {}
    for key in recorded(store):
        wanted |= {change_uid(change, key): (change, key) for change in ("add", "retire")}
    found = [(leaf, *wanted[uid]) for uid, leaf in store.find(wanted).items()]
    return sorted(
        ((leaf.index, change, key, _note(leaf)) for leaf, change, key in found), key=lambda one: one[0]
    )


def _note(leaf: Leaf) -> str:
    try:
        return _leaf.decode(checked(leaf).body).unmapped.guarita.note
    except msgspec.DecodeError:
        return ""


def _text(change: Change, origin: str, key: VerifyingKey) -> str:
    return f"{_TITLE}\n{origin}\n{change} {key.vkey}\n"
