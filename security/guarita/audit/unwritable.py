"""What happens while the ledger cannot be written: refuse, or hold a bounded number of events; and the gap on record."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from guarita.audit.encode import Encoder
from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.events.lifecycle import gap
from guarita.audit.merkle.tree import leaf_hash
from guarita.audit.stores.interface import RESERVED, Appended, Draft

Write = Callable[[Sequence[Draft]], list[Appended]]

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds between attempts to write what is held."""


class Buffer(msgspec.Struct, frozen=True):
    """Hold events in memory while the ledger cannot be written, at most so many. A process that dies loses them."""

    entries: int = 1000


WhenUnwritable = Literal["deny"] | Buffer
"""The caller's declared choice. `deny`: an append raises, and the caller decides what that means."""


class _Gap(msgspec.Struct):
    """Since when, and how many events met a ledger that could not be written."""

    since: int
    reason: str
    count: int = 0
    held: list[Draft] = []
    uid: str = ""


class Unwritable:
    """Between the group commit and the store: called from one thread, and never while a write is under way."""

    def __init__(self, write: Write, encoder: Encoder, choice: WhenUnwritable, *, origin: str) -> None:
        self._write = write
        self._encoder = encoder
        self._limit = choice.entries if isinstance(choice, Buffer) else 0
        self._origin = origin
        self._gap: _Gap | None = None
        self._pause = FIRST_PAUSE
        self._not_before = 0.0

    def write(self, drafts: Sequence[Draft]) -> list[Appended]:
        """Write, after what is held; or hold, or raise LedgerUnavailableError, as the caller chose.

        What is held is answered with `buffered`, and has no index yet.
        """
        if self._gap is not None and self._limit and time.monotonic() < self._not_before:
            if self._hold(drafts, self._gap.reason):
                return _held(drafts)
            raise self._full(self._gap.reason)
        try:
            self._settle()
            return self._write(drafts)
        except LedgerUnavailableError as error:
            self._failed()
            if self._hold(drafts, error.code):
                return _held(drafts)
            raise (self._full(error.code) if self._limit else error) from error.__cause__

    def idle(self) -> float | None:
        """Try again to write what is held, when it is time; gives the seconds until the next time."""
        if self._gap is None or not self._limit:
            return None
        left = self._not_before - time.monotonic()
        if left > 0:
            return left
        try:
            self._settle()
        except LedgerUnavailableError:
            self._failed()
            return self._pause
        return None

    def close(self) -> None:
        """The last attempt. Raises LedgerUnavailableError `audit.lost` when held events are lost by it."""
        held = len(self._gap.held) if self._gap else 0
        try:
            self._settle()
        except LedgerUnavailableError as error:
            if held:
                raise LedgerUnavailableError(
                    "audit.lost", f"{held} held events are lost: {error.message}", hint=error.hint
                ) from error

    def _failed(self) -> None:
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _hold(self, drafts: Sequence[Draft], reason: str) -> bool:
        """Count them into the gap, and keep them if there is room for all."""
        if self._gap is None:
            self._gap = _Gap(since=_now(), reason=reason, uid=f"{RESERVED}gap:{secrets.token_hex(16)}")
        self._gap.count += len(drafts)
        room = len(self._gap.held) + len(drafts) <= self._limit
        if room:
            self._gap.held.extend(drafts)
        return room

    def _full(self, reason: str) -> LedgerUnavailableError:
        return LedgerUnavailableError(
            "audit.buffer-full",
            f"the ledger cannot be written ({reason}), and no more than {self._limit} events are held",
            hint="mend the ledger; what is held is written then",
        )

    def _settle(self) -> None:
        """Write the gap, and after it what is held."""
        there = self._gap
        if there is None:
            return
        event = gap(
            time=_now(),
            origin=self._origin,
            since=there.since,
            until=_now(),
            count=there.count,
            held=len(there.held),
            reason=there.reason,
            uid=there.uid,
        )
        # Each has its idempotency key: an attempt that is repeated writes nothing twice.
        self._write([self._encoder.draft(event, None, own=True), *there.held])
        self._gap, self._pause = None, FIRST_PAUSE


def _held(drafts: Sequence[Draft]) -> list[Appended]:
    return [Appended(-1, leaf_hash(draft.body), buffered=True) for draft in drafts]


def _now() -> int:
    return time.time_ns() // 1_000_000
