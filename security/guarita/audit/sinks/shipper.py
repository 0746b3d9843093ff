"""Shipping: batches from the ledger to one sink, in order, until told to stop."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass
from typing import Final

import msgspec

from guarita.audit.errors import LedgerCorruptError, LedgerError, LedgerUnavailableError
from guarita.audit.ledger import Ledger
from guarita.audit.sinks.cursor import CursorFile, Failure
from guarita.audit.sinks.interface import Batch, Sink, SinkError, SinkRefusedError, SinkUnavailableError
from guarita.audit.stores.interface import Leaf
from guarita.errors import GuaritaError, UsageError

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of events in one batch at most (one event alone may be 64 KiB)."""
POLL: Final = 0.5
"""Seconds between looks for new entries."""


@dataclass(frozen=True)
class Pace:
    """How a shipper waits. Times are in seconds."""

    first: float = 0.5
    """The longest wait after a first failure; it doubles with each further one."""
    longest: float = 60.0
    patience: float = 30.0
    """How long failures are tried again when not following."""
    every: float = 0.0
    """How long entries that do not fill a batch wait for others, when following."""

    def after(self, attempts: int, error: SinkError, rng: random.Random) -> float:
        """How long to wait after that many failures in a row: exponential, with full jitter."""
        longest = min(self.longest, self.first * 2 ** min(attempts - 1, 32))
        asked = error.retry_after if isinstance(error, SinkUnavailableError) else None
        if isinstance(error, SinkRefusedError):
            longest = self.longest  # it takes a person, and does no harm to look again
        return max(rng.uniform(0, longest), min(asked or 0.0, 10 * self.longest))


class Shipper:
    """Copies one ledger to one sink. Holds one batch in memory, and touches the ledger's writers never."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        sink: Sink,
        *,
        batch: int = 500,
        pace: Pace | None = None,
        stop: threading.Event | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._ledger = ledger
        self._cursor = CursorFile(ledger.store, name)
        self._sink = sink
        self._count = batch
        self._pace = pace or Pace()
        self._stop = stop or threading.Event()
        self._rng = rng or random.Random()  # noqa: S311  # jitter, no secret
        self._planned: Batch | None = None
        self._seen = (0, 0.0)
        self.sent = 0
        """Entries confirmed by this shipper."""

    def run(self, *, follow: bool = False) -> None:
        """Ship what there is, and with `follow` what will come, until `stop` is set.

        Without `follow` it ends at the size that the log has now, and raises the sink's error at once when
        the sink refuses, or when it was not to be had for `patience` seconds. Raises LedgerCorruptError
        (never ships what does not verify), LedgerUnavailableError.
        """
        end = None if follow else self._ledger.size
        failing_since: float | None = None
        attempts = 0
        while not self._stop.is_set():
            try:
                if self._ship_one(end):
                    failing_since, attempts = None, 0
                elif not follow:
                    return
                else:
                    self._stop.wait(POLL)
            except (SinkError, LedgerUnavailableError) as error:
                attempts += 1
                failing_since = failing_since or time.monotonic()
                wait = self._failed(error, attempts)
                patient = time.monotonic() + wait - failing_since < self._pace.patience
                if not follow and (isinstance(error, SinkRefusedError) or not patient):
                    raise
                self._stop.wait(wait)
            except GuaritaError as error:
                self._failed(error, 1)
                raise

    def _ship_one(self, end: int | None) -> bool:
        """Ship a batch; False when there is none to ship now."""
        cursor = self._cursor.load()
        if cursor.until is None:
            batch = self._next(cursor.next, end)
            if batch is None:
                return False
            # What is sent is decided durably first: after a crash the very same batch is sent again.
            cursor = msgspec.structs.replace(cursor, until=batch.stop)
            if not self._cursor.save(cursor):
                return True  # another shipper is at work: look again
        else:
            batch = self._planned_or_read(cursor.next, cursor.until)
        refused = self._send(batch)
        following = self._next(batch.stop, end)
        done = msgspec.structs.replace(
            cursor,
            next=batch.stop,
            until=following.stop if following else None,
            hash=batch.leaves[-1].hash.hex(),
            refused=cursor.refused + refused,
            sent=_now(),
            failure=None,
        )
        if self._cursor.save(done):
            self.sent += len(batch.leaves)
            self._planned = following
        return True

    def _send(self, batch: Batch) -> int:
        try:
            return self._sink.send(batch)
        except SinkError:
            raise
        except UsageError as error:  # such as a secret that has gone: others go on, and it may come back
            raise SinkRefusedError(error.code, error.message, hint=error.hint) from error
        except Exception as error:  # a client's own failure is that of its sink alone
            raise SinkUnavailableError(
                "audit.sink-internal", f"an internal error ({type(error).__name__})"
            ) from error

    def _planned_or_read(self, start: int, stop: int) -> Batch:
        planned, self._planned = self._planned, None
        if planned is not None and (planned.start, planned.stop) == (start, stop):
            return planned
        leaves = list(self._ledger.entries(start, stop))
        if len(leaves) != stop - start:
            missing = start + len(leaves)
            raise LedgerCorruptError("audit.missing", f"leaf {missing} is missing", index=missing)
        return Batch(self._ledger.origin, leaves)

    def _next(self, start: int, end: int | None) -> Batch | None:
        """The entries to send next, if it is time to."""
        stop = start + self._count
        leaves: list[Leaf] = []
        size = 0
        for leaf in self._ledger.entries(start, stop if end is None else min(stop, end)):
            size += len(leaf.body)
            if size > MAX_BYTES and leaves:
                break
            leaves.append(leaf)
        full = len(leaves) == self._count or size > MAX_BYTES
        if not leaves or (end is None and not full and self._may_wait(start)):
            return None
        return Batch(self._ledger.origin, leaves)

    def _may_wait(self, start: int) -> bool:
        """Whether entries from `start` on, too few for a batch, have not waited for others long enough."""
        if not self._pace.every:
            return False
        if self._seen[0] != start or not self._seen[1]:
            self._seen = (start, time.monotonic())
        return time.monotonic() - self._seen[1] < self._pace.every

    def _failed(self, error: GuaritaError, attempts: int) -> float:
        since = self._cursor.value.failure.since if self._cursor.value.failure else _now()
        failure = Failure(code=error.code, message=error.message, since=since, attempts=attempts)
        if not isinstance(error, LedgerUnavailableError):
            # To tell of it is a service; the error itself is what counts.
            with contextlib.suppress(LedgerError):
                self._cursor.save(msgspec.structs.replace(self._cursor.value, failure=failure))
        if isinstance(error, SinkError):
            return self._pace.after(attempts, error, self._rng)
        return self._rng.uniform(0, min(self._pace.longest, 2.0**attempts))


def _now() -> int:
    return time.time_ns() // 1_000_000
