"""Cursors: how far each sink has come, kept durably beside the log."""

from __future__ import annotations

from typing import Final

import msgspec

from guarita.audit.errors import LedgerCorruptError
from guarita.audit.stores.interface import Store

PREFIX: Final = "sink/"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last attempt did not succeed."""

    code: str
    message: str
    since: int
    """When it first failed after a success, in ms since the epoch."""
    attempts: int = 1


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a sink has come."""

    next: int = 0
    """The first entry that it has not confirmed."""
    until: int | None = None
    """Where the batch ends that is under way: after a crash the very same batch is sent again."""
    hash: str | None = None
    """The leaf hash (hex) of the entry before `next`, so that a cursor of another log is noticed."""
    refused: int = 0
    """Entries that the peer has dropped for good."""
    sent: int | None = None
    """When the last batch was confirmed, in ms since the epoch."""
    failure: Failure | None = None


_decoder = msgspec.json.Decoder(Cursor)


class CursorFile:
    """The cursor of one sink. Every change is durable, and made only if nobody else made one meanwhile."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._key = f"{PREFIX}{name}"
        self._text: str | None = None
        self.value = Cursor()

    def load(self, *, check: bool = True) -> Cursor:
        """Read it again. Raises LedgerCorruptError when it does not belong to this log as it is."""
        self._text = self._store.state(self._key).get(self._key)
        self.value = Cursor() if self._text is None else decode(self._key, self._text)
        if check:
            self._must_fit()
        return self.value

    def save(self, cursor: Cursor) -> bool:
        """Put this one in place of the one last read or saved; False when another shipper was there first."""
        text = msgspec.json.encode(cursor).decode()
        if text == self._text:
            return True
        if not self._store.swap_state(self._key, self._text, text):
            return False
        self._text, self.value = text, cursor
        return True

    def _must_fit(self) -> None:
        cursor = self.value
        if not cursor.next:
            return
        there = self._store.hashes(0, cursor.next - 1, cursor.next)
        if there.hex() != cursor.hash:
            raise LedgerCorruptError(
                "audit.sink-cursor",
                f"{self._key} stands at entry {cursor.next}, after one that this log does not have there",
                index=cursor.next - 1,
                hint="verify the ledger; with another ledger on purpose, ship again with --from 0",
            )


def decode(key: str, text: str) -> Cursor:
    """A stored cursor. Raises LedgerCorruptError."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise LedgerCorruptError("audit.sink-cursor", f"{key}: not a cursor") from error


def cursors(store: Store) -> dict[str, Cursor]:
    """Every cursor by the name of its sink."""
    return {key.removeprefix(PREFIX): decode(key, text) for key, text in store.state(PREFIX).items()}
