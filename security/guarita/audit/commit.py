"""Group commit: many callers, one durable write for all that came in the meantime."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.stores.interface import Appended, Draft

Write = Callable[[Sequence[Draft]], list[Appended]]

MAX_BATCH: Final = 1024
"""Entries in one transaction at most (a single call may bring more)."""
MAX_GATHER: Final = 0.001
"""Seconds that a batch waits at most for callers who were in the one before."""
_GATHER_STEP: Final = 0.0001


class Ticket:
    """One caller's entries on their way to the store. They are written together or not at all."""

    __slots__ = ("_answers", "_done", "_error", "_notify", "drafts")

    def __init__(self, drafts: Sequence[Draft], notify: Callable[[], None] | None = None) -> None:
        self.drafts = drafts
        self._answers: list[Appended] = []
        self._error: BaseException | None = None
        self._notify = notify
        # A plain lock, held until the answer is there, is the cheapest thing that a thread can wait on.
        self._done = threading.Lock()
        self._done.acquire()

    def result(self) -> list[Appended]:
        """Wait, then give the answers, or raise what the store raised."""
        with self._done:
            if self._error is not None:
                raise self._error
            return self._answers

    def settle(self, answers: list[Appended], error: BaseException | None) -> None:
        """Give the answer and wake the caller."""
        self._answers, self._error = answers, error
        self._done.release()
        if self._notify is not None:
            self._notify()


class GroupCommit:
    """Hands batches to a store from one thread of its own, so that fsync is paid once for many callers."""

    def __init__(self, write: Write, idle: Callable[[], float | None] = lambda: None) -> None:
        """`idle` is called where nothing is to be written; it gives the seconds after which to call it again."""
        self._write = write
        self._idle = idle
        self._pending: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._expected = 1
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="guarita-ledger", daemon=True)
        self._thread.start()

    def append(self, drafts: Sequence[Draft]) -> list[Appended]:
        """Write entries; returns after they are durable. Raises what the store raises."""
        ticket = Ticket(drafts)
        self._submit(ticket)
        return ticket.result()

    async def aappend(self, drafts: Sequence[Draft]) -> list[Appended]:
        """As `append`, for a task: waits without holding the event loop."""
        import asyncio  # noqa: PLC0415  # commands append without a loop, and do not wait for its import

        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def settled() -> None:
            if not done.done():
                done.set_result(None)

        def notify() -> None:
            try:
                loop.call_soon_threadsafe(settled)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

        ticket = Ticket(drafts, notify)
        self._submit(ticket)
        await done
        return ticket.result()

    def close(self) -> None:
        """Write what is pending, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _submit(self, ticket: Ticket) -> None:
        with self._changed:
            if self._closed:
                raise LedgerUnavailableError("audit.closed", "the ledger is closed")
            self._pending.append(ticket)
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            self._gather()
            batch = self._take()
            started = time.monotonic()
            self._commit(batch)
            self._seconds = time.monotonic() - started
            self._expected = len(batch) + len(self._pending)

    def _wait(self) -> bool:
        """Wait for something to write; False when there is nothing any more."""
        while not self._pending:
            pause = self._idle()
            with self._changed:
                if self._pending:
                    break
                if self._closed:
                    return False
                self._changed.wait(pause)
        return True

    def _gather(self) -> None:
        # The callers of the last batch wake one by one and come back within microseconds. Waiting for them a
        # little saves a whole sync, or else two halves of the callers would take turns.
        until = time.monotonic() + min(MAX_GATHER, self._seconds / 4)
        while len(self._pending) < self._expected and time.monotonic() < until and not self._closed:
            time.sleep(_GATHER_STEP)

    def _take(self) -> list[Ticket]:
        batch: list[Ticket] = []
        size = 0
        while self._pending and (not batch or size + len(self._pending[0].drafts) <= MAX_BATCH):
            batch.append(self._pending.popleft())
            size += len(batch[-1].drafts)
        return batch

    def _commit(self, batch: list[Ticket]) -> None:
        try:
            answers = self._write([draft for ticket in batch for draft in ticket.drafts])
        except BaseException as error:  # noqa: BLE001  # raised again in each caller's own thread
            for ticket in batch:
                ticket.settle([], error)
            return
        at = 0
        for ticket in batch:
            ticket.settle(answers[at : at + len(ticket.drafts)], None)
            at += len(ticket.drafts)
