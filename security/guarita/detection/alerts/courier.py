"""The courier: from the ledger to the channels, one durable step after another."""

from __future__ import annotations

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from guarita.audit import Ledger, LedgerCorruptError, LedgerError
from guarita.detection.alerts import outbox, settling
from guarita.detection.alerts.finding import finding
from guarita.detection.alerts.intake import fold
from guarita.detection.alerts.interface import ChannelError, ChannelRefusedError, ChannelUnavailableError
from guarita.detection.alerts.model import Cursor, Finding
from guarita.detection.alerts.planning import advance
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.state import State
from guarita.detection.alerts.stores.interface import Database, Execute
from guarita.detection.alerts.turn import Turn
from guarita.errors import GuaritaError, UsageError

Clock = Callable[[], int]
"""The time, in ms since the epoch."""
PIECE: Final = 1000
"""Entries, incidents or events that one transaction is about."""
POLL: Final = 0.25
"""Seconds between two looks."""
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR


def clock() -> int:
    """The machine's time."""
    return time.time_ns() // 1_000_000


def write_records(ledger: Ledger, database: Database) -> None:
    """Write to the ledger what is kept for it. What was written by somebody who then died stands there once."""
    while True:
        with database.transaction() as execute:
            entries = State(execute).records(PIECE)
        if not entries:
            return
        ledger.append_all(entry.event() for entry in entries)
        with database.transaction() as execute:
            State(execute).forget_records(entries)


class Courier:
    """Carries alerts. Any number of couriers may work on one ledger, in one process or in many."""

    def __init__(
        self,
        ledger: Ledger,
        database: Database,
        routing: Routing,
        *,
        now: Clock = clock,
        rng: random.Random | None = None,
    ) -> None:
        """`ledger` is open for writing; `database` is the one beside it."""
        self._ledger = ledger
        self._database = database
        self._routing = routing
        self._now = now
        self._rng = rng or random.Random()  # noqa: S311  # jitter, no secret
        self._pruned = 0
        self._broken: Exception | None = None
        self.sent = 0
        """Messages that were accepted."""
        self.errors: dict[str, ChannelError] = {}
        """Of each channel whose last attempt failed."""

    def begin(self, start: int | None = None) -> None:
        """See to what was queued for channels that are no longer configured.

        `start` is where to begin in a ledger that no courier has read yet; else what it has already is taken in.
        """
        with self._database.transaction() as execute:
            turn = self._turn(execute)
            settling.orphaned(turn)
            if start is not None and turn.state.cursor() is None:
                before = self._ledger.store.hashes(0, start - 1, start).hex() if start else None
                turn.state.save_cursor(Cursor(next=start, hash=before))

    def read(self) -> int:
        """Take in the findings that the ledger has and that were not taken in; gives how many.

        Raises LedgerCorruptError when the cursor does not fit this log, LedgerError when entries it has not
        read are archived.
        """
        taken = 0
        while True:
            with self._database.transaction() as execute:
                there = State(execute).cursor()
            start = there or Cursor(next=self._ledger.archived)
            self._must_fit(start)
            found, cursor = self._piece(start)
            if cursor == start:
                return taken
            with self._database.transaction() as execute:
                turn = self._turn(execute)
                if turn.state.cursor() != there:
                    continue  # another courier was there first
                for one in found:
                    fold(turn, one)
                turn.state.save_cursor(cursor)
            taken += len(found)

    def _piece(self, start: Cursor) -> tuple[list[Finding], Cursor]:
        found: list[Finding] = []
        cursor = start
        for leaf in self._ledger.entries(start.next, start.next + PIECE):
            cursor = Cursor(next=leaf.index + 1, hash=leaf.hash.hex())
            one = finding(leaf)
            if one is not None:
                found.append(one)
        return found, cursor

    def _must_fit(self, cursor: Cursor) -> None:
        if cursor.hash is None:
            return
        if self._ledger.store.hashes(0, cursor.next - 1, cursor.next).hex() != cursor.hash:
            raise LedgerCorruptError(
                "alerts.cursor",
                f"alerts were read up to entry {cursor.next}, after one that this log does not have there",
                index=cursor.next - 1,
                hint="verify the ledger; with another ledger on purpose, move its alerts' database away",
            )

    def plan(self) -> None:
        """Take every step that time has brought to open incidents."""
        while True:
            with self._database.transaction() as execute:
                turn = self._turn(execute)
                silences = turn.state.silences(turn.now)
                incidents = turn.state.due(turn.now, PIECE)
                for incident in incidents:
                    advance(turn, incident, silences)
                settling.overdue(turn)
                if turn.now - self._pruned >= HOUR:
                    turn.state.prune(turn.now - round(self._routing.section.keep_days * DAY))
                    self._pruned = turn.now
            if len(incidents) < PIECE:
                return

    def deliver(self, channel: str) -> bool:
        """Send the next message of a channel, if one is due; says whether one was."""
        with self._database.transaction() as execute:
            claimed = outbox.claim(self._turn(execute), channel, secrets.token_hex(8))
        if claimed is None:
            return False
        try:
            self._routing.channels[channel].send(claimed.message, now=self._now())
        except ChannelError as error:
            self._failed(claimed, error)
        except UsageError as error:  # such as a secret that has gone: others go on, and it may come back
            self._failed(claimed, ChannelRefusedError(error.code, error.message, hint=error.hint))
        except Exception as error:  # noqa: BLE001  # a client's own failure is that of its channel alone
            self._failed(
                claimed,
                ChannelUnavailableError("alerts.internal", f"an internal error ({type(error).__name__})"),
            )
        else:
            with self._database.transaction() as execute:
                settling.accepted(self._turn(execute), claimed)
            self.sent += 1
            self.errors.pop(channel, None)
        return True

    def _failed(self, claimed: outbox.Claim, error: ChannelError) -> None:
        self.errors[claimed.delivery.channel] = error
        with self._database.transaction() as execute:
            settling.failed(self._turn(execute), claimed, error, self._rng)

    def write(self) -> None:
        """Write to the ledger what is to stand there of alerts."""
        write_records(self._ledger, self._database)

    def once(self) -> None:
        """Read, plan, and try each message that is due once; a channel that is not to be had is left at that.

        `begin` comes before.
        """
        self.errors.clear()
        self.read()
        self.plan()
        names = list(self._routing.channels)
        with ThreadPoolExecutor(max(1, len(names)), thread_name_prefix="alerts") as pool:
            for done in [pool.submit(self._emptied, name) for name in names]:
                done.result()
        self.write()

    def follow(self, stop: threading.Event, told: Callable[[GuaritaError], None] = lambda _: None) -> None:
        """Go on until `stop` is set. `told` hears of errors of the ledger, after which it tries again.

        `begin` comes before. Raises LedgerCorruptError.
        """
        threads = [
            threading.Thread(target=self._served, args=(name, stop), name=f"alerts-{name}", daemon=True)
            for name in self._routing.channels
        ]
        for thread in threads:
            thread.start()
        try:
            while not stop.is_set():
                try:
                    self.read()
                    self.plan()
                    self.write()
                except LedgerCorruptError:
                    raise
                except LedgerError as error:
                    told(error)
                    stop.wait(1)
                stop.wait(POLL)
        finally:
            stop.set()
            for thread in threads:
                thread.join(1)
            with contextlib.suppress(LedgerError):
                self.write()
        if self._broken is not None:
            raise self._broken

    def _turn(self, execute: Execute) -> Turn:
        return Turn(State(execute), self._routing, self._now())

    def _emptied(self, channel: str) -> None:
        while self.deliver(channel):
            if isinstance(self.errors.get(channel), ChannelUnavailableError):
                return

    def _served(self, channel: str, stop: threading.Event) -> None:
        """A thread of each channel, so that one that hangs delays itself alone."""
        while not stop.is_set():
            try:
                if self.deliver(channel):
                    continue
            except LedgerError:  # the place of the state; the main thread says so
                stop.wait(1)
            except Exception as error:  # noqa: BLE001  # a thread's end must not go unseen
                self._broken = error
                stop.set()
            stop.wait(POLL)
